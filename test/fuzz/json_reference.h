// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_FUZZ_JSON_REFERENCE_H
#define TEST_FUZZ_JSON_REFERENCE_H

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "api/json/scan.h"

/* jansson as the judge of the scanner, for the property test and for the fuzzer alike.
 *
 * A text is walked with the scanner's interface into a json_t, and jansson reads it by itself: both
 * must refuse it, or both must read the same. Excused are the two limits of value that scan.h
 * names; a difference in anything else ends the program.
 */

enum json_verdict {
    JSON_BOTH_ACCEPT,
    JSON_BOTH_REFUSE,
    JSON_LIMIT, /* a number out of range, or nested too deeply for one of them */
};

#define JSON_REFERENCE_REQUIRE(holds) \
    do {                              \
        if (!(holds)) {               \
            abort();                  \
        }                             \
    } while (0)

static inline json_t *json_reference_walk(struct json_scan *scan, struct err *err);

static inline char *json_reference_decode(const struct json_slice *slice)
{
    char *text = malloc(slice->length + 1);
    JSON_REFERENCE_REQUIRE(text != NULL);
    size_t length = json_string_decode(slice, text);
    JSON_REFERENCE_REQUIRE(length <= slice->length);
    JSON_REFERENCE_REQUIRE(slice->escaped || length == slice->length);
    text[length] = '\0';
    return text;
}

