// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_STANDING_H
#define TEST_SIMULATION_STANDING_H

#include "test/simulation/sim.h"

/* Holds that come to nothing, as docs/states.md has it: what they cost the gang and its namespace.
 * What is not certain from outside is kept as two bounds. */

/* Nothing is held against anybody: a new life, or a new term. */
void standing_model_reset(struct sim *sim);
/* A gang's first member is held; `again`: it held something when the running apply began. */
void standing_model_begins(struct sim *sim, int gang, bool begun, bool again);
void standing_model_voted(struct sim *sim, int gang);
/* Its time is over, an Event says. */
void standing_model_expired(struct sim *sim, int gang);
/* None of its members is held any more; `posted`: because the last one is being bound. */
void standing_model_ended(struct sim *sim, int gang, bool begun, bool posted);

/* How long a hold that begins now may last that may last so long at most. */
int64_t standing_model_least(const struct sim *sim, int gang, int64_t timeout);
int64_t standing_model_most(const struct sim *sim, int gang, int64_t timeout);

/* Whether it may have to wait for another one of its namespace. */
bool standing_model_waits(const struct sim *sim, int gang);

#endif
