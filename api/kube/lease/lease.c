// SPDX-License-Identifier: Apache-2.0
#include "api/kube/lease/lease.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/base/clock.h"
#include "api/kube/client/backoff.h"
#include "api/kube/client/status.h"
#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* One request at a time; what it will be is `step`, and when, `due`.
 *
 *             ┌────── not free: every retry period ─────┐
 *             ▼                                         │
 *   STANDBY: READ ──404──▶ CREATE ──┐                   │
 *             ├── free: ──▶ RENEW ──┴──▶ LEADER: RENEW every retry period
 *             └── called: ▶ ASK                 │  └─409─▶ READ ─▶ RENEW
 *                                               │ asked for, or stopping
 *   STANDBY or ENDED ◀── HAND_OVER ◀─ let go ─ YIELDING: RENEW as before
 *
 * Free is: never made, given back (holder ""), held by this very identity, or not renewed for the
 * leaseDurationSeconds its holder wrote, counted from when this process first saw the record.
 *
 * At most one leads
 *   A renewal counts from when its request was *sent*. The leader stops leading renew_deadline
 *   after that (lease_role(), by the clock alone). Others see that record later than it was sent,
 *   and wait for `duration` from then, so between the end of one leader and the start of the next
 *   there are at least duration - renew_deadline, 5 s by default; less only by what one clock runs
 *   faster than the other. Every taker reads the Lease first, after it has slept too, and its write
 *   is refused (409) if anybody wrote in between.
 *
 *   What can be under way from a deposed leader, and what it can do:
 *   - Writes it had not sent are dropped, and requests under way are broken off, in the turn that
 *     finds the lease lost and before anything else is sent (io.c, writer_abandon()). So
 *     writePatience may be longer than those 5 s: it does not outlive the lease.
 *   - What remains is a binding that was on the wire when the lease was lost and that the network
 *     and the API server take longer than the 5 s over, or one sent by a process that was frozen
 *     between its look at the clock and its write to the socket. It cannot bind a pod twice: a
 *     Binding carries the pod's uid, and a bound pod refuses another (409). It cannot break a gang:
 *     the next leader counts the bound member, and what is missing of the quorum is planned
 *     together beside it, as after a crash. It can land on a node whose room the next leader has
 *     just planned for another pod. That one is then refused by kube-scheduler's own filters or by
 *     the kubelet, and planned again. So invariant 1 holds as after any crash; invariant 2 holds
 *     save for this one late binding, in a window that needs somebody to be late by 5 s.
 *
 * Who should lead
 *   kube-scheduler calls the Phalanx beside it, on loopback, and elects its own leader. Where the
 *   two elections disagree all calls reach a standby. So leadership follows the calls: a standby
 *   that is called writes its identity into the annotation phalanx.dev/lease-wanted-by. That makes
 *   the leader's next renewal fail (409), which is how it notices. A leader that has not been
 *   called for a retry period itself finishes what it does and writes the other's name into
 *   holderIdentity: nobody can come in between, and if that one is gone the lease runs out as ever.
 *   A leader that is being called goes on, and its renewal takes the annotation away.
 *   (spec.preferredHolder, made for this, is dropped by API servers without the feature gate
 *   CoordinatedLeaderElection, off by default in 1.36, and needs a spec.strategy. To lead wherever
 *   kube-scheduler's own Lease is held would need its name and its pod, and kube-scheduler does not
 *   wait for commits to be finished.)
 */

#define WANTED_BY     "phalanx.dev/lease-wanted-by"
#define RECORD_MAX_MS (24 * 3600 * 1000LL) /* a longer leaseDurationSeconds counts as that */
#define TARGET_MAX    640

enum step { STEP_READ, STEP_CREATE, STEP_RENEW, STEP_ASK, STEP_HAND_OVER };

struct lease {
    struct lease_options options;
    char *name_space;
    char *name;
    char *identity;
    char collection[TARGET_MAX];
    char target[TARGET_MAX];
    struct backoff chance;

    enum lease_role role;
    bool ready;
    bool stopping;
    bool let_go;
    char successor[LEASE_IDENTITY_MAX]; /* YIELDING: who asked; "" for anybody */
    int64_t called_at;                  /* -1: never */

