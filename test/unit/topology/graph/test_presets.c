// SPDX-License-Identifier: Apache-2.0
#include "topology/graph/presets.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "test/unit/check_main.h"
#include "topology/graph/domains.h"
#include "topology/graph/nodes.h"

/* What each preset says, key by key, written down a second time: `level` as in the preset, `means`
 * as in "auto" (NULL: not there). */
static const struct {
    const char *preset;
    const char *key;
    const char *level;
    const char *means;
} KEYS[] = {
    {"topograph", "fabric.topograph.run/tier-5", "tier-5", NULL},
    {"topograph", "fabric.topograph.run/tier-4", "tier-4", NULL},
    {"topograph", "fabric.topograph.run/tier-3", "tier-3", "fabric"},
    {"topograph", "fabric.topograph.run/tier-2", "tier-2", "core"},
    {"topograph", "fabric.topograph.run/tier-1", "tier-1", "spine"},
    {"topograph", "fabric.topograph.run/tier-0", "tier-0", "leaf"},
    {"topograph", "nvidia.com/gpu.clique", "domain", "nvlink"},
    {"topograph", "accelerator.topograph.run/domain", "domain", "nvlink"},
    {"topograph", "accelerator.topograph.run/sub-domain", "sub-domain", "nvlink-sub-domain"},
    {"topograph-0.5", "network.topology.nvidia.com/core", "core", "core"},
    {"topograph-0.5", "network.topology.nvidia.com/spine", "spine", "spine"},
    {"topograph-0.5", "network.topology.nvidia.com/leaf", "leaf", "leaf"},
    {"topograph-0.5", "nvidia.com/gpu.clique", "accelerator", "nvlink"},
    {"topograph-0.5", "network.topology.nvidia.com/accelerator", "accelerator", "nvlink"},
    {"topograph-old", "network.topology.nvidia.com/datacenter", "datacenter", "core"},
    {"topograph-old", "network.topology.nvidia.com/spine", "spine", "spine"},
    {"topograph-old", "network.topology.nvidia.com/block", "block", "leaf"},
    {"topograph-old", "nvidia.com/gpu.clique", "accelerator", "nvlink"},
    {"topograph-old", "network.topology.nvidia.com/accelerator", "accelerator", "nvlink"},
    {"gke", "cloud.google.com/gce-topology-block", "block", "spine"},
    {"gke", "topology.gke.io/cluster", "block", "spine"},
    {"gke", "cloud.google.com/gce-topology-subblock", "subblock", "leaf"},
    {"gke", "topology.gke.io/rack", "subblock", "rack"},
    {"gke", "nvidia.com/gpu.clique", "nvlink", "nvlink"},
    {"gke", "cloud.google.com/gce-topology-host", "host", "host"},
    {"gke", "topology.gke.io/host", "host", "host"},
    {"eks", "topology.k8s.aws/network-node-layer-1", "layer-1", "core"},
    {"eks", "topology.k8s.aws/network-node-layer-2", "layer-2", "spine"},
    {"eks", "topology.k8s.aws/network-node-layer-3", "layer-3", "leaf"},
    {"eks", "topology.k8s.aws/network-node-layer-4", "layer-4", "sub-leaf"},
    {"eks", "topology.k8s.aws/capacity-block-id", "capacity-block", "nvlink"},
    {"eks", "topology.k8s.aws/ultraserver-id", "ultraserver", "nvlink"},
    {"eks", "nvidia.com/gpu.clique", "nvlink", "nvlink"},
    {"oke", "oci.oraclecloud.com/rdma.hpc_island_id", "hpc-island", "core"},
    {"oke", "oci.oraclecloud.com/rdma.network_block_id", "network-block", "spine"},
    {"oke", "oci.oraclecloud.com/host.network_block_id", "network-block", "spine"},
    {"oke", "oci.oraclecloud.com/rdma.local_block_id", "local-block", "leaf"},
    {"oke", "oci.oraclecloud.com/host.rack_id", "rack", "rack"},
    {"oke", "nvidia.com/gpu.clique", "nvlink", "nvlink"},
    {"oke", "oci.oraclecloud.com/rdma.host_id", "host", "host"},
    {"oke", "oci.oraclecloud.com/host.id", "host", "host"},
    {"coreweave", "backend.coreweave.cloud/fabric", "fabric", "fabric"},
    {"coreweave", "ib.coreweave.cloud/fabric", "fabric", "fabric"},
    {"coreweave", "backend.coreweave.cloud/superpod", "superpod", "spine"},
    {"coreweave", "ib.coreweave.cloud/superpod", "superpod", "spine"},
    {"coreweave", "backend.coreweave.cloud/leafgroup", "leafgroup", "leaf"},
    {"coreweave", "backend.coreweave.cloud/leafgroup-name", "leafgroup", "leaf"},
    {"coreweave", "ib.coreweave.cloud/leafgroup", "leafgroup", "leaf"},
    {"coreweave", "node.coreweave.cloud/rack", "rack", "rack"},
    {"coreweave", "nvidia.com/gpu.clique", "nvlink", "nvlink"},
    {"coreweave", "ds.coreweave.com/nvlink.domain", "nvlink", "nvlink"},
    {"nebius", "topology.nebius.com/gpu-cluster-id", "gpu-cluster", "fabric"},
    {"nebius", "topology.nebius.com/tier-5", "tier-5", NULL},
    {"nebius", "topology.nebius.com/tier-4", "tier-4", NULL},
    {"nebius", "topology.nebius.com/tier-3", "tier-3", "core"},
    {"nebius", "topology.nebius.com/tier-2", "tier-2", "spine"},
    {"nebius", "topology.nebius.com/tier-1", "tier-1", "leaf"},
    {"nebius", "topology.nebius.com/tier-0", "tier-0", "rack"},
    {"nebius", "nvidia.com/gpu.clique", "nvlink", "nvlink"},
    {"nebius", "topology.nebius.com/nvl-instance-group-id", "nvlink", "nvlink"},
    {"crusoe", "crusoe.ai/ib.partition.id", "partition", "spine"},
    {"crusoe", "crusoe.ai/pod.id", "pod", "leaf"},
    {"crusoe", "nvidia.com/gpu.clique", "nvlink", "nvlink"},
    {"generic", "topology.kubernetes.io/rack", "rack", "rack"},
};
#define KEYS_COUNT (sizeof KEYS / sizeof KEYS[0])

