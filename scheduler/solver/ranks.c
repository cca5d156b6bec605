// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/ranks.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* Layer by layer from the widest: the positions of one domain are a stretch, and the members it
 * gets are picked for the whole stretch before the next layer looks into it.
 *
 *   deal(members, stretch, layer)
 *       for each domain of the layer in the stretch
 *           pick   members of slices started here, then the first whole slices not started anywhere
 *           deal(picked, its part of the stretch, layer + 1)
 *
 * Below the last layer members and positions are paired as they come. Members are passed as indices
 * in rank order; a pick keeps that order.
 */

struct deal {
    const struct domains *domains;
    const struct solver_layer *layers;
    uint32_t layer_count;
    const struct ranks_member *members;
    const uint32_t *positions;
    uint32_t *dealt;
};

static uint32_t place_of(const struct deal *deal, uint32_t position, uint32_t layer)
{
    uint32_t level = deal->layers[layer].level;
    bool host = level + 1 == domains_levels(deal->domains);
    return host ? position : domains_at(deal->domains, position, level);
}

/* Moves `count` of the members in `left` to `picked`: those whose slice was started in the place,
 * then the first ones of slices started nowhere, whole slices only. */
static uint32_t pick(const struct deal *deal, uint32_t layer, uint32_t place, uint32_t count,
                     uint32_t *left, uint32_t *left_count, uint32_t *picked)
{
    bool *taken = alloc_zero(*left_count, sizeof *taken);
    uint32_t total = 0;
    uint32_t started = 0;
    for (int pass = 0; pass < 2; pass++) {
        uint32_t wanted = pass == 0 ? place : DOMAINS_NONE;
        for (uint32_t i = 0; i < *left_count && total < count; i++) {
            if (!taken[i] && deal->members[left[i]].started[layer] == wanted) {
                taken[i] = true;
                total++;
            }
        }
        started = pass == 0 ? total : started;
    }
    err_require(total == count && (total - started) % deal->layers[layer].size == 0);
    uint32_t kept = 0;
    uint32_t moved = 0;
    for (uint32_t i = 0; i < *left_count; i++) {
        if (taken[i]) {
            picked[moved++] = left[i];
        } else {
            left[kept++] = left[i];
        }
    }
    *left_count = kept;
    free(taken);
    return total;
}

static void deal_stretch(const struct deal *deal, uint32_t layer, uint32_t *members, uint32_t first,
                         uint32_t count)
{
    if (layer == deal->layer_count) {
        for (uint32_t i = 0; i < count; i++) {
            deal->dealt[members[i]] = deal->positions[first + i];
        }
        return;
    }
    uint32_t *picked = alloc_zero(count, sizeof *picked);
    uint32_t left = count;
    for (uint32_t at = 0; at < count;) {
        uint32_t place = place_of(deal, deal->positions[first + at], layer);
        uint32_t end = at;
        while (end < count && place_of(deal, deal->positions[first + end], layer) == place) {
            end++;
        }
        uint32_t got = pick(deal, layer, place, end - at, members, &left, picked);
        deal_stretch(deal, layer + 1, picked, first + at, got);
        at = end;
    }
    free(picked);
}

void ranks_deal(const struct domains *domains, const struct solver_layer *layers,
                uint32_t layer_count, const struct ranks_member *members, const uint32_t *positions,
                uint32_t count, uint32_t *dealt)
{
    const struct deal deal = {.domains = domains,
                              .layers = layers,
                              .layer_count = layer_count,
                              .members = members,
                              .positions = positions,
                              .dealt = dealt};
    uint32_t *all = alloc_zero(count, sizeof *all);
    for (uint32_t i = 0; i < count; i++) {
        all[i] = i;
    }
    deal_stretch(&deal, 0, all, 0, count);
    free(all);
}
