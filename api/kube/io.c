// SPDX-License-Identifier: Apache-2.0
#include "api/kube/io.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/base/clock.h"
#include "api/kube/client/client.h"
#include "api/kube/client/kube_log.h"
#include "api/kube/mailbox.h"
#include "api/kube/watch/watchers.h"
#include "api/kube/write/writer.h"
#include "topology/base/alloc.h"
#include "topology/base/utf8.h"

/* The thread that joins the parts: four reflectors and a writer, which only know about messages,
 * on one client, which only knows about HTTP.
 *
 *   one turn   writes from the core ─▶ writer
 *              due requests of the reflectors ─▶ client;  silent ones aborted
 *              due writes ─▶ client
 *              the election: what is due ─▶ client;  leading or not ─▶ batch
 *              client_wait();  the clock: is the lease lost? then no write goes out any more
 *              client_run(): bytes ─▶ reflectors ─▶ batch,  outcomes ─▶ batch
 *              batch ─▶ mailbox ─▶ core;  figures ─▶ status
 *
 * Who owns what: `staged` and `last_ns` are the core thread's alone. Under `lock`: incoming, `from
 * core` and status. The mailbox has a lock of its own. Everything else is the Kubernetes thread's
 * alone after it started.
 *
 * Leading: `term` is what the core has been told, in the same order as everything else.
 *
 *   FOLLOWING ─followed()─▶ candidate ─lease─▶ LEADING ─asked, stopping─▶ YIELDING ─▶ FOLLOWING
 *       ▲          EVENT_LEAD                     │      EVENT_FOLLOW; let go when the core has
 *       └─────────── lease lost ──────────────────┘      followed and the writes are done
 *                    EVENT_FOLLOW, then the outcomes of what is abandoned
 *
 * EVENT_FOLLOW comes before those outcomes so that the engine does not act on them.
 *
 * A binding that ended as WRITE_UNKNOWN may still be on its way, and whoever leads next does not
 * know of it: the lease is kept as long as this process would keep its room.
 */

#define POLL_MAX_MS    1000
#define EVENTS_WAITING 50000 /* the core is that far behind: ask the server for nothing new */
#define HOLD_BACK_MS   20
#define UNRESOLVED_MS  60000 /* as long as the engine keeps the room of such a binding */

_Static_assert(KUBE_IO_WATCHES == REFLECTOR_KINDS, "a status for every reflector");
static const char LEASE_LOST[] = "this Phalanx no longer leads";

struct write_list {
    struct write *first;
    struct write *last;
};

/* What the core wants, beside its writes. */
struct orders {
    bool stopping;
    int64_t stop_at;
    bool called;
    bool followed;
    bool releasing;
};

struct kube_io {
    struct kube_log log;
    struct election *election; /* NULL: this process leads, always */
    enum lease_role term;
    bool followed;          /* the core knows that it does not lead */
    int64_t yielding_until; /* its writes are finished by then, or abandoned */
    int64_t unresolved;     /* until then a binding that got no answer may take place */
    uint64_t lease_changes;
    uint64_t writes_late;
    int64_t patience_ms;
    struct client *client;
    struct writer *writer;
    struct remarks *remarks;
    struct watchers *watchers;
    struct kube_batch *batch;
    struct mailbox *mailbox;
    int64_t started;
    bool synced;
    pthread_t thread;

    struct write_list staged;
    int64_t last_ns; /* times of writes name events: no two alike */

