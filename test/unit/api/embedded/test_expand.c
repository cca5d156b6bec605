// SPDX-License-Identifier: Apache-2.0
#include "api/embedded/expand.h"

#include <stdio.h>
#include <string.h>

#include "api/kube/objects/decode.h"
#include "api/yaml/yaml.h"
#include "test/unit/check_main.h"
#include "topology/base/arena.h"

static struct err err;
static struct expanded expanded;
static json_t *objects; /* of expanded */
static struct arena arena;

static void setup(void)
{
    memset(&err, 0, sizeof err);
    expanded = (struct expanded){.objects = NULL};
    objects = NULL;
    arena_init(&arena);
}

static void teardown(void)
{
    expanded_finish(&expanded);
    arena_finish(&arena);
}

static int expand(const char *yaml)
{
    json_t *documents = yaml_load(yaml, strlen(yaml), &err);
    ck_assert_msg(documents != NULL, "%s", err.text);
    json_t *before = json_deep_copy(documents);
    expanded_finish(&expanded);
    int result = expand_manifest(documents, "default", &expanded, &err);
    objects = expanded.objects;
    ck_assert_int_eq(json_equal(before, documents), 1);
    json_decref(before);
    json_decref(documents);
    return result;
}

static void expand_good(const char *yaml)
{
    ck_assert_msg(expand(yaml) == 0, "%s", err.text);
}

/* Names of what came out, "kind:namespace/name …". */
static const char *names(void)
{
    static char text[2048];
    text[0] = '\0';
    size_t i;
    json_t *object;
    json_array_foreach(objects, i, object)
    {
        const json_t *metadata = json_object_get(object, "metadata");
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s:%s/%s", i == 0 ? "" : " ",
                 json_string_value(json_object_get(object, "kind")),
                 json_string_value(json_object_get(metadata, "namespace")),
                 json_string_value(json_object_get(metadata, "name")));
    }
    return text;
}

/* The i-th object as the engine sees it. */
static struct pod_object pod(size_t i)
{
    struct pod_object object;
    const json_t *json = json_array_get(objects, i);
    json_t *copy = json_deep_copy(json);
    json_object_set_new(json_object_get(copy, "metadata"), "uid", json_string("u"));
    ck_assert_msg(pod_decode(copy, &arena, &object, &err) == 0, "%s", err.text);
    json_decref(copy);
    return object;
}

static const char *label(size_t i, const char *key)
{
    const json_t *metadata = json_object_get(json_array_get(objects, i), "metadata");
    return json_string_value(json_object_get(json_object_get(metadata, "labels"), key));
}

#define TEMPLATE(labels)                                                     \
    "  template:\n"                                                          \
    "    metadata: {name: ignored, generateName: x, labels: {" labels "}}\n" \
    "    spec:\n"                                                            \
    "      nodeSelector: {pool: gpu}\n"                                      \
    "      containers: [{name: c, resources: {limits: {nvidia.com/gpu: 8}}}]\n"

START_TEST(pods_and_groups_pass_through)
{
    expand_good(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n"
        "---\n"
        "apiVersion: scheduling.x-k8s.io/v1alpha1\nkind: PodGroup\n"
        "metadata: {name: g, namespace: a}\nspec: {minMember: 3}\n"
        "---\n"
        "apiVersion: v1\nkind: List\nitems:\n"
        "- {apiVersion: v1, kind: Pod, metadata: {name: q, namespace: a}}\n"
        "- {apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {containers: x}}\n");
    ck_assert_str_eq(names(), "Pod:default/p PodGroup:a/g Pod:a/q");
}
END_TEST

