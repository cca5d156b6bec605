// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_SPREAD_H
#define SCHEDULER_ENGINE_SPREAD_H

#include "scheduler/engine/attempt.h"

/* Topology spread constraints (DoNotSchedule) over the gang's own pods: a role is cut into one role
 * for each domain, with so many pods as that domain is to have.
 *
 *   5 pods, maxSkew 1, racks a b c, one is in a     a 1 + 1, b 2, c 2
 *
 * kube-scheduler takes pods one by one, each where the domain then has at most maxSkew more than
 * the one with the fewest. Counts that differ by no more at the end can be reached in some order.
 *
 * Domains are those of a level of the tree that have a node which lets such pods in. Left to
 * kube-scheduler: labels that are no level, more domains than there are roles, and pods outside the
 * gang that the constraint selects as well.
 */

/* Cuts the roles just made. */
void spread_roles(struct attempt *attempt);

/* Whether the nth member of the role's shape is one of the role. Members go to the parts in turn,
 * as kube-scheduler, which tries them in order, has to take them. */
bool spread_part(const struct attempt *attempt, uint32_t role, uint32_t nth);

#endif
