// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_ACCOUNT_H
#define TEST_SIMULATION_ACCOUNT_H

#include "test/simulation/sim.h"

/* Who has what of which node, and until when, kept beside the engine: from what it was shown, the
 * calls it was sent and the effects it asked for. Never from its own view, which is compared with
 * this. */

/* The process begins anew: nothing is known. */
void account_reset(struct sim *sim);

/* Takes in one event and its effects; before the checks that read the account, and before
 * host.posted and host.phase are brought up to date. */
void account_note(struct sim *sim, const struct record *record);

/* The engine's view of every gang, and how it answers votes and deadlines, against the account. */
void account_check(struct sim *sim, const struct record *record);

/* Node of a member that is held or has voted; SIM_NONE: it is neither. */
int account_hold(const struct sim *sim, int pod);
/* Node whose room is kept for the member: held, voted, or bound by a binding of its own that is not
 * certain yet. SIM_NONE: none. */
int account_kept(const struct sim *sim, int pod);
/* The run that its binding says, of a member whose binding is not shown yet; SIM_NONE. */
int account_committed(const struct sim *sim, int pod);
/* Whether room of anybody is kept on the node in that way. */
bool account_keeps(const struct sim *sim, int node);
/* Members of the gang that are held or have voted. */
int account_holds(const struct sim *sim, int gang);

#endif
