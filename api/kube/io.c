// SPDX-License-Identifier: Apache-2.0
#include "api/kube/io.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/kube/client.h"
#include "api/kube/clock.h"
#include "api/kube/kube_log.h"
#include "api/kube/mailbox.h"
#include "api/kube/reflector.h"
#include "api/kube/writer.h"
#include "topology/alloc.h"

/* The thread that joins the parts: four reflectors and a writer, which only know about messages,
 * on one client, which only knows about HTTP.
 *
 *   one turn   writes from the core ─▶ writer
 *              due requests of the reflectors ─▶ client;  silent ones aborted
 *              due writes ─▶ client
 *              client_poll(): bytes ─▶ reflectors ─▶ batch,  outcomes ─▶ batch
 *              batch ─▶ mailbox ─▶ core;  figures ─▶ status
 *
 * Who owns what: `staged` and `last_ns` are the core thread's alone. Under `lock`: incoming,
 * stopping, stop_at and status. The mailbox has a lock of its own. Everything else is the
 * Kubernetes thread's alone after it started.
 */

#define POLL_MAX_MS    1000
#define EVENTS_WAITING 50000 /* the core is that far behind: ask the server for nothing new */
#define HOLD_BACK_MS   20

_Static_assert(KUBE_IO_WATCHES == REFLECTOR_KINDS, "a status for every reflector");

struct watcher {
    struct kube_io *io;
    struct reflector *reflector;
    struct client_call *call; /* NULL: no request under way */
};

struct write_list {
    struct write *first;
    struct write *last;
};

struct kube_io {
    struct kube_log log;
    struct client *client;
    struct writer *writer;
    struct watcher watchers[REFLECTOR_KINDS];
    struct kube_batch *batch;
    struct mailbox *mailbox;
    int64_t started;
    bool synced;
    pthread_t thread;

    struct write_list staged;
    int64_t last_ns; /* times of writes name events: no two alike */

    pthread_mutex_t lock;
    struct write_list incoming;
    bool stopping;
    int64_t stop_at;
    struct kube_io_status status;
    int64_t heard[REFLECTOR_KINDS]; /* -1: never */
};

static void append(struct write_list *to, struct write_list *from)
{
    if (from->first == NULL) {
        return;
    }
    if (to->last == NULL) {
        to->first = from->first;
    } else {
        to->last->next = from->first;
    }
    to->last = from->last;
    *from = (struct write_list){.first = NULL};
}

static void release_list(struct write_list *list)
{
    while (list->first != NULL) {
        struct write *next = list->first->next;
        write_destroy(list->first);
        list->first = next;
    }
}

static void watcher_status(void *context, int status, int64_t retry_after_ms)
{
    struct watcher *watcher = context;
    reflector_status(watcher->reflector, clock_ms(), status, retry_after_ms);
}

static int watcher_data(void *context, const char *bytes, size_t length, struct err *err)
{
    struct watcher *watcher = context;
    return reflector_data(watcher->reflector, clock_ms(), bytes, length, watcher->io->batch, err);
}

static void watcher_done(void *context, int status, const char *error)
{
    struct watcher *watcher = context;
    (void)status;
    watcher->call = NULL;
    reflector_done(watcher->reflector, clock_ms(), error, watcher->io->batch);
}

/* Starts what is due, ends what is silent; returns when to come again. */
static int64_t run_watcher(struct kube_io *io, struct watcher *watcher, bool hold_back)
{
    int64_t now = clock_ms();
    if (watcher->call != NULL && reflector_stalled(watcher->reflector, now)) {
        client_cancel(io->client, watcher->call);
        watcher->call = NULL;
        reflector_done(watcher->reflector, now, "the server fell silent", io->batch);
    }
    if (hold_back && watcher->call == NULL) {
        return now + HOLD_BACK_MS;
    }
    const char *target = reflector_next(watcher->reflector, now);
    if (target != NULL) {
        watcher->call = client_start(io->client, &(struct client_request){
                                                     .method = "GET",
                                                     .target = target,
                                                     .status = watcher_status,
                                                     .data = watcher_data,
                                                     .done = watcher_done,
                                                     .context = watcher,
                                                 });
    }
    return reflector_deadline(watcher->reflector);
}

