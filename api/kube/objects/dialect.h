// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_OBJECTS_DIALECT_H
#define API_KUBE_OBJECTS_DIALECT_H

#include <jansson.h>
#include <stdbool.h>
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
 *   minimums  phalanx.dev/role-minimums: "master=1,worker=3"            of pods or the group; there
 *             spec.minTaskMember, spec.subGroups[].minMember          Volcano's and KAI's, too
 *   wants     phalanx.dev/elastic-preference: members or placement    of pods or the group
 *
 *   role      label jobset.sigs.k8s.io/replicatedjob-name             JobSet, TrainJob
 *             label training.kubeflow.org/replica-type                PyTorchJob, MPIJob, TFJob
 *             label training.kubeflow.org/job-role                    MPIJob v2beta1
 *             label volcano.sh/task-spec, ray.io/group
 *             label grove.io/podclique                                without its owners' names
 *             label kai.scheduler/subgroup-name
 *
 *   rank, and the replica that it counts in (each a label, or else an annotation)
 *
 *             rank                                       replica
 *             training.kubeflow.org/replica-index        training.kubeflow.org/job-name
 *             batch.kubernetes.io/job-completion-index   jobset.sigs.k8s.io/jobset-name, job-index
 *                                                        or job-global-index; restart-attempt
 *                                                        else batch.kubernetes.io/job-name
 *             leaderworkerset.sigs.k8s.io/worker-index   …/name, …/group-index
 *             grove.io/podclique-pod-index               app.kubernetes.io/part-of,
 *                                                        …/podcliqueset-replica-index,
 *                                                        …/podcliquescalinggroup-replica-index
 *             ray.io/replica-host-index                  ray.io/cluster,
 *                                                        …/worker-group-replica-index
 *             volcano.sh/task-index                      volcano.sh/job-name
 *             apps.kubernetes.io/pod-index               the StatefulSet's name
 *             kueue.x-k8s.io/pod-group-pod-index
 *             gang.scheduling.koordinator.sh/network-topology-index
 *
 *             less annotation kueue.x-k8s.io/pod-index-offset
 *
 *   run       label jobset.sigs.k8s.io/jobset-uid with                JobSet, whose Jobs are many;
 *                   jobset.sigs.k8s.io/restart-attempt                else the owner tells
 *
 * and where its role wants to be, from its own annotations, or the whole gang, from those of the
 * group. Levels are level names or node label keys.
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
 *   together   kueue.x-k8s.io/podset-group-name                        roles that share domains
 *
 * In each group the first that is there and not empty counts. Of slices whatever is there counts,
 * sense or nonsense, in the words of struct slice_object. kueue.x-k8s.io/
 * podset-unconstrained-topology means what no annotation means: no level must hold the gang, and it
 * still touches as few domains as can be. JobSet wants one Job per domain, too; here the key only
 * keeps other gangs out.
 *
 * Sources: scheduler-plugins pkg/coscheduling and apis/scheduling, training-operator v1 pkg/apis,
 * mpi-operator, grove operator/api, KubeRay, Volcano, Koordinator apis/extension,
 * k8s.io/api batch/v1, jobset api/jobset, LWS api, Kueue apis/kueue/v1beta2 and
 * keps/2724-topology-aware-scheduling, KAI docs.
 */

struct dialect_mark {
    const char *gang;     /* NULL: an ordinary pod; the rest then still says rank and role */
    int32_t gang_minimum; /* as pod_object.gang_minimum: 0 see the group object, -1 invalid */
    bool leader;          /* as pod_object.leader */
    const char *role;     /* NULL: none */
    int32_t rank;         /* -1: none */
    struct replica_object replica;
    struct placement_object placement;
    struct elastic_object elastic;
    const char *devices; /* phalanx.dev/devices: the GPUs a bound pod was given; NULL: none */
    const char *run;     /* phalanx.dev/run: the run it was committed in; NULL: none */
    const char *attempt; /* what says more of its run than its owner does; NULL: nothing */
    bool placed_here;    /* annotation phalanx.dev/gang: its binding was one of this gang */
};

/* Both are maps of strings, or NULL. Never fails: a mark that cannot be read counts as absent, save
 * for the quorum, where it counts as invalid. Strings are copied into the arena. */
void dialect_read(const json_t *labels, const json_t *annotations, struct arena *arena,
                  struct dialect_mark *mark);

/* The gang alone: *borrowed*, NULL: none. */
const char *dialect_gang(const json_t *labels);

/* Role, replica and rank alone, into a mark. Never fails. */
void dialect_rank(const json_t *labels, const json_t *annotations, struct arena *arena,
                  struct dialect_mark *mark);

/* Digits only, at most `limit`; -1 for anything else, and NULL. */
int32_t dialect_count(const char *text, int32_t limit);

/* What it needs of each role, and wants more of, alone; groups carry that, too. Never fails. */
void dialect_elastic(const json_t *annotations, struct arena *arena,
                     struct elastic_object *elastic);

/* The annotations of placement alone, which groups carry too. Never fails. */
void dialect_placement(const json_t *annotations, struct arena *arena,
                       struct placement_object *placement);

#endif
