// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_JOURNALS_DIFFERENCE_H
#define TEST_JOURNALS_DIFFERENCE_H

#include "scheduler/journal/reader.h"

/* What differs between two lists of effects of one event, by kind.
 *
 * Decisions change the cluster: after the first one that differs, what a journal goes on to tell
 * happened in another world. Words are for people, and what follows them stays what it is.
 */

enum difference {
    /* decisions */
    DIFFERENCE_FILTER,     /* which nodes pass */
    DIFFERENCE_PRIORITIZE, /* which node is preferred */
    DIFFERENCE_PREEMPT,    /* which nodes stay */
    DIFFERENCE_BIND,       /* whether and when a bind call is answered, and whether with an error */
    DIFFERENCE_POST,       /* bindings: of whom, to where, which rank and GPUs */
    DIFFERENCE_NOMINATE,
    DIFFERENCE_EVICT,
    /* words, and what says again what was said before */
    DIFFERENCE_ORDER,  /* the same writes in another order */
    DIFFERENCE_AGAIN,  /* a nomination of the pod to the node of its last one */
    DIFFERENCE_REASON, /* of a filter answer or a failed bind call */
    DIFFERENCE_EXPLAIN,
    DIFFERENCE_EVENT,
    DIFFERENCE_TRANSITION,
    DIFFERENCES,
};
#define DIFFERENCE_DECISIONS ((1u << DIFFERENCE_ORDER) - 1)

#define DIFFERENCE_WRITES \
    (1u << DIFFERENCE_POST | 1u << DIFFERENCE_NOMINATE | 1u << DIFFERENCE_EVICT)

extern const char *const difference_names[DIFFERENCES];

/* One of the two engines: its effects of one step, and what it nominated in the steps before. */
struct side {
    struct nomination *nominations; /* uthash by uid */
    const struct effects *effects;
    enum difference *kinds; /* of each of them; DIFFERENCES for one that is not compared */
    size_t room;
};

/* Zeroed side. */
void side_finish(struct side *side);
/* A pod that a watch shows with a nomination already is not asked for one: that counts as said. */
void side_watch(struct side *side, const struct event *event);
/* The effects of the next step, *borrowed* until the next one. */
void side_step(struct side *side, const struct effects *effects);

/* Bit 1 << kind for every kind that differs in the step. `event`: as it was recorded. */
unsigned difference_between(struct journal_reader *reader, const struct event *event,
                            const struct side *recorded, const struct side *now);

#endif
