// SPDX-License-Identifier: Apache-2.0
#include "api/kube/lease.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "test/unit/check_main.h"
#include "topology/alloc.h"

/* Lease machines against a Lease in memory, on a clock that the test moves. */

#define DURATION_MS 15000
#define DEADLINE_MS 10000
#define RETRY_MS    2000
#define START_MS    1000000
#define WALL_US     1795262400123456 /* 2026-11-21T12:00:00.123456Z */
#define TARGET      "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/phalanx"
#define WANTED_BY   "phalanx.dev/lease-wanted-by"

static json_t *stored; /* the Lease as the server has it, or NULL */
static int64_t version;
static int64_t now;
static struct lease *a;
static struct lease *b;

static struct lease *make(const char *identity, uint64_t seed)
{
    const struct lease_options options = {.name_space = "kube-system",
                                          .name = "phalanx",
                                          .identity = identity,
                                          .duration_ms = DURATION_MS,
                                          .renew_deadline_ms = DEADLINE_MS,
                                          .retry_period_ms = RETRY_MS,
                                          .seed = seed};
    return lease_create(&options);
}

static void setup(void)
{
    stored = NULL;
    version = 100;
    now = START_MS;
    a = make("a", 1);
    b = make("b", 2);
    lease_ready(a, true);
    lease_ready(b, true);
}

static void teardown(void)
{
    lease_destroy(a);
    lease_destroy(b);
    json_decref(stored);
}

static void stamp(json_t *object)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%lld", (long long)++version);
    json_object_set_new(json_object_get(object, "metadata"), "resourceVersion", json_string(text));
}

static const char *version_of(const json_t *object)
{
    return json_string_value(
        json_object_get(json_object_get(object, "metadata"), "resourceVersion"));
}

static int take(json_t *object)
{
    stamp(object);
    json_decref(stored);
    stored = object;
    return 200;
}

/* Does what the API server does; the answer is the stored Lease where the status says so. */
static int serve(const struct lease_request *request)
{
    if (strcmp(request->method, "GET") == 0) {
        return stored == NULL ? 404 : 200;
    }
    json_t *object = json_loads(request->body, 0, NULL);
    ck_assert_ptr_nonnull(object);
    ck_assert_str_eq(json_string_value(json_object_get(object, "kind")), "Lease");
    if (strcmp(request->method, "POST") == 0) {
        ck_assert_str_eq(request->target,
                         "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases");
        if (stored == NULL) {
            return take(object) + 1;
        }
    } else {
        ck_assert_str_eq(request->method, "PUT");
        ck_assert_str_eq(request->target, TARGET);
        ck_assert_ptr_nonnull(version_of(object));
        if (stored != NULL && strcmp(version_of(object), version_of(stored)) == 0) {
            return take(object);
        }
    }
    json_decref(object);
    return 409;
}

static void answer(struct lease *lease, int status)
{
    bool good = status == 200 || status == 201;
    char *text = good ? json_dumps(stored, 0) : alloc_string("{\"message\":\"no\"}");
    lease_answer(lease, now, status, text, strlen(text));
    free(text);
}

/* Requests that are due, answered at once, until none is; how many there were. */
static unsigned turn(struct lease *lease)
{
    const struct lease_request *request;
    unsigned count = 0;
    while ((request = lease_next(lease, now, WALL_US + (now - START_MS) * 1000)) != NULL) {
        ck_assert_uint_lt(++count, 10);
        answer(lease, serve(request));
    }
    return count;
}

/* Both run as time passes, in steps of 100 ms. */
static void pass(int64_t milliseconds)
{
    for (int64_t end = now + milliseconds; now < end; now += 100) {
        (void)turn(a);
        (void)turn(b);
    }
}

static void store(const char *text)
{
    json_decref(stored);
    stored = json_loads(text, 0, NULL);
    ck_assert_ptr_nonnull(stored);
    stamp(stored);
}

static const json_t *spec(const char *member)
{
    return json_object_get(json_object_get(stored, "spec"), member);
}

static const char *holder(void)
{
    return json_string_value(spec("holderIdentity"));
}

static const char *asked(void)
{
    const json_t *metadata = json_object_get(stored, "metadata");
    return json_string_value(json_object_get(json_object_get(metadata, "annotations"), WANTED_BY));
}

