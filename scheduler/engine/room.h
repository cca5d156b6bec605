// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_ROOM_H
#define SCHEDULER_ENGINE_ROOM_H

#include "scheduler/engine/attempt.h"

/* The room that an attempt may use: what the ledger says is free; with `afresh` what members that
 * are not bound hold, too; less what vetoes say (vetoes.h), and what members with a node of their
 * own take (pins.h). */

/* Of a member that is to be planned afresh: what it holds counts as free. */
void room_free_held(struct attempt *attempt, const struct pod *pod);

/* A pod of the shape takes room on the position, and gives it back. */
void room_take(struct attempt *attempt, uint32_t shape, uint32_t position);
void room_give_back(struct attempt *attempt, uint32_t shape, uint32_t position);

/* The capacity for a role of the attempt: the ledger's, or a copy that is the attempt's. */
const struct capacity *room_capacity(struct attempt *attempt, uint32_t role);

/* What is free on a position; *borrowed* until the next call. `context` is the attempt. */
const struct resources *room_free_at(const void *context, uint32_t position);

/* Drops the copies of capacities, before other roles are made. */
void room_forget(struct attempt *attempt);
void room_finish(struct attempt *attempt);

#endif
