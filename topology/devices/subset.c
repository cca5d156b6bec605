// SPDX-License-Identifier: Apache-2.0
#include "topology/devices/subset.h"

#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/err.h"
#include "topology/devices/grouping.h"
#include "topology/devices/growth.h"
#include "topology/devices/packing.h"

/* One object per shape. What it holds depends on the size of the machine:
 *
 *   <= 16 GPUs  links_inside[mask] for every mask (128 KiB at 16)
 *   <=  8 GPUs  table[mask].best[k], .capacity[k] for every mask (4.5 KiB at 8)
 *
 * The capacity table is filled mask by mask in rising order, so that every smaller mask is there
 * already (the recurrence of packing.c); the table of best subsets after it, since the best
 * rest is measured in capacity.
 *
 * Pairs that differ are the only case in which `further` needs care: the best pair of a path of
 * three equal links may be the middle one, which leaves no other. Where all pairs are alike, the
 * choice is inside one NUMA group whenever one has room, and costs exactly one good subset.
 *
 * Invariant: whatever way an answer is found, it is a subset of the free mask with k bits, and all
 * exact ways minimise the same cost and give the same mask.
 */

#define TABLE_GPUS_MAX 8
#define TRIAL_GPUS_MAX DEVICE_PACKING_GPUS_MAX

struct entry {
    uint8_t best[TABLE_GPUS_MAX + 1];     /* by k */
    uint8_t capacity[TABLE_GPUS_MAX + 1]; /* by k */
};

struct device_subset {
    struct device_shape shape;
    uint32_t links_most[DEVICES_MAX + 1]; /* by k */
    uint16_t *links_inside;               /* by mask, or NULL above TRIAL_GPUS_MAX */
    struct entry *table;                  /* by mask, or NULL above TABLE_GPUS_MAX */
};

static void fill_links(struct device_subset *subset)
{
    const struct device_shape *shape = &subset->shape;
    uint32_t masks = UINT32_C(1) << shape->gpu_count;
    subset->links_inside = alloc_zero(masks, sizeof subset->links_inside[0]);
    for (uint32_t mask = 1; mask < masks; mask++) {
        const uint8_t *row = shape->links[device_mask_lowest(mask)];
        uint32_t rest = mask & (mask - 1);
        uint32_t links = subset->links_inside[rest];
        for (uint32_t others = rest; others != 0; others &= others - 1) {
            links += row[device_mask_lowest(others)];
        }
        subset->links_inside[mask] = (uint16_t)links; /* <= 120 x 255 */
        uint32_t *most = &subset->links_most[device_mask_count(mask)];
        *most = links > *most ? links : *most;
    }
}

static void fill_links_most(struct device_subset *subset)
{
    const struct device_shape *shape = &subset->shape;
    struct device_request request = {.free_gpus = device_shape_gpus(shape)};
    for (request.gpus = 1; request.gpus <= shape->gpu_count; request.gpus++) {
        uint64_t best = shape->uniform ? UINT64_MAX >> (64 - request.gpus)
                                       : device_growth_best(shape, &request);
        subset->links_most[request.gpus] = device_shape_links(shape, best);
    }
}

static void fill_capacity(struct device_subset *subset, uint32_t mask)
{
    struct entry *entry = &subset->table[mask];
    uint32_t rest = mask & (mask - 1);
    *entry = subset->table[rest];
    /* Every part of the mask with its lowest GPU. */
    for (uint32_t part = rest;; part = (part - 1) & rest) {
        uint32_t set = part | (mask & -mask);
        uint32_t k = device_mask_count(set);
        uint32_t count = 1u + subset->table[mask & ~set].capacity[k];
        if (count > entry->capacity[k] && device_subset_good(subset, set)) {
            entry->capacity[k] = (uint8_t)count;
        }
        if (part == 0) {
            break;
        }
    }
}

/* -- trying every subset, up to TRIAL_GPUS_MAX GPUs -- */

struct trial {
    const struct device_subset *subset;
    const struct device_request *request;
    struct device_packing *packing; /* NULL until needed, and where there is the table */
    uint64_t best;
    struct device_cost cost;
};

