// SPDX-License-Identifier: Apache-2.0
#ifndef API_BASE_CLOCK_H
#define API_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* The clocks of the process. All of them are read here, so that what is compared comes from the
 * same one. */

static inline int64_t clock_read_ns(clockid_t clock)
{
    struct timespec time;
    (void)clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* A clock that does not go back, for timeouts and durations. */
static inline int64_t clock_ns(void)
{
    return clock_read_ns(CLOCK_MONOTONIC);
}

static inline int64_t clock_ms(void)
{
    return clock_ns() / 1000000;
}

/* Milliseconds on a clock that also goes on while the machine sleeps: whoever slept must not think
 * that it still holds a lease. */
static inline int64_t clock_lease_ms(void)
{
    return clock_read_ns(CLOCK_BOOTTIME) / 1000000;
}

/* The time of day, since 1970; it may jump. */
static inline int64_t clock_wall_ns(void)
{
    return clock_read_ns(CLOCK_REALTIME);
}

static inline int64_t clock_wall_ms(void)
{
    return clock_wall_ns() / 1000000;
}

/* A time of day as Kubernetes writes it (RFC 3339, UTC), "2026-11-21T11:53:25.123Z", with 0 to 9
 * digits behind the point. False for what is before 1970 or too late for a calendar. */
#define CLOCK_TEXT_MAX 48
bool clock_text(int64_t wall_ns, int digits, char text[CLOCK_TEXT_MAX]);

#endif
