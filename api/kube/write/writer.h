// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_WRITE_WRITER_H
#define API_KUBE_WRITE_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "api/kube/client/client.h"
#include "api/kube/client/kube_log.h"
#include "api/kube/write/write.h"
#include "scheduler/event.h"

/* Carries out writes: many at once but not too many, again when the server could not, and with a
 * verdict at the end.
 *
 *   bindings     ─▶ ┐                         ┌ done, gone, refused ─────────▶ outcome()
 *   nominations¹ ─▶ ├ first come, in this     ├ could not: wait, try again
 *   events       ─▶ ┘ order of importance ───▶┤ … for longer than patience ─▶ look ─▶ outcome()
 *                     up to `in_flight`       └ unclear conflict ──────────▶ look ─▶ outcome()
 *
 * (To look is to GET the pod and see what became of its binding. ¹ And explanations and evictions.)
 *
 * - A binding or nomination gets exactly one outcome, save for a nomination that a newer one for
 *   the same pod, or the pod's binding, overtakes before it was sent: it is dropped without a
 *   word. The same holds for explanations and evictions, which have no outcome at all. Two
 *   nominations for one pod are never under way together, so the newest wins.
 * - A binding whose answer was lost is repeated; that it already took place shows in the answer.
 *   When patience is at an end, the pod is looked at before the outcome is WRITE_UNKNOWN.
 * - Events are best effort: at most WRITER_EVENTS_MAX wait, then the oldest is dropped and
 *   counted as failed.
 * - Who may not write any more (the lease is lost) abandons: no request of a write leaves this
 *   process afterwards.
 *
 * One thread, that of the client.
 */

#define WRITER_EVENTS_MAX 1000

enum writer_class { WRITER_BINDINGS, WRITER_NOMINATIONS, WRITER_EVENTS };
#define WRITER_CLASSES 3

struct writer;

struct writer_options {
    struct client *client; /* *borrowed* */
    uint32_t in_flight;
    bool steer_by_annotation; /* see write.h */
    int64_t patience_ms;
    uint64_t seed; /* spreads the times of attempts */
    struct kube_log log;
    /* type: EVENT_BINDING_DONE or EVENT_NOMINATION_DONE; texts are *borrowed* for the call. */
    void (*outcome)(void *context, enum event_type type, const struct write_done_event *done);
    void *context;
};

struct writer_figures {
    uint64_t done[WRITER_CLASSES];
    uint64_t failed[WRITER_CLASSES];
    uint64_t retries;
    uint64_t late;    /* not sent because of the fence */
    uint32_t waiting; /* not finished, under way or not */
};

struct writer *writer_create(const struct writer_options *options);
/* What is not finished ends without an outcome. */
void writer_destroy(struct writer *writer);

/* *Steals* the write. It starts in writer_pump(). */
void writer_submit(struct writer *writer, struct write *write);
/* Drops what waits and breaks off what is under way, at once. Every binding and nomination still
 * gets its outcome: WRITE_REFUSED for a binding that was never sent, WRITE_UNKNOWN for what may
 * have happened. */
void writer_abandon(struct writer *writer, const char *why);
/* Whether something could start at `now` (clock_ms()) if it were let. */
bool writer_wants(struct writer *writer, int64_t now);
/* Starts what may start at `now`. No request of it is sent at or after `fence`, on
 * clock_lease_ms(); what comes too late waits for the next time. 0: no such limit. */
void writer_pump(struct writer *writer, int64_t now, int64_t fence);
/* When to pump next if nothing else happens, INT64_MAX for never. */
int64_t writer_deadline(const struct writer *writer);

bool writer_idle(const struct writer *writer); /* nothing left */
void writer_figures(const struct writer *writer, struct writer_figures *figures);

#endif
