// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/timers.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"

/* A binary heap of pointers into what the timers are embedded in. Every timer knows its slot, so
 * moving and stopping one costs log n like everything else.
 *
 * Invariant: items[timer->slot - 1] == timer for every timer that is set; no item comes before its
 * parent.
 */

void timers_init(struct timers *timers)
{
    memset(timers, 0, sizeof(*timers));
}

void timers_finish(struct timers *timers)
{
    free(timers->items);
    memset(timers, 0, sizeof(*timers));
}

static bool comes_before(const struct timer *a, const struct timer *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void put(struct timers *timers, size_t index, struct timer *timer)
{
    timers->items[index] = timer;
    timer->slot = index + 1;
}

static void sift_up(struct timers *timers, size_t index, struct timer *timer)
{
    while (index > 0 && comes_before(timer, timers->items[(index - 1) / 2])) {
        put(timers, index, timers->items[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    put(timers, index, timer);
}

static void sift_down(struct timers *timers, size_t index, struct timer *timer)
{
    for (;;) {
        size_t child = 2 * index + 1;
        if (child + 1 < timers->count &&
            comes_before(timers->items[child + 1], timers->items[child])) {
            child++;
        }
        if (child >= timers->count || comes_before(timer, timers->items[child])) {
            break;
        }
        put(timers, index, timers->items[child]);
        index = child;
    }
    put(timers, index, timer);
}

static void place(struct timers *timers, size_t index, struct timer *timer)
{
    if (index > 0 && comes_before(timer, timers->items[(index - 1) / 2])) {
        sift_up(timers, index, timer);
    } else {
        sift_down(timers, index, timer);
    }
}

void timers_stop(struct timers *timers, struct timer *timer)
{
    if (timer->slot == 0) {
        return;
    }
    size_t index = timer->slot - 1;
    struct timer *last = timers->items[--timers->count];
    timer->slot = 0;
    if (last != timer) {
        place(timers, index, last);
    }
}

static void add(struct timers *timers, struct timer *timer)
{
    timers->items =
        alloc_grow(timers->items, &timers->room, timers->count + 1, sizeof(struct timer *));
    sift_up(timers, timers->count++, timer);
}

void timers_set(struct timers *timers, struct timer *timer, int64_t at, void *owner)
{
    timer->owner = owner;
    if (at == INT64_MAX) {
        timers_stop(timers, timer);
        return;
    }
    if (timer->slot != 0 && timer->at == at) {
        return;
    }
    timer->at = at;
    timer->order = ++timers->next_order;
    if (timer->slot != 0) {
        place(timers, timer->slot - 1, timer);
        return;
    }
    add(timers, timer);
}

void timers_checkpoint(struct timers *timers, struct timer *timer, void *owner,
                       struct checkpoint *checkpoint)
{
    bool set = timer->slot != 0;
    checkpoint_bool(checkpoint, &set);
    if (checkpoint->failed || !set) {
        return;
    }
    checkpoint_i64(checkpoint, &timer->at);
    checkpoint_u64(checkpoint, &timer->order);
    if (checkpoint->loading && !checkpoint->failed) {
        timer->owner = owner;
        add(timers, timer);
    }
}

int64_t timers_next(const struct timers *timers)
{
    return timers->count == 0 ? INT64_MAX : timers->items[0]->at;
}

void *timers_due(struct timers *timers, int64_t now)
{
    if (timers_next(timers) > now || timers->count == 0) {
        return NULL;
    }
    struct timer *first = timers->items[0];
    timers_stop(timers, first);
    return first->owner;
}
