// SPDX-License-Identifier: Apache-2.0
#include <jansson.h>

#include "test/unit/api/cli/run_cli.h"

#define NODE(name, labels, gpus)                             \
    "- kind: Node\n"                                         \
    "  metadata: {name: " name ", labels: {" labels "}}\n"   \
    "  status: {allocatable: {pods: 110, amd.com/gpu: " gpus \
    ", example.com/chip: 3, nvidia.com/gpu: 0}}\n"
#define LEAF(value)   "network.topology.nvidia.com/leaf: " value
#define RACK(value)   "topology.kubernetes.io/rack: " value
#define CLIQUE(value) "nvidia.com/gpu.clique: " value
#define POD(name, node, more)                      \
    "- kind: Pod\n"                                \
    "  metadata: {name: " name ", namespace: a}\n" \
    "  spec:\n"                                    \
    "    nodeName: " node "\n"                     \
    "    containers: [{resources: {requests: {amd.com/gpu: 4, example.com/chip: 1}}}]\n" more

/* Two leaves; n3 and n4 have no rack label but an NVLink domain, n5 and n6 only a leaf. */
static const char snapshot[] = "apiVersion: v1\n"
                               "kind: List\n"
                               "items:\n" /**/
    NODE("n6", LEAF("l2"), "8") NODE("n1", LEAF("l1") ", " RACK("r1") ", " CLIQUE("c1"), "8")
        NODE("n2", LEAF("l1") ", " RACK("r1") ", " CLIQUE("c1"), "8")
            NODE("n3", LEAF("l1") ", " CLIQUE("c2"), "8")
                NODE("n4", LEAF("l1") ", " CLIQUE("c2"), "8") NODE("n5", LEAF("l2"), "8")
                    POD("p1", "n1", "") POD("p2", "n3", "") POD("p3", "n3", "")
                        POD("p4", "n4", "  status: {phase: Succeeded}\n") POD("p5", "nowhere", "");

static char snapshot_path[64];
static char config_path[64];

static void setup(void)
{
    snprintf(snapshot_path, sizeof snapshot_path, "/tmp/phalanx-test-snapshot-XXXXXX");
    write_file(snapshot_path, snapshot);
    snprintf(config_path, sizeof config_path, "/tmp/phalanx-test-config-XXXXXX");
    write_file(config_path, "topology: {preset: generic}\n");
}

static void teardown(void)
{
    unlink(snapshot_path);
    unlink(config_path);
}

START_TEST(the_table)
{
    ck_assert_int_eq(run_cli("topology", "--snapshot", snapshot_path, NULL), CLI_OK);
    ck_assert_str_eq(
        cli_out,
        "6 nodes, 11 domains, levels of preset auto\n"
        "\n"
        "LEVEL    DOMAINS  UNKNOWN  NODES EACH          KEYS (NODES)\n"
        "leaf           2        0  2/4/4               network.topology.nvidia.com/leaf (6)\n"
        "rack           1        3  2                   topology.kubernetes.io/rack (2)\n"
        "nvlink         2        2  2                   nvidia.com/gpu.clique (4)\n"
        "host           6        0  1                   -\n"
        "\n"
        "On no node: region, zone, fabric, core, spine, sub-leaf, nvlink-sub-domain\n"
        "\n"
        "Device maps of 0 nodes, none of 6:\n"
        "  6 nodes  no map: no label identifies the machine, and no ResourceSlice lists its GPUs"
        " (n6, n1, n2, …)\n"
        "\n"
        "  leaf: uneven: 2 to 4 nodes, median 4\n"
        "  rack: 4 nodes without a label: n3, n4, n5, n6\n"
        "  nvlink: 2 nodes without a label: n5, n6\n");
    ck_assert_str_eq(cli_err, "");
}
END_TEST

/* Free is what bound pods leave that still run. */
START_TEST(the_tree)
{
    ck_assert_int_eq(run_cli("topology", "--snapshot", snapshot_path, "-o", "tree", NULL), CLI_OK);
    ck_assert_str_eq(cli_out, "cluster  6 nodes  36/48 GPUs free\n"
                              "├─ leaf l1  4 nodes  20/32 GPUs free\n"
                              "│  ├─ rack r1  2 nodes  12/16 GPUs free\n"
                              "│  │  └─ nvlink c1  2 nodes  12/16 GPUs free  n1 … n2\n"
                              "│  └─ rack (none)  2 nodes  8/16 GPUs free\n"
                              "│     └─ nvlink c2  2 nodes  8/16 GPUs free  n3 … n4\n"
                              "└─ leaf l2  2 nodes  16/16 GPUs free\n"
                              "   └─ rack (none)  2 nodes  16/16 GPUs free  n5 … n6\n");
}
END_TEST

