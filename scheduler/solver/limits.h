// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_SOLVER_LIMITS_H
#define SCHEDULER_SOLVER_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/solver/effort.h"
#include "scheduler/solver/solver.h"

/* The limits and exclusions of a problem (solver.h says what they are), and what a trial has used
 * up of them. `index` is a domain number, or a position at the host level.
 *
 *   at most 2 of a rack        rack a  rack b  rack c
 *   pinned                        1       3       .
 *   left                          1       0       2       and less with every pod put there
 *
 * Every function takes NULL for a problem without any.
 */

#define SOLVER_LIMITS_NONE UINT32_MAX /* as many as like */

struct solver_limits;

/* What the roles may still put somewhere was changed there. */
struct solver_limits_change {
    uint32_t level;
    uint32_t index;
    uint32_t roles; /* bit per role */
};

/* *New*, or NULL: none are given. Keeps the problem (*borrowed*). O(limits × places), which is
 * counted in `effort`. */
struct solver_limits *solver_limits_create(const struct solver_problem *problem,
                                           struct solver_effort *effort);
void solver_limits_destroy(struct solver_limits *limits);

/* Levels at which the role is limited, as bits. */
uint32_t solver_limits_levels(const struct solver_limits *limits, uint32_t role);

/* Pods of the role that the limits of this level still let in, or SOLVER_LIMITS_NONE. */
uint32_t solver_limits_most(const struct solver_limits *limits, uint32_t role, uint32_t level,
                            uint32_t index);

/* The same of one limit, for its whole set. */
uint32_t solver_limits_left(const struct solver_limits *limits, uint32_t limit, uint32_t index);

/* The least of all levels around a position. */
uint32_t solver_limits_room(const struct solver_limits *limits, uint32_t role, uint32_t position);

/* Whether an exclusion keeps the roles of the problem from being all in the domain of this level
 * around the position, or in that node. */
bool solver_limits_split(const struct solver_limits *limits, uint32_t level, uint32_t position);

/* Whether two positions of one lowest domain are alike, now and for all that may follow. */
bool solver_limits_alike(const struct solver_limits *limits, uint32_t a, uint32_t b);

/* Counts pods that were put on a node or, negative, taken away. */
void solver_limits_count(struct solver_limits *limits, uint32_t role, uint32_t position,
                         int32_t count);

/* What one count of the role at the position changes, at most SOLVER_LIMITS_CHANGES_MAX of it. */
#define SOLVER_LIMITS_CHANGES_MAX (SOLVER_LIMITS_MAX + SOLVER_APARTS_MAX)
uint32_t solver_limits_changes(const struct solver_limits *limits, uint32_t role, uint32_t position,
                               struct solver_limits_change changes[SOLVER_LIMITS_CHANGES_MAX]);

/* The limits and exclusions of one role alone, which is role 0 of its own problem. */
struct solver_limits_alone {
    struct solver_limit limits[SOLVER_LIMITS_MAX];
    struct solver_apart aparts[SOLVER_APARTS_MAX];
};

/* Sets those of `alone`, a problem of only this role of `problem`; *borrows* both. */
void solver_limits_alone(const struct solver_problem *problem, uint32_t role,
                         struct solver_limits_alone *store, struct solver_problem *alone);

#endif
