// SPDX-License-Identifier: Apache-2.0
/* Rows in the order of their last change, against a list of all changes. */
#include "scheduler/state/recent.h"

#include <stdbool.h>

#include "test/unit/check_main.h"
#include "test/unit/topology/random.h"

START_TEST(test_the_last_one_first)
{
    static const uint32_t changed[] = {7, 3, 7, 9, 3};
    struct recent recent;
    recent_init(&recent);
    ck_assert_uint_eq(recent_last(&recent, 0), RECENT_NONE);
    for (int i = 0; i < 5; i++) {
        recent_note(&recent, changed[i]);
    }
    ck_assert_uint_eq(recent.changes, 5);
    ck_assert_uint_eq(recent_last(&recent, 3), 3);
    ck_assert_uint_eq(recent_before(&recent, 3, 3), 9);
    ck_assert_uint_eq(recent_before(&recent, 9, 3), RECENT_NONE); /* 7 changed just then */
    ck_assert_uint_eq(recent_before(&recent, 9, 2), 7);
    ck_assert_uint_eq(recent_before(&recent, 7, 0), RECENT_NONE);
    ck_assert_uint_eq(recent_last(&recent, 5), RECENT_NONE);
    recent_finish(&recent);
    ck_assert_uint_eq(recent_last(&recent, 0), RECENT_NONE);
}
END_TEST

#define ROWS    50
#define CHANGES 4000

START_TEST(test_against_all_changes)
{
    struct random random = {(uint64_t)_i + 1};
    static uint32_t changes[CHANGES];
    struct recent recent;
    recent_init(&recent);
    for (uint64_t count = 1; count <= CHANGES; count++) {
        uint32_t below = random_below(&random, 3) == 0 ? 3 : ROWS;
        changes[count - 1] = random_below(&random, below);
        recent_note(&recent, changes[count - 1]);
        uint64_t since = count - random_below(&random, (uint32_t)(count < 80 ? count : 80) + 1);
        bool seen[ROWS] = {false};
        uint32_t row = recent_last(&recent, since);
        for (uint64_t i = count; i > since; i--) {
            uint32_t expected = changes[i - 1];
            if (seen[expected]) {
                continue;
            }
            seen[expected] = true;
            ck_assert_uint_eq(row, expected);
            row = recent_before(&recent, row, since);
        }
        ck_assert_uint_eq(row, RECENT_NONE);
    }
    recent_finish(&recent);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/state/recent");
    TCase *tcase = tcase_create("recent");
    tcase_add_test(tcase, test_the_last_one_first);
    tcase_add_loop_test(tcase, test_against_all_changes, 0, 4);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
