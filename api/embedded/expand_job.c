// SPDX-License-Identifier: Apache-2.0
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "api/embedded/expand_parts.h"

/* batch/v1 Job, and jobset.x-k8s.io/v1alpha2 JobSet, which is a list of Jobs with replicas:
 *
 *   JobSet train ─┬─ replicatedJobs[0] driver,  replicas 1 ── Job train-driver-0  ── pods -0 …
 *                 └─ replicatedJobs[1] workers, replicas 2 ┬─ Job train-workers-0 ── pods -0, -1 …
 *                                                          └─ Job train-workers-1 ── pods -0, -1 …
 *
 * Sources: kubernetes pkg/controller/job (indexed_job_utils.go, job_controller.go); jobset
 * api/jobset/v1alpha2, pkg/controllers/jobset_controller.go, pkg/webhooks/pod_mutating_webhook.go
 * and pod_admission_webhook.go.
 */

#define EXCLUSIVE        "alpha.jobset.sigs.k8s.io/exclusive-topology"
#define NODE_SELECTOR    "alpha.jobset.sigs.k8s.io/node-selector"
#define JOB_KEY          "jobset.sigs.k8s.io/job-key"
#define COMPLETION_INDEX "batch.kubernetes.io/job-completion-index"

/* Labels that are annotations as well. */
static void set_mark(json_t *pod, const char *key, const char *text)
{
    expand_set_text(expand_labels_of(pod), key, text);
    expand_set_text(expand_annotations_of(pod), key, text);
}

/* One Job: whose it is (for errors), itself, its spec and where that stands. */
struct job {
    const struct owner *workload;
    struct owner owner;
    const json_t *spec;
    const char *path;
    bool indexed;
};

static int read_job_count(const struct expansion *expansion, const struct job *job, const char *key,
                          int64_t *count)
{
    char path[PATH_MAX_BYTES];
    snprintf(path, sizeof path, "%s.%s", job->path, key);
    return expand_read_count(expansion, job->workload, json_object_get(job->spec, key), path,
                             count);
}

static int make_job_pods(struct expansion *expansion, const struct job *job)
{
    const json_t *template = expand_find_template(expansion, job->workload, job->spec, job->path);
    const struct owner *owner = &job->owner;
    int64_t count = 1, completions = EXPAND_PODS_MAX;
    if (template == NULL || read_job_count(expansion, job, "parallelism", &count) < 0 ||
        read_job_count(expansion, job, "completions", &completions) < 0) {
        return -1;
    }
    char uid[2 * NAME_MAX_BYTES];
    snprintf(uid, sizeof uid, "Job/%s/%s", owner->name_space, owner->name);
    for (int64_t i = 0; i < count && i < completions; i++) {
        char name[NAME_MAX_BYTES], index[24];
        snprintf(index, sizeof index, "%lld", (long long)i);
        snprintf(name, sizeof name, "%s-%s", owner->name, index);
        json_t *pod = expand_make_pod(expansion, owner, template, name);
        if (pod == NULL) {
            return -1;
        }
        json_t *labels = expand_labels_of(pod);
        expand_set_text(labels, "batch.kubernetes.io/job-name", owner->name);
        expand_set_text(labels, "batch.kubernetes.io/controller-uid", uid);
        expand_set_text(labels, "job-name", owner->name);
        expand_set_text(labels, "controller-uid", uid);
        if (job->indexed) {
            set_mark(pod, COMPLETION_INDEX, index);
        }
    }
    return 0;
}

static bool is_indexed(const json_t *spec, bool otherwise)
{
    const char *mode = expand_text_of(spec, "completionMode");
    return mode == NULL ? otherwise : strcmp(mode, "Indexed") == 0;
}

int expand_job(struct expansion *expansion, const struct owner *owner)
{
    const json_t *spec = json_object_get(owner->object, "spec");
    struct job job = {.workload = owner,
                      .owner = *owner,
                      .spec = spec,
                      .path = "spec",
                      .indexed = is_indexed(spec, false)};
    return make_job_pods(expansion, &job);
}

/* One entry of a JobSet's spec.replicatedJobs. */
struct replicated_job {
    const json_t *json;
    const char *name;
    char path[PATH_MAX_BYTES];
    int64_t replicas;
    int64_t first; /* Jobs of the entries before */
};

