// SPDX-License-Identifier: Apache-2.0
#include "api/kube/lease/lease.h"

#include "test/unit/api/kube/lease/bed.h"
#include "test/unit/check_main.h"

/* Who may write, and when: docs/failover.md. And a lease that is taken before it has run out. */

static const char *annotation(const char *name)
{
    const json_t *metadata = json_object_get(stored, "metadata");
    return json_string_value(json_object_get(json_object_get(metadata, "annotations"), name));
}

static void expect_closed(struct lease *lease)
{
    ck_assert_int_le(lease_fence(lease, now), now);
}

START_TEST(a_standby_may_not_write)
{
    expect_closed(a);
    lead(a);
    ck_assert_int_eq(lease_fence(a, now), now + FLIGHT_MS);
    (void)turn(b);
    expect_closed(b);
    lease_write_soon(b, now);
    ck_assert_uint_eq(turn(b), 0);
}
END_TEST

/* A flight is over when the look it rests on is old, and begins with another look. */
START_TEST(a_flight_begins_with_a_look)
{
    lead(a);
    now += FLIGHT_MS;
    expect_closed(a);
    ck_assert_int_eq(lease_role(a, now), LEASE_LEADER);
    ck_assert_ptr_null(lease_next(a, now, WALL_US)); /* nobody wants to write */
    lease_write_soon(a, now);
    const struct lease_request *request = expect(a, "GET");
    int64_t sent = now;
    now += 50;
    expect_closed(a);
    answer(a, serve(request));
    ck_assert_int_eq(lease_fence(a, now), sent + FLIGHT_MS); /* counted from when it was sent */
    lease_write_soon(a, now);
    ck_assert_ptr_null(lease_next(a, now, WALL_US));
    now = sent + FLIGHT_MS / 2 + 1; /* in good time, so that a long flight goes on */
    lease_write_soon(a, now);
    answer(a, serve(expect(a, "GET")));
    ck_assert_int_eq(lease_fence(a, now), now + FLIGHT_MS);
    /* Renewals go on as ever, and are looks, too. */
    for (int64_t end = now + 20000; now < end; now += 10) {
        lease_write_soon(a, now);
        (void)turn(a);
        ck_assert_int_gt(lease_fence(a, now), now);
    }
    ck_assert_int_eq(lease_role(a, now), LEASE_LEADER);
}
END_TEST

START_TEST(no_flight_outlasts_the_term)
{
    lead(a);
    int64_t renewed = now;
    for (; now < renewed + DEADLINE_MS + 1000; now += 10) {
        lease_write_soon(a, now);
        const struct lease_request *request = lease_next(a, now, WALL_US);
        if (request != NULL) { /* looks succeed, renewals do not */
            answer(a, strcmp(request->method, "GET") == 0 ? 200 : 500);
        }
        ck_assert_int_le(lease_fence(a, now),
                         now < renewed + DEADLINE_MS ? renewed + DEADLINE_MS : now);
    }
}
END_TEST

/* Deposed without knowing it: its flight ends before the other one leads, by FLIGHT_SLACK_MS. */
START_TEST(a_taker_waits_for_the_flight_of_the_one_before)
{
    lead(a);
    (void)turn(b);
    now += 1000;
    lease_write_soon(a, now);
    answer(a, serve(expect(a, "GET")));
    int64_t fence = lease_fence(a, now);
    lease_holder_ended(b, "a", now); /* a mistake: a lives */
    now += 1;
    (void)turn(b);
    ck_assert_str_eq(holder(), "b");
    ck_assert_int_eq(lease_role(b, now), LEASE_STANDBY);
    while (lease_role(b, now) != LEASE_LEADER) {
        expect_closed(b);
        ck_assert_int_lt(now, fence + 1000);
        (void)turn(b);
        now += 10;
    }
    ck_assert_int_ge(now, fence + 350);
    ck_assert_int_eq(lease_role(a, now), LEASE_LEADER); /* it thinks so, */
    expect_closed(a);                                   /* but may not write */
    lease_write_soon(a, now);
    (void)turn(a); /* and finds out before it could */
    ck_assert_int_eq(lease_role(a, now), LEASE_STANDBY);
    expect_closed(a);
}
END_TEST

START_TEST(the_lease_of_the_dead_is_not_waited_for)
{
    lead(a);
    (void)turn(b);
    now += RETRY_MS + 10;
    (void)turn(a); /* a renewal that b has not seen */
    int64_t died = now;
    lease_holder_ended(b, "a", now);
    while (lease_role(b, now) != LEASE_LEADER) {
        ck_assert_int_lt(now - died, 1000);
        (void)turn(b);
        now += 10;
    }
    ck_assert_int_ge(now - died, SETTLE_MS);
    ck_assert_int_eq(json_integer_value(spec("leaseTransitions")), 1);
}
END_TEST

