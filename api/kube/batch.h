// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_BATCH_H
#define API_KUBE_BATCH_H

#include <stddef.h>

#include "scheduler/event.h"
#include "topology/arena.h"

/* Events on their way to the core: what one turn of the Kubernetes thread decoded. All strings live
 * in the batch's arena, so a batch changes threads as one pointer. `now` is filled in by the
 * receiver.
 */
struct kube_batch {
    struct kube_batch *next; /* for queues */
    struct arena arena;
    struct event *events;
    size_t count;
    size_t room;
};

struct kube_batch *kube_batch_create(void);
void kube_batch_destroy(struct kube_batch *batch);
/* Appends a zeroed event; valid until the next append. */
struct event *kube_batch_append(struct kube_batch *batch, enum event_type type);

#endif
