// SPDX-License-Identifier: Apache-2.0
#include "api/kube/client/client.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/base/clock.h"
#include "test/unit/api/kube/client/fake_server.h"
#include "test/unit/check_main.h"
#include "topology/base/alloc.h"

#define PATIENCE_MS \
    60000 /* a test that waits longer has failed; none waits that long when it works */

/* What became of one call. */
struct result {
    int status;
    int64_t retry_after_ms;
    char body[4096];
    size_t length;
    char error[512];
    bool finished;
    int statuses; /* calls of status() */
    size_t abort_after;
};

static void take_status(void *context, int status, int64_t retry_after_ms)
{
    struct result *result = context;
    result->status = status;
    result->retry_after_ms = retry_after_ms;
    result->statuses++;
}

static int take_data(void *context, const char *bytes, size_t length, struct err *err)
{
    struct result *result = context;
    size_t room = sizeof result->body - 1 - result->length;
    size_t kept = length < room ? length : room;
    ck_assert_int_eq(result->statuses, 1);
    memcpy(result->body + result->length, bytes, kept);
    result->length += kept;
    if (result->abort_after > 0 && result->length >= result->abort_after) {
        return err_set(err, "seen enough");
    }
    return 0;
}

static void take_done(void *context, int status, const char *error)
{
    struct result *result = context;
    ck_assert_int_eq(status, result->status);
    ck_assert(!result->finished);
    (void)snprintf(result->error, sizeof result->error, "%s", error == NULL ? "" : error);
    result->finished = true;
}

static struct client_call *start(struct client *client, const char *method, const char *target,
                                 const char *body, struct result *result)
{
    *result = (struct result){.abort_after = result->abort_after};
    /* Texts that do not outlive the start. */
    char *copies[] = {alloc_string(method), alloc_string(target), alloc_string(body),
                      alloc_string("application/merge-patch+json")};
    const struct client_request request = {
        .method = copies[0],
        .target = copies[1],
        .content_type = body == NULL ? NULL : copies[3],
        .body = copies[2],
        .body_length = body == NULL ? 0 : strlen(body),
        .status = take_status,
        .data = take_data,
        .done = take_done,
        .context = result,
    };
    struct client_call *call = client_start(client, &request);
    for (size_t i = 0; i < sizeof copies / sizeof copies[0]; i++) {
        free(copies[i]);
    }
    return call;
}

static void wait_for(struct client *client, const bool *flag)
{
    int64_t end = clock_ms() + PATIENCE_MS;
    while (!*flag) {
        ck_assert_msg(clock_ms() < end, "nothing happened");
        client_wait(client, 1000);
        client_run(client);
    }
}

static void perform(struct client *client, const char *method, const char *target, const char *body,
                    struct result *result)
{
    (void)start(client, method, target, body, result);
    wait_for(client, &result->finished);
}

static struct client *make_client(uint16_t port, const char *token, const char *token_file)
{
    char server[64];
    struct kube_access access = {.server = server};
    struct err err;
    struct client *client = NULL;
    const struct kube_log log = {.write = NULL};
    (void)snprintf(server, sizeof server, "http://127.0.0.1:%u", port);
    access.token = alloc_string(token);
    access.token_file = alloc_string(token_file);
    ck_assert_msg(client_create(&access, 4, &log, &client, &err) == 0, "%s", err.text);
    free(access.token);
    free(access.token_file);
    return client;
}

