// SPDX-License-Identifier: Apache-2.0
#include "api/kube/write/write.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/base/clock.h"
#include "api/kube/client/query.h"
#include "api/kube/objects/decode.h"
#include "topology/base/alloc.h"
#include "topology/base/err.h"
#include "topology/base/utf8.h"

/* Bodies, field by field as the API server wants them.
 *
 * Patches go to the status subresource although the annotation is metadata: podStatusStrategy of
 * pkg/registry/core/pod/strategy.go keeps everything but spec, deletionTimestamp and
 * ownerReferences of what is sent, and so "patch pods/status" is all the rights needed. A JSON
 * merge patch (RFC 7386): null removes a member, which clears nominatedNodeName ("" would do as
 * well); the annotation of another way of steering goes with it. metadata.uid in a patch is a
 * precondition: another uid is refused with 422 "metadata.uid: … field is immutable". Verified on
 * Kubernetes 1.36.
 */

#define EVENT_NAME_MAX \
    200 /* of the object's name inside the event's; a name has 253 bytes at most */

static void copy_pod_write(struct write *write, const struct pod_write *from)
{
    write->name_space = alloc_string(from->name_space);
    write->name = alloc_string(from->name);
    write->uid = alloc_string(from->uid);
    write->node = alloc_string(from->node);
    write->gang = alloc_string(from->gang);
    write->rank = from->rank;
    write->devices = alloc_string(from->devices);
    write->run = alloc_string(from->run);
    write->text = from->text == NULL
                      ? NULL
                      : alloc_string_n(from->text, utf8_cut(from->text, WRITE_MESSAGE_MAX));
}

static void copy_event(struct write *write, const struct event_effect *from)
{
    write->name_space = alloc_string(from->name_space);
    write->name = alloc_string(from->name);
    write->uid = alloc_string(from->uid);
    write->text = alloc_string_n(from->message, utf8_cut(from->message, WRITE_MESSAGE_MAX));
    write->reason = alloc_string(from->reason);
    write->group = from->group;
    write->warning = from->warning;
}

struct write *write_create(const struct effect *effect, int64_t time_ns)
{
    struct write *write = alloc_zero(1, sizeof *write);
    write->time_ns = time_ns;
    if (effect->type == EFFECT_EVENT) {
        write->kind = WRITE_KIND_EVENT;
        copy_event(write, &effect->event);
        return write;
    }
    err_require(effect->type == EFFECT_POST_BINDING || effect->type == EFFECT_NOMINATE ||
                effect->type == EFFECT_EXPLAIN || effect->type == EFFECT_EVICT);
    write->kind = effect->type == EFFECT_POST_BINDING ? WRITE_KIND_BINDING
                  : effect->type == EFFECT_NOMINATE   ? WRITE_KIND_NOMINATION
                  : effect->type == EFFECT_EXPLAIN    ? WRITE_KIND_EXPLANATION
                                                      : WRITE_KIND_EVICTION;
    copy_pod_write(write, &effect->write);
    return write;
}

void write_destroy(struct write *write)
{
    if (write == NULL) {
        return;
    }
    free(write->name_space);
    free(write->name);
    free(write->uid);
    free(write->node);
    free(write->gang);
    free(write->devices);
    free(write->run);
    free(write->text);
    free(write->reason);
    free(write);
}

/* *New* "/api/v1/namespaces/{ns}/{collection}[/{name}[/{subresource}]]". */
static char *make_path(const char *name_space, const char *collection, const char *name,
                       const char *subresource)
{
    char *parts[] = {query_escape(name_space), query_escape(name)};
    size_t room =
        strlen(parts[0]) + strlen(parts[1]) + strlen(collection) + strlen(subresource) + 32;
    char *path = alloc_zero(room, 1);
    (void)snprintf(path, room, "/api/v1/namespaces/%s/%s%s%s%s%s", parts[0], collection,
                   *name == '\0' ? "" : "/", parts[1], *subresource == '\0' ? "" : "/",
                   subresource);
    free(parts[0]);
    free(parts[1]);
    return path;
}

char *write_pod_path(const struct write *write)
{
    return make_path(write->name_space, "pods", write->name, "");
}

/* NULL is null. Text that is not UTF-8, say because somebody cut it, loses what is not ASCII. */
static void set_string(json_t *object, const char *name, const char *text)
{
    json_t *value = text == NULL ? json_null() : json_string(text);
    if (value == NULL) {
        char *plain = alloc_string(text);
        for (char *c = plain; *c != '\0'; c++) {
            *c = (unsigned char)*c < 0x80 ? *c : '?';
        }
        value = json_string(plain);
        free(plain);
    }
    err_require(json_object_set_new(object, name, value) == 0);
}

static json_t *add_object(json_t *object, const char *name)
{
    json_t *member = json_object();
    err_require(json_object_set_new(object, name, member) == 0);
    return member;
}

static json_t *binding_body(const struct write *write)
{
    json_t *body = json_object();
    set_string(body, "apiVersion", "v1");
    set_string(body, "kind", "Binding");
    json_t *metadata = add_object(body, "metadata");
    set_string(metadata, "name", write->name);
    set_string(metadata, "namespace", write->name_space);
    set_string(metadata, "uid", write->uid);
    if (write->gang != NULL) {
        json_t *annotations = add_object(metadata, "annotations");
        set_string(annotations, "phalanx.dev/gang", write->gang);
        if (write->rank >= 0) {
            char rank[16];
            (void)snprintf(rank, sizeof rank, "%d", write->rank);
            set_string(annotations, "phalanx.dev/rank", rank);
        }
        if (write->devices != NULL) {
            set_string(annotations, "phalanx.dev/devices", write->devices);
        }
        if (write->run != NULL) {
            set_string(annotations, "phalanx.dev/run", write->run);
        }
    }
    json_t *target = add_object(body, "target");
    set_string(target, "apiVersion", "v1");
    set_string(target, "kind", "Node");
    set_string(target, "name", write->node);
    return body;
}

