// SPDX-License-Identifier: Apache-2.0
#include "api/http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/abstract.h>
#include <limits.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api/base/clock.h"
#include "api/http/request.h"
#include "topology/base/alloc.h"

/* libmicrohttpd in external epoll mode: nothing happens but inside http_server_run(). What becomes
 * of a request is told in request.c.
 *
 *   the loop's epoll ─ http_server_fd() ─┬─ libmicrohttpd's epoll ─ listening, connections
 *                                        └─ hangups ─ suspended connections that are missed
 *
 * - A connection resumed by http_respond() is noticed at the next run only, and libmicrohttpd's own
 *   timeout does not say so; hence `resumed`.
 * - Where it has accepted all it can (its limit, or no descriptors), it takes the listening socket
 *   out of its epoll, and puts it back at the beginning of a run after one that closed a
 *   connection. Nothing tells that such a run is wanted; hence `closed`.
 * - Stopping libmicrohttpd with suspended connections hangs or worse. http_server_destroy()
 *   therefore insists on answers to all requests, and lets those resumed last be sent.
 * - MHD_OPTION_LISTENING_ADDRESS_REUSE stays unset: it means SO_REUSEPORT, and a second daemon
 *   would take half of the calls unnoticed. SO_REUSEADDR, for quick restarts, is set anyway.
 */

#define CONNECTION_POOL (32 * 1024) /* libmicrohttpd clears it per request: larger is slower */
#define LISTEN_BACKLOG  4096
#define MEMORY_LEAST    (1 << 20)
#define MINIMUM_RATE    (256 << 10)
#define HANGUPS_PER_RUN 64  /* what follows from one is not free; the rest waits for the next run */
#define OTHER_FILES     256 /* descriptors kept free for everything but connections */

struct http_server {
    struct http_server_options options;
    struct MHD_Daemon *daemon;
    struct http_shared shared;
    int epoll; /* over libmicrohttpd's and the hangups */
    uint32_t connection_limit;
    bool required; /* a certificate of every client */
    uint64_t strangers;
    bool closed; /* a connection in the last run, see http_server_timeout() */
};

static void refresh(struct http_server *server, bool now)
{
    struct err err;
    int found = server->shared.tls == NULL ? 0 : tls_refresh(server->shared.tls, now, &err);
    if (found != 0 && server->options.renewed != NULL) {
        server->options.renewed(server->options.context, found < 0 ? err.text : NULL);
    }
}

static void begin_tls(struct http_server *server, struct MHD_Connection *mhd,
                      struct http_connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    refresh(server, false);
    if (tls_begin(server->shared.tls, &connection->tls, info->tls_session) < 0) {
        http_connection_cut(&server->shared.connections, connection);
    }
}

/* libmicrohttpd's word on connections: on opening one, before anything is read from it, and after
 * it has been closed. */
static void notify(void *context, struct MHD_Connection *mhd, void **socket_context,
                   enum MHD_ConnectionNotificationCode code)
{
    struct http_server *server = context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        struct http_connection *opened = http_connection_open(&server->shared.connections, mhd);
        *socket_context = opened;
        if (server->shared.tls != NULL) {
            begin_tls(server, mhd, opened);
        }
        return;
    }
    struct http_connection *connection = *socket_context;
    server->closed = true;
    if (server->required && !connection->tls.verified) {
        server->strangers++;
    }
    http_connection_close(&server->shared.connections, connection);
}

/* libmicrohttpd's access handler: once when the headers are there, then per piece of the body, once
 * at the end of the body, and once more after a resume. */
static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *data_length, void **state)
{
    struct http_server *server = context;
    struct http_request *request = *state;
    (void)version;
    if (request == NULL) {
        refresh(server, false);
        request = http_request_create(&server->shared, connection, url, method);
        *state = request;
        return http_request_begin(request);
    }
    if (*data_length > 0) {
        size_t length = *data_length;
        *data_length = 0;
        return http_request_take(request, data, length);
    }
    switch (http_request_state(request)) {
    case HTTP_REQUEST_READING:
        return http_request_hand_over(request, server->options.handler, server->options.context);
    case HTTP_REQUEST_REFUSED:
    case HTTP_REQUEST_ANSWERED:
        return http_request_send(request);
    case HTTP_REQUEST_HANDED:
    case HTTP_REQUEST_SENT:
        break;
    }
    return MHD_YES;
}

static void completed(void *context, struct MHD_Connection *connection, void **state,
                      enum MHD_RequestTerminationCode code)
{
    (void)context;
    (void)connection;
    (void)code;
    if (*state != NULL) {
        http_request_completed(*state);
        *state = NULL;
    }
}