    pthread_mutex_t lock;
    struct write_list incoming;
    struct orders orders; /* from core */
    bool released;
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

static void write_outcome(void *context, enum event_type type, const struct write_done_event *done)
{
    struct kube_io *io = context;
    struct arena *arena = &io->batch->arena;
    struct event *event = kube_batch_append(io->batch, type);
    if (type == EVENT_BINDING_DONE && done->outcome == WRITE_UNKNOWN) {
        io->unresolved = clock_ms() + UNRESOLVED_MS;
    }
    event->done = (struct write_done_event){
        .uid = arena_string(arena, done->uid),
        .node = arena_string(arena, done->node),
        .outcome = done->outcome,
        .message = arena_string(arena, done->message),
    };
}

/* Told once. */
static void tell_synced(struct kube_io *io)
{
    if (!io->synced && watchers_synced(io->watchers)) {
        io->synced = true;
        (void)kube_batch_append(io->batch, EVENT_SYNCED);
    }
}

/* Figures first: whoever has an event may count on them. */
static void publish(struct kube_io *io)
{
    tell_synced(io);
    struct writer_figures figures;
    writer_figures(io->writer, &figures);
    int64_t now = clock_ms();
    (void)pthread_mutex_lock(&io->lock);
    struct kube_io_status *status = &io->status;
    for (int i = 0; i < REFLECTOR_KINDS; i++) {
        const struct reflector *reflector = watchers_reflector(io->watchers, i);
        status->synced[i] = reflector_synced(reflector);
        status->watch_restarts[i] = reflector_restarts(reflector);
        status->objects_skipped[i] = reflector_skipped(reflector);
        io->heard[i] = reflector_heard(reflector);
        watch_health_update(&status->watches[i], reflector, now);
    }
    memcpy(status->writes_done, figures.done, sizeof figures.done);
    memcpy(status->writes_failed, figures.failed, sizeof figures.failed);
    status->write_retries = figures.retries;
    status->writes_waiting = figures.waiting;
    status->requests_unauthorized = client_unauthorized(io->client);
    utf8_print(status->access_trouble, sizeof status->access_trouble, "%s",
               client_trouble(io->client));
    status->leading = io->term == LEASE_LEADER;
    status->lease_changes = io->lease_changes;
    if (io->election != NULL) {
        utf8_print(status->holder, sizeof status->holder, "%s",
                   lease_holder(election_lease(io->election)));
        status->sees_holder = election_sees_holder(io->election);
    }
    io->released = writer_idle(io->writer) && (io->election == NULL || io->term == LEASE_ENDED);
    (void)pthread_mutex_unlock(&io->lock);
    if (io->batch->count + io->batch->slice_count > 0) {
        mailbox_put(io->mailbox, io->batch);
        io->batch = kube_batch_create();
    }
}

/* A write that comes when this process may not write: the core had not heard yet. */
static void refuse(struct kube_io *io, struct write *write)
{
    bool binding = write->kind == WRITE_KIND_BINDING;
    if (binding || write->kind == WRITE_KIND_NOMINATION) {
        const struct write_done_event done = {.uid = write->uid,
                                              .node = write->node,
                                              .outcome = binding ? WRITE_REFUSED : WRITE_UNKNOWN,
                                              .message = LEASE_LOST};
        write_outcome(io, binding ? EVENT_BINDING_DONE : EVENT_NOMINATION_DONE, &done);
    }
    write_destroy(write);
}

/* Takes over what the core handed in. Returns whether to go on. */
static bool take_orders(struct kube_io *io, struct orders *orders)
{
    struct write_list writes = {.first = NULL};
    (void)pthread_mutex_lock(&io->lock);
    io->released = io->released && io->incoming.first == NULL;
    append(&writes, &io->incoming);
    *orders = io->orders;
    io->orders.called = false;
    io->orders.followed = false;
    (void)pthread_mutex_unlock(&io->lock);
    while (writes.first != NULL) {
        struct write *write = writes.first;
        writes.first = write->next;
        write->next = NULL;
        if (io->term == LEASE_LEADER || (io->term == LEASE_YIELDING && !io->followed)) {
            writer_submit(io->writer, write);
        } else {
            refuse(io, write);
        }
    }
    io->followed = io->followed || (orders->followed && io->term != LEASE_LEADER);
    return !orders->stopping || (!writer_idle(io->writer) && clock_ms() < orders->stop_at);
}

/* Tells the core what became of the lease. From the moment it is lost nothing is written. */
static void follow_lease(struct kube_io *io)
{
    enum lease_role role = lease_role(election_lease(io->election), clock_lease_ms());
    if (role == io->term) {
        return;
    }
    if (role == LEASE_LEADER) {
        (void)kube_batch_append(io->batch, EVENT_LEAD);
        io->lease_changes++;
        io->followed = false;
    } else if (io->term == LEASE_LEADER) {
        (void)kube_batch_append(io->batch, EVENT_FOLLOW);
        io->lease_changes++;
        io->followed = false;
        io->yielding_until = clock_ms() + io->patience_ms;
    }
    io->term = role;
    if (role == LEASE_STANDBY || role == LEASE_ENDED) {
        writer_abandon(io->writer, LEASE_LOST);
    }
}

/* Returns when to come again. */
static int64_t run_election(struct kube_io *io, const struct orders *orders)
{
    if (io->election == NULL) {
        return INT64_MAX;
    }
    struct lease *lease = election_lease(io->election);
    int64_t now = clock_lease_ms();
    follow_lease(io);
    lease_ready(lease, io->synced && io->followed && watchers_current(io->watchers));
    if (orders->called) {
        lease_called(lease, now);
    }
    lease_unresolved(lease, clock_ms() < io->unresolved);
    if (orders->releasing) {
        lease_stop(lease, now);
        follow_lease(io);
    }
    if (io->term == LEASE_YIELDING && io->followed) {
        if (clock_ms() >= io->yielding_until) {
            writer_abandon(io->writer, LEASE_LOST);
        }
        if (writer_idle(io->writer) && clock_ms() >= io->unresolved) {
            lease_let_go(lease, now);
        }
    }
    struct writer_figures figures;
    writer_figures(io->writer, &figures);
    if (figures.late != io->writes_late) {
        io->writes_late = figures.late;
        lease_flight_short(lease, now);
    }
    if (writer_wants(io->writer, clock_ms())) {
        lease_write_soon(lease, now);
    }
    return election_run(io->election);
}

/* Writes go out as long as the lease lets them. Returns when to come again. */
static int64_t run_writer(struct kube_io *io, int64_t now)
{
    int64_t fence = 0;
    if (io->election != NULL) {
        int64_t lease_now = clock_lease_ms();
        fence = lease_fence(election_lease(io->election), lease_now);
        if (fence <= lease_now) {
            return INT64_MAX; /* the look that opens it wakes us */
        }
    }
    writer_pump(io->writer, now, fence);
    return writer_deadline(io->writer);
}

static void *run(void *context)
{
    struct kube_io *io = context;
    struct orders orders = {.stopping = false};
    while (take_orders(io, &orders)) {
        int64_t wake = run_election(io, &orders);
        if (orders.stopping) {
            watchers_stop(io->watchers);
        } else {
            bool hold_back = mailbox_events(io->mailbox) > EVENTS_WAITING;
            int64_t due = watchers_run(io->watchers, io->batch, hold_back);
            wake = due < wake ? due : wake;
        }
        int64_t now = clock_ms();
        int64_t due = run_writer(io, now);
        wake = due < wake ? due : wake;
        int64_t wait = wake - now;
        int64_t longest = orders.stopping || orders.releasing || io->term == LEASE_YIELDING
                              ? HOLD_BACK_MS
                              : POLL_MAX_MS;
        bool news = io->batch->count > 0; /* the lease has changed hands: the core must not wait */
        client_wait(io->client, (int)(wait < 0 || news ? 0 : wait > longest ? longest : wait));
        if (io->election != NULL) {
            follow_lease(io);
        }
        client_run(io->client);
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
    election_destroy(io->election); /* its calls are the client's, and so are the writer's */
    writer_destroy(io->writer);
    client_destroy(io->client);
    watchers_destroy(io->watchers);
    remarks_destroy(io->remarks);
    kube_batch_destroy(io->batch);
    mailbox_destroy(io->mailbox);
    release_list(&io->staged);
    release_list(&io->incoming);
    (void)pthread_mutex_destroy(&io->lock);
    free(io);
}

static void log_remark(void *context, const char *text)
{
    const struct kube_io *io = context;
    kube_log(&io->log, KUBE_LOG_WARNING, "%s", text);
}

int kube_io_create(const struct kube_io_options *options, struct kube_io **io, struct err *err)
{
    struct kube_io *created = alloc_zero(1, sizeof *created);
    uint64_t seed = (uint64_t)clock_wall_ns(); /* daemons started together must not list together */
    err_require(pthread_mutex_init(&created->lock, NULL) == 0);
    created->log = (struct kube_log){.write = options->log, .context = options->log_context};
    created->started = clock_ms();
    created->batch = kube_batch_create();
    created->remarks = remarks_create(log_remark, created);
    remarks_serve(created->remarks, options->schedulers, options->scheduler_count);
    for (int i = 0; i < REFLECTOR_KINDS; i++) {
        created->heard[i] = -1;
        created->status.watches[i].failing_ms = -1;
    }
    if (mailbox_create(&created->mailbox, err) != 0 ||
        client_create(options->access, options->writes_in_flight, &created->log, &created->client,
                      err) != 0) {
        goto error;
    }
    created->watchers = watchers_create(&(struct watchers_options){
        .client = created->client,
        .log = &created->log,
        .remarks = created->remarks,
        .seed = seed,
        .stream_lists = options->stream_lists,
        .compress = options->compress,
    });
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
    created->patience_ms = options->write_patience_ms;
    created->term = LEASE_LEADER;
    created->status.leading = options->election == NULL;
    created->status.shared = options->election != NULL;
    if (options->election != NULL) {
        const struct lease_options *lease = &options->election->lease;
        client_drop_unsent(created->client, lease->duration_ms - lease->renew_deadline_ms);
        if (election_create(options->election, created->client, &created->log, &created->election,
                            err) != 0) {
            goto error;
        }
        created->term = LEASE_STANDBY;
        (void)kube_batch_append(created->batch, EVENT_FOLLOW);
    }
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
    io->orders.stopping = true;
    io->orders.stop_at = clock_ms() + grace_ms;
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
    int64_t now = clock_wall_ns();
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

void kube_io_called(struct kube_io *io)
{
    if (io->election == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&io->lock);
    bool leading = io->status.leading;
    io->orders.called = true;
    (void)pthread_mutex_unlock(&io->lock);
    if (!leading) { /* a leader need not know at once */
        client_wakeup(io->client);
    }
}

void kube_io_followed(struct kube_io *io)
{
    (void)pthread_mutex_lock(&io->lock);
    io->orders.followed = true;
    (void)pthread_mutex_unlock(&io->lock);
    client_wakeup(io->client);
}

bool kube_io_released(struct kube_io *io)
{
    (void)pthread_mutex_lock(&io->lock);
    bool asked = io->orders.releasing;
    bool released = asked && io->incoming.first == NULL && io->released;
    io->orders.releasing = true;
    (void)pthread_mutex_unlock(&io->lock);
    if (!asked) {
        client_wakeup(io->client);
    }
    return released;
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
