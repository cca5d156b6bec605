// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_WAITS_H
#define SCHEDULER_ENGINE_WAITS_H

#include <stdbool.h>

#include "scheduler/policy/waiting.h"

struct attempt;

/* What those members of an attempt need that got no place, for policy/waiting.h; false when no
 * change outside the gang helps. */
bool waits_for(const struct attempt *attempt, struct wait_need *need);

#endif
