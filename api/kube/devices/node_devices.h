// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_DEVICES_NODE_DEVICES_H
#define API_KUBE_DEVICES_NODE_DEVICES_H

#include <stdbool.h>
#include <stdint.h>

#include "topology/base/err.h"
#include "topology/graph/nodes.h"

/* Which device map a node gets: the members `devices` and `device_resource` of its node_object.
 *
 *   ResourceSlices of the node ──▶ facts.h ────────┐ GPUs, NICs, what is near what
 *                                                  ├─▶ map ─▶ as many GPUs as allocatable? ─▶ node
 *   labels of the node ──▶ devices/machines.h ─────┘ NVLinks; all, when no slice tells of GPUs
 *
 * - The resource is the one that ends in "/gpu" (nvidia.com/gpu, amd.com/gpu) and is allocatable. A
 *   node with none or several of them gets no map.
 * - Slices that are there and cannot be used (a pool is not complete, a device makes no sense) mean
 *   no map, not a guess from labels.
 * - The map counts only if it has as many GPUs as the node has allocatable: one that is broken, cut
 *   (MIG) or shared (time slicing) makes another number, and then nobody knows which are left.
 *
 * One thread owns it. Nodes with GPUs are remembered, so that a slice that comes later finds them.
 */

struct node_devices;
struct decoded_slice;

enum node_devices_source {
    NODE_DEVICES_NONE,
    NODE_DEVICES_SLICES,
    NODE_DEVICES_MACHINE,
};

#define NODE_DEVICES_TEXT_MAX 640

/* What was found for one node, for people. */
struct node_devices_finding {
    enum node_devices_source source;
    uint32_t gpus; /* of the map */
    /* What the map is, or why there is none: "dgx-a100 by its labels", "ResourceSlices: 8 GPUs, …",
     * "…: nvidia.com/gpu is 7". "" for a node that has nothing to do with GPUs. */
    char text[NODE_DEVICES_TEXT_MAX];
};

struct node_devices *node_devices_create(void);
void node_devices_destroy(struct node_devices *devices);

/* Sets node->devices, NULL for no map, and node->device_resource; *borrowed*, until the next call
 * of a function here. `finding` may be NULL. */
void node_devices_fill(struct node_devices *devices, struct node_object *node,
                       struct node_devices_finding *finding);
/* The node is gone. */
void node_devices_forget(struct node_devices *devices, const char *node);

/* A ResourceSlice (*stolen*), new or changed; and one that is gone. The error says why it cannot be
 * read; its pool is not complete then. */
int node_devices_slice(struct node_devices *devices, struct decoded_slice *slice, struct err *err);
void node_devices_slice_gone(struct node_devices *devices, const char *name);

/* Of the remembered nodes whose slices have changed since they were filled, the next one: name,
 * devices and device_resource, *borrowed* likewise. False when there is none left. */
bool node_devices_next_changed(struct node_devices *devices, struct node_object *node);
bool node_devices_has_changed(const struct node_devices *devices); /* whether there is one */

#endif