static json_t *patch_body(const struct write *write)
{
    json_t *body = json_object();
    json_t *metadata = add_object(body, "metadata");
    set_string(metadata, "uid", write->uid);
    if (write->kind == WRITE_KIND_EXPLANATION) {
        set_string(add_object(metadata, "annotations"), "phalanx.dev/waiting", write->text);
        return body;
    }
    if (write->steer_by_annotation || write->node == NULL) {
        set_string(add_object(metadata, "annotations"), POD_STEERED_TO, write->node);
    }
    if (!write->steer_by_annotation) {
        set_string(add_object(body, "status"), "nominatedNodeName", write->node);
    }
    if (write->text != NULL) {
        set_string(add_object(metadata, "labels"), "phalanx.dev/woken", write->text);
    }
    return body;
}

/* The Eviction API respects PodDisruptionBudgets, and marks the pod as disrupted rather than
 * failed, so that a Job does not count it against its backoffLimit. */
static json_t *eviction_body(const struct write *write)
{
    json_t *body = json_object();
    set_string(body, "apiVersion", "policy/v1");
    set_string(body, "kind", "Eviction");
    json_t *metadata = add_object(body, "metadata");
    set_string(metadata, "name", write->name);
    set_string(metadata, "namespace", write->name_space);
    json_t *preconditions = add_object(add_object(body, "deleteOptions"), "preconditions");
    set_string(preconditions, "uid", write->uid);
    return body;
}

/* "{object}.{hexadecimal time}", as client-go names events; must be a DNS subdomain. */
static void write_event_name(const struct write *write, char *name, size_t size)
{
    size_t length = strnlen(write->name, EVENT_NAME_MAX);
    while (length > 0 && strchr(".-", write->name[length - 1]) != NULL) {
        length--;
    }
    utf8_print(name, size, "%.*s.%llx", (int)length, write->name,
               (unsigned long long)write->time_ns);
}

static json_t *event_body(const struct write *write)
{
    char name[EVENT_NAME_MAX + 32];
    char stamp[CLOCK_TEXT_MAX];
    (void)clock_text(write->time_ns, 0, stamp);
    write_event_name(write, name, sizeof name);
    json_t *body = json_object();
    set_string(body, "apiVersion", "v1");
    set_string(body, "kind", "Event");
    json_t *metadata = add_object(body, "metadata");
    set_string(metadata, "name", name);
    set_string(metadata, "namespace", write->name_space);
    json_t *object = add_object(body, "involvedObject");
    set_string(object, "apiVersion", write->group ? "scheduling.x-k8s.io/v1alpha1" : "v1");
    set_string(object, "kind", write->group ? "PodGroup" : "Pod");
    set_string(object, "namespace", write->name_space);
    set_string(object, "name", write->name);
    if (write->uid != NULL) {
        set_string(object, "uid", write->uid);
    }
    set_string(body, "type", write->warning ? "Warning" : "Normal");
    set_string(body, "reason", write->reason);
    set_string(body, "message", write->text);
    set_string(add_object(body, "source"), "component", "phalanx");
    set_string(body, "reportingComponent", "phalanx");
    set_string(body, "firstTimestamp", stamp);
    set_string(body, "lastTimestamp", stamp);
    err_require(json_object_set_new(body, "count", json_integer(1)) == 0);
    return body;
}

void write_request_make(const struct write *write, struct write_request *request)
{
    json_t *body = NULL;
    *request = (struct write_request){.method = "POST", .content_type = "application/json"};
    if (write->kind == WRITE_KIND_BINDING) {
        body = binding_body(write);
        request->target = make_path(write->name_space, "pods", write->name, "binding");
    } else if (write->kind == WRITE_KIND_EVICTION) {
        body = eviction_body(write);
        request->target = make_path(write->name_space, "pods", write->name, "eviction");
    } else if (write->kind == WRITE_KIND_EVENT) {
        body = event_body(write);
        request->target = make_path(write->name_space, "events", "", "");
    } else {
        body = patch_body(write);
        request->method = "PATCH";
        request->content_type = "application/merge-patch+json";
        request->target = make_path(write->name_space, "pods", write->name,
                                    write->steer_by_annotation ? "" : "status");
    }
    request->body = json_dumps(body, JSON_COMPACT);
    err_require(request->body != NULL);
    json_decref(body);
}

void write_request_finish(struct write_request *request)
{
    free(request->target);
    free(request->body);
}

char *write_describe(const struct write *write)
{
    static const char *const NAMES[] = {
        [WRITE_KIND_BINDING] = "binding of pod",
        [WRITE_KIND_NOMINATION] = "nomination of pod",
        [WRITE_KIND_EXPLANATION] = "annotation of pod",
        [WRITE_KIND_EVICTION] = "eviction of pod",
        [WRITE_KIND_EVENT] = "event on",
    };
    struct err text;
    err_set(&text, "%s %.255s/%.255s%s%s", NAMES[write->kind], write->name_space, write->name,
            write->node == NULL ? "" : " to node ", write->node == NULL ? "" : write->node);
    return alloc_string(text.text);
}
