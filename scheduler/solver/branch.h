// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_SOLVER_BRANCH_H
#define SCHEDULER_SOLVER_BRANCH_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/solver/candidates.h"
#include "scheduler/solver/solution.h"
#include "scheduler/solver/space.h"

/* Branch and bound over the ways to deal pods of several roles to the nodes of a small place. */

enum solver_branch_outcome {
    SOLVER_BRANCH_PROVEN, /* nothing better than `best` as it is then */
    SOLVER_BRANCH_OPEN,   /* too large, or the budget ended */
};

/* Improves `best` (see mixed.h); nothing may be placed in the space. `bound`: the search
 * ends when `best` is that good. Counts up *steps until `budget`. */
enum solver_branch_outcome solver_branch(const struct solver_problem *problem,
                                         struct solver_space *space, struct solver_candidate place,
                                         const uint32_t bound[SOLVER_TREE_MAX], uint64_t budget,
                                         uint64_t *steps, struct solver_solution *best);

#endif