/* What the API server would name, in a way that it does not. */
START_TEST(names_that_are_generated)
{
    expand_good("{apiVersion: v1, kind: Pod, metadata: {generateName: p-}}\n---\n"
                "{apiVersion: v1, kind: Pod, metadata: {generateName: p-, name: ''}}\n---\n"
                "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: j-}\n"
                "spec:\n  parallelism: 2\n" TEMPLATE("a: b"));
    ck_assert_str_eq(names(), "Pod:default/p-new1 Pod:default/p-new2 Pod:default/j-new3-0 "
                              "Pod:default/j-new3-1");
    ck_assert_str_eq(label(2, "batch.kubernetes.io/job-name"), "j-new3");
    expand_good("apiVersion: jobset.x-k8s.io/v1alpha2\nkind: JobSet\n"
                "metadata: {generateName: js-}\n"
                "spec: {replicatedJobs: [{name: w, template: {spec: {template: {spec: {}}}}}]}\n");
    ck_assert_str_eq(names(), "Pod:default/js-new1-w-0-0");
    char long_name[512];
    snprintf(long_name, sizeof long_name,
             "{apiVersion: v1, kind: Pod, metadata: {generateName: a%069d}}", 0);
    expand_good(long_name);
    ck_assert_uint_eq(strlen(names()), strlen("Pod:default/") + 58 + strlen("new1"));
    /* The 58th byte is the first of a letter. */
    snprintf(long_name, sizeof long_name,
             "{apiVersion: v1, kind: Pod, metadata: {generateName: b%056déé}}", 0);
    expand_good(long_name);
    ck_assert_uint_eq(strlen(names()), strlen("Pod:default/") + 57 + strlen("new1"));
}
END_TEST

START_TEST(what_is_left_out_is_named)
{
    expand_good("{apiVersion: v1, kind: Service, metadata: {name: web, namespace: a}}\n---\n"
                "{apiVersion: v1, kind: Pod, metadata: {name: p}}\n---\n"
                "{apiVersion: v1, kind: ConfigMap}\n");
    ck_assert_uint_eq(json_array_size(expanded.unused), 2);
    ck_assert_str_eq(json_string_value(json_array_get(expanded.unused, 0)), "Service a/web");
    ck_assert_str_eq(json_string_value(json_array_get(expanded.unused, 1)), "ConfigMap default/");
    /* The 253rd byte of its name is the first of a letter. */
    char manifest[512], wanted[512];
    snprintf(manifest, sizeof manifest,
             "{apiVersion: v1, kind: Secret, metadata: {name: s%0251déé, namespace: b}}", 0);
    snprintf(wanted, sizeof wanted, "Secret b/s%0251d", 0);
    expand_good(manifest);
    ck_assert_uint_eq(json_array_size(expanded.unused), 1);
    ck_assert_str_eq(json_string_value(json_array_get(expanded.unused, 0)), wanted);
}
END_TEST

START_TEST(a_job_makes_its_pods)
{
    expand_good("apiVersion: batch/v1\nkind: Job\nmetadata: {name: j, namespace: a}\n"
                "spec:\n  parallelism: 3\n  completions: 2\n  suspend: true\n" TEMPLATE(
                    "scheduling.x-k8s.io/pod-group: j"));
    ck_assert_str_eq(names(), "Pod:a/j-0 Pod:a/j-1");
    struct pod_object object = pod(1);
    ck_assert_str_eq(object.gang, "j");
    ck_assert_int_eq(object.rank, -1);
    ck_assert_uint_eq(object.selector_count, 1);
    ck_assert_str_eq(label(0, "batch.kubernetes.io/job-name"), "j");
    ck_assert_str_eq(label(0, "job-name"), "j");
    ck_assert_ptr_null(label(0, "batch.kubernetes.io/job-completion-index"));
    const json_t *metadata = json_object_get(json_array_get(objects, 0), "metadata");
    ck_assert_ptr_null(json_object_get(metadata, "generateName"));
    const json_t *owner = json_array_get(json_object_get(metadata, "ownerReferences"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(owner, "kind")), "Job");
    ck_assert_str_eq(json_string_value(json_object_get(owner, "name")), "j");
    ck_assert(json_is_true(json_object_get(owner, "controller")));
}
END_TEST

START_TEST(an_indexed_job_gives_ranks)
{
    expand_good("apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\n"
                "spec:\n  parallelism: 12\n  completions: 12\n"
                "  completionMode: Indexed\n" TEMPLATE("scheduling.x-k8s.io/pod-group: g"));
    ck_assert_uint_eq(json_array_size(objects), 12);
    for (int i = 0; i < 12; i++) {
        ck_assert_int_eq(pod((size_t)i).rank, i);
    }
    ck_assert_str_eq(label(11, "batch.kubernetes.io/job-completion-index"), "11");
}
END_TEST

START_TEST(a_job_without_numbers_has_one_pod)
{
    expand_good("apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec:\n"
                "  parallelism: null\n" TEMPLATE("a: b"));
    ck_assert_str_eq(names(), "Pod:default/j-0");
    expand_good("apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec:\n"
                "  parallelism: 0\n" TEMPLATE("a: b"));
    ck_assert_str_eq(names(), "");
}
END_TEST

