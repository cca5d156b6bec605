// SPDX-License-Identifier: Apache-2.0
#include "api/ops/duration.h"

#include <string.h>

#include "test/unit/check_main.h"

START_TEST(reads_what_go_reads)
{
    static const struct {
        const char *text;
        int64_t milliseconds;
    } cases[] = {
        {"0", 0},
        {"-0", 0},
        {"0s", 0},
        {"30s", 30000},
        {"1m30s", 90000},
        {"500ms", 500},
        {"1.5h", 5400000},
        {".5s", 500},
        {"1.s", 1000},
        {"+2s", 2000},
        {"-2s", -2000},
        {"1h1m1s1ms", 3661001},
        {"1000us", 1},
        {"1000\xc2\xb5s", 1},
        {"1000\xce\xbcs", 1},
        {"1000000ns", 1},
        {"0.001s", 1},
        {"500us500us", 1},
        {"2562047h", INT64_C(9223369200000)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t value = -77;
        struct err err = {""};
        ck_assert_msg(duration_parse(cases[i].text, &value, &err) == 0, "%s", err.text);
        ck_assert_msg(value == cases[i].milliseconds, "%s: %lld", cases[i].text, (long long)value);
    }
}
END_TEST

START_TEST(refuses_the_rest_without_touching_the_result)
{
    static const char *const cases[] = {
        "",
        "s",
        "30",
        "30 s",
        "3d",
        "1..5s",
        "1.5.5s",
        ".s",
        "-",
        "+",
        "--1s",
        "1s-1s",
        "1e3s",
        "0x10s",
        "1us",
        "1.5ms",
        "0.0001s",
        "1S",
        "00",
        "1s ",
        " 1s",
        "infs",
        "3000000h",
        "1m30",
        "s1",
        "0.0000000000000000001s",
        "99999999999999999999s",
        "1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t value = -77;
        struct err err = {""};
        ck_assert_msg(duration_parse(cases[i], &value, &err) == -1, "%s", cases[i]);
        ck_assert_int_eq(value, -77);
        ck_assert_str_ne(err.text, "");
    }
    ck_assert_int_eq(duration_parse("x", &(int64_t){0}, NULL), -1);
}
END_TEST

START_TEST(writes_what_it_reads)
{
    static const int64_t values[] = {0,     1,     999,     1000,     1500,
                                     60000, 90000, 3600000, 86400000, 90061001};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char text[DURATION_TEXT_MAX];
        int64_t value = -1;
        ck_assert_int_eq(duration_parse(duration_text(values[i], text, sizeof text), &value, NULL),
                         0);
        ck_assert_int_eq(value, values[i]);
    }
    char text[32];
    ck_assert_str_eq(duration_text(90000, text, sizeof text), "1m30s");
    ck_assert_str_eq(duration_text(0, text, sizeof text), "0s");
    ck_assert_str_eq(duration_text(90061001, text, 6), "25h1m");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("duration");
    TCase *tests = tcase_create("duration");
    tcase_add_test(tests, reads_what_go_reads);
    tcase_add_test(tests, refuses_the_rest_without_touching_the_result);
    tcase_add_test(tests, writes_what_it_reads);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
