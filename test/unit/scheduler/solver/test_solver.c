// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/solver.h"

#include "test/unit/check_main.h"
#include "test/unit/scheduler/solver/bed.h"

/* Golden cases with one role; several roles and limits are in test_roles.c. */

/* ---- one role ---- */

START_TEST(one_node_holds_all)
{
    struct bed bed;
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 8, 1, 0);
    ck_assert_str_eq(bed_solve(&bed), "n1 n1 n1 n1 n1 n1 n1 n1");
    CHECK_USED(&bed, true, 1, 1, 1, 1);
    ck_assert_uint_eq(bed.plan.levels, 4);
    ck_assert_uint_eq(bed.plan.level, 3);
    check_domain(&bed, bed.plan.domain, "b1/r1");
    bed_finish(&bed);
}
END_TEST

START_TEST(the_tightest_node_is_chosen)
{
    const struct world_node nodes[] = {{"a", "b1", "r1", 8, 1},
                                       {"b", "b1", "r1", 2, 1},
                                       {"c", "b2", "r1", 3, 1},
                                       {"d", "b2", "r1", 2, 1}};
    struct bed bed;
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, 2, 1, 0);
    ck_assert_str_eq(bed_solve(&bed), "b b");
    bed_finish(&bed);
}
END_TEST

START_TEST(the_tightest_rack_is_chosen)
{
    const struct world_node nodes[] = {{"a", "b1", "r1", 4, 1}, {"b", "b1", "r1", 4, 1},
                                       {"c", "b1", "r2", 4, 1}, {"d", "b1", "r2", 2, 1},
                                       {"e", "b1", "r3", 4, 1}, {"f", "b1", "r3", 3, 1}};
    struct bed bed;
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, 6, 1, 0);
    ck_assert_str_eq(bed_solve(&bed), "c c c c d d");
    CHECK_USED(&bed, true, 1, 1, 1, 2);
    ck_assert_uint_eq(bed.plan.level, 2);
    check_domain(&bed, bed.plan.domain, "b1/r2");
    bed_finish(&bed);
}
END_TEST

/* Fewer nodes go before a tighter rack. */
START_TEST(fewest_nodes_go_before_the_tightest_rack)
{
    const struct world_node nodes[] = {{"a", "b1", "r1", 2, 1},
                                       {"b", "b1", "r1", 2, 1},
                                       {"c", "b1", "r1", 2, 1},
                                       {"d", "b1", "r2", 4, 1},
                                       {"e", "b1", "r2", 4, 1}};
    struct bed bed;
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, 6, 1, 0);
    ck_assert_str_eq(bed_solve(&bed), "d d d d e e");
    CHECK_USED(&bed, true, 1, 1, 1, 2);
    bed_finish(&bed);
}
END_TEST

/* Free 3, 3, 2, 1 and seven pods: the last pod goes where it leaves no hole. */
START_TEST(the_rest_goes_to_the_tightest_node)
{
    const struct world_node nodes[] = {{"a", NULL, NULL, 3, 1},
                                       {"b", NULL, NULL, 3, 1},
                                       {"c", NULL, NULL, 2, 1},
                                       {"d", NULL, NULL, 1, 1}};
    struct bed bed;
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, 7, 1, 0);
    ck_assert_str_eq(bed_solve(&bed), "a a a b b b d");
    CHECK_USED(&bed, true, 1, 3);
    ck_assert_uint_eq(bed.plan.levels, 2);
    ck_assert_uint_eq(bed.plan.domain, 0);
    bed_finish(&bed);
}
END_TEST

START_TEST(the_rest_goes_to_the_tightest_rack)
{
    const struct world_node nodes[] = {{"a", "b1", "r1", 3, 1},
                                       {"b", "b1", "r2", 3, 1},
                                       {"c", "b1", "r3", 2, 1},
                                       {"d", "b1", "r4", 1, 1}};
    struct bed bed;
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, 7, 1, 0);
    ck_assert_str_eq(bed_solve(&bed), "a a a b b b d");
    CHECK_USED(&bed, true, 1, 1, 3, 3);
    ck_assert_uint_eq(bed.plan.level, 1);
    bed_finish(&bed);
}
END_TEST