static uint32_t trial_capacity(struct trial *trial, uint64_t free_gpus)
{
    const struct device_subset *subset = trial->subset;
    uint32_t k = trial->request->gpus;
    if (subset->table != NULL) {
        return subset->table[free_gpus].capacity[k];
    }
    if (trial->packing == NULL) {
        trial->packing = device_packing_create(subset->shape.gpu_count, k, subset->links_most[k],
                                               subset->links_inside);
    }
    return device_packing_count(trial->packing, (uint32_t)free_gpus);
}

/* The rest is dear to measure, so only for what is not worse already. */
static void try_one(struct trial *trial, uint64_t set)
{
    const struct device_subset *subset = trial->subset;
    const struct device_request *request = trial->request;
    uint64_t left = request->free_gpus & ~set;
    uint64_t lost = 0;
    if (request->further > 0) {
        uint32_t held = trial_capacity(trial, left);
        lost = held < request->further ? request->further - held : 0;
    }
    struct device_cost cost = {.choice = lost << DEVICE_COST_FURTHER};
    uint32_t links = subset->links_inside[set];
    if (trial->best != 0 &&
        cost.choice + ((DEVICE_LINKS_MAX - links) << DEVICE_COST_LINKS) > trial->cost.choice) {
        return;
    }
    cost.choice += device_shape_choice_cost(&subset->shape, request, set, links);
    if (trial->best != 0 && cost.choice > trial->cost.choice) {
        return;
    }
    uint32_t good_lost = trial_capacity(trial, request->free_gpus) - trial_capacity(trial, left);
    uint32_t links_lost =
        (uint32_t)subset->links_inside[request->free_gpus] - subset->links_inside[left];
    cost.rest = device_shape_rest_cost(&subset->shape, request, set, good_lost, links_lost);
    if (trial->best == 0 || device_cost_better(cost, set, trial->cost, trial->best)) {
        trial->best = set;
        trial->cost = cost;
    }
}

/* The request holds: 0 < gpus <= free GPUs <= TRIAL_GPUS_MAX. */
static uint64_t try_all(const struct device_subset *subset, const struct device_request *request)
{
    struct trial trial = {.subset = subset, .request = request};
    uint64_t end = UINT64_C(1) << subset->shape.gpu_count;
    uint64_t set = (UINT64_C(1) << request->gpus) - 1;
    while (set < end) {
        if ((set & ~request->free_gpus) == 0) {
            try_one(&trial, set);
        }
        /* The next number with as many bits set. */
        uint64_t lowest = set & -set;
        uint64_t carried = set + lowest;
        set = carried | (set ^ carried) / lowest >> 2;
    }
    device_packing_destroy(trial.packing);
    return trial.best;
}

/* -- creation -- */

static void fill_table(struct device_subset *subset)
{
    const struct device_shape *shape = &subset->shape;
    uint32_t masks = UINT32_C(1) << shape->gpu_count;
    subset->table = alloc_zero(masks, sizeof subset->table[0]);
    for (uint32_t mask = 1; mask < masks; mask++) {
        fill_capacity(subset, mask);
    }
    for (uint32_t mask = 1; mask < masks; mask++) {
        struct device_request request = {.free_gpus = mask, .free_nics = device_shape_nics(shape)};
        for (request.gpus = 1; request.gpus <= device_mask_count(mask); request.gpus++) {
            subset->table[mask].best[request.gpus] = (uint8_t)try_all(subset, &request);
        }
    }
}

struct device_subset *device_subset_create(const struct device_map *map)
{
    struct device_subset *subset = alloc_zero(1, sizeof *subset);
    device_shape_init(&subset->shape, map);
    if (subset->shape.gpu_count <= TRIAL_GPUS_MAX) {
        fill_links(subset);
    } else {
        fill_links_most(subset);
    }
    if (subset->shape.gpu_count <= TABLE_GPUS_MAX) {
        fill_table(subset);
    }
    return subset;
}

void device_subset_destroy(struct device_subset *subset)
{
    if (subset == NULL) {
        return;
    }
    free(subset->links_inside);
    free(subset->table);
    free(subset);
}

bool device_subset_serves(const struct device_subset *subset, const struct device_map *map)
{
    struct device_shape shape;
    device_shape_init(&shape, map);
    return device_shape_equal(&subset->shape, &shape);
}

