// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_SLICING_H
#define SCHEDULER_ENGINE_SLICING_H

#include "scheduler/engine/attempt.h"

/* Notes the slices of the members to place in `ranks`, leaves out those that cannot be placed yet,
 * and puts the others behind those that are in none, podset after podset, so that a slice's members
 * stand together. The attempt's members and constraints are there. */
void slicing_choose(struct attempt *attempt);

#endif
