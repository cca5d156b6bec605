// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_UNIT_API_KUBE_LEASE_BED_H
#define TEST_UNIT_API_KUBE_LEASE_BED_H

#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/kube/lease/lease.h"
#include "topology/base/alloc.h"

/* A Lease in memory that behaves as the API server's does, and a clock that the test moves. */

#define DURATION_MS 15000
#define DEADLINE_MS 10000
#define RETRY_MS    2000
#define FLIGHT_MS   200
#define SETTLE_MS   550 /* before a taker leads */
#define START_MS    1000000
#define WALL_US     1795262400123456 /* 2026-11-21T12:00:00.123456Z */
#define TARGET      "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/phalanx"
#define WANTED_BY   "phalanx.dev/lease-wanted-by"

static json_t *stored; /* the Lease as the server has it, or NULL */
static int64_t version;
static int64_t now;
static inline struct lease *make(const char *identity, uint64_t seed)
{
    const struct lease_options options = {.name_space = "kube-system",
                                          .name = "phalanx",
                                          .identity = identity,
                                          .duration_ms = DURATION_MS,
                                          .renew_deadline_ms = DEADLINE_MS,
                                          .retry_period_ms = RETRY_MS,
                                          .seed = seed};
    return lease_create(&options);
}

static inline void stamp(json_t *object)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%lld", (long long)++version);
    json_object_set_new(json_object_get(object, "metadata"), "resourceVersion", json_string(text));
}

static inline const char *version_of(const json_t *object)
{
    return json_string_value(
        json_object_get(json_object_get(object, "metadata"), "resourceVersion"));
}

static inline int take(json_t *object)
{
    stamp(object);
    json_decref(stored);
    stored = object;
    return 200;
}

/* Does what the API server does; the answer is the stored Lease where the status says so. */
static inline int serve(const struct lease_request *request)
{
    if (strcmp(request->method, "GET") == 0) {
        return stored == NULL ? 404 : 200;
    }
    json_t *object = json_loads(request->body, 0, NULL);
    ck_assert_ptr_nonnull(object);
    ck_assert_str_eq(json_string_value(json_object_get(object, "kind")), "Lease");
    if (strcmp(request->method, "POST") == 0) {
        ck_assert_str_eq(request->target,
                         "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases");
        if (stored == NULL) {
            return take(object) + 1;
        }
    } else {
        ck_assert_str_eq(request->method, "PUT");
        ck_assert_str_eq(request->target, TARGET);
        ck_assert_ptr_nonnull(version_of(object));
        if (stored != NULL && strcmp(version_of(object), version_of(stored)) == 0) {
            return take(object);
        }
    }
    json_decref(object);
    return 409;
}

static struct lease *a __attribute__((unused));
static struct lease *b __attribute__((unused));

static inline void setup(void)
{
    stored = NULL;
    version = 100;
    now = START_MS;
    a = make("a", 1);
    b = make("b", 2);
    lease_ready(a, true);
    lease_ready(b, true);
}

static inline void teardown(void)
{
    lease_destroy(a);
    lease_destroy(b);
    json_decref(stored);
}

static inline void answer(struct lease *lease, int status)
{
    bool good = status == 200 || status == 201;
    char *text = good ? json_dumps(stored, 0) : alloc_string("{\"message\":\"no\"}");
    lease_answer(lease, now, status, text, strlen(text));
    free(text);
}

/* Requests that are due, answered at once, until none is; how many there were. */
static inline unsigned turn(struct lease *lease)
{
    const struct lease_request *request;
    unsigned count = 0;
    while ((request = lease_next(lease, now, WALL_US + (now - START_MS) * 1000)) != NULL) {
        ck_assert_uint_lt(++count, 10);
        answer(lease, serve(request));
    }
    return count;
}

/* Both run as time passes, in steps of 100 ms. */
static inline void pass(int64_t milliseconds)
{
    for (int64_t end = now + milliseconds; now < end; now += 100) {
        (void)turn(a);
        (void)turn(b);
    }
}

static inline void store(const char *text)
{
    json_decref(stored);
    stored = json_loads(text, 0, NULL);
    ck_assert_ptr_nonnull(stored);
    stamp(stored);
}

static inline const json_t *spec(const char *member)
{
    return json_object_get(json_object_get(stored, "spec"), member);
}

static inline const char *holder(void)
{
    return json_string_value(spec("holderIdentity"));
}

static inline const char *asked(void)
{
    const json_t *metadata = json_object_get(stored, "metadata");
    return json_string_value(json_object_get(json_object_get(metadata, "annotations"), WANTED_BY));
}

/* The next request, which must be due and of that method. */
static inline const struct lease_request *expect(struct lease *lease, const char *method)
{
    const struct lease_request *request = lease_next(lease, now, WALL_US);
    ck_assert_ptr_nonnull(request);
    ck_assert_str_eq(request->method, method);
    ck_assert_ptr_null(lease_next(lease, now, WALL_US)); /* one at a time */
    return request;
}

/* Takes the lease, and settles where that is owed. */
static inline void lead(struct lease *lease)
{
    for (int64_t end = now + SETTLE_MS; turn(lease) > 0 || now < end; now += 50) {
        if (lease_role(lease, now) == LEASE_LEADER) {
            return;
        }
    }
    ck_assert_int_eq(lease_role(lease, now), LEASE_LEADER);
}

#endif
