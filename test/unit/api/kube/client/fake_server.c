// SPDX-License-Identifier: Apache-2.0
#include "test/unit/api/kube/client/fake_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* Connections are kept in a list under the lock so that destroy can shut them down; each thread
 * leaves the list and closes its socket itself, and the last one out wakes destroy.
 */

struct open_connection {
    struct open_connection *next;
    struct fake_connection connection;
};

struct fake_server {
    int fd;
    uint16_t port;
    fake_handler *handler;
    void *context;
    pthread_t acceptor;
    pthread_mutex_t lock;
    pthread_cond_t left;
    struct open_connection *open;
    uint64_t accepted;
    bool stopping;
};

bool fake_send(struct fake_connection *connection, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(connection->fd, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

bool fake_text(struct fake_connection *connection, const char *text)
{
    return fake_send(connection, text, strlen(text));
}

bool fake_reply(struct fake_connection *connection, int status, const char *headers,
                const char *body)
{
    char head[1024];
    (void)snprintf(
        head, sizeof head,
        "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n%s\r\n", status,
        strlen(body), headers);
    return fake_text(connection, head) && fake_text(connection, body);
}

bool fake_begin(struct fake_connection *connection, int status)
{
    char head[256];
    (void)snprintf(head, sizeof head,
                   "HTTP/1.1 %d X\r\nContent-Type: application/json\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n",
                   status);
    return fake_text(connection, head);
}

bool fake_chunk(struct fake_connection *connection, const char *bytes, size_t length)
{
    char size[32];
    (void)snprintf(size, sizeof size, "%zx\r\n", length);
    return fake_text(connection, size) && fake_send(connection, bytes, length) &&
           fake_text(connection, "\r\n");
}

bool fake_header(const struct fake_request *request, const char *name, char *value, size_t size)
{
    size_t length = strlen(name);
    for (const char *line = request->headers; *line != '\0';) {
        const char *end = strstr(line, "\r\n");
        if (end == NULL) {
            return false;
        }
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            line += length + 1;
            line += strspn(line, " ");
            (void)snprintf(value, size, "%.*s", (int)(end - line), line);
            return true;
        }
        line = end + 2;
    }
    return false;
}

/* Reads up to the empty line; what came behind it stays in `text`. Returns the head's length,
 * 0: gone. */
static size_t read_head(int fd, char *text, size_t *length)
{
    for (;;) {
        text[*length] = '\0';
        const char *end = strstr(text, "\r\n\r\n");
        if (end != NULL) {
            return (size_t)(end - text) + 4;
        }
        if (*length >= FAKE_HEADER_MAX - 1) {
            return 0;
        }
        ssize_t got = recv(fd, text + *length, FAKE_HEADER_MAX - 1 - *length, 0);
        if (got <= 0) {
            return 0;
        }
        *length += (size_t)got;
    }
}

/* One request off the connection; `text` holds what was read too much, before and after. */
static bool read_request(int fd, char *text, size_t *length, struct fake_request *request)
{
    size_t head = read_head(fd, text, length);
    char value[32];
    if (head == 0 || sscanf(text, "%15s %4095s", request->method, request->target) != 2) {
        return false;
    }
    const char *lines = strstr(text, "\r\n") + 2;
    (void)snprintf(request->headers, sizeof request->headers, "%.*s",
                   (int)(head - 2 - (size_t)(lines - text)), lines);
    size_t wanted =
        fake_header(request, "Content-Length", value, sizeof value) ? strtoul(value, NULL, 10) : 0;
    if (wanted > FAKE_BODY_MAX) {
        return false;
    }
    request->body = alloc_zero(wanted + 1, 1);
    size_t have = *length - head < wanted ? *length - head : wanted;
    memcpy(request->body, text + head, have);
    *length -= head + have;
    memmove(text, text + head + have, *length);
    for (request->body_length = have; request->body_length < wanted;) {
        ssize_t got =
            recv(fd, request->body + request->body_length, wanted - request->body_length, 0);
        if (got <= 0) {
            free(request->body);
            return false;
        }
        request->body_length += (size_t)got;
    }
    return true;
}

static void leave(struct open_connection *open)
{
    struct fake_server *server = open->connection.server;
    (void)pthread_mutex_lock(&server->lock);
    struct open_connection **link = &server->open;
    while (*link != open) {
        link = &(*link)->next;
    }
    *link = open->next;
    (void)close(open->connection.fd);
    (void)pthread_cond_signal(&server->left);
    (void)pthread_mutex_unlock(&server->lock);
    free(open);
}

static void *serve(void *context)
{
    struct open_connection *open = context;
    struct fake_server *server = open->connection.server;
    struct fake_request *request = alloc_zero(1, sizeof *request);
    char *text = alloc_zero(FAKE_HEADER_MAX, 1);
    size_t length = 0;
    bool going = true;
    while (going && read_request(open->connection.fd, text, &length, request)) {
        going = server->handler(server->context, &open->connection, request);
        free(request->body);
    }
    free(text);
    free(request);
    leave(open);
    return NULL;
}

static void *accept_all(void *context)
{
    struct fake_server *server = context;
    for (;;) {
        int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);
        (void)pthread_mutex_lock(&server->lock);
        if (fd < 0 || server->stopping) {
            (void)pthread_mutex_unlock(&server->lock);
            if (fd >= 0) {
                (void)close(fd);
            }
            return NULL;
        }
        int one = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct open_connection *open = alloc_zero(1, sizeof *open);
        open->connection.fd = fd;
        open->connection.server = server;
        open->connection.number = ++server->accepted;
        open->next = server->open;
        server->open = open;
        (void)pthread_mutex_unlock(&server->lock);
        pthread_t thread;
        err_require(pthread_create(&thread, NULL, serve, open) == 0);
        (void)pthread_detach(thread);
    }
}

struct fake_server *fake_server_create(uint16_t port, fake_handler *handler, void *context)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 1024) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        (void)close(fd);
        return NULL;
    }
    struct fake_server *server = alloc_zero(1, sizeof *server);
    server->fd = fd;
    server->port = ntohs(address.sin_port);
    server->handler = handler;
    server->context = context;
    err_require(pthread_mutex_init(&server->lock, NULL) == 0);
    err_require(pthread_cond_init(&server->left, NULL) == 0);
    err_require(pthread_create(&server->acceptor, NULL, accept_all, server) == 0);
    return server;
}

void fake_server_destroy(struct fake_server *server)
{
    if (server == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&server->lock);
    server->stopping = true;
    (void)pthread_mutex_unlock(&server->lock);
    (void)shutdown(server->fd, SHUT_RDWR);
    (void)pthread_join(server->acceptor, NULL);
    (void)pthread_mutex_lock(&server->lock);
    for (struct open_connection *open = server->open; open != NULL; open = open->next) {
        (void)shutdown(open->connection.fd, SHUT_RDWR);
    }
    while (server->open != NULL) {
        (void)pthread_cond_wait(&server->left, &server->lock);
    }
    (void)pthread_mutex_unlock(&server->lock);
    (void)close(server->fd);
    (void)pthread_cond_destroy(&server->left);
    (void)pthread_mutex_destroy(&server->lock);
    free(server);
}

uint16_t fake_server_port(const struct fake_server *server)
{
    return server->port;
}

uint64_t fake_server_connections(struct fake_server *server)
{
    (void)pthread_mutex_lock(&server->lock);
    uint64_t accepted = server->accepted;
    (void)pthread_mutex_unlock(&server->lock);
    return accepted;
}
