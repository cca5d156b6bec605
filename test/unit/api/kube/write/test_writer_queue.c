// SPDX-License-Identifier: Apache-2.0
#include "api/kube/write/writer.h"

#include <stdio.h>
#include <string.h>

#include "api/base/clock.h"
#include "test/unit/api/kube/write/writer_fixture.h"
#include "test/unit/check_main.h"

/* Which write is sent when, and which is never sent. */

/* With the one connection busy, only the last of several nominations is ever sent. */
START_TEST(newest_nomination_wins_in_the_queue)
{
    begin(1, 10000);
    put_pod(1, "u1", NULL);
    put_pod(2, "u2", NULL);
    fake_api_mishap(api, &(struct fake_mishap){.match = "/binding", .times = 1, .hold = true});
    submit(EFFECT_POST_BINDING, 1, "u1", "n");
    drive_until("/binding", 1);
    submit(EFFECT_NOMINATE, 2, "u2", "a");
    submit(EFFECT_EXPLAIN, 2, "u2", NULL); /* something else: both are sent */
    submit(EFFECT_NOMINATE, 2, "u2", "b");
    submit(EFFECT_NOMINATE, 2, "u2", "c");
    ck_assert_uint_eq(figures().waiting, 3);
    fake_api_release(api);
    drive();
    ck_assert_str_eq(outcomes, "B u1 n done\nN u2 c done\n");
    ck_assert_uint_eq(fake_api_count(api, "PATCH"), 2);
    finish();
}
END_TEST

/* While one is under way the next waits, so that the last word is the newest. */
START_TEST(newest_nomination_wins_on_the_wire)
{
    begin(8, 10000);
    put_pod(1, "u", NULL);
    fake_api_mishap(api, &(struct fake_mishap){.match = "/status", .times = 1, .hold = true});
    submit(EFFECT_NOMINATE, 1, "u", "a");
    drive_until("PATCH", 1);
    submit(EFFECT_NOMINATE, 1, "u", "b");
    submit(EFFECT_NOMINATE, 1, "u", "c");
    turn();
    ck_assert_uint_eq(fake_api_count(api, "PATCH"), 1);
    fake_api_release(api);
    drive();
    ck_assert_str_eq(outcomes, "N u a done\nN u c done\n");
    ck_assert_uint_eq(fake_api_count(api, "PATCH"), 2);
    expect_member(1, "status", "nominatedNodeName", "c");
    finish();
}
END_TEST

/* What waits in delay is replaced too. */
START_TEST(newest_nomination_wins_after_a_failure)
{
    begin(8, 10000);
    put_pod(1, "u", NULL);
    fake_api_mishap(api,
                    &(struct fake_mishap){
                        .match = "/status", .times = 1, .status = 500, .headers = "", .body = ""});
    submit(EFFECT_NOMINATE, 1, "u", "a");
    int64_t end = clock_ms() + PATIENCE_MS;
    while (figures().retries == 0) {
        ck_assert(clock_ms() < end);
        turn();
    }
    submit(EFFECT_NOMINATE, 1, "u", "b");
    drive();
    ck_assert_str_eq(outcomes, "N u b done\n");
    expect_member(1, "status", "nominatedNodeName", "b");
    finish();
}
END_TEST

START_TEST(binding_overtakes_nomination)
{
    begin(1, 10000);
    put_pod(1, "u1", NULL);
    put_pod(2, "u2", NULL);
    fake_api_mishap(api, &(struct fake_mishap){.match = "/binding", .times = 1, .hold = true});
    submit(EFFECT_POST_BINDING, 1, "u1", "n");
    drive_until("/binding", 1);
    submit(EFFECT_NOMINATE, 2, "u2", "n");
    submit(EFFECT_EXPLAIN, 2, "u2", NULL);
    submit(EFFECT_POST_BINDING, 2, "u2", "n");
    fake_api_release(api);
    drive();
    ck_assert_str_eq(outcomes, "B u1 n done\nB u2 n done\n");
    ck_assert_uint_eq(fake_api_count(api, "PATCH"), 0);
    finish();
}
END_TEST

/* One under way cannot be called back, but what would have followed it is dropped. */
START_TEST(binding_overtakes_what_follows)
{
    begin(8, 10000);
    put_pod(1, "u", NULL);
    fake_api_mishap(api, &(struct fake_mishap){.match = "/status", .times = 1, .hold = true});
    submit(EFFECT_NOMINATE, 1, "u", "a");
    drive_until("PATCH", 1);
    submit(EFFECT_NOMINATE, 1, "u", "b");
    submit(EFFECT_POST_BINDING, 1, "u", "b");
    int64_t end = clock_ms() + PATIENCE_MS;
    while (figures().done[WRITER_BINDINGS] == 0) {
        ck_assert(clock_ms() < end);
        turn();
    }
    fake_api_release(api);
    drive();
    ck_assert_str_eq(outcomes, "B u b done\nN u a done\n");
    ck_assert_uint_eq(fake_api_count(api, "PATCH"), 1);
    finish();
}
END_TEST

