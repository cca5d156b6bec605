// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/solver.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/solver/limited.h"
#include "scheduler/solver/podsets.h"
#include "scheduler/solver/prefer.h"
#include "scheduler/solver/search.h"
#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* The solver's two ends: what a problem may look like, and how an answer is put into numbers. The
 * search between them is search.c, which names the files behind it.
 */

void solver_plan_init(struct solver_plan *plan)
{
    *plan = (struct solver_plan){.feasible = false};
}

void solver_plan_finish(struct solver_plan *plan)
{
    free(plan->positions);
    solver_plan_init(plan);
}

static void check_layers(const struct solver_problem *problem, const struct solver_role *role)
{
    uint64_t started = 0;
    err_require(role->layer_count <= SOLVER_LAYERS_MAX);
    for (uint32_t i = 0; i < role->layer_count; i++) {
        const struct solver_layer *layer = &role->layers[i];
        err_require(layer->size >= 1 && layer->level < domains_levels(problem->domains));
        err_require(layer->level > (i == 0 ? 0 : layer[-1].level));
        err_require(i == 0 || layer[-1].size % layer->size == 0);
    }
    for (uint32_t i = 0; i < role->started_count; i++) {
        err_require(role->started[i].layer < role->layer_count && role->started[i].count >= 1);
        started += role->started[i].layer == 0 ? role->started[i].count : 0;
    }
    err_require(role->layer_count == 0 ||
                (role->count >= started && (role->count - started) % role->layers[0].size == 0));
}

static void check_podsets(const struct solver_problem *problem)
{
    err_require(problem->podset_count <= SOLVER_PODSETS_MAX);
    for (uint32_t i = 0; i < problem->podset_count; i++) {
        err_require(problem->podsets[i].level < domains_levels(problem->domains));
        err_require(problem->podsets[i].preferred_level < domains_levels(problem->domains));
    }
    for (uint32_t r = 0; r < problem->role_count; r++) {
        err_require(problem->roles[r].podset <= problem->podset_count);
    }
}

static void check_pinned(const struct solver_problem *problem, const uint32_t *pinned,
                         uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        err_require(pinned[i] < domains_positions(problem->domains));
    }
}

static void check_limits(const struct solver_problem *problem)
{
    uint32_t all = (uint32_t)((UINT64_C(1) << problem->role_count) - 1);
    err_require(problem->limit_count <= SOLVER_LIMITS_MAX);
    for (uint32_t i = 0; i < problem->limit_count; i++) {
        const struct solver_limit *limit = &problem->limits[i];
        err_require(limit->level < domains_levels(problem->domains));
        err_require(limit->roles != 0 && (limit->roles & ~all) == 0);
        check_pinned(problem, limit->pinned, limit->pinned_count);
    }
    err_require(problem->apart_count <= SOLVER_APARTS_MAX);
    for (uint32_t i = 0; i < problem->apart_count; i++) {
        const struct solver_apart *apart = &problem->aparts[i];
        err_require(apart->level < domains_levels(problem->domains));
        err_require(((apart->roles[0] | apart->roles[1]) & ~all) == 0);
        err_require((apart->roles[0] & apart->roles[1]) == 0);
        err_require((apart->roles[0] | apart->roles[1]) != 0);
        for (int side = 0; side < 2; side++) {
            check_pinned(problem, apart->pinned[side], apart->pinned_count[side]);
        }
    }
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
        err_require(capacity_is_current(role->capacity, problem->domains));
        err_require(role->excluded == NULL || bitset_bits(role->excluded) == positions);
        check_layers(problem, role);
    }
    check_podsets(problem);
    check_limits(problem);
}

