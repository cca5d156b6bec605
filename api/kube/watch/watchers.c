// SPDX-License-Identifier: Apache-2.0
#include "api/kube/watch/watchers.h"

#include <stdlib.h>
#include <string.h>

#include "api/base/clock.h"
#include "topology/base/alloc.h"

/* A reflector says what it wants to ask and when; the client asks. Here the two meet: one request
 * at a time for each kind, whose bytes go to its reflector, and what that makes of them into the
 * batch of the turn.
 */

#define HOLD_BACK_MS 20

struct watcher {
    struct watchers *watchers;
    struct reflector *reflector;
    struct client_call *call; /* NULL: no request under way */
};

struct watchers {
    struct client *client;
    struct kube_batch *batch; /* of the turn */
    bool compress;
    struct watcher kinds[REFLECTOR_KINDS];
};

struct watchers *watchers_create(const struct watchers_options *options)
{
    struct watchers *watchers = alloc_zero(1, sizeof *watchers);
    watchers->client = options->client;
    watchers->compress = options->compress;
    for (int i = 0; i < REFLECTOR_KINDS; i++) {
        struct watcher *watcher = &watchers->kinds[i];
        watcher->watchers = watchers;
        watcher->reflector = reflector_create((enum reflector_kind)i, options->seed, options->log);
        reflector_remark(watcher->reflector, options->remarks);
        if (options->stream_lists) {
            reflector_stream(watcher->reflector);
        }
    }
    return watchers;
}

void watchers_destroy(struct watchers *watchers)
{
    if (watchers == NULL) {
        return;
    }
    for (size_t i = 0; i < REFLECTOR_KINDS; i++) {
        reflector_destroy(watchers->kinds[i].reflector);
    }
    free(watchers);
}

static void take_status(void *context, int status, int64_t retry_after_ms)
{
    struct watcher *watcher = context;
    reflector_status(watcher->reflector, clock_ms(), status, retry_after_ms);
}

static int take_data(void *context, const char *bytes, size_t length, struct err *err)
{
    struct watcher *watcher = context;
    return reflector_data(watcher->reflector, clock_ms(), bytes, length, watcher->watchers->batch,
                          err);
}

static void call_done(void *context, int status, const char *error)
{
    struct watcher *watcher = context;
    (void)status;
    watcher->call = NULL;
    reflector_done(watcher->reflector, clock_ms(), error, watcher->watchers->batch);
}

/* The API server compresses no watch, and what stands between might hold its lines back. */
static bool is_watch(const char *target)
{
    return strstr(target, "watch=true") != NULL;
}

static void end_call(struct watcher *watcher)
{
    if (watcher->call != NULL) {
        client_cancel(watcher->watchers->client, watcher->call);
        watcher->call = NULL;
    }
}

static int64_t run(struct watcher *watcher, bool hold_back)
{
    struct watchers *watchers = watcher->watchers;
    int64_t now = clock_ms();
    if (watcher->call != NULL && reflector_stalled(watcher->reflector, now)) {
        end_call(watcher);
        reflector_done(watcher->reflector, now, "the server fell silent", watchers->batch);
    }
    if (hold_back && watcher->call == NULL) {
        return now + HOLD_BACK_MS;
    }
    const char *target = reflector_next(watcher->reflector, now);
    if (target != NULL) {
        watcher->call = client_start(watchers->client,
                                     &(struct client_request){
                                         .method = "GET",
                                         .target = target,
                                         .compressed = watchers->compress && !is_watch(target),
                                         .status = take_status,
                                         .data = take_data,
                                         .done = call_done,
                                         .context = watcher,
                                     });
    }
    return reflector_deadline(watcher->reflector);
}

int64_t watchers_run(struct watchers *watchers, struct kube_batch *batch, bool hold_back)
{
    int64_t wake = INT64_MAX;
    watchers->batch = batch;
    for (size_t i = 0; i < REFLECTOR_KINDS; i++) {
        int64_t due = run(&watchers->kinds[i], hold_back);
        wake = due < wake ? due : wake;
    }
    return wake;
}

void watchers_stop(struct watchers *watchers)
{
    for (size_t i = 0; i < REFLECTOR_KINDS; i++) {
        end_call(&watchers->kinds[i]);
    }
}

bool watchers_synced(const struct watchers *watchers)
{
    for (size_t i = 0; i < REFLECTOR_KINDS; i++) {
        if (!reflector_synced(watchers->kinds[i].reflector)) {
            return false;
        }
    }
    return true;
}

bool watchers_current(const struct watchers *watchers)
{
    int64_t now = clock_ms();
    for (int i = 0; i < REFLECTOR_KINDS; i++) {
        if (i != REFLECTOR_SLICES && !reflector_current(watchers->kinds[i].reflector, now)) {
            return false;
        }
    }
    return true;
}

const struct reflector *watchers_reflector(const struct watchers *watchers,
                                           enum reflector_kind kind)
{
    return watchers->kinds[kind].reflector;
}
