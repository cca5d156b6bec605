// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/mixed.h"

#include <signal.h>

#include "scheduler/solver/lower_bound.h"
#include "test/unit/check_main.h"
#include "test/unit/scheduler/solver/bed.h"

/* Several roles in one place: the anchor's plan, and the search where that is not enough. */

static struct bed bed;
static struct solver_space *space;
static struct solver_fill *fill;
static struct solver_mixed *mixed;
static struct solver_solution best;
static uint32_t lower_bound[SOLVER_TREE_MAX];

static void setup(void)
{
    solver_solution_init(&best);
}

static void release(void)
{
    solver_solution_finish(&best);
    solver_mixed_destroy(mixed);
    solver_fill_destroy(fill);
    solver_space_destroy(space);
}

static void teardown(void)
{
    release();
    bed_finish(&bed);
}

/* Improves from nothing. */
static bool improve(const char *level, const char *node, uint64_t budget)
{
    const struct solver_candidate place = {.index = bed_place(&bed, level, node)};
    release();
    space = solver_space_create(&bed.problem, &bed.effort);
    fill = solver_fill_create(space);
    mixed = solver_mixed_create(&bed.problem, space, fill);
    struct solver_largest scratch;
    solver_largest_init(&scratch);
    solver_lower_bound(space, place, bed_level(&bed, level), solver_space_host(space), &scratch,
                       lower_bound);
    solver_largest_finish(&scratch);
    bed_budget(&bed, budget);
    return solver_mixed_anchor(mixed, place, lower_bound, &best) ||
           solver_mixed_branch(mixed, place, lower_bound, &best);
}

static void check_vector(const uint32_t *found, const uint32_t *expected)
{
    for (uint32_t l = 0; l <= solver_space_host(space); l++) {
        ck_assert_msg(found[l] == expected[l], "level %u: %u", l, found[l]);
    }
}

#define CHECK_BEST(...)        check_vector(best.used, (const uint32_t[]){__VA_ARGS__})
#define CHECK_LOWER_BOUND(...) check_vector(lower_bound, (const uint32_t[]){__VA_ARGS__})

/* Eight workers are best in b and c, on three nodes (test_exact.c says why), and the
 * launcher sits beside one of them: no search among the ways to deal both. */
START_TEST(a_launcher_beside_its_workers)
{
    static const struct world_node nodes[] = {
        {"a1", "b1", "a", 1, 9}, {"a2", "b1", "a", 1, 9}, {"a3", "b1", "a", 1, 9},
        {"a4", "b1", "a", 1, 9}, {"a5", "b1", "a", 1, 9}, {"b1", "b1", "b", 4, 9},
        {"c1", "b1", "c", 2, 9}, {"c2", "b1", "c", 2, 9},
    };
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, 1, 0, 4);
    bed_role(&bed, 8, 1, 1);
    ck_assert(improve("block", "a1", 1000000));
    CHECK_BEST(1, 1, 2, 3);
    CHECK_LOWER_BOUND(1, 1, 2, 3);
    ck_assert_uint_eq(best.placed, 9);
    ck_assert(solver_mixed_searched(mixed)); /* for the anchor */
}
END_TEST

/* Two racks of nodes with 5 and 4 GPUs; two pods of 3 and two of 2. 3 + 2 twice fill the nodes of
 * 5: found only by search, since whoever goes first takes 3 + 0 or 2 + 2 on the tighter node. */
static const struct world_node five_and_four[] = {
    {"n1", "b1", "r1", 5, 0},
    {"n2", "b1", "r1", 4, 0},
    {"n3", "b1", "r2", 5, 0},
    {"n4", "b1", "r2", 4, 0},
};

START_TEST(dealt_by_search)
{
    bed_init(&bed, five_and_four, COUNT(five_and_four));
    bed_role(&bed, 2, 2, 0);
    bed_role(&bed, 2, 3, 0);
    ck_assert(improve("block", "n1", 1000000));
    CHECK_BEST(1, 1, 2, 2);
    ck_assert_uint_eq(best.placed, 4);
    for (uint32_t i = 0; i < best.count; i++) {
        ck_assert_uint_eq(best.placements[i].position % 2, 0);
        ck_assert_uint_eq(best.placements[i].count, 1);
    }
}
END_TEST

