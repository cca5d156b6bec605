// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_CALLS_H
#define SCHEDULER_ENGINE_CALLS_H

#include "scheduler/engine/state.h"

/* kube-scheduler's calls, and the outcomes of bindings.
 *
 * A filter call has three parts, between which apply.c runs to the fixpoint: its pod may complete a
 * gang, and what it says of its node may be a veto.
 */

/* The pod of a call; of one the watch has not shown yet, what may be believed is taken in. NULL:
 * not known, or this process does not lead. */
struct pod *calls_pod(struct engine *engine, const struct call_pod *call);
/* The member's planned node is not in the list. When that says something the member is planned
 * again, and the answer is true. */
bool calls_refused(struct engine *engine, const struct filter_event *call, struct pod *pod);
void calls_filter(struct engine *engine, const struct filter_event *call, struct pod *pod);

void calls_prioritize(struct engine *engine, const struct filter_event *call);
void calls_preempt(struct engine *engine, const struct preempt_event *call);
void calls_bind(struct engine *engine, const struct bind_event *call);
void calls_give_up(struct engine *engine, uint64_t ticket);
void calls_binding_done(struct engine *engine, const struct write_done_event *done);

#endif
