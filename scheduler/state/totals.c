// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/totals.h"

#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/err.h"
#include "topology/base/names.h"

/* Sums of what members contribute, one share each. A change of a member is its old share taken out
 * and its new one put in; priorities and quorums are touched only when they differ.
 *
 * Who succeeded counts for the run that its owner's live members are in, so both are counted by
 * owner. There are as many owners as there are Jobs, seldom more than a few.
 *
 * Invariant: the totals are the sum of the shares of those who were added and not removed, which
 * the tests compare with a count from scratch.
 */

void totals_finish(struct totals *totals)
{
    multiset_finish(&totals->priorities);
    multiset_finish(&totals->quorums);
    free(totals->owners);
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
    to->exclusive += share->exclusive;
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
    from->exclusive -= share->exclusive;
}

/* ---- owners ---- */

/* Index of the owner, or where it belongs. */
static uint32_t owner_place(const struct totals *totals, uint32_t owner)
{
    uint32_t low = 0, high = totals->owner_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (totals->owners[middle].owner < owner) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static uint32_t done_here(const struct totals_owner *item)
{
    return item->live > 0 ? item->done : 0;
}

static struct totals_owner *get_owner(struct totals *totals, uint32_t owner)
{
    uint32_t place = owner_place(totals, owner);
    if (place < totals->owner_count && totals->owners[place].owner == owner) {
        return &totals->owners[place];
    }
    totals->owners = alloc_grow(totals->owners, &totals->owner_room,
                                (size_t)totals->owner_count + 1, sizeof *totals->owners);
    memmove(&totals->owners[place + 1], &totals->owners[place],
            (totals->owner_count - place) * sizeof *totals->owners);
    totals->owners[place] = (struct totals_owner){.owner = owner};
    totals->owner_count++;
    return &totals->owners[place];
}

static void add_owner(struct totals *totals, const struct totals_share *share)
{
    if (share->owner == NAMES_NONE) {
        totals->done_bare += share->tally.done;
    } else if (share->tally.live + share->tally.done > 0) {
        struct totals_owner *item = get_owner(totals, share->owner);
        totals->done_here -= done_here(item);
        item->live += share->tally.live;
        item->done += share->tally.done;
        totals->done_here += done_here(item);
    }
}

static void remove_owner(struct totals *totals, const struct totals_share *share)
{
    if (share->owner == NAMES_NONE) {
        totals->done_bare -= share->tally.done;
    } else if (share->tally.live + share->tally.done > 0) {
        uint32_t place = owner_place(totals, share->owner);
        err_require(place < totals->owner_count && totals->owners[place].owner == share->owner);
        struct totals_owner *item = &totals->owners[place];
        totals->done_here -= done_here(item);
        item->live -= share->tally.live;
        item->done -= share->tally.done;
        totals->done_here += done_here(item);
        if (item->live + item->done == 0) {
            totals->owner_count--;
            memmove(item, item + 1, (totals->owner_count - place) * sizeof *item);
        }
    }
}

/* ---- all ---- */

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
    add_owner(totals, share);
    multiset_add(&totals->priorities, share->priority);
    add_quorum(totals, share->quorum);
}

void totals_remove(struct totals *totals, const struct totals_share *share)
{
    subtract_tally(&totals->tally, &share->tally);
    remove_owner(totals, share);
    multiset_remove(&totals->priorities, share->priority);
    remove_quorum(totals, share->quorum);
}

void totals_change(struct totals *totals, const struct totals_share *before,
                   const struct totals_share *after)
{
    subtract_tally(&totals->tally, &before->tally);
    add_tally(&totals->tally, &after->tally);
    if (before->owner != after->owner || before->tally.live != after->tally.live ||
        before->tally.done != after->tally.done) {
        remove_owner(totals, before);
        add_owner(totals, after);
    }
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
    return memcmp(&a->tally, &b->tally, sizeof(a->tally)) == 0 && a->done_here == b->done_here &&
           a->done_bare == b->done_bare && a->owner_count == b->owner_count &&
           (a->owner_count == 0 ||
            memcmp(a->owners, b->owners, a->owner_count * sizeof *a->owners) == 0) &&
           equal_sets(&a->priorities, &b->priorities) && equal_sets(&a->quorums, &b->quorums);
}
