// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_CONSTRAINTS_H
#define SCHEDULER_ENGINE_CONSTRAINTS_H

#include "scheduler/engine/attempt.h"

/* What a gang's placement (placement.h) means in the tree as it is now. */

/* Resolves levels and slices into the attempt; -1 with the gang's reason set when one makes no
 * sense or is not in the tree. */
int wishes_resolve(struct attempt *attempt);

/* Fills attempt->occupied: what the gang must not use because it wants domains for itself, or
 * because another gang has domains for itself. */
void wishes_exclude(struct attempt *attempt);

#endif
