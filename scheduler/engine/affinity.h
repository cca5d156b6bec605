// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_AFFINITY_H
#define SCHEDULER_ENGINE_AFFINITY_H

#include "scheduler/engine/attempt.h"

/* What pods require of each other (state/peers.h), for an attempt: required pod affinity and
 * anti-affinity, as kube-scheduler's InterPodAffinity filters by them.
 *
 *   pods that stand    are placed already, of this gang or not, held ones included. Nodes are ruled
 *                      out because of them, by the very value of the topology key, whatever the key
 *   other members      that get their places together: ties.h makes it a matter of the solver
 *
 * Members are of one *kind* when all rules take them alike: those that they have, and those that
 * might select them. A kind has its own roles, so that what is true of one of it is true of all.
 */

#define AFFINITY_KINDS_MAX 32
/* Comparisons of labels for one attempt; members that are left then count as selected by whatever
 * keeps them away. A pod of an honest gang looks like the one before it. */
#define AFFINITY_LOOKS_MAX      UINT64_C(1500000)
#define AFFINITY_LOOKS_PER_STEP 2
#define AFFINITY_RULES_MAX      (PEERS_NEAR_MAX + PEERS_FAR_MAX)

struct affinity_kind {
    const struct pod *first;                    /* one of it */
    uint64_t selected[AFFINITY_RULES_MAX / 64]; /* a bit for each rule that selects it */
    uint64_t has[AFFINITY_RULES_MAX / 64];      /* of a mixed one: rules that somebody of it has */
    uint32_t together;                          /* the rule of affinity that it has; or NONE */
    bool mixed; /* those that found no room in a kind of their own: see affinity_begin() */
    bool torn;  /* … who require different pods: none of them gets a place */
    bool exact; /* its keys are levels of the tree, node by node (ties.c) */
    bool met;   /* … and pods that stand somewhere have decided where it may go */
    /* Positions, or NULL; owned. */
    struct bitset *away;     /* that anti-affinity rules out, and those without a key of affinity */
    struct bitset *outside;  /* of whose domains nobody stands in one that affinity asks for */
    struct bitset *excluded; /* both, where there are both */
};
#define AFFINITY_NONE UINT32_MAX

/* Who keeps apart from whom by one topology key, among members. */
struct affinity_edges {
    uint32_t key;
    bool exact;                        /* just as the level tells nodes apart */
    uint32_t level;                    /* of the tree; 0: it is none that the solver knows */
    uint32_t with[AFFINITY_KINDS_MAX]; /* by kind: a bit for each other one, or for itself */
};
#define AFFINITY_KEYS_MAX 16

struct affinity {
    struct rule **rules; /* that its members have, or that might select them; owned */
    uint32_t rule_count;
    struct affinity_kind kinds[AFFINITY_KINDS_MAX];
    uint32_t kind_count;
    struct affinity_edges edges[AFFINITY_KEYS_MAX]; /* ties.c */
    uint32_t edge_count;
    bool cut; /* there are more kinds, of which the last one has the others, or more keys */
};

/* Finds the kinds of the gang's live members, and what pods that stand rule out for each. When
 * there are more than AFFINITY_KINDS_MAX, the last one is a mixed one: it keeps away from everybody
 * that somebody of it keeps away from, and is looked for only where all of it would do.
 * attempt->affinity stays NULL when no rule concerns any of them. */
void affinity_begin(struct attempt *attempt);
/* Members have just got a place: they stand there for those who are still to get one. */
void affinity_renew(struct attempt *attempt);
void affinity_finish(struct attempt *attempt);

/* Positions that are ruled out for a kind, or NULL; of a loose attempt, those that are ruled out
 * whoever gets a place. *Borrowed*. */
const struct bitset *affinity_excluded(const struct attempt *attempt, uint32_t kind);

bool affinity_selects(const struct affinity *affinity, uint32_t rule, uint32_t kind);
/* Whether members of the kind have the rule; all of them, and so its claim as well. */
bool affinity_has(const struct affinity *affinity, uint32_t kind, uint32_t rule);
bool affinity_claims(const struct affinity *affinity, uint32_t kind, uint32_t rule);

/* Whether members of the kind keep apart from, or look for, others that get a place with them. */
bool affinity_relates(const struct attempt *attempt, uint32_t kind);

/* The word of the node's value of a topology key; NAMES_NONE: it is in no domain of it. */
uint32_t affinity_value(const struct attempt *attempt, uint32_t row, uint32_t key);

#endif
