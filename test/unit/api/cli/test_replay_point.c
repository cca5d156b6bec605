// SPDX-License-Identifier: Apache-2.0
#include "api/cli/replay_point.h"

#include <string.h>

#include "test/unit/check_main.h"

static struct replay_point parse(const char *text, bool directory)
{
    struct replay_point point;
    struct err err;
    ck_assert_msg(replay_point_parse(&point, text, directory, &err) == 0, "%s", err.text);
    return point;
}

START_TEST(records_of_a_file)
{
    struct replay_point point = parse("340", false);
    ck_assert(replay_point_is_after(&point, 0, 339, -1));
    ck_assert(!replay_point_is_after(&point, 0, 340, -1));
    ck_assert(!replay_point_is_before(&point, 0, 340, -1));
    ck_assert(replay_point_is_before(&point, 0, 341, -1));
}
END_TEST

START_TEST(segments_of_a_directory)
{
    struct replay_point point = parse("12", true);
    ck_assert(replay_point_is_after(&point, 11, 999, -1));
    ck_assert(!replay_point_is_after(&point, 12, 0, -1));
    ck_assert(!replay_point_is_before(&point, 12, 999, -1));
    ck_assert(replay_point_is_before(&point, 13, 0, -1));
    point = parse("12:340", true);
    ck_assert(replay_point_is_after(&point, 12, 339, -1));
    ck_assert(!replay_point_is_after(&point, 12, 340, -1));
    ck_assert(!replay_point_is_after(&point, 13, 0, -1));
    ck_assert(!replay_point_is_before(&point, 12, 340, -1));
    ck_assert(replay_point_is_before(&point, 12, 341, -1));
}
END_TEST

START_TEST(times)
{
    struct replay_point point = parse("2026-11-21T11:43:25.25Z", _i == 1);
    ck_assert_int_eq(point.wall_ms, 1795261405250);
    ck_assert(replay_point_is_after(&point, 1, 1, 1795261405249));
    ck_assert(!replay_point_is_after(&point, 1, 1, 1795261405250));
    ck_assert(!replay_point_is_after(&point, 1, 1, -1)); /* not known */
    ck_assert(!replay_point_is_before(&point, 1, 1, 1795261405250));
    ck_assert(replay_point_is_before(&point, 1, 1, 1795261405251));
    point = parse("2026-11-21T11:43:25Z", _i == 1);
    ck_assert_int_eq(point.wall_ms, 1795261405000);
    point = parse("2026-11-21T11:43:25.123456789Z", _i == 1);
    ck_assert_int_eq(point.wall_ms, 1795261405123);
}
END_TEST

START_TEST(none)
{
    struct replay_point point = parse(NULL, true);
    ck_assert(!replay_point_is_after(&point, 0, 0, 0));
    ck_assert(!replay_point_is_before(&point, UINT64_MAX, UINT64_MAX, INT64_MAX));
}
END_TEST

START_TEST(refused)
{
    static const char *const wrong[] = {"",
                                        "x",
                                        "-1",
                                        "12:",
                                        "12:x",
                                        "12:3:4",
                                        "1234567890123456789",
                                        "2026-11-21",
                                        "2026-11-21T11:43",
                                        "2026-11-21T11:43:25",
                                        "2026-11-21T11:43:25.Zulu",
                                        "T"};
    struct replay_point point;
    struct err err;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ck_assert_msg(replay_point_parse(&point, wrong[i], true, &err) == -1, "%s", wrong[i]);
        ck_assert_ptr_nonnull(strstr(err.text, "must be a segment such as 12, a record of it"));
    }
    ck_assert_int_eq(replay_point_parse(&point, "12:3", false, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "12:3: must be a record such as 340, or a time"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/cli/replay_point");
    TCase *tcase = tcase_create("replay_point");
    tcase_add_test(tcase, records_of_a_file);
    tcase_add_test(tcase, segments_of_a_directory);
    tcase_add_loop_test(tcase, times, 0, 2);
    tcase_add_test(tcase, none);
    tcase_add_test(tcase, refused);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
