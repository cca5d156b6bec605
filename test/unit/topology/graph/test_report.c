// SPDX-License-Identifier: Apache-2.0
#include "topology/graph/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/check_main.h"

static struct levels levels;
static struct nodes *nodes;
static struct domains *domains;
static struct report report;

/* zone ▸ leaf (two keys) ▸ rack ▸ host */
static void setup(void)
{
    levels_init(&levels);
    levels_add(&levels, "zone", NULL);
    levels_add_key(&levels, "zone", NULL);
    levels_add(&levels, "leaf", NULL);
    levels_add_key(&levels, "leaf", NULL);
    levels_add_key(&levels, "old-leaf", NULL);
    levels_add(&levels, "rack", NULL);
    levels_add_key(&levels, "rack", NULL);
    levels_finish(&levels, NULL);
    nodes = nodes_create(1);
    domains = domains_create(&levels);
}

static void teardown(void)
{
    domains_destroy(domains);
    nodes_destroy(nodes);
}

/* Labels as key, value, key, value …, NULL. */
static void add(const char *name, const char *const *words)
{
    struct label_object labels[8];
    size_t count = 0;
    for (; words[2 * count] != NULL; count++) {
        labels[count] = (struct label_object){words[2 * count], words[2 * count + 1]};
    }
    struct node_object node = {.name = name, .labels = labels, .label_count = count};
    uint32_t row;
    unsigned changes;
    ck_assert_int_eq(nodes_observe(nodes, &node, &row, &changes, NULL), 0);
}

#define ADD(name, ...) add(name, (const char *const[]){__VA_ARGS__, NULL})

static void fill(void)
{
    domains_build(domains, nodes);
    report_fill(&report, &levels, domains, nodes);
}

static const struct report_level *level(const char *name)
{
    return &report.levels[levels_find(&levels, name)];
}

START_TEST(sizes_and_keys)
{
    ADD("n1", "leaf", "l1", "old-leaf", "o1", "rack", "r1");
    ADD("n2", "leaf", "l1", "rack", "r1");
    ADD("n3", "leaf", "l1", "rack", "r2");
    ADD("n4", "old-leaf", "l1", "rack", "r3");
    ADD("n5", "leaf", "l5", "rack", "r5");
    fill();
    ck_assert_uint_eq(report.nodes, 5);
    ck_assert_uint_eq(report.domains, 1 + 3 + 4);
    ck_assert_uint_eq(report.level_count, 4);
    ck_assert_str_eq(report.levels[0].name, "zone");
    ck_assert_int_eq(level("zone")->tree_level, -1);
    ck_assert_uint_eq(level("zone")->keys[0].carriers, 0);
    ck_assert_uint_eq(level("zone")->unlabelled.count, 5);
    const struct report_level *leaf = level("leaf");
    ck_assert_int_eq(leaf->tree_level, 1);
    ck_assert_uint_eq(leaf->key_count, 2);
    ck_assert_str_eq(leaf->keys[1].key, "old-leaf");
    ck_assert_uint_eq(leaf->keys[0].carriers, 4);
    ck_assert_uint_eq(leaf->keys[0].used, 4);
    ck_assert_uint_eq(leaf->keys[1].carriers, 2);
    ck_assert_uint_eq(leaf->keys[1].used, 1);
    ck_assert_uint_eq(leaf->known, 3); /* l1 of two keys */
    ck_assert_uint_eq(leaf->unknown, 0);
    ck_assert_uint_eq(leaf->smallest, 1);
    ck_assert_uint_eq(leaf->median, 1);
    ck_assert_uint_eq(leaf->largest, 3);
    ck_assert_uint_eq(leaf->unlabelled.count, 0);
    ck_assert_uint_eq(level("rack")->known, 4);
    ck_assert_uint_eq(level("rack")->repeated, 0);
    ck_assert_int_eq(level("host")->tree_level, 3);
    ck_assert_uint_eq(level("host")->known, 5);
    ck_assert_uint_eq(level("host")->largest, 1);
    ck_assert_uint_eq(level("host")->unlabelled.count, 0);
}
END_TEST

/* Of an even number of domains the greater one of the two in the middle. */
START_TEST(the_median)
{
    char name[16], leaf[16];
    for (int i = 0; i < 10; i++) { /* sizes 1 2 3 4 */
        (void)snprintf(name, sizeof name, "n%d", i);
        (void)snprintf(leaf, sizeof leaf, "l%d", i < 1 ? 1 : i < 3 ? 2 : i < 6 ? 3 : 4);
        ADD(name, "leaf", leaf);
    }
    fill();
    ck_assert_uint_eq(level("leaf")->smallest, 1);
    ck_assert_uint_eq(level("leaf")->median, 3);
    ck_assert_uint_eq(level("leaf")->largest, 4);
}
END_TEST

