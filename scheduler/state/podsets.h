// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_PODSETS_H
#define SCHEDULER_STATE_PODSETS_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/state/gang.h"

/* The podsets of a gang: members of one role, terminal ones aside, whose pod template says the same
 * of where they want to be. What a template asks for holds for its podset alone; what the group
 * object asks for holds for all of them.
 *
 *   members   driver, worker 0 … 7 [one rack], ps 0, ps 1
 *   podsets   { driver, ps } nothing is asked of either    { worker } in one rack
 *
 * Roles of which nothing is asked that counts by role are one podset, whatever they are called.
 */

#define PODSETS_MAX  SOLVER_PODSETS_MAX
#define PODSETS_NONE UINT32_MAX

struct podset {
    const struct pod *first; /* in rank order, which tells the role and the placement of all */
    uint32_t live;           /* not being deleted: only what they ask for is to be had */
};

/* How many there are; PODSETS_MAX + 1: more than PODSETS_MAX. The gang's `podsets` has them until
 * it changes, in the order of their first members. Counted once, then known. */
uint32_t podsets_count(struct gang *gang);

/* Which of them the member belongs to, or PODSETS_NONE; they have been counted. */
uint32_t podsets_find(const struct gang *gang, const struct pod *pod);

#endif
