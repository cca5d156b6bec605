// SPDX-License-Identifier: Apache-2.0
#include "test/unit/api/http/bed.h"

#include <curl/curl.h>
#include <sys/resource.h>

/* What a well-behaved client sees: answers now and later, reuse, many at once, the end. */

#define LATER "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
#define ECHO  "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"

START_TEST(answers_at_once)
{
    char answer[1000];
    struct bed *bed = bed_create();
    ck_assert_uint_eq(bed_ask(bed, ECHO, answer), 200);
    ck_assert_str_eq(body_of(answer), "POST 5 99162322");
    ck_assert_ptr_nonnull(strstr(answer, "Content-Type: text/plain\r\n"));
    ck_assert_ptr_nonnull(strstr(answer, "Content-Length: 15\r\n"));
    ck_assert_ptr_null(strstr(answer, "Connection: close"));
    ck_assert_uint_eq(bed_ask(bed, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n", answer), 200);
    ck_assert_str_eq(body_of(answer), "GET 0 0");
    ck_assert_uint_eq(bed_ask(bed, "DELETE /empty HTTP/1.1\r\nHost: x\r\n\r\n", answer), 204);
    ck_assert_str_eq(body_of(answer), "");
    ck_assert_uint_eq(bed_ask(bed, "GET /none HTTP/1.1\r\nHost: x\r\n\r\n", answer), 404);
    ck_assert_str_eq(body_of(answer), "{\"error\":\"/none: \\\"nothing\\\" here\"}");
    ck_assert_ptr_nonnull(strstr(answer, "Content-Type: application/json\r\n"));
    bed_destroy(bed);
}
END_TEST

START_TEST(query_and_headers)
{
    char answer[1000];
    struct bed *bed = bed_create();
    bed_ask(bed, "GET /query?a=b%20c&d HTTP/1.1\r\nHost: x\r\nX-TEST:  v w \r\n\r\n", answer);
    ck_assert_str_eq(body_of(answer), "a=b c x=v w ");
    bed_ask(bed, "GET /query?a HTTP/1.1\r\nHost: x\r\n\r\n", answer);
    ck_assert_str_eq(body_of(answer), "a= x=(none)");
    bed_ask(bed, "GET /query?A=1 HTTP/1.1\r\nHost: x\r\n\r\n", answer);
    ck_assert_ptr_nonnull(strstr(body_of(answer), "x=(none)"));
    bed_destroy(bed);
}
END_TEST

START_TEST(answers_later)
{
    char answer[1000];
    struct client client;
    struct bed *bed = bed_create();
    client_open(bed, &client);
    for (int round = 0; round < 3; round++) {
        client_send(bed, &client, LATER);
        BED_UNTIL(bed, bed->waiting_count == 1);
        client_receive(&client);
        ck_assert_uint_eq(client.length, 0);
        ck_assert_int_le(http_request_arrived(bed->waiting[0]), bed_now());
        ck_assert_int_gt(http_request_arrived(bed->waiting[0]), 0);
        ck_assert_uint_eq(bed_ask(bed, ECHO, answer), 200); /* beside it */
        bed_release(bed);
        ck_assert_int_eq(http_server_timeout(bed->server), 0);
        ck_assert_uint_eq(client_answer(bed, &client, answer), 200);
        ck_assert_str_eq(body_of(answer), "late 0");
    }
    client_close(&client);
    bed_destroy(bed);
}
END_TEST

START_TEST(keeps_connections)
{
    char answer[1000];
    struct client client;
    struct bed *bed = bed_create();
    client_open(bed, &client);
    for (int i = 0; i < 200; i++) {
        client_send(bed, &client, ECHO);
        ck_assert_uint_eq(client_answer(bed, &client, answer), 200);
    }
    ck_assert_uint_eq(http_server_connections(bed->server), 1);
    client_close(&client);
    bed_still_serves(bed);
    bed_destroy(bed);
}
END_TEST

/* HTTP/1.0 is closed after the answer unless it asks for more. */
START_TEST(http_1_0)
{
    char answer[1000];
    struct client client;
    struct bed *bed = bed_create();
    client_open(bed, &client);
    client_send(bed, &client, "POST /echo HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello");
    ck_assert_uint_eq(client_answer(bed, &client, answer), 200);
    ck_assert_str_eq(body_of(answer), "POST 5 99162322");
    client_until_closed(bed, &client);
    client_close(&client);
    bed_destroy(bed);
}
END_TEST

START_TEST(pipelined_requests_are_answered_in_order)
{
    char answer[1000];
    struct client client;
    struct bed *bed = bed_create();
    client_open(bed, &client);
    client_send(bed, &client, ECHO LATER ECHO LATER LATER "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    ck_assert_uint_eq(client_answer(bed, &client, answer), 200);
    ck_assert_str_eq(body_of(answer), "POST 5 99162322");
    BED_UNTIL(bed, bed->waiting_count == 1);
    bed_release(bed);
    client_answer(bed, &client, answer);
    ck_assert_str_eq(body_of(answer), "late 0");
    client_answer(bed, &client, answer);
    ck_assert_str_eq(body_of(answer), "POST 5 99162322");
    for (int i = 0; i < 2; i++) {
        BED_UNTIL(bed, bed->waiting_count == 1);
        bed_release(bed);
        client_answer(bed, &client, answer);
        ck_assert_str_eq(body_of(answer), "late 0");
    }
    client_answer(bed, &client, answer);
    ck_assert_str_eq(body_of(answer), "GET 0 0");
    client_close(&client);
    bed_destroy(bed);
}
END_TEST

/* A body in every cut, one byte at a time too. */
START_TEST(bodies_in_pieces)
{
    char answer[1000];
    struct bed *bed = bed_create();
    size_t whole = strlen(ECHO);
    for (size_t cut = 1; cut < whole; cut++) {
        struct client client;
        client_open(bed, &client);
        client_send_n(bed, &client, ECHO, cut);
        bed_turn(bed, 0);
        client_send_n(bed, &client, &ECHO[cut], whole - cut);
        ck_assert_uint_eq(client_answer(bed, &client, answer), 200);
        ck_assert_str_eq(body_of(answer), "POST 5 99162322");
        client_close(&client);
    }
    struct client client;
    client_open(bed, &client);
    for (size_t i = 0; i < whole; i++) {
        client_send_n(bed, &client, &ECHO[i], 1);
    }
    ck_assert_uint_eq(client_answer(bed, &client, answer), 200);
    client_close(&client);
    bed_still_serves(bed);
    bed_destroy(bed);
}
END_TEST

static void send_large(struct bed *bed, size_t length)
{
    char answer[1000];
    char expected[100];
    char head[200];
    struct client client;
    char *body = alloc_zero(length + 1, 1);
    for (size_t i = 0; i < length; i++) {
        body[i] = (char)('a' + i * 7 % 26);
    }
    client_open(bed, &client);
    snprintf(head, sizeof(head), "PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n",
             length);
    client_send(bed, &client, head);
    client_send_n(bed, &client, body, length);
    ck_assert_uint_eq(client_answer(bed, &client, answer), 200);
    snprintf(expected, sizeof(expected), "PUT %zu %u", length, bed_sum(body, length));
    ck_assert_str_eq(body_of(answer), expected);
    client_close(&client);
    free(body);
}

START_TEST(bodies_up_to_the_limit)
{
    struct bed *bed = bed_create();
    static const size_t lengths[] = {0, 1, 100, 32 * 1024, 70001, BED_MAX_BODY - 1, BED_MAX_BODY};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        send_large(bed, lengths[i]);
    }
    bed_still_serves(bed);
    bed_destroy(bed);
}
END_TEST

START_TEST(expect_continue)
{
    char answer[1000];
    struct client client;
    struct bed *bed = bed_create();
    client_open(bed, &client);
    client_send(
        bed, &client,
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    ck_assert_uint_eq(client_answer(bed, &client, answer), 100);
    client_send(bed, &client, "hello");
    ck_assert_uint_eq(client_answer(bed, &client, answer), 200);
    ck_assert_str_eq(body_of(answer), "POST 5 99162322");
    client_close(&client);
    bed_destroy(bed);
}
END_TEST

/* A gang at its barrier: all stand open at once, nobody is answered early, everybody at the end. */
START_TEST(twelve_hundred_at_once)
{
    enum { MEMBERS = 1200 };
    static struct client clients[MEMBERS];
    struct bed *bed = bed_create_at("127.0.0.1", MEMBERS + 10, 120);
    struct rlimit files = {.rlim_cur = 2 * MEMBERS + 500, .rlim_max = 2 * MEMBERS + 500};
    ck_assert_uint_eq(http_server_connection_limit(bed->server), MEMBERS + 10);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
    for (size_t i = 0; i < MEMBERS; i++) {
        client_open(bed, &clients[i]);
        client_send(bed, &clients[i], LATER);
    }
    BED_UNTIL(bed, bed->waiting_count == MEMBERS);
    ck_assert_uint_eq(http_server_connections(bed->server), MEMBERS);
    for (size_t i = 0; i < MEMBERS; i++) {
        client_receive(&clients[i]);
        ck_assert_uint_eq(clients[i].length, 0);
        ck_assert(!clients[i].closed);
    }
    bed_release(bed);
    bool seen[MEMBERS] = {false};
    for (size_t i = 0; i < MEMBERS; i++) {
        char answer[1000];
        ck_assert_uint_eq(client_answer(bed, &clients[i], answer), 200);
        size_t number = strtoul(body_of(answer) + strlen("late "), NULL, 10);
        ck_assert_uint_lt(number, MEMBERS);
        ck_assert(!seen[number]);
        seen[number] = true;
        client_close(&clients[i]);
    }
    bed_still_serves(bed);
    bed_destroy(bed);
}
END_TEST

/* libcurl as the client, as a person or a script would come: two requests over one connection. */
START_TEST(libcurl)
{
    struct bed *bed = bed_create();
    char url[100];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/echo", http_server_port(bed->server));
    ck_assert_int_eq(curl_global_init(CURL_GLOBAL_ALL), 0);
    CURLM *multi = curl_multi_init();
    CURL *easy = curl_easy_init();
    char *received = NULL;
    size_t received_length = 0;
    for (int round = 0; round < 2; round++) {
        int running = 1;
        long status = 0;
        long connects = -1;
        FILE *sink = open_memstream(&received, &received_length);
        curl_easy_setopt(easy, CURLOPT_URL, url);
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "hello");
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, sink);
        ck_assert_int_eq(curl_multi_add_handle(multi, easy), CURLM_OK);
        BED_UNTIL(bed, (curl_multi_perform(multi, &running), running == 0));
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connects);
        ck_assert_int_eq(status, 200);
        ck_assert_int_eq(connects, round == 0 ? 1 : 0);
        fclose(sink);
        ck_assert_str_eq(received, "POST 5 99162322");
        free(received);
        curl_multi_remove_handle(multi, easy);
    }
    curl_easy_cleanup(easy);
    curl_multi_cleanup(multi);
    curl_global_cleanup();
    bed_destroy(bed);
}
END_TEST

