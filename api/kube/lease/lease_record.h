// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_LEASE_LEASE_RECORD_H
#define API_KUBE_LEASE_LEASE_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "topology/base/err.h"

/* A Lease (coordination.k8s.io/v1) as the API server showed it last, and the next one to be
 * written. What is ours in it beside the spec are annotations:
 *
 *   phalanx.dev/lease-wanted-by   who asks the holder for the lease
 *   phalanx.dev/lease-address     where the holder can be connected to (peer_listener.h)
 *   phalanx.dev/lease-flight      for how many milliseconds after a look at the Lease the holder
 *                                 may still send writes (docs/failover.md)
 *
 * Texts are *borrowed* until the next lease_record_take() or _forget(), and "" where there is none.
 */

struct lease_record {
    json_t *object; /* NULL: unknown, or there is none */
    char *spec;     /* as text: what has to change for the lease to be alive */
};

#define LEASE_RECORD_TEXT_MAX  256 /* bytes, with the end; a longer annotation counts as none */
#define LEASE_RECORD_FLIGHT_MS 200 /* of a holder that does not say */

/* Takes in an answer; `changed` tells whether the spec did. What was known stays on failure. */
int lease_record_take(struct lease_record *record, const char *body, size_t length, bool *changed,
                      struct err *err);
void lease_record_forget(struct lease_record *record);

const char *lease_record_holder(const struct lease_record *record);
const char *lease_record_wanted_by(const struct lease_record *record);
const char *lease_record_address(const struct lease_record *record);
/* How long the holder wants to be waited for; `otherwise` where it does not say. */
int64_t lease_record_duration_ms(const struct lease_record *record, int64_t otherwise);
/* No more than the duration. */
int64_t lease_record_flight_ms(const struct lease_record *record);
/* What a taker owes to whoever may have led until its request is carried out: a flight and `slack`,
 * nothing to one that gave it back. */
int64_t lease_record_owed_ms(const struct lease_record *record, int64_t slack);
/* Counts the holders: leaseTransitions. */
int64_t lease_record_generation(const struct lease_record *record);

struct lease_record_holding {
    const char *name_space; /* of a Lease that is to be made */
    const char *name;
    const char *holder; /* "": nobody */
    const char *address;
    int64_t duration_ms;
    int64_t flight_ms;
    int64_t wall_us;
};

/* *New* text of the Lease with another holder, or renewed; of a new Lease when none is known.
 * Everything in it that is not ours stays as it is. */
char *lease_record_hold(const struct lease_record *record,
                        const struct lease_record_holding *holding);
/* *New* text of the Lease with somebody who asks for it. */
char *lease_record_ask(const struct lease_record *record, const char *identity);

#endif
