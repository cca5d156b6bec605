// SPDX-License-Identifier: Apache-2.0
#include "api/embedded/expand.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "api/embedded/expand_parts.h"
#include "api/kube/objects/dialect.h"
#include "topology/base/arena.h"
#include "topology/base/utf8.h"

/* A table of kinds and a function for each. A function appends to the expansion what the kind's
 * controller would create; all of them make pods with expand_make_pod(), from a pod template. Job
 * and JobSet are in expand_job.c.
 *
 * Sources: kubernetes pkg/controller/controller_utils.go GetPodFromTemplate; training-operator v1
 * pkg/controller.v1/pytorch, pkg/controller.v1/common/{job,pod,scheduling}.go.
 */

#define GROUP_LABEL   "scheduling.x-k8s.io/pod-group"
#define NESTING_MAX   16
#define GENERATED_MAX 58 /* bytes of a generateName that count */

const char *expand_text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

json_t *expand_descend(json_t *object, const char *key)
{
    if (!json_is_object(json_object_get(object, key))) {
        json_object_set_new(object, key, json_object());
    }
    return json_object_get(object, key);
}

void expand_set_text(json_t *object, const char *key, const char *text)
{
    json_object_set_new(object, key, json_string(text));
}

int expand_fail(const struct expansion *expansion, const struct owner *owner, const char *what)
{
    return err_set(expansion->err, "%s %s/%s: %s", owner->kind, owner->name_space, owner->name,
                   what);
}

int expand_read_count(const struct expansion *expansion, const struct owner *owner,
                      const json_t *value, const char *path, int64_t *count)
{
    if (value == NULL || json_is_null(value)) {
        return 0;
    }
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > EXPAND_PODS_MAX) {
        return err_set(expansion->err, "%s %s/%s: %s must be a number from 0 to %d", owner->kind,
                       owner->name_space, owner->name, path, EXPAND_PODS_MAX);
    }
    *count = json_integer_value(value);
    return 0;
}

static json_t *owner_reference(const struct owner *owner)
{
    char uid[2 * NAME_MAX_BYTES];
    snprintf(uid, sizeof uid, "%s/%s/%s", owner->kind, owner->name_space, owner->name);
    return json_pack("[{s:s*, s:s, s:s, s:s, s:b, s:b}]", "apiVersion",
                     expand_text_of(owner->object, "apiVersion"), "kind", owner->kind, "name",
                     owner->name, "uid", uid, "controller", 1, "blockOwnerDeletion", 1);
}

json_t *expand_make_pod(struct expansion *expansion, const struct owner *owner,
                        const json_t *template, const char *name)
{
    if (++expansion->pods > EXPAND_PODS_MAX) {
        err_set(expansion->err, "the manifest makes more than %d pods", EXPAND_PODS_MAX);
        return NULL;
    }
    json_t *pod = json_pack("{s:s, s:s}", "apiVersion", "v1", "kind", "Pod");
    json_object_set_new(pod, "metadata", json_deep_copy(json_object_get(template, "metadata")));
    json_object_set_new(pod, "spec", json_deep_copy(json_object_get(template, "spec")));
    json_t *metadata = expand_descend(pod, "metadata");
    expand_set_text(metadata, "name", name);
    expand_set_text(metadata, "namespace", owner->name_space);
    json_object_del(metadata, "generateName");
    json_object_del(metadata, "uid");
    json_object_set_new(metadata, "ownerReferences", owner_reference(owner));
    json_array_append_new(expansion->objects, pod);
    return pod;
}

json_t *expand_labels_of(json_t *pod)
{
    return expand_descend(expand_descend(pod, "metadata"), "labels");
}

json_t *expand_annotations_of(json_t *pod)
{
    return expand_descend(expand_descend(pod, "metadata"), "annotations");
}

const json_t *expand_find_template(const struct expansion *expansion, const struct owner *owner,
                                   const json_t *spec, const char *path)
{
    const json_t *template = json_object_get(spec, "template");
    if (!json_is_object(json_object_get(template, "spec"))) {
        err_set(expansion->err, "%s %s/%s: %s.template.spec is missing", owner->kind,
                owner->name_space, owner->name, path);
        return NULL;
    }
    return template;
}

