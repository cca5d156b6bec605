// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_POD_H
#define SCHEDULER_STATE_POD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "scheduler/objects.h"
#include "scheduler/state/footprint.h"
#include "scheduler/state/gpus.h"
#include "scheduler/state/peers.h"
#include "scheduler/state/phase.h"
#include "scheduler/state/placement.h"
#include "scheduler/state/timers.h"
#include "scheduler/state/totals.h"
#include "topology/base/names.h"

/* One pod as it is remembered: what the API server says of it, and where it is. The table that
 * keeps them (pods.h) is the only writer of what is charged or counted somewhere.
 */

struct gang;
struct pods;

/* What is known of the pod's nomination; kept by engine/nominate.c alone. */
struct nomination {
    bool wanted;         /* still to be asked for */
    bool wakes;          /* … with a label that wakes the pod */
    bool asked;          /* we asked for one that is not known to be cleared */
    int64_t due;         /* when it is asked for again unless the watch shows it by then */
    bool carried;        /* the watch shows that of its hold */
    int64_t since;       /* when it did so first; INT64_MAX: not yet */
    uint32_t taken_back; /* how often kube-scheduler took that of its hold back */
    bool resting;        /* … and until `due` it is left at that */
    bool missed;         /* a filter call without the planned node was refused since the plan */
};

/* What of its request the node of a pod is charged with. */
enum pod_charged {
    POD_CHARGED_ALL,
    POD_CHARGED_AMOUNTS, /* no slots, for there are too many on the node (accounts.h) */
    POD_CHARGED_NOTHING, /* nobody has shown the node */
};

/* What its rank counts in, as replica_object says. */
struct pod_replica {
    char *owner; /* NULL when none */
    uint32_t index_count;
    int32_t indices[REPLICA_INDICES_MAX]; /* 0 behind the last one */
    int32_t attempt;
};

struct pod {
    UT_hash_handle hh; /* by uid */
    struct pods *table;
    uint64_t arrival; /* ascends in the order of arrival */
    uint32_t number;  /* in the checkpoint that is being saved */
    char *uid;
    char *name_space;
    char *name;
    char *gang_name;    /* as its labels say; NULL: an ordinary pod */
    char *role;         /* "" when none */
    uint32_t role_word; /* the same as a name of the table's; NAMES_NONE: none */
    int32_t rank;
    struct pod_replica replica;
    int32_t role_rank; /* its rank in the role, over all replicas, when it was last planned */
    int32_t priority;
    bool terminal;
    bool succeeded;
    bool deleting;
    bool gated;
    bool leader;          /* as pod_object.leader */
    uint32_t shape;       /* reference held */
    uint32_t node;        /* row of spec.nodeName as seen, nodes_elsewhere() when nobody has shown
                             that node, or NAMES_NONE */
    uint32_t nominated;   /* row of status.nominatedNodeName as seen, likewise: pod_nominated() */
    char *nominated_name; /* the name, when nobody has shown that node; else NULL */
    int32_t gang_minimum; /* from the pod's own labels, 0 = see the group object */
    uint32_t minimums;    /* as elastic_object says, names of the table's, like … */
    uint32_t preference;
    struct placement placement; /* from the pod's own annotations */
    char *devices;              /* names of its GPUs, as annotated; NULL: none */
    uint32_t owner;             /* what made it, a name of the table's; NAMES_NONE: nothing */
    char *run;                  /* what it was committed in last, as far as is known; or NULL */
    bool placed_here;           /* its binding, if there is one, was posted by this scheduler */
    struct peer peer;           /* as other pods see it */
    uint32_t kind;              /* among members, to rules about other pods: of the last attempt */
    const char *refused;        /* constant words: it is beyond a limit; NULL: it is not */
    bool foreign;               /* its scheduler is not served here, whatever else */

    struct gang *gang;           /* or NULL */
    struct gang *outside;        /* the gang it would join if there were room, or NULL */
    struct pod *outside_next;    /* who came after it */
    struct totals *totals;       /* of the gang, or NULL; set by pods_count_in() */
    struct footprint *footprint; /* of the gang, or that of all pods without one */

