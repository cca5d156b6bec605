// SPDX-License-Identifier: Apache-2.0
#include "api/cli/plan_manifest.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/cli/cli.h"
#include "api/embedded/admission.h"
#include "api/embedded/existing.h"
#include "api/embedded/expand.h"
#include "api/kube/objects/decode.h"
#include "api/kube/objects/remarks.h"
#include "api/yaml/template.h"
#include "api/yaml/yaml.h"
#include "topology/base/alloc.h"
#include "topology/base/arena.h"
#include "topology/base/utf8.h"

/* Object by object, in the manifest's order:
 *
 *   PodGroup ──────────────────────────────────────▶ into the cluster, its gang is asked about
 *   Pod ─▶ is there, or has its place ──▶ yes ─────▶ asked about as it is
 *                                    └──▶ no ──────▶ into the cluster and asked about
 *
 * and whatever else lives of the same owner is asked about, too. What is asked about is a pod of a
 * gang: one without a gang is a mistake of the manifest, unless it was there before.
 */

#define NAME_MAX_BYTES 384
#define RENAMES_MAX    100
#define UNUSED_NAMED   20
#define OWN_KEYS       "phalanx.dev/"
#define EXCLUSIVE      "alpha.jobset.sigs.k8s.io/exclusive-topology"

struct application {
    struct snapshot *snapshot;
    struct question *question;
    struct existing *existing;
    struct admission *admission;
    struct remarks *remarks;
    json_t *owners; /* owners whose pods were asked about: an object with a member for each */
    struct err *err;
};

static const char *metadata_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(json_object_get(object, "metadata"), key));
}

static bool is_pod(const json_t *object)
{
    return strcmp(json_string_value(json_object_get(object, "kind")), "Pod") == 0;
}

static struct asked *ask(struct question *question, const char *name_space, const char *name)
{
    if (question->index == NULL) {
        question->index = json_object();
    }
    json_t *gangs = json_object_get(question->index, name_space);
    const json_t *known = json_object_get(gangs, name);
    if (known != NULL) {
        return &question->asked[json_integer_value(known)];
    }
    if (gangs == NULL) {
        gangs = json_object();
        json_object_set_new(question->index, name_space, gangs);
    }
    json_object_set_new(gangs, name, json_integer((json_int_t)question->count));
    question->asked =
        alloc_grow(question->asked, &question->room, question->count + 1, sizeof *question->asked);
    question->asked[question->count] =
        (struct asked){alloc_string(name_space), alloc_string(name), json_object(), json_array()};
    return &question->asked[question->count++];
}

static void ask_for_pod(struct question *question, const struct pod_object *pod)
{
    const struct asked *asked = ask(question, pod->name_space, pod->gang);
    json_object_set_new(asked->pods, pod->name, json_true());
}

/* A pod that was there before; it need not be in a gang. */
static void ask_for_old(const struct application *application, const json_t *pod)
{
    struct pod_object object;
    struct arena arena;
    arena_init(&arena);
    if (pod_decode(pod, &arena, &object, NULL) == 0 && object.gang != NULL) {
        ask_for_pod(application->question, &object);
    }
    arena_finish(&arena);
}

/* All that live of a pod's owner, once for each owner. */
static void ask_for_owner(const struct application *application, const json_t *made)
{
    const json_t *pods = existing_of_owner(application->existing, made);
    const json_t *first = json_array_get(pods, 0);
    size_t i;
    const json_t *pod;
    if (first == NULL || json_object_get(application->owners, metadata_of(first, "uid")) != NULL) {
        return;
    }
    json_object_set_new(application->owners, metadata_of(first, "uid"), json_true());
    json_array_foreach(pods, i, pod)
    {
        ask_for_old(application, pod);
    }
}

/* Notes what an event asks about that came of the manifest. */
static int ask_for(const struct application *application, const struct event *event)
{
    if (event->type == EVENT_GROUP) {
        ask(application->question, event->group.name_space, event->group.name);
    } else if (event->type == EVENT_POD && event->pod.gang == NULL) {
        return err_set(application->err,
                       "pod %s/%s is in no gang. Label it scheduling.x-k8s.io/pod-group: NAME and "
                       "add a PodGroup of that name with spec.minMember, or label it "
                       "pod-group.scheduling.sigs.k8s.io/name: NAME and "
                       "pod-group.scheduling.sigs.k8s.io/min-available: \"4\"",
                       event->pod.name_space, event->pod.name);
    } else if (event->type == EVENT_POD) {
        ask_for_pod(application->question, &event->pod);
    }
    return 0;
}

/* A Job's pod gets random letters in a cluster, so one of somebody else cannot stand in its way. */
static bool rename_pod(const struct application *application, json_t *pod)
{
    json_t *metadata = json_object_get(pod, "metadata");
    const char *name_space = metadata_of(pod, "namespace");
    char name[NAME_MAX_BYTES];
    for (int i = 1; i < RENAMES_MAX; i++) {
        utf8_print(name, sizeof name, "%.253s-new%d", metadata_of(pod, "name"), i);
        if (cluster_get(application->snapshot->cluster, "Pod", name_space, name) == NULL) {
            json_object_set_new(metadata, "name", json_string(name));
            return true;
        }
    }
    return false;
}