static void stop_watchers(struct kube_io *io)
{
    for (size_t i = 0; i < REFLECTOR_KINDS; i++) {
        if (io->watchers[i].call != NULL) {
            client_cancel(io->client, io->watchers[i].call);
            io->watchers[i].call = NULL;
        }
    }
}

static void write_outcome(void *context, enum event_type type, const struct write_done_event *done)
{
    struct kube_io *io = context;
    struct arena *arena = &io->batch->arena;
    struct event *event = kube_batch_append(io->batch, type);
    event->done = (struct write_done_event){
        .uid = arena_string(arena, done->uid),
        .node = arena_string(arena, done->node),
        .outcome = done->outcome,
        .message = arena_string(arena, done->message),
    };
}

/* Whether every kind's first list is complete, told once. */
static void tell_synced(struct kube_io *io)
{
    if (io->synced) {
        return;
    }
    for (size_t i = 0; i < REFLECTOR_KINDS; i++) {
        if (!reflector_synced(io->watchers[i].reflector)) {
            return;
        }
    }
    io->synced = true;
    (void)kube_batch_append(io->batch, EVENT_SYNCED);
}

/* Figures first: whoever has an event may count on them. */
static void publish(struct kube_io *io)
{
    tell_synced(io);
    struct writer_figures figures;
    writer_figures(io->writer, &figures);
    (void)pthread_mutex_lock(&io->lock);
    struct kube_io_status *status = &io->status;
    status->objects_skipped = 0;
    for (size_t i = 0; i < REFLECTOR_KINDS; i++) {
        const struct reflector *reflector = io->watchers[i].reflector;
        status->synced[i] = reflector_synced(reflector);
        status->watch_restarts[i] = reflector_restarts(reflector);
        status->objects_skipped += reflector_skipped(reflector);
        io->heard[i] = reflector_heard(reflector);
    }
    memcpy(status->writes_done, figures.done, sizeof figures.done);
    memcpy(status->writes_failed, figures.failed, sizeof figures.failed);
    status->write_retries = figures.retries;
    status->writes_waiting = figures.waiting;
    status->requests_unauthorized = client_unauthorized(io->client);
    (void)pthread_mutex_unlock(&io->lock);
    if (io->batch->count + io->batch->slice_count > 0) {
        mailbox_put(io->mailbox, io->batch);
        io->batch = kube_batch_create();
    }
}

/* Takes over what the core handed in. Returns whether to go on. */
static bool take_orders(struct kube_io *io, bool *stopping)
{
    struct write_list writes = {.first = NULL};
    (void)pthread_mutex_lock(&io->lock);
    append(&writes, &io->incoming);
    *stopping = io->stopping;
    int64_t stop_at = io->stop_at;
    (void)pthread_mutex_unlock(&io->lock);
    while (writes.first != NULL) {
        struct write *write = writes.first;
        writes.first = write->next;
        write->next = NULL;
        writer_submit(io->writer, write);
    }
    return !*stopping || (!writer_idle(io->writer) && clock_ms() < stop_at);
}

static void *run(void *context)
{
    struct kube_io *io = context;
    bool stopping = false;
    while (take_orders(io, &stopping)) {
        int64_t wake = INT64_MAX;
        if (stopping) {
            stop_watchers(io);
        } else {
            bool hold_back = mailbox_events(io->mailbox) > EVENTS_WAITING;
            for (size_t i = 0; i < REFLECTOR_KINDS; i++) {
                int64_t due = run_watcher(io, &io->watchers[i], hold_back);
                wake = due < wake ? due : wake;
            }
        }
        int64_t now = clock_ms();
        writer_pump(io->writer, now);
        int64_t due = writer_deadline(io->writer);
        wake = due < wake ? due : wake;
        int64_t wait = wake - now;
        int64_t longest = stopping ? HOLD_BACK_MS : POLL_MAX_MS;
        client_poll(io->client, (int)(wait < 0 ? 0 : wait > longest ? longest : wait));
        publish(io);
    }
    return NULL;
}

