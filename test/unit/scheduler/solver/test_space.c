// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/space.h"

#include <signal.h>

#include "test/unit/check_main.h"
#include "test/unit/scheduler/solver/bed.h"

/* Eight nodes of 8 GPUs and 64 CPUs. Pods of 4 GPUs: two per node, four per rack, eight per block.
 *
 *   cluster 0 ─┬ block b1 1 ─┬ rack r1 2   n1 n2
 *              │             └ rack r2 3   n3 n4
 *              └ block b2 4 ─┬ rack r3 5   n5 n6
 *                            └ rack r4 6   n7 n8
 */

static struct bed bed;
static struct solver_space *space;

static void setup(void)
{
    bed_init(&bed, eight, COUNT(eight));
}

static void teardown(void)
{
    solver_space_destroy(space);
    bed_finish(&bed);
}

static void create(void)
{
    solver_space_destroy(space);
    space = solver_space_create(&bed.problem, &bed.effort);
}

static uint32_t node_fits(uint32_t demand, const char *node)
{
    return solver_space_node_fits(space, demand, world_position(&bed.world, node));
}

static void put(uint32_t role, const char *node, uint32_t count)
{
    solver_space_place(space, role, world_position(&bed.world, node), count);
}

static void check_fits(uint32_t demand, const uint64_t *fits)
{
    for (uint32_t d = 0; d < domains_count(bed.world.domains); d++) {
        uint64_t found = solver_space_domain_fits(space, demand, d);
        ck_assert_msg(found == fits[d], "domain %u: %llu", d, (unsigned long long)found);
    }
}

#define CHECK_FITS(demand, ...) check_fits((demand), (const uint64_t[]){__VA_ARGS__})

static void check_space_used(uint32_t cluster, uint32_t blocks, uint32_t racks, uint32_t nodes)
{
    ck_assert_uint_eq(solver_space_used(space, 0), cluster);
    ck_assert_uint_eq(solver_space_used(space, 1), blocks);
    ck_assert_uint_eq(solver_space_used(space, 2), racks);
    ck_assert_uint_eq(solver_space_used(space, 3), nodes);
}

START_TEST(sums_without_excluded_nodes)
{
    bed_role(&bed, 9, 4, 0);
    create();
    CHECK_FITS(0, 16, 8, 4, 4, 8, 4, 4);
    ck_assert_uint_eq(solver_space_demands(space), 1);
    ck_assert_uint_eq(solver_space_wanted(space, 0), 9);
    bed_exclude(&bed, 0, "n3");
    bed_exclude(&bed, 0, "n8");
    create();
    CHECK_FITS(0, 12, 6, 4, 2, 6, 4, 2);
    ck_assert_uint_eq(node_fits(0, "n3"), 0);
    ck_assert_uint_eq(node_fits(0, "n4"), 2);
    ck_assert(solver_space_domain_passes(space, 0));
    ck_assert(!solver_space_domain_passes(space, 1));
    ck_assert(!solver_space_node_passes(space, 0));
}
END_TEST

/* Four per rack are one slice of three, two of those make a block's six. */
START_TEST(slices_round_down_level_by_level)
{
    bed_role(&bed, 12, 4, 0);
    bed_layer(&bed, 0, "rack", 3);
    create();
    CHECK_FITS(0, 12, 6, 3, 3, 6, 3, 3);
    ck_assert_uint_eq(node_fits(0, "n1"), 2);
    bed.layers[0][0] = (struct solver_layer){.level = 1, .size = 5};
    create();
    CHECK_FITS(0, 10, 5, 4, 4, 5, 4, 4);
    bed.layers[0][0] = (struct solver_layer){.level = 1, .size = 4};
    bed_layer(&bed, 0, "host", 2);
    bed_exclude(&bed, 0, "n1");
    create();
    CHECK_FITS(0, 12, 4, 2, 4, 8, 4, 4); /* of b1's six */
}
END_TEST

/* r1 began a slice of which one pod is missing; beside it there is room for a whole one. */
START_TEST(started_slices_come_first)
{
    bed_role(&bed, 10, 4, 0);
    bed_layer(&bed, 0, "rack", 3);
    bed_start(&bed, 0, 0, "n1", 1);
    create();
    uint32_t role = 9;
    uint64_t room = 9;
    CHECK_FITS(0, 13, 7, 4, 3, 6, 3, 3);
    ck_assert_ptr_null(solver_space_impossible(space, &role, &room));
    ck_assert(solver_space_can_finish(space, 0));
    ck_assert(solver_space_domain_passes(space, 0));
}
END_TEST

