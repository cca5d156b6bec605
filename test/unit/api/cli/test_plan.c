// SPDX-License-Identifier: Apache-2.0
#include <jansson.h>

#include "test/unit/api/cli/run_cli.h"

/* Two racks of two 8-GPU nodes; an ordinary pod takes one node of r1. */
static const char snapshot[] = "apiVersion: v1\n"
                               "kind: List\n"
                               "items:\n"
                               "- kind: Node\n"
                               "  metadata: {name: n1, labels: {topology.kubernetes.io/rack: r1}}\n"
                               "  status: {allocatable: {pods: 110, nvidia.com/gpu: 8}}\n"
                               "- kind: Node\n"
                               "  metadata: {name: n2, labels: {topology.kubernetes.io/rack: r1}}\n"
                               "  status: {allocatable: {pods: 110, nvidia.com/gpu: 8}}\n"
                               "- kind: Node\n"
                               "  metadata: {name: n3, labels: {topology.kubernetes.io/rack: r2}}\n"
                               "  status: {allocatable: {pods: 110, nvidia.com/gpu: 8}}\n"
                               "- kind: Node\n"
                               "  metadata: {name: n4, labels: {topology.kubernetes.io/rack: r2}}\n"
                               "  status: {allocatable: {pods: 110, nvidia.com/gpu: 8}}\n"
                               "- kind: Pod\n"
                               "  metadata: {name: busy, namespace: other}\n"
                               "  spec:\n"
                               "    nodeName: n1\n"
                               "    containers: [{resources: {requests: {nvidia.com/gpu: 8}}}]\n"
                               "- kind: Secret\n"
                               "  metadata: {name: s}\n";

#define JOB(name, count)                                                                     \
    "apiVersion: batch/v1\n"                                                                 \
    "kind: Job\n"                                                                            \
    "metadata: {name: " name "}\n"                                                           \
    "spec:\n"                                                                                \
    "  parallelism: " count "\n"                                                             \
    "  completionMode: Indexed\n"                                                            \
    "  template:\n"                                                                          \
    "    metadata: {labels: {scheduling.x-k8s.io/pod-group: " name "}}\n"                    \
    "    spec: {schedulerName: phalanx, containers: [{resources: {limits: {nvidia.com/gpu: " \
    "8}}}]}\n"
#define GROUP(name, minimum, annotations)                          \
    "apiVersion: scheduling.x-k8s.io/v1alpha1\n"                   \
    "kind: PodGroup\n"                                             \
    "metadata: {name: " name ", annotations: {" annotations "}}\n" \
    "spec: {minMember: " minimum "}\n"

static char snapshot_path[64];
static char manifest_path[64];

static void setup(void)
{
    snprintf(snapshot_path, sizeof snapshot_path, "/tmp/phalanx-test-snapshot-XXXXXX");
    write_file(snapshot_path, snapshot);
    manifest_path[0] = '\0';
}

static void teardown(void)
{
    unlink(snapshot_path);
    unlink(manifest_path);
}

static int plan(const char *manifest, const char *output)
{
    if (manifest_path[0] != '\0') {
        unlink(manifest_path);
    }
    snprintf(manifest_path, sizeof manifest_path, "/tmp/phalanx-test-manifest-XXXXXX");
    write_file(manifest_path, manifest);
    return run_cli("plan", "--snapshot", snapshot_path, "--manifest", manifest_path, "-o", output,
                   NULL);
}