static const char *const NAMES[] = {"auto",   "topograph", "topograph-0.5", "topograph-old",
                                    "gke",    "eks",       "oke",           "coreweave",
                                    "nebius", "crusoe",    "generic"};
#define NAMES_COUNT (sizeof NAMES / sizeof NAMES[0])

static void load(struct levels *levels, const char *name)
{
    struct err err = {""};
    ck_assert_msg(levels_presets_load(levels, name, &err) == 0, "%s", err.text);
}

START_TEST(the_names)
{
    for (size_t i = 0; i < NAMES_COUNT; i++) {
        char copy[32];
        (void)snprintf(copy, sizeof copy, "%s", NAMES[i]);
        ck_assert_str_eq(levels_presets_name(i), NAMES[i]);
        ck_assert_ptr_eq(levels_presets_find(copy), levels_presets_name(i));
    }
    ck_assert_ptr_null(levels_presets_name(NAMES_COUNT));
    ck_assert_ptr_null(levels_presets_find("GKE"));
}
END_TEST

START_TEST(an_unknown_name_lists_all)
{
    struct levels levels;
    struct err err;
    ck_assert_int_eq(levels_presets_load(&levels, "azure", &err), -1);
    ck_assert_str_eq(err.text,
                     "there is no preset \"azure\" (there are: auto, topograph, topograph-0.5, "
                     "topograph-old, gke, eks, oke, coreweave, nebius, crusoe, generic)");
}
END_TEST

/* Every key of the table above at its level, and no other key at all. */
START_TEST(each_preset_has_its_keys)
{
    const char *name = NAMES[_i];
    struct levels levels;
    uint32_t expected = 0, found = 0;
    load(&levels, name);
    for (size_t i = 0; i < KEYS_COUNT; i++) {
        if (strcmp(KEYS[i].preset, name) == 0) {
            int level = levels_find(&levels, KEYS[i].key);
            ck_assert_msg(level >= 0, "%s", KEYS[i].key);
            ck_assert_str_eq(levels.items[level].name, KEYS[i].level);
            expected++;
        }
    }
    for (uint32_t l = 0; l < levels.count; l++) {
        found += levels.items[l].key_count;
    }
    bool places = strncmp(name, "topograph", 9) != 0; /* region, zone, each with its beta key */
    ck_assert_uint_eq(found, expected + 1 + (places ? 4 : 0));
    ck_assert_int_eq(levels_find(&levels, "topology.kubernetes.io/region"), places ? 0 : -1);
    ck_assert_int_eq(levels_find(&levels, "topology.kubernetes.io/zone"), places ? 1 : -1);
    ck_assert_int_eq(levels_find(&levels, LEVEL_HOST_KEY), (int)levels.count - 1);
    ck_assert_str_eq(levels.items[levels.count - 1].name, LEVEL_HOST);
}
END_TEST

