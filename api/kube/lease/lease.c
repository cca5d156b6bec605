// SPDX-License-Identifier: Apache-2.0
#include "api/kube/lease/lease.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/kube/client/backoff.h"
#include "api/kube/client/status.h"
#include "api/kube/lease/flight.h"
#include "api/kube/lease/lease_record.h"
#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* One request at a time; what it will be is `step`, and when, `due`.
 *
 *             ┌────── not free: every retry period ─────┐
 *             ▼                                         │
 *   STANDBY: READ ──404──▶ CREATE ──┐                   │
 *             ├── free: ──▶ RENEW ──┴──▶ LEADER: RENEW every retry period, CHECK before writes
 *             └── called: ▶ ASK                 │  └─409─▶ READ ─▶ RENEW
 *                                               │ asked for, or stopping
 *   STANDBY or ENDED ◀── HAND_OVER ◀─ let go ─ YIELDING: RENEW as before
 *
 * Free is: never made, given back (holder ""), held by this very identity, or not renewed for the
 * leaseDurationSeconds its holder wrote, counted from when this process first saw the record.
 *
 * At most one writes
 *   A renewal counts from when its request was *sent*. The leader stops leading renew_deadline
 *   after that (lease_role(), by the clock alone). Others see that record later than it was sent,
 *   and wait for `duration` from then. Every taker reads the Lease first, after it has slept too,
 *   and its write is refused (409) if anybody wrote in between.
 *
 *   A standby that has reason to think that the holder is dead does not wait (`ended`). It may be
 *   mistaken, so leading is not enough to write: a write is put on the wire only within `flight`
 *   of when a request was sent whose answer showed the Lease in this process's hands, in this
 *   generation (lease_fence()). How long `flight` is stands in the Lease, and who takes the lease
 *   from another settles for that and FLIGHT_SLACK_MS before it leads:
 *
 *     leader    CHECK sent ──────── may send ────────▶│ flight
 *     taker           └─ answered before ─▶ RENEW ────┼──▶ answered ───── settles ─────▶ LEADER
 *
 *   A slow server makes flights longer (flight.h). What remains is in docs/failover.md.
 *
 * Who should lead
 *   kube-scheduler calls the Phalanx beside it, on loopback, and elects its own leader. Where the
 *   two elections disagree all calls reach a standby. So leadership follows the calls: a standby
 *   that is called writes its identity into the annotation phalanx.dev/lease-wanted-by. That makes
 *   the leader's next renewal fail (409), which is how it notices. A leader that has not been
 *   called for a retry period itself finishes what it does and writes the other's name into
 *   holderIdentity: nobody can come in between, and if that one is gone the lease runs out as ever.
 *   A leader that is being called goes on, and its renewal takes the annotation away.
 */

#define TARGET_MAX      640
#define FLIGHT_SLACK_MS 350 /* for what the network takes, and clocks that differ in speed */
#define LOOK_EVERY_MS   50  /* however often others say that there is news */

_Static_assert(LEASE_IDENTITY_MAX == LEASE_RECORD_TEXT_MAX, "an identity fits an annotation");

enum step { STEP_READ, STEP_CREATE, STEP_RENEW, STEP_CHECK, STEP_ASK, STEP_HAND_OVER };

struct lease {
    struct lease_options options;
    char *name_space;
    char *name;
    char *identity;
    char address[LEASE_IDENTITY_MAX];
    char collection[TARGET_MAX];
    char target[TARGET_MAX];
    struct backoff chance;

    enum lease_role role;
    bool ready;
    bool stopping;
    bool let_go;
    bool unresolved;                    /* what this process sent may still be carried out */
    char successor[LEASE_IDENTITY_MAX]; /* YIELDING: who asked; "" for anybody */
    int64_t called_at;                  /* -1: never */

    enum step step;
    int64_t due;
    bool under_way;
    int64_t sent;       /* the request under way, or the last one */
    int64_t read_sent;  /* the last READ */
    int64_t renewed_at; /* when the renewal that counts was sent */
    unsigned conflicts; /* in a row */

    struct lease_record record; /* the Lease as last seen */
    int64_t observed_at;        /* when its spec was first seen */
    struct err trouble;

    int64_t generation; /* of this process's term */
    struct flight flight;
    int64_t settle_ms;              /* owed once the lease is ours */
    int64_t settled_at;             /* not to lead before */
    char ended[LEASE_IDENTITY_MAX]; /* the holder that seems to be dead, "" for none */
    int64_t ended_generation;
    uint64_t news;

