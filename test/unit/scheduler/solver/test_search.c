// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/search.h"

#include "test/unit/check_main.h"
#include "test/unit/scheduler/solver/bed.h"

/* Levels from the lowest up, places in order of their lower bound, and what is proven in the
 * end. */

static struct bed bed;
static struct solver_search *search;

static void teardown(void)
{
    solver_search_destroy(search);
    bed_finish(&bed);
}

static void create(void)
{
    solver_search_destroy(search);
    search = solver_search_create(&bed.problem);
}

static void check_vector(const uint32_t *found, const uint32_t *expected)
{
    for (uint32_t l = 0; l < domains_levels(bed.world.domains); l++) {
        ck_assert_msg(found[l] == expected[l], "level %u: %u", l, found[l]);
    }
}

#define CHECK_BEST(...) \
    check_vector(solver_search_best(search)->used, (const uint32_t[]){__VA_ARGS__})
#define CHECK_LOWER_BOUND(...) \
    check_vector(solver_search_lower_bound(search), (const uint32_t[]){__VA_ARGS__})

START_TEST(the_lowest_level_with_room)
{
    static const struct {
        uint32_t pods;
        uint32_t used[4];
    } cases[] = {{1, {1, 1, 1, 1}}, {2, {1, 1, 1, 2}}, {3, {1, 1, 2, 3}},
                 {4, {1, 1, 2, 4}}, {5, {1, 2, 3, 5}}, {8, {1, 2, 4, 8}}};
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 1, 8, 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        bed.roles[0].count = cases[i].pods;
        create();
        ck_assert(solver_search_upward(search, 0));
        check_vector(solver_search_best(search)->used, cases[i].used);
        check_vector(solver_search_lower_bound(search), cases[i].used);
        ck_assert(solver_search_greedy(search));
        ck_assert(solver_search_proven(search));
    }
}
END_TEST

/* Not above the required level; one role that does not fit is proven not to. */
START_TEST(up_to_the_required_level)
{
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 3, 8, 0);
    for (uint32_t required = 3; required >= 2; required--) {
        create();
        ck_assert(!solver_search_upward(search, required));
        ck_assert(!solver_search_best(search)->complete);
        ck_assert(solver_search_proven(search));
    }
    create();
    ck_assert(solver_search_upward(search, 1));
    CHECK_BEST(1, 1, 2, 3);
}
END_TEST

/* One level alone, also a wider one than it takes. */
START_TEST(one_level)
{
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 2, 8, 0);
    create();
    ck_assert(!solver_search_holds(search, 3));
    ck_assert(solver_search_holds(search, 2));
    ck_assert(solver_search_holds(search, 0));
    bed.roles[0].count = 9;
    create();
    for (uint32_t level = 4; level-- > 0;) {
        ck_assert(!solver_search_holds(search, level));
    }
}
END_TEST

/* Six pods. Fewer nodes go before tighter racks, tighter racks before the order of names.
 *
 *   r1  4 3       two nodes, one pod would still fit
 *   r2  3 3       two nodes, none
 *   r3  2 2 2     three nodes
 *   r4  3 3       as r2
 */
START_TEST(best_bound_then_tightest_then_first)
{
    static const struct world_node nodes[] = {
        {"n1", "b1", "r1", 4, 0}, {"n2", "b1", "r1", 3, 0}, {"n3", "b1", "r2", 3, 0},
        {"n4", "b1", "r2", 3, 0}, {"n5", "b1", "r3", 2, 0}, {"n6", "b1", "r3", 2, 0},
        {"n7", "b1", "r3", 2, 0}, {"n8", "b1", "r4", 3, 0}, {"n9", "b1", "r4", 3, 0}};
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, 6, 1, 0);
    create();
    ck_assert(solver_search_upward(search, 0));
    CHECK_BEST(1, 1, 1, 2);
    ck_assert_uint_eq(solver_search_best(search)->placements[0].position, 2); /* r2, not r1 or r4 */
    bed_exclude(&bed, 0, "n3");
    create();
    ck_assert(solver_search_upward(search, 0));
    ck_assert_uint_ge(solver_search_best(search)->placements[0].position, 7); /* then r4 */
    bed_exclude(&bed, 0, "n8");
    create();
    ck_assert(solver_search_upward(search, 0));
    ck_assert_uint_lt(solver_search_best(search)->placements[0].position, 2); /* then r1 */
    bed_exclude(&bed, 0, "n1");
    create();
    ck_assert(solver_search_upward(search, 0));
    CHECK_BEST(1, 1, 1, 3);
}
END_TEST

/* Block x cannot keep the promise of its lower bound, so y is looked at and is better.
 *
 *   x   a 1 1 1 1 1 1 1 1    b 1 × 8    c 7    d 6        14 pods: lower bound 3 nodes, really 8
 *   y   e 7    f 3 2 2                                    4 nodes
 */
