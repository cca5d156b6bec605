// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_FAULTS_H
#define TEST_SIMULATION_FAULTS_H

#include "test/simulation/sim.h"

/* Everything that is done to the cluster from outside, good and bad. */

void faults_start(struct sim *sim);
/* The next one of the schedule. */
void faults_next(struct sim *sim);
/* Room of the node goes away: what a gang in the middle of its bindings may have counted on. */
void faults_tear(struct sim *sim, int node);
/* Members were bound without the engine: somebody may stand where a gang wants to be alone. */
void faults_tear_exclusive(struct sim *sim);
/* The end: what is broken is mended, nothing new happens. */
void faults_stop(struct sim *sim);
/* Jobs end, with no other fault: those that wait must go on. */
void faults_finish(struct sim *sim);

#endif
