// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_ORDINARY_H
#define SCHEDULER_ENGINE_ORDINARY_H

#include "scheduler/engine/state.h"

/* Pods without a gang, and what gangs hold. */

/* Whether an ordinary pod may have the node: always, unless it would take what is held, or keep who
 * holds it off the node. `pod` NULL: nobody knows what it needs. */
bool ordinary_may_have(const struct engine *engine, const struct pod *pod, uint32_t row);

/* Whether it may, if gangs of lower priority give up what they hold there. */
bool ordinary_may_take(const struct engine *engine, const struct pod *pod, uint32_t row);

/* Whether all who hold something there have to give way to it. */
bool ordinary_outranks(const struct engine *engine, const struct pod *pod, uint32_t row);

/* It comes to be bound there: whoever has to give way does. Whether it may have the node then. */
bool ordinary_make_way(struct engine *engine, const struct pod *pod, uint32_t row);

#endif
