// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/search.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/solver/bound.h"
#include "scheduler/solver/exact.h"
#include "scheduler/solver/fill.h"
#include "scheduler/solver/greedy.h"
#include "scheduler/solver/mixed.h"
#include "topology/base/alloc.h"

/* One level is searched place by place, in order of (bound, room left over, position). A place
 * whose bound is not below the best plan so far, and all places after it, cannot better it; that is
 * what ends most searches at the first place. A later place must be strictly better, so ties go to
 * the tighter one, then to position order.
 *
 * `bound` of the whole is the least bound of a place that was left open; when none was, it is the
 * best plan itself.
 *
 * With several roles a fill that fails proves little. A level is proven too low when every place of
 * it was searched to the end; the deepest level that is not keeps a plan above it from being called
 * optimal, unless its own place was searched to the end, which includes what lies below.
 */

struct place {
    struct solver_candidate candidate;
    uint32_t bound[SOLVER_TREE_MAX];
};

struct solver_search {
    const struct solver_problem *problem;
    struct solver_space *space;
    struct solver_fill *fill;
    struct solver_greedy *greedy;
    struct solver_exact *exact; /* one role */
    struct solver_mixed *mixed; /* several */
    uint32_t host;
    uint32_t required;
    uint32_t deepest; /* the deepest level that is not proven to be too low, or SOLVER_LEVEL_NONE */
    struct place *places;
    size_t place_room;
    size_t place_count;
    struct solver_largest largest;
    struct solver_solution best;
    struct solver_solution trial;
    uint32_t bound[SOLVER_TREE_MAX];
};

struct solver_search *solver_search_create(const struct solver_problem *problem)
{
    struct solver_search *search = alloc_zero(1, sizeof *search);
    uint64_t budget = problem->budget > 0 ? problem->budget : SOLVER_BUDGET_DEFAULT;
    search->problem = problem;
    search->space = solver_space_create(problem);
    search->fill = solver_fill_create(search->space);
    search->greedy = solver_greedy_create(search->space, search->fill);
    if (problem->role_count == 1) {
        search->exact = solver_exact_create(search->space, search->fill, budget);
    }
    if (problem->role_count > 1) {
        search->mixed = solver_mixed_create(problem, search->space, search->fill, budget);
    }
    search->host = solver_space_host(search->space);
    search->deepest = SOLVER_LEVEL_NONE;
    solver_largest_init(&search->largest);
    solver_solution_init(&search->best);
    solver_solution_init(&search->trial);
    return search;
}

void solver_search_destroy(struct solver_search *search)
{
    if (search == NULL) {
        return;
    }
    solver_solution_finish(&search->trial);
    solver_solution_finish(&search->best);
    solver_largest_finish(&search->largest);
    solver_mixed_destroy(search->mixed);
    solver_exact_destroy(search->exact);
    solver_greedy_destroy(search->greedy);
    solver_fill_destroy(search->fill);
    solver_space_destroy(search->space);
    free(search->places);
    free(search);
}

/* ---- reading ---- */

struct solver_space *solver_search_space(struct solver_search *search)
{
    return search->space;
}

const struct solver_solution *solver_search_best(const struct solver_search *search)
{
    return &search->best;
}

const uint32_t *solver_search_bound(const struct solver_search *search)
{
    return search->bound;
}

bool solver_search_proven(const struct solver_search *search)
{
    return search->deepest == SOLVER_LEVEL_NONE;
}

uint64_t solver_search_steps(const struct solver_search *search)
{
    return search->exact != NULL   ? solver_exact_steps(search->exact)
           : search->mixed != NULL ? solver_mixed_steps(search->mixed)
                                   : 0;
}

bool solver_search_greedy(const struct solver_search *search)
{
    return solver_search_steps(search) == 0;
}

void solver_search_try(struct solver_search *search, struct solver_candidate place,
                       struct solver_solution *solution)
{
    (void)solver_greedy_fill(search->greedy, place, search->bound, solution);
}

/* ---- places ---- */

static int compare_places(const void *left, const void *right, void *host)
{
    const struct place *a = left;
    const struct place *b = right;
    uint32_t levels = *(const uint32_t *)host;
    if (solver_used_below(a->bound, b->bound, levels)) {
        return -1;
    }
    if (solver_used_below(b->bound, a->bound, levels)) {
        return 1;
    }
    if (a->candidate.leftover != b->candidate.leftover) {
        return a->candidate.leftover < b->candidate.leftover ? -1 : 1;
    }
    return a->candidate.index < b->candidate.index ? -1 : 1;
}