static int read_replicated_job(const struct expansion *expansion, const struct owner *owner,
                               const json_t *json, size_t index, struct replicated_job *entry)
{
    char path[2 * PATH_MAX_BYTES];
    entry->json = json;
    entry->name = expand_text_of(json, "name");
    entry->replicas = 1;
    snprintf(entry->path, sizeof entry->path, "spec.replicatedJobs[%zu]", index);
    if (entry->name == NULL || entry->name[0] == '\0' || strlen(entry->name) > 63) {
        snprintf(path, sizeof path, "%s.name is missing or not a name", entry->path);
        return expand_fail(expansion, owner, path);
    }
    snprintf(path, sizeof path, "%s.replicas", entry->path);
    return expand_read_count(expansion, owner, json_object_get(json, "replicas"), path,
                             &entry->replicas);
}

/* The strategy for which nodes are labelled with their Job beforehand. */
static void select_labelled_nodes(json_t *pod)
{
    char text[2 * NAME_MAX_BYTES];
    json_t *spec = expand_descend(pod, "spec");
    const json_t *metadata = json_object_get(pod, "metadata");
    snprintf(text, sizeof text, "%s_%s", expand_text_of(metadata, "namespace"),
             expand_text_of(expand_labels_of(pod), "job-name"));
    expand_set_text(expand_descend(spec, "nodeSelector"), "alpha.jobset.sigs.k8s.io/namespaced-job",
                    text);
    if (!json_is_array(json_object_get(spec, "tolerations"))) {
        json_object_set_new(spec, "tolerations", json_array());
    }
    json_array_append_new(json_object_get(spec, "tolerations"),
                          json_pack("{s:s, s:s, s:s}", "key",
                                    "alpha.jobset.sigs.k8s.io/no-schedule", "operator", "Exists",
                                    "effect", "NoSchedule"));
}

/* Appends a required term over all namespaces to affinity.<kind>. */
static void add_affinity(json_t *pod, const char *kind, json_t *expressions)
{
    static const char required[] = "requiredDuringSchedulingIgnoredDuringExecution";
    json_t *list = expand_descend(expand_descend(expand_descend(pod, "spec"), "affinity"), kind);
    if (!json_is_array(json_object_get(list, required))) {
        json_object_set_new(list, required, json_array());
    }
    json_array_append_new(json_object_get(list, required),
                          json_pack("{s:{s:o}, s:s, s:{}}", "labelSelector", "matchExpressions",
                                    expressions, "topologyKey",
                                    expand_text_of(expand_annotations_of(pod), EXCLUSIVE),
                                    "namespaceSelector"));
}

static void set_exclusive_affinity(json_t *pod)
{
    const char *job = expand_text_of(expand_labels_of(pod), JOB_KEY);
    add_affinity(pod, "podAffinity",
                 json_pack("[{s:s, s:s, s:[s]}]", "key", JOB_KEY, "operator", "In", "values", job));
    add_affinity(pod, "podAntiAffinity",
                 json_pack("[{s:s, s:s}, {s:s, s:s, s:[s]}]", "key", JOB_KEY, "operator", "Exists",
                           "key", JOB_KEY, "operator", "NotIn", "values", job));
}

/* An annotation of the JobSet, or else of the Job's template. */
static const char *find_annotation(const struct owner *owner, const struct replicated_job *entry,
                                   const char *key)
{
    const json_t *template = json_object_get(json_object_get(entry->json, "template"), "metadata");
    const json_t *metadata = json_object_get(owner->object, "metadata");
    const char *text = expand_text_of(json_object_get(metadata, "annotations"), key);
    return text != NULL ? text : expand_text_of(json_object_get(template, "annotations"), key);
}

