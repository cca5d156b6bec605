// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_PLAN_H
#define SCHEDULER_ENGINE_PLAN_H

#include "scheduler/engine/state.h"

/* Planning: from a ready gang to held capacity. */

/* Plans whoever is worth it; how many gangs were tried. */
uint32_t plan_pass(struct engine *engine);

/* kube-scheduler refused the member's planned node: plans again around it. */
void plan_veto(struct engine *engine, struct pod *pod);

#endif
