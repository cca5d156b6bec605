// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/slices.h"

#include <stdbool.h>
#include <stddef.h>

/* Layers are at most three and started slices a handful, so both are searched one by one. */

static const struct solver_layer *find_layer(const struct solver_role *role, uint32_t level)
{
    for (uint32_t i = 0; i < role->layer_count; i++) {
        if (role->layers[i].level == level) {
            return &role->layers[i];
        }
    }
    return NULL;
}

uint32_t solver_slices_portion(const struct solver_role *role, uint32_t level)
{
    const struct solver_layer *layer = find_layer(role, level);
    return layer == NULL ? 1 : layer->size;
}

uint32_t solver_slices_started(const struct solver_role *role, uint32_t level, uint32_t index)
{
    for (uint32_t i = 0; i < role->started_count; i++) {
        if (role->started[i].place == index &&
            role->layers[role->started[i].layer].level == level) {
            return role->started[i].count;
        }
    }
    return 0;
}

uint64_t solver_slices_round(const struct solver_role *role, const struct domains *domains,
                             uint32_t level, uint32_t index, uint64_t raw)
{
    const struct solver_layer *layer = find_layer(role, level);
    if (layer == NULL) {
        return raw;
    }
    uint32_t started = solver_slices_started(role, level, index);
    if (raw < started) {
        return 0;
    }
    bool known = level + 1 == domains_levels(domains) || domains_get(domains, index)->known;
    return started + (known ? (raw - started) / layer->size * layer->size : 0);
}
