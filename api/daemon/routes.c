// SPDX-License-Identifier: Apache-2.0
#include "api/daemon/routes.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/base/clock.h"
#include "api/base/terminal.h"
#include "api/view/gang_view.h"
#include "topology/base/alloc.h"
#include "topology/base/utf8.h"
#include "version.h"

/* A table of prefixes and handlers. Paths are matched as sent: names in Kubernetes need no escapes,
 * so a path with a percent sign names nothing that exists.
 *
 * Health: alive means this loop turns, which answering proves. Ready means that the first complete
 * list has been applied, that no watch has been failing for longer than kubernetes.watchPatience,
 * and that the process is not draining. kube-scheduler is answered all the same, as well as can be:
 * it cannot go anywhere else. A watch that is merely silent is shown by ?verbose and in the
 * metrics: nothing may have happened.
 *
 * A standby is ready, too: it could lead the next moment, and a Deployment whose second pod never
 * becomes ready cannot be updated. Only where something has to choose the pod that kube-scheduler
 * calls, as a Service does, is /readyz/leader the one to ask.
 */

#define PATH_PARTS_MAX 9

static void respond_json(struct http_request *request, unsigned status, json_t *json)
{
    char *text = json_dumps(json, JSON_INDENT(2));
    json_decref(json);
    http_respond(request, status, "application/json", text, text == NULL ? 0 : strlen(text));
}

static void respond_text(struct http_request *request, unsigned status, char *text, size_t length)
{
    http_respond(request, status, "text/plain; charset=utf-8", text, length);
}

/* Refuses other methods than `method`. */
static bool is_method(struct http_request *request, const char *method)
{
    if (strcmp(http_request_method(request), method) == 0) {
        return true;
    }
    http_respond_error(request, 405, "%s %s: the method must be %s", http_request_method(request),
                       http_request_path(request), method);
    return false;
}

static void add_check(FILE *out, const char *name, bool good, const char *detail)
{
    fprintf(out, "[%c]%s %s%s%s\n", good ? '+' : '-', name, good ? "ok" : "failed",
            detail[0] != '\0' ? ": " : "", detail);
}

static void add_watch_checks(const struct kube_io_status *status, int64_t patience_ms, bool named,
                             FILE *out)
{
    static const char *const kinds[KUBE_IO_WATCHES] = {"nodes", "pods", "podgroups",
                                                       "resourceslices"};
    for (size_t i = 0; i < KUBE_IO_WATCHES; i++) {
        char name[32], detail[2048];
        const struct watch_health *health = &status->watches[i];
        snprintf(name, sizeof(name), "watch-%s", kinds[i]);
        watch_health_describe(health, status->silence_ms[i], named, detail, sizeof(detail));
        add_check(out, name, status->synced[i] && health->failing_ms < patience_ms, detail);
    }
}

/* Whether what the core is told can be relied on. */
static bool watches_good(const struct kube_io_status *status, int64_t patience_ms)
{
    bool good = true;
    for (size_t i = 0; i < KUBE_IO_WATCHES; i++) {
        good = good && watch_health_good(&status->watches[i], (enum reflector_kind)i, patience_ms);
    }
    return good;
}

static void add_leader_check(const struct routes *routes, const struct kube_io_status *status,
                             bool named, FILE *out, bool wanted)
{
    char detail[LEASE_IDENTITY_MAX + 64];
    bool leading = engine_leading(core_engine(routes->core));
    if (!status->shared) {
        return;
    }
    utf8_print(detail, sizeof(detail), "%s, the lease is held by %s%s",
               leading ? "leading" : "on standby",
               status->holder[0] == '\0' ? "nobody"
               : named                   ? status->holder
                                         : "somebody",
               status->sees_holder ? ", which this process is connected to" : "");
    add_check(out, "leader", leading || !wanted, detail);
}

enum health { HEALTH_LIVE, HEALTH_READY, HEALTH_LEADER };

