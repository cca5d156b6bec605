// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_SOLVER_PODSETS_H
#define SCHEDULER_SOLVER_PODSETS_H

#include "scheduler/solver/solver.h"

/* Plans for gangs of which only some roles have to share a domain.
 *
 *   driver, workers [one rack]      solved as if the workers could go anywhere: two racks
 *                                   solved again with the workers in rack a alone, rack b alone …
 *                                   the best of these plans
 *
 * What was left out can only make a plan better, so the first bound holds for all, and a plan that
 * meets it ends the search.
 */

/* Solves a problem without regard to its podsets, with all that solver_solve() promises. */
typedef void solver_whole(const struct solver_problem *problem, struct solver_plan *plan);

/* As solver_solve(); the problem has podsets. `plan` is empty. */
void solver_podsets_solve(const struct solver_problem *problem, solver_whole *solve,
                          struct solver_plan *plan);

#endif
