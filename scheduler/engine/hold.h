// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_HOLD_H
#define SCHEDULER_ENGINE_HOLD_H

#include "scheduler/engine/state.h"

/* Gives up what is held: of one member, or of a whole gang. */

enum hold_cause {
    HOLD_EXPIRED, /* its time is over */
    HOLD_CHANGED, /* the gang is not what was planned any more */
    HOLD_TAKEN,   /* something that is not up to the gang: a node, other pods, another leader */
};

/* The time a hold of the gang may last. A group may ask for less than configured, never for more:
 * kube-scheduler's bind calls end with its httpTimeout, and nothing may be posted for a caller that
 * is gone. Holds that no vote followed make the next one shorter (standing.h). What is held to make
 * a gang whole again has the time that is configured: members that kube-scheduler lets wait between
 * two tries must be able to meet. */
int64_t hold_timeout(const struct engine *engine, const struct gang *gang);

/* Takes a member out of the barrier (its caller gets `why`, NULL = bound) and releases its hold. */
void hold_drop(struct engine *engine, struct pod *pod, const char *why);

/* kube-scheduler refused the member's planned node: what is held for members that have not voted is
 * given up, and the gang is marked to be planned around the veto and those that have. */
void hold_veto(struct engine *engine, struct pod *pod);

/* Gives up the hold of what is missing for a quorum (or of joiners): waiting binds
 * get `why`, capacity is free again. One that expired is not planned again at once, unless it was
 * to make whole what began here. */
void hold_abort(struct engine *engine, struct gang *gang, const char *why, enum hold_cause cause);

#endif