/* More clients than connections: the others wait for their turn. */
START_TEST(connection_limit)
{
    enum { CLIENTS = 7, LIMIT = 4 };
    char answer[1000];
    struct client clients[CLIENTS];
    struct bed *bed = bed_create_at("127.0.0.1", LIMIT, 120);
    for (int i = 0; i < CLIENTS; i++) {
        client_open(bed, &clients[i]);
        client_send(bed, &clients[i], ECHO);
    }
    for (int i = 0; i < CLIENTS; i++) {
        ck_assert_uint_le(http_server_connections(bed->server), LIMIT);
        ck_assert_uint_eq(client_answer(bed, &clients[i], answer), 200);
        client_close(&clients[i]);
    }
    bed_still_serves(bed);
    bed_destroy(bed);
}
END_TEST

/* Waiting at a barrier is no idling: the answer comes long after the idle time. */
START_TEST(a_suspended_request_is_not_idle)
{
    char answer[1000];
    struct client waiting;
    struct client idle;
    struct bed *bed = bed_create_at("127.0.0.1", 10, 1);
    client_open(bed, &waiting);
    client_send(bed, &waiting, LATER);
    BED_UNTIL(bed, bed->waiting_count == 1);
    client_open(bed, &idle);
    client_send(bed, &idle, ECHO);
    ck_assert_uint_eq(client_answer(bed, &idle, answer), 200);
    client_until_closed(bed, &idle);
    client_receive(&waiting);
    ck_assert(!waiting.closed);
    bed_release(bed);
    ck_assert_uint_eq(client_answer(bed, &waiting, answer), 200);
    ck_assert_str_eq(body_of(answer), "late 0");
    client_close(&waiting);
    client_close(&idle);
    bed_destroy(bed);
}
END_TEST

