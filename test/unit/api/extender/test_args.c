// SPDX-License-Identifier: Apache-2.0
#include "api/extender/args.h"

#include <stdio.h>

#include "test/unit/api/extender/bodies.h"

static void decode(const char *body, struct extender_args *args)
{
    struct err err = {""};
    ck_assert_msg(extender_args_decode(body, strlen(body), args, &err) == 0, "%s", err.text);
}

/* The error of a body that is refused; nothing may be owned then. */
static void refuse(const char *body, const char *error)
{
    struct extender_args args;
    struct err err = {""};
    ck_assert_msg(extender_args_decode(body, strlen(body), &args, &err) == -1, "%s", body);
    ck_assert_msg(strcmp(err.text, error) == 0, "%s: \"%s\" instead of \"%s\"", body, err.text,
                  error);
    ck_assert_ptr_null(args.names);
    ck_assert_ptr_null(args.items);
    ck_assert_uint_eq(args.count, 0);
    ck_assert_int_eq(extender_args_decode(body, strlen(body), &args, NULL), -1);
}

static void assert_names(const struct extender_args *args, size_t count, const char *const *names)
{
    ck_assert_uint_eq(args->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_slice(&args->names[i], names[i]);
    }
}

START_TEST(names_as_kube_scheduler_sends_them)
{
    static const char *const names[] = {"n1", "n2", "n3"};
    struct extender_args args;
    decode(BODY_FILTER_NAMES, &args);
    ck_assert_int_eq(args.form, EXTENDER_NODE_NAMES);
    assert_names(&args, 3, names);
    ck_assert_ptr_null(args.items);
    assert_slice(&args.pod.text, BODY_POD);
    assert_slice(&args.pod.uid, "5f0c7a3e-0f5e-4c53-9d5c-1b1a6d1f7a10");
    assert_slice(&args.pod.name, "train-worker-3");
    assert_slice(&args.pod.name_space, "team-a");
    assert_slice(&args.pod.nominated, "n2");
    extender_args_finish(&args);
}
END_TEST

START_TEST(nodes_as_kube_scheduler_sends_them)
{
    static const char *const names[] = {"n1", "n2"};
    struct extender_args args;
    decode(BODY_FILTER_NODES, &args);
    ck_assert_int_eq(args.form, EXTENDER_NODES);
    assert_names(&args, 2, names);
    assert_slice(&args.items[0], BODY_NODE("n1"));
    assert_slice(&args.items[1], BODY_NODE("n2"));
    extender_args_finish(&args);
}
END_TEST

START_TEST(null_stands_for_absent)
{
    static const struct {
        const char *body;
        enum extender_form form;
    } cases[] = {
        {"{\"Pod\":{}}", EXTENDER_NEITHER},
        {"{\"Pod\":{},\"Nodes\":null,\"NodeNames\":null}", EXTENDER_NEITHER},
        {"{\"Pod\":{\"metadata\":null,\"status\":null}}", EXTENDER_NEITHER},
        {"{\"Pod\":{\"metadata\":{\"uid\":null,\"name\":null,\"namespace\":null},"
         "\"status\":{\"nominatedNodeName\":null}},\"NodeNames\":[]}",
         EXTENDER_NODE_NAMES},
        {"{\"Pod\":{\"metadata\":{}},\"Nodes\":{}}", EXTENDER_NODES},
        {"{\"Pod\":{},\"Nodes\":{\"items\":null}}", EXTENDER_NODES},
        {"{\"Pod\":{},\"Nodes\":{\"metadata\":{},\"items\":[]}}", EXTENDER_NODES},
        {" { \"Other\" : [ null ] , \"Pod\" : { } } ", EXTENDER_NEITHER},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct extender_args args;
        decode(cases[i].body, &args);
        ck_assert_msg(args.form == cases[i].form, "%s", cases[i].body);
        ck_assert_uint_eq(args.count, 0);
        ck_assert_uint_eq(args.pod.uid.length, 0);
        ck_assert_uint_eq(args.pod.name.length, 0);
        ck_assert_uint_eq(args.pod.name_space.length, 0);
        ck_assert_uint_eq(args.pod.nominated.length, 0);
        ck_assert_uint_ge(args.pod.text.length, 2);
        extender_args_finish(&args);
    }
}
END_TEST

