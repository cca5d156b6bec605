// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_SOLVER_PLACES_H
#define SCHEDULER_SOLVER_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scheduler/solver/candidates.h"
#include "scheduler/solver/largest.h"
#include "scheduler/solver/space.h"

/* The domains of one level that may hold the gang, each with what is known of the plans in it. */

struct solver_place {
    struct solver_candidate candidate;
    uint32_t lower_bound[SOLVER_TREE_MAX]; /* what no plan in it can beat; once `bounded` */
    bool bounded;
    /* For who searches it (several.c). */
    bool filled;
    bool anchored;
    bool closed;    /* proven: nothing better inside than the best plan is now */
    uint64_t share; /* steps that it had at most */
};

struct solver_places {
    const struct solver_space *space;
    uint32_t level;
    struct solver_place *items; /* owned */
    size_t room;
    uint32_t count;
    struct solver_largest largest;
};

/* Keeps the space (*borrowed*). */
void solver_places_init(struct solver_places *places, const struct solver_space *space);
void solver_places_finish(struct solver_places *places);

/* Lists the places of a level above the hosts in position order. Nothing may be placed in the
 * space. */
void solver_places_list(struct solver_places *places, uint32_t required, uint32_t level);

/* The tightest first, then in position order. */
void solver_places_by_room(struct solver_places *places);

/* Bounds one place (solver_lower_bound()), if it is not bounded yet. */
void solver_places_bound(struct solver_places *places, struct solver_place *place,
                         uint32_t deepest);

/* Bounds them all: the best lower bound first, then the tightest one, then in position order. With
 * `hurry`, when the space's effort is over, the rest is bounded by what is plain to see. */
void solver_places_by_bound(struct solver_places *places, uint32_t deepest, bool hurry);

#endif
