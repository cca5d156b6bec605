// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_EVENT_H
#define SCHEDULER_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/objects.h"

/* Everything that can happen to the engine. One struct, one entry point (engine_apply()), so that
 * the daemon, a simulator, a replay and the what-if drive the very same code.
 *
 * Time is handed in: `now` is milliseconds on any clock that does not go back. Tickets are numbers
 * the caller chose to recognise its request; the engine never looks inside.
 */

enum event_type {
    /* What the API server shows. */
    EVENT_NODE,      /* node: added or changed */
    EVENT_NODE_GONE, /* node_name */
    EVENT_DEVICES,   /* node: of a node seen before, only name, devices and device_resource count */
    EVENT_POD,       /* pod: added or changed */
    EVENT_POD_GONE,  /* pod_uid */
    EVENT_GROUP,     /* group: added or changed */
    EVENT_GROUP_GONE, /* group_gone */
    EVENT_SYNCED,     /* the first complete list of every kind has been applied */

    /* kube-scheduler's calls. The first three are answered within the same engine_apply(). */
    EVENT_FILTER,
    EVENT_PRIORITIZE,
    EVENT_PREEMPT,
    EVENT_BIND,         /* answered by an EFFECT_BIND_REPLY now or later */
    EVENT_BIND_GIVE_UP, /* ticket: the caller of a waiting bind is gone; no reply is wanted */

    /* What became of a write. */
    EVENT_BINDING_DONE,
    EVENT_NOMINATION_DONE,

    EVENT_TICK,  /* time passed; send one at engine_deadline() at the latest */
    EVENT_DRAIN, /* the daemon stops: fail all waiting binds, start nothing new */

    /* Who of several processes decides: see engine/lead.c. An engine leads until it gets
     * EVENT_FOLLOW. */
    EVENT_FOLLOW, /* another one leads: keep the books, hold nothing, write nothing */
    EVENT_LEAD,   /* decide again, from what the API server shows */

    EVENT_ASK, /* asked: somebody wants to know why a gang waits, as it is now */

    EVENT_CHECKPOINT, /* what can be worked out anew is forgotten: engine_save() follows */
};
#define EVENT_TYPES (EVENT_CHECKPOINT + 1)

/* The pod of an extender call. `object` is set when the caller decoded the Pod of the call: needed
 * only for a pod the engine does not know yet (engine_knows_pod()). */
struct call_pod {
    const char *uid;
    const char *nominated;           /* status.nominatedNodeName as the caller holds it, or NULL */
    const struct pod_object *object; /* or NULL */
};

/* One node of a filter or prioritize call, in the order of the request: a row of the node table
 * (engine_node_row()), or NAMES_NONE for a name the engine has not seen. */
struct filter_event {
    uint64_t ticket;
    struct call_pod pod;
    const uint32_t *rows;
    uint32_t row_count;
};

struct bind_event {
    uint64_t ticket;
    const char *name_space;
    const char *name;
    const char *uid;
    const char *node;
};

/* Candidate nodes of a preemption; victims are judged by kube-scheduler, not here. */
struct preempt_event {
    uint64_t ticket;
    struct call_pod pod;
    const uint32_t *rows;
    uint32_t row_count;
};

enum write_outcome {
    WRITE_DONE,    /* the API server has it (also: it had it before) */
    WRITE_GONE,    /* the pod no longer exists, or is another one (uid) */
    WRITE_REFUSED, /* final: conflict, forbidden, invalid */
    WRITE_UNKNOWN, /* no answer within the writer's patience: it may or may not have happened */
};

struct write_done_event {
    const char *uid;  /* pod */
    const char *node; /* the node of the write; NULL for a cleared nomination */
    enum write_outcome outcome;
    const char *message; /* for people; "" when done */
};

struct event {
    enum event_type type;
    int64_t now;
    /* The next event follows at once, before anybody is answered or anything else is asked: the
     * books are enough for now, planning can wait for the last one of the batch. */
    bool more;
    union {
        struct node_object node;
        const char *node_name;
        struct pod_object pod;
        const char *pod_uid;
        struct group_object group;
        struct {
            const char *name_space;
            const char *name;
        } group_gone;
        struct filter_event filter; /* EVENT_FILTER and EVENT_PRIORITIZE */
        struct preempt_event preempt;
        struct bind_event bind;
        uint64_t ticket; /* EVENT_BIND_GIVE_UP */
        struct {
            const char *name_space;
            const char *name;
        } asked;
        struct write_done_event done;
    };
};

#endif
