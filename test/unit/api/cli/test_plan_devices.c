// SPDX-License-Identifier: Apache-2.0
/* `phalanx plan` where something is known of the GPUs. */
#include <jansson.h>
#include <stdbool.h>

#include "test/unit/api/cli/run_cli.h"

#define NODE(name)                                                                          \
    "- kind: Node\n"                                                                        \
    "  metadata: {name: " name ", labels: {nvidia.com/gpu.product: NVIDIA-A100-SXM4-80GB, " \
    "nvidia.com/gpu.machine: DGXA100-920-1, nvidia.com/gpu.count: '8'}}\n"                  \
    "  status: {allocatable: {pods: 110, nvidia.com/gpu: 8}}\n"
#define POD(name, node, gpus, annotations)                           \
    "- kind: Pod\n"                                                  \
    "  metadata: {name: " name ", annotations: {" annotations "}}\n" \
    "  spec:\n"                                                      \
    "    nodeName: " node "\n"                                       \
    "    containers: [{resources: {requests: {nvidia.com/gpu: " gpus "}}}]\n"
#define JOB(count, gpus)                                                 \
    "apiVersion: batch/v1\n"                                             \
    "kind: Job\n"                                                        \
    "metadata: {name: train}\n"                                          \
    "spec:\n"                                                            \
    "  parallelism: " count "\n"                                         \
    "  completionMode: Indexed\n"                                        \
    "  template:\n"                                                      \
    "    metadata: {labels: {scheduling.x-k8s.io/pod-group: g}}\n"       \
    "    spec: {schedulerName: phalanx, "                                \
    "containers: [{resources: {limits: {nvidia.com/gpu: " gpus "}}}]}\n" \
    "---\n"
#define GROUP(minimum, annotations)                         \
    "apiVersion: scheduling.x-k8s.io/v1alpha1\n"            \
    "kind: PodGroup\n"                                      \
    "metadata: {name: g, annotations: {" annotations "}}\n" \
    "spec: {minMember: " minimum "}\n"
#define REQUIRED "phalanx.dev/device-topology: required"

/* Three DGX A100. Of two GPUs of n1 it is known whose they are; of one of n2 it is not. */
static const char machines[] = "kind: List\nitems:\n" NODE("n1") NODE("n2") NODE("n3")
    POD("known", "n1", "2", "phalanx.dev/devices: 'gpu-1,gpu-3'") POD("stranger", "n2", "1", "");

static char snapshot_path[64];
static char manifest_path[64];

static void setup(void)
{
    snapshot_path[0] = '\0';
    manifest_path[0] = '\0';
}

static void teardown(void)
{
    unlink(snapshot_path);
    unlink(manifest_path);
}

static void use_snapshot(const char *text)
{
    snprintf(snapshot_path, sizeof snapshot_path, "/tmp/phalanx-test-snapshot-XXXXXX");
    write_file(snapshot_path, text);
}

static int plan(const char *manifest, const char *output)
{
    unlink(manifest_path);
    snprintf(manifest_path, sizeof manifest_path, "/tmp/phalanx-test-manifest-XXXXXX");
    write_file(manifest_path, manifest);
    return run_cli("plan", "--snapshot", snapshot_path, "--manifest", manifest_path, "-o", output,
                   NULL);
}

