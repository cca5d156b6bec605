// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_RECORD_H
#define TEST_SIMULATION_RECORD_H

#include "test/simulation/sim.h"

/* Makes the event of the record, for `engine`; what it points to lives until the next one is made.
 * The same record gives the same event, whenever. */
void record_event(struct sim *sim, const struct engine *engine, const struct record *record,
                  struct event *event);
uint64_t record_digest(const struct effects *effects, const struct record *record);

#endif
