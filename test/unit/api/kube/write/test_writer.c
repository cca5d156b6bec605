// SPDX-License-Identifier: Apache-2.0
#include "api/kube/write/writer.h"

#include <stdio.h>
#include <string.h>

#include "api/base/clock.h"
#include "test/unit/api/kube/write/writer_fixture.h"
#include "test/unit/check_main.h"

/* What becomes of a write, whatever the API server does to it. */

START_TEST(binds)
{
    begin(4, 10000);
    put_pod(1, "u1", NULL);
    put_pod(2, "u2", "n2");
    put_pod(3, "u3", "other");
    put_pod(4, "new", NULL);
    for (int i = 1; i <= 5; i++) {
        char uid[16];
        char node[16];
        (void)snprintf(uid, sizeof uid, "u%d", i);
        (void)snprintf(node, sizeof node, "n%d", i);
        outcomes[0] = '\0';
        submit(EFFECT_POST_BINDING, i, uid, node);
        drive();
        static const char *const EXPECTED[] = {
            "B u1 n1 done\n",
            "B u2 n2 done\n",
            "B u3 n3 refused: 409: Operation cannot be fulfilled on pods/binding \"p3\"",
            "B u4 n4 gone: 409: ",
            "B u5 n5 gone: 404: pods \"p5\" not found\n",
        };
        ck_assert_msg(strncmp(outcomes, EXPECTED[i - 1], strlen(EXPECTED[i - 1])) == 0, "%s",
                      outcomes);
    }
    expect_member(1, "spec", "nodeName", "n1");
    expect_member(3, "spec", "nodeName", "other");
    expect_member(4, "spec", "nodeName", NULL);
    ck_assert_uint_eq(fake_api_count(api, ""), 5);
    ck_assert_uint_eq(figures().done[WRITER_BINDINGS], 2);
    ck_assert_uint_eq(figures().failed[WRITER_BINDINGS], 3);
    ck_assert_uint_eq(figures().waiting, 0);
    ck_assert_ptr_nonnull(strstr(logged, "binding of pod ns/p3 to node n3 failed: 409: "));
    finish();
}
END_TEST

START_TEST(final_refusals)
{
    static const int STATUSES[] = {400, 403, 405, 422};
    begin(4, 10000);
    put_pod(1, "u1", NULL);
    for (size_t i = 0; i < 4; i++) {
        char expected[64];
        outcomes[0] = '\0';
        fake_api_mishap(api, &(struct fake_mishap){.match = "/binding",
                                                   .times = 1,
                                                   .status = STATUSES[i],
                                                   .headers = "",
                                                   .body = "{\"message\":\"no\"}"});
        submit(EFFECT_POST_BINDING, 1, "u1", "n1");
        drive();
        (void)snprintf(expected, sizeof expected, "B u1 n1 refused: %d: no\n", STATUSES[i]);
        ck_assert_str_eq(outcomes, expected);
    }
    ck_assert_uint_eq(figures().retries, 0);
    finish();
}
END_TEST

/* The server could not, then could. */
START_TEST(tries_again)
{
    static const int STATUSES[] = {500, 503, 504, 408, 429, 401};
    begin(4, 60000);
    for (int i = 0; i < 6; i++) {
        char uid[16];
        char expected[64];
        (void)snprintf(uid, sizeof uid, "u%d", i);
        (void)snprintf(expected, sizeof expected, "B u%d n done\n", i);
        put_pod(i, uid, NULL);
        outcomes[0] = '\0';
        fake_api_mishap(
            api,
            &(struct fake_mishap){
                .match = "/binding", .times = 2, .status = STATUSES[i], .headers = "", .body = ""});
        submit(EFFECT_POST_BINDING, i, uid, "n");
        drive();
        ck_assert_str_eq(outcomes, expected);
    }
    ck_assert_uint_eq(fake_api_count(api, "/binding"), 18);
    ck_assert_uint_eq(figures().retries, 12);
    ck_assert_uint_eq(figures().done[WRITER_BINDINGS], 6);
    finish();
}
END_TEST

/* The connection breaks before or after it was done: repeating tells which. */
START_TEST(lost_answers)
{
    begin(4, 60000);
    for (int i = 0; i < 2; i++) {
        put_pod(i, "u", NULL);
        outcomes[0] = '\0';
        fake_api_mishap(api, &(struct fake_mishap){.match = "/binding", .times = 2, .act = i == 0});
        submit(EFFECT_POST_BINDING, i, "u", "n");
        drive();
        ck_assert_str_eq(outcomes, "B u n done\n");
        expect_member(i, "spec", "nodeName", "n");
    }
    ck_assert_uint_ge(fake_api_count(api, "/binding"), 6);
    ck_assert_uint_eq(fake_api_count(api, "GET"), 0);
    finish();
}
END_TEST

