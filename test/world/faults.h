// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_WORLD_FAULTS_H
#define TEST_WORLD_FAULTS_H

#include "test/world/world.h"

/* What goes wrong, until `until`: the network, the API server, processes and their clocks, who
 * leads among the kube-schedulers, pods and nodes. Then all of it is mended. */
void faults_begin(struct world *world, int64_t until);

#endif
