// SPDX-License-Identifier: Apache-2.0
#ifndef API_DAEMON_ROUTES_H
#define API_DAEMON_ROUTES_H

#include <stdbool.h>

#include "api/daemon/calls.h"
#include "api/daemon/embedded_backend.h"
#include "api/http/server.h"
#include "api/kube/io.h"

/* Which path means what, and to whom. Everything that is not here is 404, a wrong method 405, both
 * with a JSON body.
 *
 *   POST /scheduler/{filter,prioritize,bind,preempt}       kube-scheduler
 *   GET  /livez /readyz /healthz                           ?verbose lists the checks
 *   GET  /readyz/leader                                    ready, and the one that decides
 *   GET  /metrics                                          Prometheus text
 *   GET  /api/v1/gangs                                     all gangs
 *   GET  /api/v1/gangs/{namespace}/{name}                  one; ?output=json|table|tree
 *   GET  /api/v1/decisions                                 the last ones; ?limit=N
 *
 * With an embedded cluster also, on Kubernetes' own paths:
 *   GET    /api/v1/{nodes,pods}
 *   POST   /api/v1/namespaces/{namespace}/pods
 *   POST   /apis/scheduling.x-k8s.io/v1alpha1/namespaces/{namespace}/podgroups
 *   DELETE /api/v1/namespaces/{namespace}/pods/{name}
 */

struct routes {
    struct core *core;
    struct calls *calls;
    struct metrics *metrics;
    struct log *log;
    struct kube_io *kube;              /* NULL when embedded */
    struct embedded_backend *embedded; /* NULL with a real API server */
    struct recorder *journal;          /* for its figures; NULL: none */
    struct http_server *server;        /* for its figures */
    struct http_server *operations;    /* NULL: all is at the one server */
    int64_t started;                   /* clock_ms() at start */
    int64_t watch_patience_ms;         /* a watch may fail for so long and nobody is told */
    bool draining;
};

/* Who may have what of a listener. The extender's paths are for whoever reaches it: who may, its
 * TLS says. Of the others health is for everybody, though it names nothing to whom names are kept
 * from. */
struct routes_listener {
    struct routes *routes;
    bool extender;   /* POST /scheduler/… */
    bool operations; /* everything else */
    bool certified;  /* … but all of that but health is for verified certificates only */
    bool nameless;   /* … and without one nothing with the names of gangs, pods and nodes */
};

/* For http_server_options; context is a struct routes_listener. */
void routes_handle(void *context, struct http_request *request);

#endif
