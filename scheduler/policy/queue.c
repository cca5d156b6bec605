// SPDX-License-Identifier: Apache-2.0
#include "scheduler/policy/queue.h"

#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* Two arrays, sorted when somebody is taken after somebody came. What the order rests on changes
 * while a gang is in the queue, so nothing cleverer would stay right. `sequence` is unique, so the
 * order is total. Where several namespaces are in the queue, turns are dealt along the first order,
 * and it is sorted once more by these.
 *
 * Invariant: gang->queued says in which array the gang is, or that it is in its tenant's list of
 * the parked, and it is in no other.
 */

void queue_init(struct queue *queue)
{
    memset(queue, 0, sizeof(*queue));
    queue->pass = 1;
}

void queue_finish(struct queue *queue)
{
    free(queue->items);
    free(queue->later);
    memset(queue, 0, sizeof(*queue));
}

bool queue_wants(const struct gang *gang, const struct gang_tally *tally)
{
    if (tally->pending == tally->held) {
        return false;
    }
    /* Beside a whole quorum every member joins; what is missing of one is planned once, whole. */
    return gang_missing(gang) == 0 || (tally->held == 0 && gang_lacking(gang, COUNT_PENDING) == 0);
}

/* Whose turns have nothing to do with each other. */
static int compare_rank(const struct gang *a, const struct gang *b)
{
    if (a->begun != b->begun) {
        return a->begun ? -1 : 1; /* its bound members wait for the rest */
    }
    int32_t a_priority = gang_priority(a), b_priority = gang_priority(b);
    return a_priority == b_priority ? 0 : a_priority > b_priority ? -1 : 1;
}

static int compare_arrival(const struct gang *a, const struct gang *b)
{
    if (a->sequence != b->sequence) {
        return a->sequence < b->sequence ? -1 : 1;
    }
    return gang_compare(&a, &b);
}

/* The first one to be planned comes last: by arrival, … */
static int compare(const void *left, const void *right)
{
    const struct gang *a = *(struct gang *const *)right, *b = *(struct gang *const *)left;
    int order = compare_rank(a, b);
    return order != 0 ? order : compare_arrival(a, b);
}

/* … and by turns; of one turn those first whose namespace is in good standing. */
static int compare_turns(const void *left, const void *right)
{
    const struct gang *a = *(struct gang *const *)right, *b = *(struct gang *const *)left;
    int order = compare_rank(a, b);
    if (order != 0) {
        return order;
    }
    if (a->turn != b->turn) {
        return a->turn < b->turn ? -1 : 1;
    }
    if (a->tenant->limited != b->tenant->limited) {
        return b->tenant->limited ? -1 : 1;
    }
    return compare_arrival(a, b);
}

/* Namespaces take turns among gangs of one rank: the first gang of each gets the namespace's next
 * turn, which is never before that of the last gang that was taken (else who was away for long
 * would come with all the turns it did not take), its second one the turn after that, … True: there
 * are several namespaces. Nothing is dealt to gangs that have begun: they are finished in order. */
static bool deal_turns(struct queue *queue)
{
    const struct gang *before = NULL;
    bool several = false;
    for (uint32_t i = queue->count; i-- > 0;) {
        struct gang *gang = queue->items[i];
        struct tenant *tenant = gang->tenant;
        queue->stamp += before == NULL || compare_rank(before, gang) != 0;
        if (tenant->stamp != queue->stamp) {
            tenant->stamp = queue->stamp;
            tenant->round = tenant->turn > queue->turn ? tenant->turn : queue->turn;
        }
        gang->turn = gang->begun ? 0 : tenant->round++;
        several = several || (before != NULL && before->tenant != tenant);
        before = gang;
    }
    return several;
}

static void sort(struct queue *queue)
{
    qsort(queue->items, queue->count, sizeof(struct gang *), compare);
    if (deal_turns(queue)) {
        qsort(queue->items, queue->count, sizeof(struct gang *), compare_turns);
    }
}

static void take_turn(struct queue *queue, const struct gang *gang)
{
    if (!gang->begun) {
        queue->turn = gang->turn > queue->turn ? gang->turn : queue->turn;
        gang->tenant->turn = gang->turn + 1;
    }
}

void queue_add(struct queue *queue, struct gang *gang)
{
    if (gang->queued != GANG_NOT_QUEUED) {
        return;
    }
    if (gang->tried_pass == queue->pass) {
        queue->later = alloc_grow(queue->later, &queue->later_room, (size_t)queue->later_count + 1,
                                  sizeof(struct gang *));
        queue->later[queue->later_count++] = gang;
        gang->queued = GANG_QUEUED_LATER;
        return;
    }
    queue->items =
        alloc_grow(queue->items, &queue->room, (size_t)queue->count + 1, sizeof(struct gang *));
    queue->items[queue->count++] = gang;
    queue->sorted = false;
    gang->queued = GANG_QUEUED;
}

void queue_park(struct queue *queue, struct gang *gang)
{
    struct tenant *tenant = gang->tenant;
    gang->park_next = NULL;
    gang->park_before = tenant->parked_last;
    *(tenant->parked_last != NULL ? &tenant->parked_last->park_next : &tenant->parked) = gang;
    tenant->parked_last = gang;
    gang->queued = GANG_PARKED;
    queue->parked++;
}

static void unpark(struct queue *queue, struct gang *gang)
{
    struct tenant *tenant = gang->tenant;
    struct gang *next = gang->park_next, *before = gang->park_before;
    *(before != NULL ? &before->park_next : &tenant->parked) = next;
    *(next != NULL ? &next->park_before : &tenant->parked_last) = before;
    gang->park_next = gang->park_before = NULL;
    gang->queued = GANG_NOT_QUEUED;
    queue->parked--;
}

