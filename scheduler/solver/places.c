// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/places.h"

#include <stdlib.h>

#include "scheduler/solver/lower_bound.h"
#include "scheduler/solver/solution.h"
#include "topology/base/alloc.h"

/* A list that is made anew for each level, in the same memory. Its two orders are total, so that
 * sorting is the same everywhere. */

void solver_places_init(struct solver_places *places, const struct solver_space *space)
{
    *places = (struct solver_places){.space = space};
    solver_largest_init(&places->largest);
}

void solver_places_finish(struct solver_places *places)
{
    solver_largest_finish(&places->largest);
    free(places->items);
    places->items = NULL;
}

static int compare_rooms(const void *left, const void *right)
{
    const struct solver_candidate *a = &((const struct solver_place *)left)->candidate;
    const struct solver_candidate *b = &((const struct solver_place *)right)->candidate;
    if (a->leftover != b->leftover) {
        return a->leftover < b->leftover ? -1 : 1;
    }
    return a->index < b->index ? -1 : a->index > b->index;
}

static int compare_lower_bounds(const void *left, const void *right, void *host)
{
    const struct solver_place *a = left;
    const struct solver_place *b = right;
    uint32_t levels = *(const uint32_t *)host;
    if (solver_used_below(a->lower_bound, b->lower_bound, levels)) {
        return -1;
    }
    if (solver_used_below(b->lower_bound, a->lower_bound, levels)) {
        return 1;
    }
    return compare_rooms(left, right);
}

void solver_places_list(struct solver_places *places, uint32_t required, uint32_t level)
{
    struct solver_walk walk = solver_walk_begin(required, level);
    struct solver_candidate candidate;
    places->level = level;
    places->count = 0;
    while (solver_walk_next(&walk, places->space, &candidate)) {
        places->items = alloc_grow(places->items, &places->room, (size_t)places->count + 1,
                                   sizeof *places->items);
        places->items[places->count++] = (struct solver_place){.candidate = candidate};
    }
    solver_effort_spend(solver_space_effort(places->space), places->count);
}

void solver_places_by_room(struct solver_places *places)
{
    if (places->count > 0) {
        qsort(places->items, places->count, sizeof *places->items, compare_rooms);
    }
    solver_effort_spend(solver_space_effort(places->space), 4 * (uint64_t)places->count);
}

void solver_places_bound(struct solver_places *places, struct solver_place *place, uint32_t deepest)
{
    if (!place->bounded) {
        place->bounded = true;
        solver_lower_bound(places->space, place->candidate, places->level, deepest,
                           &places->largest, place->lower_bound);
    }
}

/* One domain of each level down to the place, and at least as many of those below. */
static void bound_plainly(const struct solver_places *places, struct solver_place *place)
{
    for (uint32_t l = 0; l <= solver_space_host(places->space) && !place->bounded; l++) {
        uint32_t used = solver_space_used(places->space, l);
        place->lower_bound[l] = used > 1 ? used : 1;
    }
    place->bounded = true;
}

void solver_places_by_bound(struct solver_places *places, uint32_t deepest, bool hurry)
{
    uint32_t host = solver_space_host(places->space);
    for (uint32_t i = 0; i < places->count; i++) {
        if (hurry && solver_effort_over(solver_space_effort(places->space))) {
            bound_plainly(places, &places->items[i]);
        } else {
            solver_places_bound(places, &places->items[i], deepest);
        }
    }
    if (places->count > 0) {
        qsort_r(places->items, places->count, sizeof *places->items, compare_lower_bounds, &host);
    }
    solver_effort_spend(solver_space_effort(places->space), 4 * (uint64_t)places->count);
}
