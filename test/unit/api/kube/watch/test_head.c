// SPDX-License-Identifier: Apache-2.0
#include "api/kube/watch/head.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/check_main.h"

static void expect(json_t *head, const char *metadata)
{
    json_t *expected = json_loads(metadata, 0, NULL);
    char *text = json_dumps(head, JSON_COMPACT);
    ck_assert_ptr_nonnull(expected);
    ck_assert_msg(json_equal(json_object_get(head, "metadata"), expected), "%s, not %s", text,
                  metadata);
    free(text);
    json_decref(expected);
    json_decref(head);
}

static void item(const char *text, const char *metadata)
{
    expect(head_of_item(text, strlen(text)), metadata);
}

#define WHOLE "{\"name\":\"p\",\"namespace\":\"ns\",\"uid\":\"u\",\"resourceVersion\":\"7\"}"

START_TEST(items)
{
    item("{\"metadata\":" WHOLE ",\"spec\":{nonsense", WHOLE);
    item(
        "{\"kind\":\"Pod\",\"spec\":{\"a\":\"\\u0000\",\"b\":[{]}},\"metadata\":{\"labels\":{\"x\":"
        "\"\\u0000\"},\"name\":\"p\",\"namespace\":\"ns\",\"uid\":\"u\",\"resourceVersion\":\"7\"",
        WHOLE);
    item("{\"metadata\":{\"name\":\"p\",\"namespace\":\"n", "{\"name\":\"p\"}");
    item("{\"metadata\":{\"name\":7,\"uid\":\"u\"}}", "{\"name\":\"\",\"uid\":\"u\"}");
    item("{\"metadata\":{\"uid\":\"u\",\"generateName\":\"\xff", "{\"uid\":\"u\"}");
    item("{\"metadata\":[]}", "{}");
    item("{\"metadata\":", "{}");
    item("{\"spec\":{}}", "{}");
    item("[]", "{}");
    item("", "{}");
    char text[1024];
    (void)snprintf(text, sizeof text, "{\"metadata\":{\"name\":\"%0600d\",\"uid\":\"u\"}}", 0);
    item(text, "{\"name\":\"\",\"uid\":\"u\"}"); /* longer than any name is */
}
END_TEST

static void line(const char *text, const char *type, const char *metadata)
{
    char found[HEAD_TYPE_MAX];
    expect(head_of_line(text, strlen(text), found), metadata);
    ck_assert_str_eq(found, type);
}

START_TEST(lines)
{
    line("{\"type\":\"MODIFIED\",\"object\":{\"kind\":\"Pod\",\"metadata\":" WHOLE
         ",\"x\":\"\\u0000",
         "MODIFIED", WHOLE);
    line("{\"type\":\"DELETED\",\"more\":[],\"object\":{\"metadata\":{\"name\":\"p\"", "DELETED",
         "{\"name\":\"p\"}");
    line("{\"object\":{\"metadata\":{\"name\":\"p\"}},\"type\":\"ADDED\"}", "", "{\"name\":\"p\"}");
    line("{\"type\":\"A-TYPE-OF-MANY-LETTERS\",\"object\":{}}", "", "{}");
    line("{\"type\":\"ADDED\"}", "ADDED", "{}");
    line("<html>", "", "{}");
    line("", "", "{}");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("head");
    TCase *tests = tcase_create("head");
    tcase_add_test(tests, items);
    tcase_add_test(tests, lines);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