static const char *annotation(size_t i, const char *key)
{
    const json_t *metadata = json_object_get(json_array_get(objects, i), "metadata");
    return json_string_value(json_object_get(json_object_get(metadata, "annotations"), key));
}

#define EXCLUSIVE "alpha.jobset.sigs.k8s.io/exclusive-topology"
#define JOB_SET(annotations, driver, workers)                                                  \
    "apiVersion: jobset.x-k8s.io/v1alpha2\nkind: JobSet\n"                                     \
    "metadata: {name: js, namespace: a, annotations: {" annotations "}}\n"                     \
    "spec:\n"                                                                                  \
    "  replicatedJobs:\n"                                                                      \
    "  - name: driver\n"                                                                       \
    "    template:\n"                                                                          \
    "      metadata: {annotations: {" driver "}}\n"                                            \
    "      spec:\n"                                                                            \
    "        completionMode: NonIndexed\n"                                                     \
    "        template: {spec: {containers: [{name: c}]}}\n"                                    \
    "  - name: workers\n"                                                                      \
    "    replicas: 2\n"                                                                        \
    "    template:\n"                                                                          \
    "      spec:\n"                                                                            \
    "        parallelism: 2\n"                                                                 \
    "        completions: 2\n"                                                                 \
    "        template:\n"                                                                      \
    "          metadata: {labels: {scheduling.x-k8s.io/pod-group: js}, annotations: {" workers \
    "}}\n"                                                                                     \
    "          spec: {containers: [{name: c}]}\n"

START_TEST(a_job_set_makes_the_pods_of_its_jobs)
{
    expand_good(JOB_SET("", "", "phalanx.dev/slices: rack=2"));
    ck_assert_str_eq(names(), "Pod:a/js-driver-0-0 Pod:a/js-workers-0-0 Pod:a/js-workers-0-1 "
                              "Pod:a/js-workers-1-0 Pod:a/js-workers-1-1");
    struct pod_object driver = pod(0), worker = pod(4);
    ck_assert_ptr_null(driver.gang);
    ck_assert_str_eq(driver.role, "driver");
    ck_assert_int_eq(driver.rank, -1);
    ck_assert_ptr_null(driver.placement.exclusive_level);
    ck_assert_str_eq(worker.gang, "js");
    ck_assert_str_eq(worker.role, "workers");
    ck_assert_int_eq(worker.rank, 1);
    ck_assert_str_eq(worker.replica.owner, "js");
    ck_assert_uint_eq(worker.replica.index_count, 1);
    ck_assert_int_eq(worker.replica.indices[0], 1);
    ck_assert_ptr_null(worker.placement.exclusive_level);
    ck_assert_uint_eq(worker.placement.slice_count, 1);
    static const char *const marks[][2] = {
        {"jobset.sigs.k8s.io/jobset-name", "js"},
        {"jobset.sigs.k8s.io/replicatedjob-name", "workers"},
        {"jobset.sigs.k8s.io/replicatedjob-replicas", "2"},
        {"jobset.sigs.k8s.io/global-replicas", "3"},
        {"jobset.sigs.k8s.io/job-index", "1"},
        {"jobset.sigs.k8s.io/job-global-index", "2"},
        {"jobset.sigs.k8s.io/restart-attempt", "0"},
        {"batch.kubernetes.io/job-completion-index", "1"},
    };
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        ck_assert_pstr_eq(label(4, marks[i][0]), marks[i][1]);
        ck_assert_pstr_eq(annotation(4, marks[i][0]), marks[i][1]);
    }
    ck_assert_str_eq(label(4, "batch.kubernetes.io/job-name"), "js-workers-1");
    ck_assert_str_eq(label(0, "jobset.sigs.k8s.io/job-global-index"), "0");
    ck_assert_ptr_null(label(0, "batch.kubernetes.io/job-completion-index"));
    const json_t *metadata = json_object_get(json_array_get(objects, 4), "metadata");
    const json_t *owner = json_array_get(json_object_get(metadata, "ownerReferences"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(owner, "apiVersion")), "batch/v1");
    ck_assert_str_eq(json_string_value(json_object_get(owner, "kind")), "Job");
    ck_assert_str_eq(json_string_value(json_object_get(owner, "name")), "js-workers-1");
}
END_TEST

#define STRATEGY "alpha.jobset.sigs.k8s.io/node-selector"

static const json_t *spec_of(size_t i, const char *key)
{
    return json_object_get(json_object_get(json_array_get(objects, i), "spec"), key);
}

