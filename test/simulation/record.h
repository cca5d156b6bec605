// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_RECORD_H
#define TEST_SIMULATION_RECORD_H

#include "test/simulation/sim.h"

/* Makes the event of the record, for `engine`; what it points to lives until the next one is made.
 * The same record gives the same event, whenever. */
void record_event(struct sim *sim, const struct engine *engine, const struct record *record,
                  struct event *event);
/* The record of a call about the pod, as kube-scheduler makes it to the engine. */
void record_call(const struct sim *sim, const struct engine *engine, enum event_type type, int pod,
                 const uint8_t *nodes, uint32_t count, struct record *record);
uint64_t record_digest(const struct effects *effects, const struct record *record);

#endif
