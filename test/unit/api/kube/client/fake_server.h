// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_UNIT_API_KUBE_CLIENT_FAKE_SERVER_H
#define TEST_UNIT_API_KUBE_CLIENT_FAKE_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An HTTP/1.1 server on a loopback port that does exactly what a test tells it, byte by byte: a
 * thread per connection, keep-alive, and full control over portions, pauses and broken
 * connections.
 */

#define FAKE_BODY_MAX   (1u << 20)
#define FAKE_HEADER_MAX 16384

struct fake_connection {
    int fd;
    struct fake_server *server;
    uint64_t number; /* of the connection, from 1 */
};

struct fake_request {
    char method[16];
    char target[4096];
    char headers[FAKE_HEADER_MAX]; /* all lines, as sent */
    char *body;
    size_t body_length;
};

/* Answers one request; true: the connection may be used again. Called on the connection's
 * thread. */
typedef bool fake_handler(void *context, struct fake_connection *connection,
                          const struct fake_request *request);

struct fake_server;

/* Listens on `port` (0: a free one). NULL when the port is taken. */
struct fake_server *fake_server_create(uint16_t port, fake_handler *handler, void *context);
/* Breaks all connections and waits for their threads. */
void fake_server_destroy(struct fake_server *server);
uint16_t fake_server_port(const struct fake_server *server);
uint64_t fake_server_connections(struct fake_server *server); /* ever accepted */

/* Value of a header, cut at `size`; false when it is absent. */
bool fake_header(const struct fake_request *request, const char *name, char *value, size_t size);

/* false: the peer has gone. */
bool fake_send(struct fake_connection *connection, const char *bytes, size_t length);
bool fake_text(struct fake_connection *connection, const char *text);
/* A complete answer. `headers`: more lines, each ended by CRLF, or "". */
bool fake_reply(struct fake_connection *connection, int status, const char *headers,
                const char *body);
/* Head of a chunked answer, then any number of chunks; an empty chunk ends it. */
bool fake_begin(struct fake_connection *connection, int status);
bool fake_chunk(struct fake_connection *connection, const char *bytes, size_t length);

#endif
