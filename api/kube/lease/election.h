// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_LEASE_ELECTION_H
#define API_KUBE_LEASE_ELECTION_H

#include "api/kube/client/client.h"
#include "api/kube/client/kube_log.h"
#include "api/kube/lease/lease.h"

/* A lease machine (lease.h) on the API server: sends its requests, brings it the answers, and says
 * in the log who leads. Beside it the connections to the other processes (peer_listener.h,
 * peer_link.h), if there is to be a listener. One thread, that of the client.
 */

struct election;

struct election_options {
    struct lease_options lease;
    const char *peer_address; /* to listen on for the others; NULL or "": nowhere */
    uint16_t peer_port;       /* 0: any */
    const char *peer_told;    /* "address:port" where others find that; NULL or "": the address
                               * itself, or the one that the API server is spoken to from */
};

/* `client` is *borrowed*; the options are copied. */
int election_create(const struct election_options *options, struct client *client,
                    const struct kube_log *log, struct election **election, struct err *err);
void election_destroy(struct election *election);

/* Starts what is due. Returns when to come again, milliseconds of clock_ms(). */
int64_t election_run(struct election *election);
/* The machine, to be asked and told on clock_lease_ms(); *borrowed*. */
struct lease *election_lease(struct election *election);
/* Whether this process would notice at once if the holder's process ended. */
bool election_sees_holder(const struct election *election);

#endif
