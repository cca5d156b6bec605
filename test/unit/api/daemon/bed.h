// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_UNIT_API_DAEMON_BED_H
#define TEST_UNIT_API_DAEMON_BED_H

#include <sys/mman.h>

#include "api/base/clock.h"
#include "api/daemon/calls.h"
#include "api/daemon/core.h"
#include "api/daemon/routes.h"
#include "api/journal/segments.h"
#include "test/unit/api/http/bed.h"

/* A core with a real engine between a backend that only writes down what it is given, and a real
 * HTTP server whose requests go to routes.h. The tests say what the watches show, at once or as
 * batches for core_pump(); nodes have 8 GPUs, and the uid of a pod is its name. With a clock of
 * its own every look at it takes `clock_step_ns`.
 */

#define CORE_WRITES_MAX 64

#define BED_WAITING_MOST 64

struct core_bed {
    struct bed http;
    struct log *log;
    int log_fd;
    struct metrics *metrics;
    struct calls *calls;
    struct intake *intake;
    struct core *core;
    struct routes routes;
    struct routes_listener listener;  /* everything to everybody */
    char writes[CORE_WRITES_MAX][64]; /* "bind p0 n1" */
    size_t write_count;
    struct kube_batch *batches; /* for core_pump(), in order */
    int64_t clock_at_ns;
    int64_t clock_step_ns; /* 0: the real clock */
    struct recorder *journal;
};

struct core_bed_options {
    int64_t clock_step_ns;
    const char *journal;  /* directory */
    int64_t segment_size; /* 0: the largest */
};

static inline int64_t core_bed_clock(void *context)
{
    struct core_bed *bed = context;
    bed->clock_at_ns += bed->clock_step_ns;
    return bed->clock_at_ns;
}

static inline void core_bed_submit(void *context, const struct effect *effect)
{
    struct core_bed *bed = context;
    if (effect->type == EFFECT_POST_BINDING) {
        ck_assert_uint_lt(bed->write_count, CORE_WRITES_MAX);
        snprintf(bed->writes[bed->write_count++], sizeof(bed->writes[0]), "bind %.20s %.20s",
                 effect->write.name, effect->write.node);
    }
}

static inline void core_bed_flush(void *context)
{
    (void)context;
}

static inline struct kube_batch *core_bed_take(void *context)
{
    struct core_bed *bed = context;
    struct kube_batch *batch = bed->batches;
    if (batch != NULL) {
        bed->batches = batch->next;
        batch->next = NULL;
    }
    return batch;
}

/* Gives the backend a batch (*stolen*). */
static inline void core_bed_put(struct core_bed *bed, struct kube_batch *batch)
{
    struct kube_batch **end = &bed->batches;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = batch;
}

static inline void core_bed_handle(void *context, struct http_request *request)
{
    struct core_bed *bed = context;
    routes_handle(&bed->listener, request);
    bed->http.handled++;
}

static inline void core_bed_warn(void *context, const char *what, const char *why)
{
    struct core_bed *bed = context;
    log_text(bed->log, LOG_WARNING, what, "error", why, NULL);
}

static inline void core_bed_tell(void *context, enum recorder_level level, const char *what,
                                 const char *segment, const char *why)
{
    (void)context;
    (void)segment;
    ck_assert_msg(level == RECORDER_INFO, "%s: %s", what, why);
}

/* Deletes a journal's directory, and how many segments there were. */
static inline size_t core_bed_clear_journal(const char *path)
{
    struct segments list;
    char lock[128];
    int folder;
    ck_assert_int_eq(segments_open(path, &folder, NULL), 0);
    ck_assert_int_eq(segments_list(folder, &list, NULL), 0);
    size_t count = segments_prune(folder, &list, 0, 0, INT64_MAX);
    segments_finish(&list);
    close(folder);
    snprintf(lock, sizeof(lock), "%s/lock", path);
    unlink(lock);
    ck_assert_int_eq(rmdir(path), 0);
    return count;
}

static inline struct core_bed *core_bed_create_with(const struct core_bed_options *bed_options)
{
    struct core_bed *bed = alloc_zero(1, sizeof(*bed));
    struct engine_options engine;
    engine_options_default(&engine);
    bed->log_fd = memfd_create("log", MFD_CLOEXEC);
    bed->log = log_create(bed->log_fd, LOG_DEBUG, LOG_TEXT);
    bed->metrics = metrics_create();
    bed->calls = calls_create(bed->log, bed->metrics, BED_WAITING_MOST);
    bed->intake = intake_create(&(struct intake_options){.warn = core_bed_warn, .context = bed});
    bed->clock_step_ns = bed_options->clock_step_ns;
    if (bed_options->journal != NULL) {
        struct recorder_options journal = {.path = bed_options->journal,
                                           .segment_size = bed_options->segment_size == 0
                                                               ? RECORDER_SEGMENT_MOST
                                                               : bed_options->segment_size,
                                           .keep_size = RECORDER_KEEP_MOST,
                                           .engine = &engine,
                                           .program = "test",
                                           .tell = core_bed_tell};
        struct err err;
        ck_assert_msg(recorder_create(&journal, &bed->journal, &err) == 0, "%s", err.text);
    }
    struct core_options options = {
        .engine = &engine,
        .log = bed->log,
        .metrics = bed->metrics,
        .backend = {.context = bed,
                    .fd = -1,
                    .submit = core_bed_submit,
                    .flush = core_bed_flush,
                    .take = core_bed_take},
        .intake = bed->intake,
        .journal = bed->journal,
        .clock_ns = bed->clock_step_ns > 0 ? core_bed_clock : NULL,
        .clock_context = bed,
        .bind_reply = calls_bind_reply,
        .bind_context = bed->calls,
    };
    bed->core = core_create(&options);
    calls_attach(bed->calls, bed->core);
    struct http_server_options http = {
        .address = "127.0.0.1",
        .max_connections = 100,
        .max_body = BED_MAX_BODY,
        .idle_seconds = 120,
        .handler = core_bed_handle,
        .context = bed,
    };
    bed_listen(&bed->http, &http);
    bed->listener =
        (struct routes_listener){.routes = &bed->routes, .extender = true, .operations = true};
    bed->routes = (struct routes){.core = bed->core,
                                  .calls = bed->calls,
                                  .metrics = bed->metrics,
                                  .log = bed->log,
                                  .journal = bed->journal,
                                  .server = bed->http.server,
                                  .started = clock_ms()};
    return bed;
}

