// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_SOLVER_GREEDY_H
#define SCHEDULER_SOLVER_GREEDY_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/solver/candidates.h"
#include "scheduler/solver/fill.h"
#include "scheduler/solver/solution.h"
#include "scheduler/solver/space.h"

/* Fills one place with the whole gang (fill.h says how with one role).
 *
 * A single role always succeeds where it fits. Several roles are placed one after the other, in a
 * few orders and rules, which may fail although a plan exists. With one exception: without slices,
 * a single pod beside pods of one other role, which is the usual gang with a launcher, succeeds
 * where the space says that it fits.
 */

struct solver_greedy;

/* *New*; keeps both (*borrowed*), and leaves the space as it found it after every fill. */
struct solver_greedy *solver_greedy_create(struct solver_space *space, struct solver_fill *fill);
void solver_greedy_destroy(struct solver_greedy *greedy);

/* Fills the place in a few ways; the best one replaces `best` if it is better, that is, touches
 * fewer domains, widest level first. A complete solution beats an incomplete one, and among those
 * the one with more pods placed counts; the first of equals stays. Returns true, and stops early,
 * when `best` is complete and its `used` equals `lower_bound`. Where nothing is certain, it also
 * stops after the first way when the space's effort is over. */
bool solver_greedy_fill(struct solver_greedy *greedy, struct solver_candidate place,
                        const uint32_t lower_bound[SOLVER_TREE_MAX], struct solver_solution *best);

#endif
