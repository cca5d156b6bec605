// SPDX-License-Identifier: Apache-2.0
#include "test/world/requests.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/base/clock.h"
#include "topology/base/alloc.h"

/* The part of api/http/server.h that handlers call. */

struct http_request {
    uint64_t number;
    char *path;
    char *body;
    int64_t arrived;
    void (*respond)(void *context, uint64_t number, int status, const char *body);
    void *context;
    void (*abandoned)(void *context, struct http_request *request);
    void *abandoned_context;
};

struct http_request *request_create(uint64_t number, const char *path, const char *body,
                                    void (*respond)(void *context, uint64_t number, int status,
                                                    const char *body),
                                    void *context)
{
    struct http_request *request = alloc_zero(1, sizeof(*request));
    request->number = number;
    request->path = alloc_string(path);
    request->body = alloc_string(body);
    request->arrived = clock_ns();
    request->respond = respond;
    request->context = context;
    return request;
}

void request_destroy(struct http_request *request)
{
    free(request->path);
    free(request->body);
    free(request);
}

uint64_t request_number(const struct http_request *request)
{
    return request->number;
}

void request_abandon(struct http_request *request)
{
    if (request->abandoned != NULL) {
        request->abandoned(request->abandoned_context, request);
    }
}

const char *http_request_path(const struct http_request *request)
{
    return request->path;
}

const char *http_request_body(const struct http_request *request, size_t *length)
{
    *length = strlen(request->body);
    return request->body;
}

int64_t http_request_arrived(const struct http_request *request)
{
    return request->arrived;
}

void http_request_on_abandoned(struct http_request *request,
                               void (*abandoned)(void *context, struct http_request *request),
                               void *context)
{
    request->abandoned = abandoned;
    request->abandoned_context = context;
}

void http_respond(struct http_request *request, unsigned status, const char *content_type,
                  char *body, size_t length)
{
    (void)content_type;
    char *text = alloc_string_n(body == NULL ? "" : body, length);
    request->respond(request->context, request->number, (int)status, text);
    free(text);
    free(body);
    request_destroy(request);
}

void http_respond_error(struct http_request *request, unsigned status, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    http_respond(request, status, "application/json", alloc_string(text), strlen(text));
}
