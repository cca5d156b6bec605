// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_VICTIMS_H
#define TEST_SIMULATION_VICTIMS_H

#include "test/simulation/sim.h"

/* Whose pods may be taken away, and when: preemption (18) and eviction (19). And who may write at
 * all: the one that leads (20). */
void victims_check(struct sim *sim, const struct record *record);

/* kube-scheduler found no node for the ordinary pod and takes one from pods of lower priority. */
void victims_preempt(struct sim *sim, int pod);
/* The eviction of the pod, as the API server and the pod's controller carry it out. */
void victims_evict(struct sim *sim, int pod);

#endif
