// SPDX-License-Identifier: Apache-2.0
#include "api/kube/client/backoff.h"

#include "test/unit/check_main.h"

START_TEST(doubles_up_to_the_limit)
{
    struct backoff backoff;
    backoff_init(&backoff, 800, 30000, 120000, 1);
    static const int64_t LEAST[] = {800, 1600, 3200, 6400, 12800, 30000, 30000, 30000};
    int64_t now = 0;
    for (size_t i = 0; i < sizeof LEAST / sizeof LEAST[0]; i++) {
        int64_t delay = backoff_delay(&backoff, now, 0);
        ck_assert_int_ge(delay, LEAST[i]);
        ck_assert_int_le(delay, 2 * LEAST[i]);
        now += delay;
    }
    /* exactly the healthy time is not yet enough */
    int64_t last = now;
    (void)backoff_delay(&backoff, last, 0);
    ck_assert_int_ge(backoff_delay(&backoff, last + 120000, 0), 30000);
    ck_assert_int_le(backoff_delay(&backoff, last + 240001, 0), 1600);
}
END_TEST

START_TEST(obeys_the_server)
{
    struct backoff backoff;
    backoff_init(&backoff, 100, 2000, INT64_MAX, 1);
    ck_assert_int_eq(backoff_delay(&backoff, 0, 5000), 5000);
    ck_assert_int_ge(backoff_delay(&backoff, 0, 1), 200);
}
END_TEST

START_TEST(chance_is_seeded)
{
    struct backoff a;
    struct backoff b;
    struct backoff c;
    backoff_init(&a, 1, 2, 3, 42);
    backoff_init(&b, 1, 2, 3, 42);
    backoff_init(&c, 1, 2, 3, 43);
    int different = 0;
    int seen[10] = {0};
    for (int i = 0; i < 1000; i++) {
        int64_t draw = backoff_draw(&a, 10);
        ck_assert(draw >= 0 && draw < 10);
        seen[draw]++;
        ck_assert_int_eq(draw, backoff_draw(&b, 10));
        different += draw != backoff_draw(&c, 10);
    }
    ck_assert_int_gt(different, 800);
    for (int i = 0; i < 10; i++) {
        ck_assert_int_gt(seen[i], 50);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("backoff");
    TCase *tests = tcase_create("backoff");
    tcase_add_test(tests, doubles_up_to_the_limit);
    tcase_add_test(tests, obeys_the_server);
    tcase_add_test(tests, chance_is_seeded);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
