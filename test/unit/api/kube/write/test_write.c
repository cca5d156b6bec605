// SPDX-License-Identifier: Apache-2.0
#include "api/kube/write/write.h"

#include <jansson.h>
#include <string.h>

#include "test/unit/check_main.h"
#include "topology/base/alloc.h"

#define NOW_NS 1795238400123456789 /* 2026-11-21T05:20:00.123456789Z */

static void expect_steered(const struct effect *effect, bool steer_by_annotation,
                           const char *method, const char *target, const char *type,
                           const char *body)
{
    struct write *write = write_create(effect, NOW_NS);
    struct write_request request;
    write->steer_by_annotation = steer_by_annotation;
    write_request_make(write, &request);
    ck_assert_str_eq(request.method, method);
    ck_assert_str_eq(request.target, target);
    ck_assert_str_eq(request.content_type, type);
    ck_assert_str_eq(request.body, body);
    write_request_finish(&request);
    write_destroy(write);
}

static void expect(const struct effect *effect, const char *method, const char *target,
                   const char *type, const char *body)
{
    expect_steered(effect, false, method, target, type, body);
}

START_TEST(binding)
{
    struct effect effect = {.type = EFFECT_POST_BINDING,
                            .write = {.name_space = "ns",
                                      .name = "p-0",
                                      .uid = "u",
                                      .node = "n1",
                                      .gang = "train",
                                      .rank = 0}};
    expect(
        &effect, "POST", "/api/v1/namespaces/ns/pods/p-0/binding", "application/json",
        "{\"apiVersion\":\"v1\",\"kind\":\"Binding\",\"metadata\":{\"name\":\"p-0\",\"namespace\":"
        "\"ns\",\"uid\":\"u\",\"annotations\":{\"phalanx.dev/gang\":\"train\",\"phalanx.dev/rank\":"
        "\"0\"}},\"target\":{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"name\":\"n1\"}}");
    effect.write.devices = "gpu-0,gpu-1";
    effect.write.run = "u-1";
    expect(
        &effect, "POST", "/api/v1/namespaces/ns/pods/p-0/binding", "application/json",
        "{\"apiVersion\":\"v1\",\"kind\":\"Binding\",\"metadata\":{\"name\":\"p-0\",\"namespace\":"
        "\"ns\",\"uid\":\"u\",\"annotations\":{\"phalanx.dev/gang\":\"train\",\"phalanx.dev/rank\":"
        "\"0\",\"phalanx.dev/"
        "devices\":\"gpu-0,gpu-1\",\"phalanx.dev/"
        "run\":\"u-1\"}},\"target\":{\"apiVersion\":\"v1\",\"kind\":"
        "\"Node\",\"name\":\"n1\"}}");
    effect.write.run = NULL;
    effect.write.devices = NULL;
    effect.write.rank = -1;
    expect(
        &effect, "POST", "/api/v1/namespaces/ns/pods/p-0/binding", "application/json",
        "{\"apiVersion\":\"v1\",\"kind\":\"Binding\",\"metadata\":{\"name\":\"p-0\",\"namespace\":"
        "\"ns\",\"uid\":\"u\",\"annotations\":{\"phalanx.dev/gang\":\"train\"}},\"target\":{"
        "\"apiVersion\":\"v1\",\"kind\":\"Node\",\"name\":\"n1\"}}");
    effect.write.gang = NULL;
    expect(
        &effect, "POST", "/api/v1/namespaces/ns/pods/p-0/binding", "application/json",
        "{\"apiVersion\":\"v1\",\"kind\":\"Binding\",\"metadata\":{\"name\":\"p-0\",\"namespace\":"
        "\"ns\",\"uid\":\"u\"},\"target\":{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"name\":\"n1\"}"
        "}");
}
END_TEST