START_TEST(auto_knows_them_all)
{
    static const char *const names[] = {
        "region", "zone",     "fabric", "core",   "spine",
        "leaf",   "sub-leaf", "rack",   "nvlink", "nvlink-sub-domain",
        "host"};
    struct levels levels, same;
    load(&levels, "auto");
    levels_preset(&same);
    ck_assert_mem_eq(&levels, &same, sizeof levels);
    ck_assert_uint_eq(levels.count, sizeof names / sizeof names[0]);
    for (uint32_t l = 0; l < levels.count; l++) {
        ck_assert_str_eq(levels.items[l].name, names[l]);
    }
    uint32_t distinct = 0, found = 0;
    for (size_t i = 0; i < KEYS_COUNT; i++) {
        int level = levels_find(&levels, KEYS[i].key);
        ck_assert_msg((level >= 0) == (KEYS[i].means != NULL), "%s", KEYS[i].key);
        if (level < 0) {
            continue;
        }
        ck_assert_str_eq(levels.items[level].name, KEYS[i].means);
        bool first = true;
        for (size_t k = 0; k < i; k++) {
            first = first && strcmp(KEYS[k].key, KEYS[i].key) != 0;
        }
        distinct += first;
    }
    for (uint32_t l = 0; l < levels.count; l++) {
        found += levels.items[l].key_count;
    }
    ck_assert_uint_eq(found, distinct + 5);
    /* The newest schema is asked first, the clique before any other NVLink label. */
    ck_assert_str_eq(levels.items[5].keys[0], "fabric.topograph.run/tier-0");
    ck_assert_str_eq(levels.items[8].keys[0], "nvidia.com/gpu.clique");
}
END_TEST

/* Direction: what is above in a provider's preset is not below in "auto". */
START_TEST(no_preset_contradicts_auto)
{
    struct levels all, levels;
    load(&all, "auto");
    load(&levels, NAMES[_i]);
    int above = 0;
    for (uint32_t l = 0; l < levels.count; l++) {
        int widest = INT32_MAX, lowest = above;
        for (uint32_t k = 0; k < levels.items[l].key_count; k++) {
            int level = levels_find(&all, levels.items[l].keys[k]);
            widest = level >= 0 && level < widest ? level : widest;
            lowest = level > lowest ? level : lowest;
        }
        ck_assert_msg(widest >= above, "%s of %s", levels.items[l].name, NAMES[_i]);
        above = lowest;
    }
    ck_assert_int_eq(above, (int)all.count - 1);
}
END_TEST

