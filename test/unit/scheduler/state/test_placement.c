// SPDX-License-Identifier: Apache-2.0
/* Constraints are copied whole and compared whole. */
#include "scheduler/state/placement.h"

#include <signal.h>
#include <string.h>

#include "test/unit/check_main.h"

START_TEST(test_copies)
{
    char required[] = "zone", preferred[] = "spine", exclusive[] = "rack";
    char wide[] = "block", narrow[] = "leaf", devices[] = "required", group[] = "pair";
    struct slice_object slices[] = {{wide, 8}, {narrow, -1}};
    struct placement_object object = {required, preferred, exclusive, slices, 2, devices, group};
    struct placement placement = {.required = NULL};
    placement_set(&placement, &object);
    memset(required, '?', 4);
    memset(preferred, '?', 5);
    memset(exclusive, '?', 4);
    memset(wide, '?', 5);
    memset(narrow, '?', 4);
    memset(devices, '?', 8);
    memset(group, '?', 4);
    ck_assert_str_eq(placement.podset_group, "pair");
    ck_assert_str_eq(placement.device_topology, "required");
    ck_assert_str_eq(placement.required, "zone");
    ck_assert_str_eq(placement.preferred, "spine");
    ck_assert_str_eq(placement.exclusive, "rack");
    ck_assert_uint_eq(placement.slice_count, 2);
    ck_assert_str_eq(placement.slices[0].level, "block");
    ck_assert_int_eq(placement.slices[0].size, 8);
    ck_assert_str_eq(placement.slices[1].level, "leaf");
    ck_assert_int_eq(placement.slices[1].size, -1);

    struct slice_object one = {"", 0};
    object = (struct placement_object){.slices = &one, .slice_count = 1};
    placement_set(&placement, &object);
    ck_assert_ptr_null(placement.required);
    ck_assert_ptr_null(placement.preferred);
    ck_assert_ptr_null(placement.exclusive);
    ck_assert_uint_eq(placement.slice_count, 1);
    ck_assert_str_eq(placement.slices[0].level, "");
    ck_assert_ptr_null(placement.slices[1].level);
    placement_finish(&placement);
    ck_assert_uint_eq(placement.slice_count, 0);
    placement_finish(&placement);
}
END_TEST

/* Every member counts, alone. */
START_TEST(test_every_member_counts)
{
    static const struct slice_object slices[] = {{"block", 8}, {"rack", 4}, {"host", 2}};
    static const struct slice_object smaller[] = {{"block", 8}, {"rack", 4}, {"host", 1}};
    static const struct slice_object renamed[] = {{"block", 8}, {"leaf", 4}, {"host", 2}};
    static const struct placement_object objects[] = {
        {.required_level = NULL},
        {.required_level = "zone"},
        {.required_level = "rack"},
        {.preferred_level = "zone"},
        {.preferred_level = "rack"},
        {.exclusive_level = "zone"},
        {.exclusive_level = "rack"},
        {"zone", "rack", "leaf", NULL, 0, NULL, NULL},
        {.slices = slices, .slice_count = 1},
        {.slices = slices, .slice_count = 2},
        {.slices = slices, .slice_count = 3},
        {.slices = smaller, .slice_count = 3},
        {.slices = renamed, .slice_count = 3},
        {.slices = renamed, .slice_count = 2},
        {"zone", "rack", "leaf", slices, 3, NULL, NULL},
        {.device_topology = "required"},
        {.device_topology = "preferred"},
        {.podset_group = "zone"},
        {.podset_group = "rack"},
        {"zone", "rack", "leaf", slices, 3, "required", NULL},
        {"zone", "rack", "leaf", slices, 3, "required", "pair"}};
    size_t count = sizeof objects / sizeof objects[0];
    struct placement placement = {.required = NULL};
    for (size_t i = 0; i < count; i++) {
        placement_set(&placement, &objects[i]);
        const char *kept = placement.required;
        for (size_t j = 0; j < count; j++) {
            struct placement other = {.required = NULL};
            placement_set(&other, &objects[j]);
            ck_assert_msg(placement_equal(&placement, &objects[j]) == (i == j), "%zu and %zu", i,
                          j);
            ck_assert_msg(placement_same(&placement, &other) == (i == j), "%zu and %zu", i, j);
            placement_finish(&other);
        }
        placement_set(&placement, &objects[i]); /* the same again leaves the copies alone */
        ck_assert_ptr_eq(placement.required, kept);
    }
    placement_finish(&placement);
}
END_TEST

START_TEST(test_too_many_layers_abort)
{
    static const struct slice_object slices[SLICE_LAYERS_MAX + 1] = {
        {"a", 8}, {"b", 4}, {"c", 2}, {"d", 1}};
    struct placement placement = {.required = NULL};
    placement_set(&placement, &(struct placement_object){.slices = slices,
                                                         .slice_count = SLICE_LAYERS_MAX + 1});
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/state/placement");
    TCase *tcase = tcase_create("placement");
    tcase_add_test(tcase, test_copies);
    tcase_add_test(tcase, test_every_member_counts);
    tcase_add_test_raise_signal(tcase, test_too_many_layers_abort, SIGABRT);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
