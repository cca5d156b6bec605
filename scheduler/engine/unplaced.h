// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_UNPLACED_H
#define SCHEDULER_ENGINE_UNPLACED_H

#include "scheduler/engine/state.h"

/* Members without a place in a gang whose others have one: why, for each shape of theirs. */

/* Finds out anew, for the view; the tree is current. Nothing for a gang that waits as a whole, or
 * is about to be planned: its reason says it. Costs a solve for each of a few shapes. */
void unplaced_explain(struct engine *engine, struct gang *gang);

/* "; 5 more have no place: w-3, w-4, w-5, …", or "": of a gang that has just been planned. */
const char *unplaced_names(const struct gang *gang, char *text, size_t size);

#endif
