// SPDX-License-Identifier: Apache-2.0
#include "api/kube/watch/splitter.h"

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "test/unit/check_main.h"
#include "topology/base/alloc.h"

/* What came out: a JSON array of the pieces, and the verdict. */
struct result {
    json_t *pieces;
    char resume[64];
    char version[64];
    bool good;
    struct err err;
};

static int take_json(void *context, const char *text, size_t length, bool whole, struct err *err)
{
    struct result *result = context;
    json_t *json = json_loadb(text, length, JSON_DECODE_ANY, NULL);
    if (json == NULL) {
        return err_set(err, "piece is not JSON");
    }
    return json_array_append_new(result->pieces, json);
}

/* Feeds `text` in portions that end where `ends` says, each in memory of its own so that
 * reading too far is seen. */
static void split(enum splitter_mode mode, const char *text, size_t length, const size_t *ends,
                  size_t count, struct result *result)
{
    *result = (struct result){.pieces = json_array(), .good = true};
    struct splitter *splitter = splitter_create(mode, take_json, result);
    size_t from = 0;
    for (size_t i = 0; i <= count && result->good; i++) {
        size_t to = i < count ? ends[i] : length;
        char *portion = alloc_zero(to - from, 1);
        memcpy(portion, text + from, to - from);
        result->good = splitter_feed(splitter, portion, to - from, &result->err) == 0;
        free(portion);
        from = to;
    }
    result->good = result->good && splitter_end(splitter, &result->err) == 0;
    (void)snprintf(result->resume, sizeof result->resume, "%s", splitter_continue(splitter));
    (void)snprintf(result->version, sizeof result->version, "%s",
                   splitter_resource_version(splitter));
    splitter_destroy(splitter);
}

/* What jansson makes of the same body. */
static void oracle(const char *text, size_t length, struct result *result)
{
    *result = (struct result){.pieces = json_array()};
    json_t *body = json_loadb(text, length, 0, NULL);
    json_t *items = json_object_get(body, "items");
    const json_t *metadata = json_object_get(body, "metadata");
    const char *resume = json_string_value(json_object_get(metadata, "continue"));
    const char *version = json_string_value(json_object_get(metadata, "resourceVersion"));
    result->good =
        json_is_object(body) && (items == NULL || json_is_null(items) || json_is_array(items));
    if (json_is_array(items)) {
        json_array_extend(result->pieces, items);
    }
    (void)snprintf(result->resume, sizeof result->resume, "%s", resume == NULL ? "" : resume);
    (void)snprintf(result->version, sizeof result->version, "%s", version == NULL ? "" : version);
    json_decref(body);
}

static void compare(struct result *result, const struct result *expected, const char *text)
{
    ck_assert_msg(result->good == expected->good, "%s\n%s", text, result->err.text);
    if (expected->good) {
        ck_assert_msg(json_equal(result->pieces, expected->pieces), "%s", text);
        ck_assert_str_eq(result->resume, expected->resume);
        ck_assert_str_eq(result->version, expected->version);
    }
    json_decref(result->pieces);
}

static const char *const BODIES[] = {
    "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"17\","
    "\"continue\":\"abc=\"},\"items\":[{\"a\":1},{\"b\":[{}]}]}",
    " {\n \"items\" : [ ] , \"metadata\" : { } }\r\n",
    "{\"items\":null,\"metadata\":null}",
    "{\"items\":[{\"s\":\"}]{[\\\"\\\\\"},{\"t\":\"\\u00e9é\\\\\"}],\"metadata\":{\"continue\":"
    "\"\"}}",
    "{\"it\\u0065ms\":[{}],\"metadat\\u0061\":{\"resourceVersion\":\"9\"}}",
    "{}",
    "{\"a\":true,\"b\":-1.5e3,\"c\":\"x\",\"d\":[],\"items\":[1,\"two\",null,[3]],\"e\":false}",
    /* what is not a list */
    "",
    "{",
    "{\"items\"",
    "{\"items\":",
    "{\"items\":[",
    "{\"items\":[{}",
    "{\"items\":[{}]",
    "{\"items\":[{},]}",
    "{\"items\":[,]}",
    "{\"items\":[{}{}]}",
    "{\"items\":[{}}",
    "{\"items\":[{]]}",
    "{\"items\":[tru]}",
    "{\"items\":[1 2]}",
    "{\"items\":{}}",
    "{\"items\":\"\"}",
    "{\"items\" []}",
    "{,}",
    "{\"a\":1,}",
    "{\"a\":}",
    "{\"a\":1 \"b\":2}",
    "{\"a\":01}",
    "{\"a\":nul}",
    "{\"a\":\"\x01\"}",
    "{\"\xff\":1}",
    "{\"a\":1}}",
    "{\"a\":1} x",
    "[]",
    "\"x\"",
    "{1:2}",
    "{\"a\":[}}",
};

