// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_UNIT_CHECK_MAIN_H
#define TEST_UNIT_CHECK_MAIN_H

#include <check.h>
#include <stdlib.h>

/* One test program holds one suite; this runs it and gives the exit code for main(). Check forks a
 * process per test, so a crash or a leak is pinned on the test that caused it. */
static inline int check_main(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
