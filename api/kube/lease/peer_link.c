// SPDX-License-Identifier: Apache-2.0
#include "api/kube/lease/peer_link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "topology/base/alloc.h"

/*   IDLE ──due──▶ CONNECTING ──▶ GREETED? ──"identity\n"──▶ CONNECTED
 *    ▲                │ refused, silent      │ another name, closed    │ closed
 *    └────────────────┴──────────────────────┴─────────────────────────┘
 *
 * `known` says that the present holder was connected to at this address; only then does a refusal
 * mean anything. It is asked again all the time: a process that is started in its place answers.
 */

#define TEXT_MAX     256
#define GREETING_MAX (TEXT_MAX + 1)
#define PATIENCE_MS  1000 /* for a connection and its greeting */
#define AGAIN_MS     100  /* after the end of somebody who was known */
#define LATER_MS     1000

enum step { IDLE, CONNECTING, GREETED, CONNECTED };

struct peer_link {
    int epoll;
    int fd; /* -1: none */
    enum step step;
    char identity[TEXT_MAX];
    char address[TEXT_MAX];
    struct sockaddr_storage to;
    socklen_t to_length; /* 0: nobody */
    bool known;
    bool ended;
    bool news;
    int64_t due; /* the next attempt; while CONNECTING or GREETED its end */
    char greeting[GREETING_MAX];
    size_t greeting_length;
};

struct peer_link *peer_link_create(void)
{
    struct peer_link *link = alloc_zero(1, sizeof *link);
    link->fd = -1;
    link->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (link->epoll < 0) {
        free(link);
        return NULL;
    }
    return link;
}

/* The next attempt is due at `due`. */
static void hang_up(struct peer_link *link, int64_t due)
{
    if (link->fd >= 0) {
        (void)close(link->fd);
    }
    link->fd = -1;
    link->step = IDLE;
    link->due = due;
}

void peer_link_destroy(struct peer_link *link)
{
    if (link != NULL) {
        hang_up(link, 0);
        (void)close(link->epoll);
        free(link);
    }
}

int peer_link_fd(const struct peer_link *link)
{
    return link->epoll;
}

/* "10.0.0.1:7" or "[::1]:7". Returns the length of the address, 0 if it is none. */
static socklen_t parse(const char *text, struct sockaddr_storage *to)
{
    struct sockaddr_in *four = (struct sockaddr_in *)to;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)to;
    char host[TEXT_MAX];
    char *end = NULL;
    const char *colon = strrchr(text, ':');
    unsigned long port = colon == NULL ? 0 : strtoul(colon + 1, &end, 10);
    *to = (struct sockaddr_storage){.ss_family = AF_UNSPEC};
    if (port == 0 || port > UINT16_MAX || *end != '\0') {
        return 0;
    }
    size_t length = (size_t)(colon - text);
    bool brackets = length > 2 && text[0] == '[' && text[length - 1] == ']';
    memcpy(host, brackets ? text + 1 : text, length);
    host[brackets ? length - 2 : length] = '\0';
    if (brackets && inet_pton(AF_INET6, host, &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons((uint16_t)port);
        return sizeof *six;
    }
    if (!brackets && inet_pton(AF_INET, host, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons((uint16_t)port);
        return sizeof *four;
    }
    return 0;
}

void peer_link_aim(struct peer_link *link, const char *identity, const char *address)
{
    if (strcmp(identity, link->identity) == 0 && strcmp(address, link->address) == 0) {
        return;
    }
    (void)snprintf(link->identity, sizeof link->identity, "%s", identity);
    (void)snprintf(link->address, sizeof link->address, "%s", address);
    link->to_length = parse(link->address, &link->to);
    link->known = false;
    link->ended = false;
    hang_up(link, 0);
}

/* It could not be connected to. */
static void failed(struct peer_link *link, int64_t now, int error)
{
    link->ended = link->known && error == ECONNREFUSED;
    hang_up(link, now + (link->known ? AGAIN_MS : LATER_MS));
}

/* A machine that is gone without a word must not look connected for long. */
static void set_options(int fd)
{
    const int on = 1;
    const int seconds = 1;
    const int probes = 3;
    const unsigned timeout_ms = 3000;
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof seconds);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
}

