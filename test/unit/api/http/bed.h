// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_UNIT_API_HTTP_BED_H
#define TEST_UNIT_API_HTTP_BED_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "api/http/server.h"
#include "test/unit/check_main.h"
#include "topology/base/alloc.h"

/* A real server on loopback with clients that write what they like, all on one thread: whoever
 * waits keeps the server running meanwhile. Waits have a bound and are no measure of anything.
 *
 * Paths: /echo answers at once with the method, the body's length and a sum of it; /later when
 * bed_release() says so, and so does /watched (with ?now at once), whose clients are missed when
 * they hang up; /large with 16 MiB;
 * /empty with 204 and no body; /query with ?a= and the header X-Test.
 */

#define BED_WAIT_SECONDS 120
#define BED_LARGE        (16u << 20)
#define BED_MAX_BODY     (100u * 1000u)
#define BED_WAITING_MAX  2048

struct bed {
    struct http_server *server;
    struct http_request *waiting[BED_WAITING_MAX]; /* handed at /later and /watched, in order */
    size_t waiting_count;
    struct http_request *abandoned[BED_WAITING_MAX]; /* in order; only to be compared */
    size_t abandoned_count;
    bool answer_abandoned;       /* with 499, at once */
    bool release_when_abandoned; /* answer all when one is abandoned */
    unsigned handled;            /* calls of the handler */
    char text[1024];             /* the last body */
};

static inline int64_t bed_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline void bed_respond(struct http_request *request, const char *text)
{
    http_respond(request, 200, "text/plain", alloc_string(text), strlen(text));
}

static inline unsigned bed_sum(const char *text, size_t length)
{
    unsigned sum = 0;
    for (size_t i = 0; i < length; i++) {
        sum = sum * 31 + (unsigned char)text[i];
    }
    return sum;
}

/* Answers all that wait with their number. */
static inline void bed_release(struct bed *bed)
{
    for (size_t i = 0; i < bed->waiting_count; i++) {
        char text[32];
        snprintf(text, sizeof(text), "late %zu", i);
        if (bed->waiting[i] != NULL) {
            bed_respond(bed->waiting[i], text);
        }
    }
    bed->waiting_count = 0;
}

static inline void bed_abandoned(void *context, struct http_request *request)
{
    struct bed *bed = context;
    ck_assert_uint_lt(bed->abandoned_count, BED_WAITING_MAX);
    bed->abandoned[bed->abandoned_count++] = request;
    if (bed->answer_abandoned) {
        for (size_t i = 0; i < bed->waiting_count; i++) {
            if (bed->waiting[i] == request) {
                bed->waiting[i] = NULL;
            }
        }
        http_respond_error(request, 499, "gone");
    }
    if (bed->release_when_abandoned) {
        bed_release(bed);
    }
}

static inline void bed_handle(void *context, struct http_request *request)
{
    struct bed *bed = context;
    const char *path = http_request_path(request);
    size_t length;
    const char *body = http_request_body(request, &length);
    ck_assert_int_eq(body[length], '\0');
    snprintf(bed->text, sizeof(bed->text), "%s", body);
    bed->handled++;
    if (strcmp(path, "/later") == 0) {
        ck_assert_uint_lt(bed->waiting_count, BED_WAITING_MAX);
        bed->waiting[bed->waiting_count++] = request;
    } else if (strcmp(path, "/watched") == 0) {
        http_request_on_abandoned(request, bed_abandoned, bed);
        if (http_request_query(request, "now") != NULL) {
            bed_respond(request, "now");
            return;
        }
        ck_assert_uint_lt(bed->waiting_count, BED_WAITING_MAX);
        bed->waiting[bed->waiting_count++] = request;
    } else if (strcmp(path, "/large") == 0) {
        http_respond(request, 200, "text/plain", alloc_zero(BED_LARGE, 1), BED_LARGE);
    } else if (strcmp(path, "/empty") == 0) {
        http_respond(request, 204, "text/plain", NULL, 0);
    } else if (strcmp(path, "/query") == 0) {
        const char *a = http_request_query(request, "a");
        const char *x = http_request_header(request, "x-test");
        char text[200];
        snprintf(text, sizeof(text), "a=%s x=%s", a == NULL ? "(none)" : a,
                 x == NULL ? "(none)" : x);
        bed_respond(request, text);
    } else if (strcmp(path, "/echo") == 0) {
        char text[100];
        snprintf(text, sizeof(text), "%s %zu %u", http_request_method(request), length,
                 bed_sum(body, length));
        bed_respond(request, text);
    } else {
        http_respond_error(request, 404, "%s: \"nothing\" here", path);
    }
}

static inline void bed_listen(struct bed *bed, const struct http_server_options *options)
{
    struct err err;
    signal(SIGPIPE, SIG_IGN);
    ck_assert_msg(http_server_create(options, &bed->server, &err) == 0, "%s", err.text);
}

static inline struct bed *bed_create_at(const char *address, uint32_t max_connections,
                                        unsigned idle_seconds)
{
    struct bed *bed = alloc_zero(1, sizeof(*bed));
    struct http_server_options options = {
        .address = address,
        .max_connections = max_connections,
        .max_body = BED_MAX_BODY,
        .idle_seconds = idle_seconds,
        .handler = bed_handle,
        .context = bed,
    };
    bed_listen(bed, &options);
    return bed;
}

static inline struct bed *bed_create(void)
{
    return bed_create_at("127.0.0.1", 100, 120);
}

static inline void bed_destroy(struct bed *bed)
{
    http_server_destroy(bed->server);
    free(bed);
}

