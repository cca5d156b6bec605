// SPDX-License-Identifier: Apache-2.0
#include "api/kube/objects/dialect.h"

#include <stdio.h>
#include <string.h>

#include "test/unit/api/yaml/object.h"
#include "test/unit/check_main.h"

struct sample {
    const char *metadata; /* {labels, annotations} */
    const char *expected; /* gang minimum role rank, and of a replica: owner/index.index+attempt */
};

#define LIGHT "pod-group.scheduling.sigs.k8s.io"

static const struct sample SAMPLES[] = {
    {"{}", "- 0 - -1"},
    {"{labels: null, annotations: null}", "- 0 - -1"},
    {"{labels: {app: x}}", "- 0 - -1"},

    /* quorum in an object */
    {"{labels: {scheduling.x-k8s.io/pod-group: g}}", "g 0 - -1"},
    {"{labels: {pod-group.scheduling.sigs.k8s.io: old}}", "old 0 - -1"},
    {"{labels: {pod-group.scheduling.sigs.k8s.io: old, scheduling.x-k8s.io/pod-group: new}}",
     "new 0 - -1"},
    {"{labels: {scheduling.x-k8s.io/pod-group: ''}}", "- 0 - -1"},
    {"{labels: {scheduling.x-k8s.io/pod-group: null}}", "- 0 - -1"},
    {"{annotations: {scheduling.x-k8s.io/pod-group: g}}", "- 0 - -1"},

    /* quorum on the pod */
    {"{labels: {" LIGHT "/name: g, " LIGHT "/min-available: '4'}}", "g 4 - -1"},
    {"{labels: {" LIGHT "/name: g, " LIGHT "/min-available: '2147483647'}}", "g 2147483647 - -1"},
    {"{labels: {" LIGHT "/name: g}}", "g -1 - -1"},
    {"{labels: {" LIGHT "/name: g, " LIGHT "/min-available: ''}}", "g -1 - -1"},
    {"{labels: {" LIGHT "/name: g, " LIGHT "/min-available: '0'}}", "g -1 - -1"},
    {"{labels: {" LIGHT "/name: g, " LIGHT "/min-available: '-3'}}", "g -1 - -1"},
    {"{labels: {" LIGHT "/name: g, " LIGHT "/min-available: '2147483648'}}", "g -1 - -1"},
    {"{labels: {" LIGHT "/name: g, " LIGHT "/min-available: '99999999999999999999999'}}",
     "g -1 - -1"},
    {"{labels: {" LIGHT "/name: g, " LIGHT "/min-available: '4x'}}", "g -1 - -1"},
    {"{labels: {" LIGHT "/name: g, " LIGHT "/min-available: four}}", "g -1 - -1"},
    {"{labels: {" LIGHT "/name: g, " LIGHT "/min-available: 4}}", "g -1 - -1"},
    {"{labels: {" LIGHT "/min-available: '4'}}", "- 0 - -1"},
    /* an object beats the lightweight form */
    {"{labels: {" LIGHT "/name: g, " LIGHT "/min-available: '4',"
     " scheduling.x-k8s.io/pod-group: h}}",
     "h 0 - -1"},

    /* Indexed Job */
    {"{labels: {batch.kubernetes.io/job-completion-index: '3'}}", "- 0 - 3"},
    {"{annotations: {batch.kubernetes.io/job-completion-index: '5'}}", "- 0 - 5"},
    {"{labels: {batch.kubernetes.io/job-completion-index: x},"
     " annotations: {batch.kubernetes.io/job-completion-index: '0'}}",
     "- 0 - 0"},
    {"{labels: {batch.kubernetes.io/job-completion-index: '-1'}}", "- 0 - -1"},
    {"{labels: {batch.kubernetes.io/job-completion-index: '9999999999'}}", "- 0 - -1"},
    /* Kubeflow v1 */
    {"{labels: {training.kubeflow.org/replica-index: '2', training.kubeflow.org/replica-type: "
     "worker}}",
     "- 0 worker 2"},
    {"{labels: {training.kubeflow.org/replica-index: '0', training.kubeflow.org/replica-type: "
     "master}}",
     "- 0 master 0"},
    {"{labels: {training.kubeflow.org/replica-index: '1', training.kubeflow.org/job-role: worker,"
     " training.kubeflow.org/job-name: mpi}}",
     "- 0 worker 1 mpi/"},
    /* JobSet: the index of the Job, and that of the pod in it */
    {"{labels: {jobset.sigs.k8s.io/replicatedjob-name: workers,"
     " jobset.sigs.k8s.io/replicatedjob-replicas: '1',"
     " batch.kubernetes.io/job-completion-index: '7'}}",
     "- 0 workers 7"},
    {"{labels: {jobset.sigs.k8s.io/replicatedjob-name: workers,"
     " jobset.sigs.k8s.io/replicatedjob-replicas: '2', jobset.sigs.k8s.io/job-index: '1',"
     " batch.kubernetes.io/job-completion-index: '7'}}",
     "- 0 workers 7 /1"},
    {"{labels: {jobset.sigs.k8s.io/replicatedjob-name: workers, batch.kubernetes.io/job-name: "
     "t-w-1,"
     " jobset.sigs.k8s.io/jobset-name: t, jobset.sigs.k8s.io/job-global-index: '4',"
     " jobset.sigs.k8s.io/replicatedjob-replicas: '2', jobset.sigs.k8s.io/job-index: '1',"
     " jobset.sigs.k8s.io/restart-attempt: '3', batch.kubernetes.io/job-completion-index: '7'}}",
     "- 0 workers 7 t/1+3"},
    {"{labels: {jobset.sigs.k8s.io/replicatedjob-name: workers, batch.kubernetes.io/job-name: "
     "t-w-1,"
     " jobset.sigs.k8s.io/jobset-name: t, jobset.sigs.k8s.io/job-global-index: '4',"
     " jobset.sigs.k8s.io/replicatedjob-replicas: '2', jobset.sigs.k8s.io/job-index: x,"
     " batch.kubernetes.io/job-completion-index: '7'}}",
     "- 0 workers 7 t/4"},
    /* … which Job, by its name only; by nothing: a rank that several pods have is none */
    {"{labels: {jobset.sigs.k8s.io/replicatedjob-name: workers, batch.kubernetes.io/job-name: "
     "t-w-1,"
     " jobset.sigs.k8s.io/replicatedjob-replicas: '2',"
     " batch.kubernetes.io/job-completion-index: '7'}}",
     "- 0 workers 7 t-w-1/"},
    {"{labels: {jobset.sigs.k8s.io/replicatedjob-name: workers,"
     " jobset.sigs.k8s.io/replicatedjob-replicas: '2',"
     " batch.kubernetes.io/job-completion-index: '7'}}",
     "- 0 workers -1"},
    {"{labels: {jobset.sigs.k8s.io/replicatedjob-name: workers,"
     " batch.kubernetes.io/job-completion-index: '7'}}",
     "- 0 workers 7"},
    /* … whose pods have no index of their own */
    {"{labels: {jobset.sigs.k8s.io/jobset-name: t, jobset.sigs.k8s.io/job-index: '2'}}",
     "- 0 - -1 t/2"},
    /* plain Jobs, by either label of their name */
    {"{labels: {batch.kubernetes.io/job-name: left, job-name: old,"
     " batch.kubernetes.io/job-completion-index: '3'}}",
     "- 0 - 3 left/"},
    {"{labels: {job-name: left}, annotations: {batch.kubernetes.io/job-completion-index: '3'}}",
     "- 0 - 3 left/"},
    {"{labels: {batch.kubernetes.io/job-name: left}}", "- 0 - -1 left/"},
    /* Kueue counts from an offset on, if that leaves anything */
    {"{labels: {batch.kubernetes.io/job-completion-index: '3'},"
     " annotations: {kueue.x-k8s.io/pod-index-offset: '1'}}",
     "- 0 - 2"},
    {"{labels: {batch.kubernetes.io/job-completion-index: '0'},"
     " annotations: {kueue.x-k8s.io/pod-index-offset: '1'}}",
     "- 0 - 0"},
    {"{labels: {kueue.x-k8s.io/pod-group-pod-index: '6'}}", "- 0 - 6"},
    /* LeaderWorkerSet: the worker index, not the StatefulSet's own, which starts at 1 */
    {"{labels: {leaderworkerset.sigs.k8s.io/worker-index: '4', apps.kubernetes.io/pod-index: '9'}}",
     "- 0 - 4"},
    {"{labels: {leaderworkerset.sigs.k8s.io/name: serve, apps.kubernetes.io/pod-index: '3',"
     " leaderworkerset.sigs.k8s.io/group-index: '3',"
     " leaderworkerset.sigs.k8s.io/worker-index: '0'}}",
     "- 0 - 0 serve/3"},
    /* StatefulSet */
    {"{labels: {apps.kubernetes.io/pod-index: '9'}}", "- 0 - 9"},
    {"{labels: {apps.kubernetes.io/pod-index: '9', statefulset.kubernetes.io/pod-name: a-b-9}}",
     "- 0 - 9 a-b/"},
    {"{labels: {apps.kubernetes.io/pod-index: '9', statefulset.kubernetes.io/pod-name: odd}}",
     "- 0 - 9"},
    /* Grove: the clique without the replicas that it is in */
    {"{labels: {app.kubernetes.io/part-of: llm, grove.io/podclique: llm-2-frontend,"
     " grove.io/podcliqueset-replica-index: '2', grove.io/podclique-pod-index: '5'}}",
     "- 0 frontend 5 llm/2"},
    {"{labels: {app.kubernetes.io/part-of: llm, grove.io/podclique: llm-2-decode-1-worker,"
     " grove.io/podcliqueset-replica-index: '2', grove.io/podclique-pod-index: '5',"
     " grove.io/podcliquescalinggroup: llm-2-decode,"
     " grove.io/podcliquescalinggroup-replica-index: '1'}}",
     "- 0 worker 5 llm/2.1"},
    {"{labels: {grove.io/podclique: other-0-x, grove.io/podcliqueset-replica-index: '0',"
     " app.kubernetes.io/part-of: llm, grove.io/podclique-pod-index: '1'}}",
     "- 0 other-0-x 1 llm/0"},
    {"{labels: {kai.scheduler/subgroup-name: leader}}", "- 0 leader -1"},
    /* KubeRay with several hosts per replica, Volcano, Koordinator */
    {"{labels: {ray.io/cluster: c, ray.io/group: tpu, ray.io/worker-group-replica-index: '1',"
     " ray.io/replica-host-index: '2'}}",
     "- 0 tpu 2 c/1"},
    {"{labels: {volcano.sh/job-name: j, volcano.sh/task-spec: ps, volcano.sh/task-index: '1'}}",
     "- 0 ps 1 j/"},
    {"{annotations: {gang.scheduling.koordinator.sh/network-topology-index: '8'}}", "- 0 - 8"},
};