bool device_subset_exact(const struct device_subset *subset)
{
    return subset->shape.uniform || subset->shape.gpu_count <= TRIAL_GPUS_MAX;
}

/* -- answers -- */

static uint64_t search(const struct device_subset *subset, const struct device_request *request)
{
    if (subset->shape.uniform) {
        return device_grouping_best(&subset->shape, request);
    }
    return subset->links_inside != NULL ? try_all(subset, request)
                                        : device_growth_best(&subset->shape, request);
}

uint64_t device_subset_choose(const struct device_subset *subset,
                              const struct device_request *request)
{
    const struct device_shape *shape = &subset->shape;
    struct device_request inside = *request;
    inside.free_gpus &= device_shape_gpus(shape);
    inside.free_nics &= device_shape_nics(shape);
    if (inside.gpus == 0 || device_mask_count(inside.free_gpus) < inside.gpus) {
        return 0;
    }
    if (subset->table != NULL && inside.rails == 0 &&
        inside.free_nics == device_shape_nics(shape)) {
        uint64_t best = subset->table[inside.free_gpus].best[inside.gpus];
        uint64_t left = inside.free_gpus & ~best;
        if (subset->table[left].capacity[inside.gpus] >= inside.further) {
            return best;
        }
    }
    return search(subset, &inside);
}

uint64_t device_subset_best(const struct device_subset *subset, uint64_t free_gpus, uint32_t gpus)
{
    struct device_request request = {.gpus = gpus, .free_gpus = free_gpus, .free_nics = UINT64_MAX};
    return device_subset_choose(subset, &request);
}

uint32_t device_subset_links(const struct device_subset *subset, uint64_t gpus)
{
    gpus &= device_shape_gpus(&subset->shape);
    return subset->links_inside != NULL ? subset->links_inside[gpus]
                                        : device_shape_links(&subset->shape, gpus);
}

uint32_t device_subset_links_most(const struct device_subset *subset, uint32_t gpus)
{
    return gpus <= subset->shape.gpu_count ? subset->links_most[gpus] : 0;
}

bool device_subset_good(const struct device_subset *subset, uint64_t gpus)
{
    gpus &= device_shape_gpus(&subset->shape);
    uint32_t count = device_mask_count(gpus);
    if (subset->shape.uniform) {
        return count > subset->shape.numa_gpus_max || device_shape_one_numa(&subset->shape, gpus);
    }
    return device_subset_links(subset, gpus) >= subset->links_most[count];
}

static uint32_t capacity_uniform(const struct device_subset *subset, uint64_t free_gpus,
                                 uint32_t gpus)
{
    if (gpus > subset->shape.numa_gpus_max) {
        return device_mask_count(free_gpus) / gpus;
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < subset->shape.numa_count; i++) {
        count += device_mask_count(free_gpus & subset->shape.numas[i].gpus) / gpus;
    }
    return count;
}

/* At least so many: takes good subsets as they are found. */
static uint32_t capacity_grown(const struct device_subset *subset, uint64_t free_gpus,
                               uint32_t gpus)
{
    uint32_t count = 0;
    struct device_request request = {
        .gpus = gpus, .free_gpus = free_gpus, .free_nics = device_shape_nics(&subset->shape)};
    uint64_t set = device_growth_best(&subset->shape, &request);
    while (set != 0 && device_subset_good(subset, set)) {
        count++;
        request.free_gpus &= ~set;
        set = device_growth_best(&subset->shape, &request);
    }
    return count;
}

uint32_t device_subset_capacity(const struct device_subset *subset, uint64_t free_gpus,
                                uint32_t gpus)
{
    free_gpus &= device_shape_gpus(&subset->shape);
    if (gpus == 0 || device_mask_count(free_gpus) < gpus) {
        return 0;
    }
    if (subset->table != NULL) {
        return subset->table[free_gpus].capacity[gpus];
    }
    if (subset->shape.uniform) {
        return capacity_uniform(subset, free_gpus, gpus);
    }
    if (subset->links_inside == NULL) {
        return capacity_grown(subset, free_gpus, gpus);
    }
    struct device_packing *packing = device_packing_create(
        subset->shape.gpu_count, gpus, subset->links_most[gpus], subset->links_inside);
    uint32_t count = device_packing_count(packing, (uint32_t)free_gpus);
    device_packing_destroy(packing);
    return count;
}

