// SPDX-License-Identifier: Apache-2.0
#include "api/kube/watch/reflector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/kube/client/backoff.h"
#include "api/kube/client/query.h"
#include "api/kube/client/status.h"
#include "api/kube/watch/answer.h"
#include "api/kube/watch/inventory.h"
#include "api/kube/watch/items.h"
#include "topology/base/alloc.h"

/* Two facts describe where it stands: `phase`, what is asked for next or right now, and `active`,
 * whether a request is under way. While none is, `wake` says when the next one may start.
 *
 * How an answer ended is judged in one place, reflector_done(), from what is known of it
 * (answer.h); nothing is decided while bytes are still coming, but that a stream has shown all.
 *
 * Invariants: `version` is the resourceVersion up to which every change has been handed out; a list
 * that failed half-way leaves marks of its own number behind, which mean nothing to the next one.
 *
 * Whether it works is judged by what comes out of it, not by what the server accepts: a watch that
 * is accepted and breaks at once, again and again, is failing all the time, and silent.
 *
 * Listing is what costs the server most, so there is a limit to how often everything is listed,
 * whatever it answers: a list is followed by a pause of four times its length, and where one
 * follows another within two minutes, by the usual backoff, too.
 */

#define PAGE_SIZE           500
#define BACKOFF_INITIAL_MS  800
#define BACKOFF_MAXIMUM_MS  5000   /* without its API server a scheduler has nothing better to do */
#define HEALTHY_MS          120000 /* without a failure: backoff starts anew */
#define MISSING_RETRY_MS    30000
#define ANSWER_SILENCE_MS   60000 /* of a list, or before a watch is accepted */
#define WATCH_SILENCE_MS    90000 /* bookmarks come about every minute */
#define SILENT_WATCHES_MAX  3     /* without a line, in a row, before listing again */
#define WATCH_MINIMUM_S     300   /* and as much again by chance */
#define SHORT_WATCH_MS      1000
#define SUSPECT_WATCH_MS    60000
#define REFUSED_WATCHES_MAX 3 /* answers other than 200 in a row before listing again */
#define RETRY_AFTER_MAX_MS  120000
#define SETTLED_MS          5000 /* a watch that has been open for so long is one */
#define PAGES_MAX           (2 * INVENTORY_MAX / PAGE_SIZE)
#define REST_MAX_MS         60000 /* between two lists */
#define LISTS_AT_ONCE       2     /* may follow each other without backoff */
#define STREAMS_MAX         3     /* that fail in a row before pages are asked for instead */

/* PHASE_STREAM: a watch that begins with the list (KEP-3157). */
enum phase { PHASE_LIST, PHASE_STREAM, PHASE_WATCH };

struct kind {
    const char *name;
    const char *path;
};

static const struct kind KINDS[REFLECTOR_KINDS] = {
    [REFLECTOR_NODES] = {"nodes", "/api/v1/nodes"},
    [REFLECTOR_PODS] = {"pods", "/api/v1/pods"},
    [REFLECTOR_GROUPS] = {"podgroups", "/apis/scheduling.x-k8s.io/v1alpha1/podgroups"},
    [REFLECTOR_SLICES] = {"resourceslices", "/apis/resource.k8s.io/v1/resourceslices"},
};

struct reflector {
    enum reflector_kind id;
    const struct kind *kind;
    struct kube_log log;
    enum phase phase;
    bool active;
    int64_t wake;
    char *target; /* of the request under way or the last one */
    char *version;
    char *resume; /* of the next page, "" for the first */
    struct items *items;

    struct answer answer; /* the one under way, or the last */
    int64_t timeout_ms;   /* asked of the watch */
    bool fresh;           /* the version is that of a list, no watch has been tried on it */
    bool streams;         /* the list is asked for as a stream */
    unsigned bad_streams; /* in a row */

    /* the list under way, or the last */
    unsigned pages;
    int64_t list_began;
    int64_t list_rest; /* not before that */
    int64_t listed;    /* when it was complete; -1: never */
    unsigned relists;  /* in a row, each soon after the one before */
    uint64_t lists;

    /* failures */
    struct backoff backoff;
    unsigned refused_watches;
    char logged[ERR_TEXT_MAX]; /* last problem logged, "" when all is well */
    bool missing;              /* the kind does not exist */
    unsigned silent_watches;   /* that were given up without a line, in a row */
    bool broke;                /* the last watch was accepted and failed before it had settled */
    int64_t failing;           /* since when nothing has worked; -1: it does */
    uint64_t failures;

