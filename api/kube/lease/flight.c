// SPDX-License-Identifier: Apache-2.0
#include "api/kube/lease/flight.h"

#include <stdbool.h>

#include "api/kube/lease/lease_record.h"

/* A flight has to outlast the look it begins with twice, or there would be nothing left of it; and
 * the opening of a connection. A server that gets slower makes it longer at once, four times what a
 * look took; one that gets quicker makes it shorter, but not back and forth.
 */

#define KEEP_MS 60000

static int64_t at_most(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void flight_init(struct flight *flight, int64_t most_ms)
{
    *flight = (struct flight){.most_ms = most_ms,
                              .promised_ms = LEASE_RECORD_FLIGHT_MS,
                              .next_ms = LEASE_RECORD_FLIGHT_MS};
}

void flight_checked(struct flight *flight, int64_t sent, int64_t now)
{
    int64_t took = now - sent;
    int64_t wanted = took * 4 < LEASE_RECORD_FLIGHT_MS ? LEASE_RECORD_FLIGHT_MS : took * 4;
    bool longer = took * 2 > flight->promised_ms && wanted > flight->next_ms;
    bool shorter = wanted * 2 <= flight->promised_ms && now >= flight->keep_until;
    flight->checked_at = sent;
    if (longer || shorter) {
        flight->next_ms = at_most(wanted, flight->most_ms);
    }
}

void flight_was_short(struct flight *flight, int64_t now)
{
    flight->keep_until = now + KEEP_MS;
    if (flight->next_ms <= flight->promised_ms) { /* else it is about to be longer */
        flight->next_ms = at_most(flight->promised_ms * 2, flight->most_ms);
    }
}

int64_t flight_promise(struct flight *flight)
{
    flight->promised_ms = at_most(flight->promised_ms, flight->next_ms);
    return flight->next_ms;
}

void flight_promised(struct flight *flight, int64_t flight_ms)
{
    flight->promised_ms = flight_ms;
}

int64_t flight_end(const struct flight *flight)
{
    return flight->checked_at + flight->promised_ms;
}
