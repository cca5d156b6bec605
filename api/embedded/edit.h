// SPDX-License-Identifier: Apache-2.0
#ifndef API_EMBEDDED_EDIT_H
#define API_EMBEDDED_EDIT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "scheduler/effects.h"
#include "topology/base/err.h"

/* What the API server does to a Pod's JSON when one of the engine's writes reaches it. The pod is
 * the right one already (name and uid); nothing here looks anything up.
 */

/* Annotations: why a pod's gang waits; on a bound member, its gang, its rank and its GPUs in the
 * plan. */
#define EDIT_WAITING "phalanx.dev/waiting"
#define EDIT_GANG    "phalanx.dev/gang"
#define EDIT_RANK    "phalanx.dev/rank"
#define EDIT_DEVICES "phalanx.dev/devices"
#define EDIT_RUN     "phalanx.dev/run"

/* POST …/pods/x/binding: sets spec.nodeName and the condition PodScheduled, merges the Binding's
 * annotations, clears the nomination. As pkg/registry/core/pod/storage/storage.go assignPod, it
 * refuses a pod that is bound elsewhere, being deleted or gated: -1 with the API server's words and
 * nothing changed. A pod that is on that node already stays as it is: 0. */
int edit_bind(json_t *pod, const struct pod_write *write, struct err *err);

/* PATCH …/pods/x/status: nominatedNodeName; NULL clears it. */
void edit_nominate(json_t *pod, const char *node);

/* PATCH …/pods/x: the annotation EDIT_WAITING; NULL removes it. */
void edit_explain(json_t *pod, const char *text);

/* *New* v1 Event of the effect, the `number`th of the cluster. */
json_t *edit_event(const struct event_effect *event, uint64_t number);

#endif
