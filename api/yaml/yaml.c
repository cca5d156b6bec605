// SPDX-License-Identifier: Apache-2.0
#include "api/yaml/yaml.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "api/base/file.h"
#include "topology/base/alloc.h"

/* libyaml's events, stacked up into jansson's values.
 *
 *   DOCUMENT-START  MAPPING-START  SCALAR key  SCALAR value  SEQUENCE-START …
 *                        │             │            │              │
 *                   push object    frame.key    set in the     push array
 *                                               top frame
 *
 * There is no recursion: open containers stand in a stack of YAML_DEPTH_MAX frames, each of which
 * owns its container until that is closed and handed to the frame below (or, at the bottom, to the
 * documents).
 *
 * Scalars resolve as in go-yaml, which Kubernetes uses: 0x, 0b, 0o and a leading 0 give the base,
 * underscores may separate digits. What JSON cannot hold (infinity, NaN, integers beyond int64) is
 * an error and never a rounded number. Text that begins like JSON is tried with jansson first,
 * which is faster and knows surrogate pairs; when that fails it may still be a YAML flow mapping.
 */

struct frame {
    json_t *container; /* owned */
    char *key;         /* owned; of the value that comes next, NULL where a key comes next */
};

struct builder {
    json_t *documents; /* *borrowed* */
    struct frame frames[YAML_DEPTH_MAX];
    size_t depth;
    struct err *err;
};

static int fail_at(const yaml_event_t *event, struct err *err, const char *what, const char *detail)
{
    return err_set(err, "line %zu, column %zu: %s%s", event->start_mark.line + 1,
                   event->start_mark.column + 1, what, detail);
}

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strcmp(text, *words) == 0) {
            return true;
        }
    }
    return false;
}

/* Digits of `base`, with underscores between them left out, as an integer. Returns 1 when it is
 * one, 0 when it is something else, -1 when it does not fit into int64. */
static int read_digits(const char *text, int base, bool negative, int64_t *value)
{
    uint64_t limit = (uint64_t)INT64_MAX + (negative ? 1 : 0);
    uint64_t sum = 0;
    bool any = false;
    bool overflow = false;
    for (; *text != '\0'; text++) {
        if (*text == '_' && any) {
            continue;
        }
        int digit = *text >= '0' && *text <= '9'   ? *text - '0'
                    : *text >= 'a' && *text <= 'f' ? *text - 'a' + 10
                    : *text >= 'A' && *text <= 'F' ? *text - 'A' + 10
                                                   : 99;
        if (digit >= base) {
            return 0;
        }
        any = true;
        overflow = overflow || sum > (limit - (uint64_t)digit) / (uint64_t)base;
        sum = overflow ? sum : sum * (uint64_t)base + (uint64_t)digit;
    }
    if (!any || overflow) {
        return any ? -1 : 0;
    }
    *value = negative ? (int64_t)(0 - sum) : (int64_t)sum;
    return 1;
}

static int read_integer(const char *text, int64_t *value)
{
    bool negative = *text == '-';
    if (*text == '-' || *text == '+') {
        text++;
    }
    if (text[0] == '0' && text[1] != '\0') {
        char mark = text[1];
        int base = mark == 'x' || mark == 'X' ? 16 : mark == 'b' || mark == 'B' ? 2 : 8;
        text += base != 8 || mark == 'o' || mark == 'O' ? 2 : 1;
        return read_digits(text, base, negative, value);
    }
    return *text == '_' ? 0 : read_digits(text, 10, negative, value);
}

/* [-+]? (digits [. digits?] | . digits) ([eE] [-+]? digits)?, the only shape of a float. */
static bool is_float(const char *text)
{
    static const char DIGITS[] = "0123456789";
    text += *text == '-' || *text == '+';
    size_t whole = strspn(text, DIGITS);
    text += whole;
    size_t fraction = 0;
    if (*text == '.') {
        fraction = strspn(text + 1, DIGITS);
        text += 1 + fraction;
    }
    if (whole + fraction == 0) {
        return false;
    }
    if (*text == 'e' || *text == 'E') {
        text++;
        text += *text == '-' || *text == '+';
        size_t exponent = strspn(text, DIGITS);
        if (exponent == 0) {
            return false;
        }
        text += exponent;
    }
    return *text == '\0';
}

static const char *const NULLS[] = {"", "~", "null", "Null", "NULL", NULL};
static const char *const TRUES[] = {"true", "True", "TRUE", NULL};
static const char *const FALSES[] = {"false", "False", "FALSE", NULL};
static const char *const NOT_FINITE[] = {
    ".inf",  ".Inf",  ".INF", "+.inf", "+.Inf", "+.INF", "-.inf",
    "-.Inf", "-.INF", ".nan", ".NaN",  ".NAN",  NULL,
};