static bool can_connect(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool can = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    close(fd);
    return can;
}

START_TEST(last_answers_close_but_go_on)
{
    char answer[1000];
    struct client client;
    struct bed *bed = bed_create();
    client_open(bed, &client);
    client_send(bed, &client, ECHO);
    ck_assert_uint_eq(client_answer(bed, &client, answer), 200);
    http_server_last_answers(bed->server);
    client_send(bed, &client, ECHO);
    ck_assert_uint_eq(client_answer(bed, &client, answer), 200);
    ck_assert_ptr_nonnull(strstr(answer, "Connection: close\r\n"));
    client_until_closed(bed, &client);
    client_close(&client);
    client_open(bed, &client);
    client_send(bed, &client, ECHO);
    ck_assert_uint_eq(client_answer(bed, &client, answer), 200);
    client_until_closed(bed, &client);
    client_close(&client);
    bed_destroy(bed);
}
END_TEST

START_TEST(quiesce_answers_and_closes)
{
    char answer[1000];
    struct client waiting;
    struct client reading;
    struct client idle;
    struct bed *bed = bed_create();
    client_open(bed, &waiting);
    client_send(bed, &waiting, LATER);
    BED_UNTIL(bed, bed->waiting_count == 1);
    client_open(bed, &reading);
    client_send_n(bed, &reading, ECHO, strlen(ECHO) - 3);
    client_open(bed, &idle);
    client_send(bed, &idle, ECHO);
    ck_assert_uint_eq(client_answer(bed, &idle, answer), 200);

    struct client early;
    client_open(bed, &early); /* in the queue: nobody has looked at it yet */
    uint16_t port = http_server_port(bed->server);
    http_server_quiesce(bed->server);
    http_server_quiesce(bed->server);
    ck_assert(!can_connect(port));
    client_send(bed, &early, ECHO);
    ck_assert_uint_eq(client_answer(bed, &early, answer), 200);
    client_until_closed(bed, &early);
    client_send(bed, &idle, ECHO);
    ck_assert_uint_eq(client_answer(bed, &idle, answer), 200);
    ck_assert_ptr_nonnull(strstr(answer, "Connection: close\r\n"));
    client_until_closed(bed, &idle);
    client_send(bed, &reading, "llo");
    ck_assert_uint_eq(client_answer(bed, &reading, answer), 200);
    client_until_closed(bed, &reading);
    bed_release(bed);
    ck_assert_uint_eq(client_answer(bed, &waiting, answer), 200);
    ck_assert_ptr_nonnull(strstr(answer, "Connection: close\r\n"));
    client_until_closed(bed, &waiting);
    BED_UNTIL(bed, http_server_connections(bed->server) == 0);
    ck_assert_uint_eq(bed->handled, 5);
    client_close(&early);
    bed_destroy(bed);
    client_close(&waiting);
    client_close(&reading);
    client_close(&idle);
}
END_TEST

