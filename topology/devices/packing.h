// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_DEVICES_PACKING_H
#define TOPOLOGY_DEVICES_PACKING_H

#include <stdint.h>

/* How many of given subsets fit side by side into a mask: exact maximum disjoint packing, for up to
 * DEVICE_PACKING_GPUS_MAX GPUs. */

#define DEVICE_PACKING_GPUS_MAX 16

struct device_packing;

/* *New* packing of the subsets of `size` GPUs (1 … gpus) among the first `gpus` that have `links`
 * links or more inside; `links_inside` has an entry for each of the 2^gpus masks and is *borrowed*
 * during the call only. */
struct device_packing *device_packing_create(uint32_t gpus, uint32_t size, uint32_t links,
                                             const uint16_t *links_inside);
void device_packing_destroy(struct device_packing *packing);

/* The most pairwise disjoint ones inside `free_gpus`. Remembers what it found on the way, so it
 * changes the packing, but never an answer. */
uint32_t device_packing_count(struct device_packing *packing, uint32_t free_gpus);

#endif
