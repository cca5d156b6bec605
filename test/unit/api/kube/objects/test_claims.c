// SPDX-License-Identifier: Apache-2.0
#include "api/kube/objects/claims.h"

#include <stdio.h>
#include <string.h>

#include "api/kube/objects/decode.h"
#include "test/unit/api/yaml/object.h"
#include "test/unit/check_main.h"

#define PER_NODE "a node without pods of namespace ns"

static struct arena arena;

static void setup(void)
{
    arena_init(&arena);
}

static void teardown(void)
{
    arena_finish(&arena);
}

/* The claims of a pod with this `spec` and labels {app: x, tier: a}, one after the other with ";",
 * those of a part with "~". */
static const char *claims_of(const char *spec)
{
    static char text[8192];
    char yaml[8192];
    struct err err;
    struct pod_object pod;
    size_t length = 0;
    snprintf(yaml, sizeof yaml,
             "metadata: {name: p, namespace: ns, uid: u, labels: {app: x, tier: a}}\nspec:\n%s",
             spec);
    json_t *json = yaml_object(yaml);
    ck_assert_msg(pod_decode(json, &arena, &pod, &err) == 0, "%s", err.text);
    json_decref(json);
    ck_assert_uint_le(pod.claim_count, POD_CLAIMS_MAX);
    text[0] = '\0';
    for (size_t i = 0; i < pod.claim_count; i++) {
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%s%s", i == 0 ? "" : ";",
                                   pod.claims[i].whole ? "" : "~", pod.claims[i].what);
    }
    return text;
}

static const char *claims_of_term(const char *term)
{
    char spec[4096];
    snprintf(spec, sizeof spec,
             "  affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
             "[{topologyKey: kubernetes.io/hostname, %s}]}}\n",
             term);
    return claims_of(spec);
}

/* A cut text that is no UTF-8 any more would make no JSON. */
START_TEST(long_texts_end_with_a_character)
{
    /* 19 bytes and 99 bytes, and a character of two that goes beyond the limit. */
    const char *claims = claims_of("  containers:\n"
                                   "  - {name: a, ports: [{hostPort: 1, "
                                   "protocol: 'aaaaaaaaaaaaaaaaaaaé', hostIP: '"
                                   "0123456789012345678901234567890123456789012345678"
                                   "01234567890123456789012345678901234567890123456789é'}]}\n");
    ck_assert_str_eq(claims, "~host port 1/aaaaaaaaaaaaaaaaaaa;"
                             "host port 1/aaaaaaaaaaaaaaaaaaa of "
                             "0123456789012345678901234567890123456789012345678"
                             "01234567890123456789012345678901234567890123456789");
}
END_TEST

START_TEST(host_ports)
{
    ck_assert_str_eq(claims_of("  containers:\n"
                               "  - {name: a, ports: [{containerPort: 80}]}\n"),
                     "");
    ck_assert_str_eq(claims_of("  containers:\n"
                               "  - {name: a, ports: [{containerPort: 80, hostPort: 8080}]}\n"
                               "  - {name: b, ports: [{hostPort: 53, protocol: UDP},\n"
                               "    {hostPort: 54, protocol: '', hostIP: '0.0.0.0'}]}\n"),
                     "host port 8080/TCP;host port 53/UDP;host port 54/TCP");
}
END_TEST

/* Who listens on one address has a part of the port; who listens on all has it whole. */
START_TEST(host_addresses)
{
    ck_assert_str_eq(claims_of("  containers:\n"
                               "  - {name: a, ports: [{hostPort: 80, hostIP: 10.0.0.1}]}\n"),
                     "~host port 80/TCP;host port 80/TCP of 10.0.0.1");
}
END_TEST

/* The API server makes a container port a host port; a manifest has not seen it yet. */
START_TEST(host_network)
{
    ck_assert_str_eq(
        claims_of("  hostNetwork: true\n"
                  "  containers:\n"
                  "  - {name: a, ports: [{containerPort: 80}]}\n"
                  "  initContainers:\n"
                  "  - {name: b, ports: [{containerPort: 81}]}\n"
                  "  - {name: c, restartPolicy: Always, ports: [{containerPort: 82}]}\n"),
        "host port 80/TCP;host port 82/TCP");
}
END_TEST

START_TEST(so_many_ports)
{
    char spec[8192];
    size_t length = (size_t)snprintf(spec, sizeof spec, "  containers: [{name: a, ports: [");
    for (int i = 0; i < POD_CLAIMS_MAX + 5; i++) {
        length += (size_t)snprintf(spec + length, sizeof spec - length, "%s{hostPort: %d}",
                                   i == 0 ? "" : ", ", 1000 + i);
    }
    snprintf(spec + length, sizeof spec - length, "]}]\n");
    const char *claims = claims_of(spec);
    ck_assert_ptr_nonnull(strstr(claims, "1031"));
    ck_assert_ptr_null(strstr(claims, "1032"));
}
END_TEST

