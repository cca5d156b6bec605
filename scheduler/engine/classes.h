// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_CLASSES_H
#define SCHEDULER_ENGINE_CLASSES_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/engine/attempt.h"
#include "scheduler/engine/needs.h"

/* The members of an attempt in classes of such as are alike: they ask for the same and count for
 * the same minimum, so of a class only the number matters that is chosen. For elastic.c.
 *
 *   members   w0 w1 w2 | b0 b1 | m0
 *   classes   w: 3 units, b: 2, m: 1      a choice: w 2, b 0, m 1 = w0 w1 m0
 *
 * Members that name their one node are a class of their own, of those whose node has room; the
 * others of them are never chosen, like those beyond CLASSES_MAX classes.
 */

#define CLASSES_MAX (SOLVER_ROLES_MAX * (ROLE_MINIMUMS_MAX + 1))
#define CLASS_NONE  CLASSES_MAX /* never chosen */

/* Members that are chosen together: a whole slice, else one. */
struct unit {
    uint32_t first; /* of the members in their own order */
    uint32_t length;
    uint32_t class;
    uint32_t index; /* in its class */
};

struct class {
    uint32_t shape; /* SHAPE_NONE: each has a node of its own */
    uint32_t podset;
    uint32_t kind; /* to rules about other pods */
    uint32_t need; /* needs_role() */
    uint32_t role; /* that the solver sees in them; UINT32_MAX: it is not asked */
    uint32_t units;
    uint32_t most; /* units that fit, all others left out */
    bool single;   /* units of one member */
    /* The greatest part of what is free in the cluster of some resource that one of them takes. */
    int64_t asked;
    int64_t free;
};

struct classes {
    struct attempt *attempt;
    const struct needs *needs;
    struct class items[CLASSES_MAX];
    uint32_t count;
    uint32_t roles;     /* that the solver tells apart */
    struct unit *units; /* in the order of the members; owned, like … */
    uint32_t unit_count;
    uint32_t **sizes; /* … by class: members of its first n units */
};

struct choice {
    uint32_t units[CLASSES_MAX]; /* of each class, the first ones */
};

/* What a choice has of what is needed. */
struct counts {
    uint32_t members;
    uint32_t roles[ROLE_MINIMUMS_MAX + 1];
};

/* All else is 0. The attempt is asked who has room on a node of its own. */
void classes_list(struct attempt *attempt, const struct needs *needs, struct classes *classes);
void classes_finish(struct classes *classes);

/* The classes, the least demanding one first or, `crowded`, the one with most members. */
void classes_order(const struct classes *classes, bool crowded, uint32_t order[CLASSES_MAX]);

uint32_t choice_size(const struct classes *classes, const struct choice *choice);
struct counts choice_counts(const struct classes *classes, const struct choice *choice);
bool counts_suffice(const struct classes *classes, const struct counts *counts);
bool choice_suffices(const struct classes *classes, const struct choice *choice);
/* Whether the solver takes so many roles. */
bool choice_solvable(const struct classes *classes, const struct choice *choice);

#endif
