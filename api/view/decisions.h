// SPDX-License-Identifier: Apache-2.0
#ifndef API_VIEW_DECISIONS_H
#define API_VIEW_DECISIONS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "scheduler/effects.h"
#include "scheduler/event.h"

/* The last decisions, in memory, for `GET /api/v1/decisions`: how gangs moved, what people were
 * told, and which calls were refused. The journal has everything; this is what one wants to see
 * without having asked for a journal beforehand.
 *
 * A refusal that says the same as one of the last DECISIONS_NEAR decisions is counted there:
 * kube-scheduler asks for every pod of a waiting gang, again and again.
 */

#define DECISIONS_KEPT 512
#define DECISIONS_NEAR 32

struct decisions;

struct decisions *decisions_create(void);
void decisions_destroy(struct decisions *decisions);

/* What followed from an event. `wall` is the time in milliseconds since 1970. */
void decisions_note(struct decisions *decisions, int64_t wall, const struct event *event,
                    const struct effects *effects);

/* *New* array of the last ones, newest first, at most `limit`:
 *
 *   {"time": "2026-11-21T11:57:45.904Z", "type": "transition", "gang": "default/train",
 *    "from": "Waiting", "to": "Held", "reason": "…", "waitedMs": 12}
 *   {"time": "…", "type": "event", "kind": "PodGroup", "object": "default/train",
 *    "warning": false, "event": "GangPlanned", "reason": "…"}
 *   {"time": "…", "type": "refusal", "call": "filter", "uid": "…", "reason": "…", "count": 3}
 *
 * The uid of a refusal is that of the pod that was refused last, null when it is not known; its
 * time is that of the last one too. A waitedMs of -1 makes no sense. */
json_t *decisions_json(const struct decisions *decisions, size_t limit);

#endif
