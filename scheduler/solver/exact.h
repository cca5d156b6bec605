// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_SOLVER_EXACT_H
#define SCHEDULER_SOLVER_EXACT_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/solver/candidates.h"
#include "scheduler/solver/fill.h"
#include "scheduler/solver/solution.h"
#include "scheduler/solver/space.h"

/* The best plan of one role inside one place, with or without slices: a tree knapsack, level by
 * level.
 *
 *   start     any plan, the greedy one
 *   level l   the counts above it are the least possible; can l do with fewer?
 *             no by the simple lower bound, or no by prices, or searched: the knapsack over the
 *             domains of level l, which either finds fewer or proves that there is no such choice
 *   next      the plan is filled anew inside the domains chosen so far
 *
 * Every step keeps a whole plan, so a search whose effort is over leaves a good one.
 */

struct solver_exact;

/* *New*; keeps both (*borrowed*). The space must have one role. */
struct solver_exact *solver_exact_create(struct solver_space *space, struct solver_fill *fill);
void solver_exact_destroy(struct solver_exact *exact);

/* Improves `solution`, a complete plan inside the place (a domain, not a node), until no plan
 * inside the place is below it; false when the space's effort was over before that was proven.
 * `lower_bound`, of solver_lower_bound() for the place, is raised to what was proven. */
bool solver_exact_improve(struct solver_exact *exact, struct solver_candidate place,
                          uint32_t lower_bound[SOLVER_TREE_MAX], struct solver_solution *solution);

/* Whether any place needed a search. */
bool solver_exact_searched(const struct solver_exact *exact);

#endif
