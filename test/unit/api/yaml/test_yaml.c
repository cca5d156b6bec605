// SPDX-License-Identifier: Apache-2.0
#include "api/yaml/yaml.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "test/unit/check_main.h"
#include "topology/base/alloc.h"

/* The documents of `text` as compact JSON, or the error. *New*. */
static char *load(const char *text)
{
    struct err err = {.text = ""};
    json_t *documents = yaml_load(text, strlen(text), &err);
    if (documents == NULL) {
        ck_assert_str_ne(err.text, "");
        char *shown = alloc_zero(ERR_TEXT_MAX + 8, 1);
        (void)snprintf(shown, ERR_TEXT_MAX + 8, "error: %s", err.text);
        return shown;
    }
    char *shown = json_dumps(documents, JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(documents);
    return shown;
}

struct sample {
    const char *yaml;
    const char *json;
};

static const struct sample SAMPLES[] = {
    {"", "[]"},
    {"# nothing\n", "[]"},
    {"---\n---\n...\n", "[]"},
    {"a: 1\n---\nb: 2\n", "[{\"a\":1},{\"b\":2}]"},
    {"---\n# empty\n---\na: 1\n---\nnull\n", "[{\"a\":1}]"},
    {"- a\n- [b, {c: d}]\n", "[[\"a\",[\"b\",{\"c\":\"d\"}]]]"},
    {"a:\n  b:\n  - c\n", "[{\"a\":{\"b\":[\"c\"]}}]"},
    {"word", "[\"word\"]"},
    /* null */
    {"[~, null, Null, NULL, '', 'null', nULL]", "[[null,null,null,null,\"\",\"null\",\"nULL\"]]"},
    {"a:\nb: x\n", "[{\"a\":null,\"b\":\"x\"}]"},
    /* bool: all the words of YAML 1.1 */
    {"[true, True, TRUE, false, False, FALSE]", "[[true,true,true,false,false,false]]"},
    {"[yes, no, on, off, y, n, 'true', tRUE]",
     "[[true,false,true,false,true,false,\"true\",\"tRUE\"]]"},
    /* integers */
    {"[0, 7, -7, +7, 1_000, '7']", "[[0,7,-7,7,1000,\"7\"]]"},
    {"[0644, 0o644, 0x1F, -0x1f, 0b101]", "[[420,420,31,-31,5]]"},
    {"[9223372036854775807, -9223372036854775808]", "[[9223372036854775807,-9223372036854775808]]"},
    {"[08, 0x, 0b2, _1, 1:30, 1.2.3, 64Gi, 100m, '-', +]",
     "[[8,\"0x\",\"0b2\",\"_1\",\"1:30\",\"1.2.3\",\"64Gi\",\"100m\",\"-\",\"+\"]]"},
    {"[2026-11-21, 10:30:00, 1e, e1, .]", "[[\"2026-11-21\",\"10:30:00\",\"1e\",\"e1\",\".\"]]"},
    /* floats */
    {"[0.5, .5, 5., -1.5e3, 1e3, 1E-2]", "[[0.5,0.5,5,-1500,1000,0.01]]"},
    /* keys are the texts of their values */
    {"{1: a, true: b, 0x10: c, \"null\": d}",
     "[{\"1\":\"a\",\"true\":\"b\",\"16\":\"c\",\"null\":\"d\"}]"},
    {"{a: b, }", "[{\"a\":\"b\"}]"},
    {"\"<<\": x\n", "[{\"<<\":\"x\"}]"},
    /* anchors, merge keys, tags: more in test/yaml-go */
    {"a: &x 08\nb: *x\n", "[{\"a\":8,\"b\":8}]"},
    {"a: &x [1]\nb: *x\n", "[{\"a\":[1],\"b\":[1]}]"},
    {"a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\n",
     "[{\"a\":{\"b\":1,\"c\":2},\"d\":{\"b\":1,\"c\":3}}]"},
    {"a: !!str 1\nb: !x {c: d}\n", "[{\"a\":\"1\",\"b\":{\"c\":\"d\"}}]"},
    {"a: 1e999\n", "[{\"a\":\"1e999\"}]"},
    /* block scalars */
    {"a: |\n  one\n  two\nb: >\n  one\n  two\n", "[{\"a\":\"one\\ntwo\\n\",\"b\":\"one two\\n\"}]"},
    {"a: |-\n  12\n", "[{\"a\":\"12\"}]"},
    /* JSON */
    {"{\"a\":[1,2.5,true,null,\"\\u00e9\\ud83d\\ude00\\/\"]}",
     "[{\"a\":[1,2.5,true,null,\"é😀/\"]}]"},
    {"  {\"a\":1}\n{\"b\":2} [3]\n", "[{\"a\":1},{\"b\":2},[3]]"},
    {"{\"a\":1}\n---\n{\"b\":2}\n", "[{\"a\":1},{\"b\":2}]"},
    {"{}", "[{}]"},
};

START_TEST(reads)
{
    char *shown = load(SAMPLES[_i].yaml);
    ck_assert_str_eq(shown, SAMPLES[_i].json);
    free(shown);
}
END_TEST

/* What must be refused, and words that must be in the message. */
static const struct sample REFUSED[] = {
    {"b: *x\n", "line 1, column 4: an alias of no anchor: *x"},
    {"a: &x 1\n---\nb: *x\n", "line 3, column 4: an alias of no anchor: *x"},
    {"a: &x\n  b: *x\n", "an alias inside its own anchor: *x"},
    {"a: !!binary aGk=\n", "the tag !!binary is not supported"},
    {"a: !!int x\n", "x is no !!int"},
    {"a:\n  <<: 5\n", "a merge key (<<) needs a mapping"},
    {"a:\n  <<: {b: 1}\n  <<: {c: 1}\n", "line 3, column 3: repeated key <<"},
    {"1.5: a\n", "a key is a number with a fraction"},
    {"1: a\n'1': b\n", "repeated key 1"},
    {"%YAML 1.1\n---\na: b\n", "directives"},
    {"--- a\n", "a document must begin below its ---"},
    {"a: {{ .Values.x }}\n", "line 1 has {{: a template (Helm, Jinja …) has to be rendered first"},
    {"b: 1\n{% if x %}\na: 1\n", "line 2 has {%: a template"},
    {"a: 1\nb: 2\na: 3\n", "line 3, column 1: repeated key a"},
    {"{\"a\":1,\"a\":2}", "duplicate object key"},
    {"{[a]: b}", "a key must be a scalar"},
    {"? {a: b}\n: c\n", "a key must be a scalar"},
    {"~: x\n", "a key is null"},
    {"a: .inf\n", "JSON has no number .inf"},
    {"a: -.INF\n", "JSON has no number -.INF"},
    {"a: .nan\n", "JSON has no number .nan"},
    {"a: 9223372036854775808\n", "integer out of range: 9223372036854775808"},
    {"a: -9223372036854775809\n", "integer out of range"},
    {"a: 0xFFFFFFFFFFFFFFFF\n", "integer out of range"},
    {"a: [1\n", "line 2"},
    {"a: 'x\n", "line 2"},
    {"a:\n\t- b\n", "line 2"},
    {"a: b: c\n", "line 1, column 5"},
    {"a: \"\\0\"\n", "NUL"},
    {"a: \xff\n", "UTF-8"},
    {"{\"a\": tru", "line 1, column"},
    {"{\"a\": 1", "line 1, column"},
    {"%YAML 9.9\n---\na\n", "incompatible"},
};

START_TEST(refuses)
{
    char *shown = load(REFUSED[_i].yaml);
    ck_assert_msg(strncmp(shown, "error: ", 7) == 0 && strstr(shown, REFUSED[_i].json) != NULL,
                  "%s gave %s", REFUSED[_i].yaml, shown);
    free(shown);
}
END_TEST

static char *repeat(const char *text, size_t times)
{
    size_t length = strlen(text);
    char *all = alloc_zero(times * length + 1, 1);
    for (size_t i = 0; i < times; i++) {
        memcpy(all + i * length, text, length);
    }
    return all;
}

/* YAML and JSON have the same limit. */
START_TEST(limits_depth)
{
    static const char *const OPENERS[] = {"[", "- ", "[ a, "};
    for (size_t i = 0; i < 3; i++) {
        char *deep = repeat(OPENERS[i], 100000);
        char *shown = load(deep);
        ck_assert_msg(strncmp(shown, "error: ", 7) == 0, "%s", shown);
        free(shown);
        free(deep);
    }
    /* The word in the middle makes it YAML and not JSON. */
    static const char *const MIDDLES[] = {"0", "word"};
    for (size_t i = 0; i < 2; i++) {
        for (size_t depth = YAML_DEPTH_MAX; depth <= YAML_DEPTH_MAX + 1; depth++) {
            char text[2 * YAML_DEPTH_MAX + 16];
            memset(text, '[', depth);
            size_t half = depth + strlen(MIDDLES[i]);
            memcpy(text + depth, MIDDLES[i], half - depth);
            memset(text + half, ']', depth);
            text[half + depth] = '\0';
            char *shown = load(text);
            ck_assert_int_eq(strncmp(shown, "error: ", 7) == 0, depth > YAML_DEPTH_MAX);
            free(shown);
        }
    }
}
END_TEST

/* Each line ten times the one before: the copies are counted, not made. */
START_TEST(laughs)
{
    char text[2048];
    int length = snprintf(text, sizeof text, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for (int i = 1; i < 12; i++) {
        length += snprintf(text + length, sizeof text - (size_t)length, "a%d: &a%d [", i, i);
        for (int k = 0; k < 10; k++) {
            length += snprintf(text + length, sizeof text - (size_t)length, "*a%d,", i - 1);
        }
        length += snprintf(text + length, sizeof text - (size_t)length, "]\n");
    }
    char *shown = load(text);
    ck_assert_msg(strstr(shown, "aliases make too many copies") != NULL, "%s", shown);
    free(shown);
}
END_TEST

/* Aliases do not make documents deeper than they may be. */
START_TEST(aliases_and_depth)
{
    char text[8192];
    int length = snprintf(text, sizeof text, "a0: &a0 [x]\n");
    for (int i = 1; i < 300; i++) {
        length += snprintf(text + length, sizeof text - (size_t)length, "a%d: &a%d [*a%d]\n", i, i,
                           i - 1);
    }
    ck_assert_int_lt(length, (int)sizeof text);
    char *shown = load(text);
    ck_assert_msg(strstr(shown, "nested too deeply") != NULL, "%s", shown);
    free(shown);
}
END_TEST

START_TEST(truncations_never_crash)
{
    static const char TEXT[] =
        "a: [1, \"two\", {b: 'c'}]\n? d\n: |\n  text\n---\n{\"e\": [null, 1.5]}\n";
    for (size_t length = 0; length < sizeof TEXT; length++) {
        struct err err;
        /* A copy of the exact size, so that reading past it is seen. */
        char *part = alloc_resize(NULL, length, 1);
        memcpy(part, TEXT, length);
        json_t *documents = yaml_load(part, length, &err);
        ck_assert(documents == NULL || json_is_array(documents));
        json_decref(documents);
        free(part);
    }
}
END_TEST

START_TEST(loads_files)
{
    struct err err;
    char path[] = "/tmp/test_yaml_XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, "a: 1\n", 5), 5);
    json_t *documents = yaml_load_file(path, &err);
    ck_assert_ptr_nonnull(documents);
    ck_assert_uint_eq(json_array_size(documents), 1);
    json_decref(documents);
    ck_assert_int_eq(write(fd, "a: 2\n", 5), 5);
    ck_assert_ptr_null(yaml_load_file(path, &err));
    ck_assert_msg(strstr(err.text, path) != NULL && strstr(err.text, "line 2") != NULL, "%s",
                  err.text);
    close(fd);
    unlink(path);
    ck_assert_ptr_null(yaml_load_file(path, &err));
    ck_assert_msg(strstr(err.text, "No such file") != NULL, "%s", err.text);
    ck_assert_ptr_null(yaml_load_file("/", &err));
    ck_assert_msg(strstr(err.text, "directory") != NULL, "%s", err.text);
}
END_TEST

START_TEST(refuses_too_much)
{
    struct err err;
    ck_assert_ptr_null(yaml_load("", (size_t)YAML_SIZE_MAX + 1, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "limit"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("yaml");
    TCase *tests = tcase_create("yaml");
    tcase_add_loop_test(tests, reads, 0, sizeof SAMPLES / sizeof SAMPLES[0]);
    tcase_add_loop_test(tests, refuses, 0, sizeof REFUSED / sizeof REFUSED[0]);
    tcase_add_test(tests, limits_depth);
    tcase_add_test(tests, laughs);
    tcase_add_test(tests, aliases_and_depth);
    tcase_add_test(tests, truncations_never_crash);
    tcase_add_test(tests, loads_files);
    tcase_add_test(tests, refuses_too_much);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