/* The next request, which must be due and of that method. */
static const struct lease_request *expect(struct lease *lease, const char *method)
{
    const struct lease_request *request = lease_next(lease, now, WALL_US);
    ck_assert_ptr_nonnull(request);
    ck_assert_str_eq(request->method, method);
    ck_assert_ptr_null(lease_next(lease, now, WALL_US)); /* one at a time */
    return request;
}

static void lead(struct lease *lease)
{
    (void)turn(lease);
    ck_assert_int_eq(lease_role(lease, now), LEASE_LEADER);
}

START_TEST(the_first_one_makes_the_lease)
{
    ck_assert_int_eq(lease_role(a, now), LEASE_STANDBY);
    const struct lease_request *request = expect(a, "GET");
    ck_assert_str_eq(request->target, TARGET);
    ck_assert_int_eq(request->timeout_ms, DEADLINE_MS / 2);
    answer(a, serve(request));
    answer(a, serve(expect(a, "POST")));
    ck_assert_int_eq(lease_role(a, now), LEASE_LEADER);
    ck_assert_str_eq(holder(), "a");
    ck_assert_str_eq(lease_holder(a), "a");
    ck_assert_int_eq(json_integer_value(spec("leaseDurationSeconds")), 15);
    ck_assert_int_eq(json_integer_value(spec("leaseTransitions")), 0);
    ck_assert_str_eq(json_string_value(spec("renewTime")), "2026-11-21T12:00:00.123456Z");
    ck_assert_str_eq(json_string_value(spec("acquireTime")), "2026-11-21T12:00:00.123456Z");
    ck_assert_int_eq(lease_deadline(a), now + RETRY_MS);
    now += RETRY_MS - 1;
    ck_assert_ptr_null(lease_next(a, now, WALL_US));
    now++;
    request = lease_next(a, now, WALL_US + 2000000);
    ck_assert_str_eq(request->method, "PUT");
    answer(a, serve(request));
    ck_assert_str_eq(json_string_value(spec("renewTime")), "2026-11-21T12:00:02.123456Z");
    ck_assert_str_eq(json_string_value(spec("acquireTime")), "2026-11-21T12:00:00.123456Z");
    pass(60000);
    ck_assert_int_eq(lease_role(a, now), LEASE_LEADER);
    ck_assert_int_eq(lease_role(b, now), LEASE_STANDBY);
    ck_assert_str_eq(lease_holder(b), "a");
}
END_TEST

START_TEST(who_is_not_ready_only_looks)
{
    lease_ready(a, false);
    for (int i = 0; i < 20; i++, now += RETRY_MS) {
        const struct lease_request *request = lease_next(a, now, WALL_US);
        if (request != NULL) {
            ck_assert_str_eq(request->method, "GET");
            answer(a, serve(request));
        }
    }
    ck_assert_ptr_null(stored);
    lease_ready(a, true);
    lead(a);
}
END_TEST

/* Counted from when this process saw the record, whatever the times in it say. */
START_TEST(a_silent_holder_is_waited_for)
{
    static const char *const durations[] = {"\"leaseDurationSeconds\":15,", "",
                                            "\"leaseDurationSeconds\":40,",
                                            "\"leaseDurationSeconds\":-1,"};
    static const int64_t waits[] = {15000, 15000, 40000, 15000};
    char text[512];
    (void)snprintf(text, sizeof text,
                   "{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\",\"metadata\":{"
                   "\"name\":\"phalanx\"},\"spec\":{\"holderIdentity\":\"dead\",%s"
                   "\"leaseTransitions\":7,\"renewTime\":\"1999-01-01T00:00:00.000000Z\"}}",
                   durations[_i]);
    store(text);
    int64_t start = now;
    while (lease_role(a, now) != LEASE_LEADER) {
        ck_assert_int_le(now - start, waits[_i] + RETRY_MS);
        ck_assert_int_lt(turn(a), 3);
        now += 100;
    }
    ck_assert_int_ge(now - 100 - start, waits[_i]);
    ck_assert_int_le(now - 100 - start, waits[_i] + RETRY_MS / 2);
    ck_assert_int_eq(json_integer_value(spec("leaseTransitions")), 8);
    ck_assert_str_eq(json_string_value(spec("acquireTime")), json_string_value(spec("renewTime")));
}
END_TEST

