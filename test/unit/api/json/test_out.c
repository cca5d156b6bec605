// SPDX-License-Identifier: Apache-2.0
#include "api/json/out.h"

#include <jansson.h>
#include <signal.h>
#include <string.h>

#include "test/unit/check_main.h"

static void expect(struct json_out *out, const char *wanted)
{
    size_t length = 0;
    char *text = json_out_take(out, &length);
    ck_assert_str_eq(text, wanted);
    ck_assert_uint_eq(length, strlen(wanted));
    free(text);
    json_out_finish(out);
}

START_TEST(commas_and_nesting)
{
    struct json_out out;
    json_out_init(&out, 1000);
    json_out_object(&out);
    json_out_member_string(&out, "a", "x");
    json_out_key(&out, "b");
    json_out_array(&out);
    json_out_array(&out);
    json_out_array_end(&out);
    json_out_object(&out);
    json_out_object_end(&out);
    json_out_integer(&out, -7);
    json_out_null(&out);
    json_out_raw_value(&out, "{\"r\":1}", 7);
    json_out_raw_string(&out, "q\\n", 3);
    json_out_array_end(&out);
    json_out_raw_key(&out, "k\\u0041", 7);
    json_out_null(&out);
    json_out_member_integer(&out, "c", 5);
    json_out_member_string(&out, "e", NULL);
    json_out_object_end(&out);
    expect(&out, "{\"a\":\"x\",\"b\":[[],{},-7,null,{\"r\":1},\"q\\n\"],\"k\\u0041\":null,"
                 "\"c\":5,\"e\":null}");
}
END_TEST

START_TEST(nothing_written_is_an_empty_text)
{
    struct json_out out;
    json_out_init(&out, 0);
    expect(&out, "");
}
END_TEST

START_TEST(raw_strings_may_be_empty)
{
    struct json_out out;
    json_out_init(&out, 100);
    json_out_array(&out);
    json_out_raw_string(&out, NULL, 0);
    json_out_raw_string(&out, "", 0);
    json_out_string_n(&out, "abc", 0);
    json_out_array_end(&out);
    expect(&out, "[\"\",\"\",\"\"]");
}
END_TEST

