// SPDX-License-Identifier: Apache-2.0
#include "test/unit/api/http/bed.h"

#include <netinet/tcp.h>

/* Clients that lie, vanish or never finish. Nothing of it reaches the handler, nothing leaks (the
 * leak checker watches), and the server serves the next one. */

#define HEAD  "POST /echo HTTP/1.1\r\nHost: x\r\n"
#define LATER "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"

static void expect_error(struct bed *bed, const char *text, unsigned status, const char *error)
{
    char answer[1000];
    struct client client;
    unsigned handled = bed->handled;
    client_open(bed, &client);
    client_send(bed, &client, text);
    ck_assert_msg(client_answer(bed, &client, answer) == status, "%s\n-->\n%s", text, answer);
    ck_assert_ptr_nonnull(strstr(answer, "Content-Type: application/json\r\n"));
    ck_assert_str_eq(body_of(answer), error);
    client_until_closed(bed, &client);
    client_close(&client);
    ck_assert_uint_eq(bed->handled, handled);
    bed_still_serves(bed);
}

/* Refused by libmicrohttpd or by us, whichever comes first; never answered well. */
static void expect_refusal(struct bed *bed, const char *text)
{
    char answer[1000];
    struct client client;
    unsigned handled = bed->handled;
    client_open(bed, &client);
    client_send(bed, &client, text);
    for (int i = 0; i < 5; i++) {
        bed_turn(bed, 1);
    }
    shutdown(client.fd, SHUT_WR);
    unsigned status = client_answer(bed, &client, answer);
    ck_assert_msg(status == 0 || (status >= 400 && status < 600), "%s\n-->\n%s", text, answer);
    client_until_closed(bed, &client);
    client_close(&client);
    ck_assert_msg(bed->handled == handled, "%s", text);
    bed_still_serves(bed);
}

#define TOO_LARGE "{\"error\":\"the body is larger than 100000 bytes (see server.maxBodySize)\"}"

START_TEST(announced_body_over_the_limit)
{
    struct bed *bed = bed_create();
    expect_error(bed, HEAD "Content-Length: 100001\r\n\r\n", 413, TOO_LARGE);
    expect_error(bed, HEAD "Content-Length: 18446744073709551615\r\n\r\n", 413, TOO_LARGE);
    expect_error(bed, HEAD "Content-Length: 999999999\r\nExpect: 100-continue\r\n\r\n", 413,
                 TOO_LARGE);
    expect_error(bed, "PUT /later HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\nabc", 413,
                 TOO_LARGE);
    bed_destroy(bed);
}
END_TEST

static char *filler(size_t length)
{
    char *text = alloc_zero(length + 1, 1);
    memset(text, 'x', length);
    return text;
}

/* libmicrohttpd takes an early answer for POST and PUT only; others send their body first. */
START_TEST(announced_body_over_the_limit_of_another_method)
{
    char answer[1000];
    struct client client;
    struct bed *bed = bed_create();
    char *body = filler(300000);
    client_open(bed, &client);
    client_send(bed, &client, "PATCH /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n");
    client_send_n(bed, &client, body, 300000);
    ck_assert_uint_eq(client_answer(bed, &client, answer), 413);
    ck_assert_str_eq(body_of(answer), TOO_LARGE);
    client_until_closed(bed, &client);
    client_close(&client);
    client_open(bed, &client);
    client_send(bed, &client, "GET /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n");
    for (int i = 0; i < 30; i++) {
        client_send_n(bed, &client, body, 300000);
    }
    client_until_closed(bed, &client);
    ck_assert_uint_eq(client.length, 0);
    client_close(&client);
    ck_assert_uint_eq(bed->handled, 0);
    free(body);
    bed_still_serves(bed);
    bed_destroy(bed);
}
END_TEST

#define NO_LENGTH "{\"error\":\"Transfer-Encoding: a body has to come with its Content-Length\"}"