START_TEST(a_renewed_lease_is_not_taken)
{
    lead(a);
    for (int i = 0; i < 600; i++, now += 100) {
        (void)turn(a);
        (void)turn(b);
        ck_assert_int_eq(lease_role(b, now), LEASE_STANDBY);
    }
    int64_t died = now;
    while (lease_role(b, now) != LEASE_LEADER) {
        ck_assert_int_le(now - died, DURATION_MS + RETRY_MS);
        (void)turn(b);
        now += 100;
    }
    ck_assert_int_ge(now - died, DURATION_MS - RETRY_MS);
    ck_assert_int_eq(lease_role(a, now), LEASE_STANDBY);
}
END_TEST

/* By the clock alone, and counted from when the last good renewal was sent. */
START_TEST(a_leader_that_cannot_renew_stops)
{
    static const int statuses[] = {0, 500, 503, 429, 401, 403, 504};
    lead(a);
    int64_t renewed = now;
    unsigned tries = 0;
    for (; now < renewed + DEADLINE_MS; now += 50) {
        ck_assert_int_eq(lease_role(a, now), LEASE_LEADER);
        const struct lease_request *request = lease_next(a, now, WALL_US);
        if (request != NULL) {
            tries++;
            answer(a, statuses[_i]);
            ck_assert_str_ne(lease_trouble(a), "");
        }
        ck_assert_int_le(lease_deadline(a), renewed + DEADLINE_MS);
    }
    ck_assert_uint_ge(tries, 4);
    ck_assert_uint_le(tries, 6);
    ck_assert_int_eq(lease_role(a, now), LEASE_STANDBY);
    /* It holds the lease still, but leads again only when it is ready, and has renewed it. */
    (void)turn(a);
    ck_assert_int_eq(lease_role(a, now), LEASE_STANDBY);
    lease_ready(a, true);
    now += RETRY_MS;
    lead(a);
    ck_assert_str_eq(lease_trouble(a), "");
}
END_TEST

START_TEST(slow_answers_count_from_the_request)
{
    lead(a);
    now += RETRY_MS;
    int64_t sent = now;
    const struct lease_request *request = expect(a, "PUT");
    now += 7000; /* the last renewal is 9 s old */
    answer(a, serve(request));
    ck_assert_int_eq(lease_role(a, now), LEASE_LEADER);
    ck_assert_int_eq(lease_role(a, sent + DEADLINE_MS - 1), LEASE_LEADER);
    ck_assert_int_eq(lease_role(a, sent + DEADLINE_MS), LEASE_STANDBY);
}
END_TEST

START_TEST(an_answer_that_is_too_late_makes_no_leader)
{
    answer(a, serve(expect(a, "GET")));
    const struct lease_request *request = expect(a, "POST");
    now += DEADLINE_MS;
    answer(a, serve(request));
    ck_assert_str_eq(holder(), "a");
    ck_assert_int_eq(lease_role(a, now), LEASE_STANDBY);
    now += RETRY_MS;
    lead(a); /* by a renewal in time */
}
END_TEST

START_TEST(an_answer_after_the_end_of_the_term_makes_no_leader)
{
    lead(a);
    now += RETRY_MS;
    const struct lease_request *request = expect(a, "PUT");
    now += DEADLINE_MS - RETRY_MS;
    ck_assert_int_eq(lease_role(a, now), LEASE_STANDBY);
    answer(a, serve(request));
    ck_assert_int_eq(lease_role(a, now), LEASE_STANDBY);
}
END_TEST

/* As by anybody who edits the Lease: the leader reads it again and goes on. */
START_TEST(a_conflict_is_looked_into_at_once)
{
    lead(a);
    now += RETRY_MS;
    stamp(stored);
    ck_assert_uint_eq(turn(a), 3); /* PUT, GET, PUT */
    ck_assert_int_eq(lease_role(a, now), LEASE_LEADER);
    now += RETRY_MS;
    ck_assert_uint_eq(turn(a), 1);
}
END_TEST

