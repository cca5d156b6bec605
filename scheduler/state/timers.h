// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_TIMERS_H
#define SCHEDULER_STATE_TIMERS_H

#include <stddef.h>
#include <stdint.h>

#include "topology/base/checkpoint.h"

/* What falls due when: the earliest is found at once, however many there are.
 *
 * A timer is embedded in what it belongs to and is set at most once at a time. Times are those of
 * event.now. Of timers due at the same time the one that was set first comes first, so the order
 * depends on events alone.
 */

struct timer {
    int64_t at;
    uint64_t order; /* when it was set, among all of its timers */
    size_t slot;    /* 1 + index in the heap; 0: not set */
    void *owner;
};

struct timers {
    struct timer **items;
    size_t count;
    size_t room;
    uint64_t next_order;
};

void timers_init(struct timers *timers);
/* Timers that are set still are void afterwards. */
void timers_finish(struct timers *timers);

/* Sets, moves or, with INT64_MAX, stops a timer. One that is set to the time it has stays as it is.
 * `owner` is what timers_due() hands out. */
void timers_set(struct timers *timers, struct timer *timer, int64_t at, void *owner);
void timers_stop(struct timers *timers, struct timer *timer);

/* Saves a timer, or loads one that is not set, so that it comes as it did among the others. */
void timers_checkpoint(struct timers *timers, struct timer *timer, void *owner,
                       struct checkpoint *checkpoint);

/* When the first one is due; INT64_MAX for never. */
int64_t timers_next(const struct timers *timers);

/* The owner of the first timer due at `now`, which is stopped; NULL when there is none. */
void *timers_due(struct timers *timers, int64_t now);

#endif
