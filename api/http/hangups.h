// SPDX-License-Identifier: Apache-2.0
#ifndef API_HTTP_HANGUPS_H
#define API_HTTP_HANGUPS_H

#include "topology/base/err.h"

/* Sockets that nobody reads for now, watched for the other side hanging up. Private to api/http/.
 *
 *   socket 7 ─┐
 *   socket 9 ─┴─ epoll, EPOLLRDHUP alone ─▶ hangups_fd() readable ─▶ hangups_next()
 *
 * Bytes that arrive wake nobody: they are the next request and wait for whoever reads again. The
 * end of the stream (also behind such bytes, also under TLS) and a reset do.
 */

struct hangups;

int hangups_create(struct hangups **hangups, struct err *err);
void hangups_destroy(struct hangups *hangups);

int hangups_fd(const struct hangups *hangups);

/* Watches a socket; `who` comes back from hangups_next(), unless it is forgotten before. Where the
 * system refuses, nobody is told. */
void hangups_watch(struct hangups *hangups, int socket, void *who);
/* Must be called before the socket is closed or read again. */
void hangups_forget(struct hangups *hangups, int socket);

/* Whose other side has hung up; it is still watched, and comes again until it is forgotten. NULL:
 * nobody's. */
void *hangups_next(struct hangups *hangups);

#endif
