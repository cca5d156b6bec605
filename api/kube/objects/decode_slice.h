// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_OBJECTS_DECODE_SLICE_H
#define API_KUBE_OBJECTS_DECODE_SLICE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "topology/base/arena.h"
#include "topology/base/err.h"
#include "topology/graph/nodes.h"
#include "topology/graph/resources.h"

/* resource.k8s.io ResourceSlice (v1, v1beta2, and v1beta1 with its devices[].basic) to a neutral
 * struct. A slice is one part of a pool of devices of a driver; parts are put together by
 * slice_pools.h.
 *
 *   slice "n1-gpu.nvidia.com-xz4s4"
 *   ├─ driver gpu.nvidia.com, pool n1: generation 1, 1 slice
 *   └─ devices  gpu-0 (GPU)  gpu-1 (GPU)  gpu-0-mig-9 (other) …
 *
 * Every device is kept, whatever it is, with what a scheduler can use of its attributes; the
 * attributes nobody here understands are counted. Everything kept is copied into the arena.
 *
 * `null` and absent are the same. A member of the wrong type, a name that is missing or too long, a
 * negative or fractional number and counts above the limits are errors that name the slice, the
 * device and the place. What the API server refuses for other reasons is not checked again.
 */

#define SLICE_DEVICES_MAX    4096 /* the API server's own limit is 128 */
#define SLICE_ATTRIBUTES_MAX 256  /* of a device; the API server's is 32, with capacities */
#define SLICE_TAINTS_MAX     256  /* of a device */
#define SLICE_TEXT_MAX       64   /* bytes of an attribute that is understood, as in the API */
#define SLICE_DRIVER_MAX     63
#define SLICE_NAME_MAX       253 /* of a slice, a pool and a node */

/* What a slice's devices can be reached from. Only slices of one node are used for placement. */
enum slice_scope {
    SLICE_SCOPE_NODE,      /* spec.nodeName */
    SLICE_SCOPE_SELECTOR,  /* spec.nodeSelector */
    SLICE_SCOPE_ALL_NODES, /* spec.allNodes */
    SLICE_SCOPE_PER_DEVICE /* spec.perDeviceNodeSelection */
};

enum slice_kind {
    SLICE_KIND_OTHER, /* CPUs, memory, partitions of a GPU, IMEX channels, what is not known */
    SLICE_KIND_GPU,   /* a whole GPU */
    SLICE_KIND_NIC
};

enum slice_flag { SLICE_FLAG_UNKNOWN, SLICE_FLAG_NO, SLICE_FLAG_YES };

/* Texts are NULL when the driver does not tell. */
struct slice_device {
    const char *name;
    enum slice_kind kind;
    const char *type;        /* gpu, mig, vfio, amdgpu; for a NIC the kind of interface */
    const char *uuid;        /* GPU */
    const char *product;     /* NVIDIA GB300 */
    const char *addressing;  /* NVIDIA: ATS where GPU and CPU share page tables (Grace), HMM … */
    const char *pci_address; /* 0000:10:1c.0 */
    const char *pcie_root;   /* pci0000:10 */
    int numa;                /* NUMA node, or -1 */
    const char *rdma_device; /* mlx5_0 */
    const char *interface;   /* eth0; an InfiniBand-only NIC has none */
    enum slice_flag rdma;
    enum slice_flag is_virtual;       /* no hardware of its own: veth, macvlan, bridge */
    enum slice_flag virtual_function; /* SR-IOV: a part of another NIC */
    int64_t virtual_functions;        /* SR-IOV: parts this NIC is cut into */
    bool tainted;                     /* NoSchedule or NoExecute: not to be given out */
    const struct label_object *cloud; /* what a cloud tells: gce.dra.net/block … */
    size_t cloud_count;
    const struct amount_object *capacity; /* whole units; 0 is kept */
    size_t capacity_count;
    size_t attribute_count; /* all */
    size_t unknown_count;   /* … of which nobody here understands */
};

struct resource_slice {
    const char *name;
    const char *driver;
    const char *pool;
    int64_t generation;  /* absent: 0 */
    int64_t slice_count; /* of the pool in this generation, >= 1 */
    enum slice_scope scope;
    const char *node; /* SLICE_SCOPE_NODE only */
    const struct slice_device *devices;
    size_t device_count;
};

/* Whether an object is a ResourceSlice, of any version. */
bool slice_recognise(const json_t *object);

/* A slice that owns what it points to, so that it can be decoded on one thread and kept by
 * another. */
struct decoded_slice {
    struct arena arena;
    struct resource_slice slice;
    const char
        *error; /* why it cannot be read; NULL: it was. The slice is as slice_decode() says. */
};

/* *New*, also when the slice cannot be read. */
struct decoded_slice *decoded_slice_create(const json_t *json);
void decoded_slice_destroy(struct decoded_slice *decoded);

/* On failure the members up to `node` that could be read are there, the others NULL or 0, so that
 * the pool the slice belongs to can be held for unknown; there are no devices then. */
int slice_decode(const json_t *json, struct arena *arena, struct resource_slice *slice,
                 struct err *err);

#endif
