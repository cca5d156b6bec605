// SPDX-License-Identifier: Apache-2.0
#include "api/extender/args.h"

#include <stdio.h>

#include "test/unit/api/extender/bodies.h"

static void decode(const char *body, struct extender_preemption_args *args)
{
    struct err err = {""};
    ck_assert_msg(extender_preemption_args_decode(body, strlen(body), args, &err) == 0, "%s: %s",
                  body, err.text);
}

static void refuse(const char *body, const char *error)
{
    struct extender_preemption_args args;
    struct err err = {""};
    ck_assert_msg(extender_preemption_args_decode(body, strlen(body), &args, &err) == -1, "%s",
                  body);
    ck_assert_msg(strcmp(err.text, error) == 0, "%s: \"%s\" instead of \"%s\"", body, err.text,
                  error);
    ck_assert_ptr_null(args.nodes);
    ck_assert_ptr_null(args.uid_store);
    ck_assert_uint_eq(args.count, 0);
    ck_assert_int_eq(extender_preemption_args_decode(body, strlen(body), &args, NULL), -1);
}

/* `uids` are separated by spaces. */
static void assert_node(const struct extender_victim_node *node, const char *name, const char *uids,
                        long long violations)
{
    char text[256] = "";
    for (size_t i = 0; i < node->count; i++) {
        size_t length = strlen(text);
        snprintf(text + length, sizeof(text) - length, "%s%.*s", i == 0 ? "" : " ",
                 (int)node->uids[i].length, node->uids[i].text);
    }
    assert_slice(&node->node, name);
    ck_assert_str_eq(text, uids);
    ck_assert_int_eq(node->violations, violations);
}

START_TEST(victims_by_uid)
{
    struct extender_preemption_args args;
    decode(BODY_PREEMPT_META, &args);
    assert_slice(&args.pod.name, "train-worker-3");
    assert_slice(&args.pod.text, BODY_POD);
    ck_assert_uint_eq(args.count, 3);
    assert_node(&args.nodes[0], "n1", "v1 v2", 1);
    assert_node(&args.nodes[1], "n2", "", 0);
    assert_node(&args.nodes[2], "n3", "v3", 0);
    extender_preemption_args_finish(&args);
}
END_TEST

START_TEST(victims_as_whole_pods)
{
    struct extender_preemption_args args;
    decode(BODY_PREEMPT_FULL, &args);
    ck_assert_uint_eq(args.count, 2);
    assert_node(&args.nodes[0], "n1", "v1 v2", 1);
    assert_node(&args.nodes[1], "n3", "v3", 0);
    extender_preemption_args_finish(&args);
}
END_TEST

START_TEST(null_is_tolerated_everywhere)
{
    static const char *const empty[] = {
        "{\"Pod\":{}}",
        "{\"Pod\":{},\"NodeNameToVictims\":null,\"NodeNameToMetaVictims\":null}",
        "{\"Pod\":{},\"NodeNameToMetaVictims\":{}}",
    };
    struct extender_preemption_args args;
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        decode(empty[i], &args);
        ck_assert_uint_eq(args.count, 0);
        extender_preemption_args_finish(&args);
    }
    static const char *const members[] = {"NodeNameToMetaVictims", "NodeNameToVictims"};
    static const char *const victims[] = {"{\"UID\":\"v\"}", "{\"metadata\":{\"uid\":\"v\"}}"};
    for (size_t i = 0; i < 2; i++) {
        char body[512];
        snprintf(body, sizeof(body),
                 "{\"Pod\":{},\"%s\":{\"a\":null,\"b\":{},\"c\":{\"Pods\":null,"
                 "\"NumPDBViolations\":null},\"d\":{\"Pods\":[null,%s,null]},"
                 "\"e\":{\"Pods\":[null]}}}",
                 members[i], victims[i]);
        decode(body, &args);
        ck_assert_uint_eq(args.count, 5);
        assert_node(&args.nodes[0], "a", "", 0);
        assert_node(&args.nodes[1], "b", "", 0);
        assert_node(&args.nodes[2], "c", "", 0);
        assert_node(&args.nodes[3], "d", "v", 0);
        assert_node(&args.nodes[4], "e", "", 0);
        extender_preemption_args_finish(&args);
    }
}
END_TEST

