// SPDX-License-Identifier: Apache-2.0
#include "test/world/jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/world/judge.h"
#include "test/world/server.h"
#include "topology/base/alloc.h"

/* A job is done when its quorum has run for a while; then its pods and its group go. One that asks
 * for more than the cluster has is never done and must never be begun.
 */

#define NODE_GPUS  8
#define BALLAST    30000
#define LOOK_EVERY (400 * MS)

enum form { FORM_ORDINARY, FORM_GROUP, FORM_LABELS };

struct job {
    char name[32];
    enum form form;
    int members;
    int names; /* members it ever had */
    int minimum;
    int gpus;
    int64_t starts;
    int64_t runs;
    int64_t whole_since; /* -1: it is not */
    int64_t dissolves; /* it loses a member for good then, if it is not whole by then; -1: never */
    bool impossible;
    bool done;
};

struct jobs {
    struct world *world;
    struct job jobs[JOBS_MAX];
    int job_count;
    int node_count;
    int hidden_gpus; /* pods of so many, … */
    char hidden_node[16];
    uint64_t next_uid;
};

static const char SPACE[] = "team";

int jobs_node_gpus(const json_t *node)
{
    const json_t *allocatable = json_object_get(json_object_get(node, "status"), "allocatable");
    const char *text = json_string_value(json_object_get(allocatable, "nvidia.com/gpu"));
    return text == NULL ? 0 : (int)strtol(text, NULL, 10);
}

int jobs_pod_gpus(const json_t *pod)
{
    const json_t *container =
        json_array_get(json_object_get(json_object_get(pod, "spec"), "containers"), 0);
    const json_t *requests = json_object_get(json_object_get(container, "resources"), "requests");
    const char *text = json_string_value(json_object_get(requests, "nvidia.com/gpu"));
    return text == NULL ? 0 : (int)strtol(text, NULL, 10);
}

bool jobs_is_over(const json_t *pod)
{
    const char *phase = object_text(pod, "status", "phase");
    return strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0;
}

const char *jobs_gang(const json_t *pod)
{
    const json_t *labels = json_object_get(json_object_get(pod, "metadata"), "labels");
    const char *group = json_string_value(json_object_get(labels, "scheduling.x-k8s.io/pod-group"));
    const char *name =
        json_string_value(json_object_get(labels, "pod-group.scheduling.sigs.k8s.io/name"));
    return group != NULL ? group : name != NULL ? name : "";
}

int jobs_minimum(const struct jobs *jobs, const char *gang)
{
    for (int i = 0; i < jobs->job_count; i++) {
        if (strcmp(jobs->jobs[i].name, gang) == 0) {
            return jobs->jobs[i].minimum;
        }
    }
    return 0;
}

bool jobs_is_hidden(const struct jobs *jobs, const json_t *node, const json_t *pod)
{
    /* Steered by annotation, Phalanx cannot tell a refusal from a sample: operations.md. */
    return jobs->world->seed % 5 != 0 && jobs_pod_gpus(pod) == jobs->hidden_gpus &&
           strcmp(object_name(node), jobs->hidden_node) == 0;
}

static void make_node(struct jobs *jobs, int index)
{
    char name[16];
    char leaf[16];
    (void)snprintf(name, sizeof(name), "n%d", index);
    (void)snprintf(leaf, sizeof(leaf), "leaf%d", index / 4);
    json_t *node = json_pack("{s:{s:s,s:s,s:{s:s,s:s}},s:{},s:{s:{s:s,s:s,s:s}}}", "metadata",
                             "name", name, "uid", name, "labels", "kubernetes.io/hostname", name,
                             "network.topology.nvidia.com/leaf", leaf, "spec", "status",
                             "allocatable", "cpu", "64", "nvidia.com/gpu", "8", "pods", "110");
    if (jobs->world->seed % 8 == 1) { /* so that answers with whole nodes are large */
        char *text = alloc_zero(BALLAST + 1, 1);
        memset(text, 'x', BALLAST);
        json_object_set_new(json_object_get(node, "metadata"), "annotations",
                            json_pack("{s:s}", "ballast", text));
        free(text);
    }
    server_put(jobs->world->server, KIND_NODE, node);
}

