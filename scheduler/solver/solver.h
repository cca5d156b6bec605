// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_SOLVER_SOLVER_H
#define SCHEDULER_SOLVER_SOLVER_H

#include <stdbool.h>
#include <stdint.h>

#include "topology/base/bitset.h"
#include "topology/graph/capacity.h"
#include "topology/graph/domains.h"
#include "topology/graph/resources.h"

/* Places all pods of a gang at once, and proves how good the placement is.
 *
 * Objective, lexicographic: required levels; lowest common level; fewest domains at each level,
 * widest first; fewest nodes; then the preferred levels of podsets; then preferred nodes (the sum
 * over all pods of how much their nodes are liked); then least harm to the next gang (the tightest
 * fit, whole domains left whole); then name order, which is position order. The same problem always
 * gives the same plan. Preferred nodes go before harm, or they would decide nothing: hardly two
 * plans leave equal room.
 *
 * A plan carries an optimality bound: `used[l]` domains are touched at tree level l, and no plan is
 * lexicographically below `lower_bound`. `optimal` holds when the two are equal. The last four
 * criteria (preferred levels and nodes, harm, order) decide between the plans that were compared;
 * the lower bound says nothing of them.
 *
 * What is exact and what is not:
 *
 *                              one role, with or without slices   several roles
 *   feasible or not            exact                              a plan is a plan; "no" is proven
 *                                                                 only if shortfall.proven. Exact
 *                                                                 for a single pod beside one
 *                                                                 other role, without slices
 *   domains at every level     exact while the budget lasts,      exact while the budget lasts,
 *                              which it does without slices       else lower_bound < used
 *   shortfall.alternative      exact                              a level that it names would do;
 *                                                                 a nearer one may, too
 *
 * With podsets the right column holds, of one role as well: domain after domain is tried for each
 * of them, as long as the budget lasts.
 *
 * Limits and exclusions are part of all that: of what domains hold, of the lower bound and of
 * every search. One role with limits stays in the left column and is exact as it is with slices;
 * several roles with limits are in the right one, a single pod beside another role, too.
 *
 * "Exact" has one limit, which real clusters do not reach: a cost has 64 bits, in which the counts
 * of all levels must find room; what does not fit is found greedily and then not `optimal`.
 */

#define SOLVER_ROLES_MAX   16
#define SOLVER_LAYERS_MAX  3
#define SOLVER_PODSETS_MAX 16
#define SOLVER_LIMITS_MAX  16
#define SOLVER_APARTS_MAX  16
#define SOLVER_PODS_MAX    100000u /* to place at once; more are refused by a shortfall */
#define SOLVER_LEVEL_NONE  UINT32_MAX
#define SOLVER_TREE_MAX    LEVELS_TREE_MAX

/* Work is counted in steps, about so many in a millisecond: for who budgets more than one solve. */
#define SOLVER_STEPS_PER_MS 100000u

/* The default budgets: so many steps beside reading the problem, with several roles twice that. One
 * role needs a few hundred thousand at most, and with slices, in clusters of 100,000 nodes, two
 * million. */
#define SOLVER_BUDGET_ONE_ROLE      (UINT64_C(1) << 22)
#define SOLVER_BUDGET_SEVERAL_ROLES UINT64_C(350000)
/* Where podsets have to be kept together: no further domain is tried after so many steps. */
#define SOLVER_BUDGET_PODSETS UINT64_C(350000)

/* Slices: the pods of a role in groups of `size`, each inside one *known* domain of `level`.
 *
 *   level block, size 8      layer 0    [ 8 pods                     ]   of one block
 *   level rack, size 4       layer 1    [ 4 of one rack ][ 4 of one ]
 *
 * Layers go from wide to narrow: each level lies strictly below the one before, each size divides
 * it, and the sizes divide the role's count unless slices have been started. Every domain of the
 * level then holds a multiple of `size`, so ranks dealt in position order respect the slices. */
struct solver_layer {
    uint32_t level; /* tree level, 1 … host */
    uint32_t size;  /* >= 1 */
};

/* Slices of which members are pinned already: `count` of the pods to place belong to such slices of
 * this layer and must go to this domain (host level: position). Pods of a started slice of an inner
 * layer count for its outer layer too, if that one is started there as well. */
