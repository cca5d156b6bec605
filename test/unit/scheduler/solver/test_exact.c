// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/exact.h"

#include <signal.h>

#include "scheduler/solver/greedy.h"
#include "scheduler/solver/lower_bound.h"
#include "test/unit/check_main.h"
#include "test/unit/scheduler/solver/bed.h"

/* From the greedy plan of one place to the best one, on clusters where greedy is wrong. */

static struct bed bed;
static struct solver_space *space;
static struct solver_fill *fill;
static struct solver_exact *exact;
static struct solver_solution solution;
static uint32_t lower_bound[SOLVER_TREE_MAX];

static void setup(void)
{
    solver_solution_init(&solution);
}

static void release(void)
{
    solver_solution_finish(&solution);
    solver_exact_destroy(exact);
    solver_fill_destroy(fill);
    solver_space_destroy(space);
}

static void teardown(void)
{
    release();
    bed_finish(&bed);
}

/* The greedy plan of the place and its lower bound, in `solution` and `lower_bound`. */
static struct solver_candidate prepare(const char *level, const char *node, uint64_t budget)
{
    const struct solver_candidate place = {.index = bed_place(&bed, level, node)};
    release();
    solver_solution_init(&solution);
    space = solver_space_create(&bed.problem, &bed.effort);
    fill = solver_fill_create(space);
    exact = solver_exact_create(space, fill);
    struct solver_largest scratch;
    solver_largest_init(&scratch);
    solver_lower_bound(space, place, bed_level(&bed, level), solver_space_host(space), &scratch,
                       lower_bound);
    solver_largest_finish(&scratch);
    struct solver_greedy *greedy = solver_greedy_create(space, fill);
    (void)solver_greedy_fill(greedy, place, lower_bound, &solution);
    ck_assert(solution.complete);
    solver_greedy_destroy(greedy);
    bed_budget(&bed, budget);
    return place;
}

static bool improve(const char *level, const char *node, uint64_t budget)
{
    const struct solver_candidate place = prepare(level, node, budget);
    return solver_exact_improve(exact, place, lower_bound, &solution);
}

static void check_vector(const uint32_t *found, const uint32_t *expected)
{
    for (uint32_t l = 0; l <= solver_space_host(space); l++) {
        ck_assert_msg(found[l] == expected[l], "level %u: %u", l, found[l]);
    }
}

#define CHECK_SOLUTION(...)    check_vector(solution.used, (const uint32_t[]){__VA_ARGS__})
#define CHECK_LOWER_BOUND(...) check_vector(lower_bound, (const uint32_t[]){__VA_ARGS__})

static uint32_t pods_on(const char *node)
{
    uint32_t pods = 0;
    for (uint32_t i = 0; i < solution.count; i++) {
        bool here = solution.placements[i].position == world_position(&bed.world, node);
        pods += here ? solution.placements[i].count : 0;
    }
    return pods;
}

/* Eight pods, two racks at least. Greedy begins with the largest, a, and needs five nodes; b and c
 * do with three.
 *
 *   a  1 1 1 1 1        b  4        c  2 2
 */
static const struct world_node largest_is_wrong[] = {
    {"a1", "b1", "a", 1, 0}, {"a2", "b1", "a", 1, 0}, {"a3", "b1", "a", 1, 0},
    {"a4", "b1", "a", 1, 0}, {"a5", "b1", "a", 1, 0}, {"b1", "b1", "b", 4, 0},
    {"c1", "b1", "c", 2, 0}, {"c2", "b1", "c", 2, 0},
};

START_TEST(the_largest_rack_is_not_the_best)
{
    bed_init(&bed, largest_is_wrong, COUNT(largest_is_wrong));
    bed_role(&bed, 8, 1, 0);
    (void)prepare("block", "a1", 1000000);
    ck_assert_uint_gt(solution.used[3], 3); /* so there is something to improve */
    ck_assert(improve("block", "a1", 1000000));
    CHECK_SOLUTION(1, 1, 2, 3);
    CHECK_LOWER_BOUND(1, 1, 2, 3);
    ck_assert_uint_eq(pods_on("b1"), 4);
    ck_assert_uint_eq(pods_on("c1"), 2);
    ck_assert_uint_eq(pods_on("c2"), 2);
    ck_assert(solver_exact_searched(exact));
}
END_TEST

/* No step is left: the greedy plan stays, and nothing is claimed. */
START_TEST(a_budget_of_one)
{
    bed_init(&bed, largest_is_wrong, COUNT(largest_is_wrong));
    bed_role(&bed, 8, 1, 0);
    ck_assert(!improve("block", "a1", 1));
    ck_assert(solution.complete);
    ck_assert_uint_eq(solution.placed, 8);
    ck_assert_uint_le(lower_bound[3], 3); /* never above the best plan */
    const struct solver_candidate place = {.index = 1};
    /* and none comes back */
    ck_assert(!solver_exact_improve(exact, place, lower_bound, &solution));
}
END_TEST