/* The first few by name, however the nodes came and wherever they stand. */
START_TEST(nodes_without_a_label)
{
    ADD("a", "leaf", "l1", "rack", "r1");
    for (int i = 0; i < 9; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "n%d", (i * 4 + 2) % 9);
        if (i % 2 == 0) {
            ADD(name, "rack", "r1");
        } else {
            ADD(name, "leaf", "", "old-leaf", "", "rack", "r1");
        }
    }
    fill();
    const struct report_level *leaf = level("leaf");
    ck_assert_uint_eq(leaf->unlabelled.count, 9);
    for (int i = 0; i < REPORT_NAMES_MAX; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "n%d", i);
        ck_assert_str_eq(leaf->unlabelled.first[i], name);
    }
    ck_assert_uint_eq(leaf->empty, 4);
    ck_assert_uint_eq(leaf->known, 1);
    ck_assert_uint_eq(leaf->unknown, 9);
    /* r1 is also in l1: their label means nothing. */
    ck_assert_uint_eq(level("rack")->unused.count, 9);
    ck_assert_str_eq(level("rack")->unused.first[0], "n0");
    ck_assert_uint_eq(level("rack")->unlabelled.count, 0);
    ck_assert_uint_eq(level("rack")->keys[0].carriers, 10);
    ck_assert_uint_eq(level("rack")->known, 1);
}
END_TEST

START_TEST(names_that_repeat)
{
    ADD("n1", "leaf", "l1", "rack", "r1");
    ADD("n2", "leaf", "l2", "rack", "r1");
    ADD("n3", "leaf", "l1", "rack", "r2");
    ADD("n4", "leaf", "l2", "rack", "r2");
    ADD("n5", "leaf", "l2", "rack", "r3");
    fill();
    ck_assert_uint_eq(level("rack")->known, 5);
    ck_assert_uint_eq(level("rack")->repeated, 2);
    ck_assert_str_eq(level("rack")->repeated_value, "r1");
    ck_assert(!level("rack")->upside_down);
    ck_assert_uint_eq(level("leaf")->repeated, 0);
    ck_assert_ptr_null(level("leaf")->repeated_value);
}
END_TEST

/* Two leaves of two racks each, labelled the wrong way round; and the right way round. */
START_TEST(levels_in_the_wrong_order)
{
    static const char *const wide[] = {"A", "A", "A", "A", "B", "B", "B", "B"};
    static const char *const narrow[] = {"1", "1", "2", "2", "3", "3", "4", "4"};
    for (int i = 0; i < 8; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "n%d", i);
        ADD(name, "leaf", _i == 0 ? narrow[i] : wide[i], "rack", _i == 0 ? wide[i] : narrow[i]);
    }
    fill();
    ck_assert_int_eq(level("rack")->upside_down, _i == 0);
    ck_assert(!level("leaf")->upside_down);
    ck_assert_uint_eq(level("rack")->known, 4);
    ck_assert_uint_eq(level("rack")->repeated, _i == 0 ? 2 : 0);
}
END_TEST

START_TEST(odd_values)
{
    char just[64], longer[301];
    memset(just, 'j', 63);
    just[63] = '\0';
    memset(longer, 'x', 300);
    longer[300] = '\0';
    ADD("n1", "leaf", just, "rack", "n1");
    ADD("n2", "leaf", longer, "rack", "hostname-2", LEVEL_HOST_KEY, "hostname-2");
    ADD("n3", "leaf", longer, "rack", "r3");
    fill();
    ck_assert_uint_eq(level("leaf")->long_values, 1);
    ck_assert_str_eq(level("leaf")->long_value, longer);
    ck_assert_uint_eq(level("leaf")->own_names, 0);
    ck_assert_uint_eq(level("rack")->long_values, 0);
    ck_assert_ptr_null(level("rack")->long_value);
    ck_assert_uint_eq(level("rack")->own_names, 2);
    ck_assert_uint_eq(level("host")->keys[0].carriers, 1);
}
END_TEST

START_TEST(no_node_at_all)
{
    fill();
    ck_assert_uint_eq(report.nodes, 0);
    ck_assert_uint_eq(report.domains, 1);
    ck_assert_int_eq(level("leaf")->tree_level, -1);
    ck_assert_uint_eq(level("host")->known, 0);
    ck_assert_uint_eq(level("host")->largest, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topology/graph/report");
    TCase *tcase = tcase_create("report");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, sizes_and_keys);
    tcase_add_test(tcase, the_median);
    tcase_add_test(tcase, nodes_without_a_label);
    tcase_add_test(tcase, names_that_repeat);
    tcase_add_loop_test(tcase, levels_in_the_wrong_order, 0, 2);
    tcase_add_test(tcase, odd_values);
    tcase_add_test(tcase, no_node_at_all);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