static json_t *make_labels(const struct job *job, int member)
{
    char number[16];
    json_t *labels = json_object();
    if (job->form == FORM_GROUP) {
        json_object_set_new(labels, "scheduling.x-k8s.io/pod-group", json_string(job->name));
    } else if (job->form == FORM_LABELS) {
        (void)snprintf(number, sizeof(number), "%d", job->minimum);
        json_object_set_new(labels, "pod-group.scheduling.sigs.k8s.io/name",
                            json_string(job->name));
        json_object_set_new(labels, "pod-group.scheduling.sigs.k8s.io/min-available",
                            json_string(number));
    }
    (void)snprintf(number, sizeof(number), "%d", member);
    json_object_set_new(labels, "training.kubeflow.org/replica-index", json_string(number));
    return labels;
}

static void make_pod(struct jobs *jobs, const struct job *job, const char *name, int member)
{
    char uid[32];
    char gpus[16];
    (void)snprintf(uid, sizeof(uid), "uid-%llu", (unsigned long long)++jobs->next_uid);
    (void)snprintf(gpus, sizeof(gpus), "%d", job->gpus);
    json_t *owner = json_pack("[{s:s,s:s,s:s,s:s,s:b}]", "apiVersion", "batch/v1", "kind", "Job",
                              "name", job->name, "uid", job->name, "controller", 1);
    server_put(jobs->world->server, KIND_POD,
               json_pack("{s:{s:s,s:s,s:s,s:o,s:o},s:{s:s,s:[{s:s,s:{s:{s:s},s:{s:s}}}]},s:{s:s}}",
                         "metadata", "name", name, "namespace", SPACE, "uid", uid, "labels",
                         make_labels(job, member), "ownerReferences", owner, "spec",
                         "schedulerName", "default-scheduler", "containers", "name", "main",
                         "resources", "requests", "nvidia.com/gpu", gpus, "limits",
                         "nvidia.com/gpu", gpus, "status", "phase", "Pending"));
}

static void set_phase(struct jobs *jobs, json_t *pod, const char *phase)
{
    json_t *changed = json_deep_copy(pod);
    json_object_set_new(json_object_get(changed, "status"), "phase", json_string(phase));
    server_put(jobs->world->server, KIND_POD, changed);
}

/* What is left of a node beside who runs there, less the pod. */
static int left_on(const struct jobs *jobs, const char *name, const json_t *pod)
{
    const struct server *server = jobs->world->server;
    int left = jobs_node_gpus(server_get(server, KIND_NODE, name)) - jobs_pod_gpus(pod);
    for (size_t i = 0; i < server_count(server, KIND_POD); i++) {
        const json_t *other = server_at(server, KIND_POD, i);
        if (other != pod && strcmp(object_text(other, "status", "phase"), "Running") == 0 &&
            strcmp(object_text(other, "spec", "nodeName"), name) == 0) {
            left -= jobs_pod_gpus(other);
        }
    }
    return left;
}

/* Takes a pod that was bound to its node, if there is room for it. */
static void kubelet_admit(struct jobs *jobs, json_t *pod)
{
    bool fits = left_on(jobs, object_text(pod, "spec", "nodeName"), pod) >= 0;
    set_phase(jobs, pod, fits ? "Running" : "Failed");
}

/* Makes what is missing, takes away what has failed; how many run. */
static int look_after_pods(struct jobs *jobs, const struct job *job)
{
    struct server *server = jobs->world->server;
    int running = 0;
    for (int member = 0; member < job->members; member++) {
        char name[48];
        char key[SERVER_KEY_MAX];
        (void)snprintf(name, sizeof(name), "%s-%d", job->name, member);
        (void)snprintf(key, sizeof(key), "%s/%s", SPACE, name);
        json_t *pod = server_get(server, KIND_POD, key);
        if (pod == NULL) {
            make_pod(jobs, job, name, member);
        } else if (jobs_is_over(pod)) {
            server_remove(server, KIND_POD, key);
        } else if (object_text(pod, "spec", "nodeName")[0] == '\0') {
        } else if (strcmp(object_text(pod, "status", "phase"), "Running") == 0) {
            running++;
        } else {
            kubelet_admit(jobs, pod);
        }
    }
    return running;
}

static void look_after_group(struct jobs *jobs, const struct job *job)
{
    char key[SERVER_KEY_MAX];
    (void)snprintf(key, sizeof(key), "%s/%s", SPACE, job->name);
    if (job->form == FORM_GROUP && server_get(jobs->world->server, KIND_GROUP, key) == NULL) {
        server_put(jobs->world->server, KIND_GROUP,
                   json_pack("{s:{s:s,s:s,s:s},s:{s:i}}", "metadata", "name", job->name,
                             "namespace", SPACE, "uid", job->name, "spec", "minMember",
                             job->minimum));
    }
}

