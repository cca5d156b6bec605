// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_OBJECTS_H
#define SCHEDULER_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "topology/graph/nodes.h"

/* Pods and groups as the engine is given them: neutral, decoded once, free of any dialect.
 *
 * The api layer fills these from Kubernetes objects; every pointer is *borrowed* for the length of
 * one engine_apply(), which copies what it keeps. Strings are NUL-terminated; "absent" is NULL.
 */

#define POD_TOLERATIONS_MAX    64
#define POD_SELECTOR_MAX       64  /* nodeSelector entries */
#define POD_AFFINITY_TERMS_MAX 32  /* nodeSelectorTerms */
#define POD_PREFERENCES_MAX    32  /* preferred terms; more are not looked at */
#define POD_EXPRESSIONS_MAX    32  /* per term */
#define POD_VALUES_MAX         512 /* per expression */
#define POD_CLAIMS_MAX         32
#define POD_LABELS_MAX         256
#define POD_AFFINITIES_MAX     16   /* required terms about other pods */
#define POD_NAMESPACES_MAX     16   /* that such a term names */
#define POD_AFFINITY_WORDS_MAX 1024 /* keys and values of such a term */

enum toleration_operator { TOLERATION_EQUAL, TOLERATION_EXISTS };

/* core/v1 Toleration; `key` NULL with EXISTS tolerates everything. */
struct toleration_object {
    const char *key;
    const char *value;
    enum toleration_operator operator;
    bool any_effect;
    enum taint_effect effect;
};

enum selector_operator {
    SELECTOR_IN,
    SELECTOR_NOT_IN,
    SELECTOR_EXISTS,
    SELECTOR_DOES_NOT_EXIST,
    SELECTOR_GREATER,
    SELECTOR_LESS,
};

/* core/v1 NodeSelectorRequirement. `field` true: matchFields, whose only key is metadata.name. */
struct expression_object {
    const char *key;
    enum selector_operator operator;
    bool field;
    const char *const *values;
    size_t value_count;
};

/* core/v1 NodeSelectorTerm: all expressions must hold; an empty term matches nothing. */
struct term_object {
    const struct expression_object *expressions;
    size_t expression_count;
};

/* core/v1 PreferredSchedulingTerm: nodes that match are liked so much more. */
struct preference_object {
    struct term_object term;
    int32_t weight; /* 1 … 100 */
};

/* A claim on something that every node has once, by which pods exclude each other there: a host
 * port, or being the only pod that a required anti-affinity term selects. Pods whose claims have
 * the same words compete for it.
 *
 *   whole       nobody else may have any of it
 *   not whole   others may, too, unless they claim it whole
 *
 * "host port 80/TCP of 10.0.0.1" is claimed whole, beside a part of "host port 80/TCP", which who
 * listens on all addresses claims whole. */
struct claim_object {
    const char *what; /* in words for people */
    bool whole;
};

/* core/v1 PodAffinityTerm, required: pods that it selects must, or (`apart`) must not, be in the
 * pod's domain of the label `key`. A node without that label is in no domain. All expressions must
 * hold, matchLabelKeys and mismatchLabelKeys among them; none selects every pod. Pods of other
 * namespaces than these are not selected. */
struct affinity_object {
    bool apart;   /* podAntiAffinity */
    bool claimed; /* among pods with this very term one of their claims says the same */
    const char *key;
    bool everywhere; /* in all namespaces; then none is named */
    const char *const *name_spaces;
    size_t name_space_count;                     /* at most POD_NAMESPACES_MAX */
    const struct expression_object *expressions; /* of labels, without GREATER and LESS */
    size_t expression_count;                     /* at most POD_EXPRESSIONS_MAX */
};

/* A topology spread constraint with DoNotSchedule that selects the pod itself: pods of its kind
 * differ by at most `max_skew` between the domains of the label. */
struct spread_object {
    const char *key;     /* NULL: there is none */
    int32_t max_skew;    /* >= 1 */
    int32_t min_domains; /* 0: not given */
};

/* One layer of slices: every `size` consecutive ranks lie in one domain of `level` (a level name
 * or a label key, never NULL). A list of layers goes from wide to narrow, and each size divides the
 * one before. All is as written, nonsense included, and the engine explains it:
 *
 *   size 0     none was given, or 0 was
 *   size -1    no number, or one that no int32 holds, or -1
 *   level ""   none was given
 *   one layer of size -1 whose level is the text itself: a list that is unreadable or too long */
#define SLICE_LAYERS_MAX 3

struct slice_object {
    const char *level;
    int32_t size;
};

/* Bytes of each text of a placement: more than the longest label key has. What is longer is cut
 * about there before it comes here, and is the name of nothing. */
#define PLACEMENT_TEXT_MAX 324

/* Where pods want to be: all of a gang, by its group object, or those of one role, by the
 * annotations of its pod template. Members are level names or label keys, NULL when absent. */
struct placement_object {
    const char *required_level;
    const char *preferred_level;
    const char *exclusive_level; /* no other gang in the domains of this level that it touches */
    const struct slice_object *slices;
    size_t slice_count; /* at most SLICE_LAYERS_MAX */
    /* "required": only nodes where a good set of GPUs is free for every pod
     * (scheduler/state/gpus.h); "preferred" is the same as absent. As written. */
    const char *device_topology;
    /* Roles of a gang with the same name here share the domains of their levels. NULL: none. */
    const char *podset_group;
};

