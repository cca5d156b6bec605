// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_RANDOM_H
#define TEST_SIMULATION_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

/* The only source of chance in a run: splitmix64, seeded once. The same seed gives the same run. */
struct random {
    uint64_t state;
};

static inline uint64_t random_next(struct random *random)
{
    uint64_t z = (random->state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Uniform in low … high, both included. */
static inline int64_t random_range(struct random *random, int64_t low, int64_t high)
{
    return low + (int64_t)(random_next(random) % (uint64_t)(high - low + 1));
}

static inline int random_index(struct random *random, int count)
{
    return (int)(random_next(random) % (uint64_t)count);
}

/* True in `thousandths` of 1,000 cases. */
static inline bool random_chance(struct random *random, int thousandths)
{
    return (int)(random_next(random) % 1000) < thousandths;
}

#endif
