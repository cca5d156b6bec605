// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_DEADLINES_H
#define SCHEDULER_STATE_DEADLINES_H

#include <stdint.h>

#include "scheduler/state/pod.h"
#include "scheduler/state/timers.h"

/* Until when pods are believed in: the part of the pod table (pods.h) that time changes.
 *
 *   unconfirmed   bindings without an answer: what nobody has seen by then did not happen
 *   unseen        pods known from a call only: what no watch has shown by then is forgotten
 */

/* Embedded. */
struct deadlines {
    struct timers unconfirmed;
    struct timers unseen;
};

void deadlines_init(struct deadlines *deadlines);
void deadlines_finish(struct deadlines *deadlines);

/* When the first falls due; INT64_MAX for never. */
int64_t deadlines_next(const struct deadlines *deadlines);
/* The owners of the timers of one kind that are due at `now`, in order of arrival; *new*. */
struct pod **deadlines_take(struct timers *timers, int64_t now, uint32_t *count);
/* As pods_prolong(). */
void deadlines_prolong(struct deadlines *deadlines, int64_t unconfirmed, int64_t unseen,
                       int64_t unseen_bound);

#endif