START_TEST(another_device)
{
    ck_assert_int_eq(run_cli("topology", "--snapshot", snapshot_path, "--resource",
                             "example.com/chip", "--output", "tree", "--config", config_path, NULL),
                     CLI_OK);
    ck_assert_str_eq(cli_out, "cluster  6 nodes  15/18 example.com/chip free\n"
                              "├─ rack r1  2 nodes  5/6 example.com/chip free  n1 … n2\n"
                              "└─ rack (none)  4 nodes  10/12 example.com/chip free  n3 … n6\n");
}
END_TEST

START_TEST(for_programs)
{
    json_error_t error;
    ck_assert_int_eq(run_cli("topology", "--snapshot", snapshot_path, "-o", "json", "--config",
                             config_path, NULL),
                     CLI_OK);
    json_t *json = json_loads(cli_out, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(json != NULL, "%s", error.text);
    const char *preset;
    int nodes, total, free, domains, unknown, unlabelled;
    json_t *levels, *notes, *level, *first;
    ck_assert_int_eq(json_unpack(json, "{s:i, s:s, s:{s:i, s:i}, s:o, s:o}", "nodes", &nodes,
                                 "preset", &preset, "devices", "free", &free, "total", &total,
                                 "levels", &levels, "notes", &notes),
                     0);
    ck_assert_int_eq(nodes, 6);
    ck_assert_str_eq(preset, "generic");
    ck_assert_int_eq(free, 36);
    ck_assert_int_eq(total, 48);
    ck_assert_uint_eq(json_array_size(levels), 4);
    level = json_array_get(levels, 2);
    ck_assert_int_eq(json_unpack(level, "{s:i, s:i, s:{s:i, s:o}}", "domains", &domains,
                                 "unknownDomains", &unknown, "unlabelled", "nodes", &unlabelled,
                                 "first", &first),
                     0);
    ck_assert_int_eq(domains, 1);
    ck_assert_int_eq(unknown, 4);
    ck_assert_int_eq(unlabelled, 4);
    ck_assert_str_eq(json_string_value(json_array_get(first, 3)), "n6");
    ck_assert_uint_eq(json_array_size(notes), 1);
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(notes, 0), "level")), "rack");
    json_decref(json);
}
END_TEST

#define A100                                                                                 \
    "nvidia.com/gpu.product: NVIDIA-A100-SXM4-80GB, nvidia.com/gpu.machine: DGXA100-920-1, " \
    "nvidia.com/gpu.count: '8'"
#define MACHINE(name, labels, gpus)                        \
    "- kind: Node\n"                                       \
    "  metadata: {name: " name ", labels: {" labels "}}\n" \
    "  status: {allocatable: {pods: 110, nvidia.com/gpu: " gpus "}}\n"
#define SLICE(node, uuid)                                                                  \
    "- apiVersion: resource.k8s.io/v1\n"                                                   \
    "  kind: ResourceSlice\n"                                                              \
    "  metadata: {name: slice-" node "}\n"                                                 \
    "  spec: {driver: gpu.nvidia.com, nodeName: " node ", pool: {name: " node              \
    ", generation: 1, resourceSliceCount: 1}, devices: [{name: gpu-0, attributes: {type: " \
    "{string: gpu}, uuid: {string: " uuid "}}}]}\n"

/* Two machines known by their labels, a third with a broken GPU; one told by a slice; one whose
 * slice cannot be read. */
START_TEST(device_maps)
{
    static const char machines[] = "kind: List\nitems:\n" MACHINE("n1", A100, "8")
        MACHINE("n2", A100, "8") MACHINE("n3", A100, "7") MACHINE("n4", "", "1")
            MACHINE("n5", "", "1") SLICE("n4", "GPU-4") SLICE("n5", "[]");
    json_error_t error;
    unlink(snapshot_path);
    snprintf(snapshot_path, sizeof snapshot_path, "/tmp/phalanx-test-snapshot-XXXXXX");
    write_file(snapshot_path, machines);
    ck_assert_int_eq(run_cli("topology", "--snapshot", snapshot_path, NULL), CLI_OK);
    const char *maps = strstr(cli_out, "Device maps of 3 nodes, none of 2:\n");
    ck_assert_msg(maps != NULL, "%s", cli_out);
    ck_assert_ptr_nonnull(strstr(maps, "  2 nodes  dgx-a100 by its labels (n1, n2)\n"));
    ck_assert_ptr_nonnull(strstr(maps, "  1 node  no map: dgx-a100 by its labels, 8 GPUs: "
                                       "nvidia.com/gpu is 7 (n3)\n"));
    ck_assert_ptr_nonnull(strstr(maps, "  1 node  ResourceSlices: 1 GPUs, 0 NICs"));
    ck_assert_ptr_nonnull(strstr(maps, "  1 node  no map: devices of node n5: "));
    ck_assert_ptr_nonnull(strstr(cli_err, "a ResourceSlice is left out: "));
    ck_assert_ptr_nonnull(strstr(cli_err, "slice-n5"));

    ck_assert_int_eq(run_cli("topology", "--snapshot", snapshot_path, "-o", "json", NULL), CLI_OK);
    json_t *json = json_loads(cli_out, 0, &error);
    const json_t *hardware = json_object_get(json, "hardware");
    ck_assert_uint_eq(json_array_size(hardware), 4);
    const char *source, *text;
    int gpus, nodes;
    ck_assert_int_eq(json_unpack((json_t *)(uintptr_t)json_array_get(hardware, 0),
                                 "{s:s, s:i, s:s, s:i}", "source", &source, "gpus", &gpus, "text",
                                 &text, "nodes", &nodes),
                     0);
    ck_assert_str_eq(source, "machine");
    ck_assert_str_eq(text, "dgx-a100 by its labels");
    ck_assert_int_eq(gpus, 8);
    ck_assert_int_eq(nodes, 2);
    ck_assert(json_is_null(json_object_get(json_array_get(hardware, 1), "source")));
    json_decref(json);
}
END_TEST

