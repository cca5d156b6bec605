// SPDX-License-Identifier: Apache-2.0
/* Clients that hang up while their request waits, and handlers that want to know. */
#include "test/unit/api/http/bed.h"

#define HEAD    "POST /watched HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"
#define WATCHED HEAD "{}"
#define ECHO    "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"

enum farewell { CLOSE, RESET, HALF_CLOSE, CLOSE_WITH_MORE };

static struct bed *bed;

static void setup(void)
{
    bed = bed_create();
}

static void teardown(void)
{
    bed_still_serves(bed);
    bed_destroy(bed);
}

static void wait_watched(struct client *client)
{
    size_t before = bed->waiting_count;
    client_open(bed, client);
    client_send(bed, client, WATCHED);
    BED_UNTIL(bed, bed->waiting_count == before + 1);
}

static void say_farewell(struct client *client, enum farewell farewell)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    switch (farewell) {
    case HALF_CLOSE:
        ck_assert_int_eq(shutdown(client->fd, SHUT_WR), 0);
        return;
    case RESET:
        ck_assert_int_eq(setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
        break;
    case CLOSE_WITH_MORE:
        client_send(bed, client, ECHO);
        break;
    case CLOSE:
        break;
    }
    client_close(client);
}

static void some_turns(void)
{
    for (int i = 0; i < 20; i++) {
        bed_turn(bed, 1);
    }
}

/* Whoever only half closed may or may not get the answer; its connection ends. */
static void expect_end(struct client *client, const char *text)
{
    char answer[1000];
    if (client_answer(bed, client, answer) != 0) {
        ck_assert_ptr_nonnull(strstr(answer, text));
        ck_assert_ptr_nonnull(strstr(answer, "Connection: close"));
    }
    client_until_closed(bed, client);
    client_close(client);
}

/* Whatever way it hangs up, its own request is told, once, and nobody else's. */
START_TEST(told_once)
{
    struct client leaver, other;
    wait_watched(&other);
    wait_watched(&leaver);
    some_turns();
    ck_assert_uint_eq(bed->abandoned_count, 0);
    unsigned handled = bed->handled;
    say_farewell(&leaver, (enum farewell)_i);
    BED_UNTIL(bed, bed->abandoned_count > 0);
    some_turns();
    ck_assert_uint_eq(bed->abandoned_count, 1);
    ck_assert_ptr_eq(bed->abandoned[0], bed->waiting[1]);
    ck_assert_uint_eq(bed->handled, handled); /* what it sent behind is no request any more */
    bed_release(bed);
    char answer[1000];
    ck_assert_uint_eq(client_answer(bed, &other, answer), 200);
    client_close(&other);
    if (_i == HALF_CLOSE) {
        expect_end(&leaver, "late 1");
    }
    BED_UNTIL(bed, http_server_connections(bed->server) == 0);
    ck_assert_uint_eq(bed->abandoned_count, 1);
    ck_assert_uint_eq(bed->handled, handled);
}
END_TEST

START_TEST(answered_when_told)
{
    struct client client;
    bed->answer_abandoned = true;
    wait_watched(&client);
    say_farewell(&client, (enum farewell)_i);
    BED_UNTIL(bed, bed->abandoned_count == 1);
    if (_i == HALF_CLOSE) {
        expect_end(&client, "499");
    }
    BED_UNTIL(bed, http_server_connections(bed->server) == 0);
    ck_assert_uint_eq(bed->abandoned_count, 1);
}
END_TEST

/* Bytes behind the request are the next request and no farewell. */
START_TEST(pipelined_is_not_gone)
{
    struct client client;
    char answer[1000];
    wait_watched(&client);
    client_send(bed, &client, ECHO);
    some_turns();
    ck_assert_uint_eq(bed->abandoned_count, 0);
    bed_release(bed);
    ck_assert_uint_eq(client_answer(bed, &client, answer), 200);
    ck_assert_str_eq(body_of(answer), "late 0");
    ck_assert_uint_eq(client_answer(bed, &client, answer), 200);
    ck_assert_str_eq(body_of(answer), "POST 5 99162322");
    client_close(&client);
    some_turns();
    ck_assert_uint_eq(bed->abandoned_count, 0);
}
END_TEST

