// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_DIALECT_H
#define API_KUBE_DIALECT_H

#include <jansson.h>
#include <stdint.h>

#include "topology/arena.h"

/* Which gang a pod belongs to, and its place in it, from the marks that people and controllers put
 * on pods.
 *
 *   gang      label scheduling.x-k8s.io/pod-group                     quorum in the PodGroup
 *             label pod-group.scheduling.sigs.k8s.io                  the same, older
 *             label pod-group.scheduling.sigs.k8s.io/name             lightweight: quorum in
 *                   pod-group.scheduling.sigs.k8s.io/min-available    this label of the pod
 *   role      label jobset.sigs.k8s.io/replicatedjob-name             JobSet, TrainJob
 *             label training.kubeflow.org/replica-type                PyTorchJob, MPIJob, TFJob
 *   rank      label training.kubeflow.org/replica-index
 *             label or annotation batch.kubernetes.io/job-completion-index      Indexed Job
 *             label leaderworkerset.sigs.k8s.io/worker-index
 *             label apps.kubernetes.io/pod-index                      StatefulSet
 *   levels    annotation phalanx.dev/required-topology
 *             annotation phalanx.dev/preferred-topology               level name or node label key
 *
 * In each group the first that is there and not empty counts. Sources: scheduler-plugins
 * pkg/coscheduling and apis/scheduling, training-operator v1 pkg/apis, k8s.io/api batch/v1, jobset
 * api/jobset, LWS api.
 */

struct dialect_mark {
    const char *gang;           /* NULL: an ordinary pod; the rest then still says rank and role */
    int32_t gang_minimum;       /* as pod_object.gang_minimum: 0 see the group object, -1 invalid */
    const char *role;           /* NULL: none */
    int32_t rank;               /* -1: none */
    const char *required_level; /* NULL: none */
    const char *preferred_level; /* NULL: none */
};

/* Both are maps of strings, or NULL. Never fails: a mark that cannot be read counts as absent, save
 * for the quorum, where it counts as invalid. Strings are copied into the arena. */
void dialect_read(const json_t *labels, const json_t *annotations, struct arena *arena,
                  struct dialect_mark *mark);

/* The two level annotations alone, which groups carry too. */
void dialect_levels(const json_t *annotations, struct arena *arena, const char **required,
                    const char **preferred);

#endif
