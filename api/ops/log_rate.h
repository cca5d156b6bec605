// SPDX-License-Identifier: Apache-2.0
#ifndef API_OPS_LOG_RATE_H
#define API_OPS_LOG_RATE_H

#include <stdbool.h>
#include <stdint.h>

/* How often lines of one kind may be logged: LOG_RATE_LINES within LOG_RATE_MS. Of a kind are lines
 * of one level whose messages begin alike. Not thread-safe.
 */

#define LOG_RATE_LINES 1000
#define LOG_RATE_MS    10000
#define LOG_RATE_KINDS 256 /* kinds that share a place share their limit */

struct log_rate {
    struct {
        int64_t since_ms;
        uint32_t lines;
        uint32_t left_out;
    } kinds[LOG_RATE_KINDS];
    uint64_t left_out; /* ever */
};

/* Whether a line may be logged at `now`. `left_out` becomes the number of lines of the kind that
 * were not, up to now, where that is to be told now; else 0. */
bool log_rate_allows(struct log_rate *rate, int level, const char *message, int64_t now_ms,
                     uint32_t *left_out);

#endif