uint32_t device_subset_plain(const struct device_subset *subset, uint64_t free_gpus, uint32_t gpus)
{
    uint32_t count = device_mask_count(free_gpus & device_shape_gpus(&subset->shape));
    return gpus == 0 ? 0 : count / gpus;
}

uint32_t device_subset_several(const struct device_subset *subset,
                               const struct device_request *request, uint32_t pods,
                               uint64_t chosen[DEVICES_MAX])
{
    struct device_request next = *request;
    if (device_subset_plain(subset, request->free_gpus, request->gpus) < pods) {
        return 0;
    }
    uint32_t good = device_subset_capacity(subset, request->free_gpus, request->gpus);
    good = good < pods ? good : pods;
    for (uint32_t i = 0; i < pods; i++) {
        next.further = i + 1 < good ? good - i - 1 : 0;
        chosen[i] = device_subset_choose(subset, &next);
        next.free_gpus &= ~chosen[i];
    }
    return good;
}

/* -- rails and NICs -- */

uint64_t device_subset_rails(const struct device_subset *subset, uint64_t gpus)
{
    uint64_t rails = 0;
    for (gpus &= device_shape_gpus(&subset->shape); gpus != 0; gpus &= gpus - 1) {
        rails |= subset->shape.gpu_rails[device_mask_lowest(gpus)];
    }
    return rails;
}

/* One of `nics`: on the rails if there is one, then the lowest. */
static uint64_t pick_nic(const struct device_shape *shape, uint64_t nics, uint64_t rails)
{
    for (uint64_t left = nics; left != 0; left &= left - 1) {
        if ((shape->nic_rails[device_mask_lowest(left)] & rails) != 0) {
            return left & -left;
        }
    }
    return nics & -nics;
}

/* One round: a NIC for each GPU while there are any and fewer than `nics` are taken; *pairing is
 * lowered when one comes from the NUMA node. There, NICs at no switch of these GPUs go first: the
 * others are nearer to somebody else. */
static uint64_t take_round(const struct device_shape *shape, uint64_t gpus, uint64_t free_nics,
                           uint32_t nics, uint64_t rails, enum device_pairing *pairing)
{
    uint64_t taken = 0;
    uint64_t waiting = 0;
    uint64_t at_switches = 0;
    for (; gpus != 0; gpus &= gpus - 1) {
        const struct device_place *place =
            &shape->places[shape->gpu_place[device_mask_lowest(gpus)]];
        at_switches |= place->nics;
        uint64_t nic = device_mask_count(taken) == nics
                           ? 0
                           : pick_nic(shape, place->nics & free_nics & ~taken, rails);
        taken |= nic;
        waiting |= nic == 0 ? gpus & -gpus : 0;
    }
    for (; waiting != 0 && device_mask_count(taken) < nics; waiting &= waiting - 1) {
        const struct device_place *place =
            &shape->places[shape->gpu_place[device_mask_lowest(waiting)]];
        uint64_t near = shape->numas[place->numa].nics & free_nics & ~taken;
        near = (near & ~at_switches) != 0 ? near & ~at_switches : near;
        uint64_t nic = pick_nic(shape, near, rails);
        taken |= nic;
        *pairing = nic != 0 ? DEVICE_PAIRING_NUMA : *pairing;
    }
    return taken;
}

uint64_t device_subset_nics(const struct device_subset *subset, uint64_t gpus, uint64_t free_nics,
                            uint32_t nics, uint64_t rails, enum device_pairing *pairing)
{
    const struct device_shape *shape = &subset->shape;
    gpus &= device_shape_gpus(shape);
    free_nics &= device_shape_nics(shape);
    *pairing = DEVICE_PAIRING_SWITCH;
    if (nics == 0 || device_mask_count(free_nics) < nics) {
        return 0;
    }
    uint64_t taken = 0;
    uint64_t round = 0;
    do {
        round = take_round(shape, gpus, free_nics & ~taken, nics - device_mask_count(taken), rails,
                           pairing);
        taken |= round;
    } while (round != 0);
    while (device_mask_count(taken) < nics) {
        taken |= pick_nic(shape, free_nics & ~taken, rails);
        *pairing = DEVICE_PAIRING_NONE;
    }
    return taken;
}
