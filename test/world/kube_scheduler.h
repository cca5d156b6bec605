// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_WORLD_KUBE_SCHEDULER_H
#define TEST_WORLD_KUBE_SCHEDULER_H

#include <stdbool.h>
#include <stdint.h>

#include "test/world/world.h"

/* A kube-scheduler beside a Phalanx, as far as its extender and the API server can tell: a cache
 * that lags, a queue with backoff, own filters (room), the calls of the extender over HTTP, bind
 * calls that wait. It works only while it leads, which the faults decide: none, one, or both. */

struct kube_scheduler;

struct kube_scheduler *kube_scheduler_create(struct world *world, int index);
void kube_scheduler_destroy(struct kube_scheduler *scheduler);

/* Begins with an empty memory, or drops everything. */
void kube_scheduler_lead(struct kube_scheduler *scheduler, bool leads);
bool kube_scheduler_leads(const struct kube_scheduler *scheduler);

#endif