START_TEST(uids_win_over_whole_pods)
{
    struct extender_preemption_args args;
    decode("{\"NodeNameToVictims\":{\"b\":{\"Pods\":[{\"metadata\":{\"uid\":\"w\"}}]}},"
           "\"Pod\":{},\"NodeNameToMetaVictims\":{\"a\":{\"Pods\":[{\"UID\":\"v\"}]}}}",
           &args);
    ck_assert_uint_eq(args.count, 1);
    assert_node(&args.nodes[0], "a", "v", 0);
    extender_preemption_args_finish(&args);
}
END_TEST

START_TEST(members_match_whatever_their_case)
{
    struct extender_preemption_args args;
    decode("{\"pod\":{\"metadata\":{\"uid\":\"u\"}},\"nodenametometavictims\":"
           "{\"N\":{\"pods\":[{\"uid\":\"v\"}],\"numpdbviolations\":2},"
           "\"n\":{\"PODS\":[{\"Uid\":\"w\"}]}}}",
           &args);
    assert_slice(&args.pod.uid, "u");
    ck_assert_uint_eq(args.count, 2); /* node names are not members: N is not n */
    assert_node(&args.nodes[0], "N", "v", 2);
    assert_node(&args.nodes[1], "n", "w", 0);
    extender_preemption_args_finish(&args);
}
END_TEST

#define META(victims) "{\"Pod\":{},\"NodeNameToMetaVictims\":" victims "}"
#define FULL(victims) "{\"Pod\":{},\"NodeNameToVictims\":" victims "}"

START_TEST(wrong_types_name_the_member)
{
    refuse("7", "body: must be an object");
    refuse("{\"NodeNameToMetaVictims\":{}}", "Pod: must be an object");
    refuse("{\"Pod\":null,\"NodeNameToMetaVictims\":{}}", "Pod: must be an object");
    refuse(META("[]"), "NodeNameToMetaVictims: must be an object");
    refuse(FULL("\"\""), "NodeNameToVictims: must be an object");
    refuse(META("{\"n\":[]}"), "NodeNameToMetaVictims: n: Victims: must be an object");
    refuse(META("{\"n\":{\"Pods\":{}}}"), "NodeNameToMetaVictims: n: Pods: must be an array");
    refuse(META("{\"n\":{\"Pods\":[7]}}"),
           "NodeNameToMetaVictims: n: Pods[0]: Pod: must be an object");
    refuse(META("{\"n\":{\"Pods\":[null,{\"UID\":7}]}}"),
           "NodeNameToMetaVictims: n: Pods[1]: UID: must be a string");
    refuse(META("{\"n\":{\"Pods\":[{}]}}"),
           "NodeNameToMetaVictims: n: Pods[0]: the UID is missing");
    refuse(META("{\"n\":{\"Pods\":[{\"UID\":null}]}}"),
           "NodeNameToMetaVictims: n: Pods[0]: the UID is missing");
    refuse(FULL("{\"n\":{\"Pods\":[{\"metadata\":7}]}}"),
           "NodeNameToVictims: n: Pods[0]: metadata: must be an object");
    refuse(FULL("{\"n\":{\"Pods\":[{\"metadata\":{\"uid\":[]}}]}}"),
           "NodeNameToVictims: n: Pods[0]: metadata.uid: must be a string");
    refuse(FULL("{\"n\":{\"Pods\":[{\"metadata\":null}]}}"),
           "NodeNameToVictims: n: Pods[0]: the UID is missing");
}
END_TEST

START_TEST(repeats_are_refused)
{
    refuse(META("{\"n\":{},\"m\":{},\"n\":null}"), "NodeNameToMetaVictims.n: given twice");
    refuse(FULL("{\"n\":{},\"\\u006e\":null}"), "NodeNameToVictims.\\u006e: given twice");
    refuse(META("{\"n\":{\"Pods\":[],\"pods\":[]}}"),
           "NodeNameToMetaVictims: n: Pods: given twice");
    refuse(META("null,\"nodenametometavictims\":{}"), "NodeNameToMetaVictims: given twice");
    refuse(META("{\"n\":{\"NumPDBViolations\":1,\"NumPDBViolations\":2}}"),
           "NodeNameToMetaVictims: n: NumPDBViolations: given twice");
}
END_TEST

