// SPDX-License-Identifier: Apache-2.0
#include "api/kube/objects/batch.h"

#include <stdlib.h>

#include "api/kube/objects/decode_slice.h"
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
        decoded_slice_destroy(batch->slices[i].decoded);
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

static struct kube_slice *append_slice(struct kube_batch *batch)
{
    batch->slices = alloc_grow(batch->slices, &batch->slice_room, batch->slice_count + 1,
                               sizeof *batch->slices);
    return &batch->slices[batch->slice_count++];
}

void kube_batch_slice(struct kube_batch *batch, struct decoded_slice *decoded)
{
    *append_slice(batch) = (struct kube_slice){.decoded = decoded};
}

void kube_batch_slice_gone(struct kube_batch *batch, const char *name)
{
    *append_slice(batch) = (struct kube_slice){.gone = arena_string(&batch->arena, name)};
}
