// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/greedy.h"

#include "test/unit/check_main.h"
#include "test/unit/scheduler/solver/bed.h"

/* Whole gangs into one place, without a search. Eight nodes of 8 GPUs and 64 CPUs: block b1 (1) of
 * racks r1 (2) and r2 (3), block b2 (4). */

static struct bed bed;
static struct solver_space *space;
static struct solver_fill *fill;
static struct solver_greedy *greedy;
static struct solver_solution best;

static void setup(void)
{
    solver_solution_init(&best);
}

static void release(void)
{
    solver_greedy_destroy(greedy);
    solver_fill_destroy(fill);
    solver_space_destroy(space);
    solver_solution_finish(&best);
}

static void teardown(void)
{
    release();
    bed_finish(&bed);
}

static void create(void)
{
    release();
    space = solver_space_create(&bed.problem, &bed.effort);
    fill = solver_fill_create(space);
    greedy = solver_greedy_create(space, fill);
}

static bool run(uint32_t domain, const uint32_t *lower_bound)
{
    uint32_t all[SOLVER_TREE_MAX] = {0};
    memcpy(all, lower_bound, 4 * sizeof *lower_bound);
    const struct solver_candidate place = {.index = domain};
    bool met = solver_greedy_fill(greedy, place, all, &best);
    uint32_t count = 0;
    (void)solver_space_placements(space, &count);
    ck_assert_uint_eq(count, 0); /* the space is as it was */
    return met;
}

#define RUN(domain, ...) run((domain), (const uint32_t[]){__VA_ARGS__})

START_TEST(a_bound_that_is_met)
{
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 3, 8, 0);
    create();
    ck_assert(RUN(1, 1, 1, 2, 3));
    ck_assert(best.complete);
    ck_assert_uint_eq(best.placed, 3);
    ck_assert_uint_eq(best.used[3], 3);
    ck_assert(!RUN(1, 1, 1, 1, 3)); /* one that is not */
    ck_assert_uint_eq(best.used[2], 2);
}
END_TEST

/* The best of several places stays. */
START_TEST(a_later_place_must_be_better)
{
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 2, 8, 0);
    create();
    ck_assert(!RUN(0, 1, 1, 1, 1));
    uint32_t position = best.placements[0].position;
    ck_assert(!RUN(4, 1, 1, 1, 1));
    ck_assert_uint_eq(best.placements[0].position, position);
}
END_TEST

START_TEST(too_many_pods)
{
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 5, 8, 0);
    create();
    ck_assert(!RUN(1, 1, 1, 2, 5));
    ck_assert(!best.complete);
    ck_assert_uint_eq(best.placed, 4);
    ck_assert_uint_eq(best.short_role, 0);
    ck_assert_uint_eq(best.short_fits, 4);
}
END_TEST

/* The small pods first would sit on the one node that holds the large one: the larger request goes
 * first.
 *
 *   r1   n1 8 GPUs, n2 4        one pod of 8, four of 1
 */
START_TEST(the_larger_request_goes_first)
{
    static const struct world_node nodes[] = {{"n1", "b1", "r1", 8, 0}, {"n2", "b1", "r1", 4, 0}};
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, 4, 1, 0);
    bed_role(&bed, 1, 8, 0);
    create();
    ck_assert(RUN(2, 1, 1, 1, 2));
    ck_assert_uint_eq(best.placed, 5);
}
END_TEST

/* Each role is kept off the node of the other one, and four fit of both. */
START_TEST(roles_on_nodes_of_their_own)
{
    static const struct world_node nodes[] = {{"n1", "b1", "r1", 4, 0}, {"n2", "b1", "r1", 4, 0}};
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, 2, 1, 0);
    bed_role(&bed, 4, 1, 0);
    bed_exclude(&bed, 0, "n2");
    bed_exclude(&bed, 1, "n1");
    create();
    ck_assert(RUN(2, 1, 1, 1, 2));
    ck_assert_uint_eq(best.placed, 6);
}
END_TEST

/* 15 workers and a launcher that fits only beside fewer of them (test_roles.c draws it): the
 * single pod is tried on every node. */
START_TEST(a_single_pod_is_tried_everywhere)
{
    static const struct world_node nodes[] = {{"a", "b1", "r1", 3, 3},
                                              {"b", "b1", "r1", 3, 4},
                                              {"c", "b1", "r1", 8, 8},
                                              {"d", "b1", "r1", 2, 9}};
    for (uint32_t single = 0; single < 2; single++) {
        bed_init(&bed, nodes, COUNT(nodes));
        if (single == 0) {
            bed_role(&bed, 1, 0, 2);
        }
        bed_role(&bed, 15, 1, 1);
        if (single == 1) {
            bed_role(&bed, 1, 0, 2);
        }
        bed_exclude(&bed, single, "d");
        create();
        ck_assert(solver_space_exact(space));
        (void)RUN(2, 1, 1, 1, 4);
        ck_assert(best.complete);
        ck_assert_uint_eq(best.placed, 16);
        bed.roles[1 - single].count = 16;
        create();
        (void)RUN(2, 1, 1, 1, 4);
        ck_assert(!best.complete);
        release();
        setup();
        greedy = NULL;
        fill = NULL;
        space = NULL;
        bed_finish(&bed);
    }
    bed_init(&bed, nodes, 1);
}
END_TEST

START_TEST(when_a_failure_is_a_proof)
{
    bed_init(&bed, eight, COUNT(eight));
    create();
    ck_assert(solver_space_exact(space)); /* nothing to place */
    bed_role(&bed, 3, 4, 0);
    create();
    ck_assert(solver_space_exact(space)); /* one role */
    bed_role(&bed, 2, 4, 0);
    create();
    ck_assert(!solver_space_exact(space)); /* none of them is single */
    bed.roles[1].count = 1;
    create();
    ck_assert(solver_space_exact(space));
    bed_layer(&bed, 0, "rack", 3);
    create();
    ck_assert(!solver_space_exact(space)); /* slices */
    bed.roles[0].layer_count = 0;
    bed_role(&bed, 1, 4, 0);
    create();
    ck_assert(!solver_space_exact(space)); /* three roles */
}
END_TEST

/* One node takes all of both. */
START_TEST(a_single_node)
{
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 2, 3, 0);
    bed_role(&bed, 1, 2, 0);
    create();
    const uint32_t lower_bound[SOLVER_TREE_MAX] = {1, 1, 1, 1};
    const struct solver_candidate node = {.node = true, .index = 6};
    ck_assert(solver_greedy_fill(greedy, node, lower_bound, &best));
    for (uint32_t i = 0; i < best.count; i++) {
        ck_assert_uint_eq(best.placements[i].position, 6);
    }
    bed.roles[1].count = 2;
    create();
    ck_assert(!solver_greedy_fill(greedy, node, lower_bound, &best));
    ck_assert(!best.complete);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("solver_greedy");
    TCase *tcase = tcase_create("greedy");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_bound_that_is_met);
    tcase_add_test(tcase, a_later_place_must_be_better);
    tcase_add_test(tcase, too_many_pods);
    tcase_add_test(tcase, the_larger_request_goes_first);
    tcase_add_test(tcase, roles_on_nodes_of_their_own);
    tcase_add_test(tcase, a_single_pod_is_tried_everywhere);
    tcase_add_test(tcase, when_a_failure_is_a_proof);
    tcase_add_test(tcase, a_single_node);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
