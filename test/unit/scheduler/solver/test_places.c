// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/places.h"

#include "test/unit/check_main.h"
#include "test/unit/scheduler/solver/bed.h"

/* Six pods of one GPU and their racks:
 *
 *   r1  4 3       two nodes at least, one pod more would fit
 *   r2  3 3       two, none
 *   r3  2 2 2     three
 *   r4  3 3       as r2
 *   r5  5         too small
 */
static const struct world_node nodes[] = {{"n1", "b1", "r1", 4, 0}, {"n2", "b1", "r1", 3, 0},
                                          {"n3", "b1", "r2", 3, 0}, {"n4", "b1", "r2", 3, 0},
                                          {"n5", "b1", "r3", 2, 0}, {"n6", "b1", "r3", 2, 0},
                                          {"n7", "b1", "r3", 2, 0}, {"n8", "b1", "r4", 3, 0},
                                          {"n9", "b1", "r4", 3, 0}, {"na", "b1", "r5", 5, 0}};

static struct bed bed;
static struct solver_space *space;
static struct solver_places places;

static void setup(void)
{
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, 6, 1, 0);
    space = solver_space_create(&bed.problem, &bed.effort);
    solver_places_init(&places, space);
}

static void teardown(void)
{
    solver_places_finish(&places);
    solver_space_destroy(space);
    bed_finish(&bed);
}

static void check_order(const char *const *first_nodes, uint32_t count)
{
    ck_assert_uint_eq(places.count, count);
    for (uint32_t i = 0; i < count; i++) {
        ck_assert_uint_eq(places.items[i].candidate.index, bed_place(&bed, "rack", first_nodes[i]));
    }
}

#define CHECK_ORDER(...) \
    check_order((const char *const[]){__VA_ARGS__}, COUNT(((const char *const[]){__VA_ARGS__})))

START_TEST(tightest_first)
{
    solver_places_list(&places, 0, 2);
    CHECK_ORDER("n1", "n3", "n5", "n8");
    solver_places_by_room(&places);
    CHECK_ORDER("n3", "n5", "n8", "n1");
    for (uint32_t i = 0; i < places.count; i++) {
        ck_assert(!places.items[i].bounded);
    }
    solver_places_list(&places, 0, 1); /* in the same memory */
    ck_assert_uint_eq(places.count, 1);
    ck_assert_uint_eq(places.level, 1);
}
END_TEST

START_TEST(best_bound_first)
{
    solver_places_list(&places, 0, 2);
    solver_places_by_bound(&places, 2, false);
    CHECK_ORDER("n3", "n8", "n1", "n5");
    ck_assert_uint_eq(places.items[0].lower_bound[3], 2);
    ck_assert_uint_eq(places.items[3].lower_bound[3], 3);
}
END_TEST

/* The effort is over after the first: the others have the lower bound that needs no look. */
START_TEST(in_a_hurry)
{
    solver_places_list(&places, 0, 2);
    bed_budget(&bed, 1);
    solver_places_by_bound(&places, 2, true);
    uint32_t counted = 0;
    for (uint32_t i = 0; i < places.count; i++) {
        ck_assert(places.items[i].bounded);
        ck_assert_uint_eq(places.items[i].lower_bound[2], 1);
        counted += places.items[i].lower_bound[3] > 1;
    }
    ck_assert_uint_eq(counted, 1);
    solver_places_list(&places, 0, 2);
    solver_places_by_bound(&places, 2, false); /* who is in no hurry bounds them all */
    ck_assert_uint_eq(places.items[0].lower_bound[3], 2);
}
END_TEST

START_TEST(one_place)
{
    solver_places_list(&places, 0, 2);
    solver_places_by_room(&places);
    solver_places_bound(&places, &places.items[1], 2);
    ck_assert(places.items[1].bounded && !places.items[0].bounded);
    ck_assert_uint_eq(places.items[1].lower_bound[3], 3);
    places.items[1].lower_bound[3] = 5; /* raised by a search: it stays */
    solver_places_bound(&places, &places.items[1], 2);
    ck_assert_uint_eq(places.items[1].lower_bound[3], 5);
}
END_TEST

START_TEST(none)
{
    bed.roles[0].count = 60;
    solver_places_list(&places, 0, 2);
    ck_assert_uint_eq(places.count, 0);
    solver_places_by_room(&places);
    solver_places_by_bound(&places, 2, false);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("solver_places");
    TCase *tcase = tcase_create("places");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, tightest_first);
    tcase_add_test(tcase, best_bound_first);
    tcase_add_test(tcase, in_a_hurry);
    tcase_add_test(tcase, one_place);
    tcase_add_test(tcase, none);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
