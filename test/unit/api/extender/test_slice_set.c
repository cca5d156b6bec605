// SPDX-License-Identifier: Apache-2.0
#include "api/extender/slice_set.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "test/unit/check_main.h"

static struct json_slice slice_of(const char *text)
{
    return (struct json_slice){text, strlen(text), strchr(text, '\\') != NULL};
}

START_TEST(tells_what_was_met)
{
    struct json_slice names[] = {slice_of("a"),       slice_of("b"),        slice_of(""),
                                 slice_of("aa"),      slice_of("exactly8"), slice_of("exactly8."),
                                 slice_of("exactly9")};
    enum { COUNT = sizeof(names) / sizeof(names[0]) };
    struct slice_set set;
    slice_set_init(&set, names, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        ck_assert(slice_set_add(&set, i));
    }
    for (size_t i = 0; i < COUNT; i++) {
        ck_assert(!slice_set_add(&set, i));
    }
    slice_set_finish(&set);
}
END_TEST

START_TEST(escapes_make_no_difference)
{
    struct json_slice names[] = {slice_of("node<1>"), slice_of("node\\u003c1\\u003E"),
                                 slice_of("node\\u003c2>"), slice_of("node<1>")};
    struct slice_set set;
    slice_set_init(&set, names, 2);
    ck_assert(slice_set_add(&set, 0));
    ck_assert(!slice_set_add(&set, 1));
    ck_assert(slice_set_add(&set, 2));
    slice_set_finish(&set);
    slice_set_init(&set, names, 1);
    ck_assert(slice_set_add(&set, 1));
    ck_assert(!slice_set_add(&set, 0));
    ck_assert(!slice_set_add(&set, 3));
    ck_assert(!slice_set_add(&set, 1));
    slice_set_finish(&set);
}
END_TEST

START_TEST(takes_as_many_as_announced)
{
    enum { COUNT = 20000 };
    static char texts[2 * COUNT][24];
    static struct json_slice names[2 * COUNT];
    struct slice_set set;
    for (size_t i = 0; i < 2 * (size_t)COUNT; i++) {
        snprintf(texts[i], sizeof(texts[i]), "node-%05zu", i % COUNT);
        names[i] = slice_of(texts[i]);
    }
    slice_set_init(&set, names, COUNT);
    for (size_t i = 0; i < 2 * (size_t)COUNT; i++) {
        ck_assert(slice_set_add(&set, i) == (i < COUNT));
    }
    ck_assert_uint_eq(set.free, 0);
    slice_set_finish(&set);
}
END_TEST

START_TEST(one_too_many_aborts)
{
    struct json_slice names[] = {slice_of("a"), slice_of("b")};
    struct slice_set set;
    slice_set_init(&set, names, 1);
    slice_set_add(&set, 0);
    slice_set_add(&set, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("extender/slice_set");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, tells_what_was_met);
    tcase_add_test(tcase, escapes_make_no_difference);
    tcase_add_test(tcase, takes_as_many_as_announced);
    tcase_add_test_raise_signal(tcase, one_too_many_aborts, SIGABRT);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
