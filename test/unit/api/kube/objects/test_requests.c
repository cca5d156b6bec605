// SPDX-License-Identifier: Apache-2.0
#include "api/kube/objects/requests.h"

#include <stdio.h>
#include <string.h>

#include "test/unit/api/yaml/object.h"
#include "test/unit/check_main.h"

/* Expected values worked out by hand from the rules in k8s.io/component-helpers resource/helpers.go
 * and its tests, and from KEP-753 for the sidecars. */

static void print_amounts(const struct amounts *amounts, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < amounts->count; i++) {
        used += (size_t)snprintf(text + used, size - used, "%s%s=%lld", i > 0 ? " " : "",
                                 amounts->items[i].resource, (long long)amounts->items[i].amount);
    }
}

/* The effective requests of a pod, or "error: …". */
static void effective(const char *yaml, char *text, size_t size)
{
    struct err err = {.text = ""};
    struct amounts total;
    struct field root;
    struct field spec;
    struct field status;
    json_t *pod = yaml_object(yaml);
    if (field_root(pod, &root, &err) == 0 && field_object(&root, "spec", &spec, &err) == 0 &&
        field_object(&root, "status", &status, &err) == 0 &&
        requests_effective(&spec, &status, &total, &err) == 0) {
        print_amounts(&total, text, size);
    } else {
        (void)snprintf(text, size, "error: %s", err.text);
    }
    json_decref(pod);
}

struct sample {
    const char *pod;
    const char *expected;
};

#define ONE_GIB   "1073741824"
#define TWO_GIB   "2147483648"
#define THREE_GIB "3221225472"

