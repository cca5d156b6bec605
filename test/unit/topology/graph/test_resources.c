// SPDX-License-Identifier: Apache-2.0
#include "topology/graph/resources.h"

#include <string.h>

#include "test/unit/check_main.h"
#include "test/unit/topology/random.h"

START_TEST(test_set_and_get)
{
    struct resources resources;
    resources_init(&resources);
    ck_assert_int_eq(resources_get(&resources, 3), 0);
    resources_set(&resources, 7, 70);
    resources_set(&resources, 3, 30);
    resources_set(&resources, 5, 50);
    resources_set(&resources, 5, 55);
    resources_set(&resources, 9, 0);
    ck_assert_uint_eq(resources.count, 3);
    ck_assert_uint_eq(resources.items[0].name, 3);
    ck_assert_uint_eq(resources.items[1].name, 5);
    ck_assert_uint_eq(resources.items[2].name, 7);
    ck_assert_int_eq(resources_get(&resources, 5), 55);
    ck_assert_int_eq(resources_get(&resources, 4), 0);
    resources_set(&resources, 3, 0);
    resources_set(&resources, 7, 0);
    ck_assert_uint_eq(resources.count, 1);
    ck_assert_int_eq(resources_get(&resources, 5), 55);
    resources_finish(&resources);
    ck_assert_uint_eq(resources.count, 0);
}
END_TEST

START_TEST(test_copy)
{
    struct resources from;
    struct resources to;
    resources_init(&from);
    resources_init(&to);
    resources_set(&to, 1, 1);
    resources_copy(&to, &from);
    ck_assert_uint_eq(to.count, 0);
    for (uint32_t name = 0; name < 40; name++) {
        resources_set(&from, name, (int64_t)name - 50);
    }
    resources_copy(&to, &from);
    resources_copy(&to, &to);
    ck_assert(resources_equal(&to, &from));
    resources_set(&from, 2, 99);
    ck_assert(!resources_equal(&to, &from));
    ck_assert_int_eq(resources_get(&to, 2), -48);
    resources_finish(&from);
    resources_finish(&to);
}
END_TEST

START_TEST(test_equal_is_about_names_too)
{
    struct resources a;
    struct resources b;
    resources_init(&a);
    resources_init(&b);
    ck_assert(resources_equal(&a, &b));
    resources_set(&a, 1, 5);
    resources_set(&b, 2, 5);
    ck_assert(!resources_equal(&a, &b));
    resources_set(&b, 1, 5);
    ck_assert(!resources_equal(&a, &b));
    resources_finish(&a);
    resources_finish(&b);
}
END_TEST

START_TEST(test_limits)
{
    struct resources a;
    struct resources b;
    resources_init(&a);
    resources_init(&b);
    resources_set(&a, 1, INT64_MAX - 1);
    resources_set(&a, 2, INT64_MIN + 1);
    resources_set(&b, 1, 5);
    resources_set(&b, 2, -5);
    resources_set(&b, 3, INT64_MIN);
    resources_add(&a, &b);
    ck_assert_int_eq(resources_get(&a, 1), INT64_MAX);
    ck_assert_int_eq(resources_get(&a, 2), INT64_MIN);
    ck_assert_int_eq(resources_get(&a, 3), INT64_MIN);
    resources_finish(&a);
    struct resources c;
    resources_init(&c);
    resources_set(&c, 1, INT64_MIN + 1);
    resources_set(&c, 2, INT64_MAX - 1);
    resources_subtract(&c, &b);
    ck_assert_int_eq(resources_get(&c, 1), INT64_MIN);
    ck_assert_int_eq(resources_get(&c, 2), INT64_MAX);
    ck_assert_int_eq(resources_get(&c, 3), INT64_MAX); /* 0 - INT64_MIN */
    resources_finish(&b);
    resources_finish(&c);
}
END_TEST

START_TEST(test_with_itself)
{
    struct resources a;
    resources_init(&a);
    resources_set(&a, 1, 10);
    resources_set(&a, 2, -3);
    resources_add(&a, &a);
    ck_assert_int_eq(resources_get(&a, 1), 20);
    ck_assert_int_eq(resources_get(&a, 2), -6);
    resources_subtract(&a, &a);
    ck_assert_uint_eq(a.count, 0);
    resources_finish(&a);
}
END_TEST

#define NAMES 12

static void check_model(const struct resources *resources, const int64_t model[NAMES])
{
    uint32_t count = 0;
    for (uint32_t name = 0; name < NAMES; name++) {
        ck_assert_int_eq(resources_get(resources, name), model[name]);
        count += model[name] != 0;
    }
    ck_assert_uint_eq(resources->count, count);
    for (uint32_t i = 1; i < resources->count; i++) {
        ck_assert_uint_lt(resources->items[i - 1].name, resources->items[i].name);
    }
}

