// SPDX-License-Identifier: Apache-2.0
#include "topology/base/alloc.h"

#include <signal.h>
#include <stdint.h>
#include <string.h>

#include "test/unit/check_main.h"

START_TEST(test_zero)
{
    uint64_t *numbers = alloc_zero(100, sizeof *numbers);
    for (size_t i = 0; i < 100; i++) {
        ck_assert_uint_eq(numbers[i], 0);
    }
    free(numbers);
}
END_TEST

START_TEST(test_nothing_is_something)
{
    void *memory[] = {alloc_zero(0, 8), alloc_zero(8, 0), alloc_resize(NULL, 0, 8)};
    for (size_t i = 0; i < 3; i++) {
        ck_assert_ptr_nonnull(memory[i]);
        free(memory[i]);
    }
    char *shrunk = alloc_resize(alloc_string("gone"), 0, 1);
    ck_assert_ptr_nonnull(shrunk);
    free(shrunk);
}
END_TEST

START_TEST(test_resize_keeps_contents)
{
    uint32_t *numbers = alloc_resize(NULL, 4, sizeof *numbers);
    for (uint32_t i = 0; i < 4; i++) {
        numbers[i] = i * i;
    }
    numbers = alloc_resize(numbers, 4000, sizeof *numbers);
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(numbers[i], i * i);
    }
    free(numbers);
}
END_TEST

START_TEST(test_grow)
{
    size_t room = 0;
    uint32_t *numbers = alloc_grow(NULL, &room, 0, sizeof *numbers);
    ck_assert_ptr_nonnull(numbers);
    ck_assert_uint_eq(room, 8);
    size_t resizes = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        size_t before = room;
        numbers = alloc_grow(numbers, &room, i + 1, sizeof *numbers);
        resizes += room != before;
        ck_assert_uint_ge(room, i + 1);
        ck_assert_uint_eq(numbers[i], 0);
        numbers[i] = i + 1;
    }
    ck_assert_uint_eq(room, 1024);
    ck_assert_uint_eq(resizes, 7);
    for (uint32_t i = 0; i < 1000; i++) {
        ck_assert_uint_eq(numbers[i], i + 1);
    }
    free(numbers);
}
END_TEST

START_TEST(test_grow_far)
{
    size_t room = 0;
    char *bytes = alloc_grow(NULL, &room, 100, 1);
    ck_assert_uint_eq(room, 128);
    for (size_t i = 0; i < room; i++) {
        ck_assert_int_eq(bytes[i], 0);
    }
    free(bytes);
}
END_TEST

START_TEST(test_grow_too_far)
{
    size_t room = 0;
    free(alloc_grow(NULL, &room, SIZE_MAX, 1));
}
END_TEST

START_TEST(test_strings)
{
    ck_assert_ptr_null(alloc_string(NULL));
    char *copy = alloc_string("node-1");
    ck_assert_str_eq(copy, "node-1");
    free(copy);
    copy = alloc_string_n("node-1", 4);
    ck_assert_str_eq(copy, "node");
    free(copy);
    copy = alloc_string_n(NULL, 0);
    ck_assert_str_eq(copy, "");
    free(copy);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topology/base/alloc");
    TCase *tcase = tcase_create("alloc");
    tcase_add_test(tcase, test_zero);
    tcase_add_test(tcase, test_nothing_is_something);
    tcase_add_test(tcase, test_resize_keeps_contents);
    tcase_add_test(tcase, test_grow);
    tcase_add_test(tcase, test_grow_far);
    tcase_add_test_raise_signal(tcase, test_grow_too_far, SIGABRT);
    tcase_add_test(tcase, test_strings);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
