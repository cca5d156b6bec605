// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_DEVICES_DECODE_NRT_H
#define API_KUBE_DEVICES_DECODE_NRT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "topology/base/arena.h"
#include "topology/base/err.h"
#include "topology/graph/nodes.h"

/* topology.node.k8s.io/v1alpha2 NodeResourceTopology: how much of each resource every NUMA node of
 * a node has, as NFD's topology updater and others publish it.
 *
 *   node n1, policy single-numa-node, scope container
 *   ├─ zone node-0 (NUMA node 0)  nvidia.com/gpu 4 of 4   rdma/ib 2 of 2   to node-1: 21
 *   └─ zone node-1 (NUMA node 1)  nvidia.com/gpu 1 of 4   rdma/ib 2 of 2   to node-0: 21
 *
 * These are counts, not identities: they say that a node cannot place four GPUs in one NUMA node,
 * not which GPUs are free. No device map can be made of them.
 *
 * Everything is copied into the arena. A negative count, a fraction of a device, more available
 * than allocatable or more allocatable than capacity, one of the three that is missing, a zone or
 * resource that is there twice, wrong types and counts above the limits are errors that name the
 * object and the place. `null` and absent are the same.
 */

#define NRT_ZONES_MAX      1024 /* the kernel's limit of NUMA nodes */
#define NRT_RESOURCES_MAX  64   /* of a zone */
#define NRT_ATTRIBUTES_MAX 64   /* of a zone, and of the object */
#define NRT_NAME_MAX       253

/* In the units of struct resources: CPU in thousandths, everything else whole. */
struct nrt_resource {
    const char *name;
    int64_t capacity;
    int64_t allocatable;
    int64_t available; /* now, at most allocatable */
};

struct nrt_cost {
    const char *zone;
    int64_t cost; /* SLIT: 10 within, 20 or so to another socket */
};

struct nrt_zone {
    const char *name;                     /* node-0 */
    const char *type;                     /* Node, Socket, Core … */
    const char *parent;                   /* NULL: none */
    int numa;                             /* of "node-<n>" zones of type Node; else -1 */
    const struct nrt_resource *resources; /* by name */
    size_t resource_count;
    const struct nrt_cost *costs;
    size_t cost_count;
    const struct label_object *attributes;
    size_t attribute_count;
};

struct nrt_object {
    const char *node;   /* metadata.name is the node's name */
    const char *policy; /* topologyManagerPolicy, or what topologyPolicies[0] stands for; or NULL */
    const char *scope;  /* topologyManagerScope, likewise; or NULL */
    const struct nrt_zone *zones; /* by name, runs of digits as numbers: node-2 before node-10 */
    size_t zone_count;
    const struct label_object *attributes;
    size_t attribute_count;
};

int nrt_decode(const json_t *json, struct arena *arena, struct nrt_object *nrt, struct err *err);

/* *Borrowed*; NULL when the zone has none. */
const struct nrt_resource *nrt_zone_resource(const struct nrt_zone *zone, const char *name);

#endif
