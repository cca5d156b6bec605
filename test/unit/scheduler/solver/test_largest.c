// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/largest.h"

#include <signal.h>

#include "test/unit/check_main.h"

static int compare_items(const void *left, const void *right)
{
    const struct solver_item *a = left;
    const struct solver_item *b = right;
    return solver_item_before(*a, *b) ? -1 : solver_item_before(*b, *a);
}

START_TEST(keeps_the_fewest)
{
    const uint64_t fits[] = {1, 3, 2, 0, 3, 2};
    struct solver_largest largest;
    solver_largest_init(&largest);
    solver_largest_start(&largest, 7);
    for (uint32_t i = 0; i < 6; i++) {
        solver_largest_offer(&largest, i, fits[i]);
    }
    ck_assert(solver_largest_enough(&largest));
    ck_assert_uint_eq(largest.count, 3);
    ck_assert_uint_eq(largest.sum, 8);
    ck_assert_uint_eq(largest.items[0].index, 2); /* of the two 2s the first one */
    solver_largest_finish(&largest);
}
END_TEST

START_TEST(keeps_everything_when_short)
{
    struct solver_largest largest;
    solver_largest_init(&largest);
    solver_largest_start(&largest, 100);
    ck_assert(!solver_largest_enough(&largest));
    for (uint32_t i = 0; i < 40; i++) {
        solver_largest_offer(&largest, i, i % 3);
    }
    ck_assert(!solver_largest_enough(&largest));
    ck_assert_uint_eq(largest.count, 26);
    ck_assert_uint_eq(largest.sum, 39);
    solver_largest_start(&largest, 1); /* forgets all of it */
    solver_largest_offer(&largest, 9, 5);
    ck_assert_uint_eq(largest.count, 1);
    ck_assert_uint_eq(largest.items[0].index, 9);
    solver_largest_finish(&largest);
}
END_TEST

/* Against sorting everything, in 2,000 random rounds. */
START_TEST(agrees_with_sorting)
{
    enum { ITEMS = 50 };
    struct solver_largest largest;
    solver_largest_init(&largest);
    uint64_t state = 1;
    for (int round = 0; round < 2000; round++) {
        struct solver_item items[ITEMS];
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
        uint64_t need = 1 + (state >> 33) % 150;
        solver_largest_start(&largest, need);
        for (uint32_t i = 0; i < ITEMS; i++) {
            state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
            items[i] = (struct solver_item){.fits = (state >> 33) % 9, .index = i};
            solver_largest_offer(&largest, i, items[i].fits);
        }
        qsort(items, ITEMS, sizeof *items, compare_items);
        uint32_t count = 0;
        uint64_t sum = 0;
        while (sum < need && count < ITEMS && items[count].fits > 0) {
            sum += items[count++].fits;
        }
        ck_assert_uint_eq(largest.count, count);
        ck_assert_uint_eq(largest.sum, sum);
        ck_assert_uint_eq(largest.items[0].index, items[count - 1].index);
        ck_assert(solver_largest_enough(&largest) == (sum >= need));
    }
    solver_largest_finish(&largest);
}
END_TEST

START_TEST(a_need_of_nothing_aborts)
{
    struct solver_largest largest;
    solver_largest_init(&largest);
    solver_largest_start(&largest, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("solver_largest");
    TCase *tcase = tcase_create("largest");
    tcase_add_test(tcase, keeps_the_fewest);
    tcase_add_test(tcase, keeps_everything_when_short);
    tcase_add_test(tcase, agrees_with_sorting);
    tcase_add_test_raise_signal(tcase, a_need_of_nothing_aborts, SIGABRT);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
