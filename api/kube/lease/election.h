// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_LEASE_ELECTION_H
#define API_KUBE_LEASE_ELECTION_H

#include "api/kube/client/client.h"
#include "api/kube/client/kube_log.h"
#include "api/kube/lease/lease.h"

/* A lease machine (lease.h) on the API server: sends its requests, brings it the answers, and says
 * in the log who leads. One thread, that of the client.
 */

struct election;

/* `client` is *borrowed*; the options are copied. */
struct election *election_create(const struct lease_options *options, struct client *client,
                                 const struct kube_log *log);
void election_destroy(struct election *election);

/* Starts what is due. Returns when to come again, milliseconds of clock_ms(). */
int64_t election_run(struct election *election);
/* The machine, to be asked and told on clock_lease_ms(); *borrowed*. */
struct lease *election_lease(struct election *election);

#endif
