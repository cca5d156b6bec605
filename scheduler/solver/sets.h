// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_SOLVER_SETS_H
#define SCHEDULER_SOLVER_SETS_H

#include <stdint.h>

#include "scheduler/solver/effort.h"
#include "scheduler/solver/limits.h"
#include "scheduler/solver/room.h"
#include "scheduler/solver/solver.h"

/* What roles that share a limit need together, and how many of their pods every node and domain
 * takes: a necessary condition on all of them at once, as sums.h has for resources.
 *
 *   at most one of a rack, of workers and a launcher     5 wanted, 4 racks: no
 *
 * One set for each limit with two or more roles. Nothing changes when pods are placed.
 */

struct solver_sets;

/* *New*; keeps all (*borrowed*). O(limits × (domains + positions)), nothing without limits. */
struct solver_sets *solver_sets_create(const struct solver_problem *problem,
                                       const struct solver_limits *limits,
                                       const struct solver_room *room,
                                       struct solver_effort *effort);
void solver_sets_destroy(struct solver_sets *sets);

uint32_t solver_sets_count(const struct solver_sets *sets);
uint64_t solver_sets_wanted(const struct solver_sets *sets, uint32_t set);
uint64_t solver_sets_domain(const struct solver_sets *sets, uint32_t set, uint32_t domain);
uint32_t solver_sets_node(const struct solver_sets *sets, uint32_t set, uint32_t position);

/* Levels at which a domain takes less than its children do, as bits. */
uint32_t solver_sets_levels(const struct solver_sets *sets, uint32_t set);

#endif
