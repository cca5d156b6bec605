// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_UNIT_SCHEDULER_SOLVER_WORLD_H
#define TEST_UNIT_SCHEDULER_SOLVER_WORLD_H

#include <stdlib.h>
#include <string.h>

#include "scheduler/solver/solver.h"
#include "topology/base/alloc.h"
#include "topology/base/err.h"
#include "topology/graph/levels.h"
#include "topology/graph/nodes.h"

/* A small cluster with a real node table and tree, for the solver's tests:
 * levels cluster > block > rack > host, resources "gpu" and "cpu". */

struct world_node {
    const char *name;
    const char *block; /* NULL: the node lacks the label */
    const char *rack;
    int64_t gpu;
    int64_t cpu;
};

struct world {
    struct nodes *nodes;
    struct domains *domains;
    uint32_t gpu;
    uint32_t cpu;
};

static inline struct domains *world_tree(const char *const *names, size_t count)
{
    struct levels levels;
    levels_init(&levels);
    int failed = 0;
    for (size_t i = 0; i < count; i++) {
        failed |= levels_add(&levels, names[i], NULL);
        failed |= levels_add_key(&levels, names[i], NULL);
    }
    failed |= levels_finish(&levels, NULL);
    err_require(failed == 0);
    return domains_create(&levels);
}

static inline void world_add(struct world *world, const struct world_node *node)
{
    struct label_object labels[2];
    size_t label_count = 0;
    if (node->block != NULL) {
        labels[label_count++] = (struct label_object){.key = "block", .value = node->block};
    }
    if (node->rack != NULL) {
        labels[label_count++] = (struct label_object){.key = "rack", .value = node->rack};
    }
    const struct amount_object amounts[] = {{"gpu", node->gpu}, {"cpu", node->cpu}};
    const struct node_object object = {.name = node->name,
                                       .labels = labels,
                                       .label_count = label_count,
                                       .allocatable = amounts,
                                       .allocatable_count = 2};
    uint32_t row = 0;
    unsigned changes = 0;
    err_require(nodes_observe(world->nodes, &object, &row, &changes, NULL) == 0);
}

static inline void world_init(struct world *world, const struct world_node *nodes, size_t count)
{
    static const char *const names[] = {"block", "rack"};
    world->nodes = nodes_create(7);
    struct names *words = nodes_vocabulary(world->nodes);
    world->gpu = names_intern(words, "gpu", 3);
    world->cpu = names_intern(words, "cpu", 3);
    for (size_t i = 0; i < count; i++) {
        world_add(world, &nodes[i]);
    }
    world->domains = world_tree(names, 2);
    domains_build(world->domains, world->nodes);
}

static inline void world_finish(struct world *world)
{
    domains_destroy(world->domains);
    nodes_destroy(world->nodes);
}

/* The whole of a node is free; `context` is the world. */
static inline const struct resources *world_free_at(const void *context, uint32_t position)
{
    const struct world *world = context;
    return &nodes_get(world->nodes, domains_row(world->domains, position))->allocatable;
}

/* *New*: copies of the request on every node. */
static inline struct capacity *world_capacity(const struct world *world,
                                              const struct resources *request)
{
    struct capacity *capacity = capacity_create(world->domains);
    for (uint32_t p = 0; p < domains_positions(world->domains); p++) {
        capacity_set(capacity, p,
                     resources_copies(request, world_free_at(world, p), CAPACITY_NODE_MAX));
    }
    return capacity;
}

static inline void world_request(const struct world *world, struct resources *request, int64_t gpu,
                                 int64_t cpu)
{
    resources_init(request);
    resources_set(request, world->gpu, gpu);
    resources_set(request, world->cpu, cpu);
}

static inline uint32_t world_position(const struct world *world, const char *name)
{
    uint32_t row = nodes_find(world->nodes, name, strlen(name));
    uint32_t position = domains_position(world->domains, row);
    err_require(position != DOMAINS_NONE);
    return position;
}

static inline const char *world_name(const struct world *world, uint32_t position)
{
    return nodes_name(world->nodes, domains_row(world->domains, position));
}

#endif