/* The answer was given first: that the client went, too, is nobody's business. */
START_TEST(not_told_after_the_answer)
{
    struct client client;
    wait_watched(&client);
    say_farewell(&client, (enum farewell)_i);
    bed_release(bed);
    if (_i == HALF_CLOSE) {
        client_until_closed(bed, &client);
        client_close(&client);
    }
    BED_UNTIL(bed, http_server_connections(bed->server) == 0);
    ck_assert_uint_eq(bed->abandoned_count, 0);
}
END_TEST

START_TEST(not_told_when_answered_at_once)
{
    struct client client;
    char answer[1000];
    client_open(bed, &client);
    client_send(bed, &client, "POST /watched?now HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    ck_assert_uint_eq(client_answer(bed, &client, answer), 200);
    client_close(&client);
    BED_UNTIL(bed, http_server_connections(bed->server) == 0);
    ck_assert_uint_eq(bed->abandoned_count, 0);
}
END_TEST

/* A connection that is kept is watched for one request at a time, and a descriptor that is used
 * again means another connection. */
START_TEST(connections_and_descriptors_are_used_again)
{
    struct client first, second;
    char answer[1000];
    wait_watched(&first);
    bed_release(bed);
    ck_assert_uint_eq(client_answer(bed, &first, answer), 200);
    wait_watched(&second);
    client_send(bed, &first, WATCHED);
    BED_UNTIL(bed, bed->waiting_count == 2);
    bed->answer_abandoned = true;
    struct http_request *expected = bed->waiting[1];
    client_close(&first);
    BED_UNTIL(bed, bed->abandoned_count == 1);
    ck_assert_ptr_eq(bed->abandoned[0], expected);
    BED_UNTIL(bed, http_server_connections(bed->server) == 1);
    wait_watched(&first); /* where the other one was */
    some_turns();
    ck_assert_uint_eq(bed->abandoned_count, 1);
    expected = bed->waiting[0];
    client_close(&second);
    BED_UNTIL(bed, bed->abandoned_count == 2);
    ck_assert_ptr_eq(bed->abandoned[1], expected);
    expected = bed->waiting[2];
    client_close(&first);
    BED_UNTIL(bed, bed->abandoned_count == 3);
    ck_assert_ptr_eq(bed->abandoned[2], expected);
    BED_UNTIL(bed, http_server_connections(bed->server) == 0);
}
END_TEST

/* Also when it is watched only later, and was gone by then. */
START_TEST(watched_later)
{
    struct client client;
    client_open(bed, &client);
    client_send(bed, &client, "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    BED_UNTIL(bed, bed->waiting_count == 1);
    client_close(&client);
    some_turns();
    ck_assert_uint_eq(bed->abandoned_count, 0);
    http_request_on_abandoned(bed->waiting[0], bed_abandoned, bed);
    ck_assert_uint_eq(bed->abandoned_count, 0);
    bed->answer_abandoned = true;
    BED_UNTIL(bed, bed->abandoned_count == 1);
    BED_UNTIL(bed, http_server_connections(bed->server) == 0);
}
END_TEST

/* A handler that answers all when the first is gone, all of which have gone at the same time. */
START_TEST(all_at_once)
{
    enum { CLIENTS = 300 };
    struct client clients[CLIENTS];
    bed_destroy(bed);
    bed = bed_create_at("127.0.0.1", CLIENTS, 120);
    for (int i = 0; i < CLIENTS; i++) {
        wait_watched(&clients[i]);
    }
    bed->answer_abandoned = _i == 0;
    bed->release_when_abandoned = _i == 1;
    for (int i = 0; i < CLIENTS; i++) {
        say_farewell(&clients[i], (enum farewell)(i % 2));
    }
    BED_UNTIL(bed, http_server_connections(bed->server) == 0);
    ck_assert_uint_eq(bed->abandoned_count, _i == 0 ? CLIENTS : 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/http/server_abandoned");
    TCase *tcase = tcase_create("abandoned");
    tcase_set_timeout(tcase, 2 * BED_WAIT_SECONDS);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, told_once, CLOSE, CLOSE_WITH_MORE + 1);
    tcase_add_loop_test(tcase, answered_when_told, CLOSE, CLOSE_WITH_MORE + 1);
    tcase_add_test(tcase, pipelined_is_not_gone);
    tcase_add_loop_test(tcase, not_told_after_the_answer, CLOSE, HALF_CLOSE + 1);
    tcase_add_test(tcase, not_told_when_answered_at_once);
    tcase_add_test(tcase, connections_and_descriptors_are_used_again);
    tcase_add_test(tcase, watched_later);
    tcase_add_loop_test(tcase, all_at_once, 0, 2);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
