// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_PLANNED_H
#define TEST_SIMULATION_PLANNED_H

#include "test/simulation/sim.h"

/* What must be true of a plan at the moment it is made, by what the engine was shown and by the
 * account: nothing excuses it. After account_note(). */
void planned_check(struct sim *sim, const struct record *record);

#endif
