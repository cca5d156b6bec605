// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_PROPERTY_ORACLE_H
#define TEST_PROPERTY_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/solver/solver.h"
#include "topology/graph/nodes.h"

/* Random problems for the solver, on real node tables and trees. An instance is a function of its
 * seed alone; `shuffle` changes only the order in which the nodes are told to the table, which no
 * plan may notice.
 *
 * What is drawn: one to three labels (so two to four levels below the cluster), uneven, with names
 * that repeat in different parents; sometimes missing. Free capacity 0 … 8 by one of several
 * patterns (even, all 0 or 1, all equal, whole domains empty, equal subtrees, …). Sometimes: slices
 * of one to three layers, a required level, vetoed positions. Bound members: on any nodes, or in
 * slices that they have started. Limits count bound members and pods of others. */

#define ORACLE_NODES_MAX   256
#define ORACLE_INNER_MAX   3
#define ORACLE_TREE        (ORACLE_INNER_MAX + 2) /* cluster, inner levels, host */
#define ORACLE_ROLES_MAX   4
#define ORACLE_PINNED_MAX  96
#define ORACLE_STARTED_MAX 16
#define ORACLE_LIMITS_MAX  3
#define ORACLE_APARTS_MAX  2
#define ORACLE_FOREIGN_MAX 6 /* of a set */

struct oracle_random {
    uint64_t state;
};

uint64_t oracle_next(struct oracle_random *random);
uint32_t oracle_below(struct oracle_random *random, uint32_t end); /* end >= 1 */
bool oracle_one_in(struct oracle_random *random, uint32_t n);

/* What kind of instance. */
struct oracle_kind {
    uint32_t nodes_least; /* >= 1 */
    uint32_t nodes_most;  /* <= ORACLE_NODES_MAX */
    uint32_t roles_least; /* 1: capacities only, no requests */
    uint32_t roles_most;
    uint32_t pods_most; /* all roles; 0: no limit */
    bool bound;         /* with members that are bound already */
    bool hard;          /* several levels, uneven counts, no way out: greedy often fails */
    bool loose;         /* labels are missing, and every role is in slices */
    bool podsets;       /* some roles must share a domain, others another one or none */
    bool limits;        /* so many of a set in a domain, and sets that stand apart */
    uint64_t budget;    /* of the problem */
};

struct oracle_role {
    struct solver_layer layers[SOLVER_LAYERS_MAX];
    struct solver_started started[ORACLE_STARTED_MAX];
    struct resources request;
    struct capacity *capacity;
    struct bitset *excluded; /* or NULL */
};

struct oracle_instance {
    uint64_t seed;
    struct nodes *nodes;
    struct domains *domains;
    uint32_t positions;
    uint32_t levels;
    uint32_t place[ORACLE_NODES_MAX][ORACLE_TREE]; /* domain, or the position at the host level */
    struct resources *free;                        /* by position; roles > 1 only */
    uint32_t pinned[ORACLE_PINNED_MAX];
    struct oracle_role parts[ORACLE_ROLES_MAX];
    struct solver_role roles[ORACLE_ROLES_MAX];
    uint32_t podset_pinned[ORACLE_ROLES_MAX][ORACLE_PINNED_MAX];
    struct solver_podset podsets[ORACLE_ROLES_MAX];
    uint32_t limit_pinned[ORACLE_LIMITS_MAX][ORACLE_FOREIGN_MAX];
    struct solver_limit limits[ORACLE_LIMITS_MAX];
    uint32_t apart_pinned[ORACLE_APARTS_MAX][2][ORACLE_FOREIGN_MAX];
    struct solver_apart aparts[ORACLE_APARTS_MAX];
    struct solver_problem problem; /* points into this: an instance does not move */
};

void oracle_instance_init(struct oracle_instance *instance, const struct oracle_kind *kind,
                          uint64_t seed, uint64_t shuffle);
void oracle_instance_finish(struct oracle_instance *instance);
void oracle_instance_print(const struct oracle_instance *instance, const struct solver_plan *plan);

/* Parts of the drawing: limits and exclusions, and fewer pods because of them; no more than `most`
 * pods of a role, for which whole slices go first, then slices as such. */
void oracle_draw_limits(struct oracle_instance *instance, const struct oracle_kind *kind,
                        struct oracle_random *random);
void oracle_limit_role(struct solver_role *role, uint32_t most, struct oracle_random *random);

/* Pods of the role that the position can take alone, vetoes observed. */
uint32_t oracle_allowed(const struct oracle_instance *instance, uint32_t role, uint32_t position);
/* Whether a slice or a required level may use the place; the cluster and hosts always. */
bool oracle_known(const struct oracle_instance *instance, uint32_t level, uint32_t place);
/* Pods that must go there to complete slices. */
uint32_t oracle_started(const struct solver_role *role, uint32_t layer, uint32_t place);

/* Pods that a limit still lets into the place; UINT32_MAX: as many as like, it is none. */
uint32_t oracle_limit_room(const struct oracle_instance *instance, const struct solver_limit *limit,
                           uint32_t place);
/* Whether a pod of the other side stands in the place, which is known. */
bool oracle_apart_taken(const struct oracle_instance *instance, const struct solver_apart *apart,
                        uint32_t other, uint32_t place);
/* What all of them leave the role alone. */
uint32_t oracle_most(const struct oracle_instance *instance, uint32_t role, uint32_t level,
                     uint32_t place);

/* Pods of the role alone, slices aside, in the positions [first, end): one place of the level. */
uint32_t oracle_room(const struct oracle_instance *instance, uint32_t role, uint32_t level,
                     uint32_t first, uint32_t end);

/* The best there is. */
struct oracle_answer {
    bool proven; /* false: the oracle gave up; nothing else is set */
    bool feasible;
    uint32_t used[ORACLE_TREE];
    uint32_t serves; /* one role: bit l: would fit if level l were required; exhaustive only */
    bool served;     /* `serves` is set */
};

/* One role, at most 12 positions: every set of touched nodes. */
void oracle_exhaustive(const struct oracle_instance *instance, struct oracle_answer *answer);
/* Any roles, at most 12 positions and 15 pods: every assignment. */
void oracle_assignments(const struct oracle_instance *instance, struct oracle_answer *answer);
/* Without podsets, by integer programs level by level; at most `seconds` for each of them. */
void oracle_glpsol(const struct oracle_instance *instance, uint32_t seconds,
                   struct oracle_answer *answer);
bool oracle_has_glpsol(void);

#endif
