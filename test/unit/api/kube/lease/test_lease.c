// SPDX-License-Identifier: Apache-2.0
#include "api/kube/lease/lease.h"

#include "test/unit/api/kube/lease/bed.h"
#include "test/unit/check_main.h"

/* Lease machines against a Lease in memory, on a clock that the test moves. */

START_TEST(the_first_one_makes_the_lease)
{
    ck_assert_int_eq(lease_role(a, now), LEASE_STANDBY);
    const struct lease_request *request = expect(a, "GET");
    ck_assert_str_eq(request->target, TARGET);
    ck_assert_int_eq(request->timeout_ms, DEADLINE_MS / 2);
    answer(a, serve(request));
    answer(a, serve(expect(a, "POST")));
    ck_assert_int_eq(lease_role(a, now), LEASE_STANDBY); /* there may have been a Lease before */
    ck_assert_int_eq(lease_deadline(a), now + SETTLE_MS);
    ck_assert_str_eq(holder(), "a");
    ck_assert_str_eq(lease_holder(a), "a");
    ck_assert_int_eq(json_integer_value(spec("leaseDurationSeconds")), 15);
    ck_assert_int_eq(json_integer_value(spec("leaseTransitions")), 0);
    ck_assert_str_eq(json_string_value(spec("renewTime")), "2026-11-21T12:00:00.123456Z");
    ck_assert_str_eq(json_string_value(spec("acquireTime")), "2026-11-21T12:00:00.123456Z");
    now += SETTLE_MS - 1;
    ck_assert_ptr_null(lease_next(a, now, WALL_US));
    now++;
    answer(a, serve(expect(a, "PUT")));
    ck_assert_int_eq(lease_role(a, now), LEASE_LEADER);
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
    while (strcmp(holder(), "a") != 0) {
        ck_assert_int_le(now - start, waits[_i] + RETRY_MS);
        ck_assert_int_lt(turn(a), 3);
        now += 100;
    }
    ck_assert_int_ge(now - 100 - start, waits[_i]);
    ck_assert_int_le(now - 100 - start, waits[_i] + RETRY_MS / 2);
    ck_assert_int_eq(json_integer_value(spec("leaseTransitions")), 8);
    ck_assert_int_eq(lease_role(a, now), LEASE_STANDBY);
    ck_assert_str_eq(json_string_value(spec("acquireTime")), json_string_value(spec("renewTime")));
    lead(a);
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

/* The holder may have renewed at any time before the answer came. */
START_TEST(a_record_counts_from_the_answer_that_showed_it)
{
    store("{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\",\"metadata\":{"
          "\"name\":\"phalanx\"},\"spec\":{\"holderIdentity\":\"other\","
          "\"leaseDurationSeconds\":15}}");
    const struct lease_request *request = expect(a, "GET");
    now += 4000;
    int64_t seen = now;
    answer(a, serve(request));
    while (lease_role(a, now) != LEASE_LEADER) {
        ck_assert_int_le(now - seen, DURATION_MS + RETRY_MS);
        (void)turn(a);
        now += 100;
    }
    ck_assert_int_ge(now - 100 - seen, DURATION_MS);
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
    ck_assert_str_eq(lease_holder(a), "b");
    lead(b);
    (void)turn(a);
    ck_assert_int_eq(lease_role(a, now), LEASE_STANDBY);
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
    ck_assert_int_eq(lease_role(b, now), LEASE_STANDBY); /* not yet: see test_lease_fence.c */
    lead(b);
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

int main(void)
{
    Suite *suite = suite_create("api/kube/lease/lease");
    TCase *lease = tcase_create("lease");
    tcase_add_checked_fixture(lease, setup, teardown);
    tcase_add_test(lease, the_first_one_makes_the_lease);
    tcase_add_test(lease, who_is_not_ready_only_looks);
    tcase_add_loop_test(lease, a_silent_holder_is_waited_for, 0, 4);
    tcase_add_test(lease, a_renewed_lease_is_not_taken);
    tcase_add_loop_test(lease, a_leader_that_cannot_renew_stops, 0, 7);
    tcase_add_test(lease, slow_answers_count_from_the_request);
    tcase_add_test(lease, a_record_counts_from_the_answer_that_showed_it);
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
    return check_main(suite);
}
