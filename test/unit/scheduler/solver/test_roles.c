// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/solver.h"

#include <signal.h>

#include "test/unit/check_main.h"
#include "test/unit/scheduler/solver/bed.h"

/* Golden cases with several roles, and the limits of what is taken on. */

/* ---- several roles ---- */

/* Master and workers ask for whole nodes but differ in CPU. They fit as many nodes as pods: no
 * single role proves it, both together do. */
START_TEST(master_and_workers)
{
    struct bed bed;
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 1, 8, 32);
    bed_role(&bed, 3, 8, 48);
    ck_assert_str_eq(bed_solve(&bed), "n1 n2 n3 n4");
    CHECK_USED(&bed, true, 1, 1, 2, 4);
    ck_assert_uint_eq(bed.plan.level, 1);
    bed_finish(&bed);
}
END_TEST

START_TEST(a_launcher_shares_a_node_with_workers)
{
    struct bed bed;
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 1, 0, 4);
    bed_role(&bed, 2, 8, 60);
    ck_assert_str_eq(bed_solve(&bed), "n1 n1 n2");
    CHECK_USED(&bed, true, 1, 1, 1, 2);
    bed_finish(&bed);
}
END_TEST

START_TEST(all_roles_on_one_node)
{
    struct bed bed;
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 2, 2, 16);
    bed_role(&bed, 1, 4, 32);
    ck_assert_str_eq(bed_solve(&bed), "n1 n1 n1");
    CHECK_USED(&bed, true, 1, 1, 1, 1);
    bed_require(&bed, "host");
    bed.roles[0].count = 3;
    ck_assert_str_eq(bed_solve(&bed), "");
    const struct solver_shortfall *shortfall = &bed.plan.shortfall;
    ck_assert(shortfall->proven);
    ck_assert_uint_eq(shortfall->role, 0); /* the second role is larger and goes first */
    ck_assert_uint_eq(shortfall->fits, 2);
    ck_assert_uint_eq(shortfall->missing, 1);
    ck_assert_uint_eq(shortfall->alternative, 2);
    bed_finish(&bed);
}
END_TEST

/* 15 of the 16 workers that would fit alone, and a launcher that is not allowed on d. Workers first
 * leave their one hole on d; the launcher first, on the tightest node a or the emptiest node c,
 * costs two workers. On b it costs one. */
START_TEST(one_launcher_is_decided_exactly)
{
    const struct world_node nodes[] = {{"a", NULL, NULL, 3, 3},
                                       {"b", NULL, NULL, 3, 4},
                                       {"c", NULL, NULL, 8, 8},
                                       {"d", NULL, NULL, 2, 9}};
    struct bed bed;
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, 15, 1, 1);
    bed_role(&bed, 1, 0, 2);
    bed_exclude(&bed, 1, "d");
    ck_assert_str_eq(bed_solve(&bed), "a a a b b c c c c c c c c d d b");
    CHECK_USED(&bed, true, 1, 4);
    bed.roles[0].count = 16;
    ck_assert_str_eq(bed_solve(&bed), "");
    ck_assert(bed.plan.shortfall.proven);
    ck_assert_uint_eq(bed.plan.shortfall.missing, 1);
    bed_finish(&bed);
}
END_TEST

/* Every rack has 9 GPUs, not enough for 2 × 3 + 2 × 2 although each role, and four of the smaller
 * pods, would fit. */
static void fill_racks(struct world_node *nodes, size_t count, char (*names)[16], char (*racks)[16])
{
    for (uint32_t i = 0; i < count; i++) {
        (void)snprintf(names[i], sizeof names[i], "n%03u", i);
        (void)snprintf(racks[i / 2], sizeof racks[i / 2], "r%03u", i / 2);
        nodes[i] = (struct world_node){names[i], "b1", racks[i / 2], 5 - i % 2, 0};
    }
}

