// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_LEASE_FLIGHT_H
#define API_KUBE_LEASE_FLIGHT_H

#include <stdint.h>

/* For how long after a look at its Lease a leader may still send writes: what it has promised in
 * the Lease, and so what a taker waits for. Times are those of lease.h.
 *
 *   promised  is what stands in the Lease, or less: what may be counted on
 *   next      is what will be written with the next renewal
 */

struct flight {
    int64_t most_ms;
    int64_t promised_ms;
    int64_t next_ms;
    int64_t checked_at; /* when the last look that showed the lease ours was sent */
    int64_t keep_until; /* not to promise less before */
};

void flight_init(struct flight *flight, int64_t most_ms);
/* A look, sent at `sent`, showed at `now` that the lease is ours. */
void flight_checked(struct flight *flight, int64_t sent, int64_t now);
/* A write was ready too late to be sent. */
void flight_was_short(struct flight *flight, int64_t now);
/* `next` is being written; returns it. Less counts from now on, for the request may be carried out
 * whatever is heard of it; more counts once it is there. */
int64_t flight_promise(struct flight *flight);
void flight_promised(struct flight *flight, int64_t flight_ms);
/* When the last look is too old. */
int64_t flight_end(const struct flight *flight);

#endif
