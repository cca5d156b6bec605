// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_KUBE_SCHEDULER_H
#define TEST_SIMULATION_KUBE_SCHEDULER_H

#include "test/simulation/sim.h"

void kube_show(struct sim *sim, const struct change *change);
/* A scheduling cycle: a pod is popped, filtered and, unless it has got a node, put back. */
void kube_cycle(struct sim *sim);
void kube_ask(struct sim *sim, int index, uint64_t cycle);
void kube_refused(struct sim *sim, int index, int message, uint64_t cycle);
void kube_bind_call(struct sim *sim, int index, uint64_t order); /* of kube.pods */
void kube_bind_timeout(struct sim *sim, uint64_t ticket);
void kube_bind_answer(struct sim *sim, uint64_t ticket, bool bound);
/* Something in the cluster changed that every filter cares for. */
void kube_wake_all(struct sim *sim);
/* What kube-scheduler does with pods that were unschedulable for five minutes; ordinary pods only.
 */
void kube_flush(struct sim *sim);
/* Its process dies and comes back: connections close, caches and queues are built anew. */
void kube_restart(struct sim *sim);

#endif
