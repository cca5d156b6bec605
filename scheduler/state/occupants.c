// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/occupants.h"

#include <stdlib.h>

#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* Two ways to the same answer. Of a small domain, the pods on its nodes are added up by gang. Of a
 * great one, the places of every gang that has any are: they lie close together, and a gang that
 * has less in all than those found so far have there is passed over.
 */

/* A domain with less than this part of all nodes is small. */
#define SMALL_PART 8

/* The best so far, the greatest first. */
struct ranking {
    struct occupant *found;
    uint32_t count;
    uint32_t most;
};

static bool comes_before(const struct occupant *a, const struct occupant *b)
{
    return a->amount != b->amount ? a->amount > b->amount : gang_compare(&a->gang, &b->gang) < 0;
}

static void rank(struct ranking *ranking, struct occupant occupant)
{
    uint32_t place = ranking->count;
    while (place > 0 && comes_before(&occupant, &ranking->found[place - 1])) {
        place--;
    }
    if (place == ranking->most) {
        return;
    }
    ranking->count += ranking->count < ranking->most;
    for (uint32_t i = ranking->count - 1; i > place; i--) {
        ranking->found[i] = ranking->found[i - 1];
    }
    ranking->found[place] = occupant;
}

static int64_t requested(const struct occupants *occupants, uint32_t shape, uint32_t resource)
{
    return resources_get(shapes_request(occupants->shapes, shape), resource);
}

/* ---- by places ---- */

/* Neighbours in the list have the same shape nearly always. */
static __int128 amount_in(const struct occupants *occupants, const struct footprint *footprint,
                          uint32_t domain, uint32_t resource)
{
    const struct domain *range = domains_get(occupants->domains, domain);
    uint32_t shape = SHAPE_NONE;
    int64_t each = 0;
    __int128 sum = 0; /* slots are not added up, see footprint.h */
    __int128 left =
        resource_is_slot(resource) ? INT64_MAX : balance_get(&footprint->amounts, resource);
    for (uint32_t i = 0; i < footprint->count && left > 0; i++) {
        const struct site *site = &footprint->sites[i];
        if (site->shape != shape) {
            shape = site->shape;
            each = requested(occupants, shape, resource);
        }
        if (each == 0) { /* not worth a look at where it is */
            continue;
        }
        uint32_t position = domains_position(occupants->domains, site->row);
        if (position != DOMAINS_NONE && position >= range->first && position < range->end) {
            sum += each;
        }
        left -= each;
    }
    return sum;
}

__int128 occupants_amount(const struct occupants *occupants, const struct gang *gang,
                          uint32_t domain, uint32_t resource)
{
    return amount_in(occupants, &gang->footprint, domain, resource);
}

/* Whether it cannot have as much as that in any domain, for it has less in all. */
static bool has_less(const struct gang *gang, uint32_t resource, __int128 enough)
{
    return !resource_is_slot(resource) && balance_get(&gang->footprint.amounts, resource) < enough;
}

/* There may be half a million of them. */
static __int128 amount_of_ordinary(const struct occupants *occupants, uint32_t domain,
                                   uint32_t resource)
{
    const struct footprint *footprint = pods_ordinary(occupants->pods);
    return domain == 0 && !resource_is_slot(resource)
               ? balance_get(&footprint->amounts, resource)
               : amount_in(occupants, footprint, domain, resource);
}

static void rank_by_places(const struct occupants *occupants, const struct gang *except,
                           uint32_t domain, uint32_t resource, struct ranking *ranking,
                           __int128 *ordinary)
{
    for (uint32_t i = 0; i < occupants->gangs->placed.count; i++) {
        struct gang *gang = occupants->gangs->placed.items[i]->gang;
        bool full = ranking->count == ranking->most;
        __int128 enough = full ? ranking->found[ranking->most - 1].amount : 1;
        if (gang == except || has_less(gang, resource, enough)) {
            continue;
        }
        struct occupant occupant = {gang, occupants_amount(occupants, gang, domain, resource)};
        if (occupant.amount > 0) {
            rank(ranking, occupant);
        }
    }
    *ordinary = amount_of_ordinary(occupants, domain, resource);
}

/* ---- by nodes ---- */

static int compare_gangs(const void *left, const void *right)
{
    const struct occupant *a = left, *b = right;
    return gang_compare(&a->gang, &b->gang);
}

/* What every pod of the domain has, those without a gang in *ordinary; *new*. */
static struct occupant *list_pods(const struct occupants *occupants, const struct gang *except,
                                  uint32_t domain, uint32_t resource, size_t *count,
                                  __int128 *ordinary)
{
    const struct domain *range = domains_get(occupants->domains, domain);
    struct occupant *list = NULL;
    size_t room = 0;
    *count = 0;
    *ordinary = 0;
    for (uint32_t position = range->first; position < range->end; position++) {
        uint32_t row = domains_row(occupants->domains, position);
        for (struct pod *pod = pods_on(occupants->pods, row); pod != NULL; pod = pod->row_after) {
            int64_t amount = requested(occupants, pod->shape, resource);
            if (pod->gang == NULL) {
                *ordinary += amount;
            } else if (pod->gang != except && amount > 0) {
                list = alloc_grow(list, &room, *count + 1, sizeof(struct occupant));
                list[(*count)++] = (struct occupant){.gang = pod->gang, .amount = amount};
            }
        }
    }
    return list;
}

static void rank_by_nodes(const struct occupants *occupants, const struct gang *except,
                          uint32_t domain, uint32_t resource, struct ranking *ranking,
                          __int128 *ordinary)
{
    size_t count;
    struct occupant *list = list_pods(occupants, except, domain, resource, &count, ordinary);
    if (count > 1) {
        qsort(list, count, sizeof(struct occupant), compare_gangs);
    }
    for (size_t i = 0; i < count;) {
        struct occupant sum = {.gang = list[i].gang};
        for (; i < count && list[i].gang == sum.gang; i++) {
            sum.amount += list[i].amount;
        }
        rank(ranking, sum);
    }
    free(list);
}

uint32_t occupants_greatest(const struct occupants *occupants, const struct gang *except,
                            uint32_t domain, uint32_t resource, struct occupant *found,
                            uint32_t most, __int128 *ordinary)
{
    const struct domain *range = domains_get(occupants->domains, domain);
    struct ranking ranking = {.found = found, .most = most};
    err_require(most > 0);
    if (range->end - range->first < domains_positions(occupants->domains) / SMALL_PART) {
        rank_by_nodes(occupants, except, domain, resource, &ranking, ordinary);
    } else {
        rank_by_places(occupants, except, domain, resource, &ranking, ordinary);
    }
    return ranking.count;
}