START_TEST(conflicts_without_end_make_no_hot_loop)
{
    lead(a);
    unsigned requests = 0;
    for (int64_t end = now + DEADLINE_MS; now < end; now += 10) {
        const struct lease_request *request = lease_next(a, now, WALL_US);
        if (request != NULL) {
            requests++;
            answer(a, strcmp(request->method, "GET") == 0 ? 200 : 409);
        }
    }
    ck_assert_uint_le(requests, 2 * DEADLINE_MS / (RETRY_MS / 4));
    ck_assert_int_eq(lease_role(a, now), LEASE_STANDBY);
}
END_TEST

START_TEST(a_leader_that_finds_another_one_stops)
{
    lead(a);
    json_object_set_new(json_object_get(stored, "spec"), "holderIdentity", json_string("b"));
    stamp(stored);
    now += RETRY_MS;
    (void)turn(a);
    ck_assert_int_eq(lease_role(a, now), LEASE_STANDBY);
    ck_assert_str_eq(holder(), "b");
}
END_TEST

START_TEST(a_deleted_lease_is_made_again)
{
    lead(a);
    json_decref(stored);
    stored = NULL;
    now += RETRY_MS;
    (void)turn(a);
    ck_assert_int_eq(lease_role(a, now), LEASE_LEADER);
    ck_assert_str_eq(holder(), "a");
}
END_TEST

/* Of two that saw the same record one is refused. */
START_TEST(two_at_once)
{
    answer(a, serve(expect(a, "GET")));
    answer(b, serve(expect(b, "GET")));
    const struct lease_request *one = expect(a, "POST");
    const struct lease_request *two = expect(b, "POST");
    answer(b, serve(two));
    answer(a, serve(one));
    (void)turn(a);
    ck_assert_int_eq(lease_role(a, now), LEASE_STANDBY);
    ck_assert_int_eq(lease_role(b, now), LEASE_LEADER);
    ck_assert_str_eq(lease_holder(a), "b");
}
END_TEST

START_TEST(what_is_no_lease_is_trouble)
{
    static const char *const texts[] = {"",
                                        "{",
                                        "null",
                                        "[]",
                                        "{\"metadata\":7}",
                                        "{\"metadata\":{\"resourceVersion\":7}}",
                                        "{\"metadata\":{\"resourceVersion\":null}}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const struct lease_request *request = lease_next(a, now, WALL_US);
        ck_assert_ptr_nonnull(request);
        lease_answer(a, now, 200, texts[i], strlen(texts[i]));
        ck_assert_str_eq(lease_trouble(a), "the answer is not a Lease");
        ck_assert_int_gt(lease_deadline(a), now);
        now += RETRY_MS;
    }
    lead(a);
}
END_TEST

/* An empty Lease, as `kubectl create` makes one, belongs to nobody. Strange members hurt nobody. */
START_TEST(odd_leases_are_free)
{
    static const char *const texts[] = {
        "{\"kind\":\"Lease\",\"metadata\":{\"name\":\"phalanx\"}}",
        "{\"kind\":\"Lease\",\"metadata\":{\"name\":\"phalanx\"},\"spec\":null}",
        "{\"kind\":\"Lease\",\"metadata\":{\"name\":\"phalanx\",\"annotations\":7},\"spec\":{"
        "\"holderIdentity\":7,\"leaseTransitions\":\"x\"}}",
        "{\"kind\":\"Lease\",\"metadata\":{\"name\":\"phalanx\"},\"spec\":{\"holderIdentity\":\"\","
        "\"leaseDurationSeconds\":1}}"};
    store(texts[_i]);
    lead(a);
    ck_assert_str_eq(holder(), "a");
}
END_TEST

START_TEST(what_others_wrote_stays)
{
    store("{\"kind\":\"Lease\",\"metadata\":{\"name\":\"phalanx\",\"labels\":{\"x\":\"y\"},"
          "\"annotations\":{\"z\":\"1\"},\"managedFields\":[{}]},\"spec\":{\"strategy\":\"s\"}}");
    lead(a);
    const json_t *metadata = json_object_get(stored, "metadata");
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(metadata, "labels"), "x")),
                     "y");
    ck_assert_str_eq(
        json_string_value(json_object_get(json_object_get(metadata, "annotations"), "z")), "1");
    ck_assert_ptr_null(json_object_get(metadata, "managedFields"));
    ck_assert_str_eq(json_string_value(spec("strategy")), "s");
}
END_TEST

