// SPDX-License-Identifier: Apache-2.0
#ifndef API_DAEMON_CALLS_H
#define API_DAEMON_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "api/daemon/core.h"
#include "api/http/server.h"

/* kube-scheduler's calls: from an HTTP request to an event, from the reply to an HTTP answer.
 *
 * A body that cannot be read is answered with 400 and {"error":…}; everything the engine has an
 * opinion on is 200. Bind calls stay open until their outcome is known, or their caller hangs up:
 * EVENT_BIND_GIVE_UP, counted as 499.
 */

struct calls;

/* Connections that waiting bind calls leave for everything else, of `connections`. */
#define CALLS_RESERVED(connections) ((connections) / 8 + 2)

/* *New*; `waiting_most` bind calls wait at once, further ones are answered with an error that makes
 * kube-scheduler try again. `core` is set later by calls_attach(), because the core needs the
 * bind_reply of these. */
struct calls *calls_create(struct log *log, struct metrics *metrics, uint32_t waiting_most);
/* All bind calls must have been answered (calls_fail_all()). */
void calls_destroy(struct calls *calls);
void calls_attach(struct calls *calls, struct core *core);

/* Handles POST /scheduler/<verb>; false when there is no such verb. */
bool calls_handle(struct calls *calls, struct http_request *request, const char *verb);

/* For core_options.bind_reply. */
void calls_bind_reply(void *context, uint64_t ticket, const char *error);

uint32_t calls_waiting(const struct calls *calls); /* bind calls not yet answered */
/* Answers every open bind call with an error, without asking anybody. */
void calls_fail_all(struct calls *calls, const char *error);

#endif
