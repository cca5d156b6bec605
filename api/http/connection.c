// SPDX-License-Identifier: Apache-2.0
#include "api/http/connection.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <utlist.h>

#include "api/base/clock.h"
#include "api/http/request.h"
#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* libmicrohttpd has one timeout, that of silence, which a byte a minute never meets, and which a
 * reader that spins on a full buffer meets late. So there is a second look from outside: a sweep
 * over all connections, at most once a second. It needs no timers, and what it costs (8,192
 * connections in some 50 µs) does not depend on what clients do.
 *
 * A connection is cut by shutting its socket down in both directions: whatever libmicrohttpd waits
 * for, it then reads the end or is told of the hang-up, and tidies up itself.
 *
 * The time that this process did not run (stopped, starved, suspended) is no client's fault: when
 * sweeps are far apart, everybody gets the difference.
 *
 * Places: libmicrohttpd takes in nobody at its limit, so it must never be reached for long by those
 * who only stand there. Who has just come is given GRACE_MS for its request to arrive; so strangers
 * who come faster than there are places in that time (2,500 a second for 256) do keep others out.
 * Half of the places are cleared at once: that look at all connections serves many newcomers. What
 * is cut off is closed in the next run.
 *
 * Memory: who comes with a small body must get through while somebody fills the memory with large
 * unfinished ones. A call of kube-scheduler has at most a megabyte or two, and is whole at once.
 */

#define SWEEP_MS   1000
#define KEPT_PART  16 /* one place in so many is kept for whoever comes next, … */
#define KEPT_MOST  64 /* … and not more than that */
#define GRACE_MS   100
#define CROWDED_MS 10 /* between two looks for who might make way */

static bool stands_there(const struct http_connection *connection)
{
    return !connection->cut && (connection->phase == HTTP_GREETS ||
                                connection->phase == HTTP_IDLES || connection->phase == HTTP_SENDS);
}

/* Cuts off up to `most` of those, the longest first; how many there were. */
static uint32_t crowd_out(struct http_connections *connections, int64_t now, bool verified,
                          uint32_t most)
{
    struct http_connection *connection;
    uint32_t found = 0;
    DL_FOREACH(connections->list, connection)
    {
        if (found == most || now - connection->since_ms < GRACE_MS) {
            break; /* all behind it are younger */
        }
        if (connection->tls.verified == verified && stands_there(connection)) {
            http_connection_cut(connections, connection);
            found++;
        }
    }
    connections->crowded_out += found;
    return found;
}

/* How many places are kept. */
static uint32_t kept(const struct http_connections *connections)
{
    uint32_t part = connections->limit / KEPT_PART;
    return part == 0 ? 1 : part > KEPT_MOST ? KEPT_MOST : part;
}

static bool is_crowded(const struct http_connections *connections)
{
    return connections->count - connections->cut + kept(connections) > connections->limit;
}

static void make_way(struct http_connections *connections, int64_t now)
{
    if (is_crowded(connections) && now - connections->made_way_ms >= CROWDED_MS) {
        uint32_t most = connections->limit / 2; /* of a crowd, not of a few too many */
        connections->made_way_ms = now;
        if (crowd_out(connections, now, false, most) == 0) {
            (void)crowd_out(connections, now, true, kept(connections));
        }
    }
}

static void begin(struct http_connection *connection, enum http_phase phase, size_t bytes)
{
    connection->phase = phase;
    connection->since_ms = clock_ms();
    connection->bytes = bytes;
    connection->looked = false;
    connection->header_ms = 0;
}

struct http_connection *http_connection_open(struct http_connections *connections,
                                             struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct http_connection *opened = alloc_zero(1, sizeof(*opened));
    opened->socket = info->connect_fd;
    DL_APPEND(connections->list, opened);
    connections->count++;
    begin(opened, HTTP_GREETS, 0);
    return opened;
}

void http_connection_close(struct http_connections *connections, struct http_connection *connection)
{
    tls_end(&connection->tls);
    DL_DELETE(connections->list, connection);
    connections->count--;
    connections->cut -= connection->cut;
    free(connection);
}

struct http_connection *http_connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info->socket_context;
}

