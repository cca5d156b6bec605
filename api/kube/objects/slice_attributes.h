// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_OBJECTS_SLICE_ATTRIBUTES_H
#define API_KUBE_OBJECTS_SLICE_ATTRIBUTES_H

#include <stdbool.h>

#include "api/json/fields.h"
#include "api/kube/objects/decode_slice.h"
#include "topology/base/arena.h"
#include "topology/base/err.h"

/* Reads attributes and capacity of one device of a ResourceSlice, and tells its kind. `owner` is
 * the object that has the members "attributes" and "capacity" (the device, or its "basic").
 *
 * Drivers call one thing by different names; the table in the .c says which names mean the same,
 * best first. A name without a domain is in the driver's own. Values are int, bool, string or
 * version, or a list of those (KEP-5491): a list with one element is that element, a longer one
 * (several NUMA nodes are near) does not say where the device is, and the next name in the table is
 * asked. NUMA node -1, the kernel's "no node", is unknown.
 *
 * An attribute that is understood must have the right type, else the error names it. One that is
 * not is counted and not looked into, so that a driver may publish what it likes.
 */
int slice_attributes_read(const struct field *owner, const char *driver, struct arena *arena,
                          struct slice_device *device, struct err *err);

/* False for drivers known to have neither GPUs nor NICs. */
bool slice_driver_matters(const char *driver);

#endif
