// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/totals.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/err.h"
#include "topology/base/names.h"
#include "topology/base/sorted.h"

/* Sums of what members contribute, one share each. A change of a member is its old share taken out
 * and its new one put in; priorities and quorums are touched only when they differ.
 *
 * Who succeeded counts for the run that its owner's live members are in, so both are counted by
 * owner. There are as many owners as there are Jobs, seldom more than a few, and as many roles as
 * there are templates.
 *
 * Invariant: the totals are the sum of the shares of those who were added and not removed, which
 * the tests compare with a count from scratch.
 */

void totals_finish(struct totals *totals)
{
    multiset_finish(&totals->priorities);
    multiset_finish(&totals->quorums);
    multiset_finish(&totals->minimums);
    multiset_finish(&totals->preferences);
    free(totals->owners);
    free(totals->roles);
    free(totals->done_roles);
    memset(totals, 0, sizeof(*totals));
}

static void add_tally(struct gang_tally *to, const struct gang_tally *share)
{
    to->live += share->live;
    to->pending += share->pending;
    to->held += share->held;
    to->voted += share->voted;
    to->bound += share->bound;
    to->confirmed += share->confirmed;
    to->done += share->done;
    to->refused += share->refused;
    to->exclusive += share->exclusive;
    to->here += share->here;
    to->strangers += share->strangers;
}

static void subtract_tally(struct gang_tally *from, const struct gang_tally *share)
{
    from->live -= share->live;
    from->pending -= share->pending;
    from->held -= share->held;
    from->voted -= share->voted;
    from->bound -= share->bound;
    from->confirmed -= share->confirmed;
    from->done -= share->done;
    from->refused -= share->refused;
    from->exclusive -= share->exclusive;
    from->here -= share->here;
    from->strangers -= share->strangers;
}

/* ---- owners ---- */

static_assert(offsetof(struct totals_owner, owner) == 0, "sorted_place()");
static_assert(offsetof(struct totals_role, role) == 0, "sorted_place()");