/* Lists the places of a level, best bound first. */
static void list_places(struct solver_search *search, uint32_t level)
{
    struct solver_walk walk = solver_walk_begin(search->required, level);
    struct solver_candidate candidate;
    search->place_count = 0;
    while (solver_walk_next(&walk, search->space, &candidate)) {
        search->places = alloc_grow(search->places, &search->place_room, search->place_count + 1,
                                    sizeof *search->places);
        struct place *place = &search->places[search->place_count++];
        place->candidate = candidate;
        solver_bound(search->space, candidate, level,
                     search->deepest == SOLVER_LEVEL_NONE ? level : search->deepest,
                     &search->largest, place->bound);
    }
    if (search->place_count == 0) {
        return;
    }
    qsort_r(search->places, search->place_count, sizeof *search->places, compare_places,
            &search->host);
}

/* A single node takes everything: the tightest one. */
static bool search_hosts(struct solver_search *search)
{
    struct solver_candidate kept[SOLVER_CANDIDATES_MAX];
    uint32_t count = solver_candidates_collect(search->space, search->required, search->host, kept);
    if (count == 0) {
        return false;
    }
    solver_bound(search->space, kept[0], search->host, search->host, &search->largest,
                 search->bound);
    for (uint32_t i = 0; i < count && !search->best.complete; i++) {
        (void)solver_greedy_fill(search->greedy, kept[i], search->bound, &search->best);
    }
    return search->best.complete;
}

/* ---- one role ---- */

/* Keeps the trial if it is better, and lets it be used anew. */
static void keep_better(struct solver_search *search)
{
    struct solver_solution *best = &search->best;
    if (!best->complete || solver_used_below(search->trial.used, best->used, search->host)) {
        struct solver_solution other = *best;
        *best = search->trial;
        search->trial = other;
    }
    search->trial.complete = false;
    search->trial.placed = 0;
}

/* What is proven of the best plan when the places were gone through: `open` says that one was left
 * undecided, with its bound in search->bound. */
static void settle_bound(struct solver_search *search, bool open)
{
    const struct solver_solution *best = &search->best;
    if (best->complete && (!open || solver_used_below(best->used, search->bound, search->host))) {
        memcpy(search->bound, best->used, sizeof search->bound);
    }
}

/* Notes that a place was left undecided. */
static void leave_open(struct solver_search *search, const struct place *place, bool *open)
{
    if (!*open || solver_used_below(place->bound, search->bound, search->host)) {
        memcpy(search->bound, place->bound, sizeof search->bound);
    }
    *open = true;
}

static bool may_improve(const struct solver_search *search, const struct place *place)
{
    return !search->best.complete ||
           solver_used_below(place->bound, search->best.used, search->host);
}

/* One role fits wherever its numbers say so: the first place has a plan. */
static void search_one_role(struct solver_search *search)
{
    bool open = false;
    for (size_t i = 0; i < search->place_count && may_improve(search, &search->places[i]); i++) {
        struct place *place = &search->places[i];
        if (!solver_greedy_fill(search->greedy, place->candidate, place->bound, &search->trial) &&
            !solver_exact_improve(search->exact, place->candidate, place->bound, &search->trial)) {
            leave_open(search, place, &open);
        }
        keep_better(search);
    }
    settle_bound(search, open);
}

/* ---- several roles ---- */

/* Greedily in the tightest places, then each place that could still do better. Returns whether
 * everything was decided. */
static bool search_several(struct solver_search *search, uint32_t level)
{
    struct solver_candidate kept[SOLVER_CANDIDATES_MAX];
    uint32_t count = solver_candidates_collect(search->space, search->required, level, kept);
    const uint32_t *least = search->places[0].bound;
    bool met = false;
    for (uint32_t i = 0; i < count && !met; i++) {
        met = solver_greedy_fill(search->greedy, kept[i], least, &search->best);
    }
    bool open = false;
    for (size_t i = 0; i < search->place_count && may_improve(search, &search->places[i]); i++) {
        struct place *place = &search->places[i];
        if (!search->best.complete) {
            (void)solver_greedy_fill(search->greedy, place->candidate, place->bound, &search->best);
        }
        if (search->mixed == NULL ||
            !solver_mixed_improve(search->mixed, place->candidate, place->bound, &search->best)) {
            leave_open(search, place, &open);
        }
    }
    settle_bound(search, open);
    return !open;
}

/* ---- levels ---- */

static bool search_domains(struct solver_search *search, uint32_t level)
{
    list_places(search, level);
    if (search->place_count == 0) {
        return false;
    }
    if (search->exact != NULL) {
        search_one_role(search);
        return true;
    }
    bool decided = search_several(search, level);
    if (!search->best.complete && !decided && !solver_greedy_exact(search->space) &&
        search->deepest == SOLVER_LEVEL_NONE) {
        search->deepest = level;
    }
    return search->best.complete;
}

bool solver_search_level(struct solver_search *search, uint32_t level)
{
    search->required = level;
    return level == search->host ? search_hosts(search) : search_domains(search, level);
}

bool solver_search_upward(struct solver_search *search, uint32_t required)
{
    for (uint32_t level = search->host;; level--) {
        search->required = required;
        if (level == search->host ? search_hosts(search) : search_domains(search, level)) {
            return true;
        }
        if (level == required) {
            return false;
        }
    }
}
