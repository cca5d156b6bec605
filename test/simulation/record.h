// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_RECORD_H
#define TEST_SIMULATION_RECORD_H

#include "test/simulation/sim.h"

/* Makes the event of the record and applies it. The same record gives the same event, whenever. */
void record_apply(struct sim *sim, struct engine *engine, struct effects *effects,
                  const struct record *record);
uint64_t record_digest(const struct effects *effects, const struct record *record);

#endif
