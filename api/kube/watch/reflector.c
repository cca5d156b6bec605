// SPDX-License-Identifier: Apache-2.0
#include "api/kube/watch/reflector.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/json/read.h"
#include "api/kube/client/backoff.h"
#include "api/kube/client/query.h"
#include "api/kube/client/status.h"
#include "api/kube/watch/head.h"
#include "api/kube/watch/items.h"
#include "api/kube/watch/splitter.h"
#include "topology/base/alloc.h"

/* Two facts describe where it stands: `phase`, what is asked for next or right now, and `active`,
 * whether a request is under way. While none is, `wake` says when the next one may start.
 *
 * How an answer ended is judged in one place, reflector_done(), from the status, the error and
 * what the body said (`problem`, `expired`); nothing is decided while bytes are still coming. What
 * the objects in it mean is not known here (items.h).
 *
 * Invariants: `version` is the resourceVersion up to which every change has been handed out; a list
 * that failed half-way leaves marks of its own number behind, which mean nothing to the next one.
 *
 * Whether it works is judged by what comes out of it, not by what the server accepts: a watch that
 * is accepted and breaks at once, again and again, is failing all the time, and silent.
 */

#define PAGE_SIZE           500
#define BACKOFF_INITIAL_MS  800
#define BACKOFF_MAXIMUM_MS  5000   /* without its API server a scheduler has nothing better to do */
#define HEALTHY_MS          120000 /* without a failure: backoff starts anew */
#define MISSING_RETRY_MS    30000
#define LIST_SILENCE_MS     60000
#define WATCH_MINIMUM_S     300 /* and as much again by chance */
#define SHORT_WATCH_MS      1000
#define SUSPECT_WATCH_MS    60000
#define REFUSED_WATCHES_MAX 3 /* answers other than 200 in a row before listing again */
#define ERROR_BODY_MAX      4096
#define RETRY_AFTER_MAX_MS  120000
#define SETTLED_MS          5000 /* a watch that has been open for so long is one */

enum phase { PHASE_LIST, PHASE_WATCH };

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

    /* the answer under way */
    int status; /* 0: none yet */
    int64_t retry_after_ms;
    int64_t started;
    int64_t last_byte;
    int64_t timeout_ms; /* asked of the watch */
    uint64_t lines;
    struct splitter *splitter;
    struct kube_batch *batch; /* while data is handed in */
    int64_t now;              /* when */
    char body[ERROR_BODY_MAX];
    size_t body_length;
    bool expired;       /* the watch said 410 */
    bool fresh;         /* the version is that of a list, no watch has been tried on it */
    bool failed;        /* … or another error, … */
    struct err problem; /* … in these words */

    /* failures */
    struct backoff backoff;
    unsigned refused_watches;
    char logged[ERR_TEXT_MAX]; /* last problem logged, "" when all is well */
    bool missing;              /* the kind does not exist */
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
    reflector->heard = -1;
    reflector->failing = -1;
    return reflector;
}

