// SPDX-License-Identifier: Apache-2.0
#include "api/import/overlay.h"

#include "test/unit/api/import/bed.h"

static uint32_t core, spine, leaf, other;

static uint32_t domain(uint32_t level, uint32_t parent, const char *value)
{
    uint32_t made;
    ck_assert_msg(overlay_domain(overlay, level, parent, value, &made, &err) == 0, "%s", err.text);
    return made;
}

/* core k ─ spine s ─ leaf l;  core k ─ leaf o */
static void setup(void)
{
    bed_setup();
    overlay = overlay_create();
    ck_assert_int_eq(overlay_level(overlay, "core", NULL, &err), 0);
    ck_assert_int_eq(overlay_level(overlay, "spine", NULL, &err), 0);
    ck_assert_int_eq(overlay_level(overlay, "leaf", NULL, &err), 0);
    core = domain(0, OVERLAY_NONE, "k");
    spine = domain(1, core, "s");
    leaf = domain(2, spine, "l");
    other = domain(2, core, "o");
}

static void rule(const char *pattern, uint32_t in)
{
    struct node_match *match;
    ck_assert_msg(node_match_pattern(pattern, &match, &err) == 0, "%s", err.text);
    ck_assert_int_eq(overlay_rule(overlay, match, in, &err), 0);
}

static void label_rule(const char *key, const char *value, uint32_t in)
{
    struct node_match *match;
    json_t *selector = json_pack("{s:{s:s}}", "matchLabels", key, value);
    ck_assert_int_eq(node_match_selector(selector, &match, &err), 0);
    json_decref(selector);
    ck_assert_int_eq(overlay_rule(overlay, match, in, &err), 0);
}

static void finish(void)
{
    ck_assert_int_eq(overlay_finish(overlay, &err), 0);
}

START_TEST(labels_follow_from_the_lowest_domain)
{
    ck_assert_int_eq(overlay_node(overlay, "n1", leaf, &err), 0);
    ck_assert_int_eq(overlay_node(overlay, "n2", other, &err), 0);
    ck_assert_int_eq(overlay_node(overlay, "n3", spine, &err), 0);
    finish();
    ck_assert_str_eq(level_names(), "core spine leaf host");
    ck_assert_str_eq(overlay_levels(overlay)->items[1].keys[0], "topology.phalanx.dev/spine");
    ck_assert_str_eq(path_of("n1"), "k/s/l");
    ck_assert_str_eq(path_of("n2"), "k/o/o"); /* its own spine */
    ck_assert_str_eq(path_of("n3"), "k/s/-"); /* nothing is known below */
    ck_assert_str_eq(path_of("n4"), "-/-/-");
}
END_TEST

START_TEST(a_root_stands_for_itself_above)
{
    uint32_t island = domain(2, OVERLAY_NONE, "i");
    ck_assert_int_eq(overlay_node(overlay, "n1", island, &err), 0);
    finish();
    ck_assert_str_eq(path_of("n1"), "i/i/i");
}
END_TEST

START_TEST(labels_of_the_node_stay)
{
    static const struct label_object own[] = {{"zone", "z"}, {"topology.phalanx.dev/leaf", "real"}};
    struct node_object node = {.name = "n1", .labels = own, .label_count = 2};
    ck_assert_int_eq(overlay_node(overlay, "n1", leaf, &err), 0);
    finish();
    ck_assert_int_eq(overlay_apply(overlay, &arena, &node, &err), 0);
    ck_assert_uint_eq(node.label_count, 5);
    ck_assert_str_eq(node.labels[0].value, "z");
    ck_assert_str_eq(path_with("n1", own, 2), "k/s/l");    /* the last one counts */
    ck_assert_str_eq(path_with("n9", own, 2), "-/-/real"); /* nothing was imported for it */
}
END_TEST

START_TEST(the_lower_of_nested_domains_counts)
{
    ck_assert_int_eq(overlay_node(overlay, "n1", core, &err), 0);
    ck_assert_int_eq(overlay_node(overlay, "n1", leaf, &err), 0);
    ck_assert_int_eq(overlay_node(overlay, "n1", spine, &err), 0);
    ck_assert_int_eq(overlay_node(overlay, "n1", leaf, &err), 0);
    finish();
    ck_assert_str_eq(path_of("n1"), "k/s/l");
}
END_TEST

START_TEST(domains_that_exclude_each_other)
{
    ck_assert_int_eq(overlay_node(overlay, "n1", leaf, &err), 0);
    ck_assert_int_eq(overlay_node(overlay, "n1", other, &err), -1);
    ck_assert_str_eq(err.text, "node n1 is in l and in o, and neither lies in the other");
    ck_assert_int_eq(overlay_node(overlay, "n2", spine, &err), 0);
    ck_assert_int_eq(overlay_node(overlay, "n2", other, &err), -1);
}
END_TEST

START_TEST(rules)
{
    static const struct label_object r1[] = {{"rack", "r1"}};
    ck_assert_int_eq(overlay_node(overlay, "a1", spine, &err), 0);
    rule("^a", leaf);
    rule("^b[0-9]$", other);
    label_rule("rack", "r1", leaf);
    finish();
    ck_assert_str_eq(path_of("a1"), "k/s/l"); /* exact and by rule: the lower */
    ck_assert_str_eq(path_of("a2"), "k/s/l");
    ck_assert_str_eq(path_of("b2"), "k/o/o");
    ck_assert_str_eq(path_of("c1"), "-/-/-");
    ck_assert_str_eq(path_with("c1", r1, 1), "k/s/l"); /* labels change */
    ck_assert_str_eq(path_of("c1"), "-/-/-");
    ck_assert_str_eq(path_with("b2", r1, 1),
                     "error: node b2 is in o and in l, and neither lies in the other");
    ck_assert_str_eq(path_of("b2"), "k/o/o");
}
END_TEST

