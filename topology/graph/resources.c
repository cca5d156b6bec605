// SPDX-License-Identifier: Apache-2.0
#include "topology/graph/resources.h"

#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* Resource vectors as short sorted arrays: a node has about ten resources, a pod about three, so
 * merging two of them is a few comparisons in one cache line.
 *
 * Invariants: items are sorted by name, names are distinct, no amount is 0. Equal vectors are
 * therefore equal arrays.
 */

bool resource_is_device(const char *name)
{
    const char *slash = strchr(name, '/');
    static const char own[] = "kubernetes.io";
    size_t length = slash == NULL ? 0 : (size_t)(slash - name);
    size_t tail = sizeof(own) - 1;
    return slash != NULL && (length < tail || memcmp(slash - tail, own, tail) != 0);
}

void resources_init(struct resources *resources)
{
    *resources = (struct resources){.items = NULL};
}

void resources_finish(struct resources *resources)
{
    free(resources->items);
    resources_init(resources);
}

static void make_room(struct resources *resources, uint32_t count)
{
    size_t room = resources->room;
    resources->items = alloc_grow(resources->items, &room, count, sizeof *resources->items);
    resources->room = (uint32_t)room;
}

void resources_copy(struct resources *to, const struct resources *from)
{
    if (to == from) {
        return;
    }
    if (from->count > 0) {
        make_room(to, from->count);
        memcpy(to->items, from->items, from->count * sizeof *to->items);
    }
    to->count = from->count;
}

/* Where `name` is, or would be put. */
static uint32_t find_slot(const struct resources *resources, uint32_t name)
{
    uint32_t i = 0;
    while (i < resources->count && resources->items[i].name < name) {
        i++;
    }
    return i;
}

static bool is_at(const struct resources *resources, uint32_t i, uint32_t name)
{
    return i < resources->count && resources->items[i].name == name;
}

int64_t resources_get(const struct resources *resources, uint32_t name)
{
    uint32_t i = find_slot(resources, name);
    return is_at(resources, i, name) ? resources->items[i].amount : 0;
}

void resources_set(struct resources *resources, uint32_t name, int64_t amount)
{
    uint32_t i = find_slot(resources, name);
    bool found = is_at(resources, i, name);
    if (amount == 0) {
        if (found) {
            resources->count--;
            memmove(&resources->items[i], &resources->items[i + 1],
                    (resources->count - i) * sizeof *resources->items);
        }
        return;
    }
    if (!found) {
        make_room(resources, resources->count + 1);
        memmove(&resources->items[i + 1], &resources->items[i],
                (resources->count - i) * sizeof *resources->items);
        resources->count++;
    }
    resources->items[i] = (struct resource){.name = name, .amount = amount};
}

void resources_append(struct resources *resources, uint32_t name, int64_t amount)
{
    err_require(resources->count == 0 || resources->items[resources->count - 1].name < name);
    if (amount != 0) {
        make_room(resources, resources->count + 1);
        resources->items[resources->count++] = (struct resource){.name = name, .amount = amount};
    }
}

uint32_t resources_slots(const struct resources *resources)
{
    uint32_t low = 0, high = resources->count; /* they are the last */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (resource_is_slot(resources->items[middle].name)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return resources->count - low;
}

struct resources resources_without_slots(const struct resources *resources)
{
    struct resources amounts = *resources;
    amounts.count -= resources_slots(resources);
    return amounts;
}

static int64_t add_capped(int64_t a, int64_t b)
{
    int64_t sum = 0;
    if (__builtin_add_overflow(a, b, &sum)) {
        return b < 0 ? INT64_MIN : INT64_MAX;
    }
    return sum;
}

static int64_t subtract_capped(int64_t a, int64_t b)
{
    int64_t difference = 0;
    if (__builtin_sub_overflow(a, b, &difference)) {
        return b < 0 ? INT64_MAX : INT64_MIN;
    }
    return difference;
}

static uint32_t count_union(const struct resources *a, const struct resources *b)
{
    uint32_t count = 0;
    for (uint32_t i = 0, j = 0; i < a->count || j < b->count; count++) {
        bool from_a = j == b->count || (i < a->count && a->items[i].name <= b->items[j].name);
        bool from_b = i == a->count || (j < b->count && b->items[j].name <= a->items[i].name);
        i += from_a;
        j += from_b;
    }
    return count;
}

static void drop_zeros(struct resources *resources)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < resources->count; i++) {
        if (resources->items[i].amount != 0) {
            resources->items[kept++] = resources->items[i];
        }
    }
    resources->count = kept;
}