/* The questions, answered the long way. */
static void check_fit(const struct resources *need, const struct resources *free,
                      const int64_t needs[NAMES], const int64_t frees[NAMES])
{
    bool fit = true;
    int64_t fewest = INT64_MAX;
    uint32_t scarcest = UINT32_MAX;
    for (uint32_t name = 0; name < NAMES; name++) {
        if (needs[name] <= 0) {
            continue;
        }
        fit = fit && needs[name] <= frees[name];
        int64_t copies = 0;
        while (copies < 1000 && (copies + 1) * needs[name] <= frees[name]) {
            copies++;
        }
        if (copies < fewest) {
            fewest = copies;
            scarcest = name;
        }
    }
    ck_assert_int_eq(resources_fit(need, free), fit);
    ck_assert_uint_eq(resources_scarcest(need, free), scarcest);
    ck_assert_uint_eq(resources_copies(need, free, 500), fewest < 500 ? (uint32_t)fewest : 500);
    ck_assert_uint_eq(resources_copies(need, free, 2), fewest < 2 ? (uint32_t)fewest : 2);
}

START_TEST(test_against_arrays)
{
    struct random random = {(uint64_t)_i};
    struct resources vectors[2];
    int64_t models[2][NAMES] = {{0}};
    resources_init(&vectors[0]);
    resources_init(&vectors[1]);
    for (int step = 0; step < 3000; step++) {
        int a = step % 2;
        int b = 1 - a;
        uint32_t name = random_below(&random, NAMES);
        int64_t amount = (int64_t)random_below(&random, 9) - 4;
        uint32_t operation = random_below(&random, 10);
        if (operation < 8) {
            resources_set(&vectors[a], name, amount);
            models[a][name] = amount;
        } else if (operation == 8) {
            resources_add(&vectors[a], &vectors[b]);
        } else {
            resources_subtract(&vectors[a], &vectors[b]);
        }
        for (uint32_t i = 0; i < NAMES && operation >= 8; i++) {
            models[a][i] += operation == 8 ? models[b][i] : -models[b][i];
            if (models[a][i] > 900 || models[a][i] < -900) { /* keep the slow way short */
                models[a][i] = 0;
                resources_set(&vectors[a], i, 0);
            }
        }
        check_model(&vectors[a], models[a]);
        check_fit(&vectors[a], &vectors[b], models[a], models[b]);
        ck_assert_int_eq(resources_equal(&vectors[0], &vectors[1]),
                         memcmp(models[0], models[1], sizeof models[0]) == 0);
    }
    resources_finish(&vectors[0]);
    resources_finish(&vectors[1]);
}
END_TEST

START_TEST(test_copies_at_the_limits)
{
    struct resources need;
    struct resources free;
    resources_init(&need);
    resources_init(&free);
    ck_assert(resources_fit(&need, &free));
    ck_assert_uint_eq(resources_copies(&need, &free, 17), 17);
    ck_assert_uint_eq(resources_scarcest(&need, &free), UINT32_MAX);
    resources_set(&need, 4, 1);
    resources_set(&free, 4, INT64_MAX);
    ck_assert_uint_eq(resources_copies(&need, &free, UINT32_MAX), UINT32_MAX);
    resources_set(&free, 4, INT64_MIN);
    ck_assert_uint_eq(resources_copies(&need, &free, UINT32_MAX), 0);
    ck_assert(!resources_fit(&need, &free));
    /* Equally scarce: the lower number is named. */
    resources_set(&need, 2, 10);
    resources_set(&free, 2, 35);
    resources_set(&free, 4, 3);
    ck_assert_uint_eq(resources_scarcest(&need, &free), 2);
    resources_finish(&need);
    resources_finish(&free);
}
END_TEST

/* Every vector of what is free has a slot once, less what is said to be taken. */
START_TEST(test_slots)
{
    const uint32_t slot = 3 | RESOURCE_SLOT;
    struct resources whole;
    struct resources part;
    struct resources free;
    resources_init(&whole);
    resources_init(&part);
    resources_init(&free);
    resources_set(&whole, slot, RESOURCE_SLOT_SIZE);
    resources_set(&part, slot, 1);
    ck_assert(resource_is_slot(slot) && !resource_is_slot(3));
    ck_assert_uint_eq(resource_word(slot), 3);
    ck_assert_uint_eq(resources_copies(&whole, &free, 9), 1);
    ck_assert_uint_eq(resources_copies(&part, &free, 9), 9);
    resources_subtract(&free, &part);
    ck_assert(!resources_fit(&whole, &free));
    ck_assert(resources_fit(&part, &free));
    resources_add(&free, &part);
    resources_subtract(&free, &whole);
    ck_assert(!resources_fit(&whole, &free));
    ck_assert(!resources_fit(&part, &free));
    ck_assert_uint_eq(resources_scarcest(&part, &free), slot);
    /* The plain resource of the same word is another one. */
    resources_set(&whole, 3, 1);
    ck_assert_uint_eq(resources_copies(&whole, &free, 9), 0);
    resources_finish(&whole);
    resources_finish(&part);
    resources_finish(&free);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topology/graph/resources");
    TCase *tcase = tcase_create("resources");
    tcase_add_test(tcase, test_set_and_get);
    tcase_add_test(tcase, test_copy);
    tcase_add_test(tcase, test_equal_is_about_names_too);
    tcase_add_test(tcase, test_limits);
    tcase_add_test(tcase, test_with_itself);
    tcase_add_loop_test(tcase, test_against_arrays, 0, 5);
    tcase_add_test(tcase, test_copies_at_the_limits);
    tcase_add_test(tcase, test_slots);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
