// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/slicing.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/engine/ordinals.h"
#include "topology/base/alloc.h"

/* Slices of one attempt, podset by podset.
 *
 *   ordinal    0 1 2 3   4 5 6 7   8 9 …     inside the podset: ordinals.h
 *   slice      0 0 0 0   1 1 1 1   2 2 …     ordinal / size, per layer
 *   placed     a . . .   . . . .   . .       slice 0 was started in a's domain: the others follow
 *
 * A slice that is split already (its domain's label changed while it ran, or another scheduler
 * bound some of it) counts as started where the first member is that was placed here, or else the
 * first one. An inner slice counts as started only inside the domain of its outer one.
 */

/* The slices of one podset. */
struct slices {
    uint32_t shape;                       /* only pods that request the same; SHAPE_NONE: all */
    uint32_t count;                       /* 1 + the greatest ordinal */
    uint32_t *started[SOLVER_LAYERS_MAX]; /* by slice: place, or DOMAINS_NONE */
    uint32_t *pending[SOLVER_LAYERS_MAX]; /* by slice: members to place */
};

struct slicing {
    struct attempt *attempt;
    uint32_t *podsets;  /* by member of the gang; PODSETS_NONE: not sliced */
    uint32_t *ordinals; /* by member of the gang */
    struct slices of[PODSETS_MAX];
};

static bool request_alike(const struct attempt *attempt, uint32_t a, uint32_t b)
{
    const struct shapes *shapes = attempt->engine->shapes;
    return a == b || resources_equal(shapes_request(shapes, a), shapes_request(shapes, b));
}

/* Pods without a role are told apart by what they request, wherever they may run: what most of the
 * podset do, the first of equals; told by one shape that does. Of as many requests as the solver
 * takes shapes, more make no plan anyway. */
static uint32_t most_common_request(const struct attempt *attempt, uint32_t podset)
{
    const struct gang *gang = attempt->gang;
    uint32_t shapes[SOLVER_ROLES_MAX];
    uint32_t counts[SOLVER_ROLES_MAX];
    uint32_t known = 0;
    uint32_t best = 0;
    for (uint32_t i = 0; i < gang->member_count; i++) {
        uint32_t at = 0;
        if (!pod_live(gang->members[i]) || attempt_podset(attempt, gang->members[i]) != podset) {
            continue;
        }
        while (at < known && !request_alike(attempt, shapes[at], gang->members[i]->shape)) {
            at++;
        }
        if (at == known && known < SOLVER_ROLES_MAX) {
            shapes[known] = gang->members[i]->shape;
            counts[known++] = 0;
        }
        if (at < known) {
            counts[at]++;
        }
    }
    for (uint32_t i = 1; i < known; i++) {
        best = counts[i] > counts[best] ? i : best;
    }
    return known == 0 ? SHAPE_NONE : shapes[best];
}

/* Which members are sliced, and as part of which podset. */
static void choose_sliced(struct slicing *slicing)
{
    const struct attempt *attempt = slicing->attempt;
    const struct gang *gang = attempt->gang;
    for (uint32_t p = 0; p < attempt->constraints.podset_count; p++) {
        bool sliced = attempt->constraints.podsets[p].layer_count > 0;
        bool guess = sliced && gang->podsets[p].first->role[0] == '\0';
        slicing->of[p].shape = guess ? most_common_request(attempt, p) : SHAPE_NONE;
    }
    slicing->podsets = alloc_zero(gang->member_count, sizeof *slicing->podsets);
    for (uint32_t i = 0; i < gang->member_count; i++) {
        const struct pod *pod = gang->members[i];
        uint32_t podset = pod_live(pod) ? attempt_podset(attempt, pod) : PODSETS_NONE;
        slicing->podsets[i] = PODSETS_NONE;
        if (podset != PODSETS_NONE && attempt->constraints.podsets[podset].layer_count > 0 &&
            (slicing->of[podset].shape == SHAPE_NONE ||
             request_alike(attempt, slicing->of[podset].shape, pod->shape))) {
            slicing->podsets[i] = podset;
        }
    }
}

