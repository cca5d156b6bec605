// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_DEVICES_COST_H
#define TOPOLOGY_DEVICES_COST_H

#include <stdbool.h>
#include <stdint.h>

#include "topology/devices/map.h"

/* What matters of a device map when GPUs are chosen: everything but names. Nodes of one machine
 * type have equal shapes, so what is computed for one serves all. And the cost of a choice, in one
 * place, so that every way of searching compares alike.
 *
 *   NUMA group ⊇ place ⊇ GPU     a place is a PCIe switch with GPUs, or one GPU whose switch is
 *                                unknown; a NUMA group is a NUMA node, or one place whose node is
 *                                unknown. Every GPU is in exactly one of each.
 */

struct device_place {
    uint64_t gpus;
    uint64_t nics;
    uint64_t numa; /* number of the NUMA group around it; as wide as the others: no padding */
};

struct device_numa {
    uint64_t gpus;
    uint64_t nics; /* those of its places, and others of the node */
};

/* A value: compared as bytes, so there is no padding in it. */
struct device_shape {
    uint32_t gpu_count;
    uint32_t nic_count;
    uint32_t place_count;
    uint32_t numa_count;
    uint32_t numa_gpus_max; /* GPUs of the largest NUMA group */
    uint32_t uniform;       /* every two GPUs have the same number of links */
    struct device_place places[DEVICES_MAX];
    struct device_numa numas[DEVICES_MAX];
    uint64_t gpu_rails[DEVICES_MAX];
    uint64_t nic_rails[DEVICES_MAX]; /* one bit or none */
    uint8_t gpu_place[DEVICES_MAX];
    uint8_t links[DEVICES_MAX][DEVICES_MAX];
};

/* What a choice is made from. Bits past the end of the map are ignored. */
struct device_request {
    uint32_t gpus;      /* how many */
    uint64_t free_gpus; /* among these */
    uint64_t free_nics; /* NICs nobody uses */
    uint64_t rails;     /* rails the other nodes of the gang use; 0 = none preferred */
    uint32_t further;   /* good subsets of this size that the rest is to hold, if it can */
};

/* Smaller is better, `choice` before `rest`. Both are sums over places and NUMA groups (apart from
 * links), one field per criterion, the most important one in the highest bits:
 *
 *   choice  further ones lost 7 | links missing 20 | NUMA groups 7 | places 7 | NIC not at the
 *           switch 7 | no NIC 7 | GPUs off the preferred rails 7
 *   rest    good subsets lost 7 | links lost 20 | NUMA squares lost 13 | place squares lost 13
 *
 * NIC fields: GPUs that cannot have a free NIC of their own at their switch, or at all in the NUMA
 * group. Squares: the sum of (free GPUs)² over groups, which is greatest when the free GPUs stand
 * together; so taking from what is broken already costs least. */
struct device_cost {
    uint64_t choice;
    uint64_t rest;
};

#define DEVICE_COST_FURTHER       55
#define DEVICE_COST_LINKS         35
#define DEVICE_COST_NUMAS         28
#define DEVICE_COST_PLACES        21
#define DEVICE_COST_NIC_FAR       14
#define DEVICE_COST_NIC_NONE      7
#define DEVICE_COST_RAILS         0
#define DEVICE_COST_GOOD_LOST     46
#define DEVICE_COST_LINKS_LOST    26
#define DEVICE_COST_NUMA_SQUARES  13
#define DEVICE_COST_PLACE_SQUARES 0

/* Links of 64 GPUs with 255 between every two. */
#define DEVICE_LINKS_MAX ((uint64_t)(DEVICES_MAX * (DEVICES_MAX - 1) / 2 * 255))

void device_shape_init(struct device_shape *shape, const struct device_map *map);
bool device_shape_equal(const struct device_shape *a, const struct device_shape *b);

/* All GPUs, or all NICs. */
uint64_t device_shape_gpus(const struct device_shape *shape);
uint64_t device_shape_nics(const struct device_shape *shape);
/* Links with both ends in `gpus`. */
uint32_t device_shape_links(const struct device_shape *shape, uint64_t gpus);
/* All of `gpus` are in one NUMA group. */
bool device_shape_one_numa(const struct device_shape *shape, uint64_t gpus);
/* GPUs of `gpus` none of whose rails is among `rails`. */
uint64_t device_shape_off_rails(const struct device_shape *shape, uint64_t gpus, uint64_t rails);

/* Cost of `chosen` with `links` inside; and of what it leaves, when `good_lost` good subsets and
 * `links_lost` links are lost. */
uint64_t device_shape_choice_cost(const struct device_shape *shape,
                                  const struct device_request *request, uint64_t chosen,
                                  uint32_t links);
uint64_t device_shape_rest_cost(const struct device_shape *shape,
                                const struct device_request *request, uint64_t chosen,
                                uint32_t good_lost, uint32_t links_lost);

/* `a` is better, or as good and the lower mask. */
static inline bool device_cost_better(struct device_cost a, uint64_t mask_a, struct device_cost b,
                                      uint64_t mask_b)
{
    if (a.choice != b.choice) {
        return a.choice < b.choice;
    }
    return a.rest != b.rest ? a.rest < b.rest : mask_a < mask_b;
}

static inline uint32_t device_mask_count(uint64_t mask)
{
    return (uint32_t)__builtin_popcountll(mask);
}

static inline uint32_t device_mask_lowest(uint64_t mask)
{
    return (uint32_t)__builtin_ctzll(mask);
}

#endif
