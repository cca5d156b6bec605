// SPDX-License-Identifier: Apache-2.0
#include "api/embedded/cluster.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/embedded/edit.h"
#include "api/import/import.h"
#include "api/kube/objects/decode.h"
#include "api/kube/objects/decode_slice.h"
#include "api/yaml/yaml.h"
#include "topology/base/alloc.h"
#include "topology/base/utf8.h"

/* The API server's part, played by three tables of JSON objects.
 *
 *   kinds[NODE]   "n1"         ─▶ {"kind":"Node",…}
 *   kinds[POD]    "ns/train-0" ─▶ {"kind":"Pod",…}
 *   kinds[GROUP]  "ns/train"   ─▶ {"kind":"PodGroup",…}
 *
 * An object is decoded before it is stored, so that what is in the tables can always be turned into
 * an event: a change of a stored pod (a binding, a nomination) never fails to decode. Nothing here
 * has a clock or a random number, a uid is made from names and counts, and lists are sorted: the
 * same input gives the same events.
 *
 * It holds no controllers: a deleted node keeps its pods, a bound pod never runs.
 */

enum kind { KIND_NODE, KIND_POD, KIND_GROUP, KINDS };

static const struct kind_entry {
    const char *name;
    const char *api_version;
    bool namespaced;
} kind_entries[KINDS] = {
    {"Node", "v1", false},
    {"Pod", "v1", true},
    {"PodGroup", "scheduling.x-k8s.io/v1alpha1", true},
};

#define KEY_MAX 1024 /* namespace/name; Kubernetes allows 63 + 1 + 253 */
#define UID_MAX (KEY_MAX + 64)

struct cluster {
    json_t *kinds[KINDS];
    json_t *deletions; /* first uid made for a name ─▶ how often it was deleted */
    json_t *events;    /* v1 Events, oldest first */
    json_t *topologies;
    json_t *kept; /* of KEPT: kind ─▶ its objects */
    size_t kept_count;
    uint64_t event_count;
};

/* Kinds that make no events: who made pods, and what admission writes into them. */
static const char *const KEPT[][2] = {
    {"Job", "batch/v1"},
    {"LimitRange", "v1"},
    {"PriorityClass", "scheduling.k8s.io/v1"},
    {"RuntimeClass", "node.k8s.io/v1"},
};

struct cluster *cluster_create(void)
{
    struct cluster *cluster = alloc_zero(1, sizeof *cluster);
    for (size_t kind = 0; kind < KINDS; kind++) {
        cluster->kinds[kind] = json_object();
    }
    cluster->deletions = json_object();
    cluster->events = json_array();
    cluster->topologies = json_array();
    cluster->kept = json_object();
    return cluster;
}

