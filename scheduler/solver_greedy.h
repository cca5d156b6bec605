// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_SOLVER_GREEDY_H
#define SCHEDULER_SOLVER_GREEDY_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/solver_candidates.h"
#include "scheduler/solver_space.h"

/* Fills one place with the whole gang, level by level from the top:
 *
 *   10 pods     block 14                 the place
 *                 rack a 6, b 5, c 3     racks: a and c do (the last one as tight as it can be)
 *                 4 2      5    2 1      nodes of a and c, all together: 4, 2, 2, 1 … and so on
 *
 * At each level the children of everything chosen one level above compete together: touched ones
 * cost nothing and stay in, beside them the fewest that suffice. Pods are dealt out only at the
 * nodes.
 *
 * A single role always succeeds where it fits. Several roles are placed one after the other, in a
 * few orders and tastes, which may fail although a plan exists. With one exception: a single pod
 * beside pods of one other role, which is the usual gang with a launcher, is decided exactly.
 */

/* What a fill came to; of an incomplete one only the last four fields count. */
struct solver_solution {
    bool complete;
    uint32_t used[SOLVER_TREE_MAX];
    struct solver_placement *placements; /* owned */
    size_t room;
    uint32_t count;
    uint64_t placed;     /* pods, until a role was short */
    uint32_t short_role; /* the role that was short */
    uint64_t short_fits; /* pods of it that fit */
};

void solver_solution_init(struct solver_solution *solution);
void solver_solution_finish(struct solver_solution *solution);

struct solver_greedy;

/* *New*; keeps the space (*borrowed*) and leaves it as it found it after every fill. */
struct solver_greedy *solver_greedy_create(struct solver_space *space);
void solver_greedy_destroy(struct solver_greedy *greedy);

/* Whether a fill that fails proves that the place cannot hold the gang. */
bool solver_greedy_exact(const struct solver_space *space);

/* Fills the place in a few ways; the best one replaces `best` if it is better, that is, touches
 * fewer domains, widest level first. A complete solution beats an incomplete one, and among those
 * the one with more pods placed counts; the first of equals stays. Returns true, and stops early,
 * when `best` is complete and its `used` equals `bound`. */
bool solver_greedy_fill(struct solver_greedy *greedy, struct solver_candidate place,
                        const uint32_t bound[SOLVER_TREE_MAX], struct solver_solution *best);

#endif
