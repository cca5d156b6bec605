// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_NOMINATIONS_H
#define TEST_SIMULATION_NOMINATIONS_H

#include "test/simulation/sim.h"

/* kube-scheduler keeps room for nominated pods, so a nomination goes with the plan it was for. */

/* After every apply. */
void nominations_check(struct sim *sim, const struct record *record);

#endif
