// SPDX-License-Identifier: Apache-2.0
#ifndef API_HTTP_CONNECTION_H
#define API_HTTP_CONNECTION_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/http/tls.h"

/* The open connections of a server: how long each may take for what it is at, and how much memory
 * all of them have together. Private to api/http/.
 *
 *   phase    what the client does                      it may take
 *   GREETS   connects, TLS, its first header           header_ms
 *   IDLES    nothing, or the next header               idle_ms
 *   SENDS    the body of a request                     body_ms and a second for each minimum_rate
 *   WAITS    for the answer                            as long as the handler wants
 *   READS    the answer                                body_ms and a second for each minimum_rate
 *
 * Bytes that trickle in prolong nothing by themselves: a header that is begun has header_ms, too,
 * from when that is noticed. Who takes longer is cut off. A client that has connected ahead, and is
 * silent, only idles.
 *
 * There are so many places, and the last few are for whoever comes next: when one of them is taken,
 * those who have had a place without a whole request for longest give theirs up, clients without a
 * good certificate before all others.
 */

enum http_phase { HTTP_GREETS, HTTP_IDLES, HTTP_SENDS, HTTP_WAITS, HTTP_READS };

struct http_limits {
    int64_t header_ms, body_ms, idle_ms;
    size_t minimum_rate; /* bytes a second */
    size_t memory;       /* bytes of all bodies and answers */
};

struct http_request;

struct http_connection {
    struct http_connection *prev, *next;
    int socket;
    enum http_phase phase;
    bool cut;
    bool looked;                  /* `received` counts */
    int64_t since_ms;             /* of the phase */
    int64_t header_ms;            /* when a header was seen to have begun; 0: it was not */
    uint64_t received;            /* bytes off the wire when it was looked at first */
    size_t bytes;                 /* moved in it, or to be moved */
    struct http_request *request; /* whose body is coming in, or NULL */
    struct tls_session tls;       /* begun only with TLS */
};

struct http_connections {
    struct http_limits limits;
    uint32_t limit;               /* so many may be open */
    struct http_connection *list; /* by since_ms */
    int64_t swept_ms;
    int64_t made_way_ms;    /* when it was last looked for who might */
    size_t memory;          /* in use */
    uint64_t timed_out;     /* cut off for taking too long, ever */
    uint64_t out_of_memory; /* bodies and answers that found no memory, ever */
    uint64_t crowded_out;   /* cut off for others to have their place, ever */
    uint32_t count;
    uint32_t cut; /* … and so many of them are cut off, and not closed yet */
};

/* *New*, in the list. */
struct http_connection *http_connection_open(struct http_connections *connections,
                                             struct MHD_Connection *mhd);
/* Frees it. */
void http_connection_close(struct http_connections *connections,
                           struct http_connection *connection);
/* The one behind libmicrohttpd's. */
struct http_connection *http_connection_of(struct MHD_Connection *mhd);

void http_connection_enter(struct http_connections *connections, struct http_connection *connection,
                           enum http_phase phase, size_t bytes);
/* Ends it as if the client had gone: libmicrohttpd notices in its next run. */
void http_connection_cut(struct http_connections *connections, struct http_connection *connection);

/* Cuts off who takes too long, or has to make way. Cheap when called often. */
void http_connections_sweep(struct http_connections *connections);
/* Milliseconds until it should be called again, -1 when nobody can be late. */
int http_connections_timeout(const struct http_connections *connections);

/* Takes `bytes` out of what all may have together. When that is not there, unfinished bodies that
 * are larger than `bytes` are given up, the largest first; false when that does not help. */
bool http_connections_take(struct http_connections *connections, size_t bytes);
void http_connections_give(struct http_connections *connections, size_t bytes);

#endif