/* An answer is lost, and then the server has no time for so long that patience ends: that it may be
 * bound is not forgotten over it. */
START_TEST(a_lost_answer_is_remembered)
{
    begin(4, 60000);
    put_pod(1, "u", NULL);
    fake_api_mishap(api, &(struct fake_mishap){.match = "/binding", .times = 1, .act = true});
    fake_api_mishap(api, &(struct fake_mishap){.match = "/binding",
                                               .times = 1000,
                                               .status = 429,
                                               .headers = "Retry-After: 3600\r\n",
                                               .body = "{\"message\":\"too many requests\"}"});
    submit(EFFECT_POST_BINDING, 1, "u", "n");
    drive();
    ck_assert_str_eq(outcomes, "B u n done\n");
    ck_assert_uint_eq(fake_api_count(api, "/binding"), 2);
    ck_assert_uint_eq(fake_api_count(api, "GET /api/v1/namespaces/ns/pods/p1"), 1);
    finish();
}
END_TEST

/* Every answer is lost until patience ends: the pod itself is asked. */
START_TEST(looks_when_patience_ends)
{
    begin(4, 1);
    put_pod(1, "u", NULL);
    fake_api_mishap(api, &(struct fake_mishap){.match = "/binding", .times = 1000, .act = true});
    submit(EFFECT_POST_BINDING, 1, "u", "n");
    drive();
    ck_assert_str_eq(outcomes, "B u n done\n");
    ck_assert_uint_eq(fake_api_count(api, "GET /api/v1/namespaces/ns/pods/p1"), 1);
    /* The node it has is another one. */
    outcomes[0] = '\0';
    submit(EFFECT_POST_BINDING, 1, "u", "m");
    drive();
    ck_assert_str_eq(outcomes, "B u m refused: the pod is assigned to node n\n");
    outcomes[0] = '\0';
    put_pod(1, "v", NULL);
    submit(EFFECT_POST_BINDING, 1, "u", "m");
    drive();
    ck_assert_str_eq(outcomes, "B u m gone: another pod has its name now\n");
    finish();
}
END_TEST

START_TEST(unknown_when_nothing_helps)
{
    begin(4, 1);
    put_pod(1, "u", NULL);
    fake_api_mishap(api, &(struct fake_mishap){.match = "/binding",
                                               .times = 1000,
                                               .status = 504,
                                               .headers = "",
                                               .body = "{\"message\":\"timeout\"}"});
    submit(EFFECT_POST_BINDING, 1, "u", "n"); /* looked at: not bound (yet) */
    drive();
    ck_assert_str_eq(outcomes, "B u n unknown: 504: timeout\n");
    ck_assert_uint_eq(fake_api_count(api, "GET"), 1);
    outcomes[0] = '\0';
    fake_api_mishap(api, &(struct fake_mishap){.match = "GET", .times = 1000});
    submit(EFFECT_POST_BINDING, 1, "u", "n"); /* cannot be looked at */
    drive();
    ck_assert_str_eq(outcomes, "B u n unknown: 504: timeout\n");
    finish();
}
END_TEST

START_TEST(server_is_down)
{
    begin(4, 1);
    uint16_t port = fake_api_port(api);
    finish();
    api = NULL;
    begin_at(port, 4, 1);
    submit(EFFECT_POST_BINDING, 1, "u", "n");
    submit(EFFECT_NOMINATE, 2, "v", "n");
    submit_event(3);
    drive();
    ck_assert_ptr_nonnull(strstr(outcomes, "B u n unknown: "));
    ck_assert_ptr_nonnull(strstr(outcomes, "N v n unknown: "));
    ck_assert_uint_eq(figures().failed[WRITER_EVENTS], 1);
    finish();
}
END_TEST

/* An hour is more than patience: no second attempt. */
START_TEST(obeys_retry_after)
{
    begin(4, 30000);
    put_pod(1, "u", NULL);
    fake_api_mishap(api, &(struct fake_mishap){.match = "/status",
                                               .times = 1,
                                               .status = 429,
                                               .headers = "Retry-After: 3600\r\n",
                                               .body = "{\"message\":\"too many requests\"}"});
    submit(EFFECT_NOMINATE, 1, "u", "n");
    drive();
    ck_assert_str_eq(outcomes, "N u n unknown: 429: too many requests\n");
    ck_assert_uint_eq(fake_api_count(api, ""), 1);
    finish();
}
END_TEST

