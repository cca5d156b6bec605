// SPDX-License-Identifier: Apache-2.0
#include "api/json/read.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/json/scan.h"
#include "topology/base/alloc.h"
#include "topology/base/utf8.h"

/* jansson is asked first; almost always that is all. When it refuses, a copy is mended in place,
 * every replacement as long as what it replaces, filled up with white space, and jansson is asked
 * again. Nothing is checked on the way but what is replaced: whether the rest is JSON, jansson
 * says.
 */

#define ESCAPE        6  /* bytes of \u0000 */
#define INTEGER_PLAIN 18 /* that many digits always fit */

static int32_t hexadecimal(const char *text, size_t length)
{
    int32_t value = 0;
    for (size_t i = 2; i < ESCAPE; i++) {
        const char *digits = "0123456789abcdef";
        char lower = (char)(i < length ? text[i] | 0x20 : 'x');
        const char *found = memchr(digits, lower, 16);
        if (found == NULL) {
            return -1;
        }
        value = value * 16 + (int32_t)(found - digits);
    }
    return value;
}

static bool is_low_half(const char *text, size_t length)
{
    int32_t value =
        length >= ESCAPE && text[0] == '\\' && text[1] == 'u' ? hexadecimal(text, length) : -1;
    return value >= 0xDC00 && value <= 0xDFFF;
}

/* The escape that `text` begins with; returns its length. */
static size_t mend_escape(char *text, size_t length)
{
    if (length < ESCAPE || text[1] != 'u') {
        return length < 2 ? length : 2;
    }
    int32_t value = hexadecimal(text, length);
    bool high = value >= 0xD800 && value <= 0xDBFF;
    if (high && is_low_half(text + ESCAPE, length - ESCAPE)) {
        return (size_t)2 * ESCAPE;
    }
    if (value == 0 || high || (value >= 0xDC00 && value <= 0xDFFF)) {
        memcpy(text + 2, "fffd", 4);
    }
    return ESCAPE;
}

/* From behind the opening quote to behind the closing one. */
static size_t mend_string(char *text, size_t at, size_t length)
{
    for (;;) {
        at = json_plain_end(text, at, length);
        if (at == length) {
            return at;
        }
        if (text[at] == '"') {
            return at + 1;
        }
        if (text[at] == '\\') {
            at += mend_escape(text + at, length - at);
            continue;
        }
        size_t step = (unsigned char)text[at] < 0x20 ? 0 : utf8_character(text + at, length - at);
        if (step == 0) {
            text[at] = '?';
            step = 1;
        }
        at += step;
    }
}

static void replace(char *text, size_t length, const char *by)
{
    size_t used = strlen(by);
    memset(text, ' ', length);
    memcpy(text, by, used < length ? used : length);
}

/* A number; returns its length. */
static size_t mend_number(char *text, size_t length)
{
    size_t end = 0;
    bool real = false;
    while (end < length && text[end] != '\0' && strchr("+-.0123456789eE", text[end]) != NULL) {
        real = real || strchr(".eE", text[end]) != NULL;
        end++;
    }
    bool negative = text[0] == '-';
    if (end == 0 || (!real && end - negative <= INTEGER_PLAIN)) {
        return end == 0 ? 1 : end;
    }
    char after = text[end]; /* there is a byte behind the copy */
    text[end] = '\0';
    errno = 0;
    bool over = real && fabs(strtod(text, NULL)) == HUGE_VAL;
    if (!real) {
        (void)strtoll(text, NULL, 10);
        over = errno == ERANGE;
    }
    text[end] = after;
    if (over && real) {
        replace(text, end, negative ? "-1e308" : "1e308");
    } else if (over) {
        replace(text, end, negative ? "-9223372036854775808" : "9223372036854775807");
    }
    return end;
}

static void mend(char *text, size_t length)
{
    size_t depth = 0;
    for (size_t at = 0; at < length;) {
        char byte = text[at];
        size_t from = at++;
        bool blank = depth >= JSON_READ_DEPTH;
        if (byte == '"') {
            at = mend_string(text, at, length);
        } else if (byte == '{' || byte == '[') {
            depth++;
        } else if (byte == '}' || byte == ']') {
            blank = depth > JSON_READ_DEPTH; /* the bracket itself may close one that stays */
            depth -= depth > 0;
        } else if (byte == '-' || (byte >= '0' && byte <= '9')) {
            at = from + mend_number(text + from, length - from);
        }
        if (blank) {
            memset(text + from, ' ', at - from);
        }
    }
}

json_t *json_read(const char *text, size_t length, struct err *err)
{
    json_error_t error;
    json_t *json = json_loadb(text, length, JSON_DECODE_ANY, &error);
    if (json != NULL) {
        return json;
    }
    char *copy = alloc_string_n(text, length); /* with a NUL behind it */
    mend(copy, length);
    json = json_loadb(copy, length, JSON_DECODE_ANY, &error);
    free(copy);
    if (json == NULL) {
        err_set(err, "malformed JSON: %s", error.text);
    }
    return json;
}