static json_t *printed(void)
{
    json_error_t error;
    json_t *json = json_loads(cli_out, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(json != NULL, "%s: %s", error.text, cli_out);
    return json;
}

static const char *node_of(const json_t *gang, size_t i)
{
    const json_t *assignment = json_array_get(json_object_get(gang, "assignments"), i);
    return json_string_value(json_object_get(assignment, "node"));
}

START_TEST(a_gang_that_fits)
{
    ck_assert_int_eq(plan(GROUP("train", "2", "") "---\n" JOB("train", "2"), "json"), CLI_OK);
    json_t *gang = printed();
    ck_assert(json_is_true(json_object_get(gang, "feasible")));
    ck_assert(json_is_true(json_object_get(gang, "optimal")));
    ck_assert_str_eq(json_string_value(json_object_get(gang, "gang")), "default/train");
    ck_assert_str_eq(node_of(gang, 0), "n3");
    ck_assert_str_eq(node_of(gang, 1), "n4");
    json_decref(gang);
    ck_assert_str_eq(cli_err, "");
}
END_TEST

/* The members that are promised, and what is in them. */
START_TEST(the_answer_has_these_members)
{
    ck_assert_int_eq(plan(GROUP("train", "2", "") "---\n" JOB("train", "2"), "json"), CLI_OK);
    json_t *gang = printed();
    json_error_t error;
    json_t *promised = json_loads(
        "{\"feasible\":true,\"reason\":\"\",\"optimal\":true,\"bound\":[1,2],\"quality\":{"
        "\"levels\":["
        "{\"name\":\"rack\",\"domains\":1},{\"name\":\"host\",\"domains\":2}]},\"assignments\":["
        "{\"pod\":\"default/train-0\",\"role\":\"\",\"rank\":0,\"node\":\"n3\",\"devices\":[]},"
        "{\"pod\":\"default/train-1\",\"role\":\"\",\"rank\":1,\"node\":\"n4\",\"devices\":[]}]}",
        0, &error);
    ck_assert_msg(promised != NULL, "%s", error.text);
    const char *key;
    json_t *value;
    json_object_foreach(promised, key, value)
    {
        ck_assert_msg(json_equal(json_object_get(gang, key), value), "%s: %s", key, cli_out);
    }
    json_decref(promised);
    json_decref(gang);
}
END_TEST

START_TEST(a_gang_that_fits_as_a_tree_and_a_table)
{
    ck_assert_int_eq(plan(JOB("train", "2") "---\n" GROUP("train", "2", ""), "tree"), CLI_OK);
    ck_assert_str_eq(cli_out, "default/train  2 pods  Held\n"
                              "1 rack, 2 hosts (optimal)\n"
                              "cluster  8/32 nvidia.com/gpu free\n"
                              "└─ rack r2  0/16 free\n"
                              "   ├─ n3  0/8  rank 0  train-0\n"
                              "   └─ n4  0/8  rank 1  train-1\n");
    ck_assert_int_eq(plan(JOB("train", "2") "---\n" GROUP("train", "2", ""), "table"), CLI_OK);
    expect_in(cli_out, "0     -     train-0  n3    planned\n");
    expect_in(cli_out, "1 rack, 2 hosts (optimal)\n");
}
END_TEST

/* The gang's shortfall has all that is in `want`, which it steals, and more. */
static void expect_shortfall(const json_t *gang, json_t *want)
{
    const char *key;
    json_t *value;
    json_object_foreach(want, key, value)
    {
        const json_t *have = json_object_get(json_object_get(gang, "shortfall"), key);
        ck_assert_msg(json_equal(have, value), "%s: %s", key, cli_out);
    }
    json_decref(want);
}

START_TEST(a_gang_that_does_not_fit)
{
    ck_assert_int_eq(plan(GROUP("train", "4", "") "---\n" JOB("train", "4"), "json"),
                     CLI_INFEASIBLE);
    json_t *gang = printed();
    ck_assert(json_is_false(json_object_get(gang, "feasible")));
    const char *reason = json_string_value(json_object_get(gang, "reason"));
    expect_in(reason, "short by 1 of 4 pods");
    expect_shortfall(gang, json_pack("{s:s, s:i, s:i, s:i, s:n}", "level", "cluster", "wanted", 4,
                                     "missing", 1, "fits", 3, "alternative"));
    ck_assert_uint_eq(json_array_size(json_object_get(gang, "assignments")), 0);
    json_decref(gang);
}
END_TEST

/* Level, shortfall and nearest alternative of a required topology. */
START_TEST(a_required_level_that_is_short)
{
    ck_assert_int_eq(
        plan(GROUP("train", "3", "phalanx.dev/required-topology: rack") "---\n" JOB("train", "3"),
             "tree"),
        CLI_INFEASIBLE);
    expect_in(cli_out, "default/train  3 pods  Waiting\n");
    expect_in(cli_out, "rack is short by 1 of 3 pods");
    expect_in(cli_out, "cluster");
    ck_assert_int_eq(
        plan(GROUP("train", "3", "phalanx.dev/required-topology: rack") "---\n" JOB("train", "3"),
             "json"),
        CLI_INFEASIBLE);
    json_t *gang = printed();
    expect_shortfall(gang, json_pack("{s:s, s:i, s:i, s:i, s:s}", "level", "rack", "wanted", 3,
                                     "missing", 1, "fits", 2, "alternative", "cluster"));
    json_decref(gang);
}
END_TEST

/* What others call required counts the same, on the group or in the pod template. */
START_TEST(a_required_level_in_other_words)
{
    static const char *const manifests[] = {
        GROUP("train", "3", "kai.scheduler/topology-required-placement: rack") "---\n" JOB("train",
                                                                                           "3"),
        GROUP("train", "3", "") "---\n"
                                "apiVersion: batch/v1\n"
                                "kind: Job\n"
                                "metadata: {name: train}\n"
                                "spec:\n"
                                "  parallelism: 3\n"
                                "  template:\n"
                                "    metadata:\n"
                                "      labels: {scheduling.x-k8s.io/pod-group: train}\n"
                                "      annotations: {kueue.x-k8s.io/podset-required-topology: "
                                "topology.kubernetes.io/rack}\n"
                                "    spec: {schedulerName: phalanx, containers: "
                                "[{resources: {limits: {nvidia.com/gpu: 8}}}]}\n",
    };
    for (size_t i = 0; i < sizeof manifests / sizeof manifests[0]; i++) {
        ck_assert_int_eq(plan(manifests[i], "tree"), CLI_INFEASIBLE);
        expect_in(cli_out, "rack is short by 1 of 3 pods");
    }
}
END_TEST

START_TEST(too_few_pods)
{
    ck_assert_int_eq(plan(GROUP("train", "3", "") "---\n" JOB("train", "2"), "json"),
                     CLI_INFEASIBLE);
    json_t *gang = printed();
    ck_assert_str_eq(json_string_value(json_object_get(gang, "state")), "Gathering");
    ck_assert_str_ne(json_string_value(json_object_get(gang, "reason")), "");
    json_decref(gang);
}
END_TEST

START_TEST(several_gangs_share_the_cluster)
{
    static const char manifest[] =
        GROUP("a", "2", "") "---\n" JOB("a", "2") "---\n" GROUP("b", "2", "") "---\n" JOB("b", "2");
    ck_assert_int_eq(plan(manifest, "json"), CLI_INFEASIBLE);
    json_t *gangs = printed();
    ck_assert_uint_eq(json_array_size(gangs), 2);
    ck_assert(json_is_true(json_object_get(json_array_get(gangs, 0), "feasible")));
    ck_assert(json_is_false(json_object_get(json_array_get(gangs, 1), "feasible")));
    expect_in(json_string_value(json_object_get(json_array_get(gangs, 1), "reason")),
              "gang default/a");
    json_decref(gangs);
    ck_assert_int_eq(plan(manifest, "tree"), CLI_INFEASIBLE);
    expect_in(cli_out, "\n\ndefault/b  2 pods  Waiting\n");
}
END_TEST

START_TEST(a_pytorch_job_needs_no_group)
{
    ck_assert_int_eq(plan("apiVersion: kubeflow.org/v1\n"
                          "kind: PyTorchJob\n"
                          "metadata: {name: llama, namespace: research}\n"
                          "spec:\n"
                          "  pytorchReplicaSpecs:\n"
                          "    Worker:\n"
                          "      replicas: 2\n"
                          "      template:\n"
                          "        spec:\n"
                          "          containers: [{resources: {limits: {nvidia.com/gpu: 8}}}]\n",
                          "json"),
                     CLI_OK);
    json_t *gang = printed();
    ck_assert_str_eq(json_string_value(json_object_get(gang, "gang")), "research/llama");
    const json_t *assignment = json_array_get(json_object_get(gang, "assignments"), 1);
    ck_assert_str_eq(json_string_value(json_object_get(assignment, "role")), "worker");
    json_decref(gang);
}
END_TEST

START_TEST(a_job_set_in_its_group)
{
    ck_assert_int_eq(
        plan(GROUP("js", "3",
                   "") "---\n"
                       "apiVersion: jobset.x-k8s.io/v1alpha2\n"
                       "kind: JobSet\n"
                       "metadata: {name: js}\n"
                       "spec:\n"
                       "  replicatedJobs:\n"
                       "  - name: w\n"
                       "    template:\n"
                       "      spec:\n"
                       "        parallelism: 3\n"
                       "        template:\n"
                       "          metadata:\n"
                       "            labels: {scheduling.x-k8s.io/pod-group: js}\n"
                       "          spec:\n"
                       "            containers: [{resources: {limits: {nvidia.com/gpu: 8}}}]\n",
             "tree"),
        CLI_OK);
    expect_in(cli_out, "default/js  3 pods  Held\n2 racks, 3 hosts (optimal)\n");
    expect_in(cli_out, "n2  0/8  w 0  js-w-0-0\n");
    expect_in(cli_out, "n4  0/8  w 2  js-w-0-2\n");
}
END_TEST

START_TEST(the_same_question_has_the_same_answer)
{
    static char first[CLI_OUTPUT_MAX];
    static const char manifest[] = GROUP("train", "2", "") "---\n" JOB("train", "3");
    ck_assert_int_eq(plan(manifest, "json"), CLI_OK);
    memcpy(first, cli_out, sizeof first);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(plan(manifest, "json"), CLI_OK);
        ck_assert_str_eq(cli_out, first);
    }
}
END_TEST

