// SPDX-License-Identifier: Apache-2.0
#include "topology/graph/levels.h"

#include <stdio.h>
#include <string.h>

#include "test/unit/check_main.h"

START_TEST(test_own_list)
{
    struct levels levels;
    struct err err;
    levels_init(&levels);
    ck_assert_int_eq(levels_add(&levels, "block", &err), 0);
    ck_assert_int_eq(levels_add_key(&levels, "cloud.google.com/gce-topology-block", &err), 0);
    ck_assert_int_eq(levels_add(&levels, "sub-block", &err), 0);
    ck_assert_int_eq(levels_add_key(&levels, "cloud.google.com/gce-topology-subblock", &err), 0);
    ck_assert_int_eq(levels_finish(&levels, &err), 0);
    ck_assert_uint_eq(levels.count, 3);
    ck_assert_str_eq(levels.items[2].name, LEVEL_HOST);
    ck_assert_str_eq(levels.items[2].keys[0], LEVEL_HOST_KEY);
    ck_assert_int_eq(levels_find(&levels, "sub-block"), 1);
    ck_assert_int_eq(levels_find(&levels, "cloud.google.com/gce-topology-block"), 0);
    ck_assert_int_eq(levels_find(&levels, LEVEL_HOST_KEY), 2);
    ck_assert_int_eq(levels_find(&levels, "rack"), -1);
    ck_assert_int_eq(levels_find(&levels, ""), -1);
}
END_TEST

START_TEST(test_host_alone)
{
    struct levels levels;
    levels_init(&levels);
    ck_assert_int_eq(levels_finish(&levels, NULL), 0);
    ck_assert_uint_eq(levels.count, 1);
    ck_assert_str_eq(levels.items[0].name, LEVEL_HOST);
    /* Listed without a key it gets the usual one, with one it keeps it. */
    levels_init(&levels);
    ck_assert_int_eq(levels_add(&levels, LEVEL_HOST, NULL), 0);
    ck_assert_int_eq(levels_finish(&levels, NULL), 0);
    ck_assert_str_eq(levels.items[0].keys[0], LEVEL_HOST_KEY);
    levels_init(&levels);
    ck_assert_int_eq(levels_add(&levels, LEVEL_HOST, NULL), 0);
    ck_assert_int_eq(levels_add_key(&levels, "example.com/host", NULL), 0);
    ck_assert_int_eq(levels_finish(&levels, NULL), 0);
    ck_assert_uint_eq(levels.items[0].key_count, 1);
    ck_assert_str_eq(levels.items[0].keys[0], "example.com/host");
}
END_TEST

static void expect_error(int result, const struct err *err, const char *part)
{
    ck_assert_int_eq(result, -1);
    ck_assert_msg(strstr(err->text, part) != NULL, "\"%s\" is not in: %s", part, err->text);
}

START_TEST(test_refused_names)
{
    struct levels levels;
    struct err err;
    char longest[LEVEL_NAME_MAX + 2] = "";
    memset(longest, 'n', LEVEL_NAME_MAX);
    levels_init(&levels);
    expect_error(levels_add(&levels, "", &err), &err, "\"\"");
    ck_assert_int_eq(levels_add(&levels, longest, &err), 0);
    expect_error(levels_add(&levels, longest, &err), &err, "twice");
    longest[LEVEL_NAME_MAX] = 'n';
    expect_error(levels_add(&levels, longest, &err), &err, "63");
    expect_error(levels_add(&levels, LEVEL_CLUSTER, &err), &err, "\"cluster\"");
    ck_assert_int_eq(levels_add(&levels, LEVEL_HOST, &err), 0);
    expect_error(levels_add(&levels, "gpu", &err), &err, "\"gpu\" is listed below");
    ck_assert_uint_eq(levels.count, 2);
}
END_TEST

START_TEST(test_refused_keys)
{
    struct levels levels;
    struct err err;
    char longest[LEVEL_KEY_MAX + 2] = "";
    memset(longest, 'k', LEVEL_KEY_MAX);
    levels_init(&levels);
    expect_error(levels_add_key(&levels, "zone", &err), &err, "before any level");
    levels_add(&levels, "zone", NULL);
    expect_error(levels_add_key(&levels, "", &err), &err, "level \"zone\"");
    ck_assert_int_eq(levels_add_key(&levels, longest, &err), 0);
    expect_error(levels_add_key(&levels, longest, &err), &err, "already means level \"zone\"");
    longest[LEVEL_KEY_MAX] = 'k';
    expect_error(levels_add_key(&levels, longest, &err), &err, "317");
    for (int i = 1; i < LEVEL_KEYS_MAX; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "key-%d", i);
        ck_assert_int_eq(levels_add_key(&levels, key, &err), 0);
    }
    expect_error(levels_add_key(&levels, "one-more", &err), &err, "one too many");
    levels_add(&levels, "rack", NULL);
    expect_error(levels_add_key(&levels, "key-1", &err), &err, "already means level \"zone\"");
    ck_assert_uint_eq(levels.items[0].key_count, LEVEL_KEYS_MAX);
    ck_assert_uint_eq(levels.items[1].key_count, 0);
    expect_error(levels_finish(&levels, &err), &err, "\"rack\" has no label key");
    ck_assert_uint_eq(levels.count, 2);
    levels_add_key(&levels, LEVEL_HOST_KEY, NULL);
    expect_error(levels_finish(&levels, &err), &err, "kubernetes.io/hostname");
}
END_TEST

/* The last place is the host's. */
START_TEST(test_too_many_levels)
{
    struct levels levels;
    struct err err;
    char text[16];
    levels_init(&levels);
    for (int i = 0; i < LEVELS_MAX - 1; i++) {
        (void)snprintf(text, sizeof text, "level-%d", i);
        ck_assert_int_eq(levels_add(&levels, text, &err), 0);
        ck_assert_int_eq(levels_add_key(&levels, text, &err), 0);
    }
    expect_error(levels_add(&levels, "one-more", &err), &err, "\"one-more\" is one too many");
    ck_assert_int_eq(levels_finish(&levels, &err), 0);
    ck_assert_uint_eq(levels.count, LEVELS_MAX);
    ck_assert_str_eq(levels.items[LEVELS_MAX - 1].name, LEVEL_HOST);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topology/graph/levels");
    TCase *tcase = tcase_create("levels");
    tcase_add_test(tcase, test_own_list);
    tcase_add_test(tcase, test_host_alone);
    tcase_add_test(tcase, test_refused_names);
    tcase_add_test(tcase, test_refused_keys);
    tcase_add_test(tcase, test_too_many_levels);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
