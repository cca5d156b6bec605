// SPDX-License-Identifier: Apache-2.0
#ifndef API_HTTP_REQUEST_H
#define API_HTTP_REQUEST_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/http/connection.h"
#include "api/http/hangups.h"
#include "api/http/server.h"

/* The server's side of a request, private to api/http/; handlers see the functions of server.h.
 *
 * The functions that give a MHD_Result are steps of libmicrohttpd's access handler: MHD_NO cuts the
 * connection without an answer.
 */

/* What all requests of a server share with it. */
struct http_shared {
    struct hangups *hangups;
    struct http_connections connections;
    struct tls *tls;  /* NULL: none */
    size_t max_body;  /* bytes */
    uint32_t handed;  /* with the handler, not answered */
    bool resumed;     /* a connection waits for the next run */
    bool last_answer; /* say "Connection: close" from now on */
    bool stopping;    /* hand nothing over any more */
};

enum http_request_state {
    HTTP_REQUEST_READING,
    HTTP_REQUEST_REFUSED, /* its body is read and thrown away first */
    HTTP_REQUEST_HANDED,
    HTTP_REQUEST_ANSWERED, /* the answer is not yet with libmicrohttpd */
    HTTP_REQUEST_SENT,
};

/* *New*; `path` is copied, `method` is *borrowed* from the connection. */
struct http_request *http_request_create(struct http_shared *shared,
                                         struct MHD_Connection *connection, const char *path,
                                         const char *method);
/* libmicrohttpd is done with the connection or with this request of it. Frees the request unless
 * the handler still has it; then http_respond() does. */
void http_request_completed(struct http_request *request);

enum http_request_state http_request_state(const struct http_request *request);

/* Looks at the headers and makes room for the body, or refuses. */
enum MHD_Result http_request_begin(struct http_request *request);
/* Takes in a piece of the body. */
enum MHD_Result http_request_take(struct http_request *request, const char *data, size_t length);
/* The body is whole: calls the handler, suspends the connection when there is no answer yet. */
enum MHD_Result http_request_hand_over(struct http_request *request,
                                       void (*handler)(void *context, struct http_request *request),
                                       void *context);
/* What its body is announced to have, with what belongs to it; 0 when there is none any more. */
size_t http_request_room(const struct http_request *request);
/* Frees a body that is not whole; what still comes of it is thrown away. */
void http_request_give_up(struct http_request *request);
/* The client of a suspended request has hung up: tells whoever asked for that. */
void http_request_hung_up(struct http_request *request);
/* Gives the answer to libmicrohttpd; in the handler only, never on a suspended connection. */
enum MHD_Result http_request_send(struct http_request *request);

#endif
