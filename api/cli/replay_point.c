// SPDX-License-Identifier: Apache-2.0
#include "api/cli/replay_point.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Digits and a colon, or a time: a time has a 'T' in it.
 */

#define NUMBER_DIGITS 18
#define DIGITS        "0123456789"

/* At most NUMBER_DIGITS digits; *text moves behind them. */
static bool take_number(const char **text, uint64_t *number)
{
    size_t length = strspn(*text, DIGITS);
    if (length == 0 || length > NUMBER_DIGITS) {
        return false;
    }
    *number = strtoull(*text, NULL, 10);
    *text += length;
    return true;
}

static bool take_time(struct replay_point *point, const char *text)
{
    struct tm time = {.tm_sec = 0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &time);
    int64_t fraction = 0;
    if (rest == NULL) {
        return false;
    }
    if (*rest == '.') {
        int64_t worth = 100;
        for (rest++; strspn(rest, DIGITS) > 0; rest++, worth /= 10) {
            fraction += (*rest - '0') * worth;
        }
    }
    point->timed = true;
    point->wall_ms = (int64_t)timegm(&time) * 1000 + fraction;
    return strcmp(rest, "Z") == 0;
}

static bool take_place(struct replay_point *point, const char *text, bool directory)
{
    if (!take_number(&text, directory ? &point->segment : &point->record)) {
        return false;
    }
    point->whole = directory && *text == '\0';
    if (directory && *text == ':') {
        text++;
        return take_number(&text, &point->record) && *text == '\0';
    }
    return *text == '\0';
}

int replay_point_parse(struct replay_point *point, const char *text, bool directory,
                       struct err *err)
{
    memset(point, 0, sizeof *point);
    if (text == NULL) {
        return 0;
    }
    point->given = true;
    if (strchr(text, 'T') != NULL ? take_time(point, text) : take_place(point, text, directory)) {
        return 0;
    }
    return err_set(err, "%.64s: must be %s, or a time such as 2026-11-21T11:53:25Z", text,
                   directory ? "a segment such as 12, a record of it such as 12:340"
                             : "a record such as 340");
}

bool replay_point_is_after(const struct replay_point *point, uint64_t segment, uint64_t record,
                           int64_t wall_ms)
{
    if (!point->given) {
        return false;
    }
    if (point->timed) {
        return wall_ms >= 0 && wall_ms < point->wall_ms;
    }
    return segment < point->segment ||
           (segment == point->segment && !point->whole && record < point->record);
}

bool replay_point_is_before(const struct replay_point *point, uint64_t segment, uint64_t record,
                            int64_t wall_ms)
{
    if (!point->given) {
        return false;
    }
    if (point->timed) {
        return wall_ms > point->wall_ms;
    }
    return segment > point->segment ||
           (segment == point->segment && !point->whole && record > point->record);
}
