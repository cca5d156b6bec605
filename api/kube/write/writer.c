// SPDX-License-Identifier: Apache-2.0
#include "api/kube/write/writer.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "api/base/clock.h"
#include "api/kube/client/backoff.h"
#include "api/kube/write/verdict.h"
#include "topology/base/alloc.h"

/* A job is a write on its way:
 *
 *   QUEUED ──pump──▶ UNDER WAY ──▶ finished
 *      ▲                │  └─▶ LOOKING (GET of the pod) ──▶ finished
 *      └── due ── DELAYED ◀┘ the server could not
 *
 * Each class has a queue; delayed jobs of all classes share a list and return to the head of
 * their queue when due. `lanes` keep the newest wins promise: by kind and pod the one job that
 * may be sent, and the write that follows it. A write for a pod whose job has not been sent yet
 * simply takes that job over, place in the queue included.
 */

#define ATTEMPT_MINIMUM_MS 1000
#define ATTEMPT_MAXIMUM_MS 30000
#define LOOK_TIMEOUT_MS    5000
#define RETRY_INITIAL_MS   100
#define RETRY_MAXIMUM_MS   2000
#define RETRY_AFTER_PLAIN  1000 /* a 429 that does not say */
#define ANSWER_MAX         (64u << 10)
#define POD_MAX            (4u << 20)
#define LANE_KEY_MAX       300

enum job_state { JOB_QUEUED, JOB_DELAYED, JOB_UNDER_WAY, JOB_LOOKING };

struct lane;

struct job {
    struct job *previous; /* in its queue, the delayed or those under way */
    struct job *next;
    struct writer *writer;
    struct write *write;
    enum job_state state;
    struct lane *lane; /* NULL for bindings and events */
    struct client_call *call;
    struct backoff backoff;
    int64_t first; /* first attempt, -1: none yet */
    int64_t due;
    bool maybe;         /* an attempt may have got through although its answer did not */
    bool from_conflict; /* looking because of an answer, not for want of one */
    int64_t retry_after_ms;
    char *answer;
    size_t answer_length;
    size_t answer_room;
    struct err why;
};

struct job_list {
    struct job *first;
    struct job *last;
};

struct lane {
    char key[LANE_KEY_MAX];
    struct job *job;
    struct write *newer; /* to be sent after the job under way, or NULL */
    UT_hash_handle hh;
};

struct writer {
    struct writer_options options;
    struct job_list queues[WRITER_CLASSES];
    struct job_list delayed;
    struct job_list under_way;
    uint32_t count_under_way[WRITER_CLASSES];
    uint32_t count_events; /* waiting in their queue */
    struct lane *lanes;
    struct writer_figures figures;
    int logged[WRITER_CLASSES]; /* status of the last failure logged, 0: none since a success */
    uint64_t seed;
};

static void list_append(struct job_list *list, struct job *job)
{
    job->next = NULL;
    job->previous = list->last;
    *(list->last == NULL ? &list->first : &list->last->next) = job;
    list->last = job;
}

static void list_prepend(struct job_list *list, struct job *job)
{
    job->previous = NULL;
    job->next = list->first;
    *(list->first == NULL ? &list->last : &list->first->previous) = job;
    list->first = job;
}

static void list_remove(struct job_list *list, struct job *job)
{
    *(job->previous == NULL ? &list->first : &job->previous->next) = job->next;
    *(job->next == NULL ? &list->last : &job->next->previous) = job->previous;
}

static enum writer_class class_of(const struct write *write)
{
    return write->kind == WRITE_KIND_BINDING ? WRITER_BINDINGS
           : write->kind == WRITE_KIND_EVENT ? WRITER_EVENTS
                                             : WRITER_NOMINATIONS;
}

struct writer *writer_create(const struct writer_options *options)
{
    struct writer *writer = alloc_zero(1, sizeof *writer);
    writer->options = *options;
    writer->options.in_flight = options->in_flight == 0 ? 1 : options->in_flight;
    writer->seed = options->seed;
    return writer;
}