    enum step step;
    int64_t due;
    bool under_way;
    int64_t sent;       /* the request under way, or the last one */
    int64_t read_sent;  /* the last READ */
    int64_t renewed_at; /* when the renewal that counts was sent */
    unsigned conflicts; /* in a row */

    json_t *object;      /* the Lease as last seen, NULL: unknown, or there is none */
    char *record;        /* its spec as text: what has to change for the lease to be alive */
    int64_t observed_at; /* when that record was first seen */
    struct err trouble;

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
    json_decref(lease->object);
    free(lease->name_space);
    free(lease->name);
    free(lease->identity);
    free(lease->record);
    free(lease->body);
    free(lease);
}

static bool leads(const struct lease *lease)
{
    return lease->role == LEASE_LEADER || lease->role == LEASE_YIELDING;
}

static json_t *spec_of(const struct lease *lease)
{
    return json_object_get(lease->object, "spec");
}

const char *lease_holder(const struct lease *lease)
{
    const char *holder = json_string_value(json_object_get(spec_of(lease), "holderIdentity"));
    return holder == NULL ? "" : holder;
}

const char *lease_trouble(const struct lease *lease)
{
    return lease->trouble.text;
}

static bool is_holder(const struct lease *lease)
{
    return strcmp(lease_holder(lease), lease->identity) == 0;
}