/* The emptiest nodes lie in different racks; the gang goes where it is together. */
START_TEST(one_rack_beats_the_emptiest_nodes)
{
    const struct world_node nodes[] = {{"a", "b1", "r1", 8, 1}, {"b", "b1", "r1", 1, 1},
                                       {"c", "b1", "r2", 4, 1}, {"d", "b1", "r2", 4, 1},
                                       {"e", "b2", "r1", 8, 1}, {"f", "b2", "r1", 1, 1},
                                       {"g", "b2", "r3", 8, 1}};
    struct bed bed;
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, 2, 4, 0);
    bed_exclude(&bed, 0, "a");
    bed_exclude(&bed, 0, "e");
    bed_exclude(&bed, 0, "g");
    ck_assert_str_eq(bed_solve(&bed), "c d");
    CHECK_USED(&bed, true, 1, 1, 1, 2);
    bed_finish(&bed);
}
END_TEST

/* Racks called r1 in two blocks are two racks: five pods do not fit in either. */
START_TEST(equal_names_are_not_one_domain)
{
    const struct world_node nodes[] = {{"a", "b1", "r1", 3, 1}, {"b", "b2", "r1", 3, 1}};
    struct bed bed;
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, 5, 1, 0);
    ck_assert_str_eq(bed_solve(&bed), "a a a b b");
    CHECK_USED(&bed, true, 1, 2, 2, 2);
    ck_assert_uint_eq(bed.plan.level, 0);
    bed_finish(&bed);
}
END_TEST

/* The largest racks in full and the tightest one for the rest would take 3 + 1 + 1 nodes; keeping
 * the roomier rack for the rest saves one. */
START_TEST(a_roomier_rack_can_save_nodes)
{
    const struct world_node nodes[] = {{"a", "b1", "r1", 2, 1}, {"b", "b1", "r1", 2, 1},
                                       {"c", "b1", "r1", 2, 1}, {"d", "b1", "r2", 4, 1},
                                       {"e", "b1", "r3", 1, 1}, {"f", "b1", "r3", 1, 1}};
    struct bed bed;
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, 8, 1, 0);
    ck_assert_str_eq(bed_solve(&bed), "a a b b d d d d");
    CHECK_USED(&bed, true, 1, 1, 2, 3);
    bed_finish(&bed);
}
END_TEST

START_TEST(a_bound_out_of_reach_is_raised_by_proof)
{
    /* Two racks do (5 + 3), and the best nodes are 4, 3 and 2, but they lie in three racks. */
    const struct world_node nodes[] = {{"a", "b1", "r1", 1, 1},
                                       {"b", "b1", "r1", 2, 1},
                                       {"c", "b1", "r1", 2, 1},
                                       {"d", "b1", "r2", 3, 1},
                                       {"e", "b1", "r3", 3, 1}};
    struct bed bed;
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, 8, 1, 0);
    ck_assert_str_eq(bed_solve(&bed), "a b b c c d d d");
    CHECK_USED(&bed, true, 1, 1, 2, 4); /* each level alone could do with 2 racks, 3 nodes */
    ck_assert(!bed.plan.greedy);
    ck_assert_uint_gt(bed.plan.steps, 0);
    bed_finish(&bed);
}
END_TEST

START_TEST(excluded_nodes_are_left_alone)
{
    struct bed bed;
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 2, 8, 0);
    bed_exclude(&bed, 0, "n1");
    bed_exclude(&bed, 0, "n3");
    bed_exclude(&bed, 0, "n6");
    ck_assert_str_eq(bed_solve(&bed), "n7 n8");
    bed_finish(&bed);
}
END_TEST

/* The 70th rack is the only tight one: it is among the 64 that are compared. */
START_TEST(the_tightest_of_many_racks_is_found)
{
    struct world_node nodes[140];
    char names[140][16];
    char racks[70][16];
    for (uint32_t i = 0; i < COUNT(nodes); i++) {
        (void)snprintf(names[i], sizeof names[i], "n%03u", i);
        (void)snprintf(racks[i / 2], sizeof racks[i / 2], "r%03u", i / 2);
        nodes[i] = (struct world_node){names[i], "b1", racks[i / 2], i < 138 ? 5 : 4, 1};
    }
    struct bed bed;
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, 8, 1, 0);
    ck_assert_str_eq(bed_solve(&bed), "n138 n138 n138 n138 n139 n139 n139 n139");
    CHECK_USED(&bed, true, 1, 1, 1, 2);
    bed_finish(&bed);
}
END_TEST

/* ---- pinned members ---- */

