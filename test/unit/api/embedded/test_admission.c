// SPDX-License-Identifier: Apache-2.0
#include "api/embedded/admission.h"

#include <stdio.h>
#include <string.h>

#include "api/yaml/yaml.h"
#include "test/unit/check_main.h"

/* The rules are written as a manifest, the pod's spec in one line, and what it becomes as well. */

static struct cluster *cluster;
static struct kube_batch *batch;
static struct admission *admission;
static char warnings[4096];
static struct err err;

static void note(void *context, const char *what)
{
    snprintf(warnings + strlen(warnings), sizeof warnings - strlen(warnings), "%s\n", what);
}

static void setup(void)
{
    cluster = cluster_create();
    batch = kube_batch_create();
    admission = admission_create(cluster, note, NULL);
    warnings[0] = '\0';
}

static void teardown(void)
{
    admission_destroy(admission);
    cluster_destroy(cluster);
    kube_batch_destroy(batch);
}

static json_t *read(const char *yaml)
{
    json_t *json = yaml_load(yaml, strlen(yaml), &err);
    ck_assert_msg(json != NULL, "%s", err.text);
    return json;
}

static void rules(const char *yaml)
{
    size_t i;
    json_t *object;
    json_t *documents = read(yaml);
    json_array_foreach(documents, i, object)
    {
        ck_assert_msg(cluster_apply(cluster, object, batch, NULL, &err) == 0, "%s", err.text);
    }
    json_decref(documents);
}

/* The pod's spec after admission; *new*, NULL when it is refused. */
static json_t *admit(const char *spec)
{
    char text[1024];
    snprintf(text, sizeof text, "{metadata: {namespace: a, name: p}, spec: %s}", spec);
    json_t *documents = read(text);
    json_t *pod = json_array_get(documents, 0);
    json_t *admitted =
        admission_pod(admission, pod, &err) < 0 ? NULL : json_incref(json_object_get(pod, "spec"));
    json_decref(documents);
    return admitted;
}

static void expect(const char *spec, const char *becomes)
{
    json_t *found = admit(spec);
    json_t *right = read(becomes);
    ck_assert_msg(found != NULL, "%s: %s", spec, err.text);
    if (!json_equal(found, json_array_get(right, 0))) {
        char *text = json_dumps(found, JSON_SORT_KEYS);
        ck_abort_msg("%s became %s, not %s", spec, text, becomes);
    }
    json_decref(found);
    json_decref(right);
}

static void expect_refused(const char *spec, const char *why)
{
    json_t *found = admit(spec);
    ck_assert_msg(found == NULL, "%s is admitted", spec);
    ck_assert_msg(strstr(err.text, why) != NULL, "%s: %s", spec, err.text);
}

START_TEST(without_rules_nothing_changes)
{
    expect("{containers: [{name: c}]}", "{containers: [{name: c}]}");
    expect("{priority: 7}", "{priority: 7}");
    ck_assert_str_eq(warnings, "");
}
END_TEST

#define LIMITS(items)                                                                              \
    "{apiVersion: v1, kind: LimitRange, metadata: {namespace: a, name: l}, spec: {limits: [" items \
    "]}}\n---\n"

START_TEST(limit_ranges_fill_in)
{
    rules(LIMITS("{type: Container, default: {cpu: 4, memory: 2Gi}, defaultRequest: {cpu: 1}}"));
    expect(
        "{containers: [{name: c}], initContainers: [{name: i, resources: {requests: {cpu: 3}}}]}",
        "{containers: [{name: c, resources: {limits: {cpu: 4, memory: 2Gi}, "
        "requests: {cpu: 1, memory: 2Gi}}}], "
        "initContainers: [{name: i, resources: {limits: {cpu: 4, memory: 2Gi}, "
        "requests: {cpu: 3, memory: 2Gi}}}]}");
    /* A limit of its own is its request before the default is. */
    expect("{containers: [{resources: {limits: {cpu: 2}}}]}",
           "{containers: [{resources: {limits: {cpu: 2, memory: 2Gi}, "
           "requests: {cpu: 2, memory: 2Gi}}}]}");
}
END_TEST

/* What a LimitRange does not say follows what it does say. */
START_TEST(defaults_of_a_limit_range)
{
    rules(LIMITS("{type: Container, max: {cpu: 8}, min: {memory: 1Gi}}"));
    expect("{containers: [{}]}",
           "{containers: [{resources: {limits: {cpu: 8}, requests: {cpu: 8, memory: 1Gi}}}]}");
    expect("{containers: [{resources: {limits: {cpu: 0.5}}}]}",
           "{containers: [{resources: {limits: {cpu: 0.5}, requests: {cpu: 0.5, memory: 1Gi}}}]}");
    expect_refused("{containers: [{resources: {limits: {cpu: 8.5}}}]}", "its requests of cpu");
    expect_refused("{containers: [{resources: {limits: {cpu: 9}}}]}",
                   "LimitRange l: containers[0]: its requests of cpu are beyond the maximum");
    expect_refused("{containers: [{resources: {requests: {cpu: 1}, limits: {cpu: 9}}}]}",
                   "its limits of cpu");
    expect_refused("{containers: [{resources: {requests: {memory: 512Mi}}}]}",
                   "its requests of memory are beyond the minimum");
}
END_TEST

