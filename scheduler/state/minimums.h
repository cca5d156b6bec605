// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_MINIMUMS_H
#define SCHEDULER_STATE_MINIMUMS_H

#include <stdint.h>

#include "scheduler/objects.h"

/* How many members of each role must start together.
 *
 *   "master=1,worker=3"    role "master" 1, role "worker" 3
 *
 * Read strictly: every role once, each number 1 or more, at most ROLE_MINIMUMS_MAX of them; spaces
 * around roles and numbers do not count. What cannot be read is a fault, and then nothing of it is
 * obeyed.
 */

#define MINIMUMS_ROLE_MAX  63 /* bytes, as of a label's value */
#define MINIMUMS_FAULT_MAX 256

struct minimum {
    char role[MINIMUMS_ROLE_MAX + 1];
    int32_t least;
};

/* All zero is an empty list. */
struct minimums {
    struct minimum items[ROLE_MINIMUMS_MAX]; /* in order of role */
    uint32_t count;
    char fault[MINIMUMS_FAULT_MAX]; /* what cannot be read and why, in words; "": nothing */
};

/* Adds what the text says; of a role that is there the greater number counts. A fault empties the
 * list, and stays. */
void minimums_add(struct minimums *minimums, const char *text);

/* What all of them add up to, at most INT32_MAX. */
int32_t minimums_sum(const struct minimums *minimums);

#endif