START_TEST(a_gang_stays_in_the_rack_of_its_pinned_member)
{
    struct bed bed;
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 1, 8, 0);
    bed_pin(&bed, "n6");
    bed_exclude(&bed, 0, "n6");
    ck_assert_str_eq(bed_solve(&bed), "n5");
    CHECK_USED(&bed, true, 1, 1, 1, 2);
    ck_assert_uint_eq(bed.plan.level, 2);
    bed_finish(&bed);
}
END_TEST

START_TEST(a_pinned_node_with_room_is_used_first)
{
    struct bed bed;
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 9, 1, 0);
    bed_pin(&bed, "n4");
    ck_assert_str_eq(bed_solve(&bed), "n3 n4 n4 n4 n4 n4 n4 n4 n4");
    CHECK_USED(&bed, true, 1, 1, 1, 2);
    bed_finish(&bed);
}
END_TEST

START_TEST(all_on_the_pinned_node)
{
    struct bed bed;
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 3, 1, 0);
    bed_pin(&bed, "n4");
    ck_assert_str_eq(bed_solve(&bed), "n4 n4 n4");
    CHECK_USED(&bed, true, 1, 1, 1, 1);
    ck_assert_uint_eq(bed.plan.level, 3);
    bed_finish(&bed);
}
END_TEST

/* Members in both blocks: the common level is the cluster already, nothing new is touched but
 * nodes. */
START_TEST(pinned_members_far_apart)
{
    struct bed bed;
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 2, 8, 0);
    bed_pin(&bed, "n1");
    bed_pin(&bed, "n8");
    bed_exclude(&bed, 0, "n1");
    bed_exclude(&bed, 0, "n8");
    ck_assert_str_eq(bed_solve(&bed), "n2 n7");
    CHECK_USED(&bed, true, 1, 2, 2, 4);
    bed_finish(&bed);
}
END_TEST

/* More room on pinned nodes than wanted: the fewest, tightest of them. */
START_TEST(pinned_nodes_with_room_to_spare)
{
    struct bed bed;
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 2, 1, 0);
    bed_pin(&bed, "n8");
    bed_pin(&bed, "n1");
    ck_assert_str_eq(bed_solve(&bed), "n1 n1");
    CHECK_USED(&bed, true, 1, 2, 2, 2);
    bed_finish(&bed);
}
END_TEST

START_TEST(pinned_members_apart_under_required)
{
    struct bed bed;
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 2, 1, 0);
    bed_pin(&bed, "n1");
    bed_pin(&bed, "n3");
    bed_require(&bed, "rack");
    ck_assert_str_eq(bed_solve(&bed), "");
    const struct solver_shortfall *shortfall = &bed.plan.shortfall;
    ck_assert(!bed.plan.feasible && shortfall->pinned_apart && shortfall->proven);
    ck_assert_uint_eq(shortfall->level, 2);
    ck_assert_uint_eq(shortfall->domain, DOMAINS_NONE);
    ck_assert_uint_eq(shortfall->missing, 2);
    ck_assert_uint_eq(shortfall->alternative, 1);
    bed_require(&bed, "host");
    ck_assert_str_eq(bed_solve(&bed), "");
    ck_assert(bed.plan.shortfall.pinned_apart);
    ck_assert_uint_eq(bed.plan.shortfall.alternative, 1);
    bed_require(&bed, "block");
    ck_assert_str_eq(bed_solve(&bed), "n1 n1");
    bed_finish(&bed);
}
END_TEST

START_TEST(nothing_to_place)
{
    struct bed bed;
    bed_init(&bed, eight, COUNT(eight));
    ck_assert_str_eq(bed_solve(&bed), "");
    CHECK_USED(&bed, true, 0, 0, 0, 0);
    ck_assert_uint_eq(bed.plan.level, 0);
    bed_pin(&bed, "n1");
    bed_pin(&bed, "n4");
    ck_assert_str_eq(bed_solve(&bed), "");
    CHECK_USED(&bed, true, 1, 1, 2, 2);
    ck_assert_uint_eq(bed.plan.level, 1);
    check_domain(&bed, bed.plan.domain, "b1");
    bed_require(&bed, "rack");
    ck_assert_str_eq(bed_solve(&bed), "");
    ck_assert(!bed.plan.feasible && bed.plan.shortfall.pinned_apart);
    ck_assert_uint_eq(bed.plan.shortfall.alternative, 1);
    bed_finish(&bed);
}
END_TEST

/* ---- required levels ---- */

/* "z" is the emptiest node, but nobody knows its rack. */
static const struct world_node unknown[] = {
    {"a", "b1", "r1", 2, 1}, {"b", "b1", "r1", 2, 1}, {"z", "b1", NULL, 8, 1}};

