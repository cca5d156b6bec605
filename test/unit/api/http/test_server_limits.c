// SPDX-License-Identifier: Apache-2.0
#include "test/unit/api/http/bed.h"

/* How long clients may take, and how much memory they have. */

#define HEAD "POST /echo HTTP/1.1\r\nHost: x\r\n"

static struct http_server_options options;

static struct bed *create(void)
{
    struct bed *bed = alloc_zero(1, sizeof(*bed));
    options.address = "127.0.0.1";
    options.handler = bed_handle;
    options.context = bed;
    bed_listen(bed, &options);
    return bed;
}

static void setup(void)
{
    options = (struct http_server_options){.max_connections = 100,
                                           .max_body = 1 << 20,
                                           .idle_seconds = 120,
                                           .header_seconds = 60,
                                           .body_seconds = 60};
}

static struct http_server_figures figures(const struct bed *bed)
{
    struct http_server_figures found;
    http_server_figures(bed->server, &found);
    return found;
}

/* Sends a byte now and then until the server has had enough. */
static void trickle(struct bed *bed, struct client *client, const char *byte)
{
    int64_t end = bed_now() + BED_WAIT_SECONDS * INT64_C(1000000000);
    while (!client->closed) {
        ck_assert_msg(bed_now() < end, "the server waits for ever");
        client_send(bed, client, byte);
        for (int i = 0; i < 20 && !client->closed; i++) {
            bed_turn(bed, 5);
            client_receive(client);
        }
    }
    ck_assert_uint_eq(client->length, 0);
    client_close(client);
}

START_TEST(a_header_that_trickles)
{
    struct client client;
    options.header_seconds = 1;
    struct bed *bed = create();
    client_open(bed, &client);
    client_send(bed, &client, "POST /echo HTTP/1.1\r\nHost: x\r\nX: ");
    trickle(bed, &client, "x");
    ck_assert_uint_eq(figures(bed).timed_out, 1);
    bed_destroy(bed);
}
END_TEST

/* The second header of a connection, after a good request. */
START_TEST(a_later_header_that_trickles)
{
    char answer[1000];
    struct client client;
    options.header_seconds = 1;
    struct bed *bed = create();
    client_open(bed, &client);
    client_send(bed, &client, HEAD "Content-Length: 2\r\n\r\n{}");
    ck_assert_uint_eq(client_answer(bed, &client, answer), 200);
    client.length = 0;
    trickle(bed, &client, "x");
    ck_assert_uint_eq(figures(bed).timed_out, 1);
    bed_destroy(bed);
}
END_TEST

/* Connected ahead and silent, as Go's clients are: that is no header that takes too long. */
START_TEST(a_silent_client_only_idles)
{
    char answer[1000];
    struct client client;
    options.header_seconds = 1;
    struct bed *bed = create();
    client_open(bed, &client);
    int64_t end = bed_now() + INT64_C(3500000000);
    while (bed_now() < end) {
        bed_turn(bed, 50);
    }
    client_send(bed, &client, HEAD "Content-Length: 2\r\n\r\n{}");
    ck_assert_uint_eq(client_answer(bed, &client, answer), 200);
    client_close(&client);
    ck_assert_uint_eq(figures(bed).timed_out, 0);
    bed_destroy(bed);
}
END_TEST

START_TEST(a_body_that_trickles)
{
    struct client client;
    options.body_seconds = 1;
    struct bed *bed = create();
    client_open(bed, &client);
    client_send(bed, &client, HEAD "Content-Length: 1000000\r\n\r\n");
    trickle(bed, &client, "x");
    ck_assert_uint_eq(figures(bed).timed_out, 1);
    bed_destroy(bed);
}
END_TEST

