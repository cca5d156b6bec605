// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_PINS_H
#define SCHEDULER_ENGINE_PINS_H

#include "scheduler/engine/attempt.h"

/* Members whose rules name the one node they may run on, as Kueue names it in a selector on the
 * hostname when it has decided by itself. There is nothing to choose for them: they get that node
 * if it has room, whatever their number, and the solver is told where they are. So a gang pinned
 * node by node does not need a role for each of its members.
 */

/* Gives members [first, first + count) their own nodes, from the first on: attempt->own[] says
 * which, and what they take is no longer free for the others. One whose node has no room stays
 * without, and is a role like any other: the solver finds that it does not fit. Beyond the first
 * few of these they are only `skipped`, since the gang does not fit anyway. */
void pins_place(struct attempt *attempt, uint32_t first, uint32_t count);

/* Whether the rules of the member name the one node it may run on, and leave nothing to solve. */
bool pins_may_place(const struct attempt *attempt, uint32_t member);

/* Whether the solver is to find a place for the member. */
static inline bool pins_leave(const struct attempt *attempt, uint32_t index)
{
    return attempt->own == NULL || attempt->own[index] == DOMAINS_NONE;
}

/* Takes all of that back. */
void pins_forget(struct attempt *attempt);

/* Of podsets that share a domain the solver is told where their members are: those placed now, one
 * that was placed, and only the placed ones again. */
void pins_collect(struct attempt *attempt);
void pins_note_placed(struct attempt *attempt, const struct pod *pod, uint32_t position);
void pins_leave_placed(struct attempt *attempt);

#endif
