// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_SOLVER_ROOM_H
#define SCHEDULER_SOLVER_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/solver/effort.h"
#include "scheduler/solver/limits.h"
#include "scheduler/solver/solver.h"

/* How many pods of each role every domain holds, each role taken alone: the sum over its nodes,
 * rounded down to whole slices and cut to what limits let in, level by level from below.
 *
 *   at most 6 in a rack, of slices of 4         block 8
 *                                               rack 4        rack 4      6 and 5 before slices
 *                                               6 3           1 2 2       9 before the limit
 */

struct solver_room;

/* *New*; keeps both (*borrowed*; limits may be NULL). O(domains), with slices, vetoes or limits
 * O(positions). */
struct solver_room *solver_room_create(const struct solver_problem *problem,
                                       const struct solver_limits *limits,
                                       struct solver_effort *effort);
void solver_room_destroy(struct solver_room *room);

/* Of a role by domain; *borrowed*, kept up to date. */
const uint64_t *solver_room_fits(const struct solver_room *room, uint32_t role);

/* Whether nodes neither take the role in slices nor limit it: one holds what its resources say. */
bool solver_room_plain(const struct solver_room *room, uint32_t role);

/* What a position holds, where `fits` pods of the role would find resources. */
uint32_t solver_room_cut(const struct solver_room *room, uint32_t role, uint32_t position,
                         uint32_t fits);

/* The same with nothing placed there, and the resources' word for it. */
uint32_t solver_room_node(const struct solver_room *room, uint32_t role, uint32_t position);

/* What a domain or position may hold of `raw` pods: whole slices, within the limits. */
uint64_t solver_room_round(const struct solver_room *room, uint32_t role, uint32_t level,
                           uint32_t index, uint64_t raw);

/* What is left of `fits` pods in a domain or position by the limits of wider levels, when no other
 * place inside those is used. */
uint64_t solver_room_within(const struct solver_room *room, uint32_t role, uint32_t level,
                            uint32_t index, uint64_t fits);

/* Whether domains of the level are places of their own for the role: it comes in slices there, or
 * is limited. */
bool solver_room_deals(const struct solver_room *room, uint32_t role, uint32_t level);

/* A position holds so many more (it wraps: or fewer) pods of the role. */
void solver_room_change(struct solver_room *room, uint32_t role, uint32_t position,
                        uint64_t change);

/* What limits let into a domain was changed. */
void solver_room_refresh(struct solver_room *room, uint32_t role, uint32_t domain);

/* Whether what the started slices of the role lack finds room; `node_fits` is asked for what a
 * position holds now. */
bool solver_room_can_finish(const struct solver_room *room, uint32_t role,
                            uint32_t (*node_fits)(const void *context, uint32_t role,
                                                  uint32_t position),
                            const void *context);

/* The first started slice that cannot be completed where it is, or NULL. Sets the role and how many
 * pods of it would fit there. */
const struct solver_started *solver_room_impossible(const struct solver_room *room, uint32_t *role,
                                                    uint64_t *fits);

#endif
