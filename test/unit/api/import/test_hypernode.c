// SPDX-License-Identifier: Apache-2.0
#include "api/import/hypernode.h"

#include "test/unit/api/import/bed.h"

#define HYPERNODE(name, tier, members)                             \
    "{apiVersion: topology.volcano.sh/v1alpha1, kind: HyperNode, " \
    "metadata: {name: " name "}, spec: {tier: " tier ", members: [" members "]}},"
#define NODE(name)      "{type: Node, selector: {exactMatch: {name: '" name "'}}},"
#define NODES(pattern)  "{type: Node, selector: {regexMatch: {pattern: '" pattern "'}}},"
#define LABELLED(value) "{type: Node, selector: {labelMatch: {matchLabels: {rack: " value "}}}},"
#define IN(name)        "{type: HyperNode, selector: {exactMatch: {name: " name "}}},"

static int load(const char *text)
{
    json_t *objects = yaml_object(text);
    int result = hypernode_load(objects, &overlay, &err);
    json_decref(objects);
    return result;
}

static void load_good(const char *text)
{
    ck_assert_msg(load(text) == 0, "%s", err.text);
}

START_TEST(tiers_are_levels_the_highest_the_widest)
{
    load_good(
        "[" HYPERNODE("s6", "3", IN("s4") IN("s5")) HYPERNODE("s4", "2", IN("s0") IN("s1"))
            HYPERNODE("s5", "2", IN("s2") IN("s3")) HYPERNODE("s0", "1", NODE("n0") NODE("n1"))
                HYPERNODE("s1", "1", NODES("^n[23]$")) HYPERNODE("s2", "1", LABELLED("r2"))
                    HYPERNODE("s3", "1", NODE("n6") NODES("^n7$") LABELLED("r3")) "]");
    static const struct label_object r2[] = {{"rack", "r2"}};
    ck_assert_str_eq(level_names(), "tier-3 tier-2 tier-1 host");
    ck_assert_str_eq(path_of("n1"), "s6/s4/s0");
    ck_assert_str_eq(path_of("n3"), "s6/s4/s1");
    ck_assert_str_eq(path_with("n4", r2, 1), "s6/s5/s2");
    ck_assert_str_eq(path_of("n7"), "s6/s5/s3");
    ck_assert_str_eq(path_of("n8"), "-/-/-");
    char text[256];
    ck_assert_str_eq(overlay_report(overlay, text, sizeof text),
                     "2 nodes of the imported topology do not exist (n0, n6); "
                     "1 node has no place in the imported topology (n8)");
}
END_TEST

START_TEST(tiers_have_names)
{
    load_good("[{metadata: {name: a}, spec: {tier: 20, tierName: pod, members: [" IN(
        "b") "]}},"
             "{metadata: {name: b}, spec: {tier: 10, tierName: rack, members: [" NODE(
                 "n") "]}},"
                      "{metadata: {name: c}, spec: {tier: 10, members: []}}]");
    ck_assert_str_eq(level_names(), "pod rack host");
    ck_assert_str_eq(path_of("n"), "a/b");
}
END_TEST

/* A tier-3 hypernode right above a tier-1 one, and one above nothing. */
START_TEST(tier_jumps)
{
    load_good("[" HYPERNODE("top", "3", IN("low") IN("mid") NODE("n3"))
                  HYPERNODE("mid", "2", IN("low2") NODE("n2")) HYPERNODE("low", "1", NODE("n1"))
                      HYPERNODE("low2", "1", NODE("n4")) HYPERNODE("alone", "1", NODE("n5")) "]");
    ck_assert_str_eq(path_of("n1"), "top/low/low");
    ck_assert_str_eq(path_of("n2"), "top/mid/-");
    ck_assert_str_eq(path_of("n3"), "top/-/-");
    ck_assert_str_eq(path_of("n4"), "top/mid/low2");
    ck_assert_str_eq(path_of("n5"), "alone/alone/alone");
}
END_TEST

