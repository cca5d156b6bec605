// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_GPUS_H
#define TEST_SIMULATION_GPUS_H

#include "test/simulation/sim.h"

/* Which GPUs of a node pods have. A node that tells of its GPUs has them in two halves: those of
 * one half are linked with each other, and with nobody else. A set of them is a number, bit i for
 * "gpu-i". */

/* The map of a node with so many GPUs; kept until gpus_finish(). */
const struct device_map *gpus_map(struct sim *sim, int gpus);
void gpus_finish(struct sim *sim);

/* "gpu-0,gpu-1" and back; NULL for the empty set. *Borrowed* from sim->arena. */
const char *gpus_text(struct sim *sim, uint32_t set);
uint32_t gpus_set(const char *text);

/* (21): nobody is given the GPUs of somebody else, as many as it asked for, and good ones when its
 * gang requires that. Before the bindings of the apply are noted. */
void gpus_check(struct sim *sim);

#endif
