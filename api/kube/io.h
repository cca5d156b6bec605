// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_IO_H
#define API_KUBE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/kube/backend.h"
#include "api/kube/client/access.h"
#include "api/kube/lease/election.h"
#include "api/kube/objects/batch.h"
#include "api/kube/watch/health.h"
#include "scheduler/effects.h"
#include "topology/base/err.h"

/* The Kubernetes side of the daemon: one thread that lists and watches nodes, pods and pod groups,
 * and carries out the writes it is given. It shares nothing with the core but two mailboxes.
 *
 *   core thread                                 kubernetes thread
 *   kube_io_submit(), kube_io_flush() ──writes──▶  libcurl multi ──▶ API server
 *   kube_io_fd() readable, kube_io_take() ◀──events──  reflectors, outcomes
 *
 * Events are those of scheduler/event.h: EVENT_NODE … EVENT_GROUP_GONE from the watches (a relist
 * is a diff: what vanished while the watch was away arrives as _GONE), one EVENT_SYNCED when the
 * first list of every kind has been delivered, EVENT_BINDING_DONE for every binding, and
 * EVENT_NOMINATION_DONE for every nomination that no later write for its pod overtook
 * (write/writer.h). An object that cannot be decoded costs itself: it is counted, logged by name
 * and in the status until it can be (watch/items.h).
 *
 * With a lease this process shares the cluster with others, of which one leads. EVENT_FOLLOW is
 * the very first event then, and EVENT_LEAD and EVENT_FOLLOW take turns from there on. Writes are
 * carried out only between the two, and each flight of them begins with a look at the Lease
 * (docs/failover.md); one that is handed in at another time, or is not finished when
 * the lease is lost, gets its outcome without having been sent (writer_abandon()). After every
 * EVENT_FOLLOW the core calls kube_io_followed(); before that this process does not lead again.
 */

struct kube_io;

struct kube_io_options {
    const struct kube_access *access; /* copied */
    uint32_t writes_in_flight;        /* connections for writes, e.g. 64 */
    bool steer_by_annotation;         /* see write/write.h */
    bool stream_lists;                /* reflector_stream() */
    bool compress;                    /* answers to lists may be gzip */
    int64_t write_patience_ms;        /* retry a write that long before WRITE_UNKNOWN */
    const char *const *schedulers;    /* names that are served, copied; see remarks.h */
    size_t scheduler_count;
    const struct election_options
        *election; /* copied; NULL: nobody else is there, this process leads */
    /* Called on the Kubernetes thread with one finished sentence; must be thread-safe. Level: 0
     * debug, 1 info, 2 warning, 3 error. */
    void (*log)(void *context, int level, const char *message);
    void *log_context;
};

#define KUBE_IO_WATCHES 4 /* nodes, pods, groups, resource slices */

struct kube_io_status {
    bool synced[KUBE_IO_WATCHES];
    int64_t silence_ms[KUBE_IO_WATCHES]; /* since it last said anything (bookmarks count) */
    uint64_t watch_restarts[KUBE_IO_WATCHES];
    uint64_t objects_skipped[KUBE_IO_WATCHES]; /* not decodable */
    struct watch_health watches[KUBE_IO_WATCHES];
    uint64_t writes_done[3]; /* bindings, nominations, events */
    uint64_t writes_failed[3];
    uint64_t write_retries;
    uint64_t requests_unauthorized;    /* 401 answers */
    char access_trouble[ERR_TEXT_MAX]; /* client_trouble() */
    uint32_t writes_waiting;
    bool shared;                     /* there is a lease; else the rest means nothing */
    bool leading;                    /* and EVENT_FOLLOW is not on its way */
    uint64_t lease_changes;          /* times that changed */
    bool sees_holder;                /* is connected to its process; always false while leading */
    char holder[LEASE_IDENTITY_MAX]; /* of the lease, as far as is known; "" for nobody */
};

/* Starts the thread; does not wait for the API server, which may come later. */
int kube_io_create(const struct kube_io_options *options, struct kube_io **io, struct err *err);

/* Gives pending writes up to `grace_ms`, ends the thread, frees all. Takes NULL. */
void kube_io_destroy(struct kube_io *io, int64_t grace_ms);

int kube_io_fd(const struct kube_io *io);
/* The oldest batch (*new*), or NULL. Clears the fd when none is left. */
struct kube_batch *kube_io_take(struct kube_io *io);

/* Queues EFFECT_POST_BINDING, EFFECT_NOMINATE, EFFECT_EXPLAIN or EFFECT_EVENT (copied); flush hands
 * them over. */
void kube_io_submit(struct kube_io *io, const struct effect *effect);
void kube_io_flush(struct kube_io *io);

/* kube-scheduler has called: the process it calls is the one that should lead. */
void kube_io_called(struct kube_io *io);
/* EVENT_FOLLOW has been applied; what was submitted before it has been handed over. */
void kube_io_followed(struct kube_io *io);
/* For a process that is about to end, when it has nothing more to submit: finishes the writes, then
 * gives the lease back. Returns whether all that is done; to be asked again until it is. */
bool kube_io_released(struct kube_io *io);

/* The functions above as the core knows them. */
struct backend kube_io_backend(struct kube_io *io);

void kube_io_status(const struct kube_io *io, struct kube_io_status *status);

#endif