void queue_put_back(struct queue *queue, struct gang *gang)
{
    if (gang->queued == GANG_PARKED) {
        unpark(queue, gang);
    } else if (!gang->begun && gang->tenant->turn == gang->turn + 1) {
        gang->tenant->turn = gang->turn;
    }
    gang->tried_pass = queue->pass - 1;
    queue_add(queue, gang);
}

static void take_out(struct gang **items, uint32_t *count, const struct gang *gang)
{
    for (uint32_t i = 0; i < *count; i++) {
        if (items[i] == gang) {
            memmove(&items[i], &items[i + 1], (*count - i - 1) * sizeof(struct gang *));
            --*count;
            return;
        }
    }
}

void queue_remove(struct queue *queue, struct gang *gang)
{
    if (gang->queued == GANG_QUEUED) {
        take_out(queue->items, &queue->count, gang);
    } else if (gang->queued == GANG_QUEUED_LATER) {
        take_out(queue->later, &queue->later_count, gang);
    } else if (gang->queued == GANG_PARKED) {
        unpark(queue, gang);
    }
    gang->queued = GANG_NOT_QUEUED;
}

static void begin_pass(struct queue *queue)
{
    struct queue before = *queue;
    queue->items = before.later;
    queue->count = before.later_count;
    queue->room = before.later_room;
    queue->later = before.items;
    queue->later_count = 0;
    queue->later_room = before.room;
    queue->sorted = false;
    queue->pass++;
    for (uint32_t i = 0; i < queue->count; i++) {
        queue->items[i]->queued = GANG_QUEUED;
    }
}

struct gang *queue_take(struct queue *queue)
{
    if (queue->count == 0) {
        begin_pass(queue);
        return NULL;
    }
    if (!queue->sorted) {
        sort(queue);
    }
    queue->sorted = true;
    struct gang *gang = queue->items[--queue->count];
    gang->queued = GANG_NOT_QUEUED;
    gang->tried_pass = queue->pass;
    take_turn(queue, gang);
    return gang;
}

bool queue_empty(const struct queue *queue)
{
    return queue->count == 0 && queue->later_count == 0;
}

/* ---- checkpoint ---- */

void queue_checkpoint_gang(const struct gangs *gangs, struct gang **gang,
                           struct checkpoint *checkpoint)
{
    uint32_t place = 0;
    if (!checkpoint->loading) {
        const struct gang *key = *gang;
        struct gang *const *found =
            bsearch(&key, gangs->items, gangs->count, sizeof(struct gang *), gang_compare);
        err_require(found != NULL);
        place = (uint32_t)(found - gangs->items);
    }
    checkpoint_place(checkpoint, &place, gangs->count);
    if (checkpoint->loading) {
        *gang = checkpoint->failed ? NULL : gangs->items[place];
    }
}

/* One of the two arrays. */
static void code_items(struct gang ***items, uint32_t *count, size_t *room, enum gang_queued queued,
                       const struct gangs *gangs, struct checkpoint *checkpoint)
{
    uint32_t wanted = *count;
    checkpoint_count(checkpoint, &wanted, gangs->count);
    if (checkpoint->loading) {
        *items = alloc_grow(*items, room, wanted, sizeof(struct gang *));
    }
    for (uint32_t i = 0; i < wanted && !checkpoint->failed; i++) {
        queue_checkpoint_gang(gangs, &(*items)[i], checkpoint);
        if (checkpoint->loading &&
            checkpoint_check(checkpoint,
                             !checkpoint->failed && (*items)[i] != NULL &&
                                 (*items)[i]->queued == GANG_NOT_QUEUED,
                             "a gang that is queued twice") &&
            (*items)[i] != NULL) {
            (*items)[i]->queued = queued;
            *count = i + 1;
        }
    }
}

/* Those that are parked, tenant by tenant, in their order there. */
static void save_parked(const struct gangs *gangs, struct checkpoint *checkpoint)
{
    const struct tenant *before = NULL;
    for (uint32_t i = 0; i < gangs->count; i++) {
        const struct tenant *tenant = gangs->items[i]->tenant;
        for (struct gang *gang = tenant != before ? tenant->parked : NULL; gang != NULL;
             gang = gang->park_next) {
            queue_checkpoint_gang(gangs, &gang, checkpoint);
        }
        before = tenant;
    }
}

static void code_parked(struct queue *queue, const struct gangs *gangs,
                        struct checkpoint *checkpoint)
{
    uint32_t count = queue->parked;
    checkpoint_count(checkpoint, &count, gangs->count);
    if (!checkpoint->loading) {
        save_parked(gangs, checkpoint);
        return;
    }
    for (uint32_t i = 0; i < count && !checkpoint->failed; i++) {
        struct gang *gang = NULL;
        queue_checkpoint_gang(gangs, &gang, checkpoint);
        if (checkpoint_check(checkpoint, gang != NULL && gang->queued == GANG_NOT_QUEUED,
                             "a gang that is parked twice") &&
            gang != NULL) {
            queue_park(queue, gang);
        }
    }
}

void queue_checkpoint(struct queue *queue, const struct gangs *gangs, struct checkpoint *checkpoint)
{
    checkpoint_section(checkpoint, "queue");
    checkpoint_u64(checkpoint, &queue->pass);
    checkpoint_u64(checkpoint, &queue->turn);
    checkpoint_bool(checkpoint, &queue->sorted);
    code_items(&queue->items, &queue->count, &queue->room, GANG_QUEUED, gangs, checkpoint);
    code_items(&queue->later, &queue->later_count, &queue->later_room, GANG_QUEUED_LATER, gangs,
               checkpoint);
    code_parked(queue, gangs, checkpoint);
}
