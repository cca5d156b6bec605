// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_OBJECTS_DIALECT_H
#define API_KUBE_OBJECTS_DIALECT_H

#include <jansson.h>
#include <stdint.h>

#include "scheduler/objects.h"
#include "topology/base/arena.h"

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
 *
 * and where the gang wants to be, from the annotations of a pod or of its group. Levels are level
 * names or node label keys.
 *
 *   required   phalanx.dev/required-topology
 *              kueue.x-k8s.io/podset-required-topology
 *              kai.scheduler/topology-required-placement
 *   preferred  phalanx.dev/preferred-topology
 *              kueue.x-k8s.io/podset-preferred-topology
 *              kai.scheduler/topology-preferred-placement
 *   exclusive  phalanx.dev/exclusive-topology
 *              alpha.jobset.sigs.k8s.io/exclusive-topology             JobSet
 *   slices     phalanx.dev/slices: "block=8,rack=4"                    up to three layers
 *              phalanx.dev/slice-topology with phalanx.dev/slice-size  one layer
 *              kueue.x-k8s.io/podset-slice-required-topology-constraints
 *                  [{"topology":"block","size":8},{"topology":"rack","size":4}]
 *              kueue.x-k8s.io/podset-slice-required-topology with podset-slice-size
 *   devices    phalanx.dev/device-topology: required or preferred
 *
 * In each group the first that is there and not empty counts. Of slices whatever is there counts,
 * sense or nonsense, in the words of struct slice_object. kueue.x-k8s.io/
 * podset-unconstrained-topology means what no annotation means: no level must hold the gang, and it
 * still touches as few domains as can be. JobSet wants one Job per domain, too; here the key only
 * keeps other gangs out.
 *
 * Sources: scheduler-plugins pkg/coscheduling and apis/scheduling, training-operator v1 pkg/apis,
 * k8s.io/api batch/v1, jobset api/jobset, LWS api, Kueue apis/kueue/v1beta2 and
 * keps/2724-topology-aware-scheduling, KAI docs.
 */

struct dialect_mark {
    const char *gang;     /* NULL: an ordinary pod; the rest then still says rank and role */
    int32_t gang_minimum; /* as pod_object.gang_minimum: 0 see the group object, -1 invalid */
    const char *role;     /* NULL: none */
    int32_t rank;         /* -1: none */
    struct placement_object placement;
    const char *devices; /* phalanx.dev/devices: the GPUs a bound pod was given; NULL: none */
};

/* Both are maps of strings, or NULL. Never fails: a mark that cannot be read counts as absent, save
 * for the quorum, where it counts as invalid. Strings are copied into the arena. */
void dialect_read(const json_t *labels, const json_t *annotations, struct arena *arena,
                  struct dialect_mark *mark);

/* The annotations of placement alone, which groups carry too. Never fails. */
void dialect_placement(const json_t *annotations, struct arena *arena,
                       struct placement_object *placement);

#endif
