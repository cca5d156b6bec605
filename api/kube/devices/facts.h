// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_DEVICES_FACTS_H
#define API_KUBE_DEVICES_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "api/kube/devices/slice_pools.h"
#include "topology/base/err.h"
#include "topology/devices/map.h"

/* What the ResourceSlices of a node say about its hardware: one device map, with an account of
 * every device that is in it or not.
 *
 *   pool of gpu.nvidia.com ─▶ whole GPUs ─┐
 *   pool of dra.net        ─▶ NICs ───────┴▶ struct device_map ─▶ GPUs and their NICs
 *
 * Which NICs: those that can do RDMA. A node without any gets all its physical NICs instead, as
 * nothing else is there to pair. Never counted are interfaces without hardware, and a NIC cut into
 * SR-IOV functions when RDMA functions are published beside it: those are what a pod gets.
 *
 * What is near what: by PCIe root (`resource.kubernetes.io/pcieRoot`), and by NUMA node where no
 * NIC is at a GPU's root, which on Grace is always so, as its GPUs are attached by C2C. GPUs of
 * GB200 and GB300 tell no NUMA node; it is inferred from their PCI domain, which gives the socket
 * (0008 and 0009: NUMA node 0, 0018 and 0019: 1). A root whose devices are on different NUMA nodes
 * is no place (a virtual machine's only root), and is not used.
 */

struct device_facts {
    struct device_map *map; /* NULL: no pool tells of a GPU or NIC */
    bool rdma;              /* the NICs in the map can do RDMA */
    bool linked;            /* the links of the pattern are in the map */

    /* Every device of the node's pools is in exactly one of these. */
    uint32_t gpus;              /* in the map */
    uint32_t nics;              /* in the map */
    uint32_t others;            /* neither GPU nor NIC */
    uint32_t tainted;           /* GPUs and NICs that must not be given out */
    uint32_t repeated;          /* GPUs and NICs at the PCI address of one before */
    uint32_t virtual_nics;      /* NICs without hardware */
    uint32_t divided_nics;      /* NICs in favour of their virtual functions */
    uint32_t nics_without_rdma; /* where others have it */

    uint32_t inferred_numa; /* GPUs in the map whose NUMA node was inferred */
    uint32_t unused_roots;  /* devices in the map whose PCIe root is no place */
    uint32_t paired[3];     /* GPUs by enum device_pairing: the tier that was used */
    uint32_t unknown_attributes;
};

/* Fills in *facts. Slices do not tell NVLinks: they are taken from `pattern`, the map of the
 * machine when it is known by name (topology/devices/machines.h), or NULL; a pattern with another
 * number of GPUs is left aside. Errors name the pool and why it cannot be used: one of the pools
 * that may hold GPUs or NICs is not complete, or its devices make no map. There is no map then. A
 * node that no slice tells of is no error. */
int device_facts_read(const struct slice_pools *pools, const char *node,
                      const struct device_map *pattern, struct device_facts *facts,
                      struct err *err);

void device_facts_finish(struct device_facts *facts);

#define DEVICE_FACTS_TEXT_MAX 512

/* One line for people: "8 GPUs, 4 NICs with RDMA; nearest NICs: 8 by PCIe root; left out: 3 NICs
 * without RDMA". */
void device_facts_describe(const struct device_facts *facts, char text[DEVICE_FACTS_TEXT_MAX]);

#endif
