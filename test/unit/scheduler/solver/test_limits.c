// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/limits.h"

#include "test/unit/check_main.h"
#include "test/unit/scheduler/solver/bed.h"

/* Limits and exclusions over two racks of two nodes, and a node without a rack. */
static const struct world_node five[] = {{"n1", "b1", "r1", 8, 64},
                                         {"n2", "b1", "r1", 8, 64},
                                         {"n3", "b1", "r2", 8, 64},
                                         {"n4", "b1", "r2", 8, 64},
                                         {"n5", "b1", NULL, 8, 64}};

static struct bed bed;
static struct solver_limits *limits;

static void setup(void)
{
    bed_init(&bed, five, COUNT(five));
    bed_role(&bed, 4, 1, 0);
    bed_role(&bed, 1, 1, 0);
    bed_role(&bed, 1, 1, 0);
}

static void teardown(void)
{
    solver_limits_destroy(limits);
    limits = NULL;
    bed_finish(&bed);
}

static void create(void)
{
    solver_limits_destroy(limits);
    limits = solver_limits_create(&bed.problem, &bed.effort);
}

static uint32_t most(uint32_t role, const char *level, const char *node)
{
    return solver_limits_most(limits, role, bed_level(&bed, level), bed_place(&bed, level, node));
}

static uint32_t room(uint32_t role, const char *node)
{
    return solver_limits_room(limits, role, world_position(&bed.world, node));
}

static void count(uint32_t role, const char *node, int32_t pods)
{
    solver_limits_count(limits, role, world_position(&bed.world, node), pods);
}

START_TEST(nothing_is_limited_when_nothing_is_given)
{
    create();
    ck_assert_ptr_null(limits);
    ck_assert_uint_eq(solver_limits_levels(NULL, 0), 0);
    ck_assert_uint_eq(most(0, "rack", "n1"), SOLVER_LIMITS_NONE);
    ck_assert_uint_eq(room(0, "n1"), SOLVER_LIMITS_NONE);
    ck_assert(!solver_limits_split(NULL, 3, 0));
    ck_assert(solver_limits_alike(NULL, 0, 1));
    count(0, "n1", 1);
    struct solver_limits_change changes[SOLVER_LIMITS_CHANGES_MAX];
    ck_assert_uint_eq(solver_limits_changes(NULL, 0, 0, changes), 0);
}
END_TEST

START_TEST(a_limit_counts_its_set_by_domain)
{
    (void)bed_limit(&bed, "rack", 2, 3);
    create();
    ck_assert_uint_eq(solver_limits_levels(limits, 1), 1u << bed_level(&bed, "rack"));
    ck_assert_uint_eq(solver_limits_levels(limits, 2), 0);
    count(0, "n1", 1);
    ck_assert_uint_eq(most(1, "rack", "n2"), 1);
    ck_assert_uint_eq(most(1, "rack", "n3"), 2);
    ck_assert_uint_eq(most(2, "rack", "n2"), SOLVER_LIMITS_NONE);
    ck_assert_uint_eq(most(1, "host", "n2"), SOLVER_LIMITS_NONE);
    count(1, "n2", 1);
    ck_assert_uint_eq(room(0, "n1"), 0);
    count(0, "n1", -1);
    ck_assert_uint_eq(room(0, "n1"), 1);
}
END_TEST

START_TEST(an_unknown_domain_bars_nobody)
{
    (void)bed_limit(&bed, "rack", 1, 1);
    (void)bed_apart(&bed, "rack", 2, 4);
    create();
    count(0, "n5", 3);
    count(1, "n5", 1);
    ck_assert_uint_eq(room(0, "n5"), SOLVER_LIMITS_NONE);
    ck_assert_uint_eq(room(2, "n5"), SOLVER_LIMITS_NONE);
    uint32_t rack = bed_level(&bed, "rack");
    ck_assert(!solver_limits_split(limits, rack, world_position(&bed.world, "n5")));
    ck_assert(solver_limits_split(limits, rack, world_position(&bed.world, "n1")));
    ck_assert(!solver_limits_split(limits, rack - 1, world_position(&bed.world, "n1")));
}
END_TEST