START_TEST(nomination)
{
    struct effect effect = {
        .type = EFFECT_NOMINATE,
        .write = {.name_space = "ns", .name = "p", .uid = "u", .node = "n1", .rank = -1}};
    expect(&effect, "PATCH", "/api/v1/namespaces/ns/pods/p/status", "application/merge-patch+json",
           "{\"metadata\":{\"uid\":\"u\"},\"status\":{\"nominatedNodeName\":\"n1\"}}");
    effect.write.text = "1500";
    expect(&effect, "PATCH", "/api/v1/namespaces/ns/pods/p/status", "application/merge-patch+json",
           "{\"metadata\":{\"uid\":\"u\",\"labels\":{\"phalanx.dev/woken\":\"1500\"}},"
           "\"status\":{\"nominatedNodeName\":\"n1\"}}");
    effect.write.text = NULL;
    effect.write.node = NULL;
    expect(&effect, "PATCH", "/api/v1/namespaces/ns/pods/p/status", "application/merge-patch+json",
           "{\"metadata\":{\"uid\":\"u\",\"annotations\":{\"phalanx.dev/node\":null}},"
           "\"status\":{\"nominatedNodeName\":null}}");
}
END_TEST

START_TEST(explanation)
{
    const struct effect effect = {
        .type = EFFECT_EXPLAIN,
        .write = {.name_space = "ns", .name = "p", .uid = "u", .text = "rack: 1 of 4 short"}};
    expect(&effect, "PATCH", "/api/v1/namespaces/ns/pods/p/status", "application/merge-patch+json",
           "{\"metadata\":{\"uid\":\"u\",\"annotations\":{\"phalanx.dev/waiting\":\"rack: 1 of 4 "
           "short\"}}}");
}
END_TEST

/* The account may patch pods, but not their status. */
START_TEST(steering_by_annotation)
{
    struct effect effect = {.type = EFFECT_NOMINATE,
                            .write = {.name_space = "ns", .name = "p", .uid = "u", .node = "n1"}};
    expect_steered(&effect, true, "PATCH", "/api/v1/namespaces/ns/pods/p",
                   "application/merge-patch+json",
                   "{\"metadata\":{\"uid\":\"u\",\"annotations\":{\"phalanx.dev/node\":\"n1\"}}}");
    effect.write.node = NULL;
    expect_steered(&effect, true, "PATCH", "/api/v1/namespaces/ns/pods/p",
                   "application/merge-patch+json",
                   "{\"metadata\":{\"uid\":\"u\",\"annotations\":{\"phalanx.dev/node\":null}}}");
    effect.type = EFFECT_EXPLAIN;
    effect.write.text = "short";
    expect_steered(
        &effect, true, "PATCH", "/api/v1/namespaces/ns/pods/p", "application/merge-patch+json",
        "{\"metadata\":{\"uid\":\"u\",\"annotations\":{\"phalanx.dev/waiting\":\"short\"}}}");
}
END_TEST

START_TEST(eviction)
{
    const struct effect effect = {.type = EFFECT_EVICT,
                                  .write = {.name_space = "ns", .name = "p", .uid = "u"}};
    expect(&effect, "POST", "/api/v1/namespaces/ns/pods/p/eviction", "application/json",
           "{\"apiVersion\":\"policy/v1\",\"kind\":\"Eviction\",\"metadata\":{\"name\":\"p\","
           "\"namespace\":\"ns\"},\"deleteOptions\":{\"preconditions\":{\"uid\":\"u\"}}}");
}
END_TEST

START_TEST(events)
{
    struct effect effect = {.type = EFFECT_EVENT,
                            .event = {.name_space = "ns",
                                      .name = "p",
                                      .uid = "u",
                                      .reason = "GangPlanned",
                                      .message = "on 4 nodes"}};
    expect(
        &effect, "POST", "/api/v1/namespaces/ns/events", "application/json",
        "{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"metadata\":{\"name\":\"p.18e9f7d0367fcd15\","
        "\"namespace\":\"ns\"},\"involvedObject\":{\"apiVersion\":\"v1\",\"kind\":\"Pod\","
        "\"namespace\":\"ns\",\"name\":\"p\",\"uid\":\"u\"},\"type\":\"Normal\",\"reason\":"
        "\"GangPlanned\",\"message\":\"on 4 nodes\",\"source\":{\"component\":\"phalanx\"},"
        "\"reportingComponent\":\"phalanx\",\"firstTimestamp\":\"2026-11-21T05:20:00Z\","
        "\"lastTimestamp\":\"2026-11-21T05:20:00Z\",\"count\":1}");
    effect.event.group = true;
    effect.event.warning = true;
    effect.event.uid = NULL;
    expect(
        &effect, "POST", "/api/v1/namespaces/ns/events", "application/json",
        "{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"metadata\":{\"name\":\"p.18e9f7d0367fcd15\","
        "\"namespace\":\"ns\"},\"involvedObject\":{\"apiVersion\":\"scheduling.x-k8s.io/v1alpha1\","
        "\"kind\":\"PodGroup\",\"namespace\":\"ns\",\"name\":\"p\"},\"type\":\"Warning\","
        "\"reason\":"
        "\"GangPlanned\",\"message\":\"on 4 nodes\",\"source\":{\"component\":\"phalanx\"},"
        "\"reportingComponent\":\"phalanx\",\"firstTimestamp\":\"2026-11-21T05:20:00Z\","
        "\"lastTimestamp\":\"2026-11-21T05:20:00Z\",\"count\":1}");
}
END_TEST