/* Volcano's objects in the snapshot, instead of labels. */
START_TEST(imported)
{
    char path[] = "/tmp/phalanx-test-snapshot-XXXXXX";
    write_file(path, "kind: List\n"
                     "items:\n" /**/
               NODE("n1", "", "8") NODE("n2", "", "8") NODE(
                   "n3", "",
                   "8") "- apiVersion: topology.volcano.sh/v1alpha1\n"
                        "  kind: HyperNode\n"
                        "  metadata: {name: h1}\n"
                        "  spec: {tier: 1, members: [{type: Node, selector: {regexMatch: {pattern: "
                        "'[12]$'}}}]}\n");
    ck_assert_int_eq(run_cli("topology", "--snapshot", path, "-o", "tree", NULL), CLI_OK);
    unlink(path);
    ck_assert_str_eq(cli_out, "cluster  3 nodes  24/24 GPUs free\n"
                              "├─ tier-1 h1  2 nodes  16/16 GPUs free  n1 … n2\n"
                              "└─ tier-1 (none)  1 node  8/8 GPUs free  n3\n");
    ck_assert_str_eq(cli_err,
                     "phalanx topology: the imported topology and the nodes differ: 1 node has "
                     "no place in the imported topology (n3)\n");
}
END_TEST

START_TEST(mistakes)
{
    ck_assert_int_eq(run_cli("topology", NULL), CLI_USAGE);
    expect_in(cli_err, "phalanx topology: --snapshot FILE is missing");
    ck_assert_int_eq(run_cli("topology", "--snapshot", "/nonexistent", NULL), CLI_RUNTIME);
    expect_in(cli_err, "/nonexistent");
    ck_assert_int_eq(run_cli("topology", "--snapshot", snapshot_path, "-o", "yaml", NULL),
                     CLI_USAGE);
    expect_in(cli_err, "--output yaml: must be table, tree or json");
    ck_assert_int_eq(run_cli("topology", "--snapshot", "-", "--snapsho", "x", NULL), CLI_USAGE);
    expect_in(cli_err, "did you mean --snapshot?");
    teardown();
    snprintf(snapshot_path, sizeof snapshot_path, "/tmp/phalanx-test-snapshot-XXXXXX");
    write_file(snapshot_path, "apiVersion: v1\nkind: List\nitems: []\n");
    snprintf(config_path, sizeof config_path, "/tmp/phalanx-test-config-XXXXXX");
    write_file(config_path, "topology: {preset: azure}\n");
    ck_assert_int_eq(
        run_cli("topology", "--snapshot", snapshot_path, "--config", config_path, NULL), CLI_USAGE);
    expect_in(cli_err, "topology.preset: there is no preset \"azure\"");
    ck_assert_str_eq(cli_out, "");
    ck_assert_int_eq(run_cli("topology", "--snapshot", snapshot_path, NULL), CLI_OK);
    expect_in(cli_out, "0 nodes, 1 domain,");
    ck_assert_int_eq(run_cli("topology", "--snapshot", snapshot_path, "-o", "tree", NULL), CLI_OK);
    ck_assert_str_eq(cli_out, "cluster  0 nodes\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cli/topology");
    TCase *tests = tcase_create("topology");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, the_table);
    tcase_add_test(tests, the_tree);
    tcase_add_test(tests, another_device);
    tcase_add_test(tests, for_programs);
    tcase_add_test(tests, device_maps);
    tcase_add_test(tests, imported);
    tcase_add_test(tests, mistakes);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