void cluster_destroy(struct cluster *cluster)
{
    if (cluster == NULL) {
        return;
    }
    for (size_t kind = 0; kind < KINDS; kind++) {
        json_decref(cluster->kinds[kind]);
    }
    json_decref(cluster->deletions);
    json_decref(cluster->events);
    json_decref(cluster->topologies);
    json_decref(cluster->kept);
    free(cluster);
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static const char *metadata_of(const json_t *object, const char *key)
{
    return text_of(json_object_get(object, "metadata"), key);
}

static int kind_find(const char *name, const char *api_version)
{
    for (int kind = 0; kind < KINDS; kind++) {
        if (strcmp(kind_entries[kind].name, name) == 0 &&
            (api_version == NULL || strcmp(kind_entries[kind].api_version, api_version) == 0)) {
            return kind;
        }
    }
    return -1;
}

/* "namespace/name", or "name" where there are no namespaces. What is too long for Kubernetes
 * becomes "", under which nothing is kept. */
static void key_write(char *key, int kind, const char *name_space, const char *name)
{
    bool namespaced = kind_entries[kind].namespaced;
    int length =
        snprintf(key, KEY_MAX, "%s%s%s", namespaced && name_space != NULL ? name_space : "",
                 namespaced ? "/" : "", name);
    if (length >= KEY_MAX) {
        key[0] = '\0';
    }
}

static json_t *find(const struct cluster *cluster, int kind, const char *name_space,
                    const char *name)
{
    char key[KEY_MAX];
    key_write(key, kind, name_space, name);
    return json_object_get(cluster->kinds[kind], key);
}

/* The uid of an object nobody gave one: "Pod/ns/name", and "Pod/ns/name#2" when it is the second of
 * that name. No name holds these characters, so no two objects share a uid. */
static void uid_write(const struct cluster *cluster, char *uid, int kind, const char *key)
{
    int length = snprintf(uid, UID_MAX, "%s/%s", kind_entries[kind].name, key);
    json_int_t deletions = json_integer_value(json_object_get(cluster->deletions, uid));
    if (deletions > 0) {
        snprintf(uid + length, UID_MAX - (size_t)length, "#%" JSON_INTEGER_FORMAT, deletions + 1);
    }
}

/* As in Go: absent, null and "" are the same. */
static bool is_absent(const json_t *value)
{
    return value == NULL || json_is_null(value) ||
           (json_is_string(value) && json_string_length(value) == 0);
}

static bool is_name(const char *text)
{
    return text != NULL && text[0] != '\0' && strchr(text, '/') == NULL;
}

/* Completes metadata and writes the key under which the object is kept. */
static int complete(struct cluster *cluster, int kind, json_t *object, char *key, struct err *err)
{
    json_t *metadata = json_object_get(object, "metadata");
    const char *name = text_of(metadata, "name");
    if (!is_name(name)) {
        return err_set(err, "%s: metadata.name is missing or not a name", kind_entries[kind].name);
    }
    if (kind_entries[kind].namespaced && is_absent(json_object_get(metadata, "namespace"))) {
        json_object_set_new(metadata, "namespace", json_string("default"));
    }
    const char *name_space = text_of(metadata, "namespace");
    if (kind_entries[kind].namespaced && !is_name(name_space)) {
        return err_set(err, "%s %.200s: metadata.namespace is not a name", kind_entries[kind].name,
                       name);
    }
    key_write(key, kind, name_space, name);
    if (key[0] == '\0') {
        return err_set(err, "%s %.200s…: the name is too long", kind_entries[kind].name, name);
    }
    if (is_absent(json_object_get(metadata, "uid"))) {
        char made[UID_MAX];
        uid_write(cluster, made, kind, key);
        const char *old = metadata_of(json_object_get(cluster->kinds[kind], key), "uid");
        json_object_set_new(metadata, "uid", json_string(old == NULL ? made : old));
    }
    return 0;
}

/* Decodes an object into the event that shows it. Strings go to the batch's arena. */
static int show(int kind, const json_t *object, struct kube_batch *batch, struct event *event,
                struct err *err)
{
    switch (kind) {
    case KIND_NODE:
        event->type = EVENT_NODE;
        return node_decode(object, &batch->arena, &event->node, err);
    case KIND_POD:
        event->type = EVENT_POD;
        return pod_decode(object, &batch->arena, &event->pod, err) == 0 ? 0 : -1;
    default:
        event->type = EVENT_GROUP;
        return group_decode(object, &batch->arena, &event->group, err);
    }
}

static void append(struct kube_batch *batch, const struct event *event)
{
    *kube_batch_append(batch, event->type) = *event;
}

static void append_gone(int kind, const json_t *object, struct kube_batch *batch)
{
    const char *name = arena_string(&batch->arena, metadata_of(object, "name"));
    const char *name_space = arena_string(&batch->arena, metadata_of(object, "namespace"));
    struct event *event;
    switch (kind) {
    case KIND_NODE:
        kube_batch_append(batch, EVENT_NODE_GONE)->node_name = name;
        break;
    case KIND_POD:
        event = kube_batch_append(batch, EVENT_POD_GONE);
        event->pod_uid = arena_string(&batch->arena, metadata_of(object, "uid"));
        break;
    default:
        event = kube_batch_append(batch, EVENT_GROUP_GONE);
        event->group_gone.name_space = name_space;
        event->group_gone.name = name;
        break;
    }
}

static size_t count_objects(const struct cluster *cluster)
{
    size_t count = json_array_size(cluster->topologies) + cluster->kept_count;
    for (size_t kind = 0; kind < KINDS; kind++) {
        count += json_object_size(cluster->kinds[kind]);
    }
    return count;
}

static int apply_one(struct cluster *cluster, int kind, json_t *object, struct kube_batch *batch,
                     struct err *err)
{
    char key[KEY_MAX];
    struct event event = {.now = 0};
    if (complete(cluster, kind, object, key, err) < 0 ||
        show(kind, object, batch, &event, err) < 0) {
        return -1;
    }
    const json_t *old = json_object_get(cluster->kinds[kind], key);
    if (old == NULL && count_objects(cluster) >= CLUSTER_OBJECTS_MAX) {
        return err_set(err, "%s %s: more than %u objects", kind_entries[kind].name, key,
                       CLUSTER_OBJECTS_MAX);
    }
    if (old != NULL && kind == KIND_POD &&
        strcmp(metadata_of(old, "uid"), metadata_of(object, "uid")) != 0) {
        append_gone(kind, old, batch);
    }
    append(batch, &event);
    json_object_set(cluster->kinds[kind], key, object);
    return 0;
}

/* Items of a typed list ("PodList") do not say what they are; those of a List do. */
static int apply_list(struct cluster *cluster, json_t *list, const char *item_kind,
                      struct kube_batch *batch, size_t *skipped, struct err *err)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(list, "items"), i, item)
    {
        if (item_kind[0] != '\0' && json_is_object(item) && text_of(item, "kind") == NULL) {
            json_object_set_new(item, "kind", json_string(item_kind));
            json_object_set(item, "apiVersion", json_object_get(list, "apiVersion"));
        }
        if (cluster_apply(cluster, item, batch, skipped, err) < 0) {
            return err_prefix(err, "items[%zu]", i);
        }
    }
    return 0;
}

