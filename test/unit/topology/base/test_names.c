// SPDX-License-Identifier: Apache-2.0
#include "topology/base/names.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "test/unit/check_main.h"

static uint32_t intern(struct names *names, const char *text)
{
    return names_intern(names, text, strlen(text));
}

static uint32_t find(const struct names *names, const char *text)
{
    return names_find(names, text, strlen(text));
}

START_TEST(test_first_sight_gives_the_number)
{
    struct names *names = names_create(100, 7);
    ck_assert_uint_eq(names_count(names), 0);
    ck_assert_uint_eq(find(names, "n1"), NAMES_NONE);
    ck_assert_uint_eq(intern(names, "n1"), 0);
    ck_assert_uint_eq(intern(names, "n2"), 1);
    ck_assert_uint_eq(intern(names, "n1"), 0);
    ck_assert_uint_eq(intern(names, ""), 2);
    ck_assert_uint_eq(find(names, "n2"), 1);
    ck_assert_uint_eq(find(names, ""), 2);
    ck_assert_uint_eq(find(names, "n3"), NAMES_NONE);
    ck_assert_uint_eq(names_count(names), 3);
    ck_assert_str_eq(names_text(names, 1), "n2");
    ck_assert_uint_eq(names_length(names, 1), 2);
    ck_assert_uint_eq(names_length(names, 2), 0);
    names_destroy(names);
    names_destroy(NULL);
}
END_TEST

/* Only `length` bytes count, whatever follows them. */
START_TEST(test_length_counts)
{
    struct names *names = names_create(100, 7);
    ck_assert_uint_eq(names_intern(names, "node-1", 4), 0);
    ck_assert_str_eq(names_text(names, 0), "node");
    ck_assert_uint_eq(find(names, "node"), 0);
    ck_assert_uint_eq(find(names, "node-1"), NAMES_NONE);
    names_destroy(names);
}
END_TEST

START_TEST(test_nul_bytes_are_refused)
{
    struct names *names = names_create(100, 7);
    ck_assert_uint_eq(names_intern(names, "a\0b", 3), NAMES_NONE);
    ck_assert_uint_eq(names_intern(names, "\0", 1), NAMES_NONE);
    ck_assert_uint_eq(names_intern(names, "ab\0", 3), NAMES_NONE);
    ck_assert_uint_eq(names_find(names, "a\0b", 3), NAMES_NONE);
    ck_assert_uint_eq(names_count(names), 0);
    ck_assert_uint_eq(intern(names, "a"), 0);
    ck_assert_uint_eq(names_find(names, "a\0b", 3), NAMES_NONE);
    names_destroy(names);
}
END_TEST

START_TEST(test_too_long)
{
    static char text[NAMES_LENGTH_MAX + 2];
    memset(text, 'n', sizeof text);
    struct names *names = names_create(100, 7);
    ck_assert_uint_eq(names_intern(names, text, NAMES_LENGTH_MAX + 1), NAMES_NONE);
    ck_assert_uint_eq(names_find(names, text, NAMES_LENGTH_MAX + 1), NAMES_NONE);
    ck_assert_uint_eq(names_intern(names, text, NAMES_LENGTH_MAX), 0);
    ck_assert_uint_eq(names_find(names, text, NAMES_LENGTH_MAX), 0);
    ck_assert_uint_eq(strlen(names_text(names, 0)), NAMES_LENGTH_MAX);
    names_destroy(names);
}
END_TEST

START_TEST(test_full)
{
    struct names *names = names_create(3, 7);
    ck_assert_uint_eq(intern(names, "a"), 0);
    ck_assert_uint_eq(intern(names, "b"), 1);
    ck_assert_uint_eq(intern(names, "c"), 2);
    ck_assert_uint_eq(intern(names, "d"), NAMES_NONE);
    ck_assert_uint_eq(intern(names, "b"), 1);
    ck_assert_uint_eq(find(names, "d"), NAMES_NONE);
    ck_assert_uint_eq(names_count(names), 3);
    names_destroy(names);
    names = names_create(0, 7);
    ck_assert_uint_eq(intern(names, "a"), NAMES_NONE);
    names_destroy(names);
}
END_TEST

static size_t make_name(uint32_t number, char text[64])
{
    return (size_t)snprintf(text, 64, "gpu-node-%u.pool-%u.example.com", number, number % 17);
}

static bool is_interned(const struct names *names, uint32_t number)
{
    char text[64];
    size_t length = make_name(number, text);
    return names_find(names, text, length) == number && names_length(names, number) == length &&
           strcmp(names_text(names, number), text) == 0;
}

/* Through many growths: every number stays, texts do not move, and no seed changes a number. */
START_TEST(test_many)
{
    enum { COUNT = 200000 };
    static const char *texts[COUNT];
    struct names *names = names_create(COUNT, (uint64_t)_i * UINT64_C(0x123456789abcdef));
    bool right = true;
    for (uint32_t i = 0; i < COUNT; i++) {
        char text[64];
        size_t length = make_name(i, text);
        right = right && names_find(names, text, length) == NAMES_NONE;
        right = right && names_intern(names, text, length) == i;
        texts[i] = names_text(names, i);
        /* One seen long ago, for the lookups in the middle of a growth. */
        length = make_name(i / 2, text);
        right = right && is_interned(names, i / 2);
        right = right && names_intern(names, text, length) == i / 2;
    }
    ck_assert(right);
    ck_assert_uint_eq(names_count(names), COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        right = right && is_interned(names, i) && names_text(names, i) == texts[i];
    }
    ck_assert(right);
    ck_assert_uint_eq(names_intern(names, "one more", 8), NAMES_NONE);
    names_destroy(names);
}
END_TEST

/* Lengths 0 … 40 cover every tail of the hash, and prefixes must not be mixed up. */
START_TEST(test_prefixes)
{
    static const char text[] = "0123456789abcdefghijklmnopqrstuvwxyzABCD";
    struct names *names = names_create(100, 3);
    for (uint32_t length = 0; length < sizeof text; length++) {
        ck_assert_uint_eq(names_intern(names, text, length), length);
    }
    for (uint32_t length = 0; length < sizeof text; length++) {
        ck_assert_uint_eq(names_find(names, text, length), length);
    }
    names_destroy(names);
}
END_TEST

START_TEST(test_unknown_number_aborts)
{
    struct names *names = names_create(100, 3);
    (void)intern(names, "only");
    if (_i == 0) {
        (void)names_text(names, 1);
    } else {
        (void)names_length(names, NAMES_NONE);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topology/base/names");
    TCase *tcase = tcase_create("names");
    tcase_add_test(tcase, test_first_sight_gives_the_number);
    tcase_add_test(tcase, test_length_counts);
    tcase_add_test(tcase, test_nul_bytes_are_refused);
    tcase_add_test(tcase, test_too_long);
    tcase_add_test(tcase, test_full);
    tcase_add_loop_test(tcase, test_many, 0, 3);
    tcase_add_test(tcase, test_prefixes);
    tcase_add_loop_test_raise_signal(tcase, test_unknown_number_aborts, SIGABRT, 0, 2);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
