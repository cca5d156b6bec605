// SPDX-License-Identifier: Apache-2.0
#include "test/world/answers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"

/* Sources: pkg/registry/core/pod/storage/storage.go (bindings), apiserver
 * pkg/storage/interfaces.go (preconditions), registry/generic/registry/store.go and
 * endpoints/handlers for lists, watches, updates and patches.
 *
 * Pages are short, whatever was asked for, so that lists of a small cluster have several.
 */

#define PAGE_MAX 7

struct route {
    const char *path;
    enum kind kind;
};

static const struct route LISTS[] = {
    {"/api/v1/nodes", KIND_NODE},
    {"/api/v1/pods", KIND_POD},
    {"/apis/scheduling.x-k8s.io/v1alpha1/podgroups", KIND_GROUP},
    {"/apis/resource.k8s.io/v1/resourceslices", KIND_SLICE},
};

char *answer_status_body(int status, const char *message)
{
    json_t *body =
        json_pack("{s:s,s:s,s:s,s:s,s:i}", "kind", "Status", "apiVersion", "v1", "status",
                  status < 300 ? "Success" : "Failure", "message", message, "code", status);
    char *text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    return text;
}

static void refuse(struct answer *answer, int status, const char *format, const char *a,
                   const char *b)
{
    char message[WORLD_TEXT_MAX];
    char *at = message;
    size_t left = sizeof(message);
    for (const char *c = format; *c != '\0' && left > 1; c++) { /* %a and %b */
        const char *put = c[0] == '%' && c[1] == 'a' ? a : c[0] == '%' && c[1] == 'b' ? b : NULL;
        int length = put == NULL ? snprintf(at, left, "%c", *c) : snprintf(at, left, "%s", put);
        size_t step = (size_t)length < left ? (size_t)length : left - 1;
        at += step;
        left -= step;
        c += put != NULL;
    }
    answer->status = status;
    answer->body = answer_status_body(status, message);
}

static void give(struct answer *answer, int status, const json_t *object)
{
    answer->status = status;
    answer->body = json_dumps(object, JSON_COMPACT);
}

/* The value of `name` in the query, "" when it is not there. */
static void query_value(const char *target, const char *name, char *value, size_t room)
{
    const char *at = strchr(target, '?');
    size_t length = strlen(name);
    value[0] = '\0';
    while (at != NULL) {
        at++;
        if (strncmp(at, name, length) == 0 && at[length] == '=') {
            (void)snprintf(value, room, "%.*s", (int)strcspn(at + length + 1, "&"),
                           at + length + 1);
            return;
        }
        at = strchr(at, '&');
    }
}

/* ---- lists and watches ---- */

static void answer_list(struct server *server, enum kind kind, const char *target,
                        struct answer *answer)
{
    char resume[64];
    char token[64] = "";
    unsigned long long number = 0;
    unsigned long long at = 0;
    int64_t version = server_version(server);
    json_t *items = NULL;
    query_value(target, "continue", resume, sizeof(resume));
    if (resume[0] != '\0') {
        if (sscanf(resume, "p%llu.%llu", &number, &at) != 2 ||
            (items = server_page(server, number, &version)) == NULL) {
            refuse(answer, 410, "The provided continue parameter is too old", "", "");
            return;
        }
    } else {
        items = json_array();
        for (size_t i = 0; i < server_count(server, kind); i++) {
            json_array_append(items, server_at(server, kind, i));
        }
        number = server_keep_page(server, items, version);
    }
    json_t *page = json_array();
    for (size_t i = 0; i < PAGE_MAX && at + i < json_array_size(items); i++) {
        json_array_append(page, json_array_get(items, at + i));
    }
    if (at + PAGE_MAX < json_array_size(items)) {
        (void)snprintf(token, sizeof(token), "p%llu.%llu", number, at + PAGE_MAX);
    }
    char text[32];
    (void)snprintf(text, sizeof(text), "%lld", (long long)version);
    json_t *list = json_pack("{s:s,s:{s:s,s:s},s:o}", "kind", "List", "metadata", "resourceVersion",
                             text, "continue", token, "items", page);
    give(answer, 200, list);
    json_decref(list);
}

