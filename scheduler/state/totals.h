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
    uint32_t voted;     /* of which wait at the barrier */
    uint32_t bound;     /* live with a binding, seen or posted */
    uint32_t confirmed; /* of which the API server has taken the binding */
    uint32_t done;      /* succeeded, in whichever run */
    uint32_t refused;   /* live, without a binding, and beyond a limit */
    uint32_t exclusive; /* their own annotations ask for domains without other gangs */
    uint32_t here;      /* of the bound ones, those whose binding was posted by this scheduler */
    uint32_t strangers; /* have a node by a binding of somebody else, alive or not */
};

/* The members that one owner made. */
struct totals_owner {
    uint32_t owner; /* a name; see pod.owner */
    uint32_t live;
    uint32_t done;
};

/* The members of one role. */
struct totals_role {
    uint32_t role; /* a name; see pod.role_word */
    struct gang_tally tally;
};

/* The succeeded members of one role that one owner made. */
struct totals_done {
    uint32_t owner;
    uint32_t role;
    uint32_t count;
};

/* Embedded; all zero is that of no members. */
struct totals {
    struct gang_tally tally;
    struct totals_role *roles; /* by number */
    uint32_t role_count;
    size_t role_room;
    struct totals_done *done_roles; /* by owner, role */
    uint32_t done_role_count;
    size_t done_role_room;
    struct totals_owner *owners; /* of live and succeeded members, by number */
    uint32_t owner_count;
    size_t owner_room;
    uint32_t done_here;         /* succeeded, and their owner has live members */
    uint32_t done_bare;         /* succeeded, and nobody owns them */
    struct multiset priorities; /* of the members that can be planned */
    struct multiset quorums;    /* of the members that name one; -1: an invalid one */
    /* Names of what members say of minimums per role, and of what they prefer. */
    struct multiset minimums;
    uint32_t minimums_version; /* another one whenever there are others of them */
    struct multiset preferences;
};

/* What one member has to do with its gang's totals. */
struct totals_share {
    struct gang_tally tally; /* 0 or 1 each */
    int32_t priority;
    int32_t quorum; /* 0: none */
    uint32_t owner; /* NAMES_NONE: none, like … */
    uint32_t role;
    uint32_t minimums;
    uint32_t preference;
};

void totals_finish(struct totals *totals);
void totals_add(struct totals *totals, const struct totals_share *share);
void totals_remove(struct totals *totals, const struct totals_share *share);
/* A member whose share was `before` has `after`. */
void totals_change(struct totals *totals, const struct totals_share *before,
                   const struct totals_share *after);
/* The members of a role; all 0 of one that nobody has. */
struct gang_tally totals_of_role(const struct totals *totals, uint32_t role);
/* Members of the role that succeeded, and whose owner has live members. */
uint32_t totals_done_here(const struct totals *totals, uint32_t role);
bool totals_equal(const struct totals *a, const struct totals *b);

#endif