static const struct sample SAMPLES[] = {
    /* nothing asked for: it still takes one place on the node */
    {"{}", "pods=1"},
    {"spec: {containers: [{name: a}]}", "pods=1"},
    {"spec: {containers: null, initContainers: null, overhead: null, resources: null}", "pods=1"},
    {"spec: {containers: [{resources: null}, {resources: {requests: null, limits: null}}]}",
     "pods=1"},

    /* containers add up; cpu in thousandths */
    {"spec: {containers: [{resources: {requests: {cpu: 100m, memory: 1Gi}}},"
     " {resources: {requests: {cpu: '1.5', nvidia.com/gpu: '8'}}}]}",
     "cpu=1600 memory=" ONE_GIB " nvidia.com/gpu=8 pods=1"},
    /* numbers as people write them in YAML */
    {"spec: {containers: [{resources: {requests: {cpu: 64, memory: 1e9}}},"
     " {resources: {requests: {cpu: 0.1, memory: 5}}}]}",
     "cpu=64100 memory=1000000005 pods=1"},

    /* limits stand in for missing requests, resource by resource */
    {"spec: {containers: [{resources: {limits: {nvidia.com/gpu: 4, cpu: 2}, requests: {cpu: 1}}}]}",
     "cpu=1000 nvidia.com/gpu=4 pods=1"},
    /* a request of 0 is a request */
    {"spec: {containers: [{resources: {limits: {cpu: 2}, requests: {cpu: 0}}}]}", "cpu=0 pods=1"},

    /* init containers: the largest one counts, not the sum */
    {"spec: {initContainers: [{resources: {requests: {cpu: 3}}}, {resources: {requests: {cpu: 2, "
     "memory: 1Gi}}}],"
     " containers: [{resources: {requests: {cpu: 1}}}, {resources: {requests: {cpu: 1}}}]}",
     "cpu=3000 memory=" ONE_GIB " pods=1"},
    {"spec: {initContainers: [{resources: {requests: {cpu: 1}}}],"
     " containers: [{resources: {requests: {cpu: 2}}}]}",
     "cpu=2000 pods=1"},

    /* sidecars: they stay, so they are added */
    {"spec: {initContainers: [{restartPolicy: Always, resources: {requests: {cpu: 1}}}],"
     " containers: [{resources: {requests: {cpu: 2}}}]}",
     "cpu=3000 pods=1"},
    /* an init container after a sidecar runs beside it: 1 + 5 > 1 + 2 */
    {"spec: {initContainers: [{restartPolicy: Always, resources: {requests: {cpu: 1}}},"
     " {resources: {requests: {cpu: 5}}}],"
     " containers: [{resources: {requests: {cpu: 2}}}]}",
     "cpu=6000 pods=1"},
    /* one before it does not: max(5, 1 + 2) */
    {"spec: {initContainers: [{resources: {requests: {cpu: 5}}},"
     " {restartPolicy: Always, resources: {requests: {cpu: 1}}}],"
     " containers: [{resources: {requests: {cpu: 2}}}]}",
     "cpu=5000 pods=1"},
    /* the example of KEP-753: IC1 10, SC1 5, IC2 3, SC2 7, containers 4: max(10, 5+3, 5+7+4) */
    {"spec: {initContainers: [{resources: {requests: {cpu: 10}}},"
     " {restartPolicy: Always, resources: {requests: {cpu: 5}}},"
     " {resources: {requests: {cpu: 3}}},"
     " {restartPolicy: Always, resources: {requests: {cpu: 7}}}],"
     " containers: [{resources: {requests: {cpu: 4}}}]}",
     "cpu=16000 pods=1"},
    {"spec: {initContainers: [{restartPolicy: Never, resources: {requests: {cpu: 9}}}],"
     " containers: [{resources: {requests: {cpu: 4}}}]}",
     "cpu=9000 pods=1"},

    /* overhead comes on top */
    {"spec: {overhead: {cpu: 250m, memory: 1Gi}, containers: [{resources: {requests: {cpu: 1}}}]}",
     "cpu=1250 memory=" ONE_GIB " pods=1"},

    /* pod-level requests replace the sum, for cpu, memory and hugepages only */
    {"spec: {resources: {requests: {cpu: 4, memory: 2Gi}},"
     " containers: [{resources: {requests: {cpu: 1, nvidia.com/gpu: 2}}}]}",
     "cpu=4000 nvidia.com/gpu=2 memory=" TWO_GIB " pods=1"},
    {"spec: {resources: {requests: {nvidia.com/gpu: 9, ephemeral-storage: 1Gi}},"
     " containers: [{resources: {requests: {cpu: 1, nvidia.com/gpu: 2}}}]}",
     "cpu=1000 nvidia.com/gpu=2 pods=1"},
    {"spec: {resources: {requests: {cpu: 4}}, overhead: {cpu: 1},"
     " containers: [{resources: {requests: {cpu: 1}}}]}",
     "cpu=5000 pods=1"},
    {"spec: {resources: {requests: {hugepages-2Mi: 1Gi}}}", "hugepages-2Mi=" ONE_GIB " pods=1"},
    /* pod-level limits alone: containers' requests where there are any, else the limit */
    {"spec: {resources: {limits: {cpu: 4, memory: 2Gi}},"
     " containers: [{resources: {requests: {cpu: 1}}}]}",
     "cpu=1000 memory=" TWO_GIB " pods=1"},

    /* resize in place: the greatest of spec, allocated and actuated */
    {"{spec: {containers: [{name: a, resources: {requests: {cpu: 1}}}]},"
     " status: {containerStatuses: [{name: b}, {name: a, allocatedResources: {cpu: 2},"
     " resources: {requests: {cpu: 3}}}]}}",
     "cpu=3000 pods=1"},
    {"{spec: {containers: [{name: a, resources: {requests: {cpu: 5}}}]},"
     " status: {containerStatuses: [{name: a, allocatedResources: {cpu: 2},"
     " resources: {requests: {cpu: 3}}}]}}",
     "cpu=5000 pods=1"},
    /* a resize that cannot happen does not count */
    {"{spec: {containers: [{name: a, resources: {requests: {cpu: 5}}}]},"
     " status: {conditions: [{type: Ready}, {type: PodResizePending, reason: Infeasible}],"
     " containerStatuses: [{name: a, allocatedResources: {cpu: 2},"
     " resources: {requests: {cpu: 3}}}]}}",
     "cpu=3000 pods=1"},
    {"{spec: {containers: [{name: a, resources: {requests: {cpu: 5}}}]},"
     " status: {conditions: [{type: PodResizePending, reason: Deferred}],"
     " containerStatuses: [{name: a, allocatedResources: {cpu: 2},"
     " resources: {requests: {cpu: 3}}}]}}",
     "cpu=5000 pods=1"},
    /* sidecars too, plain init containers not */
    {"{spec: {initContainers: [{name: s, restartPolicy: Always, resources: {requests: {cpu: 1}}},"
     " {name: i, resources: {requests: {cpu: 1}}}]},"
     " status: {initContainerStatuses: [{name: s, resources: {requests: {cpu: 4}}},"
     " {name: i, resources: {requests: {cpu: 9}}}]}}",
     "cpu=5000 pods=1"},
    {"{spec: {resources: {requests: {memory: 1Gi}}, containers: [{name: a}]},"
     " status: {resources: {requests: {memory: 3Gi}}, allocatedResources: {memory: 2Gi}}}",
     "memory=" THREE_GIB " pods=1"},

    /* what cannot be */
    {"spec: {containers: [{}, {resources: {requests: {cpu: '-1'}}}]}",
     "error: spec.containers[1].resources.requests.cpu: quantity \"-1\" is negative"},
    {"spec: {containers: [{resources: {limits: {memory: 1Gb}}}]}",
     "error: spec.containers[0].resources.limits.memory: quantity \"1Gb\" is malformed"},
    {"spec: {containers: [{resources: {requests: {memory: 9000000000000G}}}]}",
     "memory=9223372036854775807 pods=1"},
    {"spec: {containers: [{resources: {requests: {memory: 7E}}}, {resources: {requests: {memory: "
     "7E}}}]}",
     "memory=9223372036854775807 pods=1"},
    {"spec: {overhead: {memory: 7E}, initContainers: [{resources: {requests: {memory: 20E}}}]}",
     "memory=9223372036854775807 pods=1"},
    {"spec: {containers: [{resources: {requests: {cpu: true}}}]}",
     "error: spec.containers[0].resources.requests.cpu: is not a quantity"},
    {"spec: {containers: [{resources: {requests: [1]}}]}",
     "error: spec.containers[0].resources.requests: is an array, not an object"},
    {"spec: {containers: [7]}", "error: spec.containers[0]: is a number, not an object"},
    {"spec: {containers: {}}", "error: spec.containers: is an object, not an array"},
    {"spec: {initContainers: [{restartPolicy: 1}]}",
     "error: spec.initContainers[0].restartPolicy: is a number, not a string"},
    {"spec: {overhead: {cpu: x}}", "error: spec.overhead.cpu: quantity \"x\" is malformed"},
    {"{spec: {containers: [{name: a}]}, status: {containerStatuses: [{name: 1}]}}",
     "error: status.containerStatuses[0].name: is a number, not a string"},
    {"status: {conditions: true}", "error: status.conditions: is a boolean, not an array"},
};

