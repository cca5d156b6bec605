// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/solver_bound.h"
#include "scheduler/solver_candidates.h"
#include "scheduler/solver_greedy.h"
#include "scheduler/solver_space.h"
#include "topology/alloc.h"
#include "topology/err.h"

/* The solver's main line.
 *
 *   for level = host, the one above it, … the required one (or the cluster):
 *       candidates   places of that level that may hold the gang     solver_candidates.c
 *       bound        what no plan in one of them can beat            solver_bound.c
 *       fill         each candidate, tightest first                  solver_greedy.c
 *       stop at the first level with a plan
 *
 * Candidates come tightest first and a later one must be strictly better, so the plan kept is the
 * least in (domains touched, room left over, position); the first one that meets the bound ends the
 * search without changing that. All of it works on one solver_space, which every fill leaves as it
 * found it.
 */

struct search {
    const struct solver_problem *problem;
    struct solver_space *space;
    struct solver_greedy *greedy;
    uint32_t required;
    uint32_t deepest; /* the deepest level that is not proven to be too low, or SOLVER_LEVEL_NONE */
    uint32_t bound[SOLVER_TREE_MAX];
    struct solver_solution best;
};

void solver_plan_init(struct solver_plan *plan)
{
    *plan = (struct solver_plan){.feasible = false};
}

void solver_plan_finish(struct solver_plan *plan)
{
    free(plan->positions);
    solver_plan_init(plan);
}

static void check_problem(const struct solver_problem *problem)
{
    uint32_t positions = domains_positions(problem->domains);
    err_require(problem->role_count <= SOLVER_ROLES_MAX);
    err_require(problem->role_count < 2 || problem->free_at != NULL);
    err_require(problem->required_level == SOLVER_LEVEL_NONE ||
                problem->required_level < domains_levels(problem->domains));
    for (uint32_t r = 0; r < problem->role_count; r++) {
        const struct solver_role *role = &problem->roles[r];
        err_require(capacity_generation(role->capacity) == domains_generation(problem->domains));
        err_require(role->excluded == NULL || bitset_bits(role->excluded) == positions);
    }
}

static uint64_t count_pods(const struct solver_problem *problem)
{
    uint64_t total = 0;
    for (uint32_t r = 0; r < problem->role_count; r++) {
        total += problem->roles[r].count;
    }
    return total;
}

/* ---- search ---- */

/* Several roles may fail in all of the tightest places: goes on to the first one that will do. */
static void search_rest(struct search *search, uint32_t level)
{
    struct solver_walk walk = solver_walk_begin(search->required, level);
    struct solver_candidate place;
    while (!search->best.complete && solver_walk_next(&walk, search->space, &place)) {
        (void)solver_greedy_fill(search->greedy, place, search->bound, &search->best);
    }
}

/* Whether a plan of this level was found; it is then in `best`. */
static bool search_level(struct search *search, uint32_t level)
{
    struct solver_candidate kept[SOLVER_CANDIDATES_MAX];
    uint32_t count = solver_candidates_collect(search->space, search->required, level, kept);
    if (count == 0) {
        return false;
    }
    if (search->deepest == SOLVER_LEVEL_NONE) {
        search->deepest = level;
    }
    solver_bound(search->space, search->required, level, search->deepest, search->bound);
    bool met = false;
    for (uint32_t i = 0; i < count && !met; i++) {
        met = solver_greedy_fill(search->greedy, kept[i], search->bound, &search->best);
    }
    if (!search->best.complete && count == SOLVER_CANDIDATES_MAX) {
        search_rest(search, level);
    }
    if (!search->best.complete && solver_greedy_exact(search->space)) {
        search->deepest = SOLVER_LEVEL_NONE; /* the failure is a proof */
    }
    return search->best.complete;
}

static bool search_upward(struct search *search)
{
    for (uint32_t level = solver_space_host(search->space);; level--) {
        if (search_level(search, level)) {
            return true;
        }
        if (level == search->required) {
            return false;
        }
    }
}

/* ---- the plan ---- */

static int compare_placements(const void *left, const void *right)
{
    const struct solver_placement *a = left;
    const struct solver_placement *b = right;
    if (a->role != b->role) {
        return a->role < b->role ? -1 : 1;
    }
    return a->position < b->position ? -1 : a->position > b->position;
}

static void write_positions(struct solver_plan *plan, struct solver_solution *best)
{
    if (best->count > 0) {
        qsort(best->placements, best->count, sizeof *best->placements, compare_placements);
    }
    plan->positions = alloc_zero(best->placed, sizeof *plan->positions);
    for (uint32_t i = 0; i < best->count; i++) {
        for (uint32_t n = 0; n < best->placements[i].count; n++) {
            plan->positions[plan->count++] = best->placements[i].position;
        }
    }
}

static void write_plan(struct search *search, struct solver_plan *plan)
{
    const struct solver_problem *problem = search->problem;
    plan->feasible = true;
    write_positions(plan, &search->best);
    memcpy(plan->used, search->best.used, sizeof plan->used);
    memcpy(plan->bound, search->bound, sizeof plan->bound);
    plan->optimal = memcmp(plan->used, plan->bound, sizeof plan->used) == 0;
    /* Several roles may have come together in a place that was not looked for. */
    uint32_t host = plan->levels - 1;
    while (plan->level < host && plan->used[plan->level + 1] == 1) {
        plan->level++;
    }
    if (plan->used[0] > 0) {
        uint32_t inner = plan->level < host ? plan->level : host - 1;
        uint32_t any = plan->count > 0 ? plan->positions[0] : problem->pinned[0];
        plan->domain = domains_at(problem->domains, any, inner);
    }
}

