// SPDX-License-Identifier: Apache-2.0
#ifndef API_HTTP_SERVER_H
#define API_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "topology/base/err.h"

/* The HTTP server: libmicrohttpd driven by our own loop. The only module that includes
 * microhttpd.h.
 *
 * - It owns no thread. The loop polls http_server_fd() for reading and calls http_server_run() when
 *   it is readable or http_server_timeout() has passed.
 * - A request is handed to the handler once, with its whole body. The handler answers with
 *   http_respond() before it returns or at any later time on the same thread; until then the
 *   connection is suspended and the request pointer stays valid, whether or not the client still
 *   listens. Every request must be answered exactly once. Whoever wants to know when nobody listens
 *   any more asks for that with http_request_on_abandoned().
 * - Bodies above `max_body` and headers with two readings (Transfer-Encoding beside Content-Length,
 *   repeated ones) or without the body's length never reach the handler: they are answered with 4xx
 *   and a JSON body {"error":"…"}, and the connection is closed. What is not even HTTP,
 *   libmicrohttpd answers itself with its own 4xx and text. A body that ends too early gets no
 *   answer; the connection is closed.
 * - Nobody waits for a client for ever: see the limits of struct http_server_options. All bodies
 *   and answers together have `max_memory`; who finds none gets 503.
 * - With `tls` the server speaks TLS only. Its files are looked at again all along, and what is new
 *   in them counts for the connections from then on; those that are open are closed after their
 *   next answer.
 */

struct http_server;
struct http_request;

/* Certificates as PEM. */
struct http_tls_options {
    const char *certificate_file, *key_file;
    const char *client_ca_file; /* NULL: clients are not asked for a certificate */
    const char *const *names; /* common or alternative names of clients that may call; none: all */
    size_t name_count;
    bool required; /* without a good certificate the handshake fails; else see
                      http_request_verified() */
};

/* 0 stands for what is said in brackets. */
struct http_server_options {
    const char *address; /* IPv4 or IPv6 literal; "::" takes both, as in Go */
    uint16_t port;       /* 0: any free one, see http_server_port() */
    uint32_t max_connections;
    size_t max_body;   /* bytes */
    size_t max_memory; /* bytes of all bodies and answers (four times max_body, at least 1 MiB) */
    /* How long a client may be silent between two requests; kube-scheduler needs more than 90 s. */
    unsigned idle_seconds;
    unsigned header_seconds; /* from connecting to the end of the first header (10) */
    unsigned body_seconds;   /* to send a body or read an answer (15), and what that takes at */
    size_t minimum_rate;     /* … bytes a second (256 KiB) */
    const struct http_tls_options *tls; /* NULL: none. *Borrowed* for the creation */
    void (*handler)(void *context, struct http_request *request);
    /* Other certificates count from now on (error NULL), or are in the files but no good. */
    void (*renewed)(void *context, const char *error); /* may be NULL */
    void *context;
};

struct http_server_figures {
    uint32_t connections;     /* open now */
    uint64_t timed_out;       /* clients that took too long, ever */
    uint64_t out_of_memory;   /* bodies and answers for which there was no memory, ever */
    uint64_t crowded_out;     /* silent clients cut off at the limit of connections, ever */
    uint64_t strangers;       /* connections that ended without a TLS session that may call, ever */
    int64_t certificate_ends; /* seconds since 1970; 0 without TLS */
};

/* *New* listening server. Raises RLIMIT_NOFILE when it can; when it cannot, the connection limit
 * shrinks to what fits (see http_server_connection_limit()). */
int http_server_create(const struct http_server_options *options, struct http_server **server,
                       struct err *err);
/* All requests must have been answered. Takes NULL. */
void http_server_destroy(struct http_server *server);

uint16_t http_server_port(const struct http_server *server);
uint32_t http_server_connection_limit(const struct http_server *server);
uint32_t http_server_connections(const struct http_server *server); /* open now */
void http_server_figures(const struct http_server *server, struct http_server_figures *figures);
/* Reads the certificates again, changed or not. */
void http_server_renew(struct http_server *server);

int http_server_fd(const struct http_server *server);
/* Milliseconds until http_server_run() wants to be called, -1 for no limit. */
int http_server_timeout(struct http_server *server);
void http_server_run(struct http_server *server);

/* From now on connections are closed after their answer, so that clients look for another server.
 * New ones are still accepted and answered. */
void http_server_last_answers(struct http_server *server);
/* Closes the socket, after who has connected to it was taken in; open connections go on and are
 * closed after their answer. One that stays silent is left to `idle_seconds` or to
 * http_server_destroy(). */
void http_server_quiesce(struct http_server *server);

const char *http_request_method(const struct http_request *request); /* "GET" */
const char *http_request_path(const struct http_request *request);   /* without query */
const char *http_request_query(const struct http_request *request, const char *name);  /* or NULL */
const char *http_request_header(const struct http_request *request, const char *name); /* or NULL */
/* Whether the client has shown a good certificate, on a server that asks for one. */
bool http_request_verified(const struct http_request *request);
/* … and if not, why not. */
const char *http_request_unverified(const struct http_request *request);
/* The whole body, NUL-terminated beyond `length`. *Borrowed* until the answer. */
const char *http_request_body(const struct http_request *request, size_t *length);
/* Time of arrival of the complete request, CLOCK_MONOTONIC nanoseconds; for latency metrics. */
int64_t http_request_arrived(const struct http_request *request);

/* Calls `abandoned` once when the client hangs up before the answer: it closed its side of the
 * connection, which is what a client does that gave up, or reset it. From http_server_run() only,
 * never from here. The answer is still owed, then or later (499 is a good one), even if it may
 * reach nobody; the connection is closed after it. A client that dies without a farewell is not
 * noticed. */
void http_request_on_abandoned(struct http_request *request,
                               void (*abandoned)(void *context, struct http_request *request),
                               void *context);

/* Whether the client has hung up already, as http_request_on_abandoned() means it: the call may
 * have waited here for long while this process could not run, and says nothing of now. */
bool http_request_is_abandoned(const struct http_request *request);

/* Answers; *steals* `body` (malloc'd, may be NULL with length 0) and voids the request. Sends
 * Content-Length and nothing after the body. `content_type` is a static string. */
void http_respond(struct http_request *request, unsigned status, const char *content_type,
                  char *body, size_t length);
/* Answers {"error":"<text>"} with the status. */
void http_respond_error(struct http_request *request, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
