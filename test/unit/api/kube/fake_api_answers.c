// SPDX-License-Identifier: Apache-2.0
#include "test/unit/api/kube/fake_api_state.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"

/* The client's side: lists, watches, and what is done to pods, each answered in the API
 * server's own words. */

static const char *const PATHS[FAKE_KINDS] = {
    "/api/v1/nodes",
    "/api/v1/pods",
    "/apis/scheduling.x-k8s.io/v1alpha1/podgroups",
    "/apis/resource.k8s.io/v1/resourceslices",
};

static bool answer_status(struct fake_connection *connection, int code, const char *reason,
                          const char *message)
{
    json_t *json = json_pack("{s:s,s:s,s:{},s:s,s:s,s:s,s:i}", "kind", "Status", "apiVersion", "v1",
                             "metadata", "status", code < 300 ? "Success" : "Failure", "message",
                             message, "reason", reason, "code", code);
    char *text = json_dumps(json, JSON_COMPACT);
    bool going = fake_reply(connection, code, "", text);
    free(text);
    json_decref(json);
    return going;
}

static size_t query_number(const char *target, const char *name, size_t otherwise)
{
    const char *found = strstr(target, name);
    return found == NULL ? otherwise : strtoul(found + strlen(name), NULL, 10);
}

/* Sends in chunks of the set size, wherever that cuts. */
static bool send_portions(struct fake_connection *connection, const char *text, size_t length,
                          size_t portion)
{
    for (size_t at = 0; at < length;) {
        size_t part = portion == 0 || length - at < portion ? length - at : portion;
        if (!fake_chunk(connection, text + at, part)) {
            return false;
        }
        at += part;
    }
    return true;
}

static bool answer_list(struct fake_api *api, struct fake_connection *connection,
                        const char *target, enum fake_kind kind)
{
    (void)pthread_mutex_lock(&api->lock);
    size_t total = json_array_size(api->objects[kind]);
    size_t limit = query_number(target, "limit=", total);
    size_t from = query_number(target, "continue=from-", 0);
    size_t portion = api->portion;
    limit = api->page > 0 && api->page < limit ? api->page : limit;
    size_t end = total - from < limit ? total : from + limit;
    json_t *items = json_array();
    for (size_t i = from; i < end; i++) {
        json_array_append(items, json_array_get(api->objects[kind], i));
    }
    char version[32];
    char resume[48];
    (void)snprintf(version, sizeof version, "%lld", (long long)api->version);
    (void)snprintf(resume, sizeof resume, "from-%zu==", end);
    json_t *list = json_pack("{s:s,s:s,s:{s:s,s:s*},s:o}", "kind", "List", "apiVersion", "v1",
                             "metadata", "resourceVersion", version, "continue",
                             end < total ? resume : NULL, "items", items);
    char *text = json_dumps(list, JSON_INDENT(2));
    json_decref(list);
    (void)pthread_mutex_unlock(&api->lock);
    bool going = fake_begin(connection, 200) &&
                 send_portions(connection, text, strlen(text), portion) &&
                 fake_chunk(connection, "", 0);
    free(text);
    return going;
}

/* The next change of the kind after `version`, waiting for one; NULL when the watch is over.
 * The lock is held. */
static const struct change *next_change(struct fake_api *api, enum fake_kind kind, int64_t version,
                                        uint64_t ended)
{
    for (size_t i = 0;;) {
        for (; i < api->history_count; i++) {
            if (api->history[i].kind == kind && api->history[i].version > version) {
                return &api->history[i];
            }
        }
        if (api->stopping || api->ended != ended) {
            return NULL;
        }
        (void)pthread_cond_wait(&api->changed, &api->lock);
    }
}

/* `ended` is how often watches had been ended when the request arrived. */
static bool answer_watch(struct fake_api *api, struct fake_connection *connection,
                         const char *target, enum fake_kind kind, uint64_t ended)
{
    int64_t version = (int64_t)query_number(target, "resourceVersion=", 0);
    (void)pthread_mutex_lock(&api->lock);
    bool expired = version < api->compacted;
    bool as_event = api->expired_as_event;
    (void)pthread_mutex_unlock(&api->lock);
    if (expired && !as_event) {
        return answer_status(connection, 410, "Expired", "too old resource version");
    }
    bool going = fake_begin(connection, 200);
    if (expired) {
        static const char ERROR[] =
            "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410,"
            "\"reason\":\"Expired\",\"message\":\"too old resource version\"}}\n";
        return going && fake_chunk(connection, ERROR, sizeof ERROR - 1) &&
               fake_chunk(connection, "", 0);
    }
    bool broken = false;
    while (going) {
        (void)pthread_mutex_lock(&api->lock);
        const struct change *change = next_change(api, kind, version, ended);
        size_t portion = api->portion;
        broken = api->ended_broken;
        char *line = NULL;
        if (change != NULL) {
            version = change->version;
            line = alloc_string(change->line);
        }
        (void)pthread_mutex_unlock(&api->lock);
        if (line == NULL) {
            break;
        }
        going = send_portions(connection, line, strlen(line), portion);
        free(line);
    }
    if (broken) {
        (void)fake_chunk(connection, "{\"type\":\"ADDED\",\"obj", 20);
        return false;
    }
    return going && fake_chunk(connection, "", 0);
}

