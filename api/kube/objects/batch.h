// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_OBJECTS_BATCH_H
#define API_KUBE_OBJECTS_BATCH_H

#include <stddef.h>

#include "scheduler/event.h"
#include "topology/base/arena.h"

/* Events on their way to the core: what one turn of the Kubernetes thread decoded. All strings live
 * in the batch's arena, so a batch changes threads as one pointer. `now` is filled in by the
 * receiver. No JSON crosses.
 */

struct decoded_slice; /* api/kube/objects/decode_slice.h */

struct kube_slice {
    struct decoded_slice *decoded; /* new or changed, also when unreadable; NULL: it is gone */
    const char *gone;              /* its name */
};

struct kube_batch {
    struct kube_batch *next; /* for queues */
    struct arena arena;
    struct event *events;
    size_t count;
    size_t room;
    /* ResourceSlices are of no concern to the engine: they come beside the events and count before
     * all of them. Whoever takes one out leaves NULL. */
    struct kube_slice *slices;
    size_t slice_count;
    size_t slice_room;
};

struct kube_batch *kube_batch_create(void);
void kube_batch_destroy(struct kube_batch *batch);
/* Appends a zeroed event; valid until the next append. */
struct event *kube_batch_append(struct kube_batch *batch, enum event_type type);
/* A ResourceSlice (*stolen*), new or changed; or the name of one that is gone. */
void kube_batch_slice(struct kube_batch *batch, struct decoded_slice *decoded);
void kube_batch_slice_gone(struct kube_batch *batch, const char *name);

#endif
