// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_WATCH_REFLECTOR_H
#define API_KUBE_WATCH_REFLECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "api/kube/client/kube_log.h"
#include "api/kube/objects/batch.h"
#include "api/kube/objects/remarks.h"
#include "topology/base/err.h"

/* List and watch of one kind of object, as a state machine without a socket or a clock.
 *
 *   ┌─ wait ─▶ LIST ─▶ page, page, … ─▶ WATCH ─▶ line, line, … ─┐
 *   │           ▲                         ▲                     │ the server ended it:
 *   │           │                         └─────────────────────┤ from the last version
 *   │           └───────────────────────────────────────────────┤ 410 Gone: everything again
 *   └───────────────────────────────────────────────────────────┘ any failure: wait longer
 *
 * The caller moves bytes: it starts the request that reflector_next() names, tells status, data
 * and end, and gets the events in its batch. It follows client-go's tools/cache/reflector.go
 * where the two can be compared: pages of 500, bookmarks, watches of 5 to 10 minutes, 0.8 s
 * doubled between failures and as much again by chance (but up to 5 s, not 30), forgotten after
 * 2 minutes without one.
 *
 * - A list is applied as a difference: what is unchanged by uid and resourceVersion is passed
 *   over, what is missing arrives as _GONE. A pod that came back under the same name with another
 *   uid is first gone.
 * - An object that cannot be decoded costs itself: items.h.
 * - PodGroups may not exist as a kind: 404 is an empty list, asked for again every 30 s. So may
 *   ResourceSlices (resource.k8s.io/v1, Kubernetes 1.34); and who may not read them (403) does
 *   without.
 * - ResourceSlices make no events: they go into the batch as they are, good or bad.
 * - A watch that heard nothing for 90 s is dead (reflector_stalled()), for bookmarks come about
 *   every minute: another one is asked for at once. Where a server sends none, that costs a request
 *   each time, and no more.
 * - However often the server says that everything has to be listed again, there is a pause between
 *   two lists, four times as long as the last one took; and pages that do not end are a failure.
 * - One that ended in its time without even a bookmark is suspect, as when etcd was restored from
 *   a backup: list again.
 */

enum reflector_kind { REFLECTOR_NODES, REFLECTOR_PODS, REFLECTOR_GROUPS, REFLECTOR_SLICES };
#define REFLECTOR_KINDS 4

struct reflector;

/* `seed` spreads times; equal seeds give equal requests. */
struct reflector *reflector_create(enum reflector_kind kind, uint64_t seed,
                                   const struct kube_log *log);
/* Who is told of what is not meant so in pods and groups: *borrowed*; NULL, as at first: nobody. */
void reflector_remark(struct reflector *reflector, struct remarks *remarks);
/* To be called at first: the list is asked for as a stream of events (KEP-3157: Kubernetes 1.32 and
 * later), which costs the server less, and in pages where it does not know that. */
void reflector_stream(struct reflector *reflector);
void reflector_destroy(struct reflector *reflector);

/* The request to start now (path and query, *borrowed* until the next call), or NULL when one
 * is under way or it is too early. Each must be ended by reflector_done(). `now` is in
 * milliseconds and does not go back. */
const char *reflector_next(struct reflector *reflector, int64_t now);

/* When to call next: for reflector_next(), or for reflector_stalled(). */
int64_t reflector_deadline(const struct reflector *reflector);

/* The request under way is silent for too long: abort it and call reflector_done(). */
bool reflector_stalled(const struct reflector *reflector, int64_t now);

/* The answer's status, before its data. retry_after_ms: what the server asked for, or 0. */
void reflector_status(struct reflector *reflector, int64_t now, int status, int64_t retry_after_ms);

/* Part of the answer's body. -1: abort the request, then call reflector_done(). */
int reflector_data(struct reflector *reflector, int64_t now, const char *bytes, size_t length,
                   struct kube_batch *batch, struct err *err);

/* The request is over. `error` is NULL when the answer came to its proper end. */
void reflector_done(struct reflector *reflector, int64_t now, const char *error,
                    struct kube_batch *batch);

bool reflector_synced(const struct reflector *reflector); /* a first list is complete */
/* Whether what it has told is what there is now, as far as can be seen: its watch was accepted, and
 * has said something within the time that is. Not while it lists again. */
bool reflector_current(const struct reflector *reflector, int64_t now);
/* When something good last came of what the server said, -1 for never: a complete list, a line of
 * the watch. That a watch was accepted is nothing yet. */
int64_t reflector_heard(const struct reflector *reflector);
/* For how long nothing has worked, -1: it does. A list or watch has failed, and since then no watch
 * has said anything or stayed open for a few seconds. */
int64_t reflector_failing(const struct reflector *reflector, int64_t now);
const char *reflector_trouble(const struct reflector *reflector); /* its last failure, in words */
uint64_t reflector_failures(const struct reflector *reflector);   /* of lists and watches */
uint64_t reflector_lists(const struct reflector *reflector);      /* begun */
uint64_t reflector_restarts(const struct reflector *reflector);   /* watches after the first */
uint64_t reflector_skipped(const struct reflector *reflector);
/* What became of the objects: *borrowed*. */
struct items;
const struct items *reflector_items(const struct reflector *reflector);

#endif