static inline json_t *json_reference_object(struct json_scan *scan, struct err *err)
{
    bool first = true;
    struct json_slice key;
    int more;
    if (json_scan_enter(scan, JSON_TYPE_OBJECT, err) < 0) {
        return NULL;
    }
    json_t *object = json_object();
    while ((more = json_scan_member(scan, &first, &key, err)) == 1) {
        char *name = json_reference_decode(&key);
        json_t *value = json_reference_walk(scan, err);
        if (value == NULL) {
            more = -1;
        } else {
            JSON_REFERENCE_REQUIRE(json_object_set_new(object, name, value) == 0);
        }
        free(name);
        if (more < 0) {
            break;
        }
    }
    if (more < 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static inline json_t *json_reference_array(struct json_scan *scan, struct err *err)
{
    bool first = true;
    int more;
    if (json_scan_enter(scan, JSON_TYPE_ARRAY, err) < 0) {
        return NULL;
    }
    json_t *array = json_array();
    while ((more = json_scan_element(scan, &first, err)) == 1) {
        json_t *value = json_reference_walk(scan, err);
        if (value == NULL) {
            more = -1;
            break;
        }
        JSON_REFERENCE_REQUIRE(json_array_append_new(array, value) == 0);
    }
    if (more < 0) {
        json_decref(array);
        return NULL;
    }
    return array;
}

static inline json_t *json_reference_string(struct json_scan *scan, struct err *err)
{
    struct json_slice slice;
    if (json_scan_string(scan, &slice, err) < 0) {
        return NULL;
    }
    char *text = json_reference_decode(&slice);
    json_t *string = json_string(text); /* checks that it is UTF-8 */
    JSON_REFERENCE_REQUIRE(string != NULL);
    free(text);
    return string;
}

/* A number or a word; a number that jansson would refuse becomes null. */
static inline json_t *json_reference_scalar(struct json_scan *scan, enum json_type type,
                                            struct err *err)
{
    struct json_slice slice;
    if (json_scan_skip(scan, &slice, err) < 0) {
        return NULL;
    }
    if (type != JSON_TYPE_NUMBER) {
        return type == JSON_TYPE_TRUE    ? json_true()
               : type == JSON_TYPE_FALSE ? json_false()
                                         : json_null();
    }
    char *text = json_reference_decode(&slice);
    bool real = strpbrk(text, ".eE") != NULL;
    char *end;
    errno = 0;
    json_t *number = real ? json_real(strtod(text, &end)) : json_integer(strtoll(text, &end, 10));
    JSON_REFERENCE_REQUIRE(*end == '\0');
    free(text);
    return number == NULL ? json_null() : number;
}

static inline json_t *json_reference_walk(struct json_scan *scan, struct err *err)
{
    enum json_type type = json_scan_peek(scan);
    switch (type) {
    case JSON_TYPE_OBJECT:
        return json_reference_object(scan, err);
    case JSON_TYPE_ARRAY:
        return json_reference_array(scan, err);
    case JSON_TYPE_STRING:
        return json_reference_string(scan, err);
    case JSON_TYPE_NUMBER:
    case JSON_TYPE_TRUE:
    case JSON_TYPE_FALSE:
    case JSON_TYPE_NULL:
    case JSON_TYPE_END:
    case JSON_TYPE_BAD:
        break;
    }
    return json_reference_scalar(scan, type, err);
}

/* Reads with the scanner; skipping and walking must agree. NULL when it refuses. */
static inline json_t *json_reference_scan(const char *text, size_t length, struct err *err)
{
    struct json_scan scan;
    struct json_slice slice = {.text = NULL};
    json_scan_init(&scan, text, length);
    bool skipped = json_scan_skip(&scan, &slice, err) == 0 && json_scan_finish(&scan, err) == 0;
    JSON_REFERENCE_REQUIRE(scan.at <= length);
    JSON_REFERENCE_REQUIRE(!skipped || (scan.at == length && scan.depth == 0));
    JSON_REFERENCE_REQUIRE(!skipped || (slice.text >= text && slice.length <= length));
    struct err walk_err;
    json_scan_init(&scan, text, length);
    json_t *value = json_reference_walk(&scan, &walk_err);
    if (value != NULL && json_scan_finish(&scan, &walk_err) < 0) {
        json_decref(value);
        value = NULL;
    }
    JSON_REFERENCE_REQUIRE(skipped == (value != NULL));
    JSON_REFERENCE_REQUIRE(skipped || strcmp(err->text, walk_err.text) == 0);
    return value;
}

/* The first value of a text that comes in portions: it ends where it ends when it comes at once,
 * and is wrong when it is wrong then. */
static inline void json_reference_portions(const char *text, size_t length, size_t portion)
{
    struct err err;
    struct json_scan whole, parts;
    struct json_skip skip = {.begun = false};
    size_t room = length + 1; /* a byte behind the value, for numbers */
    char *copy = malloc(room);
    JSON_REFERENCE_REQUIRE(copy != NULL);
    if (length > 0) {
        memcpy(copy, text, length);
    }
    copy[length] = ',';
    json_scan_init(&whole, copy, room);
    json_scan_init(&parts, copy, 0);
    int at_once = json_scan_skip(&whole, NULL, &err);
    int result = 1;
    while (result == 1 && parts.length < room) {
        parts.length = room - parts.length < portion ? room : parts.length + portion;
        result = json_scan_skip_more(&parts, &skip, &err);
    }
    JSON_REFERENCE_REQUIRE((result == 0) == (at_once == 0));
    JSON_REFERENCE_REQUIRE(result != 0 || parts.at == whole.at);
    JSON_REFERENCE_REQUIRE(result != 0 || parts.depth == 0);
    free(copy);
}

static inline enum json_verdict json_reference_compare(const char *text, size_t length)
{
    struct err err = {""};
    json_reference_portions(text, length, 1);
    json_reference_portions(text, length, 7);
    json_error_t error;
    json_t *ours = json_reference_scan(text, length, &err);
    if (length > 0 && memchr(text, '\0', length) != NULL) {
        JSON_REFERENCE_REQUIRE(ours == NULL);
        return JSON_BOTH_REFUSE;
    }
    json_t *theirs = json_loadb(text, length, JSON_DECODE_ANY, &error);
    enum json_verdict verdict = JSON_BOTH_REFUSE;
    if (ours != NULL && theirs != NULL) {
        JSON_REFERENCE_REQUIRE(json_equal(ours, theirs));
        verdict = JSON_BOTH_ACCEPT;
    } else if (theirs != NULL) {
        JSON_REFERENCE_REQUIRE(strstr(err.text, "nested too deeply") != NULL);
        verdict = JSON_LIMIT;
    } else if (ours != NULL) {
        enum json_error_code code = json_error_code(&error);
        JSON_REFERENCE_REQUIRE(code == json_error_numeric_overflow);
        verdict = JSON_LIMIT;
    } else {
        JSON_REFERENCE_REQUIRE(err.text[0] != '\0');
    }
    json_decref(ours);
    json_decref(theirs);
    return verdict;
}

#endif
