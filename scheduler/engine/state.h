// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_STATE_H
#define SCHEDULER_ENGINE_STATE_H

#include "scheduler/engine.h"
#include "scheduler/policy/queue.h"
#include "scheduler/state/gang.h"
#include "scheduler/state/ledger.h"
#include "scheduler/state/pods.h"

/* What the files of engine/ share; nobody else includes this.
 *
 *   apply.c    one event in, and what follows from it
 *   observe.c  what the API server shows, into the books
 *   calls.c    kube-scheduler's calls and the outcomes of bindings
 *   lead.c     leading and following
 *   plan.c     planning, holding, committing, aborting
 *   nominate.c nominations of held members, and of those that no longer are
 *   repair.c   gangs that cannot be made whole again
 *   assign.c   which GPUs the members of a plan get
 *   view.c     read-only answers
 *
 * Every function that may change something takes the `now` and the `effects` of the running
 * engine_apply() from the struct.
 */

#define ENGINE_VETO_MS        60000  /* a veto is forgotten after that */
#define ENGINE_RENOMINATE_MS  2000   /* a nomination that got lost is written again after that */
#define ENGINE_PROVISIONAL_MS 30000  /* a pod known from a call only is dropped after that */
#define ENGINE_UNSEEN_MS      120000 /* … or, once bound, after that */
#define ENGINE_LATE_MS        2000   /* a tick so much too late: the process stood still */
#define ENGINE_DOUBT_MS       60000  /* a binding without an answer that no watch shows by then */
#define ENGINE_REFUSED_MS     1000   /* a gang whose binding was refused rests that long */

struct engine {
    struct levels levels;
    struct engine_options options;
    struct nodes *nodes;
    struct domains *domains;
    struct shapes *shapes;
    struct ledger *ledger;
    struct pods *pods;
    struct gangs gangs;
    struct queue queue;
    bool synced;
    bool draining;
    bool leading; /* false: another process decides */
    bool tree_dirty;
    bool plan_needed;          /* something happened that may make a gang placeable */
    uint64_t planned_releases; /* ledger_releases() when planning last ran */
    uint32_t provisional;      /* pods known from calls only */
    int64_t next_tick;         /* never later than the first thing that falls due */

    struct gang **touched; /* gangs to be looked at before this apply ends; unique */
    uint32_t touched_count;
    size_t touched_room;

    /* of the running engine_apply() */
    int64_t now;
    struct effects *effects;
};

/* apply.c */
void engine_touch(struct engine *engine, struct gang *gang);
void engine_settle(struct engine *engine);
void engine_want_tick(struct engine *engine, int64_t at);
void engine_transition(struct engine *engine, struct gang *gang, enum gang_state to);
void engine_tell(struct engine *engine, const struct gang *gang, bool warning, const char *reason,
                 const char *message);
void engine_tell_waiting(struct engine *engine, struct gang *gang);
/* Takes a member out of the barrier (its caller gets `why`, NULL = bound) and releases its hold. */
void engine_drop_hold(struct engine *engine, struct pod *pod, const char *why);
/* Takes in a pod, joins it to its gang; NULL when a limit refuses it. */
struct pod *engine_observe_pod(struct engine *engine, const struct pod_object *object);
/* Whether all held gangs on the row still have room, and what to do about it if not. */
void engine_check_row(struct engine *engine, uint32_t row);
void engine_bind_reply(struct engine *engine, uint64_t ticket, const char *error);

/* observe.c */
void engine_observe_node(struct engine *engine, const struct node_object *object);
void engine_remove_node(struct engine *engine, const char *name);
void engine_watch_pod(struct engine *engine, const struct pod_object *object);
void engine_remove_pod(struct engine *engine, struct pod *pod);
void engine_observe_group(struct engine *engine, const struct group_object *object);
void engine_remove_group(struct engine *engine, const char *name_space, const char *name);

/* lead.c */
void engine_follow(struct engine *engine);
void engine_lead(struct engine *engine);

/* plan.c */
/* Plans whoever is worth it; how many gangs were tried. */
uint32_t engine_plan(struct engine *engine);
/* Gives up the hold of a gang that has not begun (or of the joiners of one that has): waiting binds
 * get `why`, capacity is free again. With `backoff` it is not planned again at once. */
void engine_abort(struct engine *engine, struct gang *gang, const char *why, bool backoff);
/* Posts the binding of a held member. */
void engine_commit_member(struct engine *engine, struct pod *pod, uint64_t ticket);
/* Opens the barrier when the quorum stands in it. */
void engine_commit_if_voted(struct engine *engine, struct gang *gang);
/* kube-scheduler refused the member's planned node: plan again around it. */
void engine_veto(struct engine *engine, struct pod *pod);

/* repair.c */
/* Starts and stops the time a gang is given to be whole again. */
void engine_watch_repair(struct engine *engine, struct gang *gang, enum gang_state state);
/* When that is over: keeps it and says so, or has it evicted. */
void engine_tick_repair(struct engine *engine, struct gang *gang);

/* assign.c */
/* Holds `count` members of the gang on the nodes dealt to them, and the best GPUs for each. */
void engine_hold_members(struct engine *engine, const struct gang *gang, struct pod *const *members,
                         const uint32_t *rows, uint32_t count);
/* Which of them would not get a good set of GPUs that way, and how many; nothing is held. Members
 * that ask for no GPUs always fit. */
uint32_t engine_misfits(struct engine *engine, const struct gang *gang, struct pod *const *members,
                        const uint32_t *rows, uint32_t count, bool *misfit);
/* Names of the GPUs a member has, for its binding; NULL when that is not known, also by now: the
 * map they were chosen from may be another one. *Borrowed* from the effects. */
const char *engine_devices(const struct engine *engine, const struct pod *pod);
/* What is known of a node's GPUs from now on (node_object.devices); true when that is new. */
bool engine_observe_gpus(struct engine *engine, uint32_t row, const struct device_map *map,
                         const char *resource);
void engine_observe_devices(struct engine *engine, const struct node_object *object);

/* nominate.c */
/* Asks for the nominations of a plan, and takes back those of a plan that is no more, be it one of
 * an earlier process: kube-scheduler keeps room for nominated pods. */
void engine_update_nominations(struct engine *engine, struct gang *gang);
/* Nominations that the watch does not show are to be asked for again. */
void engine_renominate(struct engine *engine, struct gang *gang);
void engine_nomination_done(struct engine *engine, const struct write_done_event *done);

/* calls.c */
void engine_filter(struct engine *engine, const struct filter_event *call);
void engine_prioritize(struct engine *engine, const struct filter_event *call);
void engine_preempt(struct engine *engine, const struct preempt_event *call);
void engine_bind(struct engine *engine, const struct bind_event *call);
void engine_binding_done(struct engine *engine, const struct write_done_event *done);

#endif