START_TEST(reads_marks)
{
    struct arena arena;
    arena_init(&arena);
    json_t *metadata = yaml_object(SAMPLES[_i].metadata);
    struct dialect_mark mark;
    dialect_read(json_object_get(metadata, "labels"), json_object_get(metadata, "annotations"),
                 &arena, &mark);
    json_decref(metadata); /* nothing may point into it */
    char text[256];
    const struct replica_object *replica = &mark.replica;
    int length = snprintf(text, sizeof text, "%s %d %s %d", mark.gang == NULL ? "-" : mark.gang,
                          mark.gang_minimum, mark.role == NULL ? "-" : mark.role, mark.rank);
    if (replica->owner != NULL || replica->index_count > 0) {
        length += snprintf(text + length, sizeof text - (size_t)length, " %s/",
                           replica->owner == NULL ? "" : replica->owner);
    }
    for (uint32_t i = 0; i < replica->index_count; i++) {
        length += snprintf(text + length, sizeof text - (size_t)length, i == 0 ? "%d" : ".%d",
                           replica->indices[i]);
    }
    if (replica->attempt != 0) {
        (void)snprintf(text + length, sizeof text - (size_t)length, "+%d", replica->attempt);
    }
    ck_assert_msg(strcmp(text, SAMPLES[_i].expected) == 0, "%s gave %s, not %s",
                  SAMPLES[_i].metadata, text, SAMPLES[_i].expected);
    ck_assert_ptr_null(mark.placement.required_level);
    ck_assert_ptr_null(mark.placement.preferred_level);
    ck_assert_ptr_null(mark.placement.exclusive_level);
    ck_assert_uint_eq(mark.placement.slice_count, 0);
    arena_finish(&arena);
}
END_TEST

