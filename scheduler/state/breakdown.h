// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_BREAKDOWN_H
#define SCHEDULER_STATE_BREAKDOWN_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/state/ledger.h"
#include "scheduler/state/shape.h"
#include "topology/base/bitset.h"
#include "topology/graph/domains.h"

/* What becomes of the nodes of a domain when pods of one shape look for room there: how many are
 * left out, by kind, and what the rest lacks.
 *
 *   104 nodes = 100 without the resource + 2 cordoned + 1 tainted + 1 of the rest, full
 *
 * Every node is counted once, under the first kind that holds in the order below, so the counts add
 * up to `nodes`. What a node has comes before what keeps pods off it: of a cluster's nodes without
 * GPUs nobody cares whether they are tainted, too.
 */

#define BREAKDOWN_STEPS_PER_NODE 1 /* about so many of the solver's, see breakdown_count() */

enum breakdown_kind {
    BREAKDOWN_NO_RESOURCE, /* has nothing at all of a resource that the pods ask for */
    BREAKDOWN_NO_DOMAIN,   /* nobody knows in which domain of the level it is */
    BREAKDOWN_CORDONED,
    BREAKDOWN_TAINTED,
    BREAKDOWN_UNWANTED, /* the node selector or affinity does not match it */
    BREAKDOWN_KEPT,     /* exclusive domains of another gang, or of its own */
    BREAKDOWN_TAKEN,    /* somebody has what a node has only once: a host port, being alone */
    BREAKDOWN_APART,    /* pods that stand there, or nowhere near, by (anti-)affinity */
    BREAKDOWN_REFUSED,  /* by kube-scheduler, of late */
    BREAKDOWN_KINDS,
};

/* All zero is one that says nothing. Texts are owned, and NULL where there is nothing to name. */
struct breakdown {
    uint32_t nodes;
    uint32_t left_out[BREAKDOWN_KINDS];
    uint32_t rest;        /* that the pods may use */
    uint32_t strays;      /* besides: nodes with room outside, in no known domain of the level */
    char *missing;        /* resource that most of NO_RESOURCE lack */
    bool missing_others;  /* some of them lack another one */
    bool nowhere;         /* no node of the cluster has it */
    char *taint;          /* the key of the taint that all TAINTED have */
    char *taken;          /* what most of TAKEN cannot give, in words */
    uint32_t taken_name;  /* the same as a resource, as long as the shape is there; or NAMES_NONE */
    char *scarce;         /* the resource that most of the rest lack for one pod more */
    uint32_t scarce_name; /* the same as a resource, likewise */
    int64_t each;         /* of which a pod asks for so much; 0: for what a node has once */

    /* For whoever asked, not set here; owned. */
    char *place;   /* path of the domain */
    char *blocker; /* "namespace/name" of the gang without which there would be room, or NULL */
    bool ordinary; /* without the pods that are in no gang there would be */
};

/* Everything is *borrowed* for the call. */
struct breakdown_question {
    const struct domains *domains;
    const struct nodes *nodes;
    const struct shapes *shapes;
    struct ledger *ledger;
    uint32_t shape;
    const struct capacity *capacity; /* copies of the shape */
    const struct bitset *kept;       /* positions, or NULL */
    const struct bitset *apart;      /* positions, or NULL */
    const struct bitset *refused;    /* positions, or NULL */
    uint32_t first, end;             /* positions of the nodes that are counted */
    uint32_t level;                  /* all pods are to be in one known domain of it */
};

/* Replaces `breakdown`, finished or all zero. Costs a look at each node. */
void breakdown_count(const struct breakdown_question *question, struct breakdown *breakdown);
/* Names another resource as the scarce one, or none: NAMES_NONE and NULL. */
void breakdown_name(struct breakdown *breakdown, uint32_t resource, const char *text, int64_t each);
/* Of two resources that are equally short, the one to be named: a device, else by name. */
bool breakdown_before(const char *left, const char *right);
void breakdown_finish(struct breakdown *breakdown);

/* "taint", "cordon" …: for programs. */
const char *breakdown_kind_name(enum breakdown_kind kind);

#endif
