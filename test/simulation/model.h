// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_MODEL_H
#define TEST_SIMULATION_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The cluster as numbers: node 3 is "n3" in rack "r1" below leaf "l0", pod 17 is "p17" with uid
 * "u17", gang 2 is "g2". A pod that is made again under the name of an earlier one has a number of
 * its own, and so its own uid, but the earlier one's name.
 */

#define SIM_NODES_MAX  16
#define SIM_PODS_MAX   4000
#define SIM_GANGS_MAX  400
#define SIM_SHAPES     5
#define SIM_LAYERS_MAX 2
#define SIM_GROWN_MAX  6 /* CPUs by which a pod grows in place */
#define SIM_NONE       (-1)

enum sim_level { LEVEL_NONE, LEVEL_LEAF, LEVEL_RACK, LEVEL_NODE };

/* Where a gang wants to be; all zero: anywhere. */
struct constraints {
    enum sim_level required, preferred, exclusive;
    int layers; /* of slices, from wide to narrow */
    enum sim_level slice_level[SIM_LAYERS_MAX];
    int slice_size[SIM_LAYERS_MAX];
    int good_gpus; /* 1: only well joined GPUs */
};

/* What a node has, or a pod asks for. */
struct sim_amounts {
    int gpus, cpus, pods;
};

/* The taint dedicated=gang, and its effect. */
enum sim_taint { TAINTED_NOT, TAINTED_SOFTLY, TAINTED_NO_SCHEDULE, TAINTED_NO_EXECUTE };

#define GENERATION_NONE   (-1) /* of a node: without the label; 1 … 3: so many … */
#define GENERATION_UNREAD 0    /* … and no number */

struct node_state {
    bool exists;
    int number; /* its own */
    bool cordoned;
    bool mapped; /* it tells which GPUs it has (gpus.h) */
    enum sim_taint taint;
    int pool; /* label that pods may select */
    int generation;
    struct sim_amounts has;
    int leaf, rack; /* SIM_NONE: without the label */
};

struct pod_state {
    bool exists;
    int node;
    int nominated;
    bool terminal;
    bool succeeded;
    bool deleting;
    bool gated;
    uint32_t devices; /* its GPUs, as annotated; 0: not known */
    int committed;    /* the run it says it was bound in: a pod's number; SIM_NONE: it does not */
    bool placed_here; /* its binding says that Phalanx posted it */
    int grown;        /* CPUs more than its shape says: resized in place */
    uint64_t version;
};

enum sim_role { ROLE_NONE, ROLE_LEADER, ROLE_WORKER };
#define SIM_ROLES 3

struct group_state {
    bool exists;
    int32_t minimum;
    int32_t minimums[SIM_ROLES]; /* of its roles; 0: none */
    int64_t timeout_ms;
    struct constraints constraints;
};

enum sim_kind { KIND_NODE, KIND_POD, KIND_GROUP, KINDS };

/* What a watch shows of one object at one moment. */
struct change {
    enum sim_kind kind;
    int index;
    union {
        struct node_state node;
        struct pod_state pod;
        struct group_state group;
    };
};

struct sim_node {
    struct node_state state;
};

enum sim_toleration {
    TOLERATES_NOTHING,
    TOLERATES_KEY,   /* the taint, whatever its value and effect */
    TOLERATES_VALUE, /* with its value, and the effect NoSchedule */
    TOLERATES_OTHER, /* another value */
    TOLERATES_ALL,
    TOLERATES_CORDON,
};

/* Required node affinity, with a value. */
enum sim_affinity {
    AFFINITY_NONE,
    AFFINITY_IN,            /* this pool, … */
    AFFINITY_NOT_IN,        /* or any but this */
    AFFINITY_RACK,          /* with the label of a rack */
    AFFINITY_NO_GENERATION, /* without this label */
    AFFINITY_GREATER,       /* a generation above, … */
    AFFINITY_LESS,          /* or below */
    AFFINITY_BOTH,          /* above, and in pool 0; … */
    AFFINITY_EITHER,        /* or one of the two */
    AFFINITY_NODE,          /* this very node, … */
    AFFINITY_NOT_NODE,      /* or any but this */
};

/* Which nodes may have a pod (rules.h). */
struct sim_rules {
    int pool; /* that it selects; SIM_NONE: any */
    enum sim_toleration tolerates;
    enum sim_affinity affinity;
    int value;
};