/* From that member on. */
static void remove_pods(struct jobs *jobs, const struct job *job, int member)
{
    char key[SERVER_KEY_MAX];
    for (; member < job->names; member++) {
        (void)snprintf(key, sizeof(key), "%s/%s-%d", SPACE, job->name, member);
        server_remove(jobs->world->server, KIND_POD, key);
    }
}

static void clean_up(struct jobs *jobs, const struct job *job)
{
    char key[SERVER_KEY_MAX];
    remove_pods(jobs, job, 0);
    (void)snprintf(key, sizeof(key), "%s/%s", SPACE, job->name);
    server_remove(jobs->world->server, KIND_GROUP, key);
}

static void dissolve(struct jobs *jobs, struct job *job)
{
    char key[SERVER_KEY_MAX];
    int bound = 0;
    job->dissolves = -1;
    for (int member = 0; member < job->members; member++) {
        (void)snprintf(key, sizeof(key), "%s/%s-%d", SPACE, job->name, member);
        const json_t *pod = server_get(jobs->world->server, KIND_POD, key);
        bound += object_text(pod, "spec", "nodeName")[0] != '\0';
    }
    if (bound == 0) {
        world_trace(jobs->world, "job %s loses a member for good", job->name);
        server_remove(jobs->world->server, KIND_POD, key);
        job->members--;
        job->impossible = true;
    }
}

static void look(struct world *world, void *context, uint64_t number)
{
    struct jobs *jobs = context;
    (void)number;
    for (int i = 0; i < jobs->job_count; i++) {
        struct job *job = &jobs->jobs[i];
        if (world->now < job->starts) {
            continue;
        }
        if (job->done) {
            clean_up(jobs, job); /* again, should they have come back */
            continue;
        }
        if (job->dissolves >= 0 && world->now >= job->dissolves) {
            dissolve(jobs, job);
        }
        look_after_group(jobs, job);
        remove_pods(jobs, job, job->members); /* which a restore of etcd brought back */
        int running = look_after_pods(jobs, job);
        if (job->impossible && running > 0) { /* its bindings were on their way */
            job->done = true;
        } else if (running < job->minimum) {
            job->whole_since = -1;
        } else if (job->whole_since < 0) {
            job->whole_since = world->now;
            world_trace(world, "job %s runs", job->name);
        } else if (world->now - job->whole_since >= job->runs) {
            job->done = true;
            world_trace(world, "job %s is done", job->name);
        }
    }
    world_after(world, LOOK_EVERY, look, jobs, 0);
}

bool jobs_done(const struct jobs *jobs)
{
    for (int i = 0; i < jobs->job_count; i++) {
        if (!jobs->jobs[i].done && !jobs->jobs[i].impossible) {
            return false;
        }
    }
    return true;
}

void jobs_describe(const struct jobs *jobs, char *text, size_t room)
{
    for (int i = 0; i < jobs->job_count; i++) {
        const struct job *job = &jobs->jobs[i];
        if (!job->done && !job->impossible) {
            int bound = 0;
            for (size_t j = 0; j < server_count(jobs->world->server, KIND_POD); j++) {
                const json_t *pod = server_at(jobs->world->server, KIND_POD, j);
                bound += strncmp(object_name(pod), job->name, strlen(job->name)) == 0 &&
                         object_name(pod)[strlen(job->name)] == '-' &&
                         object_text(pod, "spec", "nodeName")[0] != '\0';
            }
            (void)snprintf(text, room, "%s: %d of %d pods (at least %d) of %d GPUs are bound",
                           job->name, bound, job->members, job->minimum, job->gpus);
            return;
        }
    }
}

void jobs_lose_pod(struct jobs *jobs)
{
    struct server *server = jobs->world->server;
    size_t count = server_count(server, KIND_POD);
    if (count > 0) {
        char key[SERVER_KEY_MAX];
        size_t index = (size_t)world_between(jobs->world, 0, (int64_t)count - 1);
        object_key(server_at(server, KIND_POD, index), key);
        world_trace(jobs->world, "pod %s is lost", key);
        server_remove(server, KIND_POD, key);
    }
}

/* Half a gang that somebody else bound may keep others out for ever, by nobody else's fault. */
static bool is_ordinary(const struct jobs *jobs, const json_t *pod)
{
    const char *name = object_name(pod);
    const struct job *job = &jobs->jobs[strtol(name + 1, NULL, 10)]; /* "j12-3" */
    return job->form == FORM_ORDINARY;
}