/* to = combine(to, amounts), in place: merged from the back into the room made at the end, so that
 * nothing is overwritten before it was read. */
static void merge(struct resources *to, const struct resources *amounts,
                  int64_t (*combine)(int64_t, int64_t))
{
    if (amounts->count == 0) {
        return;
    }
    uint32_t count = count_union(to, amounts);
    make_room(to, count);
    uint32_t i = to->count;
    uint32_t j = amounts->count;
    for (uint32_t k = count; j > 0; k--) {
        struct resource own = i > 0 ? to->items[i - 1] : (struct resource){.name = 0};
        struct resource other = amounts->items[j - 1];
        bool from_own = i > 0 && own.name >= other.name;
        bool from_other = i == 0 || other.name >= own.name;
        to->items[k - 1].name = from_own ? own.name : other.name;
        to->items[k - 1].amount =
            from_other ? combine(from_own ? own.amount : 0, other.amount) : own.amount;
        i -= from_own;
        j -= from_other;
    }
    to->count = count;
    drop_zeros(to);
}

void resources_add(struct resources *to, const struct resources *amounts)
{
    merge(to, amounts, add_capped);
}

void resources_subtract(struct resources *from, const struct resources *amounts)
{
    merge(from, amounts, subtract_capped);
}

bool resources_equal(const struct resources *a, const struct resources *b)
{
    if (a->count != b->count) {
        return false;
    }
    for (uint32_t i = 0; i < a->count; i++) {
        if (a->items[i].name != b->items[i].name || a->items[i].amount != b->items[i].amount) {
            return false;
        }
    }
    return true;
}

/* What is available of a name in `free`; *next walks along, since both are sorted. */
static int64_t available(const struct resources *free, uint32_t name, uint32_t *next)
{
    while (*next < free->count && free->items[*next].name < name) {
        ++*next;
    }
    return resource_available(name, is_at(free, *next, name) ? free->items[*next].amount : 0);
}

bool resources_fit(const struct resources *need, const struct resources *free)
{
    uint32_t next = 0;
    for (uint32_t i = 0; i < need->count; i++) {
        int64_t amount = need->items[i].amount;
        if (amount > 0 && amount > available(free, need->items[i].name, &next)) {
            return false;
        }
    }
    return true;
}

/* Copies of the scarcest resource, uncut; *scarcest is UINT32_MAX when nothing is needed. */
static int64_t count_copies(const struct resources *need, const struct resources *free,
                            uint32_t *scarcest)
{
    int64_t fewest = INT64_MAX;
    *scarcest = UINT32_MAX;
    uint32_t next = 0;
    for (uint32_t i = 0; i < need->count; i++) {
        int64_t amount = need->items[i].amount;
        if (amount <= 0) {
            continue;
        }
        int64_t have = available(free, need->items[i].name, &next);
        int64_t copies = have > 0 ? have / amount : 0;
        if (*scarcest == UINT32_MAX || copies < fewest) {
            fewest = copies;
            *scarcest = need->items[i].name;
        }
    }
    return fewest;
}

uint32_t resources_copies(const struct resources *need, const struct resources *free,
                          uint32_t limit)
{
    uint32_t scarcest = UINT32_MAX;
    int64_t copies = count_copies(need, free, &scarcest);
    return copies < limit ? (uint32_t)copies : limit;
}

uint32_t resources_scarcest(const struct resources *need, const struct resources *free)
{
    uint32_t scarcest = UINT32_MAX;
    (void)count_copies(need, free, &scarcest);
    return scarcest;
}
