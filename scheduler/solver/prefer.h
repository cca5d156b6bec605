// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_SOLVER_PREFER_H
#define SCHEDULER_SOLVER_PREFER_H

#include "scheduler/solver/solver.h"

/* Preferred nodes: among plans that are as good as the one found, one whose nodes are liked better.
 *
 *   weights     rack a  0 0 5 0      rack b  5 5 0 0        two pods of a node each
 *   found       rack a, nodes 1 and 2                       0
 *   tried       without nodes that are liked less than 5    rack b, nodes 1 and 2: 10
 *   exchanged   node by node inside a lowest domain         what the trials leave
 *
 * Nothing that ranks higher is given up for it: no domain or node more is touched, and podsets stay
 * together as they are. The best there is need not be found.
 */

/* Replaces what the plan, which is feasible, places by something liked better; adds the steps it
 * took. `solve` solves a whole problem, as solver_solve() does. */
void solver_prefer(const struct solver_problem *problem,
                   void (*solve)(const struct solver_problem *problem, struct solver_plan *plan),
                   struct solver_plan *plan);

#endif