    bool synced;
    bool watched;
    int64_t heard;
    uint64_t restarts;
};

struct reflector *reflector_create(enum reflector_kind kind, uint64_t seed,
                                   const struct kube_log *log)
{
    struct reflector *reflector = alloc_zero(1, sizeof *reflector);
    reflector->id = kind;
    reflector->kind = &KINDS[kind];
    reflector->log = *log;
    backoff_init(&reflector->backoff, BACKOFF_INITIAL_MS, BACKOFF_MAXIMUM_MS, HEALTHY_MS,
                 seed + (uint64_t)kind);
    reflector->version = alloc_string("");
    reflector->resume = alloc_string("");
    reflector->items = items_create(kind, log);
    answer_init(&reflector->answer, reflector->items);
    reflector->listed = -1;
    reflector->heard = -1;
    reflector->failing = -1;
    return reflector;
}

void reflector_remark(struct reflector *reflector, struct remarks *remarks)
{
    items_remark(reflector->items, remarks);
}

void reflector_stream(struct reflector *reflector)
{
    reflector->streams = true;
    reflector->phase = PHASE_STREAM;
}

void reflector_destroy(struct reflector *reflector)
{
    if (reflector == NULL) {
        return;
    }
    free(reflector->target);
    free(reflector->version);
    free(reflector->resume);
    items_destroy(reflector->items);
    answer_finish(&reflector->answer);
    free(reflector);
}

bool reflector_synced(const struct reflector *reflector)
{
    return reflector->synced;
}

int64_t reflector_heard(const struct reflector *reflector)
{
    return reflector->heard;
}

uint64_t reflector_restarts(const struct reflector *reflector)
{
    return reflector->restarts;
}

uint64_t reflector_skipped(const struct reflector *reflector)
{
    return items_skipped(reflector->items);
}

const struct items *reflector_items(const struct reflector *reflector)
{
    return reflector->items;
}

uint64_t reflector_lists(const struct reflector *reflector)
{
    return reflector->lists;
}

uint64_t reflector_failures(const struct reflector *reflector)
{
    return reflector->failures;
}

/* Whether the watch under way is one: something came of it, or it has stayed open for a while. */
static bool is_settled(const struct reflector *reflector, int64_t now)
{
    return reflector->phase == PHASE_WATCH && reflector->answer.status == 200 &&
           (reflector->answer.lines > 0 || now - reflector->answer.started >= SETTLED_MS);
}

int64_t reflector_failing(const struct reflector *reflector, int64_t now)
{
    bool works = reflector->active && is_settled(reflector, now);
    return reflector->failing < 0 || works ? -1 : now - reflector->failing;
}

const char *reflector_trouble(const struct reflector *reflector)
{
    return reflector->logged;
}

static void set_text(char **text, const char *by)
{
    char *copy = alloc_string(by);
    free(*text);
    *text = copy;
}

static void make_target(struct reflector *reflector)
{
    bool list = reflector->phase == PHASE_LIST;
    const char *path = reflector->kind->path;
    char *escaped = query_escape(list ? reflector->resume : reflector->version);
    size_t room = strlen(path) + strlen(escaped) + 192;
    long long seconds = reflector->timeout_ms / 1000;
    free(reflector->target);
    reflector->target = alloc_zero(room, 1);
    if (list) {
        (void)snprintf(reflector->target, room, "%s?limit=%d%s%s", path, PAGE_SIZE,
                       *escaped == '\0' ? "" : "&continue=", escaped);
    } else if (reflector->phase == PHASE_STREAM) {
        (void)snprintf(reflector->target, room,
                       "%s?watch=true&allowWatchBookmarks=true&timeoutSeconds=%lld&"
                       "sendInitialEvents=true&resourceVersionMatch=NotOlderThan",
                       path, seconds);
    } else {
        (void)snprintf(
            reflector->target, room,
            "%s?watch=true&allowWatchBookmarks=true&timeoutSeconds=%lld&resourceVersion=%s", path,
            seconds, escaped);
    }
    free(escaped);
}

static void begin_list(struct reflector *reflector, int64_t now)
{
    items_begin(reflector->items);
    reflector->pages = 0;
    reflector->list_began = now;
    reflector->lists++;
}

