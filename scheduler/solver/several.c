// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/several.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/solver/mixed.h"
#include "scheduler/solver/places.h"
#include "topology/base/alloc.h"

/* What is proven. A level is too low when each of its places was searched to the end, or none
 * passes. `deepest` is the deepest level that is not proven so: it keeps a plan above it from being
 * called optimal, unless the plan's own place was searched to the end, which includes what lies
 * below. Of the level with the plan, the least lower bound of a place that was left open counts.
 *
 * Where numbers alone decide (solver_space_exact()), a place that passes has a plan, so the first
 * fill of step 1 finds it, and levels below have no places.
 */

#define SHARE_LEAST 2000 /* steps; a smaller share of a place finds nothing */
#define LOOK_LEAST  4000 /* of a share, for a first look; and an eighth of it */

struct solver_several {
    const struct solver_problem *problem;
    struct solver_space *space;
    struct solver_greedy *greedy;
    struct solver_effort *effort;
    struct solver_mixed *mixed;
    struct solver_places places;
    uint32_t host;
    uint32_t required;
    uint32_t deepest; /* SOLVER_LEVEL_NONE: all levels are proven to be too low */
    struct solver_solution trial;
    /* of the caller */
    struct solver_solution *best;
    uint32_t *lower_bound;
};

struct solver_several *solver_several_create(const struct solver_problem *problem,
                                             struct solver_space *space, struct solver_fill *fill,
                                             struct solver_greedy *greedy)
{
    struct solver_several *several = alloc_zero(1, sizeof *several);
    *several = (struct solver_several){.problem = problem,
                                       .space = space,
                                       .greedy = greedy,
                                       .effort = solver_space_effort(space),
                                       .mixed = solver_mixed_create(problem, space, fill),
                                       .host = solver_space_host(space),
                                       .deepest = SOLVER_LEVEL_NONE};
    solver_places_init(&several->places, space);
    solver_solution_init(&several->trial);
    return several;
}

void solver_several_destroy(struct solver_several *several)
{
    if (several == NULL) {
        return;
    }
    solver_solution_finish(&several->trial);
    solver_places_finish(&several->places);
    solver_mixed_destroy(several->mixed);
    free(several);
}

bool solver_several_proven(const struct solver_several *several)
{
    return several->deepest == SOLVER_LEVEL_NONE;
}

bool solver_several_searched(const struct solver_several *several)
{
    return solver_mixed_searched(several->mixed);
}

/* ---- 1: fills ---- */

/* The tightest node that takes everything: if it passes, everything fits. */
static bool fill_host(struct solver_several *several)
{
    static const uint32_t nothing[SOLVER_TREE_MAX] = {0};
    struct solver_candidate kept[SOLVER_CANDIDATES_MAX];
    uint32_t count =
        solver_candidates_collect(several->space, several->required, several->host, kept);
    for (uint32_t i = 0; i < count && !several->best->complete; i++) {
        (void)solver_greedy_fill(several->greedy, kept[i], nothing, several->best);
    }
    return several->best->complete;
}

/* The tightest places one by one, then with ever longer strides, and the emptiest last; that one at
 * once when the share is used up. */
static bool fill_level(struct solver_several *several, uint32_t level)
{
    static const uint32_t nothing[SOLVER_TREE_MAX] = {0};
    struct solver_places *places = &several->places;
    solver_places_list(places, several->required, level);
    solver_places_by_room(places);
    uint64_t limit = solver_effort_narrow(several->effort, solver_effort_left(several->effort) / 8);
    for (uint32_t i = 0; i < places->count && !several->best->complete;) {
        uint32_t last = places->count - 1;
        (void)solver_greedy_fill(several->greedy, places->items[i].candidate, nothing,
                                 several->best);
        uint32_t next = i < 8 ? i + 1 : i + i / 2;
        next = solver_effort_over(several->effort) || next > last ? last : next;
        i = i < last ? next : places->count;
    }
    several->effort->limit = limit;
    return several->best->complete;
}

/* ---- 2 and 3: searches ---- */

static bool may_improve(const struct solver_several *several, const struct solver_place *place,
                        const struct solver_solution *best)
{
    return !place->closed && (!place->bounded || !best->complete ||
                              solver_used_below(place->lower_bound, best->used, several->host));
}

static void branch_place(struct solver_several *several, struct solver_place *place,
                         struct solver_solution *best)
{
    place->closed = solver_mixed_branch(several->mixed, place->candidate, place->lower_bound, best);
}

