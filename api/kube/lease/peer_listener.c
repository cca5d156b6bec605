// SPDX-License-Identifier: Apache-2.0
#include "api/kube/lease/peer_listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "topology/base/alloc.h"

/* One epoll over the socket and its connections, which are a ring: a new one takes the place of the
 * oldest. That a connection is closed means nothing to the other side as long as the next one is
 * accepted (peer_link.h), so who crowds the others out gains nothing.
 *
 * When more than PEER_NEW_MAX have come within a second the socket is left alone until it is over.
 */

#define BACKLOG      16
#define EVERY_MS     1000
#define IDENTITY_MAX 256

_Static_assert(offsetof(struct sockaddr_in6, sin6_port) == offsetof(struct sockaddr_in, sin_port),
               "the port of either kind");

struct peer {
    int fd; /* -1: none */
    uint32_t bytes;
};

struct peer_listener {
    int epoll;
    int socket;
    bool deaf; /* the socket is left alone */
    char greeting[IDENTITY_MAX + 1];
    size_t greeting_length;
    struct peer peers[PEER_CONNECTIONS_MAX];
    uint32_t oldest;
    uint32_t accepted; /* within the second that ends at `second` */
    int64_t second;
};

static int watch(const struct peer_listener *listener, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return epoll_ctl(listener->epoll, EPOLL_CTL_ADD, fd, &event);
}

static int open_socket(const char *address, uint16_t port, struct err *err)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    bool is_six = inet_pton(AF_INET6, address, &six.sin6_addr) == 1;
    if (!is_six && inet_pton(AF_INET, address, &four.sin_addr) != 1) {
        return err_set(err, "\"%s\" is not an IP address", address);
    }
    const struct sockaddr *to =
        is_six ? (const struct sockaddr *)&six : (const struct sockaddr *)&four;
    socklen_t length = is_six ? sizeof six : sizeof four;
    int on = 1;
    int off = 0;
    int fd = socket(is_six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return err_set(err, "socket: %s", strerrordesc_np(errno));
    }
    /* Never SO_REUSEPORT: the port is this process's alone, and refuses when it is gone. */
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (is_six) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    }
    if (bind(fd, to, length) < 0 || listen(fd, BACKLOG) < 0) {
        (void)err_set(err, "cannot listen on %s, port %u: %s", address, port,
                      strerrordesc_np(errno));
        (void)close(fd);
        return -1;
    }
    return fd;
}

int peer_listener_create(const char *address, uint16_t port, const char *identity,
                         struct peer_listener **listener, struct err *err)
{
    int fd = open_socket(address, port, err);
    if (fd < 0) {
        return -1;
    }
    struct peer_listener *created = alloc_zero(1, sizeof *created);
    created->socket = fd;
    int length = snprintf(created->greeting, sizeof created->greeting, "%s\n", identity);
    err_require(length > 0 && (size_t)length < sizeof created->greeting);
    created->greeting_length = (size_t)length;
    for (uint32_t i = 0; i < PEER_CONNECTIONS_MAX; i++) {
        created->peers[i].fd = -1;
    }
    created->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (created->epoll < 0 || watch(created, fd) < 0) {
        (void)err_set(err, "epoll: %s", strerrordesc_np(errno));
        peer_listener_destroy(created);
        return -1;
    }
    *listener = created;
    return 0;
}

static void drop(struct peer *peer)
{
    if (peer->fd >= 0) {
        (void)close(peer->fd);
    }
    *peer = (struct peer){.fd = -1};
}

void peer_listener_destroy(struct peer_listener *listener)
{
    if (listener == NULL) {
        return;
    }
    for (uint32_t i = 0; i < PEER_CONNECTIONS_MAX; i++) {
        drop(&listener->peers[i]);
    }
    (void)close(listener->socket);
    if (listener->epoll >= 0) {
        (void)close(listener->epoll);
    }
    free(listener);
}

uint16_t peer_listener_port(const struct peer_listener *listener)
{
    struct sockaddr_in6 at = {.sin6_family = AF_UNSPEC}; /* the port is where sockaddr_in has it */
    socklen_t length = sizeof at;
    (void)getsockname(listener->socket, (struct sockaddr *)&at, &length);
    return ntohs(at.sin6_port);
}

int peer_listener_fd(const struct peer_listener *listener)
{
    return listener->epoll;
}

int64_t peer_listener_deadline(const struct peer_listener *listener)
{
    return listener->deaf ? listener->second : INT64_MAX;
}

/* A new connection; a socket buffer that is empty takes the greeting whole. */
static void welcome(struct peer_listener *listener, int fd)
{
    struct peer *peer = &listener->peers[listener->oldest];
    listener->oldest = (listener->oldest + 1) % PEER_CONNECTIONS_MAX;
    drop(peer);
    if (send(fd, listener->greeting, listener->greeting_length, MSG_NOSIGNAL) !=
            (ssize_t)listener->greeting_length ||
        watch(listener, fd) < 0) {
        (void)close(fd);
        return;
    }
    peer->fd = fd;
}

static void accept_new(struct peer_listener *listener, int64_t now)
{
    if (now >= listener->second) {
        listener->second = now + EVERY_MS;
        listener->accepted = 0;
    }
    while (listener->accepted < PEER_NEW_MAX) {
        int fd = accept4(listener->socket, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                break; /* it would be readable again and again */
            }
            return;
        }
        listener->accepted++;
        welcome(listener, fd);
    }
    (void)epoll_ctl(listener->epoll, EPOLL_CTL_DEL, listener->socket, NULL);
    listener->deaf = true;
}

/* Returns whether it said that there is news. */
static bool hear(struct peer *peer)
{
    char bytes[PEER_BYTES_MAX];
    ssize_t length = recv(peer->fd, bytes, sizeof bytes, 0);
    if (length < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    peer->bytes += length > 0 ? (uint32_t)length : 0;
    if (length <= 0 || peer->bytes >= PEER_BYTES_MAX) {
        drop(peer);
    }
    return length > 0;
}

bool peer_listener_run(struct peer_listener *listener, int64_t now)
{
    struct epoll_event events[PEER_CONNECTIONS_MAX + 1];
    bool news = false;
    if (listener->deaf && now >= listener->second) {
        listener->deaf = watch(listener, listener->socket) < 0;
    }
    int count = epoll_wait(listener->epoll, events, PEER_CONNECTIONS_MAX + 1, 0);
    for (int i = 0; i < count; i++) {
        if (events[i].data.fd == listener->socket) {
            accept_new(listener, now);
            continue;
        }
        for (uint32_t j = 0; j < PEER_CONNECTIONS_MAX; j++) {
            if (listener->peers[j].fd == events[i].data.fd) {
                news = hear(&listener->peers[j]) || news;
                break;
            }
        }
    }
    return news;
}

void peer_listener_tell(struct peer_listener *listener)
{
    for (uint32_t i = 0; i < PEER_CONNECTIONS_MAX; i++) {
        struct peer *peer = &listener->peers[i];
        if (peer->fd >= 0 && send(peer->fd, "!", 1, MSG_NOSIGNAL) != 1) {
            drop(peer);
        }
    }
}
