// SPDX-License-Identifier: Apache-2.0
#include "api/embedded/existing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/kube/objects/dialect.h"
#include "topology/base/alloc.h"

/* Three tables of the cluster's pods, made once.
 *
 *   owners   "ns/Job/train"       ─▶ [pods that live]
 *   leaders  "ns/Job/train"       ─▶ its pod of index 0 that lives on a node
 *   places   "ns/Job/train  3"    ─▶ [pods that have the place, those that live last]
 *            "ns//train workers 0 3"   a pod without an owner: gang, role, job, index
 *
 * No name holds a space, so that no two keys are the same by chance. Pods come in order of
 * namespace and name: the same cluster gives the same answer.
 */

#define KEY_MAX 1536

static const char JOB_INDEX[] = "jobset.sigs.k8s.io/job-index";
static const char ROLE[] = "jobset.sigs.k8s.io/replicatedjob-name";
static const char COMPLETION_INDEX[] = "batch.kubernetes.io/job-completion-index";
static const char REPLICA_TYPE[] = "training.kubeflow.org/replica-type";
static const char REPLICA_INDEX[] = "training.kubeflow.org/replica-index";
static const struct {
    const char *label;
    const char *kind;
} OWNERS[] = {
    {"batch.kubernetes.io/job-name", "Job"},
    {"job-name", "Job"},
    {"training.kubeflow.org/job-name", "PyTorchJob"},
};

struct existing {
    const struct cluster *cluster;
    json_t *owners;
    json_t *leaders;
    json_t *places;
};

/* Who made a pod. */
struct maker {
    const char *kind; /* NULL: nobody is known */
    const char *name;
    const char *uid; /* NULL: not known */
};

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static const json_t *metadata_of(const json_t *pod)
{
    return json_object_get(pod, "metadata");
}

static const char *label_of(const json_t *pod, const char *key)
{
    const json_t *metadata = metadata_of(pod);
    const char *text = text_of(json_object_get(metadata, "labels"), key);
    return text != NULL ? text : text_of(json_object_get(metadata, "annotations"), key);
}

static struct maker maker_of(const json_t *pod)
{
    size_t i;
    const json_t *reference;
    const json_t *references = json_object_get(metadata_of(pod), "ownerReferences");
    json_array_foreach(references, i, reference)
    {
        const char *kind = text_of(reference, "kind"), *name = text_of(reference, "name");
        if (json_is_true(json_object_get(reference, "controller")) && kind != NULL &&
            name != NULL) {
            return (struct maker){kind, name, text_of(reference, "uid")};
        }
    }
    for (i = 0; i < sizeof OWNERS / sizeof OWNERS[0]; i++) {
        const char *name = label_of(pod, OWNERS[i].label);
        if (name != NULL) {
            return (struct maker){OWNERS[i].kind, name, NULL};
        }
    }
    return (struct maker){.kind = NULL};
}

static const char *name_space_of(const json_t *pod)
{
    const char *name_space = text_of(metadata_of(pod), "namespace");
    return name_space == NULL ? "" : name_space;
}

/* False when it is too long, as no names of Kubernetes are. */
static bool owner_key(const json_t *pod, const struct maker *maker, char key[KEY_MAX])
{
    int length = snprintf(key, KEY_MAX, "%s/%s/%s", name_space_of(pod), maker->kind, maker->name);
    return length < KEY_MAX;
}

/* Below an owner. */
static bool place_key(const json_t *pod, const struct maker *maker, char key[KEY_MAX])
{
    const char *type = label_of(pod, REPLICA_TYPE), *number = label_of(pod, REPLICA_INDEX);
    const char *index = label_of(pod, COMPLETION_INDEX);
    bool replica = type != NULL && number != NULL;
    int length = snprintf(key, KEY_MAX, "%s/%s/%s %s %s", name_space_of(pod), maker->kind,
                          maker->name, replica ? type : "",
                          replica         ? number
                          : index != NULL ? index
                                          : "");
    return length < KEY_MAX;
}

/* Of a pod that names no owner; false when it says too little of itself, too. */
static bool mark_key(const json_t *pod, char key[KEY_MAX])
{
    const char *gang = dialect_gang(json_object_get(metadata_of(pod), "labels"));
    const char *role = label_of(pod, ROLE), *job = label_of(pod, JOB_INDEX);
    const char *index = label_of(pod, COMPLETION_INDEX);
    if (gang == NULL || index == NULL) {
        return false;
    }
    int length = snprintf(key, KEY_MAX, "%s//%s %s %s %s", name_space_of(pod), gang,
                          role == NULL ? "" : role, job == NULL ? "0" : job, index);
    return length < KEY_MAX;
}

static const char *phase_of(const json_t *pod)
{
    const char *phase = text_of(json_object_get(pod, "status"), "phase");
    return phase == NULL ? "" : phase;
}

static bool is_succeeded(const json_t *pod)
{
    return strcmp(phase_of(pod), "Succeeded") == 0;
}

static bool is_alive(const json_t *pod)
{
    return !is_succeeded(pod) && strcmp(phase_of(pod), "Failed") != 0 &&
           text_of(metadata_of(pod), "deletionTimestamp") == NULL;
}