/* What runs stays where it runs, also when the manifest names it again. */
START_TEST(pods_that_exist_are_not_moved)
{
    ck_assert_int_eq(plan("apiVersion: v1\n"
                          "kind: Pod\n"
                          "metadata: {name: busy, namespace: other}\n"
                          "---\n" GROUP("train", "3", "") "---\n" JOB("train", "3"),
                          "tree"),
                     CLI_OK);
    ck_assert_ptr_null(strstr(cli_out, "n1"));
    ck_assert_int_eq(
        plan("{apiVersion: v1, kind: Pod, metadata: {name: busy, namespace: other}}", "tree"),
        CLI_USAGE);
    expect_in(cli_err, "it has neither a pod of a gang nor a pod group");
}
END_TEST

START_TEST(a_pod_without_a_gang_is_told_how_to_get_one)
{
    ck_assert_int_eq(plan("{apiVersion: v1, kind: Pod, metadata: {name: p}}", "tree"), CLI_USAGE);
    expect_in(cli_err, "pod default/p is in no gang");
    expect_in(cli_err, "scheduling.x-k8s.io/pod-group");
    expect_in(cli_err, "min-available");
    ck_assert_str_eq(cli_out, "");
}
END_TEST

START_TEST(namespace_is_for_objects_without_one)
{
    ck_assert_int_eq(plan(GROUP("train", "2", "") "---\n" JOB("train", "2"), "json"), CLI_OK);
    ck_assert_int_eq(run_cli("plan", "--snapshot", snapshot_path, "--manifest", manifest_path,
                             "--namespace", "team", NULL),
                     CLI_OK);
    expect_in(cli_out, "team/train  2 pods  Held");
}
END_TEST