    struct lease_request request;
    char *body;
};

struct lease *lease_create(const struct lease_options *options)
{
    struct lease *lease = alloc_zero(1, sizeof *lease);
    err_require(options->duration_ms > options->renew_deadline_ms &&
                options->renew_deadline_ms > options->retry_period_ms &&
                options->retry_period_ms > 0);
    err_require(strlen(options->identity) < LEASE_IDENTITY_MAX && options->identity[0] != '\0');
    lease->options = *options;
    lease->name_space = alloc_string(options->name_space);
    lease->name = alloc_string(options->name);
    lease->identity = alloc_string(options->identity);
    lease->called_at = -1;
    flight_init(&lease->flight, options->renew_deadline_ms);
    int length = snprintf(lease->collection, sizeof lease->collection,
                          "/apis/coordination.k8s.io/v1/namespaces/%s/leases", lease->name_space);
    err_require(length > 0 && (size_t)length < sizeof lease->collection);
    length = snprintf(lease->target, sizeof lease->target, "%s/%s", lease->collection, lease->name);
    err_require(length > 0 && (size_t)length < sizeof lease->target);
    backoff_init(&lease->chance, 1, 1, INT64_MAX, options->seed);
    return lease;
}

void lease_destroy(struct lease *lease)
{
    if (lease == NULL) {
        return;
    }
    lease_record_forget(&lease->record);
    free(lease->name_space);
    free(lease->name);
    free(lease->identity);
    free(lease->body);
    free(lease);
}

static bool leads(const struct lease *lease)
{
    return lease->role == LEASE_LEADER || lease->role == LEASE_YIELDING;
}

const char *lease_holder(const struct lease *lease)
{
    return lease_record_holder(&lease->record);
}

const char *lease_trouble(const struct lease *lease)
{
    return lease->trouble.text;
}

static bool is_holder(const struct lease *lease)
{
    return strcmp(lease_holder(lease), lease->identity) == 0;
}

/* The holder of this very term seems to be dead. */
static bool has_ended(const struct lease *lease)
{
    return lease->ended[0] != '\0' && strcmp(lease->ended, lease_holder(lease)) == 0 &&
           lease->ended_generation == lease_record_generation(&lease->record);
}

const char *lease_holder_address(const struct lease *lease)
{
    return is_holder(lease) ? "" : lease_record_address(&lease->record);
}

void lease_set_address(struct lease *lease, const char *address)
{
    (void)snprintf(lease->address, sizeof lease->address, "%s", address);
}

uint64_t lease_news(const struct lease *lease)
{
    return lease->news;
}

static bool called_lately(const struct lease *lease, int64_t now)
{
    return lease->called_at >= 0 && now - lease->called_at < lease->options.retry_period_ms;
}

static void plan(struct lease *lease, enum step step, int64_t due)
{
    lease->step = step;
    lease->due = due;
}

/* A retry period, or up to a fifth less, so that several do not go on in step. */
static int64_t next_round(struct lease *lease, int64_t from)
{
    int64_t period = lease->options.retry_period_ms;
    return from + period - backoff_draw(&lease->chance, period / 5 + 1);
}

static void end_term(struct lease *lease, int64_t next)
{
    lease->role = lease->stopping && !lease->under_way ? LEASE_ENDED : LEASE_STANDBY;
    lease->ready = false; /* what it did as a leader is to be wound up first */
    lease->let_go = false;
    if (!lease->under_way) {
        plan(lease, STEP_READ, next);
    }
}

/* The clock alone ends a term. */
static void expire(struct lease *lease, int64_t now)
{
    if (leads(lease) && now - lease->renewed_at >= lease->options.renew_deadline_ms) {
        end_term(lease, now);
    }
}

enum lease_role lease_role(struct lease *lease, int64_t now)
{
    expire(lease, now);
    return lease->role;
}

int64_t lease_fence(struct lease *lease, int64_t now)
{
    expire(lease, now);
    if (!leads(lease) || lease->let_go) {
        return now;
    }
    int64_t flight = flight_end(&lease->flight);
    int64_t term = lease->renewed_at + lease->options.renew_deadline_ms;
    return flight < term ? flight : term;
}

