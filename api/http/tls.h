// SPDX-License-Identifier: Apache-2.0
#ifndef API_HTTP_TLS_H
#define API_HTTP_TLS_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/http/server.h"
#include "topology/base/err.h"

/* A server's certificates, and what it asks of those of its clients. Private to api/http/.
 *
 *   files ──tls_refresh()──▶ credentials ──tls_begin()──▶ session 1, session 2, …
 *                              │ of the present; former ones live as long as a session has them
 *
 * Versions are TLS 1.2 and 1.3. A client's certificate has to come from the CA of the options, to
 * be valid now, to be meant for clients (extended key usage) and, where names are given, to carry
 * one of them: as its common name, or as a DNS name or URI among its alternative names.
 */

struct tls;

/* Reads the files; an error names the file. */
int tls_create(const struct http_tls_options *options, struct tls **tls, struct err *err);
/* All sessions must have ended. Takes NULL. */
void tls_destroy(struct tls *tls);

/* Looks whether the files have changed, at most once a second unless `now`, and takes them over
 * when all of them are good. 1: new credentials. 0: the same as before. -1: they are not good, said
 * once for each change of the files; the former ones stay. */
int tls_refresh(struct tls *tls, bool now, struct err *err);

/* When the present certificate ends, seconds since 1970. */
int64_t tls_ends(const struct tls *tls);

/* One connection's side of it. */
struct tls_session {
    struct tls_credentials *credentials; /* NULL: not begun */
    bool verified;                       /* the client's certificate is good */
    int64_t ends;                        /* of that certificate, seconds since 1970 */
    char reason[160];                    /* why it is not good; "" while nothing is known */
};

/* Before the handshake: puts the present credentials into the session of gnutls, whose pointer for
 * the application is `session` from then on: it must not move before tls_end(). */
int tls_begin(struct tls *tls, struct tls_session *session, gnutls_session_t gnutls);
void tls_end(struct tls_session *session);
/* Whether it needs a certificate of the client. */
bool tls_session_required(const struct tls_session *session);

/* Whether the session was begun with credentials that have been replaced. */
bool tls_outdated(const struct tls *tls, const struct tls_session *session);

#endif