static bool is_kept(const json_t *object)
{
    const char *kind = text_of(object, "kind"), *version = text_of(object, "apiVersion");
    for (size_t i = 0; i < sizeof KEPT / sizeof KEPT[0]; i++) {
        if (strcmp(kind, KEPT[i][0]) == 0) {
            return version == NULL || strcmp(version, KEPT[i][1]) == 0;
        }
    }
    return false;
}

static void keep(struct cluster *cluster, json_t *object)
{
    const char *kind = text_of(object, "kind");
    json_t *list = json_object_get(cluster->kept, kind);
    if (list == NULL) {
        list = json_array();
        json_object_set_new(cluster->kept, kind, list);
    }
    json_array_append(list, object);
    cluster->kept_count++;
}

int cluster_apply(struct cluster *cluster, json_t *object, struct kube_batch *batch,
                  size_t *skipped, struct err *err)
{
    const char *name = text_of(object, "kind");
    if (name == NULL) {
        return err_set(err, "an object without a kind");
    }
    size_t length = strlen(name);
    if (length >= 4 && length < 64 && strcmp(name + length - 4, "List") == 0 &&
        json_is_array(json_object_get(object, "items"))) {
        char item_kind[64];
        utf8_print(item_kind, sizeof item_kind, "%.*s", (int)(length - 4), name);
        return apply_list(cluster, object, item_kind, batch, skipped, err);
    }
    int kind = kind_find(name, text_of(object, "apiVersion"));
    if (kind >= 0) {
        return apply_one(cluster, kind, object, batch, err);
    }
    if (import_is_topology(object) || is_kept(object)) {
        if (count_objects(cluster) >= CLUSTER_OBJECTS_MAX) {
            return err_set(err, "%s: more than %u objects", name, CLUSTER_OBJECTS_MAX);
        }
        if (is_kept(object)) {
            keep(cluster, object);
        } else {
            json_array_append(cluster->topologies, object);
        }
        return 0;
    }
    if (slice_recognise(object)) {
        kube_batch_slice(batch, decoded_slice_create(object));
        return 0;
    }
    if (skipped != NULL) {
        ++*skipped;
    }
    return 0;
}