static void lane_key(const struct write *write, enum write_kind kind, char *key)
{
    (void)snprintf(key, LANE_KEY_MAX, "%d/%s", (int)kind, write->uid);
}

static struct lane *find_lane(const struct writer *writer, const struct write *write,
                              enum write_kind kind)
{
    char key[LANE_KEY_MAX];
    struct lane *lane = NULL;
    lane_key(write, kind, key);
    HASH_FIND_STR(writer->lanes, key, lane);
    return lane;
}

static struct lane *add_lane(struct writer *writer, const struct write *write)
{
    struct lane *lane = alloc_zero(1, sizeof *lane);
    lane_key(write, write->kind, lane->key);
    HASH_ADD_STR(writer->lanes, key, lane);
    return lane;
}

static void remove_lane(struct writer *writer, struct lane *lane)
{
    HASH_DEL(writer->lanes, lane);
    write_destroy(lane->newer);
    free(lane);
}

static struct job *add_job(struct writer *writer, struct write *write)
{
    struct job *job = alloc_zero(1, sizeof *job);
    job->writer = writer;
    job->write = write;
    job->first = -1;
    backoff_init(&job->backoff, RETRY_INITIAL_MS, RETRY_MAXIMUM_MS, INT64_MAX, writer->seed++);
    list_append(&writer->queues[class_of(write)], job);
    writer->count_events += write->kind == WRITE_KIND_EVENT;
    writer->figures.waiting++;
    return job;
}

/* Takes a job that is not under way out of where it waits. */
static void take_out(struct job *job)
{
    struct writer *writer = job->writer;
    if (job->state == JOB_DELAYED) {
        list_remove(&writer->delayed, job);
    } else {
        list_remove(&writer->queues[class_of(job->write)], job);
        writer->count_events -= job->write->kind == WRITE_KIND_EVENT;
    }
}

/* The job must be in no list. */
static void release_job(struct job *job)
{
    job->writer->figures.waiting--;
    if (job->lane != NULL) {
        remove_lane(job->writer, job->lane);
    }
    write_destroy(job->write);
    free(job->answer);
    free(job);
}

void writer_destroy(struct writer *writer)
{
    if (writer == NULL) {
        return;
    }
    while (writer->under_way.first != NULL) {
        struct job *job = writer->under_way.first;
        client_cancel(writer->options.client, job->call);
        list_remove(&writer->under_way, job);
        release_job(job);
    }
    struct job_list *lists[] = {&writer->queues[0], &writer->queues[1], &writer->queues[2],
                                &writer->delayed};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        while (lists[i]->first != NULL) {
            struct job *job = lists[i]->first;
            take_out(job);
            release_job(job);
        }
    }
    free(writer);
}

/* The end of a job that is in no list and will not be carried out. */
static void give_up(struct job *job, const char *why)
{
    struct writer *writer = job->writer;
    enum writer_class class = class_of(job->write);
    bool sent = job->maybe || job->call != NULL;
    if (job->call != NULL) {
        client_cancel(writer->options.client, job->call);
        writer->count_under_way[class]--;
    }
    writer->figures.failed[class]++;
    if (job->write->kind == WRITE_KIND_BINDING || job->write->kind == WRITE_KIND_NOMINATION) {
        bool binding = job->write->kind == WRITE_KIND_BINDING;
        const struct write *newest =
            job->lane != NULL && job->lane->newer != NULL ? job->lane->newer : job->write;
        const struct write_done_event done = {.uid = newest->uid,
                                              .node = newest->node,
                                              .outcome =
                                                  binding && !sent ? WRITE_REFUSED : WRITE_UNKNOWN,
                                              .message = why};
        writer->options.outcome(writer->options.context,
                                binding ? EVENT_BINDING_DONE : EVENT_NOMINATION_DONE, &done);
    }
    release_job(job);
}