/* Who asks for the lease, or NULL. */
static const char *wanted_by(const struct lease *lease)
{
    const json_t *metadata = json_object_get(lease->object, "metadata");
    const char *who =
        json_string_value(json_object_get(json_object_get(metadata, "annotations"), WANTED_BY));
    return who == NULL || who[0] == '\0' || strlen(who) >= LEASE_IDENTITY_MAX ? NULL : who;
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

void lease_let_go(struct lease *lease, int64_t now)
{
    expire(lease, now);
    if (lease->role == LEASE_YIELDING && !lease->let_go) {
        lease->let_go = true;
        if (!lease->under_way && lease->object != NULL) {
            plan(lease, STEP_HAND_OVER, now);
        }
    }
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
    json_t *object = json_loadb(body, length, 0, NULL);
    json_t *metadata = json_object_get(object, "metadata");
    if (!json_is_string(json_object_get(metadata, "resourceVersion"))) {
        json_decref(object);
        return err_set(&lease->trouble, "the answer is not a Lease");
    }
    (void)json_object_del(metadata, "managedFields");
    char *record = json_dumps(json_object_get(object, "spec"), JSON_SORT_KEYS | JSON_ENCODE_ANY);
    if (record == NULL) {
        record = alloc_string("");
    }
    if (lease->record == NULL || strcmp(record, lease->record) != 0) {
        lease->observed_at = now;
    }
    free(lease->record);
    lease->record = record;
    json_decref(lease->object);
    lease->object = object;
    lease->trouble.text[0] = '\0';
    return 0;
}

static void forget_object(struct lease *lease)
{
    json_decref(lease->object);
    lease->object = NULL;
    free(lease->record);
    lease->record = NULL;
}

/* How long the holder wants to be waited for. */
static int64_t record_duration(const struct lease *lease)
{
    json_int_t seconds =
        json_integer_value(json_object_get(spec_of(lease), "leaseDurationSeconds"));
    return seconds <= 0                     ? lease->options.duration_ms
           : seconds > RECORD_MAX_MS / 1000 ? RECORD_MAX_MS
                                            : seconds * 1000;
}

/* The Lease was read by a request sent at read_sent: the record stood unchanged until then. */
static bool is_free(const struct lease *lease)
{
    return lease_holder(lease)[0] == '\0' || is_holder(lease) ||
           lease->read_sent - lease->observed_at >= record_duration(lease);
}

static void decide_as_leader(struct lease *lease, int64_t now)
{
    const char *asking = wanted_by(lease);
    if (lease->role == LEASE_LEADER && asking != NULL && strcmp(asking, lease->identity) != 0 &&
        !called_lately(lease, now)) {
        lease->role = LEASE_YIELDING;
        (void)snprintf(lease->successor, sizeof lease->successor, "%s", asking);
    }
    plan(lease, lease->let_go ? STEP_HAND_OVER : STEP_RENEW, now);
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
    if (leads(lease) && is_holder(lease)) {
        decide_as_leader(lease, now);
        return;
    }
    if (leads(lease)) { /* somebody took it, as after the Lease was deleted by hand */
        end_term(lease, now);
    }
    bool wanted = called_lately(lease, now);
    const char *asking = wanted_by(lease);
    if (lease->stopping) {
        lease->role = is_holder(lease) ? LEASE_STANDBY : LEASE_ENDED;
        plan(lease, STEP_HAND_OVER, now); /* a renewal that got through too late */
    } else if (lease->ready && is_free(lease)) {
        plan(lease, STEP_RENEW, now);
    } else if (lease->ready && wanted && (asking == NULL || strcmp(asking, lease->identity) != 0)) {
        plan(lease, STEP_ASK, now);
    } else {
        plan(lease, STEP_READ, look_at(lease, now, wanted));
    }
}

/* Writes a holder into a spec; a new one counts as a transition. */
static void set_holder(const struct lease *lease, json_t *spec, const char *holder, int64_t wall_us)
{
    char now[CLOCK_TEXT_MAX];
    bool nobody = holder[0] == '\0';
    bool change = strcmp(lease_holder(lease), holder) != 0;
    json_int_t transitions = json_integer_value(json_object_get(spec, "leaseTransitions"));
    int64_t seconds = nobody ? 1 : (lease->options.duration_ms + 999) / 1000;
    (void)clock_text(wall_us * 1000, 6, now);
    json_object_set_new(spec, "holderIdentity", json_string(holder));
    json_object_set_new(spec, "leaseDurationSeconds", json_integer(seconds));
    json_object_set_new(spec, "renewTime", json_string(now));
    if (change) {
        json_object_set_new(spec, "acquireTime", json_string(now));
        bool counts = !nobody && lease->object != NULL;
        json_object_set_new(spec, "leaseTransitions", json_integer(transitions + (counts ? 1 : 0)));
    }
}

static json_t *member(json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    if (!json_is_object(value)) {
        value = json_object();
        json_object_set_new(object, name, value);
    }
    return value;
}

/* *New* text of the Lease to be written. Everything in it that is not ours stays as it is. */
static char *compose(const struct lease *lease, int64_t wall_us)
{
    json_t *object =
        lease->step == STEP_CREATE
            ? json_pack("{s:s,s:s,s:{s:s,s:s}}", "apiVersion", "coordination.k8s.io/v1", "kind",
                        "Lease", "metadata", "name", lease->name, "namespace", lease->name_space)
            : json_deep_copy(lease->object);
    json_t *annotations = member(member(object, "metadata"), "annotations");
    if (lease->step == STEP_ASK) {
        json_object_set_new(annotations, WANTED_BY, json_string(lease->identity));
    } else {
        (void)json_object_del(annotations, WANTED_BY);
        bool give = lease->step == STEP_HAND_OVER;
        const char *holder = give && lease->stopping ? ""
                             : give                  ? lease->successor
                                                     : lease->identity;
        set_holder(lease, member(object, "spec"), holder, wall_us);
    }
    char *text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return text;
}

const struct lease_request *lease_next(struct lease *lease, int64_t now, int64_t wall_us)
{
    expire(lease, now);
    if (lease->under_way || lease->role == LEASE_ENDED || now < lease->due) {
        return NULL;
    }
    free(lease->body);
    lease->body = lease->step == STEP_READ ? NULL : compose(lease, wall_us);
    lease->under_way = true;
    lease->sent = now;
    if (lease->step == STEP_READ) {
        lease->read_sent = now;
    }
    lease->request = (struct lease_request){
        .method = lease->step == STEP_READ     ? "GET"
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
    if (lease->stopping && lease->role == LEASE_STANDBY) {
        plan(lease, STEP_HAND_OVER, now); /* it came after lease_stop() */
        return;
    }
    if (lease->role == LEASE_STANDBY && in_time && lease->ready) {
        lease->role = LEASE_LEADER;
    }
    plan(lease, lease->let_go ? STEP_HAND_OVER : STEP_RENEW,
         lease->let_go ? now : lease->sent + period);
    if (!leads(lease)) {
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
        end_term(lease, next_round(lease, now));
        break;
    case STEP_ASK:
    case STEP_READ:
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
    } else if (status == 404 && step == STEP_READ) {
        forget_object(lease);
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
