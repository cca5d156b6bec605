// SPDX-License-Identifier: Apache-2.0
#include "topology/graph/presets.h"

#include <stdio.h>
#include <string.h>

/* The tables. Each lists its levels from the widest to the host, which is the only place where a
 * direction is written down: Topograph and Nebius count from the host (tier-0, tier-1), EKS from
 * the top (layer-1), GKE, OKE and CoreWeave use words.
 *
 * Within a level the first key that a node carries counts, so newer schemas come before older ones.
 * nvidia.com/gpu.clique comes before every other key of an NVLink level: a domain may be split into
 * cliques, and only GPUs of one clique reach each other through NVLink; it also follows a
 * re-partitioning by itself, while others wait for a provider's next run.
 *
 * Invariants (tested): names are distinct; every table passes levels_add() and levels_add_key();
 * every key of a named preset is in `auto`, except tiers above the fourth switch, and no two keys
 * of a preset stand the other way round there.
 */

struct preset_level {
    const char *name;
    const char *keys[LEVEL_KEYS_MAX]; /* up to the first NULL */
};

#define PRESET_LEVELS_MAX LEVELS_MAX

struct preset {
    const char *name;
    struct preset_level levels[PRESET_LEVELS_MAX]; /* up to the first without a name */
};

/* Kubernetes: staging/src/k8s.io/api/core/v1/well_known_labels.go (the beta keys are those of nodes
 * that older kubelets registered). A rack has no well-known label; topology.kubernetes.io/rack is
 * what examples in the API documentation use. */
#define REGION "topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region"
#define ZONE   "topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"
#define RACK   "topology.kubernetes.io/rack"
/* NVIDIA k8s-device-plugin, internal/lm/imex.go: <ClusterUUID>.<CliqueID>, present when the fabric
 * manager has finished. */
#define CLIQUE "nvidia.com/gpu.clique"
/* Topograph docs/engines/k8s.md and CHANGELOG for 1.0.0: tier-0 is the switch closest to the host.
 * Its sub-domain is a part of its accelerator domain (nvl1 holds nvl1.rack01, one rack of several
 * that NVLink joins), so it is a level below and not another key of the same one: otherwise two
 * racks of one NVLink domain would look as far apart as two domains. */
#define TOPOGRAPH(n)         "fabric.topograph.run/tier-" #n
#define TOPOGRAPH_DOMAIN     "accelerator.topograph.run/domain"
#define TOPOGRAPH_SUB_DOMAIN "accelerator.topograph.run/sub-domain"
/* Topograph CHANGELOG: 0.5.0 has core, spine, leaf; before that datacenter, spine, block. */
#define TOPOGRAPH_OLD(name) "network.topology.nvidia.com/" name
/* GKE: container-engine-accelerators, gpudirect topology scheduler; topology.gke.io is the older
 * one. A sub-block is a rack or, on A4X, an NVLink domain of 18 hosts. */
#define GKE(name)     "cloud.google.com/gce-topology-" name
#define GKE_OLD(name) "topology.gke.io/" name
/* EKS user guide, "Place distributed AI/ML workloads with network topology labels": layer 1 is the
 * top; most types attach at layer 3, some have a fourth layer below it. EC2 API, InstanceTopology:
 * the capacity block identifies instances within one UltraServer domain. */
#define EKS(n)          "topology.k8s.aws/network-node-layer-" #n
#define EKS_ULTRASERVER "topology.k8s.aws/ultraserver-id"
#define EKS_CAPACITY    "topology.k8s.aws/capacity-block-id"
/* OKE, oci-hpc-oke: rdma.* are the RDMA fabric's (HPC island > network block > local block), host.*
 * those of machines without one. */
#define OKE(name) "oci.oraclecloud.com/" name
/* CoreWeave node labels: fabric > superpod > leafgroup; ib.* repeat backend.* on InfiniBand. A node
 * without such a fabric carries them empty, which is the same as not at all. */
#define COREWEAVE(name)    "backend.coreweave.cloud/" name
#define COREWEAVE_IB(name) "ib.coreweave.cloud/" name
#define COREWEAVE_RACK     "node.coreweave.cloud/rack"
#define COREWEAVE_NVLINK   "ds.coreweave.com/nvlink.domain"
/* Nebius does not document the direction of its tiers. Its own Slurm operator does (soperator,
 * topology documentation): tier-1 is the lowest switch, the highest tier the root, tier-0 the
 * NVLink rack on GB200 and GB300 and no switch at all. `auto` takes tier-0 for a rack, which holds
 * either way: it promises no NVLink. If a fabric counts from the root, `phalanx topology` says that
 * the levels look upside down; list them in topology.levels then. */