START_TEST(roles_that_only_miss_room_together)
{
    struct world_node nodes[4];
    char names[4][16];
    char racks[2][16];
    fill_racks(nodes, COUNT(nodes), names, racks);
    struct bed bed;
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, 2, 2, 0);
    bed_role(&bed, 2, 3, 0);
    bed_require(&bed, "rack");
    ck_assert_str_eq(bed_solve(&bed), "");
    const struct solver_shortfall *shortfall = &bed.plan.shortfall;
    ck_assert(shortfall->proven); /* by trying every way */
    check_domain(&bed, shortfall->domain, "b1/r000");
    ck_assert_uint_eq(shortfall->role, 0);
    ck_assert_uint_eq(shortfall->wanted, 2);
    ck_assert_uint_eq(shortfall->fits, 1);
    ck_assert_uint_eq(shortfall->missing, 1);
    ck_assert_uint_eq(shortfall->alternative, 1);
    bed.problem.required_level = SOLVER_LEVEL_NONE;
    (void)bed_solve(&bed);
    CHECK_USED(&bed, true, 1, 1, 2, 2);
    bed.problem.budget = 1;
    (void)bed_solve(&bed);
    CHECK_USED(&bed, false, 1, 1, 2, 3); /* one rack is then not disproved */
    ck_assert_uint_eq(bed.plan.lower_bound[2], 1);
    bed_finish(&bed);
}
END_TEST

START_TEST(a_rack_beyond_the_tightest_ones_is_found)
{
    struct world_node nodes[140];
    char names[140][16];
    char racks[70][16];
    fill_racks(nodes, COUNT(nodes), names, racks);
    nodes[139].gpu = 5;
    struct bed bed;
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, 2, 2, 0);
    bed_role(&bed, 2, 3, 0);
    ck_assert_str_eq(bed_solve(&bed), "n138 n139 n138 n139");
    CHECK_USED(&bed, true, 1, 1, 1, 2);
    bed_finish(&bed);
}
END_TEST

START_TEST(roles_with_nothing_in_common)
{
    struct bed bed;
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 2, 8, 0);
    bed_role(&bed, 2, 0, 64);
    ck_assert_str_eq(bed_solve(&bed), "n1 n2 n1 n2");
    CHECK_USED(&bed, true, 1, 1, 1, 2);
    bed_finish(&bed);
}
END_TEST

/* Amounts whose product leaves 64 bits do not fit anywhere, quietly. */
START_TEST(absurd_amounts)
{
    struct bed bed;
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 50000, 1, INT64_MAX / 2);
    bed_role(&bed, 50000, INT64_MAX, 1);
    ck_assert_str_eq(bed_solve(&bed), "");
    ck_assert_uint_eq(bed.plan.shortfall.fits, 0);
    ck_assert_uint_eq(bed.plan.shortfall.missing, 50000);
    bed_finish(&bed);
}
END_TEST

START_TEST(three_roles_share_two_nodes)
{
    struct bed bed;
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 4, 1, 4);
    bed_role(&bed, 2, 4, 16);
    bed_role(&bed, 2, 2, 8);
    ck_assert_str_eq(bed_solve(&bed), "n2 n2 n2 n2 n1 n1 n2 n2");
    CHECK_USED(&bed, true, 1, 1, 1, 2);
    bed_finish(&bed);
}
END_TEST

/* ---- limits ---- */

START_TEST(an_empty_cluster)
{
    struct bed bed;
    bed_init(&bed, NULL, 0);
    bed_role(&bed, 3, 1, 0);
    ck_assert_str_eq(bed_solve(&bed), "");
    ck_assert(!bed.plan.feasible && bed.plan.shortfall.proven);
    ck_assert_uint_eq(bed.plan.shortfall.level, 0);
    ck_assert_uint_eq(bed.plan.shortfall.domain, 0);
    ck_assert_uint_eq(bed.plan.shortfall.fits, 0);
    ck_assert_uint_eq(bed.plan.shortfall.missing, 3);
    bed_require(&bed, "host");
    ck_assert_str_eq(bed_solve(&bed), "");
    ck_assert_uint_eq(bed.plan.shortfall.domain, DOMAINS_NONE);
    ck_assert_uint_eq(bed.plan.shortfall.alternative, SOLVER_LEVEL_NONE);
    bed_finish(&bed);
}
END_TEST

