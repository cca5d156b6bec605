// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_SOLVER_SUMS_H
#define SCHEDULER_SOLVER_SUMS_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/solver/effort.h"
#include "scheduler/solver/limits.h"
#include "scheduler/solver/solver.h"

/* What several roles need together, and what every node and domain has of it. Roles compete, which
 * no role's own numbers show; each of these numbers is a necessary condition on all pods at once:
 *
 *   sum 0        the *mix*: how many pods, each taken for no more than the requests have in common
 *   sum 1 …      each requested resource: the total of all requests. A node counts for no more than
 *                the pods that fit on it could use; so what is left over beside a pod that needs
 *                another resource counts for nothing
 *
 *   two pods of 3 GPUs, one of 2       wanted 8 GPUs, of nodes that count for 4, 4 and 3, the
 *                                      last one for 2 if a veto keeps pods of 3 away
 *
 * Amounts are scaled so that they fit 32 bits, wanted ones rounded down and those of nodes up.
 * Nothing changes when pods are placed.
 */

#define SOLVER_SUM_NAMES_MAX 16 /* resources counted; further ones are not */
#define SOLVER_SUMS_MAX      (1 + SOLVER_SUM_NAMES_MAX)

struct solver_sums;

/* *New*, of a problem with two or more roles; keeps both (*borrowed*; limits may be NULL). */
struct solver_sums *solver_sums_create(const struct solver_problem *problem,
                                       const struct solver_limits *limits,
                                       struct solver_effort *effort);
void solver_sums_destroy(struct solver_sums *sums);

uint32_t solver_sums_count(const struct solver_sums *sums);
uint64_t solver_sums_wanted(const struct solver_sums *sums, uint32_t sum);
uint64_t solver_sums_domain(const struct solver_sums *sums, uint32_t sum, uint32_t domain);
uint32_t solver_sums_node(const struct solver_sums *sums, uint32_t sum, uint32_t position);

/* Whether the node has room for all pods together, if every role fits there alone. */
bool solver_sums_fit_node(const struct solver_sums *sums, uint32_t position);

/* A single pod beside pods of one other role, none of them in slices or limited, as a launcher and
 * its workers are: there the numbers are exact. */
bool solver_sums_pair(const struct solver_problem *problem);

/* Of a pair: whether both fit into the domain together, where so many pods of its first and of its
 * second role would fit alone. */
bool solver_sums_pair_fits(const struct solver_sums *sums, uint32_t domain, uint64_t first,
                           uint64_t second);

#endif
