// SPDX-License-Identifier: Apache-2.0
#include "api/json/read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/check_main.h"
#include "topology/base/alloc.h"

/* What is read, as JSON that jansson takes. */
static const struct {
    const char *text;
    const char *read;
} READ[] = {
    {"{\"a\":[1,-2.5,null,true,\"x\"]}", "{\"a\":[1,-2.5,null,true,\"x\"]}"},
    {"7", "7"},
    {"{\"a\":\"b\\u0000c\"}", "{\"a\":\"b\\ufffdc\"}"},
    {"{\"\\u0000\":1,\"k\":2}", "{\"\\ufffd\":1,\"k\":2}"},
    {"[\"\\u0000\\u0000\\\\u0000\\\"\"]", "[\"\\ufffd\\ufffd\\\\u0000\\\"\"]"},
    {"[\"\\ud800\",\"\\udc00x\",\"\\ud83d\\ude00\",\"\\ud800\\u0041\"]",
     "[\"\\ufffd\",\"\\ufffdx\",\"\\ud83d\\ude00\",\"\\ufffdA\"]"},
    {"[\"\\ud83d\\ude00\\u0000\"]", "[\"\\ud83d\\ude00\\ufffd\"]"},
    {"[\"a\xff\x01z\"]", "[\"a??z\"]"},
    {"[\"\xc3\xa4\xc3\"]", "[\"\xc3\xa4?\"]"},
    {"[9223372036854775807,9223372036854775808,100000000000000000000]",
     "[9223372036854775807,9223372036854775807,9223372036854775807]"},
    {"{\"a\":-9223372036854775809,\"b\":-99999999999999999999999,\"c\":\"99999999999999999999\"}",
     "{\"a\":-9223372036854775808,\"b\":-9223372036854775808,\"c\":\"99999999999999999999\"}"},
    {"[1e999,-1e999,1e-999,1.5]", "[1e308,-1e308,0.0,1.5]"},
    {"[123456789012345678]", "[123456789012345678]"},
};

START_TEST(reads)
{
    struct err err = {.text = ""};
    json_t *json = json_read(READ[_i].text, strlen(READ[_i].text), &err);
    json_t *expected = json_loads(READ[_i].read, JSON_DECODE_ANY, NULL);
    ck_assert_ptr_nonnull(expected);
    ck_assert_msg(json != NULL, "%s: %s", READ[_i].text, err.text);
    ck_assert_msg(json_equal(json, expected), "%s", READ[_i].text);
    json_decref(json);
    json_decref(expected);
}
END_TEST

START_TEST(refuses)
{
    static const char *const BAD[] = {
        "",           "{",   "{\"a\":}",    "[1,]",      "{bad}",
        "[1}",        "nul", "{\"a\":1}{}", "[\"\\x\"]", "[\"\\u00g0\"]",
        "[\"\\u0000", "-",   "[01]",        "\"\\",      "\"\\u"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        struct err err = {.text = ""};
        ck_assert_msg(json_read(BAD[i], strlen(BAD[i]), &err) == NULL, "%s", BAD[i]);
        ck_assert_msg(strncmp(err.text, "malformed JSON: ", 16) == 0, "%s", err.text);
    }
}
END_TEST

/* `levels` objects and arrays in turn, with something in each, behind a member that is kept. */
static char *make_deep(size_t levels, size_t *length)
{
    size_t room = levels * 24 + 64;
    char *text = alloc_zero(room, 1);
    size_t used = (size_t)snprintf(text, room, "{\"kept\":[1],\"deep\":");
    for (size_t i = 0; i < levels; i++) {
        used += (size_t)snprintf(text + used, room - used, "%s",
                                 i % 2 == 0 ? "[\"]\",1," : "{\"a\":\"}\",\"b\":");
    }
    used += (size_t)snprintf(text + used, room - used, "-1");
    for (size_t i = levels; i-- > 0;) {
        text[used++] = i % 2 == 0 ? ']' : '}';
    }
    used += (size_t)snprintf(text + used, room - used, ",\"last\":\"\\u0000\"}");
    *length = used;
    return text;
}

static size_t depth_of(const json_t *json)
{
    if (json_is_array(json)) {
        return 1 + depth_of(json_array_get(json, 2));
    }
    return json_is_object(json) ? 1 + depth_of(json_object_get(json, "b")) : 0;
}

/* Beyond the limit there is nothing; the members before and behind are there. */
START_TEST(flattens_what_is_deep)
{
    static const size_t LEVELS[] = {
        1, JSON_READ_DEPTH - 2, JSON_READ_DEPTH - 1, JSON_READ_DEPTH, 500, 5000, 200000};
    for (size_t i = 0; i < sizeof LEVELS / sizeof LEVELS[0]; i++) {
        size_t length;
        struct err err;
        char *text = make_deep(LEVELS[i], &length);
        json_t *json = json_read(text, length, &err);
        ck_assert_msg(json != NULL, "%zu levels: %s", LEVELS[i], err.text);
        ck_assert_uint_eq(json_array_size(json_object_get(json, "kept")), 1);
        ck_assert_str_eq(json_string_value(json_object_get(json, "last")), "\xEF\xBF\xBD");
        size_t most = JSON_READ_DEPTH - 1;
        ck_assert_uint_eq(depth_of(json_object_get(json, "deep")),
                          LEVELS[i] < most ? LEVELS[i] : most);
        json_decref(json);
        free(text);
    }
}
END_TEST

/* Whatever the bytes are, it ends, within them; and the answer is the same without what follows. */
START_TEST(any_bytes)
{
    static const char SIGNS[] = "{}[]\",:\\u0d8-1e9. \xff\x01";
    uint64_t seed = 7;
    for (int round = 0; round < 200000; round++) {
        size_t length = 0;
        char *text = alloc_zero(40, 1);
        for (; length < 39; length++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            text[length] = SIGNS[(seed >> 33) % (sizeof SIGNS - 1)];
        }
        char *exact = alloc_resize(NULL, length, 1);
        memcpy(exact, text, length);
        json_decref(json_read(exact, length, NULL));
        ck_assert_mem_eq(exact, text, length);
        free(exact);
        free(text);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("read");
    TCase *tests = tcase_create("read");
    tcase_add_loop_test(tests, reads, 0, (int)(sizeof READ / sizeof READ[0]));
    tcase_add_test(tests, refuses);
    tcase_add_test(tests, flattens_what_is_deep);
    tcase_add_test(tests, any_bytes);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
