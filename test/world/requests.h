// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_WORLD_REQUESTS_H
#define TEST_WORLD_REQUESTS_H

#include <stdint.h>

#include "api/http/server.h"

/* In the place of api/http: a request that has arrived whole, as the handlers see it. */

/* *New*; http_respond() frees it after `respond`, which gets the body *borrowed*. */
struct http_request *request_create(uint64_t number, const char *path, const char *body,
                                    void (*respond)(void *context, uint64_t number, int status,
                                                    const char *body),
                                    void *context);
/* Its client hangs up: who asked for it is told. */
void request_abandon(struct http_request *request);
/* The process has ended with it. */
void request_destroy(struct http_request *request);
uint64_t request_number(const struct http_request *request);

#endif