/* More pods than a limit lets in leave no room, and no less than none. */
START_TEST(pinned_pods_count)
{
    uint32_t pinned[] = {world_position(&bed.world, "n1"), world_position(&bed.world, "n1"),
                         world_position(&bed.world, "n2"), world_position(&bed.world, "n3")};
    struct solver_limit *limit = bed_limit(&bed, "rack", 2, 1);
    limit->pinned = pinned;
    limit->pinned_count = 4;
    struct solver_apart *apart = bed_apart(&bed, "host", 2, 0);
    apart->pinned[1] = pinned;
    apart->pinned_count[1] = 2;
    create();
    ck_assert_uint_eq(most(0, "rack", "n2"), 0);
    ck_assert_uint_eq(most(0, "rack", "n4"), 1);
    ck_assert_uint_eq(most(1, "host", "n1"), 0);
    ck_assert_uint_eq(most(1, "host", "n2"), SOLVER_LIMITS_NONE);
    ck_assert(!solver_limits_split(limits, bed_level(&bed, "host"), 0));
}
END_TEST

START_TEST(sets_that_stand_apart)
{
    (void)bed_apart(&bed, "rack", 1, 6);
    create();
    count(0, "n1", 2);
    ck_assert_uint_eq(most(1, "rack", "n2"), 0);
    ck_assert_uint_eq(most(2, "rack", "n2"), 0);
    ck_assert_uint_eq(most(0, "rack", "n2"), SOLVER_LIMITS_NONE);
    ck_assert_uint_eq(most(1, "rack", "n3"), SOLVER_LIMITS_NONE);
    count(0, "n1", -1);
    ck_assert_uint_eq(room(1, "n2"), 0);
    count(0, "n1", -1);
    ck_assert_uint_eq(room(1, "n2"), SOLVER_LIMITS_NONE);
}
END_TEST

/* Who is told of it: the whole set of a limit, the other set of an exclusion. */
START_TEST(changes)
{
    (void)bed_limit(&bed, "rack", 2, 3);
    (void)bed_limit(&bed, "host", 2, 4);
    (void)bed_apart(&bed, "block", 1, 4);
    create();
    struct solver_limits_change found[SOLVER_LIMITS_CHANGES_MAX];
    uint32_t position = world_position(&bed.world, "n3");
    ck_assert_uint_eq(solver_limits_changes(limits, 0, position, found), 2);
    ck_assert_uint_eq(found[0].level, bed_level(&bed, "rack"));
    ck_assert_uint_eq(found[0].index, bed_place(&bed, "rack", "n3"));
    ck_assert_uint_eq(found[0].roles, 3);
    ck_assert_uint_eq(found[1].level, bed_level(&bed, "block"));
    ck_assert_uint_eq(found[1].roles, 4);
}
END_TEST

START_TEST(nodes_that_are_alike)
{
    (void)bed_limit(&bed, "host", 3, 1);
    (void)bed_limit(&bed, "rack", 3, 1);
    (void)bed_apart(&bed, "host", 2, 4);
    create();
    ck_assert(solver_limits_alike(limits, 0, 1));
    count(0, "n1", 1);
    ck_assert(!solver_limits_alike(limits, 0, 1));
    count(0, "n2", 1);
    ck_assert(solver_limits_alike(limits, 0, 1));
    count(1, "n2", 1);
    ck_assert(!solver_limits_alike(limits, 0, 1));
}
END_TEST

/* Role 1 alone is role 0 of its problem; what does not concern it is left out. */
START_TEST(one_role_alone)
{
    uint32_t pinned[] = {world_position(&bed.world, "n4")};
    (void)bed_limit(&bed, "rack", 2, 5);
    struct solver_limit *limit = bed_limit(&bed, "rack", 2, 3);
    limit->pinned = pinned;
    limit->pinned_count = 1;
    struct solver_apart *apart = bed_apart(&bed, "rack", 4, 2);
    apart->pinned[0] = pinned;
    apart->pinned_count[0] = 1;
    struct solver_limits_alone store;
    struct solver_problem alone = bed.problem;
    solver_limits_alone(&bed.problem, 1, &store, &alone);
    ck_assert_uint_eq(alone.limit_count, 1);
    ck_assert_uint_eq(alone.limits[0].roles, 1);
    ck_assert_uint_eq(alone.limits[0].pinned_count, 1);
    ck_assert_uint_eq(alone.apart_count, 1);
    ck_assert_uint_eq(alone.aparts[0].roles[0], 0);
    ck_assert_uint_eq(alone.aparts[0].roles[1], 1);
    ck_assert_uint_eq(alone.aparts[0].pinned_count[0], 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/solver/limits");
    TCase *tcase = tcase_create("limits");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, nothing_is_limited_when_nothing_is_given);
    tcase_add_test(tcase, a_limit_counts_its_set_by_domain);
    tcase_add_test(tcase, an_unknown_domain_bars_nobody);
    tcase_add_test(tcase, pinned_pods_count);
    tcase_add_test(tcase, sets_that_stand_apart);
    tcase_add_test(tcase, changes);
    tcase_add_test(tcase, nodes_that_are_alike);
    tcase_add_test(tcase, one_role_alone);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