/* JobSet admits a Job's first pod alone, and a pod without an index never. The key on the JobSet is
 * for all its Jobs. */
START_TEST(an_exclusive_job_set)
{
    expand_good(JOB_SET(EXCLUSIVE ": leaf", EXCLUSIVE ": rack", ""));
    ck_assert_str_eq(names(), "Pod:a/js-workers-0-0 Pod:a/js-workers-1-0");
    ck_assert_uint_eq(json_array_size(expanded.withheld), 3);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_str_eq(pod(i).placement.exclusive_level, "leaf");
    }
    json_t *right =
        json_pack("{s:{s:[{s:{s:[{s:s, s:s, s:[s]}]}, s:s, s:{}}]},"
                  " s:{s:[{s:{s:[{s:s, s:s}, {s:s, s:s, s:[s]}]}, s:s, s:{}}]}}",
                  "podAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "labelSelector",
                  "matchExpressions", "key", "jobset.sigs.k8s.io/job-key", "operator", "In",
                  "values", "js-workers-1", "topologyKey", "leaf", "namespaceSelector",
                  "podAntiAffinity", "requiredDuringSchedulingIgnoredDuringExecution",
                  "labelSelector", "matchExpressions", "key", "jobset.sigs.k8s.io/job-key",
                  "operator", "Exists", "key", "jobset.sigs.k8s.io/job-key", "operator", "NotIn",
                  "values", "js-workers-1", "topologyKey", "leaf", "namespaceSelector");
    ck_assert(json_equal(spec_of(1, "affinity"), right));
    json_decref(right);
    ck_assert_str_eq(label(1, "jobset.sigs.k8s.io/job-key"), "js-workers-1");

    expand_good(JOB_SET("", EXCLUSIVE ": rack", ""));
    ck_assert_str_eq(names(), "Pod:a/js-workers-0-0 Pod:a/js-workers-0-1 Pod:a/js-workers-1-0 "
                              "Pod:a/js-workers-1-1");
    ck_assert_ptr_null(spec_of(0, "affinity"));
}
END_TEST

/* Nodes that carry the name of their Job: nobody waits for anybody. */
START_TEST(an_exclusive_job_set_on_labelled_nodes)
{
    expand_good(JOB_SET(EXCLUSIVE ": leaf, " STRATEGY ": 'true'", "", ""));
    ck_assert_uint_eq(json_array_size(objects), 5);
    ck_assert_uint_eq(json_array_size(expanded.withheld), 0);
    ck_assert_str_eq(json_string_value(json_object_get(spec_of(4, "nodeSelector"),
                                                       "alpha.jobset.sigs.k8s.io/namespaced-job")),
                     "a_js-workers-1");
    ck_assert_uint_eq(json_array_size(spec_of(4, "tolerations")), 1);
    ck_assert_ptr_null(spec_of(4, "affinity"));
    ck_assert_str_eq(annotation(4, STRATEGY), "true");
}
END_TEST

START_TEST(rules_of_admission)
{
    expand_good("{apiVersion: v1, kind: LimitRange, metadata: {name: l}}\n---\n"
                "{apiVersion: node.k8s.io/v1, kind: RuntimeClass, metadata: {name: r}}\n---\n"
                "{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: p}}\n");
    ck_assert_uint_eq(json_array_size(expanded.rules), 3);
    ck_assert_uint_eq(json_array_size(objects), 0);
    ck_assert_uint_eq(json_array_size(expanded.unused), 0);
}
END_TEST

START_TEST(the_job_of_a_job_set_gives_ranks)
{
    expand_good("apiVersion: jobset.x-k8s.io/v1alpha2\nkind: JobSet\nmetadata: {name: js}\n"
                "spec: {replicatedJobs: [{name: w, replicas: 1, template: {spec: {parallelism: 3,"
                " template: {spec: {}}}}}]}\n");
    ck_assert_uint_eq(json_array_size(objects), 3);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(pod(i).rank, (int)i);
    }
}
END_TEST