/* Index of the owner, or where it belongs. */
static uint32_t owner_place(const struct totals *totals, uint32_t owner)
{
    return (uint32_t)sorted_place(totals->owners, sizeof *totals->owners, totals->owner_count,
                                  owner);
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

/* ---- roles ---- */

/* Index of the role, or where it belongs. */
static uint32_t role_place(const struct totals *totals, uint32_t role)
{
    return (uint32_t)sorted_place(totals->roles, sizeof *totals->roles, totals->role_count, role);
}

static bool has_role(const struct totals *totals, uint32_t place, uint32_t role)
{
    return place < totals->role_count && totals->roles[place].role == role;
}

static bool is_empty(const struct gang_tally *tally)
{
    static const struct gang_tally none;
    return memcmp(tally, &none, sizeof none) == 0;
}

/* What does not count in any way has no entry. */
static void add_role(struct totals *totals, const struct totals_share *share)
{
    uint32_t place = role_place(totals, share->role);
    if (share->role == NAMES_NONE || is_empty(&share->tally)) {
        return;
    }
    if (!has_role(totals, place, share->role)) {
        totals->roles = alloc_grow(totals->roles, &totals->role_room,
                                   (size_t)totals->role_count + 1, sizeof *totals->roles);
        memmove(&totals->roles[place + 1], &totals->roles[place],
                (totals->role_count - place) * sizeof *totals->roles);
        totals->roles[place] = (struct totals_role){.role = share->role};
        totals->role_count++;
    }
    add_tally(&totals->roles[place].tally, &share->tally);
}

static void remove_role(struct totals *totals, const struct totals_share *share)
{
    uint32_t place = role_place(totals, share->role);
    if (share->role == NAMES_NONE || is_empty(&share->tally)) {
        return;
    }
    err_require(has_role(totals, place, share->role));
    struct totals_role *item = &totals->roles[place];
    subtract_tally(&item->tally, &share->tally);
    if (is_empty(&item->tally)) {
        totals->role_count--;
        memmove(item, item + 1, (totals->role_count - place) * sizeof *item);
    }
}

struct gang_tally totals_of_role(const struct totals *totals, uint32_t role)
{
    uint32_t place = role_place(totals, role);
    return has_role(totals, place, role) ? totals->roles[place].tally : (struct gang_tally){0};
}

/* Index of the owner's succeeded members of the role, or where they belong. */
static uint32_t done_place(const struct totals *totals, uint32_t owner, uint32_t role)
{
    uint32_t low = 0, high = totals->done_role_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct totals_done *item = &totals->done_roles[middle];
        if (item->owner < owner || (item->owner == owner && item->role < role)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool has_done(const struct totals *totals, uint32_t place, uint32_t owner, uint32_t role)
{
    return place < totals->done_role_count && totals->done_roles[place].owner == owner &&
           totals->done_roles[place].role == role;
}

static bool is_done_with_role(const struct totals_share *share)
{
    return share->tally.done > 0 && share->role != NAMES_NONE && share->owner != NAMES_NONE;
}

static void add_done(struct totals *totals, const struct totals_share *share)
{
    uint32_t place = done_place(totals, share->owner, share->role);
    if (!is_done_with_role(share)) {
        return;
    }
    if (!has_done(totals, place, share->owner, share->role)) {
        totals->done_roles =
            alloc_grow(totals->done_roles, &totals->done_role_room,
                       (size_t)totals->done_role_count + 1, sizeof *totals->done_roles);
        memmove(&totals->done_roles[place + 1], &totals->done_roles[place],
                (totals->done_role_count - place) * sizeof *totals->done_roles);
        totals->done_roles[place] =
            (struct totals_done){.owner = share->owner, .role = share->role};
        totals->done_role_count++;
    }
    totals->done_roles[place].count += share->tally.done;
}

static void remove_done(struct totals *totals, const struct totals_share *share)
{
    uint32_t place = done_place(totals, share->owner, share->role);
    if (!is_done_with_role(share)) {
        return;
    }
    err_require(has_done(totals, place, share->owner, share->role));
    struct totals_done *item = &totals->done_roles[place];
    item->count -= share->tally.done;
    if (item->count == 0) {
        totals->done_role_count--;
        memmove(item, item + 1, (totals->done_role_count - place) * sizeof *item);
    }
}

uint32_t totals_done_here(const struct totals *totals, uint32_t role)
{
    uint32_t done = 0;
    for (uint32_t i = 0; i < totals->done_role_count; i++) {
        const struct totals_done *item = &totals->done_roles[i];
        uint32_t place = owner_place(totals, item->owner);
        done += item->role == role && totals->owners[place].live > 0 ? item->count : 0;
    }
    return done;
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

static void add_priority(struct totals *totals, const struct totals_share *share)
{
    if (share->tally.pending > 0) {
        multiset_add(&totals->priorities, share->priority);
    }
}

static void remove_priority(struct totals *totals, const struct totals_share *share)
{
    if (share->tally.pending > 0) {
        multiset_remove(&totals->priorities, share->priority);
    }
}

static void add_name(struct multiset *set, uint32_t name)
{
    if (name != NAMES_NONE) {
        multiset_add(set, (int32_t)name);
    }
}

static void remove_name(struct multiset *set, uint32_t name)
{
    if (name != NAMES_NONE) {
        multiset_remove(set, (int32_t)name);
    }
}

static void change_name(struct multiset *set, uint32_t before, uint32_t after)
{
    if (before != after) {
        remove_name(set, before);
        add_name(set, after);
    }
}

static void change_minimums(struct totals *totals, uint32_t before, uint32_t after)
{
    if (before != after) {
        uint32_t count = totals->minimums.count;
        remove_name(&totals->minimums, before);
        bool gone = totals->minimums.count != count;
        count = totals->minimums.count;
        add_name(&totals->minimums, after);
        totals->minimums_version += gone || totals->minimums.count != count;
    }
}

void totals_add(struct totals *totals, const struct totals_share *share)
{
    add_tally(&totals->tally, &share->tally);
    add_owner(totals, share);
    add_role(totals, share);
    add_done(totals, share);
    add_priority(totals, share);
    add_quorum(totals, share->quorum);
    add_name(&totals->preferences, share->preference);
    change_minimums(totals, NAMES_NONE, share->minimums);
}

void totals_remove(struct totals *totals, const struct totals_share *share)
{
    subtract_tally(&totals->tally, &share->tally);
    remove_owner(totals, share);
    remove_role(totals, share);
    remove_done(totals, share);
    remove_priority(totals, share);
    remove_quorum(totals, share->quorum);
    remove_name(&totals->preferences, share->preference);
    change_minimums(totals, share->minimums, NAMES_NONE);
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
    if (before->role != after->role ||
        memcmp(&before->tally, &after->tally, sizeof before->tally) != 0) {
        remove_role(totals, before);
        add_role(totals, after);
    }
    if (before->owner != after->owner || before->role != after->role ||
        before->tally.done != after->tally.done) {
        remove_done(totals, before);
        add_done(totals, after);
    }
    if (before->priority != after->priority || before->tally.pending != after->tally.pending) {
        remove_priority(totals, before);
        add_priority(totals, after);
    }
    if (before->quorum != after->quorum) {
        remove_quorum(totals, before->quorum);
        add_quorum(totals, after->quorum);
    }
    change_name(&totals->preferences, before->preference, after->preference);
    change_minimums(totals, before->minimums, after->minimums);
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
           a->role_count == b->role_count &&
           (a->role_count == 0 ||
            memcmp(a->roles, b->roles, a->role_count * sizeof *a->roles) == 0) &&
           a->done_role_count == b->done_role_count &&
           (a->done_role_count == 0 || memcmp(a->done_roles, b->done_roles,
                                              a->done_role_count * sizeof *a->done_roles) == 0) &&
           equal_sets(&a->minimums, &b->minimums) && equal_sets(&a->preferences, &b->preferences) &&
           equal_sets(&a->priorities, &b->priorities) && equal_sets(&a->quorums, &b->quorums);
}