#define NEBIUS(name) "topology.nebius.com/" name
/* Crusoe: Topograph docs/providers/crusoe.md, the pod is tier 0, the InfiniBand partition 1. */
#define CRUSOE(name) "crusoe.ai/" name

#define REGION_AND_ZONE   \
    {"region", {REGION}}, \
    {                     \
        "zone",           \
        {                 \
            ZONE          \
        }                 \
    }
#define HOST LEVEL_HOST_KEY

static const struct preset PRESETS[] = {
    {"auto",
     {
         REGION_AND_ZONE,
         {"fabric",
          {TOPOGRAPH(3), COREWEAVE("fabric"), COREWEAVE_IB("fabric"), NEBIUS("gpu-cluster-id")}},
         {"core",
          {TOPOGRAPH(2), TOPOGRAPH_OLD("core"), TOPOGRAPH_OLD("datacenter"), EKS(1),
           OKE("rdma.hpc_island_id"), NEBIUS("tier-3")}},
         {"spine",
          {TOPOGRAPH(1), TOPOGRAPH_OLD("spine"), GKE("block"), GKE_OLD("cluster"), EKS(2),
           OKE("rdma.network_block_id"), OKE("host.network_block_id"), COREWEAVE("superpod"),
           COREWEAVE_IB("superpod"), NEBIUS("tier-2"), CRUSOE("ib.partition.id")}},
         {"leaf",
          {TOPOGRAPH(0), TOPOGRAPH_OLD("leaf"), TOPOGRAPH_OLD("block"), GKE("subblock"), EKS(3),
           OKE("rdma.local_block_id"), COREWEAVE("leafgroup"), COREWEAVE("leafgroup-name"),
           COREWEAVE_IB("leafgroup"), NEBIUS("tier-1"), CRUSOE("pod.id")}},
         {"sub-leaf", {EKS(4)}},
         {"rack", {RACK, GKE_OLD("rack"), OKE("host.rack_id"), COREWEAVE_RACK, NEBIUS("tier-0")}},
         {"nvlink",
          {CLIQUE, TOPOGRAPH_DOMAIN, TOPOGRAPH_OLD("accelerator"), COREWEAVE_NVLINK,
           EKS_ULTRASERVER, EKS_CAPACITY, NEBIUS("nvl-instance-group-id")}},
         {"nvlink-sub-domain", {TOPOGRAPH_SUB_DOMAIN}},
         {"host", {HOST, GKE("host"), GKE_OLD("host"), OKE("rdma.host_id"), OKE("host.id")}},
     }},
    {"topograph",
     {
         {"tier-5", {TOPOGRAPH(5)}},
         {"tier-4", {TOPOGRAPH(4)}},
         {"tier-3", {TOPOGRAPH(3)}},
         {"tier-2", {TOPOGRAPH(2)}},
         {"tier-1", {TOPOGRAPH(1)}},
         {"tier-0", {TOPOGRAPH(0)}},
         {"domain", {CLIQUE, TOPOGRAPH_DOMAIN}},
         {"sub-domain", {TOPOGRAPH_SUB_DOMAIN}},
         {"host", {HOST}},
     }},
    {"topograph-0.5",
     {
         {"core", {TOPOGRAPH_OLD("core")}},
         {"spine", {TOPOGRAPH_OLD("spine")}},
         {"leaf", {TOPOGRAPH_OLD("leaf")}},
         {"accelerator", {CLIQUE, TOPOGRAPH_OLD("accelerator")}},
         {"host", {HOST}},
     }},
    {"topograph-old",
     {
         {"datacenter", {TOPOGRAPH_OLD("datacenter")}},
         {"spine", {TOPOGRAPH_OLD("spine")}},
         {"block", {TOPOGRAPH_OLD("block")}},
         {"accelerator", {CLIQUE, TOPOGRAPH_OLD("accelerator")}},
         {"host", {HOST}},
     }},
    {"gke",
     {
         REGION_AND_ZONE,
         {"block", {GKE("block"), GKE_OLD("cluster")}},
         {"subblock", {GKE("subblock"), GKE_OLD("rack")}},
         {"nvlink", {CLIQUE}},
         {"host", {HOST, GKE("host"), GKE_OLD("host")}},
     }},
    {"eks",
     {
         REGION_AND_ZONE,
         {"layer-1", {EKS(1)}},
         {"layer-2", {EKS(2)}},
         {"layer-3", {EKS(3)}},
         {"layer-4", {EKS(4)}},
         {"capacity-block", {EKS_CAPACITY}},
         {"ultraserver", {EKS_ULTRASERVER}},
         {"nvlink", {CLIQUE}},
         {"host", {HOST}},
     }},
    {"oke",
     {
         REGION_AND_ZONE,
         {"hpc-island", {OKE("rdma.hpc_island_id")}},
         {"network-block", {OKE("rdma.network_block_id"), OKE("host.network_block_id")}},
         {"local-block", {OKE("rdma.local_block_id")}},
         {"rack", {OKE("host.rack_id")}},
         {"nvlink", {CLIQUE}},
         {"host", {HOST, OKE("rdma.host_id"), OKE("host.id")}},
     }},
    {"coreweave",
     {
         REGION_AND_ZONE,
         {"fabric", {COREWEAVE("fabric"), COREWEAVE_IB("fabric")}},
         {"superpod", {COREWEAVE("superpod"), COREWEAVE_IB("superpod")}},
         {"leafgroup",
          {COREWEAVE("leafgroup"), COREWEAVE("leafgroup-name"), COREWEAVE_IB("leafgroup")}},
         {"rack", {COREWEAVE_RACK}},
         {"nvlink", {CLIQUE, COREWEAVE_NVLINK}},
         {"host", {HOST}},
     }},
    {"nebius",
     {
         REGION_AND_ZONE,
         {"gpu-cluster", {NEBIUS("gpu-cluster-id")}},
         {"tier-5", {NEBIUS("tier-5")}},
         {"tier-4", {NEBIUS("tier-4")}},
         {"tier-3", {NEBIUS("tier-3")}},
         {"tier-2", {NEBIUS("tier-2")}},
         {"tier-1", {NEBIUS("tier-1")}},
         {"tier-0", {NEBIUS("tier-0")}},
         {"nvlink", {CLIQUE, NEBIUS("nvl-instance-group-id")}},
         {"host", {HOST}},
     }},
    {"crusoe",
     {
         REGION_AND_ZONE,
         {"partition", {CRUSOE("ib.partition.id")}},
         {"pod", {CRUSOE("pod.id")}},
         {"nvlink", {CLIQUE}},
         {"host", {HOST}},
     }},
    {"generic",
     {
         REGION_AND_ZONE,
         {"rack", {RACK}},
         {"host", {HOST}},
     }},
};
#define PRESETS_COUNT (sizeof PRESETS / sizeof PRESETS[0])

