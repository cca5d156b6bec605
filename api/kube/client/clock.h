// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_CLIENT_CLOCK_H
#define API_KUBE_CLIENT_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds on a clock that does not go back, for timeouts. */
static inline int64_t clock_ms(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* Milliseconds on a clock that also goes on while the machine sleeps: whoever slept must not think
 * that it still holds a lease. */
static inline int64_t clock_lease_ms(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_BOOTTIME, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

#endif
