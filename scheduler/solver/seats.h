// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_SOLVER_SEATS_H
#define SCHEDULER_SOLVER_SEATS_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/solver/limits.h"
#include "scheduler/solver/space.h"

/* The nodes of one place with room for some role, in small arrays of their own: pods are put on
 * them and taken back in any order by a handful of additions, which a search does a hundred
 * thousand times.
 *
 *   position     2 3 . 5 6       4 takes no pod of any role: it has no seat
 *   seat         0 1   2 3
 */

#define SOLVER_SEATS_MAX      128
#define SOLVER_SEAT_NAMES_MAX 16  /* distinct resources */
#define SOLVER_SEAT_PODS_MAX  512 /* of all roles */

struct solver_seat {
    uint32_t position;
    bool pinned;
    bool special;                    /* like no other: pinned, or with a started slice of its own */
    uint32_t fits[SOLVER_ROLES_MAX]; /* alone and empty */
    int64_t room[SOLVER_SEAT_NAMES_MAX];
    uint32_t pods[SOLVER_ROLES_MAX];
    uint32_t total; /* pods of all roles */
};

struct solver_seats {
    const struct solver_problem *problem;
    struct solver_space *space;
    const struct domains *domains;
    uint32_t host;
    /* Resources that are requested, and how much of them. */
    uint32_t name_count;
    uint32_t names[SOLVER_SEAT_NAMES_MAX];
    int64_t requests[SOLVER_ROLES_MAX][SOLVER_SEAT_NAMES_MAX];
    bool too_large;               /* the gang, for any place */
    struct solver_limits *limits; /* owned; they count what is on the seats. NULL: none */
    /* The place read last. */
    uint32_t place;
    uint32_t count;
    struct solver_seat items[SOLVER_SEATS_MAX]; /* in position order */
    uint32_t *uses;                             /* by domain - place: nodes touched inside */
    size_t uses_room;
    uint32_t used[SOLVER_TREE_MAX]; /* touched ones by tree level */
};

/* Keeps both (*borrowed*). */
void solver_seats_init(struct solver_seats *seats, const struct solver_problem *problem,
                       struct solver_space *space);
void solver_seats_finish(struct solver_seats *seats);

/* Reads a place (a domain) that nothing was placed in; false: it or the gang is too large. */
bool solver_seats_read(struct solver_seats *seats, uint32_t place);

/* Pods of a role that fit on the seat beside what is there, at most all of them. */
uint32_t solver_seats_copies(const struct solver_seats *seats, uint32_t role,
                             const struct solver_seat *seat);

/* Adds or, negative, takes away pods; keeps `used` up to date. */
void solver_seats_deal(struct solver_seats *seats, uint32_t role, struct solver_seat *seat,
                       int32_t count);

static inline bool solver_seat_touched(const struct solver_seat *seat)
{
    return seat->pinned || seat->total > 0;
}

/* Whether the two are alike for all that may follow: exchanging what they get from now on makes the
 * same plan with names exchanged. */
bool solver_seats_twins(const struct solver_seats *seats, const struct solver_seat *a,
                        const struct solver_seat *b);

/* Whether the role's pods make whole slices everywhere. */
bool solver_seats_sliced(const struct solver_seats *seats, uint32_t role);

#endif
