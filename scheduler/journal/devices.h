// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_JOURNAL_DEVICES_H
#define SCHEDULER_JOURNAL_DEVICES_H

#include "scheduler/journal/coder.h"
#include "topology/devices/map.h"

/* The device map of a node in a journal: everything the map was made from, so that the decoded one
 * is made the same way and is checked by the same rules.
 *
 * Encodes `map` (finished, or NULL for none) and returns it. Decoding returns the map of the bytes,
 * *borrowed* from the coder: it lives until journal_coder_finish(), or until the next one. */
const struct device_map *journal_devices_code(struct journal_coder *coder,
                                              const struct device_map *map);

#endif
