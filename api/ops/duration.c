// SPDX-License-Identifier: Apache-2.0
#include "api/ops/duration.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* A duration is a sum of terms, each a decimal number and a unit. A term is its digits as one
 * integer, times the unit in nanoseconds, divided by ten for each digit behind the point; 128 bits
 * hold the product of 18 digits and an hour with room to spare. More digits than that are refused:
 * no duration a scheduler waits needs them.
 */

#define DIGITS_MAX 18

struct unit {
    const char *text;
    int64_t nanoseconds;
};

/* In the order in which they must be tried: "ms" before "m". */
static const struct unit units[] = {
    {"ns", 1},
    {"us", 1000},
    {"\xc2\xb5s", 1000}, /* micro sign */
    {"\xce\xbcs", 1000}, /* Greek mu */
    {"ms", 1000000},
    {"s", 1000000000},
    {"m", INT64_C(60000000000)},
    {"h", INT64_C(3600000000000)},
};

static bool is_digit(char character)
{
    return character >= '0' && character <= '9';
}

/* Reads one term at *at and adds it to *total nanoseconds. False when there is none. */
static bool read_term(const char **at, __int128 *total)
{
    const char *text = *at;
    __int128 value = 0;
    __int128 scale = 1;
    int digits = 0;
    bool point = false;
    for (; is_digit(*text) || (*text == '.' && !point); text++) {
        if (*text == '.') {
            point = true;
            continue;
        }
        if (++digits > DIGITS_MAX) {
            return false;
        }
        value = value * 10 + (*text - '0');
        scale *= point ? 10 : 1;
    }
    if (digits == 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t length = strlen(units[i].text);
        if (strncmp(text, units[i].text, length) == 0) {
            __int128 product = value * units[i].nanoseconds;
            *total += product / scale;
            *at = text + length;
            /* Finer than a nanosecond is finer than a millisecond. */
            return product % scale == 0;
        }
    }
    return false;
}

int duration_parse(const char *text, int64_t *milliseconds, struct err *err)
{
    if (strlen(text) > DURATION_TEXT_MAX) {
        return err_set(err, "a duration has at most %d characters", DURATION_TEXT_MAX);
    }
    const char *at = text;
    bool negative = *at == '-';
    at += *at == '-' || *at == '+';
    __int128 total = 0;
    if (strcmp(at, "0") == 0) {
        *milliseconds = 0;
        return 0;
    }
    do {
        if (!read_term(&at, &total)) {
            return err_set(err, "\"%s\" is not a duration (write \"30s\" or \"1m30s\")", text);
        }
    } while (*at != '\0');
    if (total % 1000000 != 0) {
        return err_set(err, "\"%s\" is finer than a millisecond", text);
    }
    if (total / 1000000 > INT64_MAX / 1000000) {
        return err_set(err, "\"%s\" is too long", text); /* Go's limit: int64 nanoseconds */
    }
    int64_t value = (int64_t)(total / 1000000);
    *milliseconds = negative ? -value : value;
    return 0;
}

const char *duration_text(int64_t milliseconds, char *text, size_t size)
{
    static const struct {
        const char *text;
        int64_t milliseconds;
    } parts[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
    char all[DURATION_TEXT_MAX];
    size_t length = 0;
    all[0] = '\0';
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        int64_t count = milliseconds / parts[i].milliseconds;
        milliseconds %= parts[i].milliseconds;
        if (count > 0) {
            int written =
                snprintf(all + length, sizeof all - length, "%" PRId64 "%s", count, parts[i].text);
            length += (size_t)written;
        }
    }
    snprintf(text, size, "%s", length == 0 ? "0s" : all);
    return text;
}