/* libmicrohttpd would spin on such a line for as long as the connection stands. */
START_TEST(chunks)
{
    struct client client;
    struct bed *bed = bed_create();
    char *line = filler(40000);
    expect_error(bed, HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 411,
                 NO_LENGTH);
    static const char *const methods[] = {"POST", "PUT", "PATCH", "GET"};
    expect_error(bed, HEAD "Transfer-Encoding: identity\r\n\r\n", 411, NO_LENGTH);
    expect_error(bed, "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411,
                 NO_LENGTH);
    unsigned handled = bed->handled;
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        char head[200];
        snprintf(head, sizeof(head), "%s /echo HTTP/1.1\r\nHost: x\r\n", methods[i]);
        client_open(bed, &client);
        client_send(bed, &client, head);
        client_send(bed, &client, "Transfer-Encoding: chunked\r\n\r\n5;");
        client_send_n(bed, &client, line, 40000);
        client_until_closed(bed, &client);
        client_close(&client);
        ck_assert_uint_eq(bed->handled, handled);
    }
    free(line);
    bed_still_serves(bed);
    bed_destroy(bed);
}
END_TEST

START_TEST(headers_with_two_readings)
{
    struct bed *bed = bed_create();
    expect_error(bed, HEAD "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400,
                 "{\"error\":\"Content-Length: given twice\"}");
    expect_error(bed, HEAD "Content-Length: 5\r\ncontent-length: 4\r\n\r\nhello", 400,
                 "{\"error\":\"Content-Length: given twice\"}");
    expect_error(bed, HEAD "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello", 400,
                 "{\"error\":\"Transfer-Encoding and Content-Length: only one may be given\"}");
    expect_error(bed,
                 HEAD "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"
                      "5\r\nhello\r\n0\r\n\r\n",
                 400,
                 "{\"error\":\"Transfer-Encoding and Content-Length: only one may be given\"}");
    /* the same of a method whose body libmicrohttpd insists on reading */
    expect_error(bed,
                 "PATCH /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n"
                 "\r\nhello",
                 400, "{\"error\":\"Content-Length: given twice\"}");
    bed_destroy(bed);
}
END_TEST

START_TEST(wrong_content_lengths)
{
    static const char *const values[] = {
        "-1", "+5", "5x", "x", "0x5", "5.0", "1e3", "5,5", "5, 5", "5 5", "99999999999999999999999",
    };
    char text[200];
    struct bed *bed = bed_create();
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        snprintf(text, sizeof(text), HEAD "Content-Length: %s\r\n\r\nhello", values[i]);
        expect_refusal(bed, text);
    }
    expect_refusal(bed, HEAD "Content-Length:\r\n\r\nhello");
    expect_refusal(bed, HEAD "Content-Length : 5\r\n\r\nhello");
    expect_refusal(bed, HEAD "Transfer-Encoding : chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    bed_destroy(bed);
}
END_TEST

/* Shorter than the body: the rest is taken for the next request, and that is garbage. */
START_TEST(content_length_too_short)
{
    char answer[1000];
    struct client client;
    struct bed *bed = bed_create();
    client_open(bed, &client);
    client_send(bed, &client, HEAD "Content-Length: 3\r\n\r\nhello, server\r\n\r\n");
    ck_assert_uint_eq(client_answer(bed, &client, answer), 200);
    ck_assert_ptr_nonnull(strstr(body_of(answer), "POST 3 "));
    client_until_closed(bed, &client);
    client_close(&client);
    ck_assert_uint_eq(bed->handled, 1);
    bed_still_serves(bed);
    bed_destroy(bed);
}
END_TEST

