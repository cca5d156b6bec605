// SPDX-License-Identifier: Apache-2.0
#ifndef BENCH_MICRO_HOSTILE_H
#define BENCH_MICRO_HOSTILE_H

#include "bench/micro/crowd.h"

/* What somebody who may create pods and groups in one namespace does to everybody else's answers.
 *
 * Each attack builds its cluster, starts the clocks of the crowd and goes on until its `spent` is
 * that of the caller. `size` is how much of it there is, in its own unit. */

struct hostile {
    struct crowd *crowd;
    uint32_t nodes;
    uint32_t size;
    int64_t patience; /* nanoseconds */
    int64_t worst;    /* so far */
    uint32_t only;    /* the one gang of "any" that is played; 0: all */
};

static inline bool hostile_goes_on(const struct hostile *hostile)
{
    return hostile->crowd->spent < hostile->patience;
}

/* Ends of pods that have nothing to do with it: one on each node from `first` on. */
void hostile_bystanders(struct hostile *hostile, uint32_t first, uint32_t count);
void hostile_bystanders_end(struct hostile *hostile, uint32_t first, uint32_t count);

void hostile_shapes(struct hostile *hostile);      /* gangs of 16 shapes each */
void hostile_elastic(struct hostile *hostile);     /* … of which some would do, in one rack */
void hostile_selectors(struct hostile *hostile);   /* pods with 1.8 MB of node affinity each */
void hostile_preferences(struct hostile *hostile); /* … preferred */
void hostile_numbers(struct hostile *hostile);     /* … that compare numbers */
void hostile_neighbours(struct hostile *hostile);  /* a gang whose members have labels of their own,
                                                      beside terms that select by them */
void hostile_exclusive(struct hostile *hostile);   /* gangs that want a node for themselves */
void hostile_any(struct hostile *hostile);         /* gangs that ask for whatever there is */
void hostile_slices(struct hostile *hostile);      /* one gang of so many pods in slices */

#endif
