// SPDX-License-Identifier: Apache-2.0
/* Constraints are copied whole, compared whole, and merged member by member. */
#include "scheduler/state/placement.h"

#include <signal.h>
#include <string.h>

#include "test/unit/check_main.h"

START_TEST(test_copies)
{
    char required[] = "zone", preferred[] = "spine", exclusive[] = "rack";
    char wide[] = "block", narrow[] = "leaf", devices[] = "required";
    struct slice_object slices[] = {{wide, 8}, {narrow, -1}};
    struct placement_object object = {required, preferred, exclusive, slices, 2, devices};
    struct placement placement = {.required = NULL};
    placement_set(&placement, &object);
    memset(required, '?', 4);
    memset(preferred, '?', 5);
    memset(exclusive, '?', 4);
    memset(wide, '?', 5);
    memset(narrow, '?', 4);
    memset(devices, '?', 8);
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
        {NULL, NULL, NULL, NULL, 0, NULL},         {"zone", NULL, NULL, NULL, 0, NULL},
        {"rack", NULL, NULL, NULL, 0, NULL},       {NULL, "zone", NULL, NULL, 0, NULL},
        {NULL, "rack", NULL, NULL, 0, NULL},       {NULL, NULL, "zone", NULL, 0, NULL},
        {NULL, NULL, "rack", NULL, 0, NULL},       {"zone", "rack", "leaf", NULL, 0, NULL},
        {NULL, NULL, NULL, slices, 1, NULL},       {NULL, NULL, NULL, slices, 2, NULL},
        {NULL, NULL, NULL, slices, 3, NULL},       {NULL, NULL, NULL, smaller, 3, NULL},
        {NULL, NULL, NULL, renamed, 3, NULL},      {NULL, NULL, NULL, renamed, 2, NULL},
        {"zone", "rack", "leaf", slices, 3, NULL}, {NULL, NULL, NULL, NULL, 0, "required"},
        {NULL, NULL, NULL, NULL, 0, "preferred"},  {"zone", "rack", "leaf", slices, 3, "required"}};
    size_t count = sizeof objects / sizeof objects[0];
    struct placement placement = {.required = NULL};
    for (size_t i = 0; i < count; i++) {
        placement_set(&placement, &objects[i]);
        const char *kept = placement.required;
        for (size_t j = 0; j < count; j++) {
            ck_assert_msg(placement_equal(&placement, &objects[j]) == (i == j), "%zu and %zu", i,
                          j);
        }
        placement_set(&placement, &objects[i]); /* the same again leaves the copies alone */
        ck_assert_ptr_eq(placement.required, kept);
    }
    placement_finish(&placement);
}
END_TEST

START_TEST(test_merge)
{
    static const struct slice_object slices[] = {{"block", 8}, {"rack", 4}};
    static const struct slice_object other[] = {{"leaf", 2}};
    const struct placement_object full = {"zone", "spine", "rack", slices, 2, "required"};
    const struct placement_object partial = {.preferred_level = "leaf"};
    const struct placement_object short_slices = {.slices = other, .slice_count = 1};
    const struct placement_object none = {.required_level = NULL};
    struct placement a = {.required = NULL}, b = {.required = NULL};

    placement_set(&b, &full);
    struct placement merged = placement_merge(&a, &b);
    ck_assert(placement_equal(&merged, &full));
    placement_set(&a, &partial);
    merged = placement_merge(&a, &b);
    ck_assert(placement_equal(
        &merged, &(struct placement_object){"zone", "leaf", "rack", slices, 2, "required"}));
    ck_assert_ptr_eq(merged.preferred, a.preferred); /* borrowed */
    ck_assert_ptr_eq(merged.slices[1].level, b.slices[1].level);

    placement_set(&a, &short_slices); /* slices go as a whole: no second layer from behind */
    merged = placement_merge(&a, &b);
    ck_assert(placement_equal(
        &merged, &(struct placement_object){"zone", "spine", "rack", other, 1, "required"}));
    ck_assert_ptr_null(merged.slices[1].level);

    placement_set(&a, &none);
    placement_set(&b, &none);
    merged = placement_merge(&a, &b);
    ck_assert(placement_equal(&merged, &none));
    placement_finish(&a);
    placement_finish(&b);
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
    tcase_add_test(tcase, test_merge);
    tcase_add_test_raise_signal(tcase, test_too_many_layers_abort, SIGABRT);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