#define PYTORCH_JOB(policy, master_labels, worker_labels)                                         \
    "apiVersion: kubeflow.org/v1\nkind: PyTorchJob\n"                                             \
    "metadata: {name: llama, namespace: a, annotations: {phalanx.dev/required-topology: leaf}}\n" \
    "spec:\n"                                                                                     \
    "  runPolicy: {" policy "}\n"                                                                 \
    "  pytorchReplicaSpecs:\n"                                                                    \
    "    Worker:\n"                                                                               \
    "      replicas: 2\n"                                                                         \
    "      template:\n"                                                                           \
    "        metadata: {labels: {" worker_labels "}}\n"                                           \
    "        spec: {containers: [{name: pytorch}]}\n"                                             \
    "    Master:\n"                                                                               \
    "      template:\n"                                                                           \
    "        metadata: {labels: {" master_labels "}}\n"                                           \
    "        spec: {containers: [{name: pytorch}]}\n"

START_TEST(a_pytorch_job_makes_its_group_and_pods)
{
    expand_good(PYTORCH_JOB("", "", ""));
    ck_assert_str_eq(names(), "PodGroup:a/llama Pod:a/llama-master-0 Pod:a/llama-worker-0 "
                              "Pod:a/llama-worker-1");
    struct group_object group;
    ck_assert_msg(group_decode(json_array_get(objects, 0), &arena, &group, &err) == 0, "%s",
                  err.text);
    ck_assert_int_eq(group.minimum, 3);
    ck_assert_int_eq(group.hold_timeout_ms, 0);
    ck_assert_str_eq(group.placement.required_level, "leaf");
    struct pod_object master = pod(1);
    ck_assert_str_eq(master.gang, "llama");
    ck_assert_str_eq(master.role, "master");
    ck_assert_int_eq(master.rank, 0);
    ck_assert_str_eq(label(1, "training.kubeflow.org/job-role"), "master");
    struct pod_object worker = pod(3);
    ck_assert_str_eq(worker.role, "worker");
    ck_assert_int_eq(worker.rank, 1);
    ck_assert_str_eq(label(3, "training.kubeflow.org/job-name"), "llama");
    ck_assert_ptr_null(label(3, "training.kubeflow.org/job-role"));
}
END_TEST

START_TEST(a_scheduling_policy_counts)
{
    expand_good(
        PYTORCH_JOB("schedulingPolicy: {minAvailable: 2, scheduleTimeoutSeconds: 60}", "", ""));
    struct group_object group;
    ck_assert_msg(group_decode(json_array_get(objects, 0), &arena, &group, &err) == 0, "%s",
                  err.text);
    ck_assert_int_eq(group.minimum, 2);
    ck_assert_int_eq(group.hold_timeout_ms, 60000);
}
END_TEST

/* A gang that the templates name is left alone, also when not every one of them does. */
START_TEST(labels_of_the_template_win)
{
    expand_good(PYTORCH_JOB("", "scheduling.x-k8s.io/pod-group: mine",
                            "scheduling.x-k8s.io/pod-group: mine"));
    ck_assert_str_eq(names(), "Pod:a/llama-master-0 Pod:a/llama-worker-0 Pod:a/llama-worker-1");
    ck_assert_str_eq(pod(0).gang, "mine");
    expand_good(PYTORCH_JOB("", "",
                            "pod-group.scheduling.sigs.k8s.io/name: mine, "
                            "pod-group.scheduling.sigs.k8s.io/min-available: '2'"));
    ck_assert_ptr_null(pod(0).gang);
    ck_assert_str_eq(pod(1).gang, "mine");
    ck_assert_int_eq(pod(1).gang_minimum, 2);
}
END_TEST

