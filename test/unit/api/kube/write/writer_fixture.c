// SPDX-License-Identifier: Apache-2.0
#include "test/unit/api/kube/write/writer_fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/base/clock.h"

/* Everything happens on the test's own thread; the fake API server has its own. */

struct fake_api *api;
struct client *client;
struct writer *writer;
int64_t fence; /* for the writes; 0: none */
char outcomes[FIXTURE_TEXT_MAX];
char logged[FIXTURE_TEXT_MAX];

static void take_outcome(void *context, enum event_type type, const struct write_done_event *done)
{
    static const char *const NAMES[] = {"done", "gone", "refused", "unknown"};
    (void)context;
    size_t used = strlen(outcomes);
    (void)snprintf(outcomes + used, sizeof outcomes - used, "%s %s %s %s%s%s\n",
                   type == EVENT_BINDING_DONE ? "B" : "N", done->uid,
                   done->node == NULL ? "-" : done->node, NAMES[done->outcome],
                   done->message[0] == '\0' ? "" : ": ", done->message);
}

static void take_log(void *context, int level, const char *message)
{
    (void)context;
    if (level >= KUBE_LOG_WARNING) {
        size_t used = strlen(logged);
        (void)snprintf(logged + used, sizeof logged - used, "%s\n", message);
    }
}

void begin_at(uint16_t port, uint32_t in_flight, int64_t patience_ms)
{
    static char server[64];
    struct err err;
    struct kube_access access = {.server = server};
    const struct kube_log log = {.write = take_log};
    (void)snprintf(server, sizeof server, "http://127.0.0.1:%u", port);
    ck_assert_int_eq(client_create(&access, in_flight, &log, &client, &err), 0);
    writer = writer_create(&(struct writer_options){
        .client = client,
        .in_flight = in_flight,
        .patience_ms = patience_ms,
        .seed = 1,
        .log = log,
        .outcome = take_outcome,
    });
}

void begin(uint32_t in_flight, int64_t patience_ms)
{
    api = fake_api_create(0);
    ck_assert_ptr_nonnull(api);
    begin_at(fake_api_port(api), in_flight, patience_ms);
}

void finish(void)
{
    writer_destroy(writer);
    client_destroy(client);
    fake_api_destroy(api);
}

void turn(void)
{
    int64_t now = clock_ms();
    writer_pump(writer, now, fence);
    int64_t wait = writer_deadline(writer) - now;
    client_wait(client, (int)(wait < 0 ? 0 : wait > 20 ? 20 : wait));
    client_run(client);
}

void drive(void)
{
    int64_t end = clock_ms() + PATIENCE_MS;
    while (!writer_idle(writer)) {
        ck_assert_msg(clock_ms() < end, "it never ends; so far: %s", outcomes);
        turn();
    }
}

/* Lets it work until the server has seen that many requests. */
void drive_until(const char *match, size_t count)
{
    int64_t end = clock_ms() + PATIENCE_MS;
    while (fake_api_count(api, match) < count) {
        ck_assert_msg(clock_ms() < end, "only %zu of %s", fake_api_count(api, match), match);
        turn();
    }
}

void put_pod(int number, const char *uid, const char *node)
{
    char text[512];
    (void)snprintf(
        text, sizeof text,
        "{\"metadata\":{\"name\":\"p%d\",\"namespace\":\"ns\",\"uid\":\"%s\"},\"spec\":{%s%s%s}}",
        number, uid, node == NULL ? "" : "\"nodeName\":\"", node == NULL ? "" : node,
        node == NULL ? "" : "\"");
    fake_api_put(api, FAKE_PODS, text);
}

void submit(enum effect_type type, int number, const char *uid, const char *node)
{
    char name[32];
    (void)snprintf(name, sizeof name, "p%d", number);
    const struct effect effect = {.type = type,
                                  .write = {.name_space = "ns",
                                            .name = name,
                                            .uid = uid,
                                            .node = node,
                                            .gang = "g",
                                            .rank = number,
                                            .text = "why"}};
    writer_submit(writer, write_create(&effect, 1));
}

void submit_event(int number)
{
    char name[32];
    (void)snprintf(name, sizeof name, "p%d", number);
    const struct effect effect = {
        .type = EFFECT_EVENT,
        .event = {.name_space = "ns", .name = name, .reason = "R", .message = "m"}};
    writer_submit(writer, write_create(&effect, number));
}

void expect_member(int number, const char *object, const char *member, const char *expected)
{
    char name[32];
    (void)snprintf(name, sizeof name, "p%d", number);
    char *text = fake_api_member(api, FAKE_PODS, "ns", name, object, member);
    ck_assert_pstr_eq(text, expected);
    free(text);
}

struct writer_figures figures(void)
{
    struct writer_figures now;
    writer_figures(writer, &now);
    return now;
}
