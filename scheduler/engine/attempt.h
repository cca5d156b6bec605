// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_ATTEMPT_H
#define SCHEDULER_ENGINE_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/engine/constraints.h"
#include "scheduler/engine/state.h"
#include "scheduler/solver/ranks.h"
#include "scheduler/solver/solver.h"

/* One attempt to plan a gang: its members that can be placed now, in rank order, and everything the
 * solver has to know about them. Only the files of engine/ use it.
 *
 *   gang ─▶ members ─▶ roles by podset, shape and kind, slices, vetoes, exclusive domains, what
 *        they require of other pods ─▶ solver_problem
 *
 * Slices are those of one podset: of one role, where the controller names roles; without, of the
 * pods that request what most of them do. Others (a launcher) go where they like. A member's slice
 * follows from its rank; where a controller gives none, from its place among the members. Members
 * whose slice is neither started nor complete are left out: they are planned when the rest of their
 * slice exists.
 */

#define ATTEMPT_SKIPPED (DOMAINS_NONE - 1)

/* Pods of a shape that would not all get good GPUs on a node, beside those of other shapes; or of
 * one podset, of which the node takes no more beside those of others with the same shape. */
struct attempt_misfit {
    uint32_t shape;
    uint32_t podset; /* PODSETS_NONE: all that take only good GPUs */
    uint32_t row;
    bool apart;    /* not so: pods of the kind keep apart from others there (ties.h) */
    uint32_t kind; /* … whatever their shape and podset */
};

struct attempt {
    struct engine *engine;
    struct gang *gang;
    struct progress progress;   /* in pieces, if it was begun with progress_begin() */
    bool dry_run;               /* nothing is to be held */
    bool afresh;                /* also of those that are held or have voted, as if they had not */
    struct pod **members;       /* in rank order; owned */
    struct ranks_member *ranks; /* beside members, when there are layers; owned */
    uint32_t count;
    uint32_t left_out;      /* members of incomplete slices … */
    uint32_t left_out_size; /* … of which this is the size */
    uint32_t *pinned;       /* positions of placed members, those just held included; owned */
    uint32_t pinned_count;
    struct podset_pins {
        uint32_t *items; /* owned */
        size_t room;
        uint32_t placed; /* so many of them are of placed members, the others of `own` ones */
    } podset_pins[SOLVER_PODSETS_MAX]; /* the same, of podsets that share domains */
    struct constraints constraints;
    uint32_t tight_level;           /* see preference.h */
    struct attempt_misfit *misfits; /* where they were not to be had; owned */
    uint32_t misfit_count;
    size_t misfit_room;
    /* Of the last solve: positions of members pinned by their rules, by member, DOMAINS_NONE or
     * ATTEMPT_SKIPPED (pins.h); NULL: nobody is. Owned. */
    uint32_t *own;
    bool spread;        /* roles were cut (spread.h): several may have one shape */
    uint32_t own_count; /* they stand behind the placed ones in `pinned` */
    uint32_t skipped;
    uint64_t choice; /* which members were put first (elastic.c), as a number */
    uint64_t budget; /* of a solve, as in a solver_problem; 0: the default */

    struct affinity *affinity; /* what members require of other pods (affinity.h), or NULL; owned */
    bool loose;                /* of affinity among them, nothing is tied */

