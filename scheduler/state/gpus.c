// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/gpus.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/state/gpus_table.h"
#include "topology/base/alloc.h"
#include "topology/base/utf8.h"
#include "topology/devices/map_checkpoint.h"

/* Sets of GPUs per node.
 *
 *   nodes[row] ─▶ board ─▶ names, solver        board: what nodes of equal hardware have in common
 *       │                                       solver: a device_subset; boards that differ only in
 *       └─▶ allocations, in order of arrival                 names share one
 *
 * Names are what lasts, sets are worked out: an allocation that was chosen here is given the names
 * of its set, so that it finds itself again when the node's map goes and comes back, or when
 * another process reads the annotation.
 *
 * Invariants, per node: `taken` is the union of the known sets, which are disjoint; `unknown`
 * counts the GPUs of allocations in the node's resource whose set is 0. Without a board both are 0.
 */

uint32_t gpus_requested(const struct resources *request, const struct names *names,
                        uint32_t *resource)
{
    static const char suffix[] = "/gpu";
    const char *first = NULL; /* by name: ids depend on what was seen before */
    int64_t amount = 0;
    *resource = NAMES_NONE;
    for (uint32_t i = 0; i < request->count; i++) {
        const struct resource *item = &request->items[i];
        const char *name = names_text(names, resource_word(item->name));
        size_t length = strlen(name), tail = sizeof(suffix) - 1;
        if (!resource_is_slot(item->name) && length > tail &&
            strcmp(name + length - tail, suffix) == 0 &&
            (first == NULL || strcmp(name, first) < 0)) {
            first = name;
            *resource = item->name;
            amount = item->amount;
        }
    }
    return amount < UINT32_MAX ? (uint32_t)amount : UINT32_MAX;
}

struct gpus *gpus_create(void)
{
    return alloc_zero(1, sizeof(struct gpus));
}

static void board_free(struct board *board)
{
    device_map_destroy(board->map);
    free(board->names);
    free(board);
}

static void solver_free(struct solver_entry *solver)
{
    device_subset_destroy(solver->subset);
    free(solver);
}

void gpus_destroy(struct gpus *gpus)
{
    if (gpus == NULL) {
        return;
    }
    for (uint32_t i = 0; i < gpus->board_count; i++) {
        board_free(gpus->boards[i]);
    }
    for (uint32_t i = 0; i < gpus->solver_count; i++) {
        solver_free(gpus->solvers[i]);
    }
    free(gpus->boards);
    free(gpus->solvers);
    free(gpus->nodes);
    free(gpus);
}

struct gpus_node *gpus_node_of(struct gpus *gpus, uint32_t row)
{
    if (row >= gpus->node_count) {
        gpus->nodes =
            alloc_grow(gpus->nodes, &gpus->node_room, (size_t)row + 1, sizeof *gpus->nodes);
        memset(&gpus->nodes[gpus->node_count], 0,
               (row + 1 - gpus->node_count) * sizeof *gpus->nodes);
        gpus->node_count = row + 1;
    }
    return &gpus->nodes[row];
}

/* The node when it has a map of GPUs counted in the resource, else NULL. */
static const struct gpus_node *mapped_node(const struct gpus *gpus, uint32_t row, uint32_t resource)
{
    const struct gpus_node *node = row < gpus->node_count ? &gpus->nodes[row] : NULL;
    return node != NULL && node->board != NULL && node->resource == resource ? node : NULL;
}

uint64_t gpus_board_all(const struct board *board)
{
    return board->gpu_count == DEVICES_MAX ? UINT64_MAX : (UINT64_C(1) << board->gpu_count) - 1;
}

/* ---- boards ---- */

static bool board_fits(const struct board *board, const struct device_map *map)
{
    if (board->gpu_count != device_map_count(map, DEVICE_GPU)) {
        return false;
    }
    for (uint32_t i = 0; i < board->gpu_count; i++) {
        if (strcmp(board->names[i], device_map_device(map, DEVICE_GPU, i)->name) != 0) {
            return false;
        }
    }
    return device_subset_serves(board->solver->subset, map);
}

static struct solver_entry *find_solver(struct gpus *gpus, const struct device_map *map)
{
    for (uint32_t i = 0; i < gpus->solver_count; i++) {
        if (device_subset_serves(gpus->solvers[i]->subset, map)) {
            return gpus->solvers[i];
        }
    }
    struct solver_entry *solver = alloc_zero(1, sizeof *solver);
    solver->subset = device_subset_create(map);
    gpus->solvers = alloc_grow(gpus->solvers, &gpus->solver_room, (size_t)gpus->solver_count + 1,
                               sizeof(struct solver_entry *));
    gpus->solvers[gpus->solver_count++] = solver;
    return solver;
}

