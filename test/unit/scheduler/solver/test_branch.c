// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/branch.h"

#include "scheduler/solver/seats.h"
#include "test/unit/check_main.h"
#include "test/unit/scheduler/solver/bed.h"

/* The search itself, from an empty best plan and with a lower bound that nothing meets unless
 * said. */

static struct bed bed;
static struct solver_space *space;
static struct solver_branch *branch;
static struct solver_solution best;
static uint64_t steps;

static void setup(void)
{
    solver_solution_init(&best);
}

static void release(void)
{
    solver_solution_finish(&best);
    solver_branch_destroy(branch);
    solver_space_destroy(space);
    branch = NULL;
    space = NULL;
}

static void teardown(void)
{
    release();
    bed_finish(&bed);
}

static enum solver_branch_outcome run_with(const uint32_t *lower_bound, const char *level,
                                           const char *node, uint64_t budget)
{
    release();
    space = solver_space_create(&bed.problem, &bed.effort);
    branch = solver_branch_create(&bed.problem, space);
    bed_budget(&bed, budget);
    steps = bed.effort.steps;
    enum solver_branch_outcome outcome =
        solver_branch_search(branch, bed_place(&bed, level, node), lower_bound, &best);
    steps = bed.effort.steps - steps;
    uint32_t count = 0;
    (void)solver_space_placements(space, &count);
    ck_assert_uint_eq(count, 0);
    return outcome;
}

static enum solver_branch_outcome run(const char *level, const char *node, uint64_t budget)
{
    static const uint32_t nothing[SOLVER_TREE_MAX] = {0};
    return run_with(nothing, level, node, budget);
}

static void check_best(const uint32_t *expected)
{
    ck_assert(best.complete);
    for (uint32_t l = 0; l <= solver_space_host(space); l++) {
        ck_assert_msg(best.used[l] == expected[l], "level %u: %u", l, best.used[l]);
    }
}

#define CHECK_BEST(...) check_best((const uint32_t[]){__VA_ARGS__})

/* 5 4 | 5 4: 3 + 2 on each node of five. */
static const struct world_node five_and_four[] = {
    {"n1", "b1", "r1", 5, 9},
    {"n2", "b1", "r1", 4, 9},
    {"n3", "b1", "r2", 5, 9},
    {"n4", "b1", "r2", 4, 9},
};

START_TEST(the_only_way)
{
    bed_init(&bed, five_and_four, COUNT(five_and_four));
    bed_role(&bed, 2, 3, 0);
    bed_role(&bed, 2, 2, 0);
    ck_assert_int_eq(run("block", "n1", 1000000), SOLVER_BRANCH_PROVEN);
    CHECK_BEST(1, 1, 2, 2);
    ck_assert_uint_eq(best.placed, 4);
    ck_assert_int_eq(run("rack", "n1", 1000000), SOLVER_BRANCH_PROVEN);
    ck_assert(!best.complete);
}
END_TEST

/* Nodes fill up to the last CPU, too: 2 × 4 of 9. */
START_TEST(every_resource_counts)
{
    bed_init(&bed, five_and_four, COUNT(five_and_four));
    bed_role(&bed, 2, 1, 5);
    bed_role(&bed, 2, 1, 4);
    ck_assert_int_eq(run("rack", "n1", 1000000), SOLVER_BRANCH_PROVEN);
    CHECK_BEST(1, 1, 1, 2);
    for (uint32_t i = 0; i < best.count; i++) {
        ck_assert_uint_eq(best.placements[i].count, 1);
    }
    bed.roles[0].count = 3;
    ck_assert_int_eq(run("rack", "n1", 1000000), SOLVER_BRANCH_PROVEN);
    ck_assert(!best.complete);
}
END_TEST

START_TEST(excluded_nodes)
{
    bed_init(&bed, five_and_four, COUNT(five_and_four));
    bed_role(&bed, 1, 5, 0);
    bed_role(&bed, 1, 4, 0);
    bed_exclude(&bed, 0, "n1");
    bed_exclude(&bed, 1, "n4");
    ck_assert_int_eq(run("block", "n1", 1000000), SOLVER_BRANCH_PROVEN);
    CHECK_BEST(1, 1, 2, 2); /* n3 and n4 would be one rack */
    for (uint32_t i = 0; i < best.count; i++) {
        uint32_t position = best.placements[i].position;
        ck_assert(best.placements[i].role == 0 ? position == 2 : position < 2);
    }
}
END_TEST

