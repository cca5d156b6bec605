// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_ELASTIC_H
#define SCHEDULER_ENGINE_ELASTIC_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/engine/attempt.h"
#include "scheduler/engine/needs.h"

/* Which members, when not all of them fit: the most that do; those first whose role has a minimum
 * that is not met, and of those who are alike the first by rank.
 *
 *   members   a0 a1 | b0 b1 b2 b3        a: 2 that fit nowhere, b: 4 that do, quorum 4
 *   chosen            b0 b1 b2 b3        never "all, or exactly the first four"
 *
 * Puts the chosen ones first, each part in its order, and returns how many they are; `needs` is
 * less than all of them. 0: not as many were found; then those that would be needed at least stand
 * first, *needed of them.
 *
 * `plan` is used for asking the solver. Its work is charged, and bounded by ELASTIC_PROBES_MAX
 * questions whether a choice fits, of which none is asked when the steps are used up but the first
 * ELASTIC_PROBES_SURE.
 *
 * The most members, exactly: where all are of one role and shape, and the solver is exact for them
 * (solver/solver.h). With several, where the questions suffice, as far as the solver knows what
 * does not fit. With more than 16 kinds of members, where each asks for more of everything than the
 * one before; of more shapes than the solver takes at once some wait until the others are bound.
 */

#define ELASTIC_PROBES_MAX  256
#define ELASTIC_PROBES_SURE 24

uint32_t elastic_choose(struct attempt *attempt, const struct needs *needs,
                        struct solver_plan *plan, uint32_t *needed);

/* Whether the members are of more kinds than the solver takes, so that all of them cannot even be
 * tried. */
bool elastic_must_choose(const struct attempt *attempt);

#endif