START_TEST(levels_come_from_the_configuration)
{
    char path[] = "/tmp/phalanx-test-config-XXXXXX";
    write_file(path,
               "topology: {levels: [{name: cupboard, keys: [topology.kubernetes.io/rack]}]}\n");
    ck_assert_int_eq(plan(GROUP("train", "2", "") "---\n" JOB("train", "2"), "tree"), CLI_OK);
    ck_assert_int_eq(run_cli("plan", "--snapshot", snapshot_path, "--manifest", manifest_path,
                             "--config", path, NULL),
                     CLI_OK);
    expect_in(cli_out, "└─ cupboard r2  0/16 free\n");
    unlink(path);
    ck_assert_int_eq(run_cli("plan", "--snapshot", snapshot_path, "--manifest", manifest_path,
                             "--config", path, NULL),
                     CLI_USAGE);
}
END_TEST

/* Four nodes of which the API server knows no topology. */
#define BARE(name)                   \
    "- kind: Node\n"                 \
    "  metadata: {name: " name "}\n" \
    "  status: {allocatable: {pods: 110, nvidia.com/gpu: 8}}\n"
#define BARE_NODES \
    "kind: List\nitems:\n" BARE("tux0") BARE("tux1") BARE("tux2") BARE("tux3") BARE("other")
