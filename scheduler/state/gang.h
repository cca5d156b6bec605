// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_GANG_H
#define SCHEDULER_STATE_GANG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scheduler/objects.h"
#include "scheduler/solver/solver.h"
#include "scheduler/state/barrier.h"
#include "scheduler/state/breakdown.h"
#include "scheduler/state/minimums.h"
#include "scheduler/state/placement.h"
#include "scheduler/state/pods.h"
#include "scheduler/state/tenants.h"
#include "scheduler/state/timers.h"

/* Gangs: who belongs together, what quorum they need, how far they are.
 *
 *   GATHERING ─quorum exists─▶ WAITING ─plan─▶ HELD ─quorum voted─▶ COMMITTING ─bound─▶ PLACED
 *       ▲                          ▲             │                                        │
 *       └───── members lost ───────┴──abort──────┘          (all members gone) ◀──────────┘
 *
 * The one rule of the quorum: *what is missing* (gang_lacking()) is the minimum less the members
 * that count, which are those bound and alive and those that succeeded in this run; and the same of
 * every role that has a minimum of its own. While anything is missing, all of it is planned and
 * bound together or nothing is, whoever bound the rest; once nothing is, further members join one
 * by one. That is derived from the pods alone, so it survives a restart. Which run a succeeded
 * member belongs to is run.h.
 *
 * A gang exists while it has pods or a group object.
 */

#define GANG_MEMBERS_MAX SOLVER_PODS_MAX
#define GANG_REASON_MAX  512
#define GANG_VETOES_MAX  100000u

/* Why members of a shape have no place although the gang has one. */
#define GANG_UNPLACED_MAX 4
struct gang_unplaced {
    uint32_t shape;
    char *text; /* owned */
};

/* kube-scheduler refused this node for this shape: until `until` it takes `takes` members of the
 * shape and no more, 0: none at all. */
struct gang_veto {
    uint32_t shape; /* reference held */
    uint32_t row;
    uint32_t takes;
    uint32_t likely; /* <= takes: what is not certain, but to be tried first (engine/vetoes.h) */
    int64_t until;
};

enum gang_queued { GANG_NOT_QUEUED, GANG_QUEUED, GANG_QUEUED_LATER, GANG_PARKED };

/* What became of a hold (engine/standing.h). */
enum hold_end {
    HOLD_RUNS,
    HOLD_KEPT,    /* bindings are posted, and nothing of it was given up */
    HOLD_FAILED,  /* given up, for what was up to the gang */
    HOLD_EXCUSED, /* … and for what was not */
};
#define HOLD_ENDS (HOLD_EXCUSED + 1)

struct need;
struct podset;

struct gang {
    struct gangs *table;
    struct tenant *tenant; /* of its namespace */
    char *name_space;
    char *name;

    bool has_object; /* a group object is there */
    char *uid;       /* its uid, or NULL */
    int32_t object_minimum;
    int64_t object_timeout_ms;
    struct placement object_placement;
    char *object_minimums; /* as elastic_object says, or NULL, like … */
    char *object_preference;
    struct minimums *minimums; /* of its roles; NULL: none */
    uint32_t minimums_version; /* of what its members say of them */

    struct pod **members; /* sorted by role, replica, rank (none last), name */
    uint32_t member_count;
    size_t member_room;
    struct podset *podsets;  /* of the members; state/podsets.c, like … */
    uint32_t podset_count;   /* … their number, … */
    bool podsets_known;      /* … and whether they are those of the members as they are now */
    uint32_t exclusive_slot; /* 1 + index in gangs.exclusive; 0: not there */
    struct pod *outside;     /* who would be a member if there were room, in order of arrival */
    struct pod *outside_last;
    struct totals totals;       /* of the members; kept by the pod table, like … */
    struct footprint footprint; /* … where they are */

    enum gang_state state;
    bool wants; /* has members that could be planned; kept by the engine, like … */
    bool begun; /* … whether what is missing of it was placed here before (engine/begun.h) */
    uint32_t most_here; /* … of its members placed here at a time, since none was bound */
    bool dirty;         /* something of its own changed since it was last planned */

    enum gang_queued queued; /* kept by policy/queue.c, like the next one */
    uint64_t tried_pass;     /* the pass in which it was planned last, … */
    uint64_t turn;           /* … and the turn it has, among those of its priority */
    struct need *need;       /* what it waits for, NULL: it does not; policy/waiting.c, like … */
    struct gang *wait_next;  /* … the others that wait for the same */
    struct gang *wait_before;
    struct gang *park_next; /* the others of its tenant that are parked; policy/queue.c, like … */
    struct gang *park_before;

