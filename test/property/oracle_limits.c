// SPDX-License-Identifier: Apache-2.0
#include "test/property/oracle.h"

/* Draws limits: how many of a set a domain takes, and which sets stand apart. */

void oracle_limit_role(struct solver_role *role, uint32_t most, struct oracle_random *random)
{
    if (role->count <= most) {
        return;
    }
    uint32_t size = role->layer_count > 0 ? role->layers[0].size : 1;
    uint32_t missing = 0;
    for (uint32_t i = 0; i < role->started_count; i++) {
        missing += role->started[i].layer == 0 ? role->started[i].count : 0;
    }
    uint32_t less = (role->count - most + size - 1) / size * size;
    if (role->count > less && role->count - less >= missing) {
        role->count -= less;
        return;
    }
    role->count = 1 + oracle_below(random, most);
    role->layer_count = 0;
    role->started_count = 0;
}

/* Of the members that are bound, or of pods that have nothing to do with the gang. */
static uint32_t draw_foreign(const struct oracle_instance *instance, uint32_t *pinned,
                             struct oracle_random *random)
{
    uint32_t count = oracle_one_in(random, 4) ? 1 + oracle_below(random, ORACLE_FOREIGN_MAX) : 0;
    for (uint32_t i = 0; i < count; i++) {
        bool bound = instance->problem.pinned_count > 0 && oracle_one_in(random, 2);
        pinned[i] = bound ? instance->pinned[oracle_below(random, instance->problem.pinned_count)]
                          : oracle_below(random, instance->positions);
    }
    return count;
}

static uint32_t draw_level(const struct oracle_instance *instance, struct oracle_random *random)
{
    return oracle_one_in(random, 20) ? 0 : 1 + oracle_below(random, instance->levels - 1);
}

static void draw_limit(struct oracle_instance *instance, uint32_t i, struct oracle_random *random)
{
    uint32_t all = (UINT32_C(1) << instance->problem.role_count) - 1;
    struct solver_limit *limit = &instance->limits[i];
    limit->level = draw_level(instance, random);
    limit->most =
        oracle_one_in(random, 3) ? 1 : 1 + oracle_below(random, limit->level == 0 ? 20 : 8);
    limit->most = oracle_one_in(random, 20) ? 0 : limit->most;
    limit->roles = 1 + oracle_below(random, all);
    limit->pinned = instance->limit_pinned[i];
    limit->pinned_count = draw_foreign(instance, instance->limit_pinned[i], random);
}

static void draw_apart(struct oracle_instance *instance, uint32_t i, struct oracle_random *random)
{
    struct solver_apart *apart = &instance->aparts[i];
    apart->level = draw_level(instance, random);
    for (uint32_t r = 0; r < instance->problem.role_count; r++) {
        uint32_t side = oracle_below(random, 3);
        apart->roles[side % 2] |= (uint32_t)(side < 2) << r;
    }
    if ((apart->roles[0] | apart->roles[1]) == 0) {
        apart->roles[0] = 1;
    }
    for (uint32_t side = 0; side < 2; side++) {
        apart->pinned[side] = instance->apart_pinned[i][side];
        apart->pinned_count[side] = draw_foreign(instance, instance->apart_pinned[i][side], random);
    }
}

/* What was drawn without regard to limits is mostly too much for them: as much as fits alone, or
 * some of it. */
static void draw_fewer(struct oracle_instance *instance, bool hard, struct oracle_random *random)
{
    for (uint32_t r = 0; r < instance->problem.role_count; r++) {
        uint32_t room = oracle_room(instance, r, 0, 0, instance->positions);
        if (hard) {
            room = 1 + room / 5 + oracle_below(random, room * 3 / 4 + 1);
        } else if (!oracle_one_in(random, 3)) {
            room = 1 + oracle_below(random, room);
        }
        if (room > 0 && !oracle_one_in(random, 12)) {
            oracle_limit_role(&instance->roles[r], room, random);
        }
    }
}

void oracle_draw_limits(struct oracle_instance *instance, const struct oracle_kind *kind,
                        struct oracle_random *random)
{
    instance->problem.limit_count = oracle_below(random, ORACLE_LIMITS_MAX + 1);
    instance->problem.apart_count =
        oracle_one_in(random, 2) ? oracle_below(random, ORACLE_APARTS_MAX + 1) : 0;
    instance->problem.limits = instance->limits;
    instance->problem.aparts = instance->aparts;
    for (uint32_t i = 0; i < instance->problem.limit_count; i++) {
        draw_limit(instance, i, random);
    }
    for (uint32_t i = 0; i < instance->problem.apart_count; i++) {
        draw_apart(instance, i, random);
    }
    draw_fewer(instance, kind->hard, random);
}
