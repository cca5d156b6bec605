// SPDX-License-Identifier: Apache-2.0
#include "api/http/request.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/base/clock.h"
#include "api/json/out.h"
#include "topology/base/alloc.h"
#include "topology/base/err.h"
#include "topology/base/utf8.h"

/* The life of a request:
 *
 *   headers ──▶ READING ──whole body──▶ HANDED ──http_respond()──▶ ANSWERED ──▶ SENT ──▶ freed
 *                  │                      └ no answer when the handler returns:       ▲
 *                  │                        suspended, until http_respond() resumes   │
 *                  └──▶ REFUSED ──body has passed──▶ our own 4xx or 503 ──────────────┘
 *
 * - A request is freed when it is answered and libmicrohttpd is done with it, whichever comes last.
 *   `connection` is NULL once libmicrohttpd is done. It does not notice that the client of a
 *   suspended connection is gone (it finds out when the answer is sent), so normally the answer
 *   comes first. We notice ourselves (hangups.h) for handlers that ask: from when the connection is
 *   both suspended and asked about until the hang-up is told or the answer given.
 * - libmicrohttpd takes an answer before the body only for POST and PUT, and then closes the
 *   connection. For any other method with a body the refusal has to wait until the body has passed.
 * - A body that is read only to be thrown away may be DISCARD_FACTOR times the limit, so that an
 *   honest client sees the answer; then the connection is cut.
 * - Headers that two parsers could read in two ways are refused: libmicrohttpd 0.9.75 takes a
 *   Transfer-Encoding beside a Content-Length, takes the first of several Content-Lengths, and
 *   reads a body of unknown coding as no body.
 * - A body has to announce its length. Go's client always does; and libmicrohttpd 0.9.75 spins on
 *   the line of a chunk's size that is longer than its buffer.
 */

#define DISCARD_FACTOR 4
#define ERROR_TEXT_MAX 1024
#define FIRST_ROOM_MAX (256 * 1024) /* of an announced body; the rest when it has come */
#define REFUSAL_MAX    256
#define ALWAYS_FITS    (4 * 1024) /* an answer so small takes no memory worth counting */
#define ENDS_SOON_S    600        /* a client with such a certificate should come again */

static const char error_type[] = "application/json";
static const char no_memory[] =
    "too much is being read and sent at once (server.maxMemory): try again";

struct http_request {
    struct http_shared *shared;
    struct MHD_Connection *connection; /* NULL: gone */
    const char *method;
    char *path;
    char *body;
    size_t length;
    size_t room;
    size_t announced; /* bytes of the body, with its NUL, counted among those of all */
    size_t counted;   /* bytes of the answer, counted likewise */
    size_t seen;      /* bytes that arrived, kept or not */
    int64_t arrived;
    enum http_request_state state;
    bool suspended;
    bool close; /* the connection after the answer */
    void (*abandoned)(void *context, struct http_request *request); /* NULL: nobody asked */
    void *abandoned_context;
    int watched; /* socket in the hangups; -1: not watched */
    unsigned status;
    const char *content_type;
    char *reply;
    size_t reply_length;
};

struct http_request *http_request_create(struct http_shared *shared,
                                         struct MHD_Connection *connection, const char *path,
                                         const char *method)
{
    struct http_request *request = alloc_zero(1, sizeof(*request));
    request->shared = shared;
    request->connection = connection;
    request->method = method;
    request->path = alloc_string(path);
    request->watched = -1;
    return request;
}

static void free_body(struct http_request *request)
{
    free(request->body); /* large, and not needed while the answer is under way */
    request->body = NULL;
    request->length = 0;
    request->room = 0;
    http_connections_give(&request->shared->connections, request->announced);
    request->announced = 0;
}

static void request_destroy(struct http_request *request)
{
    free_body(request);
    http_connections_give(&request->shared->connections, request->counted);
    free(request->path);
    free(request->reply);
    free(request);
}

