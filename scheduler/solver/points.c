// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/points.h"

#include <stdlib.h>

#include "topology/base/alloc.h"

/* A front is a table with one slot per cover, which keeps the cheapest point offered for it; taking
 * walks the slots in use from the largest cover down and drops what is not cheaper than all before.
 * Slots are emptied by a stamp, so that a front of three points costs three steps even if a
 * thousand pods are wanted.
 */

struct slot {
    struct solver_point point;
    uint32_t stamp; /* in use when it is the front's */
};

struct solver_front {
    struct slot *slots; /* by cover */
    uint32_t *used;     /* covers of the slots in use, in order of first offer */
    uint32_t used_count;
    uint32_t stamp;
};

struct solver_front *solver_front_create(uint32_t wanted)
{
    struct solver_front *front = alloc_zero(1, sizeof *front);
    front->slots = alloc_zero((size_t)wanted + 1, sizeof *front->slots);
    front->used = alloc_zero((size_t)wanted + 1, sizeof *front->used);
    front->stamp = 1;
    return front;
}

void solver_front_destroy(struct solver_front *front)
{
    if (front == NULL) {
        return;
    }
    free(front->slots);
    free(front->used);
    free(front);
}

void solver_front_offer(struct solver_front *front, const struct solver_point *point)
{
    struct slot *slot = &front->slots[point->covered];
    if (slot->stamp != front->stamp) {
        slot->stamp = front->stamp;
        slot->point = *point;
        front->used[front->used_count++] = point->covered;
    } else if (point->cost < slot->point.cost) {
        slot->point = *point;
    }
}

static int compare_covers(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return a < b ? 1 : a > b ? -1 : 0; /* the largest first */
}

struct solver_points solver_front_take(struct solver_front *front, struct arena *arena)
{
    struct solver_points points = {.count = 0};
    uint32_t kept = 0;
    uint64_t cheapest = UINT64_MAX;
    qsort(front->used, front->used_count, sizeof *front->used, compare_covers);
    for (uint32_t i = 0; i < front->used_count; i++) {
        const struct solver_point *point = &front->slots[front->used[i]].point;
        if (i == 0 || point->cost < cheapest) {
            cheapest = point->cost;
            front->used[kept++] = point->covered;
        }
    }
    points.items = arena_alloc(arena, kept, sizeof *points.items);
    for (uint32_t i = kept; i > 0; i--) {
        points.items[points.count++] = front->slots[front->used[i - 1]].point;
    }
    front->used_count = 0;
    front->stamp++;
    return points;
}
