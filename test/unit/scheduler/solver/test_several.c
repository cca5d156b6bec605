// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/several.h"

#include "scheduler/solver/seats.h"
#include "test/unit/check_main.h"
#include "test/unit/scheduler/solver/bed.h"

/* Fills find plans, searches find the ones that fills do not, and both say what they prove. */

static struct bed bed;
static struct solver_space *space;
static struct solver_fill *fill;
static struct solver_greedy *greedy;
static struct solver_several *several;
static struct solver_solution best;
static uint32_t lower_bound[SOLVER_TREE_MAX];

static void setup(void)
{
    solver_solution_init(&best);
}

static void release(void)
{
    solver_solution_finish(&best);
    solver_several_destroy(several);
    solver_greedy_destroy(greedy);
    solver_fill_destroy(fill);
    solver_space_destroy(space);
}

static void teardown(void)
{
    release();
    bed_finish(&bed);
}

static bool search_for(uint32_t required, uint64_t budget)
{
    release();
    space = solver_space_create(&bed.problem, &bed.effort);
    fill = solver_fill_create(space);
    greedy = solver_greedy_create(space, fill);
    several = solver_several_create(&bed.problem, space, fill, greedy);
    bed_budget(&bed, budget);
    bool found = solver_several_search(several, required, &best, lower_bound);
    uint32_t count = 0;
    (void)solver_space_placements(space, &count);
    ck_assert_uint_eq(count, 0);
    ck_assert(found == best.complete);
    return found;
}

static void check_vector(const uint32_t *found, const uint32_t *expected)
{
    for (uint32_t l = 0; l <= solver_space_host(space); l++) {
        ck_assert_msg(found[l] == expected[l], "level %u: %u", l, found[l]);
    }
}

#define CHECK_BEST(...)        check_vector(best.used, (const uint32_t[]){__VA_ARGS__})
#define CHECK_LOWER_BOUND(...) check_vector(lower_bound, (const uint32_t[]){__VA_ARGS__})

/* Three pods of (1 GPU, 1 CPU) and three of 2 GPUs. Rack r1 takes them in one way, which no fill
 * sees: 1 on n1, beside 2 GPUs, and 2 on n2, beside 4. With r2 there is room for any way. */
static const struct world_node one_way[] = {{"n1", "b1", "r1", 3, 2},
                                            {"n2", "b1", "r1", 6, 2},
                                            {"n3", "b1", "r2", 2, 2},
                                            {"n4", "b1", "r2", 2, 2}};

static void add_one_way(uint32_t nodes)
{
    bed_init(&bed, one_way, nodes);
    bed_role(&bed, 3, 1, 1);
    bed_role(&bed, 3, 2, 0);
}

START_TEST(a_lower_level_by_search)
{
    add_one_way(4);
    ck_assert(search_for(0, UINT64_MAX));
    CHECK_BEST(1, 1, 1, 2);
    CHECK_LOWER_BOUND(1, 1, 1, 2);
    ck_assert(solver_several_searched(several));
}
END_TEST

/* Without effort it is what a fill found; and nobody says that a rack would not do. */
START_TEST(a_plan_in_hand)
{
    add_one_way(4);
    ck_assert(search_for(0, 0));
    ck_assert_uint_eq(best.used[2], 2);
    ck_assert_uint_eq(best.placed, 6);
    ck_assert_uint_eq(lower_bound[2], 1);
    ck_assert(!solver_several_searched(several));
}
END_TEST

START_TEST(no_level_but_by_search)
{
    add_one_way(2);
    ck_assert(!search_for(0, 0));
    ck_assert(!solver_several_proven(several));
    ck_assert(search_for(0, UINT64_MAX));
    CHECK_BEST(1, 1, 1, 2);
    ck_assert(search_for(2, UINT64_MAX)); /* also where a rack is required */
    bed_exclude(&bed, 0, "n1");
    ck_assert(!search_for(0, UINT64_MAX));
    ck_assert(solver_several_proven(several));
}
END_TEST