static void start(struct peer_link *link, int64_t now)
{
    link->greeting_length = 0;
    link->fd = socket(link->to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (link->fd < 0) {
        failed(link, now, errno);
        return;
    }
    set_options(link->fd);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.fd = link->fd};
    int result = connect(link->fd, (const struct sockaddr *)&link->to, link->to_length);
    if ((result < 0 && errno != EINPROGRESS) ||
        epoll_ctl(link->epoll, EPOLL_CTL_ADD, link->fd, &event) < 0) {
        failed(link, now, errno);
        return;
    }
    link->step = CONNECTING;
    link->due = now + PATIENCE_MS;
}

static void connected(struct peer_link *link, int64_t now)
{
    int error = 0;
    socklen_t length = sizeof error;
    (void)getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) {
        failed(link, now, error);
        return;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.fd = link->fd};
    (void)epoll_ctl(link->epoll, EPOLL_CTL_MOD, link->fd, &event);
    link->step = GREETED;
}

/* Takes the name apart from what follows it. */
static void greet(struct peer_link *link, int64_t now)
{
    size_t room = sizeof link->greeting - link->greeting_length;
    ssize_t length = recv(link->fd, link->greeting + link->greeting_length, room, 0);
    if (length < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (length <= 0) {
        failed(link, now, 0);
        return;
    }
    link->greeting_length += (size_t)length;
    size_t wanted = strlen(link->identity);
    const char *end = memchr(link->greeting, '\n', link->greeting_length);
    if (end == NULL && link->greeting_length < sizeof link->greeting) {
        return;
    }
    if (end == NULL || (size_t)(end - link->greeting) != wanted ||
        memcmp(link->greeting, link->identity, wanted) != 0) {
        link->known = false; /* the place is somebody else's now */
        failed(link, now, 0);
        return;
    }
    link->step = CONNECTED;
    link->known = true;
    link->ended = false;
}

static void hear(struct peer_link *link)
{
    char bytes[TEXT_MAX];
    ssize_t length = recv(link->fd, bytes, sizeof bytes, 0);
    if (length > 0) {
        link->news = true;
    } else if (length == 0 || (errno != EAGAIN && errno != EINTR)) {
        hang_up(link, 0);
    }
}

static void step(struct peer_link *link, int64_t now)
{
    struct epoll_event event;
    if (link->step == IDLE) {
        if (now >= link->due) {
            start(link, now);
        }
        return;
    }
    if (epoll_wait(link->epoll, &event, 1, 0) > 0) {
        if (link->step == CONNECTING) {
            connected(link, now);
        } else if (link->step == GREETED) {
            greet(link, now);
        } else {
            hear(link);
        }
    } else if (link->step != CONNECTED && now >= link->due) {
        failed(link, now, ETIMEDOUT);
    }
}

enum peer_state peer_link_run(struct peer_link *link, int64_t now)
{
    if (link->to_length == 0) {
        return PEER_UNKNOWN;
    }
    enum step before = link->step;
    step(link, now);
    if (before == CONNECTED && link->step == IDLE) {
        step(link, now); /* again at once: was it the process, or only the connection? */
    }
    return link->ended ? PEER_ENDED : link->step == CONNECTED ? PEER_LIVES : PEER_UNKNOWN;
}

int64_t peer_link_deadline(const struct peer_link *link)
{
    return link->to_length == 0 || link->step == CONNECTED ? INT64_MAX : link->due;
}

bool peer_link_news(struct peer_link *link)
{
    bool news = link->news;
    link->news = false;
    return news;
}

void peer_link_tell(struct peer_link *link)
{
    if (link->step == CONNECTED) {
        (void)send(link->fd, "!", 1, MSG_NOSIGNAL);
    }
}