/* The process comes back under its name: nobody has to be waited for. */
START_TEST(the_same_identity_goes_on_at_once)
{
    lead(a);
    lease_destroy(a);
    a = make("a", 9);
    lease_ready(a, true);
    now += 100;
    lead(a);
    ck_assert_int_eq(json_integer_value(spec("leaseTransitions")), 0);
}
END_TEST

START_TEST(a_process_that_was_frozen_does_not_lead)
{
    lead(a);
    (void)turn(b);
    now += 3600000; /* both slept */
    ck_assert_int_eq(lease_role(a, now), LEASE_STANDBY);
    expect(a, "GET"); /* nothing is written on the strength of the past */
    answer(a, 200);
    /* b has to see the record again before it counts. */
    answer(b, serve(expect(b, "GET")));
    ck_assert_int_eq(lease_role(b, now), LEASE_STANDBY);
    answer(b, serve(expect(b, "PUT")));
    ck_assert_int_eq(lease_role(b, now), LEASE_LEADER);
}
END_TEST

/* The one that was asleep reads first, and what it reads has changed. */
START_TEST(a_sleeping_standby_does_not_count_its_sleep)
{
    lead(a);
    (void)turn(b);
    for (int64_t end = now + 60000; now < end; now += 100) {
        (void)turn(a);
    }
    (void)turn(b);
    ck_assert_int_eq(lease_role(b, now), LEASE_STANDBY);
    ck_assert_str_eq(holder(), "a");
}
END_TEST

START_TEST(leadership_follows_the_calls)
{
    lead(a);
    pass(5000);
    int64_t start = now;
    while (lease_role(b, now) != LEASE_LEADER) {
        ck_assert_int_le(now - start, 2 * RETRY_MS);
        lease_called(b, now);
        (void)turn(a);
        (void)turn(b);
        if (lease_role(a, now) == LEASE_YIELDING) {
            ck_assert_str_eq(holder(), "a");
            lease_let_go(a, now);
        }
        now += 50;
    }
    ck_assert_int_eq(lease_role(a, now), LEASE_STANDBY);
    ck_assert_str_eq(holder(), "b");
    ck_assert_int_eq(json_integer_value(spec("leaseTransitions")), 1);
    ck_assert_int_eq(json_integer_value(spec("leaseDurationSeconds")), 15);
    ck_assert_ptr_null(asked());
    pass(20000);
    ck_assert_int_eq(lease_role(b, now), LEASE_LEADER);
}
END_TEST

START_TEST(a_leader_that_is_called_goes_on)
{
    lead(a);
    for (int64_t end = now + 30000; now < end; now += 100) {
        lease_called(a, now);
        lease_called(b, now);
        (void)turn(a);
        (void)turn(b);
        ck_assert_int_eq(lease_role(a, now), LEASE_LEADER);
    }
    /* Nobody calls any more: what was asked in vain is forgotten. */
    for (int64_t end = now + 30000; now < end; now += 100) {
        lease_called(a, now);
        (void)turn(a);
        (void)turn(b);
    }
    ck_assert_ptr_null(asked());
}
END_TEST

START_TEST(a_standby_that_is_not_ready_does_not_ask)
{
    lead(a);
    lease_ready(b, false);
    for (int64_t end = now + 20000; now < end; now += 100) {
        lease_called(b, now);
        (void)turn(a);
        (void)turn(b);
        ck_assert_int_eq(lease_role(a, now), LEASE_LEADER);
    }
}
END_TEST

/* It goes on renewing while it finishes its commits, however long that takes. */
START_TEST(a_yielding_leader_keeps_the_lease)
{
    lead(a);
    pass(5000);
    lease_called(b, now);
    pass(3000);
    ck_assert_int_eq(lease_role(a, now), LEASE_YIELDING);
    pass(60000);
    ck_assert_int_eq(lease_role(a, now), LEASE_YIELDING);
    ck_assert_int_eq(lease_role(b, now), LEASE_STANDBY);
    lease_let_go(a, now);
    pass(3000);
    ck_assert_int_eq(lease_role(b, now), LEASE_LEADER);
    ck_assert_int_eq(lease_role(a, now), LEASE_STANDBY);
    /* And a, which is wound up now, may follow b again. */
    lease_ready(a, true);
    lease_stop(b, now);
    lease_let_go(b, now);
    pass(3000);
    ck_assert_int_eq(lease_role(a, now), LEASE_LEADER);
}
END_TEST

