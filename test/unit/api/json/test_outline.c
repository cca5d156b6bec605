// SPDX-License-Identifier: Apache-2.0
#include "api/json/outline.h"

#include <string.h>

#include "api/json/scan.h"
#include "test/unit/check_main.h"

/* Values with what may follow them, and their lengths. */
static const struct {
    const char *text;
    size_t end;
} VALUES[] = {
    {"{} ", 2},
    {"[]]", 2},
    {"{\"a\":\"}\\\"]\"},", 12},
    {"[[],{\"b\":[{}]}]]", 15},
    {"\"a\\\\\"\"", 5},
    {"\"\\u0000\x01\xff\" ", 10},
    {"12.5e3,", 6},
    {"true]", 4},
    {"null\n", 4},
    {"-1}", 2},
    {"{\"a\":[\"[\"}}", 11}, /* which closes which is not looked at */
};

/* In every pair of portions the same end. */
START_TEST(ends)
{
    const char *text = VALUES[_i].text;
    size_t length = strlen(text);
    for (size_t cut = 0; cut <= length; cut++) {
        struct json_outline outline = {.begun = false};
        size_t at = 0;
        bool ended = json_outline_end(&outline, text, cut, &at);
        ended = ended || json_outline_end(&outline, text, length, &at);
        ck_assert_msg(ended && at == VALUES[_i].end, "%s cut at %zu: %zu", text, cut, at);
    }
}
END_TEST

START_TEST(goes_on)
{
    static const char *const OPEN[] = {"", "{", "[1,2", "\"a", "\"a\\\"", "12", "{\"}", "[[]"};
    for (size_t i = 0; i < sizeof OPEN / sizeof OPEN[0]; i++) {
        struct json_outline outline = {.begun = false};
        size_t at = 0;
        ck_assert(!json_outline_end(&outline, OPEN[i], strlen(OPEN[i]), &at));
        ck_assert_uint_eq(at, strlen(OPEN[i]));
    }
}
END_TEST

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* Of what is JSON it finds the end that the scanner finds. */
START_TEST(agrees_with_the_scanner)
{
    static const char SIGNS[] = "{}[]\",:\\a1 ";
    uint64_t seed = 20261130;
    unsigned compared = 0;
    for (int round = 0; round < 400000; round++) {
        char text[12];
        size_t length = 1 + next_random(&seed) % (sizeof text - 2);
        for (size_t i = 0; i < length; i++) {
            text[i] = SIGNS[next_random(&seed) % (sizeof SIGNS - 1)];
        }
        text[length++] = ',';
        struct json_scan scan;
        json_scan_init(&scan, text, length);
        (void)json_scan_peek(&scan);
        size_t at = scan.at;
        struct json_outline outline = {.begun = false};
        if (json_scan_skip(&scan, NULL, NULL) == 0 && scan.at < length &&
            strchr(",]} ", text[scan.at]) != NULL) {
            ck_assert(json_outline_end(&outline, text, length, &at));
            ck_assert_msg(at == scan.at, "%.*s: %zu, not %zu", (int)length, text, at, scan.at);
            compared++;
        }
    }
    ck_assert_uint_gt(compared, 10000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("outline");
    TCase *tests = tcase_create("outline");
    tcase_add_loop_test(tests, ends, 0, (int)(sizeof VALUES / sizeof VALUES[0]));
    tcase_add_test(tests, goes_on);
    tcase_add_test(tests, agrees_with_the_scanner);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
