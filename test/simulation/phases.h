// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_PHASES_H
#define TEST_SIMULATION_PHASES_H

#include "test/simulation/sim.h"

/* Members take only the steps that docs/states.md draws, each for its own cause. */

/* After every apply. */
void phases_check(struct sim *sim, const struct record *record);

#endif