START_TEST(the_first_pod_of_an_exclusive_job)
{
    static const struct {
        const char *metadata;
        bool leader;
    } samples[] = {
#define EXCLUSIVE "alpha.jobset.sigs.k8s.io/exclusive-topology: rack"
#define INDEX(i)  "batch.kubernetes.io/job-completion-index: '" i "'"
        {"{annotations: {" EXCLUSIVE ", " INDEX("0") "}}", true},
        {"{annotations: {" EXCLUSIVE "}, labels: {" INDEX("0") "}}", true},
        {"{annotations: {" EXCLUSIVE ", " INDEX("1") "}, labels: {" INDEX("0") "}}", false},
        {"{annotations: {" EXCLUSIVE "}}", false},
        {"{annotations: {" INDEX("0") "}}", false},
        {"{annotations: {" EXCLUSIVE ", " INDEX("0") ", alpha.jobset.sigs.k8s.io/node-selector: "
                                                     "'true'}}",
         false},
    };
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        json_t *json = yaml_object(samples[i].metadata);
        struct arena arena;
        struct dialect_mark mark;
        arena_init(&arena);
        dialect_read(json_object_get(json, "labels"), json_object_get(json, "annotations"), &arena,
                     &mark);
        ck_assert_msg(mark.leader == samples[i].leader, "%s", samples[i].metadata);
        arena_finish(&arena);
        json_decref(json);
    }
}
END_TEST

