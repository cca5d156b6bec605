// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/gpus_table.h"
#include "topology/base/alloc.h"
#include "topology/devices/map_checkpoint.h"

/* Maps and allocations in a checkpoint (gpus.h). A map is saved once, with the first node that has
 * it.
 */

static bool is_allocation(const struct gpus_node *node, uint32_t resource, uint32_t count,
                          uint64_t set)
{
    if (node->board == NULL || node->resource != resource) {
        return count > 0 && set == 0;
    }
    return count > 0 && (set & ~gpus_board_all(node->board)) == 0 && (set & node->taken) == 0 &&
           (set == 0 || (uint32_t)__builtin_popcountll(set) == count);
}

void gpus_checkpoint_allocation(struct gpus *gpus, struct gpus_allocation *allocation,
                                struct checkpoint *checkpoint)
{
    uint32_t count = allocation->count;
    checkpoint_u32(checkpoint, &count);
    if (checkpoint->failed || count == 0) {
        return;
    }
    checkpoint_u32(checkpoint, &allocation->resource);
    checkpoint_u64(checkpoint, &allocation->set);
    if (!checkpoint->loading || checkpoint->failed) {
        return;
    }
    struct gpus_node *node = gpus_node_of(gpus, allocation->row);
    if (!checkpoint_check(checkpoint,
                          is_allocation(node, allocation->resource, count, allocation->set),
                          "GPUs that cannot be")) {
        return;
    }
    allocation->count = count;
    gpus_link(node, allocation);
    if (node->board != NULL && node->resource == allocation->resource) {
        node->taken |= allocation->set;
        node->unknown += allocation->set == 0 ? count : 0;
    }
}

/* Which of the boards seen so far the node has; CHECKPOINT_NONE: none. A new one is the next. */
static uint32_t board_number(const struct gpus *gpus, uint32_t row, struct board *const *seen,
                             uint32_t count)
{
    if (gpus_resource(gpus, row) == NAMES_NONE) {
        return CHECKPOINT_NONE;
    }
    uint32_t number = 0;
    while (number < count && seen[number] != gpus->nodes[row].board) {
        number++;
    }
    return number;
}

static void load_board(struct gpus *gpus, struct names *words, uint32_t row, uint32_t resource,
                       const struct device_map *map, struct checkpoint *checkpoint)
{
    if (checkpoint_check(checkpoint,
                         !checkpoint->failed && names_has(words, resource) &&
                             device_map_count(map, DEVICE_GPU) > 0,
                         "GPUs that cannot be")) {
        names_retain(words, resource);
        (void)gpus_observe(gpus, row, map, resource);
    }
}

/* Node by node the number of its board; the map of a new one follows. */
void gpus_checkpoint(struct gpus *gpus, struct names *words, uint32_t rows,
                     struct checkpoint *checkpoint)
{
    struct board **seen = NULL;
    uint32_t count = 0;
    size_t room = 0;
    checkpoint_section(checkpoint, "GPUs");
    for (uint32_t row = 0; row < rows && !checkpoint->failed; row++) {
        uint32_t board = board_number(gpus, row, seen, count);
        uint32_t resource = gpus_resource(gpus, row);
        struct device_map *map = NULL;
        checkpoint_index(checkpoint, &board, count + 1);
        if (board == CHECKPOINT_NONE || checkpoint->failed) {
            continue;
        }
        bool new = board == count;
        checkpoint_place(checkpoint, &resource, (uint32_t)names_bound(words));
        if (new) {
            map = checkpoint->loading ? NULL : gpus->nodes[row].board->map;
            device_map_checkpoint(&map, checkpoint);
        }
        err_require(new || seen != NULL); /* the number of one of them */
        if (checkpoint->loading) {
            load_board(gpus, words, row, resource, new ? map : seen[board]->map, checkpoint);
            device_map_destroy(map);
        }
        if (new && !checkpoint->failed) {
            seen = alloc_grow(seen, &room, (size_t)count + 1, sizeof(struct board *));
            seen[count++] = gpus->nodes[row].board;
        }
    }
    free(seen);
}