START_TEST(rules_that_contradict_each_other)
{
    rule("1$", leaf);
    rule("^b", other);
    finish();
    for (int i = 0; i < 2; i++) {
        ck_assert_str_eq(path_of("b1"),
                         "error: node b1 is in l and in o, and neither lies in the other");
    }
    ck_assert_str_eq(path_of("b2"), "k/o/o");
}
END_TEST

START_TEST(reports)
{
    char text[512];
    ck_assert_int_eq(overlay_node(overlay, "n1", leaf, &err), 0);
    ck_assert_int_eq(overlay_node(overlay, "n2", leaf, &err), 0);
    finish();
    path_of("n1");
    ck_assert_str_eq(overlay_report(overlay, text, sizeof text),
                     "1 node of the imported topology does not exist (n2)");
    path_of("n2");
    ck_assert_str_eq(overlay_report(overlay, text, sizeof text), "");
    path_of("x1");
    path_of("x2");
    path_of("x3");
    path_of("x4");
    ck_assert_str_eq(overlay_report(overlay, text, sizeof text),
                     "4 nodes have no place in the imported topology (x1, x2, x3, …)");
    ck_assert_str_eq(overlay_report(overlay, text, 8), "4 nodes");
}
END_TEST

START_TEST(limits)
{
    struct label_object *full = arena_alloc(&arena, NODE_LABELS_MAX, sizeof *full);
    char name[600];
    uint32_t made;
    for (size_t i = 0; i < NODE_LABELS_MAX; i++) {
        full[i] = (struct label_object){arena_printf(&arena, "k%zu", i), "v"};
    }
    ck_assert_int_eq(overlay_node(overlay, "n1", leaf, &err), 0);
    memset(name, 'x', sizeof name);
    name[OVERLAY_VALUE_MAX] = '\0';
    made = domain(2, spine, name);
    ck_assert_int_eq(overlay_node(overlay, "n2", made, &err), 0);
    name[OVERLAY_VALUE_MAX] = 'x';
    name[599] = '\0';
    ck_assert_int_eq(overlay_domain(overlay, 2, spine, name, &made, &err), -1);
    expect_in(err.text, "must have 1 to 511 bytes");
    ck_assert_int_eq(overlay_domain(overlay, 2, spine, "", &made, &err), -1);
    finish();
    expect_in(path_with("n1", full, NODE_LABELS_MAX),
              "error: node n1: 512 labels and 3 imported ones are more than 512");
    ck_assert_str_eq(path_with("n1", full, NODE_LABELS_MAX - 3), "k/s/l");
    ck_assert_uint_eq(strlen(path_of("n2")), 4 + OVERLAY_VALUE_MAX);
    overlay_destroy(NULL);
}
END_TEST

START_TEST(level_names_become_label_keys)
{
    static const char *const bad[] = {"", "a b", "-a", "a-", "host", "cluster", "core", "a/b"};
    char name[300];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(overlay_level(overlay, bad[i], NULL, &err) == -1, "%s", bad[i]);
        ck_assert_str_ne(err.text, "");
    }
    memset(name, 'x', sizeof name);
    name[299] = '\0';
    ck_assert_int_eq(overlay_level(overlay, name, NULL, &err), -1);
    name[63] = '\0';
    ck_assert_int_eq(overlay_level(overlay, name, NULL, &err), 0);
}
END_TEST

/* A million domains with a node each are taken, one more is refused by name. */
START_TEST(a_million_domains)
{
    char name[32];
    uint32_t made;
    uint32_t good = 0;
    for (uint32_t i = 4; i < OVERLAY_DOMAINS_MAX; i++) {
        snprintf(name, sizeof name, "d%u", i);
        good += overlay_domain(overlay, 2, spine, name, &made, &err) == 0 &&
                overlay_node(overlay, name, made, &err) == 0;
    }
    ck_assert_uint_eq(good, OVERLAY_DOMAINS_MAX - 4);
    ck_assert_int_eq(overlay_domain(overlay, 2, spine, "last", &made, &err), -1);
    ck_assert_str_eq(err.text, "\"last\" is one domain too many: at most 1048576");
    finish();
    ck_assert_str_eq(path_of("d1048575"), "k/s/d1048575");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("overlay");
    TCase *tests = tcase_create("overlay");
    tcase_add_checked_fixture(tests, setup, bed_teardown);
    tcase_add_test(tests, labels_follow_from_the_lowest_domain);
    tcase_add_test(tests, a_root_stands_for_itself_above);
    tcase_add_test(tests, labels_of_the_node_stay);
    tcase_add_test(tests, the_lower_of_nested_domains_counts);
    tcase_add_test(tests, domains_that_exclude_each_other);
    tcase_add_test(tests, rules);
    tcase_add_test(tests, rules_that_contradict_each_other);
    tcase_add_test(tests, reports);
    tcase_add_test(tests, limits);
    tcase_add_test(tests, level_names_become_label_keys);
    tcase_add_test(tests, a_million_domains);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
