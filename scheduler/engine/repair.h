// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_REPAIR_H
#define SCHEDULER_ENGINE_REPAIR_H

#include "scheduler/engine/state.h"

/* Gangs that cannot be made whole again. */

/* A process, or its term, begins: whatever lacks members now is taken to have been said. */
void repair_is_old_news(struct gang *gang);
/* Starts and stops the time a gang is given to be whole again. */
void repair_watch(struct engine *engine, struct gang *gang, enum gang_state state);
/* When that is over: keeps it and says so, or has it evicted. */
void repair_tick(struct engine *engine, struct gang *gang);

#endif