START_TEST(bindings_go_first_events_last)
{
    begin(1, 10000);
    for (int i = 0; i < 3; i++) {
        char uid[16];
        (void)snprintf(uid, sizeof uid, "u%d", i);
        put_pod(i, uid, NULL);
    }
    submit_event(0);
    submit(EFFECT_NOMINATE, 0, "u0", "n");
    submit(EFFECT_POST_BINDING, 1, "u1", "n");
    submit_event(1);
    submit(EFFECT_POST_BINDING, 2, "u2", "n");
    drive();
    char *requests = fake_api_requests(api, "");
    ck_assert_str_eq(requests, "POST /api/v1/namespaces/ns/pods/p1/binding\n"
                               "POST /api/v1/namespaces/ns/pods/p2/binding\n"
                               "PATCH /api/v1/namespaces/ns/pods/p0/status\n"
                               "POST /api/v1/namespaces/ns/events\n"
                               "POST /api/v1/namespaces/ns/events\n");
    free(requests);
    ck_assert_uint_eq(figures().done[WRITER_EVENTS], 2);
    finish();
}
END_TEST

/* Never more at once than allowed, nominations leave room for bindings, and all are done in
 * the end. */
START_TEST(limits_what_is_under_way)
{
    begin(8, 60000);
    fake_api_mishap(api, &(struct fake_mishap){.match = "/status", .times = 6, .hold = true});
    fake_api_mishap(api, &(struct fake_mishap){.match = "/binding", .times = 2, .hold = true});
    for (int i = 0; i < 40; i++) {
        char uid[16];
        (void)snprintf(uid, sizeof uid, "u%d", i);
        put_pod(i, uid, NULL);
        if (i < 20) {
            submit(EFFECT_NOMINATE, i, uid, "n");
        }
    }
    drive_until("PATCH", 6);
    turn();
    ck_assert_uint_eq(fake_api_count(api, ""), 6);
    for (int i = 20; i < 40; i++) {
        char uid[16];
        (void)snprintf(uid, sizeof uid, "u%d", i);
        submit(EFFECT_POST_BINDING, i, uid, "n");
    }
    drive_until("/binding", 2);
    turn();
    ck_assert_uint_eq(fake_api_count(api, ""), 8);
    fake_api_release(api);
    drive();
    ck_assert_uint_eq(fake_api_most_at_once(api), 8);
    ck_assert_uint_eq(figures().done[WRITER_BINDINGS], 20);
    ck_assert_uint_eq(figures().done[WRITER_NOMINATIONS], 20);
    finish();
}
END_TEST

START_TEST(events_are_bounded)
{
    begin(64, 10000);
    for (int i = 0; i < WRITER_EVENTS_MAX + 100; i++) {
        submit_event(i);
    }
    ck_assert_uint_eq(figures().waiting, WRITER_EVENTS_MAX);
    ck_assert_uint_eq(figures().failed[WRITER_EVENTS], 100);
    drive();
    ck_assert_uint_eq(fake_api_count(api, "/events"), WRITER_EVENTS_MAX);
    ck_assert_uint_le(fake_api_most_at_once(api), 8);
    char *body = fake_api_last_body(api, "/events");
    const char *name =
        strstr(body, "\"name\":\"p"); /* any of the newest: several are sent at once */
    ck_assert_ptr_nonnull(name);
    ck_assert_int_ge(strtol(name + strlen("\"name\":\"p"), NULL, 10), 100); /* the oldest went */
    free(body);
    finish();
}
END_TEST

/* An event that exists was written by an attempt whose answer was lost. */
START_TEST(events_are_not_doubled)
{
    begin(4, 10000);
    fake_api_mishap(api, &(struct fake_mishap){.match = "/events", .times = 1, .act = true});
    fake_api_mishap(api, &(struct fake_mishap){.match = "/events",
                                               .times = 1,
                                               .status = 409,
                                               .headers = "",
                                               .body = "{\"message\":\"already exists\"}"});
    submit_event(1);
    drive();
    ck_assert_uint_eq(figures().done[WRITER_EVENTS], 1);
    ck_assert_uint_eq(figures().failed[WRITER_EVENTS], 0);
    finish();
}
END_TEST