/* Pod, PodGroup: the manifest's own object, with a namespace. The API server gives each its uid,
 * whatever it says: two that were copied from one pod are two. */
static int expand_plain(struct expansion *expansion, const struct owner *owner)
{
    json_t *copy = json_deep_copy(owner->object);
    json_t *metadata = expand_descend(copy, "metadata");
    expand_set_text(metadata, "name", owner->name);
    expand_set_text(metadata, "namespace", owner->name_space);
    json_object_del(metadata, "uid");
    json_array_append_new(expansion->objects, copy);
    return 0;
}

/* What admission goes by; a LimitRange is of a namespace. */
static int expand_rule(struct expansion *expansion, const struct owner *owner)
{
    json_t *copy = json_deep_copy(owner->object);
    expand_set_text(expand_descend(copy, "metadata"), "namespace", owner->name_space);
    json_array_append_new(expansion->rules, copy);
    return 0;
}

static bool names_gang(const json_t *template)
{
    const json_t *metadata = json_object_get(template, "metadata");
    struct dialect_mark mark;
    struct arena arena;
    arena_init(&arena);
    dialect_read(json_object_get(metadata, "labels"), json_object_get(metadata, "annotations"),
                 &arena, &mark);
    bool named = mark.gang != NULL;
    arena_finish(&arena);
    return named;
}

/* Replica types in the order in which ranks are dealt: the master is rank 0. */
static const struct {
    const char *key;
    const char *label;
    const char *path;
} replica_types[] = {
    {"Master", "master", "spec.pytorchReplicaSpecs.Master"},
    {"Worker", "worker", "spec.pytorchReplicaSpecs.Worker"},
};
#define REPLICA_TYPES (sizeof replica_types / sizeof replica_types[0])

static int make_replicas(struct expansion *expansion, const struct owner *owner, size_t type,
                         const json_t *template, int64_t count, bool mark_gang)
{
    for (int64_t i = 0; i < count; i++) {
        char name[NAME_MAX_BYTES], index[24];
        snprintf(index, sizeof index, "%lld", (long long)i);
        snprintf(name, sizeof name, "%s-%s-%s", owner->name, replica_types[type].label, index);
        json_t *pod = expand_make_pod(expansion, owner, template, name);
        if (pod == NULL) {
            return -1;
        }
        json_t *labels = expand_labels_of(pod);
        expand_set_text(labels, "training.kubeflow.org/job-name", owner->name);
        expand_set_text(labels, "training.kubeflow.org/operator-name", "pytorchjob-controller");
        expand_set_text(labels, "training.kubeflow.org/replica-type", replica_types[type].label);
        expand_set_text(labels, "training.kubeflow.org/replica-index", index);
        if (type == 0) {
            expand_set_text(labels, "training.kubeflow.org/job-role", "master");
        }
        if (mark_gang) {
            expand_set_text(labels, GROUP_LABEL, owner->name);
        }
    }
    return 0;
}

/* The PodGroup that the training operator keeps beside the job. */
static int make_group(struct expansion *expansion, const struct owner *owner, int64_t replicas)
{
    const json_t *policy = json_object_get(
        json_object_get(json_object_get(owner->object, "spec"), "runPolicy"), "schedulingPolicy");
    int64_t minimum = replicas;
    if (expand_read_count(expansion, owner, json_object_get(policy, "minAvailable"),
                          "spec.runPolicy.schedulingPolicy.minAvailable", &minimum) < 0) {
        return -1;
    }
    json_t *group = json_pack(
        "{s:s, s:s, s:{s:s, s:s, s:o}, s:{s:I}}", "apiVersion", "scheduling.x-k8s.io/v1alpha1",
        "kind", "PodGroup", "metadata", "name", owner->name, "namespace", owner->name_space,
        "ownerReferences", owner_reference(owner), "spec", "minMember", (json_int_t)minimum);
    const json_t *annotations =
        json_object_get(json_object_get(owner->object, "metadata"), "annotations");
    if (annotations != NULL) {
        json_object_set_new(json_object_get(group, "metadata"), "annotations",
                            json_deep_copy(annotations));
    }
    const json_t *timeout = json_object_get(policy, "scheduleTimeoutSeconds");
    if (timeout != NULL) {
        json_object_set_new(json_object_get(group, "spec"), "scheduleTimeoutSeconds",
                            json_deep_copy(timeout));
    }
    json_array_append_new(expansion->objects, group);
    return 0;
}

