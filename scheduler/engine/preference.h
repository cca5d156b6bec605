// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_PREFERENCE_H
#define SCHEDULER_ENGINE_PREFERENCE_H

#include <stdint.h>

#include "scheduler/engine/attempt.h"

/* What a gang of which not all members fit wants more of, and what that means.
 *
 *   members    as many members as fit, and those as near to each other as can be. The default: a
 *              job that takes min:max workers (torchrun, Kueue's partial admission) is the faster
 *              the more it gets, and says max because it wants that.
 *   placement  as many as fit in one domain of the narrowest level of which a domain takes the
 *              quorum; and the gang does not leave that domain later: the others wait for room
 *              there. Levels are tried from the preferred one that the gang names, else from the
 *              one above the nodes, up to the required one, else the cluster, which always will do.
 *
 * The group object says which, else the pods (if they differ, what keeps the gang nearer together),
 * else the configuration.
 */

/* The level that placement begins with; SOLVER_LEVEL_NONE: members count more. -1 with the gang's
 * reason set when it says something else. */
int preference_resolve(struct engine *engine, struct gang *gang, uint32_t *level);

/* For an attempt of members beside a whole quorum: the level of whose domain they have to be, that
 * of the members that are there; the required one where nothing else is wanted. */
uint32_t preference_joining(const struct attempt *attempt);

#endif
