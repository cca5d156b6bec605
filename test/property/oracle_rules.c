// SPDX-License-Identifier: Apache-2.0
#include "test/property/oracle.h"

/* What an instance says of one place: the rules that all oracles go by. */

uint32_t oracle_allowed(const struct oracle_instance *instance, uint32_t role, uint32_t position)
{
    const struct bitset *excluded = instance->roles[role].excluded;
    if (excluded != NULL && bitset_test(excluded, position)) {
        return 0;
    }
    return capacity_node(instance->roles[role].capacity, position);
}

bool oracle_known(const struct oracle_instance *instance, uint32_t level, uint32_t place)
{
    return level == 0 || level + 1 == instance->levels ||
           domains_get(instance->domains, place)->known;
}

uint32_t oracle_started(const struct solver_role *role, uint32_t layer, uint32_t place)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < role->started_count; i++) {
        if (role->started[i].layer == layer && role->started[i].place == place) {
            count += role->started[i].count;
        }
    }
    return count;
}

static uint32_t count_in(const struct oracle_instance *instance, const uint32_t *pinned,
                         uint32_t count, uint32_t level, uint32_t place)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        found += instance->place[pinned[i]][level] == place;
    }
    return found;
}

uint32_t oracle_limit_room(const struct oracle_instance *instance, const struct solver_limit *limit,
                           uint32_t place)
{
    if (!oracle_known(instance, limit->level, place)) {
        return UINT32_MAX;
    }
    uint32_t stand = count_in(instance, limit->pinned, limit->pinned_count, limit->level, place);
    return stand < limit->most ? limit->most - stand : 0;
}

bool oracle_apart_taken(const struct oracle_instance *instance, const struct solver_apart *apart,
                        uint32_t other, uint32_t place)
{
    return oracle_known(instance, apart->level, place) &&
           count_in(instance, apart->pinned[other], apart->pinned_count[other], apart->level,
                    place) > 0;
}

uint32_t oracle_most(const struct oracle_instance *instance, uint32_t role, uint32_t level,
                     uint32_t place)
{
    uint32_t most = UINT32_MAX;
    for (uint32_t i = 0; i < instance->problem.limit_count; i++) {
        const struct solver_limit *limit = &instance->limits[i];
        if (limit->level == level && (limit->roles >> role & 1) != 0) {
            uint32_t room = oracle_limit_room(instance, limit, place);
            most = room < most ? room : most;
        }
    }
    for (uint32_t i = 0; i < instance->problem.apart_count; i++) {
        const struct solver_apart *apart = &instance->aparts[i];
        for (uint32_t side = 0; side < 2 && apart->level == level; side++) {
            if ((apart->roles[side] >> role & 1) != 0 &&
                oracle_apart_taken(instance, apart, 1 - side, place)) {
                most = 0;
            }
        }
    }
    return most;
}

uint32_t oracle_room(const struct oracle_instance *instance, uint32_t role, uint32_t level,
                     uint32_t first, uint32_t end)
{
    uint32_t room = 0;
    if (level + 1 == instance->levels) {
        room = oracle_allowed(instance, role, first);
    }
    for (uint32_t p = first; p < end && level + 1 < instance->levels;) {
        uint32_t from = p;
        uint32_t place = instance->place[p][level + 1];
        while (p < end && instance->place[p][level + 1] == place) {
            p++;
        }
        room += oracle_room(instance, role, level + 1, from, p);
    }
    uint32_t most = oracle_most(instance, role, level, instance->place[first][level]);
    return room < most ? room : most;
}
