// SPDX-License-Identifier: Apache-2.0
/* Numbers that come and go: the greatest against a plain array, and mistakes. */
#include "scheduler/state/multiset.h"

#include <signal.h>

#include "test/unit/check_main.h"
#include "test/unit/topology/random.h"

START_TEST(test_greatest)
{
    struct multiset set = {.items = NULL};
    ck_assert_int_eq(multiset_greatest(&set, 7), 7);
    multiset_add(&set, -3);
    ck_assert_int_eq(multiset_greatest(&set, 7), -3);
    multiset_add(&set, 5);
    multiset_add(&set, 5);
    multiset_add(&set, INT32_MIN);
    ck_assert_int_eq(multiset_greatest(&set, 7), 5);
    multiset_remove(&set, 5);
    ck_assert_int_eq(multiset_greatest(&set, 7), 5);
    multiset_remove(&set, 5);
    ck_assert_int_eq(multiset_greatest(&set, 7), -3);
    multiset_remove(&set, -3);
    ck_assert_int_eq(multiset_greatest(&set, 7), INT32_MIN);
    multiset_remove(&set, INT32_MIN);
    ck_assert_int_eq(multiset_greatest(&set, 7), 7);
    ck_assert_uint_eq(set.count, 0);
    multiset_finish(&set);
}
END_TEST

#define NUMBERS 200

START_TEST(test_against_an_array)
{
    struct multiset set = {.items = NULL};
    struct random random = {(uint64_t)_i + 5};
    int32_t numbers[NUMBERS];
    uint32_t count = 0;
    for (int step = 0; step < 5000; step++) {
        if (count < NUMBERS && random_below(&random, 2) == 0) {
            numbers[count] = (int32_t)random_below(&random, 40) - 20;
            multiset_add(&set, numbers[count++]);
        } else if (count > 0) {
            uint32_t pick = random_below(&random, count);
            multiset_remove(&set, numbers[pick]);
            numbers[pick] = numbers[--count];
        }
        int32_t greatest = INT32_MIN;
        for (uint32_t i = 0; i < count; i++) {
            greatest = numbers[i] > greatest ? numbers[i] : greatest;
        }
        ck_assert_int_eq(multiset_greatest(&set, INT32_MIN), greatest);
        uint32_t total = 0;
        for (uint32_t i = 0; i < set.count; i++) {
            ck_assert(i == 0 || set.items[i - 1].value < set.items[i].value);
            ck_assert_uint_gt(set.items[i].count, 0);
            total += set.items[i].count;
        }
        ck_assert_uint_eq(total, count);
    }
    multiset_finish(&set);
    ck_assert_ptr_null(set.items);
}
END_TEST

START_TEST(test_mistakes_abort)
{
    struct multiset set = {.items = NULL};
    multiset_add(&set, 1);
    multiset_remove(&set, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/state/multiset");
    TCase *tcase = tcase_create("multiset");
    tcase_add_test(tcase, test_greatest);
    tcase_add_loop_test(tcase, test_against_an_array, 0, 4);
    tcase_add_test_raise_signal(tcase, test_mistakes_abort, SIGABRT);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