void reflector_remark(struct reflector *reflector, struct remarks *remarks)
{
    items_remark(reflector->items, remarks);
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
    splitter_destroy(reflector->splitter);
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

uint64_t reflector_failures(const struct reflector *reflector)
{
    return reflector->failures;
}

/* Whether the watch under way is one: something came of it, or it has stayed open for a while. */
static bool is_settled(const struct reflector *reflector, int64_t now)
{
    return reflector->phase == PHASE_WATCH && reflector->status == 200 &&
           (reflector->lines > 0 || now - reflector->started >= SETTLED_MS);
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
    bool watch = reflector->phase == PHASE_WATCH;
    const char *value = watch ? reflector->version : reflector->resume;
    char *escaped = query_escape(value);
    size_t room = strlen(reflector->kind->path) + strlen(escaped) + 128;
    free(reflector->target);
    reflector->target = alloc_zero(room, 1);
    if (watch) {
        (void)snprintf(
            reflector->target, room,
            "%s?watch=true&allowWatchBookmarks=true&timeoutSeconds=%lld&resourceVersion=%s",
            reflector->kind->path, (long long)(reflector->timeout_ms / 1000), escaped);
    } else {
        (void)snprintf(reflector->target, room, "%s?limit=%d%s%s", reflector->kind->path, PAGE_SIZE,
                       *value == '\0' ? "" : "&continue=", escaped);
    }
    free(escaped);
}

const char *reflector_next(struct reflector *reflector, int64_t now)
{
    if (reflector->active || now < reflector->wake) {
        return NULL;
    }
    if (reflector->phase == PHASE_LIST && reflector->resume[0] == '\0') {
        items_begin(reflector->items);
    }
    if (reflector->phase == PHASE_WATCH) {
        reflector->timeout_ms =
            1000 * (WATCH_MINIMUM_S + backoff_draw(&reflector->backoff, WATCH_MINIMUM_S + 1));
        reflector->restarts += reflector->watched;
        reflector->watched = true;
    }
    make_target(reflector);
    reflector->active = true;
    reflector->status = 0;
    reflector->retry_after_ms = 0;
    reflector->started = now;
    reflector->last_byte = now;
    reflector->lines = 0;
    reflector->body_length = 0;
    reflector->expired = false;
    reflector->failed = false;
    reflector->problem.text[0] = '\0';
    return reflector->target;
}

static int64_t stall_time(const struct reflector *reflector)
{
    int64_t patience =
        reflector->phase == PHASE_WATCH ? 2 * reflector->timeout_ms : LIST_SILENCE_MS;
    return reflector->last_byte + patience;
}

int64_t reflector_deadline(const struct reflector *reflector)
{
    return reflector->active ? stall_time(reflector) : reflector->wake;
}

bool reflector_stalled(const struct reflector *reflector, int64_t now)
{
    return reflector->active && now >= stall_time(reflector);
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : text;
}

/* An object's JSON, or NULL with the reason. */
static json_t *read_piece(const char *text, size_t length, bool whole, struct err *err)
{
    if (!whole) {
        err_set(err, "its JSON is longer than %u bytes", SPLITTER_PIECE_MAX);
        return NULL;
    }
    return json_read(text, length, err);
}

static int take_item(void *context, const char *text, size_t length, bool whole, struct err *err)
{
    struct reflector *reflector = context;
    struct err why;
    (void)err;
    json_t *json = read_piece(text, length, whole, &why);
    if (json != NULL) {
        items_take(reflector->items, reflector->now, reflector->batch, json, false);
    } else {
        json = head_of_item(text, length);
        items_take_unread(reflector->items, reflector->now, reflector->batch, json, false,
                          why.text);
    }
    json_decref(json);
    return 0;
}

/* {"type":"ERROR","object":Status}: 410 means that our version is too old. */
static int take_error(struct reflector *reflector, const json_t *object, struct err *err)
{
    json_int_t code = json_integer_value(json_object_get(object, "code"));
    reflector->expired = code == 410;
    reflector->failed = true;
    err_set(&reflector->problem, "the watch said %lld: %s", (long long)code,
            text_of(object, "message"));
    return err_set(err, "%s", reflector->problem.text);
}

/* `unread` says why it is only the beginning of the object; NULL: it is the object. */
static void take_change(struct reflector *reflector, const char *type, const json_t *object,
                        const char *unread)
{
    bool deleted = strcmp(type, "DELETED") == 0;
    bool there = strcmp(type, "ADDED") == 0 || strcmp(type, "MODIFIED") == 0;
    const char *version = text_of(json_object_get(object, "metadata"), "resourceVersion");
    if ((there || deleted) && unread == NULL) {
        items_take(reflector->items, reflector->now, reflector->batch, object, deleted);
    } else if (there || deleted) {
        items_take_unread(reflector->items, reflector->now, reflector->batch, object, deleted,
                          unread);
    }
    if (version[0] != '\0') {
        set_text(&reflector->version, version);
    }
}

/* A line that cannot be read. Where even its beginning says nothing it is not of an API server. */
static int take_unread_line(struct reflector *reflector, const char *text, size_t length,
                            const char *why, struct err *err)
{
    char type[HEAD_TYPE_MAX];
    json_t *head = head_of_line(text, length, type);
    bool named = type[0] != '\0' && text_of(json_object_get(head, "metadata"), "name")[0] != '\0';
    if (named) {
        take_change(reflector, type, head, why);
    }
    json_decref(head);
    return named ? 0 : err_set(err, "malformed watch event: %s", why);
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

static int take_line(void *context, const char *text, size_t length, bool whole, struct err *err)
{
    struct reflector *reflector = context;
    struct err why;
    int result = 0;
    json_t *json = read_piece(text, length, whole, &why);
    const char *type = text_of(json, "type");
    if (json == NULL) {
        result = take_unread_line(reflector, text, length, why.text, err);
    } else if (strcmp(type, "ERROR") == 0) {
        result = take_error(reflector, json_object_get(json, "object"), err);
    } else {
        take_change(reflector, type, json_object_get(json, "object"), NULL);
    }
    json_decref(json);
    if (result == 0) {
        reflector->lines++;
        reflector->heard = reflector->now;
        recovered(reflector);
    }
    return result;
}

void reflector_status(struct reflector *reflector, int64_t now, int status, int64_t retry_after_ms)
{
    reflector->status = status;
    reflector->retry_after_ms = retry_after_ms;
    reflector->last_byte = now;
    splitter_destroy(reflector->splitter);
    reflector->splitter = NULL;
    if (status == 200) {
        bool watch = reflector->phase == PHASE_WATCH;
        reflector->splitter = splitter_create(watch ? SPLITTER_LINES : SPLITTER_LIST,
                                              watch ? take_line : take_item, reflector);
        if (watch && !reflector->broke) {
            recovered(reflector);
        }
    }
}

int reflector_data(struct reflector *reflector, int64_t now, const char *bytes, size_t length,
                   struct kube_batch *batch, struct err *err)
{
    reflector->last_byte = now;
    if (reflector->splitter == NULL) {
        size_t room = ERROR_BODY_MAX - reflector->body_length;
        size_t kept = length < room ? length : room;
        memcpy(reflector->body + reflector->body_length, bytes, kept);
        reflector->body_length += kept;
        return 0;
    }
    reflector->now = now;
    reflector->batch = batch;
    int result = splitter_feed(reflector->splitter, bytes, length, err);
    reflector->batch = NULL;
    return result;
}

/* Waits before the next request, longer each time, and says why once. */
static void back_off(struct reflector *reflector, int64_t now, const char *why)
{
    int64_t asked = reflector->retry_after_ms < RETRY_AFTER_MAX_MS ? reflector->retry_after_ms
                                                                   : RETRY_AFTER_MAX_MS;
    reflector->broke =
        reflector->phase == PHASE_WATCH && reflector->status == 200 && !is_settled(reflector, now);
    reflector->failing = reflector->failing < 0 ? now : reflector->failing;
    reflector->failures++;
    reflector->wake = now + backoff_delay(&reflector->backoff, now, asked);
    struct err text;
    err_set(&text, "%s: %s failed: %s", reflector->kind->name,
            reflector->phase == PHASE_LIST ? "list" : "watch", why);
    if (strcmp(text.text, reflector->logged) != 0) {
        kube_log(&reflector->log, KUBE_LOG_WARNING, "%s; trying again", text.text);
        memcpy(reflector->logged, text.text, sizeof text.text);
    }
}

static void list_again(struct reflector *reflector, int64_t now)
{
    reflector->phase = PHASE_LIST;
    set_text(&reflector->resume, "");
    reflector->wake = now;
}

/* Everything the list showed is in; what it did not show is gone. */
static void finish_list(struct reflector *reflector, int64_t now, struct kube_batch *batch)
{
    items_end(reflector->items, batch);
    set_text(&reflector->resume, "");
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
        bool forbidden = reflector->status == 403;
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
    bool slices = reflector->id == REFLECTOR_SLICES;
    return (reflector->status == 404 && (slices || reflector->id == REFLECTOR_GROUPS)) ||
           (reflector->status == 403 && slices);
}

/* What the server said instead of 200. */
static void refused(struct reflector *reflector, int64_t now)
{
    struct err why;
    status_describe(reflector->status, reflector->body, reflector->body_length, &why);
    back_off(reflector, now, why.text);
}

static void list_done(struct reflector *reflector, int64_t now, const char *error,
                      struct kube_batch *batch)
{
    struct err err;
    if (error != NULL || reflector->status == 0) {
        back_off(reflector, now, error != NULL ? error : "no answer");
        return;
    }
    if (may_be_missing(reflector)) {
        kind_is_missing(reflector, now, batch);
        return;
    }
    if (reflector->status != 200) {
        bool lost_place = reflector->status == 410 || reflector->status == 400;
        if (lost_place && reflector->resume[0] != '\0') {
            set_text(&reflector->resume, ""); /* the pages have expired: from the start */
        }
        refused(reflector, now);
        return;
    }
    if (splitter_end(reflector->splitter, &err) != 0) {
        back_off(reflector, now, err.text);
        return;
    }
    set_text(&reflector->version, splitter_resource_version(reflector->splitter));
    const char *resume = splitter_continue(reflector->splitter);
    if (resume[0] != '\0') {
        set_text(&reflector->resume, resume);
        reflector->wake = now;
        return;
    }
    finish_list(reflector, now, batch);
    reflector->phase = PHASE_WATCH;
}

/* A watch that was accepted has ended. */
static void accepted_watch_done(struct reflector *reflector, int64_t now, const char *error,
                                bool fresh)
{
    int64_t lasted = now - reflector->started;
    if (reflector->expired) {
        reflector->wake = now;
        if (fresh && lasted < SHORT_WATCH_MS) {
            /* A version just listed is too old at once: not to be repeated in a loop. One from
             * before an outage is merely stale, and listing again is the cure. */
            back_off(reflector, now, reflector->problem.text);
        }
        list_again(reflector, reflector->wake);
    } else if (reflector->failed || error != NULL) {
        back_off(reflector, now, reflector->failed ? reflector->problem.text : error);
        if (reflector->failed) {
            list_again(reflector, reflector->wake);
        }
    } else if (lasted < SHORT_WATCH_MS && reflector->lines == 0) {
        back_off(reflector, now, "it ended immediately");
    } else if (lasted >= SUSPECT_WATCH_MS && reflector->lines == 0) {
        list_again(reflector, now);
    } else {
        reflector->wake = now;
    }
}

static void watch_done(struct reflector *reflector, int64_t now, const char *error)
{
    bool fresh = reflector->fresh;
    reflector->fresh = false;
    if (reflector->status == 200) {
        accepted_watch_done(reflector, now, error, fresh);
        return;
    }
    if (error != NULL || reflector->status == 0) {
        back_off(reflector, now, error != NULL ? error : "no answer");
        return;
    }
    refused(reflector, now);
    reflector->refused_watches++;
    bool gone = reflector->status == 410 || reflector->status == 404;
    if (gone || reflector->refused_watches >= REFUSED_WATCHES_MAX) {
        reflector->refused_watches = 0;
        list_again(reflector, reflector->status == 410 && !fresh ? now : reflector->wake);
    }
}

void reflector_done(struct reflector *reflector, int64_t now, const char *error,
                    struct kube_batch *batch)
{
    reflector->active = false;
    if (is_settled(reflector, now)) {
        reflector->failing = -1;
    }
    if (reflector->phase == PHASE_LIST) {
        list_done(reflector, now, error, batch);
    } else {
        watch_done(reflector, now, error);
    }
    splitter_destroy(reflector->splitter);
    reflector->splitter = NULL;
}