static void number_members(struct slicing *slicing, uint32_t podset)
{
    const struct gang *gang = slicing->attempt->gang;
    struct pod **pods = alloc_zero(gang->member_count, sizeof(struct pod *));
    uint32_t *ordinals = alloc_zero(gang->member_count, sizeof *ordinals);
    uint32_t count = 0;
    for (uint32_t i = 0; i < gang->member_count; i++) {
        if (slicing->podsets[i] == podset) {
            pods[count++] = gang->members[i];
        }
    }
    uint32_t size = slicing->attempt->constraints.podsets[podset].layers[0].size;
    slicing->of[podset].count = ordinals_deal(pods, count, size, ordinals);
    for (uint32_t i = 0, at = 0; i < gang->member_count; i++) {
        if (slicing->podsets[i] == podset) {
            slicing->ordinals[i] = ordinals[at++];
        }
    }
    free(pods);
    free(ordinals);
}

static uint32_t place_at(const struct domains *domains, uint32_t position, uint32_t level)
{
    return level + 1 == domains_levels(domains) ? position : domains_at(domains, position, level);
}

/* Notes where the slice of a layer was started, if that is where this member is. */
static void note_started(const struct slicing *slicing, uint32_t podset, uint32_t layer,
                         uint32_t member)
{
    const struct attempt *attempt = slicing->attempt;
    const struct domains *domains = attempt->engine->domains;
    const struct solver_layer *layers = attempt->constraints.podsets[podset].layers;
    const struct slices *slices = &slicing->of[podset];
    const struct pod *pod = attempt->gang->members[member];
    uint32_t ordinal = slicing->ordinals[member];
    uint32_t *started = &slices->started[layer][ordinal / layers[layer].size];
    uint32_t position =
        !pods_placed(pod) ? DOMAINS_NONE : domains_position(domains, pod->allocation_row);
    if (position == DOMAINS_NONE || *started != DOMAINS_NONE) {
        return;
    }
    if (layer > 0) {
        uint32_t outer = ordinal / layers[layer - 1].size;
        uint32_t place = place_at(domains, position, layers[layer - 1].level);
        if (slices->started[layer - 1][outer] != place) {
            return;
        }
    }
    *started = place_at(domains, position, layers[layer].level);
}

/* Where the slices of a podset were started, outer layers first. */
static void find_started(struct slicing *slicing, uint32_t podset)
{
    const struct attempt *attempt = slicing->attempt;
    const struct gang *gang = attempt->gang;
    const struct podset_constraints *constraints = &attempt->constraints.podsets[podset];
    struct slices *slices = &slicing->of[podset];
    for (uint32_t layer = 0; layer < constraints->layer_count; layer++) {
        slices->started[layer] = alloc_zero(slices->count, sizeof(uint32_t));
        slices->pending[layer] = alloc_zero(slices->count, sizeof(uint32_t));
        for (uint32_t i = 0; i < slices->count; i++) {
            slices->started[layer][i] = DOMAINS_NONE;
        }
        for (uint32_t i = 0; i < gang->member_count; i++) {
            const struct pod *pod = gang->members[i];
            if (slicing->podsets[i] != podset) {
                continue;
            }
            slices->pending[layer][slicing->ordinals[i] / constraints->layers[layer].size] +=
                !pods_placed(pod) && gang_member_pending(pod);
            if (pod->placed_here) {
                note_started(slicing, podset, layer, i);
            }
        }
        for (uint32_t i = 0; i < gang->member_count; i++) {
            if (slicing->podsets[i] == podset) {
                note_started(slicing, podset, layer, i);
            }
        }
    }
}

/* Whether a member's slices are started or complete, from the widest layer in. */
static bool is_whole(const struct slicing *slicing, uint32_t podset, uint32_t ordinal)
{
    const struct podset_constraints *constraints = &slicing->attempt->constraints.podsets[podset];
    const struct slices *slices = &slicing->of[podset];
    for (uint32_t layer = 0; layer < constraints->layer_count; layer++) {
        uint32_t slice = ordinal / constraints->layers[layer].size;
        const uint32_t *started = slices->started[layer];
        if (started != NULL && started[slice] == DOMAINS_NONE) {
            return slices->pending[layer][slice] == constraints->layers[layer].size;
        }
    }
    return true;
}