/* Two pods of 3 and one of 2 are eight GPUs, but no way to fill 4 and 4: no plan, and no proof that
 * there is none. */
START_TEST(a_budget_of_one)
{
    static const struct world_node four_and_four[] = {
        {"n1", "b1", "r1", 4, 0}, {"n2", "b1", "r1", 4, 0}, {"n3", "b1", "r2", 4, 0}};
    bed_init(&bed, four_and_four, COUNT(four_and_four));
    bed_role(&bed, 1, 2, 0);
    bed_role(&bed, 2, 3, 0);
    ck_assert(!improve("rack", "n1", 1));
    ck_assert(!best.complete);
    ck_assert(improve("rack", "n1", 1000));
    ck_assert(!best.complete);
    (void)improve("block", "n1", 1);
    ck_assert(best.complete);
    ck_assert_uint_le(lower_bound[3], 3);
}
END_TEST

/* Nine GPUs are less than ten: proven by trying. */
START_TEST(proven_to_be_too_small)
{
    bed_init(&bed, five_and_four, COUNT(five_and_four));
    bed_role(&bed, 2, 2, 0);
    bed_role(&bed, 2, 3, 0);
    ck_assert(improve("rack", "n1", 1000000));
    ck_assert(!best.complete);
    bed.roles[1].count = 4; /* and here the anchor alone is too large */
    ck_assert(improve("rack", "n1", 1000000));
    ck_assert(!best.complete);
}
END_TEST

/* The anchor is the role with most pods, wherever it stands; among equals the first. Three roles
 * around it. */
START_TEST(four_roles)
{
    for (uint32_t anchor = 0; anchor < 4; anchor++) {
        bed_init(&bed, eight, COUNT(eight));
        for (uint32_t r = 0; r < 4; r++) {
            bed_role(&bed, r == anchor ? 6 : 1, 1, r == 3 ? 20 : 1);
        }
        ck_assert(improve("rack", "n1", 1000000));
        CHECK_BEST(1, 1, 1, 2); /* nine GPUs */
        ck_assert_uint_eq(best.placed, 9);
        release();
        mixed = NULL;
        fill = NULL;
        space = NULL;
        solver_solution_init(&best);
        bed_finish(&bed);
    }
    bed_init(&bed, eight, 1);
}
END_TEST

/* The lower bound is raised to what the anchor alone needs: it may use n3 and n4 only. */
START_TEST(the_anchor_raises_the_bound)
{
    bed_init(&bed, five_and_four, COUNT(five_and_four));
    bed_role(&bed, 6, 1, 0);
    bed_role(&bed, 1, 5, 0);
    bed_exclude(&bed, 0, "n1");
    bed_exclude(&bed, 0, "n2");
    bed_exclude(&bed, 1, "n3");
    bed_exclude(&bed, 1, "n4");
    ck_assert(improve("block", "n1", 1000000));
    CHECK_BEST(1, 1, 2, 3);
    CHECK_LOWER_BOUND(1, 1, 2, 3);
}
END_TEST

/* A plan that is there already and as good as can be stays. */
START_TEST(the_first_of_equals_stays)
{
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 1, 8, 0);
    bed_role(&bed, 1, 8, 1);
    ck_assert(improve("rack", "n1", 1000000));
    ck_assert_uint_le(best.placements[0].position, 1);
    const struct solver_candidate place = {.index = bed_place(&bed, "rack", "n5")};
    ck_assert(solver_mixed_anchor(mixed, place, lower_bound, &best));
    ck_assert(solver_mixed_branch(mixed, place, lower_bound, &best));
    ck_assert_uint_le(best.placements[0].position, 1);
}
END_TEST

START_TEST(one_role_aborts)
{
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 1, 8, 0);
    (void)improve("rack", "n1", 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("solver_mixed");
    TCase *tcase = tcase_create("mixed");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_launcher_beside_its_workers);
    tcase_add_test(tcase, dealt_by_search);
    tcase_add_test(tcase, a_budget_of_one);
    tcase_add_test(tcase, proven_to_be_too_small);
    tcase_add_test(tcase, four_roles);
    tcase_add_test(tcase, the_anchor_raises_the_bound);
    tcase_add_test(tcase, the_first_of_equals_stays);
    tcase_add_test_raise_signal(tcase, one_role_aborts, SIGABRT);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
