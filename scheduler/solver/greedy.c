// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/greedy.h"

#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"

/* Several ways to fill one place, the best of which is kept: one role in the two rules that matter
 * to it, several roles one after the other in a few orders and all rules. A role placed first
 * takes the room of the others, so which order works is a matter of trying.
 */

#define ORDERS_MAX 4

struct solver_greedy {
    struct solver_space *space;
    struct solver_fill *fill;
};

struct solver_greedy *solver_greedy_create(struct solver_space *space, struct solver_fill *fill)
{
    struct solver_greedy *greedy = alloc_zero(1, sizeof *greedy);
    greedy->space = space;
    greedy->fill = fill;
    return greedy;
}

void solver_greedy_destroy(struct solver_greedy *greedy)
{
    free(greedy);
}

/* ---- one place ---- */

/* Whether role `a` is placed before `b`: the larger request first, that is the one of which fewer
 * fit; or, `by_slack`, the one that needs more of what fits. */
static bool goes_before(const struct solver_greedy *greedy, struct solver_candidate place,
                        bool by_slack, uint32_t a, uint32_t b)
{
    const struct solver_space *space = greedy->space;
    uint64_t fits_a = solver_candidate_fits(space, place, a);
    uint64_t fits_b = solver_candidate_fits(space, place, b);
    if (by_slack) {
        return fits_a * solver_space_wanted(space, b) < fits_b * solver_space_wanted(space, a);
    }
    return fits_a < fits_b;
}

static void order_roles(const struct solver_greedy *greedy, struct solver_candidate place,
                        bool by_slack, uint32_t order[SOLVER_ROLES_MAX])
{
    for (uint32_t r = 0; r < solver_space_roles(greedy->space); r++) {
        uint32_t at = r;
        for (; at > 0 && goes_before(greedy, place, by_slack, r, order[at - 1]); at--) {
            order[at] = order[at - 1];
        }
        order[at] = r;
    }
}

/* The orders worth a try, without repetition: by request, by slack, and both backwards. */
static uint32_t make_orders(const struct solver_greedy *greedy, struct solver_candidate place,
                            uint32_t orders[ORDERS_MAX][SOLVER_ROLES_MAX])
{
    uint32_t roles = solver_space_roles(greedy->space);
    uint32_t count = 0;
    for (uint32_t i = 0; i < ORDERS_MAX; i++) {
        uint32_t order[SOLVER_ROLES_MAX] = {0};
        order_roles(greedy, place, i % 2 == 1, order);
        for (uint32_t r = 0; i >= 2 && r < roles / 2; r++) {
            uint32_t other = order[roles - 1 - r];
            order[roles - 1 - r] = order[r];
            order[r] = other;
        }
        bool seen = false;
        for (uint32_t k = 0; k < count; k++) {
            seen = seen || memcmp(orders[k], order, sizeof order) == 0;
        }
        if (!seen) {
            memcpy(orders[count++], order, sizeof order);
        }
    }
    return count;
}

/* Fills in all of the solution but the placements, which stay in the space. */
static void try_order(struct solver_greedy *greedy, struct solver_candidate place,
                      const uint32_t order[SOLVER_ROLES_MAX], enum solver_rule rule,
                      struct solver_solution *solution)
{
    solver_solution_init(solution);
    solution->complete = true;
    for (uint32_t i = 0; i < solver_space_roles(greedy->space) && solution->complete; i++) {
        uint64_t fits = solver_fill_role(greedy->fill, place, order[i], rule);
        solution->placed += fits;
        if (fits < solver_space_wanted(greedy->space, order[i])) {
            solution->complete = false;
            solution->short_role = order[i];
            solution->short_fits = fits;
        }
    }
}

/* Two roles of which one is a single pod (launcher, master, head): tries it on every node, until
 * the others fit beside it. They are of one role, so what their sum says is exact. */
static bool try_single(struct solver_greedy *greedy, struct solver_candidate place,
                       struct solver_solution *solution)
{
    struct solver_space *space = greedy->space;
    uint32_t single = solver_space_wanted(space, 0) == 1 ? 0 : 1;
    uint64_t others = solver_space_wanted(space, 1 - single);
    const struct domain *domain = domains_get(solver_space_domains(space), place.index);
    for (uint32_t p = domain->first; p < domain->end; p++) {
        if (solver_space_node_fits(space, single, p) == 0) {
            continue;
        }
        solver_space_place(space, single, p, 1);
        if (solver_space_domain_fits(space, 1 - single, place.index) >= others) {
            solver_solution_init(solution);
            solution->complete = true;
            solution->placed =
                1 + solver_fill_role(greedy->fill, place, 1 - single, SOLVER_BEST_FIT);
            return true;
        }
        solver_space_undo(space);
    }
    return false;
}

bool solver_greedy_fill(struct solver_greedy *greedy, struct solver_candidate place,
                        const uint32_t lower_bound[SOLVER_TREE_MAX], struct solver_solution *best)
{
    static const enum solver_rule rules[] = {SOLVER_BEST_FIT, SOLVER_WORST_FIT_DOMAINS,
                                             SOLVER_WORST_FIT};
    size_t compared = (solver_space_host(greedy->space) + 1) * sizeof *lower_bound;
    bool several = solver_space_roles(greedy->space) > 1;
    uint32_t orders[ORDERS_MAX][SOLVER_ROLES_MAX];
    uint32_t order_count = make_orders(greedy, place, orders);
    struct solver_solution solution;
    bool found = false;
    bool exact = solver_space_exact(greedy->space);
    for (uint32_t i = 0; i < order_count * (several ? 3 : 2); i++) {
        if (i > 0 && !exact && solver_effort_over(solver_space_effort(greedy->space))) {
            return false;
        }
        try_order(greedy, place, orders[i % order_count], rules[i / order_count], &solution);
        found = found || solution.complete;
        solver_solution_offer(best, greedy->space, &solution);
        if (best->complete && memcmp(best->used, lower_bound, compared) == 0) {
            return true;
        }
    }
    if (!found && several && exact && !place.node && try_single(greedy, place, &solution)) {
        solver_solution_offer(best, greedy->space, &solution);
    }
    return false;
}