void writer_abandon(struct writer *writer, const char *why)
{
    struct job_list *lists[] = {&writer->queues[0], &writer->queues[1], &writer->queues[2],
                                &writer->delayed, &writer->under_way};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        while (lists[i]->first != NULL) {
            struct job *job = lists[i]->first;
            if (job->call != NULL) {
                list_remove(&writer->under_way, job);
            } else {
                take_out(job);
            }
            give_up(job, why);
        }
    }
}

/* Whether the job's request is on the wire right now. */
static bool is_under_way(const struct job *job)
{
    return job->state == JOB_UNDER_WAY || job->state == JOB_LOOKING;
}

/* What is planned for a pod is void once it is being bound. */
static void drop_overtaken(struct writer *writer, const struct write *binding)
{
    static const enum write_kind KINDS[] = {WRITE_KIND_NOMINATION, WRITE_KIND_EXPLANATION};
    for (size_t i = 0; i < 2; i++) {
        struct lane *lane = find_lane(writer, binding, KINDS[i]);
        if (lane == NULL) {
            continue;
        }
        write_destroy(lane->newer);
        lane->newer = NULL;
        if (!is_under_way(lane->job)) {
            take_out(lane->job);
            release_job(lane->job);
        }
    }
}

static void submit_latest(struct writer *writer, struct write *write)
{
    struct lane *lane = find_lane(writer, write, write->kind);
    if (lane == NULL) {
        lane = add_lane(writer, write);
        lane->job = add_job(writer, write);
        lane->job->lane = lane;
    } else if (is_under_way(lane->job)) {
        write_destroy(lane->newer);
        lane->newer = write;
    } else {
        write_destroy(lane->job->write);
        lane->job->write = write;
        lane->job->first = -1; /* patience is the new one's own */
    }
}

void writer_submit(struct writer *writer, struct write *write)
{
    write->steer_by_annotation = writer->options.steer_by_annotation;
    switch (write->kind) {
    case WRITE_KIND_BINDING:
        drop_overtaken(writer, write);
        (void)add_job(writer, write);
        break;
    case WRITE_KIND_NOMINATION:
    case WRITE_KIND_EXPLANATION:
    case WRITE_KIND_EVICTION:
        submit_latest(writer, write);
        break;
    case WRITE_KIND_EVENT:
        (void)add_job(writer, write);
        if (writer->count_events > WRITER_EVENTS_MAX) {
            struct job *oldest = writer->queues[WRITER_EVENTS].first;
            writer->figures.failed[WRITER_EVENTS]++;
            take_out(oldest);
            release_job(oldest);
        }
        break;
    }
}

/* Says why a write failed: each status once, until a write of the class succeeds. */
static void log_failure(struct job *job, int status)
{
    int *logged = &job->writer->logged[class_of(job->write)];
    char *text = write_describe(job->write);
    bool news = *logged != status || job->write->kind == WRITE_KIND_BINDING;
    kube_log(&job->writer->options.log, news ? KUBE_LOG_WARNING : KUBE_LOG_DEBUG, "%s failed: %s",
             text, job->why.text);
    *logged = status;
    free(text);
}

/* The end of a job that is in no list. */
static void finish(struct job *job, enum write_outcome outcome, int status)
{
    struct writer *writer = job->writer;
    enum writer_class class = class_of(job->write);
    if (outcome == WRITE_DONE) {
        writer->figures.done[class]++;
        writer->logged[class] = 0;
        job->why.text[0] = '\0';
    } else {
        writer->figures.failed[class]++;
        log_failure(job, status);
    }
    if (job->write->kind == WRITE_KIND_BINDING || job->write->kind == WRITE_KIND_NOMINATION) {
        const struct write_done_event done = {.uid = job->write->uid,
                                              .node = job->write->node,
                                              .outcome = outcome,
                                              .message = job->why.text};
        writer->options.outcome(writer->options.context,
                                job->write->kind == WRITE_KIND_BINDING ? EVENT_BINDING_DONE
                                                                       : EVENT_NOMINATION_DONE,
                                &done);
    }
    struct write *newer = job->lane == NULL ? NULL : job->lane->newer;
    if (newer != NULL) {
        job->lane->newer = NULL;
    }
    release_job(job);
    if (newer != NULL) {
        submit_latest(writer, newer);
    }
}

