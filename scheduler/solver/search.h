// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_SOLVER_SEARCH_H
#define SCHEDULER_SOLVER_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/solver/candidates.h"
#include "scheduler/solver/solution.h"
#include "scheduler/solver/space.h"

/* The search for the best plan, from the lowest level up:
 *
 *   for level = host, the one above it, … the required one (or the cluster):
 *       places       of that level that may hold the gang        candidates.c, places.c
 *       lower bound  of each: what no plan in it can beat        lower_bound.c
 *       fill         in order of lower bound, then tightest first      greedy.c
 *       improve      until nothing better is left                exact.c
 *       stop at the first level with a plan
 *
 * That is one role, which fits wherever its numbers say so. Several roles are several.c.
 */

struct solver_search;

/* *New*; keeps the problem (*borrowed*), which must be well-formed. */
struct solver_search *solver_search_create(const struct solver_problem *problem);
void solver_search_destroy(struct solver_search *search);

struct solver_space *solver_search_space(struct solver_search *search);

/* Searches the levels host … required; whether a plan was found. Once. */
bool solver_search_upward(struct solver_search *search, uint32_t required);

/* Whether a place of exactly this level holds the gang: by its numbers where they decide, else if a
 * fill finds a plan. No search. */
bool solver_search_holds(struct solver_search *search, uint32_t level);

/* The best plan, and what is proven of it (lexicographically, solver.h); *borrowed*. */
const struct solver_solution *solver_search_best(const struct solver_search *search);
const uint32_t *solver_search_lower_bound(const struct solver_search *search);

/* After a search that found nothing: whether that proves that there is nothing. */
bool solver_search_proven(const struct solver_search *search);

/* Whether only greedy fills were needed; and the steps of everything so far. */
bool solver_search_greedy(const struct solver_search *search);
uint64_t solver_search_steps(const struct solver_search *search);

/* Fills a place with as many pods as it takes, of several roles greedily; for the words of a
 * refusal. */
void solver_search_try(struct solver_search *search, struct solver_candidate place,
                       struct solver_solution *solution);

#endif