/* Lets the server do what there is to do; waits at most `milliseconds` for it. */
static inline void bed_turn(struct bed *bed, int milliseconds)
{
    struct pollfd poll_fd = {.fd = http_server_fd(bed->server), .events = POLLIN};
    int timeout = http_server_timeout(bed->server);
    if (timeout < 0 || timeout > milliseconds) {
        timeout = milliseconds;
    }
    poll(&poll_fd, 1, timeout);
    http_server_run(bed->server);
}

/* Runs the server until `condition`; fails when that never comes. */
#define BED_UNTIL(bed, condition)                                                 \
    do {                                                                          \
        int64_t bed_end = bed_now() + BED_WAIT_SECONDS * INT64_C(1000000000);     \
        while (!(condition)) {                                                    \
            ck_assert_msg(bed_now() < bed_end, "waited in vain for " #condition); \
            bed_turn(bed, 5);                                                     \
        }                                                                         \
    } while (0)

struct client {
    int fd;
    char *text; /* what came, NUL-terminated */
    size_t length;
    size_t room;
    bool closed;  /* by the server */
    bool refused; /* reset: what was sent is lost */
};

static inline void client_open(struct bed *bed, struct client *client)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(http_server_port(bed->server)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    memset(client, 0, sizeof(*client));
    client->text = alloc_grow(NULL, &client->room, 1, 1);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(client->fd, 0);
    ck_assert_int_eq(connect(client->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(fcntl(client->fd, F_SETFL, O_NONBLOCK), 0);
}

static inline void client_close(struct client *client)
{
    close(client->fd);
    free(client->text);
    memset(client, 0, sizeof(*client));
}

static inline void client_receive(struct client *client)
{
    char buffer[16384];
    for (;;) {
        ssize_t got = recv(client->fd, buffer, sizeof(buffer), 0);
        if (got > 0) {
            size_t length = (size_t)got;
            client->text = alloc_grow(client->text, &client->room, client->length + length + 1, 1);
            memcpy(client->text + client->length, buffer, length);
            client->length += length;
            client->text[client->length] = '\0';
            continue;
        }
        if (got == 0) {
            client->closed = true;
        } else if (errno == ECONNRESET) {
            client->closed = true;
            client->refused = true;
        }
        return;
    }
}

/* Sends it all, or as much as the server takes before it closes. */
static inline void client_send_n(struct bed *bed, struct client *client, const char *text,
                                 size_t length)
{
    size_t sent = 0;
    int64_t end = bed_now() + BED_WAIT_SECONDS * INT64_C(1000000000);
    while (sent < length && !client->closed) {
        ck_assert_msg(bed_now() < end, "the server reads no more");
        ssize_t step = send(client->fd, text + sent, length - sent, MSG_NOSIGNAL);
        if (step > 0) {
            sent += (size_t)step;
        } else if (errno != EAGAIN) {
            client_receive(client);
            client->closed = true;
            return;
        }
        bed_turn(bed, step > 0 ? 0 : 1);
    }
}

static inline void client_send(struct bed *bed, struct client *client, const char *text)
{
    client_send_n(bed, client, text, strlen(text));
}

/* Length of the first whole answer that came; 0 when it is not whole yet. */
static inline size_t client_answer_length(const struct client *client)
{
    const char *end = strstr(client->text, "\r\n\r\n");
    if (end == NULL) {
        return 0;
    }
    const char *field = strcasestr(client->text, "\r\nContent-Length:");
    size_t body = field == NULL || field > end ? 0 : strtoul(field + 17, NULL, 10);
    size_t length = (size_t)(end + 4 - client->text) + body;
    return client->length >= length ? length : 0;
}

/* Waits for a whole answer and gives its status; 0 when the connection was closed without one. The
 * answer's text, headers and all, goes to `answer`. */
static inline unsigned client_answer(struct bed *bed, struct client *client, char answer[1000])
{
    size_t length = 0;
    BED_UNTIL(bed, (client_receive(client), length = client_answer_length(client)) > 0 ||
                       client->closed);
    answer[0] = '\0';
    if (length == 0) {
        return 0;
    }
    snprintf(answer, 1000, "%.*s", (int)length, client->text);
    memmove(client->text, client->text + length, client->length - length + 1);
    client->length -= length;
    ck_assert_msg(strncmp(answer, "HTTP/1.", 7) == 0, "%s", answer);
    return (unsigned)strtoul(answer + 9, NULL, 10);
}

static inline const char *body_of(const char *answer)
{
    const char *end = strstr(answer, "\r\n\r\n");
    ck_assert_ptr_nonnull(end);
    return end + 4;
}

static inline void client_until_closed(struct bed *bed, struct client *client)
{
    BED_UNTIL(bed, (client_receive(client), client->closed));
}

/* One request on a connection of its own, in one go; the status, or 0. */
static inline unsigned bed_ask(struct bed *bed, const char *text, char answer[1000])
{
    struct client client;
    client_open(bed, &client);
    client_send(bed, &client, text);
    unsigned status = client_answer(bed, &client, answer);
    client_close(&client);
    return status;
}

/* The server is none the worse for what happened. */
static inline void bed_still_serves(struct bed *bed)
{
    char answer[1000];
    unsigned status =
        bed_ask(bed, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", answer);
    ck_assert_uint_eq(status, 200);
    ck_assert_str_eq(body_of(answer), "POST 5 99162322");
    BED_UNTIL(bed, http_server_connections(bed->server) == 0);
}

#endif