START_TEST(an_unknown_rack_is_no_rack_when_required)
{
    struct bed bed;
    bed_init(&bed, unknown, COUNT(unknown));
    bed_role(&bed, 4, 1, 0);
    ck_assert_str_eq(bed_solve(&bed), "z z z z");
    bed_require(&bed, "rack");
    ck_assert_str_eq(bed_solve(&bed), "a a b b");
    CHECK_USED(&bed, true, 1, 1, 1, 2);
    bed_require(&bed, "block"); /* the rack is unknown, the block is not */
    ck_assert_str_eq(bed_solve(&bed), "z z z z");
    bed_require(&bed, "host");
    ck_assert_str_eq(bed_solve(&bed), "z z z z");
    bed_finish(&bed);
}
END_TEST

START_TEST(an_unknown_rack_does_not_help)
{
    struct bed bed;
    bed_init(&bed, unknown, COUNT(unknown));
    bed_role(&bed, 6, 1, 0);
    bed_require(&bed, "rack");
    ck_assert_str_eq(bed_solve(&bed), "");
    const struct solver_shortfall *shortfall = &bed.plan.shortfall;
    ck_assert_uint_eq(shortfall->level, 2);
    check_domain(&bed, shortfall->domain, "b1/r1");
    ck_assert_uint_eq(shortfall->wanted, 6);
    ck_assert_uint_eq(shortfall->fits, 4);
    ck_assert_uint_eq(shortfall->missing, 2);
    ck_assert_uint_eq(shortfall->alternative, 1);
    ck_assert(shortfall->proven && !shortfall->pinned_apart);
    bed_pin(&bed, "z"); /* a member where no rack is known */
    ck_assert_str_eq(bed_solve(&bed), "");
    ck_assert(bed.plan.shortfall.pinned_apart);
    bed_finish(&bed);
}
END_TEST

START_TEST(no_known_domain_at_all)
{
    /* Below a row that is missing, "r1" may be any of the racks that are called so. */
    static const char *const levels[] = {"block", "row", "rack"};
    const struct world_node nodes[] = {{"a", "b1", "r1", 1, 1}, {"b", "b2", "r1", 1, 1}};
    const struct label_object row = {"row", "only c knows its row"};
    const struct node_object c = {.name = "c", .labels = &row, .label_count = 1};
    struct bed bed;
    uint32_t unused;
    unsigned changes;
    bed_init(&bed, nodes, COUNT(nodes));
    ck_assert_int_eq(nodes_observe(bed.world.nodes, &c, &unused, &changes, NULL), 0);
    domains_destroy(bed.world.domains);
    bed.world.domains = world_tree(levels, COUNT(levels));
    domains_build(bed.world.domains, bed.world.nodes);
    bed.problem.domains = bed.world.domains;
    bed_role(&bed, 2, 1, 0);
    bed_require(&bed, "rack");
    ck_assert_str_eq(bed_solve(&bed), "");
    ck_assert_uint_eq(bed.plan.shortfall.domain, DOMAINS_NONE);
    ck_assert(!bed.plan.shortfall.pinned_apart);
    ck_assert_uint_eq(bed.plan.shortfall.missing, 2);
    ck_assert_uint_eq(bed.plan.shortfall.alternative, 0);
    bed_finish(&bed);
}
END_TEST

START_TEST(a_rack_below_an_unknown_block)
{
    /* The block of b and c is unknown, that they share a rack is not. */
    const struct world_node nodes[] = {
        {"a", "b1", NULL, 2, 1}, {"b", NULL, "r1", 1, 1}, {"c", NULL, "r1", 1, 1}};
    struct bed bed;
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, 2, 1, 0);
    bed_require(&bed, "rack");
    ck_assert_str_eq(bed_solve(&bed), "b c");
    CHECK_USED(&bed, true, 1, 1, 1, 2);
    bed_finish(&bed);
}
END_TEST

START_TEST(one_host_required)
{
    struct bed bed;
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 9, 1, 0);
    bed_require(&bed, "host");
    ck_assert_str_eq(bed_solve(&bed), "");
    const struct solver_shortfall *shortfall = &bed.plan.shortfall;
    ck_assert_uint_eq(shortfall->level, 3);
    ck_assert_uint_eq(shortfall->node, 0);
    check_domain(&bed, shortfall->domain, "b1/r1");
    ck_assert_uint_eq(shortfall->fits, 8);
    ck_assert_uint_eq(shortfall->missing, 1);
    ck_assert_uint_eq(shortfall->alternative, 2);
    bed_finish(&bed);
}
END_TEST

