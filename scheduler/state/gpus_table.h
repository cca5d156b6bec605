// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_GPUS_TABLE_H
#define SCHEDULER_STATE_GPUS_TABLE_H

#include "scheduler/state/gpus.h"
#include "topology/devices/subset.h"

/* What gpus.c keeps of nodes and their hardware, for it and gpus_checkpoint.c. Nobody else includes
 * this.
 */

struct solver_entry {
    uint32_t boards; /* that use it */
    struct device_subset *subset;
};

struct board {
    uint32_t nodes; /* that use it */
    uint32_t gpu_count;
    char (*names)[DEVICE_NAME_MAX + 1];
    struct solver_entry *solver;
    struct device_map *map; /* of the first of them, for checkpoints */
};

struct gpus_node {
    struct board *board; /* NULL: no map */
    uint32_t resource;
    uint64_t unknown;
    uint64_t taken;
    struct gpus_allocation *first;
    struct gpus_allocation *last;
};

struct gpus {
    struct gpus_node *nodes; /* by row */
    uint32_t node_count;
    size_t node_room;
    uint32_t mapped; /* nodes with a board */
    struct board **boards;
    uint32_t board_count;
    size_t board_room;
    struct solver_entry **solvers;
    uint32_t solver_count;
    size_t solver_room;
};

struct gpus_node *gpus_node_of(struct gpus *gpus, uint32_t row);
uint64_t gpus_board_all(const struct board *board); /* set of all its GPUs */
/* The allocation is the last one to have come to the node. */
void gpus_link(struct gpus_node *node, struct gpus_allocation *allocation);

#endif
