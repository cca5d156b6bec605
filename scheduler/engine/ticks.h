// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_TICKS_H
#define SCHEDULER_ENGINE_TICKS_H

#include "scheduler/engine/state.h"

/* What time changes. */

/* The process stood still, or its clock jumped: nobody had the time that was meant. What is waited
 * for from the watch gets that time again; holds do not, their callers have waited long enough. */
void ticks_forgive_lateness(struct engine *engine);

/* EVENT_TICK: deadlines, backoffs, and bindings that nobody confirmed. */
void ticks_run(struct engine *engine);

#endif
