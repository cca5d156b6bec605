// SPDX-License-Identifier: Apache-2.0
#include "api/import/hostlist.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"

/* An expression is read name by name; a name is a row of literal texts with brackets between:
 *
 *   r [1-2] n [1-2,5] -ib
 *   │   │   │    │     └─ literals[2]
 *   │   │   │    └─ groups[1] = ranges 1 and 2
 *   │   │   └─ literals[1]
 *   │   └─ groups[0] = range 0
 *   └─ literals[0]
 *
 * Each group has a counter (which range, which number of it), and the counters turn like those of
 * an odometer. Nothing is kept of the names: the caller sees them one at a time, so an expression
 * costs memory for its text only.
 *
 * The text is walked twice, first to check and count, then to tell: a caller never sees the first
 * half of a list whose second half is broken.
 */

struct range {
    uint64_t first;
    uint64_t last;
    int width;
};

struct group {
    size_t first; /* index of its first range */
    size_t count;
    size_t at;       /* odometer: the range … */
    uint64_t number; /* … and the number in it */
};

struct literal {
    const char *text;
    size_t length;
};

struct reader {
    const char *text; /* what is left */
    const char *end;
    struct range *ranges; /* of the current name */
    size_t range_count;
    size_t range_room;
    struct group groups[HOSTLIST_GROUPS_MAX];
    size_t group_count;
    struct literal literals[HOSTLIST_GROUPS_MAX + 1];
};

/* Fails with a piece of the expression around the place. */
static int fail_at(const struct reader *reader, const char *start, const char *what,
                   struct err *err)
{
    size_t length = (size_t)(reader->end - start);
    return err_set(err, "hostlist \"%.*s\": %s", (int)(length > 80 ? 80 : length), start, what);
}

