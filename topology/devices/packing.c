// SPDX-License-Identifier: Apache-2.0
#include "topology/devices/packing.h"

#include <stddef.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* The lowest free GPU is in one of the subsets packed, or in none:
 *
 *   pack(free) = max( pack(free without lowest),
 *                     1 + pack(free without S) for each subset S of free with that lowest GPU )
 *
 * remembered for each of the at most 65,536 masks, and cut off as soon as popcount / size is met,
 * which no packing can exceed. Subsets are listed by their lowest GPU.
 *
 * Worst case 2^gpus x (subsets with one lowest GPU); real link maps have few best subsets (8 GPUs:
 * at most 70) or so many that the bound is met at once.
 */

#define UNKNOWN 0xff

struct device_packing {
    uint32_t gpus;
    uint32_t size;
    uint16_t *subsets;                           /* in the order of their lowest GPU */
    uint32_t first[DEVICE_PACKING_GPUS_MAX + 1]; /* [lowest] where its subsets begin */
    uint8_t *found;                              /* by mask; UNKNOWN at first */
};

/* The next number with as many bits set. */
static uint32_t next_with_as_many_bits(uint32_t mask)
{
    uint32_t lowest = mask & -mask;
    uint32_t carried = mask + lowest;
    return carried | (mask ^ carried) / lowest >> 2;
}

struct device_packing *device_packing_create(uint32_t gpus, uint32_t size, uint32_t links,
                                             const uint16_t *links_inside)
{
    err_require(gpus <= DEVICE_PACKING_GPUS_MAX && size > 0 && size <= gpus);
    struct device_packing *packing = alloc_zero(1, sizeof *packing);
    packing->gpus = gpus;
    packing->size = size;
    uint32_t masks = UINT32_C(1) << gpus;
    packing->found = alloc_zero(masks, sizeof packing->found[0]);
    memset(packing->found, UNKNOWN, masks);
    uint32_t start = (UINT32_C(1) << size) - 1;
    for (uint32_t set = start; set < masks; set = next_with_as_many_bits(set)) {
        packing->first[__builtin_ctz(set) + 1] += links_inside[set] >= links;
    }
    for (uint32_t i = 0; i < DEVICE_PACKING_GPUS_MAX; i++) {
        packing->first[i + 1] += packing->first[i];
    }
    packing->subsets =
        alloc_zero(packing->first[DEVICE_PACKING_GPUS_MAX], sizeof packing->subsets[0]);
    uint32_t filled[DEVICE_PACKING_GPUS_MAX] = {0};
    for (uint32_t set = start; set < masks; set = next_with_as_many_bits(set)) {
        if (links_inside[set] >= links) {
            uint32_t lowest = (uint32_t)__builtin_ctz(set);
            packing->subsets[packing->first[lowest] + filled[lowest]++] = (uint16_t)set;
        }
    }
    return packing;
}

void device_packing_destroy(struct device_packing *packing)
{
    if (packing == NULL) {
        return;
    }
    free(packing->subsets);
    free(packing->found);
    free(packing);
}

uint32_t device_packing_count(struct device_packing *packing, uint32_t free_gpus)
{
    err_require(free_gpus < UINT32_C(1) << packing->gpus);
    uint32_t bound = (uint32_t)__builtin_popcount(free_gpus) / packing->size;
    if (bound == 0) {
        return 0;
    }
    if (packing->found[free_gpus] != UNKNOWN) {
        return packing->found[free_gpus];
    }
    uint32_t lowest = (uint32_t)__builtin_ctz(free_gpus);
    uint32_t most = 0;
    for (uint32_t i = packing->first[lowest]; i < packing->first[lowest + 1] && most < bound; i++) {
        uint32_t set = packing->subsets[i];
        if ((set & ~free_gpus) == 0) {
            uint32_t count = 1 + device_packing_count(packing, free_gpus & ~set);
            most = count > most ? count : most;
        }
    }
    if (most < bound) {
        uint32_t count = device_packing_count(packing, free_gpus & (free_gpus - 1));
        most = count > most ? count : most;
    }
    packing->found[free_gpus] = (uint8_t)most;
    return most;
}
