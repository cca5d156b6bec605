// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/ledger.h"

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
 * A view belongs to one shape and one generation of the tree. Views are few, so finding one is a
 * scan.
 */

struct account {
    struct resources bound;
    struct resources held;
    struct resources free;
    uint32_t holds; /* charges on `held` not yet refunded or settled, and guards */
};

struct view {
    uint32_t shape;
    bool good;        /* counts only copies with good sets of GPUs */
    uint64_t used_at; /* for replacement */
    struct capacity *capacity;
};

struct ledger {
    const struct nodes *nodes;
    const struct domains *domains;
    const struct shapes *shapes;
    struct gpus *gpus; /* owned */
    struct account *accounts;
    size_t account_count;
    size_t account_room;
    uint32_t held_rows;
    uint64_t releases;
    uint64_t clock; /* counts questions, for view replacement */
    struct view views[LEDGER_VIEWS_MAX];
    uint32_t view_count;
};

struct ledger *ledger_create(const struct nodes *nodes, const struct domains *domains,
                             const struct shapes *shapes)
{
    struct ledger *ledger = alloc_zero(1, sizeof(*ledger));
    ledger->nodes = nodes;
    ledger->domains = domains;
    ledger->shapes = shapes;
    ledger->gpus = gpus_create();
    return ledger;
}

void ledger_destroy(struct ledger *ledger)
{
    if (ledger == NULL) {
        return;
    }
    ledger_tree_changed(ledger);
    for (size_t row = 0; row < ledger->account_count; row++) {
        resources_finish(&ledger->accounts[row].bound);
        resources_finish(&ledger->accounts[row].held);
        resources_finish(&ledger->accounts[row].free);
    }
    free(ledger->accounts);
    gpus_destroy(ledger->gpus);
    free(ledger);
}

static struct account *account_of(struct ledger *ledger, uint32_t row)
{
    if (row >= ledger->account_count) {
        size_t need = nodes_rows(ledger->nodes);
        assert(row < need);
        ledger->accounts =
            alloc_grow(ledger->accounts, &ledger->account_room, need, sizeof(struct account));
        for (size_t i = ledger->account_count; i < need; i++) {
            resources_init(&ledger->accounts[i].bound);
            resources_init(&ledger->accounts[i].held);
            resources_init(&ledger->accounts[i].free);
            ledger->accounts[i].holds = 0;
        }
        ledger->account_count = need;
    }
    return &ledger->accounts[row];
}

/* What `shape` finds on the node now. */
static uint32_t copies_at(const struct ledger *ledger, uint32_t shape, bool good, uint32_t row)
{
    uint32_t limit = CAPACITY_NODE_MAX;
    if (!shapes_admits(ledger->shapes, shape, row)) {
        return 0;
    }
    if (good) {
        uint32_t resource;
        uint32_t count = shapes_gpus(ledger->shapes, shape, &resource);
        limit = gpus_good_capacity(ledger->gpus, row, resource, count);
    }
    return resources_copies(shapes_request(ledger->shapes, shape), ledger_free(ledger, row), limit);
}

uint32_t ledger_copies(const struct ledger *ledger, uint32_t shape, uint32_t row,
                       const struct resources *freed)
{
    if (!shapes_admits(ledger->shapes, shape, row)) {
        return 0;
    }
    struct resources room;
    resources_init(&room);
    resources_copy(&room, ledger_free(ledger, row));
    resources_add(&room, freed);
    uint32_t copies =
        resources_copies(shapes_request(ledger->shapes, shape), &room, CAPACITY_NODE_MAX);
    resources_finish(&room);
    return copies;
}

static void update_views(struct ledger *ledger, uint32_t row)
{
    uint32_t position = domains_position(ledger->domains, row);
    if (position == DOMAINS_NONE) {
        return;
    }
    for (uint32_t i = 0; i < ledger->view_count; i++) {
        capacity_set(ledger->views[i].capacity, position,
                     copies_at(ledger, ledger->views[i].shape, ledger->views[i].good, row));
    }
}

void ledger_node_changed(struct ledger *ledger, uint32_t row)
{
    struct account *account = account_of(ledger, row);
    const struct node *node = nodes_get(ledger->nodes, row);
    if (node->present) {
        resources_copy(&account->free, &node->allocatable);
    } else {
        resources_finish(&account->free);
        resources_init(&account->free);
    }
    resources_subtract(&account->free, &account->bound);
    resources_subtract(&account->free, &account->held);
    ledger->releases++;
    update_views(ledger, row);
}

void ledger_tree_changed(struct ledger *ledger)
{
    for (uint32_t i = 0; i < ledger->view_count; i++) {
        capacity_destroy(ledger->views[i].capacity);
    }
    ledger->view_count = 0;
    ledger->releases++;
}