/* The board of a map with GPUs, with one node more. */
static struct board *board_acquire(struct gpus *gpus, const struct device_map *map)
{
    for (uint32_t i = 0; i < gpus->board_count; i++) {
        if (board_fits(gpus->boards[i], map)) {
            gpus->boards[i]->nodes++;
            return gpus->boards[i];
        }
    }
    struct board *board = alloc_zero(1, sizeof *board);
    board->nodes = 1;
    board->map = device_map_copy(map);
    board->gpu_count = device_map_count(map, DEVICE_GPU);
    board->names = alloc_zero(board->gpu_count, sizeof *board->names);
    for (uint32_t i = 0; i < board->gpu_count; i++) {
        memcpy(board->names[i], device_map_device(map, DEVICE_GPU, i)->name,
               sizeof board->names[i]);
    }
    board->solver = find_solver(gpus, map);
    board->solver->boards++;
    gpus->boards = alloc_grow(gpus->boards, &gpus->board_room, (size_t)gpus->board_count + 1,
                              sizeof(struct board *));
    gpus->boards[gpus->board_count++] = board;
    return board;
}

static void solver_release(struct gpus *gpus, struct solver_entry *solver)
{
    if (--solver->boards > 0) {
        return;
    }
    for (uint32_t i = 0; i < gpus->solver_count; i++) {
        if (gpus->solvers[i] == solver) {
            gpus->solvers[i] = gpus->solvers[--gpus->solver_count];
        }
    }
    solver_free(solver);
}

static void board_release(struct gpus *gpus, struct board *board)
{
    if (board == NULL || --board->nodes > 0) {
        return;
    }
    for (uint32_t i = 0; i < gpus->board_count; i++) {
        if (gpus->boards[i] == board) {
            gpus->boards[i] = gpus->boards[--gpus->board_count];
        }
    }
    solver_release(gpus, board->solver);
    board_free(board);
}

/* ---- names ---- */

static int find_name(const struct board *board, const char *name, size_t length)
{
    for (uint32_t i = 0; i < board->gpu_count; i++) {
        if (strncmp(board->names[i], name, length) == 0 && board->names[i][length] == '\0') {
            return (int)i;
        }
    }
    return -1;
}

/* One name of the list, added to *set. */
static int parse_name(const struct board *board, const char *name, size_t length, uint64_t *set,
                      struct err *err)
{
    while (length > 0 && *name == ' ') {
        name++;
        length--;
    }
    while (length > 0 && name[length - 1] == ' ') {
        length--;
    }
    if (length == 0 || length > DEVICE_NAME_MAX) {
        return err_set(err, "a name has %zu bytes, not 1 to %d", length, DEVICE_NAME_MAX);
    }
    int gpu = find_name(board, name, length);
    if (gpu < 0) {
        return err_set(err, "the node has no GPU \"%.*s\"", (int)length, name);
    }
    if ((*set >> gpu & 1) != 0) {
        return err_set(err, "GPU \"%.*s\" is there twice", (int)length, name);
    }
    *set |= UINT64_C(1) << gpu;
    return 0;
}

int gpus_parse(const struct gpus *gpus, uint32_t row, const char *names, uint32_t count,
               uint64_t *set, struct err *err)
{
    const struct board *board = row < gpus->node_count ? gpus->nodes[row].board : NULL;
    uint64_t found = 0;
    if (board == NULL) {
        return err_set(err, "nothing is known of the node's GPUs");
    }
    for (;;) {
        size_t length = strcspn(names, ",");
        if (parse_name(board, names, length, &found, err) < 0) {
            return -1;
        }
        if (names[length] == '\0') {
            break;
        }
        names += length + 1;
    }
    uint32_t named = (uint32_t)__builtin_popcountll(found);
    if (named != count) {
        return err_set(err, "%u GPUs are named for a pod of %u", named, count);
    }
    *set = found;
    return 0;
}

/* *New* "gpu-0,gpu-1". */
static char *write_names(const struct board *board, uint64_t set)
{
    char text[GPUS_NAMES_MAX];
    size_t length = 0;
    for (; set != 0; set &= set - 1) {
        length += utf8_print(text + length, sizeof text - length, "%s%s", length == 0 ? "" : ",",
                             board->names[__builtin_ctzll(set)]);
    }
    return alloc_string(text);
}

