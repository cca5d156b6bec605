// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_CHECKPOINT_H
#define SCHEDULER_ENGINE_CHECKPOINT_H

#include "scheduler/engine/state.h"

/* Forgets what was only worked out, so that the engine, and one that is loaded from what it saves
 * now, go on alike. */
void engine_settle(struct engine *engine);

#endif
