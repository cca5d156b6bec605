// SPDX-License-Identifier: Apache-2.0
#include "api/extender/reply.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>

#include "test/unit/api/extender/bodies.h"
#include "topology/base/alloc.h"

/* A reply as text, compared as it stands: the order of members is part of what stays the same. */
static void expect(char *text, size_t length, const char *wanted)
{
    ck_assert_ptr_nonnull(text);
    ck_assert_str_eq(text, wanted);
    ck_assert_uint_eq(length, strlen(wanted));
    free(text);
}

static void decode(const char *body, struct extender_args *args)
{
    struct err err = {""};
    ck_assert_msg(extender_args_decode(body, strlen(body), args, &err) == 0, "%s", err.text);
}

static void expect_filter(const char *body, const bool *passes, const char *reason,
                          const char *wanted)
{
    struct extender_args args;
    size_t length = 0;
    decode(body, &args);
    char *text = extender_filter_reply(&args, passes, reason, &length);
    expect(text, length, wanted);
    extender_args_finish(&args);
}

#define NAMES(list) "{\"Pod\":{},\"NodeNames\":[" list "]}"
#define REPLY(list, failed)                                                                \
    "{\"NodeNames\":[" list "],\"FailedNodes\":{},\"FailedAndUnresolvableNodes\":{" failed \
    "},\"Error\":\"\"}"

START_TEST(filter_gives_names_for_names)
{
    static const bool some[] = {true, false, true}, none[] = {false, false, false};
    expect_filter(BODY_FILTER_NAMES, NULL, NULL, REPLY("\"n1\",\"n2\",\"n3\"", ""));
    expect_filter(BODY_FILTER_NAMES, NULL, "ignored", REPLY("\"n1\",\"n2\",\"n3\"", ""));
    expect_filter(BODY_FILTER_NAMES, some, "not planned here",
                  REPLY("\"n1\",\"n3\"", "\"n2\":\"not planned here\""));
    expect_filter(BODY_FILTER_NAMES, some, NULL, REPLY("\"n1\",\"n3\"", ""));
    expect_filter(BODY_FILTER_NAMES, none, "a \"gang\" waits",
                  REPLY("", "\"n1\":\"a \\\"gang\\\" waits\",\"n2\":\"a \\\"gang\\\" waits\","
                            "\"n3\":\"a \\\"gang\\\" waits\""));
    expect_filter(NAMES(""), NULL, "x", REPLY("", ""));
    expect_filter("{\"Pod\":{},\"Nodes\":null,\"NodeNames\":null}", NULL, NULL, REPLY("", ""));
}
END_TEST

START_TEST(filter_gives_nodes_for_nodes)
{
    static const bool second[] = {false, true}, none[] = {false, false};
    expect_filter(BODY_FILTER_NODES, NULL, NULL,
                  "{\"Nodes\":{\"items\":[" BODY_NODE("n1") "," BODY_NODE(
                      "n2") "]},\"FailedNodes\":{},\"FailedAndUnresolvableNodes\":{},\"Error\":"
                            "\"\"}");
    expect_filter(BODY_FILTER_NODES, second, "no",
                  "{\"Nodes\":{\"items\":[" BODY_NODE(
                      "n2") "]},\"FailedNodes\":{},\"FailedAndUnresolvableNodes\":{\"n1\":\"no\"},"
                            "\"Error\":\"\"}");
    expect_filter(BODY_FILTER_NODES, none, NULL,
                  "{\"Nodes\":{\"items\":[]},\"FailedNodes\":{},\"FailedAndUnresolvableNodes\":{},"
                  "\"Error\":\"\"}");
}
END_TEST

/* A reply is bounded by what goes into it, whole nodes with all they hold included. */
START_TEST(whole_nodes_of_any_size)
{
    enum { COUNT = 3, LABEL = 100000 };
    size_t room = COUNT * (LABEL + 200) + 200;
    char *body = alloc_zero(room, 1), *label = alloc_zero(LABEL + 1, 1);
    memset(label, 'x', LABEL);
    size_t length = (size_t)snprintf(body, room, "{\"Pod\":{},\"Nodes\":{\"items\":[");
    size_t first = length;
    for (int i = 0; i < COUNT; i++) {
        length +=
            (size_t)snprintf(body + length, room - length,
                             "%s{\"metadata\":{\"name\":\"n%d\",\"annotations\":{\"a\":\"%s\"}}}",
                             i == 0 ? "" : ",", i, label);
    }
    size_t items = length - first;
    length += (size_t)snprintf(body + length, room - length, "]}}");
    struct extender_args args;
    struct err err;
    size_t reply_length;
    ck_assert_msg(extender_args_decode(body, length, &args, &err) == 0, "%s", err.text);
    char *reply = extender_filter_reply(&args, NULL, NULL, &reply_length);
    ck_assert_uint_gt(reply_length, items);
    ck_assert(memcmp(reply + strlen("{\"Nodes\":{\"items\":["), body + first, items) == 0);
    free(reply);
    reply = extender_filter_reply_one(&args, 1, &reply_length);
    ck_assert_uint_gt(reply_length, LABEL);
    free(reply);
    extender_args_finish(&args);
    free(label);
    free(body);
}
END_TEST