struct solver_started {
    uint32_t layer;
    uint32_t place; /* domain number of the layer's level, or position at the host level */
    uint32_t count; /* >= 1 */
};

/* Pods of one shape. A gang with one role is homogeneous; a launcher beside its workers is a second
 * role. */
struct solver_role {
    uint32_t count;                    /* pods to place, >= 1 */
    const struct resources *request;   /* of one pod; needed with two or more roles */
    const struct capacity *capacity;   /* copies every position can take, alone */
    const struct bitset *excluded;     /* positions vetoed for this role, or NULL */
    const struct solver_layer *layers; /* widest first */
    uint32_t layer_count;              /* at most SOLVER_LAYERS_MAX */
    const struct solver_started *started;
    uint32_t started_count;
    uint32_t podset; /* 1 + its index in the problem's podsets; 0: it is of none */
    /* How much each position is liked by one pod of the role (the sum of the weights of its
     * preferred terms that match), by position; NULL: all alike. *Borrowed*. */
    const uint32_t *preference;
};

/* Roles whose pods, the pinned ones included, share one *known* domain of a level, while those of
 * other roles go where they like: what one pod template asks for, or several that are tied. */
struct solver_podset {
    uint32_t level;           /* required: tree level, 1 … host (one node); 0: none */
    uint32_t preferred_level; /* kept if that costs no domain or node more; 0: none */
    const uint32_t *pinned;   /* positions of its pinned members, which are the problem's, too */
    uint32_t pinned_count;
};

/* At most `most` pods of a set of roles, the pinned ones that count included, in each *known*
 * domain of a level: pods that do not stand together, host ports, a spread that must not skew. An
 * unknown domain is none and bars nobody; at the host level every node counts. More pinned pods in
 * a domain than `most` leave no room there and are no contradiction. */
struct solver_limit {
    uint32_t level; /* tree level, 0 (all of the cluster) … host (one node) */
    uint32_t most;  /* 0: no pod of the set in any known domain of the level */
    uint32_t roles; /* bit per role; not 0 */
    /* Positions of pods that stand already and count, one entry per pod. They need not be among the
     * problem's own. */
    const uint32_t *pinned;
    uint32_t pinned_count;
};

/* No pod of one set of roles shares a *known* domain of the level with a pod of the other set, the
 * pinned ones included. The sets have no role in common, and at most one of them is empty: then its
 * pinned pods alone keep the other set out. Pinned pods of both sets that share a domain leave no
 * room there for either set and are no contradiction. */
struct solver_apart {
    uint32_t level;            /* tree level, 0 … host */
    uint32_t roles[2];         /* bit per role */
    const uint32_t *pinned[2]; /* positions of pods of that set that stand already */
    uint32_t pinned_count[2];
};

/* Everything is *borrowed* for the call and belongs to one generation of the tree. A problem that
 * is malformed (too many roles, a level or position outside the tree, sizes that do not divide,
 * another generation) is a mistake of the program and aborts. */
struct solver_problem {
    const struct domains *domains;
    /* Free resources by position; needed with two or more roles, which compete. *Borrowed*. */
    const struct resources *(*free_at)(const void *context, uint32_t position);
    const void *free_context;
    const struct solver_role *roles;
    uint32_t role_count; /* at most SOLVER_ROLES_MAX; 0 only rates what is pinned */
    /* Positions of members that are where they are: the plan stays close to them. They use no free
     * capacity but count as touched. */
    const uint32_t *pinned;
    uint32_t pinned_count;
    /* Tree level (0 = cluster … host), or SOLVER_LEVEL_NONE, which is the same as 0. Required: all
     * pods, the pinned ones included, in one known domain of that level; host means one node,
     * whatever is known of it. Preferred levels need no word here: the objective keeps a gang in
     * one domain of any level whenever it can. */
    uint32_t required_level;
    const struct solver_podset *podsets;
    uint32_t podset_count; /* at most SOLVER_PODSETS_MAX */
    /* None given: nothing is limited, and nothing is spent on it. */
    const struct solver_limit *limits;
    uint32_t limit_count; /* at most SOLVER_LIMITS_MAX */
    const struct solver_apart *aparts;
    uint32_t apart_count; /* at most SOLVER_APARTS_MAX */
    /* Steps that the whole solve may take, whatever it does, before it ends with the best plan so
     * far; 0: the default. Steps are counted, not timed, so they are the same everywhere. Reading
     * the problem, and a first attempt to fill each level, are done even if the budget is less. */
    uint64_t budget;
    const struct solver_pieces *pieces; /* or NULL: it is solved in one go */
};

