// SPDX-License-Identifier: Apache-2.0
#include "api/json/scan.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/check_main.h"

static struct json_scan scan_of(const char *text)
{
    struct json_scan scan;
    json_scan_init(&scan, text, strlen(text));
    return scan;
}

static int skip_whole(const char *text, size_t length, struct err *err)
{
    struct json_scan scan;
    json_scan_init(&scan, text, length);
    return json_scan_skip(&scan, NULL, err) < 0 ? -1 : json_scan_finish(&scan, err);
}

static void assert_slice(const struct json_slice *slice, const char *wanted)
{
    ck_assert_msg(slice->length == strlen(wanted) &&
                      memcmp(slice->text, wanted, slice->length) == 0,
                  "\"%.*s\" instead of \"%s\"", (int)slice->length, slice->text, wanted);
}

START_TEST(peek_tells_types)
{
    static const struct {
        const char *text;
        enum json_type type;
    } cases[] = {
        {" {", JSON_TYPE_OBJECT},
        {"\t[", JSON_TYPE_ARRAY},
        {"\r\n\"", JSON_TYPE_STRING},
        {"-", JSON_TYPE_NUMBER},
        {"0", JSON_TYPE_NUMBER},
        {"9", JSON_TYPE_NUMBER},
        {"true", JSON_TYPE_TRUE},
        {"f", JSON_TYPE_FALSE},
        {"n", JSON_TYPE_NULL},
        {"", JSON_TYPE_END},
        {" \n ", JSON_TYPE_END},
        {"}", JSON_TYPE_BAD},
        {"\xef\xbb\xbf{}", JSON_TYPE_BAD},
        {"+1", JSON_TYPE_BAD},
        {"'", JSON_TYPE_BAD},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json_scan scan = scan_of(cases[i].text);
        ck_assert_msg(json_scan_peek(&scan) == cases[i].type, "%s", cases[i].text);
        ck_assert_msg(json_scan_peek(&scan) == cases[i].type, "%s again", cases[i].text);
    }
    struct json_scan scan;
    json_scan_init(&scan, "\0", 1);
    ck_assert_int_eq(json_scan_peek(&scan), JSON_TYPE_BAD);
}
END_TEST

START_TEST(walks_members_and_elements)
{
    struct json_scan scan = scan_of(" { \"a\" : [ 1 , \"x\\ty\" , {} ] , \"b\":{\"c\":null}} ");
    struct json_slice slice;
    bool outer = true, inner = true;
    ck_assert_int_eq(json_scan_enter(&scan, JSON_TYPE_OBJECT, NULL), 0);
    ck_assert_int_eq(json_scan_member(&scan, &outer, &slice, NULL), 1);
    assert_slice(&slice, "a");
    ck_assert_int_eq(json_scan_enter(&scan, JSON_TYPE_ARRAY, NULL), 0);
    ck_assert_uint_eq(scan.depth, 2);
    ck_assert_int_eq(json_scan_element(&scan, &inner, NULL), 1);
    ck_assert_int_eq(json_scan_skip(&scan, &slice, NULL), 0);
    assert_slice(&slice, "1");
    ck_assert_int_eq(json_scan_element(&scan, &inner, NULL), 1);
    ck_assert_int_eq(json_scan_string(&scan, &slice, NULL), 0);
    assert_slice(&slice, "x\\ty");
    ck_assert(slice.escaped);
    ck_assert_int_eq(json_scan_element(&scan, &inner, NULL), 1);
    ck_assert_int_eq(json_scan_skip(&scan, &slice, NULL), 0);
    assert_slice(&slice, "{}");
    ck_assert_int_eq(json_scan_element(&scan, &inner, NULL), 0);
    ck_assert_int_eq(json_scan_member(&scan, &outer, &slice, NULL), 1);
    assert_slice(&slice, "b");
    ck_assert(!slice.escaped);
    ck_assert_int_eq(json_scan_skip(&scan, &slice, NULL), 0);
    assert_slice(&slice, "{\"c\":null}");
    ck_assert_int_eq(json_scan_member(&scan, &outer, &slice, NULL), 0);
    ck_assert_uint_eq(scan.depth, 0);
    ck_assert_int_eq(json_scan_finish(&scan, NULL), 0);
}
END_TEST

START_TEST(enter_wants_the_right_bracket)
{
    struct err err;
    struct json_scan scan = scan_of(" [1]");
    ck_assert_int_eq(json_scan_enter(&scan, JSON_TYPE_OBJECT, &err), -1);
    ck_assert_str_eq(err.text, "malformed JSON at byte 1: expected '{'");
    ck_assert_int_eq(json_scan_enter(&scan, JSON_TYPE_ARRAY, &err), 0);
    ck_assert_int_eq(json_scan_enter(&scan, JSON_TYPE_ARRAY, &err), -1);
    ck_assert_str_eq(err.text, "malformed JSON at byte 2: expected '['");
}
END_TEST

