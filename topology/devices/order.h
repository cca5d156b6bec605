// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_DEVICES_ORDER_H
#define TOPOLOGY_DEVICES_ORDER_H

#include <stdint.h>

/* The order of devices in a node: by PCI address, then by name. */

#define DEVICE_ORDER_LAST UINT64_MAX /* for a device without an address */

/* [domain:]bus:device.function in hex as a number in the order of the bus; DEVICE_ORDER_LAST for
 * anything else. 0000:10:1c.0, 10:1c.0 and 00000000:10:1C.0 are one address. */
uint64_t device_order_pci(const char *text);

/* Below, equal or above 0 as strcmp(), but runs of digits compare as numbers: gpu-2 comes before
 * gpu-10. Numbers written in two ways (gpu-1, gpu-01) fall back to bytes, so only equal names are
 * equal. */
int device_order_names(const char *a, const char *b);

#endif
