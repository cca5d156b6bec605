// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_PEER_H
#define TEST_SIMULATION_PEER_H

#include "test/simulation/sim.h"

/* The other replica: an engine of its own, which decides while the one under test follows. What it
 * does reaches that one by the watch alone.
 */

/* It takes the lease, if the engine under test still follows. `mark`: in that life of it. */
void peer_begin(struct sim *sim, uint64_t mark);
/* It is no more; what it has on its way happens or does not. */
void peer_end(struct sim *sim);
/* It leads, and the next call goes to it: the Service does not always know yet. */
bool peer_answers(struct sim *sim);

void peer_show(struct sim *sim, const struct change *change);
/* Like those of host.h. */
bool peer_call(struct sim *sim, enum event_type type, int pod, const uint8_t *nodes,
               uint32_t count);
bool peer_bind(struct sim *sim, int pod, int node, uint64_t ticket);
void peer_give_up(struct sim *sim, uint64_t ticket);
void peer_tick(struct sim *sim, uint64_t epoch);
void peer_outcome(struct sim *sim, const struct sim_write *write);

/* The epoch of whoever is writing and answering just now. */
static inline uint64_t peer_epoch_of_writer(const struct sim *sim)
{
    return sim->peer.acting ? sim->peer.epoch : sim->host.epoch;
}

#endif
