// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/attempt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/engine/affinity.h"
#include "scheduler/engine/constraints.h"
#include "scheduler/engine/misfits.h"
#include "scheduler/engine/ordinals.h"
#include "scheduler/engine/pins.h"
#include "scheduler/engine/preference.h"
#include "scheduler/engine/reason.h"
#include "scheduler/engine/room.h"
#include "scheduler/engine/slicing.h"
#include "scheduler/engine/spread.h"
#include "scheduler/engine/ties.h"
#include "scheduler/engine/vetoes.h"
#include "topology/base/alloc.h"
#include "topology/base/err.h"
#include "topology/base/utf8.h"

/* Members and roles of one attempt; its slices are slicing.c.
 *
 *   role    all members of one podset with one shape: the solver's pods that are alike
 */

#define ROLE_QUOTE_MAX 100 /* bytes of a role quoted in a reason */

uint32_t attempt_podset(const struct attempt *attempt, const struct pod *pod)
{
    return attempt->constraints.podset_count == 1 ? 0 : podsets_find(attempt->gang, pod);
}

bool attempt_sliced(const struct attempt *attempt, uint32_t member)
{
    return attempt->ranks != NULL && attempt->ranks[member].slice[0] != UINT32_MAX;
}

bool attempt_alike(const struct attempt *attempt, const struct pod *a, const struct pod *b)
{
    return a->shape == b->shape && a->kind == b->kind &&
           attempt_podset(attempt, a) == attempt_podset(attempt, b);
}

/* Slices are counted by the solver, which takes pods of one shape for each of them. */
static int check_shapes(const struct attempt *attempt)
{
    for (uint32_t i = 1; i < attempt->count; i++) {
        const struct pod *pod = attempt->members[i];
        const struct pod *before = attempt->members[i - 1];
        char text[GANG_REASON_MAX];
        if (!attempt_sliced(attempt, i) || !attempt_sliced(attempt, i - 1) ||
            pod->shape == before->shape ||
            attempt_podset(attempt, pod) != attempt_podset(attempt, before)) {
            continue;
        }
        char role[ROLE_QUOTE_MAX + 16] = "without a role";
        if (pod->role[0] != '\0') {
            utf8_print(role, sizeof(role), "of role \"%.*s\"", ROLE_QUOTE_MAX, pod->role);
        }
        utf8_print(text, sizeof(text),
                   "gang %s/%s waits: the pods %s are in slices, and do not all ask for the same",
                   attempt->gang->name_space, attempt->gang->name, role);
        if (gang_set_reason(attempt->gang, reason_invalid, text)) {
            engine_emit_waiting(attempt->engine, attempt->gang);
        }
        return -1;
    }
    return 0;
}

/* ---- collecting ---- */