/* Connections the process can open; raises the limit of descriptors as far as it may. */
static uint32_t possible_connections(uint32_t wanted)
{
    struct rlimit limit;
    rlim_t need = (rlim_t)wanted + OTHER_FILES;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return wanted;
    }
    if (limit.rlim_cur < need) {
        struct rlimit raised = limit;
        raised.rlim_cur = need;
        if (raised.rlim_max < need) {
            raised.rlim_max = need;
        }
        if (setrlimit(RLIMIT_NOFILE, &raised) != 0) {
            raised.rlim_max = limit.rlim_max;
            raised.rlim_cur = limit.rlim_max < need ? limit.rlim_max : need;
            (void)!setrlimit(RLIMIT_NOFILE, &raised);
        }
        getrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur >= need) {
        return wanted;
    }
    rlim_t others = limit.rlim_cur > 2 * OTHER_FILES ? OTHER_FILES : limit.rlim_cur / 2;
    return (uint32_t)(limit.rlim_cur - others);
}

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static int parse_address(const struct http_server_options *options, union address *address,
                         struct err *err)
{
    memset(address, 0, sizeof(*address));
    if (inet_pton(AF_INET, options->address, &address->v4.sin_addr) == 1) {
        address->v4.sin_family = AF_INET;
        address->v4.sin_port = htons(options->port);
        return 0;
    }
    if (inet_pton(AF_INET6, options->address, &address->v6.sin6_addr) == 1) {
        address->v6.sin6_family = AF_INET6;
        address->v6.sin6_port = htons(options->port);
        return 0;
    }
    return err_set(err, "listen address %s: must be an IPv4 or IPv6 address", options->address);
}

/* Never asked: every session has credentials of its own, see tls.h. */
static int no_certificate(gnutls_session_t session, const gnutls_datum_t *authorities,
                          int authority_count, const gnutls_pk_algorithm_t *algorithms,
                          int algorithm_count, gnutls_pcert_st **certificates,
                          unsigned *certificate_count, gnutls_privkey_t *key)
{
    return -1;
}

static struct MHD_Daemon *start(struct http_server *server, const union address *address)
{
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
    char priorities[] = "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";
    struct MHD_OptionItem with_tls[] = {
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)no_certificate},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, priorities},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem without_tls[] = {{MHD_OPTION_END, 0, NULL}};
    flags |= server->shared.tls == NULL ? 0 : MHD_USE_TLS;
    if (address->any.sa_family == AF_INET6) {
        flags |=
            IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr) ? MHD_USE_DUAL_STACK : MHD_USE_IPv6;
    }
    return MHD_start_daemon(
        flags, server->options.port, NULL, NULL, handle, server, MHD_OPTION_SOCK_ADDR,
        &address->any, MHD_OPTION_NOTIFY_COMPLETED, completed, NULL, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)server->connection_limit, MHD_OPTION_CONNECTION_TIMEOUT,
        server->options.idle_seconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_POOL,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_LISTEN_BACKLOG_SIZE, (unsigned)LISTEN_BACKLOG,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_NOTIFY_CONNECTION, notify, server,
        MHD_OPTION_ARRAY, server->shared.tls == NULL ? without_tls : with_tls, MHD_OPTION_END);
}

static int watch(const struct http_server *server, int fd, struct err *err)
{
    struct epoll_event event = {.events = EPOLLIN};
    return epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) == 0
               ? 0
               : err_set(err, "epoll_ctl: %s", strerror(errno));
}

static int open_epoll(struct http_server *server, struct err *err)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    server->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (server->epoll < 0) {
        return err_set(err, "epoll_create1: %s", strerror(errno));
    }
    return watch(server, info->epoll_fd, err) == 0 &&
                   watch(server, hangups_fd(server->shared.hangups), err) == 0
               ? 0
               : -1;
}

static void release(struct http_server *server)
{
    if (server->daemon != NULL) {
        MHD_stop_daemon(server->daemon);
    }
    hangups_destroy(server->shared.hangups);
    tls_destroy(server->shared.tls);
    if (server->epoll >= 0) {
        close(server->epoll);
    }
    free(server);
}

static struct http_limits limits_of(const struct http_server_options *options)
{
    size_t most = 4 * options->max_body;
    most = most < MEMORY_LEAST ? MEMORY_LEAST : most;
    return (struct http_limits){
        .header_ms = 1000 * (int64_t)(options->header_seconds == 0 ? 10 : options->header_seconds),
        .body_ms = 1000 * (int64_t)(options->body_seconds == 0 ? 15 : options->body_seconds),
        .idle_ms = 1000 * (int64_t)options->idle_seconds,
        .minimum_rate = options->minimum_rate == 0 ? MINIMUM_RATE : options->minimum_rate,
        .memory = options->max_memory == 0 ? most : options->max_memory,
    };
}

