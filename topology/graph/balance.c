// SPDX-License-Identifier: Apache-2.0
#include "topology/graph/balance.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/sorted.h"

/* Sorted arrays like resource vectors, and about as short.
 *
 * Invariants: items are sorted by name, names are distinct, no amount is 0. So equal balances are
 * equal item by item, and one of which everything was taken off again is empty.
 */

static_assert(offsetof(struct balance_item, name) == 0, "sorted_place()");

void balance_finish(struct balance *balance)
{
    free(balance->items);
    *balance = (struct balance){.items = NULL};
}

void balance_copy(struct balance *to, const struct balance *from)
{
    size_t room = to->room;
    to->items = alloc_grow(to->items, &room, from->count, sizeof *to->items);
    to->room = (uint32_t)room;
    if (from->count > 0) {
        memcpy(to->items, from->items, from->count * sizeof *to->items);
    }
    to->count = from->count;
}

/* Where the name is, or belongs. */
static uint32_t place_of(const struct balance *balance, uint32_t name)
{
    return (uint32_t)sorted_place(balance->items, sizeof *balance->items, balance->count, name);
}

static bool is_at(const struct balance *balance, uint32_t place, uint32_t name)
{
    return place < balance->count && balance->items[place].name == name;
}

static void insert(struct balance *balance, uint32_t place, uint32_t name)
{
    size_t room = balance->room;
    balance->items =
        alloc_grow(balance->items, &room, (size_t)balance->count + 1, sizeof *balance->items);
    balance->room = (uint32_t)room;
    memmove(&balance->items[place + 1], &balance->items[place],
            (balance->count - place) * sizeof *balance->items);
    balance->items[place] = (struct balance_item){.name = name};
    balance->count++;
}

static void take_out(struct balance *balance, uint32_t place)
{
    balance->count--;
    memmove(&balance->items[place], &balance->items[place + 1],
            (balance->count - place) * sizeof *balance->items);
}

static void change(struct balance *balance, const struct resources *amounts, int sign)
{
    for (uint32_t i = 0; i < amounts->count; i++) {
        const struct resource *item = &amounts->items[i];
        uint32_t place = place_of(balance, item->name);
        if (!is_at(balance, place, item->name)) {
            insert(balance, place, item->name);
        }
        balance->items[place].amount += (__int128)sign * item->amount;
        if (balance->items[place].amount == 0) {
            take_out(balance, place);
        }
    }
}

void balance_add(struct balance *balance, const struct resources *amounts)
{
    change(balance, amounts, 1);
}

void balance_subtract(struct balance *balance, const struct resources *amounts)
{
    change(balance, amounts, -1);
}

__int128 balance_get(const struct balance *balance, uint32_t name)
{
    uint32_t place = place_of(balance, name);
    return is_at(balance, place, name) ? balance->items[place].amount : 0;
}

bool balance_equal(const struct balance *a, const struct balance *b)
{
    bool equal = a->count == b->count;
    for (uint32_t i = 0; equal && i < a->count; i++) {
        equal = a->items[i].name == b->items[i].name && a->items[i].amount == b->items[i].amount;
    }
    return equal;
}

/* The amount at the name, which is passed; 0: it is not there. */
static __int128 take(const struct balance *balance, uint32_t *next, uint32_t name)
{
    return balance != NULL && is_at(balance, *next, name) ? balance->items[(*next)++].amount : 0;
}

/* The first name of what is left of a balance, or the one found so far. */
static uint32_t first_name(const struct balance *balance, uint32_t next, uint32_t found)
{
    bool earlier = balance != NULL && next < balance->count && balance->items[next].name < found;
    return earlier ? balance->items[next].name : found;
}

void balance_rest(const struct resources *whole, const struct balance *taken,
                  const struct balance *given, struct resources *rest)
{
    uint32_t of_whole = 0, of_taken = 0, of_given = 0;
    rest->count = 0;
    for (;;) {
        bool there = whole != NULL && of_whole < whole->count;
        uint32_t name = there ? whole->items[of_whole].name : UINT32_MAX;
        name = first_name(given, of_given, first_name(taken, of_taken, name));
        if (name == UINT32_MAX) {
            return;
        }
        __int128 amount = 0;
        if (there && whole->items[of_whole].name == name) {
            amount = whole->items[of_whole++].amount;
        }
        amount += take(given, &of_given, name) - take(taken, &of_taken, name);
        resources_append(rest, name, balance_cut(amount));
    }
}
