// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_PROGRESS_H
#define SCHEDULER_ENGINE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/solver/solver.h"

struct attempt;
struct engine;
struct gang;

/* An attempt that takes long, done in pieces: what it has asked the solver so far is kept, and the
 * next piece is told it instead of asking again.
 *
 *   apply 1   ask ask ask │ left: it took its share
 *   tick      told told told ask ask │ left
 *   tick      told told told told told ask ▶ a plan, or why there is none
 *
 * A question takes the solver one search or several. A piece ends before a search, never within
 * one, when it has taken PROGRESS_STEPS. It comes to the very same end as in one go, as long as
 * nothing changes meanwhile. When something of the gang's own changes, or the tree, it begins anew.
 * What others change meanwhile is not looked at: a plan is held only if there is room for it then;
 * a gang that does not fit may have been told so of room that has become free since, and is looked
 * at again.
 */

/* Of a piece; some milliseconds (SOLVER_STEPS_PER_MS). */
#define PROGRESS_STEPS (6 * (uint64_t)SOLVER_STEPS_PER_MS)

struct progress_answer {
    uint64_t key; /* what was asked */
    int result;
    int64_t charged;
    struct solver_plan plan; /* positions owned, of `parts` only */
};

struct progress_answers {
    struct progress_answer *items; /* owned */
    uint32_t count;
    uint32_t told; /* so many of them in this piece */
    size_t room;
};

struct progress {
    struct gang *gang; /* NULL: none is under way */
    bool dry_run;
    int64_t steps;                  /* that its first piece could take */
    uint64_t releases;              /* what had been released by then */
    uint64_t generation;            /* of the tree by then */
    uint64_t changes;               /* of what is free by then */
    struct progress_answers solved; /* whole questions */
    struct progress_answers parts;  /* of the one it was left in, its searches */

    /* of the piece */
    bool split;          /* it may be left, and told */
    bool resumed;        /* it is not the first one */
    bool restarted;      /* it is, because its gang changed */
    bool interrupted;    /* it is left: whatever it comes to is void */
    bool told;           /* the last answer was not found by this piece */
    uint32_t parts_told; /* searches for it that this piece did not make */
    uint32_t asked;      /* searches of its own */
    uint64_t fresh;      /* steps of the running solve, by searches of its own … */
    uint64_t old;        /* … and by those that were told */
    uint64_t reading;    /* what its searches cost beside their steps */
    int64_t started;     /* engine's steps when it began */
    int64_t saved;       /* steps that it would have taken for what it was told */
    uint64_t spent;      /* by the engine before it */
};

/* Begins a piece of an attempt: goes on where the last one was left. `anew`: that does not count
 * any more. */
void progress_begin(struct attempt *attempt, bool anew);
/* Keeps what a piece found out that was left. */
void progress_keep(struct attempt *attempt);
void progress_finish(struct progress *progress);
/* Nothing of the gang is under way any more; NULL: of any. */
void progress_forget(struct engine *engine, const struct gang *gang);

/* The steps that would be left had it all been done in one piece. */
int64_t progress_steps(const struct attempt *attempt);

/* Told the answer: *plan without positions. False: it is to be asked. */
bool progress_recall(struct attempt *attempt, uint64_t key, struct solver_plan *plan, int *result);
bool progress_knows(const struct attempt *attempt, uint64_t key);
void progress_note(struct attempt *attempt, uint64_t key, const struct solver_plan *plan,
                   int result, int64_t charged);
/* The same for the searches that the question takes. */
struct solver_pieces progress_pieces(struct attempt *attempt);
/* A solve for so many members is done, or was left: charges what this piece took of its steps. */
void progress_charge(struct attempt *attempt, const struct solver_plan *plan, uint32_t members);

/* A plan for which there is no room any more is none: the piece is left then, as below. */
void progress_check(struct attempt *attempt, struct solver_plan *plan);
/* Whether the last answer is good enough to act on: one that was told is not, for it comes last
 * only when something changed. Then the piece is left, and all is asked anew. */
bool progress_sound(struct attempt *attempt);

#endif