START_TEST(a_promise_that_is_not_kept)
{
    struct world_node nodes[22];
    char names[22][8];
    static const int64_t last[] = {7, 6, 7, 3, 2, 2};
    static const char *const racks[] = {"c", "d", "e", "f", "f", "f"};
    for (int i = 0; i < 22; i++) {
        (void)snprintf(names[i], sizeof names[i], "n%02d", i);
        nodes[i] = (struct world_node){names[i], i < 18 ? "x" : "y",
                                       i < 8    ? "a"
                                       : i < 16 ? "b"
                                                : racks[i - 16],
                                       i < 16 ? 1 : last[i - 16], 0};
    }
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, 14, 1, 0);
    create();
    ck_assert(solver_search_upward(search, 0));
    CHECK_BEST(1, 1, 2, 4);
    CHECK_LOWER_BOUND(1, 1, 2, 4);
    ck_assert(!solver_search_greedy(search));
    bed.problem.budget = 1;
    create();
    ck_assert(solver_search_upward(search, 0));
    ck_assert(solver_search_best(search)->complete);
    ck_assert_uint_le(solver_search_lower_bound(search)[3], 4);
}
END_TEST

/* Sixteen GPUs are wanted, of four nodes with four each, but beside 3 there is no room for 2: no
 * numbers say that, and without a budget it is not proven. */
START_TEST(what_is_proven_of_several_roles)
{
    static const struct world_node nodes[] = {{"n1", "b1", "r1", 4, 0},
                                              {"n2", "b1", "r1", 4, 0},
                                              {"n3", "b1", "r1", 4, 0},
                                              {"n4", "b1", "r1", 4, 0}};
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, 4, 3, 0);
    bed_role(&bed, 2, 2, 0);
    create();
    ck_assert(!solver_search_upward(search, 0));
    ck_assert(solver_search_proven(search));
    bed.problem.budget = 1;
    create();
    ck_assert(!solver_search_upward(search, 0));
    ck_assert(!solver_search_proven(search));
    bed.roles[0].count = 3; /* 3, 3, 3 and 2 + 2 */
    create();
    ck_assert(solver_search_upward(search, 0));
    CHECK_BEST(1, 1, 1, 4);
}
END_TEST

/* Several roles on one node, of which the tightest that takes all is chosen. */
START_TEST(all_roles_on_one_node)
{
    static const struct world_node nodes[] = {
        {"n1", "b1", "r1", 9, 9}, {"n2", "b1", "r1", 6, 9}, {"n3", "b1", "r2", 7, 9}};
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, 2, 3, 0);
    bed_role(&bed, 1, 1, 0);
    create();
    ck_assert(solver_search_upward(search, 0));
    CHECK_BEST(1, 1, 1, 1);
    ck_assert_uint_eq(solver_search_best(search)->placements[0].position, 2);
}
END_TEST

START_TEST(where_a_try_falls_short)
{
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 2, 8, 0);
    bed_role(&bed, 3, 8, 1);
    create();
    struct solver_solution solution;
    solver_solution_init(&solution);
    const struct solver_candidate place = {.index = 1};
    solver_search_try(search, place, &solution);
    ck_assert(!solution.complete);
    ck_assert_uint_eq(solution.placed, 4);
    uint32_t wanted = solution.short_role == 0 ? 2 : 3;
    ck_assert_uint_eq(solution.short_fits, wanted - 1);
    solver_solution_finish(&solution);
    uint32_t count = 0;
    (void)solver_space_placements(solver_search_space(search), &count);
    ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(nothing_to_place)
{
    bed_init(&bed, eight, COUNT(eight));
    create();
    ck_assert(solver_search_upward(search, 0));
    ck_assert_uint_eq(solver_search_best(search)->count, 0);
    bed_pin(&bed, "n1");
    bed_pin(&bed, "n2");
    create();
    ck_assert(!solver_search_upward(search, 3));
    create();
    ck_assert(solver_search_upward(search, 2));
    CHECK_BEST(1, 1, 1, 2);
    CHECK_LOWER_BOUND(1, 1, 1, 2);
}
END_TEST

START_TEST(a_cluster_without_nodes)
{
    bed_init(&bed, eight, 0);
    bed_role(&bed, 1, 8, 0);
    create();
    ck_assert(!solver_search_upward(search, 0));
    ck_assert(solver_search_proven(search));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("solver_search");
    TCase *tcase = tcase_create("search");
    tcase_add_checked_fixture(tcase, NULL, teardown);
    tcase_add_test(tcase, the_lowest_level_with_room);
    tcase_add_test(tcase, up_to_the_required_level);
    tcase_add_test(tcase, one_level);
    tcase_add_test(tcase, best_bound_then_tightest_then_first);
    tcase_add_test(tcase, a_promise_that_is_not_kept);
    tcase_add_test(tcase, what_is_proven_of_several_roles);
    tcase_add_test(tcase, all_roles_on_one_node);
    tcase_add_test(tcase, where_a_try_falls_short);
    tcase_add_test(tcase, nothing_to_place);
    tcase_add_test(tcase, a_cluster_without_nodes);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
