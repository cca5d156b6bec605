// SPDX-License-Identifier: Apache-2.0
#include "topology/devices/grouping.h"

#include <stdbool.h>
#include <string.h>

#include "topology/base/err.h"

/* Where every two GPUs have the same links, only the number of GPUs taken from each place matters,
 * and every criterion is a sum over places or over NUMA groups (cost.h). So two nested
 * knapsacks give the optimum: places inside each NUMA group, then the groups.
 *
 *   options[c] = the best way to take c GPUs of what was looked at so far: its cost and its mask
 *
 * Adding a part combines options[a] with the part's way to take c - a. Costs add up and masks are
 * disjoint, so of two ways of equal cost the one with the lower mask stays lower whatever follows:
 * (cost, mask) may be minimised as one. Inside a place all GPUs are alike but for their rails:
 * those on preferred rails are taken first, lowest number first.
 *
 * O(places x k²): 8 places and k = 8 are 500 steps.
 */

struct option {
    bool possible;
    struct device_cost cost;
    uint64_t gpus;
};

struct options {
    struct option way[DEVICES_MAX + 1];
    uint32_t most; /* entries above are not possible */
};

static void start(struct options *options)
{
    memset(options, 0, sizeof *options);
    options->way[0].possible = true;
}

static void combine(struct options *options, const struct options *part, uint32_t limit)
{
    struct options both;
    memset(&both, 0, sizeof both);
    both.most = options->most + part->most < limit ? options->most + part->most : limit;
    for (uint32_t a = 0; a <= options->most; a++) {
        for (uint32_t b = 0; b <= part->most && a + b <= both.most; b++) {
            const struct option *left = &options->way[a];
            const struct option *right = &part->way[b];
            struct option way = {
                .possible = true,
                .cost = {left->cost.choice + right->cost.choice,
                         left->cost.rest + right->cost.rest},
                .gpus = left->gpus | right->gpus,
            };
            struct option *there = &both.way[a + b];
            if (!there->possible ||
                device_cost_better(way.cost, way.gpus, there->cost, there->gpus)) {
                *there = way;
            }
        }
    }
    *options = both;
}

static uint64_t more_than(uint32_t gpus, uint64_t nics)
{
    uint32_t there = device_mask_count(nics);
    return gpus > there ? gpus - there : 0;
}

static uint64_t squares(uint64_t before, uint64_t taken)
{
    return before * before - (before - taken) * (before - taken);
}

/* Every number of GPUs that one place can give. */
static void options_of_place(struct options *options, const struct device_shape *shape,
                             const struct device_request *request, const struct device_place *place)
{
    uint64_t left = place->gpus & request->free_gpus;
    uint64_t off = request->rails == 0 ? 0 : device_shape_off_rails(shape, left, request->rails);
    uint32_t free_gpus = device_mask_count(left);
    start(options);
    options->most = free_gpus < request->gpus ? free_gpus : request->gpus;
    for (uint32_t c = 1; c <= options->most; c++) {
        uint64_t first = (left & ~off) != 0 ? left & ~off : left;
        uint64_t gpu = first & -first;
        left &= ~gpu;
        struct option *way = &options->way[c];
        way->possible = true;
        way->gpus = options->way[c - 1].gpus | gpu;
        way->cost.choice = UINT64_C(1) << DEVICE_COST_PLACES |
                           more_than(c, request->free_nics & place->nics) << DEVICE_COST_NIC_FAR |
                           (uint64_t)device_mask_count(way->gpus & off) << DEVICE_COST_RAILS;
        way->cost.rest = squares(free_gpus, c) << DEVICE_COST_PLACE_SQUARES;
    }
}

/* What a NUMA group adds to each number of GPUs taken from its places. */
static void charge_numa(struct options *options, const struct device_shape *shape,
                        const struct device_request *request, const struct device_numa *numa)
{
    uint32_t free_gpus = device_mask_count(numa->gpus & request->free_gpus);
    bool inside = request->gpus <= shape->numa_gpus_max; /* good means: in one NUMA group */
    for (uint32_t c = 1; c <= options->most; c++) {
        struct device_cost *cost = &options->way[c].cost;
        cost->choice += UINT64_C(1) << DEVICE_COST_NUMAS;
        cost->choice += more_than(c, request->free_nics & numa->nics) << DEVICE_COST_NIC_NONE;
        uint64_t lost = inside ? free_gpus / request->gpus - (free_gpus - c) / request->gpus : 0;
        cost->rest += lost << DEVICE_COST_GOOD_LOST;
        cost->rest += squares(free_gpus, c) << DEVICE_COST_NUMA_SQUARES;
    }
}

uint64_t device_grouping_best(const struct device_shape *shape,
                              const struct device_request *request)
{
    err_require(shape->uniform);
    if (request->gpus == 0 || device_mask_count(request->free_gpus) < request->gpus) {
        return 0;
    }
    struct options all;
    start(&all);
    for (uint32_t n = 0; n < shape->numa_count; n++) {
        if ((shape->numas[n].gpus & request->free_gpus) == 0) {
            continue;
        }
        struct options inside;
        start(&inside);
        for (uint32_t p = 0; p < shape->place_count; p++) {
            if (shape->places[p].numa == n && (shape->places[p].gpus & request->free_gpus) != 0) {
                struct options place;
                options_of_place(&place, shape, request, &shape->places[p]);
                combine(&inside, &place, request->gpus);
            }
        }
        charge_numa(&inside, shape, request, &shape->numas[n]);
        combine(&all, &inside, request->gpus);
    }
    err_require(all.way[request->gpus].possible);
    return all.way[request->gpus].gpus;
}
