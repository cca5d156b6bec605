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
    DIFFERENCE_ORDER, /* the same writes in another order */
    /* words */
    DIFFERENCE_REASON, /* of a filter answer or a failed bind call */
    DIFFERENCE_EXPLAIN,
    DIFFERENCE_EVENT,
    DIFFERENCE_TRANSITION,
    DIFFERENCES,
};
#define DIFFERENCE_DECISIONS ((1u << DIFFERENCE_REASON) - 1)

extern const char *const difference_names[DIFFERENCES];

/* Bit 1 << kind for every kind that differs. `rows`: nodes of the call that the event is. */
unsigned difference_between(struct journal_reader *reader, const struct event *event,
                            const struct effects *recorded, const struct effects *now);

/* Which kind an effect of the list counts as; DIFFERENCES for none that is compared. */
enum difference difference_of(const struct effect *effect);

#endif