START_TEST(unclear_conflicts)
{
    static const struct fake_mishap CONFLICT = {.match = "/binding",
                                                .times = 1,
                                                .status = 409,
                                                .headers = "",
                                                .body = "{\"message\":\"something new\"}"};
    begin(4, 60000);
    put_pod(1, "u1", NULL);
    put_pod(2, "u2", "n");
    fake_api_mishap(api, &CONFLICT);
    submit(EFFECT_POST_BINDING, 1, "u1", "n");
    drive();
    fake_api_mishap(api, &CONFLICT);
    submit(EFFECT_POST_BINDING, 2, "u2", "n");
    drive();
    ck_assert_str_eq(outcomes, "B u1 n refused: 409: something new\nB u2 n done\n");
    ck_assert_uint_eq(fake_api_count(api, "GET"), 2);
    finish();
}
END_TEST

START_TEST(nominates)
{
    begin(4, 10000);
    put_pod(1, "u", NULL);
    submit(EFFECT_NOMINATE, 1, "u", "n1");
    drive();
    expect_member(1, "status", "nominatedNodeName", "n1");
    submit(EFFECT_NOMINATE, 1, "u", NULL);
    drive();
    expect_member(1, "status", "nominatedNodeName", NULL);
    submit(EFFECT_EXPLAIN, 1, "u", NULL);
    drive();
    char *body = fake_api_last_body(api, "PATCH");
    ck_assert_ptr_nonnull(strstr(body, "{\"phalanx.dev/waiting\":\"why\"}"));
    free(body);
    submit(EFFECT_NOMINATE, 1, "other", "n2");
    drive();
    submit(EFFECT_NOMINATE, 9, "x", "n2");
    drive();
    /* an explanation has no outcome */
    ck_assert_str_eq(outcomes, "N u n1 done\nN u - done\n"
                               "N other n2 gone: 422: Pod \"p1\" is invalid: metadata.uid: Invalid "
                               "value: \"other\": field is immutable\n"
                               "N x n2 gone: 404: pods \"p9\" not found\n");
    ck_assert_uint_eq(figures().done[WRITER_NOMINATIONS], 3);
    ck_assert_uint_eq(figures().failed[WRITER_NOMINATIONS], 2);
    finish();
}
END_TEST

/* The same refusal of a thousand events is one line in the log. */
START_TEST(logs_once)
{
    begin(4, 10000);
    fake_api_mishap(api, &(struct fake_mishap){.match = "/events",
                                               .times = 1000,
                                               .status = 403,
                                               .headers = "",
                                               .body = "{\"message\":\"forbidden\"}"});
    for (int i = 0; i < 20; i++) {
        submit_event(i);
    }
    drive();
    ck_assert_str_eq(logged, "event on ns/p0 failed: 403: forbidden\n");
    finish();
}
END_TEST

START_TEST(ends_in_the_middle)
{
    begin(2, 10000);
    put_pod(1, "u1", NULL);
    fake_api_mishap(api, &(struct fake_mishap){.match = "", .times = 100, .hold = true});
    for (int i = 0; i < 6; i++) {
        char uid[16];
        (void)snprintf(uid, sizeof uid, "u%d", i);
        submit(EFFECT_POST_BINDING, i, uid, "n");
        submit(EFFECT_NOMINATE, 10 + i, uid, "n");
        submit_event(i);
    }
    drive_until("/binding", 2);
    ck_assert(!writer_idle(writer));
    finish();
    ck_assert_str_eq(outcomes, "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("writer");
    TCase *tests = tcase_create("writer");
    tcase_set_timeout(tests, 120); /* waits for real delays and threads */
    tcase_add_test(tests, binds);
    tcase_add_test(tests, final_refusals);
    tcase_add_test(tests, tries_again);
    tcase_add_test(tests, lost_answers);
    tcase_add_test(tests, a_lost_answer_is_remembered);
    tcase_add_test(tests, looks_when_patience_ends);
    tcase_add_test(tests, unknown_when_nothing_helps);
    tcase_add_test(tests, server_is_down);
    tcase_add_test(tests, obeys_retry_after);
    tcase_add_test(tests, unclear_conflicts);
    tcase_add_test(tests, nominates);
    tcase_add_test(tests, logs_once);
    tcase_add_test(tests, ends_in_the_middle);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
