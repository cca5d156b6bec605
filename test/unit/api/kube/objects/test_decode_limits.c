// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "api/kube/objects/amounts.h"
#include "api/kube/objects/decode.h"
#include "test/unit/api/yaml/object.h"
#include "test/unit/check_main.h"

/* A pod takes its room, whatever is wrong with it and however much there is of it. */

static struct arena arena;

static void setup(void)
{
    arena_init(&arena);
}

static void teardown(void)
{
    arena_finish(&arena);
}

/* Whatever else is wrong with it: who and where it is, and what it takes; no node lets it in. */
START_TEST(pod_in_part)
{
    static const char *const WRONG[] = {
        "tolerations: [x]",
        "tolerations: 7",
        "affinity: []",
        "affinity: {podAffinity: 1}",
        "affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: {}}}",
        "nodeSelector: [a]",
        "schedulingGates: no",
        "priority: high",
        "hostNetwork: 1",
        "topologySpreadConstraints: [1]",
    };
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        char yaml[512];
        struct pod_object pod;
        struct err err;
        (void)snprintf(yaml, sizeof yaml,
                       "{metadata: {name: p, namespace: ns, uid: u, labels: "
                       "{scheduling.x-k8s.io/pod-group: g}}, status: {phase: Running}, spec: "
                       "{nodeName: n1, %s, containers: [{resources: {requests: {nvidia.com/gpu: "
                       "8}}}]}}",
                       WRONG[i]);
        json_t *json = yaml_object(yaml);
        ck_assert_msg(pod_decode(json, &arena, &pod, &err) == 1, "%s", WRONG[i]);
        ck_assert_msg(strncmp(err.text, "pod ns/p: spec.", 15) == 0, "%s", err.text);
        ck_assert_str_eq(pod.uid, "u");
        ck_assert_str_eq(pod.node, "n1");
        ck_assert_str_eq(pod.gang, "g");
        ck_assert_uint_eq(pod.request_count, 2);
        ck_assert_str_eq(pod.requests[0].resource, "nvidia.com/gpu");
        ck_assert_int_eq(pod.requests[0].amount, 8);
        ck_assert_uint_eq(pod.term_count, 1);
        ck_assert_uint_eq(pod.terms[0].expression_count, 0);
        json_decref(json);
    }
    struct pod_object pod;
    json_t *json =
        yaml_object("{metadata: {name: p, namespace: ns, uid: u}, spec: {nodeName: n1, containers: "
                    "[{resources: {requests: {nvidia.com/gpu: many}}}]}, status: {phase: Failed}}");
    ck_assert_int_eq(pod_decode(json, &arena, &pod, NULL), 1);
    ck_assert(pod.terminal);
    ck_assert_uint_eq(pod.request_count, 1);
    ck_assert_str_eq(pod.requests[0].resource, "pods");
    json_decref(json);
}
END_TEST

/* A pod whose lists are so long. */
static json_t *make_long(size_t count)
{
    json_t *selector = json_object();
    json_t *tolerations = json_array();
    json_t *values = json_array();
    json_t *expressions = json_array();
    json_t *terms = json_array();
    json_t *limits = json_object();
    for (size_t i = 0; i < count; i++) {
        char name[48];
        (void)snprintf(name, sizeof name, "example.com/r%zu", i);
        json_object_set_new(selector, name, json_string("x"));
        json_array_append_new(tolerations, json_pack("{s:s, s:s}", "key", name, "operator",
                                                     i == 3 ? "Unknown" : "Exists"));
        json_array_append_new(values, json_string(name));
        json_array_append_new(expressions,
                              json_pack("{s:s, s:s}", "key", name, "operator", "Exists"));
        json_object_set_new(limits, name, json_string("1"));
    }
    json_object_set_new(limits, "nvidia.com/gpu", json_string("8"));
    json_array_append_new(terms, json_pack("{s:o}", "matchExpressions", expressions));
    json_array_append_new(terms, json_pack("{s:[{s:s, s:s, s:o}]}", "matchExpressions", "key", "k",
                                           "operator", "In", "values", values));
    json_t *preferred =
        json_pack("{s:i, s:O}", "weight", 5, "preference", json_array_get(terms, 0));
    while (json_array_size(terms) < count) {
        json_array_append_new(terms, json_pack("{s:[]}", "matchExpressions"));
    }
    return json_pack(
        "{s:{s:s, s:s, s:s}, s:{s:s, s:o, s:o, s:{s:{s:{s:o}, s:[o]}}, s:[{s:{s:o}}]}}", "metadata",
        "name", "p", "namespace", "ns", "uid", "u", "spec", "nodeName", "n", "nodeSelector",
        selector, "tolerations", tolerations, "affinity", "nodeAffinity",
        "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms", terms,
        "preferredDuringSchedulingIgnoredDuringExecution", preferred, "containers", "resources",
        "limits", limits);
}

static int64_t amount_of(const struct pod_object *pod, const char *resource)
{
    for (size_t i = 0; i < pod->request_count; i++) {
        if (strcmp(pod->requests[i].resource, resource) == 0) {
            return pod->requests[i].amount;
        }
    }
    return -1;
}

/* Of lists of any length one more is read than may be, and what the pod takes is all there. */
START_TEST(pod_beyond_every_limit)
{
    struct pod_object pod;
    struct err err;
    json_t *json = make_long(10000);
    ck_assert_msg(pod_decode(json, &arena, &pod, &err) == 0, "%s", err.text);
    ck_assert_uint_eq(pod.selector_count, POD_SELECTOR_MAX + 1);
    ck_assert_uint_eq(pod.toleration_count, POD_TOLERATIONS_MAX + 1);
    ck_assert_uint_eq(pod.term_count, POD_AFFINITY_TERMS_MAX + 1);
    ck_assert_uint_eq(pod.terms[0].expression_count, POD_EXPRESSIONS_MAX + 1);
    ck_assert_uint_eq(pod.terms[1].expressions[0].value_count, POD_VALUES_MAX + 1);
    ck_assert_uint_eq(pod.preference_count, 0); /* it keeps nobody from being planned */
    ck_assert_uint_eq(pod.request_count, AMOUNTS_MAX);
    ck_assert_int_eq(amount_of(&pod, "nvidia.com/gpu"), 8);
    ck_assert_int_eq(amount_of(&pod, "pods"), 1);
    json_decref(json);
    json = make_long(32);
    ck_assert_int_eq(pod_decode(json, &arena, &pod, &err), 0);
    ck_assert_uint_eq(pod.selector_count, 32);
    ck_assert_uint_eq(pod.toleration_count, 31);
    ck_assert_uint_eq(pod.term_count, 32);
    ck_assert_uint_eq(pod.terms[1].expressions[0].value_count, 32);
    ck_assert_uint_eq(pod.preference_count, 1);
    ck_assert_uint_eq(pod.request_count, 34);
    json_decref(json);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("decode_limits");
    TCase *tests = tcase_create("decode_limits");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, pod_in_part);
    tcase_add_test(tests, pod_beyond_every_limit);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
