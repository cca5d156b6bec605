// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_SOLVER_EXCHANGE_H
#define SCHEDULER_SOLVER_EXCHANGE_H

#include "scheduler/solver/solver.h"

/* Moves the pods of a plan to nodes that are liked better (solver_role.preference), inside the
 * lowest domain that they are in, so that nothing above the nodes changes:
 *
 *   all of a node's pods      to a node that is not touched
 *   single ones               to a touched node with room, while one stays behind
 *
 * Slices of nodes, limits of nodes and podsets of one node are kept. Ends after a bounded number of
 * steps, which it adds to the plan's.
 */
void solver_exchange(const struct solver_problem *problem, struct solver_plan *plan);

#endif