static void answer_watch(struct server *server, enum kind kind, const char *target,
                         struct answer *answer)
{
    char version[32];
    char seconds[32];
    query_value(target, "resourceVersion", version, sizeof(version));
    query_value(target, "timeoutSeconds", seconds, sizeof(seconds));
    answer->watch = (struct watch){
        .kind = kind, .since = strtoll(version, NULL, 10), .seconds = strtoll(seconds, NULL, 10)};
    if (answer->watch.since < server_oldest(server) &&
        server_world(server)->seed % 2 == 0) { /* else it says so in the stream */
        refuse(answer, 410, "too old resource version: %a", version, "");
        return;
    }
    answer->status = 200;
    answer->is_watch = true;
}

/* ---- pods ---- */

static bool is_other(const char *uid, const json_t *object)
{
    return uid != NULL && strcmp(uid, object_uid(object)) != 0;
}

static void merge(json_t *object, json_t *patch)
{
    const char *name;
    json_t *value;
    json_object_foreach(patch, name, value)
    {
        json_t *own = json_object_get(object, name);
        if (json_is_null(value)) {
            json_object_del(object, name);
        } else if (!json_is_object(value)) {
            json_object_set(object, name, value);
        } else {
            if (!json_is_object(own)) {
                own = json_object();
                json_object_set_new(object, name, own);
            }
            merge(own, value);
        }
    }
}

static void answer_binding(struct server *server, struct sender from, const char *key,
                           const json_t *body, struct answer *answer)
{
    json_t *pod = server_get(server, KIND_POD, key);
    const char *uid = json_string_value(json_object_get(json_object_get(body, "metadata"), "uid"));
    const char *node = object_text(body, "target", "name");
    if (pod == NULL) {
        refuse(answer, 404, "pods \"%a\" not found", key, "");
        return;
    }
    const char *there = object_text(pod, "spec", "nodeName");
    if (is_other(uid, pod)) {
        refuse(answer, 409,
               "Operation cannot be fulfilled on pods/binding: Precondition failed: UID in "
               "precondition: %a, UID in object meta: %b",
               uid, object_uid(pod));
    } else if (object_text(pod, "metadata", "deletionTimestamp")[0] != '\0') {
        refuse(answer, 409, "pod %a is being deleted, cannot be assigned to a host", key, "");
    } else if (there[0] != '\0') {
        refuse(answer, 409, "pod %a is already assigned to node \"%b\"", key, there);
    } else {
        judge_binds(server_world(server)->judge, from, pod, node);
        json_t *bound = json_deep_copy(pod);
        json_object_set_new(json_object_get(bound, "spec"), "nodeName", json_string(node));
        json_t *annotations = json_object_get(json_object_get(body, "metadata"), "annotations");
        json_t *patch = json_pack("{s:{s:O}}", "metadata", "annotations",
                                  annotations == NULL ? json_null() : annotations);
        if (annotations != NULL) {
            merge(bound, patch);
        }
        json_decref(patch);
        server_put(server, KIND_POD, bound);
        answer->status = 201;
        answer->body = answer_status_body(201, "");
    }
}

static void answer_patch(struct server *server, const char *key, json_t *body,
                         struct answer *answer)
{
    json_t *pod = server_get(server, KIND_POD, key);
    const char *uid = json_string_value(json_object_get(json_object_get(body, "metadata"), "uid"));
    if (pod == NULL) {
        refuse(answer, 404, "pods \"%a\" not found", key, "");
    } else if (is_other(uid, pod)) {
        refuse(answer, 422,
               "Pod \"%a\" is invalid: metadata.uid: Invalid value: \"%b\": field is "
               "immutable",
               key, uid);
    } else {
        json_t *patched = json_deep_copy(pod);
        merge(patched, body);
        if (json_equal(patched, pod)) { /* no change, no version */
            json_decref(patched);
            give(answer, 200, pod);
        } else {
            server_put(server, KIND_POD, patched);
            give(answer, 200, patched);
        }
    }
}

static void answer_eviction(struct server *server, const char *key, const json_t *body,
                            struct answer *answer)
{
    json_t *pod = server_get(server, KIND_POD, key);
    const char *uid = json_string_value(json_object_get(
        json_object_get(json_object_get(body, "deleteOptions"), "preconditions"), "uid"));
    if (pod == NULL) {
        refuse(answer, 404, "pods \"%a\" not found", key, "");
    } else if (is_other(uid, pod)) {
        refuse(answer, 409, "Precondition failed: UID in precondition: %a, UID in object meta: %b",
               uid, object_uid(pod));
    } else {
        server_remove(server, KIND_POD, key);
        answer->status = 201;
        answer->body = answer_status_body(201, "");
    }
}

