// SPDX-License-Identifier: Apache-2.0
#include "api/daemon/calls.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "api/base/clock.h"
#include "api/daemon/passed.h"
#include "api/extender/args.h"
#include "api/extender/reply.h"
#include "api/json/read.h"
#include "api/kube/objects/decode.h"
#include "api/kube/objects/dialect.h"
#include "api/kube/objects/name.h"
#include "topology/base/alloc.h"

/* The hot path of the daemon. A filter call costs one pass over its body: node names become rows of
 * the node table, the Pod stays unread but for its uid and nomination, unless the engine does not
 * know it yet.
 *
 * Open bind calls are kept by ticket; a ticket is a number never used twice. The engine answers
 * each exactly once, unless its caller hangs up first: then the engine is told, and what it might
 * have to say is not wanted any more.
 */

#define POD_TEXT_BYTES_MAX  (3 << 20) /* k8s.io/apiserver limits requests to that */
#define POD_TEXT_VALUES_MAX 200000
#define CALLER_GONE         499 /* as nginx has it; nobody reads it but the metrics */

struct open_bind {
    UT_hash_handle hh;
    struct calls *calls;
    uint64_t ticket;
    struct http_request *request;
    char uid[UID_MAX_LENGTH + 1];
};

struct calls {
    struct core *core;
    struct log *log;
    struct metrics *metrics;
    struct open_bind *binds; /* uthash by ticket */
    uint64_t next_ticket;
    uint32_t waiting_most;
    struct passed *passed;
    struct arena arena; /* of the running call */
    uint32_t *rows;     /* reused between calls */
    size_t row_room;
};

struct calls *calls_create(struct log *log, struct metrics *metrics, uint32_t waiting_most)
{
    struct calls *calls = alloc_zero(1, sizeof(*calls));
    calls->log = log;
    calls->metrics = metrics;
    calls->waiting_most = waiting_most;
    calls->passed = passed_create();
    arena_init(&calls->arena);
    return calls;
}

void calls_destroy(struct calls *calls)
{
    if (calls == NULL) {
        return;
    }
    calls_fail_all(calls, "Phalanx is stopping");
    arena_finish(&calls->arena);
    passed_destroy(calls->passed);
    free(calls->rows);
    free(calls);
}

void calls_attach(struct calls *calls, struct core *core)
{
    calls->core = core;
}

uint32_t calls_waiting(const struct calls *calls)
{
    return HASH_COUNT(calls->binds);
}

static void respond(struct calls *calls, struct http_request *request, enum metrics_verb verb,
                    char *body, size_t length)
{
    metrics_call(calls->metrics, verb, 200, clock_ns() - http_request_arrived(request));
    http_respond(request, 200, "application/json", body, length);
}

static void respond_bad(struct calls *calls, struct http_request *request, enum metrics_verb verb,
                        const struct err *err)
{
    metrics_call(calls->metrics, verb, 400, clock_ns() - http_request_arrived(request));
    log_text(calls->log, LOG_WARNING, "unreadable call", "path", http_request_path(request),
             "error", err->text, NULL);
    http_respond_error(request, 400, "%s", err->text);
}

/* A slice as a string of the running call; NULL when empty. */
static const char *text_of(struct calls *calls, const struct json_slice *slice)
{
    if (slice->length == 0) {
        return NULL;
    }
    char *text = arena_alloc(&calls->arena, slice->length + 1, 1);
    text[json_string_decode(slice, text)] = '\0';
    return text;
}

static uint32_t row_of(struct calls *calls, const struct json_slice *name)
{
    const struct engine *engine = core_engine(calls->core);
    if (!name->escaped) {
        return engine_node_row(engine, name->text, name->length);
    }
    const char *text = text_of(calls, name);
    return text == NULL ? NAMES_NONE : engine_node_row(engine, text, strlen(text));
}

static uint32_t *room_for_rows(struct calls *calls, size_t count)
{
    calls->rows = alloc_grow(calls->rows, &calls->row_room, count + 1, sizeof(uint32_t));
    return calls->rows;
}

/* What is left of a pod that cannot be decoded: enough to let an ordinary one through. */
static void bare_pod(struct calls *calls, const struct extender_pod *pod, struct pod_object *object)
{
    memset(object, 0, sizeof(*object));
    object->uid = text_of(calls, &pod->uid);
    object->name = text_of(calls, &pod->name);
    object->name_space = text_of(calls, &pod->name_space);
    object->rank = -1;
    if (object->name == NULL) {
        object->name = "";
    }
    if (object->name_space == NULL) {
        object->name_space = "";
    }
}

