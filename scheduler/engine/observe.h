// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_OBSERVE_H
#define SCHEDULER_ENGINE_OBSERVE_H

#include "scheduler/engine/state.h"

/* What the API server shows, into the books. */

void observe_node(struct engine *engine, const struct node_object *object);
void observe_node_gone(struct engine *engine, const char *name);
/* Only name, devices and device_resource count. */
void observe_devices(struct engine *engine, const struct node_object *object);

/* Takes in a pod, joins it to its gang; NULL when a limit refuses it. */
struct pod *observe_pod(struct engine *engine, const struct pod_object *object);
/* Takes in a member that only a call knows of: by its name and uid, refused as pod_unseen, in no
 * gang and without anything it asks for or says, until observe_watched_pod() takes it in. */
struct pod *observe_heard_of(struct engine *engine, const struct pod_object *object);
/* The same from the watch: the pod is no longer known from a call only. */
void observe_watched_pod(struct engine *engine, const struct pod_object *object);
void observe_pod_gone(struct engine *engine, struct pod *pod);

void observe_group(struct engine *engine, const struct group_object *object);
void observe_group_gone(struct engine *engine, const char *name_space, const char *name);

#endif
