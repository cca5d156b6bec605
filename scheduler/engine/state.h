// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_STATE_H
#define SCHEDULER_ENGINE_STATE_H

#include "scheduler/engine.h"
#include "scheduler/engine/audit.h"
#include "scheduler/engine/progress.h"
#include "scheduler/policy/queue.h"
#include "scheduler/policy/waiting.h"
#include "scheduler/state/gang.h"
#include "scheduler/state/ledger.h"
#include "scheduler/state/pods.h"
#include "scheduler/state/tree.h"
#include "topology/graph/domains.h"

/* What the modules of the engine share; nobody else includes this.
 *
 *   apply      one event in: dispatches it, and alone runs to the fixpoint
 *   fixpoint   what follows from the marks: states, reasons, planning, until nothing more does
 *   ticks      what time changes
 *   lead       leading and following
 *   calls      kube-scheduler's calls and the outcomes of bindings
 *   plan       who is planned, what is held, vetoes
 *   unplaced   members without a place in a gang that has one
 *   explain    why a gang does not fit
 *   blockers   who is in its way
 *   attempt    one gang as a problem for the solver, with constraints
 *   observe    what the API server shows, into the books
 *   repair     gangs that cannot be made whole again
 *   begun      which gangs are finished before others
 *   ordinary   pods without a gang, and what is held
 *   nominate   nominations, and what became of them
 *   commit     opens the barrier
 *   audit      recomputes sums now and then
 *   progress   attempts that take long, in pieces
 *   assign     which GPUs the members of a plan get
 *   hold       gives up what is held
 *   standing   holds that come to nothing, and what follows for others of the namespace
 *   reason     refusals in words
 *   state      this: the struct, and how to mark what changed
 *
 * A module calls only those below it. Whoever changes something *marks* it here: a gang that has to
 * be looked at, a reason to plan, a time to be woken at. fixpoint.c works the marks off.
 *
 * Every function that may change something takes the `now` and the `effects` of the running
 * engine_apply() from the struct.
 */

#define ENGINE_VETO_MS        60000  /* a veto is forgotten after that */
#define ENGINE_RENOMINATE_MS  2000   /* a nomination that got lost is written again after that */
#define ENGINE_TAKEN_BACK_MS  20     /* one that is taken back again and again: the first pause */
#define ENGINE_TAKEN_BACK_MAX 2      /* … and how often it is written again without one */
#define ENGINE_WAKE_MS        500    /* no vote for so long: who has not voted is woken; doubles */
#define ENGINE_FROM_CALL_MS   30000  /* a pod known from a call only is dropped after that */
#define ENGINE_FROM_CALL_MOST 32768  /* … and no more of them than that are known */
#define ENGINE_UNSEEN_MS      120000 /* … or, once bound, after that */
#define ENGINE_LATE_MS        2000   /* a tick so much too late: the process stood still */
#define ENGINE_UNCONFIRMED_MS 60000  /* an unanswered binding that no watch shows by then */
#define ENGINE_REFUSED_MS     1000   /* a gang whose binding was refused rests that long */
#define ENGINE_EXPLAIN_MS     10000  /* why a gang waits is put into words anew after that */
#define ENGINE_EXPLAIN_PART   50 /* … and one part in so many of the time goes into such words */

/* Planning steps of one apply. A step is about as long as one of the solver's (solver.h); together
 * they are some milliseconds, so that nobody waits longer for the decisions about others. */
#define ENGINE_STEPS_MAX (3 * (int64_t)SOLVER_STEPS_PER_MS)

/* A bind call that waits for the barrier or for its binding, and the pod it is of. */
struct engine_caller {
    UT_hash_handle hh; /* by ticket */
    uint64_t ticket;
    struct pod *pod;
};