/* Who is asked by everybody names nothing to those who may not know it. */
static void health(const struct routes *routes, struct http_request *request, enum health asked,
                   bool named)
{
    char *text = NULL;
    size_t length = 0;
    struct kube_io_status status;
    bool readiness = asked != HEALTH_LIVE;
    bool synced = engine_synced(core_engine(routes->core));
    if (!is_method(request, "GET")) {
        return;
    }
    bool good = (!readiness || (synced && !routes->draining)) &&
                (asked != HEALTH_LEADER || engine_leading(core_engine(routes->core)));
    if (routes->kube != NULL) {
        kube_io_status(routes->kube, &status);
        good = good && (!readiness || watches_good(&status, routes->watch_patience_ms));
    }
    FILE *out = open_memstream(&text, &length);
    if (http_request_query(request, "verbose") != NULL || !good) {
        add_check(out, "loop", true, "");
        if (readiness) {
            add_check(out, "synced", synced, "");
            add_check(out, "serving", !routes->draining, "");
        }
        if (routes->kube != NULL) {
            if (readiness) {
                add_leader_check(routes, &status, named, out, asked == HEALTH_LEADER);
            }
            add_check(out, "api-server", true,
                      named || status.access_trouble[0] == '\0' ? status.access_trouble
                                                                : "see the log");
            add_watch_checks(&status, routes->watch_patience_ms, named, out);
        }
    }
    fputs(good ? "ok\n" : "not ready\n", out);
    fclose(out);
    respond_text(request, good ? 200 : 503, text, length);
}

static void http_figures(const char *name, const struct http_server *server,
                         struct metrics_http *http)
{
    struct http_server_figures figures;
    http_server_figures(server, &figures);
    *http = (struct metrics_http){
        .name = name,
        .connections = figures.connections,
        .timed_out = figures.timed_out,
        .out_of_memory = figures.out_of_memory,
        .crowded_out = figures.crowded_out,
        .strangers = figures.strangers,
        .certificate_ends = figures.certificate_ends,
    };
}

static void show_metrics(const struct routes *routes, struct http_request *request)
{
    struct kube_io_status status;
    struct log_figures log;
    struct metrics_http http[2];
    struct metrics_scrape scrape = {
        .log = &log,
        .http = http,
        .http_count = routes->operations == NULL ? 1 : 2,
        .uptime_ms = clock_ms() - routes->started,
        .version = PHALANX_VERSION,
    };
    if (!is_method(request, "GET")) {
        return;
    }
    log_figures(routes->log, &log);
    http_figures("extender", routes->server, &http[0]);
    if (routes->operations != NULL) {
        http_figures("operations", routes->operations, &http[1]);
    }
    engine_figures(core_engine(routes->core), &scrape.engine);
    scrape.leading = engine_leading(core_engine(routes->core));
    if (routes->kube != NULL) {
        kube_io_status(routes->kube, &status);
        scrape.kube = &status;
    }
    struct recorder_status journal;
    if (routes->journal != NULL) {
        recorder_status(routes->journal, &journal);
        scrape.journal = &journal;
    }
    size_t length;
    char *text = metrics_render(routes->metrics, &scrape, &length);
    http_respond(request, 200, "text/plain; version=0.0.4; charset=utf-8", text, length);
}

static void show_drawing(const struct routes *routes, struct http_request *request,
                         const struct gang_view *view, bool tree)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (tree) {
        gang_view_tree(view, core_engine(routes->core), out);
    } else {
        gang_view_table(view, out);
    }
    fclose(out);
    text = terminal_clean(text, &length);
    respond_text(request, 200, text, length);
}

/* Why a gang waits is put into words when somebody asks. */
static void ask(const struct routes *routes, const char *name_space, const char *name)
{
    struct event event = {.type = EVENT_ASK, .asked = {name_space, name}};
    core_apply(routes->core, &event);
}

static void show_gang(const struct routes *routes, struct http_request *request,
                      const char *name_space, const char *name)
{
    const struct engine *engine = core_engine(routes->core);
    const char *output = http_request_query(request, "output");
    struct gang_view view;
    struct arena arena;
    arena_init(&arena);
    ask(routes, name_space, name);
    if (!engine_gang_find(engine, name_space, name, &arena, &view)) {
        http_respond_error(request, 404, "there is no gang %s/%s", name_space, name);
    } else if (output == NULL || strcmp(output, "json") == 0) {
        respond_json(request, 200, gang_view_json(&view));
    } else if (strcmp(output, "tree") == 0 || strcmp(output, "table") == 0) {
        show_drawing(routes, request, &view, output[1] == 'r');
    } else {
        http_respond_error(request, 400, "output: %s: must be json, table or tree", output);
    }
    arena_finish(&arena);
}