START_TEST(names_are_given_once)
{
    static const bool mixed[] = {false, true, false, true, false};
    static const bool none[] = {false, false, false, false, false};
    expect_filter(NAMES("\"a\",\"b\",\"a\",\"\\u0061\",\"b\""), NULL, NULL,
                  REPLY("\"a\",\"b\"", ""));
    /* What passes once passes, and is not explained elsewhere. */
    expect_filter(NAMES("\"a\",\"a\",\"b\",\"c\",\"b\""), mixed, "no",
                  REPLY("\"a\",\"c\"", "\"b\":\"no\""));
    expect_filter(NAMES("\"a\",\"a\",\"a\",\"a\",\"a\""), none, "no", REPLY("", "\"a\":\"no\""));
    static const bool first[] = {true, false};
    expect_filter("{\"Pod\":{},\"Nodes\":{\"items\":[" BODY_NODE("n") "," BODY_NODE("n") "]}}",
                  first, "no",
                  "{\"Nodes\":{\"items\":[" BODY_NODE(
                      "n") "]},\"FailedNodes\":{},\"FailedAndUnresolvableNodes\":{},\"Error\":"
                           "\"\"}");
}
END_TEST

START_TEST(names_go_out_as_they_came)
{
    static const bool half[] = {true, false};
    expect_filter(NAMES("\"a\\u003cb\",\"\xc3\xa9\\\"\""), half, "caf\xc3\xa9\n\xff",
                  REPLY("\"a\\u003cb\"", "\"\xc3\xa9\\\"\":\"caf\xc3\xa9\\n\xef\xbf\xbd\""));
}
END_TEST

/* *New* body with `count` names. */
static char *body_of(int count)
{
    size_t room = (size_t)count * 24 + 64;
    char *body = malloc(room);
    ck_assert_ptr_nonnull(body);
    size_t length = (size_t)snprintf(body, room, "{\"Pod\":{},\"NodeNames\":[");
    for (int i = 0; i < count; i++) {
        length +=
            (size_t)snprintf(body + length, room - length, "%s\"node-%05d\"", i == 0 ? "" : ",", i);
    }
    snprintf(body + length, room - length, "]}");
    return body;
}

START_TEST(only_the_first_failures_are_explained)
{
    enum { COUNT = 5000 };
    static bool passes[COUNT];
    static char reason[5000];
    char *body = body_of(COUNT);
    struct extender_args args;
    size_t length;
    memset(reason, '\x01', sizeof(reason) - 1); /* the worst case: six bytes for each */
    decode(body, &args);
    for (size_t i = 0; i < COUNT; i++) {
        passes[i] = i % 4 == 0;
    }
    char *text = extender_filter_reply(&args, passes, reason, &length);
    json_t *reply = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_ptr_nonnull(reply);
    ck_assert_uint_eq(json_array_size(json_object_get(reply, "NodeNames")), COUNT / 4);
    json_t *failed = json_object_get(reply, "FailedAndUnresolvableNodes");
    ck_assert_uint_eq(json_object_size(failed), EXTENDER_EXPLAINED_MAX);
    size_t explained = 0;
    for (int i = 0; i < COUNT; i++) {
        char name[24];
        snprintf(name, sizeof(name), "node-%05d", i);
        bool expected = i % 4 != 0 && explained < EXTENDER_EXPLAINED_MAX;
        const char *why = json_string_value(json_object_get(failed, name));
        ck_assert((why != NULL) == expected);
        ck_assert(why == NULL || strlen(why) == 4096);
        explained += expected;
    }
    json_decref(reply);
    free(text);
    extender_args_finish(&args);
    free(body);
}
END_TEST

START_TEST(filter_one)
{
    struct extender_args args;
    size_t length;
    decode(BODY_FILTER_NAMES, &args);
    char *text = extender_filter_reply_one(&args, 1, &length);
    expect(text, length, REPLY("\"n2\"", ""));
    extender_args_finish(&args);
    decode(BODY_FILTER_NODES, &args);
    text = extender_filter_reply_one(&args, 0, &length);
    expect(text, length,
           "{\"Nodes\":{\"items\":[" BODY_NODE(
               "n1") "]},\"FailedNodes\":{},\"FailedAndUnresolvableNodes\":{},\"Error\":\"\"}");
    extender_args_finish(&args);
}
END_TEST

