// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/largest.h"

#include <stdlib.h>

#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* The fewest largest capacities, kept in a binary heap whose root is the least of them.
 *
 * Invariant after every offer: the heap holds the first `count` offers in the order of
 * solver_item_before(); if they reach the need, they would not without the root. An offer that
 * comes after the root while the need is reached changes nothing and costs one comparison.
 */

void solver_largest_init(struct solver_largest *largest)
{
    *largest = (struct solver_largest){.need = 1};
}

void solver_largest_finish(struct solver_largest *largest)
{
    free(largest->items);
    solver_largest_init(largest);
}

void solver_largest_start(struct solver_largest *largest, uint64_t need)
{
    err_require(need >= 1);
    largest->count = 0;
    largest->sum = 0;
    largest->need = need;
}

bool solver_largest_enough(const struct solver_largest *largest)
{
    return largest->sum >= largest->need;
}

static void push(struct solver_largest *largest, struct solver_item item)
{
    largest->items = alloc_grow(largest->items, &largest->room, (size_t)largest->count + 1,
                                sizeof *largest->items);
    uint32_t hole = largest->count++;
    while (hole > 0 && solver_item_before(largest->items[(hole - 1) / 2], item)) {
        largest->items[hole] = largest->items[(hole - 1) / 2];
        hole = (hole - 1) / 2;
    }
    largest->items[hole] = item;
    largest->sum += item.fits;
}

static void drop_root(struct solver_largest *largest)
{
    struct solver_item *items = largest->items;
    largest->sum -= items[0].fits;
    struct solver_item last = items[--largest->count];
    uint32_t hole = 0;
    for (;;) {
        uint32_t child = 2 * hole + 1;
        if (child >= largest->count) {
            break;
        }
        if (child + 1 < largest->count && solver_item_before(items[child], items[child + 1])) {
            child++;
        }
        if (!solver_item_before(last, items[child])) {
            break;
        }
        items[hole] = items[child];
        hole = child;
    }
    items[hole] = last;
}

void solver_largest_offer(struct solver_largest *largest, uint32_t index, uint64_t fits)
{
    struct solver_item item = {.fits = fits, .index = index};
    if (fits == 0 ||
        (solver_largest_enough(largest) && !solver_item_before(item, largest->items[0]))) {
        return;
    }
    push(largest, item);
    while (largest->sum - largest->items[0].fits >= largest->need) {
        drop_root(largest);
    }
}
