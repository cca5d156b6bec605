// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_SOLVER_SEVERAL_H
#define SCHEDULER_SOLVER_SEVERAL_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/solver/fill.h"
#include "scheduler/solver/greedy.h"
#include "scheduler/solver/solution.h"
#include "scheduler/solver/space.h"

/* The search for a plan of several roles, which compete, so that no numbers say where they fit:
 *
 *   1  fill      from the lowest level up, some places of each level greedily, until there is a
 *                plan
 *   2  search    the levels below that one (without a plan: all) from the lowest up, place by
 *                place, for any plan
 *   3  improve   the places of the level found, best lower bound first, for a better one
 *
 * 1 comes first because it is cheap: with a plan in hand the rest may end at any time. 2 and 3 give
 * every place a small share of what effort is left, then, as long as some is, larger ones.
 */

struct solver_several;

/* *New*; keeps all (*borrowed*). The space must have two or more roles. */
struct solver_several *solver_several_create(const struct solver_problem *problem,
                                             struct solver_space *space, struct solver_fill *fill,
                                             struct solver_greedy *greedy);
void solver_several_destroy(struct solver_several *several);

/* Puts the best plan it finds into `best`, which is empty, and what is proven of it into
 * `lower_bound`; false: found none. Nothing may be placed in the space. */
bool solver_several_search(struct solver_several *several, uint32_t required,
                           struct solver_solution *best, uint32_t lower_bound[SOLVER_TREE_MAX]);

/* After a search that found nothing: whether that proves that there is nothing. */
bool solver_several_proven(const struct solver_several *several);

/* Whether it took more than fills. */
bool solver_several_searched(const struct solver_several *several);

#endif
