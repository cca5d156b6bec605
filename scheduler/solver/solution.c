// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/solution.h"

#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"

/* The best trial so far. Trials live in the space; this is the only place that copies one out of
 * it.
 *
 * Invariant: `placements` has room for `room` entries whatever `count` is, so that a search that
 * improves a hundred times allocates a few times.
 */

void solver_solution_init(struct solver_solution *solution)
{
    *solution = (struct solver_solution){.complete = false};
}

void solver_solution_finish(struct solver_solution *solution)
{
    free(solution->placements);
    solver_solution_init(solution);
}

static bool is_better(const struct solver_solution *a, const struct solver_solution *b,
                      uint32_t host)
{
    if (a->complete != b->complete) {
        return a->complete;
    }
    return a->complete ? solver_used_below(a->used, b->used, host) : a->placed > b->placed;
}

static void keep(struct solver_solution *best, const struct solver_space *space,
                 const struct solver_solution *trial)
{
    uint32_t count = 0;
    const struct solver_placement *placements = solver_space_placements(space, &count);
    struct solver_solution kept = *trial;
    kept.room = best->room;
    kept.placements = alloc_grow(best->placements, &kept.room, count, sizeof *kept.placements);
    kept.count = count;
    if (count > 0) {
        memcpy(kept.placements, placements, count * sizeof *kept.placements);
    }
    *best = kept;
}

void solver_solution_offer(struct solver_solution *best, struct solver_space *space,
                           const struct solver_solution *trial)
{
    uint32_t host = solver_space_host(space);
    struct solver_solution solution = *trial;
    for (uint32_t l = 0; l <= host; l++) {
        solution.used[l] = solver_space_used(space, l);
    }
    if (is_better(&solution, best, host)) {
        keep(best, space, &solution);
    }
    solver_space_undo(space);
}
