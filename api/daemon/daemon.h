// SPDX-License-Identifier: Apache-2.0
#ifndef API_DAEMON_DAEMON_H
#define API_DAEMON_DAEMON_H

#include <stdint.h>

#include "api/ops/config.h"
#include "topology/base/err.h"

/* The daemon as a whole: all its parts, put together as configured.
 *
 *   HTTP server ─ routes ─ calls ─┐
 *                                 ├─ core ─ intake, journal, metrics, log
 *   API server, or a snapshot ────┘
 *          all of it in one loop
 */

struct daemon;

struct daemon_options {
    const struct config *config; /* copied */
    const char *snapshot;        /* serve an embedded cluster, loaded from this file; or NULL */
};

/* What daemon_create() says besides 0 and -1: the topology that the configuration names is at
 * fault. */
#define DAEMON_MISCONFIGURED (-2)

/* Once per process: signals are blocked, and memory is kept from then on. It listens, and answers
 * nobody before daemon_run(). Logs to standard error. */
int daemon_create(const struct daemon_options *options, struct daemon **daemon, struct err *err);
void daemon_destroy(struct daemon *daemon);

uint16_t daemon_port(const struct daemon *daemon);
/* Of the listener of operations; 0 when it has none of its own. */
uint16_t daemon_operations_port(const struct daemon *daemon);

/* Serves until SIGTERM or SIGINT has been obeyed. */
int daemon_run(struct daemon *daemon, struct err *err);

#endif