/* JobSet's own labels and annotations, on pods [first, …) of the expansion. */
static void mark_job_set_pods(struct expansion *expansion, size_t first, const struct owner *owner,
                              const struct replicated_job *entry, int64_t index, int64_t jobs)
{
    const char *exclusive = find_annotation(owner, entry, EXCLUSIVE);
    const char *strategy = find_annotation(owner, entry, NODE_SELECTOR);
    const struct {
        const char *key;
        int64_t number;
    } numbers[] = {
        {"jobset.sigs.k8s.io/replicatedjob-replicas", entry->replicas},
        {"jobset.sigs.k8s.io/global-replicas", jobs},
        {"jobset.sigs.k8s.io/job-index", index},
        {"jobset.sigs.k8s.io/job-global-index", entry->first + index},
        {"jobset.sigs.k8s.io/restart-attempt", 0},
    };
    for (; first < json_array_size(expansion->objects); first++) {
        json_t *pod = json_array_get(expansion->objects, first);
        set_mark(pod, "jobset.sigs.k8s.io/jobset-name", owner->name);
        set_mark(pod, "jobset.sigs.k8s.io/replicatedjob-name", entry->name);
        for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
            char text[24];
            snprintf(text, sizeof text, "%lld", (long long)numbers[i].number);
            set_mark(pod, numbers[i].key, text);
        }
        set_mark(pod, JOB_KEY, expand_text_of(expand_labels_of(pod), "job-name"));
        if (exclusive != NULL) {
            expand_set_text(expand_annotations_of(pod), EXCLUSIVE, exclusive);
        }
        if (strategy != NULL) {
            expand_set_text(expand_annotations_of(pod), NODE_SELECTOR, strategy);
        }
        if (exclusive != NULL && strategy != NULL) {
            select_labelled_nodes(pod);
        }
    }
}

/* What JobSet's webhook does to the pods from `first` on: the first one of a Job keeps those of
 * other Jobs away from its domain, all others are not admitted yet. */
static void withhold_followers(struct expansion *expansion, size_t first)
{
    size_t kept = first, count = json_array_size(expansion->objects);
    for (size_t i = first; i < count; i++) {
        json_t *pod = json_array_get(expansion->objects, i);
        const char *index = expand_text_of(expand_annotations_of(pod), COMPLETION_INDEX);
        if (index != NULL && strcmp(index, "0") == 0) {
            set_exclusive_affinity(pod);
            json_array_set(expansion->objects, kept++, pod);
        } else {
            json_array_append(expansion->withheld, pod);
        }
    }
    while (json_array_size(expansion->objects) > kept) {
        json_array_remove(expansion->objects, json_array_size(expansion->objects) - 1);
    }
}

static int make_jobs(struct expansion *expansion, const struct owner *owner,
                     const struct replicated_job *entry, int64_t jobs)
{
    const json_t *spec = json_object_get(json_object_get(entry->json, "template"), "spec");
    json_t *job_object = json_pack("{s:s}", "apiVersion", "batch/v1");
    char path[2 * PATH_MAX_BYTES], name[NAME_MAX_BYTES + 96];
    snprintf(path, sizeof path, "%s.template.spec", entry->path);
    int result = 0;
    for (int64_t i = 0; result == 0 && i < entry->replicas; i++) {
        size_t first = json_array_size(expansion->objects);
        snprintf(name, sizeof name, "%s-%s-%lld", owner->name, entry->name, (long long)i);
        struct job job = {.workload = owner,
                          .owner = {job_object, "Job", owner->name_space, name},
                          .spec = spec,
                          .path = path,
                          .indexed = is_indexed(spec, true)};
        result = make_job_pods(expansion, &job);
        mark_job_set_pods(expansion, first, owner, entry, i, jobs);
        if (find_annotation(owner, entry, EXCLUSIVE) != NULL &&
            find_annotation(owner, entry, NODE_SELECTOR) == NULL) {
            withhold_followers(expansion, first);
        }
    }
    json_decref(job_object);
    return result;
}

int expand_job_set(struct expansion *expansion, const struct owner *owner)
{
    const json_t *list = json_object_get(json_object_get(owner->object, "spec"), "replicatedJobs");
    size_t count = json_array_size(list);
    int64_t jobs = 0;
    if (count == 0) {
        return expand_fail(expansion, owner, "spec.replicatedJobs is missing");
    }
    for (int pass = 0; pass < 2; pass++) {
        int64_t first = 0;
        for (size_t i = 0; i < count; i++) {
            struct replicated_job entry = {.first = first};
            if (read_replicated_job(expansion, owner, json_array_get(list, i), i, &entry) < 0 ||
                (pass == 1 && make_jobs(expansion, owner, &entry, jobs) < 0)) {
                return -1;
            }
            first += entry.replicas;
        }
        jobs = first; /* known after the first pass */
    }
    return 0;
}
