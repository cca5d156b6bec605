// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_BARRIER_H
#define SCHEDULER_STATE_BARRIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The bind barrier of one gang, as data: who has voted and waits for an answer.
 *
 *   bind(pod a) ─▶ ┌ ticket 7, pod a ┐
 *   bind(pod b) ─▶ │ ticket 9, pod b │ ── count == quorum ─▶ all taken at once, commit
 *   bind(pod c) ─▶ └ ticket 4, pod c ┘ ── deadline ────────▶ all taken at once, abort
 *
 * No socket and no clock: the engine decides when it opens. A pod stands in it at most once; order
 * of arrival is kept.
 */

struct pod;

struct barrier_waiter {
    uint64_t ticket;
    struct pod *pod; /* *borrowed* */
};

struct barrier {
    struct barrier_waiter *items;
    size_t count;
    size_t room;
};

void barrier_init(struct barrier *barrier);
/* Nobody may be waiting. */
void barrier_finish(struct barrier *barrier);

/* The pod waits with this ticket. When it waited already (its caller tried again), the old ticket
 * is stored in *replaced, true is returned, and somebody must answer it. */
bool barrier_add(struct barrier *barrier, struct pod *pod, uint64_t ticket, uint64_t *replaced);

/* Takes one pod out; true and its ticket when it was waiting. */
bool barrier_take(struct barrier *barrier, const struct pod *pod, uint64_t *ticket);

#endif
