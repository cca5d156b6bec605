// SPDX-License-Identifier: Apache-2.0
#include "topology/devices/growth.h"

#include <stdbool.h>

/* Most links inside k GPUs is the densest k-subgraph problem, NP-hard in general. Machines with
 * more than 16 GPUs in one node are NVSwitch or plain PCIe boxes, which grouping.h solves
 * exactly; what is left are expansion chassis with NVLink bridges here and there.
 *
 * From every free GPU a subset is grown by the GPU with the most links into it, nearest first; the
 * best one is then improved by exchanging one GPU for another as long as that helps. Every exchange
 * lowers the cost, so it ends; EXCHANGES_MAX bounds it anyway.
 */

#define EXCHANGES_MAX 64

/* How near `gpu` is to the subset: 2 at one switch, 1 in one NUMA group, 0 elsewhere. */
static uint32_t nearness(const struct device_shape *shape, uint64_t chosen, uint32_t gpu)
{
    const struct device_place *place = &shape->places[shape->gpu_place[gpu]];
    if ((place->gpus & chosen) != 0) {
        return 2;
    }
    return (shape->numas[place->numa].gpus & chosen) != 0;
}

static uint64_t grow(const struct device_shape *shape, const struct device_request *request,
                     uint32_t seed)
{
    uint64_t chosen = 0;
    uint32_t links[DEVICES_MAX] = {0}; /* from each GPU into the subset */
    uint32_t next = seed;
    for (uint32_t count = 1;; count++) {
        chosen |= UINT64_C(1) << next;
        if (count == request->gpus) {
            return chosen;
        }
        uint64_t left = request->free_gpus & ~chosen;
        const uint8_t *row = shape->links[next];
        uint32_t best = 0;
        next = device_mask_lowest(left);
        for (; left != 0; left &= left - 1) {
            uint32_t gpu = device_mask_lowest(left);
            links[gpu] += row[gpu];
            uint32_t value = links[gpu] * 4 + nearness(shape, chosen, gpu);
            if (value > best) {
                best = value;
                next = gpu;
            }
        }
    }
}

static struct device_cost cost_of(const struct device_shape *shape,
                                  const struct device_request *request, uint64_t chosen)
{
    return (struct device_cost){
        device_shape_choice_cost(shape, request, chosen, device_shape_links(shape, chosen)),
        device_shape_rest_cost(shape, request, chosen, 0, 0),
    };
}

/* Makes the best exchange of one GPU; false when none helps. */
static bool exchange(const struct device_shape *shape, const struct device_request *request,
                     uint64_t *chosen)
{
    uint64_t best = *chosen;
    struct device_cost best_cost = cost_of(shape, request, best);
    for (uint64_t out = *chosen; out != 0; out &= out - 1) {
        for (uint64_t in = request->free_gpus & ~*chosen; in != 0; in &= in - 1) {
            uint64_t trial = (*chosen & ~(out & -out)) | (in & -in);
            struct device_cost cost = cost_of(shape, request, trial);
            if (device_cost_better(cost, trial, best_cost, best)) {
                best = trial;
                best_cost = cost;
            }
        }
    }
    bool helped = best != *chosen;
    *chosen = best;
    return helped;
}

uint64_t device_growth_best(const struct device_shape *shape, const struct device_request *request)
{
    if (request->gpus == 0 || device_mask_count(request->free_gpus) < request->gpus) {
        return 0;
    }
    uint64_t best = 0;
    struct device_cost best_cost = {0};
    for (uint64_t seeds = request->free_gpus; seeds != 0; seeds &= seeds - 1) {
        uint64_t trial = grow(shape, request, device_mask_lowest(seeds));
        struct device_cost cost = cost_of(shape, request, trial);
        if (best == 0 || device_cost_better(cost, trial, best_cost, best)) {
            best = trial;
            best_cost = cost;
        }
    }
    for (int i = 0; i < EXCHANGES_MAX && exchange(shape, request, &best); i++) {
    }
    return best;
}
