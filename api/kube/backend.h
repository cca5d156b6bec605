// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_BACKEND_H
#define API_KUBE_BACKEND_H

#include <stdbool.h>

#include "api/kube/objects/batch.h"
#include "scheduler/effects.h"

/* Who tells the core of the cluster and carries out its writes: a real API server (io.h) or a
 * cluster in memory. The core calls all of it from its one thread, and nothing here waits.
 */
struct backend {
    void *context;
    int fd; /* readable when take() has something */
    /* Takes a copy of EFFECT_POST_BINDING, EFFECT_NOMINATE, EFFECT_EXPLAIN, EFFECT_EVICT or
     * EFFECT_EVENT; flush() lets it go. */
    void (*submit)(void *context, const struct effect *effect);
    void (*flush)(void *context);
    struct kube_batch *(*take)(void *context); /* *new*, or NULL */
    /* Who shares the cluster with other processes; all NULL where nobody does. */
    void (*called)(void *context);   /* kube-scheduler called this process */
    void (*followed)(void *context); /* an EVENT_FOLLOW and what it caused are through */
    bool (*released)(void *context); /* asks to end leading; true once it has, and all is written */
};

#endif
