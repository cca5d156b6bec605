// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_POLICY_QUEUE_H
#define SCHEDULER_POLICY_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scheduler/state/gang.h"

/* Who is planned next: gangs that have begun here and lost some of their quorum, then greatest
 * priority first, then one of each namespace in turn (of these, those first whose namespace is in
 * good standing: engine/standing.h), then who became ready first.
 *
 *   worth a try ──queue_add()──▶ this pass ──queue_take()──▶ planned, or waits (policy/waiting.h)
 *                        └─────▶ next pass, if it was taken in this one
 *
 * Only gangs that are worth a try are in the queue: because they changed, or because something that
 * could help them became free. A gang that does not fit does not block those behind it. A pass may
 * be left and resumed at any time. Everybody is taken at most once in a pass, so that gangs which
 * are worth a try again and again do not keep others from their turn. Nor does a namespace that has
 * many of them keep off another one's: that one is next, or next but one.
 */

struct queue {
    struct gang **items; /* of this pass; the best one last, if sorted */
    uint32_t count;
    size_t room;
    bool sorted;
    struct gang **later; /* of the next one */
    uint32_t later_count;
    size_t later_room;
    uint32_t parked; /* gangs that are worth a try, and must not have one: in neither */
    uint64_t pass;   /* number of this pass, from 1 on */
    uint64_t turn;   /* of the last gang that was taken */
    uint64_t stamp;  /* how often turns were dealt among gangs of some priority */
};

void queue_init(struct queue *queue);
void queue_finish(struct queue *queue);

/* Nothing happens to a gang that is in the queue already. */
void queue_add(struct queue *queue, struct gang *gang);
/* Nothing happens to a gang that is not in the queue. */
void queue_remove(struct queue *queue, struct gang *gang);

/* A gang that was just taken, or is parked, goes back: its turn in this pass is not over. */
void queue_put_back(struct queue *queue, struct gang *gang);

/* A gang just taken must not be planned now: it lies with its tenant until it is put back, the
 * first one first. */
void queue_park(struct queue *queue, struct gang *gang);

/* The next one, which leaves the queue; NULL when this pass is over: the next one has begun. */
struct gang *queue_take(struct queue *queue);

bool queue_empty(const struct queue *queue); /* this pass and the next one */

/* Saves the queue, or loads it; the gangs are loaded already, and are named by their place in
 * `gangs`. */
void queue_checkpoint(struct queue *queue, const struct gangs *gangs,
                      struct checkpoint *checkpoint);
/* A gang by its place; loading sets it. Never NULL unless the checkpoint failed. */
void queue_checkpoint_gang(const struct gangs *gangs, struct gang **gang,
                           struct checkpoint *checkpoint);

/* Whether the gang has members that could be planned at all, time and capacity aside. */
bool queue_wants(const struct gang *gang, const struct gang_tally *tally);

#endif