START_TEST(filter_one_outside_aborts)
{
    struct extender_args args;
    size_t length;
    decode(BODY_FILTER_NAMES, &args);
    extender_filter_reply_one(&args, 3, &length);
}
END_TEST

START_TEST(prioritize_scores_one)
{
    struct extender_args args;
    size_t length;
    decode(BODY_FILTER_NAMES, &args);
    char *text = extender_prioritize_reply(&args, 2, &length);
    expect(text, length, "[{\"Host\":\"n3\",\"Score\":10}]");
    text = extender_prioritize_reply(&args, SIZE_MAX, &length);
    expect(text, length, "[]");
    extender_args_finish(&args);
    decode(BODY_FILTER_NODES, &args);
    text = extender_prioritize_reply(&args, 0, &length);
    expect(text, length, "[{\"Host\":\"n1\",\"Score\":10}]");
    extender_args_finish(&args);
}
END_TEST

START_TEST(errors)
{
    size_t length;
    char *text = extender_filter_reply_error("the \"cache\" is cold", &length);
    expect(text, length, "{\"Error\":\"the \\\"cache\\\" is cold\"}");
    text = extender_bind_reply("node n1 is gone\n", &length);
    expect(text, length, "{\"Error\":\"node n1 is gone\\n\"}");
    text = extender_bind_reply(NULL, &length);
    expect(text, length, "{\"Error\":\"\"}");
    static char longer[100000];
    memset(longer, '\x02', sizeof(longer) - 1);
    text = extender_filter_reply_error(longer, &length);
    json_t *reply = json_loadb(text, length, 0, NULL);
    ck_assert_uint_eq(json_string_length(json_object_get(reply, "Error")), 4096);
    json_decref(reply);
    free(text);
}
END_TEST

static void expect_preemption(const char *body, const bool *keeps, const char *wanted)
{
    struct extender_preemption_args args;
    struct err err = {""};
    size_t length = 0;
    ck_assert_msg(extender_preemption_args_decode(body, strlen(body), &args, &err) == 0, "%s",
                  err.text);
    char *text = extender_preemption_reply(&args, keeps, &length);
    expect(text, length, wanted);
    extender_preemption_args_finish(&args);
}

START_TEST(preemption_keeps_candidates_with_victims)
{
    static const char all[] =
        "{\"NodeNameToMetaVictims\":{"
        "\"n1\":{\"Pods\":[{\"UID\":\"v1\"},{\"UID\":\"v2\"}],\"NumPDBViolations\":1},"
        "\"n3\":{\"Pods\":[{\"UID\":\"v3\"}],\"NumPDBViolations\":0}}}";
    static const bool last[] = {false, true, true}, none[] = {false, false, false};
    expect_preemption(BODY_PREEMPT_META, NULL, all);
    expect_preemption(BODY_PREEMPT_FULL, NULL, all); /* always as UIDs */
    expect_preemption(BODY_PREEMPT_META, last,
                      "{\"NodeNameToMetaVictims\":{\"n3\":{\"Pods\":[{\"UID\":\"v3\"}],"
                      "\"NumPDBViolations\":0}}}");
    expect_preemption(BODY_PREEMPT_META, none, "{\"NodeNameToMetaVictims\":{}}");
    expect_preemption("{\"Pod\":{}}", NULL, "{\"NodeNameToMetaVictims\":{}}");
    expect_preemption("{\"Pod\":{},\"NodeNameToMetaVictims\":{\"a\":null,\"b\":{\"Pods\":[null]},"
                      "\"\\u0063\":{\"Pods\":[null,{\"UID\":\"\\u0076\"}],"
                      "\"NumPDBViolations\":-9223372036854775808}}}",
                      NULL,
                      "{\"NodeNameToMetaVictims\":{\"\\u0063\":{\"Pods\":[{\"UID\":\"\\u0076\"}],"
                      "\"NumPDBViolations\":-9223372036854775808}}}");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("extender/reply");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, filter_gives_names_for_names);
    tcase_add_test(tcase, filter_gives_nodes_for_nodes);
    tcase_add_test(tcase, whole_nodes_of_any_size);
    tcase_add_test(tcase, names_are_given_once);
    tcase_add_test(tcase, names_go_out_as_they_came);
    tcase_add_test(tcase, only_the_first_failures_are_explained);
    tcase_add_test(tcase, filter_one);
    tcase_add_test_raise_signal(tcase, filter_one_outside_aborts, SIGABRT);
    tcase_add_test(tcase, prioritize_scores_one);
    tcase_add_test(tcase, errors);
    tcase_add_test(tcase, preemption_keeps_candidates_with_victims);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
