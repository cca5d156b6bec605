// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_EFFECTS_H
#define SCHEDULER_EFFECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "topology/base/arena.h"

/* What the engine wants done, in order. Strings and arrays are *borrowed* from the list's arena and
 * live until effects_reset().
 */

enum effect_type {
    EFFECT_FILTER_REPLY,
    EFFECT_PRIORITIZE_REPLY,
    EFFECT_PREEMPT_REPLY,
    EFFECT_BIND_REPLY,
    EFFECT_POST_BINDING, /* create a Binding; answer with EVENT_BINDING_DONE */
    EFFECT_NOMINATE,     /* patch status.nominatedNodeName; answer with EVENT_NOMINATION_DONE */
    EFFECT_EXPLAIN,      /* patch the pod's annotation phalanx.dev/waiting, which also wakes it */
    EFFECT_EVICT,        /* evict a bound pod, its gang being incomplete */
    EFFECT_EVENT,        /* a Kubernetes Event on a pod or a group, for people */
    EFFECT_TRANSITION,   /* a gang changed state: for log and metrics */
    EFFECT_SKIPPED,      /* an object the engine had to leave out: for log and metrics */
    EFFECT_PHASE,        /* a member of a gang is one step further, or back: for the journal */
};
#define EFFECT_TYPES (EFFECT_PHASE + 1)

enum filter_verdict {
    FILTER_ALL,   /* every node of the request passes */
    FILTER_ONE,   /* only request index `index` passes, the rest is dropped without a word */
    FILTER_SOME,  /* `passes[i]` says whether request index i passes, the rest has `reason` */
    FILTER_NONE,  /* none passes; `reason` for all of them. Constant while nothing changes. */
    FILTER_ERROR, /* the pod must be retried as an error; `reason` */
};

struct filter_reply {
    uint64_t ticket;
    enum filter_verdict verdict;
    uint32_t index;
    const bool *passes;
    const char *reason;
};

struct prioritize_reply {
    uint64_t ticket;
    uint32_t index; /* request index that scores 10, the others 0; UINT32_MAX: no preference */
};

struct preempt_reply {
    uint64_t ticket;
    const bool *keeps; /* by request index: node stays a candidate; NULL = all stay */
};

struct bind_reply {
    uint64_t ticket;
    const char *error; /* NULL = bound */
};

/* POST_BINDING, NOMINATE, EXPLAIN and EVICT */
struct pod_write {
    const char *name_space;
    const char *name;
    const char *uid;
    const char *node;    /* NOMINATE: NULL clears */
    const char *gang;    /* POST_BINDING, EVICT: gang name or NULL */
    int32_t rank;        /* POST_BINDING, EVICT: rank in the plan, -1 none */
    const char *devices; /* POST_BINDING: names of its GPUs in the plan, or NULL */
    const char *text;    /* EXPLAIN: why its gang waits; NOMINATE: what wakes it, or NULL */
    const char *run;     /* POST_BINDING: the run it is committed in, or NULL */
};

struct event_effect {
    bool group; /* the object is a group (else a pod) */
    bool warning;
    const char *name_space;
    const char *name;
    const char *uid;    /* may be NULL when unknown */
    const char *reason; /* CamelCase, e.g. "GangPlanned" */
    const char *message;
};

struct transition_effect {
    const char *name_space;
    const char *gang;
    const char *from;
    const char *to;
    const char *message;
    int64_t waited_ms; /* since the gang became ready; -1 when it makes no sense */
};

enum skipped_kind { SKIPPED_NODE, SKIPPED_POD, SKIPPED_GROUP };

/* What the object says is not in the books, or not all of it, because of a limit. */
struct skipped_effect {
    enum skipped_kind kind;
    const char *name_space; /* "" for a node */
    const char *name;
    const char *message; /* which limit, and what follows */
};

/* docs/states.md draws the phases and the steps between them. Told from the first complete list on:
 * what is seen before that has happened long ago. */
struct phase_effect {
    const char *uid; /* of the pod */
    const char *from;
    const char *to;
};

struct effect {
    enum effect_type type;
    union {
        struct filter_reply filter;
        struct prioritize_reply prioritize;
        struct preempt_reply preempt;
        struct bind_reply bind;
        struct pod_write write;
        struct event_effect event;
        struct transition_effect transition;
        struct skipped_effect skipped;
        struct phase_effect phase;
    };
};

struct effects {
    struct effect *items;
    size_t count;
    size_t room;
    struct arena arena;
};

void effects_init(struct effects *effects);
void effects_finish(struct effects *effects);
/* Empties the list and voids everything borrowed from it. */
void effects_reset(struct effects *effects);
/* Appends a zeroed effect of the type; valid until the next append. */
struct effect *effects_append(struct effects *effects, enum effect_type type);

#endif