/* A node as each provider labels it, and its path with the provider's preset and with "auto". */
static const struct {
    const char *preset;
    struct label_object labels[8];
    const char *path;
    const char *by_auto;
} PLACES[] = {
    {"topograph",
     {{"fabric.topograph.run/tier-0", "s1"},
      {"fabric.topograph.run/tier-1", "s2"},
      {"fabric.topograph.run/tier-2", "s3"},
      {"accelerator.topograph.run/domain", "nvl1"},
      {"accelerator.topograph.run/sub-domain", "nvl1.rack01"}},
     "s3/s2/s1/nvl1/nvl1.rack01",
     "s3/s2/s1/nvl1/nvl1.rack01"},
    {"topograph-0.5",
     {{"network.topology.nvidia.com/leaf", "l"},
      {"network.topology.nvidia.com/spine", "s"},
      {"network.topology.nvidia.com/core", "c"},
      {"network.topology.nvidia.com/accelerator", "a"}},
     "c/s/l/a",
     "c/s/l/a"},
    {"topograph-old",
     {{"network.topology.nvidia.com/block", "b"},
      {"network.topology.nvidia.com/spine", "s"},
      {"network.topology.nvidia.com/datacenter", "d"},
      {"network.topology.nvidia.com/accelerator", "a"}},
     "d/s/b/a",
     "d/s/b/a"},
    {"gke",
     {{"topology.kubernetes.io/zone", "us-central1-a"},
      {"cloud.google.com/gce-topology-host", "h"},
      {"cloud.google.com/gce-topology-subblock", "sb"},
      {"cloud.google.com/gce-topology-block", "b"}},
     "us-central1-a/b/sb",
     "us-central1-a/b/sb"},
    {"gke",
     {{"topology.gke.io/cluster", "c"},
      {"topology.gke.io/rack", "r"},
      {"topology.gke.io/host", "h"}},
     "c/r",
     "c/r"},
    {"eks",
     {{"topology.k8s.aws/network-node-layer-1", "nn-1"},
      {"topology.k8s.aws/network-node-layer-2", "nn-2"},
      {"topology.k8s.aws/network-node-layer-3", "nn-3"},
      {"topology.k8s.aws/network-node-layer-4", "nn-4"},
      {"topology.k8s.aws/capacity-block-id", "cb"},
      {"topology.k8s.aws/ultraserver-id", "us"}},
     "nn-1/nn-2/nn-3/nn-4/cb/us",
     "nn-1/nn-2/nn-3/nn-4/us"},
    {"oke",
     {{"oci.oraclecloud.com/rdma.hpc_island_id", "i"},
      {"oci.oraclecloud.com/rdma.network_block_id", "n"},
      {"oci.oraclecloud.com/rdma.local_block_id", "l"},
      {"oci.oraclecloud.com/host.rack_id", "r"},
      {"oci.oraclecloud.com/rdma.host_id", "h"}},
     "i/n/l/r",
     "i/n/l/r"},
    {"coreweave",
     {{"backend.coreweave.cloud/fabric", ""},
      {"ib.coreweave.cloud/fabric", "f"},
      {"backend.coreweave.cloud/superpod", "s"},
      {"backend.coreweave.cloud/leafgroup", "l"},
      {"node.coreweave.cloud/rack", "r"},
      {"ds.coreweave.com/nvlink.domain", "DH4-016-US-EAST-02A"}},
     "f/s/l/r/DH4-016-US-EAST-02A",
     "f/s/l/r/DH4-016-US-EAST-02A"},
    {"nebius",
     {{"topology.nebius.com/gpu-cluster-id", "c"},
      {"topology.nebius.com/tier-2", "t2"},
      {"topology.nebius.com/tier-1", "t1"},
      {"topology.nebius.com/tier-0", "t0"},
      {"topology.nebius.com/nvl-instance-group-id", "g"}},
     "c/t2/t1/t0/g",
     "c/t2/t1/t0/g"},
    {"crusoe",
     {{"crusoe.ai/pod.id", "p"},
      {"crusoe.ai/ib.partition.id", "i"},
      {"nvidia.com/gpu.clique", "c"}},
     "i/p/c",
     "i/p/c"},
    {"generic",
     {{"topology.kubernetes.io/rack", "r"},
      {"topology.kubernetes.io/zone", "z"},
      {"topology.kubernetes.io/region", "g"},
      {"kubernetes.io/hostname", "h"}},
     "g/z/r",
     "g/z/r"},
};

static void check_path(const char *preset, const struct node_object *node, const char *expected)
{
    struct levels levels;
    char path[256];
    uint32_t row;
    unsigned changes;
    load(&levels, preset);
    struct nodes *nodes = nodes_create(1);
    struct domains *domains = domains_create(&levels);
    ck_assert_int_eq(nodes_observe(nodes, node, &row, &changes, NULL), 0);
    domains_build(domains, nodes);
    uint32_t lowest = domains_at(domains, 0, domains_levels(domains) - 2);
    ck_assert_str_eq(domains_path(domains, lowest, path, sizeof path), expected);
    domains_destroy(domains);
    nodes_destroy(nodes);
}

START_TEST(a_node_of_each_provider)
{
    struct node_object node = {.name = "n", .labels = PLACES[_i].labels};
    while (node.label_count < 8 && PLACES[_i].labels[node.label_count].key != NULL) {
        node.label_count++;
    }
    check_path(PLACES[_i].preset, &node, PLACES[_i].path);
    check_path("auto", &node, PLACES[_i].by_auto);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topology/graph/presets");
    TCase *tcase = tcase_create("levels_presets");
    tcase_add_test(tcase, the_names);
    tcase_add_test(tcase, an_unknown_name_lists_all);
    tcase_add_loop_test(tcase, each_preset_has_its_keys, 1, (int)NAMES_COUNT);
    tcase_add_test(tcase, auto_knows_them_all);
    tcase_add_loop_test(tcase, no_preset_contradicts_auto, 0, (int)NAMES_COUNT);
    tcase_add_loop_test(tcase, a_node_of_each_provider, 0, (int)(sizeof PLACES / sizeof PLACES[0]));
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