static bool is_name_byte(char byte)
{
    return byte > ' ' && byte < 0x7f && byte != ',' && byte != '[' && byte != ']';
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* A number, and how many digits it was written with. */
static int read_number(struct reader *reader, const char *start, uint64_t *number, int *width,
                       struct err *err)
{
    *number = 0;
    *width = 0;
    while (reader->text < reader->end && is_digit(*reader->text)) {
        if (++*width > HOSTLIST_DIGITS_MAX) {
            return fail_at(reader, start, "a number with more than 18 digits", err);
        }
        *number = *number * 10 + (uint64_t)(*reader->text++ - '0');
    }
    return *width > 0 ? 0 : fail_at(reader, start, "brackets must hold numbers, like [1-3,5]", err);
}

static int read_range(struct reader *reader, const char *start, struct err *err)
{
    struct range range;
    int width;
    if (read_number(reader, start, &range.first, &range.width, err) < 0) {
        return -1;
    }
    range.last = range.first;
    if (reader->text < reader->end && *reader->text == '-') {
        reader->text++;
        if (read_number(reader, start, &range.last, &width, err) < 0) {
            return -1;
        }
    }
    if (range.last < range.first) {
        return fail_at(reader, start, "a range runs backwards", err);
    }
    reader->ranges = alloc_grow(reader->ranges, &reader->range_room, reader->range_count + 1,
                                sizeof *reader->ranges);
    reader->ranges[reader->range_count++] = range;
    return 0;
}

/* What is between brackets; the opening one has been read. */
static int read_group(struct reader *reader, const char *start, struct err *err)
{
    if (reader->group_count == HOSTLIST_GROUPS_MAX) {
        return fail_at(reader, start, "more than 8 brackets in one name", err);
    }
    struct group *group = &reader->groups[reader->group_count];
    *group = (struct group){.first = reader->range_count};
    for (;;) {
        if (read_range(reader, start, err) < 0) {
            return -1;
        }
        if (reader->text == reader->end) {
            return fail_at(reader, start, "a bracket is not closed", err);
        }
        char byte = *reader->text++;
        if (byte == ']') {
            break;
        }
        if (byte != ',') {
            return fail_at(reader, start, "brackets must hold numbers, like [1-3,5]", err);
        }
    }
    group->count = reader->range_count - group->first;
    reader->group_count++;
    return 0;
}

static void skip_spaces(struct reader *reader)
{
    while (reader->text < reader->end && (*reader->text == ' ' || *reader->text == '\t')) {
        reader->text++;
    }
}

/* Reads the next name with its groups, and the comma behind it. */
static int read_name(struct reader *reader, struct err *err)
{
    skip_spaces(reader);
    const char *start = reader->text;
    reader->range_count = 0;
    reader->group_count = 0;
    reader->literals[0] = (struct literal){.text = start};
    while (reader->text < reader->end) {
        if (is_name_byte(*reader->text)) {
            reader->literals[reader->group_count].length++;
            reader->text++;
        } else if (*reader->text == '[') {
            reader->text++;
            if (read_group(reader, start, err) < 0) {
                return -1;
            }
            reader->literals[reader->group_count] = (struct literal){.text = reader->text};
        } else {
            break;
        }
    }
    bool empty = reader->text == start;
    skip_spaces(reader);
    if (reader->text < reader->end && *reader->text == ']') {
        return fail_at(reader, start, "an unmatched closing bracket", err);
    }
    if (reader->text < reader->end && *reader->text != ',') {
        return fail_at(reader, start, "a character that is not allowed in a name", err);
    }
    return empty ? fail_at(reader, start, "an empty name", err) : 0;
}

/* Steps over a comma; false at the end of the expression. */
static bool read_comma(struct reader *reader)
{
    if (reader->text == reader->end) {
        return false;
    }
    reader->text++;
    return true;
}

/* Names that the current one stands for, or more than HOSTLIST_NAMES_MAX when it is too many. */
static uint64_t count_name(const struct reader *reader)
{
    uint64_t count = 1;
    for (size_t i = 0; i < reader->group_count; i++) {
        const struct group *group = &reader->groups[i];
        uint64_t sum = 0;
        for (size_t k = 0; k < group->count && sum <= HOSTLIST_NAMES_MAX; k++) {
            const struct range *range = &reader->ranges[group->first + k];
            sum += range->last - range->first + 1; /* below 2^20 + 10^18: no overflow */
        }
        count *= sum > HOSTLIST_NAMES_MAX ? HOSTLIST_NAMES_MAX + 1ull : sum;
        if (count > HOSTLIST_NAMES_MAX) {
            break;
        }
    }
    return count;
}

/* Writes the name that the counters show; longest_name() said that it fits. */
static size_t write_name(const struct reader *reader, char *name)
{
    size_t length = 0;
    for (size_t i = 0; i <= reader->group_count; i++) {
        const struct literal *literal = &reader->literals[i];
        memcpy(name + length, literal->text, literal->length);
        length += literal->length;
        if (i < reader->group_count) {
            const struct group *group = &reader->groups[i];
            length +=
                (size_t)snprintf(name + length, HOSTLIST_NAME_MAX + 1 - length, "%0*" PRIu64,
                                 reader->ranges[group->first + group->at].width, group->number);
        }
    }
    name[length] = '\0';
    return length;
}

/* Turns the odometer by one; false when it is back at the start. */
static bool step(struct reader *reader)
{
    for (size_t i = reader->group_count; i-- > 0;) {
        struct group *group = &reader->groups[i];
        const struct range *ranges = reader->ranges + group->first;
        if (group->number < ranges[group->at].last) {
            group->number++;
            return true;
        }
        group->at = group->at + 1 < group->count ? group->at + 1 : 0;
        group->number = ranges[group->at].first;
        if (group->at > 0) {
            return true;
        }
    }
    return false;
}

static int tell_name(struct reader *reader, hostlist_visit *visit, void *context, struct err *err)
{
    char name[HOSTLIST_NAME_MAX + 1];
    for (size_t i = 0; i < reader->group_count; i++) {
        reader->groups[i].number = reader->ranges[reader->groups[i].first].first;
    }
    do {
        size_t length = write_name(reader, name);
        int result = visit(context, name, length, err);
        if (result != 0) {
            return result;
        }
    } while (step(reader));
    return 0;
}

int hostlist_expand(const char *text, size_t length, hostlist_visit *visit, void *context,
                    struct err *err)
{
    uint32_t count;
    if (hostlist_count(text, length, &count, err) < 0) {
        return -1;
    }
    struct reader reader = {.text = text, .end = text + length};
    int result;
    do {
        result = read_name(&reader, err);
        if (result == 0) {
            result = tell_name(&reader, visit, context, err);
        }
    } while (result == 0 && read_comma(&reader));
    free(reader.ranges);
    return result;
}

static int digits(uint64_t number)
{
    int count = 1;
    while (number >= 10) {
        number /= 10;
        count++;
    }
    return count;
}

/* The length of the longest name that the current one stands for. */
static size_t longest_name(const struct reader *reader)
{
    size_t length = reader->literals[reader->group_count].length;
    for (size_t i = 0; i < reader->group_count; i++) {
        const struct group *group = &reader->groups[i];
        int widest = 0;
        for (size_t k = 0; k < group->count; k++) {
            const struct range *range = &reader->ranges[group->first + k];
            int width = digits(range->last);
            width = width < range->width ? range->width : width;
            widest = widest < width ? width : widest;
        }
        length += reader->literals[i].length + (size_t)widest;
    }
    return length;
}

int hostlist_count(const char *text, size_t length, uint32_t *count, struct err *err)
{
    struct reader reader = {.text = text, .end = text + length};
    uint64_t total = 0;
    int result = 0;
    do {
        const char *start = reader.text;
        result = read_name(&reader, err);
        if (result == 0 && longest_name(&reader) > HOSTLIST_NAME_MAX) {
            result = fail_at(&reader, start, "a name of more than 253 bytes", err);
        }
        total += result == 0 ? count_name(&reader) : 0;
        if (result == 0 && total > HOSTLIST_NAMES_MAX) {
            result = fail_at(&reader, start, "stands for more than 1048576 names", err);
        }
    } while (result == 0 && read_comma(&reader));
    free(reader.ranges);
    *count = (uint32_t)total;
    return result;
}