/* Notes the rank of every live member in its role: for the annotation that a binding writes. */
static void rank_members(const struct gang *gang)
{
    struct pod **pods = alloc_zero(gang->member_count, sizeof(struct pod *));
    int32_t *ranks = alloc_zero(gang->member_count, sizeof *ranks);
    uint32_t count = 0;
    for (uint32_t i = 0; i < gang->member_count; i++) {
        if (pod_live(gang->members[i])) {
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

bool attempt_pinned(const struct attempt *attempt, const struct pod *pod)
{
    return pod_live(pod) && pods_placed(pod) && !(attempt->afresh && pods_held(pod));
}

/* Members that can be planned now, in rank order, and where the others already are. */
static void collect_members(struct attempt *attempt)
{
    const struct gang *gang = attempt->gang;
    attempt->members = alloc_zero(gang->member_count, sizeof(struct pod *));
    attempt->pinned = alloc_zero(gang->member_count, sizeof(uint32_t));
    for (uint32_t i = 0; i < gang->member_count; i++) {
        struct pod *pod = gang->members[i];
        if (!pod_live(pod)) {
            continue;
        }
        if (attempt_pinned(attempt, pod)) {
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

static bool any_slices(const struct constraints *constraints)
{
    bool any = false;
    for (uint32_t i = 0; i < constraints->podset_count; i++) {
        any = any || constraints->podsets[i].layer_count > 0;
    }
    return any;
}

int attempt_begin(struct attempt *attempt)
{
    rank_members(attempt->gang);
    collect_members(attempt);
    if (attempt->count == 0) {
        return 0;
    }
    if (constraints_resolve(attempt->engine, attempt->gang, &attempt->constraints) < 0 ||
        preference_resolve(attempt->engine, attempt->gang, &attempt->tight_level) < 0) {
        return -1;
    }
    constraints_exclude(attempt->engine, attempt->gang, NULL, &attempt->constraints);
    engine_charge(attempt->engine, constraints_steps(attempt->engine, &attempt->constraints));
    affinity_begin(attempt);
    ties_find(attempt);
    pins_collect(attempt);
    if (any_slices(&attempt->constraints)) {
        slicing_choose(attempt);
        return check_shapes(attempt);
    }
    return 0;
}

void attempt_finish(struct attempt *attempt)
{
    for (uint32_t i = 0; i < SOLVER_ROLES_MAX; i++) {
        bitset_destroy(attempt->excluded[i]);
        free(attempt->started[i].items);
    }
    progress_finish(&attempt->progress);
    room_finish(attempt);
    affinity_finish(attempt);
    constraints_finish(&attempt->constraints);
    for (uint32_t i = 0; i < attempt->liking_count; i++) {
        free(attempt->likings[i].items);
    }
    free(attempt->misfits);
    free(attempt->members);
    free(attempt->ranks);
    free(attempt->pinned);
    free(attempt->own);
    for (uint32_t i = 0; i < SOLVER_PODSETS_MAX; i++) {
        free(attempt->podset_pins[i].items);
    }
}

static bool same_slice(const struct attempt *attempt, uint32_t a, uint32_t b)
{
    return attempt->ranks != NULL && attempt_sliced(attempt, a) &&
           attempt->ranks[a].slice[0] == attempt->ranks[b].slice[0] &&
           attempt_alike(attempt, attempt->members[a], attempt->members[b]);
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

static void exclude_all(const struct bitset *more, struct bitset **excluded)
{
    if (more != NULL && *excluded == NULL) {
        *excluded = bitset_copy(more);
        return;
    }
    for (size_t p = more == NULL ? BITSET_END : bitset_next(more, 0); p != BITSET_END;
         p = bitset_next(more, p + 1)) {
        bitset_set(*excluded, p);
    }
}

const struct bitset *attempt_occupied(const struct attempt *attempt, uint32_t role)
{
    return constraints_occupied(&attempt->constraints, attempt->podsets[role]);
}

struct bitset *attempt_excluded(const struct attempt *attempt, uint32_t role)
{
    const struct domains *domains = attempt->engine->domains;
    const struct podset_constraints *podset = &attempt->constraints.podsets[attempt->podsets[role]];
    uint32_t shape = attempt->shapes[role];
    const struct bitset *occupied = attempt_occupied(attempt, role);
    struct bitset *excluded = occupied == NULL ? NULL : bitset_copy(occupied);
    exclude_all(affinity_excluded(attempt, attempt->kinds[role]), &excluded);
    vetoes_exclude(attempt->engine, attempt->gang, shape, &excluded);
    for (uint32_t i = 0; i < attempt->misfit_count; i++) {
        const struct attempt_misfit *misfit = &attempt->misfits[i];
        bool meant = misfit->apart                    ? misfit->kind == attempt->kinds[role]
                     : misfit->podset == PODSETS_NONE ? podset->good_gpus
                                                      : misfit->podset == attempt->podsets[role];
        if (meant && (misfit->apart || misfit->shape == shape)) {
            exclude_row(domains, attempt->misfits[i].row, &excluded);
        }
    }
    return excluded;
}

static int role_of(const struct attempt *attempt, uint32_t podset, const struct pod *pod)
{
    for (uint32_t i = 0; i < attempt->role_count; i++) {
        if (attempt->shapes[i] == pod->shape && attempt->podsets[i] == podset &&
            attempt->kinds[i] == pod->kind) {
            return (int)i;
        }
    }
    return -1;
}

/* Counts a member of started slices, per layer and place. */
static void count_started(struct attempt *attempt, uint32_t member, uint32_t role)
{
    uint32_t layers = attempt->roles[role].layer_count;
    for (uint32_t layer = 0; layer < layers; layer++) {
        uint32_t place = attempt->ranks[member].started[layer];
        uint32_t at = 0;
        if (place == DOMAINS_NONE) {
            return;
        }
        struct started *list = &attempt->started[role];
        for (; at < attempt->roles[role].started_count; at++) {
            if (list->items[at].layer == layer && list->items[at].place == place) {
                break;
            }
        }
        if (at == attempt->roles[role].started_count) {
            list->items = alloc_grow(list->items, &list->room, (size_t)at + 1, sizeof *list->items);
            list->items[at] = (struct solver_started){.layer = layer, .place = place};
            attempt->roles[role].started_count++;
            attempt->roles[role].started = list->items;
        }
        list->items[at].count++;
    }
}

/* How much pods of the shape like each position, or NULL where they like all alike. */
static const uint32_t *likings_of(struct attempt *attempt, uint32_t shape)
{
    const struct engine *engine = attempt->engine;
    uint32_t positions = domains_positions(engine->domains);
    for (uint32_t i = 0; i < attempt->liking_count; i++) {
        if (attempt->likings[i].shape == shape) {
            return attempt->likings[i].items;
        }
    }
    size_t rows;
    const uint32_t *by_row = attempt->liking_count == SOLVER_ROLES_MAX
                                 ? NULL
                                 : ledger_likings(engine->ledger, shape, &rows);
    if (by_row == NULL) {
        return NULL;
    }
    uint32_t *items = alloc_zero(positions, sizeof *items);
    for (uint32_t p = 0; p < positions; p++) {
        uint32_t row = domains_row(engine->domains, p);
        items[p] = row < rows ? by_row[row] : 0;
    }
    engine_charge(attempt->engine, 4 * (uint64_t)positions);
    attempt->likings[attempt->liking_count].shape = shape;
    attempt->likings[attempt->liking_count++].items = items;
    return items;
}

static void add_role(struct attempt *attempt, uint32_t podset, const struct pod *pod, bool sliced)
{
    const struct engine *engine = attempt->engine;
    const struct podset_constraints *constraints = &attempt->constraints.podsets[podset];
    uint32_t added = attempt->role_count++;
    attempt->shapes[added] = pod->shape;
    attempt->podsets[added] = podset;
    attempt->kinds[added] = pod->kind;
    attempt->excluded[added] = attempt_excluded(attempt, added);
    attempt->roles[added] = (struct solver_role){
        .request = shapes_request(engine->shapes, pod->shape),
        .capacity = room_capacity(attempt, added),
        .excluded = attempt->excluded[added],
        .podset = constraints->podset,
        .preference = likings_of(attempt, pod->shape),
        .layers = constraints->layers,
        .layer_count = sliced ? constraints->layer_count : 0,
    };
}

static int make_roles(struct attempt *attempt, uint32_t first, uint32_t count)
{
    for (uint32_t i = 0; i < SOLVER_ROLES_MAX; i++) {
        bitset_destroy(attempt->excluded[i]);
        attempt->excluded[i] = NULL;
    }
    room_forget(attempt);
    pins_place(attempt, first, count);
    attempt->role_count = 0;
    for (uint32_t i = first; i < first + count; i++) {
        const struct pod *pod = attempt->members[i];
        if (!pins_leave(attempt, i)) {
            continue;
        }
        uint32_t podset = attempt_podset(attempt, pod);
        int role = role_of(attempt, podset, pod);
        if (role < 0 && attempt->role_count == SOLVER_ROLES_MAX) {
            return -1;
        }
        if (role < 0) {
            role = (int)attempt->role_count;
            add_role(attempt, podset, pod, attempt_sliced(attempt, i));
        }
        attempt->roles[role].count++;
        count_started(attempt, i, (uint32_t)role);
    }
    attempt->spread = false;
    spread_roles(attempt);
    ties_make(attempt);
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
        .required_level = attempt->ties.required_level,
        .podsets = attempt->ties.podsets,
        .podset_count = attempt->ties.podset_count,
        .limits = attempt->ties.limits,
        .limit_count = attempt->ties.limit_count,
        .aparts = attempt->ties.aparts,
        .apart_count = attempt->ties.apart_count,
        .budget = attempt->budget,
    };
}

static int solve(struct attempt *attempt, uint32_t first, uint32_t count, struct solver_plan *plan)
{
    if (make_roles(attempt, first, count) < 0) {
        return -1;
    }
    struct solver_problem problem = attempt_problem(attempt);
    const struct solver_pieces pieces = progress_pieces(attempt);
    problem.pieces = attempt->progress.split ? &pieces : NULL;
    solver_solve(&problem, plan);
    progress_charge(attempt, plan, count);
    progress_check(attempt, plan);
    if (attempt->spread || attempt->ties.more || attempt->ties.less) { /* others might be better */
        plan->optimal = false;
        plan->shortfall.proven = false;
    }
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
    uint32_t nth = 0; /* of the members of the shape */
    for (uint32_t i = 0; i < count && found < item->count; i++) {
        const struct pod *pod = attempt->members[first + i];
        if (pod->shape == attempt->shapes[role] && pod->kind == attempt->kinds[role] &&
            attempt_podset(attempt, pod) == attempt->podsets[role] &&
            pins_leave(attempt, first + i) && spread_part(attempt, role, nth++)) {
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
        if (!pins_leave(attempt, first + i)) {
            rows[i] = domains_row(attempt->engine->domains, attempt->own[first + i]);
        }
    }
}

void attempt_pin(struct attempt *attempt, uint32_t first, const uint32_t *rows, uint32_t count)
{
    pins_leave_placed(attempt);
    for (uint32_t i = 0; i < count; i++) { /* there is room for all members */
        uint32_t position = domains_position(attempt->engine->domains, rows[i]);
        attempt->pinned[attempt->pinned_count++] = position;
        pins_note_placed(attempt, attempt->members[first + i], position);
    }
    if (count < attempt->count) {
        affinity_renew(attempt);
    }
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
        if (!misfits_note(attempt, first, count, plan, tries >= MISFITS_TRIES_MAX)) {
            break;
        }
    }
    if (attempt->misfit_count > 0) { /* another plan might have done */
        plan->optimal = false;
        plan->shortfall.proven = false;
    }
    return 0;
}

/* Where more was tied than has to be, and nothing fits, perhaps a plan without ties is good. */
static int solve_tied(struct attempt *attempt, uint32_t first, uint32_t count,
                      struct solver_plan *plan)
{
    attempt->loose = false;
    int result = solve_well(attempt, first, count, plan);
    if (result < 0 || plan->feasible || !attempt->ties.more || attempt->progress.interrupted) {
        return result;
    }
    attempt->loose = true;
    result = solve_well(attempt, first, count, plan);
    if (result == 0 && plan->feasible && ties_kept(attempt, first, count, plan)) {
        plan->optimal = false;
        return 0;
    }
    attempt->loose = false;
    return solve_well(attempt, first, count, plan);
}

static int solve_likely(struct attempt *attempt, uint32_t first, uint32_t count,
                        struct solver_plan *plan)
{
    attempt->likely = vetoes_limit(attempt->gang);
    int result = solve_tied(attempt, first, count, plan);
    if (!attempt->likely || result < 0) {
        return result;
    }
    if (plan->feasible) { /* another plan might be better, if what is likely is not so */
        plan->optimal = false;
        return 0;
    }
    attempt->likely = false;
    return attempt->progress.interrupted ? 0 : solve_tied(attempt, first, count, plan);
}

uint64_t attempt_question(const struct attempt *attempt, uint32_t first, uint32_t count)
{
    const uint64_t words[] = {first, count, attempt->constraints.required_level, attempt->budget,
                              attempt->choice};
    uint64_t key = UINT64_C(0xcbf29ce484222325); /* FNV-1a, word by word */
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        key = (key ^ words[i]) * UINT64_C(0x100000001b3);
    }
    return key;
}

int attempt_solve(struct attempt *attempt, uint32_t first, uint32_t count, struct solver_plan *plan)
{
    uint64_t key = attempt_question(attempt, first, count);
    int64_t before = progress_steps(attempt);
    int result;
    if (progress_recall(attempt, key, plan, &result)) {
        return result;
    }
    result = solve_likely(attempt, first, count, plan);
    if (attempt->progress.interrupted) {
        solver_plan_finish(plan);
        return 0;
    }
    progress_note(attempt, key, plan, result, before - progress_steps(attempt));
    return result;
}