/* The last renewal of the dead arrives between the look and the write. */
START_TEST(a_last_word_of_the_dead_is_looked_at)
{
    lead(a);
    (void)turn(b);
    now += RETRY_MS;
    const struct lease_request *last = expect(a, "PUT");
    lease_holder_ended(b, "a", now);
    now += 50;
    answer(b, serve(expect(b, "GET")));
    ck_assert_int_eq(serve(last), 200);
    answer(b, serve(expect(b, "PUT"))); /* 409 */
    ck_assert_str_eq(holder(), "a");
    lead(b);
    ck_assert_str_eq(holder(), "b");
}
END_TEST

START_TEST(only_the_holder_can_end)
{
    lead(a);
    (void)turn(b);
    lease_holder_ended(b, "c", now); /* the one before, or nobody */
    lease_holder_ended(a, "a", now);
    pass(20000);
    ck_assert_str_eq(holder(), "a");
    lease_holder_ended(b, "a", now);
    lease_holder_lives(b); /* it was started again */
    pass(20000);
    ck_assert_str_eq(holder(), "a");
    ck_assert_int_eq(json_integer_value(spec("leaseTransitions")), 0);
}
END_TEST

/* What is known of a process in one term is nothing in another. */
START_TEST(who_ended_once_may_lead_again)
{
    lead(a);
    (void)turn(b);
    lease_ready(b, false);
    lease_holder_ended(b, "a", now);
    pass(3000);
    json_object_set_new(json_object_get(stored, "spec"), "leaseTransitions", json_integer(2));
    stamp(stored); /* somebody led in between */
    lease_destroy(a);
    a = make("a", 3);
    lease_ready(a, true);
    lead(a);
    pass(3000);
    lease_ready(b, true);
    pass(20000);
    ck_assert_str_eq(holder(), "a");
}
END_TEST

START_TEST(who_cannot_lead_does_not_take)
{
    lead(a);
    (void)turn(b);
    lease_ready(b, false);
    lease_holder_ended(b, "a", now);
    for (int64_t end = now + 5000; now < end; now += 100) {
        (void)turn(b);
    }
    ck_assert_str_eq(holder(), "a");
    lease_ready(b, true);
    lead(b);
}
END_TEST

/* A term that another one has followed is over, even if the lease is ours again. */
START_TEST(a_term_is_one_generation)
{
    lead(a);
    json_object_set_new(json_object_get(stored, "spec"), "leaseTransitions", json_integer(2));
    stamp(stored);
    now += FLIGHT_MS;
    lease_write_soon(a, now);
    (void)turn(a);
    ck_assert_int_eq(lease_role(a, now), LEASE_STANDBY);
    lease_ready(a, true);
    lead(a);
}
END_TEST

/* `kubectl delete lease`: the old leader stops within its flight, the new one settles. */
START_TEST(deleting_the_lease_makes_no_two_leaders)
{
    lead(a);
    (void)turn(b);
    now += 1000;
    lease_write_soon(a, now);
    (void)turn(a);
    json_decref(stored);
    stored = NULL;
    int64_t deleted = now;
    lease_look(b, now);
    now += 60;
    (void)turn(b);
    ck_assert_str_eq(holder(), "b");
    while (lease_role(b, now) != LEASE_LEADER) {
        ck_assert_int_lt(now - deleted, 2000);
        lease_write_soon(a, now);
        (void)turn(a);
        (void)turn(b);
        now += 10;
    }
    expect_closed(a);
    ck_assert_int_eq(lease_role(a, now), LEASE_STANDBY);
}
END_TEST

/* Every request takes that long: a promise that lasts is written first, then counted on. */
START_TEST(a_slow_server_makes_longer_flights)
{
    const int64_t took = 1000;
    unsigned open = 0;
    unsigned requests = 0;
    lead(a);
    (void)turn(b);
    for (int64_t end = now + 60000; now < end;) {
        lease_write_soon(a, now);
        const struct lease_request *request = lease_next(a, now, WALL_US);
        if (request == NULL) {
            now += 10;
            continue;
        }
        int status = serve(request);
        now += took;
        answer(a, status);
        requests++;
        open += lease_fence(a, now) > now;
    }
    ck_assert_uint_ge(open + 3, requests); /* only the first ones came too late */
    ck_assert_str_eq(annotation("phalanx.dev/lease-flight"), "4000");
    /* Whoever takes the lease now waits that long. */
    lease_holder_ended(b, "a", now);
    int64_t start = now;
    while (lease_role(b, now) != LEASE_LEADER) {
        ck_assert_int_lt(now - start, 5000);
        (void)turn(b);
        now += 10;
    }
    ck_assert_int_ge(now - start, 4000 + 350);
    ck_assert_ptr_null(annotation("phalanx.dev/lease-flight")); /* b found it quick */
}
END_TEST

