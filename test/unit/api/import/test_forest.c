// SPDX-License-Identifier: Apache-2.0
#include "api/import/forest.h"

#include "test/unit/api/import/bed.h"

static struct forest *forest;

static void setup(void)
{
    bed_setup();
    forest = forest_create("switch");
}

static void teardown(void)
{
    forest_destroy(forest);
    bed_teardown();
}

static uint32_t add(const char *name)
{
    uint32_t member;
    ck_assert_msg(forest_add(forest, name, strlen(name), &member, &err) == 0, "%s", err.text);
    return member;
}

static uint32_t find(const char *name)
{
    return forest_find(forest, name, strlen(name));
}

static int adopt(const char *parent, const char *child)
{
    return forest_adopt(forest, find(parent), find(child), &err);
}

START_TEST(heights)
{
    static const char *const names[] = {"s6", "s4", "s0", "s1", "s5", "alone"};
    static const uint32_t wanted[] = {2, 1, 0, 0, 0, 0};
    for (size_t i = 0; i < 6; i++) {
        ck_assert_uint_eq(add(names[i]), i);
    }
    ck_assert_int_eq(adopt("s6", "s5"), 0);
    ck_assert_int_eq(adopt("s4", "s0"), 0);
    ck_assert_int_eq(adopt("s4", "s1"), 0);
    ck_assert_int_eq(adopt("s4", "s1"), 0); /* said twice */
    ck_assert_int_eq(adopt("s6", "s4"), 0);
    ck_assert_int_eq(forest_close(forest, &err), 0);
    for (uint32_t i = 0; i < 6; i++) {
        ck_assert_uint_eq(forest_height(forest, i), wanted[i]);
    }
    ck_assert_uint_eq(forest_parent(forest, find("s0")), find("s4"));
    ck_assert_uint_eq(forest_parent(forest, find("s6")), FOREST_NONE);
    ck_assert_uint_eq(find("s7"), FOREST_NONE);
}
END_TEST

START_TEST(domains_are_made_parents_first)
{
    static const uint32_t levels[] = {1, 0, 1};
    overlay = overlay_create();
    ck_assert_int_eq(overlay_level(overlay, "a", NULL, &err), 0);
    ck_assert_int_eq(overlay_level(overlay, "b", NULL, &err), 0);
    add("leaf");
    add("root");
    add("island");
    ck_assert_int_eq(adopt("root", "leaf"), 0);
    ck_assert_int_eq(forest_close(forest, &err), 0);
    uint32_t *domains = forest_domains(forest, levels, overlay, &err);
    ck_assert_ptr_nonnull(domains);
    ck_assert_int_eq(overlay_node(overlay, "n1", domains[0], &err), 0);
    ck_assert_int_eq(overlay_node(overlay, "n2", domains[2], &err), 0);
    ck_assert_int_eq(overlay_finish(overlay, &err), 0);
    ck_assert_str_eq(path_of("n1"), "root/leaf");
    ck_assert_str_eq(path_of("n2"), "island/island");
    free(domains);
}
END_TEST

START_TEST(cycles)
{
    for (const char *name = "abcdx"; *name != '\0'; name++) {
        const char text[2] = {*name, '\0'};
        add(text);
    }
    ck_assert_int_eq(adopt("b", "a"), 0);
    ck_assert_int_eq(adopt("c", "b"), 0);
    ck_assert_int_eq(adopt("a", "c"), 0);
    ck_assert_int_eq(adopt("a", "d"), 0);
    ck_assert_int_eq(forest_close(forest, &err), -1);
    ck_assert_str_eq(err.text, "switch a in b in c in a: a cycle");
}
END_TEST

START_TEST(a_cycle_of_one_and_of_many)
{
    char name[64];
    add("self");
    ck_assert_int_eq(adopt("self", "self"), 0);
    ck_assert_int_eq(forest_close(forest, &err), -1);
    ck_assert_str_eq(err.text, "switch self in self: a cycle");
    forest_destroy(forest);
    forest = forest_create("switch");
    for (uint32_t i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "a-switch-with-a-name-%u", i);
        add(name);
    }
    for (uint32_t i = 0; i < 1000; i++) {
        ck_assert_int_eq(forest_adopt(forest, (i + 1) % 1000, i, &err), 0);
    }
    ck_assert_int_eq(forest_close(forest, &err), -1);
    expect_in(err.text, "switch a-switch-with-a-name-0 in a-switch-with-a-name-1 in");
    expect_in(err.text, " in …: a cycle");
}
END_TEST

START_TEST(what_is_refused)
{
    char name[400];
    uint32_t member;
    add("a");
    add("b");
    add("c");
    ck_assert_int_eq(forest_add(forest, "a", 1, &member, &err), -1);
    ck_assert_str_eq(err.text, "switch a is defined twice");
    ck_assert_int_eq(forest_add(forest, "", 0, &member, &err), -1);
    memset(name, 'x', sizeof name);
    ck_assert_int_eq(forest_add(forest, name, 300, &member, &err), -1);
    expect_in(err.text, "must have 1 to 253 bytes");
    ck_assert_uint_eq(forest_count(forest), 3);
    ck_assert_int_eq(adopt("a", "b"), 0);
    ck_assert_int_eq(adopt("c", "b"), -1);
    ck_assert_str_eq(err.text, "switch b is in a and in c");
    forest_destroy(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("forest");
    TCase *tests = tcase_create("forest");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, heights);
    tcase_add_test(tests, domains_are_made_parents_first);
    tcase_add_test(tests, cycles);
    tcase_add_test(tests, a_cycle_of_one_and_of_many);
    tcase_add_test(tests, what_is_refused);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
