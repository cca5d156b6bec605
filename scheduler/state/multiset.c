// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/multiset.h"

#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* A sorted array of numbers and how often each is there.
 *
 * Invariants: values ascend, no count is 0.
 */

void multiset_finish(struct multiset *set)
{
    free(set->items);
    memset(set, 0, sizeof(*set));
}

/* Where the value is, or belongs. */
static uint32_t place_of(const struct multiset *set, int32_t value)
{
    uint32_t low = 0, high = set->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (set->items[middle].value < value) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_at(const struct multiset *set, uint32_t place, int32_t value)
{
    return place < set->count && set->items[place].value == value;
}

void multiset_add(struct multiset *set, int32_t value)
{
    uint32_t place = place_of(set, value);
    if (is_at(set, place, value)) {
        set->items[place].count++;
        return;
    }
    set->items = alloc_grow(set->items, &set->room, (size_t)set->count + 1, sizeof(*set->items));
    memmove(&set->items[place + 1], &set->items[place], (set->count - place) * sizeof(*set->items));
    set->items[place] = (struct multiset_item){.value = value, .count = 1};
    set->count++;
}

void multiset_remove(struct multiset *set, int32_t value)
{
    uint32_t place = place_of(set, value);
    err_require(is_at(set, place, value));
    if (--set->items[place].count > 0) {
        return;
    }
    set->count--;
    memmove(&set->items[place], &set->items[place + 1], (set->count - place) * sizeof(*set->items));
}

int32_t multiset_greatest(const struct multiset *set, int32_t otherwise)
{
    return set->count == 0 ? otherwise : set->items[set->count - 1].value;
}

int32_t multiset_least(const struct multiset *set, int32_t otherwise)
{
    return set->count == 0 ? otherwise : set->items[0].value;
}
