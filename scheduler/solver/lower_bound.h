// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_SOLVER_LOWER_BOUND_H
#define SCHEDULER_SOLVER_LOWER_BOUND_H

#include <stdint.h>

#include "scheduler/solver/candidates.h"
#include "scheduler/solver/largest.h"
#include "scheduler/solver/space.h"

/* Lower bounds on the domains a plan inside one place touches, level by level.
 *
 * Any plan inside a domain D touches at level l at least the pinned domains, and beside them as
 * many as it takes of D's largest other ones to hold what the pinned ones cannot:
 *
 *   lower_bound[l] = pinned + max over demands of fewest-largest
 *
 * Each level's lower bound is valid alone and tight alone; all of them together need not be
 * reachable at once. Taken together they bound a plan from below also lexicographically.
 */

/* Fills lower_bound[0 … host] for plans whose lowest common domain is `place` (of tree level
 * `level`) or lies inside it. `deepest` <= level: no place below that level may hold the gang.
 * Nothing may be placed in the space. `scratch` is initialised and may be used again. O(levels ×
 * (domains + positions) of the place). */
void solver_lower_bound(const struct solver_space *space, struct solver_candidate place,
                        uint32_t level, uint32_t deepest, struct solver_largest *scratch,
                        uint32_t lower_bound[SOLVER_TREE_MAX]);

/* Fills more[0 … host] with what pods that stand apart from those of the role touch inside the
 * domain beside all that the role and the pinned members touch there. */
void solver_lower_bound_beside(const struct solver_space *space, uint32_t within, uint32_t role,
                               struct solver_largest *scratch, uint32_t more[SOLVER_TREE_MAX]);

#endif
