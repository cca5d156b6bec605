// SPDX-License-Identifier: Apache-2.0
#include "api/base/clock.h"

#include <stdio.h>

/* Only the calendar is here: reading a clock is a line. */

bool clock_text(int64_t wall_ns, int digits, char text[CLOCK_TEXT_MAX])
{
    struct tm parts;
    time_t seconds = (time_t)(wall_ns / 1000000000);
    int64_t fraction = wall_ns % 1000000000;
    text[0] = '\0';
    if (wall_ns < 0 || gmtime_r(&seconds, &parts) == NULL) {
        return false;
    }
    size_t length = strftime(text, CLOCK_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &parts);
    for (int i = digits; i < 9; i++) {
        fraction /= 10;
    }
    if (digits > 0) {
        snprintf(text + length, CLOCK_TEXT_MAX - length, ".%0*lldZ", digits, (long long)fraction);
    } else {
        snprintf(text + length, CLOCK_TEXT_MAX - length, "Z");
    }
    return length > 0;
}
