// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_ORDINALS_H
#define SCHEDULER_ENGINE_ORDINALS_H

#include <stdint.h>

#include "scheduler/state/pod.h"

/* One number per member, where its controllers count with several: what slices are cut from.
 *
 *   replica      0        0        1        1
 *   rank         0   …    11       0   …    11
 *   ordinal      0   …    11       12  …    23       replica × pods per replica + rank
 *
 * A replica has as many pods as the greatest rank of any replica of its owner and role says; a rank
 * or a replica that is missing leaves a hole. Owners and roles stand one behind the other. A pod
 * without a rank, and one whose rank another has already, get the lowest hole of their replica, and
 * where it has none a number behind all others; nobody else moves for their sake. Pods of an
 * earlier attempt of a replica come last of all.
 *
 * Slices must not hold pods of two replicas where that can be helped: where the pods of a replica
 * make no whole slices, and all of them together make none either, some are still to come, and
 * every replica starts with a new slice.
 *
 * Ranks and indices are what somebody wrote on pods. Where the numbers would grow beyond
 * ORDINALS_MAX, replicas are numbered one by one, and a rank that is too great is none.
 */

#define ORDINALS_MAX 400000u

/* `pods` live, in the order of members (state/gang.h); `size`: of the widest slices, 1: none.
 * Returns what all ordinals are below. */
uint32_t ordinals_deal(struct pod *const *pods, uint32_t count, uint32_t size, uint32_t *ordinals);

/* The same inside each role, for people: replica × pods per replica + rank, counted among those
 * that have ranks. The rank alone where the pod is of an earlier attempt, -1 where it has none. */
void ordinals_ranks(struct pod *const *pods, uint32_t count, int32_t *ranks);

#endif
