// SPDX-License-Identifier: Apache-2.0
#include "api/kube/watch/inventory.h"

#include <stdio.h>
#include <string.h>

#include "test/unit/check_main.h"

static char gone[256];

static void note_gone(void *context, const struct inventory_item *item)
{
    (void)context;
    size_t used = strlen(gone);
    (void)snprintf(gone + used, sizeof gone - used, "%s/%s ", item->name_space, item->name);
}

START_TEST(marks_and_sweeps)
{
    struct inventory *inventory = inventory_create();
    inventory_begin(inventory);
    (void)inventory_see(inventory, "b", "one", "u1", "1");
    (void)inventory_see(inventory, "a", "two", "u2", "1");
    struct inventory_item *item = inventory_see(inventory, "", "three", "u3", "1");
    item->applied = true;
    ck_assert_uint_eq(inventory_count(inventory), 3);
    inventory_sweep(inventory, note_gone, NULL);
    ck_assert_str_eq(gone, "");
    inventory_begin(inventory);
    item = inventory_see(inventory, "", "three", "u4", "2");
    ck_assert(item->applied);
    ck_assert_str_eq(item->uid, "u4");
    ck_assert_str_eq(item->version, "2");
    (void)inventory_see(inventory, "c", "four", "u5", "1");
    inventory_sweep(inventory, note_gone, NULL);
    ck_assert_str_eq(gone, "b/one a/two "); /* oldest first */
    ck_assert_uint_eq(inventory_count(inventory), 2);
    ck_assert_ptr_null(inventory_find(inventory, "b", "one"));
    item = inventory_find(inventory, "c", "four");
    ck_assert_str_eq(item->name, "four");
    inventory_remove(inventory, item);
    ck_assert_ptr_null(inventory_find(inventory, "c", "four"));
    inventory_destroy(inventory);
    inventory_destroy(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("inventory");
    TCase *tests = tcase_create("inventory");
    tcase_add_test(tests, marks_and_sweeps);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
