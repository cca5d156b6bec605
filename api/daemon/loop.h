// SPDX-License-Identifier: Apache-2.0
#ifndef API_DAEMON_LOOP_H
#define API_DAEMON_LOOP_H

#include "api/daemon/routes.h"
#include "topology/base/err.h"

/* The loop of the core thread: one epoll over the HTTP server, the backend and the signals.
 *
 *   epoll ─┬─ http_server_fd()   ─▶ http_server_run()      kube-scheduler first, then operations
 *          ├─ backend.fd         ─▶ core_pump()            in portions of 2 ms
 *          └─ signalfd           ─▶ drain
 *   timeout: the engine's next deadline, or libmicrohttpd's
 *
 * SIGTERM or SIGINT drains: waiting binds are answered, bindings under way get their outcome,
 * /readyz turns 503, connections close after their answer; then the lease is given back. Until the
 * end new connections are accepted and their calls answered, if with an error: a call that gets no
 * answer at all costs kube-scheduler its whole timeout. At the latest after `grace_ms` the loop
 * ends. A second signal ends it at once. SIGHUP reads the certificates again.
 */

struct loop_options {
    struct routes *routes;
    struct backend backend;
    int64_t grace_ms;
};

/* Blocks SIGTERM, SIGINT and SIGHUP for this thread and those it will start; call before any thread
 * is made. Ignores SIGPIPE. Returns a signalfd, or -1. */
int loop_block_signals(struct err *err);

/* Runs until a signal has been obeyed. `signal_fd` is *borrowed*. */
int loop_run(const struct loop_options *options, int signal_fd, struct err *err);

#endif