static void count_watch(struct reflector *reflector)
{
    reflector->restarts += reflector->watched;
    reflector->watched = true;
}

const char *reflector_next(struct reflector *reflector, int64_t now)
{
    if (reflector->active || now < reflector->wake) {
        return NULL;
    }
    if (reflector->phase == PHASE_STREAM ||
        (reflector->phase == PHASE_LIST && reflector->resume[0] == '\0')) {
        begin_list(reflector, now);
    }
    if (reflector->phase != PHASE_LIST) {
        reflector->timeout_ms =
            1000 * (WATCH_MINIMUM_S + backoff_draw(&reflector->backoff, WATCH_MINIMUM_S + 1));
    }
    if (reflector->phase == PHASE_WATCH) {
        count_watch(reflector);
    }
    make_target(reflector);
    reflector->active = true;
    answer_begin(&reflector->answer, now);
    return reflector->target;
}

static int64_t stall_time(const struct reflector *reflector)
{
    bool watching = reflector->phase == PHASE_WATCH && reflector->answer.status == 200;
    return reflector->answer.last_byte + (watching ? WATCH_SILENCE_MS : ANSWER_SILENCE_MS);
}

int64_t reflector_deadline(const struct reflector *reflector)
{
    return reflector->active ? stall_time(reflector) : reflector->wake;
}

bool reflector_stalled(const struct reflector *reflector, int64_t now)
{
    return reflector->active && now >= stall_time(reflector);
}

bool reflector_current(const struct reflector *reflector, int64_t now)
{
    if (reflector->missing) {
        return now - reflector->heard < MISSING_RETRY_MS + ANSWER_SILENCE_MS;
    }
    return reflector->active && reflector->phase == PHASE_WATCH &&
           reflector->answer.status == 200 && now < stall_time(reflector);
}

static void recovered(struct reflector *reflector)
{
    reflector->refused_watches = 0;
    if (reflector->missing) {
        kube_log(&reflector->log, KUBE_LOG_INFO, "%s: the kind exists now", reflector->kind->name);
        reflector->missing = false;
    }
    if (reflector->logged[0] != '\0') {
        kube_log(&reflector->log, KUBE_LOG_INFO, "%s: watching again", reflector->kind->name);
        reflector->logged[0] = '\0';
    }
}

void reflector_status(struct reflector *reflector, int64_t now, int status, int64_t retry_after_ms)
{
    answer_status(&reflector->answer, now, reflector->phase != PHASE_LIST, status, retry_after_ms);
    if (status == 200 && reflector->phase == PHASE_WATCH && !reflector->broke) {
        recovered(reflector);
    }
}

static void finish_list(struct reflector *reflector, int64_t now, struct kube_batch *batch);

int reflector_data(struct reflector *reflector, int64_t now, const char *bytes, size_t length,
                   struct kube_batch *batch, struct err *err)
{
    struct answer *answer = &reflector->answer;
    uint64_t lines = answer->lines;
    int result = answer_data(answer, now, bytes, length, batch, err);
    if (answer->lines > lines) {
        reflector->heard = now;
        reflector->silent_watches = 0;
        if (answer->version[0] != '\0') {
            set_text(&reflector->version, answer->version);
        }
        if (reflector->phase == PHASE_STREAM && answer->initial_end) {
            finish_list(reflector, now, batch);
            count_watch(reflector);
            reflector->bad_streams = 0;
            reflector->phase = PHASE_WATCH;
        }
        if (reflector->phase == PHASE_WATCH) {
            recovered(reflector);
        }
    }
    bool foreign = reflector->phase == PHASE_STREAM && answer->bookmarked;
    return !foreign || result != 0 ? result : err_set(err, "the server does not stream lists");
}

/* Waits before the next request, longer each time, and says why once. */
static void back_off(struct reflector *reflector, int64_t now, const char *why)
{
    const struct answer *answer = &reflector->answer;
    int64_t asked =
        answer->retry_after_ms < RETRY_AFTER_MAX_MS ? answer->retry_after_ms : RETRY_AFTER_MAX_MS;
    reflector->broke =
        reflector->phase == PHASE_WATCH && answer->status == 200 && !is_settled(reflector, now);
    reflector->failing = reflector->failing < 0 ? now : reflector->failing;
    reflector->failures++;
    reflector->wake = now + backoff_delay(&reflector->backoff, now, asked);
    struct err text;
    err_set(&text, "%s: %s failed: %s", reflector->kind->name,
            reflector->phase == PHASE_WATCH ? "watch" : "list", why);
    if (strcmp(text.text, reflector->logged) != 0) {
        kube_log(&reflector->log, KUBE_LOG_WARNING, "%s; trying again", text.text);
        memcpy(reflector->logged, text.text, sizeof text.text);
    }
}

