// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/search.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/solver/exact.h"
#include "scheduler/solver/fill.h"
#include "scheduler/solver/greedy.h"
#include "scheduler/solver/lower_bound.h"
#include "scheduler/solver/places.h"
#include "scheduler/solver/several.h"
#include "topology/base/alloc.h"

/* One level is searched place by place, in order of (lower bound, room left over, position). A
 * place whose lower bound is not below the best plan so far, and all places after it, cannot better
 * it; that is what ends most searches at the first place. A later place must be strictly better, so
 * ties go to the tighter one, then to position order.
 *
 * `lower_bound` of the whole is the least lower bound of a place that was left open; when none was,
 * it is the best plan itself.
 */

struct solver_search {
    const struct solver_problem *problem;
    struct solver_effort effort;
    struct solver_space *space;
    struct solver_fill *fill;
    struct solver_greedy *greedy;
    struct solver_exact *exact;     /* one role */
    struct solver_several *several; /* several */
    uint32_t host;
    uint32_t required;
    struct solver_places places;
    struct solver_solution best;
    struct solver_solution trial;
    uint32_t lower_bound[SOLVER_TREE_MAX];
};

/* Reading the problem has to be done whatever the budget; the defaults come on top of it. What is
 * made of it before any search costs about as much with several roles. */
static void set_budget(struct solver_search *search)
{
    uint64_t read = search->effort.steps;
    search->effort.limit = search->problem->role_count < 2 ? read + SOLVER_BUDGET_ONE_ROLE
                                                           : 2 * read + SOLVER_BUDGET_SEVERAL_ROLES;
    if (search->problem->budget > 0) {
        search->effort.limit = search->problem->budget;
    }
}

struct solver_search *solver_search_create(const struct solver_problem *problem)
{
    struct solver_search *search = alloc_zero(1, sizeof *search);
    search->problem = problem;
    search->space = solver_space_create(problem, &search->effort);
    search->fill = solver_fill_create(search->space);
    search->greedy = solver_greedy_create(search->space, search->fill);
    if (problem->role_count == 1) {
        search->exact = solver_exact_create(search->space, search->fill);
    }
    if (problem->role_count > 1) {
        search->several =
            solver_several_create(problem, search->space, search->fill, search->greedy);
    }
    search->host = solver_space_host(search->space);
    solver_places_init(&search->places, search->space);
    solver_solution_init(&search->best);
    solver_solution_init(&search->trial);
    set_budget(search);
    return search;
}

void solver_search_destroy(struct solver_search *search)
{
    if (search == NULL) {
        return;
    }
    solver_solution_finish(&search->trial);
    solver_solution_finish(&search->best);
    solver_places_finish(&search->places);
    solver_several_destroy(search->several);
    solver_exact_destroy(search->exact);
    solver_greedy_destroy(search->greedy);
    solver_fill_destroy(search->fill);
    solver_space_destroy(search->space);
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

const uint32_t *solver_search_lower_bound(const struct solver_search *search)
{
    return search->lower_bound;
}

bool solver_search_proven(const struct solver_search *search)
{
    return search->several == NULL || solver_several_proven(search->several);
}

uint64_t solver_search_steps(const struct solver_search *search)
{
    return search->effort.steps;
}

bool solver_search_greedy(const struct solver_search *search)
{
    return !(search->exact != NULL && solver_exact_searched(search->exact)) &&
           !(search->several != NULL && solver_several_searched(search->several));
}

void solver_search_try(struct solver_search *search, struct solver_candidate place,
                       struct solver_solution *solution)
{
    (void)solver_greedy_fill(search->greedy, place, search->lower_bound, solution);
}

/* ---- one role ---- */

/* A single node takes everything: the tightest one. */
static bool search_hosts(struct solver_search *search)
{
    struct solver_candidate kept[SOLVER_CANDIDATES_MAX];
    uint32_t count = solver_candidates_collect(search->space, search->required, search->host, kept);
    if (count == 0) {
        return false;
    }
    solver_lower_bound(search->space, kept[0], search->host, search->host, &search->places.largest,
                       search->lower_bound);
    for (uint32_t i = 0; i < count && !search->best.complete; i++) {
        (void)solver_greedy_fill(search->greedy, kept[i], search->lower_bound, &search->best);
    }
    return search->best.complete;
}

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
 * undecided, with its lower bound in search->lower_bound. */
static void conclude_bound(struct solver_search *search, bool open)
{
    const struct solver_solution *best = &search->best;
    if (best->complete &&
        (!open || solver_used_below(best->used, search->lower_bound, search->host))) {
        memcpy(search->lower_bound, best->used, sizeof search->lower_bound);
    }
}

/* Notes that a place was left undecided. */
static void leave_open(struct solver_search *search, const struct solver_place *place, bool *open)
{
    if (!*open || solver_used_below(place->lower_bound, search->lower_bound, search->host)) {
        memcpy(search->lower_bound, place->lower_bound, sizeof search->lower_bound);
    }
    *open = true;
}

static bool may_improve(const struct solver_search *search, const struct solver_place *place)
{
    return !search->best.complete ||
           solver_used_below(place->lower_bound, search->best.used, search->host);
}

/* One role fits wherever its numbers say so: the first place has a plan. Nothing at all to place
 * fits where the pinned members are. */
static bool search_domains(struct solver_search *search, uint32_t level)
{
    struct solver_places *places = &search->places;
    bool open = false;
    solver_places_list(places, search->required, level);
    solver_places_by_bound(places, level, false);
    for (uint32_t i = 0; i < places->count && may_improve(search, &places->items[i]); i++) {
        struct solver_place *place = &places->items[i];
        if (!solver_greedy_fill(search->greedy, place->candidate, place->lower_bound,
                                &search->trial) &&
            search->exact != NULL &&
            !solver_exact_improve(search->exact, place->candidate, place->lower_bound,
                                  &search->trial)) {
            leave_open(search, place, &open);
        }
        keep_better(search);
    }
    conclude_bound(search, open);
    return places->count > 0;
}

bool solver_search_upward(struct solver_search *search, uint32_t required)
{
    search->required = required;
    if (search->several != NULL) {
        return solver_several_search(search->several, required, &search->best, search->lower_bound);
    }
    for (uint32_t level = search->host;; level--) {
        if (level == search->host ? search_hosts(search) : search_domains(search, level)) {
            return true;
        }
        if (level == required) {
            return false;
        }
    }
}

/* ---- another level ---- */

/* With several roles of which no numbers say what fits: the tightest place and the emptiest. */
static bool is_filled(struct solver_search *search, struct solver_candidate place)
{
    struct solver_solution solution;
    solver_solution_init(&solution);
    (void)solver_greedy_fill(search->greedy, place, search->lower_bound, &solution);
    bool complete = solution.complete;
    solver_solution_finish(&solution);
    return complete;
}

bool solver_search_holds(struct solver_search *search, uint32_t level)
{
    struct solver_places *places = &search->places;
    struct solver_candidate kept[SOLVER_CANDIDATES_MAX];
    if (level == search->host) {
        return solver_candidates_collect(search->space, level, level, kept) > 0;
    }
    solver_places_list(places, level, level);
    if (places->count == 0 || solver_space_exact(search->space)) {
        return places->count > 0;
    }
    solver_places_by_room(places);
    return is_filled(search, places->items[places->count - 1].candidate) ||
           is_filled(search, places->items[0].candidate);
}