START_TEST(a_yielding_leader_that_cannot_renew_stops)
{
    lead(a);
    pass(5000);
    lease_called(b, now);
    pass(3000);
    ck_assert_int_eq(lease_role(a, now), LEASE_YIELDING);
    now += DEADLINE_MS;
    ck_assert_int_eq(lease_role(a, now), LEASE_STANDBY);
    lease_let_go(a, now); /* too late to matter */
    ck_assert_int_eq(lease_role(a, now), LEASE_STANDBY);
}
END_TEST

START_TEST(stopping_gives_the_lease_back)
{
    lead(a);
    pass(5000);
    lease_stop(a, now);
    ck_assert_int_eq(lease_role(a, now), LEASE_YIELDING);
    pass(5000);
    ck_assert_int_eq(lease_role(a, now), LEASE_YIELDING);
    lease_let_go(a, now);
    (void)turn(a);
    ck_assert_int_eq(lease_role(a, now), LEASE_ENDED);
    ck_assert_str_eq(holder(), "");
    ck_assert_int_eq(json_integer_value(spec("leaseDurationSeconds")), 1);
    ck_assert_int_eq(lease_deadline(a), INT64_MAX);
    int64_t start = now;
    while (lease_role(b, now) != LEASE_LEADER) {
        ck_assert_int_le(now - start, RETRY_MS);
        (void)turn(a);
        (void)turn(b);
        now += 50;
    }
    ck_assert_int_eq(json_integer_value(spec("leaseTransitions")), 1);
    ck_assert_int_eq(lease_role(a, now), LEASE_ENDED);
}
END_TEST

START_TEST(stopping_on_standby_is_the_end)
{
    lead(a);
    (void)turn(b);
    lease_stop(b, now);
    ck_assert_int_eq(lease_role(b, now), LEASE_ENDED);
    ck_assert_ptr_null(lease_next(b, now + 60000, WALL_US));
    /* One that has not asked for anything yet. */
    struct lease *c = make("c", 3);
    lease_stop(c, now);
    ck_assert_int_eq(lease_role(c, now), LEASE_ENDED);
    lease_destroy(c);
}
END_TEST

/* With a request under way: whatever it comes to, the lease is not left behind. */
START_TEST(stopping_while_taking_the_lease)
{
    static const struct {
        bool reaches;
        int status;
    } cases[] = {{true, 201}, {true, 0}, {false, 0}, {false, 503}, {false, 409}};
    answer(a, serve(expect(a, "GET")));
    const struct lease_request *request = expect(a, "POST");
    lease_stop(a, now);
    ck_assert_int_eq(lease_role(a, now), LEASE_STANDBY);
    if (cases[_i].reaches) {
        (void)serve(request);
    }
    answer(a, cases[_i].status);
    (void)turn(a);
    ck_assert_int_eq(lease_role(a, now), LEASE_ENDED);
    ck_assert(stored == NULL || strcmp(holder(), "") == 0);
}
END_TEST

START_TEST(stopping_while_looking)
{
    static const int statuses[] = {200, 404, 0, 500};
    store("{\"kind\":\"Lease\",\"metadata\":{\"name\":\"phalanx\"},\"spec\":{\"holderIdentity\":"
          "\"x\"}}");
    expect(a, "GET");
    lease_stop(a, now);
    answer(a, statuses[_i]);
    ck_assert_int_eq(lease_role(a, now), LEASE_ENDED);
}
END_TEST

START_TEST(stopping_without_an_api_server_ends_with_the_term)
{
    lead(a);
    lease_stop(a, now);
    lease_let_go(a, now);
    for (int64_t end = now + DEADLINE_MS; now < end; now += 100) {
        ck_assert_int_eq(lease_role(a, now), LEASE_YIELDING);
        if (lease_next(a, now, WALL_US) != NULL) {
            answer(a, 503);
        }
    }
    ck_assert_int_eq(lease_role(a, now), LEASE_ENDED);
}
END_TEST

/* Three processes in a bad network: requests and answers get lost or arrive late, processes freeze,
 * die, come back, and are called. Never do two lead, and when all is well again one does. */