/* Everything anew, not before `earliest` and not in a storm. */
static void list_again(struct reflector *reflector, int64_t now, int64_t earliest)
{
    bool soon = reflector->listed >= 0 && now - reflector->listed < HEALTHY_MS;
    reflector->relists = soon ? reflector->relists + 1 : 0;
    if (reflector->relists > LISTS_AT_ONCE && earliest <= now) {
        earliest = now + backoff_delay(&reflector->backoff, now, 0);
    }
    reflector->phase = reflector->streams ? PHASE_STREAM : PHASE_LIST;
    set_text(&reflector->resume, "");
    reflector->wake = earliest > reflector->list_rest ? earliest : reflector->list_rest;
}

/* Everything the list showed is in; what it did not show is gone. */
static void finish_list(struct reflector *reflector, int64_t now, struct kube_batch *batch)
{
    int64_t rest = 4 * (now - reflector->list_began);
    items_end(reflector->items, batch);
    set_text(&reflector->resume, "");
    reflector->listed = now;
    reflector->list_rest = now + (rest < REST_MAX_MS ? rest : REST_MAX_MS);
    reflector->synced = true;
    reflector->fresh = true;
    reflector->heard = now;
    reflector->wake = now;
}

static void kind_is_missing(struct reflector *reflector, int64_t now, struct kube_batch *batch)
{
    finish_list(reflector, now, batch);
    reflector->wake = now + MISSING_RETRY_MS;
    if (!reflector->missing) {
        bool forbidden = reflector->answer.status == 403;
        kube_log(&reflector->log, forbidden ? KUBE_LOG_WARNING : KUBE_LOG_INFO,
                 "%s: %s; looking again every %d s", reflector->kind->name,
                 forbidden ? "reading them is forbidden" : "there is no such kind in this cluster",
                 MISSING_RETRY_MS / 1000);
    }
    reflector->missing = true;
    reflector->failing = -1;
    reflector->logged[0] = '\0';
}

/* Slices make plans better, no plan needs them: without the right to read them all else goes on. */
static bool may_be_missing(const struct reflector *reflector)
{
    int status = reflector->answer.status;
    bool slices = reflector->id == REFLECTOR_SLICES;
    return (status == 404 && (slices || reflector->id == REFLECTOR_GROUPS)) ||
           (status == 403 && slices);
}

/* What the server said instead of 200. */
static void refused(struct reflector *reflector, int64_t now)
{
    struct err why;
    const struct answer *answer = &reflector->answer;
    status_describe(answer->status, answer->body, answer->body_length, &why);
    back_off(reflector, now, why.text);
}

/* Whether the request brought nothing that could be judged: it is made again later. */
static bool lost(struct reflector *reflector, int64_t now, const char *error)
{
    bool lost = error != NULL || reflector->answer.status == 0;
    if (lost) {
        back_off(reflector, now, error != NULL ? error : "no answer");
    }
    return lost;
}

/* One page is in; asks for the next one, unless they do not end. */
static void next_page(struct reflector *reflector, int64_t now)
{
    const char *resume = reflector->answer.resume;
    bool endless = ++reflector->pages >= PAGES_MAX || strcmp(reflector->resume, resume) == 0;
    set_text(&reflector->resume, endless ? "" : resume);
    reflector->wake = now;
    if (endless) {
        back_off(reflector, now, "its pages do not end");
    }
}

static void list_done(struct reflector *reflector, int64_t now, const char *error,
                      struct kube_batch *batch)
{
    struct err err;
    struct answer *answer = &reflector->answer;
    if (lost(reflector, now, error)) {
        return;
    }
    if (may_be_missing(reflector)) {
        kind_is_missing(reflector, now, batch);
    } else if (answer->status != 200) {
        if (answer->status == 410 || answer->status == 400) {
            set_text(&reflector->resume, ""); /* the pages have expired: from the start */
        }
        refused(reflector, now);
    } else if (answer_end(answer, &err) != 0) {
        back_off(reflector, now, err.text);
    } else if (answer->resume[0] != '\0') {
        next_page(reflector, now);
    } else {
        set_text(&reflector->version, answer->version);
        finish_list(reflector, now, batch);
        reflector->phase = PHASE_WATCH;
    }
}