START_TEST(counts_as_kube_scheduler_does)
{
    char text[4096];
    effective(SAMPLES[_i].pod, text, sizeof text);
    ck_assert_msg(strcmp(text, SAMPLES[_i].expected) == 0, "%s\n gave %s\n not  %s",
                  SAMPLES[_i].pod, text, SAMPLES[_i].expected);
}
END_TEST

/* More names than are kept, the ones that count among them, wherever they stand. */
START_TEST(keeps_the_names_that_count)
{
    static const char *const COUNT[] = {"nvidia.com/gpu=8", "amd.com/gpu=8", "example.com/gpu=8",
                                        "cpu=8000",         "memory=8",      "pods=1"};
    for (size_t place = 0; place <= 600; place += 300) {
        char pod[32768];
        char text[16384];
        size_t used =
            (size_t)snprintf(pod, sizeof pod, "spec: {containers: [{resources: {requests: {");
        for (size_t i = 0; i <= 600; i++) {
            if (i == place) {
                used += (size_t)snprintf(pod + used, sizeof pod - used,
                                         "cpu: 8, memory: 8, nvidia.com/gpu: 8, amd.com/gpu: 8, "
                                         "example.com/gpu: 8, ");
            }
            used += (size_t)snprintf(pod + used, sizeof pod - used, "%s%zu: 1, ",
                                     i % 2 == 0 ? "example.com/r" : "hugepages-", i);
        }
        (void)snprintf(pod + used, sizeof pod - used, "}}}]}");
        effective(pod, text, sizeof text);
        size_t names = 1;
        for (const char *at = text; *at != '\0'; at++) {
            names += *at == ' ';
        }
        ck_assert_uint_eq(names, AMOUNTS_MAX);
        for (size_t i = 0; i < sizeof COUNT / sizeof COUNT[0]; i++) {
            ck_assert_msg(strstr(text, COUNT[i]) != NULL, "%s is not there", COUNT[i]);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("requests");
    TCase *tests = tcase_create("requests");
    tcase_add_loop_test(tests, counts_as_kube_scheduler_does, 0,
                        sizeof SAMPLES / sizeof SAMPLES[0]);
    tcase_add_test(tests, keeps_the_names_that_count);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
