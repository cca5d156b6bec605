// SPDX-License-Identifier: Apache-2.0
#include "api/ops/log_rate.h"

#include <string.h>

#include "test/unit/check_main.h"

static struct log_rate rate;
static uint32_t left_out;

static uint32_t allowed(int level, const char *message, unsigned lines, int64_t now)
{
    uint32_t count = 0;
    for (unsigned i = 0; i < lines; i++) {
        count += log_rate_allows(&rate, level, message, now, &left_out);
    }
    return count;
}

START_TEST(each_kind_has_its_limit)
{
    memset(&rate, 0, sizeof rate);
    ck_assert_uint_eq(allowed(1, "bind refused", LOG_RATE_LINES + 7, 0), LOG_RATE_LINES);
    ck_assert_uint_eq(rate.left_out, 7);
    ck_assert_uint_eq(allowed(2, "bind refused", 1, 0), 1);
    ck_assert_uint_eq(allowed(1, "plan", 1, 0), 1);
    /* the same sentence about another pod is no other kind */
    ck_assert_uint_eq(allowed(1, "bind refused of a", 1, 0), 0);
}
END_TEST

START_TEST(after_a_while_it_is_told)
{
    memset(&rate, 0, sizeof rate);
    ck_assert_uint_eq(allowed(1, "bind refused", LOG_RATE_LINES + 7, 0), LOG_RATE_LINES);
    ck_assert_uint_eq(allowed(1, "bind refused", 1, LOG_RATE_MS - 1), 0);
    ck_assert_uint_eq(left_out, 0);
    ck_assert_uint_eq(allowed(1, "bind refused", 1, LOG_RATE_MS), 1);
    ck_assert_uint_eq(left_out, 8);
    ck_assert_uint_eq(allowed(1, "bind refused", 1, LOG_RATE_MS), 1);
    ck_assert_uint_eq(left_out, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/ops/log_rate");
    TCase *tests = tcase_create("log_rate");
    tcase_add_test(tests, each_kind_has_its_limit);
    tcase_add_test(tests, after_a_while_it_is_told);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