static void take_status(void *context, int status, int64_t retry_after_ms)
{
    struct job *job = context;
    job->retry_after_ms = status == 429 && retry_after_ms == 0 ? RETRY_AFTER_PLAIN : retry_after_ms;
}

static int take_data(void *context, const char *bytes, size_t length, struct err *err)
{
    struct job *job = context;
    size_t limit = job->state == JOB_LOOKING ? POD_MAX : ANSWER_MAX;
    size_t kept = length < limit - job->answer_length ? length : limit - job->answer_length;
    (void)err;
    job->answer = alloc_grow(job->answer, &job->answer_room, job->answer_length + kept + 1, 1);
    memcpy(job->answer + job->answer_length, bytes, kept);
    job->answer_length += kept;
    return 0;
}

static void call_done(void *context, int status, const char *error);

static void start_call(struct job *job, struct client_request *request)
{
    job->answer_length = 0;
    job->retry_after_ms = 0;
    request->status = take_status;
    request->data = take_data;
    request->done = call_done;
    request->context = job;
    job->call = client_start(job->writer->options.client, request);
    list_append(&job->writer->under_way, job);
    job->writer->count_under_way[class_of(job->write)]++;
}

static void start_write(struct job *job, int64_t now, int64_t fence)
{
    int64_t patience = job->writer->options.patience_ms;
    struct write_request request;
    write_request_make(job->write, &request);
    job->first = job->first < 0 ? now : job->first;
    job->state = JOB_UNDER_WAY;
    start_call(job, &(struct client_request){
                        .method = request.method,
                        .target = request.target,
                        .content_type = request.content_type,
                        .body = request.body,
                        .body_length = strlen(request.body),
                        .send_before = fence,
                        .timeout_ms = patience < ATTEMPT_MINIMUM_MS   ? ATTEMPT_MINIMUM_MS
                                      : patience > ATTEMPT_MAXIMUM_MS ? ATTEMPT_MAXIMUM_MS
                                                                      : patience,
                    });
    write_request_finish(&request);
}

static void start_look(struct job *job, bool from_conflict)
{
    char *path = write_pod_path(job->write);
    job->state = JOB_LOOKING;
    job->from_conflict = from_conflict;
    start_call(job, &(struct client_request){
                        .method = "GET", .target = path, .timeout_ms = LOOK_TIMEOUT_MS});
    free(path);
}

static void retry(struct job *job, int64_t now, int status)
{
    struct writer *writer = job->writer;
    int64_t due = now + backoff_delay(&job->backoff, now, job->retry_after_ms);
    if (due - job->first > writer->options.patience_ms) {
        if (job->write->kind == WRITE_KIND_BINDING && job->maybe) {
            start_look(job, false);
        } else {
            finish(job, WRITE_UNKNOWN, status);
        }
        return;
    }
    writer->figures.retries++;
    job->state = JOB_DELAYED;
    job->due = due;
    list_append(&writer->delayed, job);
}

/* The pod was looked at. */
static void look_done(struct job *job, int status, const char *error)
{
    struct err why;
    enum verdict verdict = VERDICT_UNKNOWN;
    if (error != NULL) {
        err_set(&why, "%s", error);
    } else {
        verdict = verdict_of_pod(job->write, status, job->answer, job->answer_length, &why);
    }
    if (verdict == VERDICT_UNKNOWN && job->from_conflict && error == NULL && status == 200) {
        finish(job, WRITE_REFUSED, status); /* with the conflict's own words */
        return;
    }
    if (verdict == VERDICT_GONE || verdict == VERDICT_REFUSED) {
        job->why = why;
    }
    finish(job,
           verdict == VERDICT_DONE      ? WRITE_DONE
           : verdict == VERDICT_GONE    ? WRITE_GONE
           : verdict == VERDICT_REFUSED ? WRITE_REFUSED
                                        : WRITE_UNKNOWN,
           status);
}