/* Every budget gives a whole plan and an honest lower bound; more is never worse. */
START_TEST(any_budget)
{
    bed_init(&bed, largest_is_wrong, COUNT(largest_is_wrong));
    bed_role(&bed, 8, 1, 0);
    uint32_t before = UINT32_MAX;
    for (uint64_t budget = 1; budget < 2000; budget += 7) {
        bool proven = improve("block", "a1", budget);
        ck_assert_uint_eq(solution.placed, 8);
        ck_assert_uint_le(lower_bound[3], 3);
        ck_assert_uint_le(solution.used[3], before);
        ck_assert(!proven || solution.used[3] == 3);
        before = solution.used[3];
    }
    ck_assert_uint_eq(before, 3);
}
END_TEST

/* Fourteen: two racks hold them only with seven from the ones, so eight nodes, although three nodes
 * (7 + 6 + 1) would do: the lower bound is raised, the plan is left.
 *
 *   a  1 × 8      b  1 × 8      c  7      d  6
 */
START_TEST(a_bound_out_of_reach)
{
    struct world_node nodes[18];
    char names[18][8];
    for (int i = 0; i < 18; i++) {
        (void)snprintf(names[i], sizeof names[i], "n%02d", i);
        const char *rack = i < 8 ? "a" : i < 16 ? "b" : i == 16 ? "c" : "d";
        nodes[i] = (struct world_node){names[i], "b1", rack, i < 16 ? 1 : i == 16 ? 7 : 6, 0};
    }
    bed_init(&bed, nodes, 18);
    bed_role(&bed, 14, 1, 0);
    (void)prepare("block", "n00", 1000000);
    CHECK_LOWER_BOUND(1, 1, 2, 3);
    ck_assert(improve("block", "n00", 1000000));
    CHECK_SOLUTION(1, 1, 2, 8);
    CHECK_LOWER_BOUND(1, 1, 2, 8);
}
END_TEST

/* Nine pods in two blocks: x and y hold ten, in three racks; x and z hold nine in two.
 *
 *   x   a 5           y   b 2    c 2    d 1           z   e 4
 */
START_TEST(two_levels_above_the_nodes)
{
    static const struct world_node nodes[] = {
        {"a", "x", "a", 5, 0}, {"b", "y", "b", 2, 0}, {"c", "y", "c", 2, 0},
        {"d", "y", "d", 1, 0}, {"e", "z", "e", 4, 0},
    };
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, 9, 1, 0);
    ck_assert(improve("cluster", "a", 1000000));
    CHECK_SOLUTION(1, 2, 2, 2);
    CHECK_LOWER_BOUND(1, 2, 2, 2);
    ck_assert_uint_eq(pods_on("a"), 5);
    ck_assert_uint_eq(pods_on("e"), 4);
}
END_TEST

/* A member sits on a1, whose rack is touched for ever and holds five. Eight need one rack more: b,
 * of one node, and four in a. */
START_TEST(around_a_pinned_member)
{
    bed_init(&bed, largest_is_wrong, COUNT(largest_is_wrong));
    bed_role(&bed, 5, 1, 0);
    bed_pin(&bed, "a1");
    ck_assert(improve("block", "a1", 1000000));
    CHECK_SOLUTION(1, 1, 1, 5);
    bed.roles[0].count = 8;
    ck_assert(improve("block", "a1", 1000000));
    CHECK_SOLUTION(1, 1, 2, 5);
    ck_assert_uint_eq(pods_on("a1"), 1);
    ck_assert_uint_eq(pods_on("b1"), 4);
}
END_TEST

/* Pairs per rack: a gives four of its five. Eight are b and c, as without; ten need a, too. */
START_TEST(slices)
{
    bed_init(&bed, largest_is_wrong, COUNT(largest_is_wrong));
    bed_role(&bed, 8, 1, 0);
    bed_layer(&bed, 0, "rack", 2);
    ck_assert(improve("block", "a1", 1000000));
    CHECK_SOLUTION(1, 1, 2, 3);
    bed.roles[0].count = 10;
    ck_assert(improve("block", "a1", 1000000));
    CHECK_SOLUTION(1, 1, 3, 5); /* 4 + 2 + 2 and two of the ones */
    CHECK_LOWER_BOUND(1, 1, 3, 5);
}
END_TEST

/* A slice of four began in a, and two of it are missing: they go there. The other four fit b. */
START_TEST(a_started_slice)
{
    bed_init(&bed, largest_is_wrong, COUNT(largest_is_wrong));
    bed_role(&bed, 6, 1, 0);
    bed_layer(&bed, 0, "rack", 4);
    bed_pin(&bed, "a4");
    bed_start(&bed, 0, 0, "a4", 2);
    bed_exclude(&bed, 0, "a4"); /* its own node is full */
    ck_assert(improve("block", "a1", 1000000));
    CHECK_SOLUTION(1, 1, 2, 4);
    ck_assert_uint_eq(pods_on("b1"), 4);
    ck_assert_uint_eq(pods_on("a1") + pods_on("a2") + pods_on("a3") + pods_on("a5"), 2);
}
END_TEST

