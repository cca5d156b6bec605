// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/deadlines.h"

#include <stdlib.h>

#include "topology/base/alloc.h"

/* Two heaps of timers, which lie in the pods. A timer that is due is taken out: whoever takes it
 * does what is due, or sets another.
 */

void deadlines_init(struct deadlines *deadlines)
{
    timers_init(&deadlines->unconfirmed);
    timers_init(&deadlines->unseen);
}

void deadlines_finish(struct deadlines *deadlines)
{
    timers_finish(&deadlines->unconfirmed);
    timers_finish(&deadlines->unseen);
}

int64_t deadlines_next(const struct deadlines *deadlines)
{
    int64_t first = timers_next(&deadlines->unconfirmed);
    int64_t unseen = timers_next(&deadlines->unseen);
    return first < unseen ? first : unseen;
}

static int compare_arrival(const void *left, const void *right)
{
    const struct pod *a = *(struct pod *const *)left, *b = *(struct pod *const *)right;
    return a->arrival < b->arrival ? -1 : a->arrival > b->arrival;
}

struct pod **deadlines_take(struct timers *timers, int64_t now, uint32_t *count)
{
    struct pod **due = NULL;
    struct pod *pod;
    size_t room = 0;
    *count = 0;
    while ((pod = timers_due(timers, now)) != NULL) {
        due = alloc_grow(due, &room, (size_t)*count + 1, sizeof(struct pod *));
        due[(*count)++] = pod;
    }
    if (*count > 1) {
        qsort(due, *count, sizeof(struct pod *), compare_arrival);
    }
    return due;
}

void deadlines_prolong(struct deadlines *deadlines, int64_t unconfirmed, int64_t unseen,
                       int64_t unseen_bound)
{
    uint32_t count;
    struct pod **due = deadlines_take(&deadlines->unconfirmed, unconfirmed, &count);
    for (uint32_t i = 0; i < count; i++) {
        due[i]->unconfirmed_until = unconfirmed;
        timers_set(&deadlines->unconfirmed, &due[i]->unconfirmed, unconfirmed, due[i]);
    }
    free(due);
    due = deadlines_take(&deadlines->unseen, unseen > unseen_bound ? unseen : unseen_bound, &count);
    for (uint32_t i = 0; i < count; i++) {
        int64_t until = pod_certain(due[i]) ? unseen_bound : unseen;
        int64_t meant = due[i]->unseen.at;
        timers_set(&deadlines->unseen, &due[i]->unseen, meant > until ? meant : until, due[i]);
    }
    free(due);
}
