// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/points.h"

#include "test/unit/check_main.h"

/* Fronts: what is kept, in which order, and what a front remembers of the one before it. */

static struct arena arena;

static void setup(void)
{
    arena_init(&arena);
}

static void teardown(void)
{
    arena_finish(&arena);
}

static void offer(struct solver_front *front, uint64_t cost, uint32_t covered, uint32_t pick)
{
    const struct solver_point point = {.cost = cost, .covered = covered, .pick = pick};
    solver_front_offer(front, &point);
}

static void check_point(const struct solver_points *points, uint32_t index, uint64_t cost,
                        uint32_t covered)
{
    ck_assert_uint_lt(index, points->count);
    ck_assert_uint_eq(points->items[index].cost, cost);
    ck_assert_uint_eq(points->items[index].covered, covered);
}

/* The header's drawing: (0,0) (1,4) (2,6) (3,8), and (2,4), which (1,4) dominates. */
START_TEST(dominated_points_go)
{
    struct solver_front *front = solver_front_create(8);
    offer(front, 3, 8, 0);
    offer(front, 2, 4, 0);
    offer(front, 0, 0, 0);
    offer(front, 2, 6, 0);
    offer(front, 1, 4, 0);
    struct solver_points points = solver_front_take(front, &arena);
    ck_assert_uint_eq(points.count, 4);
    check_point(&points, 0, 0, 0);
    check_point(&points, 1, 1, 4);
    check_point(&points, 2, 2, 6);
    check_point(&points, 3, 3, 8);
    solver_front_destroy(front);
}
END_TEST

/* Less cover at the same cost is dominated, too, and so is all of it by one that does everything
 * for nothing. */
START_TEST(strictly_ascending)
{
    struct solver_front *front = solver_front_create(5);
    offer(front, 4, 3, 0);
    offer(front, 4, 5, 0);
    offer(front, 4, 1, 0);
    offer(front, 2, 2, 0);
    struct solver_points points = solver_front_take(front, &arena);
    ck_assert_uint_eq(points.count, 2);
    check_point(&points, 0, 2, 2);
    check_point(&points, 1, 4, 5);
    offer(front, 3, 4, 0);
    offer(front, 1, 1, 0);
    offer(front, 0, 5, 0);
    points = solver_front_take(front, &arena);
    ck_assert_uint_eq(points.count, 1);
    check_point(&points, 0, 0, 5);
    solver_front_destroy(front);
}
END_TEST

START_TEST(the_first_of_equals_stays)
{
    struct solver_front *front = solver_front_create(2);
    offer(front, 7, 2, 1);
    offer(front, 7, 2, 2);
    offer(front, 9, 2, 3);
    struct solver_points points = solver_front_take(front, &arena);
    ck_assert_uint_eq(points.count, 1);
    ck_assert_uint_eq(points.items[0].pick, 1);
    solver_front_destroy(front);
}
END_TEST

START_TEST(each_front_starts_afresh)
{
    struct solver_front *front = solver_front_create(3);
    struct solver_points points = solver_front_take(front, &arena);
    ck_assert_uint_eq(points.count, 0);
    offer(front, 1, 3, 0);
    struct solver_points before = solver_front_take(front, &arena);
    offer(front, 5, 3, 0); /* dearer than the one before, which is gone */
    points = solver_front_take(front, &arena);
    ck_assert_uint_eq(points.count, 1);
    check_point(&points, 0, 5, 3);
    check_point(&before, 0, 1, 3); /* and which its list keeps */
    solver_front_destroy(front);
}
END_TEST

/* Nobody is wanted; the greatest cost there is, and a cover of 100,000. */
START_TEST(limits)
{
    struct solver_front *front = solver_front_create(0);
    offer(front, UINT64_MAX, 0, 0);
    struct solver_points points = solver_front_take(front, &arena);
    ck_assert_uint_eq(points.count, 1);
    check_point(&points, 0, UINT64_MAX, 0);
    solver_front_destroy(front);
    front = solver_front_create(100000);
    offer(front, UINT64_MAX, 100000, 0);
    offer(front, UINT64_MAX - 1, 99999, 0);
    points = solver_front_take(front, &arena);
    ck_assert_uint_eq(points.count, 2);
    check_point(&points, 1, UINT64_MAX, 100000);
    solver_front_destroy(front);
    solver_front_destroy(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("solver_points");
    TCase *tcase = tcase_create("points");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, dominated_points_go);
    tcase_add_test(tcase, strictly_ascending);
    tcase_add_test(tcase, the_first_of_equals_stays);
    tcase_add_test(tcase, each_front_starts_afresh);
    tcase_add_test(tcase, limits);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
