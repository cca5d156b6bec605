// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_SOLVER_POINTS_H
#define SCHEDULER_SOLVER_POINTS_H

#include <stdint.h>

#include "topology/base/arena.h"

/* What a part of the tree can do: ever more pods for ever more cost.
 *
 *   covered
 *     8 |            ×         A point that covers no more than a cheaper one is dominated and
 *     6 |        ×             dropped: whatever is completed from it is completed from the other
 *     4 |   ×        ∘         one at no more cost.
 *     0 ×─────────────────▶ cost
 *
 * Costs are counts of domains by level, packed into one word, widest level highest, so that they
 * add and compare as integers (exact.c lays the fields out).
 */
struct solver_point {
    uint64_t cost;
    int64_t value;    /* covered less cost, at the prices of prices.h */
    uint32_t covered; /* pods, at most those wanted */
    uint32_t before;  /* which point of the list it was made from, */
    uint32_t pick;    /* and which of the child; SOLVER_PICK_NONE: the child is left out */
};

#define SOLVER_PICK_NONE UINT32_MAX

/* Cost and covered both strictly ascending. */
struct solver_points {
    struct solver_point *items; /* of an arena */
    uint32_t count;
};

/* Collects points in any order, keeps the ones not dominated. */
struct solver_front;

/* *New*; for points that cover 0 … wanted pods. */
struct solver_front *solver_front_create(uint32_t wanted);
void solver_front_destroy(struct solver_front *front);

/* Offers one; of two with the same cost and cover the first stays. */
void solver_front_offer(struct solver_front *front, const struct solver_point *point);

/* Moves what is left into a list in `arena`, and starts afresh. */
struct solver_points solver_front_take(struct solver_front *front, struct arena *arena);

#endif