static int check_replica_types(struct expansion *expansion, const struct owner *owner,
                               const json_t *specs)
{
    if (json_object_size(specs) == 0) {
        return expand_fail(expansion, owner, "spec.pytorchReplicaSpecs is missing");
    }
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)specs, key, value)
    {
        if (strcmp(key, "Master") != 0 && strcmp(key, "Worker") != 0) {
            return expand_fail(expansion, owner,
                               "spec.pytorchReplicaSpecs knows Master and Worker only");
        }
    }
    return 0;
}

static int expand_pytorch_job(struct expansion *expansion, const struct owner *owner)
{
    const json_t *specs =
        json_object_get(json_object_get(owner->object, "spec"), "pytorchReplicaSpecs");
    const json_t *templates[REPLICA_TYPES] = {NULL};
    int64_t counts[REPLICA_TYPES] = {0};
    int64_t replicas = 0;
    bool marked = false;
    if (check_replica_types(expansion, owner, specs) < 0) {
        return -1;
    }
    for (size_t type = 0; type < REPLICA_TYPES; type++) {
        const json_t *spec = json_object_get(specs, replica_types[type].key);
        if (spec == NULL || json_is_null(spec)) {
            continue;
        }
        counts[type] = 1;
        templates[type] = expand_find_template(expansion, owner, spec, replica_types[type].path);
        if (templates[type] == NULL ||
            expand_read_count(expansion, owner, json_object_get(spec, "replicas"),
                              replica_types[type].path, &counts[type]) < 0) {
            return -1;
        }
        marked = marked || names_gang(templates[type]);
        replicas += counts[type];
    }
    if (!marked && make_group(expansion, owner, replicas) < 0) {
        return -1;
    }
    for (size_t type = 0; type < REPLICA_TYPES; type++) {
        if (make_replicas(expansion, owner, type, templates[type], counts[type], !marked) < 0) {
            return -1;
        }
    }
    return 0;
}

static const struct {
    const char *kind;
    const char *api_version;
    int (*expand)(struct expansion *expansion, const struct owner *owner);
} kinds[] = {
    {"Pod", "v1", expand_plain},
    {"PodGroup", "scheduling.x-k8s.io/v1alpha1", expand_plain},
    {"Job", "batch/v1", expand_job},
    {"JobSet", "jobset.x-k8s.io/v1alpha2", expand_job_set},
    {"PyTorchJob", "kubeflow.org/v1", expand_pytorch_job},
    {"LimitRange", "v1", expand_rule},
    {"PriorityClass", "scheduling.k8s.io/v1", expand_rule},
    {"RuntimeClass", "node.k8s.io/v1", expand_rule},
};

/* Whether there are containers anywhere inside: whatever its kind, something will make pods of it.
 */
static bool holds_pods(const json_t *json, int depth)
{
    if (depth > NESTING_MAX) {
        return false;
    }
    if (json_is_array(json)) {
        for (size_t i = 0; i < json_array_size(json); i++) {
            if (holds_pods(json_array_get(json, i), depth + 1)) {
                return true;
            }
        }
        return false;
    }
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        if ((strcmp(key, "containers") == 0 && json_is_array(value)) ||
            holds_pods(value, depth + 1)) {
            return true;
        }
    }
    return false;
}

/* metadata.name, or what stands for it: a name of the API server's ends in five of the letters
 * bcdfghjklmnpqrstvwxz2456789, and it cuts what comes before at GENERATED_MAX
 * (apiserver/pkg/storage/names/generate.go). NULL when there is neither. */
