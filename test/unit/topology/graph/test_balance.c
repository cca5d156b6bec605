// SPDX-License-Identifier: Apache-2.0
/* Balances against plain arrays of 128 bits: whatever was added comes off again. */
#include "topology/graph/balance.h"

#include <signal.h>
#include <stdlib.h>

#include "test/unit/check_main.h"
#include "test/unit/topology/random.h"

#define NAMES  7
#define CHANGE 300

static int64_t random_amount(struct random *random)
{
    static const int64_t edges[] = {
        0, 1, -1, INT64_MAX, INT64_MIN, INT64_MAX - 1, RESOURCE_AMOUNT_MAX};
    if (random_below(random, 3) == 0) {
        return edges[random_below(random, sizeof edges / sizeof *edges)];
    }
    return (int64_t)random_word(random) >> random_below(random, 63);
}

static void fill(struct random *random, struct resources *amounts)
{
    resources_init(amounts);
    for (uint32_t name = 0; name < NAMES; name++) {
        resources_set(amounts, name * 3, random_below(random, 2) == 0 ? 0 : random_amount(random));
    }
}

static void check(const struct balance *balance, const __int128 model[NAMES])
{
    uint32_t there = 0;
    for (uint32_t name = 0; name < NAMES; name++) {
        ck_assert(balance_get(balance, name * 3) == model[name]);
        ck_assert(balance_get(balance, name * 3 + 1) == 0);
        there += model[name] != 0;
    }
    ck_assert_uint_eq(balance->count, there);
}

/* rest = whole - taken + given, name by name, cut to 64 bits. */
static void check_rest(const struct resources *whole, const struct balance *taken,
                       const struct balance *given, const __int128 model[NAMES])
{
    struct resources rest;
    uint32_t there = 0;
    resources_init(&rest);
    balance_rest(whole, taken, given, &rest);
    for (uint32_t name = 0; name < NAMES; name++) {
        __int128 amount = whole == NULL ? 0 : resources_get(whole, name * 3);
        amount += (given == NULL ? 0 : balance_get(given, name * 3)) - model[name];
        int64_t expected = amount > INT64_MAX   ? INT64_MAX
                           : amount < INT64_MIN ? INT64_MIN
                                                : (int64_t)amount;
        ck_assert_int_eq(resources_get(&rest, name * 3), expected);
        there += expected != 0;
    }
    ck_assert_uint_eq(rest.count, there);
    resources_finish(&rest);
}

START_TEST(test_against_a_model)
{
    struct random random = {(uint64_t)_i + 77};
    struct balance balance = {.count = 0}, given = {.count = 0};
    static struct resources changes[CHANGE];
    __int128 model[NAMES] = {0};
    for (int i = 0; i < CHANGE; i++) {
        struct resources whole;
        fill(&random, &changes[i]);
        fill(&random, &whole);
        balance_add(&balance, &changes[i]);
        for (uint32_t name = 0; name < NAMES; name++) {
            model[name] += resources_get(&changes[i], name * 3);
        }
        check(&balance, model);
        check_rest(&whole, &balance, &given, model);
        check_rest(NULL, &balance, NULL, model);
        if (random_below(&random, 2) == 0) {
            balance_add(&given, &whole);
        }
        resources_finish(&whole);
    }
    ck_assert(balance_equal(&balance, &balance));
    for (int i = 0; i < CHANGE; i++) { /* in another order */
        struct resources *change = &changes[(i * 7) % CHANGE];
        balance_subtract(&balance, change);
        for (uint32_t name = 0; name < NAMES; name++) {
            model[name] -= resources_get(change, name * 3);
        }
        check(&balance, model);
        ck_assert_int_eq(balance_equal(&balance, &given), balance.count == 0 && given.count == 0);
    }
    ck_assert_uint_eq(balance.count, 0);
    for (int i = 0; i < CHANGE; i++) {
        resources_finish(&changes[i]);
    }
    balance_finish(&balance);
    balance_finish(&given);
}
END_TEST

START_TEST(test_equal_ones)
{
    struct balance a = {.count = 0}, b = {.count = 0};
    struct resources one, other;
    resources_init(&one);
    resources_init(&other);
    resources_append(&one, 3, 5);
    resources_append(&one, 4, 0); /* nothing of it is no entry */
    resources_append(&other, 3, 6);
    ck_assert(balance_equal(&a, &b));
    balance_add(&a, &one);
    ck_assert(!balance_equal(&a, &b));
    balance_add(&b, &other);
    ck_assert(!balance_equal(&a, &b));
    balance_subtract(&b, &other);
    balance_add(&b, &one);
    ck_assert(balance_equal(&a, &b));
    ck_assert_int_eq(balance_cut((__int128)INT64_MAX + 1), INT64_MAX);
    ck_assert_int_eq(balance_cut((__int128)INT64_MIN - 1), INT64_MIN);
    ck_assert_int_eq(balance_cut(-7), -7);
    resources_finish(&one);
    resources_finish(&other);
    balance_finish(&a);
    balance_finish(&b);
}
END_TEST

START_TEST(test_names_ascend)
{
    struct resources amounts;
    resources_init(&amounts);
    resources_append(&amounts, 3, 1);
    resources_append(&amounts, 3, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topology/graph/balance");
    TCase *tcase = tcase_create("balance");
    tcase_add_loop_test(tcase, test_against_a_model, 0, 4);
    tcase_add_test(tcase, test_equal_ones);
    tcase_add_test_raise_signal(tcase, test_names_ascend, SIGABRT);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
