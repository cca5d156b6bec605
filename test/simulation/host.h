// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_HOST_H
#define TEST_SIMULATION_HOST_H

#include "test/simulation/sim.h"

/* The daemon around the engine. Calls are false when the connection is refused or broken, or no
 * answer comes in time. */

void host_start(struct sim *sim);
void host_crash(struct sim *sim);
/* Writes of that life on their way happen or do not, and its open calls are broken. */
void host_break_off(struct sim *sim, uint64_t epoch);
/* Does what an effect of the event says, for the engine or the other replica. */
void host_carry_out(struct sim *sim, const struct effect *effect, const struct record *record);
/* It stands still (terms.h). */
bool host_is_frozen(const struct sim *sim);
/* The clock of the process, which may jump forward. */
static inline int64_t host_clock(const struct sim *sim)
{
    return sim->now + sim->host.skew_ms;
}
/* Gives the engine the record's event and carries out what follows; false when it is not there, or
 * dies of it. */
bool host_apply(struct sim *sim, struct record *record);

void host_show(struct sim *sim, const struct change *change);
bool host_filter(struct sim *sim, int pod, const uint8_t *nodes, uint32_t count);
bool host_prioritize(struct sim *sim, int pod, const uint8_t *nodes, uint32_t count);
bool host_preempt(struct sim *sim, int pod, const uint8_t *nodes, uint32_t count);
bool host_bind(struct sim *sim, int pod, int node, uint64_t ticket);
void host_give_up(struct sim *sim, uint64_t ticket);
/* The engine's options in this run. */
void host_options(const struct sim *sim, struct engine_options *options);
void host_tick(struct sim *sim, uint64_t epoch);

/* A write of sim->writes arrives at the API server; changes something there after all; its outcome
 * comes back. */
void host_write(struct sim *sim, int index);
void host_land(struct sim *sim, int index, bool answered);
void host_outcome(struct sim *sim, int index);

#endif
