// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_SOLVER_SLICES_H
#define SCHEDULER_SOLVER_SLICES_H

#include <stdint.h>

#include "scheduler/solver/solver.h"

/* What slices do to numbers of pods (solver.h says what slices are). `index` is a domain number, or
 * a position at the host level.
 */

/* The role's pods come in portions of this many in a domain of the level; 1: no layer there. */
uint32_t solver_slices_portion(const struct solver_role *role, uint32_t level);

/* Pods of started slices of that level's layer that must go there; mostly 0. */
uint32_t solver_slices_started(const struct solver_role *role, uint32_t level, uint32_t index);

/* What it takes if `raw` pods would fit: its started pods and whole slices beside them, the latter
 * only in a known domain; 0 when not even the started ones fit. */
uint64_t solver_slices_round(const struct solver_role *role, const struct domains *domains,
                             uint32_t level, uint32_t index, uint64_t raw);

/* What a place of any level holds comes in portions of the size returned, beside the `started` pods
 * that must go there: those of the widest layer at the level or inside. */
uint32_t solver_slices_within(const struct solver_role *role, const struct domains *domains,
                              uint32_t level, uint32_t index, uint64_t *started);

#endif