/* Answers with what it was asked, or does what the path says. */
static bool handle(void *context, struct fake_connection *connection,
                   const struct fake_request *request)
{
    const char *target = request->target;
    (void)context;
    if (strcmp(target, "/echo?a=b") == 0) {
        char text[8192];
        (void)snprintf(text, sizeof text, "%s\n%.4000s\n%.4000s", request->method, request->headers,
                       request->body);
        return fake_reply(connection, 200, "", text);
    }
    if (strcmp(target, "/chunks") == 0) {
        fake_begin(connection, 200);
        for (int i = 0; i < 5; i++) {
            fake_chunk(connection, "abc", 3);
        }
        return fake_chunk(connection, "", 0);
    }
    if (strcmp(target, "/busy") == 0) {
        return fake_reply(connection, 429, "Retry-After: 7\r\n", "slow down");
    }
    if (strcmp(target, "/empty") == 0) {
        return fake_text(connection, "HTTP/1.1 204 X\r\n\r\n");
    }
    if (strcmp(target, "/moved") == 0) {
        return fake_reply(connection, 302, "Location: /echo?a=b\r\n", "");
    }
    if (strcmp(target, "/cut") == 0) {
        fake_text(connection, "HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\nhalf");
        return false;
    }
    if (strcmp(target, "/cut-chunk") == 0) {
        fake_text(connection, "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf");
        return false;
    }
    if (strcmp(target, "/slam") == 0) {
        return false;
    }
    if (strcmp(target, "/garbage") == 0) {
        return fake_text(connection, "what?\r\n\r\n") && false;
    }
    if (strcmp(target, "/quiet") == 0) {
        char byte = 0;
        return fake_text(connection, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n") &&
               fake_begin(connection, 200) && read(connection->fd, &byte, 1) > 0;
    }
    if (strcmp(target, "/silence") == 0) {
        char byte = 0;
        return read(connection->fd, &byte, 1) > 0; /* until the other side goes */
    }
    return fake_reply(connection, 404, "", "404 page not found");
}

static struct fake_server *server;

static void setup(void)
{
    server = fake_server_create(0, handle, NULL);
    ck_assert_ptr_nonnull(server);
}

static void teardown(void)
{
    fake_server_destroy(server);
}

START_TEST(sends_what_is_asked)
{
    struct client *client = make_client(fake_server_port(server), "secret", NULL);
    struct result result = {.status = 0};
    perform(client, "GET", "/echo?a=b", NULL, &result);
    ck_assert_str_eq(result.error, "");
    ck_assert_int_eq(result.status, 200);
    ck_assert_int_eq(strncmp(result.body, "GET\n", 4), 0);
    ck_assert_ptr_nonnull(strstr(result.body, "Authorization: Bearer secret\r\n"));
    ck_assert_ptr_nonnull(strstr(result.body, "Accept: application/json\r\n"));
    ck_assert_ptr_nonnull(strstr(result.body, "User-Agent: phalanx/"));
    ck_assert_ptr_null(strstr(result.body, "Expect"));
    ck_assert_ptr_null(strstr(result.body, "Content-"));
    ck_assert_ptr_null(strstr(result.body, "Encoding"));
    perform(client, "PATCH", "/echo?a=b", "{\"x\":1}", &result);
    ck_assert_int_eq(strncmp(result.body, "PATCH\n", 6), 0);
    ck_assert_ptr_nonnull(strstr(result.body, "Content-Type: application/merge-patch+json\r\n"));
    ck_assert_ptr_nonnull(strstr(result.body, "\n{\"x\":1}"));
    perform(client, "POST", "/echo?a=b", "", &result);
    ck_assert_int_eq(strncmp(result.body, "POST\n", 5), 0);
    ck_assert_ptr_nonnull(strstr(result.body, "Content-Length: 0\r\n"));
    /* one connection for all of it */
    ck_assert_uint_eq(fake_server_connections(server), 1);
    client_destroy(client);
}
END_TEST

START_TEST(answers_of_all_kinds)
{
    struct client *client = make_client(fake_server_port(server), NULL, NULL);
    struct result result = {.status = 0};
    perform(client, "GET", "/chunks", NULL, &result);
    ck_assert_str_eq(result.body, "abcabcabcabcabc");
    ck_assert_str_eq(result.error, "");
    perform(client, "GET", "/busy", NULL, &result);
    ck_assert_int_eq(result.status, 429);
    ck_assert_int_eq(result.retry_after_ms, 7000);
    ck_assert_str_eq(result.body, "slow down");
    perform(client, "GET", "/empty", NULL, &result);
    ck_assert_int_eq(result.status, 204);
    ck_assert_int_eq(result.statuses, 1);
    perform(client, "GET", "/moved", NULL, &result); /* not followed */
    ck_assert_int_eq(result.status, 302);
    perform(client, "GET", "/nowhere", NULL, &result);
    ck_assert_int_eq(result.status, 404);
    ck_assert_str_eq(result.error, "");
    client_destroy(client);
}
END_TEST

START_TEST(broken_answers)
{
    static const char *const TARGETS[] = {"/cut", "/cut-chunk", "/slam", "/garbage"};
    struct client *client = make_client(fake_server_port(server), NULL, NULL);
    for (size_t i = 0; i < sizeof TARGETS / sizeof TARGETS[0]; i++) {
        struct result result = {.status = 0};
        perform(client, "GET", TARGETS[i], NULL, &result);
        ck_assert_msg(result.error[0] != '\0', "%s", TARGETS[i]);
        ck_assert_int_eq(result.status, i < 2 ? 200 : 0);
        ck_assert_str_eq(result.body, i < 2 ? "half" : "");
    }
    client_destroy(client);
    /* Nobody listens any more. */
    uint16_t port = fake_server_port(server);
    fake_server_destroy(server);
    server = NULL;
    client = make_client(port, NULL, NULL);
    struct result result = {.status = 0};
    perform(client, "GET", "/chunks", NULL, &result);
    ck_assert_ptr_nonnull(strstr(result.error, "connect"));
    ck_assert_int_eq(result.statuses, 0);
    client_destroy(client);
}
END_TEST

START_TEST(caller_aborts)
{
    struct client *client = make_client(fake_server_port(server), NULL, NULL);
    struct result result = {.abort_after = 1};
    perform(client, "GET", "/chunks", NULL, &result);
    ck_assert_str_eq(result.error, "seen enough");
    client_destroy(client);
}
END_TEST

START_TEST(times_out_when_told)
{
    struct client *client = make_client(fake_server_port(server), NULL, NULL);
    struct result result = {.status = 0};
    const struct client_request request = {.method = "GET",
                                           .target = "/silence",
                                           .timeout_ms = 50,
                                           .status = take_status,
                                           .data = take_data,
                                           .done = take_done,
                                           .context = &result};
    (void)client_start(client, &request);
    wait_for(client, &result.finished);
    ck_assert_ptr_nonnull(strstr(result.error, "timed out"));
    client_destroy(client);
}
END_TEST

/* A watch on which nothing happens is known to be accepted before its first byte. */
START_TEST(status_comes_before_the_body)
{
    struct client *client = make_client(fake_server_port(server), NULL, NULL);
    struct result result = {.status = 0};
    struct client_call *call = start(client, "GET", "/quiet", NULL, &result);
    int64_t end = clock_ms() + PATIENCE_MS;
    while (result.statuses == 0) {
        ck_assert_msg(clock_ms() < end, "no status");
        client_wait(client, 1000);
        client_run(client);
    }
    ck_assert_int_eq(result.status, 200);
    ck_assert_uint_eq(result.length, 0);
    ck_assert(!result.finished);
    client_cancel(client, call);
    client_destroy(client);
}
END_TEST

/* Cancelled calls say nothing, neither do those under way at the end; others go on. */
START_TEST(cancels)
{
    struct client *client = make_client(fake_server_port(server), NULL, NULL);
    struct result silent[3] = {{.status = 0}};
    struct result result = {.status = 0};
    struct client_call *calls[3];
    for (size_t i = 0; i < 3; i++) {
        calls[i] = start(client, "GET", "/silence", NULL, &silent[i]);
    }
    client_cancel(client, calls[1]);
    perform(client, "GET", "/chunks", NULL, &result);
    ck_assert_str_eq(result.error, "");
    client_cancel(client, calls[0]);
    client_destroy(client);
    for (size_t i = 0; i < 3; i++) {
        ck_assert(!silent[i].finished);
    }
}
END_TEST

/* done() of a call starts the next one. */
struct chain {
    struct client *client;
    int left;
    bool finished;
};

static int ignore_data(void *context, const char *bytes, size_t length, struct err *err)
{
    (void)context;
    (void)bytes;
    (void)length;
    (void)err;
    return 0;
}

static void next_link(void *context, int status, const char *error)
{
    struct chain *chain = context;
    ck_assert_int_eq(status, 200);
    ck_assert_ptr_null(error);
    if (--chain->left == 0) {
        chain->finished = true;
        return;
    }
    const struct client_request request = {.method = "GET",
                                           .target = "/chunks",
                                           .data = ignore_data,
                                           .done = next_link,
                                           .context = chain};
    (void)client_start(chain->client, &request);
}

START_TEST(calls_start_calls)
{
    struct client *client = make_client(fake_server_port(server), NULL, NULL);
    struct chain chains[8];
    for (size_t i = 0; i < 8; i++) {
        chains[i] = (struct chain){.client = client, .left = 11};
        next_link(&chains[i], 200, NULL);
    }
    for (size_t i = 0; i < 8; i++) {
        wait_for(client, &chains[i].finished);
    }
    ck_assert_uint_le(fake_server_connections(server), 8);
    client_destroy(client);
}
END_TEST

static void *wake(void *context)
{
    client_wakeup(context);
    return NULL;
}

/* The wait would last for an hour. */
START_TEST(wakes_up)
{
    struct client *client = make_client(fake_server_port(server), NULL, NULL);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, wake, client), 0);
    client_wait(client, 3600000);
    client_run(client);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    client_destroy(client);
}
END_TEST