START_TEST(an_answer_that_nobody_reads)
{
    struct client client;
    options.body_seconds = 1;
    options.minimum_rate = 64 << 20;
    options.max_memory = 64 << 20;
    struct bed *bed = create();
    client_open(bed, &client);
    client_send(bed, &client, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    BED_UNTIL(bed, figures(bed).timed_out == 1);
    BED_UNTIL(bed, http_server_connections(bed->server) == 0);
    client_close(&client);
    bed_destroy(bed);
}
END_TEST

/* Whoever waits for an answer may do so for as long as the handler likes. */
START_TEST(a_waiting_client_is_not_late)
{
    char answer[1000];
    struct client client;
    options.header_seconds = options.body_seconds = options.idle_seconds = 1;
    struct bed *bed = create();
    client_open(bed, &client);
    client_send(bed, &client, "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}");
    int64_t end = bed_now() + INT64_C(3500000000);
    while (bed_now() < end) {
        bed_turn(bed, 50);
    }
    bed_release(bed);
    ck_assert_uint_eq(client_answer(bed, &client, answer), 200);
    client_close(&client);
    ck_assert_uint_eq(figures(bed).timed_out, 0);
    bed_destroy(bed);
}
END_TEST

/* At the limit those who have had a place for longest without asking for anything give it up; who
 * waits for an answer does not, and neither does whoever comes. */
START_TEST(silent_clients_make_way)
{
    enum { CROWD = 60 };
    static struct client crowd[CROWD];
    char answer[1000];
    struct client waits, comes;
    options.max_connections = 32;
    options.body_seconds = options.header_seconds = 1000;
    struct bed *bed = create();
    client_open(bed, &waits);
    client_send(bed, &waits, "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}");
    BED_UNTIL(bed, bed->waiting_count == 1);
    for (int i = 0; i < CROWD; i++) {
        client_open(bed, &crowd[i]);
        if (i % 3 == 1) { /* a part of a header; a body that does not come */
            client_send(bed, &crowd[i], "POST /ec");
        } else if (i % 3 == 2) {
            client_send(bed, &crowd[i], HEAD "Content-Length: 20\r\n\r\n");
        }
        bed_turn(bed, 0);
    }
    int64_t end = bed_now() + INT64_C(1000000000); /* nobody is cut off who has just come */
    while (bed_now() < end) {
        bed_turn(bed, 5);
    }
    ck_assert_uint_lt(http_server_connections(bed->server), 32); /* there is a place */
    client_open(bed, &comes);
    client_send(bed, &comes, HEAD "Content-Length: 2\r\n\r\n{}");
    ck_assert_uint_eq(client_answer(bed, &comes, answer), 200);
    ck_assert_uint_ge(figures(bed).crowded_out, CROWD - 30);
    ck_assert_uint_le(figures(bed).crowded_out, CROWD - 8);
    ck_assert_uint_eq(figures(bed).timed_out, 0);
    for (int i = 0; i < CROWD; i++) { /* the first ones have gone */
        client_receive(&crowd[i]);
        ck_assert(crowd[i].closed == (i < (int)figures(bed).crowded_out));
        client_close(&crowd[i]);
    }
    bed_release(bed);
    ck_assert_uint_eq(client_answer(bed, &waits, answer), 200);
    client_close(&waits);
    client_close(&comes);
    bed_destroy(bed);
}
END_TEST

/* Four unfinished bodies have all the memory; a small one still gets through, and the largest of
 * the others goes. */
START_TEST(small_bodies_go_before_large_ones)
{
    char answer[1000];
    struct client clients[4], client;
    options.max_memory = 4100000;
    struct bed *bed = create();
    for (size_t i = 0; i < 4; i++) {
        char head[200];
        snprintf(head, sizeof head, HEAD "Content-Length: %zu\r\n\r\nx", 1000000 + i);
        client_open(bed, &clients[i]);
        client_send(bed, &clients[i], head);
    }
    BED_UNTIL(bed, http_server_connections(bed->server) == 4);
    for (int i = 0; i < 5; i++) {
        bed_turn(bed, 5);
    }
    ck_assert_uint_eq(figures(bed).out_of_memory, 0);
    client_open(bed, &client);
    client_send(bed, &client, HEAD "Content-Length: 500000\r\n\r\n");
    char *body = alloc_zero(500000, 1);
    client_send_n(bed, &client, body, 500000);
    ck_assert_uint_eq(client_answer(bed, &client, answer), 200);
    client_close(&client);
    free(body);
    ck_assert_uint_eq(figures(bed).out_of_memory, 1);
    client_until_closed(bed, &clients[3]);
    ck_assert_uint_eq(http_server_connections(bed->server), 4);
    for (size_t i = 0; i < 4; i++) {
        client_close(&clients[i]);
    }
    BED_UNTIL(bed, http_server_connections(bed->server) == 0);
    bed_still_serves(bed);
    bed_destroy(bed);
}
END_TEST

/* There is nobody to make way for a body of the same size: it is refused. */
START_TEST(no_memory_for_one_more)
{
    char answer[1000];
    struct client clients[4], client;
    options.max_memory = 4100000;
    struct bed *bed = create();
    for (size_t i = 0; i < 4; i++) {
        client_open(bed, &clients[i]);
        client_send(bed, &clients[i], HEAD "Content-Length: 1000000\r\n\r\nx");
    }
    BED_UNTIL(bed, http_server_connections(bed->server) == 4);
    client_open(bed, &client);
    client_send(bed, &client, HEAD "Content-Length: 1000000\r\n\r\n");
    ck_assert_uint_eq(client_answer(bed, &client, answer), 503);
    ck_assert_ptr_nonnull(strstr(answer, "server.maxMemory"));
    client_close(&client);
    for (size_t i = 0; i < 4; i++) {
        client_close(&clients[i]);
    }
    bed_destroy(bed);
}
END_TEST

START_TEST(no_memory_for_the_answer)
{
    char answer[1000];
    struct client client;
    options.max_memory = 100000;
    struct bed *bed = create();
    client_open(bed, &client);
    client_send(bed, &client, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    ck_assert_uint_eq(client_answer(bed, &client, answer), 503);
    ck_assert_ptr_nonnull(strstr(answer, "server.maxMemory"));
    client_close(&client);
    bed_still_serves(bed);
    bed_destroy(bed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/server and its limits");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, a_header_that_trickles);
    tcase_add_test(tcase, a_later_header_that_trickles);
    tcase_add_test(tcase, a_silent_client_only_idles);
    tcase_add_test(tcase, a_body_that_trickles);
    tcase_add_test(tcase, an_answer_that_nobody_reads);
    tcase_add_test(tcase, a_waiting_client_is_not_late);
    tcase_add_test(tcase, silent_clients_make_way);
    tcase_add_test(tcase, small_bodies_go_before_large_ones);
    tcase_add_test(tcase, no_memory_for_one_more);
    tcase_add_test(tcase, no_memory_for_the_answer);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
