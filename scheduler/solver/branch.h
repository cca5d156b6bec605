// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_SOLVER_BRANCH_H
#define SCHEDULER_SOLVER_BRANCH_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/solver/solution.h"
#include "scheduler/solver/space.h"

/* Branch and bound over the ways to deal pods of several roles to the nodes of a small place
 * (seats.h says how small). */

struct solver_branch;

enum solver_branch_outcome {
    SOLVER_BRANCH_PROVEN, /* nothing better than `best` as it is then */
    SOLVER_BRANCH_OPEN,   /* too large, or the space's effort is over */
};

/* *New*; keeps both (*borrowed*). */
struct solver_branch *solver_branch_create(const struct solver_problem *problem,
                                           struct solver_space *space);
void solver_branch_destroy(struct solver_branch *branch);

/* Improves `best` (see mixed.h) inside the place, a domain; nothing may be placed in the space.
 * `lower_bound`: the search ends when `best` is that good. */
enum solver_branch_outcome solver_branch_search(struct solver_branch *branch, uint32_t place,
                                                const uint32_t lower_bound[SOLVER_TREE_MAX],
                                                struct solver_solution *best);

#endif