/* Answered but not yet sent when the server goes: the client still gets it. */
START_TEST(destroy_sends_the_last_answers)
{
    char answer[1000];
    struct client client;
    struct bed *bed = bed_create();
    struct bed other = {.server = NULL};
    client_open(bed, &client);
    client_send(bed, &client, LATER);
    BED_UNTIL(bed, bed->waiting_count == 1);
    bed_release(bed);
    bed_destroy(bed);
    client_receive(&client);
    ck_assert_uint_gt(client_answer_length(&client), 0);
    ck_assert_uint_eq(client_answer(&other, &client, answer), 200);
    ck_assert_str_eq(body_of(answer), "late 0");
    client_close(&client);
    http_server_destroy(NULL);
}
END_TEST

START_TEST(destroy_with_an_unanswered_request_aborts)
{
    struct client client;
    struct bed *bed = bed_create();
    client_open(bed, &client);
    client_send(bed, &client, LATER);
    BED_UNTIL(bed, bed->waiting_count == 1);
    http_server_destroy(bed->server);
}
END_TEST

START_TEST(ipv6)
{
    static const char *const addresses[] = {"::1", "::"};
    for (size_t i = 0; i < 2; i++) {
        struct bed *bed = bed_create_at(addresses[i], 10, 120);
        struct sockaddr_in6 address = {.sin6_family = AF_INET6,
                                       .sin6_port = htons(http_server_port(bed->server)),
                                       .sin6_addr = IN6ADDR_LOOPBACK_INIT};
        struct client client = {.fd = socket(AF_INET6, SOCK_STREAM, 0)};
        char answer[1000];
        client.text = alloc_grow(NULL, &client.room, 1, 1);
        ck_assert_int_eq(connect(client.fd, (struct sockaddr *)&address, sizeof(address)), 0);
        ck_assert_int_eq(fcntl(client.fd, F_SETFL, O_NONBLOCK), 0);
        client_send(bed, &client, ECHO);
        ck_assert_uint_eq(client_answer(bed, &client, answer), 200);
        client_close(&client);
        if (i == 1) {
            bed_still_serves(bed); /* over IPv4 */
        }
        bed_destroy(bed);
    }
}
END_TEST

