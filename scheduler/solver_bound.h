// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_SOLVER_BOUND_H
#define SCHEDULER_SOLVER_BOUND_H

#include <stdint.h>

#include "scheduler/solver_space.h"

/* Lower bounds on the domains a plan touches, level by level.
 *
 * Any plan inside a domain D touches at level l at least the pinned domains, and beside them as
 * many as it takes of D's largest other ones to hold what the pinned ones cannot:
 *
 *   bound[l] = min over places D of the common level (pinned + max over demands of fewest-largest)
 *
 * Each level's bound is valid alone and tight alone; all of them together need not be reachable at
 * once.
 */

/* Fills bound[0 … host] for plans whose lowest common level is `level` or a deeper one, under the
 * required level (solver_candidates.h). `deepest` >= level: no place below that level may hold the
 * gang. Nothing may be placed in the space. O(levels × (domains + positions)). */
void solver_bound(const struct solver_space *space, uint32_t required, uint32_t level,
                  uint32_t deepest, uint32_t bound[SOLVER_TREE_MAX]);

#endif