void lease_write_soon(struct lease *lease, int64_t now)
{
    int64_t period = lease->options.retry_period_ms;
    if (!leads(lease) || lease->let_go || lease->under_way || lease->due <= now ||
        lease_fence(lease, now) - now >= lease->flight.promised_ms / 2) {
        return;
    }
    if (lease->step == STEP_RENEW) {
        plan(lease, lease->due - now < period / 2 ? STEP_RENEW : STEP_CHECK, now);
    } else if (lease->sent + period / 4 < lease->due) { /* the last look has failed */
        lease->due = lease->sent + period / 4;
    }
}

void lease_flight_short(struct lease *lease, int64_t now)
{
    flight_was_short(&lease->flight, now);
    if (leads(lease) && !lease->under_way && lease->step == STEP_RENEW) {
        lease->due = now;
    }
}

int64_t lease_deadline(const struct lease *lease)
{
    int64_t deadline = lease->under_way || lease->role == LEASE_ENDED ? INT64_MAX : lease->due;
    int64_t end = lease->renewed_at + lease->options.renew_deadline_ms;
    return leads(lease) && end < deadline ? end : deadline;
}

void lease_ready(struct lease *lease, bool ready)
{
    if (ready && !lease->ready && lease->role == LEASE_STANDBY && lease->step == STEP_READ) {
        lease->due = lease->read_sent; /* at once */
    }
    lease->ready = ready;
}

void lease_called(struct lease *lease, int64_t now)
{
    lease->called_at = now;
    if (lease->role == LEASE_STANDBY && lease->step == STEP_READ) {
        int64_t soon = lease->read_sent + lease->options.retry_period_ms / 4;
        lease->due = soon < lease->due ? soon : lease->due;
    }
}

void lease_holder_ended(struct lease *lease, const char *holder, int64_t now)
{
    if (has_ended(lease) || is_holder(lease) || strcmp(holder, lease_holder(lease)) != 0) {
        return;
    }
    (void)snprintf(lease->ended, sizeof lease->ended, "%s", holder);
    lease->ended_generation = lease_record_generation(&lease->record);
    lease_look(lease, now);
}

void lease_holder_lives(struct lease *lease)
{
    lease->ended[0] = '\0';
}

void lease_look(struct lease *lease, int64_t now)
{
    int64_t soon = lease->sent + LOOK_EVERY_MS > now ? lease->sent + LOOK_EVERY_MS : now;
    if (lease->under_way || lease->due <= soon) {
        return;
    }
    if (lease->role == LEASE_LEADER && lease->step == STEP_RENEW) {
        plan(lease, STEP_CHECK, soon);
    } else if (lease->role == LEASE_STANDBY && lease->step == STEP_READ) {
        lease->due = soon;
    }
}

void lease_let_go(struct lease *lease, int64_t now)
{
    expire(lease, now);
    if (lease->role == LEASE_YIELDING && !lease->let_go) {
        lease->let_go = true;
        if (!lease->under_way && lease->record.object != NULL) {
            plan(lease, STEP_HAND_OVER, now);
        }
    }
}

void lease_unresolved(struct lease *lease, bool unresolved)
{
    lease->unresolved = unresolved;
}

void lease_stop(struct lease *lease, int64_t now)
{
    expire(lease, now);
    if (lease->stopping) {
        return;
    }
    lease->stopping = true;
    if (lease->role == LEASE_LEADER) {
        lease->role = LEASE_YIELDING;
        lease->successor[0] = '\0';
    } else if (lease->role == LEASE_STANDBY && !lease->under_way && !is_holder(lease)) {
        lease->role = LEASE_ENDED;
    }
}

/* Takes in the Lease as the server shows it; what was known before stays when it shows none. */
static int take_object(struct lease *lease, int64_t now, const char *body, size_t length)
{
    bool changed = false;
    if (lease_record_take(&lease->record, body, length, &changed, &lease->trouble) != 0) {
        return -1;
    }
    if (changed) {
        lease->observed_at = now;
    }
    lease->trouble.text[0] = '\0';
    return 0;
}

/* How long the holder wants to be waited for. */
static int64_t record_duration(const struct lease *lease)
{
    return lease_record_duration_ms(&lease->record, lease->options.duration_ms);
}

/* The Lease was read by a request sent at read_sent: the record stood unchanged until then. */
static bool is_free(const struct lease *lease)
{
    return lease_holder(lease)[0] == '\0' || is_holder(lease) || has_ended(lease) ||
           lease->read_sent - lease->observed_at >= record_duration(lease);
}

/* Whether the Lease as just seen is still the one this process leads by. */
static bool is_ours(const struct lease *lease)
{
    return is_holder(lease) && lease_record_generation(&lease->record) == lease->generation;
}