START_TEST(one_per_node)
{
    ck_assert_str_eq(claims_of_term("labelSelector: {matchLabels: {app: x}}"),
                     PER_NODE " with app=x");
    /* The same selector in other words, and so the same claim. */
    ck_assert_str_eq(claims_of_term("labelSelector: {matchExpressions: ["
                                    "{key: app, operator: In, values: [x]}]}"),
                     PER_NODE " with app=x");
    ck_assert_str_eq(claims_of_term("labelSelector: {matchExpressions: ["
                                    "{key: tier, operator: In, values: [b, a]},"
                                    "{key: gone, operator: DoesNotExist},"
                                    "{key: app, operator: NotIn, values: ['y']},"
                                    "{key: app, operator: Exists}]}"),
                     PER_NODE " with app notin (y), app, !gone, tier in (a,b)");
    ck_assert_str_eq(claims_of_term("labelSelector: {}"), PER_NODE);
    /* What the API server adds for matchLabelKeys counts once. */
    ck_assert_str_eq(claims_of_term("labelSelector: {matchExpressions: ["
                                    "{key: app, operator: In, values: [x]}]},"
                                    "matchLabelKeys: [app, unknown]"),
                     PER_NODE " with app=x");
}
END_TEST

START_TEST(namespaces)
{
    ck_assert_str_eq(claims_of_term("labelSelector: {}, namespaces: [ns, a]"),
                     "a node without pods of namespaces a, ns");
    ck_assert_str_eq(claims_of_term("labelSelector: {}, namespaces: [a]"), "");
    ck_assert_str_eq(claims_of_term("labelSelector: {}, namespaceSelector: {}"),
                     "a node without pods of all namespaces");
    ck_assert_str_eq(claims_of_term("labelSelector: {}, namespaceSelector: {matchLabels: {a: b}}"),
                     "");
}
END_TEST

/* A term that selects others only, and what is not understood: nothing is claimed. */
START_TEST(left_to_kube_scheduler)
{
    ck_assert_str_eq(claims_of_term("labelSelector: {matchLabels: {app: 'y'}}"), "");
    ck_assert_str_eq(claims_of_term("labelSelector: null"), "");
    ck_assert_str_eq(claims_of_term("labelSelector: {matchLabels: {app: x}},"
                                    "mismatchLabelKeys: [tier]"),
                     "");
    ck_assert_str_eq(claims_of_term("labelSelector: {matchExpressions: ["
                                    "{key: app, operator: Like, values: [x]}]}"),
                     "");
    ck_assert_str_eq(claims_of_term("labelSelector: {matchExpressions: ["
                                    "{key: app, operator: In}]}"),
                     "");
    ck_assert_str_eq(
        claims_of("  affinity: {podAntiAffinity: "
                  "{requiredDuringSchedulingIgnoredDuringExecution: "
                  "[{topologyKey: zone, labelSelector: {}}],"
                  "preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1}]}}\n"),
        "");
}
END_TEST

/* Longer than what people could read: the term is exact all the same, without a claim. */
START_TEST(too_long)
{
    char term[2048];
    char value[1200];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    snprintf(term, sizeof term,
             "labelSelector: {matchExpressions: [{key: app, operator: NotIn, values: [%s]}]}",
             value);
    ck_assert_str_eq(claims_of_term(term), "");
}
END_TEST

/* The first constraint that has to be kept, selects the pod and is not of the hostname. */
START_TEST(spread)
{
    struct err err;
    struct pod_object pod;
    json_t *json = yaml_object(
        "metadata: {name: p, namespace: ns, uid: u, labels: {app: x}}\n"
        "spec:\n"
        "  topologySpreadConstraints:\n"
        "  - {maxSkew: 1, topologyKey: a, whenUnsatisfiable: ScheduleAnyway, labelSelector: {}}\n"
        "  - {maxSkew: 1, topologyKey: b, whenUnsatisfiable: DoNotSchedule,\n"
        "     labelSelector: {matchLabels: {app: y}}}\n"
        "  - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule,\n"
        "     labelSelector: {}}\n"
        "  - {maxSkew: 2, minDomains: 3, topologyKey: zone, whenUnsatisfiable: DoNotSchedule,\n"
        "     labelSelector: {matchLabels: {app: x}}}\n");
    ck_assert_msg(pod_decode(json, &arena, &pod, &err) == 0, "%s", err.text);
    json_decref(json);
    ck_assert_str_eq(pod.spread.key, "zone");
    ck_assert_int_eq(pod.spread.max_skew, 2);
    ck_assert_int_eq(pod.spread.min_domains, 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/kube/objects/claims");
    TCase *tcase = tcase_create("claims");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, host_ports);
    tcase_add_test(tcase, long_texts_end_with_a_character);
    tcase_add_test(tcase, host_addresses);
    tcase_add_test(tcase, host_network);
    tcase_add_test(tcase, so_many_ports);
    tcase_add_test(tcase, one_per_node);
    tcase_add_test(tcase, namespaces);
    tcase_add_test(tcase, left_to_kube_scheduler);
    tcase_add_test(tcase, too_long);
    tcase_add_test(tcase, spread);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