static void write_done(struct job *job, int status, const char *error)
{
    int64_t now = clock_ms();
    if (error != NULL) {
        err_set(&job->why, "%s", error);
        job->maybe = true;
        retry(job, now, 0);
        return;
    }
    switch (verdict_of_write(job->write, status, job->answer, job->answer_length, &job->why)) {
    case VERDICT_DONE:
        finish(job, WRITE_DONE, status);
        break;
    case VERDICT_GONE:
        finish(job, WRITE_GONE, status);
        break;
    case VERDICT_REFUSED:
        finish(job, WRITE_REFUSED, status);
        break;
    case VERDICT_LOOK:
        start_look(job, true);
        break;
    case VERDICT_RETRY:
    case VERDICT_UNKNOWN:
        job->maybe = job->maybe || status >= 500;
        retry(job, now, status);
        break;
    }
}

/* To the head of its queue, a job that is in no list. */
static void put_back(struct job *job)
{
    struct writer *writer = job->writer;
    job->state = JOB_QUEUED;
    list_prepend(&writer->queues[class_of(job->write)], job);
    writer->count_events += job->write->kind == WRITE_KIND_EVENT;
}

static void call_done(void *context, int status, const char *error)
{
    struct job *job = context;
    struct writer *writer = job->writer;
    bool looking = job->state == JOB_LOOKING;
    job->call = NULL;
    list_remove(&writer->under_way, job);
    writer->count_under_way[class_of(job->write)]--;
    (void)take_data(job, "", 0, NULL); /* so that there is an answer, if an empty one */
    if (error == CLIENT_NOT_SENT) {
        writer->figures.late++;
        put_back(job);
    } else if (looking) {
        look_done(job, status, error);
    } else {
        write_done(job, status, error);
    }
}

static void wake_delayed(struct writer *writer, int64_t now)
{
    struct job *next = NULL;
    for (struct job *job = writer->delayed.first; job != NULL; job = next) {
        next = job->next;
        if (job->due <= now) {
            list_remove(&writer->delayed, job);
            put_back(job);
        }
    }
}

/* How many requests a class may have under way beside those of the others: room is kept for
 * bindings, and events never take more than an eighth. */
static bool may_start(const struct writer *writer, enum writer_class class)
{
    uint32_t limit = writer->options.in_flight;
    const uint32_t *counts = writer->count_under_way;
    uint32_t all = counts[WRITER_BINDINGS] + counts[WRITER_NOMINATIONS] + counts[WRITER_EVENTS];
    if (class == WRITER_EVENTS && counts[WRITER_EVENTS] > 0 && counts[WRITER_EVENTS] >= limit / 8) {
        return false;
    }
    return all < (class == WRITER_BINDINGS ? limit : limit - limit / 4);
}

bool writer_wants(struct writer *writer, int64_t now)
{
    bool wants = false;
    wake_delayed(writer, now);
    for (int class = 0; class < WRITER_CLASSES && !wants; class ++) {
        wants = writer->queues[class].first != NULL && may_start(writer, (enum writer_class) class);
    }
    return wants;
}

void writer_pump(struct writer *writer, int64_t now, int64_t fence)
{
    wake_delayed(writer, now);
    for (int class = 0; class < WRITER_CLASSES; class ++) {
        while (writer->queues[class].first != NULL &&
               may_start(writer, (enum writer_class) class)) {
            struct job *job = writer->queues[class].first;
            take_out(job);
            start_write(job, now, fence);
        }
    }
}

int64_t writer_deadline(const struct writer *writer)
{
    int64_t deadline = INT64_MAX;
    for (const struct job *job = writer->delayed.first; job != NULL; job = job->next) {
        deadline = job->due < deadline ? job->due : deadline;
    }
    return deadline;
}

bool writer_idle(const struct writer *writer)
{
    return writer->figures.waiting == 0;
}

void writer_figures(const struct writer *writer, struct writer_figures *figures)
{
    *figures = writer->figures;
}