struct solver_plan;

/* For who solves in pieces. A solve may consist of several searches, each of a problem without
 * podsets, and always in the same order: what one came to can be told when all is solved once more.
 * A solve that is left has no answer, and *plan says so. */
struct solver_pieces {
    void *context;
    /* True: *plan, which is empty, is what the search comes to; with positions of its own. */
    bool (*recall)(void *context, uint32_t pods, struct solver_plan *plan);
    bool (*leave)(void *context); /* no search is begun any more */
    void (*note)(void *context, const struct solver_plan *plan);
};

/* Why there is no plan, in numbers. */
struct solver_shortfall {
    uint32_t level;  /* tree level at which it fails (the required one, or 0 = cluster) */
    uint32_t domain; /* the domain of that level where most pods fit, the first one of equals;
                      * DOMAINS_NONE if no known one holds all pinned members */
    uint32_t node;   /* host level: position of the best node, `domain` is the lowest one around it;
                      * DOMAINS_NONE otherwise */
    uint32_t role;   /* role that is shortest there */
    uint32_t podset; /* 1 + index: the level is that of the podset; 0: of all pods */
    uint32_t wanted; /* pods of the role to be placed */
    uint64_t fits;   /* of which fit in the best domain */
    uint32_t missing; /* wanted - fits, >= 1 */
    bool proven;      /* no plan exists; false: none was found, see the table above */
    /* The reason is that pinned members are not together in one known domain of the level. */
    bool pinned_apart;
    /* The reason is a started slice: `level` and `domain` (or node) say where, `wanted` how many
     * pods of it have to go there. */
    bool slice_started;
    /* Limits and exclusions are the reason: without all of them a plan is known. Then, if one of
     * them alone is known to leave none, which: 1 + its index, else 0. It takes a few solves more,
     * so who gives a budget, which is to ask for a plan and not for words, is not told. */
    bool limited;
    uint32_t limit;
    uint32_t apart;
    /* Of that limit alone, in all of the cluster: pods of its set that are to be placed, as many of
     * them as fit, and in how many known domains of its level one or more do. All of them may fit,
     * and still not where they are required to. */
    uint32_t limit_wanted;
    uint64_t limit_fits;
    uint32_t limit_domains;
    /* Nearest alternative: the lowest tree level wider than `level` that is known to do as the
     * required one, or SOLVER_LEVEL_NONE. Known by numbers, with several roles by one more fill;
     * nothing is searched for it. */
    uint32_t alternative;
};

struct solver_plan {
    bool feasible;
    bool optimal;
    /* Role after role, inside a role in position order: positions[0 … count). *Owned*. */
    uint32_t *positions;
    uint32_t count;
    uint32_t level;  /* lowest common tree level */
    uint32_t domain; /* and domain; the lowest inner one when all share a node */
    uint32_t levels; /* tree levels below, = domains_levels() */
    uint32_t used[SOLVER_TREE_MAX];
    uint32_t lower_bound[SOLVER_TREE_MAX];
    bool left;      /* in the midst of it: there is no answer (solver_pieces) */
    bool greedy;    /* the first, greedy pass already met the lower bound: nothing was searched */
    uint64_t steps; /* of everything that was done */
    struct solver_shortfall shortfall; /* when infeasible */
};

void solver_plan_init(struct solver_plan *plan);
void solver_plan_finish(struct solver_plan *plan);

/* Always succeeds: the answer is a plan or a shortfall. Replaces what `plan` held. More pods than
 * SOLVER_PODS_MAX are infeasible: the shortfall then names the largest role and the cluster, and
 * `fits` counts only what the limit leaves room for. */
void solver_solve(const struct solver_problem *problem, struct solver_plan *plan);

#endif
