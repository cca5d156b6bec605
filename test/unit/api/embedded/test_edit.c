// SPDX-License-Identifier: Apache-2.0
#include "api/embedded/edit.h"

#include <string.h>

#include "test/unit/check_main.h"

static json_t *parse(const char *text)
{
    json_error_t error;
    json_t *json = json_loads(text, 0, &error);
    ck_assert_msg(json != NULL, "%s: %s", error.text, text);
    return json;
}

/* Compares with JSON text, and releases the object. */
static void expect(json_t *object, const char *text)
{
    json_t *expected = parse(text);
    char *have = json_dumps(object, JSON_COMPACT);
    ck_assert_msg(json_equal(object, expected) == 1, "%s, not %s", have, text);
    free(have);
    json_decref(expected);
    json_decref(object);
}

static int bind_to(json_t *pod, const char *node, struct err *err)
{
    struct pod_write write = {.node = node, .rank = -1};
    return edit_bind(pod, &write, err);
}

#define BOUND                                                        \
    "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"nodeName\":\"n1\"}," \
    "\"status\":{\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"True\"}]}}"

START_TEST(binding_sets_what_the_api_server_sets)
{
    static const char *const unbound[] = {
        "{\"metadata\":{\"name\":\"p\"}}",
        "{\"metadata\":{\"name\":\"p\"},\"spec\":null,\"status\":null}",
        "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"nodeName\":\"\"},"
        "\"status\":{\"nominatedNodeName\":\"n2\",\"conditions\":[{\"type\":\"PodScheduled\","
        "\"status\":\"False\"}]}}",
    };
    for (size_t i = 0; i < sizeof unbound / sizeof unbound[0]; i++) {
        json_t *pod = parse(unbound[i]);
        ck_assert_int_eq(bind_to(pod, "n1", NULL), 0);
        expect(pod, BOUND);
    }
}
END_TEST

START_TEST(a_member_carries_its_gang_and_rank)
{
    struct pod_write write = {
        .node = "n1", .gang = "train", .rank = 7, .devices = "gpu-0,gpu-1", .run = "u-1"};
    json_t *pod = parse("{\"metadata\":{\"name\":\"p\",\"annotations\":{\"a\":\"b\"}}}");
    ck_assert_int_eq(edit_bind(pod, &write, NULL), 0);
    expect(json_incref(json_object_get(pod, "metadata")),
           "{\"name\":\"p\",\"annotations\":{\"a\":\"b\",\"phalanx.dev/gang\":\"train\","
           "\"phalanx.dev/rank\":\"7\",\"phalanx.dev/devices\":\"gpu-0,gpu-1\",\"phalanx.dev/"
           "run\":\"u-1\"}}");
    json_decref(pod);
    pod = parse("{\"metadata\":{\"name\":\"p\"}}");
    write.rank = -1;
    write.devices = NULL;
    write.run = NULL;
    ck_assert_int_eq(edit_bind(pod, &write, NULL), 0);
    expect(json_incref(json_object_get(pod, "metadata")),
           "{\"name\":\"p\",\"annotations\":{\"phalanx.dev/gang\":\"train\"}}");
    json_decref(pod);
}
END_TEST

START_TEST(binding_is_refused_or_already_done)
{
    struct err err;
    json_t *pod = parse(BOUND);
    ck_assert_int_eq(bind_to(pod, "n1", &err), 0);
    ck_assert_int_eq(bind_to(pod, "n2", &err), -1);
    ck_assert_str_eq(err.text, "pod p is already assigned to node \"n1\"");
    expect(pod, BOUND);
    pod = parse("{\"metadata\":{\"name\":\"p\",\"deletionTimestamp\":\"t\"},\"spec\":{}}");
    ck_assert_int_eq(bind_to(pod, "n1", &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "being deleted"));
    expect(pod, "{\"metadata\":{\"name\":\"p\",\"deletionTimestamp\":\"t\"},\"spec\":{}}");
    pod = parse("{\"metadata\":{\"name\":\"p\"},\"spec\":{\"schedulingGates\":[{}]}}");
    ck_assert_int_eq(bind_to(pod, "n1", &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "schedulingGates"));
    json_decref(pod);
}
END_TEST

START_TEST(nominations_and_explanations_come_and_go)
{
    json_t *pod = parse("{\"metadata\":{\"annotations\":null}}");
    edit_nominate(pod, "n1");
    edit_explain(pod, "no room");
    expect(json_incref(pod),
           "{\"metadata\":{\"annotations\":{\"phalanx.dev/waiting\":\"no room\"}},"
           "\"status\":{\"nominatedNodeName\":\"n1\"}}");
    edit_nominate(pod, NULL);
    edit_explain(pod, NULL);
    expect(pod, "{\"metadata\":{\"annotations\":{}},\"status\":{}}");
}
END_TEST

START_TEST(events_are_those_of_kubernetes)
{
    struct event_effect effect = {.group = true,
                                  .name_space = "a",
                                  .name = "g",
                                  .uid = "u",
                                  .reason = "GangPlanned",
                                  .message = "text"};
    expect(edit_event(&effect, 31),
           "{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"metadata\":{\"namespace\":\"a\","
           "\"name\":\"g.1f\"},\"involvedObject\":{\"kind\":\"PodGroup\",\"namespace\":\"a\","
           "\"name\":\"g\",\"uid\":\"u\"},\"type\":\"Normal\",\"reason\":\"GangPlanned\","
           "\"message\":\"text\"}");
    effect.uid = NULL;
    effect.group = false;
    json_t *event = edit_event(&effect, 1);
    const json_t *involved = json_object_get(event, "involvedObject");
    ck_assert_ptr_null(json_object_get(involved, "uid"));
    ck_assert_str_eq(json_string_value(json_object_get(involved, "kind")), "Pod");
    json_decref(event);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("edit");
    TCase *tests = tcase_create("edit");
    tcase_add_test(tests, binding_sets_what_the_api_server_sets);
    tcase_add_test(tests, a_member_carries_its_gang_and_rank);
    tcase_add_test(tests, binding_is_refused_or_already_done);
    tcase_add_test(tests, nominations_and_explanations_come_and_go);
    tcase_add_test(tests, events_are_those_of_kubernetes);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