/* Three pods have to go to r1, where one node is left for two. */
START_TEST(a_started_slice_that_cannot_end)
{
    bed_role(&bed, 3, 4, 0);
    bed_layer(&bed, 0, "rack", 6);
    bed_start(&bed, 0, 0, "n1", 3);
    bed_exclude(&bed, 0, "n2");
    create();
    uint32_t role = 9;
    uint64_t room = 9;
    ck_assert_ptr_eq(solver_space_impossible(space, &role, &room), &bed.started[0][0]);
    ck_assert_uint_eq(role, 0);
    ck_assert_uint_eq(room, 2);
    ck_assert(!solver_space_domain_passes(space, 0));
    ck_assert(!solver_space_node_passes(space, 4));
    ck_assert(!solver_space_can_finish(space, 0));
}
END_TEST

START_TEST(a_slice_started_on_a_node_that_is_gone)
{
    bed_role(&bed, 1, 4, 0);
    bed_layer(&bed, 0, "host", 2);
    bed_start(&bed, 0, 0, "n5", 1);
    create();
    ck_assert(solver_space_can_finish(space, 0));
    bed_exclude(&bed, 0, "n5");
    create();
    uint32_t role = 9;
    uint64_t room = 9;
    ck_assert_ptr_nonnull(solver_space_impossible(space, &role, &room));
    ck_assert_uint_eq(room, 0);
    ck_assert(!solver_space_can_finish(space, 0));
}
END_TEST

/* ---- touching ---- */

START_TEST(a_trial_touches_and_is_taken_back)
{
    bed_role(&bed, 5, 4, 0);
    create();
    check_space_used(0, 0, 0, 0);
    put(0, "n1", 2);
    put(0, "n2", 1);
    check_space_used(1, 1, 1, 2);
    put(0, "n2", 1); /* again the same node */
    check_space_used(1, 1, 1, 2);
    put(0, "n8", 1);
    check_space_used(1, 2, 2, 3);
    ck_assert(solver_space_domain_touched(space, 6));
    ck_assert(!solver_space_domain_touched(space, 5));
    ck_assert(solver_space_node_touched(space, 7));
    uint32_t count = 0;
    const struct solver_placement *placements = solver_space_placements(space, &count);
    ck_assert_uint_eq(count, 4);
    ck_assert_uint_eq(placements[3].position, 7);
    solver_space_undo(space);
    check_space_used(0, 0, 0, 0);
    ck_assert(!solver_space_domain_touched(space, 0));
    ck_assert(!solver_space_node_touched(space, 7));
    (void)solver_space_placements(space, &count);
    ck_assert_uint_eq(count, 0);
    CHECK_FITS(0, 16, 8, 4, 4, 8, 4, 4);
}
END_TEST

START_TEST(pinned_members_stay_touched)
{
    bed_role(&bed, 2, 4, 0);
    bed_pin(&bed, "n4");
    bed_pin(&bed, "n2");
    bed_pin(&bed, "n4");
    create();
    check_space_used(1, 1, 2, 2);
    put(0, "n4", 1);
    check_space_used(1, 1, 2, 2);
    put(0, "n5", 1);
    check_space_used(1, 2, 3, 3);
    solver_space_undo(space);
    check_space_used(1, 1, 2, 2);
    ck_assert(solver_space_node_touched(space, 3));
    ck_assert(solver_space_holds_pinned(space, 1, 4));
    ck_assert(!solver_space_holds_pinned(space, 2, 4));
    ck_assert(!solver_space_holds_pinned(space, 1, 3));
    ck_assert_uint_eq(node_fits(0, "n4"), 2); /* what is pinned has its room already */
}
END_TEST

START_TEST(a_gang_without_pods)
{
    create();
    ck_assert_uint_eq(solver_space_demands(space), 0);
    ck_assert_uint_eq(solver_space_roles(space), 0);
    ck_assert(solver_space_domain_passes(space, 3));
    ck_assert(solver_space_node_passes(space, 3));
    ck_assert(solver_space_holds_pinned(space, 5, 5));
    check_space_used(0, 0, 0, 0);
}
END_TEST