/* A shorter promise may have been read by others although its answer was lost. */
START_TEST(less_counts_from_when_it_is_sent)
{
    lead(a);
    now += RETRY_MS;
    while (lease_fence(a, now) < now + 2000) { /* slow */
        lease_write_soon(a, now);
        const struct lease_request *request = lease_next(a, now, WALL_US);
        ck_assert_ptr_nonnull(request);
        int status = serve(request);
        now += 1000;
        answer(a, status);
    }
    ck_assert_int_ge(lease_fence(a, now), now + 2000);
    now += RETRY_MS;
    answer(a, serve(expect(a, "PUT"))); /* quick again */
    ck_assert_int_eq(lease_fence(a, now), now + 4000);
    now += RETRY_MS;
    const struct lease_request *request = expect(a, "PUT");
    expect_closed(a);
    ck_assert_int_eq(serve(request), 200);
    answer(a, 0); /* lost */
    expect_closed(a);
}
END_TEST

START_TEST(an_address_is_told_while_the_lease_is_held)
{
    lease_set_address(a, "10.0.0.1:7");
    lease_set_address(b, "10.0.0.2:7");
    lead(a);
    ck_assert_str_eq(annotation("phalanx.dev/lease-address"), "10.0.0.1:7");
    ck_assert_str_eq(lease_holder_address(a), ""); /* its own */
    (void)turn(b);
    ck_assert_str_eq(lease_holder_address(b), "10.0.0.1:7");
    lease_stop(a, now);
    lease_let_go(a, now);
    (void)turn(a);
    ck_assert_ptr_null(annotation("phalanx.dev/lease-address"));
    ck_assert_uint_eq(lease_news(a), 1); /* which the others should look at */
    lease_look(b, now + 60);
    now += 60;
    ck_assert_uint_gt(turn(b), 0);
    ck_assert_int_eq(lease_role(b, now), LEASE_LEADER); /* it was given: nothing to wait for */
    ck_assert_str_eq(annotation("phalanx.dev/lease-address"), "10.0.0.2:7");
}
END_TEST

/* However often somebody says that there is news. */
START_TEST(looks_are_bounded)
{
    unsigned requests = 0;
    lead(a);
    (void)turn(b);
    for (int64_t end = now + 10000; now < end; now++) {
        lease_look(a, now);
        lease_look(b, now);
        requests += turn(a) + turn(b);
    }
    ck_assert_uint_le(requests, 2 * 10000 / 50 + 20);
    ck_assert_str_eq(holder(), "a");
}
END_TEST

START_TEST(odd_promises)
{
    static const char *const texts[] = {"\"x\"",  "\"-5\"", "\"\"", "7", "\"99999999999999999999\"",
                                        "\"1e3\""};
    static const int64_t waits[] = {550, 550, 550, 550, 15350, 550};
    char text[512];
    (void)snprintf(text, sizeof text,
                   "{\"kind\":\"Lease\",\"metadata\":{\"name\":\"phalanx\",\"annotations\":{"
                   "\"phalanx.dev/lease-flight\":%s}},\"spec\":{\"holderIdentity\":\"dead\","
                   "\"leaseDurationSeconds\":15}}",
                   texts[_i]);
    store(text);
    (void)turn(a);
    lease_holder_ended(a, "dead", now);
    now += 60;
    (void)turn(a);
    ck_assert_str_eq(holder(), "a");
    int64_t start = now;
    while (lease_role(a, now) != LEASE_LEADER) {
        (void)turn(a);
        ck_assert_int_le(now - start, waits[_i]);
        now += 10;
    }
    ck_assert_int_ge(now - start, waits[_i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/kube/lease/lease, who may write");
    TCase *lease = tcase_create("fence");
    tcase_add_checked_fixture(lease, setup, teardown);
    tcase_add_test(lease, a_standby_may_not_write);
    tcase_add_test(lease, a_flight_begins_with_a_look);
    tcase_add_test(lease, no_flight_outlasts_the_term);
    tcase_add_test(lease, a_taker_waits_for_the_flight_of_the_one_before);
    tcase_add_test(lease, the_lease_of_the_dead_is_not_waited_for);
    tcase_add_test(lease, a_last_word_of_the_dead_is_looked_at);
    tcase_add_test(lease, only_the_holder_can_end);
    tcase_add_test(lease, who_ended_once_may_lead_again);
    tcase_add_test(lease, who_cannot_lead_does_not_take);
    tcase_add_test(lease, a_term_is_one_generation);
    tcase_add_test(lease, deleting_the_lease_makes_no_two_leaders);
    tcase_add_test(lease, a_slow_server_makes_longer_flights);
    tcase_add_test(lease, less_counts_from_when_it_is_sent);
    tcase_add_test(lease, an_address_is_told_while_the_lease_is_held);
    tcase_add_test(lease, looks_are_bounded);
    tcase_add_loop_test(lease, odd_promises, 0, 6);
    suite_add_tcase(suite, lease);
    return check_main(suite);
}