/* The answer, and the nth assignment of it. */
static json_t *printed(void)
{
    json_error_t error;
    json_t *json = json_loads(cli_out, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(json != NULL, "%s: %s", error.text, cli_out);
    return json;
}

static const json_t *assignment(const json_t *json, size_t i)
{
    return json_array_get(json_object_get(json, "assignments"), i);
}

static const char *node_of(const json_t *json, size_t i)
{
    return json_string_value(json_object_get(assignment(json, i), "node"));
}

static size_t device_count(const json_t *json, size_t i)
{
    return json_array_size(json_object_get(assignment(json, i), "devices"));
}

START_TEST(pods_of_a_node_get_disjoint_sets)
{
    use_snapshot(machines);
    ck_assert_int_eq(plan(JOB("3", "2") GROUP("3", ""), "json"), CLI_OK);
    json_t *json = printed();
    bool seen[8] = {false, true, false, true}; /* gpu-1 and gpu-3 are the other pod's */
    for (size_t i = 0; i < 3; i++) {
        const json_t *devices = json_object_get(assignment(json, i), "devices");
        ck_assert_str_eq(node_of(json, i), "n1");
        ck_assert_uint_eq(json_array_size(devices), 2);
        for (size_t k = 0; k < 2; k++) {
            unsigned number = 8;
            const char *name = json_string_value(json_array_get(devices, k));
            ck_assert_int_eq(sscanf(name, "gpu-%u", &number), 1);
            ck_assert_uint_lt(number, 8);
            ck_assert(!seen[number]);
            seen[number] = true;
        }
    }
    json_decref(json);
}
END_TEST

/* Runs of numbers are drawn together. */
START_TEST(people_see_them_too)
{
    use_snapshot(machines);
    ck_assert_int_eq(plan(JOB("1", "6") GROUP("1", ""), "table"), CLI_OK);
    ck_assert_ptr_nonnull(strstr(cli_out, "NODE  DEVICES               STATE\n"));
    ck_assert_ptr_nonnull(strstr(cli_out, "n1    gpu-0,gpu-2,gpu-4..7  planned\n"));
    ck_assert_int_eq(plan(JOB("1", "6") GROUP("1", ""), "tree"), CLI_OK);
    ck_assert_ptr_nonnull(strstr(cli_out, "train-0 (gpu-0,gpu-2,gpu-4..7)\n"));
}
END_TEST

START_TEST(nothing_is_chosen_beside_a_stranger)
{
    use_snapshot(machines);
    ck_assert_int_eq(plan(JOB("1", "7") GROUP("1", ""), "json"), CLI_OK);
    json_t *json = printed();
    ck_assert_str_eq(node_of(json, 0), "n2"); /* the tightest fit */
    ck_assert_uint_eq(device_count(json, 0), 0);
    json_decref(json);
    ck_assert_int_eq(plan(JOB("1", "7") GROUP("1", REQUIRED), "json"), CLI_OK);
    json = printed();
    ck_assert_str_eq(node_of(json, 0), "n3");
    ck_assert_uint_eq(device_count(json, 0), 7);
    json_decref(json);
}
END_TEST

START_TEST(required_may_not_fit_where_counts_would)
{
    use_snapshot(machines);
    ck_assert_int_eq(plan(JOB("2", "7") GROUP("2", ""), "json"), CLI_OK);
    ck_assert_int_eq(plan(JOB("2", "7") GROUP("2", REQUIRED), "json"), CLI_INFEASIBLE);
    json_t *json = printed();
    const char *reason = json_string_value(json_object_get(json, "reason"));
    ck_assert_ptr_nonnull(strstr(reason, "only GPUs that are known to be free and well joined"));
    json_decref(json);
    ck_assert_int_eq(plan(JOB("1", "7") GROUP("1", "phalanx.dev/device-topology: nearby"), "json"),
                     CLI_INFEASIBLE);
    ck_assert_ptr_nonnull(strstr(cli_out, "neither required nor preferred"));
}
END_TEST

/* A slice with a type that is a number: it is named, and its node is one of plain counts. */
START_TEST(slices_that_make_no_sense)
{
    use_snapshot("kind: List\nitems:\n" NODE("n1") NODE(
        "n2") "- apiVersion: resource.k8s.io/v1\n"
              "  kind: ResourceSlice\n"
              "  metadata: {name: bad}\n"
              "  spec: {driver: gpu.nvidia.com, nodeName: n1, pool: {name: n1, generation: 1,\n"
              "    resourceSliceCount: 1}, devices: [{name: gpu-0, attributes: {type: 7}}]}\n");
    ck_assert_int_eq(plan(JOB("1", "8") GROUP("1", ""), "json"), CLI_OK);
    ck_assert_ptr_nonnull(strstr(cli_err, "phalanx plan: a ResourceSlice is left out: "));
    ck_assert_ptr_nonnull(strstr(cli_err, "bad"));
    ck_assert_ptr_nonnull(strstr(cli_err, "gpu-0"));
    json_t *json = printed();
    ck_assert_str_eq(node_of(json, 0), "n1");
    ck_assert_uint_eq(device_count(json, 0), 0);
    json_decref(json);
}
END_TEST

/* The names of a slice, not those of the machine. */
START_TEST(slices_name_the_devices)
{
    use_snapshot(
        "kind: List\nitems:\n"
        "- apiVersion: resource.k8s.io/v1beta1\n"
        "  kind: ResourceSlice\n"
        "  metadata: {name: good}\n"
        "  spec: {driver: gpu.nvidia.com, nodeName: n1, pool: {name: n1, generation: 1,\n"
        "    resourceSliceCount: 1}, devices: [\n"
        "    {name: left, basic: {attributes: {type: {string: gpu}, uuid: {string: GPU-1}}}},\n"
        "    {name: right, basic: {attributes: {type: {string: gpu}, uuid: {string: GPU-2}}}}]}\n"
        "- kind: Node\n"
        "  metadata: {name: n1}\n"
        "  status: {allocatable: {pods: 110, nvidia.com/gpu: 2}}\n");
    ck_assert_int_eq(plan(JOB("2", "1") GROUP("2", ""), "table"), CLI_OK);
    ck_assert_ptr_nonnull(strstr(cli_out, "n1    left     planned\n"));
    ck_assert_ptr_nonnull(strstr(cli_out, "n1    right    planned\n"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plan with devices");
    TCase *tests = tcase_create("plan");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, pods_of_a_node_get_disjoint_sets);
    tcase_add_test(tests, people_see_them_too);
    tcase_add_test(tests, nothing_is_chosen_beside_a_stranger);
    tcase_add_test(tests, required_may_not_fit_where_counts_would);
    tcase_add_test(tests, slices_that_make_no_sense);
    tcase_add_test(tests, slices_name_the_devices);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
