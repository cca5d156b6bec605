// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/minimums.h"

#include <string.h>

#include "test/simulation/runs.h"
#include "test/simulation/trace.h"

/* Gangs without roles have none. A leader is asked for now and then where there is none: such a
 * gang gathers for ever. Which gangs have minimums does not change what else is drawn. */

static struct random apart(const struct random *random, int gang)
{
    struct random own = *random;
    own.state ^= UINT64_C(0x9e3779b97f4a7c15) * (uint64_t)(gang + 1);
    (void)random_index(&own, 2);
    return own;
}

static void draw(struct random *random, const struct sim_gang *gang, int32_t minimums[SIM_ROLES])
{
    bool led = gang->leader_shape != SIM_NONE;
    minimums[ROLE_LEADER] = random_chance(random, led ? 700 : 50);
    minimums[ROLE_WORKER] =
        random_chance(random, 700) ? (int32_t)random_range(random, 1, gang->size) : 0;
}

static void note(struct sim *sim, int gang, const int32_t minimums[SIM_ROLES])
{
    trace_note(sim, "  g%d needs %d leaders and %d workers", gang, (int)minimums[ROLE_LEADER],
               (int)minimums[ROLE_WORKER]);
}

void minimums_draw(struct sim *sim, struct random *random, int gang)
{
    struct sim_gang *it = &sim->gangs[gang];
    struct random own = apart(random, gang);
    if (it->ranked && it->constraints.layers == 0 && random_chance(&own, 300)) {
        draw(&own, it, it->minimums);
        note(sim, gang, it->minimums);
    }
}

void minimums_edit(struct sim *sim, struct random *random, int gang)
{
    struct sim_gang *it = &sim->gangs[gang];
    struct random own = apart(random, gang);
    if (it->ranked && it->constraints.layers == 0 && random_chance(&own, 400)) {
        draw(&own, it, it->minimums);
        memcpy(it->state.minimums, it->minimums, sizeof it->minimums);
        note(sim, gang, it->minimums);
    }
}

const char *minimums_text(struct sim *sim, const int32_t minimums[SIM_ROLES])
{
    int leaders = (int)minimums[ROLE_LEADER], workers = (int)minimums[ROLE_WORKER];
    if (leaders == 0 && workers == 0) {
        return NULL;
    }
    return leaders == 0   ? arena_printf(&sim->arena, "worker=%d", workers)
           : workers == 0 ? arena_printf(&sim->arena, "leader=%d", leaders)
                          : arena_printf(&sim->arena, "worker=%d,leader=%d", workers, leaders);
}

bool minimums_met(const struct sim *sim, int gang, bool shown, const struct members *members)
{
    const struct sim_gang *it = &sim->gangs[gang];
    const struct group_state *group = shown ? &sim->host.groups[gang] : &it->state;
    bool known = !it->object || group->exists;
    int32_t minimum = it->object ? group->minimum : it->minimum;
    bool met = known && minimum > 0 && members->all >= minimum;
    for (int role = 0; role < SIM_ROLES; role++) {
        int32_t least = it->object ? group->minimums[role] : it->minimums[role];
        met = met && members->roles[role] >= least;
    }
    return met;
}

struct members minimums_done(const struct sim *sim, int gang, bool shown, bool *sure)
{
    struct members members = {.all = 0};
    for (int role = 0; role < SIM_ROLES; role++) {
        members_add(&members, (enum sim_role)role,
                    runs_done(sim, gang, (enum sim_role)role, shown, sure));
    }
    return members;
}