/* "/api/v1/namespaces/{ns}/pods/{name}[/{subresource}]". */
static bool is_pod_path(const char *target, char key[SERVER_KEY_MAX], char subresource[16])
{
    char space[64];
    char name[64];
    subresource[0] = '\0';
    if (sscanf(target, "/api/v1/namespaces/%63[^/]/pods/%63[^/]/%15s", space, name, subresource) <
        2) {
        return false;
    }
    (void)snprintf(key, SERVER_KEY_MAX, "%s/%s", space, name);
    return true;
}

static void answer_pod(struct server *server, struct sender from, const char *method,
                       const char *target, json_t *body, struct answer *answer)
{
    char key[SERVER_KEY_MAX];
    char subresource[16];
    if (!is_pod_path(target, key, subresource)) {
        refuse(answer, 404, "the server could not find the requested resource", "", "");
    } else if (strcmp(method, "GET") == 0) {
        json_t *pod = server_get(server, KIND_POD, key);
        if (pod == NULL) {
            refuse(answer, 404, "pods \"%a\" not found", key, "");
        } else {
            give(answer, 200, pod);
        }
    } else if (strcmp(method, "PATCH") == 0) {
        answer_patch(server, key, body, answer);
    } else if (strcmp(subresource, "binding") == 0) {
        answer_binding(server, from, key, body, answer);
    } else {
        answer_eviction(server, key, body, answer);
    }
}

/* ---- leases ---- */

static void answer_lease(struct server *server, struct sender from, const char *method,
                         const char *target, json_t *body, struct answer *answer)
{
    static const char PATH[] = "/apis/coordination.k8s.io/v1/namespaces/";
    char space[64];
    char key[SERVER_KEY_MAX];
    char name[64] = "";
    (void)sscanf(target + strlen(PATH), "%63[^/]/leases/%63s", space, name);
    (void)snprintf(key, sizeof(key), "%s/%s", space, name[0] == '\0' ? object_name(body) : name);
    json_t *lease = server_get(server, KIND_LEASE, key);
    if (strcmp(method, "POST") == 0) {
        if (lease != NULL) {
            refuse(answer, 409, "leases \"%a\" already exists", key, "");
            return;
        }
    } else if (lease == NULL) {
        refuse(answer, 404, "leases \"%a\" not found", key, "");
        return;
    } else if (strcmp(method, "GET") == 0) {
        give(answer, 200, lease);
        return;
    } else if (strcmp(object_text(body, "metadata", "resourceVersion"),
                      object_text(lease, "metadata", "resourceVersion")) != 0) {
        refuse(answer, 409,
               "Operation cannot be fulfilled on leases \"%a\": the object has been "
               "modified",
               key, "");
        return;
    }
    json_t *stored = json_deep_copy(body);
    judge_lease(server_world(server)->judge, from, lease, stored);
    server_put(server, KIND_LEASE, stored);
    give(answer, lease == NULL ? 201 : 200, stored);
}

static void answer_event(struct server *server, json_t *body, struct answer *answer)
{
    char key[SERVER_KEY_MAX];
    object_key(body, key);
    world_trace(server_world(server), "event of %s: %s",
                object_text(body, "involvedObject", "name"),
                json_string_value(json_object_get(body, "message")));
    if (server_get(server, KIND_EVENT, key) != NULL) {
        refuse(answer, 409, "events \"%a\" already exists", key, "");
        return;
    }
    json_t *event = json_deep_copy(body);
    server_put(server, KIND_EVENT, event);
    give(answer, 201, event);
}

void answer_request(struct server *server, struct sender from, const char *method,
                    const char *target, const char *body, struct answer *answer)
{
    *answer = (struct answer){.status = 0};
    json_t *json = body == NULL ? NULL : json_loads(body, 0, NULL);
    size_t path = strcspn(target, "?");
    bool done = false;
    for (size_t i = 0; i < sizeof(LISTS) / sizeof(LISTS[0]) && !done; i++) {
        if (strlen(LISTS[i].path) == path && strncmp(target, LISTS[i].path, path) == 0) {
            bool watch = strstr(target, "?watch=") != NULL;
            (watch ? answer_watch : answer_list)(server, LISTS[i].kind, target, answer);
            done = true;
        }
    }
    size_t length = path;
    if (done) {
    } else if (strstr(target, "/leases") != NULL) {
        answer_lease(server, from, method, target, json, answer);
    } else if (length > 7 && strncmp(target + length - 7, "/events", 7) == 0) {
        answer_event(server, json, answer);
    } else {
        answer_pod(server, from, method, target, json, answer);
    }
    json_decref(json);
}