/* ---- the shortfall ---- */

/* The place of the required level where most pods fit, roles taken one by one. */
static bool find_best_place(const struct search *search, struct solver_candidate *best)
{
    const struct solver_space *space = search->space;
    struct solver_walk walk = solver_walk_begin(search->required, search->required);
    walk.any = true;
    struct solver_candidate place;
    bool found = false;
    uint64_t most = 0;
    while (solver_walk_next(&walk, space, &place)) {
        uint64_t pods = 0;
        for (uint32_t r = 0; r < solver_space_roles(space); r++) {
            uint64_t fits = solver_candidate_fits(space, place, r);
            uint64_t wanted = solver_space_wanted(space, r);
            pods += fits < wanted ? fits : wanted;
        }
        if (!found || pods > most) {
            found = true;
            most = pods;
            *best = place;
        }
    }
    return found;
}

/* The role that misses most in the place when each has it for itself; if they only miss room
 * together, the one that a fill was short of. */
static void explain_role(struct search *search, struct solver_candidate place,
                         struct solver_shortfall *shortfall)
{
    const struct solver_space *space = search->space;
    for (uint32_t r = 0; r < solver_space_roles(space); r++) {
        uint64_t fits = solver_candidate_fits(space, place, r);
        uint64_t wanted = solver_space_wanted(space, r);
        if (fits < wanted && wanted - fits > shortfall->missing) {
            shortfall->role = r;
            shortfall->fits = fits;
            shortfall->missing = (uint32_t)(wanted - fits);
        }
    }
    if (shortfall->missing == 0) {
        struct solver_solution solution;
        solver_solution_init(&solution);
        (void)solver_greedy_fill(search->greedy, place, search->bound, &solution);
        shortfall->role = solution.short_role;
        shortfall->fits = solution.short_fits;
        solver_solution_finish(&solution);
    }
}

static uint32_t find_alternative(struct search *search)
{
    for (uint32_t level = search->required; level-- > 0;) {
        search->required = level;
        if (search_level(search, level)) {
            return level;
        }
    }
    return SOLVER_LEVEL_NONE;
}

static void explain(struct search *search, struct solver_plan *plan)
{
    struct solver_shortfall *shortfall = &plan->shortfall;
    const struct solver_problem *problem = search->problem;
    shortfall->level = search->required;
    shortfall->domain = DOMAINS_NONE;
    shortfall->node = DOMAINS_NONE;
    shortfall->proven = search->deepest == SOLVER_LEVEL_NONE;
    struct solver_candidate place;
    if (find_best_place(search, &place)) {
        shortfall->domain = place.index;
        if (place.node) {
            shortfall->node = place.index;
            shortfall->domain = domains_at(problem->domains, place.index, plan->levels - 2);
        }
        explain_role(search, place, shortfall);
    } else {
        shortfall->pinned_apart = problem->pinned_count > 0;
    }
    if (problem->role_count > 0) {
        shortfall->wanted = problem->roles[shortfall->role].count;
        shortfall->missing = (uint32_t)(shortfall->wanted - shortfall->fits);
    }
    shortfall->alternative = find_alternative(search);
}

/* More pods than one solve takes on. */
static void refuse_size(const struct solver_problem *problem, struct solver_plan *plan)
{
    struct solver_shortfall *shortfall = &plan->shortfall;
    for (uint32_t r = 1; r < problem->role_count; r++) {
        if (problem->roles[r].count > problem->roles[shortfall->role].count) {
            shortfall->role = r;
        }
    }
    const struct solver_role *role = &problem->roles[shortfall->role];
    uint64_t excess = count_pods(problem) - SOLVER_PODS_MAX;
    uint64_t room = role->count > excess ? role->count - excess : 0;
    uint64_t fits = capacity_domain(role->capacity, 0);
    shortfall->node = DOMAINS_NONE;
    shortfall->wanted = role->count;
    shortfall->fits = fits < room ? fits : room;
    shortfall->missing = (uint32_t)(role->count - shortfall->fits);
    shortfall->alternative = SOLVER_LEVEL_NONE;
}

void solver_solve(const struct solver_problem *problem, struct solver_plan *plan)
{
    check_problem(problem);
    solver_plan_finish(plan);
    plan->levels = domains_levels(problem->domains);
    if (count_pods(problem) > SOLVER_PODS_MAX) {
        refuse_size(problem, plan);
        return;
    }
    struct search search = {.problem = problem, .deepest = SOLVER_LEVEL_NONE};
    search.required = problem->required_level == SOLVER_LEVEL_NONE ? 0 : problem->required_level;
    search.space = solver_space_create(problem);
    search.greedy = solver_greedy_create(search.space);
    solver_solution_init(&search.best);
    if (search_upward(&search)) {
        write_plan(&search, plan);
    } else {
        explain(&search, plan);
    }
    solver_solution_finish(&search.best);
    solver_greedy_destroy(search.greedy);
    solver_space_destroy(search.space);
}
