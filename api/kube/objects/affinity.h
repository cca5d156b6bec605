// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_OBJECTS_AFFINITY_H
#define API_KUBE_OBJECTS_AFFINITY_H

#include "api/json/fields.h"
#include "scheduler/objects.h"
#include "topology/base/arena.h"

/* What a pod requires of other pods (struct affinity_object): the required terms of its podAffinity
 * and podAntiAffinity, and its labels, by which others select it.
 *
 *   namespaces           those listed and those that the namespaceSelector means; neither: its own
 *   namespaceSelector    {} means all. Labels of namespaces are not known, but for the one that
 *                        every namespace has, kubernetes.io/metadata.name
 *   matchLabelKeys       requirements with the pod's own values, as mismatchLabelKeys; keys that it
 *                        does not have are ignored
 *   no labelSelector     no pod is selected
 *
 * What cannot be known exactly is left to kube-scheduler, which refuses the node then, and said
 * (pod_object.affinity_left): a term of anti-affinity speaks of the namespaces that are known, one
 * of affinity that might be met elsewhere is none, and neither is one beyond a limit.
 *
 * One more thing is learned here: whether a term is a claim, too (claims.h). */
int affinity_read(const struct field *metadata, const struct field *spec, struct arena *arena,
                  struct pod_object *object, struct err *err);

/* What the pod claims of a node by the term, "a node without pods of namespace default with app=x";
 * false when it claims nothing: it speaks of another key, or does not select the pod itself, or is
 * too long to be written. */
bool affinity_claim(const struct pod_object *object, const char *name_space,
                    const struct affinity_object *term, char *text, size_t size);

#endif
