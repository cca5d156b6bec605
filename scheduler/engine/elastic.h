// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_ELASTIC_H
#define SCHEDULER_ENGINE_ELASTIC_H

#include <stdint.h>

#include "scheduler/engine/attempt.h"

/* Which members, when not all of them fit: the most that do, and of those who are alike the first
 * by rank.
 *
 *   members   a0 a1 | b0 b1 b2 b3        a: 2 that fit nowhere, b: 4 that do, quorum 4
 *   chosen            b0 b1 b2 b3        never "all, or exactly the first four"
 *
 * Puts the chosen ones first, each part in its order, and returns how many they are, at least
 * `least`, which is below attempt->count. 0: not as many were found; then those that would be
 * needed at least stand first, least of them or a few more that belong to a slice.
 *
 * `plan` is that of all members, which did not fit, and is used for asking the solver. Its work is
 * charged, and bounded by ELASTIC_PROBES_MAX questions whether a choice fits, of which none is
 * asked when the steps are used up but the first ELASTIC_PROBES_SURE.
 *
 * The most members, exactly: where all are of one role and shape, and the solver is exact for them
 * (solver/solver.h). With several, where the questions suffice, as far as the solver knows what
 * does not fit.
 */

#define ELASTIC_PROBES_MAX  96
#define ELASTIC_PROBES_SURE 24

uint32_t elastic_choose(struct attempt *attempt, uint32_t least, struct solver_plan *plan,
                        uint32_t *needed);

#endif