/* ---- allocations ---- */

void gpus_link(struct gpus_node *node, struct gpus_allocation *allocation)
{
    allocation->next = NULL;
    allocation->previous = node->last;
    if (node->last != NULL) {
        node->last->next = allocation;
    } else {
        node->first = allocation;
    }
    node->last = allocation;
}

static void unlink_allocation(struct gpus_node *node, struct gpus_allocation *allocation)
{
    if (allocation->previous != NULL) {
        allocation->previous->next = allocation->next;
    } else {
        node->first = allocation->next;
    }
    if (allocation->next != NULL) {
        allocation->next->previous = allocation->previous;
    } else {
        node->last = allocation->previous;
    }
    allocation->next = NULL;
    allocation->previous = NULL;
}

/* What the allocation's names mean, or that it has everything; 0 when that is not known or
 * taken. */
static uint64_t resolve(const struct gpus *gpus, const struct gpus_node *node,
                        const struct gpus_allocation *allocation)
{
    uint64_t set = 0;
    if ((allocation->names == NULL ||
         gpus_parse(gpus, allocation->row, allocation->names, allocation->count, &set, NULL) < 0) &&
        allocation->count == node->board->gpu_count) {
        set = gpus_board_all(node->board);
    }
    return (set & node->taken) == 0 ? set : 0;
}

/* Works out the sets of allocations that have none, now that something changed. */
static void resolve_all(struct gpus *gpus, struct gpus_node *node)
{
    if (node->board == NULL || node->unknown == 0) {
        return;
    }
    for (struct gpus_allocation *allocation = node->first; allocation != NULL;
         allocation = allocation->next) {
        if (allocation->set == 0 && allocation->resource == node->resource) {
            allocation->set = resolve(gpus, node, allocation);
            node->taken |= allocation->set;
            node->unknown -= allocation->set != 0 ? allocation->count : 0;
        }
    }
}

void gpus_take(struct gpus *gpus, struct gpus_allocation *allocation, uint32_t row,
               uint32_t resource, uint32_t count, uint64_t set, const char *names)
{
    struct gpus_node *node = gpus_node_of(gpus, row);
    assert(allocation->count == 0 && count > 0);
    (void)gpus_rename(gpus, allocation, names);
    allocation->row = row;
    allocation->resource = resource;
    allocation->count = count;
    gpus_link(node, allocation);
    if (node->board == NULL || node->resource != resource) {
        return;
    }
    if (set != 0) {
        assert((set & node->taken) == 0 && (set & ~gpus_board_all(node->board)) == 0);
        assert((uint32_t)__builtin_popcountll(set) == count);
        allocation->set = set;
        node->taken |= set;
        free(allocation->names);
        allocation->names = write_names(node->board, set);
        return;
    }
    node->unknown += count;
    resolve_all(gpus, node);
}

/* The allocation's set, known or not, is free again. */
static void clear_set(struct gpus_node *node, struct gpus_allocation *allocation)
{
    if (node->board != NULL && allocation->resource == node->resource) {
        node->taken &= ~allocation->set;
        node->unknown -= allocation->set == 0 ? allocation->count : 0;
    }
    allocation->set = 0;
}