/* The thread takes no signals: they are the core's. */
static int start_thread(struct kube_io *io, struct err *err)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = pthread_create(&io->thread, NULL, run, io);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result == 0 ? 0 : err_set(err, "pthread_create: %s", strerrordesc_np(result));
}

static void release(struct kube_io *io)
{
    writer_destroy(io->writer); /* its calls are the client's */
    client_destroy(io->client);
    for (size_t i = 0; i < REFLECTOR_KINDS; i++) {
        reflector_destroy(io->watchers[i].reflector);
    }
    kube_batch_destroy(io->batch);
    mailbox_destroy(io->mailbox);
    release_list(&io->staged);
    release_list(&io->incoming);
    (void)pthread_mutex_destroy(&io->lock);
    free(io);
}

static int64_t time_ns(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_REALTIME, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int kube_io_create(const struct kube_io_options *options, struct kube_io **io, struct err *err)
{
    struct kube_io *created = alloc_zero(1, sizeof *created);
    uint64_t seed = (uint64_t)time_ns(); /* daemons started together must not list together */
    err_require(pthread_mutex_init(&created->lock, NULL) == 0);
    created->log = (struct kube_log){.write = options->log, .context = options->log_context};
    created->started = clock_ms();
    created->batch = kube_batch_create();
    for (int i = 0; i < REFLECTOR_KINDS; i++) {
        created->watchers[i].io = created;
        created->watchers[i].reflector =
            reflector_create((enum reflector_kind)i, seed, &created->log);
        created->heard[i] = -1;
    }
    if (mailbox_create(&created->mailbox, err) != 0 ||
        client_create(options->access, options->writes_in_flight, &created->log, &created->client,
                      err) != 0) {
        goto error;
    }
    created->writer = writer_create(&(struct writer_options){
        .client = created->client,
        .in_flight = options->writes_in_flight,
        .steer_by_annotation = options->steer_by_annotation,
        .patience_ms = options->write_patience_ms,
        .seed = seed,
        .log = created->log,
        .outcome = write_outcome,
        .context = created,
    });
    if (start_thread(created, err) != 0) {
        goto error;
    }
    *io = created;
    return 0;
error:
    release(created);
    return -1;
}

void kube_io_destroy(struct kube_io *io, int64_t grace_ms)
{
    if (io == NULL) {
        return;
    }
    kube_io_flush(io);
    (void)pthread_mutex_lock(&io->lock);
    io->stopping = true;
    io->stop_at = clock_ms() + grace_ms;
    (void)pthread_mutex_unlock(&io->lock);
    client_wakeup(io->client);
    (void)pthread_join(io->thread, NULL);
    release(io);
}

int kube_io_fd(const struct kube_io *io)
{
    return mailbox_fd(io->mailbox);
}

struct kube_batch *kube_io_take(struct kube_io *io)
{
    return mailbox_take(io->mailbox);
}

void kube_io_submit(struct kube_io *io, const struct effect *effect)
{
    int64_t now = time_ns();
    io->last_ns = now > io->last_ns ? now : io->last_ns + 1;
    struct write *write = write_create(effect, io->last_ns);
    struct write_list one = {.first = write, .last = write};
    append(&io->staged, &one);
}

void kube_io_flush(struct kube_io *io)
{
    if (io->staged.first == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&io->lock);
    append(&io->incoming, &io->staged);
    (void)pthread_mutex_unlock(&io->lock);
    client_wakeup(io->client);
}

void kube_io_status(const struct kube_io *io, struct kube_io_status *status)
{
    /* The lock is the one member that reading changes. */
    pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&io->lock;
    int64_t now = clock_ms();
    (void)pthread_mutex_lock(lock);
    *status = io->status;
    for (size_t i = 0; i < REFLECTOR_KINDS; i++) {
        int64_t since = io->heard[i] < 0 ? io->started : io->heard[i];
        status->silence_ms[i] = now - since;
    }
    (void)pthread_mutex_unlock(lock);
}
