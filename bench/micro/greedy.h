// SPDX-License-Identifier: Apache-2.0
#ifndef BENCH_MICRO_GREEDY_H
#define BENCH_MICRO_GREEDY_H

#include <stdint.h>

#include "topology/graph/capacity.h"
#include "topology/graph/domains.h"

/* A plain greedy best fit, to compare the solver with: what schedulers do that have no exact one.
 *
 * The smallest domain that holds the gang, of the lowest level that has one. Inside it, from level
 * to level: one child if one holds what is left (the smallest that does), else children from the
 * largest on, the last one again the smallest that holds the rest. Nodes likewise. It reads the
 * same capacity view as the solver, knows nothing of slices, vetoes or bound members, and proves
 * nothing. */

struct greedy {
    const struct domains *domains;
    const struct capacity *capacity;
    uint32_t *positions; /* the plan, in no order; room for the gang, *borrowed* */
    uint32_t count;
    uint32_t used[LEVELS_MAX + 2]; /* domains touched at every tree level */
    struct greedy_child *children; /* a stack of candidates; owned */
    size_t top;
    size_t room;
};

void greedy_init(struct greedy *greedy, const struct domains *domains, uint32_t *positions);
void greedy_finish(struct greedy *greedy);
/* Returns how many pods were placed: `gang`, or 0 when the cluster does not hold it. */
uint32_t greedy_place(struct greedy *greedy, const struct capacity *capacity, uint32_t gang);

#endif