/* A member sits on n4: its node and rack are free of cost. */
START_TEST(around_a_pinned_member)
{
    bed_init(&bed, five_and_four, COUNT(five_and_four));
    bed_role(&bed, 1, 2, 0);
    bed_role(&bed, 1, 1, 0);
    bed_pin(&bed, "n4");
    ck_assert_int_eq(run("block", "n1", 1000000), SOLVER_BRANCH_PROVEN);
    CHECK_BEST(1, 1, 1, 1);
    ck_assert_uint_eq(best.placements[0].position, 3);
}
END_TEST

/* Pairs of 2 GPUs per rack beside two of 3: three of one kind in a rack would be fewer nodes. */
START_TEST(whole_slices)
{
    bed_init(&bed, five_and_four, COUNT(five_and_four));
    bed_role(&bed, 4, 2, 0);
    bed_role(&bed, 1, 5, 0);
    bed_layer(&bed, 0, "rack", 2);
    ck_assert_int_eq(run("block", "n1", 1000000), SOLVER_BRANCH_PROVEN);
    ck_assert(best.complete);
    uint32_t in_rack[2] = {0, 0};
    for (uint32_t i = 0; i < best.count; i++) {
        if (best.placements[i].role == 0) {
            in_rack[best.placements[i].position / 2] += best.placements[i].count;
        }
    }
    ck_assert_uint_eq(in_rack[0] % 2, 0);
    ck_assert_uint_eq(in_rack[0] + in_rack[1], 4);
    bed_layer(&bed, 0, "host", 1);
    bed.layers[0][1].size = 2; /* and each pair on one node: 4 4 beside a whole node of five */
    ck_assert_int_eq(run("block", "n1", 1000000), SOLVER_BRANCH_PROVEN);
    CHECK_BEST(1, 1, 2, 3);
    for (uint32_t i = 0; i < best.count; i++) {
        ck_assert_uint_eq(best.placements[i].count, best.placements[i].role == 0 ? 2 : 1);
    }
}
END_TEST

/* A slice began in r2 and lacks one pod: r1 is emptier, the pod goes to r2. */
START_TEST(a_started_slice)
{
    bed_init(&bed, five_and_four, COUNT(five_and_four));
    bed_role(&bed, 1, 2, 0);
    bed_role(&bed, 1, 2, 1);
    bed_layer(&bed, 0, "rack", 2);
    bed_start(&bed, 0, 0, "n3", 1);
    ck_assert_int_eq(run("block", "n1", 1000000), SOLVER_BRANCH_PROVEN);
    CHECK_BEST(1, 1, 1, 1);
    ck_assert_uint_ge(best.placements[0].position, 2);
}
END_TEST

/* Twelve nodes that are alike, and one pod too many: as a thousand steps prove, since which of them
 * is meant makes no difference. Told apart by a CPU each, they are dealt every way: over budget. */
START_TEST(twins_are_one)
{
    enum { NODES = 12, BUDGET = 1000 };
    struct world_node nodes[NODES];
    char names[NODES][8];
    for (int alike = 1; alike >= 0; alike--) {
        for (int i = 0; i < NODES; i++) {
            (void)snprintf(names[i], sizeof names[i], "n%02d", i);
            nodes[i] = (struct world_node){names[i], "b1", "r1", 8, alike ? 64 : 64 + i};
        }
        bed_init(&bed, nodes, NODES);
        bed_role(&bed, 8, 5, 0); /* 8 nodes */
        bed_role(&bed, 5, 6, 1); /* and 5 more */
        ck_assert_int_eq(run("rack", "n00", BUDGET),
                         alike ? SOLVER_BRANCH_PROVEN : SOLVER_BRANCH_OPEN);
        ck_assert(!best.complete);
        release();
        bed_finish(&bed);
    }
    bed_init(&bed, nodes, 1);
}
END_TEST

/* It ends at a plan that meets the lower bound; the steps tell. */
START_TEST(good_enough)
{
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 3, 2, 0);
    bed_role(&bed, 3, 3, 1);
    ck_assert_int_eq(run("cluster", "n1", 1000000), SOLVER_BRANCH_PROVEN);
    CHECK_BEST(1, 1, 1, 2);
    uint64_t all = steps;
    const uint32_t lower_bound[SOLVER_TREE_MAX] = {1, 1, 1, 2};
    ck_assert_int_eq(run_with(lower_bound, "cluster", "n1", 1000000), SOLVER_BRANCH_PROVEN);
    CHECK_BEST(1, 1, 1, 2);
    ck_assert_uint_le(steps, all);
}
END_TEST

