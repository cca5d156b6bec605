// SPDX-License-Identifier: Apache-2.0
#include "api/base/clock.h"

#include <stdio.h>

/* Only the calendar is here: reading a clock is a line. */

bool clock_text(int64_t wall_ns, int digits, char text[CLOCK_TEXT_MAX])
{
    struct tm parts;
    time_t seconds = (time_t)(wall_ns / 1000000000);
    text[0] = '\0';
    if (wall_ns < 0 || gmtime_r(&seconds, &parts) == NULL) {
        return false;
    }
    char fraction[16];
    snprintf(fraction, sizeof fraction, ".%09u", (unsigned)(wall_ns % 1000000000));
    size_t length = strftime(text, CLOCK_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text + length, CLOCK_TEXT_MAX - length, "%.*sZ", digits > 0 ? digits + 1 : 0,
             fraction);
    return length > 0;
}