START_TEST(content_length_too_long)
{
    struct bed *bed = bed_create();
    expect_refusal(bed, HEAD "Content-Length: 8\r\n\r\nhello");
    expect_refusal(bed, HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    expect_refusal(bed, HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nhel");
    bed_destroy(bed);
}
END_TEST

START_TEST(broken_chunks)
{
    struct bed *bed = bed_create();
    expect_refusal(bed, HEAD "Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n");
    expect_refusal(bed, HEAD "Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n");
    expect_refusal(bed, HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n");
    expect_refusal(bed, HEAD "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nhello\r\n");
    bed_destroy(bed);
}
END_TEST

START_TEST(garbage)
{
    static const char *const texts[] = {
        "\r\n\r\n\r\n\r\n",
        "hello\r\n\r\n",
        "GET\r\n\r\n",
        "GET /echo\r\n\r\n",
        "GET /echo HTTP/1.1\r\n\r\n", /* no Host */
        "GET /echo HTTP/9.9\r\nHost: x\r\n\r\n",
        "GET /echo FTP/1.1\r\nHost: x\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost x\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ": : :\r\n: :\r\n\r\n",
    };
    struct bed *bed = bed_create();
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        expect_refusal(bed, texts[i]);
    }
    bed_destroy(bed);
}
END_TEST

START_TEST(huge_headers)
{
    struct bed *bed = bed_create();
    size_t room = 200000;
    char *text = alloc_zero(room, 1);
    char *long_value = filler(100000);
    snprintf(text, room, HEAD "X-Long: %s\r\nContent-Length: 0\r\n\r\n", long_value);
    expect_refusal(bed, text);
    snprintf(text, room, "GET /%s HTTP/1.1\r\nHost: x\r\n\r\n", long_value);
    expect_refusal(bed, text);
    size_t length = (size_t)snprintf(text, room, HEAD);
    for (int i = 0; i < 5000; i++) {
        length += (size_t)snprintf(text + length, room - length, "X-%d: y\r\n", i);
    }
    snprintf(text + length, room - length, "\r\n");
    expect_refusal(bed, text);
    free(long_value);
    free(text);
    bed_destroy(bed);
}
END_TEST

/* Closes with a reset, as a killed kube-scheduler's host may. */
static void client_reset(struct client *client)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    ck_assert_int_eq(setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
    client_close(client);
}

START_TEST(client_gone_while_it_waits)
{
    enum { CLIENTS = 30 };
    struct client clients[CLIENTS];
    struct bed *bed = bed_create();
    for (int i = 0; i < CLIENTS; i++) {
        client_open(bed, &clients[i]);
        client_send(bed, &clients[i], LATER);
    }
    BED_UNTIL(bed, bed->waiting_count == CLIENTS);
    for (int i = 0; i < CLIENTS; i++) {
        if (i % 3 == 0) {
            client_close(&clients[i]);
        } else if (i % 3 == 1) {
            client_reset(&clients[i]);
        }
    }
    for (int i = 0; i < 20; i++) {
        bed_turn(bed, 1);
    }
    size_t length;
    for (int i = 0; i < CLIENTS; i++) { /* still whole */
        ck_assert_str_eq(http_request_body(bed->waiting[i], &length), "{}");
        ck_assert_str_eq(http_request_method(bed->waiting[i]), "POST");
        ck_assert_str_eq(http_request_header(bed->waiting[i], "Host"), "x");
    }
    bed_release(bed);
    for (int i = 2; i < CLIENTS; i += 3) {
        char answer[1000];
        ck_assert_uint_eq(client_answer(bed, &clients[i], answer), 200);
        client_close(&clients[i]);
    }
    bed_still_serves(bed);
    bed_destroy(bed);
}
END_TEST

/* Answers of a megabyte to clients that are gone or go while it is on its way. */
START_TEST(client_gone_while_it_is_answered)
{
    struct bed *bed = bed_create();
    for (int i = 0; i < 6; i++) {
        struct client client;
        client_open(bed, &client);
        client_send(bed, &client, LATER);
        BED_UNTIL(bed, bed->waiting_count == 1);
        if (i % 2 == 0) {
            client_reset(&client);
        }
        char *large = filler(8 << 20);
        http_respond(bed->waiting[0], 200, "text/plain", large, 8 << 20);
        bed->waiting_count = 0;
        for (int turn = 0; turn < 5; turn++) {
            bed_turn(bed, 1);
        }
        if (i % 2 != 0) {
            client_reset(&client);
        }
        BED_UNTIL(bed, http_server_connections(bed->server) == 0);
    }
    bed_still_serves(bed);
    bed_destroy(bed);
}
END_TEST

START_TEST(client_gone_in_the_middle_of_its_request)
{
    struct bed *bed = bed_create();
    static const char text[] = HEAD "Content-Length: 50\r\n\r\nhello";
    for (size_t cut = 0; cut < sizeof(text) - 1; cut += 7) {
        struct client client;
        client_open(bed, &client);
        client_send_n(bed, &client, text, cut);
        bed_turn(bed, 0);
        if (cut % 2 == 0) {
            client_reset(&client);
        } else {
            client_close(&client);
        }
        bed_still_serves(bed);
    }
    ck_assert_str_eq(bed->text, "hello");
    bed_destroy(bed);
}
END_TEST

/* One that never finishes is dropped after the idle time. */
START_TEST(slow_client)
{
    struct client client;
    struct bed *bed = bed_create_at("127.0.0.1", 10, 1);
    client_open(bed, &client);
    client_send(bed, &client, HEAD "Content-Length: 50\r\n\r\nhello");
    client_until_closed(bed, &client);
    client_close(&client);
    ck_assert_uint_eq(bed->handled, 0);
    bed_still_serves(bed);
    bed_destroy(bed);
}
END_TEST

/* The end of the stream right behind half a request: libmicrohttpd 0.9.75 overlooks it when both
 * come in one event, and the idle time has to do. */
START_TEST(half_closed_at_once)
{
    struct client client;
    struct bed *bed = bed_create_at("127.0.0.1", 10, 1);
    client_open(bed, &client);
    ck_assert_int_eq(send(client.fd, HEAD, strlen(HEAD), 0), (int)strlen(HEAD));
    shutdown(client.fd, SHUT_WR);
    client_until_closed(bed, &client);
    client_close(&client);
    ck_assert_uint_eq(bed->handled, 0);
    bed_still_serves(bed);
    bed_destroy(bed);
}
END_TEST

/* A server that goes while clients are in the middle of something. */
START_TEST(destroyed_with_open_connections)
{
    struct client clients[3];
    struct bed *bed = bed_create();
    for (int i = 0; i < 3; i++) {
        client_open(bed, &clients[i]);
    }
    client_send(bed, &clients[0], HEAD "Content-Length: 50\r\n\r\nhello");
    client_send(bed, &clients[1], HEAD);
    BED_UNTIL(bed, http_server_connections(bed->server) == 3);
    bed_destroy(bed);
    for (int i = 0; i < 3; i++) {
        client_receive(&clients[i]);
        ck_assert(clients[i].closed);
        client_close(&clients[i]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/server against abuse");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, announced_body_over_the_limit);
    tcase_add_test(tcase, announced_body_over_the_limit_of_another_method);
    tcase_add_test(tcase, chunks);
    tcase_add_test(tcase, headers_with_two_readings);
    tcase_add_test(tcase, wrong_content_lengths);
    tcase_add_test(tcase, content_length_too_short);
    tcase_add_test(tcase, content_length_too_long);
    tcase_add_test(tcase, broken_chunks);
    tcase_add_test(tcase, garbage);
    tcase_add_test(tcase, huge_headers);
    tcase_add_test(tcase, client_gone_while_it_waits);
    tcase_add_test(tcase, client_gone_while_it_is_answered);
    tcase_add_test(tcase, client_gone_in_the_middle_of_its_request);
    tcase_add_test(tcase, slow_client);
    tcase_add_test(tcase, half_closed_at_once);
    tcase_add_test(tcase, destroyed_with_open_connections);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