/* A node that a wider hypernode lists too is where the narrower one says. */
START_TEST(nested_hypernodes_may_list_a_node_twice)
{
    load_good("[" HYPERNODE("s4", "2", IN("s0") NODES("^n")) HYPERNODE("s0", "1", NODE("n0")) "]");
    ck_assert_str_eq(path_of("n0"), "s4/s0");
    ck_assert_str_eq(path_of("n1"), "s4/-");
}
END_TEST

START_TEST(hypernodes_by_pattern)
{
    load_good("[{metadata: {name: top}, spec: {tier: 2, members: ["
              "{type: HyperNode, selector: {regexMatch: {pattern: '^s[0-9]$'}}}]}}," HYPERNODE(
                  "s0", "1", NODE("n0")) HYPERNODE("s1", "1", NODE("n1")) "]");
    ck_assert_str_eq(path_of("n1"), "top/s1");
}
END_TEST

/* Whether patterns and labels overlap is known when a node is seen. */
START_TEST(overlaps_that_show_late)
{
    static const struct label_object r1[] = {{"rack", "r1"}};
    load_good("[" HYPERNODE("s0", "1", NODES("^a"))
                  HYPERNODE("s1", "1", NODES("1$") LABELLED("r1")) "]");
    ck_assert_str_eq(path_of("a2"), "s0");
    ck_assert_str_eq(path_of("b1"), "s1");
    ck_assert_str_eq(path_of("a1"),
                     "error: node a1 is in s0 and in s1, and neither lies in the other");
    ck_assert_str_eq(path_with("a2", r1, 1),
                     "error: node a2 is in s0 and in s1, and neither lies in the other");
}
END_TEST

static const struct {
    const char *text;
    const char *error;
} bad[] = {
    {"[]", "there are no HyperNodes"},
    {"[" HYPERNODE("a", "1", NODE("n")) HYPERNODE("b", "1", NODE("n")) "]",
     "HyperNode b: spec.members[0]: node n is in a and in b, and neither lies in the other"},
    {"[" HYPERNODE("a", "2", NODE("n")) HYPERNODE("b", "1", NODE("n")) "]",
     "node n is in a and in b"},
    {"[" HYPERNODE("a", "2", IN("b")) HYPERNODE("b", "1", IN("a")) "]",
     "HyperNode a in b in a: a cycle"},
    {"[" HYPERNODE("a", "1", IN("a")) "]", "HyperNode a in a: a cycle"},
    {"[" HYPERNODE("a", "2", IN("b")) "]",
     "HyperNode a: spec.members[0]: member HyperNode b does not exist"},
    {"[" HYPERNODE("a", "1", IN("b")) HYPERNODE("b", "1", "") "]",
     "HyperNode a (tier 1) cannot hold b (tier 1), which must be of a lower tier"},
    {"[" HYPERNODE("a", "1", IN("b")) HYPERNODE("b", "2", "") "]",
     "HyperNode a (tier 1) cannot hold b (tier 2)"},
    {"[" HYPERNODE("a", "2", IN("c")) HYPERNODE("b", "2", IN("c")) HYPERNODE("c", "1", "") "]",
     "HyperNode b: spec.members[0]: HyperNode c is in a and in b"},
    {"[" HYPERNODE("a", "1", "") HYPERNODE("a", "1", "") "]", "HyperNode a is defined twice"},
    {"[" HYPERNODE("a", "-1", "") "]", "HyperNode a: spec: tier is missing or negative"},
    {"[{metadata: {name: a}, spec: {}}]", "tier is missing or negative"},
    {"[" HYPERNODE("a", "high", "") "]", "HyperNode a: spec.tier: is a string, not an integer"},
    {"[" HYPERNODE("a", "1", "{type: Node}") "]", "one of exactMatch, regexMatch and labelMatch"},
    {"[" HYPERNODE("a", "1",
                   "{type: Node, selector: {exactMatch: {name: a}, regexMatch: "
                   "{pattern: a}}}") "]",
     "one of exactMatch, regexMatch and labelMatch"},
    {"[" HYPERNODE("a", "1", "{type: Pod, selector: {exactMatch: {name: a}}}") "]",
     "spec.members[0]: type \"Pod\" is not Node or HyperNode"},
    {"[" HYPERNODE("a", "1",
                   "{type: HyperNode, selector: {labelMatch: {matchLabels: {a: b}}}}") "]",
     "labelMatch is for members of type Node"},
    {"[" HYPERNODE("a", "1", "{type: Node, selector: {exactMatch: {}}}") "]",
     "exactMatch.name: is missing"},
    {"[" HYPERNODE("a", "1", NODES("(a")) "]", "HyperNode a: spec.members[0]: pattern \"(a\""},
    {"[" HYPERNODE("a", "1", NODES("\\bn")) "]", "an escape that is not supported"},
    {"[" HYPERNODE("a", "1", "{type: Node, selector: {labelMatch: {matchExpressions: [{}]}}}") "]",
     "labelMatch: matchExpressions[0].key: is missing"},
    {"[{metadata: {name: a}, spec: {tier: 1, tierName: x}},"
     "{metadata: {name: b}, spec: {tier: 1, tierName: 'y'}}]",
     "HyperNode b: spec: tierName y, but a calls tier 1 x"},
    {"[{metadata: {name: a}, spec: {tier: 1, tierName: x}},"
     "{metadata: {name: b}, spec: {tier: 2, tierName: x}}]",
     "level \"x\" is listed twice"},
    {"[{metadata: {name: a}, spec: {tier: 1, tierName: host}}]", "HyperNode tier 1: level name"},
    {"[{metadata: {name: a}, spec: {tier: 1, tierName: 'no label'}}]", "HyperNode tier 1: level"},
    {"[{metadata: {}, spec: {tier: 1}}]", "HyperNode: metadata.name: is missing"},
    {"[7]", "HyperNode: is not a JSON object"},
    {"[" HYPERNODE("a", "1", "7") "]", "HyperNode a: spec.members[0]: is a number"},
};