START_TEST(names_win_over_nodes)
{
    static const char *const names[] = {"a"};
    static const char *const bodies[] = {
        "{\"Pod\":{},\"NodeNames\":[\"a\"],\"Nodes\":{\"items\":[" BODY_NODE("b") "]}}",
        "{\"Nodes\":{\"items\":[" BODY_NODE("b") "]},\"NodeNames\":[\"a\"],\"Pod\":{}}",
    };
    for (size_t i = 0; i < 2; i++) {
        struct extender_args args;
        decode(bodies[i], &args);
        ck_assert_int_eq(args.form, EXTENDER_NODE_NAMES);
        assert_names(&args, 1, names);
        ck_assert_ptr_null(args.items);
        extender_args_finish(&args);
    }
    static const char *const others[] = {"b"};
    struct extender_args args;
    decode("{\"Pod\":{},\"NodeNames\":null,\"Nodes\":{\"items\":[" BODY_NODE("b") "]}}", &args);
    ck_assert_int_eq(args.form, EXTENDER_NODES);
    assert_names(&args, 1, others);
    extender_args_finish(&args);
}
END_TEST

START_TEST(members_match_whatever_their_case)
{
    static const char *const names[] = {"x"};
    struct extender_args args;
    decode("{\"pod\":{\"METADATA\":{\"Uid\":\"u\",\"nAme\":\"p\",\"namespace\":\"s\"}},"
           "\"nodenames\":[\"x\"],\"nodes\":null}",
           &args);
    assert_slice(&args.pod.uid, "u");
    assert_slice(&args.pod.name, "p");
    assert_slice(&args.pod.name_space, "s");
    assert_names(&args, 1, names);
    extender_args_finish(&args);
    decode("{\"\\u0050od\":{\"m\\u0065tadata\":{\"uid\":\"u\"}},\"NODE\\u004eAMES\":[\"x\"]}",
           &args);
    assert_slice(&args.pod.uid, "u");
    assert_names(&args, 1, names);
    extender_args_finish(&args);
}
END_TEST

START_TEST(escaped_names_say_so)
{
    struct extender_args args;
    decode("{\"Pod\":{\"metadata\":{\"uid\":\"a\\u003cb\"}},\"NodeNames\":[\"p\",\"\\n\",\"\"]}",
           &args);
    ck_assert(args.pod.uid.escaped);
    ck_assert_uint_eq(args.count, 3);
    ck_assert(!args.names[0].escaped);
    ck_assert(args.names[1].escaped);
    ck_assert_uint_eq(args.names[2].length, 0);
    char text[8];
    size_t length = json_string_decode(&args.pod.uid, text);
    ck_assert_uint_eq(length, 3);
    ck_assert(memcmp(text, "a<b", 3) == 0);
    extender_args_finish(&args);
}
END_TEST

START_TEST(repeated_names_are_kept)
{
    static const char *const names[] = {"a", "b", "a"};
    struct extender_args args;
    decode("{\"Pod\":{},\"NodeNames\":[\"a\",\"b\",\"a\"]}", &args);
    assert_names(&args, 3, names);
    extender_args_finish(&args);
}
END_TEST

