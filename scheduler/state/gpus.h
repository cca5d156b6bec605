// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_GPUS_H
#define SCHEDULER_STATE_GPUS_H

#include <stdbool.h>
#include <stdint.h>

#include "topology/base/checkpoint.h"
#include "topology/base/err.h"
#include "topology/base/names.h"
#include "topology/devices/map.h"
#include "topology/graph/resources.h"

/* Which GPUs of a node belong to which pod, and which are best for the next one.
 *
 *   node n1, map dgx-1v      free    gpu-0 gpu-1 gpu-2 gpu-3 gpu-4 gpu-5 gpu-6 gpu-7
 *                            taken   [ train-0: names known ]  train-1: 1 GPU, nobody knows which
 *
 * An *allocation* is what one pod has of the GPUs of one node: so many, and which ones if that is
 * known. It is known when they were chosen here, or when the pod's annotation phalanx.dev/devices
 * names them, or when the pod has all GPUs of the node. The sets that are known are disjoint,
 * always.
 *
 * Rule for what is not known (a pod that others bound, names that the node does not have or that
 * are somebody else's): while one such allocation is on a node, nothing is chosen there, because
 * any choice could be of a GPU in use; its good capacity is 0, because none can be proven. Plain
 * counts are the ledger's and go on as ever.
 *
 * What is known here is a recommendation and a record: the kubelet's device plugin picks by itself
 * unless something on the node reads the annotation.
 *
 * Nodes of equal hardware share one solver (topology/devices/subset.h) and one list of names.
 */

#define GPUS_NAMES_MAX \
    (DEVICES_MAX * (DEVICE_NAME_MAX + 1)) /* bytes of a list of names, with NUL */

struct gpus;

/* Embedded in its pod; all zero is one that has nothing. Members are read only. */
struct gpus_allocation {
    struct gpus_allocation *next; /* of the same node, in order of arrival */
    struct gpus_allocation *previous;
    uint32_t row;
    uint32_t resource;
    uint32_t count; /* whole GPUs; 0: the allocation has nothing and is in no list */
    uint64_t set;   /* bit i = GPU i of the node's map; 0: not known */
    char *names;    /* what they are called, "gpu-0,gpu-1"; NULL: not known. Owned */
};

/* How many whole GPUs are requested: of the first resource, by name, that ends in "/gpu"; 0: none,
 * *resource is then NAMES_NONE. */
uint32_t gpus_requested(const struct resources *request, const struct names *names,
                        uint32_t *resource);

struct gpus *gpus_create(void);
/* Allocations are their owners'; none may be used afterwards. */
void gpus_destroy(struct gpus *gpus);

/* The GPUs of a node as they are known from now on; `map` (finished, *borrowed* for the call) NULL:
 * not at all. `resource` is the interned name they are counted in. Allocations on the node are
 * looked at again: their sets are what their names mean in the new map. True when something
 * changed. */
bool gpus_observe(struct gpus *gpus, uint32_t row, const struct device_map *map, uint32_t resource);

/* Whether any node has a map: else there is nothing to choose anywhere. */
bool gpus_any(const struct gpus *gpus);
/* What the GPUs of the node are counted in; NAMES_NONE: it has no map. */
uint32_t gpus_resource(const struct gpus *gpus, uint32_t row);
/* The node has a map, of GPUs counted in `resource`. */
bool gpus_mapped(const struct gpus *gpus, uint32_t row, uint32_t resource);

/* Gives `count` > 0 GPUs of the node to an allocation that has none. `set`: which, free ones chosen
 * by gpus_choose(); 0: those that `names` tells (NULL: nothing is known). Names that make no sense
 * (gpus_parse()) or are taken are kept, and looked at again when the node changes. */
void gpus_take(struct gpus *gpus, struct gpus_allocation *allocation, uint32_t row,
               uint32_t resource, uint32_t count, uint64_t set, const char *names);
/* The allocation has nothing any more, but keeps row and names. Nothing happens to one without. */
void gpus_give_back(struct gpus *gpus, struct gpus_allocation *allocation);
/* Other names for an allocation, NULL to forget them; it may have GPUs or not. True when they are
 * new. */
bool gpus_rename(struct gpus *gpus, struct gpus_allocation *allocation, const char *names);

/* All GPUs of the node that are free; false when that is not known, or there is no map. */
bool gpus_free(const struct gpus *gpus, uint32_t row, uint64_t *free);

/* How many pods of `count` GPUs the node can take on good sets (topology/devices/subset.h) that do
 * not overlap; 0 when that is not known. */
uint32_t gpus_good_capacity(const struct gpus *gpus, uint32_t row, uint32_t resource,
                            uint32_t count);

/* Sets of `count` GPUs each for `pods` pods, disjoint, in the order of their lowest GPU; on the
 * `rails` preferred where that costs nothing better. False, and nothing chosen, when the node has
 * no map for the resource, what is free is not known or not enough. */
bool gpus_choose(const struct gpus *gpus, uint32_t row, uint32_t resource, uint32_t count,
                 uint32_t pods, uint64_t rails, uint64_t sets[DEVICES_MAX]);

/* The rails that the GPUs of an allocation send on; 0 when unknown. */
uint64_t gpus_rails(const struct gpus *gpus, const struct gpus_allocation *allocation);
/* The GPUs of an allocation are known and a good set for a pod of its size. */
bool gpus_good(const struct gpus *gpus, const struct gpus_allocation *allocation);

/* Name of the nth GPU of an allocation whose set is known (*borrowed*, until the node's map
 * changes); NULL past the last. */
const char *gpus_allocation_name(const struct gpus *gpus, const struct gpus_allocation *allocation,
                                 uint32_t nth);

/* "gpu-0,gpu-1" to a set of `count` GPUs of the node. Blanks around names are ignored. Errors: the
 * node has no map, a name is empty, too long, not one of the node's GPUs, or there twice, or there
 * are not `count` of them. */
int gpus_parse(const struct gpus *gpus, uint32_t row, const char *names, uint32_t count,
               uint64_t *set, struct err *err);

/* Saves the maps of the nodes, or loads them where no node has one yet; `words` are loaded already,
 * and gives the references that whoever observes a map has. */
void gpus_checkpoint(struct gpus *gpus, struct names *words, uint32_t rows,
                     struct checkpoint *checkpoint);
/* Saves an allocation but for its names and row, or loads it with the row and names that it has. To
 * be called in the order of arrival on each node. */
void gpus_checkpoint_allocation(struct gpus *gpus, struct gpus_allocation *allocation,
                                struct checkpoint *checkpoint);

/* Distinct kinds of hardware (solver and names) in use: for tests and figures. */
uint32_t gpus_boards(const struct gpus *gpus);

#endif