/* ?limit= as a number, `otherwise` where it is not given; false when it was answered as wrong. */
static bool read_limit(struct http_request *request, unsigned long otherwise, unsigned long *limit)
{
    const char *text = http_request_query(request, "limit");
    char *end = NULL;
    *limit = text == NULL ? otherwise : strtoul(text, &end, 10);
    if (text != NULL && (text[0] < '0' || text[0] > '9' || *end != '\0')) {
        http_respond_error(request, 400, "limit: %.100s: must be a number", text);
        return false;
    }
    return true;
}

/* A page: nobody waits for the answer to who asks for all of them. */
static void show_gangs(const struct routes *routes, struct http_request *request)
{
    const struct engine *engine = core_engine(routes->core);
    const char *after = http_request_query(request, "continue");
    unsigned long limit;
    size_t first = 0;
    if (!read_limit(request, 0, &limit)) {
        return;
    }
    if (after != NULL && after[0] != '\0') {
        char *name_space = alloc_string(after);
        char *name = strchr(name_space, '/');
        if (name == NULL) {
            http_respond_error(request, 400, "continue: %.100s: must be namespace/name", after);
            free(name_space);
            return;
        }
        *name++ = '\0';
        first = engine_gang_after(engine, name_space, name);
        free(name_space);
    }
    respond_json(request, 200, gang_view_list(engine, first, limit));
}

static void show_decisions(const struct routes *routes, struct http_request *request)
{
    unsigned long limit;
    if (read_limit(request, DECISIONS_KEPT, &limit)) {
        respond_json(request, 200, decisions_json(core_decisions(routes->core), limit));
    }
}

/* Objects posted to the embedded cluster must be what the path says. */
static int check_posted(const json_t *object, const char *kind, const char *name_space,
                        struct err *err)
{
    const char *have = json_string_value(json_object_get(object, "kind"));
    const json_t *metadata = json_object_get(object, "metadata");
    const char *where = json_string_value(json_object_get(metadata, "namespace"));
    if (have == NULL || strcmp(have, kind) != 0) {
        return err_set(err, "kind: %s: this path takes a %s", have == NULL ? "missing" : have,
                       kind);
    }
    if (where == NULL || strcmp(where, name_space) != 0) {
        return err_set(err, "metadata.namespace: %s: the path says %s",
                       where == NULL ? "missing" : where, name_space);
    }
    return 0;
}

static void post_object(const struct routes *routes, struct http_request *request, const char *kind,
                        const char *name_space)
{
    struct err err;
    json_error_t error;
    size_t length;
    const char *body = http_request_body(request, &length);
    json_t *object = json_loadb(body, length, JSON_REJECT_DUPLICATES, &error);
    if (object == NULL) {
        http_respond_error(request, 400, "body: line %d: %s", error.line, error.text);
        return;
    }
    if (check_posted(object, kind, name_space, &err) < 0 ||
        embedded_backend_apply(routes->embedded, object, &err) < 0) {
        http_respond_error(request, 422, "%s", err.text);
        json_decref(object);
        return;
    }
    respond_json(request, 201, object);
}

static void delete_object(const struct routes *routes, struct http_request *request,
                          const char *kind, const char *name_space, const char *name)
{
    struct err err;
    if (embedded_backend_delete(routes->embedded, kind, name_space, name, &err) < 0) {
        http_respond_error(request, 404, "%s", err.text);
        return;
    }
    respond_json(
        request, 200,
        json_pack("{s:s,s:s,s:s}", "kind", "Status", "apiVersion", "v1", "status", "Success"));
}

static void list_objects(const struct routes *routes, struct http_request *request,
                         const char *kind)
{
    respond_json(request, 200,
                 cluster_list(embedded_backend_cluster(routes->embedded), kind, NULL));
}

/* The embedded cluster's own paths; false when it is none of them. */
static bool embedded_route(const struct routes *routes, struct http_request *request,
                           char *const *part, size_t parts)
{
    bool get = strcmp(http_request_method(request), "GET") == 0;
    bool post = strcmp(http_request_method(request), "POST") == 0;
    bool delete = strcmp(http_request_method(request), "DELETE") == 0;
    bool core = parts >= 3 && strcmp(part[0], "api") == 0 && strcmp(part[1], "v1") == 0;
    if (core && parts == 3 && get && strcmp(part[2], "pods") == 0) {
        list_objects(routes, request, "Pod");
    } else if (core && parts == 3 && get && strcmp(part[2], "nodes") == 0) {
        list_objects(routes, request, "Node");
    } else if (core && parts == 5 && post && strcmp(part[4], "pods") == 0) {
        post_object(routes, request, "Pod", part[3]);
    } else if (core && parts == 6 && delete &&strcmp(part[4], "pods") == 0) {
        delete_object(routes, request, "Pod", part[3], part[5]);
    } else if (parts == 6 && post && strcmp(part[1], "scheduling.x-k8s.io") == 0 &&
               strcmp(part[5], "podgroups") == 0) {
        post_object(routes, request, "PodGroup", part[4]);
    } else {
        return false;
    }
    return true;
}