static uint64_t count_pods(const struct solver_problem *problem)
{
    uint64_t total = 0;
    for (uint32_t r = 0; r < problem->role_count; r++) {
        total += problem->roles[r].count;
    }
    return total;
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

static void write_positions(struct solver_plan *plan, const struct solver_solution *best)
{
    struct solver_placement *placements = alloc_zero(best->count, sizeof *placements);
    if (best->count > 0) {
        memcpy(placements, best->placements, best->count * sizeof *placements);
        qsort(placements, best->count, sizeof *placements, compare_placements);
    }
    plan->positions = alloc_zero(best->placed, sizeof *plan->positions);
    for (uint32_t i = 0; i < best->count; i++) {
        for (uint32_t n = 0; n < placements[i].count; n++) {
            plan->positions[plan->count++] = placements[i].position;
        }
    }
    free(placements);
}

static void write_plan(const struct solver_problem *problem, const struct solver_search *search,
                       struct solver_plan *plan)
{
    const struct solver_solution *best = solver_search_best(search);
    plan->feasible = true;
    write_positions(plan, best);
    memcpy(plan->used, best->used, sizeof plan->used);
    memcpy(plan->lower_bound, solver_search_lower_bound(search), sizeof plan->lower_bound);
    plan->optimal = memcmp(plan->used, plan->lower_bound, sizeof plan->used) == 0;
    plan->greedy = plan->optimal && solver_search_greedy(search);
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
static bool find_best_place(const struct solver_space *space, uint32_t required,
                            struct solver_candidate *best)
{
    struct solver_walk walk = solver_walk_begin(required, required);
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
static void explain_role(struct solver_search *search, struct solver_candidate place,
                         struct solver_shortfall *shortfall)
{
    const struct solver_space *space = solver_search_space(search);
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
        solver_search_try(search, place, &solution);
        shortfall->role = solution.short_role;
        shortfall->fits = solution.short_fits;
        solver_solution_finish(&solution);
    }
}

/* The place in words of the tree: a node and the lowest domain around it, or a domain. */
static void explain_place(const struct solver_problem *problem, struct solver_candidate place,
                          struct solver_shortfall *shortfall)
{
    shortfall->domain = place.index;
    if (place.node) {
        shortfall->node = place.index;
        shortfall->domain =
            domains_at(problem->domains, place.index, domains_levels(problem->domains) - 2);
    }
}

static uint32_t find_alternative(struct solver_search *search, uint32_t required)
{
    for (uint32_t level = required; level-- > 0;) {
        if (solver_search_holds(search, level)) {
            return level;
        }
    }
    return SOLVER_LEVEL_NONE;
}

/* A started slice cannot be completed where it is; nothing else matters then. */
static bool explain_started(const struct solver_problem *problem, const struct solver_space *space,
                            struct solver_shortfall *shortfall)
{
    uint32_t role = 0;
    uint64_t room = 0;
    const struct solver_started *started = solver_space_impossible(space, &role, &room);
    if (started == NULL) {
        return false;
    }
    uint32_t level = problem->roles[role].layers[started->layer].level;
    struct solver_candidate place = {.node = level == solver_space_host(space),
                                     .index = started->place};
    explain_place(problem, place, shortfall);
    shortfall->level = level;
    shortfall->role = role;
    shortfall->wanted = started->count;
    shortfall->fits = room;
    shortfall->missing = (uint32_t)(started->count - room);
    shortfall->alternative = SOLVER_LEVEL_NONE;
    shortfall->slice_started = true;
    return true;
}

static void explain(const struct solver_problem *problem, struct solver_search *search,
                    uint32_t required, struct solver_plan *plan)
{
    struct solver_shortfall *shortfall = &plan->shortfall;
    shortfall->level = required;
    shortfall->domain = DOMAINS_NONE;
    shortfall->node = DOMAINS_NONE;
    shortfall->proven = solver_search_proven(search);
    if (explain_started(problem, solver_search_space(search), shortfall)) {
        return;
    }
    struct solver_candidate place;
    if (find_best_place(solver_search_space(search), required, &place)) {
        explain_place(problem, place, shortfall);
        explain_role(search, place, shortfall);
    } else {
        shortfall->pinned_apart = problem->pinned_count > 0;
    }
    if (problem->role_count > 0) {
        shortfall->wanted = problem->roles[shortfall->role].count;
        shortfall->missing = (uint32_t)(shortfall->wanted - shortfall->fits);
    }
    shortfall->alternative = find_alternative(search, required);
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

/* Whether the search need not be made, or must not. */
static bool is_answered(const struct solver_problem *problem, struct solver_plan *plan)
{
    const struct solver_pieces *pieces = problem->pieces;
    if (pieces == NULL) {
        return false;
    }
    if (pieces->recall(pieces->context, (uint32_t)count_pods(problem), plan)) {
        return true;
    }
    if (pieces->leave(pieces->context)) {
        plan->left = true;
        plan->shortfall.proven = true; /* nothing more is tried */
        plan->steps = UINT32_MAX;      /* of anything */
    }
    return plan->left;
}

static void solve_whole(const struct solver_problem *problem, struct solver_plan *plan)
{
    if (is_answered(problem, plan)) {
        return;
    }
    uint32_t required = problem->required_level == SOLVER_LEVEL_NONE ? 0 : problem->required_level;
    struct solver_search *search = solver_search_create(problem);
    plan->levels = domains_levels(problem->domains);
    if (solver_search_upward(search, required)) {
        write_plan(problem, search, plan);
    } else {
        explain(problem, search, required, plan);
    }
    plan->steps = solver_search_steps(search);
    solver_search_destroy(search);
    if (problem->pieces != NULL) {
        problem->pieces->note(problem->pieces->context, plan);
    }
}

static void solve_checked(const struct solver_problem *problem, struct solver_plan *plan)
{
    if (problem->podset_count > 0) {
        solver_podsets_solve(problem, solve_whole, plan);
    } else {
        solve_whole(problem, plan);
    }
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
    solve_checked(problem, plan);
    if (plan->left) {
        return;
    }
    if (plan->feasible) {
        solver_prefer(problem, solve_checked, plan);
    } else if (problem->budget == 0) {
        solver_limited_explain(problem, solve_checked, plan);
    }
}