START_TEST(violations_are_integers_of_64_bits)
{
    static const struct {
        const char *text;
        bool fine;
        long long value;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"-3", true, -3},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"100000000000000000000000000000000", false, 0},
        {"1.0", false, 0},
        {"1e2", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char body[256];
        snprintf(body, sizeof(body), META("{\"n\":{\"NumPDBViolations\":%s}}"), cases[i].text);
        if (cases[i].fine) {
            struct extender_preemption_args args;
            decode(body, &args);
            assert_node(&args.nodes[0], "n", "", cases[i].value);
            extender_preemption_args_finish(&args);
        } else {
            refuse(body, "NodeNameToMetaVictims: n: NumPDBViolations: must be an integer of "
                         "64 bits");
        }
    }
    refuse(META("{\"n\":{\"NumPDBViolations\":\"1\"}}"),
           "NodeNameToMetaVictims: n: NumPDBViolations: must be an integer");
}
END_TEST

START_TEST(a_cut_body_is_refused_at_every_byte)
{
    static const char *const bodies[] = {BODY_PREEMPT_META, BODY_PREEMPT_FULL};
    for (size_t i = 0; i < 2; i++) {
        for (size_t length = 0; length + 1 < strlen(bodies[i]); length++) {
            char *body = exact_copy(bodies[i], length);
            struct extender_preemption_args args;
            struct err err = {""};
            ck_assert_int_eq(extender_preemption_args_decode(body, length, &args, &err), -1);
            ck_assert_ptr_nonnull(strstr(err.text, "malformed JSON at byte "));
            free(body);
        }
    }
}
END_TEST

START_TEST(long_node_names_are_refused)
{
    char body[2048];
    snprintf(body, sizeof(body), META("{\"%01025d\":null}"), 0);
    refuse(body, "NodeNameToMetaVictims: a node name longer than 1024 bytes");
    snprintf(body, sizeof(body), META("{\"%01024d\":null}"), 0);
    struct extender_preemption_args args;
    decode(body, &args);
    ck_assert_uint_eq(args.nodes[0].node.length, 1024);
    extender_preemption_args_finish(&args);
}
END_TEST

START_TEST(hundreds_of_candidates)
{
    enum { NODES = 500, ROOM = NODES * 128 };
    char *body = malloc(ROOM);
    ck_assert_ptr_nonnull(body);
    size_t length = (size_t)snprintf(body, ROOM, "{\"Pod\":{},\"NodeNameToMetaVictims\":{");
    for (int i = 0; i < NODES; i++) {
        length += (size_t)snprintf(body + length, ROOM - length, "%s\"n%d\":{\"Pods\":[",
                                   i == 0 ? "" : ",", i);
        for (int j = 0; j < i % 4; j++) {
            length += (size_t)snprintf(body + length, ROOM - length, "%s{\"UID\":\"v%d\"}",
                                       j == 0 ? "" : ",", i * 10 + j);
        }
        length += (size_t)snprintf(body + length, ROOM - length, "]}");
    }
    length += (size_t)snprintf(body + length, ROOM - length, "}}");
    struct extender_preemption_args args;
    ck_assert_int_eq(extender_preemption_args_decode(body, length, &args, NULL), 0);
    ck_assert_uint_eq(args.count, NODES);
    for (int i = 0; i < NODES; i++) {
        char name[16], uid[16];
        snprintf(name, sizeof(name), "n%d", i);
        assert_slice(&args.nodes[i].node, name);
        ck_assert_uint_eq(args.nodes[i].count, (size_t)(i % 4));
        for (int j = 0; j < i % 4; j++) {
            snprintf(uid, sizeof(uid), "v%d", i * 10 + j);
            assert_slice(&args.nodes[i].uids[j], uid);
        }
    }
    extender_preemption_args_finish(&args);
    free(body);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("extender/args of preemption");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, victims_by_uid);
    tcase_add_test(tcase, victims_as_whole_pods);
    tcase_add_test(tcase, null_is_tolerated_everywhere);
    tcase_add_test(tcase, uids_win_over_whole_pods);
    tcase_add_test(tcase, members_match_whatever_their_case);
    tcase_add_test(tcase, wrong_types_name_the_member);
    tcase_add_test(tcase, repeats_are_refused);
    tcase_add_test(tcase, violations_are_integers_of_64_bits);
    tcase_add_test(tcase, a_cut_body_is_refused_at_every_byte);
    tcase_add_test(tcase, long_node_names_are_refused);
    tcase_add_test(tcase, hundreds_of_candidates);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