static void enter(struct http_request *request, enum http_phase phase, size_t bytes)
{
    if (request->connection != NULL) {
        struct http_connection *connection = http_connection_of(request->connection);
        http_connection_enter(&request->shared->connections, connection, phase, bytes);
        connection->request = phase == HTTP_SENDS ? request : NULL;
    }
}

bool http_request_is_abandoned(const struct http_request *request)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct pollfd fd = {.fd = info == NULL ? -1 : info->connect_fd, .events = POLLRDHUP};
    return poll(&fd, 1, 0) > 0;
}

static void watch(struct http_request *request)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info != NULL) {
        request->watched = info->connect_fd;
        hangups_watch(request->shared->hangups, request->watched, request);
    }
}

static void stop_watching(struct http_request *request)
{
    if (request->watched >= 0) {
        hangups_forget(request->shared->hangups, request->watched);
        request->watched = -1;
    }
}

void http_request_on_abandoned(struct http_request *request,
                               void (*abandoned)(void *context, struct http_request *request),
                               void *context)
{
    request->abandoned = abandoned;
    request->abandoned_context = context;
    if (request->suspended && request->watched < 0) {
        watch(request);
    }
}

void http_request_hung_up(struct http_request *request)
{
    stop_watching(request);
    request->close = true; /* what it may have sent behind is of no interest to anybody */
    request->abandoned(request->abandoned_context, request);
}

void http_request_completed(struct http_request *request)
{
    stop_watching(request);
    enter(request, HTTP_IDLES, 0);
    if (request->state == HTTP_REQUEST_HANDED) {
        request->connection = NULL;
        request->method = "";
    } else {
        request_destroy(request);
    }
}

enum http_request_state http_request_state(const struct http_request *request)
{
    return request->state;
}

/* A connection lives for hours, but what its client has shown holds for as long as the CA does. */
static bool should_come_again(const struct http_request *request)
{
    const struct tls *tls = request->shared->tls;
    const struct tls_session *session = &http_connection_of(request->connection)->tls;
    return tls != NULL &&
           (tls_outdated(tls, session) ||
            (session->verified && session->ends - clock_wall_ms() / 1000 < ENDS_SOON_S));
}

enum MHD_Result http_request_send(struct http_request *request)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        request->reply_length, request->reply, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        return MHD_NO;
    }
    request->reply = NULL;
    request->state = HTTP_REQUEST_SENT;
    enter(request, HTTP_READS, request->reply_length);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, request->content_type);
    if (request->close || request->shared->last_answer || should_come_again(request)) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    }
    enum MHD_Result result = MHD_queue_response(request->connection, request->status, response);
    MHD_destroy_response(response);
    return result;
}

/* *New* {"error":"<text>"}. */
static char *error_body(const char *text, size_t *length)
{
    struct json_out out;
    json_out_init(&out, 8 * ERROR_TEXT_MAX);
    json_out_object(&out);
    json_out_member_string(&out, "error", text);
    json_out_object_end(&out);
    return json_out_take(&out, length);
}

static void set_answer(struct http_request *request, unsigned status, const char *content_type,
                       char *body, size_t length)
{
    free_body(request);
    request->status = status;
    request->content_type = content_type;
    request->reply = body;
    request->reply_length = body == NULL ? 0 : length;
    if (request->reply_length <= ALWAYS_FITS) {
        return;
    }
    if (http_connections_take(&request->shared->connections, request->reply_length)) {
        request->counted = request->reply_length;
        return;
    }
    free(body);
    request->status = MHD_HTTP_SERVICE_UNAVAILABLE;
    request->content_type = error_type;
    request->reply = error_body(no_memory, &request->reply_length);
}

/* Our own answer in place of the handler's; sent by http_request_send() when the body has
 * passed. */
static void refuse(struct http_request *request, unsigned status, const char *text)
{
    request->state = HTTP_REQUEST_REFUSED;
    request->close = true;
    size_t length;
    char *body = error_body(text, &length);
    set_answer(request, status, error_type, body, length);
}

