// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_SOLVER_FILL_H
#define SCHEDULER_SOLVER_FILL_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/solver/candidates.h"
#include "scheduler/solver/space.h"

/* Fills one place with pods of one role, level by level from the top:
 *
 *   9 pods      block 14                 the place
 *                 rack a 6, b 5, c 3     racks: a and c do (the last one as tight as it can be)
 *                 4 2      5    2 1      nodes of a and c, all together: 4, 2, 2, 1 … and so on
 *
 * At each level the children of everything chosen one level above compete together: touched ones
 * cost nothing and stay in, beside them the fewest that suffice. Pods are dealt out at the nodes
 * and, for a role with slices or limits, at the levels of these: from there down each domain is a
 * place of its own with a multiple of the layer's size, or no more than the limit, to take.
 */

struct solver_fill;

/* Which child takes what is left over after the largest ones were filled. The larger it is, the
 * more there is to choose from one level below, and the more is left for the roles that come later.
 */
enum solver_rule {
    SOLVER_BEST_FIT,          /* the tightest one */
    SOLVER_WORST_FIT_DOMAINS, /* the largest domain, the tightest node */
    SOLVER_WORST_FIT,         /* the largest one */
};

/* *New*; keeps the space (*borrowed*). */
struct solver_fill *solver_fill_create(struct solver_space *space);
void solver_fill_destroy(struct solver_fill *fill);

/* Places as many pods of the role as fit into the place, at most those wanted; returns how many:
 * none when a started slice cannot be completed. */
uint64_t solver_fill_role(struct solver_fill *fill, struct solver_candidate place, uint32_t role,
                          enum solver_rule rule);

/* The same for a choice made already: of the tree levels below the place, down to `level`, a domain
 * (node, at the host level) takes at most most[index] pods. That must suffice. `most` has an entry
 * for every domain, and behind them one for every position. */
uint64_t solver_fill_limited(struct solver_fill *fill, struct solver_candidate place, uint32_t role,
                             const uint32_t *most, uint32_t level);

#endif