/* What is optimal already is left, at no step. */
START_TEST(nothing_to_improve)
{
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 4, 8, 0);
    ck_assert(improve("block", "n1", 1));
    CHECK_SOLUTION(1, 1, 2, 4);
    ck_assert(!solver_exact_searched(exact));
}
END_TEST

/* The racks a, b and c of above and eight of 20, each below a chain of `levels - 1` domains of its
 * own. All that is left out is a: three nodes beside the eight.
 */
static void solve_chains(uint32_t levels, uint64_t budget, struct solver_plan *plan)
{
    enum { NODES = 16, MOST = 13 };
    static const char *const keys[MOST] = {"l01", "l02", "l03", "l04", "l05", "l06", "l07",
                                           "l08", "l09", "l10", "l11", "l12", "l13"};
    static const uint32_t fits[8] = {1, 1, 1, 1, 1, 4, 2, 2};
    struct nodes *table = nodes_create(7);
    for (uint32_t i = 0; i < NODES; i++) {
        struct label_object labels[MOST];
        char name[8];
        char rack[8];
        (void)snprintf(name, sizeof name, "n%02u", i);
        (void)snprintf(rack, sizeof rack, "d%02u", i < 5 ? 0 : i < 6 ? 1 : i < 8 ? 2 : i);
        for (uint32_t l = 0; l < levels; l++) {
            labels[l] = (struct label_object){.key = keys[l], .value = rack};
        }
        const struct node_object object = {.name = name, .labels = labels, .label_count = levels};
        uint32_t row = 0;
        unsigned changes = 0;
        ck_assert_int_eq(nodes_observe(table, &object, &row, &changes, NULL), 0);
    }
    struct domains *domains = world_tree(keys, levels);
    domains_build(domains, table);
    struct capacity *capacity = capacity_create(domains);
    for (uint32_t p = 0; p < NODES; p++) {
        capacity_set(capacity, p, p < 8 ? fits[p] : 20);
    }
    const struct solver_role role = {.count = 8 * 20 + 8, .capacity = capacity};
    const struct solver_problem problem = {.domains = domains,
                                           .roles = &role,
                                           .role_count = 1,
                                           .required_level = SOLVER_LEVEL_NONE,
                                           .budget = budget};
    solver_solve(&problem, plan);
    ck_assert(plan->feasible);
    ck_assert_uint_eq(plan->count, role.count);
    capacity_destroy(capacity);
    domains_destroy(domains);
    nodes_destroy(table);
}

/* Fourteen levels of ten domains do not fit the bits of a cost: there is a plan, its lower bound
 * holds, and it is not called optimal. Four do. */
START_TEST(costs_beyond_64_bits)
{
    bed_init(&bed, eight, 1);
    struct solver_plan plan;
    solver_plan_init(&plan);
    solve_chains(3, 0, &plan);
    ck_assert(plan.optimal);
    ck_assert_uint_eq(plan.used[4], 11);
    solve_chains(13, 0, &plan);
    ck_assert(!plan.optimal);
    ck_assert_uint_eq(plan.used[13], 10);
    ck_assert_uint_ge(plan.used[14], 11);
    ck_assert_uint_le(plan.lower_bound[14], 11);
    solver_plan_finish(&plan);
}
END_TEST

/* Looking for prices is part of the budget. */
START_TEST(steps_end_with_the_budget)
{
    enum { DOMAINS = 13 * 11 + 1 };
    bed_init(&bed, eight, 1);
    struct solver_plan plan;
    solver_plan_init(&plan);
    solve_chains(13, 0, &plan);
    uint64_t all = plan.steps;
    for (uint64_t budget = 1; budget < all; budget *= 2) {
        solve_chains(13, budget, &plan);
        ck_assert(!plan.optimal);
        ck_assert_uint_lt(plan.steps, budget + 24 * DOMAINS); /* what is under way ends */
    }
    solver_plan_finish(&plan);
}
END_TEST

START_TEST(several_roles_abort)
{
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 1, 8, 0);
    bed_role(&bed, 1, 8, 0);
    space = solver_space_create(&bed.problem, &bed.effort);
    fill = solver_fill_create(space);
    (void)solver_exact_create(space, fill);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("solver_exact");
    TCase *tcase = tcase_create("exact");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_largest_rack_is_not_the_best);
    tcase_add_test(tcase, a_budget_of_one);
    tcase_add_test(tcase, any_budget);
    tcase_add_test(tcase, a_bound_out_of_reach);
    tcase_add_test(tcase, two_levels_above_the_nodes);
    tcase_add_test(tcase, around_a_pinned_member);
    tcase_add_test(tcase, slices);
    tcase_add_test(tcase, a_started_slice);
    tcase_add_test(tcase, nothing_to_improve);
    tcase_add_test(tcase, costs_beyond_64_bits);
    tcase_add_test(tcase, steps_end_with_the_budget);
    tcase_add_test_raise_signal(tcase, several_roles_abort, SIGABRT);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