/* *New* value of a plain scalar, NULL with the reason in err. */
static json_t *resolve(const yaml_event_t *event, const char *text, size_t length, struct err *err)
{
    if (is_one_of(text, NULLS)) {
        return json_null();
    }
    if (is_one_of(text, TRUES)) {
        return json_true();
    }
    if (is_one_of(text, FALSES)) {
        return json_false();
    }
    if (is_one_of(text, NOT_FINITE)) {
        fail_at(event, err, "JSON has no number ", text);
        return NULL;
    }
    int64_t integer = 0;
    int kind = read_integer(text, &integer);
    if (kind > 0) {
        return json_integer(integer);
    }
    if (kind < 0) {
        fail_at(event, err, "integer out of range: ", text);
        return NULL;
    }
    if (is_float(text)) {
        errno = 0;
        double real = strtod(text, NULL);
        json_t *json = json_real(real); /* refuses infinity */
        if (json == NULL) {
            fail_at(event, err, "number out of range: ", text);
        }
        return json;
    }
    return json_stringn(text, length);
}

/* *Steals* `value` and puts it where the parser stands. */
static int place(struct builder *builder, json_t *value)
{
    if (builder->depth == 0) {
        if (json_is_null(value)) {
            json_decref(value);
            return 0;
        }
        if (json_array_size(builder->documents) >= YAML_DOCUMENTS_MAX) {
            json_decref(value);
            return err_set(builder->err, "more than %u documents", YAML_DOCUMENTS_MAX);
        }
        err_require(json_array_append_new(builder->documents, value) == 0);
        return 0;
    }
    struct frame *top = &builder->frames[builder->depth - 1];
    if (json_is_array(top->container)) {
        err_require(json_array_append_new(top->container, value) == 0);
        return 0;
    }
    err_require(json_object_set_new_nocheck(top->container, top->key, value) == 0);
    free(top->key);
    top->key = NULL;
    return 0;
}

static bool wants_key(const struct builder *builder)
{
    return builder->depth > 0 && builder->frames[builder->depth - 1].key == NULL &&
           json_is_object(builder->frames[builder->depth - 1].container);
}

static int open_container(struct builder *builder, const yaml_event_t *event,
                          const yaml_char_t *anchor, const yaml_char_t *tag, json_t *container)
{
    const char *problem = anchor != NULL                     ? "anchors are not supported"
                          : tag != NULL                      ? "tags are not supported"
                          : wants_key(builder)               ? "a key must be a scalar"
                          : builder->depth >= YAML_DEPTH_MAX ? "nested too deeply"
                                                             : NULL;
    if (problem != NULL) {
        json_decref(container);
        return fail_at(event, builder->err, problem, "");
    }
    builder->frames[builder->depth++] = (struct frame){.container = container};
    return 0;
}

static int close_container(struct builder *builder)
{
    json_t *container = builder->frames[--builder->depth].container;
    return place(builder, container);
}

static int take_key(struct builder *builder, const yaml_event_t *event, const char *text,
                    bool plain)
{
    const struct frame *top = &builder->frames[builder->depth - 1];
    if (plain && strcmp(text, "<<") == 0) {
        return fail_at(event, builder->err, "merge keys (<<) are not supported", "");
    }
    if (plain && is_one_of(text, NULLS)) {
        return fail_at(event, builder->err, "a key is null", "");
    }
    if (json_object_get(top->container, text) != NULL) {
        return fail_at(event, builder->err, "repeated key ", text);
    }
    builder->frames[builder->depth - 1].key = alloc_string(text);
    return 0;
}

static int take_scalar(struct builder *builder, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (event->data.scalar.anchor != NULL) {
        return fail_at(event, builder->err, "anchors are not supported", "");
    }
    if (event->data.scalar.tag != NULL) {
        return fail_at(event, builder->err,
                       "tags are not supported: ", (const char *)event->data.scalar.tag);
    }
    if (memchr(text, '\0', length) != NULL) {
        return fail_at(event, builder->err, "a NUL character in a scalar", "");
    }
    if (wants_key(builder)) {
        return take_key(builder, event, text, plain);
    }
    json_t *value = NULL;
    if (plain) {
        value = resolve(event, text, length, builder->err);
    } else {
        value = json_stringn(text, length);
        err_require(value != NULL); /* libyaml has checked the encoding */
    }
    return value == NULL ? -1 : place(builder, value);
}