void gpus_give_back(struct gpus *gpus, struct gpus_allocation *allocation)
{
    if (allocation->count == 0) {
        return;
    }
    struct gpus_node *node = &gpus->nodes[allocation->row];
    clear_set(node, allocation);
    unlink_allocation(node, allocation);
    allocation->count = 0;
    resolve_all(gpus, node);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool gpus_rename(struct gpus *gpus, struct gpus_allocation *allocation, const char *names)
{
    if (same_text(allocation->names, names)) {
        return false;
    }
    char *copy = alloc_string(names);
    free(allocation->names);
    allocation->names = copy;
    if (allocation->count > 0) {
        struct gpus_node *node = &gpus->nodes[allocation->row];
        clear_set(node, allocation);
        if (node->board != NULL && allocation->resource == node->resource) {
            node->unknown += allocation->count;
        }
        resolve_all(gpus, node);
    }
    return true;
}

/* ---- nodes ---- */

bool gpus_observe(struct gpus *gpus, uint32_t row, const struct device_map *map, uint32_t resource)
{
    bool has_gpus = map != NULL && device_map_count(map, DEVICE_GPU) > 0;
    if (!has_gpus && (row >= gpus->node_count || gpus->nodes[row].board == NULL)) {
        return false;
    }
    struct gpus_node *node = gpus_node_of(gpus, row);
    if (has_gpus && node->board != NULL && node->resource == resource &&
        board_fits(node->board, map)) {
        return false;
    }
    struct board *old = node->board;
    node->board = has_gpus ? board_acquire(gpus, map) : NULL;
    node->resource = resource;
    node->taken = 0;
    node->unknown = 0;
    gpus->mapped += (node->board != NULL) - (old != NULL);
    board_release(gpus, old);
    for (struct gpus_allocation *allocation = node->first; allocation != NULL;
         allocation = allocation->next) {
        allocation->set = 0;
        if (node->board != NULL && allocation->resource == resource) {
            node->unknown += allocation->count;
        }
    }
    resolve_all(gpus, node);
    return true;
}

bool gpus_any(const struct gpus *gpus)
{
    return gpus->mapped > 0;
}

uint32_t gpus_resource(const struct gpus *gpus, uint32_t row)
{
    bool mapped = row < gpus->node_count && gpus->nodes[row].board != NULL;
    return mapped ? gpus->nodes[row].resource : NAMES_NONE;
}

bool gpus_mapped(const struct gpus *gpus, uint32_t row, uint32_t resource)
{
    return mapped_node(gpus, row, resource) != NULL;
}

uint32_t gpus_boards(const struct gpus *gpus)
{
    return gpus->board_count;
}

/* ---- choosing ---- */

bool gpus_free(const struct gpus *gpus, uint32_t row, uint64_t *free)
{
    const struct gpus_node *node = row < gpus->node_count ? &gpus->nodes[row] : NULL;
    if (node == NULL || node->board == NULL || node->unknown > 0) {
        return false;
    }
    *free = gpus_board_all(node->board) & ~node->taken;
    return true;
}

uint32_t gpus_good_capacity(const struct gpus *gpus, uint32_t row, uint32_t resource,
                            uint32_t count)
{
    uint64_t free;
    const struct gpus_node *node = mapped_node(gpus, row, resource);
    if (node == NULL || !gpus_free(gpus, row, &free)) {
        return 0;
    }
    return device_subset_capacity(node->board->solver->subset, free, count);
}

static int compare_sets(const void *left, const void *right)
{
    int a = __builtin_ctzll(*(const uint64_t *)left);
    int b = __builtin_ctzll(*(const uint64_t *)right);
    return (a > b) - (a < b);
}

bool gpus_choose(const struct gpus *gpus, uint32_t row, uint32_t resource, uint32_t count,
                 uint32_t pods, uint64_t rails, uint64_t sets[DEVICES_MAX])
{
    struct device_request request = {.gpus = count, .free_nics = UINT64_MAX, .rails = rails};
    const struct gpus_node *node = mapped_node(gpus, row, resource);
    if (node == NULL || count == 0 || pods == 0 || !gpus_free(gpus, row, &request.free_gpus)) {
        return false;
    }
    const struct device_subset *subset = node->board->solver->subset;
    if (device_subset_plain(subset, request.free_gpus, count) < pods) {
        return false;
    }
    (void)device_subset_several(subset, &request, pods, sets);
    qsort(sets, pods, sizeof *sets, compare_sets);
    return true;
}

/* The solver behind an allocation whose set is known, else NULL. */
static const struct device_subset *solver_of(const struct gpus *gpus,
                                             const struct gpus_allocation *allocation)
{
    return allocation->count == 0 || allocation->set == 0
               ? NULL
               : gpus->nodes[allocation->row].board->solver->subset;
}

uint64_t gpus_rails(const struct gpus *gpus, const struct gpus_allocation *allocation)
{
    const struct device_subset *subset = solver_of(gpus, allocation);
    return subset == NULL ? 0 : device_subset_rails(subset, allocation->set);
}

bool gpus_good(const struct gpus *gpus, const struct gpus_allocation *allocation)
{
    const struct device_subset *subset = solver_of(gpus, allocation);
    return subset != NULL && device_subset_good(subset, allocation->set);
}

const char *gpus_allocation_name(const struct gpus *gpus, const struct gpus_allocation *allocation,
                                 uint32_t nth)
{
    uint64_t set = allocation->count == 0 ? 0 : allocation->set;
    for (; set != 0; set &= set - 1) {
        if (nth-- == 0) {
            return gpus->nodes[allocation->row].board->names[__builtin_ctzll(set)];
        }
    }
    return NULL;
}