void http_connection_enter(struct http_connections *connections, struct http_connection *connection,
                           enum http_phase phase, size_t bytes)
{
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): the connection is in the list
    DL_DELETE(connections->list, connection);
    DL_APPEND(connections->list, connection);
    begin(connection, phase, bytes);
}

void http_connection_cut(struct http_connections *connections, struct http_connection *connection)
{
    connections->cut += !connection->cut;
    connection->cut = true;
    (void)shutdown(connection->socket, SHUT_RDWR);
}

/* Bytes that the kernel has received for it, ever. */
static uint64_t received(const struct http_connection *connection)
{
    struct tcp_info info = {.tcpi_bytes_received = 0};
    socklen_t length = sizeof(info);
    (void)getsockopt(connection->socket, IPPROTO_TCP, TCP_INFO, &info, &length);
    return info.tcpi_bytes_received;
}

/* Whether a client between two requests is late with a header that it has begun, or with its first
 * one. What libmicrohttpd has read of it, it does not tell; the kernel does. */
static bool header_is_late(const struct http_limits *limits, struct http_connection *connection,
                           int64_t now)
{
    bool greets = connection->phase == HTTP_GREETS;
    uint64_t bytes = received(connection);
    if (!connection->looked) {
        connection->looked = true;
        connection->received = bytes;
        return greets &&
               (connection->tls.credentials == NULL
                    ? bytes > 0
                    : tls_session_required(&connection->tls) && !connection->tls.verified);
    }
    if (connection->header_ms == 0 && bytes > connection->received) {
        connection->header_ms = now;
    }
    return connection->header_ms != 0 && now - connection->header_ms > limits->header_ms;
}

static bool is_late(const struct http_limits *limits, struct http_connection *connection,
                    int64_t now)
{
    int64_t passed = now - connection->since_ms;
    switch (connection->phase) {
    case HTTP_GREETS:
    case HTTP_IDLES:
        return passed > limits->idle_ms ||
               (passed > limits->header_ms && header_is_late(limits, connection, now));
    case HTTP_SENDS:
    case HTTP_READS:
        return passed >
               limits->body_ms + (int64_t)(connection->bytes / limits->minimum_rate) * 1000;
    case HTTP_WAITS:
        break;
    }
    return false;
}

void http_connections_sweep(struct http_connections *connections)
{
    struct http_connection *connection;
    int64_t now = clock_ms();
    int64_t passed = now - connections->swept_ms;
    make_way(connections, now);
    if (passed < SWEEP_MS) {
        return;
    }
    int64_t stood_still = passed > 3 * SWEEP_MS ? passed - SWEEP_MS : 0;
    connections->swept_ms = now;
    DL_FOREACH(connections->list, connection)
    {
        if (connection->since_ms < now - stood_still) {
            connection->since_ms += stood_still;
            connection->header_ms += connection->header_ms != 0 ? stood_still : 0;
        }
        if (!connection->cut && is_late(&connections->limits, connection, now)) {
            connections->timed_out++;
            http_connection_cut(connections, connection);
        }
    }
}

int http_connections_timeout(const struct http_connections *connections)
{
    int64_t left = connections->swept_ms + SWEEP_MS - clock_ms();
    if (connections->list == NULL) {
        return -1;
    }
    if (is_crowded(connections) && left > GRACE_MS) {
        return GRACE_MS;
    }
    return left < 0 ? 0 : (int)left;
}

/* The connection with the largest unfinished body above `bytes`, or NULL. */
static struct http_connection *largest(const struct http_connections *connections, size_t bytes)
{
    struct http_connection *connection, *found = NULL;
    DL_FOREACH(connections->list, connection)
    {
        size_t room = connection->request == NULL ? 0 : http_request_room(connection->request);
        if (!connection->cut && room > bytes) {
            bytes = room;
            found = connection;
        }
    }
    return found;
}

bool http_connections_take(struct http_connections *connections, size_t bytes)
{
    while (bytes > connections->limits.memory - connections->memory) {
        struct http_connection *given_up = largest(connections, bytes);
        connections->out_of_memory++;
        if (given_up == NULL) {
            return false;
        }
        http_request_give_up(given_up->request);
        http_connection_cut(connections, given_up);
    }
    connections->memory += bytes;
    return true;
}

void http_connections_give(struct http_connections *connections, size_t bytes)
{
    err_require(bytes <= connections->memory);
    connections->memory -= bytes;
}