#define TRAIN GROUP("train", "2", "") "---\n" JOB("train", "2")

static char config_path[64];
static char import_path[64];

/* Plans TRAIN with a topology file that the configuration names by a relative path. */
static int plan_imported(const char *nodes, const char *file, const char *output)
{
    char config[128];
    unlink(snapshot_path);
    snprintf(snapshot_path, sizeof snapshot_path, "/tmp/phalanx-test-snapshot-XXXXXX");
    write_file(snapshot_path, nodes);
    snprintf(import_path, sizeof import_path, "/tmp/phalanx-test-topology-XXXXXX");
    write_file(import_path, file);
    snprintf(config, sizeof config, "topology: {import: %s}\n", strrchr(import_path, '/') + 1);
    snprintf(config_path, sizeof config_path, "/tmp/phalanx-test-config-XXXXXX");
    write_file(config_path, config);
    if (manifest_path[0] == '\0') {
        snprintf(manifest_path, sizeof manifest_path, "/tmp/phalanx-test-manifest-XXXXXX");
        write_file(manifest_path, TRAIN);
    }
    int code = run_cli("plan", "--snapshot", snapshot_path, "--manifest", manifest_path, "--config",
                       config_path, "-o", output, NULL);
    unlink(config_path);
    unlink(import_path);
    return code;
}

/* The first two by name are under two leaves, but only the file says so. */
START_TEST(slurm_says_which_nodes_share_a_leaf)
{
    static const char file[] = "SwitchName=s0 Nodes=tux[0,2]\n"
                               "SwitchName=s1 Nodes=tux1,other\n"
                               "SwitchName=s2 Switches=s[0-1]\n";
    ck_assert_int_eq(plan_imported(BARE_NODES, file, "tree"), CLI_OK);
    expect_in(cli_out, "└─ spine s2  16/32 free\n"
                       "   └─ leaf s0  0/16 free\n"
                       "      ├─ tux0  0/8  rank 0  train-0\n"
                       "      └─ tux2  0/8  rank 1  train-1\n");
    ck_assert_str_eq(
        cli_err,
        "phalanx plan: the imported topology and the nodes differ: 1 node has no place in the "
        "imported topology (tux3)\n");
    ck_assert_int_eq(plan(TRAIN, "json"), CLI_OK);
    json_t *gang = printed();
    ck_assert_str_eq(node_of(gang, 0), "other");
    ck_assert_str_eq(node_of(gang, 1), "tux0");
    json_decref(gang);
}
END_TEST

START_TEST(slurm_blocks_count_too)
{
    static const char file[] = "- topology: racks\n"
                               "  block: {block_sizes: [1, 2], blocks: [\n"
                               "    {block: b1, nodes: tux0}, {block: b2, nodes: tux3},\n"
                               "    {block: b3, nodes: 'tux[1-2]'}]}\n";
    ck_assert_int_eq(plan_imported(BARE_NODES, file, "json"), CLI_OK);
    json_t *gang = printed();
    ck_assert_str_eq(node_of(gang, 0), "tux1");
    ck_assert_str_eq(node_of(gang, 1), "tux2");
    json_decref(gang);
}
END_TEST