START_TEST(every_cut_of_a_list)
{
    const char *text = BODIES[_i];
    size_t length = strlen(text);
    struct result expected;
    oracle(text, length, &expected);
    struct result result;
    split(SPLITTER_LIST, text, length, NULL, 0, &result);
    compare(&result, &expected, text);
    size_t bytes[256];
    ck_assert_uint_lt(length, 256);
    for (size_t i = 0; i < length; i++) {
        bytes[i] = i;
        split(SPLITTER_LIST, text, length, &i, 1, &result);
        compare(&result, &expected, text);
        for (size_t j = i; j < length; j++) {
            const size_t two[] = {i, j};
            split(SPLITTER_LIST, text, length, two, 2, &result);
            compare(&result, &expected, text);
        }
    }
    split(SPLITTER_LIST, text, length, bytes, length, &result);
    compare(&result, &expected, text);
    json_decref(expected.pieces);
}
END_TEST

/* splitmix64 */
static uint64_t next_random(uint64_t *state)
{
    *state += 0x9E3779B97F4A7C15u;
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* Damaged bodies must meet the same verdict as jansson's, whatever the damage and the portions. */
START_TEST(agrees_with_jansson_on_damage)
{
    static const char NOISE[] = "{}[]\",:\\ ae1-.tn\n\x80";
    uint64_t seed = 20261121;
    for (int round = 0; round < 30000; round++) {
        char text[256];
        const char *body = BODIES[next_random(&seed) % 7];
        size_t length = strlen(body);
        memcpy(text, body, length + 1);
        for (uint64_t damage = next_random(&seed) % 4; damage > 0; damage--) {
            size_t at = next_random(&seed) % length;
            if (next_random(&seed) % 2 == 0) {
                text[at] = NOISE[next_random(&seed) % (sizeof NOISE - 1)];
            } else if (length > 2) {
                memmove(text + at, text + at + 1, length - at);
                length--;
            }
        }
        size_t ends[3];
        size_t from = 0;
        for (size_t i = 0; i < 3; i++) {
            from += next_random(&seed) % (length - from + 1);
            ends[i] = from;
        }
        struct result expected;
        struct result result;
        oracle(text, length, &expected);
        split(SPLITTER_LIST, text, length, ends, 3, &result);
        compare(&result, &expected, text);
        json_decref(expected.pieces);
    }
}
END_TEST

START_TEST(refuses_repeated_members)
{
    static const char *const TEXTS[] = {"{\"items\":[1],\"items\":[2]}",
                                        "{\"metadata\":{},\"metadata\":{}}"};
    for (size_t i = 0; i < 2; i++) {
        struct result result;
        split(SPLITTER_LIST, TEXTS[i], strlen(TEXTS[i]), NULL, 0, &result);
        ck_assert(!result.good);
        ck_assert_ptr_nonnull(strstr(result.err.text, "twice"));
        json_decref(result.pieces);
    }
}
END_TEST

static const struct {
    const char *text;
    const char *error;
} told[] = {
    {"{\"items\":[{bad},{\"a\":\"a long string\"}]}", "piece is not JSON"},
    {"{\"items\":[{} {},{\"a\":\"a long string\"}]}",
     "malformed list: malformed JSON at byte 13: expected ',' or ']'"},
    {"{\"items\":[{} {}]}",
     "malformed list: truncated, or malformed JSON at byte 13: expected ',' or ']'"},
    {"{\"items\":{}}", "malformed list: \"items\" is not an array"},
    {"{\"items\":[{}],\"items\":[]}", "malformed list: \"items\" twice"},
    {"{\"items\":[{}]", "malformed list: truncated"},
    {"{\"items\":[{\"a\"", "malformed list: truncated"},
    {"{\"items\":[1]} x",
     "malformed list: malformed JSON at byte 14: unexpected data after the value"},
    {"", "malformed list: truncated"},
};

/* In one portion or byte by byte: the position is that of the stream. */
START_TEST(says_where)
{
    struct result result;
    size_t bytes[64];
    size_t length = strlen(told[_i].text);
    for (size_t i = 0; i < length; i++) {
        bytes[i] = i;
    }
    split(SPLITTER_LIST, told[_i].text, length, NULL, 0, &result);
    ck_assert(!result.good);
    ck_assert_str_eq(result.err.text, told[_i].error);
    json_decref(result.pieces);
    split(SPLITTER_LIST, told[_i].text, length, bytes, length, &result);
    ck_assert(!result.good);
    ck_assert_str_eq(result.err.text, told[_i].error);
    json_decref(result.pieces);
}
END_TEST

START_TEST(every_cut_of_lines)
{
    static const char TEXT[] = "{\"type\":\"ADDED\"}\n\n{\"a\":\"é\"}\n[1]\n{\"cut";
    json_t *expected = json_pack("[{s:s},{s:s},[i]]", "type", "ADDED", "a", "é", 1);
    size_t length = sizeof TEXT - 1;
    for (size_t i = 0; i <= length; i++) {
        for (size_t j = i; j <= length; j++) {
            const size_t ends[] = {i, j};
            struct result result;
            split(SPLITTER_LINES, TEXT, length, ends, 2, &result);
            ck_assert(result.good);
            ck_assert(json_equal(result.pieces, expected));
            json_decref(result.pieces);
        }
    }
    json_decref(expected);
}
END_TEST

START_TEST(stops_when_told)
{
    static const char *const TEXTS[] = {"{bad}\n{}\n", "{\"items\":[1e999,{}]}"};
    for (size_t i = 0; i < 2; i++) {
        struct result result;
        split(i == 0 ? SPLITTER_LINES : SPLITTER_LIST, TEXTS[i], strlen(TEXTS[i]), NULL, 0,
              &result);
        ck_assert(!result.good);
        ck_assert_str_eq(result.err.text, "piece is not JSON");
        ck_assert_uint_eq(json_array_size(result.pieces), 0);
        json_decref(result.pieces);
    }
}
END_TEST

/* What is handed out of a large piece. */
struct taken {
    size_t pieces;
    size_t bytes;
    size_t beginnings;
};

static int count_piece(void *context, const char *text, size_t length, bool whole, struct err *err)
{
    struct taken *taken = context;
    (void)err;
    ck_assert(text[0] == '"');
    taken->pieces++;
    taken->bytes += length;
    taken->beginnings += !whole;
    return 0;
}

/* The largest piece is handed out whole; of one byte more the beginning is, once, and those before
 * and behind it are; in one portion or in many. */
START_TEST(bounds_pieces)
{
    for (size_t mode = 0; mode < 2; mode++) {
        for (size_t over = 0; over < 2; over++) {
            for (size_t portion = 1u << 16; portion <= 1u << 26; portion <<= 10) {
                struct taken taken = {.pieces = 0};
                size_t piece = SPLITTER_PIECE_MAX + over;
                const char *head = mode == 0 ? "{\"items\":[\"a\"," : "\"a\"\n";
                const char *tail = mode == 0 ? ",\"b\"]}" : "\n\"b\"\n";
                size_t length = strlen(head) + piece + strlen(tail);
                char *text = alloc_zero(length + 1, 1);
                memset(text, 'x', length);
                memcpy(text, head, strlen(head));
                text[strlen(head)] = '"';
                text[strlen(head) + piece - 1] = '"';
                memcpy(text + strlen(head) + piece, tail, strlen(tail) + 1);
                struct splitter *splitter = splitter_create(
                    mode == 0 ? SPLITTER_LIST : SPLITTER_LINES, count_piece, &taken);
                struct err err = {.text = ""};
                for (size_t at = 0; at < length; at += portion) {
                    size_t rest = length - at;
                    size_t part = rest < portion ? rest : portion;
                    ck_assert_int_eq(splitter_feed(splitter, text + at, part, &err), 0);
                }
                ck_assert_int_eq(splitter_end(splitter, &err), 0);
                ck_assert_uint_eq(taken.pieces, 3);
                ck_assert_uint_eq(taken.beginnings, over);
                ck_assert_uint_eq(taken.bytes, 6 + (over == 0 ? piece : SPLITTER_HEAD));
                splitter_destroy(splitter);
                free(text);
            }
        }
    }
}
END_TEST

static int count_all(void *context, const char *text, size_t length, bool whole, struct err *err)
{
    (void)text;
    (void)length;
    (void)err;
    ck_assert(whole);
    ++*(size_t *)context;
    return 0;
}

/* Items that are no JSON cost themselves, as long as their brackets and quotes come in pairs. */
START_TEST(bad_items_end_where_their_brackets_do)
{
    static const char *const ITEMS[] = {
        "{\"a\":\"\\u0000\"}",
        "{\"a\":1e999}",
        "{bad}",
        "{\"a\":}",
        "[1,,]",
        "tru",
        "\"\x01\"",
        "{\"\xff\":\"}\"}",
        "{\"a\" \"b\":[{]}}",
    };
    for (size_t i = 0; i < sizeof ITEMS / sizeof ITEMS[0]; i++) {
        char text[128];
        size_t length = (size_t)snprintf(text, sizeof text, "{\"items\":[{},%s , 1 ]}", ITEMS[i]);
        for (size_t cut = 0; cut <= length; cut++) {
            size_t pieces = 0;
            struct err err;
            struct splitter *splitter = splitter_create(SPLITTER_LIST, count_all, &pieces);
            ck_assert_int_eq(splitter_feed(splitter, text, cut, &err), 0);
            ck_assert_int_eq(splitter_feed(splitter, text + cut, length - cut, &err), 0);
            ck_assert_msg(splitter_end(splitter, &err) == 0, "%s: %s", text, err.text);
            ck_assert_uint_eq(pieces, 3);
            splitter_destroy(splitter);
        }
    }
}
END_TEST

/* 100,000 levels take no more room than their bytes. */
START_TEST(any_depth)
{
    enum { LEVELS = 100000 };
    size_t pieces = 0;
    size_t room = 2 * LEVELS + 64;
    struct err err;
    char *text = alloc_zero(room, 1);
    size_t length = (size_t)snprintf(text, room, "{\"items\":[");
    memset(text + length, '[', LEVELS);
    memset(text + length + LEVELS, ']', LEVELS);
    length += (size_t)2 * LEVELS;
    length += (size_t)snprintf(text + length, room - length, ",{}]}");
    struct splitter *splitter = splitter_create(SPLITTER_LIST, count_all, &pieces);
    ck_assert_int_eq(splitter_feed(splitter, text, length, &err), 0);
    ck_assert_int_eq(splitter_end(splitter, &err), 0);
    ck_assert_uint_eq(pieces, 2);
    splitter_destroy(splitter);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("splitter");
    TCase *tests = tcase_create("splitter");
    tcase_add_loop_test(tests, every_cut_of_a_list, 0, sizeof BODIES / sizeof BODIES[0]);
    tcase_add_test(tests, agrees_with_jansson_on_damage);
    tcase_add_test(tests, refuses_repeated_members);
    tcase_add_loop_test(tests, says_where, 0, (int)(sizeof told / sizeof told[0]));
    tcase_add_test(tests, every_cut_of_lines);
    tcase_add_test(tests, stops_when_told);
    tcase_add_test(tests, bounds_pieces);
    tcase_add_test(tests, bad_items_end_where_their_brackets_do);
    tcase_add_test(tests, any_depth);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
