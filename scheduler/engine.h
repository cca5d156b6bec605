// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_H
#define SCHEDULER_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scheduler/effects.h"
#include "scheduler/event.h"
#include "topology/base/checkpoint.h"
#include "topology/base/err.h"
#include "topology/graph/levels.h"

/* The decisions of Phalanx as one deterministic state machine.
 *
 *   event ──▶ engine_apply() ──▶ effects
 *
 * No I/O, clock, thread or random number inside: the same events in the same order give the same
 * effects, bit for bit. It is not thread-safe; one thread owns it.
 */

struct engine;
struct ledger;

/* What becomes of a gang that cannot be made whole again (engine/repair.c). */
enum engine_incomplete {
    ENGINE_INCOMPLETE_KEEP,  /* its bound members run on; an Event says so */
    ENGINE_INCOMPLETE_EVICT, /* they are evicted, so that its controller starts it again */
};

/* What a gang of which not all members fit wants more of (engine/elastic.h). */
enum engine_preference {
    ENGINE_PREFER_MEMBERS,   /* the most members that fit */
    ENGINE_PREFER_PLACEMENT, /* to stay in the narrowest domain that takes its quorum */
};

struct engine_options {
    const struct levels *levels; /* copied */
    int64_t hold_timeout_ms;     /* a hold not committed by then is aborted; > 0 */
    int64_t backoff_initial_ms;  /* after an abort, doubled up to … */
    int64_t backoff_maximum_ms;
    int64_t repair_timeout_ms; /* so long a gang is repaired before it counts as incomplete; > 0 */
    enum engine_incomplete incomplete;
    enum engine_preference preference; /* of gangs that do not say */
    uint32_t waiting_most; /* bind calls that may wait at once: no gang needs more; 0: any number */
    uint32_t tenant_gangs; /* of one namespace that are planned at a time; 0: any number, like … */
    uint32_t tenant_holds; /* … of those that hold something at a time */
    uint64_t hash_seed;    /* keys hash tables only; no result depends on it */
};

/* Defaults: preset levels, 30 s hold, backoff 1 s … 60 s, 5 min of repair, then keep, more members,
 * seed 0. `levels` points to static data. */
void engine_options_default(struct engine_options *options);

struct engine *engine_create(const struct engine_options *options);
void engine_destroy(struct engine *engine);

/* Applies one event and appends what follows from it. Never fails: bad input is answered (a
 * refusal, an error reply) or reported as an EFFECT_EVENT, or left out and reported as an
 * EFFECT_SKIPPED. Planning that would take too long is left to the next tick, which is due at once
 * then (engine_deadline()); until then everything else goes on. */
void engine_apply(struct engine *engine, const struct event *event, struct effects *effects);

/* What engine_save() writes down, and how; goes up whenever one of the two changes. */
#define ENGINE_STATE 1

/* The whole state as bytes: what an engine with the same options, newly made, is loaded from, and
 * then decides the same as this one. To be called right after EVENT_CHECKPOINT was applied.
 * *New* bytes in `checkpoint`, checkpoint_finish() frees them; changes nothing that counts. */
void engine_save(struct engine *engine, struct checkpoint *checkpoint);
/* Fails when the bytes are not what such an engine saved; then it can only be destroyed. */
int engine_load(struct engine *engine, const uint8_t *bytes, size_t size, struct err *err);

/* When the next EVENT_TICK is due (same clock as event.now), INT64_MAX for never. */
int64_t engine_deadline(const struct engine *engine);

/* Lookups for the callers' hot path; they change nothing. */
uint32_t engine_node_row(const struct engine *engine, const char *name, size_t length);
bool engine_knows_pod(const struct engine *engine, const char *uid);
/* Whether it is known, is in no gang, may be placed and is not bound yet. */
bool engine_pod_is_ordinary(const struct engine *engine, const char *uid);
bool engine_synced(const struct engine *engine);
bool engine_leading(const struct engine *engine); /* or EVENT_FOLLOW was the last word */

/* How often the self-check (engine/audit.h) found a sum that was wrong: a fault of this program.
 * *last says whose it was, as "node n1"; *borrowed*, until the next apply. */
uint64_t engine_differences(const struct engine *engine, const char **last);

/* What people ask: a read-only view of one gang. Pointers are *borrowed* until the next apply. */
struct gang_member_view {
    const char *pod;  /* name */
    const char *node; /* bound or planned node, NULL when neither */
    const char *role; /* "" when none */
    int32_t rank;
    bool bound;
    bool voted;
    const char *const *devices; /* names of its GPUs, in their order */
    uint32_t device_count;      /* 0: not known, or none */
    const char *reason;         /* why it has no node; NULL when it has one */
};

/* How many nodes were left out as one kind: "taint", "cordon" … (docs/operations.md). */
#define GANG_LEFT_OUT_MAX 16
struct gang_left_out_view {
    const char *kind;
    uint32_t nodes;
};

/* What became of the nodes of the domain that is short, each counted once. */
struct gang_nodes_view {
    const char *domain;                                    /* its path, "cluster" for all nodes */
    uint32_t nodes;                                        /* = those of left_out + rest */
    struct gang_left_out_view left_out[GANG_LEFT_OUT_MAX]; /* in the order they are tried */
    uint32_t left_out_count;
    uint32_t rest;
    const char
        *missing;       /* resource that most nodes counted as "noResource" have none of, or NULL */
    bool nowhere;       /* no node of the cluster has it */
    const char *scarce; /* resource that is short on the rest, or NULL */
    int64_t each;       /* of which a pod asks for so much */
};

