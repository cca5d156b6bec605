// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_UNIT_API_KUBE_WRITE_WRITER_FIXTURE_H
#define TEST_UNIT_API_KUBE_WRITE_WRITER_FIXTURE_H

#include <stddef.h>
#include <stdint.h>

#include "api/kube/write/writer.h"
#include "test/unit/api/kube/fake_api.h"

/* A writer on a client on a fake API server, turned by hand. Check runs each test in a process
 * of its own, so there is one of each. */

#define PATIENCE_MS      60000 /* of the tests; nothing waits that long when it works */
#define FIXTURE_TEXT_MAX 16384

extern struct fake_api *api;
extern struct client *client;
extern struct writer *writer;
extern int64_t fence;                   /* on clock_lease_ms(); 0: none */
extern char outcomes[FIXTURE_TEXT_MAX]; /* "B u0 n1 done: message" … , a line each */
extern char logged[FIXTURE_TEXT_MAX];   /* warnings and worse */

void begin(uint32_t in_flight, int64_t patience_ms);
void begin_at(uint16_t port, uint32_t in_flight, int64_t patience_ms); /* without a server */
void finish(void);

void turn(void);
/* Turns until nothing is left, or until the server has seen that many requests. */
void drive(void);
void drive_until(const char *match, size_t count);

/* Pods are called p0, p1, … in namespace ns. */
void put_pod(int number, const char *uid, const char *node);
void submit(enum effect_type type, int number, const char *uid, const char *node);
void submit_event(int number);
void expect_member(int number, const char *object, const char *member, const char *expected);
struct writer_figures figures(void);

#endif
