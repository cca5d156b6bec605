// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_ROOM_H
#define TEST_SIMULATION_ROOM_H

#include "test/simulation/sim.h"

/* Room for one more gang in the truth, counted naively and never too much: copies of one pod per
 * node, with nodes left out that the gang or another one wants for itself. */

struct room {
    int copies[SIM_NODES_MAX];
};

/* `good_gpus`: only copies with well joined GPUs. */
void room_measure(const struct sim *sim, int gang, const struct sim_pod *pod, bool good_gpus,
                  struct room *room);

/* How many pods fit all at once, in one domain if that is required, in whole slices if it wants
 * slices. */
int room_for(const struct sim *sim, const struct room *room, const struct constraints *constraints);

/* The same on the nodes of a set (bits), whatever domain is required. */
int room_within(const struct sim *sim, const struct room *room,
                const struct constraints *constraints, uint32_t nodes);

/* Whether the ordinary pod fits. */
bool room_for_one(const struct sim *sim, const struct sim_pod *pod);

#endif