/* What is short of what, once a plan was tried and did not fit. */
struct gang_shortfall_view {
    const char *level; /* name of the level that cannot hold the gang; NULL: nothing is short */
    uint32_t wanted;   /* pods of the role that is shortest */
    uint32_t missing;
    uint64_t fits;           /* in the best domain of the level */
    const char *alternative; /* nearest wider level with room for all in one domain, or NULL */
    bool has_nodes;
    struct gang_nodes_view nodes;
    const char *blocker; /* the gang without which it would fit, "namespace/name", or NULL */
    bool ordinary;       /* it would fit without the pods that are in no gang */
};

/* A role that has a minimum of its own. */
struct gang_role_view {
    const char *role;
    int32_t minimum;
    uint32_t missing; /* so many more of it must be bound */
};

struct gang_view {
    const char *name_space;
    const char *name;
    enum gang_state state;
    int32_t minimum;                    /* quorum; <= 0 when unknown or invalid */
    const struct gang_role_view *roles; /* by name */
    uint32_t role_count;
    uint32_t pods; /* live members seen */
    uint32_t bound;
    uint32_t voted;
    const char *reason;  /* why it is not further; "" when placed */
    bool planned;        /* the reason tells the plan, not what somebody waits for */
    const char *ignored; /* what of its placement is ignored, and why; NULL: nothing */
    bool incomplete;     /* Committing, and repair has not worked in time */
    bool has_quality;    /* used/lower_bound below are of the last plan */
    bool optimal;
    uint32_t levels;
    const char *level_names[LEVELS_TREE_MAX];
    uint32_t used[LEVELS_TREE_MAX];
    uint32_t lower_bound[LEVELS_TREE_MAX];
    struct gang_shortfall_view shortfall;
    /* The resource its accelerators are counted in: of the extended resources its pods ask for, one
     * with "gpu" in its name before the others, then the one they ask most of. NULL: none. */
    const char *device;
    const struct gang_member_view *members; /* by role, rank, then name */
    uint32_t member_count;
};

const char *gang_state_name(enum gang_state state);

/* Gangs in order of namespace/name; index 0 … engine_gang_count()-1. The view's arrays live in
 * `arena`. */
size_t engine_gang_count(const struct engine *engine);
void engine_gang_at(const struct engine *engine, size_t index, struct arena *arena,
                    struct gang_view *view);
/* Index of the first gang behind that name, whether there is such a gang or not. */
size_t engine_gang_after(const struct engine *engine, const char *name_space, const char *name);
bool engine_gang_find(const struct engine *engine, const char *name_space, const char *name,
                      struct arena *arena, struct gang_view *view);

/* The tree, the node table and the ledger (*borrowed*), for printing placements. */
const struct domains *engine_domains(const struct engine *engine);
const struct nodes *engine_nodes(const struct engine *engine);
const struct ledger *engine_ledger(const struct engine *engine);

/* What is remembered of texts: how many there are, what they take, and how much that may be. */
enum engine_table {
    ENGINE_TABLE_NODES,         /* names of nodes */
    ENGINE_TABLE_VOCABULARY,    /* what nodes carry, and pods say of nodes */
    ENGINE_TABLE_SHAPES,        /* what pods say of nodes, each kind of pod for itself */
    ENGINE_TABLE_LABELS,        /* labels of pods, and what pods require of other pods */
    ENGINE_TABLE_OWNERS,        /* owners, roles, what pods say of their gangs */
    ENGINE_TABLE_MISSING_NODES, /* names of nodes that pods run on and nobody has shown */
    ENGINE_TABLES,
};

struct engine_table_figures {
    uint64_t texts;
    uint64_t bytes;
    uint64_t budget; /* 0: none but the pods and nodes that are there */
};

/* Figures for /metrics. */
struct engine_figures {
    uint32_t nodes;
    uint32_t pods;
    uint32_t gangs[GANG_PLACED + 1]; /* by state */
    uint32_t holds;                  /* members with held capacity */
    uint32_t waiting_binds;          /* at the barrier */
    uint32_t incomplete;             /* gangs not repaired in time, and kept */
    uint32_t queued;                 /* gangs whose turn to be planned has not come yet */
    uint64_t attempts_left;          /* how often one took too long, to go on with the next tick */
    uint64_t planning_steps;         /* taken since the engine was made (SOLVER_STEPS_PER_MS) */
    uint64_t overruns; /* events whose consequences took too many rounds and were left to a tick */
    /* Nominations asked for again since the engine was made: because the watch showed that
     * kube-scheduler took them back, and because it did not show them in time. */
    uint64_t nominations_repeated;
    uint64_t nominations_repeated_late;
    struct engine_table_figures tables[ENGINE_TABLES];
    /* The self-check: nodes and gangs recomputed, and sums that were wrong. */
    uint64_t audited_nodes;
    uint64_t audited_gangs;
    uint64_t differences;
};
/* Attempts are left after so many steps, to go on later, and not after some milliseconds' worth.
 * For tests. */
void engine_piece(struct engine *engine, uint64_t steps);

void engine_figures(const struct engine *engine, struct engine_figures *figures);

#endif
