// SPDX-License-Identifier: Apache-2.0
#include "api/daemon/passed.h"

#include <stdio.h>

#include "test/unit/check_main.h"
#include "topology/base/alloc.h"
#include "topology/base/names.h"

START_TEST(the_last_answer_counts)
{
    static const uint32_t rows[] = {3, NAMES_NONE, 64, 200};
    static const bool passes[] = {true, true, false, true};
    struct passed *passed = passed_create();
    ck_assert_int_eq(passed_check(passed, "p", 3, 0), PASSED_NEVER_ASKED);
    passed_note(passed, "p", rows, NULL, 4, 0);
    ck_assert_int_eq(passed_check(passed, "p", 3, 0), PASSED_YES);
    ck_assert_int_eq(passed_check(passed, "p", 64, 0), PASSED_YES);
    ck_assert_int_eq(passed_check(passed, "p", 200, 0), PASSED_YES);
    ck_assert_int_eq(passed_check(passed, "p", 201, 0), PASSED_NO);
    ck_assert_int_eq(passed_check(passed, "p", 4, 0), PASSED_NO);
    ck_assert_int_eq(passed_check(passed, "p", NAMES_NONE, 0), PASSED_NO);
    ck_assert_int_eq(passed_check(passed, "q", 3, 0), PASSED_NEVER_ASKED);
    passed_note(passed, "p", rows, passes, 4, 0);
    ck_assert_int_eq(passed_check(passed, "p", 64, 0), PASSED_NO);
    ck_assert_int_eq(passed_check(passed, "p", 200, 0), PASSED_YES);
    passed_note(passed, "p", rows, NULL, 0, 0);
    ck_assert_int_eq(passed_check(passed, "p", 3, 0), PASSED_NO);
    passed_forget(passed, "p");
    passed_forget(passed, "p");
    ck_assert_int_eq(passed_check(passed, "p", 3, 0), PASSED_NEVER_ASKED);
    passed_destroy(passed);
    passed_destroy(NULL);
}
END_TEST

/* The oldest sets go, and then nobody can be told to have never been asked about. */
START_TEST(it_does_not_grow_without_end)
{
    struct passed *passed = passed_create();
    uint32_t row = 8 * 1000 * 1000; /* a set of a million bytes */
    for (int i = 0; i < 20; i++) {
        char uid[16];
        snprintf(uid, sizeof uid, "p%d", i);
        passed_note(passed, uid, &row, NULL, 1, 0);
    }
    ck_assert_int_eq(passed_check(passed, "p0", row, 0), PASSED_UNKNOWN);
    ck_assert_int_eq(passed_check(passed, "never", row, 0), PASSED_UNKNOWN);
    ck_assert_int_eq(passed_check(passed, "p19", row, 0), PASSED_YES);
    ck_assert_int_eq(passed_check(passed, "p19", row - 1, 0), PASSED_NO);
    const int64_t last = PASSED_LOST_MS - 1; /* … for a while */
    ck_assert_int_eq(passed_check(passed, "never", row, last), PASSED_UNKNOWN);
    ck_assert_int_eq(passed_check(passed, "never", row, last + 1), PASSED_NEVER_ASKED);
    ck_assert_int_eq(passed_check(passed, "p19", row, last + 1), PASSED_YES);
    passed_destroy(passed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/daemon/passed");
    TCase *tests = tcase_create("passed");
    tcase_add_test(tests, the_last_answer_counts);
    tcase_add_test(tests, it_does_not_grow_without_end);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