/* Nothing above the required level counts. */
START_TEST(up_to_the_required_level)
{
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 2, 8, 0);
    bed_role(&bed, 2, 7, 1);
    ck_assert(!search_for(2, UINT64_MAX));
    ck_assert(solver_several_proven(several));
    ck_assert(search_for(1, UINT64_MAX));
    CHECK_BEST(1, 1, 2, 4);
    CHECK_LOWER_BOUND(1, 1, 2, 4);
}
END_TEST

START_TEST(one_node_takes_all)
{
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 2, 3, 0);
    bed_role(&bed, 2, 1, 0);
    ck_assert(search_for(0, 0)); /* is decided by numbers */
    CHECK_BEST(1, 1, 1, 1);
    CHECK_LOWER_BOUND(1, 1, 1, 1);
}
END_TEST

/* A launcher and its workers: numbers decide, whatever effort is left. */
START_TEST(pairs_need_no_search)
{
    static const struct world_node nodes[] = {{"a", "b1", "r1", 3, 3},
                                              {"b", "b1", "r1", 3, 4},
                                              {"c", "b1", "r1", 8, 8},
                                              {"d", "b1", "r1", 2, 9}};
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, 15, 1, 1);
    bed_role(&bed, 1, 0, 2);
    bed_exclude(&bed, 1, "d");
    ck_assert(search_for(0, 0));
    ck_assert_uint_eq(best.placed, 16);
    bed.roles[0].count = 16;
    ck_assert(!search_for(0, 0));
    ck_assert(solver_several_proven(several));
}
END_TEST

/* Forty racks that numbers do not refuse and no way fills: beside 3 of 4 GPUs there is no room for
 * 2. Only the emptiest is easy, and no search helps, for which the gang is too large. It is tried,
 * however little effort is left. */
START_TEST(the_emptiest_place_is_tried)
{
    enum { RACKS = 40 };
    static struct world_node nodes[4 * RACKS];
    static char names[4 * RACKS][16];
    static char racks[RACKS][16];
    for (uint32_t i = 0; i < 4 * RACKS; i++) {
        uint32_t rack = i / 4;
        (void)snprintf(names[i], sizeof names[i], "n%03u", i);
        (void)snprintf(racks[rack], sizeof racks[rack], "r%03u", rack);
        nodes[i] = (struct world_node){names[i], "b1", racks[rack], rack == 7 ? 8 : 4, 200};
    }
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, 4, 3, 0);
    bed_role(&bed, 2, 2, 0);
    bed_role(&bed, SOLVER_SEAT_PODS_MAX, 0, 1);
    ck_assert(search_for(2, 0));
    ck_assert_uint_eq(best.used[2], 1);
    ck_assert_uint_eq(best.placements[0].position / 4, 7);
}
END_TEST

/* More effort never makes it worse, and what it spends is what it may, and what is under way. */
START_TEST(any_budget)
{
    add_one_way(4);
    uint32_t before[SOLVER_TREE_MAX] = {UINT32_MAX};
    for (uint64_t budget = 0; budget < 6000; budget += 50) {
        ck_assert(search_for(0, budget));
        ck_assert(!solver_used_below(before, best.used, 3));
        ck_assert(!solver_used_below(best.used, lower_bound, 3));
        memcpy(before, best.used, sizeof before);
        ck_assert_uint_le(bed.effort.steps, bed.effort.limit + 600);
    }
    CHECK_BEST(1, 1, 1, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("solver_several");
    TCase *tcase = tcase_create("several");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_lower_level_by_search);
    tcase_add_test(tcase, a_plan_in_hand);
    tcase_add_test(tcase, no_level_but_by_search);
    tcase_add_test(tcase, up_to_the_required_level);
    tcase_add_test(tcase, one_node_takes_all);
    tcase_add_test(tcase, pairs_need_no_search);
    tcase_add_test(tcase, the_emptiest_place_is_tried);
    tcase_add_test(tcase, any_budget);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
