// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_UNIT_TOPOLOGY_RANDOM_H
#define TEST_UNIT_TOPOLOGY_RANDOM_H

#include <stdint.h>

/* A generator of our own (SplitMix64), so that a property test walks the same cases everywhere. */
struct random {
    uint64_t state;
};

static inline uint64_t random_word(struct random *random)
{
    random->state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t word = random->state;
    word = (word ^ word >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    word = (word ^ word >> 27) * UINT64_C(0x94d049bb133111eb);
    return word ^ word >> 31;
}

/* 0 … bound-1; bound > 0. */
static inline uint32_t random_below(struct random *random, uint32_t bound)
{
    return (uint32_t)(random_word(random) % bound);
}

#endif
