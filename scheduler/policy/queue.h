// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_POLICY_QUEUE_H
#define SCHEDULER_POLICY_QUEUE_H

#include <stdint.h>

#include "scheduler/state/gang.h"

/* Who is planned next: gangs that have begun and lack their quorum, then greatest priority first,
 * then who became ready first.
 *
 * The queue is worked out anew whenever planning has a reason to run; nothing is stored that could
 * disagree with the gangs themselves. A gang that does not fit does not block those behind it, and
 * is not tried again before capacity may have become free or it changed itself.
 */

struct queue {
    struct gang **items;
    uint32_t count;
    size_t room;
};

void queue_init(struct queue *queue);
void queue_finish(struct queue *queue);

/* Replaces the content by the gangs that are worth planning at `now`; `releases` is
 * ledger_releases(). */
void queue_fill(struct queue *queue, const struct gangs *gangs, int64_t now, uint64_t releases);

/* Whether the gang has members that could be planned at all, time and capacity aside. */
bool queue_wants(const struct gang *gang, const struct gang_tally *tally);

#endif
