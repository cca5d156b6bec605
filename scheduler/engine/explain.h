// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_EXPLAIN_H
#define SCHEDULER_ENGINE_EXPLAIN_H

#include "scheduler/engine/attempt.h"

/* Sets the gang's reason from the shortfall of the attempt's last solve. */
void explain_shortage(const struct attempt *attempt, const struct solver_plan *plan);

/* Words for members that got no place beside the others of their gang, which have one. */
void explain_rest(const struct attempt *attempt, const struct solver_plan *plan,
                  char text[GANG_REASON_MAX]);

#endif
