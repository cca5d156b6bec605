// SPDX-License-Identifier: Apache-2.0
#include "api/import/kueue_topology.h"

#include "test/unit/api/import/bed.h"

#define TOPOLOGY(name, levels)                              \
    "{apiVersion: kueue.x-k8s.io/v1beta2, kind: Topology, " \
    "metadata: {name: " name "}, spec: {levels: [" levels "]}}"

static int load(const char *text)
{
    json_t *objects = yaml_object(text);
    int result = kueue_topology_load(objects, &overlay, &err);
    json_decref(objects);
    return result;
}

START_TEST(levels_with_their_own_keys)
{
    ck_assert_msg(load(TOPOLOGY("gke", "{nodeLabel: cloud.google.com/gce-topology-block},"
                                       "{nodeLabel: cloud.google.com/gce-topology-subblock},"
                                       "{nodeLabel: cloud.google.com/gce-topology-host},"
                                       "{nodeLabel: kubernetes.io/hostname}")) == 0,
                  "%s", err.text);
    ck_assert_str_eq(level_names(),
                     "gce-topology-block gce-topology-subblock gce-topology-host host");
    ck_assert_str_eq(overlay_levels(overlay)->items[0].keys[0],
                     "cloud.google.com/gce-topology-block");
    ck_assert_str_eq(overlay_levels(overlay)->items[3].keys[0], LEVEL_HOST_KEY);
    ck_assert_str_eq(path_of("n1"), "-/-/-"); /* nodes bring their own labels */
    char text[16];
    ck_assert_str_eq(overlay_report(overlay, text, sizeof text), "");
}
END_TEST

START_TEST(the_host_may_be_left_out)
{
    ck_assert_int_eq(load(TOPOLOGY("t", "{nodeLabel: rack}")), 0);
    ck_assert_str_eq(level_names(), "rack host");
    overlay_destroy(overlay);
    ck_assert_int_eq(load(TOPOLOGY("t", "{nodeLabel: kubernetes.io/hostname}")), 0);
    ck_assert_str_eq(level_names(), "host");
}
END_TEST

START_TEST(names_are_made_unique)
{
    ck_assert_msg(
        load(TOPOLOGY("t", "{nodeLabel: a/rack}, {nodeLabel: b/rack}, {nodeLabel: c/rack},"
                           "{nodeLabel: d/cluster}, {nodeLabel: e/host},"
                           "{nodeLabel: f/"
                           "x23456789012345678901234567890"
                           "123456789012345678901234567890123},"
                           "{nodeLabel: g/"
                           "x23456789012345678901234567890"
                           "123456789012345678901234567890123}")) == 0,
        "%s", err.text);
    ck_assert_str_eq(level_names(),
                     "rack rack-2 rack-3 cluster-2 host-2 "
                     "x23456789012345678901234567890123456789012345678901234567890123 "
                     "x234567890123456789012345678901234567890123456789012345678901-2 "
                     "host");
}
END_TEST

START_TEST(several_that_agree)
{
    ck_assert_msg(load("[" TOPOLOGY("a", "{nodeLabel: rack}") "," TOPOLOGY(
                      "b", "{nodeLabel: rack}") "]") == 0,
                  "%s", err.text);
    ck_assert_str_eq(level_names(), "rack host");
}
END_TEST

#define NAME100                                           \
    "x234567890123456789012345678901234567890123456789x2" \
    "34567890123456789012345678901234567890123456789x"

static const struct {
    const char *text;
    const char *error;
} bad[] = {
    {"[" TOPOLOGY("a", "{nodeLabel: rack}") "," TOPOLOGY("b", "{nodeLabel: zone}") "]",
     "Topology a and Topology b list different levels"},
    {"[" TOPOLOGY("a", "{nodeLabel: rack}") "," TOPOLOGY(
         "b", "{nodeLabel: rack}, {nodeLabel: kubernetes.io/hostname}") "]",
     "list different levels"},
    {TOPOLOGY("t", ""), "Topology t: spec.levels: 0 levels are out of range (1 to 8)"},
    {TOPOLOGY("t", "{nodeLabel: a}, {nodeLabel: b}, {nodeLabel: c}, {nodeLabel: d},"
                   "{nodeLabel: e}, {nodeLabel: f}, {nodeLabel: g}, {nodeLabel: h},"
                   "{nodeLabel: i}"),
     "9 levels are out of range"},
    {TOPOLOGY("t", "{nodeLabel: kubernetes.io/hostname}, {nodeLabel: rack}"),
     "spec.levels[0]: kubernetes.io/hostname can only be the last level"},
    {TOPOLOGY("t", "{nodeLabel: rack}, {nodeLabel: rack}"),
     "Topology t: spec.levels[1].nodeLabel: "},
    {TOPOLOGY("t", "{nodeLabel: ''}"), "spec.levels[0].nodeLabel: is missing"},
    {TOPOLOGY("t", "{nodeLabel: 7}"), "spec.levels[0].nodeLabel: is a number"},
    {TOPOLOGY("t", "{nodeLabel: a/}"), "is not a label key"},
    {TOPOLOGY("t", "{nodeLabel: a/" NAME100 "}"), "is not a label key"},
    {TOPOLOGY("t", "{nodeLabel: " NAME100 NAME100 NAME100 NAME100 "/rack}"), "is not a label key"},
    {TOPOLOGY("t", "7"), "spec.levels[0]: is a number"},
    {"{kind: Topology}", "metadata.name: is missing"},
};

START_TEST(what_is_wrong_is_named)
{
    ck_assert_msg(load(bad[_i].text) == -1, "%s", bad[_i].text);
    ck_assert_msg(strstr(err.text, bad[_i].error) != NULL, "%s: %s", bad[_i].text, err.text);
    ck_assert_ptr_null(overlay);
}
END_TEST

START_TEST(it_is_recognised)
{
    static const char *const others[] = {
        "{kind: Topology}", "{apiVersion: kai.scheduler/v1alpha1, kind: Topology}",
        "{apiVersion: kueue.x-k8s.io/v1beta2, kind: Workload}", "{apiVersion: 7, kind: []}"};
    json_t *object = yaml_object("{apiVersion: kueue.x-k8s.io/v1beta1, kind: Topology}");
    ck_assert(kueue_topology_is(object));
    json_decref(object);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        object = yaml_object(others[i]);
        ck_assert(!kueue_topology_is(object));
        json_decref(object);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kueue_topology");
    TCase *tests = tcase_create("kueue_topology");
    tcase_add_checked_fixture(tests, bed_setup, bed_teardown);
    tcase_add_test(tests, levels_with_their_own_keys);
    tcase_add_test(tests, the_host_may_be_left_out);
    tcase_add_test(tests, names_are_made_unique);
    tcase_add_test(tests, several_that_agree);
    tcase_add_loop_test(tests, what_is_wrong_is_named, 0, (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(tests, it_is_recognised);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
