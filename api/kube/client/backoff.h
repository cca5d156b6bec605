// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_CLIENT_BACKOFF_H
#define API_KUBE_CLIENT_BACKOFF_H

#include <stdint.h>

/* How long to wait after a failure: doubled each time up to a limit, and up to as much again by
 * chance, so that many clients of one server do not come back together. Forgotten after a while
 * without failures.
 *
 *   initial 800, maximum 30000:   800 … 1600,  1600 … 3200,  …,  30000 … 60000   (milliseconds)
 *
 * Chance is a seeded generator: equal seeds give equal delays.
 */

struct backoff {
    int64_t initial;
    int64_t maximum;
    int64_t healthy; /* that long without a failure: start anew */
    int64_t next;
    int64_t last_failure; /* -1: never */
    uint64_t random;
};

void backoff_init(struct backoff *backoff, int64_t initial, int64_t maximum, int64_t healthy,
                  uint64_t seed);

/* The delay after a failure at `now`; at least `asked`, which is what the server wants. */
int64_t backoff_delay(struct backoff *backoff, int64_t now, int64_t asked);

/* A number from 0 to bound - 1. */
int64_t backoff_draw(struct backoff *backoff, int64_t bound);

#endif
