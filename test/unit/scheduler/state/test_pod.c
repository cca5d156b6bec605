// SPDX-License-Identifier: Apache-2.0
/* One record: what is copied, and what is told of a change. The rest is tested with the table. */
#include "scheduler/state/pod.h"

#include <string.h>

#include "test/unit/check_main.h"

START_TEST(test_new)
{
    char uid[] = "u", name[] = "n", name_space[] = "s";
    struct pod_object object = {.uid = uid, .name = name, .name_space = name_space};
    struct pod *pod = pod_create(&object);
    memset(uid, '?', 1);
    memset(name, '?', 1);
    memset(name_space, '?', 1);
    ck_assert_str_eq(pod->uid, "u");
    ck_assert_str_eq(pod->name, "n");
    ck_assert_str_eq(pod->name_space, "s");
    ck_assert_int_eq(pod->phase, MEMBER_UNPLACED);
    ck_assert_uint_eq(pod->node, NAMES_NONE);
    ck_assert_uint_eq(pod->allocation_row, NAMES_NONE);
    pod_destroy(pod);
    pod_destroy(NULL);
}
END_TEST

START_TEST(test_numbers_and_texts)
{
    uint32_t number = 1;
    char *text = NULL;
    ck_assert_uint_eq(pod_update_number(&number, 1, POD_NODE), POD_UNCHANGED);
    ck_assert_uint_eq(pod_update_number(&number, 2, POD_NODE), POD_NODE);
    ck_assert_uint_eq(number, 2);
    ck_assert_uint_eq(pod_update_text(&text, NULL, POD_GANG), POD_UNCHANGED);
    ck_assert_uint_eq(pod_update_text(&text, "a", POD_GANG), POD_GANG);
    char *kept = text;
    ck_assert_uint_eq(pod_update_text(&text, "a", POD_GANG), POD_UNCHANGED);
    ck_assert_ptr_eq(text, kept);
    ck_assert_uint_eq(pod_update_text(&text, "b", POD_GANG), POD_GANG);
    ck_assert_str_eq(text, "b");
    ck_assert_uint_eq(pod_update_text(&text, NULL, POD_GANG), POD_GANG);
    ck_assert_ptr_null(text);
}
END_TEST

START_TEST(test_update)
{
    struct pod_object object = {.uid = "u", .name = "n", .name_space = "s", .rank = -1};
    struct pod *pod = pod_create(&object);
    ck_assert_uint_eq(pod_update(pod, &object), POD_ORDER); /* of no role, which is a text */
    ck_assert_uint_eq(pod_update(pod, &object), POD_UNCHANGED);
    object.deleting = true;
    object.priority = 3;
    object.gang = "g";
    object.gang_minimum = -7;
    object.placement.preferred_level = "rack";
    ck_assert_uint_eq(pod_update(pod, &object),
                      POD_LIFE | POD_PRIORITY | POD_GANG | POD_QUORUM | POD_PLACEMENT);
    ck_assert_int_eq(pod->gang_minimum, -1); /* invalid is invalid */
    ck_assert_uint_eq(pod_update(pod, &object), POD_UNCHANGED);
    pod_destroy(pod);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/state/pod");
    TCase *tcase = tcase_create("pod");
    tcase_add_test(tcase, test_new);
    tcase_add_test(tcase, test_numbers_and_texts);
    tcase_add_test(tcase, test_update);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
