// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/totals.h"

#include <string.h>

/* Sums of what members contribute, one share each. A change of a member is its old share taken out
 * and its new one put in; priorities and quorums are touched only when they differ.
 *
 * Invariant: the totals are the sum of the shares of those who were added and not removed, which
 * the tests compare with a count from scratch.
 */

void totals_finish(struct totals *totals)
{
    multiset_finish(&totals->priorities);
    multiset_finish(&totals->quorums);
    memset(totals, 0, sizeof(*totals));
}

static void add_tally(struct gang_tally *to, const struct gang_tally *share)
{
    to->live += share->live;
    to->pending += share->pending;
    to->held += share->held;
    to->bound += share->bound;
    to->confirmed += share->confirmed;
    to->done += share->done;
    to->refused += share->refused;
}

static void subtract_tally(struct gang_tally *from, const struct gang_tally *share)
{
    from->live -= share->live;
    from->pending -= share->pending;
    from->held -= share->held;
    from->bound -= share->bound;
    from->confirmed -= share->confirmed;
    from->done -= share->done;
    from->refused -= share->refused;
}

static void add_quorum(struct totals *totals, int32_t quorum)
{
    if (quorum != 0) {
        multiset_add(&totals->quorums, quorum);
    }
}

static void remove_quorum(struct totals *totals, int32_t quorum)
{
    if (quorum != 0) {
        multiset_remove(&totals->quorums, quorum);
    }
}

void totals_add(struct totals *totals, const struct totals_share *share)
{
    add_tally(&totals->tally, &share->tally);
    multiset_add(&totals->priorities, share->priority);
    add_quorum(totals, share->quorum);
}

void totals_remove(struct totals *totals, const struct totals_share *share)
{
    subtract_tally(&totals->tally, &share->tally);
    multiset_remove(&totals->priorities, share->priority);
    remove_quorum(totals, share->quorum);
}

void totals_change(struct totals *totals, const struct totals_share *before,
                   const struct totals_share *after)
{
    subtract_tally(&totals->tally, &before->tally);
    add_tally(&totals->tally, &after->tally);
    if (before->priority != after->priority) {
        multiset_remove(&totals->priorities, before->priority);
        multiset_add(&totals->priorities, after->priority);
    }
    if (before->quorum != after->quorum) {
        remove_quorum(totals, before->quorum);
        add_quorum(totals, after->quorum);
    }
}

static bool equal_sets(const struct multiset *a, const struct multiset *b)
{
    bool same = a->count == b->count;
    for (uint32_t i = 0; same && i < a->count; i++) {
        same = a->items[i].value == b->items[i].value && a->items[i].count == b->items[i].count;
    }
    return same;
}

bool totals_equal(const struct totals *a, const struct totals *b)
{
    return memcmp(&a->tally, &b->tally, sizeof(a->tally)) == 0 &&
           equal_sets(&a->priorities, &b->priorities) && equal_sets(&a->quorums, &b->quorums);
}
