// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_SOLVER_SPACE_H
#define SCHEDULER_SOLVER_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/solver/effort.h"
#include "scheduler/solver/solver.h"

/* The room a problem leaves, and what a trial has taken of it so far.
 *
 *   demand 0 … roles-1   the roles of the problem
 *   demand roles …       only with two or more roles: what all pods need together (sums.h). What
 *                        does not fit by a sum does not fit; it proves what single roles cannot,
 *                        because they compete; then what roles that share a limit need
 *                        together (sets.h)
 *
 * A trial places pods one node at a time and is taken back as a whole. Placing touches the node and
 * all domains above it; with several roles it also lowers what still fits there, the sums excepted.
 * Pinned members count as touched from the start and for ever.
 */

struct solver_space;

/* Pods of one role on one node. */
struct solver_placement {
    uint32_t role;
    uint32_t position;
    uint32_t count;
};

/* *New*; keeps both (*borrowed*). O(domains × demands + positions), with several roles
 * O((domains + positions) × demands). Whoever works on the space counts it in `effort`. */
struct solver_space *solver_space_create(const struct solver_problem *problem,
                                         struct solver_effort *effort);
void solver_space_destroy(struct solver_space *space);

struct solver_effort *solver_space_effort(const struct solver_space *space); /* *borrowed* */

const struct domains *solver_space_domains(const struct solver_space *space); /* *borrowed* */
uint32_t solver_space_host(const struct solver_space *space);                 /* tree level */
uint32_t solver_space_roles(const struct solver_space *space);
const struct solver_role *solver_space_role(const struct solver_space *space, uint32_t role);
uint32_t solver_space_demands(const struct solver_space *space); /* roles, and the sums */
uint64_t solver_space_wanted(const struct solver_space *space, uint32_t demand);

/* Pods of the demand that fit now, excluded positions left out; each demand taken alone. Slices
 * round down: what a domain of a layer holds is its started pods and whole slices beside them. The
 * fits of a domain are the sum of those of its children, rounded down where it is of a layer, cut
 * where it is limited (room.h). */
uint64_t solver_space_domain_fits(const struct solver_space *space, uint32_t demand,
                                  uint32_t domain);
uint32_t solver_space_node_fits(const struct solver_space *space, uint32_t demand,
                                uint32_t position);

/* Pods of a role that fit into a node or domain now when nothing around it is used: less than the
 * node or domain has room for where a wider level is limited. */
uint64_t solver_space_place_fits(const struct solver_space *space, uint32_t role, bool node,
                                 uint32_t index);

/* What a domain may hold of `raw` pods of a role: whole slices, within limits. */
uint64_t solver_space_round(const struct solver_space *space, uint32_t role, uint32_t domain,
                            uint64_t raw);

/* Whether domains of the level are places of their own for the role: it comes in slices there, or
 * is limited. */
bool solver_space_deals(const struct solver_space *space, uint32_t role, uint32_t level);

/* Levels at which limits may cut what a domain holds of the demand, as bits. */
uint32_t solver_space_limited(const struct solver_space *space, uint32_t demand);

/* Those of the problem; *borrowed*. */
const struct solver_apart *solver_space_aparts(const struct solver_space *space, uint32_t *count);

/* Whether all started slices of the role can be completed beside what is placed. */
bool solver_space_can_finish(const struct solver_space *space, uint32_t role);

/* The first started slice that cannot be completed where it is, or NULL: with one, nothing passes.
 * Sets the role and how many pods of it would fit there. */
const struct solver_started *solver_space_impossible(const struct solver_space *space,
                                                     uint32_t *role, uint64_t *room);

/* Whether everything may fit: false is a proof that it does not. Where solver_space_exact() holds,
 * and for a node always, true is a proof that it does. For a space nothing was placed in. */
bool solver_space_domain_passes(const struct solver_space *space, uint32_t domain);
bool solver_space_node_passes(const struct solver_space *space, uint32_t position);

/* Whether numbers alone decide what fits: of one role, and of a single pod beside pods of one other
 * role without slices and limits. */
bool solver_space_exact(const struct solver_space *space);

/* Whether positions [first, end) hold all pinned members; true when there are none. */
bool solver_space_holds_pinned(const struct solver_space *space, uint32_t first, uint32_t end);

bool solver_space_domain_touched(const struct solver_space *space, uint32_t domain);
bool solver_space_node_touched(const struct solver_space *space, uint32_t position);
uint32_t solver_space_used(const struct solver_space *space, uint32_t level); /* touched ones */

/* Puts `count` >= 1 pods of a role on a node, at most as many as fit. */
void solver_space_place(struct solver_space *space, uint32_t role, uint32_t position,
                        uint32_t count);

/* What was placed so far, in that order; *borrowed* until the next place or undo. */
const struct solver_placement *solver_space_placements(const struct solver_space *space,
                                                       uint32_t *count);

/* Takes everything placed back. */
void solver_space_undo(struct solver_space *space);

#endif
