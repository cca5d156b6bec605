// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_HOST_H
#define TEST_SIMULATION_HOST_H

#include "test/simulation/sim.h"

/* The daemon around the engine. Calls are false when the connection is refused or broken, or no
 * answer comes in time. */

void host_start(struct sim *sim);
void host_crash(struct sim *sim);
void host_drain(struct sim *sim);
/* The process stands still: nothing is read, answered or written for so long, then all at once. */
void host_freeze(struct sim *sim, int64_t length);
/* The clock that the process reads goes forward by so much at once. */
void host_jump(struct sim *sim, int64_t length);
bool host_is_frozen(const struct sim *sim);

void host_show(struct sim *sim, const struct change *change);
bool host_filter(struct sim *sim, int pod, const uint8_t *nodes, uint32_t count);
bool host_prioritize(struct sim *sim, int pod, const uint8_t *nodes, uint32_t count);
bool host_preempt(struct sim *sim, int pod, const uint8_t *nodes, uint32_t count);
bool host_bind(struct sim *sim, int pod, int node, uint64_t ticket);
void host_give_up(struct sim *sim, uint64_t ticket);
/* Another process leads from now on, for so long; it does not any more. */
void host_follow(struct sim *sim, int64_t length);
void host_lead(struct sim *sim, uint64_t epoch);
/* The engine's options in this run. */
void host_options(const struct sim *sim, struct engine_options *options);
void host_tick(struct sim *sim, uint64_t epoch);

/* A write of sim->writes arrives at the API server; changes something there after all; its outcome
 * comes back. */
void host_write(struct sim *sim, int index);
void host_land(struct sim *sim, int index, bool answered);
void host_outcome(struct sim *sim, int index);

#endif
