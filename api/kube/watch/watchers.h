// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_WATCH_WATCHERS_H
#define API_KUBE_WATCH_WATCHERS_H

#include <stdbool.h>
#include <stdint.h>

#include "api/kube/client/client.h"
#include "api/kube/objects/batch.h"
#include "api/kube/watch/reflector.h"

/* The reflectors of all kinds, with their requests on one client. */

struct watchers;

struct watchers_options {
    struct client *client;      /* *borrowed* */
    const struct kube_log *log; /* copied */
    struct remarks *remarks;    /* *borrowed* */
    uint64_t seed;
    bool stream_lists; /* reflector_stream() */
    bool compress;     /* answers to lists may be gzip */
};

struct watchers *watchers_create(const struct watchers_options *options);
/* After the client, which ends their requests. Takes NULL. */
void watchers_destroy(struct watchers *watchers);

/* Starts what is due, ends what is silent; returns when to come again. What they tell goes into
 * `batch`, *borrowed* until the next call. `hold_back`: asks for nothing new for the moment. */
int64_t watchers_run(struct watchers *watchers, struct kube_batch *batch, bool hold_back);
/* Ends their requests; they are not run again. */
void watchers_stop(struct watchers *watchers);

/* Whether every kind's first list is complete. */
bool watchers_synced(const struct watchers *watchers);
/* Whether what they have told is what there is now (reflector_current()), as far as plans need it:
 * of nodes, pods and groups. Slices make plans better, and that is all. */
bool watchers_current(const struct watchers *watchers);

const struct reflector *watchers_reflector(const struct watchers *watchers,
                                           enum reflector_kind kind);

#endif
