// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_SOLVER_CANDIDATES_H
#define SCHEDULER_SOLVER_CANDIDATES_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/solver/space.h"

/* The places of one tree level that may hold a whole gang: domains, or single nodes at the host
 * level. A place counts only if it holds all pinned members, lies in one *known* domain of the
 * required level, and no capacity in it proves that the gang does not fit.
 */

/* So many are compared per level; with more, the tightest ones. */
#define SOLVER_CANDIDATES_MAX 64

struct solver_candidate {
    bool node;
    uint32_t index;    /* position of a node, else domain number */
    uint64_t leftover; /* pods that would still fit beside the gang, roles added up */
};

/* Pods of a role that fit into the place now. */
static inline uint64_t solver_candidate_fits(const struct solver_space *space,
                                             struct solver_candidate place, uint32_t role)
{
    return solver_space_place_fits(space, role, place.node, place.index);
}

/* Goes through the places of a level in position order:
 *   struct solver_walk walk = solver_walk_begin(required, level);
 *   while (solver_walk_next(&walk, space, &candidate)) …
 * `required` <= `level`, both tree levels; required 0 demands nothing. With `walk.any` set, places
 * that are too small are handed out too (their leftover is 0). Nothing may be placed in the space.
 */
struct solver_walk {
    uint32_t required;
    uint32_t level;
    bool any;
    uint32_t domain;   /* the next one to look at */
    uint32_t position; /* host level: the next one, up to */
    uint32_t end;
};

struct solver_walk solver_walk_begin(uint32_t required, uint32_t level);
bool solver_walk_next(struct solver_walk *walk, const struct solver_space *space,
                      struct solver_candidate *candidate);

/* Fills `kept` with the tightest places, tightest first, ties in position order. */
uint32_t solver_candidates_collect(const struct solver_space *space, uint32_t required,
                                   uint32_t level,
                                   struct solver_candidate kept[SOLVER_CANDIDATES_MAX]);

#endif
