// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/accounts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/sorted.h"

/* One account per row, indexed like the node table, made on first use: pods may be bound to nodes
 * that have not been seen yet, or no longer.
 *
 * What is taken is a balance, bound and held together, so that it comes off again exactly, whatever
 * pods ask for (balance.h). `free` is worked out from it anew with every change, and kept because
 * the solver reads it far more often than it changes. Invariant: free = allocatable (0 while the
 * node is absent) - taken, cut to 64 bits; checked by the tests against a naive model, and by
 * audit.h in whatever runs.
 *
 * Totals are kept by resource in a short sorted list: clusters have some ten resources. A resource
 * whose number in the vocabulary goes to another name hands its count of releases on, which wakes
 * somebody once for nothing; what is free of it is 0 by then, for nothing has it. All slots
 * (resources.h) are one entry: there may be any number of them, and who waits for one is woken once
 * too often when another becomes free.
 *
 * Columns are the totals' rows: column->free[row] is what the account's `free` says, of every row
 * that counts.
 */

struct account {
    struct balance taken; /* bound and held */
    struct resources free;
    uint32_t holds; /* charges held and not yet refunded or committed, and guards */
    bool counts;    /* its node is present, and `free` is in the totals */
};

struct column {
    int64_t *free; /* by row */
    size_t room;
    uint32_t bit; /* in `has` */
};

struct total {
    uint32_t name;
    uint64_t releases;
    __int128 free; /* of all nodes that are present, and no sum of theirs can be too large */
    struct column *column; /* or NULL */
};

struct accounts {
    const struct nodes *nodes;
    struct account *items;
    size_t count;
    size_t room;
    uint32_t held_rows;
    uint64_t node_changes;
    struct recent recent;
    struct recent recent_nodes;
    struct total *totals; /* by name */
    size_t total_count;
    size_t total_room;
    uint32_t column_count;
    bool columns_full; /* some node has something without a column */
    uint32_t *has;     /* by row: a bit for each column */
    size_t has_room;
    bool *slots_taken; /* by row */
    size_t slots_room;
};

struct accounts *accounts_create(const struct nodes *nodes)
{
    struct accounts *accounts = alloc_zero(1, sizeof(*accounts));
    accounts->nodes = nodes;
    recent_init(&accounts->recent);
    recent_init(&accounts->recent_nodes);
    return accounts;
}

static void destroy_column(struct column *column)
{
    if (column != NULL) {
        free(column->free);
        free(column);
    }
}

void accounts_destroy(struct accounts *accounts)
{
    if (accounts == NULL) {
        return;
    }
    for (size_t row = 0; row < accounts->count; row++) {
        balance_finish(&accounts->items[row].taken);
        resources_finish(&accounts->items[row].free);
    }
    for (size_t i = 0; i < accounts->total_count; i++) {
        destroy_column(accounts->totals[i].column);
    }
    free(accounts->items);
    free(accounts->totals);
    free(accounts->has);
    free(accounts->slots_taken);
    recent_finish(&accounts->recent);
    recent_finish(&accounts->recent_nodes);
    free(accounts);
}

static void grow_column(struct column *column, size_t rows)
{
    column->free = alloc_grow(column->free, &column->room, rows, sizeof(int64_t));
}

static struct account *account_of(struct accounts *accounts, uint32_t row)
{
    if (row >= accounts->count) {
        size_t need = nodes_rows(accounts->nodes);
        assert(row < need);
        accounts->items =
            alloc_grow(accounts->items, &accounts->room, need, sizeof(struct account));
        accounts->has = alloc_grow(accounts->has, &accounts->has_room, need, sizeof(uint32_t));
        accounts->slots_taken =
            alloc_grow(accounts->slots_taken, &accounts->slots_room, need, sizeof(bool));
        accounts->count = need;
        for (size_t i = 0; i < accounts->total_count; i++) {
            if (accounts->totals[i].column != NULL) {
                grow_column(accounts->totals[i].column, need);
            }
        }
    }
    return &accounts->items[row];
}