/* Annotations may have a quarter of a megabyte: names are cut, and a list of GPUs is none. */
START_TEST(texts_have_a_length)
{
    static char text[256 * 1024];
    struct arena arena;
    struct dialect_mark mark;
    memset(text, 'x', sizeof text - 1);
    json_t *annotations =
        json_pack("{s:s, s:s, s:s, s:s}", "kai.scheduler/subgroup-name", text,
                  "jobset.sigs.k8s.io/jobset-name", text, "jobset.sigs.k8s.io/job-index", "1",
                  "phalanx.dev/devices", text);
    arena_init(&arena);
    dialect_read(NULL, annotations, &arena, &mark);
    ck_assert_uint_eq(strlen(mark.role), NAME_TEXT_MAX);
    ck_assert_ptr_null(mark.devices);
    ck_assert(mark.replica.owner == NULL || strlen(mark.replica.owner) == NAME_TEXT_MAX);
    text[DEVICES_TEXT_MAX] = '\0';
    json_object_set_new(annotations, "phalanx.dev/devices", json_string(text));
    dialect_read(NULL, annotations, &arena, &mark);
    ck_assert_uint_eq(strlen(mark.devices), DEVICES_TEXT_MAX);
    json_decref(annotations);
    arena_finish(&arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dialect");
    TCase *tests = tcase_create("dialect");
    tcase_add_loop_test(tests, reads_marks, 0, sizeof SAMPLES / sizeof SAMPLES[0]);
    tcase_add_test(tests, the_first_pod_of_an_exclusive_job);
    tcase_add_test(tests, texts_have_a_length);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
