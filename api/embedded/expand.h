// SPDX-License-Identifier: Apache-2.0
#ifndef API_EMBEDDED_EXPAND_H
#define API_EMBEDDED_EXPAND_H

#include <jansson.h>

#include "topology/base/err.h"

/* What a manifest turns into once its controllers have seen it: Pods, and the PodGroups they belong
 * to. For the what-if, which asks about a job that nobody has applied yet.
 *
 *   Pod, scheduling.x-k8s.io PodGroup   as they are
 *   batch/v1 Job                        `parallelism` pods (at most `completions`), with the labels
 *                                       of the Job controller and, when Indexed, their completion
 *                                       index
 *   jobset.x-k8s.io/v1alpha2 JobSet     <jobset>-<replicated job>-<job>-<index>, with labels and
 *                                       annotations of jobset.sigs.k8s.io (but for the uid; the
 *                                       job key is the Job's name). Phases (dependsOn,
 *                                       startupPolicy) count as begun: one asks about the whole.
 *                                       With exclusive-topology a Job's first pod gets the affinity
 *                                       of JobSet's webhook and the others are `withheld`: they are
 *                                       admitted once it is scheduled. With the node-selector
 *                                       strategy all get its selector and toleration instead
 *   kubeflow.org/v1 PyTorchJob          <job>-master-0, <job>-worker-0 …, with
 *                                       training.kubeflow.org labels. When no template names a
 *                                       gang, a PodGroup of the job's name is made, as the training
 *                                       operator does with gang scheduling on: minMember is
 *                                       runPolicy.schedulingPolicy.minAvailable or all replicas,
 *                                       annotations are the job's
 *   List                                item by item
 *   a kind that holds no pods           left out (Service, ConfigMap, …), and named in `unused`
 *   PriorityClass, RuntimeClass, LimitRange   `rules`: what admission goes by
 *   any other kind that holds pods      an error that names it
 *
 * Pods are named <owner>-<index> where the controllers add random letters, and an object with
 * generateName gets new1, new2 … behind it, which is nothing that the API server would choose: the
 * same manifest gives the same pods. A suspended job is expanded as if it were resumed, for that is
 * what one asks about.
 */

#define EXPAND_PODS_MAX 100000

struct expanded {
    json_t *objects;  /* groups and pods in the manifest's order */
    json_t *withheld; /* pods that are created only once others run: see the JobSet */
    json_t *rules;    /* PriorityClasses, RuntimeClasses and LimitRanges of the manifest */
    json_t *unused;   /* "Service default/web" of every object that is left out */
};

/* `documents`: array of objects. `name_space`: for objects without one. Nothing of what comes out
 * is shared with `documents`; after a failure there is nothing to finish. */
int expand_manifest(const json_t *documents, const char *name_space, struct expanded *expanded,
                    struct err *err);
void expanded_finish(struct expanded *expanded);

#endif