START_TEST(a_topology_file_that_is_wrong)
{
    ck_assert_int_eq(plan_imported(BARE_NODES, "SwitchName=s0 Switches=s0\n", "tree"), CLI_USAGE);
    expect_in(cli_err, import_path);
    expect_in(cli_err, "switch s0 in s0: a cycle");
    ck_assert_str_eq(cli_out, "");
}
END_TEST

#define HYPERNODE(name, pattern)                                                     \
    "- apiVersion: topology.volcano.sh/v1alpha1\n"                                   \
    "  kind: HyperNode\n"                                                            \
    "  metadata: {name: " name "}\n"                                                 \
    "  spec: {tier: 1, tierName: tor, members: [{type: Node, selector: {regexMatch:" \
    " {pattern: '" pattern "'}}}]}\n"

static int plan_snapshot(const char *text)
{
    unlink(snapshot_path);
    snprintf(snapshot_path, sizeof snapshot_path, "/tmp/phalanx-test-snapshot-XXXXXX");
    write_file(snapshot_path, text);
    return plan(TRAIN, "tree");
}

START_TEST(hypernodes_of_the_snapshot)
{
    ck_assert_int_eq(
        plan_snapshot(BARE_NODES HYPERNODE("h1", "^(tux0|tux3)$") HYPERNODE("h2", "^tux[12]$")),
        CLI_OK);
    expect_in(cli_out, "└─ tor h1  0/16 free\n"
                       "   ├─ tux0  0/8  rank 0  train-0\n"
                       "   └─ tux3  0/8  rank 1  train-1\n");
    ck_assert_int_eq(plan_snapshot(BARE_NODES HYPERNODE("h1", "tux0") HYPERNODE("h2", "^tux")),
                     CLI_OK);
    expect_in(cli_out, "└─ tor h2  8/24 free\n");
    expect_in(cli_err, "phalanx plan: a node gets no imported labels: node tux0 is in h1 and in "
                       "h2, and neither lies in the other\n");
}
END_TEST

START_TEST(a_kueue_topology_of_the_snapshot)
{
    ck_assert_int_eq(plan_snapshot("kind: List\nitems:\n" BARE(
                         "a") "- kind: Node\n"
                              "  metadata: {name: b, labels: {example.com/pod: p1}}\n"
                              "  status: {allocatable: {pods: 110, nvidia.com/gpu: 8}}\n"
                              "- kind: Node\n"
                              "  metadata: {name: c, labels: {example.com/pod: p1}}\n"
                              "  status: {allocatable: {pods: 110, nvidia.com/gpu: 8}}\n"
                              "- apiVersion: kueue.x-k8s.io/v1beta2\n"
                              "  kind: Topology\n"
                              "  metadata: {name: default}\n"
                              "  spec: {levels: [{nodeLabel: example.com/pod}]}\n"),
                     CLI_OK);
    expect_in(cli_out, "└─ pod p1  0/16 free\n"
                       "   ├─ b  0/8  rank 0  train-0\n"
                       "   └─ c  0/8  rank 1  train-1\n");
    ck_assert_str_eq(cli_err, "");
}
END_TEST