void jobs_bind_elsewhere(struct jobs *jobs)
{
    struct server *server = jobs->world->server;
    size_t at = (size_t)world_between(jobs->world, 0, 1000);
    for (size_t i = 0; i < server_count(server, KIND_POD); i++) {
        json_t *pod = server_at(server, KIND_POD, (at + i) % server_count(server, KIND_POD));
        size_t node = (at + i) % (size_t)jobs->node_count;
        const char *name = object_name(server_at(server, KIND_NODE, node));
        if (object_text(pod, "spec", "nodeName")[0] == '\0' && is_ordinary(jobs, pod) &&
            left_on(jobs, name, pod) >= 0) {
            json_t *bound = json_deep_copy(pod);
            world_trace(jobs->world, "somebody else binds %s to %s", object_name(pod), name);
            json_object_set_new(json_object_get(bound, "spec"), "nodeName", json_string(name));
            server_put(server, KIND_POD, bound);
            judge_forgives(jobs->world->judge);
            return;
        }
    }
}

static void set_cordon(struct jobs *jobs, size_t index, bool closed)
{
    json_t *node = json_deep_copy(server_at(jobs->world->server, KIND_NODE, index));
    json_object_set_new(json_object_get(node, "spec"), "unschedulable", json_boolean(closed));
    server_put(jobs->world->server, KIND_NODE, node);
}

void jobs_cordon(struct jobs *jobs)
{
    set_cordon(jobs, (size_t)world_between(jobs->world, 0, jobs->node_count - 1),
               world_chance(jobs->world, 400));
}

void jobs_uncordon(struct jobs *jobs)
{
    for (int i = 0; i < jobs->node_count; i++) {
        set_cordon(jobs, (size_t)i, false);
    }
}

static void draw_job(struct jobs *jobs, struct job *job, int index, int64_t span)
{
    struct world *world = jobs->world;
    job->form = world_chance(world, 250)   ? FORM_ORDINARY
                : world_chance(world, 600) ? FORM_GROUP
                                           : FORM_LABELS;
    (void)snprintf(job->name, sizeof(job->name), "j%d", index);
    job->gpus = 1 << world_between(world, 0, 3);
    int most = (jobs->node_count - 1) * (NODE_GPUS / job->gpus); /* one node is refused to some */
    job->members = (int)world_between(world, 2, most < 8 ? most : 8);
    job->minimum = world_chance(world, 700) ? job->members : job->members / 2 + 1;
    if (job->form == FORM_ORDINARY) {
        job->members = 1;
        job->minimum = 1;
    }
    job->names = job->members;
    job->starts = world_between(world, 0, span);
    job->runs = world_between(world, 2 * SECOND, 40 * SECOND);
    job->whole_since = -1;
    job->dissolves =
        job->form != FORM_ORDINARY && job->minimum == job->members && world_chance(world, 150)
            ? job->starts + world_between(world, 100 * MS, 2 * SECOND)
            : -1;
}

struct jobs *jobs_create(struct world *world, int64_t span)
{
    struct jobs *jobs = alloc_zero(1, sizeof(*jobs));
    jobs->world = world;
    jobs->node_count = (int)world_between(world, 3, NODES_MAX / 2);
    jobs->hidden_gpus = 1 << world_between(world, 0, 3);
    (void)snprintf(jobs->hidden_node, sizeof(jobs->hidden_node), "n%d",
                   (int)world_between(world, 0, jobs->node_count - 1));
    for (int i = 0; i < jobs->node_count; i++) {
        make_node(jobs, i);
    }
    server_protect(world->server);
    jobs->job_count = (int)world_between(world, 4, JOBS_MAX - 1);
    for (int i = 0; i < jobs->job_count; i++) {
        draw_job(jobs, &jobs->jobs[i], i, span);
    }
    if (world_chance(world, 500)) {
        struct job *job = &jobs->jobs[jobs->job_count++];
        draw_job(jobs, job, jobs->job_count - 1, span);
        job->form = FORM_GROUP;
        job->gpus = NODE_GPUS;
        job->members = jobs->node_count + 1;
        job->names = job->members;
        job->minimum = job->members;
        job->impossible = true;
    }
    world_after(world, 10 * MS, look, jobs, 0);
    return jobs;
}

void jobs_destroy(struct jobs *jobs)
{
    free(jobs);
}
