// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdio.h>

#include "test/property/oracle.h"

/* An instance for people: one line for a node, "p3 block/leaf 5" with its room for every role. */

static void print_role(const struct oracle_instance *instance, uint32_t r)
{
    const struct solver_role *role = &instance->roles[r];
    printf("  role %" PRIu32 ": %" PRIu32 " pods", r, role->count);
    for (uint32_t i = 0; i < role->layer_count; i++) {
        printf(", %" PRIu32 " by level %" PRIu32, role->layers[i].size, role->layers[i].level);
    }
    for (uint32_t i = 0; i < role->started_count; i++) {
        printf(", started %" PRIu32 " of layer %" PRIu32 " in %" PRIu32, role->started[i].count,
               role->started[i].layer, role->started[i].place);
    }
    if (role->podset > 0) {
        const struct solver_podset *podset = &instance->podsets[role->podset - 1];
        printf(", podset %" PRIu32 " in one of level %" PRIu32 ", bound at", role->podset,
               podset->level);
        for (uint32_t i = 0; i < podset->pinned_count; i++) {
            printf(" %" PRIu32, podset->pinned[i]);
        }
    }
    printf("\n");
}

static void print_set(uint32_t roles, const uint32_t *pinned, uint32_t count)
{
    printf(" roles %" PRIx32 " bound at", roles);
    for (uint32_t i = 0; i < count; i++) {
        printf(" %" PRIu32, pinned[i]);
    }
}

static void print_limits(const struct oracle_instance *instance)
{
    for (uint32_t i = 0; i < instance->problem.limit_count; i++) {
        const struct solver_limit *limit = &instance->limits[i];
        printf("  at most %" PRIu32 " by level %" PRIu32 ":", limit->most, limit->level);
        print_set(limit->roles, limit->pinned, limit->pinned_count);
        printf("\n");
    }
    for (uint32_t i = 0; i < instance->problem.apart_count; i++) {
        const struct solver_apart *apart = &instance->aparts[i];
        printf("  apart by level %" PRIu32 ":", apart->level);
        print_set(apart->roles[0], apart->pinned[0], apart->pinned_count[0]);
        printf(" |");
        print_set(apart->roles[1], apart->pinned[1], apart->pinned_count[1]);
        printf("\n");
    }
}

static void print_position(const struct oracle_instance *instance, uint32_t p,
                           const struct solver_plan *plan)
{
    printf("    p%-3" PRIu32, p);
    for (uint32_t l = 1; l + 1 < instance->levels; l++) {
        uint32_t place = instance->place[p][l];
        printf(" %s#%" PRIu32, domains_name(instance->domains, place), place);
    }
    printf("  room");
    for (uint32_t r = 0; r < instance->problem.role_count; r++) {
        printf(" %" PRIu32, oracle_allowed(instance, r, p));
    }
    for (uint32_t i = 0; i < instance->problem.pinned_count; i++) {
        printf("%s", instance->pinned[i] == p ? "  bound" : "");
    }
    uint32_t pods = 0;
    for (uint32_t i = 0; i < plan->count; i++) {
        pods += plan->positions[i] == p;
    }
    if (pods > 0) {
        printf("  <- %" PRIu32, pods);
    }
    printf("\n");
}

void oracle_instance_print(const struct oracle_instance *instance, const struct solver_plan *plan)
{
    printf("  %" PRIu32 " levels", instance->levels);
    if (instance->problem.required_level != SOLVER_LEVEL_NONE) {
        printf(", level %" PRIu32 " required", instance->problem.required_level);
    }
    printf("\n");
    for (uint32_t r = 0; r < instance->problem.role_count; r++) {
        print_role(instance, r);
    }
    print_limits(instance);
    for (uint32_t p = 0; p < instance->positions; p++) {
        print_position(instance, p, plan);
    }
}
