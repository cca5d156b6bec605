// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_SOLVER_EFFORT_H
#define SCHEDULER_SOLVER_EFFORT_H

#include <stdbool.h>
#include <stdint.h>

/* The work of one solve, counted in steps, and how much of it is allowed.
 *
 *   reading  ▒▒▒▒▒│ fills ▒▒▒│ search of place 1 ▒▒▒▒▒▒▒▒│ place 2 ▒▒ …
 *                                                    limit ▲        budget ▲
 *
 * A step is about one look at one node, one domain or one point: some ten nanoseconds
 * (SOLVER_STEPS_PER_MS). Everything counts what it does, before or after it does it, so a limit is
 * overrun by what is under way and no more. Searches ask whether the limit is reached; what has to
 * be done anyway does not ask.
 *
 * A part of the work gets a share by a lower limit:
 *
 *   uint64_t limit = solver_effort_narrow(effort, solver_effort_left(effort) / 2);
 *   …
 *   effort->limit = limit;
 */

struct solver_effort {
    uint64_t steps; /* done */
    uint64_t limit; /* searches end when so many are done */
};

static inline void solver_effort_spend(struct solver_effort *effort, uint64_t steps)
{
    effort->steps += steps;
}

static inline bool solver_effort_over(const struct solver_effort *effort)
{
    return effort->steps >= effort->limit;
}

static inline uint64_t solver_effort_left(const struct solver_effort *effort)
{
    return effort->steps < effort->limit ? effort->limit - effort->steps : 0;
}

/* Lowers the limit to `share` steps from now, and returns what it was. */
static inline uint64_t solver_effort_narrow(struct solver_effort *effort, uint64_t share)
{
    uint64_t limit = effort->limit;
    if (share < solver_effort_left(effort)) {
        effort->limit = effort->steps + share;
    }
    return limit;
}

#endif
