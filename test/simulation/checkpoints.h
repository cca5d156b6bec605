// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_CHECKPOINTS_H
#define TEST_SIMULATION_CHECKPOINTS_H

#include "test/simulation/sim.h"

/* Lives the last epoch once more, with checkpoints at random points of it: an engine that is loaded
 * from one has to go on like the one that lived through everything. */
void checkpoints_check(struct sim *sim);

#endif