START_TEST(wrong_types_name_the_member)
{
    refuse("[]", "body: must be an object");
    refuse("null", "body: must be an object");
    refuse("{}", "Pod: must be an object");
    refuse("{\"Pod\":null}", "Pod: must be an object");
    refuse("{\"Pod\":[]}", "Pod: must be an object");
    refuse("{\"Pod\":\"x\"}", "Pod: must be an object");
    refuse("{\"Pod\":{\"metadata\":[]}}", "Pod.metadata: must be an object");
    refuse("{\"Pod\":{\"metadata\":{\"uid\":7}}}", "Pod.metadata.uid: must be a string");
    refuse("{\"Pod\":{\"metadata\":{\"name\":{}}}}", "Pod.metadata.name: must be a string");
    refuse("{\"Pod\":{\"metadata\":{\"namespace\":true}}}",
           "Pod.metadata.namespace: must be a string");
    refuse("{\"Pod\":{\"status\":\"Pending\"}}", "Pod.status: must be an object");
    refuse("{\"Pod\":{\"status\":{\"nominatedNodeName\":[]}}}",
           "Pod.status.nominatedNodeName: must be a string");
    refuse("{\"Pod\":{},\"NodeNames\":{}}", "NodeNames: must be an array");
    refuse("{\"Pod\":{},\"NodeNames\":\"a\"}", "NodeNames: must be an array");
    refuse("{\"Pod\":{},\"NodeNames\":[\"a\",1]}", "NodeNames[1]: name: must be a string");
    refuse("{\"Pod\":{},\"NodeNames\":[null]}", "NodeNames[0]: name: must be a string");
    refuse("{\"Pod\":{},\"Nodes\":[]}", "Nodes: must be an object");
    refuse("{\"Pod\":{},\"Nodes\":{\"items\":{}}}", "Nodes.items: must be an array");
    refuse("{\"Pod\":{},\"Nodes\":{\"items\":[{\"metadata\":{\"name\":\"a\"}},null]}}",
           "Nodes.items[1]: Node: must be an object");
    refuse("{\"Pod\":{},\"Nodes\":{\"items\":[{}]}}", "Nodes.items[0]: metadata.name: is missing");
    refuse("{\"Pod\":{},\"Nodes\":{\"items\":[{\"metadata\":{}}]}}",
           "Nodes.items[0]: metadata.name: is missing");
    refuse("{\"Pod\":{},\"Nodes\":{\"items\":[{\"metadata\":7}]}}",
           "Nodes.items[0]: metadata: must be an object");
    refuse("{\"Pod\":{},\"Nodes\":{\"items\":[{\"metadata\":{\"name\":null}}]}}",
           "Nodes.items[0]: metadata.name: must be a string");
    /* Names win, but Nodes must be right all the same. */
    refuse("{\"Pod\":{},\"NodeNames\":[\"a\"],\"Nodes\":{\"items\":[7]}}",
           "Nodes.items[0]: Node: must be an object");
}
END_TEST

START_TEST(repeated_members_are_refused)
{
    refuse("{\"Pod\":{},\"Pod\":{}}", "Pod: given twice");
    refuse("{\"Pod\":{},\"pod\":null}", "Pod: given twice");
    refuse("{\"Pod\":{},\"P\\u006fd\":null}", "Pod: given twice");
    refuse("{\"Pod\":{},\"Nodes\":null,\"nodes\":{}}", "Nodes: given twice");
    refuse("{\"Pod\":{},\"NodeNames\":[\"a\"],\"NodeNames\":[]}", "NodeNames: given twice");
    refuse("{\"Pod\":{\"metadata\":{},\"metadata\":{}}}", "Pod.metadata: given twice");
    refuse("{\"Pod\":{\"metadata\":{\"uid\":\"a\",\"UID\":\"b\"}}}",
           "Pod.metadata.uid: given twice");
    refuse("{\"Pod\":{\"status\":null,\"status\":{}}}", "Pod.status: given twice");
    refuse("{\"Pod\":{},\"Nodes\":{\"items\":[],\"items\":[]}}", "Nodes.items: given twice");
    /* Unknown ones are nobody's business. */
    struct extender_args args;
    decode("{\"Pod\":{\"spec\":1,\"spec\":2},\"x\":1,\"x\":2}", &args);
    extender_args_finish(&args);
}
END_TEST

