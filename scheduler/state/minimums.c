// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/minimums.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "topology/base/utf8.h"

/* A small sorted table. A text is read into a table of its own first, so that a role that it names
 * twice is told from one that two texts name.
 */

#define QUOTE_MAX 80 /* bytes of what is quoted */

__attribute__((format(printf, 2, 3))) static bool fail(struct minimums *minimums,
                                                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)utf8_vprint(minimums->fault, sizeof minimums->fault, format, arguments);
    va_end(arguments);
    minimums->count = 0;
    return false;
}

/* A piece of the text, without the spaces around it. */
struct piece {
    const char *text;
    size_t length;
};

static struct piece trimmed(const char *text, size_t length)
{
    while (length > 0 && strchr(" \t\r\n", text[length - 1]) != NULL) {
        length--;
    }
    while (length > 0 && strchr(" \t\r\n", *text) != NULL) {
        text++;
        length--;
    }
    return (struct piece){text, length};
}

static int quoted(struct piece piece)
{
    return (int)(piece.length < QUOTE_MAX ? piece.length : QUOTE_MAX);
}

/* 1 or more; 0: it is no such number. */
static int32_t read_number(struct piece piece)
{
    int64_t value = 0;
    for (size_t i = 0; i < piece.length; i++) {
        if (piece.text[i] < '0' || piece.text[i] > '9') {
            return 0;
        }
        value = value * 10 + (piece.text[i] - '0');
        if (value > INT32_MAX) {
            return 0;
        }
    }
    return (int32_t)value;
}

/* Index of the role, or where it belongs. */
static uint32_t place_of(const struct minimums *minimums, const char *role, bool *found)
{
    uint32_t at = 0;
    int order = 1;
    while (at < minimums->count && (order = strcmp(minimums->items[at].role, role)) < 0) {
        at++;
    }
    *found = at < minimums->count && order == 0;
    return at;
}

/* False when there are too many. `again`: a role that is there already is none too many. */
static bool insert(struct minimums *minimums, const struct minimum *item, bool again)
{
    bool found;
    uint32_t at = place_of(minimums, item->role, &found);
    if (found && !again) {
        return fail(minimums, "role \"%s\" is there twice", item->role);
    }
    if (found) {
        int32_t before = minimums->items[at].least;
        minimums->items[at].least = before > item->least ? before : item->least;
        return true;
    }
    if (minimums->count == ROLE_MINIMUMS_MAX) {
        return fail(minimums, "more than %d roles", ROLE_MINIMUMS_MAX);
    }
    memmove(&minimums->items[at + 1], &minimums->items[at],
            (minimums->count - at) * sizeof minimums->items[0]);
    minimums->items[at] = *item;
    minimums->count++;
    return true;
}

/* "worker=3". */
static bool read_item(struct minimums *minimums, const char *text, size_t length)
{
    const char *sign = memchr(text, '=', length);
    struct piece all = trimmed(text, length);
    struct minimum item = {.least = 0};
    if (sign == NULL) {
        return fail(minimums, "\"%.*s\" is no role=number", quoted(all), all.text);
    }
    struct piece role = trimmed(text, (size_t)(sign - text));
    struct piece number = trimmed(sign + 1, length - (size_t)(sign + 1 - text));
    if (role.length == 0) {
        return fail(minimums, "\"%.*s\" names no role", quoted(all), all.text);
    }
    if (role.length > MINIMUMS_ROLE_MAX) {
        return fail(minimums, "role \"%.*s…\" has more than %d bytes", quoted(role), role.text,
                    MINIMUMS_ROLE_MAX);
    }
    memcpy(item.role, role.text, role.length);
    item.least = read_number(number);
    if (item.least == 0) {
        return fail(minimums, "role \"%s\" is \"%.*s\", must be a whole number, 1 or more",
                    item.role, quoted(number), number.text);
    }
    return insert(minimums, &item, false);
}

static bool read_text(struct minimums *minimums, const char *text)
{
    if (strnlen(text, MINIMUMS_TEXT_MAX + 1) > MINIMUMS_TEXT_MAX) {
        return fail(minimums, "more than %d bytes", MINIMUMS_TEXT_MAX);
    }
    for (bool good = true; good;) {
        size_t length = strcspn(text, ",");
        good = read_item(minimums, text, length);
        if (!good || text[length] == '\0') {
            return good;
        }
        text += length + 1;
    }
    return false;
}

void minimums_add(struct minimums *minimums, const char *text)
{
    struct minimums read = {.count = 0};
    if (minimums->fault[0] != '\0') {
        return;
    }
    if (!read_text(&read, text)) {
        *minimums = read;
        return;
    }
    for (uint32_t i = 0; i < read.count && insert(minimums, &read.items[i], true); i++) {
    }
}

int32_t minimums_sum(const struct minimums *minimums)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < minimums->count; i++) {
        sum += minimums->items[i].least;
    }
    return sum > INT32_MAX ? INT32_MAX : (int32_t)sum;
}
