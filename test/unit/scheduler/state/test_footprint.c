// SPDX-License-Identifier: Apache-2.0
/* Places that come and go: every owner knows its slot, and the amounts are those of who is there.
 * */
#include "scheduler/state/footprint.h"

#include <signal.h>
#include <stdbool.h>

#include "test/unit/check_main.h"
#include "test/unit/topology/random.h"

#define OWNERS   40
#define REQUESTS 3

struct owner {
    uint32_t slot;
    uint32_t row;
    uint32_t shape;
};

START_TEST(test_against_a_list)
{
    struct footprint footprint = {.sites = NULL};
    struct random random = {(uint64_t)_i + 9};
    struct owner owners[OWNERS] = {{.slot = 0}};
    struct resources requests[REQUESTS];
    for (uint32_t i = 0; i < REQUESTS; i++) {
        resources_init(&requests[i]);
        resources_set(&requests[i], 1, i + 1);
        resources_set(&requests[i], 2 + i, 10);
    }
    for (int step = 0; step < 3000; step++) {
        struct owner *owner = &owners[random_below(&random, OWNERS)];
        if (owner->slot == 0) {
            owner->row = random_below(&random, 10);
            owner->shape = random_below(&random, REQUESTS);
            footprint_add(&footprint, owner->row, owner->shape, &requests[owner->shape],
                          &owner->slot);
        } else {
            footprint_remove(&footprint, &requests[owner->shape], &owner->slot);
        }
        struct balance sum = {.count = 0};
        uint32_t count = 0;
        for (int i = 0; i < OWNERS; i++) {
            if (owners[i].slot == 0) {
                continue;
            }
            const struct site *site = &footprint.sites[owners[i].slot - 1];
            ck_assert_ptr_eq(site->slot, &owners[i].slot);
            ck_assert_uint_eq(site->row, owners[i].row);
            ck_assert_uint_eq(site->shape, owners[i].shape);
            balance_add(&sum, &requests[owners[i].shape]);
            count++;
        }
        ck_assert_uint_eq(footprint.count, count);
        ck_assert(balance_equal(&footprint.amounts, &sum));
        balance_finish(&sum);
    }
    for (uint32_t i = 0; i < REQUESTS; i++) {
        resources_finish(&requests[i]);
    }
    footprint_finish(&footprint);
    ck_assert_uint_eq(footprint.count, 0);
}
END_TEST

/* Every pod of a cluster may have a host port of its own: nothing walks them all for one. */
START_TEST(test_slots_are_not_summed)
{
    struct footprint footprint = {.sites = NULL};
    struct resources requests[OWNERS];
    uint32_t slots[OWNERS] = {0};
    for (uint32_t i = 0; i < OWNERS; i++) {
        resources_init(&requests[i]);
        resources_set(&requests[i], 1, 2);
        resources_set(&requests[i], RESOURCE_SLOT | i, RESOURCE_SLOT_SIZE);
        footprint_add(&footprint, 0, i, &requests[i], &slots[i]);
    }
    ck_assert_uint_eq(footprint.amounts.count, 1);
    ck_assert(balance_get(&footprint.amounts, 1) == 2 * OWNERS);
    for (uint32_t i = 0; i < OWNERS; i++) {
        footprint_remove(&footprint, &requests[i], &slots[i]);
        resources_finish(&requests[i]);
    }
    ck_assert_uint_eq(footprint.amounts.count, 0);
    footprint_finish(&footprint);
}
END_TEST

START_TEST(test_mistakes_abort)
{
    struct footprint footprint = {.sites = NULL};
    struct resources nothing;
    uint32_t slot = 0, other = 1;
    resources_init(&nothing);
    footprint_add(&footprint, 0, 0, &nothing, &slot);
    if (_i == 0) {
        footprint_add(&footprint, 1, 0, &nothing, &slot); /* has one */
    } else if (_i == 1) {
        footprint_remove(&footprint, &nothing, &other); /* not its own */
    } else {
        footprint_remove(&footprint, &nothing, &slot);
        footprint_remove(&footprint, &nothing, &slot);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/state/footprint");
    TCase *tcase = tcase_create("footprint");
    tcase_add_loop_test(tcase, test_against_a_list, 0, 3);
    tcase_add_test(tcase, test_slots_are_not_summed);
    tcase_add_loop_test_raise_signal(tcase, test_mistakes_abort, SIGABRT, 0, 3);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
