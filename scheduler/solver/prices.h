// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_SOLVER_PRICES_H
#define SCHEDULER_SOLVER_PRICES_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/solver/space.h"

/* How many pods can be covered with given numbers of domains: an upper bound, by Lagrange.
 *
 * Put a price, in pods, on touching a domain of each level. Then every domain can decide alone
 * whether it is worth its price, and
 *
 *   covered <= Σ over domains of max(0, what is worth it inside - price) + Σ price × allowed number
 *
 * for any prices. Good prices make it tight: that of a level is what the last domain allowed there
 * is worth. When the upper bound is below what is wanted, no plan has so few domains; when it is
 * barely above, most choices cost more than that slack and need not be looked at (exact.c).
 *
 * A *stage* looks at one place of one role down to one level, whose domains (or nodes) are its
 * *atoms*. Values and prices are in 1/SOLVER_PRICE_UNIT pods.
 */

#define SOLVER_PRICE_UNIT 64

struct solver_atom {
    uint64_t sum; /* fits of this one and those before it in its group */
    uint32_t fits;
    uint32_t index; /* domain number, or position at the host level */
};

/* The atoms of one domain of the level above: largest first, then in position order. */
struct solver_group {
    uint32_t domain;
    uint32_t first; /* untouched atoms [first, end) */
    uint32_t end;
    uint64_t base; /* fits of the touched ones, which cost nothing */
};

/* A domain of the place above the atoms; both numbers count from the place. */
struct solver_member {
    uint32_t domain;
    uint32_t parent;
    bool touched;
};

struct solver_stage {
    const struct solver_space *space;
    uint32_t role;
    uint32_t place; /* domain */
    uint32_t top;   /* its level */
    uint32_t level; /* of the atoms, top < level <= host */
    uint64_t wanted;
    /* Untouched domains allowed, by tree level, top+1 … level. */
    uint32_t allowed[SOLVER_TREE_MAX];

    struct solver_atom *atoms;    /* owned */
    struct solver_atom *unsorted; /* owned; scratch of sorting a group */
    uint32_t atom_count;
    uint32_t most;               /* fits of the largest atom */
    struct solver_group *groups; /* owned; in position order */
    uint32_t group_count;
    struct solver_member *members; /* owned: domains of the place with room, level after level */
    uint32_t level_first[SOLVER_TREE_MAX + 1]; /* stretch of members: [l], [l + 1] */

    int64_t price[SOLVER_TREE_MAX];
    int64_t upper_bound; /* of covered */
    int64_t *inside;     /* owned; by domain - place: what its children are worth */
    int64_t *worth;      /* owned; and what it is worth itself, its price paid; >= 0 */
    int64_t *scratch;    /* owned */
};

/* Reads the place. Nothing may be placed in the space, which is *borrowed*. */
void solver_stage_init(struct solver_stage *stage, const struct solver_space *space, uint32_t role,
                       uint32_t place, uint32_t level);
void solver_stage_finish(struct solver_stage *stage);

/* Finds good prices for `allowed` and fills in price, upper_bound, inside and worth. False: the
 * upper bound is below what is wanted, that is, no plan has only so many domains; *least is then
 * raised to the number of atoms that the same prices ask for at least. When the space's effort is
 * over it takes the best prices so far. */
bool solver_stage_price(struct solver_stage *stage, uint32_t *least);

#endif