static bool names_gang(struct calls *calls, const json_t *pod)
{
    const json_t *metadata = json_object_get(pod, "metadata");
    struct dialect_mark mark;
    dialect_read(json_object_get(metadata, "labels"), json_object_get(metadata, "annotations"),
                 &calls->arena, &mark);
    return mark.gang != NULL;
}

/* A pod that the watch has not shown: its names are the caller's. */
static int check_names(struct calls *calls, const struct extender_pod *pod, struct err *err)
{
    const char *name = text_of(calls, &pod->name), *name_space = text_of(calls, &pod->name_space);
    if (name == NULL || !name_is_valid(name)) {
        return err_set(err, "Pod.metadata.name: \"%.100s\" is no name of a pod",
                       name == NULL ? "" : name);
    }
    if (name_space == NULL || !name_is_valid(name_space)) {
        return err_set(err, "Pod.metadata.namespace: \"%.100s\" is no name of a namespace",
                       name_space == NULL ? "" : name_space);
    }
    return 0;
}

/* What becomes a tree of values in memory takes up to a hundred times its text. */
static int check_size(const struct json_slice *text, struct err *err)
{
    size_t values = 0;
    for (size_t i = 0; i < text->length && values <= POD_TEXT_VALUES_MAX; i++) {
        values += text->text[i] == ',' || text->text[i] == ':';
    }
    if (text->length > POD_TEXT_BYTES_MAX) {
        return err_set(err, "Pod: %zu bytes are more than the API server takes (%d)", text->length,
                       POD_TEXT_BYTES_MAX);
    }
    return values <= POD_TEXT_VALUES_MAX
               ? 0
               : err_set(err, "Pod: has more than %d values", POD_TEXT_VALUES_MAX);
}

/* Decodes the Pod of a call. One that cannot be read is an error when it belongs to a gang: the
 * gang would be planned without it. */
static int decode_pod_of_call(struct calls *calls, const struct extender_pod *pod,
                              struct pod_object *object, struct err *err)
{
    int result = -1;
    if (check_names(calls, pod, err) < 0 || check_size(&pod->text, err) < 0) {
        return -1;
    }
    json_t *json = json_read(pod->text.text, pod->text.length, err);
    if (json == NULL) {
        return err_prefix(err, "Pod");
    }
    if (pod_decode(json, &calls->arena, object, err) == 0) {
        result = 0;
    } else if (!names_gang(calls, json)) {
        log_text(calls->log, LOG_WARNING, "an ordinary pod that cannot be read passes", "error",
                 err->text, NULL);
        bare_pod(calls, pod, object);
        result = 0;
    }
    json_decref(json);
    return result;
}

/* The pod part of an event. `object` is used when the engine does not know the pod. */
static int identify(struct calls *calls, const struct extender_pod *pod, struct call_pod *call,
                    struct pod_object *object, struct err *err)
{
    call->uid = text_of(calls, &pod->uid);
    call->nominated = text_of(calls, &pod->nominated);
    call->object = NULL;
    if (call->uid == NULL || !name_is_uid(call->uid)) {
        return err_set(err, "Pod.metadata.uid is %s",
                       call->uid == NULL ? "missing" : "none of the API server");
    }
    if (!engine_knows_pod(core_engine(calls->core), call->uid)) {
        if (decode_pod_of_call(calls, pod, object, err) < 0) {
            return -1;
        }
        call->object = object;
    }
    return 0;
}

static char *filter_text(const struct extender_args *args, const struct filter_reply *reply,
                         size_t *length)
{
    switch (reply->verdict) {
    case FILTER_ALL:
        return extender_filter_reply(args, NULL, NULL, length);
    case FILTER_ONE:
        return extender_filter_reply_one(args, reply->index, length);
    case FILTER_SOME:
        return extender_filter_reply(args, reply->passes, reply->reason, length);
    case FILTER_NONE: {
        bool *none = alloc_zero(args->count + 1, sizeof(bool));
        char *text = extender_filter_reply(args, none, reply->reason, length);
        free(none);
        return text;
    }
    case FILTER_ERROR:
        break;
    }
    return extender_filter_reply_error(reply->reason, length);
}