START_TEST(a_pod_that_wants_nothing_fits_anywhere)
{
    const struct world_node nodes[] = {{"a", NULL, NULL, 0, 0}};
    struct bed bed;
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, SOLVER_PODS_MAX, 0, 0);
    solver_solve(&bed.problem, &bed.plan);
    ck_assert(bed.plan.feasible && bed.plan.optimal);
    ck_assert_uint_eq(bed.plan.count, SOLVER_PODS_MAX);
    bed_finish(&bed);
}
END_TEST

START_TEST(more_pods_than_the_limit)
{
    const struct world_node nodes[] = {{"a", NULL, NULL, 0, 0}};
    struct bed bed;
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, SOLVER_PODS_MAX - 1, 0, 0);
    bed_role(&bed, SOLVER_PODS_MAX, 0, 0);
    ck_assert_str_eq(bed_solve(&bed), "");
    const struct solver_shortfall *shortfall = &bed.plan.shortfall;
    ck_assert(!bed.plan.feasible && !shortfall->proven);
    ck_assert_uint_eq(shortfall->role, 1);
    ck_assert_uint_eq(shortfall->wanted, SOLVER_PODS_MAX);
    ck_assert_uint_eq(shortfall->fits, 1);
    ck_assert_uint_eq(shortfall->missing, SOLVER_PODS_MAX - 1);
    bed.roles[0].count = UINT32_MAX;
    bed.roles[1].count = UINT32_MAX;
    ck_assert_str_eq(bed_solve(&bed), "");
    ck_assert_uint_eq(shortfall->role, 0);
    ck_assert_uint_eq(shortfall->fits, 0);
    ck_assert_uint_eq(shortfall->missing, UINT32_MAX);
    bed_finish(&bed);
}
END_TEST

/* Each of these is a mistake of the program. */
START_TEST(malformed_problems_abort)
{
    struct bed bed;
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 1, 1, 0);
    bed_role(&bed, 1, 1, 0);
    switch (_i) {
    case 0:
        bed.problem.role_count = SOLVER_ROLES_MAX + 1;
        break;
    case 1:
        bed.problem.free_at = NULL;
        break;
    case 2:
        bed.problem.required_level = 4;
        break;
    case 3:
        bed.roles[0].excluded = bitset_create(7);
        break;
    case 4:
        bed.problem.pinned_count = 1;
        bed.pinned[0] = 8;
        break;
    default:
        domains_build(bed.world.domains, bed.world.nodes);
        break;
    }
    solver_solve(&bed.problem, &bed.plan);
}
END_TEST

/* ---- the suite ---- */

static void add_several_roles(TCase *tcase)
{
    tcase_add_test(tcase, master_and_workers);
    tcase_add_test(tcase, a_launcher_shares_a_node_with_workers);
    tcase_add_test(tcase, all_roles_on_one_node);
    tcase_add_test(tcase, one_launcher_is_decided_exactly);
    tcase_add_test(tcase, roles_that_only_miss_room_together);
    tcase_add_test(tcase, a_rack_beyond_the_tightest_ones_is_found);
    tcase_add_test(tcase, roles_with_nothing_in_common);
    tcase_add_test(tcase, absurd_amounts);
    tcase_add_test(tcase, three_roles_share_two_nodes);
}

static void add_limits(TCase *tcase)
{
    tcase_add_test(tcase, an_empty_cluster);
    tcase_add_test(tcase, a_pod_that_wants_nothing_fits_anywhere);
    tcase_add_test(tcase, more_pods_than_the_limit);
    tcase_add_loop_test_raise_signal(tcase, malformed_problems_abort, SIGABRT, 0, 6);
}

int main(void)
{
    Suite *suite = suite_create("solver roles");
    TCase *several_roles = tcase_create("several roles");
    add_several_roles(several_roles);
    suite_add_tcase(suite, several_roles);
    TCase *limits = tcase_create("limits");
    add_limits(limits);
    suite_add_tcase(suite, limits);
    return check_main(suite);
}
