// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_LEASE_LEASE_H
#define API_KUBE_LEASE_LEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which of several processes leads: one Lease (coordination.k8s.io/v1), as a state machine without
 * a socket. Time and answers go in, the next request comes out.
 *
 *   loop: request = lease_next()  ──▶ send it ──▶ lease_answer()
 *         lease_role()            ──▶ lead, or do not
 *
 * The protocol is that of client-go's tools/leaderelection: spec.holderIdentity names the leader,
 * who renews spec.renewTime every retry period; every write carries the resourceVersion it is based
 * on, so of two that try at once one is refused; who has seen the same record for
 * spec.leaseDurationSeconds on its own clock may take the lease. No two machines' clocks are ever
 * compared. The essay of lease.c says what is different, and docs/failover.md why at most one
 * process writes.
 *
 * `now` is milliseconds on a clock that does not go back and goes on while the machine sleeps
 * (clock_lease_ms()).
 */

#define LEASE_IDENTITY_MAX 256 /* bytes, with the end */

/* By its own will or not, a leader only ever becomes one again by way of STANDBY. */
enum lease_role {
    LEASE_STANDBY,
    LEASE_LEADER,
    LEASE_YIELDING, /* holds the lease still, but is to finish what it does: lease_let_go() */
    LEASE_ENDED,    /* after lease_stop(): not held, and nothing left to do */
};

struct lease_options {
    const char *name_space; /* texts are copied */
    const char *name;
    const char *identity; /* of this process; no two may share one */
    int64_t duration_ms;  /* > renew_deadline_ms > retry_period_ms > 0 */
    int64_t renew_deadline_ms;
    int64_t retry_period_ms;
    uint64_t seed; /* spreads the attempts of several processes */
};

struct lease_request {
    const char *method;
    const char *target;
    const char *body; /* NULL: none */
    int64_t timeout_ms;
};

struct lease;

struct lease *lease_create(const struct lease_options *options);
void lease_destroy(struct lease *lease);

/* The request to be sent now, NULL when none is due or one is under way; *borrowed* until
 * lease_answer(). `wall_us` is the time of day, microseconds since 1970, for people who read the
 * Lease. */
const struct lease_request *lease_next(struct lease *lease, int64_t now, int64_t wall_us);
/* What came of it; status 0: no answer, or not in time. */
void lease_answer(struct lease *lease, int64_t now, int status, const char *body, size_t length);
/* When to call lease_next() or lease_role() again if nothing else happens. */
int64_t lease_deadline(const struct lease *lease);

/* Until when a write may be put on the wire, on the clock of `now`; what is not after `now` is
 * over. For a write it is not enough to lead: the Lease has to have been seen in this process's
 * hands a moment ago. */
int64_t lease_fence(struct lease *lease, int64_t now);
/* There is something to be written: sees to it that the Lease is looked at when the fence is about
 * to end. */
void lease_write_soon(struct lease *lease, int64_t now);

/* A write was ready to be sent only after its fence: flights have to last longer. */
void lease_flight_short(struct lease *lease, int64_t now);

/* Who leads now. A leader that could not renew in time is none any more, by the clock alone. */
enum lease_role lease_role(struct lease *lease, int64_t now);
/* Who holds the lease as far as is known; "" for nobody. *Borrowed*. */
const char *lease_holder(const struct lease *lease);
/* Where the holder can be connected to; "" where it does not say, or it is this process.
 * *Borrowed*. */
const char *lease_holder_address(const struct lease *lease);
/* Whether the last answer was of use; else why not, for people. *Borrowed*. */
const char *lease_trouble(const struct lease *lease);

/* Whether this process could lead: it has read the cluster and hears of changes, and nothing is
 * left of the last time it led. False at the start, and again after every time it led. Who leads
 * goes on leading without. */
void lease_ready(struct lease *lease, bool ready);
/* kube-scheduler called this process: it is the one that should lead. */
void lease_called(struct lease *lease, int64_t now);
/* Where the others can connect to while this process holds the lease; "" for nowhere. */
void lease_set_address(struct lease *lease, const char *address);
/* The process of that name does not run any more, as far as can be told from outside (peer_link.h),
 * or does after all. Its lease need not be waited for; if it does run, it may not write by the time
 * this process leads. */
void lease_holder_ended(struct lease *lease, const char *holder, int64_t now);
void lease_holder_lives(struct lease *lease);
/* Another process says that it has changed the Lease. */
void lease_look(struct lease *lease, int64_t now);
/* How often this process has written what the others should look at: an ask, or a new holder. */
uint64_t lease_news(const struct lease *lease);

/* A YIELDING leader has finished and does nothing any more: from now on another may lead. The lease
 * goes to whoever asked for it, or to anybody. */
void lease_let_go(struct lease *lease, int64_t now);
/* What this process has sent as a leader may still be carried out, or not any more: until then it
 * does not give the lease back when it stops without leading, but lets it run out. */
void lease_unresolved(struct lease *lease, bool unresolved);
/* Does not want to lead any more: a leader becomes YIELDING, all end as ENDED. */
void lease_stop(struct lease *lease, int64_t now);

#endif