/* A member goes to its planned node alone, and the engine knows that one. */
static void note_passed(struct calls *calls, const struct filter_event *call,
                        const struct filter_reply *reply)
{
    if (reply->verdict == FILTER_ALL || reply->verdict == FILTER_SOME) {
        passed_note(calls->passed, call->pod.uid, call->rows,
                    reply->verdict == FILTER_ALL ? NULL : reply->passes, call->row_count,
                    clock_ms());
    } else if (reply->verdict == FILTER_NONE) {
        passed_note(calls->passed, call->pod.uid, call->rows, NULL, 0, clock_ms());
    } else {
        passed_forget(calls->passed, call->pod.uid);
    }
}

static void node_call(struct calls *calls, struct http_request *request, enum metrics_verb verb)
{
    struct extender_args args;
    struct pod_object object;
    struct err err;
    size_t length;
    const char *body = http_request_body(request, &length);
    if (extender_args_decode(body, length, &args, &err) < 0) {
        respond_bad(calls, request, verb, &err);
        return;
    }
    struct event event = {.type = verb == METRICS_FILTER ? EVENT_FILTER : EVENT_PRIORITIZE};
    if (identify(calls, &args.pod, &event.filter.pod, &object, &err) < 0) {
        respond_bad(calls, request, verb, &err);
        goto out;
    }
    uint32_t *rows = room_for_rows(calls, args.count);
    for (size_t i = 0; i < args.count; i++) {
        rows[i] = row_of(calls, &args.names[i]);
    }
    event.filter.rows = rows;
    event.filter.row_count = (uint32_t)args.count;
    const struct effect *effect = core_apply(calls->core, &event);
    char *text;
    if (verb == METRICS_FILTER) {
        note_passed(calls, &event.filter, &effect->filter);
        text = filter_text(&args, &effect->filter, &length);
    } else {
        uint32_t index = effect->prioritize.index;
        text = extender_prioritize_reply(&args, index == UINT32_MAX ? SIZE_MAX : index, &length);
    }
    respond(calls, request, verb, text, length);
out:
    extender_args_finish(&args);
}

static void preempt_call(struct calls *calls, struct http_request *request)
{
    struct extender_preemption_args args;
    struct pod_object object;
    struct err err;
    size_t length;
    const char *body = http_request_body(request, &length);
    if (extender_preemption_args_decode(body, length, &args, &err) < 0) {
        respond_bad(calls, request, METRICS_PREEMPT, &err);
        return;
    }
    struct event event = {.type = EVENT_PREEMPT};
    if (identify(calls, &args.pod, &event.preempt.pod, &object, &err) < 0) {
        respond_bad(calls, request, METRICS_PREEMPT, &err);
        goto out;
    }
    uint32_t *rows = room_for_rows(calls, args.count);
    for (size_t i = 0; i < args.count; i++) {
        rows[i] = row_of(calls, &args.nodes[i].node);
    }
    event.preempt.rows = rows;
    event.preempt.row_count = (uint32_t)args.count;
    const struct effect *effect = core_apply(calls->core, &event);
    char *text = extender_preemption_reply(&args, effect->preempt.keeps, &length);
    respond(calls, request, METRICS_PREEMPT, text, length);
out:
    extender_preemption_args_finish(&args);
}

static int binding_of(struct calls *calls, const struct extender_binding_args *args,
                      struct bind_event *bind, struct err *err)
{
    bind->name = text_of(calls, &args->pod_name);
    bind->name_space = text_of(calls, &args->pod_namespace);
    bind->uid = text_of(calls, &args->pod_uid);
    bind->node = text_of(calls, &args->node);
    const char *missing = bind->name == NULL         ? "PodName"
                          : bind->name_space == NULL ? "PodNamespace"
                          : bind->uid == NULL        ? "PodUID"
                          : bind->node == NULL       ? "Node"
                                                     : NULL;
    if (missing != NULL) {
        return err_set(err, "%s is missing", missing);
    }
    const struct {
        const char *member, *value;
        bool valid;
    } names[] = {{"PodName", bind->name, name_is_valid(bind->name)},
                 {"PodNamespace", bind->name_space, name_is_valid(bind->name_space)},
                 {"PodUID", bind->uid, name_is_uid(bind->uid)},
                 {"Node", bind->node, name_is_valid(bind->node)}};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!names[i].valid) {
            return err_set(err, "%s: \"%.100s\" is no name of the API server", names[i].member,
                           names[i].value);
        }
    }
    return 0;
}

/* The vote goes with its caller: nobody would hear that the pod is bound, and kube-scheduler has
 * long begun to try it again. */
