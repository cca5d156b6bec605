// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_DEVICES_SLICE_POOLS_H
#define API_KUBE_DEVICES_SLICE_POOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/kube/objects/decode_slice.h"
#include "topology/base/arena.h"
#include "topology/base/err.h"

/* All ResourceSlices of a cluster, and the pools they make up.
 *
 *   pool n1 of gpu.nvidia.com
 *     slice a  generation 7, 1 of 2 slices  gpu-0 … gpu-3     old: does not count
 *     slice b  generation 8, 1 of 2 slices  gpu-0 … gpu-3  ┐
 *     slice c  generation 8, 1 of 2 slices  gpu-4 … gpu-7  ┴▶ complete, 8 devices
 *
 * As in Kubernetes (resource/v1 ResourcePool), only slices of the highest generation count, and the
 * pool is complete when there are as many of them as resourceSliceCount says. In addition a pool is
 * not believed when its slices disagree about that number or about the node, when a device is there
 * twice, or when one of its slices cannot be read. A pool that is not complete has no devices at
 * all here, only a reason: a part of a node is never taken for the whole.
 *
 * Slices come and go in any order and one at a time, as a watch tells them; the answers depend only
 * on the slices that are there, not on the order in which they came.
 */

struct slice_pools;

/* *New*, empty. */
struct slice_pools *slice_pools_create(void);
void slice_pools_destroy(struct slice_pools *pools);

/* A slice (*stolen*) as it is now, new or changed. When it cannot be read the error says why, and
 * the pool it says it is in is unknown until the slice is changed or deleted; what was known of it
 * is gone. */
int slice_pools_apply(struct slice_pools *pools, struct decoded_slice *decoded, struct err *err);

/* The slice with that name is gone. A name that is not there is ignored. */
void slice_pools_delete(struct slice_pools *pools, const char *name);

/* Calls `visit` for every node that a slice of the same pool as slice `name` is of; some more than
 * once. Nothing for a name that is not there. */
void slice_pools_visit_nodes(const struct slice_pools *pools, const char *name,
                             void (*visit)(void *context, const char *node), void *context);

struct slice_pools_counts {
    size_t slices;
    size_t unreadable;
    size_t not_of_a_node; /* nodeSelector, allNodes, perDeviceNodeSelection: not used */
};

struct slice_pools_counts slice_pools_counts(const struct slice_pools *pools);

/* One pool as of now. Everything is *borrowed*: from the arena and, until the next change, from the
 * slice_pools. */
struct slice_pool {
    const char *driver;
    const char *name;
    int64_t generation;                        /* the highest */
    const char *reason;                        /* why it is not complete; NULL: it is */
    const struct slice_device *const *devices; /* by name; none when not complete */
    size_t device_count;
};

/* The pools of a node, by driver and name: those whose slices of the highest generation are of the
 * node, or may be. */
const struct slice_pool *slice_pools_of_node(const struct slice_pools *pools, const char *node,
                                             struct arena *arena, size_t *count);

#endif