static const struct preset *find(const char *name)
{
    for (size_t i = 0; i < PRESETS_COUNT; i++) {
        if (strcmp(PRESETS[i].name, name) == 0) {
            return &PRESETS[i];
        }
    }
    return NULL;
}

const char *levels_presets_name(size_t index)
{
    return index < PRESETS_COUNT ? PRESETS[index].name : NULL;
}

const char *levels_presets_find(const char *name)
{
    const struct preset *preset = find(name);
    return preset == NULL ? NULL : preset->name;
}

static int report_unknown(const char *name, struct err *err)
{
    char known[256] = "";
    size_t length = 0;
    for (size_t i = 0; i < PRESETS_COUNT && length < sizeof known; i++) {
        int written = snprintf(known + length, sizeof known - length, "%s%s", i == 0 ? "" : ", ",
                               PRESETS[i].name);
        length += written > 0 ? (size_t)written : 0;
    }
    return err_set(err, "there is no preset \"%.80s\" (there are: %s)", name, known);
}

int levels_presets_load(struct levels *levels, const char *name, struct err *err)
{
    const struct preset *preset = find(name);
    if (preset == NULL) {
        return report_unknown(name, err);
    }
    int result = 0;
    levels_init(levels);
    for (size_t i = 0; i < PRESET_LEVELS_MAX && preset->levels[i].name != NULL; i++) {
        const struct preset_level *level = &preset->levels[i];
        result |= levels_add(levels, level->name, err);
        for (size_t k = 0; k < LEVEL_KEYS_MAX && level->keys[k] != NULL; k++) {
            result |= levels_add_key(levels, level->keys[k], err);
        }
    }
    result |= levels_finish(levels, err);
    err_require(result == 0); /* a table that is wrong is a mistake of the program */
    return 0;
}