const json_t *cluster_kept(const struct cluster *cluster, const char *kind)
{
    return json_object_get(cluster->kept, kind);
}

const json_t *cluster_topologies(const struct cluster *cluster)
{
    return cluster->topologies;
}

int cluster_load(struct cluster *cluster, const char *path, struct kube_batch *batch,
                 struct err *err)
{
    json_t *documents = yaml_load_file(path, err);
    if (documents == NULL) {
        return -1;
    }
    int result = 0;
    size_t i;
    json_t *document;
    json_array_foreach(documents, i, document)
    {
        if (cluster_apply(cluster, document, batch, NULL, err) < 0) {
            result = err_prefix(err, "%s: document %zu", path, i + 1);
            break;
        }
    }
    json_decref(documents);
    if (result == 0) {
        kube_batch_append(batch, EVENT_SYNCED);
    }
    return result;
}

int cluster_delete(struct cluster *cluster, const char *kind_name, const char *name_space,
                   const char *name, struct kube_batch *batch, struct err *err)
{
    int kind = kind_find(kind_name, NULL);
    json_t *object = kind < 0 ? NULL : find(cluster, kind, name_space, name);
    if (object == NULL) {
        return err_set(err, "%s %s%s%s is not there", kind_name,
                       name_space == NULL ? "" : name_space, name_space == NULL ? "" : "/", name);
    }
    char key[KEY_MAX];
    char uid[UID_MAX];
    key_write(key, kind, name_space, name);
    snprintf(uid, sizeof uid, "%s/%s", kind_name, key);
    json_int_t deletions = json_integer_value(json_object_get(cluster->deletions, uid));
    json_object_set_new(cluster->deletions, uid, json_integer(deletions + 1));
    append_gone(kind, object, batch);
    json_object_del(cluster->kinds[kind], key);
    return 0;
}

const json_t *cluster_get(const struct cluster *cluster, const char *kind_name,
                          const char *name_space, const char *name)
{
    int kind = kind_find(kind_name, NULL);
    return kind < 0 ? NULL : find(cluster, kind, name_space, name);
}

struct listed {
    const char *name_space;
    const char *name;
    json_t *object;
};

static int compare_listed(const void *left, const void *right)
{
    const struct listed *a = left, *b = right;
    int order = strcmp(a->name_space, b->name_space);
    return order != 0 ? order : strcmp(a->name, b->name);
}

/* Every object of a table that the namespace lets through, sorted. *New* array. */
static json_t *list_items(json_t *table, const char *name_space)
{
    struct listed *listed = alloc_zero(json_object_size(table), sizeof *listed);
    size_t count = 0;
    const char *key;
    json_t *object;
    json_object_foreach(table, key, object)
    {
        const char *in = metadata_of(object, "namespace");
        if (name_space == NULL || (in != NULL && strcmp(in, name_space) == 0)) {
            listed[count++] =
                (struct listed){in == NULL ? "" : in, metadata_of(object, "name"), object};
        }
    }
    qsort(listed, count, sizeof *listed, compare_listed);
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append(items, listed[i].object);
    }
    free(listed);
    return items;
}

json_t *cluster_list(const struct cluster *cluster, const char *kind_name, const char *name_space)
{
    json_t *items;
    int kind = kind_find(kind_name, NULL);
    if (kind >= 0) {
        items = list_items(cluster->kinds[kind], kind_entries[kind].namespaced ? name_space : NULL);
    } else {
        items = json_array();
    }
    size_t i;
    json_t *event;
    json_array_foreach(cluster->events, i, event)
    {
        if (strcmp(kind_name, "Event") == 0 &&
            (name_space == NULL || strcmp(metadata_of(event, "namespace"), name_space) == 0)) {
            json_array_append(items, event);
        }
    }
    return json_pack("{s:s, s:s, s:{}, s:o}", "apiVersion", "v1", "kind", "List", "metadata",
                     "items", items);
}

