// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_LEAD_H
#define SCHEDULER_ENGINE_LEAD_H

#include "scheduler/engine/state.h"

/* Who of several processes decides. */
void lead_follow(struct engine *engine); /* EVENT_FOLLOW */
void lead_begin(struct engine *engine);  /* EVENT_LEAD */

#endif