START_TEST(malformed_text_is_told_as_such)
{
    refuse("", "malformed JSON at byte 0: unexpected end of the text");
    refuse("{\"Pod\":{},\"NodeNames\":[\"a\",x]}",
           "NodeNames[1]: malformed JSON at byte 27: expected a value");
    refuse("{\"Pod\":nul}", "malformed JSON at byte 7: expected a value");
    refuse("{\"Pod\":{}} x", "malformed JSON at byte 11: unexpected data after the value");
    refuse("{\"Pod\":{\"spec\":\"\xff\"}}", "malformed JSON at byte 16: not UTF-8");
    refuse("{\"Pod\":{\"metadata\":{\"uid\":\"\\ud800\"}}}",
           "malformed JSON at byte 27: an invalid escape");
}
END_TEST

static char *long_string(size_t length)
{
    char *text = malloc(length + 1);
    ck_assert_ptr_nonnull(text);
    memset(text, 'a', length);
    text[length] = '\0';
    return text;
}

START_TEST(strings_have_a_limit)
{
    for (size_t length = EXTENDER_STRING_MAX; length <= EXTENDER_STRING_MAX + 1; length++) {
        static const char *const formats[][2] = {
            {"{\"Pod\":{},\"NodeNames\":[\"", "\"]}"},
            {"{\"Pod\":{\"metadata\":{\"uid\":\"", "\"}}}"},
            {"{\"Pod\":{},\"Nodes\":{\"items\":[{\"metadata\":{\"name\":\"", "\"}}]}}"},
        };
        for (size_t i = 0; i < 3; i++) {
            char *text = long_string(length);
            char body[EXTENDER_STRING_MAX + 128];
            snprintf(body, sizeof(body), "%s%s%s", formats[i][0], text, formats[i][1]);
            struct extender_args args;
            struct err err = {""};
            int result = extender_args_decode(body, strlen(body), &args, &err);
            ck_assert_int_eq(result, length == EXTENDER_STRING_MAX ? 0 : -1);
            ck_assert((strstr(err.text, "longer than 1024 bytes") != NULL) == (result < 0));
            extender_args_finish(&args);
            free(text);
        }
    }
}
END_TEST

START_TEST(nodes_have_a_limit)
{
    static const char head[] = "{\"Pod\":{},\"NodeNames\":[\"a\"";
    for (size_t count = EXTENDER_NODES_MAX; count <= EXTENDER_NODES_MAX + 1; count++) {
        size_t length = sizeof(head) - 1;
        char *body = malloc(length + 4 * count);
        ck_assert_ptr_nonnull(body);
        memcpy(body, head, length);
        for (size_t i = 1; i < count; i++, length += 4) {
            memcpy(body + length, ",\"b\"", 4);
        }
        memcpy(body + length, "]}", 2);
        struct extender_args args;
        struct err err = {""};
        int result = extender_args_decode(body, length + 2, &args, &err);
        if (count == EXTENDER_NODES_MAX) {
            ck_assert_int_eq(result, 0);
            ck_assert_uint_eq(args.count, count);
        } else {
            ck_assert_int_eq(result, -1);
            ck_assert_str_eq(err.text, "NodeNames[1048576]: more than 1048576 nodes");
        }
        extender_args_finish(&args);
        free(body);
    }
}
END_TEST

START_TEST(a_cut_body_is_refused_at_every_byte)
{
    static const char *const bodies[] = {BODY_FILTER_NAMES, BODY_FILTER_NODES};
    for (size_t i = 0; i < 2; i++) {
        size_t whole = strlen(bodies[i]) - 1; /* without the newline that Go's encoder adds */
        for (size_t length = 0; length < whole; length++) {
            char *body = exact_copy(bodies[i], length);
            struct extender_args args;
            struct err err = {""};
            ck_assert_int_eq(extender_args_decode(body, length, &args, &err), -1);
            ck_assert_ptr_nonnull(strstr(err.text, "malformed JSON at byte "));
            free(body);
        }
        char *body = exact_copy(bodies[i], whole);
        struct extender_args args;
        ck_assert_int_eq(extender_args_decode(body, whole, &args, NULL), 0);
        extender_args_finish(&args);
        free(body);
    }
}
END_TEST