START_TEST(strings_are_escaped)
{
    static const struct {
        const char *text, *wanted;
    } cases[] = {
        {"", "\"\""},
        {"plain text, /slash/ <&>", "\"plain text, /slash/ <&>\""},
        {"\"\\\b\f\n\r\t", "\"\\\"\\\\\\b\\f\\n\\r\\t\""},
        {"\x01\x1f\x7f", "\"\\u0001\\u001f\x7f\""},
        {"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x8e\x89", "\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac "
                                                             "\xf0\x9f\x8e\x89\""},
        {"a\xff\x62", "\"a\xef\xbf\xbd\x62\""},
        {"cut \xe2\x82", "\"cut \xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json_out out;
        json_out_init(&out, 1000);
        json_out_string(&out, cases[i].text);
        expect(&out, cases[i].wanted);
    }
}
END_TEST

START_TEST(every_byte_reads_back)
{
    /* All 255 bytes after a letter, so that those above 0x7f are never part of a character. */
    for (int byte = 1; byte < 256; byte++) {
        char text[] = {'x', (char)byte, 'y', '\0'};
        struct json_out out;
        size_t length;
        json_out_init(&out, 100);
        json_out_string(&out, text);
        char *written = json_out_take(&out, &length);
        json_t *value = json_loadb(written, length, JSON_DECODE_ANY, NULL);
        ck_assert_ptr_nonnull(value);
        ck_assert_str_eq(json_string_value(value), byte < 0x80 ? text : "x\xef\xbf\xbdy");
        json_decref(value);
        free(written);
    }
}
END_TEST

START_TEST(a_nul_inside_is_escaped)
{
    struct json_out out;
    json_out_init(&out, 100);
    json_out_string_n(&out, "a\0b", 3);
    expect(&out, "\"a\\u0000b\"");
}
END_TEST

START_TEST(integers)
{
    struct json_out out;
    json_out_init(&out, 1000);
    json_out_array(&out);
    json_out_integer(&out, INT64_MIN);
    json_out_integer(&out, 0);
    json_out_integer(&out, INT64_MAX);
    json_out_array_end(&out);
    expect(&out, "[-9223372036854775808,0,9223372036854775807]");
}
END_TEST

static void write_sample(struct json_out *out)
{
    json_out_object(out);
    json_out_member_string(out, "name", "a\nb\xff");
    json_out_key(out, "list");
    json_out_array(out);
    json_out_raw_string(out, "node", 4);
    json_out_raw_string(out, "node", 4);
    json_out_integer(out, 12);
    json_out_array_end(out);
    json_out_object_end(out);
}

START_TEST(fails_at_every_maximum_below_the_length)
{
    struct json_out out;
    size_t length, cut;
    json_out_init(&out, 1000);
    write_sample(&out);
    char *whole = json_out_take(&out, &length);
    for (size_t maximum = 0; maximum < length; maximum++) {
        json_out_init(&out, maximum);
        write_sample(&out);
        ck_assert(out.failed);
        ck_assert_uint_le(out.length, maximum);
        ck_assert_ptr_null(json_out_take(&out, &cut));
        ck_assert_uint_eq(cut, 0);
    }
    json_out_init(&out, length);
    write_sample(&out);
    expect(&out, whole);
    free(whole);
}
END_TEST

START_TEST(a_failed_writer_stays_failed)
{
    struct json_out out;
    json_out_init(&out, 4);
    json_out_array(&out);
    json_out_string(&out, "too long");
    size_t length = out.length;
    json_out_integer(&out, 1);
    ck_assert_uint_eq(out.length, length);
    ck_assert(out.failed);
    json_out_finish(&out);
}
END_TEST

START_TEST(is_empty_after_take)
{
    struct json_out out;
    json_out_init(&out, 100);
    for (int i = 0; i < 3; i++) {
        json_out_null(&out);
        size_t length;
        char *text = json_out_take(&out, &length);
        ck_assert_str_eq(text, "null");
        free(text);
    }
    json_out_null(&out);
    json_out_finish(&out); /* the leak checker watches */
}
END_TEST

START_TEST(grows_to_megabytes)
{
    struct json_out out;
    json_out_init(&out, 1 << 24);
    json_out_array(&out);
    for (int i = 0; i < 100000; i++) {
        json_out_string(&out, "ten bytes.");
    }
    json_out_array_end(&out);
    size_t length;
    char *text = json_out_take(&out, &length);
    ck_assert_uint_eq(length, 2 + 100000 * 13 - 1);
    ck_assert_uint_eq(strlen(text), length);
    free(text);
}
END_TEST

START_TEST(reserving_changes_nothing_but_the_room)
{
    struct json_out out;
    json_out_init(&out, 20);
    json_out_reserve(&out, 10);
    ck_assert_uint_eq(out.room, 11);
    json_out_array(&out);
    json_out_reserve(&out, 1000000);
    ck_assert_uint_eq(out.room, 21);
    json_out_reserve(&out, 0);
    json_out_string(&out, "123456789012345.");
    json_out_array_end(&out);
    expect(&out, "[\"123456789012345.\"]");
    json_out_init(&out, 5);
    json_out_reserve(&out, 5);
    json_out_string(&out, "1234");
    ck_assert(out.failed);
    json_out_reserve(&out, 5);
    json_out_finish(&out);
}
END_TEST

START_TEST(too_many_ends_abort)
{
    struct json_out out;
    json_out_init(&out, 100);
    json_out_array_end(&out);
}
END_TEST

START_TEST(an_open_container_aborts_take)
{
    struct json_out out;
    size_t length;
    json_out_init(&out, 100);
    json_out_array(&out);
    json_out_take(&out, &length);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json/out");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, commas_and_nesting);
    tcase_add_test(tcase, nothing_written_is_an_empty_text);
    tcase_add_test(tcase, raw_strings_may_be_empty);
    tcase_add_test(tcase, strings_are_escaped);
    tcase_add_test(tcase, every_byte_reads_back);
    tcase_add_test(tcase, a_nul_inside_is_escaped);
    tcase_add_test(tcase, integers);
    tcase_add_test(tcase, fails_at_every_maximum_below_the_length);
    tcase_add_test(tcase, a_failed_writer_stays_failed);
    tcase_add_test(tcase, is_empty_after_take);
    tcase_add_test(tcase, grows_to_megabytes);
    tcase_add_test(tcase, reserving_changes_nothing_but_the_room);
    tcase_add_test_raise_signal(tcase, too_many_ends_abort, SIGABRT);
    tcase_add_test_raise_signal(tcase, an_open_container_aborts_take, SIGABRT);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