/* ---- totals ---- */

static_assert(offsetof(struct total, name) == 0, "sorted_place()");

static size_t total_place(const struct accounts *accounts, uint32_t name)
{
    return sorted_place(accounts->totals, sizeof *accounts->totals, accounts->total_count, name);
}

static uint32_t total_name(uint32_t resource)
{
    return resource_is_slot(resource) ? RESOURCE_SLOT : resource;
}

/* NULL: there was nothing of it yet. */
static const struct total *total_find(const struct accounts *accounts, uint32_t resource)
{
    uint32_t name = total_name(resource);
    size_t place = total_place(accounts, name);
    bool there = place < accounts->total_count && accounts->totals[place].name == name;
    return there ? &accounts->totals[place] : NULL;
}

static struct total *total_of(struct accounts *accounts, uint32_t resource)
{
    uint32_t name = total_name(resource);
    size_t place = total_place(accounts, name);
    if (place == accounts->total_count || accounts->totals[place].name != name) {
        accounts->totals = alloc_grow(accounts->totals, &accounts->total_room,
                                      accounts->total_count + 1, sizeof(struct total));
        memmove(&accounts->totals[place + 1], &accounts->totals[place],
                (accounts->total_count - place) * sizeof(struct total));
        accounts->totals[place] = (struct total){.name = name};
        accounts->total_count++;
    }
    return &accounts->totals[place];
}

/* ---- columns ---- */

static void write_row(const struct accounts *accounts, const struct total *total, uint32_t row)
{
    const struct resources *free = &accounts->items[row].free;
    const struct resources *allocatable = &nodes_get(accounts->nodes, row)->allocatable;
    uint32_t bit = UINT32_C(1) << total->column->bit;
    bool has = resources_get(allocatable, total->name) > 0;
    total->column->free[row] = resources_get(free, total->name);
    accounts->has[row] = has ? accounts->has[row] | bit : accounts->has[row] & ~bit;
}

/* Whoever takes a slot has it below zero, and slots are the last of a vector. */
static void note_slots(struct accounts *accounts, uint32_t row)
{
    const struct resources *free = &accounts->items[row].free;
    accounts->slots_taken[row] =
        free->count > 0 && resource_is_slot(free->items[free->count - 1].name);
}

static void add_column(struct accounts *accounts, struct total *total)
{
    total->column = alloc_zero(1, sizeof(struct column));
    total->column->bit = accounts->column_count++;
    grow_column(total->column, accounts->count);
    for (uint32_t row = 0; row < accounts->count; row++) {
        if (accounts->items[row].counts) {
            write_row(accounts, total, row);
        }
    }
}

/* The node is there, and its account current. */
static void write_columns(struct accounts *accounts, uint32_t row)
{
    const struct resources *allocatable = &nodes_get(accounts->nodes, row)->allocatable;
    for (uint32_t i = 0; i < allocatable->count; i++) {
        struct total *total = total_of(accounts, allocatable->items[i].name);
        if (total->column == NULL && accounts->column_count < ACCOUNTS_COLUMNS_MAX) {
            add_column(accounts, total);
        }
        accounts->columns_full = accounts->columns_full || total->column == NULL;
    }
    for (size_t i = 0; i < accounts->total_count; i++) {
        if (accounts->totals[i].column != NULL) {
            write_row(accounts, &accounts->totals[i], row);
        }
    }
    note_slots(accounts, row);
}

bool accounts_column(const struct accounts *accounts, uint32_t resource,
                     struct accounts_column *column)
{
    const struct total *total = resource_is_slot(resource) ? NULL : total_find(accounts, resource);
    if (total == NULL || total->column == NULL) {
        return false;
    }
    *column = (struct accounts_column){
        .free = total->column->free, .has = accounts->has, .bit = total->column->bit};
    return true;
}

bool accounts_nobody_has(const struct accounts *accounts, uint32_t resource)
{
    struct accounts_column column;
    return !accounts->columns_full && !resource_is_slot(resource) &&
           !accounts_column(accounts, resource, &column);
}

