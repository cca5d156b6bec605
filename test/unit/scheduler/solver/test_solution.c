// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/solution.h"

#include "test/unit/check_main.h"
#include "test/unit/scheduler/solver/bed.h"

/* Trials on eight nodes of two pods each: two blocks of two racks of two nodes. */

static struct bed bed;
static struct solver_space *space;
static struct solver_solution best;

static void setup(void)
{
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 4, 4, 0);
    space = solver_space_create(&bed.problem, &bed.effort);
    solver_solution_init(&best);
}

static void teardown(void)
{
    solver_solution_finish(&best);
    solver_space_destroy(space);
    bed_finish(&bed);
}

static void put(const char *node, uint32_t count)
{
    solver_space_place(space, 0, world_position(&bed.world, node), count);
}

static void offer(bool complete, uint64_t placed)
{
    const struct solver_solution trial = {.complete = complete, .placed = placed};
    solver_solution_offer(&best, space, &trial);
    uint32_t count = 0;
    (void)solver_space_placements(space, &count);
    ck_assert_uint_eq(count, 0); /* taken out, kept or not */
    ck_assert_uint_eq(solver_space_used(space, 0), 0);
}

static void check_node(uint32_t index, const char *node)
{
    ck_assert_uint_lt(index, best.count);
    ck_assert_str_eq(world_name(&bed.world, best.placements[index].position), node);
}

START_TEST(widest_level_first)
{
    static const uint32_t a[] = {1, 1, 4, 9}, b[] = {1, 2, 2, 2}, c[] = {1, 1, 4, 8};
    ck_assert(solver_used_below(a, b, 3));
    ck_assert(!solver_used_below(b, a, 3));
    ck_assert(solver_used_below(c, a, 3));
    ck_assert(!solver_used_below(a, a, 3));
    ck_assert(!solver_used_below(c, a, 2)); /* what lies below the last level does not count */
}
END_TEST

START_TEST(the_lower_counts_win)
{
    put("n1", 1);
    put("n5", 1);
    offer(true, 2); /* two blocks */
    ck_assert_uint_eq(best.used[1], 2);
    put("n1", 1);
    put("n2", 1);
    offer(true, 2); /* one rack */
    ck_assert_uint_eq(best.used[1], 1);
    ck_assert_uint_eq(best.used[2], 1);
    ck_assert_uint_eq(best.used[3], 2);
    put("n3", 1);
    put("n5", 1);
    offer(true, 2); /* worse again */
    check_node(1, "n2");
    put("n3", 1);
    put("n4", 1);
    offer(true, 2); /* as good, and later */
    check_node(0, "n1");
    check_node(1, "n2");
    ck_assert_uint_eq(best.placements[1].count, 1);
    ck_assert_uint_eq(best.placed, 2);
}
END_TEST

START_TEST(a_whole_plan_beats_any_part)
{
    put("n1", 2);
    offer(false, 2);
    check_node(0, "n1");
    put("n3", 2);
    put("n4", 1);
    offer(false, 3); /* more pods, although in more nodes */
    check_node(0, "n3");
    put("n5", 2);
    put("n6", 1);
    offer(false, 3); /* as many, and later */
    check_node(0, "n3");
    put("n1", 1);
    put("n8", 1);
    offer(true, 2); /* whole, although of fewer pods */
    check_node(1, "n8");
    ck_assert(best.complete);
    put("n1", 2);
    put("n2", 2);
    offer(false, 4);
    check_node(1, "n8");
    ck_assert(best.complete);
}
END_TEST

/* A gang whose members are all where they are. */
START_TEST(nothing_placed)
{
    offer(true, 0);
    ck_assert(best.complete);
    ck_assert_uint_eq(best.count, 0);
    put("n1", 1);
    offer(true, 1);
    ck_assert_uint_eq(best.count, 0); /* nothing touches less than nothing */
}
END_TEST

/* What was short goes with the trial that is kept. */
START_TEST(the_shortage_is_kept)
{
    put("n1", 2);
    const struct solver_solution trial = {.placed = 2, .short_role = 7, .short_fits = 5};
    solver_solution_offer(&best, space, &trial);
    ck_assert_uint_eq(best.short_role, 7);
    ck_assert_uint_eq(best.short_fits, 5);
    solver_solution_finish(&best);
    ck_assert(!best.complete);
    ck_assert_uint_eq(best.count, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("solver_solution");
    TCase *tcase = tcase_create("solution");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, widest_level_first);
    tcase_add_test(tcase, the_lower_counts_win);
    tcase_add_test(tcase, a_whole_plan_beats_any_part);
    tcase_add_test(tcase, nothing_placed);
    tcase_add_test(tcase, the_shortage_is_kept);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