void ledger_shape_gone(struct ledger *ledger, uint32_t shape)
{
    for (uint32_t i = ledger->view_count; i-- > 0;) { /* plain and good */
        if (ledger->views[i].shape == shape) {
            capacity_destroy(ledger->views[i].capacity);
            ledger->views[i] = ledger->views[--ledger->view_count];
        }
    }
}

struct gpus *ledger_gpus(struct ledger *ledger)
{
    return ledger->gpus;
}

void ledger_gpus_changed(struct ledger *ledger, uint32_t row)
{
    ledger->releases++;
    update_views(ledger, row);
}

void ledger_charge(struct ledger *ledger, enum ledger_account which, uint32_t row,
                   const struct resources *amounts)
{
    struct account *account = account_of(ledger, row);
    if (which == LEDGER_HELD) {
        resources_add(&account->held, amounts);
        ledger->held_rows += account->holds++ == 0;
    } else {
        resources_add(&account->bound, amounts);
    }
    resources_subtract(&account->free, amounts);
    update_views(ledger, row);
}

void ledger_refund(struct ledger *ledger, enum ledger_account which, uint32_t row,
                   const struct resources *amounts)
{
    struct account *account = account_of(ledger, row);
    if (which == LEDGER_HELD) {
        assert(account->holds > 0);
        resources_subtract(&account->held, amounts);
        ledger->held_rows -= --account->holds == 0;
    } else {
        resources_subtract(&account->bound, amounts);
    }
    resources_add(&account->free, amounts);
    ledger->releases++;
    update_views(ledger, row);
}

void ledger_settle(struct ledger *ledger, uint32_t row, const struct resources *amounts)
{
    struct account *account = account_of(ledger, row);
    assert(account->holds > 0);
    resources_subtract(&account->held, amounts);
    resources_add(&account->bound, amounts);
    ledger->held_rows -= --account->holds == 0;
}

void ledger_guard(struct ledger *ledger, uint32_t row)
{
    struct account *account = account_of(ledger, row);
    ledger->held_rows += account->holds++ == 0;
}

void ledger_unguard(struct ledger *ledger, uint32_t row)
{
    struct account *account = account_of(ledger, row);
    assert(account->holds > 0);
    ledger->held_rows -= --account->holds == 0;
}

const struct resources *ledger_free(const struct ledger *ledger, uint32_t row)
{
    static const struct resources nothing = {0};
    return row < ledger->account_count ? &ledger->accounts[row].free : &nothing;
}

bool ledger_fits(const struct ledger *ledger, uint32_t row, const struct resources *amounts)
{
    return resources_fit(amounts, ledger_free(ledger, row));
}

bool ledger_has_hold(const struct ledger *ledger, uint32_t row)
{
    return row < ledger->account_count && ledger->accounts[row].holds > 0;
}

bool ledger_overbooked(const struct ledger *ledger, uint32_t row)
{
    const struct resources *free = ledger_free(ledger, row);
    for (uint32_t i = 0; i < free->count; i++) {
        if (free->items[i].amount < 0) {
            return true;
        }
    }
    return false;
}

uint32_t ledger_holds(const struct ledger *ledger)
{
    return ledger->held_rows;
}

uint64_t ledger_releases(const struct ledger *ledger)
{
    return ledger->releases;
}

/* A free place for a view, at the cost of the one not asked for the longest. */
static struct view *place_for_view(struct ledger *ledger)
{
    if (ledger->view_count < LEDGER_VIEWS_MAX) {
        return &ledger->views[ledger->view_count++];
    }
    struct view *oldest = &ledger->views[0];
    for (uint32_t i = 1; i < ledger->view_count; i++) {
        if (ledger->views[i].used_at < oldest->used_at) {
            oldest = &ledger->views[i];
        }
    }
    capacity_destroy(oldest->capacity);
    return oldest;
}

static const struct capacity *get_view(struct ledger *ledger, uint32_t shape, bool good)
{
    ledger->clock++;
    for (uint32_t i = 0; i < ledger->view_count; i++) {
        if (ledger->views[i].shape == shape && ledger->views[i].good == good) {
            ledger->views[i].used_at = ledger->clock;
            return ledger->views[i].capacity;
        }
    }
    struct view *view = place_for_view(ledger);
    view->shape = shape;
    view->good = good;
    view->used_at = ledger->clock;
    view->capacity = capacity_create(ledger->domains);
    uint32_t positions = domains_positions(ledger->domains);
    for (uint32_t position = 0; position < positions; position++) {
        uint32_t row = domains_row(ledger->domains, position);
        capacity_set(view->capacity, position, copies_at(ledger, shape, good, row));
    }
    return view->capacity;
}

const struct capacity *ledger_capacity(struct ledger *ledger, uint32_t shape)
{
    return get_view(ledger, shape, false);
}

const struct capacity *ledger_good_capacity(struct ledger *ledger, uint32_t shape)
{
    uint32_t resource;
    return get_view(ledger, shape, shapes_gpus(ledger->shapes, shape, &resource) > 0);
}