/* Notes a pod of the manifest that is not there, and why. */
static int withhold(const struct application *application, const json_t *pod, const char *reason)
{
    struct pod_object object;
    struct arena arena;
    arena_init(&arena);
    json_t *copy = json_deep_copy(pod);
    json_object_set_new(json_object_get(copy, "metadata"), "uid", json_string("withheld"));
    int result = pod_decode(copy, &arena, &object, application->err);
    if (result == 0 && object.gang != NULL) {
        const struct asked *asked = ask(application->question, object.name_space, object.gang);
        json_object_set_new(asked->pods, object.name, json_true());
        json_array_append_new(asked->withheld,
                              json_pack("{s:s, s:s, s:I, s:s}", "pod", object.name, "role",
                                        object.role == NULL ? "" : object.role, "rank",
                                        (json_int_t)object.rank, "reason", reason));
    }
    json_decref(copy);
    arena_finish(&arena);
    return result == 0 ? 0 : -1;
}

/* The pod of the cluster that this one is, or NULL. */
static const json_t *find_old(const struct application *application, json_t *pod)
{
    const json_t *taken = existing_take(application->existing, pod);
    if (taken != NULL) {
        return taken;
    }
    const json_t *old = cluster_get(application->snapshot->cluster, "Pod",
                                    metadata_of(pod, "namespace"), metadata_of(pod, "name"));
    const json_t *owner =
        json_array_get(json_object_get(json_object_get(pod, "metadata"), "ownerReferences"), 0);
    const char *kind = json_string_value(json_object_get(owner, "kind"));
    bool lettered = kind != NULL && strcmp(kind, "Job") == 0;
    return old != NULL && lettered && !existing_same_owner(old, pod) && rename_pod(application, pod)
               ? NULL
               : old;
}

static int apply_object(const struct application *application, json_t *object)
{
    struct kube_batch *batch = application->snapshot->batch;
    size_t before = batch->count;
    if (is_pod(object)) {
        remarks_scheduler(application->remarks, object);
        const json_t *old = find_old(application, object);
        ask_for_owner(application, object);
        if (old != NULL) {
            ask_for_old(application, old);
            return 0;
        }
        struct err refused;
        if (admission_pod(application->admission, object, &refused) < 0) {
            return withhold(application, object, refused.text);
        }
    }
    if (cluster_apply(application->snapshot->cluster, object, batch, NULL, application->err) < 0) {
        return -1;
    }
    for (size_t i = before; i < batch->count; i++) {
        if (batch->events[i].type == EVENT_POD) {
            batch->events[i].pod.scheduler = NULL; /* the question is where Phalanx would put it */
        }
        if (ask_for(application, &batch->events[i]) < 0) {
            return -1;
        }
    }
    return 0;
}

/* The value of a label of the node on which the first pod of a Job is; NULL while it is on none. */
static const char *find_leader_domain(const struct application *application, const json_t *pod,
                                      const char *key)
{
    const json_t *leader = existing_leader(application->existing, pod);
    const char *name =
        json_string_value(json_object_get(json_object_get(leader, "spec"), "nodeName"));
    if (name == NULL) {
        return NULL;
    }
    const json_t *node = cluster_get(application->snapshot->cluster, "Node", NULL, name);
    return json_string_value(
        json_object_get(json_object_get(json_object_get(node, "metadata"), "labels"), key));
}

/* Pods that JobSet's webhook does not let in before the first one of their Job is scheduled, and
 * then only where that one is. */
static int apply_withheld(const struct application *application, json_t *pod)
{
    const json_t *metadata = json_object_get(pod, "metadata");
    const char *key =
        json_string_value(json_object_get(json_object_get(metadata, "annotations"), EXCLUSIVE));
    const char *domain = key == NULL ? NULL : find_leader_domain(application, pod, key);
    if (domain != NULL) {
        json_t *spec = json_object_get(pod, "spec");
        json_t *selector = json_object_get(spec, "nodeSelector");
        if (selector == NULL) {
            selector = json_object();
            json_object_set_new(spec, "nodeSelector", selector);
        }
        json_object_set_new(selector, key, json_string(domain));
        return apply_object(application, pod);
    }
    const json_t *old = existing_take(application->existing, pod);
    if (old != NULL) {
        ask_for_old(application, old);
        return 0;
    }
    return withhold(application, pod,
                    "created once the first pod of its Job is scheduled (" EXCLUSIVE ")");
}

static int apply_all(const struct application *application, const struct expanded *expanded)
{
    size_t i;
    json_t *object;
    json_array_foreach(expanded->rules, i, object)
    {
        if (cluster_apply(application->snapshot->cluster, object, application->snapshot->batch,
                          NULL, application->err) < 0) {
            return -1;
        }
    }
    json_array_foreach(expanded->objects, i, object)
    {
        if (apply_object(application, object) < 0) {
            return -1;
        }
    }
    json_array_foreach(expanded->withheld, i, object)
    {
        if (apply_withheld(application, object) < 0) {
            return -1;
        }
    }
    if (application->question->count == 0) {
        return err_set(application->err, "it has neither a pod of a gang nor a pod group");
    }
    return 0;
}