/* Looks for a plan in the place that is better than `best`. */
static void search_place(struct solver_several *several, struct solver_place *place,
                         struct solver_solution *best)
{
    solver_places_bound(&several->places, place,
                        several->deepest == SOLVER_LEVEL_NONE ? several->places.level
                                                              : several->deepest);
    if (may_improve(several, place, best) && !place->anchored) {
        uint64_t look = solver_effort_left(several->effort) / (best->complete ? 8 : 1);
        uint64_t limit =
            solver_effort_narrow(several->effort, look < LOOK_LEAST ? LOOK_LEAST : look);
        branch_place(several, place, best);
        several->effort->limit = limit;
    }
    if (may_improve(several, place, best) && !place->anchored) {
        place->anchored = true;
        place->closed =
            solver_mixed_anchor(several->mixed, place->candidate, place->lower_bound, best);
    }
    if (may_improve(several, place, best) && !place->filled) {
        place->filled = true;
        (void)solver_greedy_fill(several->greedy, place->candidate, place->lower_bound, best);
    }
    if (may_improve(several, place, best)) {
        branch_place(several, place, best);
    }
}

/* Gives every place a share of the effort, and more of it as long as there is more. `any`: the
 * first plan will do. */
static void search_places(struct solver_several *several, struct solver_solution *best, bool any)
{
    struct solver_places *places = &several->places;
    for (bool again = true; again;) {
        uint32_t open = 0;
        again = false;
        for (uint32_t i = 0; i < places->count; i++) {
            open += may_improve(several, &places->items[i], best);
        }
        uint64_t share = open == 0 ? 0 : solver_effort_left(several->effort) / open;
        share = share < SHARE_LEAST ? SHARE_LEAST : share;
        for (uint32_t i = 0; i < places->count && !solver_effort_over(several->effort); i++) {
            struct solver_place *place = &places->items[i];
            if (!may_improve(several, place, best) || share < 2 * place->share) {
                continue;
            }
            again = true;
            place->share = share;
            uint64_t limit = solver_effort_narrow(several->effort, share);
            search_place(several, place, best);
            several->effort->limit = limit;
            if (any && best->complete) {
                return;
            }
        }
    }
}

/* Looks for a plan in the places of a level; without one, notes whether that proves that there is
 * none. */
static bool search_level(struct solver_several *several, uint32_t level)
{
    struct solver_solution *trial = &several->trial;
    struct solver_places *places = &several->places;
    bool last = level == several->required && !several->best->complete;
    solver_places_list(places, several->required, level);
    solver_places_by_room(places);
    uint64_t left = solver_effort_left(several->effort);
    uint64_t limit = solver_effort_narrow(several->effort, last ? left : left / 2);
    search_places(several, trial, true);
    several->effort->limit = limit;
    if (trial->complete) {
        struct solver_solution other = *several->best;
        *several->best = *trial;
        *trial = other;
        return true;
    }
    for (uint32_t i = 0; i < places->count && several->deepest == SOLVER_LEVEL_NONE; i++) {
        several->deepest = places->items[i].closed ? several->deepest : level;
    }
    return false;
}

/* Looks for better plans in the places listed, which are of the level of the best one. */
static void improve(struct solver_several *several)
{
    struct solver_places *places = &several->places;
    struct solver_solution *best = several->best;
    solver_places_by_bound(
        places, several->deepest == SOLVER_LEVEL_NONE ? places->level : several->deepest, true);
    for (uint32_t i = 0; i < places->count; i++) {
        places->items[i].share = 0;
    }
    search_places(several, best, false);
    memcpy(several->lower_bound, best->used, SOLVER_TREE_MAX * sizeof *several->lower_bound);
    for (uint32_t i = 0; i < places->count; i++) {
        const struct solver_place *place = &places->items[i];
        if (may_improve(several, place, best) &&
            solver_used_below(place->lower_bound, several->lower_bound, several->host)) {
            memcpy(several->lower_bound, place->lower_bound,
                   SOLVER_TREE_MAX * sizeof *several->lower_bound);
        }
    }
}

bool solver_several_search(struct solver_several *several, uint32_t required,
                           struct solver_solution *best, uint32_t lower_bound[SOLVER_TREE_MAX])
{
    several->required = required;
    several->best = best;
    several->lower_bound = lower_bound;
    uint32_t level = several->host;
    if (fill_host(several)) {
        memcpy(lower_bound, best->used, SOLVER_TREE_MAX * sizeof *lower_bound);
        return true;
    }
    while (level > required && !fill_level(several, --level)) {
    }
    uint32_t filled = best->complete ? level : SOLVER_LEVEL_NONE;
    uint32_t end = best->complete ? level + 1 : required;
    bool found = false;
    for (level = several->host; level > end && !found;) {
        found = search_level(several, --level);
    }
    if (!found && filled == SOLVER_LEVEL_NONE) {
        return false;
    }
    if (!found) {
        solver_places_list(&several->places, required, filled);
    }
    improve(several);
    return true;
}
