// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_RUN_H
#define SCHEDULER_STATE_RUN_H

#include <stdint.h>

#include "scheduler/state/pod.h"

/* Which run of a gang a succeeded member belongs to. The name of a gang comes again: a nightly job
 * has the same PodGroup every night, and the pods of last night are still there. They must not
 * count for tonight's quorum, while the indices of tonight that are done already must.
 *
 *   succeeded member            counts for the present run if …
 *   -------------------------   -----------------------------------------------------------------
 *   has an owner                a live member has the same one (totals.h)
 *   has none, but the run it    a bound member was committed in the same run
 *     was committed in
 *   nothing says                it has a rank, its replica has a live member without an owner, and
 *                               no succeeded member of this kind has the rank of a live one: none
 *                               was made again. Of several runs left over, that of most
 *                               members is meant
 *
 * The owner is the uid of the controller, or the JobSet and its attempt (pod_object.owner). The run
 * is written on members without an owner when they are bound, and is the uid of the first member of
 * the run's first commit. While no member is bound the run says nothing, and ranks decide; who
 * counts then is of the run that is committed next.
 *
 * This file is about members without an owner. `members` are in the order of role, replica
 * and rank.
 */

/* How many succeeded members without an owner count, of the role or, with NULL, of all. */
uint32_t run_done(struct pod *const *members, uint32_t count, const char *role);

/* The run of the first bound member that has one; *borrowed*, NULL: of none. */
const char *run_of(struct pod *const *members, uint32_t count);

/* While no bound member has one: the run of those who count by their ranks; *borrowed*, NULL: there
 * are none. */
const char *run_continued(struct pod *const *members, uint32_t count);

#endif