static void decide_as_leader(struct lease *lease, int64_t now, int64_t renew_at)
{
    const char *asking = lease_record_wanted_by(&lease->record);
    if (lease->role == LEASE_LEADER && asking[0] != '\0' && strcmp(asking, lease->identity) != 0 &&
        !called_lately(lease, now)) {
        lease->role = LEASE_YIELDING;
        (void)snprintf(lease->successor, sizeof lease->successor, "%s", asking);
    }
    plan(lease, lease->let_go ? STEP_HAND_OVER : STEP_RENEW, lease->let_go ? now : renew_at);
}

/* When a lease that is not free is read again: at the latest just when it may have run out. */
static int64_t look_at(struct lease *lease, int64_t now, bool wanted)
{
    int64_t quarter = now + lease->options.retry_period_ms / 4;
    int64_t due = wanted ? quarter : next_round(lease, now);
    int64_t end = lease->observed_at + record_duration(lease);
    return end >= due ? due : end > quarter ? end : quarter;
}

/* After a READ: what next. */
static void decide(struct lease *lease, int64_t now)
{
    if (leads(lease) && is_ours(lease)) {
        flight_checked(&lease->flight, lease->sent, now);
        decide_as_leader(lease, now, now);
        return;
    }
    if (leads(lease)) { /* somebody took it, as after the Lease was deleted by hand */
        end_term(lease, now);
    }
    bool wanted = called_lately(lease, now);
    const char *asking = lease_record_wanted_by(&lease->record);
    if (lease->stopping) { /* a renewal that got through too late */
        lease->role = is_holder(lease) && !lease->unresolved ? LEASE_STANDBY : LEASE_ENDED;
        plan(lease, STEP_HAND_OVER, now);
    } else if (lease->ready && is_free(lease)) {
        plan(lease, STEP_RENEW, now);
    } else if (lease->ready && wanted && strcmp(asking, lease->identity) != 0) {
        plan(lease, STEP_ASK, now);
    } else {
        plan(lease, STEP_READ, look_at(lease, now, wanted));
    }
}

/* A leader's next step after a CHECK. */
static void check_done(struct lease *lease, int64_t now)
{
    if (!leads(lease) || !is_ours(lease)) {
        decide(lease, now);
        return;
    }
    flight_checked(&lease->flight, lease->sent, now);
    int64_t renew_at = lease->renewed_at + lease->options.retry_period_ms;
    bool promises =
        lease->flight.next_ms > lease->flight.promised_ms; /* nothing can be sent until then */
    decide_as_leader(lease, now, promises || renew_at < now ? now : renew_at);
}

/* *New* text of the Lease to be written. */
static char *compose(struct lease *lease, int64_t wall_us)
{
    if (lease->step == STEP_ASK) {
        return lease_record_ask(&lease->record, lease->identity);
    }
    bool gives = lease->step == STEP_HAND_OVER;
    if (!gives && !leads(lease) && !is_holder(lease)) {
        lease->settle_ms = lease_record_owed_ms(&lease->record, FLIGHT_SLACK_MS);
    }
    return lease_record_hold(&lease->record,
                             &(struct lease_record_holding){
                                 .name_space = lease->name_space,
                                 .name = lease->name,
                                 .holder = !gives            ? lease->identity
                                           : lease->stopping ? ""
                                                             : lease->successor,
                                 .address = gives ? "" : lease->address,
                                 .duration_ms = lease->options.duration_ms,
                                 .flight_ms = gives ? 0 : flight_promise(&lease->flight),
                                 .wall_us = wall_us,
                             });
}

static bool reads(enum step step)
{
    return step == STEP_READ || step == STEP_CHECK;
}

const struct lease_request *lease_next(struct lease *lease, int64_t now, int64_t wall_us)
{
    expire(lease, now);
    if (lease->under_way || lease->role == LEASE_ENDED || now < lease->due) {
        return NULL;
    }
    free(lease->body);
    lease->body = reads(lease->step) ? NULL : compose(lease, wall_us);
    lease->under_way = true;
    lease->sent = now;
    if (reads(lease->step)) {
        lease->read_sent = now;
    }
    lease->request = (struct lease_request){
        .method = reads(lease->step)           ? "GET"
                  : lease->step == STEP_CREATE ? "POST"
                                               : "PUT",
        .target = lease->step == STEP_CREATE ? lease->collection : lease->target,
        .body = lease->body,
        .timeout_ms = lease->options.renew_deadline_ms / 2,
    };
    return &lease->request;
}