static json_t *event_with(const char *name, const char *message)
{
    const struct effect effect = {
        .type = EFFECT_EVENT,
        .event = {.name_space = "ns", .name = name, .reason = "R", .message = message}};
    struct write *write = write_create(&effect, NOW_NS);
    struct write_request request;
    write_request_make(write, &request);
    json_t *json = json_loads(request.body, 0, NULL);
    ck_assert_ptr_nonnull(json);
    write_request_finish(&request);
    write_destroy(write);
    return json;
}

/* Messages are cut at 1024 bytes, not inside a character. */
START_TEST(long_messages)
{
    for (size_t lead = 0; lead < 3; lead++) {
        char message[1300];
        memset(message, 'x', lead);
        for (size_t i = 0; i < 400; i++) {
            memcpy(message + lead + 3 * i, "…", 4);
        }
        json_t *json = event_with("p", message);
        size_t length = json_string_length(json_object_get(json, "message"));
        ck_assert_uint_le(length, WRITE_MESSAGE_MAX);
        ck_assert_uint_gt(length, WRITE_MESSAGE_MAX - 3);
        ck_assert_uint_eq((length - lead) % 3, 0);
        json_decref(json);
    }
    char exact[WRITE_MESSAGE_MAX + 1];
    memset(exact, 'x', WRITE_MESSAGE_MAX);
    exact[WRITE_MESSAGE_MAX] = '\0';
    json_t *json = event_with("p", exact);
    ck_assert_uint_eq(json_string_length(json_object_get(json, "message")), WRITE_MESSAGE_MAX);
    json_decref(json);
    json = event_with("p", "cut \xe2\x80");
    ck_assert_str_eq(json_string_value(json_object_get(json, "message")), "cut ??");
    json_decref(json);
}
END_TEST

/* An event's name stays a DNS subdomain of at most 253 bytes. */
START_TEST(long_names)
{
    char name[254];
    memset(name, 'n', 253);
    name[253] = '\0';
    memset(name + 190, '-', 15);
    json_t *json = event_with(name, "m");
    const char *event =
        json_string_value(json_object_get(json_object_get(json, "metadata"), "name"));
    ck_assert_uint_eq(strlen(event), 190 + strlen(".18e9f7d0367fcd15"));
    ck_assert_str_eq(event + 189, "n.18e9f7d0367fcd15");
    json_decref(json);
}
END_TEST

START_TEST(strange_names_are_escaped)
{
    const struct effect effect = {
        .type = EFFECT_NOMINATE,
        .write = {.name_space = "a/b", .name = "p?x=1", .uid = "\"", .node = "n\\"}};
    expect(&effect, "PATCH", "/api/v1/namespaces/a%2Fb/pods/p%3Fx%3D1/status",
           "application/merge-patch+json",
           "{\"metadata\":{\"uid\":\"\\\"\"},\"status\":{\"nominatedNodeName\":\"n\\\\\"}}");
    struct write *write = write_create(&effect, NOW_NS);
    char *text = write_describe(write);
    ck_assert_str_eq(text, "nomination of pod a/b/p?x=1 to node n\\");
    free(text);
    text = write_pod_path(write);
    ck_assert_str_eq(text, "/api/v1/namespaces/a%2Fb/pods/p%3Fx%3D1");
    free(text);
    write_destroy(write);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("write");
    TCase *tests = tcase_create("write");
    tcase_add_test(tests, binding);
    tcase_add_test(tests, nomination);
    tcase_add_test(tests, explanation);
    tcase_add_test(tests, steering_by_annotation);
    tcase_add_test(tests, eviction);
    tcase_add_test(tests, events);
    tcase_add_test(tests, long_messages);
    tcase_add_test(tests, long_names);
    tcase_add_test(tests, strange_names_are_escaped);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