/* 1: go on, 0: end of the stream, -1: error. */
static int take_event(struct builder *builder, const yaml_event_t *event)
{
    int result = 0;
    switch (event->type) {
    case YAML_STREAM_END_EVENT:
        return 0;
    case YAML_ALIAS_EVENT:
        return fail_at(event, builder->err, "aliases are not supported: *",
                       (const char *)event->data.alias.anchor);
    case YAML_SCALAR_EVENT:
        result = take_scalar(builder, event);
        break;
    case YAML_MAPPING_START_EVENT:
        result = open_container(builder, event, event->data.mapping_start.anchor,
                                event->data.mapping_start.tag, json_object());
        break;
    case YAML_SEQUENCE_START_EVENT:
        result = open_container(builder, event, event->data.sequence_start.anchor,
                                event->data.sequence_start.tag, json_array());
        break;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        result = close_container(builder);
        break;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
    return result == 0 ? 1 : -1;
}

static int parse_yaml(const char *text, size_t length, json_t *documents, struct err *err)
{
    struct builder *builder = alloc_zero(1, sizeof *builder);
    builder->documents = documents;
    builder->err = err;
    yaml_parser_t parser;
    err_require(yaml_parser_initialize(&parser) == 1);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    int going = 1;
    while (going > 0) {
        yaml_event_t event;
        if (yaml_parser_parse(&parser, &event) == 0) {
            going = err_set(err, "line %zu, column %zu: %s%s%s", parser.problem_mark.line + 1,
                            parser.problem_mark.column + 1,
                            parser.problem != NULL ? parser.problem : "malformed YAML",
                            parser.context != NULL ? " " : "",
                            parser.context != NULL ? parser.context : "");
            break;
        }
        going = take_event(builder, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    while (builder->depth > 0) {
        struct frame *frame = &builder->frames[--builder->depth];
        json_decref(frame->container);
        free(frame->key);
    }
    free(builder);
    return going;
}

/* Whether no container stands deeper than `room`. */
static bool is_shallow(const json_t *json, unsigned room)
{
    if (!json_is_object(json) && !json_is_array(json)) {
        return true;
    }
    if (room == 0) {
        return false;
    }
    if (json_is_array(json)) {
        for (size_t i = 0; i < json_array_size(json); i++) {
            if (!is_shallow(json_array_get(json, i), room - 1)) {
                return false;
            }
        }
        return true;
    }
    const char *key = NULL;
    json_t *value = NULL;
    /* The iteration functions take a plain pointer; nothing is changed. */
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        if (!is_shallow(value, room - 1)) {
            return false;
        }
    }
    return true;
}

static size_t skip_space(const char *text, size_t length, size_t at)
{
    while (at < length &&
           (text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r')) {
        at++;
    }
    return at;
}

/* One JSON value after another. */
static int parse_json(const char *text, size_t length, json_t *documents, struct err *err)
{
    size_t at = skip_space(text, length, 0);
    while (at < length) {
        json_error_t error;
        json_t *json = json_loadb(text + at, length - at,
                                  JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &error);
        if (json == NULL) {
            return err_set(err, "line %d, column %d: %s", error.line, error.column, error.text);
        }
        if (!is_shallow(json, YAML_DEPTH_MAX) || json_array_size(documents) >= YAML_DOCUMENTS_MAX) {
            json_decref(json);
            return err_set(err, "nested too deeply or too many documents");
        }
        err_require(json_array_append_new(documents, json) == 0);
        at = skip_space(text, length, at + (size_t)error.position);
    }
    return 0;
}

json_t *yaml_load(const char *text, size_t length, struct err *err)
{
    if (length > YAML_SIZE_MAX) {
        err_set(err, "%zu bytes are more than the limit of %u", length, YAML_SIZE_MAX);
        return NULL;
    }
    json_t *documents = json_array();
    size_t first = skip_space(text, length, 0);
    bool flow = first < length && (text[first] == '{' || text[first] == '[');
    struct err json_err = {.text = ""};
    if (flow && parse_json(text, length, documents, &json_err) == 0) {
        return documents;
    }
    json_array_clear(documents);
    if (parse_yaml(text, length, documents, err) != 0) {
        /* {"…, {} and [{… can only have been meant as JSON. */
        size_t second = skip_space(text, length, first + 1);
        const char *json_only = flow && text[first] == '{' ? "\"}" : "\"{[]";
        if (flow && (second >= length || strchr(json_only, text[second]) != NULL)) {
            err_set(err, "%s", json_err.text);
        }
        json_decref(documents);
        return NULL;
    }
    return documents;
}

json_t *yaml_load_file(const char *path, struct err *err)
{
    bool standard = strcmp(path, "-") == 0;
    json_t *documents = NULL;
    size_t length = 0;
    char *text = standard ? file_read_rest(stdin, YAML_SIZE_MAX, &length, err)
                          : file_read(path, YAML_SIZE_MAX, &length, err);
    if (text != NULL) {
        documents = yaml_load(text, length, err);
    }
    if (documents == NULL) {
        err_prefix(err, "%s", standard ? "standard input" : path);
    }
    free(text);
    return documents;
}