/* The lease is ours, counted from when that was asked for. */
static void renewed(struct lease *lease, int64_t now)
{
    int64_t period = lease->options.retry_period_ms;
    bool in_time = now - lease->sent < lease->options.renew_deadline_ms;
    if (in_time) {
        lease->renewed_at = lease->sent;
    }
    flight_promised(&lease->flight, lease_record_flight_ms(&lease->record));
    lease->generation = lease_record_generation(&lease->record);
    flight_checked(&lease->flight, lease->sent, now);
    if (lease->settle_ms > 0) {
        lease->settled_at = now + lease->settle_ms;
        lease->settle_ms = 0;
    }
    /* It may have come after lease_stop(). */
    if (lease->role == LEASE_STANDBY && lease->stopping) {
        decide(lease, now);
    } else if (lease->role != LEASE_STANDBY && lease->let_go) {
        plan(lease, STEP_HAND_OVER, now);
    } else if (leads(lease) || (in_time && lease->ready && now >= lease->settled_at)) {
        lease->role = lease->role == LEASE_STANDBY ? LEASE_LEADER : lease->role;
        plan(lease, STEP_RENEW, lease->sent + period);
    } else if (in_time && lease->ready) {
        int64_t due = lease->sent + period;
        plan(lease, STEP_RENEW, due < lease->settled_at ? due : lease->settled_at);
    } else {
        plan(lease, STEP_READ, now + period / 4);
    }
}

/* A write was answered with success. */
static void written(struct lease *lease, int64_t now, enum step step)
{
    if (step == STEP_ASK && lease->stopping) {
        lease->role = LEASE_ENDED;
        return;
    }
    switch (step) {
    case STEP_CREATE:
    case STEP_RENEW:
        renewed(lease, now);
        break;
    case STEP_HAND_OVER:
        lease->news++;
        end_term(lease, next_round(lease, now));
        break;
    case STEP_ASK:
        lease->news++;
        plan(lease, STEP_READ, now + lease->options.retry_period_ms / 4);
        break;
    case STEP_READ:
    case STEP_CHECK:
        plan(lease, STEP_READ, now + lease->options.retry_period_ms / 4);
        break;
    }
}

/* The answer is no Lease: what next. */
static void failed(struct lease *lease, int64_t now, int status, enum step step)
{
    int64_t quarter = now + lease->options.retry_period_ms / 4;
    int64_t round = next_round(lease, lease->sent);
    if (lease->stopping && lease->role == LEASE_STANDBY) {
        /* Only a renewal that may have got through is worth another look. */
        bool looks = step == STEP_RENEW || step == STEP_CREATE;
        lease->role = looks ? LEASE_STANDBY : LEASE_ENDED;
        plan(lease, STEP_READ, now);
    } else if (status == 404 && reads(step)) {
        lease_record_forget(&lease->record);
        if (leads(lease) && lease->let_go) {
            end_term(lease, round); /* it is given up as it is */
        } else if (leads(lease) || lease->ready) {
            plan(lease, STEP_CREATE, now);
        } else {
            plan(lease, STEP_READ, round);
        }
    } else if (status == 409 || (status == 404 && step != STEP_CREATE)) {
        /* It has changed, or gone. Look at once, but not over and over. */
        plan(lease, STEP_READ, lease->conflicts++ == 0 ? now : quarter);
    } else if (lease->role == LEASE_YIELDING) {
        plan(lease, STEP_READ, quarter);
    } else {
        plan(lease, STEP_READ, round > now ? round : now);
    }
}

void lease_answer(struct lease *lease, int64_t now, int status, const char *body, size_t length)
{
    enum step step = lease->step;
    expire(lease, now);
    lease->under_way = false;
    if (status == 200 || status == 201) {
        if (take_object(lease, now, body, length) != 0) {
            plan(lease, STEP_READ, next_round(lease, now));
        } else if (step == STEP_READ) {
            decide(lease, now);
        } else if (step == STEP_CHECK) {
            check_done(lease, now);
        } else {
            lease->conflicts = 0;
            written(lease, now, step);
        }
        return;
    }
    if (status == 409 || (status == 404 && step != STEP_CREATE)) {
        lease->trouble.text[0] = '\0';
    } else if (status == 0) {
        (void)err_set(&lease->trouble, "no answer in time");
    } else {
        status_describe(status, body, length, &lease->trouble);
    }
    failed(lease, now, status, step);
}