/* ---- several roles ---- */

START_TEST(roles_take_room_from_each_other)
{
    bed_role(&bed, 1, 8, 0);
    bed_role(&bed, 3, 2, 30);
    create();
    CHECK_FITS(0, 8, 4, 2, 2, 4, 2, 2);
    CHECK_FITS(1, 16, 8, 4, 4, 8, 4, 4);
    put(1, "n1", 1);
    CHECK_FITS(0, 7, 3, 1, 2, 4, 2, 2);
    CHECK_FITS(1, 15, 7, 3, 4, 8, 4, 4);
    ck_assert_uint_eq(node_fits(0, "n1"), 0);
    ck_assert_uint_eq(node_fits(1, "n1"), 1);
    put(0, "n2", 1);
    CHECK_FITS(1, 13, 5, 1, 4, 8, 4, 4); /* CPUs are left on n2, GPUs are not */
    solver_space_undo(space);
    CHECK_FITS(0, 8, 4, 2, 2, 4, 2, 2);
    CHECK_FITS(1, 16, 8, 4, 4, 8, 4, 4);
    ck_assert_uint_eq(node_fits(0, "n1"), 1);
}
END_TEST

/* Slices of three per rack: the first pod that goes elsewhere takes the spare one, the second the
 * slice. */
START_TEST(a_slice_breaks_once)
{
    bed_role(&bed, 3, 4, 0);
    bed_role(&bed, 2, 4, 1);
    bed_layer(&bed, 0, "rack", 3);
    create();
    CHECK_FITS(0, 12, 6, 3, 3, 6, 3, 3);
    put(1, "n1", 1);
    CHECK_FITS(0, 12, 6, 3, 3, 6, 3, 3);
    put(1, "n2", 1);
    CHECK_FITS(0, 9, 3, 0, 3, 6, 3, 3);
    solver_space_undo(space);
    CHECK_FITS(0, 12, 6, 3, 3, 6, 3, 3);
}
END_TEST

START_TEST(slices_of_nodes_among_roles)
{
    bed_role(&bed, 2, 4, 0);
    bed_role(&bed, 1, 1, 0);
    bed_layer(&bed, 0, "host", 2);
    create();
    put(1, "n1", 1);
    ck_assert_uint_eq(node_fits(0, "n1"), 0); /* one would fit: half a slice */
    ck_assert_uint_eq(solver_space_domain_fits(space, 0, 2), 2);
}
END_TEST

/* A started slice is impossible as soon as another role sits in its room. */
START_TEST(another_role_in_the_room_of_a_slice)
{
    bed_role(&bed, 4, 4, 0);
    bed_role(&bed, 1, 1, 0);
    bed_layer(&bed, 0, "rack", 8);
    bed_start(&bed, 0, 0, "n1", 4);
    create();
    ck_assert(solver_space_can_finish(space, 0));
    put(1, "n3", 1);
    ck_assert(solver_space_can_finish(space, 0));
    put(1, "n2", 1);
    ck_assert(!solver_space_can_finish(space, 0));
    solver_space_undo(space);
    ck_assert(solver_space_can_finish(space, 0));
}
END_TEST

/* Master and workers want whole nodes: five fit nowhere in a block although 1 and 4 do. */
START_TEST(the_mix_proves_more_than_the_roles)
{
    bed_role(&bed, 1, 8, 32);
    bed_role(&bed, 4, 8, 48);
    create();
    ck_assert_uint_eq(solver_space_demands(space), 5); /* two roles, the mix, GPUs, CPUs */
    ck_assert_uint_eq(solver_space_wanted(space, 2), 5);
    ck_assert_uint_eq(solver_space_wanted(space, 3), 40);
    ck_assert_uint_eq(solver_space_wanted(space, 4), 224);
    CHECK_FITS(2, 8, 4, 2, 2, 4, 2, 2);
    ck_assert_uint_eq(node_fits(2, "n1"), 1);
    ck_assert(solver_space_domain_passes(space, 0));
    ck_assert(!solver_space_domain_passes(space, 1));
    put(0, "n1", 1);
    CHECK_FITS(2, 8, 4, 2, 2, 4, 2, 2); /* a trial does not change it */
}
END_TEST

