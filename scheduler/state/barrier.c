// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/barrier.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"

/* A plain array: a gang of a thousand is searched in a microsecond, and arrival order, which
 * decides the order of bindings, comes for free.
 */

void barrier_init(struct barrier *barrier)
{
    memset(barrier, 0, sizeof(*barrier));
}

void barrier_finish(struct barrier *barrier)
{
    assert(barrier->count == 0);
    free(barrier->items);
    memset(barrier, 0, sizeof(*barrier));
}

static void remove_at(struct barrier *barrier, size_t index)
{
    memmove(&barrier->items[index], &barrier->items[index + 1],
            (barrier->count - index - 1) * sizeof(*barrier->items));
    barrier->count--;
}

bool barrier_add(struct barrier *barrier, struct pod *pod, uint64_t ticket, uint64_t *replaced)
{
    for (size_t i = 0; i < barrier->count; i++) {
        if (barrier->items[i].pod == pod) {
            *replaced = barrier->items[i].ticket;
            barrier->items[i].ticket = ticket;
            return true;
        }
    }
    barrier->items =
        alloc_grow(barrier->items, &barrier->room, barrier->count + 1, sizeof(*barrier->items));
    barrier->items[barrier->count].pod = pod;
    barrier->items[barrier->count].ticket = ticket;
    barrier->count++;
    return false;
}

bool barrier_take(struct barrier *barrier, const struct pod *pod, uint64_t *ticket)
{
    for (size_t i = 0; i < barrier->count; i++) {
        if (barrier->items[i].pod == pod) {
            *ticket = barrier->items[i].ticket;
            remove_at(barrier, i);
            return true;
        }
    }
    return false;
}
