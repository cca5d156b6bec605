// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_SOLVER_SOLUTION_H
#define SCHEDULER_SOLVER_SOLUTION_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/solver/space.h"

/* What a search came to: the placements of one trial, kept while others are tried. */
struct solver_solution {
    bool complete;
    uint32_t used[SOLVER_TREE_MAX];
    struct solver_placement *placements; /* owned */
    size_t room;
    uint32_t count;
    /* Of an incomplete one only these three count. */
    uint64_t placed;     /* pods, until a role was short */
    uint32_t short_role; /* the role that was short */
    uint64_t short_fits; /* pods of it that fit */
};

void solver_solution_init(struct solver_solution *solution);
void solver_solution_finish(struct solver_solution *solution);

/* Whether vector `a` is below `b` in the levels 0 … host, widest level first. */
static inline bool solver_used_below(const uint32_t *a, const uint32_t *b, uint32_t host)
{
    for (uint32_t l = 0; l <= host; l++) {
        if (a[l] != b[l]) {
            return a[l] < b[l];
        }
    }
    return false;
}

/* Takes the trial out of the space, which is left as it was before, and keeps it in `best` if it is
 * better: complete beats incomplete, then the lower `used` counts, or the more pods placed; the
 * first of equals stays. `trial` says how it ended; its placements are the space's. */
void solver_solution_offer(struct solver_solution *best, struct solver_space *space,
                           const struct solver_solution *trial);

#endif
