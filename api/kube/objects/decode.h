// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_OBJECTS_DECODE_H
#define API_KUBE_OBJECTS_DECODE_H

#include <jansson.h>

#include "scheduler/objects.h"
#include "topology/base/arena.h"
#include "topology/base/err.h"

/* Kubernetes objects (core/v1 Node and Pod, scheduling.x-k8s.io/v1alpha1 PodGroup) to the engine's
 * neutral ones. Everything kept is copied into `arena`; the json_t may go afterwards.
 *
 * `null` and absent are the same, as in Go. A member of the wrong type, a name that is missing, a
 * quantity that cannot be read or a count above the limits of the neutral structs is an error that
 * names the field and the value; `object` is then undefined. Unknown members are ignored.
 *
 * A pod takes its room whatever else is wrong with it, so of pods there is more to say: below.
 */

/* Where a gang's member is steered to, when status.nominatedNodeName must not be written. */
#define POD_STEERED_TO "phalanx.dev/node"

int node_decode(const json_t *json, struct arena *arena, struct node_object *object,
                struct err *err);

/* Effective requests follow k8s.io/component-helpers resource.PodRequests: the sum over containers,
 * restartable init containers included, at least the largest init step, or spec.resources where
 * given, plus overhead, plus one of "pods". Extended resources count by limits when no request is
 * given. The gang, rank and role come from the dialects in dialect.h. A pod that is not nominated
 * is nominated where the annotation POD_STEERED_TO says.
 *
 * -1: it is not even known who it is or where. 1, with `err`: it is, and `object` has what else
 * could be read, and rules that let it in nowhere. A list beyond a limit is no error: it is read up
 * to one more than that, so that the engine sees it. */
int pod_decode(const json_t *json, struct arena *arena, struct pod_object *object, struct err *err);

int group_decode(const json_t *json, struct arena *arena, struct group_object *object,
                 struct err *err);

#endif