/* What a pod wants of those around it (company.h); all zero: nothing. */
struct sim_company {
    int port, app;
    enum sim_level apart;
    int against;
    enum sim_level near, spread;
};

struct sim_pod {
    struct pod_state state;
    int name;         /* number of the first pod of its name */
    int gang;         /* or SIM_NONE */
    int next_of_gang; /* the member before it, or SIM_NONE */
    int shape;
    struct sim_rules rules;
    struct sim_company company;
    int run;        /* of its gang; also its owner, if its gang is owned */
    bool displaced; /* where it stands was not up to the engine, or was not meant so then */
    int32_t priority;
    int32_t minimum; /* lightweight gang: on the pod itself */
    enum sim_role role;
    int rank;         /* -1: none */
    int message;      /* of the condition PodScheduled */
    uint64_t waiting; /* digest of the annotation */
    uint32_t writes;  /* nominations and explanations since the last reset */
};

struct sim_gang {
    struct group_state state; /* exists false: lightweight, or its object is missing */
    bool object;              /* has, had or will have a group object */
    int run;                  /* how often it was run again under its name */
    bool owned;               /* its pods have an owner, one for each run */
    bool torn;                /* others tore it apart: members deleted, nodes lost, quorum edited */
    bool marred;              /* a binding of its failed, a member was deleted, … */
    int64_t lost_at;          /* a nomination of its got lost then */
    bool ranked;              /* its members have ranks and roles */
    struct sim_rules rules;   /* of its members */
    struct sim_company company;
    bool pinned; /* each member to a node of its own */
    bool gated;  /* its members are made with a gate */
    int32_t priority;
    int32_t minimum;                /* as wanted; lightweight: written on its pods, like … */
    int32_t minimums[SIM_ROLES];    /* … those of its roles */
    struct constraints constraints; /* on the object, or on each pod; but of a … */
    struct constraints leader;      /* … ranked leader, on whose pod these are */
    bool led;                       /* it has one */
    bool tied;                      /* leader and workers share the domain of a required level */
    int size, shape;                /* of a run, its leader aside */
    int leader_shape;               /* of a leader beside these; SIM_NONE: there is none */
    int outside;                    /* members that are still to be made with a node */
    int last_pod;                   /* newest member ever, then next_of_gang; SIM_NONE: none */
};

/* GPUs that a pod of the shape asks for. */
static inline int sim_gpus(int shape)
{
    static const int gpus[SIM_SHAPES] = {0, 1, 2, 4, 8};
    return gpus[shape];
}

static inline struct sim_amounts sim_request(const struct sim_pod *pod,
                                             const struct pod_state *state)
{
    static const int cpus[SIM_SHAPES] = {3, 2, 4, 4, 8};
    return (struct sim_amounts){sim_gpus(pod->shape), cpus[pod->shape] + state->grown, 1};
}

static inline void sim_take(struct sim_amounts *from, const struct sim_amounts *what)
{
    from->gpus -= what->gpus;
    from->cpus -= what->cpus;
    from->pods -= what->pods;
}

/* How often it fits; what is not asked for does not matter. */
static inline int sim_copies(const struct sim_amounts *free, const struct sim_amounts *request)
{
    int copies = free->pods < 0 ? 0 : free->pods;
    int cpus = free->cpus < 0 ? 0 : free->cpus / request->cpus;
    int gpus = free->gpus < 0 ? 0 : request->gpus == 0 ? copies : free->gpus / request->gpus;
    copies = cpus < copies ? cpus : copies;
    return request->gpus > 0 && gpus < copies ? gpus : copies;
}

/* What is not overbooked of what the pod asks for. */
static inline bool sim_fits(const struct sim_amounts *free, const struct sim_amounts *request)
{
    return sim_copies(free, request) > 0;
}

/* The wider of two levels; none is the narrowest. */
static inline enum sim_level sim_wider(enum sim_level a, enum sim_level b)
{
    return a == LEVEL_LEAF || b == LEVEL_LEAF   ? LEVEL_LEAF
           : a == LEVEL_RACK || b == LEVEL_RACK ? LEVEL_RACK
                                                : LEVEL_NONE;
}

/* The node's domain of the level; SIM_NONE: it lacks the label. */
static inline int sim_domain(const struct node_state *node, enum sim_level level)
{
    return level == LEVEL_LEAF ? node->leaf : level == LEVEL_RACK ? node->rack : 0;
}

#endif