/* What a gang of which not all members have to be there needs beside their number, and what it
 * wants more of: by its group object, or by its pods. Both are as written, nonsense included, and
 * the engine explains it.
 *
 *   minimums    "master=1,worker=3": so many members of each of the roles must start together, at
 *               most ROLE_MINIMUMS_MAX of them (scheduler/state/minimums.h)
 *   preference  "members" or "placement" (scheduler/engine/elastic.h)
 */
#define ROLE_MINIMUMS_MAX 16
#define MINIMUMS_TEXT_MAX 2048 /* bytes of a text that is read */

struct elastic_object {
    const char *minimums;   /* NULL: none */
    const char *preference; /* NULL: as configured */
};

/* What a pod's rank counts in, where its role consists of several such things: a Job of a JobSet, a
 * group of a LeaderWorkerSet. With the rank behind them the indices are a place among all pods of
 * the role, and compare number by number. All zero: none is known.
 *
 * `attempt` counts how often it was started anew: pods of an earlier one are on their way out. */
#define REPLICA_INDICES_MAX 3

struct replica_object {
    const char *owner; /* the JobSet, the LeaderWorkerSet, a plain Job …; or NULL */
    uint32_t index_count;
    int32_t indices[REPLICA_INDICES_MAX]; /* which of its replicas, outermost first; >= 0 */
    int32_t attempt;
};

#define DEVICES_TEXT_MAX 8192
#define NAME_TEXT_MAX    253 /* bytes kept of the name of a role, or of whose replica it is */

struct pod_object {
    const char *name_space;
    const char *name;
    const char *uid;
    const char *node;      /* spec.nodeName, NULL while unbound */
    const char *nominated; /* status.nominatedNodeName, NULL when empty */
    int32_t priority;
    bool terminal;  /* phase Succeeded or Failed: holds no resources */
    bool succeeded; /* phase Succeeded: it has done its part, in this run or in an earlier one */
    bool deleting;  /* metadata.deletionTimestamp is set */
    bool gated;     /* spec.schedulingGates is not empty */
    bool foreign;   /* its scheduler is not served here: no vote for it will ever come */
    /* spec.schedulerName, NULL when absent: the intake makes `foreign` of it. No journal has it. */
    const char *scheduler;

    const struct amount_object *requests; /* effective, "pods": 1 included */
    size_t request_count;
    const struct label_object *selector; /* spec.nodeSelector */
    size_t selector_count;
    const struct term_object *terms; /* required node affinity, ORed; none = no constraint */
    size_t term_count;
    const struct preference_object *preferences; /* preferred node affinity */
    size_t preference_count;                     /* at most POD_PREFERENCES_MAX */
    const struct toleration_object *tolerations;
    size_t toleration_count;
    const struct claim_object *claims;
    size_t claim_count;                /* at most POD_CLAIMS_MAX */
    struct spread_object spread;       /* the first one of a label that is not the hostname */
    const struct label_object *labels; /* what selectors of other pods look at */
    size_t label_count;                /* at most POD_LABELS_MAX */
    const struct affinity_object *affinities;
    size_t affinity_count; /* at most POD_AFFINITIES_MAX */
    /* What of its required terms about other pods is not among `affinities`, in constant words;
     * kube-scheduler alone knows it then. NULL: nothing. For people; no journal has it. */
    const char *affinity_left;

    /* The gang it belongs to, in the pod's own namespace; NULL for an ordinary pod. */
    const char *gang;
    /* Quorum written on the pod itself (lightweight form); 0 when a group object carries it.
     * Negative or above INT32_MAX is handed on as -1: an invalid quorum, which is explained. */
    int32_t gang_minimum;
    bool leader;                   /* others of its gang are created only once it is scheduled */
    struct elastic_object elastic; /* of its gang, written on the pod itself */
    struct placement_object placement;
    const char *role; /* controller's role name ("Master", "Worker"), NULL when it has none */
    int32_t rank;     /* controller's index inside the replica, or the role; -1: it has none */
    struct replica_object replica;
    /* Names of the GPUs it was given, "gpu-0,gpu-1", as its annotation says; counts once it is
     * bound. NULL: none. */
    const char *devices; /* at most DEVICES_TEXT_MAX bytes */
    /* What made it, for telling one run of a gang from the next: the uid of the object that
     * controls it, or of what controls that where the pod says so. NULL: nothing does. */
    const char *owner;
    /* The run it was committed in, as its annotation says; pods without an owner have it. NULL:
     * none. */
    const char *run;
    bool placed_here; /* a member that is bound: by this scheduler, as its annotation says */
};

/* A group object (PodGroup), the other source of a quorum. */
struct group_object {
    const char *name_space;
    const char *name;
    const char *uid;
    int32_t minimum; /* as written; 0 and negative are explained, not obeyed; -1 also for absurd */
    int64_t
        hold_timeout_ms; /* spec.scheduleTimeoutSeconds; counts when it is less than configured */
    struct placement_object placement;
    struct elastic_object elastic;
};

/* How far a gang is, as it is shown to people. */
enum gang_state {
    GANG_GATHERING,  /* quorum unknown or not yet complete */
    GANG_WAITING,    /* ready, no room: queued */
    GANG_HELD,       /* planned, capacity held, votes coming in */
    GANG_COMMITTING, /* bindings are being posted */
    GANG_PLACED,     /* quorum bound */
};

#endif
