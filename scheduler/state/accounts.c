// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/accounts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"

/* One account per row, indexed like the node table, made on first use: pods may be bound to nodes
 * that have not been seen yet, or no longer.
 *
 * `free` is kept, not computed on demand, because the solver reads it far more often than it
 * changes. Invariant: free = allocatable (0 while the node is absent) - bound - held, checked by
 * the tests against a naive model.
 *
 * Releases are counted by resource in a short sorted list: clusters have some ten resources. A
 * resource whose number in the vocabulary goes to another name hands its count on, which wakes
 * somebody once for nothing.
 */

struct account {
    struct resources bound;
    struct resources held;
    struct resources free;
    uint32_t holds; /* charges on `held` not yet refunded or settled, and guards */
};

struct release {
    uint32_t name;
    uint64_t count;
};

struct accounts {
    const struct nodes *nodes;
    struct account *items;
    size_t count;
    size_t room;
    uint32_t held_rows;
    uint64_t node_changes;
    struct recent recent;
    struct release *releases; /* by name */
    size_t release_count;
    size_t release_room;
};

struct accounts *accounts_create(const struct nodes *nodes)
{
    struct accounts *accounts = alloc_zero(1, sizeof(*accounts));
    accounts->nodes = nodes;
    recent_init(&accounts->recent);
    return accounts;
}

void accounts_destroy(struct accounts *accounts)
{
    if (accounts == NULL) {
        return;
    }
    for (size_t row = 0; row < accounts->count; row++) {
        resources_finish(&accounts->items[row].bound);
        resources_finish(&accounts->items[row].held);
        resources_finish(&accounts->items[row].free);
    }
    free(accounts->items);
    free(accounts->releases);
    recent_finish(&accounts->recent);
    free(accounts);
}

static struct account *account_of(struct accounts *accounts, uint32_t row)
{
    if (row >= accounts->count) {
        size_t need = nodes_rows(accounts->nodes);
        assert(row < need);
        accounts->items =
            alloc_grow(accounts->items, &accounts->room, need, sizeof(struct account));
        accounts->count = need;
    }
    return &accounts->items[row];
}

/* ---- releases ---- */

static size_t release_place(const struct accounts *accounts, uint32_t name)
{
    size_t low = 0, high = accounts->release_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (accounts->releases[middle].name < name) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void accounts_note_release(struct accounts *accounts, uint32_t resource)
{
    size_t place = release_place(accounts, resource);
    if (place == accounts->release_count || accounts->releases[place].name != resource) {
        accounts->releases = alloc_grow(accounts->releases, &accounts->release_room,
                                        accounts->release_count + 1, sizeof(struct release));
        memmove(&accounts->releases[place + 1], &accounts->releases[place],
                (accounts->release_count - place) * sizeof(struct release));
        accounts->releases[place] = (struct release){.name = resource};
        accounts->release_count++;
    }
    accounts->releases[place].count++;
}

uint64_t accounts_released(const struct accounts *accounts, const struct resources *amounts)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < amounts->count; i++) {
        size_t place = release_place(accounts, amounts->items[i].name);
        if (place < accounts->release_count &&
            accounts->releases[place].name == amounts->items[i].name) {
            sum += accounts->releases[place].count;
        }
    }
    return sum;
}

/* What of `amounts` was given back and is free now. */
static void note_refund(struct accounts *accounts, const struct account *account,
                        const struct resources *amounts)
{
    for (uint32_t i = 0; i < amounts->count; i++) {
        if (amounts->items[i].amount > 0 &&
            resources_get(&account->free, amounts->items[i].name) > 0) {
            accounts_note_release(accounts, amounts->items[i].name);
        }
    }
}

/* Of what there is more free now than `before`. */
static void note_rise(struct accounts *accounts, const struct account *account,
                      const struct resources *before)
{
    for (uint32_t i = 0; i < account->free.count; i++) {
        const struct resource *item = &account->free.items[i];
        if (item->amount > 0 && item->amount > resources_get(before, item->name)) {
            accounts_note_release(accounts, item->name);
        }
    }
}

/* ---- changes ---- */

void accounts_node_changed(struct accounts *accounts, uint32_t row)
{
    struct account *account = account_of(accounts, row);
    const struct node *node = nodes_get(accounts->nodes, row);
    struct resources before = account->free;
    resources_init(&account->free);
    if (node->present) {
        resources_copy(&account->free, &node->allocatable);
    }
    resources_subtract(&account->free, &account->bound);
    resources_subtract(&account->free, &account->held);
    note_rise(accounts, account, &before);
    resources_finish(&before);
    accounts_touch(accounts, row);
}

void accounts_touch(struct accounts *accounts, uint32_t row)
{
    accounts->node_changes++;
    recent_note(&accounts->recent, row);
}

uint64_t accounts_node_changes(const struct accounts *accounts)
{
    return accounts->node_changes;
}

void accounts_charge(struct accounts *accounts, enum ledger_account which, uint32_t row,
                     const struct resources *amounts)
{
    struct account *account = account_of(accounts, row);
    if (which == LEDGER_HELD) {
        resources_add(&account->held, amounts);
        accounts->held_rows += account->holds++ == 0;
    } else {
        resources_add(&account->bound, amounts);
    }
    resources_subtract(&account->free, amounts);
    recent_note(&accounts->recent, row);
}

void accounts_refund(struct accounts *accounts, enum ledger_account which, uint32_t row,
                     const struct resources *amounts)
{
    struct account *account = account_of(accounts, row);
    if (which == LEDGER_HELD) {
        assert(account->holds > 0);
        resources_subtract(&account->held, amounts);
        accounts->held_rows -= --account->holds == 0;
    } else {
        resources_subtract(&account->bound, amounts);
    }
    resources_add(&account->free, amounts);
    note_refund(accounts, account, amounts);
    recent_note(&accounts->recent, row);
}

void accounts_settle(struct accounts *accounts, uint32_t row, const struct resources *amounts)
{
    struct account *account = account_of(accounts, row);
    assert(account->holds > 0);
    resources_subtract(&account->held, amounts);
    resources_add(&account->bound, amounts);
    accounts->held_rows -= --account->holds == 0;
}

void accounts_guard(struct accounts *accounts, uint32_t row)
{
    struct account *account = account_of(accounts, row);
    accounts->held_rows += account->holds++ == 0;
}

void accounts_unguard(struct accounts *accounts, uint32_t row)
{
    struct account *account = account_of(accounts, row);
    assert(account->holds > 0);
    accounts->held_rows -= --account->holds == 0;
}

/* ---- questions ---- */

const struct resources *accounts_free(const struct accounts *accounts, uint32_t row)
{
    static const struct resources nothing = {0};
    return row < accounts->count ? &accounts->items[row].free : &nothing;
}

bool accounts_has_hold(const struct accounts *accounts, uint32_t row)
{
    return row < accounts->count && accounts->items[row].holds > 0;
}

uint32_t accounts_holds(const struct accounts *accounts)
{
    return accounts->held_rows;
}

const struct recent *accounts_recent(const struct accounts *accounts)
{
    return &accounts->recent;
}