static void refuse_size(struct http_request *request)
{
    char text[REFUSAL_MAX];
    snprintf(text, sizeof(text), "the body is larger than %zu bytes (see server.maxBodySize)",
             request->shared->max_body);
    refuse(request, MHD_HTTP_CONTENT_TOO_LARGE, text);
}

struct header_check {
    const char *wrong; /* NULL: nothing */
    unsigned lengths;
    unsigned encodings;
    unsigned long long length;
    unsigned status; /* of the answer, when something is wrong */
};

static enum MHD_Result check_header(void *context, enum MHD_ValueKind kind, const char *key,
                                    const char *value)
{
    struct header_check *check = context;
    (void)kind;
    if (strpbrk(key, " \t") != NULL) {
        check->wrong = "a header name with white space";
    } else if (strcasecmp(key, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0) {
        check->encodings++;
    } else if (strcasecmp(key, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0) {
        check->lengths++;
        if (value == NULL || value[0] == '\0' || strspn(value, "0123456789") != strlen(value)) {
            check->wrong = "Content-Length: must be a whole number";
        } else {
            check->length = strtoull(value, NULL, 10); /* beyond 64 bits: ULLONG_MAX, too large */
        }
    }
    return MHD_YES;
}

static const char *check_headers(struct http_request *request, struct header_check *check)
{
    MHD_get_connection_values(request->connection, MHD_HEADER_KIND, check_header, check);
    if (check->wrong != NULL) {
        return check->wrong;
    }
    if (check->lengths > 1) {
        return "Content-Length: given twice";
    }
    if (check->encodings > 0 && check->lengths > 0) {
        return "Transfer-Encoding and Content-Length: only one may be given";
    }
    if (check->encodings > 0) {
        check->status = MHD_HTTP_LENGTH_REQUIRED;
        return "Transfer-Encoding: a body has to come with its Content-Length";
    }
    return NULL;
}

/* Why the client may not call at all; NULL when it may. */
static const char *check_client(const struct http_request *request)
{
    const struct tls_session *session = &http_connection_of(request->connection)->tls;
    if (request->shared->tls == NULL) {
        return NULL;
    }
    if (!session->verified && tls_session_required(session)) {
        return "the client has shown no good certificate"; /* the handshake should have failed */
    }
    if (session->verified && session->ends < clock_wall_ms() / 1000) {
        return "the client's certificate has expired since it connected";
    }
    return NULL;
}

enum MHD_Result http_request_begin(struct http_request *request)
{
    struct header_check check = {.status = MHD_HTTP_BAD_REQUEST};
    const char *wrong = check_headers(request, &check);
    const char *stranger = check_client(request);
    enter(request, HTTP_SENDS, 0);
    if (wrong != NULL) {
        refuse(request, check.status, wrong);
    } else if (stranger != NULL) {
        refuse(request, MHD_HTTP_UNAUTHORIZED, stranger);
    } else if (check.length > request->shared->max_body) {
        refuse_size(request);
    } else if (!http_connections_take(&request->shared->connections, check.length + 1)) {
        refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE, no_memory);
    } else {
        request->announced = check.length + 1;
        request->room = check.length < FIRST_ROOM_MAX ? check.length + 1 : FIRST_ROOM_MAX;
        request->body = alloc_resize(NULL, request->room, 1);
    }
    if (request->state != HTTP_REQUEST_REFUSED) {
        return MHD_YES;
    }
    if (strcmp(request->method, MHD_HTTP_METHOD_POST) == 0 ||
        strcmp(request->method, MHD_HTTP_METHOD_PUT) == 0) {
        return http_request_send(request);
    }
    return check.encodings > 0 ? MHD_NO : MHD_YES; /* no answer is worth reading chunks */
}

size_t http_request_room(const struct http_request *request)
{
    return request->announced;
}

void http_request_give_up(struct http_request *request)
{
    refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE, no_memory);
}

