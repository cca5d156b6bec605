// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_TERMS_H
#define TEST_SIMULATION_TERMS_H

#include "test/simulation/sim.h"

void terms_drain(struct sim *sim);
/* The process stands still: nothing is read, answered or written for so long, then all at once. */
void terms_freeze(struct sim *sim, int64_t length);
/* The clock that the process reads goes forward by so much at once. */
void terms_jump(struct sim *sim, int64_t length);
/* Another process leads from now on, for so long; it does not any more. */
void terms_follow(struct sim *sim, int64_t length);
void terms_lead(struct sim *sim, uint64_t epoch);
/* Somebody asks why a gang waits. */
void terms_ask(struct sim *sim, int gang);

#endif
