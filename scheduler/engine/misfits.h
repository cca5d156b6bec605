// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_MISFITS_H
#define SCHEDULER_ENGINE_MISFITS_H

#include "scheduler/engine/attempt.h"

/* Where a plan does not hold up: members who would not get good GPUs, more of a shape than a veto
 * grants a node, pods that keep apart by a label of which the tree knows less. The plan is made
 * again without that (attempt_excluded()).
 */

#define MISFITS_TRIES_MAX 32 /* plans made again for that */

/* Notes what the plan took amiss; false when it holds up. On the last try so much is ruled out that
 * the next plan holds up, if there is one. */
bool misfits_note(struct attempt *attempt, uint32_t first, uint32_t count,
                  const struct solver_plan *plan, bool last);

#endif
