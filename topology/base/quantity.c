// SPDX-License-Identifier: Apache-2.0
#include "topology/base/quantity.h"

#include <stdbool.h>
#include <string.h>

/* Quantities, read digit by digit.
 *
 * A text becomes a row of decimal digits with a decimal point somewhere (perhaps far outside the
 * row):
 *
 *   "1.5Gi"   digits 15, point after 1; times 2^30: 16106127360, point after 10
 *   "100m"    digits 100, point after 3; moved by -3: point after 0, that is 0.100
 *
 * A decimal suffix or exponent moves the point; a binary one multiplies the row, exactly, by hand.
 * Reading off the result is then simple: the digits left of the point are the whole part, and any
 * digit but 0 right of it means "one more". The sign is put on last, which makes rounding
 * symmetric.
 *
 * For quantities in range and not below zero this is what Value() and MilliValue() of Kubernetes
 * give. Beyond int64 theirs overflow silently, and below zero some of their paths round towards
 * zero; neither is repeated here. They also take a text without any digit ("+", ".", "M") for 0,
 * which the grammar forbids.
 */

#define BINARY_DIGITS  19 /* of 2^60, the largest binary factor */
#define EXPONENT_LIMIT 1000000

struct suffix {
    const char *text;
    int exponent;
};

static const struct suffix DECIMAL_SUFFIXES[] = {
    {"", 0},  {"n", -9}, {"u", -6}, {"m", -3}, {"k", 3},
    {"M", 6}, {"G", 9},  {"T", 12}, {"P", 15}, {"E", 18},
};

static const struct suffix BINARY_SUFFIXES[] = {
    {"Ki", 10}, {"Mi", 20}, {"Gi", 30}, {"Ti", 40}, {"Pi", 50}, {"Ei", 60},
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

struct number {
    bool negative;
    int count;
    int point; /* digits left of the decimal point; may be negative or beyond count */
    unsigned char digits[QUANTITY_TEXT_MAX + BINARY_DIGITS];
};

struct reader {
    const char *text;
    size_t length;
    size_t next;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char peek(const struct reader *reader)
{
    if (reader->next == reader->length) {
        return '\0';
    }
    return reader->text[reader->next];
}

/* Sign, digits and point; false when there is no digit. */
static bool read_number(struct reader *reader, struct number *number)
{
    char sign = peek(reader);
    number->negative = sign == '-';
    if (sign == '-' || sign == '+') {
        reader->next++;
    }
    bool in_fraction = false;
    for (;;) {
        char c = peek(reader);
        if (is_digit(c)) {
            number->digits[number->count++] = (unsigned char)(c - '0');
        } else if (c == '.' && !in_fraction) {
            in_fraction = true;
            number->point = number->count;
        } else {
            break;
        }
        reader->next++;
    }
    if (!in_fraction) {
        number->point = number->count;
    }
    return number->count > 0;
}

/* Multiplies the row by 2^exponent, exponent <= 60. A carry stays below 2^60 + 1. */
static void multiply_binary(struct number *number, int exponent)
{
    memmove(number->digits + BINARY_DIGITS, number->digits, (size_t)number->count);
    memset(number->digits, 0, BINARY_DIGITS);
    number->count += BINARY_DIGITS;
    number->point += BINARY_DIGITS;
    unsigned __int128 carry = 0;
    for (int i = number->count - 1; i >= 0; i--) {
        carry += (unsigned __int128)number->digits[i] << exponent;
        number->digits[i] = (unsigned char)(carry % 10);
        carry /= 10;
    }
}

/* Exponent after 'e' or 'E', cut at EXPONENT_LIMIT; false when the rest is not one. */
static bool read_exponent(struct reader *reader, int *exponent)
{
    char sign = peek(reader);
    if (sign == '-' || sign == '+') {
        reader->next++;
    }
    int value = 0;
    size_t first = reader->next;
    for (; is_digit(peek(reader)); reader->next++) {
        value = value * 10 + (peek(reader) - '0');
        value = value > EXPONENT_LIMIT ? EXPONENT_LIMIT : value;
    }
    *exponent = sign == '-' ? -value : value;
    return reader->next > first && reader->next == reader->length;
}

static const struct suffix *find_suffix(const struct reader *reader, const struct suffix *suffixes,
                                        size_t count)
{
    size_t length = reader->length - reader->next;
    for (size_t i = 0; i < count; i++) {
        if (strlen(suffixes[i].text) == length &&
            memcmp(suffixes[i].text, reader->text + reader->next, length) == 0) {
            return &suffixes[i];
        }
    }
    return NULL;
}

/* The rest of the text: a suffix, applied to the number; false when it is none. */
static bool read_suffix(struct reader *reader, struct number *number)
{
    const struct suffix *suffix = find_suffix(reader, DECIMAL_SUFFIXES, COUNT(DECIMAL_SUFFIXES));
    if (suffix != NULL) {
        number->point += suffix->exponent;
        return true;
    }
    suffix = find_suffix(reader, BINARY_SUFFIXES, COUNT(BINARY_SUFFIXES));
    if (suffix != NULL) {
        multiply_binary(number, suffix->exponent);
        return true;
    }
    if (peek(reader) != 'e' && peek(reader) != 'E') {
        return false;
    }
    reader->next++;
    int exponent = 0;
    if (!read_exponent(reader, &exponent)) {
        return false;
    }
    number->point += exponent;
    return true;
}

/* The number as an integer: fractions up, away from zero; capped to int64. */
static int64_t round_up(const struct number *number)
{
    int first = 0;
    while (first < number->count && number->digits[first] == 0) {
        first++;
    }
    if (first == number->count) {
        return 0;
    }
    uint64_t limit = (uint64_t)INT64_MAX + (number->negative ? 1 : 0);
    uint64_t whole = 0;
    for (int i = first; i < number->point && whole < limit; i++) {
        uint64_t digit = i < number->count ? number->digits[i] : 0;
        whole = whole > (limit - digit) / 10 ? limit : whole * 10 + digit;
    }
    bool fraction = false;
    for (int i = number->point > 0 ? number->point : 0; i < number->count; i++) {
        fraction = fraction || number->digits[i] != 0;
    }
    if (fraction && whole < limit) {
        whole++;
    }
    if (!number->negative) {
        return (int64_t)whole;
    }
    return whole == limit ? INT64_MIN : -(int64_t)whole;
}

/* How much of an overlong text an error may quote: never half of a character. */
static int quotable(const char *text)
{
    int length = 0;
    while (length < QUANTITY_TEXT_MAX && text[length] > ' ' && text[length] <= '~') {
        length++;
    }
    return length;
}

static int read_quantity(const char *text, size_t length, int scale, int64_t *value,
                         struct err *err)
{
    if (length > QUANTITY_TEXT_MAX) {
        return err_set(err, "quantity \"%.*s…\" is longer than %d bytes", quotable(text), text,
                       QUANTITY_TEXT_MAX);
    }
    struct reader reader = {.text = text, .length = length};
    struct number number = {.count = 0};
    if (!read_number(&reader, &number) || !read_suffix(&reader, &number)) {
        return err_set(err, "quantity \"%.*s\" is malformed", (int)length, text);
    }
    number.point += scale;
    *value = round_up(&number);
    return 0;
}

int quantity_units(const char *text, size_t length, int64_t *value, struct err *err)
{
    return read_quantity(text, length, 0, value, err);
}

int quantity_milli(const char *text, size_t length, int64_t *value, struct err *err)
{
    return read_quantity(text, length, 3, value, err);
}