static inline struct core_bed *core_bed_create(void)
{
    return core_bed_create_with(&(struct core_bed_options){.journal = NULL});
}

static inline void core_bed_destroy(struct core_bed *bed)
{
    calls_fail_all(bed->calls, "the test is over");
    http_server_destroy(bed->http.server);
    core_destroy(bed->core);
    while (bed->batches != NULL) {
        kube_batch_destroy(core_bed_take(bed));
    }
    recorder_destroy(bed->journal);
    intake_destroy(bed->intake);
    calls_destroy(bed->calls);
    metrics_destroy(bed->metrics);
    log_destroy(bed->log);
    close(bed->log_fd);
    free(bed);
}

static inline void core_bed_fill_node(struct event *event, const char *name)
{
    static const struct amount_object amounts[] = {
        {"cpu", 96000}, {"nvidia.com/gpu", 8}, {"pods", 110}};
    *event = (struct event){.type = EVENT_NODE,
                            .node = {.name = name, .allocatable = amounts, .allocatable_count = 3}};
}

static inline void core_bed_node(struct core_bed *bed, const char *name)
{
    struct event event;
    core_bed_fill_node(&event, name);
    core_apply(bed->core, &event);
}

/* Of a gang with that quorum, or NULL: an ordinary one. It asks for 8 GPUs. */
static inline void core_bed_fill_pod(struct event *event, const char *name, const char *gang,
                                     int32_t minimum)
{
    static const struct amount_object amounts[] = {
        {"cpu", 1000}, {"nvidia.com/gpu", 8}, {"pods", 1}};
    *event = (struct event){.type = EVENT_POD,
                            .pod = {.name_space = "ns",
                                    .name = name,
                                    .uid = name,
                                    .requests = amounts,
                                    .request_count = 3,
                                    .gang = gang,
                                    .gang_minimum = minimum,
                                    .rank = -1}};
}

static inline void core_bed_pod(struct core_bed *bed, const char *name, const char *gang,
                                int32_t minimum)
{
    struct event event;
    core_bed_fill_pod(&event, name, gang, minimum);
    core_apply(bed->core, &event);
}

static inline void core_bed_synced(struct core_bed *bed)
{
    struct event event = {.type = EVENT_SYNCED};
    core_apply(bed->core, &event);
}

static inline void core_bed_binding_done(struct core_bed *bed, const char *uid, const char *node)
{
    struct event event = {.type = EVENT_BINDING_DONE,
                          .done = {.uid = uid, .node = node, .outcome = WRITE_DONE, .message = ""}};
    core_apply(bed->core, &event);
}

/* Where the plan has a pod. */
static inline const char *core_bed_planned(struct core_bed *bed, const char *gang, const char *pod)
{
    static char node[64];
    struct arena arena;
    struct gang_view view;
    arena_init(&arena);
    node[0] = '\0';
    ck_assert(engine_gang_find(core_engine(bed->core), "ns", gang, &arena, &view));
    for (uint32_t i = 0; i < view.member_count; i++) {
        if (strcmp(view.members[i].pod, pod) == 0 && view.members[i].node != NULL) {
            snprintf(node, sizeof(node), "%s", view.members[i].node);
        }
    }
    arena_finish(&arena);
    ck_assert_msg(node[0] != '\0', "%s is not planned", pod);
    return node;
}

static inline struct engine_figures core_bed_figures(struct core_bed *bed)
{
    struct engine_figures figures;
    engine_figures(core_engine(bed->core), &figures);
    return figures;
}

/* Whether the text stands in the metrics, or, with `log`, in the log. */
static inline bool core_bed_counts(struct core_bed *bed, const char *text)
{
    struct metrics_scrape scrape = {.version = "x"};
    size_t length;
    char *metrics = metrics_render(bed->metrics, &scrape, &length);
    bool found = strstr(metrics, text) != NULL;
    free(metrics);
    return found;
}

static inline bool core_bed_logged(struct core_bed *bed, const char *text)
{
    char lines[65536];
    ssize_t length = pread(bed->log_fd, lines, sizeof(lines) - 1, 0);
    lines[length < 0 ? 0 : length] = '\0';
    return strstr(lines, text) != NULL;
}

/* Sends a bind call and leaves it open. */
static inline void core_bed_bind(struct core_bed *bed, struct client *client, const char *pod,
                                 const char *node)
{
    char body[256], text[512];
    unsigned before = bed->http.handled;
    snprintf(body, sizeof(body),
             "{\"PodName\":\"%s\",\"PodNamespace\":\"ns\",\"PodUID\":\"%s\",\"Node\":\"%s\"}", pod,
             pod, node);
    snprintf(text, sizeof(text),
             "POST /scheduler/bind HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    client_open(&bed->http, client);
    client_send(&bed->http, client, text);
    BED_UNTIL(&bed->http, bed->http.handled == before + 1);
}

#endif