static void note_slices(const struct slicing *slicing, uint32_t podset, uint32_t ordinal,
                        struct ranks_member *rank)
{
    for (uint32_t layer = 0; layer < SOLVER_LAYERS_MAX; layer++) {
        const struct podset_constraints *constraints =
            podset == PODSETS_NONE ? NULL : &slicing->attempt->constraints.podsets[podset];
        bool sliced = constraints != NULL && layer < constraints->layer_count;
        rank->slice[layer] = sliced ? ordinal / constraints->layers[layer].size : UINT32_MAX;
        const uint32_t *started = sliced ? slicing->of[podset].started[layer] : NULL;
        rank->started[layer] = started != NULL ? started[rank->slice[layer]] : DOMAINS_NONE;
    }
}

/* A member to place, and where it stands among them. */
struct seat {
    struct pod *pod;
    uint32_t podset; /* 0: in no slice, else 1 + its podset */
    uint32_t order;  /* inside of that */
    uint32_t ordinal;
};

/* Those without slices first, then podset after podset, so that a slice's members stand together.
 */
static int compare_seats(const void *left, const void *right)
{
    const struct seat *a = left;
    const struct seat *b = right;
    if (a->podset != b->podset) {
        return a->podset < b->podset ? -1 : 1;
    }
    return (a->order > b->order) - (a->order < b->order);
}

/* The members to place in their order, those of incomplete slices left out. Returns how many. */
static uint32_t seat_members(const struct slicing *slicing, struct seat *seats)
{
    struct attempt *attempt = slicing->attempt;
    uint32_t count = 0;
    uint32_t at = 0; /* of the gang's members */
    for (uint32_t i = 0; i < attempt->count; i++, at++) {
        while (attempt->gang->members[at] != attempt->members[i]) {
            at++;
        }
        uint32_t podset = slicing->podsets[at];
        uint32_t ordinal = slicing->ordinals[at];
        bool sliced = podset != PODSETS_NONE;
        if (sliced && !is_whole(slicing, podset, ordinal)) {
            attempt->left_out++;
            attempt->left_out_size = attempt->constraints.podsets[podset].layers[0].size;
            continue;
        }
        seats[count++] = (struct seat){.pod = attempt->members[i],
                                       .podset = sliced ? 1 + podset : 0,
                                       .order = sliced ? ordinal : i,
                                       .ordinal = ordinal};
    }
    qsort(seats, count, sizeof *seats, compare_seats);
    return count;
}

static void finish_slicing(struct slicing *slicing)
{
    free(slicing->podsets);
    free(slicing->ordinals);
    for (uint32_t p = 0; p < PODSETS_MAX; p++) {
        for (uint32_t layer = 0; layer < SOLVER_LAYERS_MAX; layer++) {
            free(slicing->of[p].started[layer]);
            free(slicing->of[p].pending[layer]);
        }
    }
}

void slicing_choose(struct attempt *attempt)
{
    struct slicing slicing = {.attempt = attempt};
    choose_sliced(&slicing);
    slicing.ordinals = alloc_zero(attempt->gang->member_count, sizeof *slicing.ordinals);
    for (uint32_t p = 0; p < attempt->constraints.podset_count; p++) {
        if (attempt->constraints.podsets[p].layer_count > 0) {
            number_members(&slicing, p);
            find_started(&slicing, p);
        }
    }
    attempt->ranks = alloc_zero(attempt->count, sizeof *attempt->ranks);
    struct seat *seats = alloc_zero(attempt->count, sizeof *seats);
    attempt->count = seat_members(&slicing, seats);
    for (uint32_t i = 0; i < attempt->count; i++) {
        uint32_t podset = seats[i].podset == 0 ? PODSETS_NONE : seats[i].podset - 1;
        note_slices(&slicing, podset, seats[i].ordinal, &attempt->ranks[i]);
        attempt->members[i] = seats[i].pod;
    }
    free(seats);
    finish_slicing(&slicing);
}