/* What waits, what waits again, what is under way, what looks: everything ends, with a word. */
START_TEST(abandoned_writes_end_at_once)
{
    begin(3, 30000);
    for (int i = 1; i <= 6; i++) {
        put_pod(i, i == 1 ? "u1" : i == 2 ? "u2" : i == 3 ? "u3" : i == 4 ? "u4" : "u5", NULL);
    }
    /* p1 waits after a 503, of which nobody knows whether it bound; p2 was told to wait (429). */
    fake_api_mishap(api, &(struct fake_mishap){.match = "p1/binding",
                                               .times = 1,
                                               .status = 503,
                                               .headers = "Retry-After: 20\r\n",
                                               .body = ""});
    fake_api_mishap(api, &(struct fake_mishap){.match = "p2/binding",
                                               .times = 1,
                                               .status = 429,
                                               .headers = "Retry-After: 20\r\n",
                                               .body = ""});
    fake_api_mishap(api, &(struct fake_mishap){.match = "p3/", .times = 9, .hold = true});
    submit(EFFECT_POST_BINDING, 1, "u1", "n");
    submit(EFFECT_POST_BINDING, 2, "u2", "n");
    while (figures().retries < 2) {
        turn();
    }
    submit(EFFECT_NOMINATE, 3, "u3", "a"); /* under way, and followed by another */
    drive_until("p3/", 1);
    submit(EFFECT_NOMINATE, 3, "u3", NULL);
    fake_api_mishap(api, &(struct fake_mishap){.match = "p4/", .times = 9, .hold = true});
    submit(EFFECT_POST_BINDING, 4, "u4", "n");
    drive_until("p4/", 1);
    fake_api_mishap(api, &(struct fake_mishap){.match = "p5/", .times = 9, .hold = true});
    submit(EFFECT_POST_BINDING, 5, "u5", "n");
    drive_until("p5/", 1);
    submit(EFFECT_POST_BINDING, 6, "u5", "n"); /* no connection is left for it */
    submit(EFFECT_EXPLAIN, 6, "u5", NULL);
    submit_event(1);
    turn();
    ck_assert_str_eq(outcomes, "");
    writer_abandon(writer, "enough");
    ck_assert(writer_idle(writer));
    ck_assert_int_eq(writer_deadline(writer), INT64_MAX);
    static const char *const wanted[] = {"B u1 n unknown: enough\n", "B u2 n refused: enough\n",
                                         "N u3 - unknown: enough\n", "B u4 n unknown: enough\n",
                                         "B u5 n unknown: enough\n", "B u5 n refused: enough\n"};
    size_t length = 0; /* what was answered first, the network decides */
    for (size_t i = 0; i < 6; i++) {
        ck_assert_msg(strstr(outcomes, wanted[i]) != NULL, "no %s in %s", wanted[i], outcomes);
        length += strlen(wanted[i]);
    }
    ck_assert_uint_eq(strlen(outcomes), length);
    size_t requests = fake_api_count(api, "/");
    fake_api_release(api);
    outcomes[0] = '\0';
    for (int i = 0; i < 20; i++) {
        turn();
    }
    ck_assert_uint_eq(fake_api_count(api, "/"), requests);
    ck_assert_str_eq(outcomes, "");
    /* It still works. */
    submit(EFFECT_POST_BINDING, 2, "u2", "n");
    drive();
    ck_assert_str_eq(outcomes, "B u2 n done\n");
    finish();
}
END_TEST

/* What is ready too late stays, and is sent another time. */
START_TEST(nothing_is_sent_behind_the_fence)
{
    begin(8, 10000);
    for (int i = 1; i <= 3; i++) {
        char uid[8];
        (void)snprintf(uid, sizeof uid, "u%d", i);
        put_pod(i, uid, NULL);
        submit(EFFECT_POST_BINDING, i, uid, "n");
    }
    submit(EFFECT_NOMINATE, 3, "u3", "n"); /* overtaken by nobody: it waits as well */
    submit_event(1);
    ck_assert(writer_wants(writer, clock_ms()));
    fence = clock_lease_ms();
    for (int64_t end = clock_ms() + PATIENCE_MS; figures().late < 5;) {
        ck_assert_int_lt(clock_ms(), end);
        turn();
    }
    ck_assert_uint_eq(fake_api_count(api, "/"), 0);
    ck_assert_uint_eq(figures().waiting, 5);
    ck_assert_str_eq(outcomes, "");
    ck_assert(writer_wants(writer, clock_ms()));
    fence = clock_lease_ms() + PATIENCE_MS;
    drive();
    ck_assert_uint_eq(figures().retries, 0);
    ck_assert_uint_eq(figures().done[WRITER_BINDINGS], 3);
    ck_assert_uint_eq(fake_api_count(api, "/binding"), 3);
    ck_assert(!writer_wants(writer, clock_ms()));
    fence = 0;
    finish();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("writer-queue");
    TCase *tests = tcase_create("writer-queue");
    tcase_set_timeout(tests, 120); /* waits for real delays and threads */
    tcase_add_test(tests, newest_nomination_wins_in_the_queue);
    tcase_add_test(tests, newest_nomination_wins_on_the_wire);
    tcase_add_test(tests, newest_nomination_wins_after_a_failure);
    tcase_add_test(tests, binding_overtakes_nomination);
    tcase_add_test(tests, binding_overtakes_what_follows);
    tcase_add_test(tests, bindings_go_first_events_last);
    tcase_add_test(tests, limits_what_is_under_way);
    tcase_add_test(tests, events_are_bounded);
    tcase_add_test(tests, events_are_not_doubled);
    tcase_add_test(tests, abandoned_writes_end_at_once);
    tcase_add_test(tests, nothing_is_sent_behind_the_fence);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
