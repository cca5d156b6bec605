// SPDX-License-Identifier: Apache-2.0
#include "topology/graph/paths.h"

#include <stdio.h>
#include <string.h>

#include "test/unit/check_main.h"

static struct levels levels;
static struct nodes *nodes;
static struct paths paths;

/* zone ▸ rack (keys "rack", "old-rack") ▸ nvlink ▸ host */
static void setup(void)
{
    levels_init(&levels);
    levels_add(&levels, "zone", NULL);
    levels_add_key(&levels, "zone", NULL);
    levels_add(&levels, "rack", NULL);
    levels_add_key(&levels, "rack", NULL);
    levels_add_key(&levels, "old-rack", NULL);
    levels_add(&levels, "nvlink", NULL);
    levels_add_key(&levels, "nvlink", NULL);
    levels_finish(&levels, NULL);
    nodes = nodes_create(1);
}

static void teardown(void)
{
    paths_finish(&paths);
    nodes_destroy(nodes);
}

static void add(const char *name, const char *rack_key, const char *rack, const char *nvlink)
{
    struct label_object labels[2] = {{rack_key, rack}, {"nvlink", nvlink}};
    struct node_object node = {.name = name,
                               .labels = rack == NULL ? labels + 1 : labels,
                               .label_count = (size_t)(rack != NULL) + (nvlink != NULL)};
    uint32_t row;
    unsigned changes;
    ck_assert_int_eq(nodes_observe(nodes, &node, &row, &changes, NULL), 0);
}

static const char *text_of(uint32_t step)
{
    return step == PATHS_NONE ? "-" : names_text(nodes_words(nodes), paths_value(&paths, step));
}

START_TEST(steps_compare_like_texts_then_keys)
{
    add("n0", "rack", "b", "x");
    add("n1", "rack", "a", "x");
    add("n2", "old-rack", "a", "x");
    add("n3", "rack", "aa", "x");
    paths_init(&paths, &levels, nodes);
    ck_assert_uint_eq(paths.count, 4);
    ck_assert_uint_eq(paths.length, 2); /* nobody carries a zone */
    ck_assert_uint_eq(paths.levels[0], 1);
    ck_assert_uint_eq(paths.levels[1], 2);
    uint32_t steps[4];
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(paths.rows[i], i);
        steps[i] = paths_of(&paths, i)[0];
        ck_assert_uint_ne(steps[i], PATHS_NONE);
    }
    ck_assert_uint_lt(steps[1], steps[2]);
    ck_assert_uint_lt(steps[2], steps[3]);
    ck_assert_uint_lt(steps[3], steps[0]);
    ck_assert_str_eq(text_of(steps[2]), "a");
    ck_assert_str_eq(names_text(nodes_words(nodes), paths_key(&paths, 0, steps[2])), "old-rack");
    ck_assert_str_eq(names_text(nodes_words(nodes), paths_key(&paths, 0, steps[1])), "rack");
    ck_assert_uint_eq(paths_of(&paths, 0)[1], paths_of(&paths, 3)[1]);
}
END_TEST

/* "c1" below rack r1 and below none is no anchor; "c2", told twice below none, is. That "c2" is a
 * rack's name, too, does not matter: labels of two levels have nothing in common. */
START_TEST(only_anchors_stay_below_a_missing_label)
{
    add("n0", "rack", "r1", "c1");
    add("n1", "rack", NULL, "c1");
    add("n2", "rack", NULL, "c2");
    add("n3", "rack", NULL, "c2");
    add("n4", "rack", "c2", "c3");
    paths_init(&paths, &levels, nodes);
    static const char *const expected[][2] = {
        {"r1", "c1"}, {"-", "-"}, {"-", "c2"}, {"-", "c2"}, {"c2", "c3"}};
    for (uint32_t i = 0; i < 5; i++) {
        ck_assert_str_eq(text_of(paths_of(&paths, i)[0]), expected[i][0]);
        ck_assert_str_eq(text_of(paths_of(&paths, i)[1]), expected[i][1]);
    }
}
END_TEST

START_TEST(nobody_is_there)
{
    add("n0", "rack", "r", "c");
    ck_assert_uint_eq(nodes_remove(nodes, "n0"), 0);
    paths_init(&paths, &levels, nodes);
    ck_assert_uint_eq(paths.count, 0);
    ck_assert_uint_eq(paths.length, 0);
}
END_TEST

static void add_both(const char *name, const char *rack, const char *old_rack)
{
    struct label_object labels[2] = {{"rack", rack}, {"old-rack", old_rack}};
    struct node_object node = {.name = name, .labels = labels, .label_count = 2};
    uint32_t row;
    unsigned changes;
    ck_assert_int_eq(nodes_observe(nodes, &node, &row, &changes, NULL), 0);
}

static const char *key_of(uint32_t node)
{
    uint32_t step = paths_of(&paths, node)[0];
    return names_text(nodes_words(nodes), paths_key(&paths, 0, step));
}

/* Half of the nodes have the new label beside the old one: all are told apart by the old one. */
START_TEST(one_key_that_all_carry)
{
    add_both("n0", "new", "r1");
    add("n1", "old-rack", "r1", NULL);
    add_both("n2", "", "r1"); /* empty: not carried */
    add("n3", NULL, NULL, "x");
    paths_init(&paths, &levels, nodes);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_str_eq(text_of(paths_of(&paths, i)[0]), "r1");
        ck_assert_str_eq(key_of(i), "old-rack");
    }
}
END_TEST

/* All have the new one, or nobody has both: the first key of each node. */
START_TEST(the_first_key_of_each)
{
    add_both("n0", "r1", "other");
    add_both("n1", "r1", "another");
    paths_init(&paths, &levels, nodes);
    ck_assert_str_eq(key_of(0), "rack");
    ck_assert_str_eq(key_of(1), "rack");
    paths_finish(&paths);
    add("n2", "rack", "r1", NULL);
    add("n3", "old-rack", "r1", NULL);
    paths_init(&paths, &levels, nodes);
    ck_assert_str_eq(key_of(0), "rack");
    ck_assert_str_eq(key_of(2), "rack");
    ck_assert_str_eq(key_of(3), "old-rack");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topology/graph/paths");
    TCase *tcase = tcase_create("paths");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, steps_compare_like_texts_then_keys);
    tcase_add_test(tcase, one_key_that_all_carry);
    tcase_add_test(tcase, the_first_key_of_each);
    tcase_add_test(tcase, only_anchors_stay_below_a_missing_label);
    tcase_add_test(tcase, nobody_is_there);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
