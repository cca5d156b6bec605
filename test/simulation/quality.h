// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_QUALITY_H
#define TEST_SIMULATION_QUALITY_H

#include "test/simulation/sim.h"

/* How good a plan is that a gang has just got. */
void quality_check(struct sim *sim, int gang, int64_t now);

#endif
