// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_PLAN_H
#define SCHEDULER_ENGINE_PLAN_H

#include "scheduler/engine/state.h"

/* Planning: from a ready gang to held capacity. */

/* Whether somebody is worth planning, and this process may plan. */
bool plan_pending(const struct engine *engine);

/* Goes on with the pass through the queue as long as there are steps left; false when nobody was
 * tried. */
bool plan_pass(struct engine *engine);

/* Looks again why a gang waits, without planning it. */
void plan_explain(struct engine *engine, struct gang *gang);
/* Looks again why members have no place although their gang has one. */
void plan_explain_rest(struct engine *engine, struct gang *gang);
/* The same as the first for those whose turn it is, as long as there are steps left. */
void plan_explain_due(struct engine *engine);

/* After hold_veto(): plans the members that have not voted around those that have. */
void plan_vetoed(struct engine *engine, struct gang *gang);

#endif