/* The list had not been shown when the stream ended. Servers that do not know streams of lists, or
 * have them switched off, refuse the request, or take it for an ordinary watch; and what else may
 * be wrong with them, after a few tries pages are asked for. */
static void stream_done(struct reflector *reflector, int64_t now, const char *error,
                        struct kube_batch *batch)
{
    const struct answer *answer = &reflector->answer;
    bool unknown = answer->status == 400 || answer->status == 422 || answer->bookmarked;
    if (may_be_missing(reflector)) {
        kind_is_missing(reflector, now, batch);
        return;
    }
    reflector->bad_streams += answer->status != 0;
    if (unknown || reflector->bad_streams >= STREAMS_MAX) {
        reflector->streams = false;
        reflector->phase = PHASE_LIST;
        reflector->wake = now;
    } else if (answer->status != 0 && answer->status != 200) {
        refused(reflector, now);
    } else {
        back_off(reflector, now,
                 answer->failed  ? answer->problem.text
                 : error != NULL ? error
                                 : "it ended before all was shown");
    }
}

/* Not even a bookmark: the connection is dead, or the server sends none. Another one is asked for
 * from the same version; should that be from before a restored backup, everything again. */
static void fell_silent(struct reflector *reflector, int64_t now)
{
    kube_log(&reflector->log, KUBE_LOG_DEBUG, "%s: the watch has fallen silent; watching anew",
             reflector->kind->name);
    reflector->wake = now;
    reflector->silent_watches += reflector->answer.lines == 0;
    if (reflector->silent_watches >= SILENT_WATCHES_MAX) {
        reflector->silent_watches = 0;
        list_again(reflector, now, now);
    }
}

/* A watch that was accepted has ended. */
static void accepted_watch_done(struct reflector *reflector, int64_t now, const char *error,
                                bool fresh)
{
    const struct answer *answer = &reflector->answer;
    int64_t lasted = now - answer->started;
    if (answer->expired) {
        reflector->wake = now;
        if (fresh && lasted < SHORT_WATCH_MS) {
            /* A version just listed is too old at once: not to be repeated in a loop. One from
             * before an outage is merely stale, and listing again is the cure. */
            back_off(reflector, now, answer->problem.text);
        }
        list_again(reflector, now, reflector->wake);
    } else if (!answer->failed && error != NULL && now >= stall_time(reflector)) {
        fell_silent(reflector, now);
    } else if (answer->failed || error != NULL) {
        back_off(reflector, now, answer->failed ? answer->problem.text : error);
        if (answer->failed) {
            list_again(reflector, now, reflector->wake);
        }
    } else if (lasted < SHORT_WATCH_MS && answer->lines == 0) {
        back_off(reflector, now, "it ended immediately");
    } else if (lasted >= SUSPECT_WATCH_MS && answer->lines == 0) {
        list_again(reflector, now, now);
    } else {
        reflector->wake = now;
    }
}

static void watch_done(struct reflector *reflector, int64_t now, const char *error)
{
    bool fresh = reflector->fresh;
    int status = reflector->answer.status;
    reflector->fresh = false;
    if (status == 200) {
        accepted_watch_done(reflector, now, error, fresh);
        return;
    }
    if (lost(reflector, now, error)) {
        return;
    }
    refused(reflector, now);
    reflector->refused_watches++;
    if (status == 410 || status == 404 || reflector->refused_watches >= REFUSED_WATCHES_MAX) {
        reflector->refused_watches = 0;
        list_again(reflector, now, status == 410 && !fresh ? now : reflector->wake);
    }
}

void reflector_done(struct reflector *reflector, int64_t now, const char *error,
                    struct kube_batch *batch)
{
    reflector->active = false;
    if (is_settled(reflector, now)) {
        reflector->failing = -1;
    }
    switch (reflector->phase) {
    case PHASE_LIST:
        list_done(reflector, now, error, batch);
        break;
    case PHASE_STREAM:
        stream_done(reflector, now, error, batch);
        break;
    case PHASE_WATCH:
        watch_done(reflector, now, error);
        break;
    }
}
