// SPDX-License-Identifier: Apache-2.0
#include "api/kube/objects/batch.h"

#include <stdlib.h>

#include "topology/base/alloc.h"

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
    for (size_t i = 0; i < batch->slice_count; i++) {
        json_decref(batch->slices[i].object);
    }
    arena_finish(&batch->arena);
    free(batch->slices);
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

void kube_batch_slice(struct kube_batch *batch, json_t *object, const char *gone)
{
    batch->slices = alloc_grow(batch->slices, &batch->slice_room, batch->slice_count + 1,
                               sizeof *batch->slices);
    batch->slices[batch->slice_count++] = (struct kube_slice){
        .object = json_incref(object),
        .gone = arena_string(&batch->arena, gone),
    };
}
