// SPDX-License-Identifier: Apache-2.0
#include "api/kube/batch.h"

#include <stdlib.h>

#include "topology/alloc.h"

/* A growing array of events beside the arena that holds what they point to. Whoever holds the
 * pointer owns the batch; there is never a second one, so there is no lock.
 */

struct kube_batch *kube_batch_create(void)
{
    struct kube_batch *batch = alloc_zero(1, sizeof *batch);
    arena_init(&batch->arena);
    return batch;
}

void kube_batch_destroy(struct kube_batch *batch)
{
    if (batch == NULL) {
        return;
    }
    arena_finish(&batch->arena);
    free(batch->events);
    free(batch);
}

struct event *kube_batch_append(struct kube_batch *batch, enum event_type type)
{
    batch->events =
        alloc_grow(batch->events, &batch->room, batch->count + 1, sizeof *batch->events);
    struct event *event = &batch->events[batch->count++];
    *event = (struct event){.type = type};
    return event;
}