/* The pod's change as the watch would show it. It was decoded before, and only strings changed. */
static void append_pod(const json_t *pod, struct kube_batch *batch)
{
    struct event event = {.now = 0};
    err_require(show(KIND_POD, pod, batch, &event, NULL) == 0);
    append(batch, &event);
}

static void append_done(struct kube_batch *batch, enum event_type type,
                        const struct pod_write *write, enum write_outcome outcome,
                        const char *message)
{
    struct event *event = kube_batch_append(batch, type);
    event->done.uid = arena_string(&batch->arena, write->uid);
    event->done.node = arena_string(&batch->arena, write->node);
    event->done.outcome = outcome;
    event->done.message = arena_string(&batch->arena, message);
}

/* The pod a write means, or NULL when it is gone or another one by now. */
static json_t *find_written(const struct cluster *cluster, const struct pod_write *write)
{
    json_t *pod = find(cluster, KIND_POD, write->name_space, write->name);
    const char *uid = metadata_of(pod, "uid");
    return uid != NULL && write->uid != NULL && strcmp(uid, write->uid) == 0 ? pod : NULL;
}

static void bind_pod(struct cluster *cluster, const struct pod_write *write,
                     struct kube_batch *batch)
{
    struct err err;
    json_t *pod = find_written(cluster, write);
    if (pod == NULL) {
        append_done(batch, EVENT_BINDING_DONE, write, WRITE_GONE, "the pod is gone");
    } else if (edit_bind(pod, write, &err) < 0) {
        append_done(batch, EVENT_BINDING_DONE, write, WRITE_REFUSED, err.text);
    } else {
        append_done(batch, EVENT_BINDING_DONE, write, WRITE_DONE, "");
        append_pod(pod, batch);
    }
}

static void nominate_pod(struct cluster *cluster, const struct pod_write *write,
                         struct kube_batch *batch)
{
    json_t *pod = find_written(cluster, write);
    if (pod == NULL) {
        append_done(batch, EVENT_NOMINATION_DONE, write, WRITE_GONE, "the pod is gone");
        return;
    }
    edit_nominate(pod, write->node);
    append_done(batch, EVENT_NOMINATION_DONE, write, WRITE_DONE, "");
    append_pod(pod, batch);
}

static void explain_pod(struct cluster *cluster, const struct pod_write *write,
                        struct kube_batch *batch)
{
    json_t *pod = find_written(cluster, write);
    if (pod != NULL) {
        edit_explain(pod, write->text);
        append_pod(pod, batch);
    }
}

static void evict_pod(struct cluster *cluster, const struct pod_write *write,
                      struct kube_batch *batch)
{
    if (find_written(cluster, write) != NULL) {
        (void)cluster_delete(cluster, "Pod", write->name_space, write->name, batch, NULL);
    }
}

static void keep_event(struct cluster *cluster, const struct event_effect *event)
{
    if (json_array_size(cluster->events) == CLUSTER_EVENTS_MAX) {
        json_array_remove(cluster->events, 0);
    }
    json_array_append_new(cluster->events, edit_event(event, ++cluster->event_count));
}

void cluster_submit(struct cluster *cluster, const struct effect *effect, struct kube_batch *batch)
{
    switch (effect->type) {
    case EFFECT_POST_BINDING:
        bind_pod(cluster, &effect->write, batch);
        break;
    case EFFECT_NOMINATE:
        nominate_pod(cluster, &effect->write, batch);
        break;
    case EFFECT_EXPLAIN:
        explain_pod(cluster, &effect->write, batch);
        break;
    case EFFECT_EVICT:
        evict_pod(cluster, &effect->write, batch);
        break;
    case EFFECT_EVENT:
        keep_event(cluster, &effect->event);
        break;
    case EFFECT_FILTER_REPLY:
    case EFFECT_PRIORITIZE_REPLY:
    case EFFECT_PREEMPT_REPLY:
    case EFFECT_BIND_REPLY:
    case EFFECT_TRANSITION:
    case EFFECT_SKIPPED:
    case EFFECT_PHASE:
        break;
    }
}