static void warn(void *context, const char *what)
{
    fprintf(stderr, "phalanx plan: %s\n", what);
}

static struct remarks *make_remarks(const struct config *config)
{
    struct remarks *remarks = remarks_create(warn, NULL);
    for (uint32_t i = 0; i < config->scheduler_count; i++) {
        const char *name = config->scheduler_names[i];
        remarks_serve(remarks, &name, 1);
    }
    return remarks;
}

/* Annotations of ours on what makes pods: they stay there (a PyTorchJob's go to its group). */
static void warn_of_misplaced(const json_t *object)
{
    const char *kind = json_string_value(json_object_get(object, "kind"));
    const char *key;
    json_t *value;
    if (kind == NULL || (strcmp(kind, "Job") != 0 && strcmp(kind, "JobSet") != 0)) {
        return;
    }
    const char *name = metadata_of(object, "name");
    name = name != NULL ? name : metadata_of(object, "generateName");
    name = name != NULL ? name : "";
    json_object_foreach(json_object_get(json_object_get(object, "metadata"), "annotations"), key,
                        value)
    {
        if (strncmp(key, OWN_KEYS, strlen(OWN_KEYS)) == 0) {
            fprintf(stderr,
                    "phalanx plan: %s %.253s: annotation %.320s is not read there: it belongs in "
                    "the pod template or on the PodGroup\n",
                    kind, name, key);
        }
    }
}

/* What is misspelt or misplaced in the manifest, and what of it plays no part. */
static void warn_of_manifest(const struct application *application, const json_t *documents,
                             const struct expanded *expanded)
{
    const json_t *const lists[] = {expanded->objects, expanded->withheld};
    size_t i;
    const json_t *object;
    for (size_t list = 0; list < sizeof lists / sizeof lists[0]; list++) {
        json_array_foreach(lists[list], i, object)
        {
            remarks_keys(application->remarks, json_string_value(json_object_get(object, "kind")),
                         object);
        }
    }
    json_array_foreach(documents, i, object)
    {
        size_t k;
        const json_t *item;
        warn_of_misplaced(object);
        json_array_foreach(json_object_get(object, "items"), k, item)
        {
            warn_of_misplaced(item);
        }
    }
    size_t count = json_array_size(expanded->unused);
    for (i = 0; i < count && i < UNUSED_NAMED; i++) {
        fprintf(stderr, "phalanx plan: %s is not used\n",
                json_string_value(json_array_get(expanded->unused, i)));
    }
    if (count > UNUSED_NAMED) {
        fprintf(stderr, "phalanx plan: %zu more objects are not used\n", count - UNUSED_NAMED);
    }
}

/* Fails when a document, or an item of a list, is a template that nobody has rendered. */
static int refuse_templates(const json_t *documents, struct err *err)
{
    for (size_t i = 0; i < json_array_size(documents); i++) {
        const json_t *document = json_array_get(documents, i);
        const char *text = template_find(document);
        if (text != NULL) {
            return err_set(err,
                           "\"%.100s\" is a template (Helm, Jinja …), which has to be rendered "
                           "first, as by `helm template`",
                           text);
        }
        if (refuse_templates(json_object_get(document, "items"), err) < 0) {
            return -1;
        }
    }
    return 0;
}

int plan_manifest_apply(struct snapshot *snapshot, const char *path, const char *name_space,
                        struct question *question, struct err *err)
{
    json_t *documents = yaml_load_file(path, err);
    if (documents == NULL) {
        return CLI_RUNTIME;
    }
    struct expanded expanded;
    int result = refuse_templates(documents, err);
    result = result == 0 ? expand_manifest(documents, name_space, &expanded, err) : result;
    if (result == 0) {
        struct application application = {.snapshot = snapshot,
                                          .question = question,
                                          .existing = existing_create(snapshot->cluster),
                                          .admission =
                                              admission_create(snapshot->cluster, warn, NULL),
                                          .remarks = make_remarks(&snapshot->config),
                                          .owners = json_object(),
                                          .err = err};
        warn_of_manifest(&application, documents, &expanded);
        result = apply_all(&application, &expanded);
        existing_destroy(application.existing);
        admission_destroy(application.admission);
        remarks_destroy(application.remarks);
        json_decref(application.owners);
        expanded_finish(&expanded);
    }
    json_decref(documents);
    if (result < 0) {
        err_prefix(err, "%s", path);
        return CLI_USAGE;
    }
    return CLI_OK;
}

void question_finish(struct question *question)
{
    for (size_t i = 0; i < question->count; i++) {
        free(question->asked[i].name_space);
        free(question->asked[i].name);
        json_decref(question->asked[i].pods);
        json_decref(question->asked[i].withheld);
    }
    free(question->asked);
    json_decref(question->index);
    *question = (struct question){.asked = NULL};
}
