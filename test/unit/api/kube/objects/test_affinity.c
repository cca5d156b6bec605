// SPDX-License-Identifier: Apache-2.0
#include "api/kube/objects/affinity.h"

#include <stdio.h>
#include <string.h>

#include "api/kube/objects/decode.h"
#include "test/unit/api/yaml/object.h"
#include "test/unit/check_main.h"

static struct arena arena;
static struct pod_object pod;

static void setup(void)
{
    arena_init(&arena);
}

static void teardown(void)
{
    arena_finish(&arena);
}

static void decode(const char *spec)
{
    static char yaml[1 << 16];
    struct err err;
    snprintf(yaml, sizeof yaml,
             "metadata: {name: p, namespace: ns, uid: u, labels: {app: x, tier: a}}\nspec:\n%s",
             spec);
    json_t *json = yaml_object(yaml);
    ck_assert_msg(pod_decode(json, &arena, &pod, &err) == 0, "%s", err.text);
    json_decref(json);
}

/* The terms in words: "apart rack in ns: app=x;". */
static const char *terms(void)
{
    static char text[1 << 16];
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < pod.affinity_count; i++) {
        const struct affinity_object *term = &pod.affinities[i];
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%s %s in%s",
                                   term->apart ? "apart" : "together", term->claimed ? "!" : "",
                                   term->key, term->everywhere ? " *" : "");
        for (size_t n = 0; n < term->name_space_count; n++) {
            length +=
                (size_t)snprintf(text + length, sizeof text - length, " %s", term->name_spaces[n]);
        }
        for (size_t e = 0; e < term->expression_count; e++) {
            const struct expression_object *item = &term->expressions[e];
            length += (size_t)snprintf(text + length, sizeof text - length, "%s %s %d",
                                       e == 0 ? ":" : ",", item->key, item->operator);
            for (size_t v = 0; v < item->value_count; v++) {
                length +=
                    (size_t)snprintf(text + length, sizeof text - length, " %s", item->values[v]);
            }
        }
        length += (size_t)snprintf(text + length, sizeof text - length, ";");
    }
    return text;
}

static const char *of_term(const char *term)
{
    char spec[8192];
    snprintf(spec, sizeof spec,
             "  affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
             "[{topologyKey: rack, %s}]}}\n",
             term);
    decode(spec);
    return terms();
}

static const char *of_affinity(const char *term)
{
    char spec[8192];
    snprintf(spec, sizeof spec,
             "  affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
             "[{topologyKey: rack, %s}]}}\n",
             term);
    decode(spec);
    return terms();
}

START_TEST(selectors)
{
    ck_assert_str_eq(of_term("labelSelector: {matchLabels: {app: x}}"),
                     "apart rack in ns: app 0 x;");
    ck_assert_str_eq(of_term("labelSelector: {}"), "apart rack in ns;");
    /* In one order, each once. */
    ck_assert_str_eq(of_term("labelSelector: {matchLabels: {b: x}, matchExpressions: ["
                             "{key: b, operator: In, values: [x]},"
                             "{key: a, operator: NotIn, values: [z, w, z]},"
                             "{key: a, operator: Exists}, {key: c, operator: DoesNotExist}]}"),
                     "apart rack in ns: a 1 w z, a 2, b 0 x, c 3;");
    /* Own values; a key that the pod does not have says nothing. */
    ck_assert_str_eq(of_term("labelSelector: {}, matchLabelKeys: [app, gone],"
                             "mismatchLabelKeys: [tier, gone]"),
                     "apart rack in ns: app 0 x, tier 1 a;");
    /* Without a selector no pod is selected: a requirement that none meets. */
    ck_assert_str_eq(of_term("labelSelector: null"), "apart rack in ns:  0;");
    ck_assert_ptr_null(pod.affinity_left);
    ck_assert_str_eq(of_affinity("labelSelector: {matchLabels: {app: x}}"),
                     "together rack in ns: app 0 x;");
}
END_TEST

START_TEST(namespaces)
{
    ck_assert_str_eq(of_term("labelSelector: {}, namespaces: [b, a, b]"), "apart rack in a b;");
    ck_assert_str_eq(of_term("labelSelector: {}, namespaces: [b], namespaceSelector: {}"),
                     "apart rack in *;");
    ck_assert_str_eq(of_term("labelSelector: {}, namespaces: [b], namespaceSelector: {matchLabels: "
                             "{kubernetes.io/metadata.name: a}}"),
                     "apart rack in a b;");
    ck_assert_str_eq(of_term("labelSelector: {}, namespaceSelector: {matchExpressions: ["
                             "{key: kubernetes.io/metadata.name, operator: In, values: [a, b]},"
                             "{key: kubernetes.io/metadata.name, operator: NotIn, values: [b]}]}"),
                     "apart rack in a;");
    ck_assert_ptr_null(pod.affinity_left);
}
END_TEST

