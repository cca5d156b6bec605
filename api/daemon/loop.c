// SPDX-License-Identifier: Apache-2.0
#include "api/daemon/loop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "api/base/clock.h"

/* RUNNING ─signal─▶ DRAINING ─all answered─▶ RELEASING ─no lease─▶ LINGERING ─▶ CLOSED ─▶ end
 *                      └──────────── grace over, or second signal ──────────────────────▲
 *
 * LINGERING answers what still comes, until for a moment nothing does. CLOSED takes no new
 * connection; those that are there still get their answers.
 *
 * HTTP is served between any two portions of backend work and ticks, so a relist of a large cluster
 * delays a filter call by one portion and not by the relist. Nor does a plan that takes several
 * ticks hold up the backend, or the other way round: each has its turn.
 */

struct loop {
    const struct loop_options *options;
    int epoll;
    int signals;
    bool draining;
    bool stop;
    int64_t drain_until;
    bool answered;        /* nobody waits for a bind any more */
    bool released;        /* nor for the lease */
    int64_t linger_until; /* once released, and again once closed */
    bool closed;
    bool busy;            /* HTTP had something to do in this turn */
    unsigned quiet_turns; /* while draining: turns with nothing left to answer */
};

/* Answers are on the wire after that many turns. */
#define QUIET_TURNS 3
#define LINGER_MS   500 /* whoever calls without a pause is not waited for longer */

int loop_block_signals(struct err *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of write() */
    int failed = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (failed != 0) {
        return err_set(err, "pthread_sigmask: %s", strerror(failed));
    }
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return fd >= 0 ? fd : err_set(err, "signalfd: %s", strerror(errno));
}

static int watch_fd(const struct loop *loop, int fd, struct err *err)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
        return err_set(err, "epoll_ctl: %s", strerror(errno));
    }
    return 0;
}

static void serve(const struct routes *routes)
{
    http_server_run(routes->server);
    if (routes->operations != NULL) {
        http_server_run(routes->operations);
    }
}

static void begin_drain(struct loop *loop)
{
    struct routes *routes = loop->options->routes;
    struct event event = {.type = EVENT_DRAIN};
    loop->draining = true;
    loop->drain_until = clock_ms() + loop->options->grace_ms;
    routes->draining = true;
    log_text(routes->log, LOG_INFO, "draining", NULL);
    core_apply(routes->core, &event);
    http_server_last_answers(routes->server);
    if (routes->operations != NULL) {
        http_server_last_answers(routes->operations);
    }
}

static void renew(const struct routes *routes)
{
    log_text(routes->log, LOG_INFO, "asked to read the certificates again", NULL);
    http_server_renew(routes->server);
    if (routes->operations != NULL) {
        http_server_renew(routes->operations);
    }
}

static void read_signals(struct loop *loop)
{
    struct signalfd_siginfo info;
    while (read(loop->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGHUP) {
            renew(loop->options->routes);
            continue;
        }
        if (loop->draining) {
            loop->stop = true;
        } else {
            begin_drain(loop);
        }
    }
}

/* Counts turns in which nothing was left to do. */
static bool quiet(struct loop *loop, bool now)
{
    loop->quiet_turns = now ? loop->quiet_turns + 1 : 0;
    if (loop->quiet_turns < QUIET_TURNS) {
        return false;
    }
    loop->quiet_turns = 0;
    return true;
}

/* Idle keep-alive connections are not waited for. */
static bool drained(struct loop *loop)
{
    const struct backend *backend = &loop->options->backend;
    int64_t now = clock_ms();
    if (!loop->draining) {
        return false;
    }
    if (now >= loop->drain_until) {
        return true;
    }
    if (!loop->answered) {
        loop->answered = quiet(loop, calls_waiting(loop->options->routes->calls) == 0);
        return false;
    }
    if (!loop->released) {
        loop->released = backend->released == NULL || backend->released(backend->context);
        loop->linger_until = now + LINGER_MS;
        return false;
    }
    if (!quiet(loop, !loop->busy) && now < loop->linger_until) {
        return false;
    }
    if (!loop->closed) {
        loop->closed = true;
        loop->linger_until = now + LINGER_MS;
        http_server_quiesce(loop->options->routes->server);
        return false;
    }
    return true;
}

static int smaller_timeout(int a, int b)
{
    if (a < 0 || b < 0) {
        return a < 0 ? b : a;
    }
    return a < b ? a : b;
}

static int timeout_of(const struct loop *loop, bool more)
{
    const struct routes *routes = loop->options->routes;
    if (more) {
        return 0;
    }
    int timeout = smaller_timeout(http_server_timeout(routes->server), core_timeout(routes->core));
    if (routes->operations != NULL) {
        timeout = smaller_timeout(timeout, http_server_timeout(routes->operations));
    }
    return loop->draining ? smaller_timeout(timeout, 20) : timeout;
}

static int turn(struct loop *loop, bool *more, struct err *err)
{
    struct routes *routes = loop->options->routes;
    struct epoll_event events[4];
    int count = epoll_wait(loop->epoll, events, 4, timeout_of(loop, *more));
    if (count < 0 && errno != EINTR) {
        return err_set(err, "epoll_wait: %s", strerror(errno));
    }
    loop->busy = false;
    for (int i = 0; i < count; i++) {
        loop->busy = loop->busy || events[i].data.fd == http_server_fd(routes->server);
    }
    /* Sends what was answered and hands over what has come, between any two that may take long. */
    serve(routes);
    *more = core_pump(routes->core);
    serve(routes);
    core_tick(routes->core);
    serve(routes);
    core_checkpoint(routes->core);
    read_signals(loop);
    return 0;
}

int loop_run(const struct loop_options *options, int signal_fd, struct err *err)
{
    struct loop loop = {.options = options, .signals = signal_fd};
    bool more = true;
    int result = -1;
    loop.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (loop.epoll < 0) {
        return err_set(err, "epoll_create1: %s", strerror(errno));
    }
    if (watch_fd(&loop, signal_fd, err) < 0 || watch_fd(&loop, options->backend.fd, err) < 0 ||
        watch_fd(&loop, http_server_fd(options->routes->server), err) < 0 ||
        (options->routes->operations != NULL &&
         watch_fd(&loop, http_server_fd(options->routes->operations), err) < 0)) {
        goto out;
    }
    while (!loop.stop && !drained(&loop)) {
        if (turn(&loop, &more, err) < 0) {
            goto out;
        }
    }
    result = 0;
out:
    close(loop.epoll);
    return result;
}
