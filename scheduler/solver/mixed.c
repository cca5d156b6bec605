// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/mixed.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/solver/branch.h"
#include "scheduler/solver/exact.h"
#include "scheduler/solver/greedy.h"
#include "scheduler/solver/limits.h"
#include "scheduler/solver/lower_bound.h"
#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* Anchors, then branches.
 *
 * Leaving pods out of a plan never makes it touch more. So the best plan of one role alone is a
 * lower bound for all, lexicographically, and it is cheap (exact.c). The anchor is the role
 * with the most pods. When the others find room on what it touches, the plan meets that lower
 * bound. What stands apart from the anchor needs domains of its own, whatever the anchor's are; so
 * many more is a lower bound, too.
 */

struct solver_mixed {
    const struct solver_problem *problem;
    struct solver_space *space;
    struct solver_fill *fill;
    struct solver_branch *branch;
    bool searched;
    uint32_t anchor; /* role */
    /* The anchor alone. */
    struct solver_problem alone;
    struct solver_limits_alone alone_limits;
    struct solver_space *alone_space;
    struct solver_fill *alone_fill;
    struct solver_greedy *alone_greedy;
    struct solver_exact *alone_exact;
    struct solver_largest largest;
};

struct solver_mixed *solver_mixed_create(const struct solver_problem *problem,
                                         struct solver_space *space, struct solver_fill *fill)
{
    struct solver_mixed *mixed = alloc_zero(1, sizeof *mixed);
    err_require(problem->role_count > 1);
    *mixed =
        (struct solver_mixed){.problem = problem, .space = space, .fill = fill, .alone = *problem};
    for (uint32_t r = 1; r < problem->role_count; r++) {
        if (problem->roles[r].count > problem->roles[mixed->anchor].count) {
            mixed->anchor = r;
        }
    }
    mixed->branch = solver_branch_create(problem, space);
    mixed->alone.roles = &problem->roles[mixed->anchor];
    mixed->alone.role_count = 1;
    solver_limits_alone(problem, mixed->anchor, &mixed->alone_limits, &mixed->alone);
    mixed->alone_space = solver_space_create(&mixed->alone, solver_space_effort(space));
    mixed->alone_fill = solver_fill_create(mixed->alone_space);
    mixed->alone_greedy = solver_greedy_create(mixed->alone_space, mixed->alone_fill);
    mixed->alone_exact = solver_exact_create(mixed->alone_space, mixed->alone_fill);
    solver_largest_init(&mixed->largest);
    return mixed;
}

void solver_mixed_destroy(struct solver_mixed *mixed)
{
    if (mixed == NULL) {
        return;
    }
    solver_exact_destroy(mixed->alone_exact);
    solver_greedy_destroy(mixed->alone_greedy);
    solver_fill_destroy(mixed->alone_fill);
    solver_space_destroy(mixed->alone_space);
    solver_branch_destroy(mixed->branch);
    solver_largest_finish(&mixed->largest);
    free(mixed);
}

bool solver_mixed_searched(const struct solver_mixed *mixed)
{
    return mixed->searched || solver_exact_searched(mixed->alone_exact);
}

/* The other roles around the anchor's plan, the one of which fewest fit first. */
static void fill_around(struct solver_mixed *mixed, struct solver_candidate place,
                        const struct solver_solution *anchor, enum solver_rule rule,
                        struct solver_solution *best)
{
    bool placed[SOLVER_ROLES_MAX] = {false};
    struct solver_solution trial;
    solver_solution_init(&trial);
    trial.complete = true;
    trial.placed = anchor->placed;
    placed[mixed->anchor] = true;
    for (uint32_t i = 0; i < anchor->count; i++) {
        solver_space_place(mixed->space, mixed->anchor, anchor->placements[i].position,
                           anchor->placements[i].count);
    }
    for (uint32_t i = 1; i < mixed->problem->role_count && trial.complete; i++) {
        uint32_t next = SOLVER_ROLES_MAX;
        uint64_t least = UINT64_MAX;
        for (uint32_t r = 0; r < mixed->problem->role_count; r++) {
            uint64_t fits = solver_candidate_fits(mixed->space, place, r);
            if (!placed[r] && fits < least) {
                next = r;
                least = fits;
            }
        }
        uint64_t count = solver_fill_role(mixed->fill, place, next, rule);
        placed[next] = true;
        trial.placed += count;
        if (count < solver_space_wanted(mixed->space, next)) {
            trial.complete = false;
            trial.short_role = next;
            trial.short_fits = count;
        }
    }
    solver_solution_offer(best, mixed->space, &trial);
}

/* Nothing in a place is better than `best`, which is written down as its lower bound. */
static void close_place(const struct solver_mixed *mixed, uint32_t lower_bound[SOLVER_TREE_MAX],
                        const struct solver_solution *best)
{
    if (best->complete &&
        solver_used_below(lower_bound, best->used, solver_space_host(mixed->space))) {
        memcpy(lower_bound, best->used, SOLVER_TREE_MAX * sizeof *lower_bound);
    }
}

static bool is_met(const struct solver_mixed *mixed, const uint32_t *lower_bound,
                   const struct solver_solution *best)
{
    return best->complete &&
           !solver_used_below(lower_bound, best->used, solver_space_host(mixed->space));
}

/* Solves the anchor alone, raises the lower bound by it, and tries the others around it. */
bool solver_mixed_anchor(struct solver_mixed *mixed, struct solver_candidate place,
                         uint32_t lower_bound[SOLVER_TREE_MAX], struct solver_solution *best)
{
    const struct domains *domains = solver_space_domains(mixed->space);
    uint32_t host = solver_space_host(mixed->space);
    uint32_t level = domains_get(domains, place.index)->level;
    uint32_t alone_lower_bound[SOLVER_TREE_MAX];
    struct solver_solution anchor;
    if (!solver_space_domain_passes(mixed->alone_space, place.index)) {
        return is_met(mixed, lower_bound, best);
    }
    solver_solution_init(&anchor);
    /* Alone it may fit one node below the place: no floor of two for the levels inside. */
    solver_lower_bound(mixed->alone_space, place, level, host, &mixed->largest, alone_lower_bound);
    if (!solver_greedy_fill(mixed->alone_greedy, place, alone_lower_bound, &anchor)) {
        (void)solver_exact_improve(mixed->alone_exact, place, alone_lower_bound, &anchor);
    }
    uint32_t more[SOLVER_TREE_MAX];
    solver_lower_bound_beside(mixed->space, place.index, mixed->anchor, &mixed->largest, more);
    for (uint32_t l = 0; l <= host; l++) {
        alone_lower_bound[l] += more[l];
    }
    if (solver_used_below(lower_bound, alone_lower_bound, host)) {
        memcpy(lower_bound, alone_lower_bound, SOLVER_TREE_MAX * sizeof *lower_bound);
    }
    fill_around(mixed, place, &anchor, SOLVER_BEST_FIT, best);
    if (!is_met(mixed, lower_bound, best)) {
        fill_around(mixed, place, &anchor, SOLVER_WORST_FIT, best);
    }
    solver_solution_finish(&anchor);
    return is_met(mixed, lower_bound, best);
}

bool solver_mixed_branch(struct solver_mixed *mixed, struct solver_candidate place,
                         uint32_t lower_bound[SOLVER_TREE_MAX], struct solver_solution *best)
{
    mixed->searched = true;
    if (solver_branch_search(mixed->branch, place.index, lower_bound, best) == SOLVER_BRANCH_OPEN) {
        return false;
    }
    close_place(mixed, lower_bound, best);
    return true;
}