START_TEST(the_budget_ends)
{
    bed_init(&bed, five_and_four, COUNT(five_and_four));
    bed_role(&bed, 2, 3, 0);
    bed_role(&bed, 2, 2, 0);
    for (uint64_t budget = 1; budget < 40; budget++) {
        enum solver_branch_outcome outcome = run("block", "n1", budget);
        ck_assert(outcome == SOLVER_BRANCH_OPEN || best.complete);
        ck_assert_uint_le(steps, budget + 32); /* what is under way is ended, nothing begun */
        ck_assert(!best.complete || best.placed == 4);
    }
    ck_assert_int_eq(run("block", "n1", 1), SOLVER_BRANCH_OPEN);
}
END_TEST

/* ---- too large ---- */

START_TEST(too_many_nodes)
{
    struct world_node nodes[SOLVER_SEATS_MAX + 1];
    char names[SOLVER_SEATS_MAX + 1][8];
    for (uint32_t i = 0; i <= SOLVER_SEATS_MAX; i++) {
        (void)snprintf(names[i], sizeof names[i], "n%03u", i);
        nodes[i] = (struct world_node){names[i], "b1", i == 0 ? "r0" : "r1", 8, 64};
    }
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, 1, 8, 0);
    bed_role(&bed, 1, 8, 1);
    ck_assert_int_eq(run("block", "n000", 1000000), SOLVER_BRANCH_OPEN);
    ck_assert(!best.complete);
    ck_assert_int_eq(run("rack", "n001", 1000000), SOLVER_BRANCH_PROVEN);
    CHECK_BEST(1, 1, 1, 2);
    bed_exclude(&bed, 0, "n002"); /* no pod fits there any more: it does not count */
    bed_exclude(&bed, 1, "n002");
    ck_assert_int_eq(run("block", "n000", 1000000), SOLVER_BRANCH_PROVEN);
    CHECK_BEST(1, 1, 1, 2);
}
END_TEST

START_TEST(too_many_pods)
{
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, SOLVER_SEAT_PODS_MAX - 1, 0, 1);
    bed_role(&bed, 1, 0, 1);
    ck_assert_int_eq(run("cluster", "n1", 1000000), SOLVER_BRANCH_PROVEN);
    CHECK_BEST(1, 2, 4, 8); /* of 64 CPUs each */
    bed.roles[1].count = 2;
    ck_assert_int_eq(run("cluster", "n1", 1000000), SOLVER_BRANCH_OPEN);
    ck_assert(!best.complete);
    bed.roles[1].count = UINT32_MAX; /* the sum is beyond 32 bits */
    bed.roles[0].count = 2;
    ck_assert_int_eq(run("cluster", "n1", 1000000), SOLVER_BRANCH_OPEN);
}
END_TEST

/* Sixteen distinct resources are searched, one more is not. */
START_TEST(too_many_resources)
{
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 1, 1, 1);
    bed_role(&bed, 1, 1, 1);
    struct names *words = nodes_vocabulary(bed.world.nodes);
    for (int i = 2; i <= SOLVER_SEAT_NAMES_MAX; i++) {
        char name[16];
        int length = snprintf(name, sizeof name, "extra-%02d", i);
        resources_set(&bed.requests[i % 2], names_intern(words, name, (size_t)length), 1);
        ck_assert_int_eq(run("rack", "n1", 1000000),
                         i == SOLVER_SEAT_NAMES_MAX ? SOLVER_BRANCH_OPEN : SOLVER_BRANCH_PROVEN);
        ck_assert(!best.complete); /* no node has any */
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("solver_branch");
    TCase *tcase = tcase_create("branch");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_only_way);
    tcase_add_test(tcase, every_resource_counts);
    tcase_add_test(tcase, excluded_nodes);
    tcase_add_test(tcase, around_a_pinned_member);
    tcase_add_test(tcase, whole_slices);
    tcase_add_test(tcase, a_started_slice);
    tcase_add_test(tcase, twins_are_one);
    tcase_add_test(tcase, good_enough);
    tcase_add_test(tcase, the_budget_ends);
    tcase_add_test(tcase, too_many_nodes);
    tcase_add_test(tcase, too_many_pods);
    tcase_add_test(tcase, too_many_resources);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
