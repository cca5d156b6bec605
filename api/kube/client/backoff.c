// SPDX-License-Identifier: Apache-2.0
#include "api/kube/client/backoff.h"

/* The numbers are those of client-go's reflector (wait.NewExponentialBackoffManager); the
 * generator is splitmix64, whose whole state is one word.
 */

void backoff_init(struct backoff *backoff, int64_t initial, int64_t maximum, int64_t healthy,
                  uint64_t seed)
{
    *backoff = (struct backoff){
        .initial = initial,
        .maximum = maximum,
        .healthy = healthy,
        .next = initial,
        .last_failure = -1,
        .random = seed,
    };
}

int64_t backoff_draw(struct backoff *backoff, int64_t bound)
{
    backoff->random += 0x9E3779B97F4A7C15u;
    uint64_t z = backoff->random;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    return (int64_t)(z % (uint64_t)bound);
}

int64_t backoff_delay(struct backoff *backoff, int64_t now, int64_t asked)
{
    if (backoff->last_failure >= 0 && now - backoff->last_failure > backoff->healthy) {
        backoff->next = backoff->initial;
    }
    backoff->last_failure = now;
    int64_t delay = backoff->next + backoff_draw(backoff, backoff->next + 1);
    backoff->next = backoff->next < backoff->maximum / 2 ? backoff->next * 2 : backoff->maximum;
    return delay > asked ? delay : asked;
}
