// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_WRITE_WRITE_H
#define API_KUBE_WRITE_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/effects.h"

/* One thing to be written to the API server: a copy of the effect that asks for it, and the
 * request that does it.
 *
 *   WRITE_KIND_BINDING      POST  /api/v1/namespaces/{ns}/pods/{name}/binding
 *   WRITE_KIND_NOMINATION   PATCH /api/v1/namespaces/{ns}/pods/{name}/status
 *                                 status.nominatedNodeName; a label phalanx.dev/woken to wake it
 *   WRITE_KIND_EXPLANATION  PATCH /api/v1/namespaces/{ns}/pods/{name}/status
 *                                 the annotation phalanx.dev/waiting
 *                           With `steer_by_annotation` both go to …/pods/{name}, and the node of
 *                           the nomination to the annotation phalanx.dev/node
 *   WRITE_KIND_EVICTION     POST  /api/v1/namespaces/{ns}/pods/{name}/eviction
 *   WRITE_KIND_EVENT        POST  /api/v1/namespaces/{ns}/events
 *
 * All of them carry the pod's uid, so that a pod recreated under the same name is not meant.
 * Bindings, patches and evictions can be repeated safely; an Event gets its name here, so that
 * repeating it does not make a second one.
 */

enum write_kind {
    WRITE_KIND_BINDING,
    WRITE_KIND_NOMINATION,
    WRITE_KIND_EXPLANATION,
    WRITE_KIND_EVICTION,
    WRITE_KIND_EVENT,
};
#define WRITE_KINDS 5

#define WRITE_MESSAGE_MAX 1024 /* bytes; the API server refuses longer messages of events */

struct write {
    struct write *next; /* for queues */
    enum write_kind kind;
    char *name_space;
    char *name;
    char *uid;     /* NULL when unknown (events only) */
    char *node;    /* binding, nomination; NULL clears the nomination */
    char *gang;    /* binding; NULL: none */
    char *devices; /* names of its GPUs, or NULL */
    char *run;     /* the run it is committed in, or NULL */
    int32_t rank;
    char *text; /* explanation, an event's message, or the label of a nomination that wakes */
    char *reason;
    bool group;
    bool warning;
    bool steer_by_annotation; /* the account may patch pods, but not pods/status */
    int64_t time_ns;          /* event: when, since 1970 */
};

struct write_request {
    const char *method;
    const char *content_type;
    char *target; /* *new* */
    char *body;   /* *new* */
};

/* *New* copy of a POST_BINDING, NOMINATE, EXPLAIN, EVICT or EVENT effect. */
struct write *write_create(const struct effect *effect, int64_t time_ns);
void write_destroy(struct write *write);

void write_request_make(const struct write *write, struct write_request *request);
void write_request_finish(struct write_request *request);

/* *New* path of the pod that is written to. */
char *write_pod_path(const struct write *write);

/* "binding of ns/name to n1" for people; *new*. */
char *write_describe(const struct write *write);

#endif
