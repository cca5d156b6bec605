// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/prefer.h"

#include "scheduler/solver/exchange.h"
#include "test/unit/check_main.h"
#include "test/unit/scheduler/solver/bed.h"

/* Preferred nodes (prefer.h, exchange.h), over eight nodes of 8 GPUs: racks n1 n2, n3 n4, n5 n6,
 * n7 n8 (bed.h). */

static struct bed bed;
static uint32_t weights[2][8];

static void setup(void)
{
    bed_init(&bed, eight, COUNT(eight));
    memset(weights, 0, sizeof weights);
}

static void teardown(void)
{
    bed_finish(&bed);
}

static void like(uint32_t role, const char *node, uint32_t weight)
{
    weights[role][world_position(&bed.world, node)] = weight;
    bed.roles[role].preference = weights[role];
}

START_TEST(the_node_that_is_liked)
{
    bed_role(&bed, 2, 1, 0);
    like(0, "n6", 1);
    ck_assert_str_eq(bed_solve(&bed), "n6 n6");
    CHECK_USED(&bed, true, 1, 1, 1, 1);
    check_domain(&bed, bed.plan.domain, "b2/r3");
}
END_TEST

/* Two of a rack are liked; the rack found first is not. */
START_TEST(the_rack_that_is_liked)
{
    bed_role(&bed, 16, 1, 0);
    like(0, "n7", 2);
    like(0, "n8", 1);
    ck_assert_str_eq(bed_solve(&bed), "n7 n7 n7 n7 n7 n7 n7 n7 n8 n8 n8 n8 n8 n8 n8 n8");
    CHECK_USED(&bed, true, 1, 1, 1, 2);
}
END_TEST

/* Liked nodes in two racks: one rack goes before them. */
START_TEST(no_domain_more_for_it)
{
    bed_role(&bed, 2, 8, 0);
    like(0, "n2", 9);
    like(0, "n3", 9);
    (void)bed_solve(&bed);
    CHECK_USED(&bed, true, 1, 1, 1, 2);
}
END_TEST

/* Fewer nodes go before liked ones. */
START_TEST(no_node_more_for_it)
{
    const struct world_node nodes[] = {
        {"a", "b1", "r1", 4, 1}, {"b", "b1", "r1", 2, 1}, {"c", "b1", "r1", 2, 1}};
    bed_finish(&bed);
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, 4, 1, 0);
    like(0, "b", 5);
    like(0, "c", 5);
    ck_assert_str_eq(bed_solve(&bed), "a a a a");
}
END_TEST

/* A rack of three nodes that two are needed of: the two that are liked, though looser. */
START_TEST(exchanged_inside_a_rack)
{
    const struct world_node nodes[] = {{"a", "b1", "r1", 2, 1},
                                       {"b", "b1", "r1", 2, 1},
                                       {"c", "b1", "r1", 3, 1},
                                       {"d", "b2", "r2", 1, 1}};
    bed_finish(&bed);
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, 4, 1, 0);
    like(0, "c", 3);
    like(0, "b", 1);
    ck_assert_str_eq(bed_solve(&bed), "b c c c");
    CHECK_USED(&bed, true, 1, 1, 1, 2);
}
END_TEST

/* What is pinned stays touched, so nothing leaves its node for another. */
START_TEST(not_away_from_pinned_members)
{
    bed_role(&bed, 2, 1, 0);
    bed_pin(&bed, "n3");
    like(0, "n4", 3);
    ck_assert_str_eq(bed_solve(&bed), "n3 n3");
}
END_TEST

START_TEST(each_role_likes_others)
{
    bed_role(&bed, 1, 8, 0);
    bed_role(&bed, 1, 8, 0);
    like(0, "n8", 1);
    like(1, "n7", 1);
    ck_assert_str_eq(bed_solve(&bed), "n8 n7");
    CHECK_USED(&bed, true, 1, 1, 1, 2);
}
END_TEST

/* One of a node: the exchange keeps that, and slices of a node whole. */
START_TEST(limits_and_slices_of_nodes_are_kept)
{
    bed_role(&bed, 2, 1, 0);
    (void)bed_limit(&bed, "host", 1, 1);
    like(0, "n2", 5);
    ck_assert_str_eq(bed_solve(&bed), "n1 n2");
    bed.problem.limit_count = 0;
    bed.roles[0].count = 12;
    bed_layer(&bed, 0, "host", 4);
    ck_assert_str_eq(bed_solve(&bed), "n1 n1 n1 n1 n1 n1 n1 n1 n2 n2 n2 n2");
}
END_TEST

/* The exchange alone, which does not see that a rack is liked better. */
START_TEST(the_exchange_stays_in_a_rack)
{
    bed_role(&bed, 3, 1, 0);
    (void)bed_solve(&bed);
    like(0, "n2", 1);
    like(0, "n3", 9);
    solver_exchange(&bed.problem, &bed.plan);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(bed.plan.positions[i], world_position(&bed.world, "n2"));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/solver/prefer");
    TCase *tcase = tcase_create("prefer");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_node_that_is_liked);
    tcase_add_test(tcase, the_rack_that_is_liked);
    tcase_add_test(tcase, no_domain_more_for_it);
    tcase_add_test(tcase, no_node_more_for_it);
    tcase_add_test(tcase, exchanged_inside_a_rack);
    tcase_add_test(tcase, not_away_from_pinned_members);
    tcase_add_test(tcase, each_role_likes_others);
    tcase_add_test(tcase, limits_and_slices_of_nodes_are_kept);
    tcase_add_test(tcase, the_exchange_stays_in_a_rack);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