/* Nothing in common: what limits the mix is how many fit one by one. Excluded for all: nothing. */
START_TEST(a_mix_of_strangers)
{
    bed_role(&bed, 1, 8, 0);
    bed_role(&bed, 2, 0, 16);
    bed_exclude(&bed, 0, "n2");
    bed_exclude(&bed, 1, "n2");
    bed_exclude(&bed, 1, "n3");
    create();
    ck_assert_uint_eq(node_fits(2, "n1"), 5);
    ck_assert_uint_eq(node_fits(2, "n2"), 0);
    ck_assert_uint_eq(node_fits(2, "n3"), 1);
    ck_assert_uint_eq(solver_space_domain_fits(space, 2, 2), 5);
}
END_TEST

/* Each role fits the node, both together do not. */
START_TEST(a_node_passes_for_all_together)
{
    bed_role(&bed, 2, 3, 0);
    bed_role(&bed, 1, 2, 0);
    create();
    ck_assert(solver_space_node_passes(space, 0));
    bed.roles[1].count = 2;
    create();
    ck_assert(!solver_space_node_passes(space, 0));
    bed.roles[1].count = 5; /* not even alone */
    create();
    ck_assert(!solver_space_node_passes(space, 0));
}
END_TEST

/* Requests whose product with the count is beyond 64 bits are more than any node has. */
START_TEST(requests_beyond_all_numbers)
{
    static const struct world_node huge[] = {
        {"n1", "b1", "r1", RESOURCE_AMOUNT_MAX, RESOURCE_AMOUNT_MAX}};
    struct bed other;
    bed_init(&other, huge, COUNT(huge));
    bed_role(&other, 2, RESOURCE_AMOUNT_MAX / 2, 0);
    bed_role(&other, 1, 0, 1);
    space = solver_space_create(&other.problem, &bed.effort);
    ck_assert(solver_space_node_passes(space, 0));
    solver_space_destroy(space);
    resources_set(&other.requests[0], other.world.gpu, INT64_MAX / 2);
    resources_set(&other.requests[1], other.world.gpu, INT64_MAX / 2);
    space = solver_space_create(&other.problem, &bed.effort);
    ck_assert(!solver_space_node_passes(space, 0)); /* the sum is beyond 64 bits */
    solver_space_destroy(space);
    other.roles[0].count = 100000;
    other.roles[1].count = 1;
    space = solver_space_create(&other.problem, &bed.effort);
    ck_assert(!solver_space_node_passes(space, 0));
    ck_assert(!solver_space_domain_passes(space, 0));
    solver_space_destroy(space);
    space = NULL;
    bed_finish(&other);
}
END_TEST

/* ---- mistakes of the program ---- */

START_TEST(more_than_fit_aborts)
{
    bed_role(&bed, 3, 4, 0);
    create();
    put(0, "n1", 3);
}
END_TEST

START_TEST(a_pin_outside_of_the_tree_aborts)
{
    bed_role(&bed, 3, 4, 0);
    bed.pinned[0] = 8;
    bed.problem.pinned_count = 1;
    create();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("solver_space");
    TCase *tcase = tcase_create("space");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, sums_without_excluded_nodes);
    tcase_add_test(tcase, slices_round_down_level_by_level);
    tcase_add_test(tcase, started_slices_come_first);
    tcase_add_test(tcase, a_started_slice_that_cannot_end);
    tcase_add_test(tcase, a_slice_started_on_a_node_that_is_gone);
    tcase_add_test(tcase, a_trial_touches_and_is_taken_back);
    tcase_add_test(tcase, pinned_members_stay_touched);
    tcase_add_test(tcase, a_gang_without_pods);
    tcase_add_test(tcase, roles_take_room_from_each_other);
    tcase_add_test(tcase, a_slice_breaks_once);
    tcase_add_test(tcase, slices_of_nodes_among_roles);
    tcase_add_test(tcase, another_role_in_the_room_of_a_slice);
    tcase_add_test(tcase, the_mix_proves_more_than_the_roles);
    tcase_add_test(tcase, a_mix_of_strangers);
    tcase_add_test(tcase, a_node_passes_for_all_together);
    tcase_add_test(tcase, requests_beyond_all_numbers);
    tcase_add_test_raise_signal(tcase, more_than_fit_aborts, SIGABRT);
    tcase_add_test_raise_signal(tcase, a_pin_outside_of_the_tree_aborts, SIGABRT);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
