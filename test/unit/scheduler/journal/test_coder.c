// SPDX-License-Identifier: Apache-2.0
/* Numbers and rows that are out of range are refused, whoever wrote them. */
#include "scheduler/journal/coder.h"

#include <inttypes.h>
#include <stdio.h>

#include "test/unit/check_main.h"

static struct arena arena;
static struct err err;
static struct journal_coder writing, reading;

static void setup(void)
{
    writing = (struct journal_coder){.decoding = false};
    arena_init(&arena);
}

static void teardown(void)
{
    journal_coder_finish(&writing);
    arena_finish(&arena);
}

/* Reads what has been written. */
static void turn(void)
{
    err.text[0] = '\0';
    reading = (struct journal_coder){.decoding = true,
                                     .err = &err,
                                     .from = writing.bytes,
                                     .size = writing.count,
                                     .arena = &arena};
}

START_TEST(numbers_of_32_bits)
{
    static const uint64_t written[] = {0, 1, UINT32_MAX, (uint64_t)UINT32_MAX + 1, UINT64_MAX};
    uint64_t number = written[_i];
    uint32_t read = 7;
    journal_coder_u64(&writing, &number);
    turn();
    journal_coder_u32(&reading, &read);
    ck_assert_int_eq(reading.failed, number > UINT32_MAX);
    ck_assert_uint_eq(read, number > UINT32_MAX ? 0 : number);
    if (reading.failed) {
        char text[64];
        snprintf(text, sizeof text, "the number %" PRIu64 " is out of range", number);
        ck_assert_str_eq(err.text, text);
    }
}
END_TEST

START_TEST(signed_numbers_of_32_bits)
{
    static const int64_t written[] = {
        0, -1, INT32_MIN, INT32_MAX, (int64_t)INT32_MIN - 1, (int64_t)INT32_MAX + 1};
    int64_t number = written[_i];
    int32_t read = 7;
    journal_coder_i64(&writing, &number);
    turn();
    journal_coder_i32(&reading, &read);
    ck_assert_int_eq(reading.failed, _i >= 4);
    ck_assert_int_eq(read, _i >= 4 ? 0 : number);
}
END_TEST

/* More rows than there are bytes for: none come of it, whatever was asked for. */
START_TEST(rows_that_are_not_there)
{
    uint64_t count = 3;
    uint32_t read = 9;
    journal_coder_u64(&writing, &count);
    turn();
    ck_assert_ptr_null(journal_coder_rows(&reading, NULL, &read, 100));
    ck_assert(reading.failed);
    ck_assert_uint_eq(read, 0);
}
END_TEST

/* A name is a text also where it is missing: nobody has to look for NULL after a failure. */
START_TEST(names_that_are_missing)
{
    const char *nothing = NULL, *read = NULL;
    journal_coder_text(&writing, &nothing);
    turn();
    journal_coder_name(&reading, &read, "the name of a node");
    ck_assert(reading.failed);
    ck_assert_str_eq(err.text, "the name of a node is missing");
    ck_assert_ptr_nonnull(read);
    ck_assert_str_eq(read, "");
}
END_TEST

START_TEST(no_rows)
{
    uint64_t count = 0;
    uint32_t read = 9;
    journal_coder_u64(&writing, &count);
    turn();
    ck_assert_ptr_null(journal_coder_rows(&reading, NULL, &read, 100));
    ck_assert(!reading.failed);
    ck_assert_uint_eq(read, 0);
}
END_TEST

START_TEST(rows_beyond_the_limit)
{
    static const uint32_t rows[] = {4, 5, NAMES_NONE, 6, 3};
    uint32_t count = 5, read = 0;
    journal_coder_rows(&writing, rows, &count, 7);
    turn();
    const uint32_t *found = journal_coder_rows(&reading, NULL, &read, 7);
    ck_assert(!reading.failed);
    ck_assert_uint_eq(read, 5);
    ck_assert_mem_eq(found, rows, sizeof rows);
    turn();
    (void)journal_coder_rows(&reading, NULL, &read, 6); /* row 6 is one too many */
    ck_assert(reading.failed);
    ck_assert_uint_eq(read, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/journal coder");
    TCase *tcase = tcase_create("coder");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, numbers_of_32_bits, 0, 5);
    tcase_add_loop_test(tcase, signed_numbers_of_32_bits, 0, 6);
    tcase_add_test(tcase, rows_that_are_not_there);
    tcase_add_test(tcase, names_that_are_missing);
    tcase_add_test(tcase, no_rows);
    tcase_add_test(tcase, rows_beyond_the_limit);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