    /* Of the last solve. */
    struct solver_role roles[SOLVER_ROLES_MAX];
    uint32_t shapes[SOLVER_ROLES_MAX];
    uint32_t podsets[SOLVER_ROLES_MAX];
    uint32_t kinds[SOLVER_ROLES_MAX]; /* to rules about other pods; 0 where there are none */
    uint32_t role_count;
    struct ties {
        struct solver_limit limits[SOLVER_LIMITS_MAX];
        uint32_t limit_count;
        struct solver_apart aparts[SOLVER_APARTS_MAX];
        uint32_t apart_count;
        struct solver_podset podsets[SOLVER_PODSETS_MAX]; /* those of the constraints, too */
        uint32_t podset_count;
        uint32_t required_level; /* likewise */
        uint32_t vain;           /* roles that look for somebody who is nowhere */
        bool more;               /* more is tied than has to be: another plan might do */
        bool less;               /* not all could be said */
    } ties;                      /* what roles must share or must not (ties.h) */
    struct bitset *excluded[SOLVER_ROLES_MAX]; /* owned */
    struct {
        uint32_t shape;
        uint32_t *items;         /* by position; owned */
    } likings[SOLVER_ROLES_MAX]; /* of all solves: how much shapes that have a choice like nodes */
    uint32_t liking_count;
    struct capacity *limited[SOLVER_ROLES_MAX]; /* in place of the ledger's, or NULL; owned */
    bool likely;                                /* of vetoes, what is likely counts too */
    /* What counts as free beside what is, or, negative, no longer: what members hold that are
     * planned afresh, what those with nodes of their own take. By position, or NULL; owned. */
    struct balance *freed;
    struct resources *free; /* of room_free_at(); owned */
    struct started {
        struct solver_started *items; /* owned */
        size_t room;
    } started[SOLVER_ROLES_MAX];
};

/* Collects; engine and gang are set, all else but `dry_run` and `afresh` is 0. -1 when the gang's
 * constraints make no sense, and its reason says why. Finish in any case. */
int attempt_begin(struct attempt *attempt);
void attempt_finish(struct attempt *attempt);

/* How many members from `first` on belong together: a whole outermost slice, else one. */
uint32_t attempt_unit(const struct attempt *attempt, uint32_t first);

/* Index of the podset of a live member. */
uint32_t attempt_podset(const struct attempt *attempt, const struct pod *pod);

/* Whether a member to place is in slices, by its index. */
bool attempt_sliced(const struct attempt *attempt, uint32_t member);

/* Whether a live member stays where it is. */
bool attempt_pinned(const struct attempt *attempt, const struct pod *pod);

/* Whether two members may be exchanged in any plan: they ask for the same, and are asked the same.
 */
bool attempt_alike(const struct attempt *attempt, const struct pod *a, const struct pod *b);

/* The least number of members >= count, from the first on, that splits no slice. */
uint32_t attempt_whole(const struct attempt *attempt, uint32_t count);

/* Solves for `count` members from `first` on, which must be whole units; -1 when they have more
 * shapes than the solver takes. With good_gpus every member of a plan gets a good set: the solver
 * knows how many of one shape a node takes, not which sets remain, so a plan that does not hold up
 * is made again without the nodes that failed. With vetoes that say how many a node takes, what is
 * likely is tried first (vetoes.h). In a piece that has to be left nothing fits. */
int attempt_solve(struct attempt *attempt, uint32_t first, uint32_t count,
                  struct solver_plan *plan);

/* What attempt_solve() would ask now, as a number: for progress.h. */
uint64_t attempt_question(const struct attempt *attempt, uint32_t first, uint32_t count);

/* The problem of the last solve, and the positions a role of it must not use (*new*, or NULL): for
 * asking about it once more, under other circumstances. */
struct solver_problem attempt_problem(const struct attempt *attempt);
struct bitset *attempt_excluded(const struct attempt *attempt, uint32_t role);
/* Of these, those that exclusive domains rule out; or NULL. *Borrowed*. */
const struct bitset *attempt_occupied(const struct attempt *attempt, uint32_t role);

/* Deals the positions of the plan just made: rows[i] is the row of the node of member first + i. */
void attempt_deal(const struct attempt *attempt, uint32_t first, uint32_t count,
                  const struct solver_plan *plan, uint32_t *rows);

/* Members from `first` on are held on those rows: whoever is planned next in this attempt is
 * planned beside them. */
void attempt_pin(struct attempt *attempt, uint32_t first, const uint32_t *rows, uint32_t count);

#endif
