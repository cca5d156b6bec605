// SPDX-License-Identifier: Apache-2.0
#include "api/ops/log_rate.h"

/* Messages are sentences of the program; some have a name in them further on. Their first
 * characters tell them apart, and no name that a tenant chooses makes a new kind.
 */

#define KIND_CHARACTERS 12

static uint32_t kind_of(int level, const char *message)
{
    uint32_t hash = 2166136261u ^ (uint32_t)level; /* FNV-1a */
    for (int i = 0; i < KIND_CHARACTERS && message[i] != '\0'; i++) {
        hash = (hash ^ (unsigned char)message[i]) * 16777619u;
    }
    return hash % LOG_RATE_KINDS;
}

bool log_rate_allows(struct log_rate *rate, int level, const char *message, int64_t now_ms,
                     uint32_t *left_out)
{
    uint32_t kind = kind_of(level, message);
    *left_out = 0;
    if (now_ms - rate->kinds[kind].since_ms >= LOG_RATE_MS || rate->kinds[kind].lines == 0) {
        *left_out = rate->kinds[kind].left_out;
        rate->kinds[kind].since_ms = now_ms;
        rate->kinds[kind].lines = 0;
        rate->kinds[kind].left_out = 0;
    }
    if (rate->kinds[kind].lines < LOG_RATE_LINES) {
        rate->kinds[kind].lines++;
        return true;
    }
    rate->kinds[kind].left_out++;
    rate->left_out++;
    return false;
}
