// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_INVARIANTS_H
#define TEST_SIMULATION_INVARIANTS_H

#include "test/simulation/sim.h"

/* Before and after every engine_apply(). */
void invariants_before(struct sim *sim, const struct record *record);
void invariants_after(struct sim *sim, const struct record *record);
/* When the faults are over and everything had time to recover. */
void invariants_recovered(struct sim *sim);
/* Whether the hold that an Event tells of may have run out with nothing in the way. */
bool invariants_may_run_out(const struct sim *sim, const struct event_effect *event);

#endif
