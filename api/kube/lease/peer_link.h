// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_LEASE_PEER_LINK_H
#define API_KUBE_LEASE_PEER_LINK_H

#include <stdbool.h>
#include <stdint.h>

/* A standby's connection to the process that holds the Lease (peer_listener.h), and what it tells.
 *
 *   UNKNOWN ──connected, and the right name──▶ LIVES ──closed──▶ connects again at once
 *      ▲                                         ▲                 │ accepted ─▶ LIVES
 *      │ nobody answers, another name            └─────────────────┤
 *      └───────────────────────────────────────────────────────────┤
 *                                              ENDED ◀── refused ──┘
 *
 * Only a machine that can be reached and on which nobody listens any more, where the holder was
 * connected to before, speaks for its end. A closed connection alone does not, nor one that falls
 * silent: the network may be cut, and the process live and write.
 *
 * Even then it is only *likely*: a firewall can close and refuse, too. Whoever believes it has to
 * be safe if it is not so: docs/failover.md.
 *
 * One thread. `now` is clock_ms().
 */

enum peer_state { PEER_UNKNOWN, PEER_LIVES, PEER_ENDED };

struct peer_link;

struct peer_link *peer_link_create(void); /* NULL when there are no files left */
void peer_link_destroy(struct peer_link *link);

/* Whom to connect to, "address:port"; "" for nobody. What is not an address counts as nobody. */
void peer_link_aim(struct peer_link *link, const char *identity, const char *address);
int peer_link_fd(const struct peer_link *link);
enum peer_state peer_link_run(struct peer_link *link, int64_t now);
int64_t peer_link_deadline(const struct peer_link *link);
/* Whether the other side has said since the last call that there is news. */
bool peer_link_news(struct peer_link *link);
/* Tells it so, if there is a connection. */
void peer_link_tell(struct peer_link *link);

#endif