#define CREW 3

struct sailor {
    struct lease *lease;
    struct lease_request request; /* under way */
    char *target;
    char *body;
    int64_t arrives; /* at the server; -1: done, or lost */
    int64_t returns; /* the answer, or the timeout */
    int status;
    char *answer;
    bool busy;
    int64_t frozen; /* until then */
    int64_t yields; /* when it will let go, -1 */
    bool gone;      /* it has: from then on it does nothing */
    int64_t winds_up;
};

static uint64_t dice;

static int64_t roll(int64_t sides)
{
    dice = dice * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)((dice >> 33) % (uint64_t)sides);
}

static void drop_request(struct sailor *sailor)
{
    free(sailor->target);
    free(sailor->body);
    free(sailor->answer);
    sailor->target = NULL;
    sailor->body = NULL;
    sailor->answer = NULL;
    sailor->busy = false;
}

static void sail(struct sailor *sailor, bool storm)
{
    if (sailor->busy && sailor->arrives >= 0 && now >= sailor->arrives) {
        sailor->arrives = -1; /* the server goes on while clients freeze or die */
        sailor->status = serve(&sailor->request);
        sailor->answer =
            sailor->status < 300 ? json_dumps(stored, 0) : alloc_string("{\"message\":\"no\"}");
    }
    if (now < sailor->frozen || sailor->lease == NULL) {
        return;
    }
    if (sailor->busy && now >= sailor->returns) {
        bool lost = sailor->answer == NULL || (storm && roll(10) == 0);
        lease_answer(sailor->lease, now, lost ? 0 : sailor->status, lost ? "" : sailor->answer,
                     lost ? 0 : strlen(sailor->answer));
        drop_request(sailor);
    }
    enum lease_role role = lease_role(sailor->lease, now);
    if (role == LEASE_YIELDING && sailor->yields < 0) {
        sailor->yields = now + roll(3000);
    } else if (role == LEASE_YIELDING && now >= sailor->yields) {
        lease_let_go(sailor->lease, now);
        sailor->gone = true;
    } else if (role == LEASE_STANDBY) {
        sailor->yields = -1;
        sailor->gone = false;
        if (sailor->winds_up < 0) {
            sailor->winds_up = now + roll(200);
        } else if (now >= sailor->winds_up) {
            lease_ready(sailor->lease, true);
        }
    } else {
        sailor->winds_up = -1;
    }
    const struct lease_request *request = lease_next(sailor->lease, now, WALL_US + now * 1000);
    if (request != NULL) {
        sailor->request = *request;
        sailor->target = alloc_string(request->target);
        sailor->body = alloc_string(request->body);
        sailor->request.target = sailor->target;
        sailor->request.body = sailor->body;
        sailor->busy = true;
        int64_t there = storm ? roll(roll(8) == 0 ? 9000 : 300) : 5;
        bool lost = storm && roll(8) == 0;
        sailor->arrives = lost ? -1 : now + there;
        sailor->returns = now + there + (storm ? roll(roll(8) == 0 ? 9000 : 300) : 5);
        if (lost || sailor->returns > now + request->timeout_ms) {
            sailor->returns = now + request->timeout_ms;
        }
    }
}

static void weather(struct sailor *sailor, const char *name)
{
    if (sailor->lease == NULL) {
        if (roll(100) == 0) {
            sailor->lease = make(name, (uint64_t)roll(1 << 30));
            sailor->gone = false;
            sailor->yields = -1;
            sailor->winds_up = now + roll(2000);
        }
    } else if (roll(1500) == 0) {
        lease_destroy(sailor->lease); /* what it sent may still arrive */
        sailor->lease = NULL;
        if (sailor->arrives < 0) {
            drop_request(sailor);
        }
    } else if (roll(1000) == 0) {
        sailor->frozen = now + roll(40000);
    } else if (now >= sailor->frozen && roll(40) == 0) {
        lease_called(sailor->lease, now);
    }
}

