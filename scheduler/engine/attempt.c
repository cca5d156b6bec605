// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/attempt.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/engine/assign.h"
#include "scheduler/engine/constraints.h"
#include "scheduler/engine/ordinals.h"
#include "scheduler/engine/pins.h"
#include "scheduler/engine/room.h"
#include "scheduler/engine/vetoes.h"
#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* Members, roles and slices of one attempt.
 *
 *   ordinal    0 1 2 3   4 5 6 7   8 9 …     inside the sliced shape: ordinals.h
 *   slice      0 0 0 0   1 1 1 1   2 2 …     ordinal / size, per layer
 *   placed     a . . .   . . . .   . .       slice 0 was started in a's domain: the others follow
 *
 * A slice that is split already (its domain's label changed while it ran) counts as started where
 * its first placed member is. An inner slice counts as started only inside the domain of its outer
 * one.
 */

#define GOOD_TRIES_MAX 32 /* plans made again because a set of GPUs was not good */

/* ---- slices ---- */

struct slices {
    struct attempt *attempt;
    uint32_t *ordinals;                   /* by member of the gang; UINT32_MAX: not sliced */
    uint32_t count;                       /* 1 + the greatest ordinal */
    uint32_t *started[SOLVER_LAYERS_MAX]; /* by slice: place, or DOMAINS_NONE */
    uint32_t *pending[SOLVER_LAYERS_MAX]; /* by slice: members to place */
};

static bool is_live(const struct pod *pod)
{
    return !pod->terminal && !pod->deleting;
}

/* The shape that most live members have, the first one of equals; of as many shapes as the solver
 * takes, more make no plan anyway. */
static uint32_t most_common_shape(const struct gang *gang)
{
    uint32_t shapes[SOLVER_ROLES_MAX];
    uint32_t counts[SOLVER_ROLES_MAX];
    uint32_t known = 0;
    uint32_t best = 0;
    for (uint32_t i = 0; i < gang->member_count; i++) {
        uint32_t at = 0;
        if (!is_live(gang->members[i])) {
            continue;
        }
        while (at < known && shapes[at] != gang->members[i]->shape) {
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

static void number_members(struct slices *slices)
{
    const struct attempt *attempt = slices->attempt;
    const struct gang *gang = attempt->gang;
    struct pod **pods = alloc_zero(gang->member_count, sizeof(struct pod *));
    uint32_t *ordinals = alloc_zero(gang->member_count, sizeof *ordinals);
    uint32_t count = 0;
    for (uint32_t i = 0; i < gang->member_count; i++) {
        if (is_live(gang->members[i]) && gang->members[i]->shape == attempt->sliced_shape) {
            pods[count++] = gang->members[i];
        }
    }
    slices->count = ordinals_deal(pods, count, attempt->constraints.layers[0].size, ordinals);
    slices->ordinals = alloc_zero(gang->member_count, sizeof *slices->ordinals);
    for (uint32_t i = 0, at = 0; i < gang->member_count; i++) {
        bool sliced = at < count && gang->members[i] == pods[at];
        slices->ordinals[i] = sliced ? ordinals[at] : UINT32_MAX;
        at += sliced;
    }
    free(pods);
    free(ordinals);
}

static uint32_t place_at(const struct domains *domains, uint32_t position, uint32_t level)
{
    return level + 1 == domains_levels(domains) ? position : domains_at(domains, position, level);
}

/* Where the slices were started, outer layers first. */
static void find_started(struct slices *slices)
{
    const struct attempt *attempt = slices->attempt;
    const struct gang *gang = attempt->gang;
    const struct domains *domains = attempt->engine->domains;
    for (uint32_t layer = 0; layer < attempt->constraints.layer_count; layer++) {
        slices->started[layer] = alloc_zero(slices->count, sizeof(uint32_t));
        slices->pending[layer] = alloc_zero(slices->count, sizeof(uint32_t));
        for (uint32_t i = 0; i < slices->count; i++) {
            slices->started[layer][i] = DOMAINS_NONE;
        }
        for (uint32_t i = 0; i < gang->member_count; i++) {
            const struct pod *pod = gang->members[i];
            if (slices->ordinals[i] == UINT32_MAX) {
                continue;
            }
            uint32_t *started = &slices->started[layer][slices->ordinals[i] /
                                                        attempt->constraints.layers[layer].size];
            slices->pending[layer][slices->ordinals[i] / attempt->constraints.layers[layer].size] +=
                !pods_placed(pod) && gang_member_pending(pod);
            uint32_t position =
                !pods_placed(pod) ? DOMAINS_NONE : domains_position(domains, pod->allocation_row);
            if (position == DOMAINS_NONE || *started != DOMAINS_NONE) {
                continue;
            }
            if (layer > 0) {
                uint32_t outer = slices->ordinals[i] / attempt->constraints.layers[layer - 1].size;
                uint32_t place =
                    place_at(domains, position, attempt->constraints.layers[layer - 1].level);
                if (slices->started[layer - 1][outer] != place) {
                    continue;
                }
            }
            *started = place_at(domains, position, attempt->constraints.layers[layer].level);
        }
    }
}

/* Whether a member's slices are started or complete, from the widest layer in. */
static bool is_whole(const struct slices *slices, uint32_t ordinal)
{
    const struct attempt *attempt = slices->attempt;
    for (uint32_t layer = 0; layer < attempt->constraints.layer_count; layer++) {
        uint32_t slice = ordinal / attempt->constraints.layers[layer].size;
        if (slices->started[layer][slice] == DOMAINS_NONE) {
            return slices->pending[layer][slice] == attempt->constraints.layers[layer].size;
        }
    }
    return true;
}

static void note_slices(const struct slices *slices, uint32_t ordinal, struct ranks_member *rank)
{
    const struct attempt *attempt = slices->attempt;
    for (uint32_t layer = 0; layer < SOLVER_LAYERS_MAX; layer++) {
        bool sliced = ordinal != UINT32_MAX && layer < attempt->constraints.layer_count;
        rank->slice[layer] =
            sliced ? ordinal / attempt->constraints.layers[layer].size : UINT32_MAX;
        rank->started[layer] = sliced ? slices->started[layer][rank->slice[layer]] : DOMAINS_NONE;
    }
}

/* A member to place, and where it stands among them. */
struct seat {
    struct pod *pod;
    uint32_t ordinal; /* UINT32_MAX: not sliced … */
    uint32_t order;   /* … and then by this */
};

/* Those without slices first, so that a slice's members stand together. */
static int compare_seats(const void *left, const void *right)
{
    const struct seat *a = left;
    const struct seat *b = right;
    bool sliced_a = a->ordinal != UINT32_MAX;
    bool sliced_b = b->ordinal != UINT32_MAX;
    if (sliced_a != sliced_b) {
        return sliced_a ? 1 : -1;
    }
    uint32_t key_a = sliced_a ? a->ordinal : a->order;
    uint32_t key_b = sliced_b ? b->ordinal : b->order;
    return (key_a > key_b) - (key_a < key_b);
}

/* The members to place in their order, those of incomplete slices left out. Returns how many. */
static uint32_t seat_members(struct attempt *attempt, const struct slices *slices,
                             struct seat *seats)
{
    uint32_t count = 0;
    uint32_t at = 0; /* of the gang's members */
    for (uint32_t i = 0; i < attempt->count; i++, at++) {
        while (attempt->gang->members[at] != attempt->members[i]) {
            at++;
        }
        uint32_t ordinal = slices->ordinals[at];
        if (ordinal != UINT32_MAX && !is_whole(slices, ordinal)) {
            attempt->left_out++;
            continue;
        }
        seats[count++] = (struct seat){attempt->members[i], ordinal, i};
    }
    qsort(seats, count, sizeof *seats, compare_seats);
    return count;
}

/* Notes the slices of the members to place, and leaves out those that cannot be. */
static void slice_members(struct attempt *attempt)
{
    struct slices slices = {.attempt = attempt};
    attempt->sliced_shape = most_common_shape(attempt->gang);
    number_members(&slices);
    find_started(&slices);
    attempt->ranks = alloc_zero(attempt->count, sizeof *attempt->ranks);
    struct seat *seats = alloc_zero(attempt->count, sizeof *seats);
    attempt->count = seat_members(attempt, &slices, seats);
    for (uint32_t i = 0; i < attempt->count; i++) {
        note_slices(&slices, seats[i].ordinal, &attempt->ranks[i]);
        attempt->members[i] = seats[i].pod;
    }
    free(seats);
    free(slices.ordinals);
    for (uint32_t layer = 0; layer < SOLVER_LAYERS_MAX; layer++) {
        free(slices.started[layer]);
        free(slices.pending[layer]);
    }
}

/* ---- collecting ---- */

/* Notes the rank of every live member in its role: for the annotation that a binding writes. */
static void rank_members(const struct gang *gang)
{
    struct pod **pods = alloc_zero(gang->member_count, sizeof(struct pod *));
    int32_t *ranks = alloc_zero(gang->member_count, sizeof *ranks);
    uint32_t count = 0;
    for (uint32_t i = 0; i < gang->member_count; i++) {
        if (is_live(gang->members[i])) {
            pods[count++] = gang->members[i];
        }
    }
    ordinals_ranks(pods, count, ranks);
    for (uint32_t i = 0; i < count; i++) {
        pods[i]->role_rank = ranks[i];
    }
    free(pods);
    free(ranks);
}

/* Members that can be planned now, in rank order, and where the others already are. */
static void collect_members(struct attempt *attempt)
{
    const struct gang *gang = attempt->gang;
    attempt->members = alloc_zero(gang->member_count, sizeof(struct pod *));
    attempt->pinned = alloc_zero(gang->member_count, sizeof(uint32_t));
    for (uint32_t i = 0; i < gang->member_count; i++) {
        struct pod *pod = gang->members[i];
        if (!is_live(pod)) {
            continue;
        }
        if (pods_placed(pod) && !(attempt->afresh && pods_held(pod))) {
            uint32_t position = domains_position(attempt->engine->domains, pod->allocation_row);
            if (position != DOMAINS_NONE) {
                attempt->pinned[attempt->pinned_count++] = position;
            }
        } else if (gang_member_pending(pod)) {
            room_free_held(attempt, pod);
            attempt->members[attempt->count++] = pod;
        }
    }
}

int attempt_begin(struct attempt *attempt)
{
    attempt->sliced_shape = SHAPE_NONE;
    rank_members(attempt->gang);
    collect_members(attempt);
    if (attempt->count == 0) {
        return 0;
    }
    if (constraints_resolve(attempt->engine, attempt->gang, &attempt->constraints) < 0) {
        return -1;
    }
    constraints_exclude(attempt->engine, attempt->gang, NULL, &attempt->constraints);
    if (attempt->constraints.layer_count > 0) {
        slice_members(attempt);
    }
    return 0;
}

void attempt_finish(struct attempt *attempt)
{
    for (uint32_t i = 0; i < SOLVER_ROLES_MAX; i++) {
        bitset_destroy(attempt->excluded[i]);
    }
    room_finish(attempt);
    constraints_finish(&attempt->constraints);
    free(attempt->misfits);
    free(attempt->started);
    free(attempt->members);
    free(attempt->ranks);
    free(attempt->pinned);
    free(attempt->own);
}

static bool same_slice(const struct attempt *attempt, uint32_t a, uint32_t b)
{
    return attempt->constraints.layer_count > 0 && attempt->ranks[a].slice[0] != UINT32_MAX &&
           attempt->ranks[a].slice[0] == attempt->ranks[b].slice[0];
}

uint32_t attempt_unit(const struct attempt *attempt, uint32_t first)
{
    uint32_t end = first + 1;
    while (end < attempt->count && same_slice(attempt, first, end)) {
        end++;
    }
    return end - first;
}

uint32_t attempt_whole(const struct attempt *attempt, uint32_t count)
{
    uint32_t end = 0;
    while (end < count && end < attempt->count) {
        end += attempt_unit(attempt, end);
    }
    return end;
}

/* ---- solving ---- */

/* Adds the row's position to the set, which is made when it is needed. */
static void exclude_row(const struct domains *domains, uint32_t row, struct bitset **excluded)
{
    uint32_t position = domains_position(domains, row);
    if (position == DOMAINS_NONE) {
        return;
    }
    if (*excluded == NULL) {
        *excluded = bitset_create(domains_positions(domains));
    }
    bitset_set(*excluded, position);
}

struct bitset *attempt_excluded(const struct attempt *attempt, uint32_t shape)
{
    const struct domains *domains = attempt->engine->domains;
    struct bitset *excluded =
        attempt->constraints.occupied == NULL ? NULL : bitset_copy(attempt->constraints.occupied);
    vetoes_exclude(attempt->engine, attempt->gang, shape, &excluded);
    for (uint32_t i = 0; i < attempt->misfit_count; i++) {
        if (attempt->misfits[i].shape == shape) {
            exclude_row(domains, attempt->misfits[i].row, &excluded);
        }
    }
    return excluded;
}

static int role_of(const struct attempt *attempt, uint32_t shape)
{
    for (uint32_t i = 0; i < attempt->role_count; i++) {
        if (attempt->shapes[i] == shape) {
            return (int)i;
        }
    }
    return -1;
}

/* Counts the members of started slices, per layer and place. */
static uint32_t count_started(struct attempt *attempt, uint32_t first, uint32_t count)
{
    uint32_t known = 0;
    for (uint32_t i = first; i < first + count; i++) {
        for (uint32_t layer = 0; layer < attempt->constraints.layer_count; layer++) {
            uint32_t place = attempt->ranks[i].started[layer];
            uint32_t at = 0;
            if (place == DOMAINS_NONE) {
                break;
            }
            while (at < known &&
                   (attempt->started[at].layer != layer || attempt->started[at].place != place)) {
                at++;
            }
            if (at == known) {
                attempt->started = alloc_grow(attempt->started, &attempt->started_room, ++known,
                                              sizeof *attempt->started);
                attempt->started[at] = (struct solver_started){.layer = layer, .place = place};
            }
            attempt->started[at].count++;
        }
    }
    return known;
}

/* Whether the solver is to find a place for the member. */
static bool has_role(const struct attempt *attempt, uint32_t index)
{
    return attempt->own == NULL || attempt->own[index] == DOMAINS_NONE;
}

static int make_roles(struct attempt *attempt, uint32_t first, uint32_t count)
{
    const struct engine *engine = attempt->engine;
    for (uint32_t i = 0; i < SOLVER_ROLES_MAX; i++) {
        bitset_destroy(attempt->excluded[i]);
        attempt->excluded[i] = NULL;
    }
    room_forget(attempt);
    pins_place(attempt, first, count);
    attempt->role_count = 0;
    for (uint32_t i = first; i < first + count; i++) {
        uint32_t shape = attempt->members[i]->shape;
        if (!has_role(attempt, i)) {
            continue;
        }
        int role = role_of(attempt, shape);
        if (role >= 0) {
            attempt->roles[role].count++;
            continue;
        }
        if (attempt->role_count == SOLVER_ROLES_MAX) {
            return -1;
        }
        uint32_t added = attempt->role_count++;
        attempt->shapes[added] = shape;
        attempt->excluded[added] = attempt_excluded(attempt, shape);
        attempt->roles[added] = (struct solver_role){
            .count = 1,
            .request = shapes_request(engine->shapes, shape),
            .capacity = room_capacity(attempt, added),
            .excluded = attempt->excluded[added],
        };
    }
    int sliced =
        attempt->constraints.layer_count > 0 ? role_of(attempt, attempt->sliced_shape) : -1;
    if (sliced >= 0) {
        struct solver_role *role = &attempt->roles[sliced];
        role->layers = attempt->constraints.layers;
        role->layer_count = attempt->constraints.layer_count;
        role->started_count = count_started(attempt, first, count);
        role->started = attempt->started;
    }
    return 0;
}

struct solver_problem attempt_problem(const struct attempt *attempt)
{
    return (struct solver_problem){
        .domains = attempt->engine->domains,
        .free_at = room_free_at,
        .free_context = attempt,
        .roles = attempt->roles,
        .role_count = attempt->role_count,
        .pinned = attempt->pinned,
        .pinned_count = attempt->pinned_count + attempt->own_count,
        .required_level = attempt->constraints.required_level,
    };
}

static int solve(struct attempt *attempt, uint32_t first, uint32_t count, struct solver_plan *plan)
{
    if (make_roles(attempt, first, count) < 0) {
        return -1;
    }
    const struct solver_problem problem = attempt_problem(attempt);
    solver_solve(&problem, plan);
    engine_charge(attempt->engine, plan->steps + count);
    return plan->feasible && attempt->skipped > 0 ? -1 : 0;
}

/* ---- dealing ---- */

static void deal_role(const struct attempt *attempt, uint32_t role, uint32_t first, uint32_t count,
                      const uint32_t *positions, uint32_t *rows)
{
    const struct solver_role *item = &attempt->roles[role];
    struct ranks_member *ranks = alloc_zero(item->count, sizeof *ranks);
    uint32_t *indices = alloc_zero(item->count, sizeof *indices);
    uint32_t *dealt = alloc_zero(item->count, sizeof *dealt);
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (attempt->members[first + i]->shape == attempt->shapes[role] &&
            has_role(attempt, first + i)) {
            if (item->layer_count > 0) {
                ranks[found] = attempt->ranks[first + i];
            }
            indices[found++] = i;
        }
    }
    err_require(found == item->count);
    ranks_deal(attempt->engine->domains, item->layers, item->layer_count, ranks, positions, found,
               dealt);
    for (uint32_t i = 0; i < found; i++) {
        rows[indices[i]] = domains_row(attempt->engine->domains, dealt[i]);
    }
    free(ranks);
    free(indices);
    free(dealt);
}

void attempt_deal(const struct attempt *attempt, uint32_t first, uint32_t count,
                  const struct solver_plan *plan, uint32_t *rows)
{
    uint32_t at = 0;
    for (uint32_t role = 0; role < attempt->role_count; role++) {
        deal_role(attempt, role, first, count, plan->positions + at, rows);
        at += attempt->roles[role].count;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!has_role(attempt, first + i)) {
            rows[i] = domains_row(attempt->engine->domains, attempt->own[first + i]);
        }
    }
}

void attempt_pin(struct attempt *attempt, const uint32_t *rows, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) { /* there is room for all members */
        attempt->pinned[attempt->pinned_count++] =
            domains_position(attempt->engine->domains, rows[i]);
    }
}

/* ---- good sets of GPUs ---- */

static void add_misfit(struct attempt *attempt, uint32_t shape, uint32_t row)
{
    attempt->misfits = alloc_grow(attempt->misfits, &attempt->misfit_room,
                                  (size_t)attempt->misfit_count + 1, sizeof *attempt->misfits);
    attempt->misfits[attempt->misfit_count++] = (struct attempt_misfit){shape, row};
}

/* Notes where the plan does not hold up; false when it does everywhere. On the last try one shape
 * is kept from all nodes: a plan that only might be good is none. */
static bool note_misfits(struct attempt *attempt, uint32_t first, uint32_t count,
                         const struct solver_plan *plan, bool last)
{
    uint32_t *rows = alloc_zero(count, sizeof *rows);
    bool *misfit = alloc_zero(count, sizeof *misfit);
    struct pod *const *members = attempt->members + first;
    attempt_deal(attempt, first, count, plan, rows);
    uint32_t left = assign_misfits(attempt->engine, attempt->gang, members, rows, count, misfit);
    bool found = left > 0;
    for (uint32_t i = 0; i < count && left > 0; i++) {
        if (misfit[i]) {
            add_misfit(attempt, members[i]->shape, rows[i]);
            left--;
        }
        for (uint32_t row = 0; misfit[i] && last && row < nodes_rows(attempt->engine->nodes);
             row++) {
            add_misfit(attempt, members[i]->shape, row);
            left = 0;
        }
    }
    free(rows);
    free(misfit);
    return found;
}

/* One that holds up, with or without what vetoes make likely. */
static int solve_well(struct attempt *attempt, uint32_t first, uint32_t count,
                      struct solver_plan *plan)
{
    attempt->misfit_count = 0;
    for (unsigned tries = 0;; tries++) {
        if (solve(attempt, first, count, plan) < 0) {
            return -1;
        }
        if (!attempt->constraints.good_gpus || !plan->feasible ||
            !note_misfits(attempt, first, count, plan, tries == GOOD_TRIES_MAX)) {
            break;
        }
    }
    if (attempt->misfit_count > 0) { /* another plan might have done */
        plan->optimal = false;
        plan->shortfall.proven = false;
    }
    return 0;
}

int attempt_solve(struct attempt *attempt, uint32_t first, uint32_t count, struct solver_plan *plan)
{
    attempt->likely = vetoes_limit(attempt->gang);
    int result = solve_well(attempt, first, count, plan);
    if (!attempt->likely || result < 0) {
        return result;
    }
    if (plan->feasible) { /* another plan might be better, if what is likely is not so */
        plan->optimal = false;
        return 0;
    }
    attempt->likely = false;
    return solve_well(attempt, first, count, plan);
}
