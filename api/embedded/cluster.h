// SPDX-License-Identifier: Apache-2.0
#ifndef API_EMBEDDED_CLUSTER_H
#define API_EMBEDDED_CLUSTER_H

#include <jansson.h>

#include "api/kube/objects/batch.h"
#include "scheduler/effects.h"
#include "topology/base/err.h"

/* A cluster in memory, in place of the API server: what `phalanx serve --snapshot` and `phalanx
 * plan` work on. It keeps nodes, pods and pod groups as the JSON they came as, and turns every
 * change into the events a watch would have brought.
 *
 * A snapshot is what `kubectl get nodes,pods,podgroups -A -o json` (or yaml) prints: a v1 List, or
 * several documents, or both. Kueue's Topology and Volcano's HyperNode are kept aside, for whoever
 * wants to import them, and so are Jobs, PriorityClasses, RuntimeClasses and LimitRanges; they make
 * no events. ResourceSlices go into the batch as they are, and are not kept. Other kinds are
 * counted and skipped. It plays its part honestly: a Binding for a pod that is bound elsewhere is
 * refused, one for another uid is gone.
 */

#define CLUSTER_OBJECTS_MAX 1000000u
#define CLUSTER_EVENTS_MAX  1000u

struct cluster;

struct cluster *cluster_create(void);
void cluster_destroy(struct cluster *cluster);

/* Creates or replaces one object (Node, Pod, scheduling.x-k8s.io PodGroup; a List is applied item
 * by item, up to the first that fails). Appends its events. *Skipped (may be NULL) is increased for
 * kinds it does not keep. The cluster keeps a reference: the caller must not change `object`
 * afterwards.
 *
 * An object without metadata.uid gets that of the one it replaces, else one made from its kind and
 * name (and from how often one of that name was deleted before); one without metadata.namespace is
 * in "default". A pod with another uid than the one of its name is another pod: the old one is
 * gone. */
int cluster_apply(struct cluster *cluster, json_t *object, struct kube_batch *batch,
                  size_t *skipped, struct err *err);

/* Loads a file ("-" = standard input), all documents, and appends EVENT_SYNCED last. */
int cluster_load(struct cluster *cluster, const char *path, struct kube_batch *batch,
                 struct err *err);

/* Deletes; -1 when there is no such object. kind: "Node", "Pod", "PodGroup". */
int cluster_delete(struct cluster *cluster, const char *kind, const char *name_space,
                   const char *name, struct kube_batch *batch, struct err *err);

/* *Borrowed* JSON, or NULL. */
const json_t *cluster_get(const struct cluster *cluster, const char *kind, const char *name_space,
                          const char *name);

/* *Borrowed* array of the Topology and HyperNode objects, in the order they came. */
const json_t *cluster_topologies(const struct cluster *cluster);

/* *Borrowed* array of the objects of a kind that is kept without events, in the order they came:
 * "Job", "LimitRange", "PriorityClass", "RuntimeClass". NULL when there are none. */
const json_t *cluster_kept(const struct cluster *cluster, const char *kind);

/* *New* v1 List of a kind in order of namespace, then name; name_space NULL = all. Kind "Event"
 * gives the events that cluster_submit() kept, oldest first. */
json_t *cluster_list(const struct cluster *cluster, const char *kind, const char *name_space);

/* Carries out EFFECT_POST_BINDING, EFFECT_NOMINATE, EFFECT_EXPLAIN and EFFECT_EVICT as the API
 * server would (see edit.h; an evicted pod is gone at once, nothing runs here) and appends the
 * outcome, where the engine wants one, and the pod's change as events; keeps EFFECT_EVENT in a
 * short list (the last CLUSTER_EVENTS_MAX). A pod that is gone, or has another uid by now, is
 * WRITE_GONE. */
void cluster_submit(struct cluster *cluster, const struct effect *effect, struct kube_batch *batch);

#endif