bool accounts_slots_full(const struct accounts *accounts, uint32_t row)
{
    return resources_slots(accounts_free(accounts, row)) >= ACCOUNTS_SLOTS_MAX;
}

const bool *accounts_slots_taken(const struct accounts *accounts)
{
    return accounts->slots_taken;
}

/* ---- changes of what is free ---- */

static uint32_t row_of(const struct accounts *accounts, const struct account *account)
{
    return (uint32_t)(account - accounts->items);
}

/* What is free on one node is counted, or no longer. */
static void count_free(struct accounts *accounts, const struct account *account, int sign)
{
    for (uint32_t i = 0; account->counts && i < account->free.count; i++) {
        const struct resource *item = &account->free.items[i];
        total_of(accounts, item->name)->free += (__int128)sign * item->amount;
    }
}

static void work_out_free(const struct accounts *accounts, struct account *account)
{
    const struct node *node = nodes_get(accounts->nodes, row_of(accounts, account));
    balance_rest(account->counts ? &node->allocatable : NULL, &account->taken, NULL,
                 &account->free);
}

/* Changes what is taken of a node, of the resources named alone. */
static void change_taken(struct accounts *accounts, struct account *account,
                         void (*change)(struct balance *taken, const struct resources *amounts),
                         const struct resources *amounts)
{
    for (uint32_t i = 0; account->counts && i < amounts->count; i++) {
        uint32_t name = amounts->items[i].name;
        total_of(accounts, name)->free -= resources_get(&account->free, name);
    }
    change(&account->taken, amounts);
    work_out_free(accounts, account);
    for (uint32_t i = 0; account->counts && i < amounts->count; i++) {
        uint32_t name = amounts->items[i].name;
        struct total *total = total_of(accounts, name);
        int64_t free = resources_get(&account->free, name);
        total->free += free;
        if (total->column != NULL) {
            total->column->free[row_of(accounts, account)] = free;
        }
    }
    note_slots(accounts, row_of(accounts, account));
}

int64_t accounts_total_free(const struct accounts *accounts, uint32_t resource)
{
    const struct total *total = total_find(accounts, resource);
    return total == NULL ? 0 : balance_cut(total->free);
}

/* ---- releases ---- */

void accounts_note_release(struct accounts *accounts, uint32_t resource)
{
    total_of(accounts, resource)->releases++;
}

uint64_t accounts_released(const struct accounts *accounts, const struct resources *amounts)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < amounts->count; i++) {
        const struct total *total = total_find(accounts, amounts->items[i].name);
        sum += total == NULL ? 0 : total->releases;
    }
    return sum;
}

