// SPDX-License-Identifier: Apache-2.0
#include "scheduler/policy/queue.h"

#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"

/* A sorted array over the table of gangs. `sequence` is unique, so the order is total. */

void queue_init(struct queue *queue)
{
    memset(queue, 0, sizeof(*queue));
}

void queue_finish(struct queue *queue)
{
    free(queue->items);
    memset(queue, 0, sizeof(*queue));
}

bool queue_wants(const struct gang *gang, const struct gang_tally *tally)
{
    int32_t minimum = gang_minimum(gang);
    if (minimum <= 0 || tally->pending == tally->held) {
        return false;
    }
    /* A gang that has begun takes every member it gets; before that it is all or nothing, once. */
    return gang_begun(tally) || (tally->held == 0 && tally->pending >= (uint32_t)minimum);
}

static int compare(const void *left, const void *right)
{
    const struct gang *a = *(struct gang *const *)left, *b = *(struct gang *const *)right;
    bool a_torn = a->state == GANG_COMMITTING, b_torn = b->state == GANG_COMMITTING;
    if (a_torn != b_torn) {
        return a_torn ? -1 : 1; /* its bound members wait for the rest */
    }
    int32_t a_priority = gang_priority(a), b_priority = gang_priority(b);
    if (a_priority != b_priority) {
        return a_priority > b_priority ? -1 : 1;
    }
    if (a->sequence != b->sequence) {
        return a->sequence < b->sequence ? -1 : 1;
    }
    int order = strcmp(a->name_space, b->name_space);
    return order != 0 ? order : strcmp(a->name, b->name);
}

void queue_fill(struct queue *queue, const struct gangs *gangs, int64_t now, uint64_t releases)
{
    queue->count = 0;
    for (uint32_t i = 0; i < gangs->count; i++) {
        struct gang *gang = gangs->items[i];
        if (!gang->wants || gang->not_before > now ||
            (!gang->dirty && gang->tried_at == releases)) {
            continue;
        }
        queue->items =
            alloc_grow(queue->items, &queue->room, (size_t)queue->count + 1, sizeof(struct gang *));
        queue->items[queue->count++] = gang;
    }
    if (queue->count > 1) {
        qsort(queue->items, queue->count, sizeof(struct gang *), compare);
    }
}
