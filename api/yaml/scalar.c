// SPDX-License-Identifier: Apache-2.0
#include "api/yaml/scalar.h"

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"

/* One text is tried as null, bool, integer and float in this order, as go.yaml.in/yaml/v2's
 * resolve() does; a tag then says which of these it has to be. test/yaml-go holds all of it against
 * the original.
 */

#define NUMBER_MAX 400 /* digits of a number worth trying */

static const char *const NULLS[] = {"", "~", "null", "Null", "NULL", NULL};
static const char *const TRUES[] = {"true", "True", "TRUE", "yes", "Yes", "YES",
                                    "on",   "On",   "ON",   "y",   "Y",   NULL};
static const char *const FALSES[] = {"false", "False", "FALSE", "no", "No", "NO",
                                     "off",   "Off",   "OFF",   "n",  "N",  NULL};
static const char *const NOT_FINITE[] = {
    ".inf",  ".Inf",  ".INF", "+.inf", "+.Inf", "+.INF", "-.inf",
    "-.Inf", "-.INF", ".nan", ".NaN",  ".NAN",  NULL,
};

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strcmp(text, *words) == 0) {
            return true;
        }
    }
    return false;
}

/* Digits of `base` as an integer. Returns 1 when it is one, 0 when it is something else, -1 when it
 * does not fit into int64. */
static int read_digits(const char *text, int base, bool negative, int64_t *value)
{
    uint64_t limit = (uint64_t)INT64_MAX + (negative ? 1 : 0);
    uint64_t sum = 0;
    bool overflow = false;
    if (*text == '\0') {
        return 0;
    }
    for (; *text != '\0'; text++) {
        int digit = *text >= '0' && *text <= '9'   ? *text - '0'
                    : *text >= 'a' && *text <= 'f' ? *text - 'a' + 10
                    : *text >= 'A' && *text <= 'F' ? *text - 'A' + 10
                                                   : 99;
        if (digit >= base) {
            return 0;
        }
        overflow = overflow || sum > (limit - (uint64_t)digit) / (uint64_t)base;
        sum = overflow ? sum : sum * (uint64_t)base + (uint64_t)digit;
    }
    *value = negative ? (int64_t)(0 - sum) : (int64_t)sum;
    return overflow ? -1 : 1;
}

/* Without underscores. */
static int read_integer(const char *text, int64_t *value)
{
    bool negative = *text == '-';
    text += *text == '-' || *text == '+';
    if (text[0] != '0' || text[1] == '\0') {
        return read_digits(text, 10, negative, value);
    }
    char mark = text[1];
    int base = mark == 'x' || mark == 'X' ? 16 : mark == 'b' || mark == 'B' ? 2 : 8;
    text += base != 8 || mark == 'o' || mark == 'O' ? 2 : 1;
    return read_digits(text, base, negative, value);
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

/* *New* integer if it is one, else a real; NULL when no double holds it. */
static json_t *number(double real)
{
    if (real == floor(real) && fabs(real) < 9.2e18) {
        return json_integer((json_int_t)real);
    }
    return json_real(real); /* refuses infinity */
}

/* *New* value of a text that begins like a number, or NULL: it is none, or one (err is set) that
 * JSON has no room for. */
static json_t *read_number(const char *text, size_t length, struct err *err)
{
    char plain[NUMBER_MAX + 1];
    size_t count = 0;
    int64_t integer = 0;
    if (length > NUMBER_MAX || strchr("+-.0123456789", text[0]) == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] != '_' || text[0] == '.') {
            plain[count++] = text[i];
        }
    }
    plain[count] = '\0';
    int kind = text[0] == '.' ? 0 : read_integer(plain, &integer);
    if (kind < 0) {
        err_set(err, "integer out of range: %s", text);
        return NULL;
    }
    if (kind > 0) {
        return json_integer(integer);
    }
    return is_float(plain) ? number(strtod(plain, NULL)) : NULL;
}

/* *New* value of an unquoted text, NULL with err set. */
static json_t *resolve(const char *text, size_t length, struct err *err)
{
    struct err range = {.text = ""};
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
        err_set(err, "JSON has no number %s", text);
        return NULL;
    }
    json_t *value = read_number(text, length, &range);
    if (value == NULL && range.text[0] != '\0') {
        err_set(err, "%s", range.text);
        return NULL;
    }
    return value != NULL ? value : json_stringn(text, length);
}

static bool fits(const json_t *value, const char *type)
{
    return strcmp(type, "null") == 0   ? json_is_null(value)
           : strcmp(type, "bool") == 0 ? json_is_boolean(value)
           : strcmp(type, "int") == 0  ? json_is_integer(value)
                                       : json_is_number(value);
}

json_t *scalar_resolve(const char *text, size_t length, bool plain, const char *tag,
                       struct err *err)
{
    static const char *const types[] = {"null", "bool", "int", "float", NULL};
    static const char *const refused[] = {"binary", "timestamp", NULL};
    if (tag == NULL) {
        return plain ? resolve(text, length, err) : json_stringn(text, length);
    }
    bool core = strncmp(tag, SCALAR_TAG, sizeof SCALAR_TAG - 1) == 0;
    const char *type = core ? tag + sizeof SCALAR_TAG - 1 : "";
    if (is_one_of(type, refused)) {
        err_set(err, "the tag !!%s is not supported", type);
        return NULL;
    }
    if (!is_one_of(type, types)) { /* !!str, and those that somebody made up */
        return json_stringn(text, length);
    }
    json_t *value = resolve(text, length, err);
    if (value != NULL && !fits(value, type)) {
        json_decref(value);
        err_set(err, "%s is no !!%s", text, type);
        return NULL;
    }
    return value;
}

char *scalar_key(const json_t *value, struct err *err)
{
    char digits[32];
    if (json_is_string(value)) {
        return alloc_string(json_string_value(value));
    }
    if (json_is_boolean(value)) {
        return alloc_string(json_is_true(value) ? "true" : "false");
    }
    if (json_is_integer(value)) {
        (void)snprintf(digits, sizeof digits, "%" PRId64, (int64_t)json_integer_value(value));
        return alloc_string(digits);
    }
    err_set(err, json_is_null(value)   ? "a key is null"
                 : json_is_real(value) ? "a key is a number with a fraction"
                                       : "a key must be a scalar");
    return NULL;
}
