// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_DEVICES_MACHINES_H
#define TOPOLOGY_DEVICES_MACHINES_H

#include <stdint.h>

#include "topology/base/err.h"
#include "topology/devices/map.h"

/* Machines whose device map is known without asking them: DGX and HGX boards, instance types of
 * clouds. For nodes that no ResourceSlice describes, and for NVLinks, which no ResourceSlice tells.
 *
 *   labels of a node ─▶ machines_recognise() ─▶ name ─▶ machines_map() ─▶ device map
 *
 * What the sources of the table (machines.c) leave open is unknown in the map too: hgx-h100-8 says
 * that eight GPUs are joined by NVSwitch, and nothing of NUMA nodes or NICs, which every vendor
 * wires in his own way. A machine that is not in the table has no map.
 */

/* Machines in the table, and their names in its order. */
uint32_t machines_count(void);
const char *machines_name(uint32_t index);

/* *New* finished map, devices named gpu-0 … and nic-0 …; NULL with an error for a name that is not
 * in the table. */
struct device_map *machines_map(const char *name, struct err *err);

/* What a node says of itself. NULL or "" where it says nothing. */
struct machine_labels {
    const char *instance_type; /* node.kubernetes.io/instance-type */
    const char *product;       /* nvidia.com/gpu.product */
    const char *machine;       /* nvidia.com/gpu.machine */
    const char *gpu_count;     /* nvidia.com/gpu.count */
};

/* The name of the machine (static) by instance type, else by machine and product, else by product
 * and count. NULL with an error when none of them is known, when another label contradicts the
 * machine found (a DGX with four GPUs left is not a DGX), or when GPUs are cut (MIG) or shared. */
const char *machines_recognise(const struct machine_labels *labels, struct err *err);

#endif
