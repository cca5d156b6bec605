// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_AUDIT_H
#define SCHEDULER_ENGINE_AUDIT_H

#include <stdint.h>

#include "scheduler/event.h"

/* The self-check: running sums against what they are the sums of.
 *
 *   a node    what is taken there, and how much of that is held, against its pods
 *   a gang    what its places and its members add up to, against those
 *
 * One node and one gang at a time, in turn, after an event that nobody waits for; a node that costs
 * more is followed by a longer pause. What differs is counted and made right. It is a fault of this
 * program then, never of what somebody wrote.
 */

#define AUDIT_PAUSE_MS 100
#define AUDIT_PODS_MS  10 /* so many pods looked at are a millisecond more of pause */

struct engine;

/* Embedded; all zero: it begins with the first event. */
struct audit {
    int64_t after; /* the next one is not before that */
    uint32_t row;  /* that is next */
    uint32_t gang; /* index of the one that is next */
    uint64_t nodes;
    uint64_t gangs;
    uint64_t differences;
    char last[256]; /* whose the last difference was, for people */
};

/* After the event, when it is time. */
void audit_run(struct engine *engine, const struct event *event);

#endif
