// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_TIES_H
#define SCHEDULER_ENGINE_TIES_H

#include "scheduler/engine/attempt.h"

/* What members that get their places together require of each other, for the solver:
 *
 *   anti-affinity   kinds that all keep apart from each other   a limit of one per domain
 *                   a kind that keeps apart from others         two sets that stand apart
 *   affinity        a kind that selects itself                  one domain for all of it: its first
 *                                                               pod may go anywhere, where none
 *                                                               stands yet
 *                   a kind that selects others                  one domain for it and the smallest
 *                                                               role of these
 *
 * The solver speaks of levels of the tree. A topology key that is none is left to kube-scheduler,
 * which refuses the node then; ties_left() says so. A plan is compared with the values of the
 * labels themselves (misfits.h), for the tree may know less of them: two racks of one name in
 * different blocks are one domain to kube-scheduler.
 */

/* Works out, once per attempt, which kinds keep apart by which key. */
void ties_find(struct attempt *attempt);

/* Ties the roles just made. */
void ties_make(struct attempt *attempt);

/* Whether in a plan made without ties of affinity every member has whom it requires. */
bool ties_kept(const struct attempt *attempt, uint32_t first, uint32_t count,
               const struct solver_plan *plan);

/* The level by which the role keeps apart from members that get a place with it; 0: none. */
uint32_t ties_level(const struct attempt *attempt, uint32_t role);

/* Writes which required terms among the members of a gang are left to kube-scheduler, "" when none
 * are. Returns `text`. */
const char *ties_left(const struct engine *engine, const struct gang *gang, char *text,
                      size_t size);

#endif
