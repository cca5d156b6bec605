// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_BLOCKERS_H
#define SCHEDULER_ENGINE_BLOCKERS_H

#include "scheduler/engine/attempt.h"

/* Who is in the way of a gang that does not fit: only somebody without whom it would. */

/* All zero: nobody. */
struct blocker {
    const struct gang *gang;
    bool ordinary; /* all pods without a gang, together */
};

/* The first of those who have most of the `scarce` resource (or NAMES_NONE) in the domain, or keep
 * nodes for themselves, without whom the attempt's last problem has a plan. Only a few are asked
 * about, fewer in great clusters, and none where that is too dear: which follows from the size of
 * the problem alone. */
struct blocker blockers_find(const struct attempt *attempt, uint32_t domain, uint32_t scarce);

#endif
