// SPDX-License-Identifier: Apache-2.0
#include "api/base/clock.h"

#include "test/unit/check_main.h"

static const struct {
    int64_t wall_ns;
    int digits;
    const char *text; /* NULL: none */
} times[] = {
    {0, 0, "1970-01-01T00:00:00Z"},
    {0, 3, "1970-01-01T00:00:00.000Z"},
    {1795261405123456789, 0, "2026-11-21T11:43:25Z"},
    {1795261405123456789, 3, "2026-11-21T11:43:25.123Z"},
    {1795261405123456789, 6, "2026-11-21T11:43:25.123456Z"},
    {1795261405123456789, 9, "2026-11-21T11:43:25.123456789Z"},
    {1795261405000999999, 3, "2026-11-21T11:43:25.000Z"}, /* cut, not rounded */
    {1709164800000000000, 0, "2024-02-29T00:00:00Z"},
    {INT64_MAX, 9, "2262-04-11T23:47:16.854775807Z"},
    {-1, 0, NULL},
    {INT64_MIN, 9, NULL},
};

START_TEST(a_time_of_day_in_words)
{
    char text[CLOCK_TEXT_MAX];
    bool good = clock_text(times[_i].wall_ns, times[_i].digits, text);
    ck_assert_int_eq(good, times[_i].text != NULL);
    ck_assert_str_eq(text, times[_i].text == NULL ? "" : times[_i].text);
}
END_TEST

START_TEST(clocks_agree_with_themselves)
{
    int64_t ms = clock_ms();
    int64_t ns = clock_ns();
    ck_assert_int_ge(ns / 1000000, ms);
    ck_assert_int_ge(clock_ms(), ns / 1000000);
    int64_t wall_ms = clock_wall_ms();
    ck_assert_int_ge(clock_wall_ns() / 1000000 + 3600000,
                     wall_ms);              /* it may be set back a little */
    ck_assert_int_ge(clock_lease_ms(), ms); /* it counts sleep, too */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("clock");
    TCase *tests = tcase_create("clock");
    tcase_add_loop_test(tests, a_time_of_day_in_words, 0, (int)(sizeof times / sizeof times[0]));
    tcase_add_test(tests, clocks_agree_with_themselves);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
