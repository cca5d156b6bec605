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

static bool is_inside(const struct solver_started *started, uint32_t layer_level,
                      const struct domains *domains, uint32_t level, uint32_t index)
{
    if (layer_level == level) {
        return started->place == index;
    }
    const struct domain *domain = domains_get(domains, index);
    bool host = layer_level + 1 == domains_levels(domains);
    return host ? started->place >= domain->first && started->place < domain->end
                : started->place >= index && started->place < domain->next;
}

uint32_t solver_slices_within(const struct solver_role *role, const struct domains *domains,
                              uint32_t level, uint32_t index, uint64_t *started)
{
    *started = 0;
    for (uint32_t i = 0; i < role->layer_count; i++) {
        if (role->layers[i].level < level) {
            continue;
        }
        for (uint32_t k = 0; k < role->started_count; k++) {
            if (role->started[k].layer == i &&
                is_inside(&role->started[k], role->layers[i].level, domains, level, index)) {
                *started += role->started[k].count;
            }
        }
        return role->layers[i].size;
    }
    return 1;
}
