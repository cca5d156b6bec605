// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "test/property/oracle.h"
#include "topology/base/err.h"

/* One role, by trying every set of nodes that may be touched.
 *
 * A set is allowed if the gang can be put on it: from the leaves to the root, which numbers of pods
 * can a domain hold? A node: 0 … its capacity. A domain: every sum of its children's. A domain of a
 * slice's level: of these only what completes the slices started there and then whole ones. The
 * sets of numbers are bits of a 128-bit word (12 nodes of 8). A touched node may get no pod at all,
 * which costs more than not touching it, so the best set is the best plan. */

#define NODES_LIMIT 12
#define LOAD_LIMIT  128

__extension__ typedef unsigned __int128 load_set; /* a type of the compiler; bit n: n pods */

struct search {
    const struct oracle_instance *instance;
    uint32_t room[NODES_LIMIT];
    uint32_t pinned; /* positions as bits, as below */
    uint32_t domains[ORACLE_TREE][NODES_LIMIT];
    uint32_t domain_place[ORACLE_TREE][NODES_LIMIT];
    uint32_t domain_count[ORACLE_TREE];
};

static void search_init(struct search *search, const struct oracle_instance *instance)
{
    memset(search, 0, sizeof *search);
    search->instance = instance;
    err_require(instance->positions <= NODES_LIMIT && instance->problem.role_count == 1);
    for (uint32_t i = 0; i < instance->problem.pinned_count; i++) {
        search->pinned |= UINT32_C(1) << instance->pinned[i];
    }
    for (uint32_t p = 0; p < instance->positions; p++) {
        search->room[p] = oracle_allowed(instance, 0, p);
        for (uint32_t l = 0; l < instance->levels; l++) {
            uint32_t n = search->domain_count[l];
            uint32_t place = instance->place[p][l];
            if (n == 0 || search->domain_place[l][n - 1] != place) {
                search->domain_place[l][n++] = place;
                search->domain_count[l] = n;
            }
            search->domains[l][n - 1] |= UINT32_C(1) << p;
        }
    }
}

static load_set sums(load_set a, load_set b)
{
    load_set all = 0;
    for (uint32_t n = 0; n < LOAD_LIMIT; n++) {
        if ((b >> n & 1) != 0) {
            all |= a << n;
        }
    }
    return all;
}

/* What limits of the place leave of the numbers. */
static load_set limited(const struct search *search, uint32_t level, uint32_t place, load_set loads)
{
    uint32_t most = oracle_most(search->instance, 0, level, place);
    return most >= LOAD_LIMIT ? loads : loads & (((load_set)2 << most) - 1);
}

/* What slices of the level leave of the numbers. */
static load_set sliced(const struct search *search, uint32_t level, uint32_t place, load_set loads)
{
    const struct solver_role *role = &search->instance->roles[0];
    for (uint32_t i = 0; i < role->layer_count; i++) {
        if (role->layers[i].level != level) {
            continue;
        }
        load_set kept = 0;
        uint32_t started = oracle_started(role, i, place);
        uint32_t end = oracle_known(search->instance, level, place) ? LOAD_LIMIT : started + 1;
        for (uint32_t n = started; n < end && n < LOAD_LIMIT; n += role->layers[i].size) {
            kept |= (load_set)1 << n;
        }
        loads &= kept;
    }
    return loads;
}

static load_set loads_of(const struct search *search, uint32_t level, uint32_t index, uint32_t set)
{
    uint32_t place = search->domain_place[level][index];
    if (level + 1 == search->instance->levels) {
        uint32_t room = (set >> index & 1) != 0 ? search->room[index] : 0;
        return limited(search, level, place,
                       sliced(search, level, place, ((load_set)2 << room) - 1));
    }
    load_set loads = 1;
    for (uint32_t i = 0; i < search->domain_count[level + 1]; i++) {
        if ((search->domains[level + 1][i] & search->domains[level][index]) != 0) {
            loads = sums(loads, loads_of(search, level + 1, i, set));
        }
    }
    return limited(search, level, place, sliced(search, level, place, loads));
}

static bool holds(const struct search *search, uint32_t set)
{
    uint32_t count = search->instance->roles[0].count;
    uint32_t room = 0;
    for (uint32_t p = 0; p < search->instance->positions; p++) {
        room += (set >> p & 1) != 0 ? search->room[p] : 0;
    }
    return room >= count && count < LOAD_LIMIT && (loads_of(search, 0, 0, set) >> count & 1) != 0;
}

/* Whether the set, and so everything that is bound, lies in one known domain of the level. */
static bool together(const struct search *search, uint32_t level, uint32_t set)
{
    for (uint32_t i = 0; i < search->domain_count[level]; i++) {
        if ((set & ~search->domains[level][i]) == 0) {
            return oracle_known(search->instance, level, search->domain_place[level][i]);
        }
    }
    return false;
}

/* Touched domains at every level, widest in the highest bits. */
static uint32_t cost_of(const struct search *search, uint32_t set)
{
    uint32_t cost = 0;
    for (uint32_t l = 0; l < search->instance->levels; l++) {
        uint32_t touched = 0;
        for (uint32_t i = 0; i < search->domain_count[l]; i++) {
            touched += (search->domains[l][i] & set) != 0;
        }
        cost = cost << 4 | touched;
    }
    return cost;
}

static uint32_t serving_levels(const struct search *search)
{
    uint32_t serves = 0;
    for (uint32_t l = 0; l < search->instance->levels; l++) {
        for (uint32_t i = 0; i < search->domain_count[l]; i++) {
            uint32_t set = search->domains[l][i];
            if ((search->pinned & ~set) == 0 && together(search, l, set) && holds(search, set)) {
                serves |= UINT32_C(1) << l;
            }
        }
    }
    return serves;
}

void oracle_exhaustive(const struct oracle_instance *instance, struct oracle_answer *answer)
{
    struct search search;
    search_init(&search, instance);
    uint32_t required = instance->problem.required_level;
    required = required == SOLVER_LEVEL_NONE ? 0 : required;
    uint32_t best = UINT32_MAX;
    uint32_t useful = search.pinned;
    for (uint32_t p = 0; p < instance->positions; p++) {
        useful |= (uint32_t)(search.room[p] > 0) << p;
    }
    for (uint32_t set = useful; set != 0; set = (set - 1) & useful) {
        if ((search.pinned & ~set) != 0 || !together(&search, required, set)) {
            continue;
        }
        uint32_t cost = cost_of(&search, set);
        if (cost < best && holds(&search, set)) {
            best = cost;
        }
    }
    *answer = (struct oracle_answer){.proven = true, .feasible = best != UINT32_MAX};
    answer->serves = serving_levels(&search);
    answer->served = true;
    for (uint32_t l = 0; l < instance->levels && answer->feasible; l++) {
        answer->used[l] = best >> 4 * (instance->levels - 1 - l) & 15;
    }
}