START_TEST(accepts)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        " [ ] ",
        "\"\"",
        "0",
        "-0",
        "-0.0e-0",
        "1E+2",
        "true",
        "false",
        "null",
        "[[],[[]],{}]",
        "{\"\":\"\",\"\":1}",
        "\"\\u0001\\uD7FF\\uE000\\uFFFE\"",
        "\"\\ud800\\udc00\\uDBFF\\uDFFF\"",
        "\"\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\"",
        "\"\xee\x80\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"",
        "123456789012345678901234",
        "1e999",
        "\t\n\r {\t\n\r }\t\n\r ",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct err err = {""};
        ck_assert_msg(skip_whole(texts[i], strlen(texts[i]), &err) == 0, "%s: %s", texts[i],
                      err.text);
    }
}
END_TEST

START_TEST(refuses)
{
    static const struct {
        const char *text;
        size_t at;
        const char *what;
    } cases[] = {
        {"", 0, "unexpected end of the text"},
        {"  ", 2, "unexpected end of the text"},
        {"{", 1, "expected a string"},
        {"[", 1, "unexpected end of the text"},
        {"[1", 2, "expected ',' or ']'"},
        {"[1,", 3, "unexpected end of the text"},
        {"[1,]", 3, "expected a value"},
        {"[,1]", 1, "expected a value"},
        {"[1 2]", 3, "expected ',' or ']'"},
        {"[}", 1, "expected a value"},
        {"{]", 1, "expected a string"},
        {"{\"a\"", 4, "expected ':'"},
        {"{\"a\",", 4, "expected ':'"},
        {"{\"a\":", 5, "unexpected end of the text"},
        {"{\"a\":}", 5, "expected a value"},
        {"{\"a\":1", 6, "expected ',' or '}'"},
        {"{\"a\":1,}", 7, "expected a string"},
        {"{\"a\":1]", 6, "expected ',' or '}'"},
        {"{a:1}", 1, "expected a string"},
        {"{1:1}", 1, "expected a string"},
        {"tru", 0, "expected a value"},
        {"True", 0, "expected a value"},
        {"nulL", 0, "expected a value"},
        {"nullx", 4, "unexpected data after the value"},
        {"{} {}", 3, "unexpected data after the value"},
        {"01", 1, "unexpected data after the value"},
        {"-", 1, "expected a digit"},
        {"-x", 1, "expected a digit"},
        {"1.", 2, "expected a digit"},
        {"1.e1", 2, "expected a digit"},
        {"1e", 2, "expected a digit"},
        {"1e+-1", 3, "expected a digit"},
        {".5", 0, "expected a value"},
        {"+1", 0, "expected a value"},
        {"NaN", 0, "expected a value"},
        {"\"", 1, "an unterminated string"},
        {"\"abc", 4, "an unterminated string"},
        {"\"\\", 1, "an invalid escape"},
        {"\"\\\"", 3, "an unterminated string"},
        {"\"\\a\"", 1, "an invalid escape"},
        {"\"\\U0041\"", 1, "an invalid escape"},
        {"\"\\u004\"", 1, "an invalid escape"},
        {"\"\\u00g0\"", 1, "an invalid escape"},
        {"\"\\u0000\"", 1, "an invalid escape"},
        {"\"x\\udc00\"", 2, "an invalid escape"},
        {"\"\\ud800\"", 1, "an invalid escape"},
        {"\"\\ud800x12345\"", 1, "an invalid escape"},
        {"\"\\ud800\\n2345\"", 1, "an invalid escape"},
        {"\"\\ud800\\ud800\"", 1, "an invalid escape"},
        {"\"\\ud800\\ue000\"", 1, "an invalid escape"},
        {"\"\t\"", 1, "a control character in a string"},
        {"\"\x1f\"", 1, "a control character in a string"},
        {"\"\x80\"", 1, "not UTF-8"},
        {"\"\xc0\xaf\"", 1, "not UTF-8"},
        {"\"\xc1\xbf\"", 1, "not UTF-8"},
        {"\"\xe0\x9f\xbf\"", 1, "not UTF-8"},
        {"\"\xed\xa0\x80\"", 1, "not UTF-8"},
        {"\"\xf0\x8f\xbf\xbf\"", 1, "not UTF-8"},
        {"\"\xf4\x90\x80\x80\"", 1, "not UTF-8"},
        {"\"\xf5\x80\x80\x80\"", 1, "not UTF-8"},
        {"\"\xe2\x82\"", 1, "not UTF-8"},
        {"\"ab\xe2", 3, "not UTF-8"},
        {"// x\n1", 0, "expected a value"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err = {""}, wanted;
        err_set(&wanted, "malformed JSON at byte %zu: %s", cases[i].at, cases[i].what);
        ck_assert_msg(skip_whole(cases[i].text, strlen(cases[i].text), &err) == -1, "%s",
                      cases[i].text);
        ck_assert_msg(strcmp(err.text, wanted.text) == 0, "%s: %s", cases[i].text, err.text);
        ck_assert_int_eq(skip_whole(cases[i].text, strlen(cases[i].text), NULL), -1);
    }
}
END_TEST

/* What stops a string is found wherever it stands: at every offset around the sixteen bytes that
 * are looked at in one step, in texts with nothing readable behind them. */
START_TEST(finds_the_special_byte_everywhere)
{
    static const struct {
        const char *special;
        int result;
    } cases[] = {{"x", 0},     {"\\n", 0},   {"\xc3\xa9", 0}, {"\"", -1},
                 {"\x1f", -1}, {"\xff", -1}, {"\x80", -1},    {"\\q", -1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t width = strlen(cases[i].special);
        for (size_t before = 0; before < 40; before++) {
            for (size_t after = 0; after < 40; after++) {
                size_t length = before + width + after + 2;
                char *text = malloc(length);
                ck_assert_ptr_nonnull(text);
                memset(text, 'a', length);
                text[0] = text[length - 1] = '"';
                memcpy(text + 1 + before, cases[i].special, width);
                struct json_scan scan;
                json_scan_init(&scan, text, length);
                struct json_slice slice;
                int result = json_scan_string(&scan, &slice, NULL);
                if (cases[i].special[0] == '"') {
                    ck_assert_int_eq(result, 0);
                    ck_assert_uint_eq(slice.length, before);
                } else {
                    ck_assert_int_eq(result, cases[i].result);
                    ck_assert_uint_eq(scan.at, result == 0 ? length : before + 1);
                }
                free(text);
            }
        }
    }
}
END_TEST

/* `levels` arrays and objects in turn around a number. */
static char *nest(unsigned levels)
{
    char *text = malloc((size_t)levels * 6 + 2);
    ck_assert_ptr_nonnull(text);
    size_t length = 0;
    for (unsigned i = 0; i < levels; i++) {
        const char *opening = i % 3 == 0 ? "{\"a\":" : "[";
        memcpy(text + length, opening, strlen(opening));
        length += strlen(opening);
    }
    text[length++] = '1';
    for (unsigned i = levels; i-- > 0;) {
        text[length++] = i % 3 == 0 ? '}' : ']';
    }
    text[length] = '\0';
    return text;
}

/* A value is looked at once, however small the portions are: what was consumed is not looked at
 * again, which shows because it is overwritten. */
START_TEST(a_value_in_portions)
{
    static const char text[] = "[{\"a\":[1,2,{}],\"b\":\"x\\u00e9é\"},-1.5e3,true,[],{}] ,";
    char copy[sizeof text] = "";
    struct json_scan scan;
    struct json_skip skip = {.begun = false};
    struct err err;
    json_scan_init(&scan, copy, 0);
    size_t end = strlen(text) - 2;
    while (scan.length < strlen(text)) {
        memset(copy, '}', scan.at);
        copy[scan.length] = text[scan.length];
        scan.length++;
        int result = json_scan_skip_more(&scan, &skip, &err);
        ck_assert_int_eq(result, scan.length > end ? 0 : 1);
        if (result == 0) {
            break;
        }
    }
    ck_assert_uint_eq(scan.at, end);
    ck_assert_uint_eq(scan.depth, 0);
}
END_TEST

START_TEST(what_may_be_cut_in_two)
{
    static const struct {
        const char *text;
        bool is_short;
    } cases[] = {
        {"[1, \"a", true},
        {"[1, \"\\ud83d\\ude0", true},
        {"[1, tru", true},
        {"[1, -", true},
        {"[1 2, 3, 4, 5, 6]", false},
        {"[1, tru e, 2, 3, 4, 5]", false},
        {"[\"\\ud83d and so on and so on\"]", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json_scan scan = scan_of(cases[i].text);
        struct json_skip skip = {.begun = false};
        struct err err;
        ck_assert_int_eq(json_scan_skip_more(&scan, &skip, &err), cases[i].is_short ? 1 : -1);
        scan = scan_of(cases[i].text);
        ck_assert_int_eq(json_scan_skip(&scan, NULL, &err), -1);
        ck_assert_int_eq(json_scan_is_short(&scan), cases[i].is_short);
    }
}
END_TEST

START_TEST(nesting_has_a_limit)
{
    static const unsigned fine[] = {1, 62, 63, 64, 65, 127, 128, 129, 511, JSON_DEPTH_MAX};
    struct err err;
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        char *text = nest(fine[i]);
        ck_assert_int_eq(skip_whole(text, strlen(text), NULL), 0);
        text[strlen(text) - 1] = 'x';
        ck_assert_int_eq(skip_whole(text, strlen(text), NULL), -1);
        free(text);
    }
    char *text = nest(JSON_DEPTH_MAX + 1);
    ck_assert_int_eq(skip_whole(text, strlen(text), &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "nested too deeply"));
    free(text);
}
END_TEST

START_TEST(levels_entered_by_hand_count)
{
    char *text = nest(JSON_DEPTH_MAX + 1);
    struct json_scan scan;
    struct json_slice key;
    struct err err;
    json_scan_init(&scan, text, strlen(text));
    bool first = true;
    ck_assert_int_eq(json_scan_enter(&scan, JSON_TYPE_OBJECT, &err), 0);
    ck_assert_int_eq(json_scan_member(&scan, &first, &key, &err), 1);
    ck_assert_int_eq(json_scan_skip(&scan, NULL, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "nested too deeply"));
    free(text);
}
END_TEST

START_TEST(names_match_as_in_go)
{
    static const struct {
        const char *key, *name;
        bool same;
    } cases[] = {
        {"NodeNames", "NodeNames", true},
        {"nodenames", "NodeNames", true},
        {"NODENAMES", "NodeNames", true},
        {"NodeName", "NodeNames", false},
        {"NodeNamesX", "NodeNames", false},
        {"", "a", false},
        {"", "", true},
        {"\\u0050od", "Pod", true},
        {"\\u0070OD", "Pod", true},
        {"P\\u006fd\\n", "Pod", false},
        {"uid{", "uid[", false},
        {"a@", "a`", false},
        {"\\u0055\\u0049\\u0044", "uid", true},
        {"\xc3\x89", "\xc3\xa9", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json_slice slice = {cases[i].key, strlen(cases[i].key),
                                   strchr(cases[i].key, '\\') != NULL};
        ck_assert_msg(json_slice_is(&slice, cases[i].name) == cases[i].same, "%s", cases[i].key);
    }
    /* Longer than any name could be, even if all of it were escapes. */
    char *text = malloc(6 * 1000);
    ck_assert_ptr_nonnull(text);
    for (size_t i = 0; i < 1000; i++) {
        memcpy(text + 6 * i, "\\u0061", 6);
    }
    struct json_slice slice = {text, 6 * 1000, true};
    ck_assert(!json_slice_is(&slice, "a"));
    free(text);
}
END_TEST

START_TEST(decodes_escapes)
{
    static const struct {
        const char *text, *wanted;
    } cases[] = {
        {"", ""},
        {"plain", "plain"},
        {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
        {"a\\u0041z", "aAz"},
        {"\\u0001\\u007f\\u0080\\u07ff", "\x01\x7f\xc2\x80\xdf\xbf"},
        {"\\u0800\\uFFFF", "\xe0\xa0\x80\xef\xbf\xbf"},
        {"\\ud7ff\\ue000", "\xed\x9f\xbf\xee\x80\x80"},
        {"\\ud800\\udc00\\uDBFF\\uDFFF", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
        {"\\ud83c\\udf89!", "\xf0\x9f\x8e\x89!"},
        {"\\u003cgr\xc3\xbc\xc3\x9f\\u003e", "<gr\xc3\xbc\xc3\x9f>"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t length = strlen(cases[i].text);
        struct json_slice slice = {cases[i].text, length, true};
        char *out = malloc(length + 1);
        ck_assert_ptr_nonnull(out);
        out[json_string_decode(&slice, out)] = '\0';
        ck_assert_str_eq(out, cases[i].wanted);
        free(out);
    }
}
END_TEST

START_TEST(decoding_what_was_not_scanned_aborts)
{
    struct json_slice slice = {"\\ud800", 6, true};
    char out[6];
    json_string_decode(&slice, out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json/scan");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, peek_tells_types);
    tcase_add_test(tcase, walks_members_and_elements);
    tcase_add_test(tcase, enter_wants_the_right_bracket);
    tcase_add_test(tcase, accepts);
    tcase_add_test(tcase, refuses);
    tcase_add_test(tcase, finds_the_special_byte_everywhere);
    tcase_add_test(tcase, a_value_in_portions);
    tcase_add_test(tcase, what_may_be_cut_in_two);
    tcase_add_test(tcase, nesting_has_a_limit);
    tcase_add_test(tcase, levels_entered_by_hand_count);
    tcase_add_test(tcase, names_match_as_in_go);
    tcase_add_test(tcase, decodes_escapes);
    tcase_add_test_raise_signal(tcase, decoding_what_was_not_scanned_aborts, SIGABRT);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
