// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_REASONS_H
#define TEST_SIMULATION_REASONS_H

#include "test/simulation/sim.h"

/* A refused member sleeps in kube-scheduler, and people read on it why: when its gang comes to wait
 * for something of another kind, it has to be told. */

/* After every apply. */
void reasons_check(struct sim *sim, const struct record *record);

#endif