/* Cuts a path at its slashes, in place; more parts than there are routes for give 0. */
static size_t split(char *path, char **part)
{
    size_t count = 0;
    char *rest = path[0] == '/' ? path + 1 : path;
    while (rest != NULL && count < PATH_PARTS_MAX) {
        part[count++] = strsep(&rest, "/");
    }
    return rest == NULL ? count : 0;
}

static bool api_route(const struct routes *routes, struct http_request *request, char *const *part,
                      size_t parts)
{
    if (parts < 3 || strcmp(part[0], "api") != 0 || strcmp(part[1], "v1") != 0) {
        return false;
    }
    if (parts == 3 && strcmp(part[2], "decisions") == 0) {
        if (is_method(request, "GET")) {
            show_decisions(routes, request);
        }
        return true;
    }
    if (strcmp(part[2], "gangs") != 0 || (parts != 3 && parts != 5)) {
        return false;
    }
    if (is_method(request, "GET")) {
        if (parts == 3) {
            show_gangs(routes, request);
        } else {
            show_gang(routes, request, part[3], part[4]);
        }
    }
    return true;
}

static bool health_route(const struct routes *routes, struct http_request *request,
                         const char *path, bool named)
{
    if (strcmp(path, "/livez") == 0) {
        health(routes, request, HEALTH_LIVE, named);
    } else if (strcmp(path, "/readyz") == 0 || strcmp(path, "/healthz") == 0) {
        health(routes, request, HEALTH_READY, named);
    } else if (strcmp(path, "/readyz/leader") == 0) {
        health(routes, request, HEALTH_LEADER, named);
    } else {
        return false;
    }
    return true;
}

/* The port that kube-scheduler calls. */
static bool scheduler_route(const struct routes *routes, struct http_request *request,
                            const char *path)
{
    static const char scheduler[] = "/scheduler/";
    if (strncmp(path, scheduler, sizeof(scheduler) - 1) != 0) {
        return false;
    }
    if (http_request_is_abandoned(request)) {
        http_respond_error(request, 499, "the caller hung up");
        return true;
    }
    return !is_method(request, "POST") ||
           calls_handle(routes->calls, request, path + sizeof(scheduler) - 1);
}

/* Whether the client may see that; with the names of gangs, pods and nodes in it or without. */
static bool may_see(const struct routes_listener *listener, const struct http_request *request,
                    bool named)
{
    return http_request_verified(request) ||
           (!listener->certified && !(listener->nameless && named));
}

/* Refuses what the client may not see; health is for everybody. */
static bool is_let_in(const struct routes_listener *listener, struct http_request *request,
                      bool named)
{
    if (may_see(listener, request, named)) {
        return true;
    }
    http_respond_error(request, 401,
                       "%.200s: only for clients with a certificate "
                       "(server.operations.tls.clientCAFile): %s",
                       http_request_path(request), http_request_unverified(request));
    return false;
}

static bool named_route(const struct routes *routes, struct http_request *request, const char *path)
{
    char *parts[PATH_PARTS_MAX];
    char *copy = alloc_string(path);
    size_t count = split(copy, parts);
    bool found = api_route(routes, request, parts, count) ||
                 (routes->embedded != NULL && embedded_route(routes, request, parts, count));
    free(copy);
    return found;
}

void routes_handle(void *context, struct http_request *request)
{
    const struct routes_listener *listener = context;
    const struct routes *routes = listener->routes;
    const char *path = http_request_path(request);
    if (listener->extender && scheduler_route(routes, request, path)) {
        return;
    }
    if (listener->operations) {
        if (health_route(routes, request, path, may_see(listener, request, true))) {
            return;
        }
        bool metrics = strcmp(path, "/metrics") == 0;
        if (!is_let_in(listener, request, !metrics)) {
            return;
        }
        if (metrics) {
            show_metrics(routes, request);
            return;
        }
        if (named_route(routes, request, path)) {
            return;
        }
    }
    http_respond_error(request, 404, "%.200s: there is no such path%s", path,
                       listener->operations ? "" : " here (see server.operations.listen)");
}
