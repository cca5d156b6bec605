// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_SOLVER_LIMITED_H
#define SCHEDULER_SOLVER_LIMITED_H

#include "scheduler/solver/solver.h"

/* Whether limits and exclusions are why there is no plan, and which of them: for the words of a
 * refusal. */

/* Solves a whole problem, as solver_solve() does. */
typedef void solver_again(const struct solver_problem *problem, struct solver_plan *plan);

/* Fills in what `plan`, which is infeasible, says of limits; adds the steps it took. */
void solver_limited_explain(const struct solver_problem *problem, solver_again *solve,
                            struct solver_plan *plan);

#endif
