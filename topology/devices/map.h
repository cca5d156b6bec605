// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_DEVICES_MAP_H
#define TOPOLOGY_DEVICES_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "topology/base/err.h"

/* The GPUs and NICs of one node, and how they are joined.
 *
 *   NUMA 0                                     NUMA 1
 *   ├─ switch 0: gpu 0, gpu 1, nic 0           ├─ switch 2: gpu 4, gpu 5, nic 2
 *   └─ switch 1: gpu 2, gpu 3, nic 1           └─ switch 3: gpu 6, gpu 7, nic 3
 *
 *   links[8][8]: NVLinks (or xGMI links) between two GPUs, 0 = none: over PCIe
 *
 * GPUs and NICs are numbered apart, each kind from 0 in the order of PCI address, then name (runs
 * of digits in names compare as numbers: gpu-2 before gpu-10); devices without an address come
 * last. A set of devices is a uint64_t, bit i = device i of its kind. The same devices added in any
 * order give the same map.
 *
 * A map is built once, then only read, and may be shared by all nodes it describes:
 *
 *   device_map_create() ─▶ add_gpu(), add_nic(), link…() ─▶ device_map_finish() ─▶ everything else
 *
 * Before finish only the functions above it may be called, after it only those below; anything
 * else is a mistake of the program and aborts. What cannot be learnt is unknown, never guessed:
 *
 *   switch unknown   the device shares its switch with nobody
 *   NUMA unknown     taken from a device of the same switch that knows; else shared with nobody but
 *                    the devices of the same switch
 */

#define DEVICES_MAX            64 /* GPUs of a node, and NICs of a node */
#define DEVICE_NAME_MAX        63 /* bytes; a DRA device name is a DNS label */
#define DEVICE_ID_MAX          63
#define DEVICE_PCI_ADDRESS_MAX 23 /* "00000000:10:1c.0" */
#define DEVICE_SWITCH_MAX      63
#define DEVICE_NUMA_MAX        1023 /* the kernel's limit, CONFIG_NODES_SHIFT 10 */
#define DEVICE_UNKNOWN         (-1)

enum device_kind {
    DEVICE_GPU,
    DEVICE_NIC,
};

/* How a GPU is paired with its NICs: the nearest kind there is. NVIDIA's names: PIX or PXB, NODE,
 * SYS (nvidia-smi topo -m). GPUDirect RDMA needs the first, or NUMA where GPUs have C2C. */
enum device_pairing {
    DEVICE_PAIRING_SWITCH, /* the same PCIe switch or root complex */
    DEVICE_PAIRING_NUMA,   /* no NIC at its switch, but some at its NUMA node */
    DEVICE_PAIRING_NONE,   /* no NIC near it */
};

/* One device as its source tells it. NULL or "" for texts that are unknown. */
struct device_description {
    const char *name;        /* required; what a plan calls it: the DRA device name */
    const char *id;          /* GPU: its UUID. NIC: its RDMA device (mlx5_0) */
    const char *pci_address; /* [domain:]bus:device.function in hex, such as 0000:10:1c.0 */
    const char *pcie_switch; /* name of the narrowest PCIe group known: a switch, or a root
                              * (resource.kubernetes.io/pcieRoot, pci0000:10) */
    int numa;                /* NUMA node, or DEVICE_UNKNOWN */
    int rail;                /* network rail 0 … 63, or DEVICE_UNKNOWN */
};

/* One device in a finished map. */
struct device {
    char name[DEVICE_NAME_MAX + 1];
    char id[DEVICE_ID_MAX + 1];
    char pci_address[DEVICE_PCI_ADDRESS_MAX + 1];
    int16_t pcie_switch; /* number in device_map_switch_name(), or DEVICE_UNKNOWN */
    int16_t numa;        /* or DEVICE_UNKNOWN; after what a neighbour on the switch knew */
    int16_t rail;        /* or DEVICE_UNKNOWN */
};

struct device_map;

/* *New* empty map. */
struct device_map *device_map_create(void);
void device_map_destroy(struct device_map *map);

/* Copies the description. Errors, without effect: more than DEVICES_MAX of the kind, an empty, too
 * long or repeated name, a GPU's repeated id, a malformed PCI address, a number out of range. */
int device_map_add_gpu(struct device_map *map, const struct device_description *gpu,
                       struct err *err);
int device_map_add_nic(struct device_map *map, const struct device_description *nic,
                       struct err *err);

/* `count` links (1 … 255) join GPU a and GPU b, in both directions. Errors, without effect: a name
 * that is not there, a GPU with itself, a count out of range, a pair linked before with another
 * count. */
int device_map_link(struct device_map *map, const char *gpu_a, const char *gpu_b, int count,
                    struct err *err);
/* `count` links (1 … 255) between every two GPUs added so far: NVSwitch, full mesh. */
int device_map_link_all(struct device_map *map, int count, struct err *err);
/* Takes all links from a finished map, GPU i from GPU i in map order: for a source that tells the
 * devices but not their links (DRA) and a machine known by name. Replaces links made before and is
 * the last word: no GPU or link may follow. Errors, without effect: another number of GPUs. */
int device_map_link_like(struct device_map *map, const struct device_map *pattern, struct err *err);

/* Puts the devices in order and derives the masks. Errors: two devices of one switch on different
 * NUMA nodes; the map is then as before. */
int device_map_finish(struct device_map *map, struct err *err);

/* -- a finished map -- */

uint32_t device_map_count(const struct device_map *map, enum device_kind kind);
/* All devices of the kind. */
uint64_t device_map_mask(const struct device_map *map, enum device_kind kind);
/* *Borrowed* until the map is destroyed. */
const struct device *device_map_device(const struct device_map *map, enum device_kind kind,
                                       uint32_t index);
/* Number of the device with that name, or with that id; DEVICE_UNKNOWN when there is none. */
int device_map_find(const struct device_map *map, enum device_kind kind, const char *name);
int device_map_find_id(const struct device_map *map, enum device_kind kind, const char *id);

uint8_t device_map_links(const struct device_map *map, uint32_t gpu_a, uint32_t gpu_b);
/* Every two GPUs have the same number of links, or none at all (also true below two GPUs): all
 * subsets of one size are equal in links. */
bool device_map_uniform(const struct device_map *map);
/* Uniform, with links: NVSwitch or full mesh. */
bool device_map_switched(const struct device_map *map);

/* Known switches, in the order of their first GPU, then first NIC; and what hangs on one. */
uint32_t device_map_switch_count(const struct device_map *map);
const char *device_map_switch_name(const struct device_map *map, uint32_t pcie_switch);
uint64_t device_map_on_switch(const struct device_map *map, enum device_kind kind,
                              uint32_t pcie_switch);
/* Devices of the kind whose NUMA node is known to be `numa`. */
uint64_t device_map_on_numa(const struct device_map *map, enum device_kind kind, int numa);

/* The NICs nearest to a GPU, and how near that is; empty with DEVICE_PAIRING_NONE. */
uint64_t device_map_gpu_nics(const struct device_map *map, uint32_t gpu);
enum device_pairing device_map_gpu_pairing(const struct device_map *map, uint32_t gpu);
/* The rails a GPU sends on, bit r = rail r: its own if known, else those of the NICs at its switch.
 * 0 when unknown. */
uint64_t device_map_gpu_rails(const struct device_map *map, uint32_t gpu);

#endif
