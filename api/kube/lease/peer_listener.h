// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_LEASE_PEER_LISTENER_H
#define API_KUBE_LEASE_PEER_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "topology/base/err.h"

/* Where the other processes of one Lease connect to this one, to see whether it lives, and to tell
 * each other to look at the Lease.
 *
 *   standby ──connects──▶ listener ──"identity\n"──▶ standby
 *   standby ──"!"──▶ listener        look at the Lease: I have asked for it
 *   listener ──"!"──▶ standbys       look at the Lease: I have handed it over
 *
 * The kernel does the rest: it closes the connections, and refuses new ones, when the process is
 * gone, and neither while it is frozen. Nothing that comes in is believed, and what it may cost is
 * bounded: so many connections (the oldest gives way), so many new ones a second, so many bytes.
 *
 * One thread.
 */

#define PEER_CONNECTIONS_MAX 16
#define PEER_NEW_MAX         32  /* connections a second */
#define PEER_BYTES_MAX       256 /* of one connection, then it is closed */

struct peer_listener;

/* `address` is an IPv4 or IPv6 literal, "::" takes both; port 0: a free one. */
int peer_listener_create(const char *address, uint16_t port, const char *identity,
                         struct peer_listener **listener, struct err *err);
void peer_listener_destroy(struct peer_listener *listener);

uint16_t peer_listener_port(const struct peer_listener *listener);
/* Readable when there is something to run. */
int peer_listener_fd(const struct peer_listener *listener);
/* Returns whether somebody said that there is news. `now` is clock_ms(). */
bool peer_listener_run(struct peer_listener *listener, int64_t now);
/* When to run next if the file stays silent; INT64_MAX for never. */
int64_t peer_listener_deadline(const struct peer_listener *listener);
/* Tells all that there is news. */
void peer_listener_tell(struct peer_listener *listener);

#endif