    bool admitted;          /* it is planned, or waits for room, and not for others of its tenant */
    bool holding;           /* its hold is counted with its tenant; engine/standing.c, like … */
    bool hold_voted;        /* … whether a member voted, … */
    enum hold_end hold_end; /* … how it ends, … */
    uint32_t voteless;      /* … and how many in a row ended without a vote */

    uint64_t sequence;   /* when it became ready, for the queue */
    int64_t ready_since; /* -1 before */

    int64_t deadline;      /* of the hold; INT64_MAX without one */
    int64_t nominate_at;   /* when lost nominations are looked for next; INT64_MAX without a hold */
    int64_t wake_at;       /* when those are woken who have not voted; INT64_MAX: none has yet */
    uint32_t wakes;        /* … how often they were, of this hold */
    int64_t last_event_at; /* when an Event last said why it waits */
    bool old_news;         /* … and that was by an earlier process, or in an earlier term */
    int64_t explained_at;  /* when its shortfall was last put into words */
    struct timer timer;    /* the first of its times above and below */
    struct timer explain;  /* set: what it is short of may have changed since */
    int64_t not_before;    /* backoff */
    uint32_t failures;     /* aborts in a row */

    int64_t repair_since; /* COMMITTING since then; -1: it is not */
    uint32_t told_bound;  /* so many were bound when an earlier process may have said the same */
    bool incomplete;      /* could not be repaired in time, is kept, and an Event said so */

    struct barrier barrier;
    struct pods *pods; /* which keep the shapes of vetoes */
    struct gang_veto *vetoes;
    uint32_t veto_count;
    size_t veto_room;

    bool vetoed; /* in the running engine_apply(): to be planned around a veto, first of all */
    bool marked; /* in the running engine_apply(): in the list of the marked */

    /* Members that the last pass tried one by one, without success and not to the end: the next one
     * goes on behind them, if nothing changes until then. */
    uint32_t joiners_tried;

    char reason[GANG_REASON_MAX]; /* why it is not further; "" when placed */
    const char *reason_class;     /* constant text that names the kind of reason */

    /* What was short when it last did not fit; of a tree of `short_levels` levels, 0: nothing. Goes
     * with the next reason. */
    uint32_t short_levels;
    struct solver_shortfall shortfall;
    struct breakdown breakdown; /* … and of which nodes */

    struct gang_unplaced unplaced[GANG_UNPLACED_MAX]; /* as of the last time that somebody asked */
    uint32_t unplaced_count;

    bool has_quality; /* the optimality bound of the last plan */
    bool optimal;
    uint32_t levels;
    uint32_t used[SOLVER_TREE_MAX];
    uint32_t lower_bound[SOLVER_TREE_MAX];
};

/* All gangs, in order of namespace, name. */
struct gangs {
    struct gang **items;
    uint32_t count;
    size_t room;
    struct tenants tenants;
    struct gang **exclusive; /* those that want domains for themselves, in no order */
    uint32_t exclusive_count;
    size_t exclusive_room;
    struct footprints placed; /* of those that have places */
    uint32_t members_max;     /* of one gang: GANG_MEMBERS_MAX, but for tests */
    uint64_t next_sequence;
};

void gangs_init(struct gangs *gangs);
void gangs_finish(struct gangs *gangs);
/* Place of the first one behind that name. */
uint32_t gangs_after(const struct gangs *gangs, const char *name_space, const char *name);
struct gang *gangs_find(const struct gangs *gangs, const char *name_space, const char *name);
struct gang *gangs_get(struct gangs *gangs, const char *name_space, const char *name); /* or new */
/* Frees the gang; it must have no members and nobody waiting. */
void gangs_remove(struct gangs *gangs, struct gang *gang);

/* The class of the reason of a gang that nobody has looked at yet. */
extern const char gang_no_reason[];

/* Order of namespace, name; of pointers to gangs, for qsort(). */
int gang_compare(const void *left, const void *right);

/* Members of gangs that are held on the row, by gang, then in their order there; *new*. */
struct pod **gangs_held_on(const struct pods *pods, uint32_t row, uint32_t *count);

/* Membership. Joining fails (-1) above GANG_MEMBERS_MAX: the pod then stays outside and becomes a
 * member when there is room, the first one first. Who stays outside can leave, too. */
int gang_join(struct gang *gang, struct pod *pod);
void gang_leave(struct gang *gang, struct pod *pod);

/* Why the pod must not be placed, in constant words: it is beyond a limit, or its gang has no room
 * for it. NULL: it may be. */
const char *gang_refusal(const struct pod *pod);
/* A member was observed anew, with these changes (enum pod_change). */
void gang_member_changed(struct gang *gang, struct pod *pod, unsigned changes);

