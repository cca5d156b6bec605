// SPDX-License-Identifier: Apache-2.0
/* Callers that hang up at the barrier: their vote goes at once, and nobody is answered twice. */
#include "api/daemon/calls.h"

#include "test/unit/api/daemon/bed.h"

static struct core_bed *bed;
static char nodes[2][64];

static void setup(void)
{
    bed = core_bed_create();
    core_bed_node(bed, "n0");
    core_bed_node(bed, "n1");
    core_bed_synced(bed);
    core_bed_pod(bed, "p0", "g", 2);
    core_bed_pod(bed, "p1", "g", 2);
    snprintf(nodes[0], sizeof(nodes[0]), "%s", core_bed_planned(bed, "g", "p0"));
    snprintf(nodes[1], sizeof(nodes[1]), "%s", core_bed_planned(bed, "g", "p1"));
}

static void teardown(void)
{
    core_bed_destroy(bed);
}

static void expect_bound(struct client *client)
{
    char answer[1000];
    ck_assert_uint_eq(client_answer(&bed->http, client, answer), 200);
    ck_assert_str_eq(body_of(answer), "{\"Error\":\"\"}");
    client_close(client);
}

/* The two votes never stand in the barrier at the same time until the first has voted again. */
START_TEST(a_vote_goes_with_its_caller)
{
    struct client first, second, again;
    core_bed_bind(bed, &first, "p0", nodes[0]);
    ck_assert_uint_eq(core_bed_figures(bed).waiting_binds, 1);
    client_close(&first);
    BED_UNTIL(&bed->http, calls_waiting(bed->calls) == 0);
    ck_assert_uint_eq(core_bed_figures(bed).waiting_binds, 0);
    ck_assert_uint_eq(core_bed_figures(bed).holds, 2); /* the plan stands */
    ck_assert(core_bed_counts(bed, "{verb=\"bind\",code=\"499\"} 1\n"));
    ck_assert(core_bed_logged(bed, "hung up"));

    core_bed_bind(bed, &second, "p1", nodes[1]);
    ck_assert_uint_eq(bed->write_count, 0);
    core_bed_bind(bed, &again, "p0", nodes[0]);
    ck_assert_uint_eq(bed->write_count, 2);
    core_bed_binding_done(bed, "p0", nodes[0]);
    core_bed_binding_done(bed, "p1", nodes[1]);
    expect_bound(&second);
    expect_bound(&again);
    BED_UNTIL(&bed->http, http_server_connections(bed->http.server) == 0);
}
END_TEST

/* Once the bindings are posted nothing is taken back; the outcome just has no one to go to. */
START_TEST(a_binding_under_way_goes_on)
{
    struct client first, second;
    core_bed_bind(bed, &first, "p0", nodes[0]);
    core_bed_bind(bed, &second, "p1", nodes[1]);
    ck_assert_uint_eq(bed->write_count, 2);
    client_close(&first);
    BED_UNTIL(&bed->http, calls_waiting(bed->calls) == 1);
    core_bed_binding_done(bed, "p0", nodes[0]);
    core_bed_binding_done(bed, "p1", nodes[1]);
    expect_bound(&second);
    ck_assert_uint_eq(core_bed_figures(bed).gangs[GANG_PLACED], 1);
    ck_assert_uint_eq(calls_waiting(bed->calls), 0);
}
END_TEST

/* The answer comes first: then the hang-up is no news. */
START_TEST(an_answer_in_the_same_turn)
{
    struct client first;
    core_bed_bind(bed, &first, "p0", nodes[0]);
    client_close(&first);
    struct event gone = {.type = EVENT_POD_GONE, .pod_uid = "p0"};
    core_apply(bed->core, &gone);
    ck_assert_uint_eq(calls_waiting(bed->calls), 0);
    BED_UNTIL(&bed->http, http_server_connections(bed->http.server) == 0);
    ck_assert(!core_bed_counts(bed, "code=\"499\""));
}
END_TEST

/* kube-scheduler tries again before its old call is missed: the old one is answered by the new. */
START_TEST(a_second_call_before_the_first_is_missed)
{
    struct client first, again, second;
    core_bed_bind(bed, &first, "p0", nodes[0]);
    core_bed_bind(bed, &second, "p0", nodes[0]);
    client_close(&first);
    BED_UNTIL(&bed->http, calls_waiting(bed->calls) == 1);
    ck_assert_uint_eq(core_bed_figures(bed).waiting_binds, 1); /* of the second call */
    core_bed_bind(bed, &again, "p1", nodes[1]);
    ck_assert_uint_eq(bed->write_count, 2);
    core_bed_binding_done(bed, "p0", nodes[0]);
    core_bed_binding_done(bed, "p1", nodes[1]);
    expect_bound(&second);
    expect_bound(&again);
}
END_TEST

/* All at once, and the daemon stops before it could look. */
START_TEST(all_hang_up_while_it_stops)
{
    struct client first;
    core_bed_bind(bed, &first, "p0", nodes[0]);
    client_close(&first);
    calls_fail_all(bed->calls, "Phalanx is stopping");
    ck_assert_uint_eq(calls_waiting(bed->calls), 0);
    BED_UNTIL(&bed->http, http_server_connections(bed->http.server) == 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/daemon/calls");
    TCase *tcase = tcase_create("calls");
    tcase_set_timeout(tcase, 2 * BED_WAIT_SECONDS);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_vote_goes_with_its_caller);
    tcase_add_test(tcase, a_binding_under_way_goes_on);
    tcase_add_test(tcase, an_answer_in_the_same_turn);
    tcase_add_test(tcase, a_second_call_before_the_first_is_missed);
    tcase_add_test(tcase, all_hang_up_while_it_stops);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