/* What speaks of namespaces whose labels nobody knows: those that are known still count against the
 * pod, but affinity might be met elsewhere. */
START_TEST(unknown_namespaces)
{
    const char *term = "labelSelector: {}, namespaces: [b], namespaceSelector: {matchLabels: "
                       "{team: a}}";
    ck_assert_str_eq(of_term(term), "apart rack in b;");
    ck_assert_ptr_nonnull(strstr(pod.affinity_left, "namespaces by labels"));
    ck_assert_str_eq(of_affinity(term), "");
    ck_assert_ptr_nonnull(pod.affinity_left);
    ck_assert_str_eq(of_term("labelSelector: {}, namespaceSelector: {matchExpressions: ["
                             "{key: kubernetes.io/metadata.name, operator: NotIn, values: [b]}]}"),
                     "");
    ck_assert_ptr_nonnull(pod.affinity_left);
}
END_TEST

START_TEST(not_understood)
{
    ck_assert_str_eq(of_term("labelSelector: {matchExpressions: [{key: a, operator: Like}]}"), "");
    ck_assert_ptr_nonnull(strstr(pod.affinity_left, "not understood"));
    ck_assert_str_eq(of_term("labelSelector: {matchExpressions: [{key: a, operator: In}]}"), "");
    ck_assert_str_eq(of_term("labelSelector: []"), "");
    decode("  affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
           "[{labelSelector: {}}]}}\n");
    ck_assert_uint_eq(pod.affinity_count, 0);
    ck_assert_ptr_nonnull(pod.affinity_left);
    decode("  affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: "
           "[{weight: 1}]}}\n");
    ck_assert_ptr_null(pod.affinity_left);
}
END_TEST

/* A term more than is read, a selector with more words, more namespaces: all of it is said. */
START_TEST(limits)
{
    char spec[1 << 14];
    size_t length = 0;
    length += (size_t)snprintf(spec + length, sizeof spec - length,
                               "  affinity: {podAntiAffinity: "
                               "{requiredDuringSchedulingIgnoredDuringExecution: [");
    for (int i = 0; i <= POD_AFFINITIES_MAX; i++) {
        length += (size_t)snprintf(spec + length, sizeof spec - length,
                                   "{topologyKey: k%d, labelSelector: {}}, ", i);
    }
    snprintf(spec + length, sizeof spec - length, "]}}\n");
    decode(spec);
    ck_assert_uint_eq(pod.affinity_count, POD_AFFINITIES_MAX);
    ck_assert_ptr_nonnull(strstr(pod.affinity_left, "more required terms"));

    length = (size_t)snprintf(spec, sizeof spec,
                              "  affinity: {podAntiAffinity: "
                              "{requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: k, "
                              "labelSelector: {matchExpressions: [");
    for (int e = 0; e < 3; e++) {
        length += (size_t)snprintf(spec + length, sizeof spec - length,
                                   "{key: k%d, operator: In, values: [", e);
        for (int v = 0; v < POD_AFFINITY_WORDS_MAX / 3; v++) {
            length += (size_t)snprintf(spec + length, sizeof spec - length, "v%d, ", v);
        }
        length += (size_t)snprintf(spec + length, sizeof spec - length, "]}, ");
    }
    snprintf(spec + length, sizeof spec - length, "]}}]}}\n");
    decode(spec);
    ck_assert_uint_eq(pod.affinity_count, 0);
    ck_assert_ptr_nonnull(strstr(pod.affinity_left, "longer than is read"));
}
END_TEST

/* One rule of the hostname is a claim, too: that which selects the pod itself. */
START_TEST(claims)
{
    decode("  affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: ["
           "{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: x}}},"
           "{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: z}}}]}}\n");
    ck_assert_str_eq(terms(), "apart! kubernetes.io/hostname in ns: app 0 x;"
                              "apart kubernetes.io/hostname in ns: app 0 z;");
    ck_assert_uint_eq(pod.claim_count, 1);
    ck_assert_uint_eq(pod.label_count, 2);
    ck_assert_str_eq(pod.labels[0].key, "app");
    ck_assert_str_eq(pod.labels[0].value, "x");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/kube/objects/affinity");
    TCase *tcase = tcase_create("affinity");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, selectors);
    tcase_add_test(tcase, namespaces);
    tcase_add_test(tcase, unknown_namespaces);
    tcase_add_test(tcase, not_understood);
    tcase_add_test(tcase, limits);
    tcase_add_test(tcase, claims);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