/* Quoted and unquoted; a program's own templates are none of ours. */
START_TEST(a_template_that_nobody_rendered)
{
    static const char *const templates[] = {
        GROUP("train", "{{ .Values.replicas }}", "") "---\n" JOB("train", "2"),
        GROUP("train", "'{{ .Values.replicas }}'", "") "---\n" JOB("train", "2"),
        GROUP("train", "2", "") "---\n" JOB("\"{{ job_name }}\"", "2"),
        GROUP("train", "2", "") "---\n{{- range .Values.jobs }}\n" JOB("train", "2") "{{- end }}\n",
        "kind: List\nitems:\n- {kind: Pod, metadata: {name: 'p-{{ item }}'}}\n",
    };
    for (size_t i = 0; i < sizeof templates / sizeof templates[0]; i++) {
        ck_assert_int_ne(plan(templates[i], "json"), CLI_OK);
        expect_in(cli_err, "template (Helm, Jinja …)");
        ck_assert_str_eq(cli_out, "");
    }
    ck_assert_int_eq(
        plan(
            "{kind: Pod, apiVersion: v1, metadata: {name: p, annotations: {a: '{{ x }}'}, labels: "
            "{pod-group.scheduling.sigs.k8s.io/name: g, "
            "pod-group.scheduling.sigs.k8s.io/min-available: '1'}}, spec: {schedulerName: phalanx, "
            "containers: [{name: c, args: ['{{.Names}}'], env: [{name: F, value: '{{ y }}'}]}]}}",
            "json"),
        CLI_OK);
}
END_TEST

START_TEST(mistakes)
{
    static const char *const wrong[][6] = {
        {"plan", NULL},
        {"plan", "--snapshot", "x", NULL},
        {"plan", "--manifest", "x", NULL},
        {"plan", "--snapshot", "-", "--manifest", "-", NULL},
        {"plan", "-o", "xml", NULL},
        {"plan", "-o", NULL},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ck_assert_int_eq(run_cli(wrong[i][0], wrong[i][1], wrong[i][2], wrong[i][3], wrong[i][4],
                                 wrong[i][5], NULL),
                         CLI_USAGE);
        expect_in(cli_err, "Try \"phalanx plan --help\".");
        ck_assert_str_eq(cli_out, "");
    }
    ck_assert_int_eq(run_cli("plan", "--snapshot", "/does/not/exist", "--manifest", "x", NULL),
                     CLI_RUNTIME);
    expect_in(cli_err, "/does/not/exist");
    ck_assert_int_eq(run_cli("plan", "--snapshot", snapshot_path, "--manifest", "/not/there", NULL),
                     CLI_RUNTIME);
    expect_in(cli_err, "/not/there");
    ck_assert_int_eq(plan("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n"
                          "spec: {template: {spec: {containers: []}}}\n",
                          "tree"),
                     CLI_USAGE);
    expect_in(cli_err, "Deployment");
    ck_assert_int_eq(plan("kind: Pod\napiVersion: v1\nmetadata: {name: p}\nspec: 7\n", "tree"),
                     CLI_USAGE);
    expect_in(cli_err, "spec");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plan");
    TCase *tests = tcase_create("plan");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_gang_that_fits);
    tcase_add_test(tests, the_answer_has_these_members);
    tcase_add_test(tests, a_gang_that_fits_as_a_tree_and_a_table);
    tcase_add_test(tests, a_gang_that_does_not_fit);
    tcase_add_test(tests, a_required_level_that_is_short);
    tcase_add_test(tests, a_required_level_in_other_words);
    tcase_add_test(tests, too_few_pods);
    tcase_add_test(tests, several_gangs_share_the_cluster);
    tcase_add_test(tests, a_pytorch_job_needs_no_group);
    tcase_add_test(tests, a_job_set_in_its_group);
    tcase_add_test(tests, the_same_question_has_the_same_answer);
    tcase_add_test(tests, pods_that_exist_are_not_moved);
    tcase_add_test(tests, a_pod_without_a_gang_is_told_how_to_get_one);
    tcase_add_test(tests, namespace_is_for_objects_without_one);
    tcase_add_test(tests, levels_come_from_the_configuration);
    tcase_add_test(tests, slurm_says_which_nodes_share_a_leaf);
    tcase_add_test(tests, slurm_blocks_count_too);
    tcase_add_test(tests, a_topology_file_that_is_wrong);
    tcase_add_test(tests, hypernodes_of_the_snapshot);
    tcase_add_test(tests, a_kueue_topology_of_the_snapshot);
    tcase_add_test(tests, a_template_that_nobody_rendered);
    tcase_add_test(tests, mistakes);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