START_TEST(cannot_listen)
{
    struct bed *bed = bed_create();
    struct http_server *server = NULL;
    struct err err;
    struct http_server_options options = {
        .address = "127.0.0.1", .max_connections = 10, .idle_seconds = 10, .handler = bed_handle};
    options.port = http_server_port(bed->server);
    ck_assert_int_eq(http_server_create(&options, &server, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "Address already in use"));
    options.address = "localhost";
    ck_assert_int_eq(http_server_create(&options, &server, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "localhost: must be an IPv4 or IPv6 address"));
    ck_assert_ptr_null(server);
    bed_destroy(bed);
}
END_TEST

/* A restart finds the port it had, although the connections it closed linger there. */
START_TEST(listens_again_at_once)
{
    char answer[1000];
    struct client client;
    struct bed *bed = bed_create();
    struct http_server_options options = {.address = "127.0.0.1",
                                          .port = http_server_port(bed->server),
                                          .max_connections = 10,
                                          .max_body = 10,
                                          .idle_seconds = 10,
                                          .handler = bed_handle,
                                          .context = bed};
    client_open(bed, &client);
    client_send(bed, &client, "GET /echo HTTP/1.0\r\n\r\n");
    ck_assert_uint_eq(client_answer(bed, &client, answer), 200);
    client_until_closed(bed, &client);
    client_close(&client);
    BED_UNTIL(bed, http_server_connections(bed->server) == 0);
    http_server_destroy(bed->server);
    struct err err;
    ck_assert_msg(http_server_create(&options, &bed->server, &err) == 0, "%s", err.text);
    bed_still_serves(bed);
    bed_destroy(bed);
}
END_TEST

/* Descriptors are raised as far as allowed; an ordinary user with a low hard limit gets fewer. */
START_TEST(descriptors_bound_connections)
{
    struct rlimit files = {.rlim_cur = 100, .rlim_max = 1000};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
    if (geteuid() == 0) {
        ck_assert_int_eq(setresuid(65534, 65534, 65534), 0);
    }
    struct bed *bed = bed_create_at("127.0.0.1", 8192, 120);
    ck_assert_uint_eq(http_server_connection_limit(bed->server), 1000 - 256);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
    ck_assert_uint_eq(files.rlim_cur, 1000);
    bed_still_serves(bed);
    bed_destroy(bed);
    files = (struct rlimit){.rlim_cur = 200, .rlim_max = 200};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
    bed = bed_create_at("127.0.0.1", 8192, 120);
    ck_assert_uint_eq(http_server_connection_limit(bed->server), 100);
    bed_destroy(bed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/server");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, answers_at_once);
    tcase_add_test(tcase, query_and_headers);
    tcase_add_test(tcase, answers_later);
    tcase_add_test(tcase, keeps_connections);
    tcase_add_test(tcase, http_1_0);
    tcase_add_test(tcase, pipelined_requests_are_answered_in_order);
    tcase_add_test(tcase, bodies_in_pieces);
    tcase_add_test(tcase, bodies_up_to_the_limit);
    tcase_add_test(tcase, expect_continue);
    tcase_add_test(tcase, twelve_hundred_at_once);
    tcase_add_test(tcase, libcurl);
    tcase_add_test(tcase, connection_limit);
    tcase_add_test(tcase, a_suspended_request_is_not_idle);
    tcase_add_test(tcase, last_answers_close_but_go_on);
    tcase_add_test(tcase, quiesce_answers_and_closes);
    tcase_add_test(tcase, destroy_sends_the_last_answers);
    tcase_add_test_raise_signal(tcase, destroy_with_an_unanswered_request_aborts, SIGABRT);
    tcase_add_test(tcase, ipv6);
    tcase_add_test(tcase, cannot_listen);
    tcase_add_test(tcase, listens_again_at_once);
    tcase_add_test(tcase, descriptors_bound_connections);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