/* The pod of "/api/v1/namespaces/{ns}/pods/{name}[/sub]" in the table, and what follows its
 * name. */
static size_t find_pod(const struct fake_api *api, const char *target, char *name, const char **sub)
{
    char name_space[256];
    int used = 0;
    if (sscanf(target, "/api/v1/namespaces/%255[^/]/pods/%255[^/]%n", name_space, name, &used) !=
        2) {
        return SIZE_MAX;
    }
    *sub = target + used;
    return fake_state_find(api, FAKE_PODS, name_space, name);
}

static bool bind_pod(struct fake_api *api, struct fake_connection *connection, json_t *pod,
                     const json_t *body, bool answer)
{
    char text[512];
    const char *name = fake_state_text(pod, "metadata", "name");
    const char *node = fake_state_text(pod, "spec", "nodeName");
    const char *wanted = fake_state_text(body, "metadata", "uid");
    int code = 409;
    if (strcmp(wanted, fake_state_text(pod, "metadata", "uid")) != 0) {
        (void)snprintf(
            text, sizeof text,
            "Operation cannot be fulfilled on pods \"%s\": StorageError: invalid object, "
            "Code: 4, Key: /registry/pods/ns/%s, ResourceVersion: 0, AdditionalErrorMsg: "
            "Precondition failed: UID in precondition: %s, UID in object meta: %s",
            name, name, wanted, fake_state_text(pod, "metadata", "uid"));
    } else if (node[0] != '\0') {
        (void)snprintf(text, sizeof text,
                       "Operation cannot be fulfilled on pods/binding \"%s\": pod %s is already "
                       "assigned to node \"%s\"",
                       name, name, node);
    } else {
        json_t *bound = json_deep_copy(pod);
        json_object_set(json_object_get(bound, "spec"), "nodeName",
                        json_object_get(json_object_get(body, "target"), "name"));
        fake_state_put(api, FAKE_PODS, bound, false);
        code = 201;
        text[0] = '\0';
    }
    (void)pthread_mutex_unlock(&api->lock);
    return answer && answer_status(connection, code, code == 409 ? "Conflict" : "", text);
}

static bool patch_pod(struct fake_api *api, struct fake_connection *connection, json_t *pod,
                      const json_t *body, bool answer)
{
    char text[256] = "";
    int code = 200;
    if (strcmp(fake_state_text(body, "metadata", "uid"), fake_state_text(pod, "metadata", "uid")) !=
        0) {
        code = 422;
        (void)snprintf(
            text, sizeof text,
            "Pod \"%s\" is invalid: metadata.uid: Invalid value: \"%s\": field is immutable",
            fake_state_text(pod, "metadata", "name"), fake_state_text(body, "metadata", "uid"));
    } else {
        json_t *patched = json_deep_copy(pod);
        json_object_update_recursive(patched, (json_t *)(uintptr_t)body);
        fake_state_put(api, FAKE_PODS, patched, false);
    }
    (void)pthread_mutex_unlock(&api->lock);
    return answer && answer_status(connection, code, code == 422 ? "Invalid" : "", text);
}

/* Requests on one pod: GET, binding, status. */
static bool answer_pod(struct fake_api *api, struct fake_connection *connection,
                       const struct fake_request *request, bool answer)
{
    char name[256] = "";
    char text[512];
    const char *sub = "";
    (void)pthread_mutex_lock(&api->lock);
    size_t i = find_pod(api, request->target, name, &sub);
    json_t *pod = i == SIZE_MAX ? NULL : json_array_get(api->objects[FAKE_PODS], i);
    if (pod == NULL) {
        (void)pthread_mutex_unlock(&api->lock);
        (void)snprintf(text, sizeof text, "pods \"%s\" not found", name);
        return answer && answer_status(connection, 404, "NotFound", text);
    }
    if (strcmp(request->method, "GET") == 0) {
        char *shown = json_dumps(pod, JSON_COMPACT);
        (void)pthread_mutex_unlock(&api->lock);
        bool going = answer && fake_reply(connection, 200, "", shown);
        free(shown);
        return going;
    }
    json_t *body = json_loads(request->body, 0, NULL);
    bool going = strcmp(sub, "/binding") == 0 ? bind_pod(api, connection, pod, body, answer)
                                              : patch_pod(api, connection, pod, body, answer);
    /* The pod may share values of the body, and jansson's counts are not the sanitizer's to see. */
    (void)pthread_mutex_lock(&api->lock);
    json_decref(body);
    (void)pthread_mutex_unlock(&api->lock);
    return going;
}