START_TEST(at_most_one_leads_in_any_weather)
{
    struct sailor crew[CREW];
    memset(crew, 0, sizeof crew);
    unsigned terms = 0;
    int last = -1;
    dice = (uint64_t)_i * 2654435761u + 17;
    for (int64_t end = now + 1800000; now < end; now += 20) {
        int leader = -1;
        bool storm = end - now > 120000;
        for (int i = 0; i < CREW; i++) {
            char name[32];
            /* A process that comes back has the identity of the one before, or a new one. */
            (void)snprintf(name, sizeof name, "s%d-%d", i, (int)(now / 1000 % 2));
            if (storm) {
                weather(&crew[i], name);
            } else if (crew[i].lease == NULL && !crew[i].busy) {
                crew[i].lease = make(name, 5);
            } else if (crew[i].lease == NULL && crew[i].arrives < 0) {
                drop_request(&crew[i]);
            }
            sail(&crew[i], storm);
            /* A frozen one does nothing, whatever it thinks: it looks at the clock first. */
            if (crew[i].lease != NULL) {
                enum lease_role role = lease_role(crew[i].lease, now);
                if (role == LEASE_LEADER || (role == LEASE_YIELDING && !crew[i].gone)) {
                    ck_assert_msg(leader < 0, "seed %d: %d and %d lead", _i, leader, i);
                    leader = i;
                }
            }
        }
        terms += leader >= 0 && leader != last;
        last = leader >= 0 ? leader : last;
        if (end - now <= 20) {
            ck_assert_msg(leader >= 0, "seed %d: nobody leads in good weather", _i);
        }
    }
    ck_assert_uint_gt(terms, 3);
    for (int i = 0; i < CREW; i++) {
        drop_request(&crew[i]);
        lease_destroy(crew[i].lease);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/kube/lease");
    TCase *lease = tcase_create("lease");
    tcase_add_checked_fixture(lease, setup, teardown);
    tcase_add_test(lease, the_first_one_makes_the_lease);
    tcase_add_test(lease, who_is_not_ready_only_looks);
    tcase_add_loop_test(lease, a_silent_holder_is_waited_for, 0, 4);
    tcase_add_test(lease, a_renewed_lease_is_not_taken);
    tcase_add_loop_test(lease, a_leader_that_cannot_renew_stops, 0, 7);
    tcase_add_test(lease, slow_answers_count_from_the_request);
    tcase_add_test(lease, an_answer_that_is_too_late_makes_no_leader);
    tcase_add_test(lease, an_answer_after_the_end_of_the_term_makes_no_leader);
    tcase_add_test(lease, a_conflict_is_looked_into_at_once);
    tcase_add_test(lease, conflicts_without_end_make_no_hot_loop);
    tcase_add_test(lease, a_leader_that_finds_another_one_stops);
    tcase_add_test(lease, a_deleted_lease_is_made_again);
    tcase_add_test(lease, two_at_once);
    tcase_add_test(lease, what_is_no_lease_is_trouble);
    tcase_add_loop_test(lease, odd_leases_are_free, 0, 4);
    tcase_add_test(lease, what_others_wrote_stays);
    tcase_add_test(lease, the_same_identity_goes_on_at_once);
    tcase_add_test(lease, a_process_that_was_frozen_does_not_lead);
    tcase_add_test(lease, a_sleeping_standby_does_not_count_its_sleep);
    suite_add_tcase(suite, lease);
    TCase *over = tcase_create("hand-over");
    tcase_add_checked_fixture(over, setup, teardown);
    tcase_add_test(over, leadership_follows_the_calls);
    tcase_add_test(over, a_leader_that_is_called_goes_on);
    tcase_add_test(over, a_standby_that_is_not_ready_does_not_ask);
    tcase_add_test(over, a_yielding_leader_keeps_the_lease);
    tcase_add_test(over, a_yielding_leader_that_cannot_renew_stops);
    tcase_add_test(over, stopping_gives_the_lease_back);
    tcase_add_test(over, stopping_on_standby_is_the_end);
    tcase_add_loop_test(over, stopping_while_taking_the_lease, 0, 5);
    tcase_add_loop_test(over, stopping_while_looking, 0, 4);
    tcase_add_test(over, stopping_without_an_api_server_ends_with_the_term);
    suite_add_tcase(suite, over);
    TCase *storm = tcase_create("storm");
    tcase_add_checked_fixture(storm, setup, teardown);
    tcase_add_loop_test(storm, at_most_one_leads_in_any_weather, 0, 20);
    suite_add_tcase(suite, storm);
    return check_main(suite);
}