START_TEST(what_is_wrong_is_named)
{
    ck_assert_msg(load(bad[_i].text) == -1, "%s", bad[_i].text);
    ck_assert_msg(strstr(err.text, bad[_i].error) != NULL, "%s: %s", bad[_i].text, err.text);
    ck_assert_ptr_null(overlay);
}
END_TEST

START_TEST(more_tiers_than_the_limit)
{
    json_t *objects = json_array();
    for (int i = 0; i < 16; i++) {
        char name[8];
        snprintf(name, sizeof name, "h%d", i);
        json_array_append_new(
            objects, json_pack("{s:{s:s}, s:{s:i}}", "metadata", "name", name, "spec", "tier", i));
    }
    ck_assert_int_eq(hypernode_load(objects, &overlay, &err), -1);
    ck_assert_str_eq(err.text, "HyperNode h15: spec.tier: more than 15 different tiers");
    json_array_remove(objects, 15);
    ck_assert_int_eq(hypernode_load(objects, &overlay, &err), 0);
    json_decref(objects);
}
END_TEST

START_TEST(long_names)
{
    char name[301];
    memset(name, 'h', 300);
    name[300] = '\0';
    json_t *objects =
        json_pack("[{s:{s:s}, s:{s:i}}]", "metadata", "name", name, "spec", "tier", 1);
    ck_assert_int_eq(hypernode_load(objects, &overlay, &err), -1);
    expect_in(err.text, "must have 1 to 253 bytes");
    json_decref(objects);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hypernode");
    TCase *tests = tcase_create("hypernode");
    tcase_add_checked_fixture(tests, bed_setup, bed_teardown);
    tcase_add_test(tests, tiers_are_levels_the_highest_the_widest);
    tcase_add_test(tests, tiers_have_names);
    tcase_add_test(tests, tier_jumps);
    tcase_add_test(tests, nested_hypernodes_may_list_a_node_twice);
    tcase_add_test(tests, hypernodes_by_pattern);
    tcase_add_test(tests, overlaps_that_show_late);
    tcase_add_loop_test(tests, what_is_wrong_is_named, 0, (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(tests, more_tiers_than_the_limit);
    tcase_add_test(tests, long_names);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