/* The one Lease: read, created, or replaced by who knows its version. */
static bool answer_lease(struct fake_api *api, struct fake_connection *connection,
                         const struct fake_request *request, bool answer)
{
    bool get = strcmp(request->method, "GET") == 0;
    bool post = strcmp(request->method, "POST") == 0;
    char *shown = NULL;
    int code = 200;
    (void)pthread_mutex_lock(&api->lock);
    if (post ? api->lease != NULL : api->lease == NULL) {
        code = post ? 409 : 404;
    } else if (!get) {
        json_t *object = json_loads(request->body, 0, NULL);
        if (!post && strcmp(fake_state_text(object, "metadata", "resourceVersion"),
                            fake_state_text(api->lease, "metadata", "resourceVersion")) != 0) {
            code = 409;
            json_decref(object);
        } else {
            char version[32];
            (void)snprintf(version, sizeof version, "%lld", (long long)++api->version);
            json_object_set_new(json_object_get(object, "metadata"), "resourceVersion",
                                json_string(version));
            json_decref(api->lease);
            api->lease = object;
            code = post ? 201 : 200;
        }
    }
    shown = code < 300 ? json_dumps(api->lease, JSON_COMPACT) : NULL;
    (void)pthread_mutex_unlock(&api->lock);
    bool going =
        answer && (shown == NULL ? answer_status(connection, code, "Conflict", "it is not so")
                                 : fake_reply(connection, code, "", shown));
    free(shown);
    return going;
}

static bool carry_out(struct fake_api *api, struct fake_connection *connection,
                      const struct fake_request *request, uint64_t ended, bool answer)
{
    const char *target = request->target;
    for (int kind = 0; kind < FAKE_KINDS; kind++) {
        size_t length = strlen(PATHS[kind]);
        if (strncmp(target, PATHS[kind], length) == 0 && target[length] == '?') {
            (void)pthread_mutex_lock(&api->lock);
            bool missing = kind == FAKE_GROUPS && api->groups_missing;
            (void)pthread_mutex_unlock(&api->lock);
            if (missing) {
                return fake_reply(connection, 404, "", "404 page not found\n");
            }
            return strstr(target, "watch=true") != NULL
                       ? answer_watch(api, connection, target, (enum fake_kind)kind, ended)
                       : answer_list(api, connection, target, (enum fake_kind)kind);
        }
    }
    if (strstr(target, "/leases") != NULL) {
        return answer_lease(api, connection, request, answer);
    }
    if (strstr(target, "/events") != NULL) {
        return answer && answer_status(connection, 201, "", "");
    }
    return answer_pod(api, connection, request, answer);
}

/* The mishap for a request, one time less; its status, headers and body stay valid. The lock
 * is held. */
static bool find_mishap(struct fake_api *api, const char *line, struct fake_mishap *mishap)
{
    for (size_t i = 0; i < api->mishap_count; i++) {
        struct fake_mishap *what = &api->mishaps[i];
        if (what->times > 0 && strstr(line, what->match) != NULL) {
            what->times--;
            *mishap = *what;
            return true;
        }
    }
    return false;
}

static bool suffer(struct fake_api *api, struct fake_connection *connection,
                   const struct fake_request *request, uint64_t ended,
                   const struct fake_mishap *mishap)
{
    if (mishap->status != 0) {
        return fake_reply(connection, mishap->status, mishap->headers, mishap->body);
    }
    if (mishap->hold) {
        (void)pthread_mutex_lock(&api->lock);
        uint64_t released = api->released;
        while (api->released == released && !api->stopping) {
            (void)pthread_cond_wait(&api->changed, &api->lock);
        }
        (void)pthread_mutex_unlock(&api->lock);
        return carry_out(api, connection, request, ended, true);
    }
    if (mishap->act) {
        (void)carry_out(api, connection, request, ended, false);
    }
    return false;
}

bool fake_answer(void *context, struct fake_connection *connection,
                 const struct fake_request *request)
{
    struct fake_api *api = context;
    struct fake_mishap mishap;
    char line[sizeof request->target + sizeof request->method + 1];
    char expected[4096] = "";
    char given[4096] = "";
    (void)snprintf(line, sizeof line, "%s %s", request->method, request->target);
    (void)fake_header(request, "Authorization", given, sizeof given);
    (void)pthread_mutex_lock(&api->lock);
    api->records =
        alloc_grow(api->records, &api->record_room, api->record_count + 1, sizeof *api->records);
    api->records[api->record_count++] =
        (struct record){.line = alloc_string(line), .body = alloc_string(request->body)};
    bool counted = strcmp(request->method, "GET") != 0;
    api->at_once += counted;
    api->most_at_once = api->at_once > api->most_at_once ? api->at_once : api->most_at_once;
    uint64_t ended = api->ended; /* who saw the request counted may end its watch at once */
    bool unlucky = find_mishap(api, line, &mishap);
    if (api->token != NULL) {
        (void)snprintf(expected, sizeof expected, "Bearer %s", api->token);
    }
    (void)pthread_cond_broadcast(&api->changed);
    (void)pthread_mutex_unlock(&api->lock);
    bool going = strcmp(expected, "") != 0 && strcmp(expected, given) != 0
                     ? answer_status(connection, 401, "Unauthorized", "Unauthorized")
                 : unlucky ? suffer(api, connection, request, ended, &mishap)
                           : carry_out(api, connection, request, ended, true);
    (void)pthread_mutex_lock(&api->lock);
    api->at_once -= counted;
    (void)pthread_mutex_unlock(&api->lock);
    return going;
}
