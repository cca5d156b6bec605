// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_TOTALS_H
#define SCHEDULER_STATE_TOTALS_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/state/multiset.h"

/* What the members of a gang add up to. It is embedded in the gang and kept by the pod table
 * (pods.h), which is the one writer of everything that is counted here: whoever asks gets the
 * answer without looking at the members.
 */

struct gang_tally {
    uint32_t live;    /* not terminal, not deleting */
    uint32_t pending; /* of which can be planned (held ones included) */
    uint32_t held;
    uint32_t bound;     /* live with a binding, seen or posted */
    uint32_t confirmed; /* of which the API server has taken the binding */
    uint32_t done;      /* succeeded, in whichever run */
    uint32_t refused;   /* live, without a binding, and beyond a limit */
    uint32_t exclusive; /* their own annotations ask for domains without other gangs */
};

/* The members that one owner made. */
struct totals_owner {
    uint32_t owner; /* a name; see pod.owner */
    uint32_t live;
    uint32_t done;
};

/* Embedded; all zero is that of no members. */
struct totals {
    struct gang_tally tally;
    struct totals_owner *owners; /* of live and succeeded members, by number */
    uint32_t owner_count;
    size_t owner_room;
    uint32_t done_here; /* succeeded, and their owner has live members */
    uint32_t done_bare; /* succeeded, and nobody owns them */
    struct multiset priorities;
    struct multiset quorums; /* of the members that name one; -1: an invalid one */
};

/* What one member has to do with its gang's totals. */
struct totals_share {
    struct gang_tally tally; /* 0 or 1 each */
    int32_t priority;
    int32_t quorum; /* 0: none */
    uint32_t owner; /* NAMES_NONE: none */
};

void totals_finish(struct totals *totals);
void totals_add(struct totals *totals, const struct totals_share *share);
void totals_remove(struct totals *totals, const struct totals_share *share);
/* A member whose share was `before` has `after`. */
void totals_change(struct totals *totals, const struct totals_share *before,
                   const struct totals_share *after);
bool totals_equal(const struct totals *a, const struct totals *b);

#endif