/* What of `amounts` was given back and is free now. */
static void note_refund(struct accounts *accounts, const struct account *account,
                        const struct resources *amounts)
{
    for (uint32_t i = 0; i < amounts->count; i++) {
        if (amounts->items[i].amount > 0 &&
            resource_available(amounts->items[i].name,
                               resources_get(&account->free, amounts->items[i].name)) > 0) {
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
    count_free(accounts, account, -1);
    resources_init(&account->free);
    account->counts = node->present;
    work_out_free(accounts, account);
    count_free(accounts, account, 1);
    if (node->present) {
        write_columns(accounts, row);
    }
    note_rise(accounts, account, &before);
    resources_finish(&before);
    accounts_touch(accounts, row);
}

void accounts_touch(struct accounts *accounts, uint32_t row)
{
    accounts->node_changes++;
    recent_note(&accounts->recent, row);
    recent_note(&accounts->recent_nodes, row);
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
        accounts->held_rows += account->holds++ == 0;
    }
    change_taken(accounts, account, balance_add, amounts);
    recent_note(&accounts->recent, row);
}

void accounts_refund(struct accounts *accounts, enum ledger_account which, uint32_t row,
                     const struct resources *amounts)
{
    struct account *account = account_of(accounts, row);
    if (which == LEDGER_HELD) {
        assert(account->holds > 0);
        accounts->held_rows -= --account->holds == 0;
    }
    change_taken(accounts, account, balance_subtract, amounts);
    note_refund(accounts, account, amounts);
    recent_note(&accounts->recent, row);
}

void accounts_commit(struct accounts *accounts, uint32_t row)
{
    struct account *account = account_of(accounts, row);
    assert(account->holds > 0);
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

/* ---- the self-check ---- */

bool accounts_agree(const struct accounts *accounts, uint32_t row, const struct balance *taken,
                    uint32_t holds)
{
    if (row >= accounts->count) {
        return taken->count == 0 && holds == 0;
    }
    const struct account *account = &accounts->items[row];
    const struct node *node = nodes_get(accounts->nodes, row);
    struct resources free;
    resources_init(&free);
    balance_rest(node->present ? &node->allocatable : NULL, taken, NULL, &free);
    bool same = balance_equal(&account->taken, taken) && account->holds == holds &&
                account->counts == node->present && resources_equal(&account->free, &free);
    resources_finish(&free);
    return same;
}

void accounts_correct(struct accounts *accounts, uint32_t row, const struct balance *taken,
                      uint32_t holds)
{
    struct account *account = account_of(accounts, row);
    balance_copy(&account->taken, taken);
    accounts->held_rows -= account->holds > 0;
    accounts->held_rows += holds > 0;
    account->holds = holds;
    accounts_node_changed(accounts, row);
}

/* ---- questions ---- */

const struct resources *accounts_free(const struct accounts *accounts, uint32_t row)
{
    static const struct resources nothing = {0};
    return row < accounts->count ? &accounts->items[row].free : &nothing;
}

void accounts_free_with(const struct accounts *accounts, uint32_t row, const struct balance *given,
                        struct resources *free)
{
    bool known = row < accounts->count && accounts->items[row].counts;
    balance_rest(known ? &nodes_get(accounts->nodes, row)->allocatable : NULL,
                 row < accounts->count ? &accounts->items[row].taken : NULL, given, free);
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

const struct recent *accounts_recent_nodes(const struct accounts *accounts)
{
    return &accounts->recent_nodes;
}

/* ---- checkpoint ---- */

void accounts_forget(struct accounts *accounts)
{
    uint32_t rows = nodes_rows(accounts->nodes);
    recent_finish(&accounts->recent);
    recent_finish(&accounts->recent_nodes);
    for (uint32_t row = 0; row < rows; row++) {
        if (nodes_get(accounts->nodes, row)->present) {
            recent_note(&accounts->recent, row);
            recent_note(&accounts->recent_nodes, row);
        }
    }
}

/* Name of the resource of the column, or CHECKPOINT_NONE. */
static uint32_t column_name(const struct accounts *accounts, uint32_t bit)
{
    for (size_t i = 0; i < accounts->total_count; i++) {
        const struct column *column = accounts->totals[i].column;
        if (column != NULL && column->bit == bit) {
            return accounts->totals[i].name;
        }
    }
    return CHECKPOINT_NONE;
}

void accounts_checkpoint(struct accounts *accounts, struct checkpoint *checkpoint)
{
    uint32_t count = accounts->column_count, rows = nodes_rows(accounts->nodes);
    checkpoint_section(checkpoint, "accounts");
    checkpoint_count(checkpoint, &count, ACCOUNTS_COLUMNS_MAX);
    for (uint32_t bit = 0; bit < count; bit++) {
        uint32_t name = checkpoint->loading ? 0 : column_name(accounts, bit);
        checkpoint_u32(checkpoint, &name);
        if (!checkpoint->loading || checkpoint->failed) {
            continue;
        }
        struct total *total = total_of(accounts, name);
        if (checkpoint_check(checkpoint, total->column == NULL, "a column that is there already")) {
            add_column(accounts, total);
        }
    }
    for (uint32_t row = 0; checkpoint->loading && !checkpoint->failed && row < rows; row++) {
        if (nodes_get(accounts->nodes, row)->present) {
            accounts_node_changed(accounts, row);
        }
    }
    checkpoint_bool(checkpoint, &accounts->columns_full);
}
