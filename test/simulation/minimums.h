// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_MINIMUMS_H
#define TEST_SIMULATION_MINIMUMS_H

#include "test/simulation/sim.h"

/* How many members have to be there, written from the words of the issue: a gang may commit only
 * when bound and alive, succeeded in this run and voted are as many as its minimum, and those of
 * each role as many as that one's. What the roles add up to counts, if it is more. */

/* So many members, all told and of each role. */
struct members {
    int all;
    int roles[SIM_ROLES];
};

static inline void members_add(struct members *members, enum sim_role role, int count)
{
    members->all += count;
    members->roles[role] += count;
}

/* Draws those of a gang that has been drawn otherwise. */
void minimums_draw(struct sim *sim, struct random *random, int gang);
/* Others for a group object. */
void minimums_edit(struct sim *sim, struct random *random, int gang);

/* "leader=1,worker=3" in the simulator's arena; NULL: none. */
const char *minimums_text(struct sim *sim, const int32_t minimums[SIM_ROLES]);

/* Whether so many members are a quorum, by what the engine was shown of the gang, or by the truth.
 * Nobody is of an unknown one. */
bool minimums_met(const struct sim *sim, int gang, bool shown, const struct members *members);

/* Succeeded members that count, as runs_done() says. */
struct members minimums_done(const struct sim *sim, int gang, bool shown, bool *sure);

#endif
