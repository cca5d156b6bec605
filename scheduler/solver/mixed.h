// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_SOLVER_MIXED_H
#define SCHEDULER_SOLVER_MIXED_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/solver/candidates.h"
#include "scheduler/solver/fill.h"
#include "scheduler/solver/solution.h"
#include "scheduler/solver/space.h"

/* The best plan of several roles inside one place: vector bin packing, which is NP-hard, so a
 * search with pruning while the space's effort lasts.
 *
 *   anchor    the largest role alone is solved exactly; no plan of all can touch less. Often the
 *             others find room on the nodes it touches, and that is the end of it: the usual gang
 *             of a launcher and its workers
 *   branch    otherwise, in small places, every way to deal the pods, role after role, that could
 *             still be better than the best plan so far
 */

struct solver_mixed;

/* *New*; keeps all (*borrowed*). The space must have two or more roles. */
struct solver_mixed *solver_mixed_create(const struct solver_problem *problem,
                                         struct solver_space *space, struct solver_fill *fill);
void solver_mixed_destroy(struct solver_mixed *mixed);

/* Both look for a plan inside the place (a domain, not a node) that is better than `best`, or for
 * any if that is not complete, and keep it there. True: there is none better than what `best` is
 * then. `lower_bound`, of solver_lower_bound() for the place, is raised to what was proven. */
bool solver_mixed_anchor(struct solver_mixed *mixed, struct solver_candidate place,
                         uint32_t lower_bound[SOLVER_TREE_MAX], struct solver_solution *best);
bool solver_mixed_branch(struct solver_mixed *mixed, struct solver_candidate place,
                         uint32_t lower_bound[SOLVER_TREE_MAX], struct solver_solution *best);

/* Whether any place needed a search. */
bool solver_mixed_searched(const struct solver_mixed *mixed);

#endif
