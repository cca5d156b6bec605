// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_FIXPOINT_H
#define SCHEDULER_ENGINE_FIXPOINT_H

#include "scheduler/engine/state.h"

/* What follows from the marks. */

/* Goes round until nothing more follows: looks at the marked gangs, and plans. */
void fixpoint_run(struct engine *engine);

/* The last thing of an apply: nominations, explanations, and the end of gangs that are no more. */
void fixpoint_finish(struct engine *engine);

#endif