    enum member_phase phase;
    uint32_t allocation_row; /* the node of its place; NAMES_NONE: it has none */
    struct pod *row_before;  /* others with a place there, in the order in which they got it */
    struct pod *row_after;
    uint32_t missed; /* number of the node's name, when nobody has shown it (residents.h) */
    struct pod *missed_before;
    struct pod *missed_after;
    uint32_t site;               /* slot in the footprint */
    struct gpus_allocation gpus; /* what it has of the GPUs of allocation_row */
    enum pod_charged charged;    /* what of its request its node is charged with */
    bool guarded;                /* its place is guarded in the ledger like a hold */
    int64_t unconfirmed_until;   /* UNCONFIRMED: if nobody has seen it by then it did not happen */
    struct timer unconfirmed;    /* set to that */
    uint32_t posts;              /* bindings posted whose outcome is not known yet */
    bool waiting;                /* a bind call waits for the outcome of its binding */
    uint64_t ticket;             /* of that call */

    struct nomination nomination;
    const char *last_reason; /* class given to kube-scheduler; by pointer */

    bool from_call;      /* known from a call only, not from the watch */
    struct timer unseen; /* set: when it is forgotten, if the watch does not show it */
};

/* What an observation found changed. */
enum pod_change {
    POD_UNCHANGED = 0,
    POD_ADDED = 1 << 0,     /* new; then no other bit is set */
    POD_NODE = 1 << 1,      /* spec.nodeName */
    POD_NOMINATED = 1 << 2, /* status.nominatedNodeName */
    POD_LIFE = 1 << 3,      /* terminal, succeeded, deleting, gated */
    POD_SHAPE = 1 << 4,     /* what it asks of a node */
    POD_GANG = 1 << 5,      /* the name of its gang */
    POD_ORDER = 1 << 6,     /* role, replica or rank: its place among the members */
    POD_PRIORITY = 1 << 7,
    POD_QUORUM = 1 << 8,
    POD_PLACEMENT = 1 << 9,
    POD_DEVICES = 1 << 10, /* which GPUs it has */
    POD_REFUSED = 1 << 11, /* whether it is beyond a limit */
    POD_RUN = 1 << 12,     /* what made it, or the run it was committed in */
    POD_PEERS = 1 << 13,   /* its labels, or what it requires of other pods */
};

/* *New*: known by name only, without a place. */
struct pod *pod_create(const struct pod_object *object);
void pod_destroy(struct pod *pod);

/* Takes over what the object says of the pod's life, its gang and its place in it, and its
 * priority; returns what differed. */
unsigned pod_update(struct pod *pod, const struct pod_object *object);

/* The same for what it says in words that many pods share: they are names of `words`. */
unsigned pod_update_words(struct pod *pod, struct names *words, const struct pod_object *object);

/* Neither done nor on its way out. */
static inline bool pod_live(const struct pod *pod)
{
    return !pod->terminal && !pod->deleting;
}

/* Its binding is known to have happened. */
static inline bool pod_certain(const struct pod *pod)
{
    return pod->phase == MEMBER_ASSUMED || pod->phase == MEMBER_BOUND;
}

/* Takes over the name of the node it is nominated to (NULL: none), and returns what differed; the
 * row of that node, nodes_elsewhere() when nobody has shown it, or NAMES_NONE. */
unsigned pod_update_nominated(struct pod *pod, struct nodes *nodes, const char *name);
uint32_t pod_nominated(struct pod *pod, const struct nodes *nodes);

/* Whose replica, which one, and of one the newest attempt first. An index that is not there is
 * behind all numbers. */
int pod_compare_replicas(const struct pod_replica *a, const struct pod_replica *b);

/* For other members: replaces a number or a text; `bit` when it was another one. */
unsigned pod_update_number(uint32_t *to, uint32_t number, unsigned bit);
unsigned pod_update_text(char **to, const char *text, unsigned bit);
/* Why a member whose scheduler is not served is refused, by pointer. */
extern const char pod_foreign[];
/* Why one that only a call knows of is refused, if it wants to be a member; by pointer. */
extern const char pod_unseen[];
unsigned pod_update_refusal(struct pod *pod, const char *refused);

/* Members' bindings on their way, and those nobody knows of. */
bool pod_has_to_be_guarded(const struct pod *pod);

/* What of its request the pod is charged with; *borrowed* from it. */
struct resources pod_charge(const struct pod *pod, const struct resources *request);

#endif