static void add(json_t *table, const char *key, json_t *pod)
{
    json_t *pods = json_object_get(table, key);
    if (pods == NULL) {
        pods = json_array();
        json_object_set_new(table, key, pods);
    }
    json_array_append(pods, pod);
}

static bool leads(const json_t *pod)
{
    const char *index = text_of(json_object_get(metadata_of(pod), "labels"), COMPLETION_INDEX);
    const char *node = text_of(json_object_get(pod, "spec"), "nodeName");
    return index != NULL && strcmp(index, "0") == 0 && node != NULL;
}

/* Owner ─▶ the uid whose pods count. */
static json_t *find_uids(const struct existing *existing, const json_t *pods)
{
    json_t *uids = json_object();
    size_t i;
    const json_t *item;
    json_array_foreach(pods, i, item)
    {
        char key[KEY_MAX];
        struct maker maker = maker_of(item);
        if (maker.uid != NULL && is_alive(item) && owner_key(item, &maker, key) &&
            json_object_get(uids, key) == NULL) {
            json_object_set_new(uids, key, json_string(maker.uid));
        }
    }
    json_array_foreach(cluster_kept(existing->cluster, "Job"), i, item)
    {
        char key[KEY_MAX];
        const json_t *metadata = metadata_of(item);
        struct maker maker = {"Job", text_of(metadata, "name"), text_of(metadata, "uid")};
        if (maker.name != NULL && maker.uid != NULL && owner_key(item, &maker, key)) {
            json_object_set_new(uids, key, json_string(maker.uid));
        }
    }
    return uids;
}

static void add_pod(struct existing *existing, const json_t *uids, json_t *pod)
{
    char key[KEY_MAX];
    struct maker maker = maker_of(pod);
    if (maker.kind == NULL) {
        if (mark_key(pod, key)) {
            add(existing->places, key, pod);
        }
        return;
    }
    if (!owner_key(pod, &maker, key)) {
        return;
    }
    const char *uid = json_string_value(json_object_get(uids, key));
    if (uid != NULL && maker.uid != NULL && strcmp(uid, maker.uid) != 0) {
        return;
    }
    if (is_alive(pod)) {
        add(existing->owners, key, pod);
        if (leads(pod) && json_object_get(existing->leaders, key) == NULL) {
            json_object_set(existing->leaders, key, pod);
        }
    }
    if (place_key(pod, &maker, key)) {
        add(existing->places, key, pod);
    }
}

struct existing *existing_create(const struct cluster *cluster)
{
    struct existing *existing = alloc_zero(1, sizeof *existing);
    existing->cluster = cluster;
    existing->owners = json_object();
    existing->leaders = json_object();
    existing->places = json_object();
    json_t *list = cluster_list(cluster, "Pod", NULL);
    const json_t *pods = json_object_get(list, "items");
    json_t *uids = find_uids(existing, pods);
    for (int alive = 0; alive < 2; alive++) { /* the last ones are taken first */
        for (size_t i = json_array_size(pods); i > 0; i--) {
            json_t *pod = json_array_get(pods, i - 1);
            if (alive != 0 ? is_alive(pod) : is_succeeded(pod)) {
                add_pod(existing, uids, pod);
            }
        }
    }
    json_decref(uids);
    json_decref(list);
    return existing;
}

void existing_destroy(struct existing *existing)
{
    if (existing == NULL) {
        return;
    }
    json_decref(existing->owners);
    json_decref(existing->leaders);
    json_decref(existing->places);
    free(existing);
}

static const json_t *take(struct existing *existing, const char *key)
{
    json_t *pods = json_object_get(existing->places, key);
    size_t count = json_array_size(pods);
    const json_t *pod = count == 0 ? NULL : json_array_get(pods, count - 1);
    if (pod != NULL) {
        json_array_remove(pods, count - 1); /* the cluster still has it */
    }
    return pod;
}

const json_t *existing_take(struct existing *existing, const json_t *made)
{
    char key[KEY_MAX];
    struct maker maker = maker_of(made);
    const json_t *pod = NULL;
    if (maker.kind != NULL && place_key(made, &maker, key)) {
        pod = take(existing, key);
    }
    if (pod == NULL && maker.kind != NULL && mark_key(made, key)) {
        pod = take(existing, key);
    }
    return pod;
}

static const json_t *find_of_owner(const json_t *table, const json_t *made)
{
    char key[KEY_MAX];
    struct maker maker = maker_of(made);
    return maker.kind != NULL && owner_key(made, &maker, key) ? json_object_get(table, key) : NULL;
}

const json_t *existing_of_owner(const struct existing *existing, const json_t *made)
{
    return find_of_owner(existing->owners, made);
}

const json_t *existing_leader(const struct existing *existing, const json_t *made)
{
    return find_of_owner(existing->leaders, made);
}

bool existing_same_owner(const json_t *one, const json_t *other)
{
    struct maker a = maker_of(one), b = maker_of(other);
    return a.kind == NULL || b.kind == NULL
               ? a.kind == b.kind
               : strcmp(a.kind, b.kind) == 0 && strcmp(a.name, b.name) == 0;
}