struct engine {
    struct levels levels;
    struct engine_options options;
    struct nodes *nodes;
    struct domains *domains;
    struct tree tree; /* keeps the domains up to date */
    struct shapes *shapes;
    struct ledger *ledger;
    struct pods *pods;
    struct gangs gangs;
    struct queue queue;      /* gangs that are worth planning … */
    struct waiting *waiting; /* … and those that did not fit */
    struct timers timers;    /* of gangs */
    struct timers explain;   /* gangs whose reason may have to be put into other words … */
    int64_t explain_after;   /* … none of them before then */
    bool synced;
    bool draining;
    bool leading;              /* false: another process decides */
    int64_t decides_since;     /* … and this one since then */
    uint64_t planned_releases; /* what had been released when those who wait were last looked at */
    int64_t next_tick;         /* never later than the first thing that falls due */
    struct progress progress;  /* of an attempt that was left half-way */
    uint64_t attempts_left;    /* so often */
    uint64_t piece;            /* steps after which one is left */
    uint64_t spent;            /* planning steps of all applies */
    uint64_t books_work;       /* of the ledger, that was charged for */
    uint64_t overruns;         /* times the fixpoint was left to the next tick */
    uint64_t repeated;         /* nominations asked for again because they were taken back */
    uint64_t repeated_late;    /* … because the watch did not show them in time */
    struct audit audit;

    struct engine_caller *callers; /* exactly those that are still to be answered */

    struct gang **marked; /* gangs to be looked at before this apply ends; unique */
    uint32_t marked_count;
    size_t marked_room;

    /* of the running engine_apply() */
    int64_t now;
    bool batch;    /* more events follow at once: nothing is planned yet */
    int64_t steps; /* that planning may still take; <= 0: the rest is left to a tick */
    struct effects *effects;
};

/* ---- marks ---- */

/* The gang is looked at before this apply ends. Nothing happens to NULL. */
void engine_mark(struct engine *engine, struct gang *gang);
/* Something of the gang's own changed: it is looked at, and planned again if it wants to be. */
void engine_mark_changed(struct engine *engine, struct gang *gang);
void engine_want_tick(struct engine *engine, int64_t at);
/* Sets the gang's timer to the first of its times. */
void engine_set_timer(struct engine *engine, struct gang *gang);
/* What it is short of may have changed: its reason is looked at when that is due. */
void engine_mark_stale(struct engine *engine, struct gang *gang);
/* Takes from the pod the place it has, or is about to get. */
void engine_release(struct engine *engine, struct pod *pod);
/* Takes planning steps from what this apply may use. */
void engine_charge(struct engine *engine, uint64_t steps);
/* The same of what the ledger had to look at since the last time. */
void engine_charge_books(struct engine *engine);
/* Moves on whenever somebody who waits may be helped. */
uint64_t engine_releases(const struct engine *engine);

/* ---- effects ---- */

void engine_bind_reply(struct engine *engine, uint64_t ticket, const char *error);
/* A bind call is not answered yet; engine_bind_reply() ends that, or its caller, who gives up. */
void engine_bind_waits(struct engine *engine, struct pod *pod, uint64_t ticket);
/* The pod that the call is of, or NULL; it waits no more. */
struct pod *engine_bind_given_up(struct engine *engine, uint64_t ticket);
/* *Borrowed*, until the next effect: who it is about is filled in. */
struct effect *engine_write(struct engine *engine, enum effect_type type, const struct pod *pod);
/* An Event on the group object, or on the first member of a gang that has none. */
void engine_emit_event(struct engine *engine, const struct gang *gang, bool warning,
                       const char *reason, const char *message);
/* An Event that says why a gang waits, unless there was one just now. */
void engine_emit_waiting(struct engine *engine, struct gang *gang);
/* The object is left out of the books, or a part of it is. */
void engine_skip(struct engine *engine, enum skipped_kind kind, const char *name_space,
                 const char *name, const char *message);
/* Tells of a member's step from one phase to the next: for pods_on_phase(). */
void engine_phase(void *context, const struct pod *pod, enum member_phase before);
/* The gang is in another state; nothing happens if it is not. */
void engine_transition(struct engine *engine, struct gang *gang, enum gang_state to);

#endif
