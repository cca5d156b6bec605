// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_CLIENT_CLIENT_H
#define API_KUBE_CLIENT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/kube/client/access.h"
#include "api/kube/client/kube_log.h"
#include "topology/base/err.h"

/* HTTP to one API server: many requests at once on one thread, over connections that are kept.
 *
 *   client_start() … client_start()
 *   loop: client_wait(), client_run() ──▶ of each call status() once, data() any number of times,
 *                                         done() once
 *
 * TLS is always verified, unless the kubeconfig itself says insecure-skip-tls-verify, which is said
 * in the log, and so is a token that goes over the network in clear. HTTP/1.1,
 * no proxies, no redirects. A bearer token from a file is read again when it is older than a
 * minute, and at once when the server answers 401: if it has changed the request is repeated with
 * it, and nobody is told. A file that holds none at the start is an error; later the last good
 * token stays in use, which is logged every ten minutes and in client_trouble().
 *
 * Everything belongs to one thread, except client_wakeup(). Of the callbacks only done() may
 * start and cancel calls.
 */

struct client;
struct client_call;

/* What done() gets as the error of a call that came too late to be sent; compare the pointers. */
extern const char CLIENT_NOT_SENT[];

struct client_request {
    const char *method;       /* "GET" … */
    const char *target;       /* path and query */
    const char *content_type; /* of the body */
    const char *body;         /* NULL: none */
    size_t body_length;
    int64_t timeout_ms;  /* for the whole request; 0: none */
    int64_t send_before; /* on clock_lease_ms(); what is not on the wire by then ends with
                          * CLIENT_NOT_SENT, and has not been sent. 0: no limit */
    bool compressed;     /* the answer may be: gzip */
    /* The answer's status, before its data; retry_after_ms is 0 when the server said nothing.
     * May be NULL. */
    void (*status)(void *context, int status, int64_t retry_after_ms);
    /* -1 ends the call, its error is err's text. */
    int (*data)(void *context, const char *bytes, size_t length, struct err *err);
    /* The call is over and void. status is 0 when there was no answer; error is NULL when it
     * is complete. */
    void (*done)(void *context, int status, const char *error);
    void *context;
};

int client_create(const struct kube_access *access, uint32_t connections,
                  const struct kube_log *log, struct client **client, struct err *err);
/* Calls still under way end without a word. */
void client_destroy(struct client *client);

/* For calls to come: what the server has not acknowledged after that long, and everything when this
 * process or the call ends, is forgotten by the kernel, too. It would deliver it otherwise, however
 * late. 0, as at first: for ever. */
void client_drop_unsent(struct client *client, int64_t after_ms);
/* Lets client_wait() end when one of CLIENT_FDS_MAX files is readable, too. */
#define CLIENT_FDS_MAX 2
void client_wait_for(struct client *client, int fd);

/* Starts a request; everything in it is copied. *Borrowed* until done() or client_cancel(). */
struct client_call *client_start(struct client *client, const struct client_request *request);
/* Ends a call without done(). */
void client_cancel(struct client *client, struct client_call *call);

/* Waits up to timeout_ms for something to happen; a call that was just started ends the wait by
 * itself. Between this and client_run(), which lets it happen, nothing is sent or received: here a
 * caller that may have slept can look at the clock and cancel what must not go on. */
void client_wait(struct client *client, int timeout_ms);
void client_run(struct client *client);
/* Ends the wait; from any thread. */
void client_wakeup(struct client *client);

/* The address of this machine that the server was spoken to from last, "" before. *Borrowed*. */
const char *client_local_address(const struct client *client);
uint64_t client_unauthorized(const struct client *client); /* answers with 401 */
/* What is wrong with how the API server is reached, in words: it is not verified, the token cannot
 * be read, or goes in clear. "" when all is well. */
const char *client_trouble(const struct client *client);

#endif
