// SPDX-License-Identifier: Apache-2.0
#include "test/unit/check_main.h"
#include "topology/base/sorted.h"

struct item {
    uint32_t number;
    char more[5];
};

static const struct item items[] = {{0, ""}, {3, ""}, {7, ""}, {UINT32_MAX, ""}};

START_TEST(where_it_is_or_belongs)
{
    const struct {
        uint32_t number;
        size_t place;
    } cases[] = {{0, 0},         {1, 1}, {3, 1}, {4, 2}, {7, 2}, {8, 3}, {UINT32_MAX - 1, 3},
                 {UINT32_MAX, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_uint_eq(sorted_place(items, sizeof *items, 4, cases[i].number), cases[i].place);
    }
    ck_assert_uint_eq(sorted_place(items, sizeof *items, 3, UINT32_MAX), 3);
}
END_TEST

START_TEST(nothing)
{
    ck_assert_uint_eq(sorted_place(NULL, sizeof *items, 0, 5), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sorted");
    TCase *tests = tcase_create("sorted");
    tcase_add_test(tests, where_it_is_or_belongs);
    tcase_add_test(tests, nothing);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