START_TEST(thousands_of_names_in_order)
{
    enum { COUNT = 5000 };
    char *body = malloc(COUNT * 24 + 64);
    ck_assert_ptr_nonnull(body);
    int length = snprintf(body, 64, "{\"Pod\":{},\"NodeNames\":[");
    for (int i = 0; i < COUNT; i++) {
        length += snprintf(body + length, 24, "%s\"node-%05d\"", i == 0 ? "" : ",", i);
    }
    length += snprintf(body + length, 8, "]}");
    struct extender_args args;
    ck_assert_int_eq(extender_args_decode(body, (size_t)length, &args, NULL), 0);
    ck_assert_uint_eq(args.count, COUNT);
    for (int i = 0; i < COUNT; i++) {
        char name[24];
        snprintf(name, sizeof(name), "node-%05d", i);
        assert_slice(&args.names[i], name);
    }
    extender_args_finish(&args);
    free(body);
}
END_TEST

static void bind_refuse(const char *body, const char *error)
{
    struct extender_binding_args args;
    struct err err = {""};
    ck_assert_msg(extender_binding_args_decode(body, strlen(body), &args, &err) == -1, "%s", body);
    ck_assert_str_eq(err.text, error);
}

START_TEST(bindings)
{
    struct extender_binding_args args;
    ck_assert_int_eq(extender_binding_args_decode(BODY_BIND, strlen(BODY_BIND), &args, NULL), 0);
    assert_slice(&args.pod_name, "train-worker-3");
    assert_slice(&args.pod_namespace, "team-a");
    assert_slice(&args.pod_uid, "5f0c7a3e");
    assert_slice(&args.node, "n2");
    static const char lower[] = "{\"podname\":\"p\",\"podnamespace\":\"s\",\"poduid\":\"u\","
                                "\"node\":\"n\",\"more\":{}}";
    ck_assert_int_eq(extender_binding_args_decode(lower, strlen(lower), &args, NULL), 0);
    assert_slice(&args.pod_name, "p");
    assert_slice(&args.node, "n");
    static const char empty[] = "{\"PodName\":null}";
    ck_assert_int_eq(extender_binding_args_decode(empty, strlen(empty), &args, NULL), 0);
    ck_assert_uint_eq(args.pod_name.length + args.pod_namespace.length, 0);
    ck_assert_uint_eq(args.pod_uid.length + args.node.length, 0);
    bind_refuse("{\"PodName\":1}", "PodName: must be a string");
    bind_refuse("{\"PodUID\":[]}", "PodUID: must be a string");
    bind_refuse("{\"Node\":\"a\",\"node\":\"a\"}", "Node: given twice");
    bind_refuse("[]", "body: must be an object");
    for (size_t length = 0; length + 1 < strlen(BODY_BIND); length++) {
        char *body = exact_copy(BODY_BIND, length);
        ck_assert_int_eq(extender_binding_args_decode(body, length, &args, NULL), -1);
        free(body);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("extender/args");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, names_as_kube_scheduler_sends_them);
    tcase_add_test(tcase, nodes_as_kube_scheduler_sends_them);
    tcase_add_test(tcase, null_stands_for_absent);
    tcase_add_test(tcase, names_win_over_nodes);
    tcase_add_test(tcase, members_match_whatever_their_case);
    tcase_add_test(tcase, escaped_names_say_so);
    tcase_add_test(tcase, repeated_names_are_kept);
    tcase_add_test(tcase, wrong_types_name_the_member);
    tcase_add_test(tcase, repeated_members_are_refused);
    tcase_add_test(tcase, malformed_text_is_told_as_such);
    tcase_add_test(tcase, strings_have_a_limit);
    tcase_add_test(tcase, nodes_have_a_limit);
    tcase_add_test(tcase, a_cut_body_is_refused_at_every_byte);
    tcase_add_test(tcase, thousands_of_names_in_order);
    tcase_add_test(tcase, bindings);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
