// SPDX-License-Identifier: Apache-2.0
#include "api/import/hostlist.h"

#include <stdio.h>
#include <string.h>

#include "test/unit/check_main.h"

static char names[1 << 16];
static uint32_t told;
static struct err err;

static int collect(void *context, const char *name, size_t length, struct err *why)
{
    (void)context;
    if (strlen(name) != length) {
        return err_set(why, "%s has not %zu bytes", name, length);
    }
    if (told++ < 100) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", used == 0 ? "" : " ", name);
    }
    return 0;
}

static int expand(const char *text)
{
    names[0] = '\0';
    told = 0;
    err.text[0] = '\0';
    return hostlist_expand(text, strlen(text), collect, NULL, &err);
}

static const struct {
    const char *text;
    const char *names;
} good[] = {
    {"tux", "tux"},
    {"tux[0-3]", "tux0 tux1 tux2 tux3"},
    {"node[001-003,7]", "node001 node002 node003 node7"},
    {"node[08-11]", "node08 node09 node10 node11"},
    {"node[8-011]", "node8 node9 node10 node11"},
    {"a[1-3,5],b7", "a1 a2 a3 a5 b7"},
    {"a, b ,\tc", "a b c"},
    {"r[1-2]n[1-2]-ib", "r1n1-ib r1n2-ib r2n1-ib r2n2-ib"},
    {"r[1,3]n[1-2,9]", "r1n1 r1n2 r1n9 r3n1 r3n2 r3n9"},
    {"[1101-1102]", "1101 1102"},
    {"x[1][2]", "x12"},
    {"a[1],a[1]", "a1 a1"},
    {"n[999999999999999998-999999999999999999]", "n999999999999999998 n999999999999999999"},
    {"a[1][1][1][1][1][1][1][1]", "a11111111"},
};

START_TEST(expressions)
{
    uint32_t count;
    ck_assert_msg(expand(good[_i].text) == 0, "%s: %s", good[_i].text, err.text);
    ck_assert_str_eq(names, good[_i].names);
    ck_assert_int_eq(hostlist_count(good[_i].text, strlen(good[_i].text), &count, &err), 0);
    ck_assert_uint_eq(count, told);
}
END_TEST

static const struct {
    const char *text;
    const char *error;
} bad[] = {
    {"", "an empty name"},
    {",", "an empty name"},
    {"a,", "an empty name"},
    {"a,,b", "an empty name"},
    {"a[", "brackets must hold numbers"},
    {"a[]", "brackets must hold numbers"},
    {"a[x]", "brackets must hold numbers"},
    {"a[1-]", "brackets must hold numbers"},
    {"a[-1]", "brackets must hold numbers"},
    {"a[1,]", "brackets must hold numbers"},
    {"a[1-2-3]", "brackets must hold numbers"},
    {"a[[1]]", "brackets must hold numbers"},
    {"a[1 ]", "brackets must hold numbers"},
    {"a[1", "a bracket is not closed"},
    {"a[1-2,3", "a bracket is not closed"},
    {"a]", "an unmatched closing bracket"},
    {"a[1]]", "an unmatched closing bracket"},
    {"a[3-1]", "a range runs backwards"},
    {"a b", "not allowed in a name"},
    {"a\nb", "not allowed in a name"},
    {"caf\xc3\xa9", "not allowed in a name"},
    {"a[1234567890123456789]", "more than 18 digits"},
    {"a[0000000000000000001]", "more than 18 digits"},
    {"a[1][1][1][1][1][1][1][1][1]", "more than 8 brackets"},
    {"a[0-1048576]", "more than 1048576 names"},
    {"a[1-2000]b[1-2000]", "more than 1048576 names"},
    {"a[0-999999999999999999][0-999999999999999999][0-999999999999999999]",
     "more than 1048576 names"},
    {"a[0-1048575],b", "more than 1048576 names"},
    {"good[1-4],a[3-1]", "a range runs backwards"},
};

START_TEST(what_is_wrong_is_named_before_anything_is_told)
{
    uint32_t count;
    ck_assert_msg(expand(bad[_i].text) == -1, "%s gave %s", bad[_i].text, names);
    ck_assert_msg(strstr(err.text, bad[_i].error) != NULL, "%s: %s", bad[_i].text, err.text);
    ck_assert_uint_eq(told, 0);
    ck_assert_int_eq(hostlist_count(bad[_i].text, strlen(bad[_i].text), &count, NULL), -1);
}
END_TEST

START_TEST(the_largest_list)
{
    ck_assert_msg(expand("a[0-1048575]") == 0, "%s", err.text);
    ck_assert_uint_eq(told, 1048576);
}
END_TEST

START_TEST(long_names)
{
    char text[400];
    memset(text, 'n', sizeof text);
    text[253] = '\0';
    ck_assert_msg(expand(text) == 0, "%s", err.text);
    ck_assert_uint_eq(strlen(names), 253);
    text[253] = 'n';
    text[300] = '\0';
    ck_assert_int_eq(expand(text), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "more than 253 bytes"));
    snprintf(text + 250, sizeof text - 250, "[9-999]");
    ck_assert_msg(expand(text) == 0, "%s", err.text);
    ck_assert_uint_eq(told, 991);
    snprintf(text + 250, sizeof text - 250, "[9-1000]");
    ck_assert_int_eq(expand(text), -1);
    ck_assert_uint_eq(told, 0);
    snprintf(text + 250, sizeof text - 250, "[0009]");
    ck_assert_int_eq(expand(text), -1);
}
END_TEST

static int stop(void *context, const char *name, size_t length, struct err *unused)
{
    (void)unused;
    ck_assert_uint_gt(length, 0);
    return ++*(int *)context == 3 ? err_set(unused, "enough at %s", name) : 0;
}

START_TEST(the_visitor_may_stop)
{
    int calls = 0;
    ck_assert_int_eq(hostlist_expand("a[1-9]", 6, stop, &calls, &err), -1);
    ck_assert_int_eq(calls, 3);
    ck_assert_str_eq(err.text, "enough at a3");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hostlist");
    TCase *tests = tcase_create("hostlist");
    tcase_add_loop_test(tests, expressions, 0, (int)(sizeof good / sizeof good[0]));
    tcase_add_loop_test(tests, what_is_wrong_is_named_before_anything_is_told, 0,
                        (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(tests, the_largest_list);
    tcase_add_test(tests, long_names);
    tcase_add_test(tests, the_visitor_may_stop);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
