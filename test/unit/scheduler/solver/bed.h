// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_UNIT_SCHEDULER_SOLVER_BED_H
#define TEST_UNIT_SCHEDULER_SOLVER_BED_H

#include <check.h>
#include <stdio.h>

#include "scheduler/solver/effort.h"
#include "test/unit/scheduler/solver/world.h"

/* A test bed for golden cases of the solver. Plans are written as node names in the plan's order:
 * "n1 n1 n2". */

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* One problem under construction; roles are added by request. */
struct bed {
    struct world world;
    struct resources requests[SOLVER_ROLES_MAX];
    struct capacity *capacities[SOLVER_ROLES_MAX];
    struct bitset *excluded[SOLVER_ROLES_MAX];
    struct solver_role roles[SOLVER_ROLES_MAX];
    struct solver_layer layers[SOLVER_ROLES_MAX][SOLVER_LAYERS_MAX];
    struct solver_started started[SOLVER_ROLES_MAX][8];
    uint32_t pinned[8];
    struct solver_limit limits[4];
    struct solver_apart aparts[4];
    struct solver_problem problem;
    struct solver_effort
        effort; /* of spaces that a test makes itself; no limit unless it says so */
    struct solver_plan plan;
    char text[4096];
};

static inline void bed_init(struct bed *bed, const struct world_node *nodes, size_t count)
{
    memset(bed, 0, sizeof *bed);
    world_init(&bed->world, nodes, count);
    bed->problem = (struct solver_problem){.domains = bed->world.domains,
                                           .free_at = world_free_at,
                                           .free_context = &bed->world,
                                           .roles = bed->roles,
                                           .pinned = bed->pinned,
                                           .limits = bed->limits,
                                           .aparts = bed->aparts,
                                           .required_level = SOLVER_LEVEL_NONE};
    bed->effort.limit = UINT64_MAX;
    solver_plan_init(&bed->plan);
}

static inline void bed_finish(struct bed *bed)
{
    solver_plan_finish(&bed->plan);
    for (uint32_t r = 0; r < bed->problem.role_count; r++) {
        resources_finish(&bed->requests[r]);
        capacity_destroy(bed->capacities[r]);
        bitset_destroy(bed->excluded[r]);
    }
    world_finish(&bed->world);
}

/* Searches may take so many more steps. */
static inline void bed_budget(struct bed *bed, uint64_t steps)
{
    bed->effort.limit =
        steps < UINT64_MAX - bed->effort.steps ? bed->effort.steps + steps : UINT64_MAX;
}

static inline void bed_role(struct bed *bed, uint32_t count, int64_t gpu, int64_t cpu)
{
    uint32_t r = bed->problem.role_count++;
    world_request(&bed->world, &bed->requests[r], gpu, cpu);
    bed->capacities[r] = world_capacity(&bed->world, &bed->requests[r]);
    bed->roles[r] = (struct solver_role){
        .count = count, .request = &bed->requests[r], .capacity = bed->capacities[r]};
}

static inline void bed_exclude(struct bed *bed, uint32_t role, const char *node)
{
    if (bed->excluded[role] == NULL) {
        bed->excluded[role] = bitset_create(domains_positions(bed->world.domains));
        bed->roles[role].excluded = bed->excluded[role];
    }
    bitset_set(bed->excluded[role], world_position(&bed->world, node));
}

static inline uint32_t bed_level(const struct bed *bed, const char *level)
{
    int found = domains_level_find(bed->world.domains, level);
    ck_assert_int_ge(found, 0);
    return (uint32_t)found;
}

/* The domain of a level around a node; at the host level the node's position. */
static inline uint32_t bed_place(const struct bed *bed, const char *level, const char *node)
{
    uint32_t position = world_position(&bed->world, node);
    uint32_t number = bed_level(bed, level);
    return number + 1 == domains_levels(bed->world.domains)
               ? position
               : domains_at(bed->world.domains, position, number);
}

/* One more layer of slices, further in. */
static inline void bed_layer(struct bed *bed, uint32_t role, const char *level, uint32_t size)
{
    struct solver_role *item = &bed->roles[role];
    item->layers = bed->layers[role];
    bed->layers[role][item->layer_count++] =
        (struct solver_layer){.level = bed_level(bed, level), .size = size};
}

/* `count` pods belong to slices of the layer that were started around the node. */
static inline void bed_start(struct bed *bed, uint32_t role, uint32_t layer, const char *node,
                             uint32_t count)
{
    struct solver_role *item = &bed->roles[role];
    const char *level = domains_level_name(bed->world.domains, bed->layers[role][layer].level);
    item->started = bed->started[role];
    bed->started[role][item->started_count++] = (struct solver_started){
        .layer = layer, .place = bed_place(bed, level, node), .count = count};
}

static inline void bed_pin(struct bed *bed, const char *node)
{
    bed->pinned[bed->problem.pinned_count++] = world_position(&bed->world, node);
}

/* At most so many pods of the roles (a bit each) in a domain of the level. */
static inline struct solver_limit *bed_limit(struct bed *bed, const char *level, uint32_t most,
                                             uint32_t roles)
{
    struct solver_limit *limit = &bed->limits[bed->problem.limit_count++];
    *limit = (struct solver_limit){.level = bed_level(bed, level), .most = most, .roles = roles};
    return limit;
}

static inline struct solver_apart *bed_apart(struct bed *bed, const char *level, uint32_t one,
                                             uint32_t other)
{
    struct solver_apart *apart = &bed->aparts[bed->problem.apart_count++];
    *apart = (struct solver_apart){.level = bed_level(bed, level), .roles = {one, other}};
    return apart;
}

static inline void bed_require(struct bed *bed, const char *level)
{
    bed->problem.required_level = bed_level(bed, level);
}

/* The plan as text, "" when there is none. */
static inline const char *bed_solve(struct bed *bed)
{
    solver_solve(&bed->problem, &bed->plan);
    size_t used = 0;
    bed->text[0] = '\0';
    for (uint32_t i = 0; i < bed->plan.count; i++) {
        int length = snprintf(bed->text + used, sizeof bed->text - used, "%s%s", i > 0 ? " " : "",
                              world_name(&bed->world, bed->plan.positions[i]));
        used += (size_t)length;
        ck_assert_uint_lt(used, sizeof bed->text);
    }
    return bed->text;
}

static inline void check_used(const struct bed *bed, const uint32_t *used, bool optimal)
{
    for (uint32_t l = 0; l < bed->plan.levels; l++) {
        ck_assert_uint_eq(bed->plan.used[l], used[l]);
    }
    ck_assert(bed->plan.feasible);
    ck_assert(bed->plan.optimal == optimal);
}

#define CHECK_USED(bed, optimal, ...) check_used((bed), (const uint32_t[]){__VA_ARGS__}, (optimal))

static inline void check_domain(const struct bed *bed, uint32_t domain, const char *path)
{
    char text[256];
    ck_assert_str_eq(domains_path(bed->world.domains, domain, text, sizeof text), path);
}

/* Two blocks of two racks of two nodes, 8 GPUs each. */
static const struct world_node eight[] = {
    {"n1", "b1", "r1", 8, 64}, {"n2", "b1", "r1", 8, 64}, {"n3", "b1", "r2", 8, 64},
    {"n4", "b1", "r2", 8, 64}, {"n5", "b2", "r3", 8, 64}, {"n6", "b2", "r3", 8, 64},
    {"n7", "b2", "r4", 8, 64}, {"n8", "b2", "r4", 8, 64},
};

#endif
