// SPDX-License-Identifier: Apache-2.0
#include "api/kube/objects/dialect.h"

#include <stdio.h>

#include "test/unit/api/yaml/object.h"
#include "test/unit/check_main.h"

struct sample {
    const char *metadata; /* {labels, annotations} */
    const char *expected; /* gang minimum role rank */
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
    /* JobSet: one Job per replicated job, or several, whose pods are counted from 0 in each */
    {"{labels: {jobset.sigs.k8s.io/replicatedjob-name: workers,"
     " jobset.sigs.k8s.io/replicatedjob-replicas: '1',"
     " batch.kubernetes.io/job-completion-index: '7'}}",
     "- 0 workers 7"},
    {"{labels: {jobset.sigs.k8s.io/replicatedjob-name: workers,"
     " jobset.sigs.k8s.io/replicatedjob-replicas: '2', jobset.sigs.k8s.io/job-index: '1',"
     " batch.kubernetes.io/job-completion-index: '7'}}",
     "- 0 workers -1"},
    {"{labels: {jobset.sigs.k8s.io/replicatedjob-name: workers,"
     " batch.kubernetes.io/job-completion-index: '7'}}",
     "- 0 workers 7"},
    /* LeaderWorkerSet: the worker index, not the StatefulSet's own, which starts at 1 */
    {"{labels: {leaderworkerset.sigs.k8s.io/worker-index: '4', apps.kubernetes.io/pod-index: '9'}}",
     "- 0 - 4"},
    {"{labels: {apps.kubernetes.io/pod-index: '9'}}", "- 0 - 9"},
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
    (void)snprintf(text, sizeof text, "%s %d %s %d", mark.gang == NULL ? "-" : mark.gang,
                   mark.gang_minimum, mark.role == NULL ? "-" : mark.role, mark.rank);
    ck_assert_msg(strcmp(text, SAMPLES[_i].expected) == 0, "%s gave %s, not %s",
                  SAMPLES[_i].metadata, text, SAMPLES[_i].expected);
    ck_assert_ptr_null(mark.placement.required_level);
    ck_assert_ptr_null(mark.placement.preferred_level);
    ck_assert_ptr_null(mark.placement.exclusive_level);
    ck_assert_uint_eq(mark.placement.slice_count, 0);
    arena_finish(&arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dialect");
    TCase *tests = tcase_create("dialect");
    tcase_add_loop_test(tests, reads_marks, 0, sizeof SAMPLES / sizeof SAMPLES[0]);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