static const struct {
    const char *yaml;
    const char *error;
} bad[] = {
    {"metadata: {name: x}", "without a kind"},
    {"- 7", "without a kind"},
    {"apiVersion: v1\nkind: Pod\nmetadata: {}", "Pod: metadata.name is missing"},
    {"apiVersion: batch/v1\nkind: Job\nmetadata: {name: ''}", "Job: metadata.name is missing"},
    {"apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}",
     "Job default/j: spec.template.spec is missing"},
    {"apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec:\n  parallelism: -1\n" TEMPLATE(
         ""),
     "Job default/j: spec.parallelism must be a number from 0"},
    {"apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec:\n  parallelism: "
     "100001\n" TEMPLATE(""),
     "spec.parallelism must be a number"},
    {"apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec:\n  completions: '3'\n" TEMPLATE(
         ""),
     "spec.completions must be a number"},
    {"apiVersion: kubeflow.org/v1\nkind: PyTorchJob\nmetadata: {name: j}\nspec: {}",
     "PyTorchJob default/j: spec.pytorchReplicaSpecs is missing"},
    {"apiVersion: kubeflow.org/v1\nkind: PyTorchJob\nmetadata: {name: j}\n"
     "spec: {pytorchReplicaSpecs: {Launcher: {}}}",
     "knows Master and Worker only"},
    {"apiVersion: kubeflow.org/v1\nkind: PyTorchJob\nmetadata: {name: j}\n"
     "spec: {pytorchReplicaSpecs: {Worker: {replicas: 3}}}",
     "spec.pytorchReplicaSpecs.Worker.template.spec is missing"},
    {PYTORCH_JOB("schedulingPolicy: {minAvailable: all}", "", ""),
     "spec.runPolicy.schedulingPolicy.minAvailable must be a number"},
    {"apiVersion: jobset.x-k8s.io/v1alpha2\nkind: JobSet\nmetadata: {name: j}\nspec: {}",
     "JobSet default/j: spec.replicatedJobs is missing"},
    {"apiVersion: jobset.x-k8s.io/v1alpha2\nkind: JobSet\nmetadata: {name: j}\n"
     "spec: {replicatedJobs: [{name: a, replicas: 0}, {template: {}}]}",
     "JobSet default/j: spec.replicatedJobs[1].name is missing"},
    {"apiVersion: jobset.x-k8s.io/v1alpha2\nkind: JobSet\nmetadata: {name: j}\n"
     "spec: {replicatedJobs: [{name: a, replicas: -1}]}",
     "JobSet default/j: spec.replicatedJobs[0].replicas must be a number"},
    {"apiVersion: jobset.x-k8s.io/v1alpha2\nkind: JobSet\nmetadata: {name: j}\n"
     "spec: {replicatedJobs: [{name: a}]}",
     "JobSet default/j: spec.replicatedJobs[0].template.spec.template.spec is missing"},
    {"apiVersion: jobset.x-k8s.io/v1alpha2\nkind: JobSet\nmetadata: {name: j}\n"
     "spec: {replicatedJobs: [{name: a, template: {spec: {parallelism: x, template: {spec: "
     "{}}}}}]}",
     "spec.replicatedJobs[0].template.spec.parallelism must be a number"},
    {"apiVersion: jobset.x-k8s.io/v1alpha2\nkind: JobSet\nmetadata: {name: j}\n"
     "spec: {replicatedJobs: [{name: a, replicas: 100000, template: {spec: {parallelism: 2, "
     "template: {spec: {}}}}}]}",
     "the manifest makes more than 100000 pods"},
    {"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n"
     "spec: {template: {spec: {containers: [{name: c}]}}}",
     "Deployment (apps/v1) is not a kind whose pods are known here"},
    {"apiVersion: batch/v2\nkind: Job\nmetadata: {name: j}\nspec:\n" TEMPLATE(""),
     "Job (batch/v2) is not a kind whose pods"},
};

START_TEST(what_cannot_be_expanded_is_named)
{
    ck_assert_int_eq(expand(bad[_i].yaml), -1);
    ck_assert_ptr_null(objects);
    ck_assert_msg(strstr(err.text, bad[_i].error) != NULL, "%s", err.text);
}
END_TEST

START_TEST(the_number_of_pods_is_bounded)
{
#define JOB                                                         \
    "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec:\n" \
    "  parallelism: 60000\n  template: {spec: {}}\n"
    ck_assert_int_eq(expand(JOB "---\n" JOB), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "more than 100000 pods"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("expand");
    TCase *tests = tcase_create("expand");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, pods_and_groups_pass_through);
    tcase_add_test(tests, names_that_are_generated);
    tcase_add_test(tests, what_is_left_out_is_named);
    tcase_add_test(tests, a_job_makes_its_pods);
    tcase_add_test(tests, an_indexed_job_gives_ranks);
    tcase_add_test(tests, a_job_without_numbers_has_one_pod);
    tcase_add_test(tests, a_job_set_makes_the_pods_of_its_jobs);
    tcase_add_test(tests, an_exclusive_job_set);
    tcase_add_test(tests, an_exclusive_job_set_on_labelled_nodes);
    tcase_add_test(tests, rules_of_admission);
    tcase_add_test(tests, the_job_of_a_job_set_gives_ranks);
    tcase_add_test(tests, a_pytorch_job_makes_its_group_and_pods);
    tcase_add_test(tests, a_scheduling_policy_counts);
    tcase_add_test(tests, labels_of_the_template_win);
    tcase_add_loop_test(tests, what_cannot_be_expanded_is_named, 0,
                        (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(tests, the_number_of_pods_is_bounded);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