enum MHD_Result http_request_take(struct http_request *request, const char *data, size_t length)
{
    size_t max = request->shared->max_body;
    request->seen += length;
    http_connection_of(request->connection)->bytes = request->seen;
    if (request->seen > max && request->state == HTTP_REQUEST_READING) {
        refuse_size(request);
    }
    if (request->state != HTTP_REQUEST_READING) {
        return request->seen / DISCARD_FACTOR > max ? MHD_NO : MHD_YES;
    }
    size_t need = request->length + length + 1;
    if (need > request->room) {
        request->room = need > 2 * request->room ? need : 2 * request->room;
        request->room = request->room > request->announced ? request->announced : request->room;
        err_require(need <= request->room); /* libmicrohttpd hands over no more than announced */
        request->body = alloc_resize(request->body, request->room, 1);
    }
    memcpy(request->body + request->length, data, length);
    request->length += length;
    return MHD_YES;
}

enum MHD_Result http_request_hand_over(struct http_request *request,
                                       void (*handler)(void *context, struct http_request *request),
                                       void *context)
{
    request->body[request->length] = '\0';
    request->arrived = clock_ns();
    if (request->shared->stopping) {
        refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE, "the server is stopping");
        return http_request_send(request);
    }
    request->state = HTTP_REQUEST_HANDED;
    request->shared->handed++;
    enter(request, HTTP_WAITS, 0);
    handler(context, request);
    if (request->state == HTTP_REQUEST_ANSWERED) {
        return http_request_send(request);
    }
    request->suspended = true;
    MHD_suspend_connection(request->connection);
    if (request->abandoned != NULL) {
        watch(request);
    }
    return MHD_YES;
}

const char *http_request_method(const struct http_request *request)
{
    return request->method;
}

const char *http_request_path(const struct http_request *request)
{
    return request->path;
}

/* A name without a value ("?verbose") counts as the empty text. */
static const char *lookup(const struct http_request *request, enum MHD_ValueKind kind,
                          const char *name)
{
    const char *value = NULL;
    size_t length;
    if (request->connection == NULL ||
        MHD_lookup_connection_value_n(request->connection, kind, name, strlen(name), &value,
                                      &length) != MHD_YES) {
        return NULL;
    }
    return value == NULL ? "" : value;
}

const char *http_request_query(const struct http_request *request, const char *name)
{
    return lookup(request, MHD_GET_ARGUMENT_KIND, name);
}

const char *http_request_header(const struct http_request *request, const char *name)
{
    return lookup(request, MHD_HEADER_KIND, name);
}

bool http_request_verified(const struct http_request *request)
{
    return request->connection != NULL && http_connection_of(request->connection)->tls.verified;
}

const char *http_request_unverified(const struct http_request *request)
{
    return request->shared->tls == NULL || request->connection == NULL
               ? "the connection is not encrypted"
               : http_connection_of(request->connection)->tls.reason;
}

const char *http_request_body(const struct http_request *request, size_t *length)
{
    *length = request->length;
    return request->body;
}

int64_t http_request_arrived(const struct http_request *request)
{
    return request->arrived;
}

void http_respond(struct http_request *request, unsigned status, const char *content_type,
                  char *body, size_t length)
{
    err_require(request->state == HTTP_REQUEST_HANDED);
    request->shared->handed--;
    request->state = HTTP_REQUEST_ANSWERED;
    stop_watching(request); /* before anybody else may read or close the socket */
    set_answer(request, status, content_type, body, length);
    if (request->connection == NULL) {
        request_destroy(request);
    } else if (request->suspended) {
        request->suspended = false;
        request->shared->resumed = true;
        MHD_resume_connection(request->connection);
    }
}

void http_respond_error(struct http_request *request, unsigned status, const char *format, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    utf8_vprint(text, sizeof(text), format, arguments);
    va_end(arguments);
    size_t length;
    char *body = error_body(text, &length);
    http_respond(request, status, error_type, body, length);
}