/* Something of its own changed: it is worth planning again. The only writer of `dirty`, with … */
void gang_changed(struct gang *gang);
void gang_planned(struct gang *gang); /* … it is being planned as it is now */

void gang_set_object(struct gang *gang, const struct group_object *object);
void gang_clear_object(struct gang *gang);
/* Whether its group object says what this one does: of what it needs and where it wants to be. */
bool gang_says(const struct gang *gang, const struct group_object *object);

/* Whether it, or a member of it, wants domains without other gangs. */
bool gang_exclusive(const struct gang *gang);

/* Whether a member can be planned and bound: alive, not gated, without a binding. */
bool gang_member_pending(const struct pod *pod);

struct gang_tally gang_tally(const struct gang *gang);
/* The least of the members that can be planned, for all of them get their places together: what one
 * of them may do is not what the others may. 0 without any. */
int32_t gang_priority(const struct gang *gang);
/* Counts the members' totals from scratch into `totals` (all zero): what gang->totals must be equal
 * to, for tests. */
void gang_count(const struct gang *gang, struct totals *totals);

/* ---- the quorum: quorum.c ---- */

/* After any change of a member or, `anew`, of the group object: reads the minimums of roles. */
void gang_read_minimums(struct gang *gang, bool anew);
/* What the group object says, else what the pods' own labels say (the greatest, if they differ), or
 * the sum of the minimums of roles if that is more. <= 0: unknown or invalid. */
int32_t gang_minimum(const struct gang *gang);
/* Members that succeeded in the present run. */
uint32_t gang_done(const struct gang *gang);

/* Who counts for the quorum beside the members that succeeded in this run. */
enum gang_counted {
    COUNT_BOUND,     /* with a binding, seen or posted */
    COUNT_CONFIRMED, /* of which the API server has taken the binding */
    COUNT_VOTED,     /* bound ones, and those that wait at the barrier */
    COUNT_HELD,      /* bound ones, and those that have a place */
    COUNT_PENDING,   /* bound ones, and those that can be planned */
};

/* How many members are lacking at least when those count: of all together, and of the roles that
 * have minimums. 0: those are a quorum. UINT32_MAX when the quorum is unknown or invalid: then
 * nothing is enough. */
uint32_t gang_lacking(const struct gang *gang, enum gang_counted counted);
/* How many of the role of its minimum `index`. */
uint32_t gang_role_lacking(const struct gang *gang, uint32_t index, enum gang_counted counted);
/* Of all members, whatever their roles. */
uint32_t gang_any_lacking(const struct gang *gang, enum gang_counted counted);
/* How many more must be bound for the quorum, all together. */
uint32_t gang_missing(const struct gang *gang);
/* Whether the quorum is met by bindings that the API server has taken. */
bool gang_confirmed(const struct gang *gang);
/* Index of the pod's role among the gang's minimums; gang->minimums->count: it has none. */
uint32_t gang_minimum_of(const struct gang *gang, const struct pod *pod);
/* ---- */

/* What to write on members without an owner that are committed now, `first` among them. *Borrowed*.
 */
const char *gang_run(const struct gang *gang, const struct pod *first);

/* kube-scheduler refused the member the node it has an allocation on. Of two vetoes of one node the
 * stricter word counts. */
void gang_veto(struct gang *gang, const struct pod *pod, uint32_t takes, uint32_t likely,
               int64_t until);
/* Forgets vetoes that ran out; true when there were any. */
bool gang_expire_vetoes(struct gang *gang, int64_t now);

/* Sets the reason; true when the text is a new one. */
bool gang_set_reason(struct gang *gang, const char *reason_class, const char *text);
/* What became of the nodes: goes with the next reason. *Steals* what is in `breakdown`. */
void gang_set_breakdown(struct gang *gang, const struct breakdown *breakdown);

/* Saves the gangs, or loads them into an empty table; pods are loaded already. Reasons' classes,
 * timers, the queue and those who wait are the engine's to save. */
void gangs_checkpoint(struct gangs *gangs, struct pods *pods, struct checkpoint *checkpoint);
/* For gangs_checkpoint(): the gang gets the next of its members, or of those outside. */
void gang_load_member(struct gang *gang, struct pod *pod);
void gang_load_outside(struct gang *gang, struct pod *pod);
void gang_loaded(struct gang *gang);

/* Why members of a shape have no place: at most GANG_UNPLACED_MAX of them. */
void gang_add_unplaced(struct gang *gang, uint32_t shape, const char *text);
void gang_clear_unplaced(struct gang *gang);

#endif