START_TEST(limit_ranges_of_others)
{
    rules(LIMITS(
        "{type: Pod, max: {cpu: 1}}, {type: PersistentVolumeClaim, max: {storage: 1}}") "{apiVersio"
                                                                                        "n: v1, "
                                                                                        "kind: "
                                                                                        "LimitRange"
                                                                                        ", "
                                                                                        "metadata: "
                                                                                        "{namespace"
                                                                                        ": b, "
                                                                                        "name: l}, "
                                                                                        "spec: "
                                                                                        "{limits: "
                                                                                        "[{type: "
                                                                                        "Container,"
                                                                                        " default: "
                                                                                        "{cpu: "
                                                                                        "4}}]}}\n");
    expect("{containers: [{name: c}]}", "{containers: [{name: c}]}");
}
END_TEST

#define CLASS(name, value, rest)                                                           \
    "{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: " name "}, " \
    "value: " value rest "}\n---\n"

START_TEST(priority_classes)
{
    rules(CLASS("high", "1000", "") CLASS("low", "-5", ", globalDefault: true")
              CLASS("lower", "-7", ", globalDefault: true"));
    expect("{priorityClassName: high}", "{priorityClassName: high, priority: 1000}");
    expect("{priorityClassName: high, priority: 1000}",
           "{priorityClassName: high, priority: 1000}");
    expect("{}", "{priority: -7}");
    expect("{priorityClassName: system-node-critical}",
           "{priorityClassName: system-node-critical, priority: 2000001000}");
    expect_refused("{priorityClassName: high, priority: 3}", "spec.priority is 3");
    ck_assert_str_eq(warnings, "");
    expect("{priorityClassName: hihg}", "{priorityClassName: hihg}");
    expect("{priorityClassName: hihg}", "{priorityClassName: hihg}");
    ck_assert_str_eq(warnings, "PriorityClass hihg is not in the snapshot: pods that name it count "
                               "with priority 0\n");
}
END_TEST

#define RUNTIME(rest)                                                                    \
    "{apiVersion: node.k8s.io/v1, kind: RuntimeClass, metadata: {name: kata}, handler: " \
    "kata, " rest "}\n"

START_TEST(runtime_classes)
{
    rules(RUNTIME("overhead: {podFixed: {cpu: 1}}, scheduling: {nodeSelector: {kata: 'yes'}, "
                  "tolerations: [{key: kata, operator: Exists}]}"));
    expect("{runtimeClassName: kata, nodeSelector: {a: b}, tolerations: [{key: k}]}",
           "{runtimeClassName: kata, overhead: {cpu: 1}, nodeSelector: {a: b, kata: 'yes'}, "
           "tolerations: [{key: k}, {key: kata, operator: Exists}]}");
    expect("{runtimeClassName: kata, overhead: {cpu: 1}}",
           "{runtimeClassName: kata, overhead: {cpu: 1}, nodeSelector: {kata: 'yes'}, "
           "tolerations: [{key: kata, operator: Exists}]}");
    expect_refused("{runtimeClassName: kata, overhead: {cpu: 2}}", "its overhead and the pod's");
    expect_refused("{runtimeClassName: kata, nodeSelector: {kata: 'no'}}", "differ in kata");
    ck_assert_str_eq(warnings, "");
    expect("{runtimeClassName: gvisor}", "{runtimeClassName: gvisor}");
    ck_assert_str_eq(warnings,
                     "RuntimeClass gvisor is not in the snapshot: pods that name it count "
                     "without its overhead\n");
}
END_TEST

/* Whatever has the wrong type is left for the decoder to name; warnings are bounded. */
START_TEST(nonsense)
{
    rules(LIMITS("{type: Container, default: {cpu: 4}}, 7, {type: 3}") CLASS("text", "high", "")
              RUNTIME("overhead: 3, scheduling: [1]"));
    expect("{containers: [{resources: 7}, 8]}", "{containers: [{resources: 7}, 8]}");
    expect("{containers: {}}", "{containers: {}}");
    expect("{runtimeClassName: kata}",
           "{runtimeClassName: kata, nodeSelector: {}, tolerations: []}");
    expect("{priorityClassName: text}", "{priorityClassName: text, priority: 0}");
    for (int i = 0; i < 200; i++) {
        char spec[64];
        snprintf(spec, sizeof spec, "{runtimeClassName: r%d}", i);
        json_decref(admit(spec));
    }
    ck_assert_ptr_nonnull(strstr(warnings, "r30 "));
    ck_assert_ptr_null(strstr(warnings, "r100 "));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("admission");
    TCase *tests = tcase_create("admission");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, without_rules_nothing_changes);
    tcase_add_test(tests, limit_ranges_fill_in);
    tcase_add_test(tests, defaults_of_a_limit_range);
    tcase_add_test(tests, limit_ranges_of_others);
    tcase_add_test(tests, priority_classes);
    tcase_add_test(tests, runtime_classes);
    tcase_add_test(tests, nonsense);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
