// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_REPLAY_H
#define TEST_SIMULATION_REPLAY_H

#include "test/simulation/sim.h"

/* Gives the records of the running epoch to a second engine, which has to do the same (4). */
void replay_epoch(struct sim *sim);

#endif