START_TEST(too_large_for_the_level_and_for_the_cluster)
{
    struct bed bed;
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 5, 8, 0);
    bed_exclude(&bed, 0, "n4");
    bed_require(&bed, "block");
    ck_assert_str_eq(bed_solve(&bed), "");
    const struct solver_shortfall *shortfall = &bed.plan.shortfall;
    ck_assert_uint_eq(shortfall->level, 1);
    ck_assert_uint_eq(shortfall->node, DOMAINS_NONE);
    check_domain(&bed, shortfall->domain, "b2");
    ck_assert_uint_eq(shortfall->fits, 4);
    ck_assert_uint_eq(shortfall->missing, 1);
    ck_assert_uint_eq(shortfall->alternative, 0);
    bed.roles[0].count = 9;
    ck_assert_str_eq(bed_solve(&bed), "");
    ck_assert_uint_eq(shortfall->missing, 5);
    ck_assert_uint_eq(shortfall->alternative, SOLVER_LEVEL_NONE);
    bed.problem.required_level = SOLVER_LEVEL_NONE;
    ck_assert_str_eq(bed_solve(&bed), "");
    ck_assert_uint_eq(shortfall->level, 0);
    ck_assert_uint_eq(shortfall->domain, 0);
    ck_assert_uint_eq(shortfall->fits, 7);
    ck_assert_uint_eq(shortfall->missing, 2);
    ck_assert_uint_eq(shortfall->alternative, SOLVER_LEVEL_NONE);
    bed.roles[0].count = 7; /* the same plan struct again, now with a plan */
    ck_assert_str_eq(bed_solve(&bed), "n1 n2 n3 n5 n6 n7 n8");
    CHECK_USED(&bed, true, 1, 2, 4, 7);
    ck_assert_uint_eq(bed.plan.shortfall.missing, 0);
    bed_finish(&bed);
}
END_TEST

/* ---- the suite ---- */

static void add_one_role(TCase *tcase)
{
    tcase_add_test(tcase, one_node_holds_all);
    tcase_add_test(tcase, the_tightest_node_is_chosen);
    tcase_add_test(tcase, the_tightest_rack_is_chosen);
    tcase_add_test(tcase, fewest_nodes_go_before_the_tightest_rack);
    tcase_add_test(tcase, the_rest_goes_to_the_tightest_node);
    tcase_add_test(tcase, the_rest_goes_to_the_tightest_rack);
    tcase_add_test(tcase, one_rack_beats_the_emptiest_nodes);
    tcase_add_test(tcase, equal_names_are_not_one_domain);
    tcase_add_test(tcase, a_roomier_rack_can_save_nodes);
    tcase_add_test(tcase, a_bound_out_of_reach_is_raised_by_proof);
    tcase_add_test(tcase, excluded_nodes_are_left_alone);
    tcase_add_test(tcase, the_tightest_of_many_racks_is_found);
}

static void add_pinned_and_required(TCase *tcase)
{
    tcase_add_test(tcase, a_gang_stays_in_the_rack_of_its_pinned_member);
    tcase_add_test(tcase, a_pinned_node_with_room_is_used_first);
    tcase_add_test(tcase, all_on_the_pinned_node);
    tcase_add_test(tcase, pinned_members_far_apart);
    tcase_add_test(tcase, pinned_nodes_with_room_to_spare);
    tcase_add_test(tcase, pinned_members_apart_under_required);
    tcase_add_test(tcase, nothing_to_place);
    tcase_add_test(tcase, an_unknown_rack_is_no_rack_when_required);
    tcase_add_test(tcase, an_unknown_rack_does_not_help);
    tcase_add_test(tcase, no_known_domain_at_all);
    tcase_add_test(tcase, a_rack_below_an_unknown_block);
    tcase_add_test(tcase, one_host_required);
    tcase_add_test(tcase, too_large_for_the_level_and_for_the_cluster);
}

int main(void)
{
    Suite *suite = suite_create("solver");
    TCase *one_role = tcase_create("one role");
    add_one_role(one_role);
    suite_add_tcase(suite, one_role);
    TCase *pinned_and_required = tcase_create("pinned and required");
    add_pinned_and_required(pinned_and_required);
    suite_add_tcase(suite, pinned_and_required);
    return check_main(suite);
}
