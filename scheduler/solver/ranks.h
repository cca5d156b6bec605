// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_SOLVER_RANKS_H
#define SCHEDULER_SOLVER_RANKS_H

#include <stdint.h>

#include "scheduler/solver/solver.h"

/* Which member gets which of a plan's positions.
 *
 *   positions   0 0 0 0 | 4 4 5 5 | 9 9 9 9      in order, that is depth first through the tree
 *   members     0 1 2 3   4 5 6 7   8 …          in rank order: a ring through the ranks crosses
 *                                                each boundary as seldom as possible
 *
 * With slices, every domain of a layer gets the members of slices that were started there, and then
 * the next whole slices. Both are multiples of the size, so no slice is split.
 */

struct ranks_member {
    uint32_t slice[SOLVER_LAYERS_MAX]; /* number of its slice in each layer, ascending with rank */
    /* Where that slice was started (domain, or position at the host level), else DOMAINS_NONE. */
    uint32_t started[SOLVER_LAYERS_MAX];
};

/* Deals `count` positions, ascending, to as many members in rank order: dealt[i] is what member i
 * gets. The positions must be a solution for layers and members (solver.h), which is checked. */
void ranks_deal(const struct domains *domains, const struct solver_layer *layers,
                uint32_t layer_count, const struct ranks_member *members, const uint32_t *positions,
                uint32_t count, uint32_t *dealt);

#endif