/* --- tokens --- */

struct door {
    pthread_mutex_t lock;
    char token[64]; /* the one that is let in */
    int refused;
};

static bool guard(void *context, struct fake_connection *connection,
                  const struct fake_request *request)
{
    struct door *door = context;
    char expected[128];
    char value[128] = "";
    (void)pthread_mutex_lock(&door->lock);
    (void)snprintf(expected, sizeof expected, "Bearer %s", door->token);
    bool good =
        fake_header(request, "Authorization", value, sizeof value) && strcmp(value, expected) == 0;
    door->refused += !good;
    (void)pthread_mutex_unlock(&door->lock);
    return fake_reply(connection, good ? 200 : 401, "", good ? "welcome" : "Unauthorized");
}

static void put_token(const char *path, const char *token)
{
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(token, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

START_TEST(reads_the_token_again)
{
    char path[] = "/tmp/test_client_XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(close(fd), 0);
    struct door door = {.token = "first"};
    ck_assert_int_eq(pthread_mutex_init(&door.lock, NULL), 0);
    struct fake_server *guarded = fake_server_create(0, guard, &door);
    put_token(path, " first\n");
    struct client *client = make_client(fake_server_port(guarded), "not this one", path);
    struct result result = {.status = 0};
    perform(client, "GET", "/", NULL, &result);
    ck_assert_int_eq(result.status, 200);
    ck_assert_uint_eq(client_unauthorized(client), 0);
    /* The token changes on both sides: one refusal, nobody hears of it. */
    (void)pthread_mutex_lock(&door.lock);
    memcpy(door.token, "second", 7);
    (void)pthread_mutex_unlock(&door.lock);
    put_token(path, "second");
    perform(client, "POST", "/", "body", &result);
    ck_assert_int_eq(result.status, 200);
    ck_assert_int_eq(result.statuses, 1);
    ck_assert_str_eq(result.body, "welcome");
    ck_assert_uint_eq(client_unauthorized(client), 1);
    /* On the server's side only: the refusal is an answer, and there is no loop. */
    (void)pthread_mutex_lock(&door.lock);
    memcpy(door.token, "third", 6);
    (void)pthread_mutex_unlock(&door.lock);
    perform(client, "GET", "/", NULL, &result);
    ck_assert_int_eq(result.status, 401);
    ck_assert_str_eq(result.body, "Unauthorized");
    /* A broken file: the last good token stays. */
    static const char *const BROKEN[] = {"", "\n", "two words", "a\r\nX-Evil: b"};
    for (size_t i = 0; i < 4; i++) {
        put_token(path, BROKEN[i]);
        perform(client, "GET", "/", NULL, &result);
        ck_assert_int_eq(result.status, 401);
    }
    ck_assert_int_eq(unlink(path), 0);
    (void)pthread_mutex_lock(&door.lock);
    memcpy(door.token, "second", 7);
    (void)pthread_mutex_unlock(&door.lock);
    perform(client, "GET", "/", NULL, &result);
    ck_assert_int_eq(result.status, 200);
    client_destroy(client);
    fake_server_destroy(guarded);
    (void)pthread_mutex_destroy(&door.lock);
}
END_TEST

/* 50 times {"items":[]}, as gzip(1) makes it. */
static const unsigned char ZIPPED[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03,
                                       0xab, 0x56, 0xca, 0x2c, 0x49, 0xcd, 0x2d, 0x56, 0xb2, 0x8a,
                                       0x8e, 0xad, 0xad, 0x1e, 0x65, 0x8f, 0xb2, 0xa9, 0xc4, 0x06,
                                       0x00, 0xea, 0x31, 0xc7, 0xa2, 0x58, 0x02, 0x00, 0x00};

static bool zip(void *context, struct fake_connection *connection,
                const struct fake_request *request)
{
    char value[64] = "";
    char head[256];
    bool broken = strcmp(request->target, "/broken") == 0;
    bool asked = fake_header(request, "Accept-Encoding", value, sizeof value);
    (void)context;
    if (!asked) {
        return fake_reply(connection, 200, "", "plain");
    }
    ck_assert_str_eq(value, "gzip");
    (void)snprintf(head, sizeof head,
                   "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n%s",
                   sizeof ZIPPED + (broken ? 7 : 0), broken ? "garbage" : "");
    return fake_text(connection, head) &&
           fake_send(connection, (const char *)ZIPPED, sizeof ZIPPED);
}

START_TEST(compressed_when_asked)
{
    struct fake_server *zipping = fake_server_create(0, zip, NULL);
    struct client *client = make_client(fake_server_port(zipping), NULL, NULL);
    struct result result = {.status = 0};
    perform(client, "GET", "/", NULL, &result);
    ck_assert_str_eq(result.body, "plain");
    for (int broken = 0; broken < 2; broken++) {
        result = (struct result){.status = 0};
        const struct client_request request = {
            .method = "GET",
            .target = broken ? "/broken" : "/",
            .compressed = true,
            .status = take_status,
            .data = take_data,
            .done = take_done,
            .context = &result,
        };
        (void)client_start(client, &request);
        while (!result.finished) {
            client_wait(client, 1000);
            client_run(client);
        }
        ck_assert_int_eq(result.status, 200);
        ck_assert_uint_eq(result.length, broken ? 0 : 50 * strlen("{\"items\":[]}"));
        ck_assert_int_eq(result.error[0] != '\0', broken);
    }
    client_destroy(client);
    fake_server_destroy(zipping);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client");
    TCase *tests = tcase_create("client");
    tcase_set_timeout(tests, 120); /* waits for real delays and threads */
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, sends_what_is_asked);
    tcase_add_test(tests, answers_of_all_kinds);
    tcase_add_test(tests, broken_answers);
    tcase_add_test(tests, caller_aborts);
    tcase_add_test(tests, times_out_when_told);
    tcase_add_test(tests, status_comes_before_the_body);
    tcase_add_test(tests, cancels);
    tcase_add_test(tests, calls_start_calls);
    tcase_add_test(tests, wakes_up);
    tcase_add_test(tests, reads_the_token_again);
    tcase_add_test(tests, compressed_when_asked);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
