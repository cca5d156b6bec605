// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_RUNS_H
#define TEST_SIMULATION_RUNS_H

#include "test/simulation/sim.h"

/* Runs of a gang: its name comes again, beside what is left of the run before. */

/* A gang that ends and is made again under its name; its old pods stay for a while. */
void runs_again(struct sim *sim, struct random *random);
/* Two and more bound members are lost at once, now and then all; most of them come again. */
void runs_lose(struct sim *sim, struct random *random);
/* Another scheduler binds members of a gang: before, while or after the others are bound. */
void runs_bind(struct sim *sim, struct random *random);

/* Gangs that are whole again, and known to be, are excused no longer. */
void runs_settle(struct sim *sim);

/* Succeeded members of the role that count for the gang's quorum, by what the engine was shown or
 * by the truth; in *sure whether that follows from what is known. */
int runs_done(const struct sim *sim, int gang, enum sim_role role, bool shown, bool *sure);

#endif