static void bind_abandoned(void *context, struct http_request *request)
{
    struct open_bind *open = context;
    struct calls *calls = open->calls;
    struct event event = {.type = EVENT_BIND_GIVE_UP, .ticket = open->ticket};
    HASH_DELETE(hh, calls->binds, open);
    free(open);
    metrics_call(calls->metrics, METRICS_BIND, CALLER_GONE,
                 clock_ns() - http_request_arrived(request));
    log_text(calls->log, LOG_INFO, "the caller of a waiting bind hung up", NULL);
    http_respond_error(request, CALLER_GONE, "the caller hung up");
    core_apply(calls->core, &event);
}

/* Why the engine is not even asked; NULL when it is. The text lies in the arena. */
static const char *refuse_bind(struct calls *calls, const struct bind_event *bind)
{
    const struct engine *engine = core_engine(calls->core);
    if (HASH_COUNT(calls->binds) >= calls->waiting_most) {
        return "as many bind calls wait already as may (server.maxConnections): try again";
    }
    if (!engine_leading(engine) || !engine_synced(engine) ||
        !engine_pod_is_ordinary(engine, bind->uid)) {
        return NULL; /* it has its own answers */
    }
    switch (passed_check(calls->passed, bind->uid,
                         engine_node_row(engine, bind->node, strlen(bind->node)), clock_ms())) {
    case PASSED_NO:
        return "the node has not passed the last filter call for the pod";
    case PASSED_NEVER_ASKED:
        return "no filter call has asked where the pod may go";
    case PASSED_YES:
    case PASSED_UNKNOWN:
        break;
    }
    return NULL;
}

static void bind_call(struct calls *calls, struct http_request *request)
{
    struct extender_binding_args args;
    struct err err;
    size_t length;
    const char *body = http_request_body(request, &length);
    struct event event = {.type = EVENT_BIND};
    if (extender_binding_args_decode(body, length, &args, &err) < 0 ||
        binding_of(calls, &args, &event.bind, &err) < 0) {
        respond_bad(calls, request, METRICS_BIND, &err);
        return;
    }
    const char *refusal = refuse_bind(calls, &event.bind);
    if (refusal != NULL) {
        char *text = extender_bind_reply(refusal, &length);
        log_text(calls->log, LOG_INFO, "bind refused", "error", refusal, NULL);
        respond(calls, request, METRICS_BIND, text, length);
        return;
    }
    struct open_bind *open = alloc_zero(1, sizeof(*open));
    open->calls = calls;
    open->ticket = ++calls->next_ticket;
    open->request = request;
    snprintf(open->uid, sizeof(open->uid), "%s", event.bind.uid);
    HASH_ADD(hh, calls->binds, ticket, sizeof(open->ticket), open);
    http_request_on_abandoned(request, bind_abandoned, open);
    event.bind.ticket = open->ticket;
    core_apply(calls->core, &event);
}

static void answer_bind(struct calls *calls, struct open_bind *open, const char *error)
{
    size_t length;
    char *text = extender_bind_reply(error, &length);
    HASH_DELETE(hh, calls->binds, open);
    if (error != NULL) {
        log_text(calls->log, LOG_INFO, "bind refused", "error", error, NULL);
    } else {
        passed_forget(calls->passed, open->uid);
    }
    respond(calls, open->request, METRICS_BIND, text, length);
    free(open);
}

void calls_bind_reply(void *context, uint64_t ticket, const char *error)
{
    struct calls *calls = context;
    struct open_bind *open;
    HASH_FIND(hh, calls->binds, &ticket, sizeof(ticket), open);
    if (open != NULL) {
        answer_bind(calls, open, error);
    }
}

void calls_fail_all(struct calls *calls, const char *error)
{
    struct open_bind *open, *next;
    HASH_ITER (hh, calls->binds, open, next) {
        answer_bind(calls, open, error);
    }
}

bool calls_handle(struct calls *calls, struct http_request *request, const char *verb)
{
    arena_reset(&calls->arena);
    if (strcmp(verb, "filter") == 0) {
        node_call(calls, request, METRICS_FILTER);
    } else if (strcmp(verb, "prioritize") == 0) {
        node_call(calls, request, METRICS_PRIORITIZE);
    } else if (strcmp(verb, "preempt") == 0) {
        preempt_call(calls, request);
    } else if (strcmp(verb, "bind") == 0) {
        bind_call(calls, request);
    } else {
        return false;
    }
    return true;
}