int http_server_create(const struct http_server_options *options, struct http_server **server,
                       struct err *err)
{
    union address address;
    if (parse_address(options, &address, err) < 0) {
        return -1;
    }
    struct http_server *created = alloc_zero(1, sizeof(*created));
    created->options = *options;
    created->shared.max_body = options->max_body;
    created->shared.connections.limits = limits_of(options);
    created->shared.connections.swept_ms = clock_ms();
    created->connection_limit = possible_connections(options->max_connections);
    created->shared.connections.limit = created->connection_limit;
    created->epoll = -1;
    if (hangups_create(&created->shared.hangups, err) < 0 ||
        (options->tls != NULL && tls_create(options->tls, &created->shared.tls, err) < 0)) {
        goto error;
    }
    created->required =
        options->tls != NULL && options->tls->client_ca_file != NULL && options->tls->required;
    created->options.tls = NULL; /* was borrowed */
    errno = 0;
    created->daemon = start(created, &address);
    if (created->daemon == NULL) {
        err_set(err, "cannot listen on %s port %u: %s", options->address, options->port,
                errno != 0 ? strerror(errno) : "libmicrohttpd refused");
        goto error;
    }
    if (open_epoll(created, err) < 0) {
        goto error;
    }
    *server = created;
    return 0;
error:
    release(created);
    return -1;
}

void http_server_destroy(struct http_server *server)
{
    if (server == NULL) {
        return;
    }
    server->shared.stopping = true;
    do { /* at least once: who has connected gets a 503 rather than no answer */
        http_server_run(server);
    } while (server->shared.resumed);
    if (server->shared.handed > 0) {
        fprintf(stderr, "http_server_destroy: %u requests were never answered\n",
                server->shared.handed);
        abort();
    }
    release(server);
}

uint16_t http_server_port(const struct http_server *server)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);
    return info == NULL ? server->options.port : info->port;
}

uint32_t http_server_connection_limit(const struct http_server *server)
{
    return server->connection_limit;
}

uint32_t http_server_connections(const struct http_server *server)
{
    return server->shared.connections.count;
}

void http_server_figures(const struct http_server *server, struct http_server_figures *figures)
{
    const struct http_connections *connections = &server->shared.connections;
    *figures = (struct http_server_figures){
        .connections = connections->count,
        .timed_out = connections->timed_out,
        .out_of_memory = connections->out_of_memory,
        .crowded_out = connections->crowded_out,
        .strangers = server->strangers,
        .certificate_ends = server->shared.tls == NULL ? 0 : tls_ends(server->shared.tls),
    };
}

void http_server_renew(struct http_server *server)
{
    refresh(server, true);
}

int http_server_fd(const struct http_server *server)
{
    return server->epoll;
}

int http_server_timeout(struct http_server *server)
{
    unsigned MHD_LONG_LONG milliseconds;
    if (server->shared.resumed || server->closed) {
        return 0;
    }
    int sweep = http_connections_timeout(&server->shared.connections);
    if (MHD_get_timeout(server->daemon, &milliseconds) != MHD_YES) {
        return sweep;
    }
    int other = milliseconds > INT_MAX ? INT_MAX : (int)milliseconds;
    return sweep >= 0 && sweep < other ? sweep : other;
}

static void tell_abandoned(struct http_server *server)
{
    for (unsigned told = 0; told < HANGUPS_PER_RUN; told++) {
        struct http_request *request = hangups_next(server->shared.hangups);
        if (request == NULL) {
            break;
        }
        http_request_hung_up(request);
    }
}

void http_server_run(struct http_server *server)
{
    tell_abandoned(server);
    http_connections_sweep(&server->shared.connections);
    server->shared.resumed = false;
    server->closed = false;
    MHD_run(server->daemon);
}

void http_server_last_answers(struct http_server *server)
{
    server->shared.last_answer = true;
}

/* Who is in the queue has connected as far as it knows, and would get no answer. */
static void accept_queue(struct http_server *server, int listening)
{
    for (;;) {
        struct sockaddr_storage address;
        socklen_t length = sizeof(address);
        int fd =
            accept4(listening, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            return;
        }
        (void)MHD_add_connection(server->daemon, fd, (struct sockaddr *)&address, length);
    }
}

void http_server_quiesce(struct http_server *server)
{
    server->shared.last_answer = true;
    int listening = MHD_quiesce_daemon(server->daemon);
    if (listening >= 0) {
        accept_queue(server, listening);
        close(listening);
    }
}
