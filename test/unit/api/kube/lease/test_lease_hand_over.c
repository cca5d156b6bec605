// SPDX-License-Identifier: Apache-2.0
#include "api/kube/lease/lease.h"

#include "test/unit/api/kube/lease/bed.h"
#include "test/unit/check_main.h"

/* How a lease changes hands while its holder lives: asked for, or given back at the end. */

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

/* Who takes a lease that was given back does not wait, nor know of what is still on its way. */
START_TEST(stopping_with_something_unresolved)
{
    answer(a, serve(expect(a, "GET")));
    const struct lease_request *request = expect(a, "POST");
    lease_unresolved(a, true);
    lease_stop(a, now);
    (void)serve(request);
    answer(a, _i == 0 ? 201 : 0);
    (void)turn(a);
    ck_assert_int_eq(lease_role(a, now), LEASE_ENDED);
    ck_assert_str_eq(holder(), "a");
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

int main(void)
{
    Suite *suite = suite_create("api/kube/lease/lease handed over");
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
    tcase_add_loop_test(over, stopping_with_something_unresolved, 0, 2);
    tcase_add_loop_test(over, stopping_while_looking, 0, 4);
    tcase_add_test(over, stopping_without_an_api_server_ends_with_the_term);
    suite_add_tcase(suite, over);
    return check_main(suite);
}