static const char *find_name(struct expansion *expansion, const json_t *metadata,
                             char made[NAME_MAX_BYTES])
{
    const char *name = expand_text_of(metadata, "name");
    const char *stem = expand_text_of(metadata, "generateName");
    if (name != NULL && name[0] != '\0') {
        return name;
    }
    if (stem == NULL || stem[0] == '\0') {
        return NULL;
    }
    utf8_print(made, NAME_MAX_BYTES, "%.*snew%zu", GENERATED_MAX, stem, ++expansion->generated);
    return made;
}

/* Keeps what it was for a warning. */
static int leave_out(struct expansion *expansion, const struct owner *owner)
{
    char text[2 * NAME_MAX_BYTES];
    utf8_print(text, sizeof text, "%.64s %.253s/%.253s", owner->kind, owner->name_space,
               owner->name == NULL ? "" : owner->name);
    json_array_append_new(expansion->unused, json_string(text));
    return 0;
}

static int expand_object(struct expansion *expansion, const json_t *object)
{
    char made[NAME_MAX_BYTES];
    const json_t *metadata = json_object_get(object, "metadata");
    const char *name_space = expand_text_of(metadata, "namespace");
    struct owner owner = {.object = object,
                          .kind = expand_text_of(object, "kind"),
                          .name_space = name_space == NULL || name_space[0] == '\0'
                                            ? expansion->name_space
                                            : name_space,
                          .name = find_name(expansion, metadata, made)};
    const char *api_version = expand_text_of(object, "apiVersion");
    if (owner.kind == NULL) {
        return err_set(expansion->err, "an object without a kind");
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].kind, owner.kind) != 0 || api_version == NULL ||
            strcmp(kinds[i].api_version, api_version) != 0) {
            continue;
        }
        if (owner.name == NULL || owner.name[0] == '\0' || strlen(owner.name) > 253) {
            return err_set(expansion->err,
                           "%s: metadata.name is missing or not a name, and so is generateName",
                           owner.kind);
        }
        return kinds[i].expand(expansion, &owner);
    }
    if (holds_pods(object, 0)) {
        return err_set(expansion->err,
                       "%s (%s) is not a kind whose pods are known here: give its pods instead, "
                       "or a Pod, PodGroup, Job, JobSet or PyTorchJob",
                       owner.kind, api_version == NULL ? "no apiVersion" : api_version);
    }
    return leave_out(expansion, &owner);
}

static int expand_all(struct expansion *expansion, const json_t *documents, int depth)
{
    for (size_t i = 0; i < json_array_size(documents); i++) {
        const json_t *object = json_array_get(documents, i);
        const char *kind = expand_text_of(object, "kind");
        const json_t *items = json_object_get(object, "items");
        if (kind != NULL && strcmp(kind, "List") == 0 && json_is_array(items) &&
            depth < NESTING_MAX) {
            if (expand_all(expansion, items, depth + 1) < 0) {
                return -1;
            }
        } else if (expand_object(expansion, object) < 0) {
            return -1;
        }
    }
    return 0;
}

int expand_manifest(const json_t *documents, const char *name_space, struct expanded *expanded,
                    struct err *err)
{
    struct err own;
    struct expansion expansion = {.objects = json_array(),
                                  .withheld = json_array(),
                                  .rules = json_array(),
                                  .unused = json_array(),
                                  .name_space = name_space,
                                  .err = err == NULL ? &own : err};
    *expanded =
        (struct expanded){expansion.objects, expansion.withheld, expansion.rules, expansion.unused};
    if (expand_all(&expansion, documents, 0) < 0) {
        expanded_finish(expanded);
        return -1;
    }
    return 0;
}

void expanded_finish(struct expanded *expanded)
{
    json_decref(expanded->objects);
    json_decref(expanded->withheld);
    json_decref(expanded->rules);
    json_decref(expanded->unused);
    *expanded = (struct expanded){.objects = NULL};
}
