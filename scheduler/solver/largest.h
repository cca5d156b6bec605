// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_SOLVER_LARGEST_H
#define SCHEDULER_SOLVER_LARGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The fewest of many capacities that together reach a need: always the largest ones.
 *
 *   need 7, offered 1 3 2 0 3 2     kept 3 3 2     (two of them give only 6)
 *
 * Neither the greedy fill nor the lower bound wants a sorted list of all, which would be the cost
 * of a sort per decision in a large flat cluster. Offering n capacities of which m are kept costs
 * O(n + changes × log m), and memory for m.
 */

struct solver_item {
    uint64_t fits;
    uint32_t index;
};

struct solver_largest {
    struct solver_item *items; /* a heap, least item first; owned */
    size_t room;
    uint32_t count;
    uint64_t sum;
    uint64_t need;
};

/* Whether `a` goes before `b`: larger capacity, then lower index. Total as long as indices differ.
 */
static inline bool solver_item_before(struct solver_item a, struct solver_item b)
{
    return a.fits != b.fits ? a.fits > b.fits : a.index < b.index;
}

void solver_largest_init(struct solver_largest *largest);
void solver_largest_finish(struct solver_largest *largest);

/* Forgets what was offered; `need` >= 1. */
void solver_largest_start(struct solver_largest *largest, uint64_t need);

/* Offers one capacity; 0 is ignored. The sum of all offers must fit 64 bits. */
void solver_largest_offer(struct solver_largest *largest, uint32_t index, uint64_t fits);

/* Whether the offers reach the need. Then `count` is the fewest that do, `items[0]` the last of
 * them, and exactly the offers before it (solver_item_before()) are the others. */
bool solver_largest_enough(const struct solver_largest *largest);

#endif
