// SPDX-License-Identifier: Apache-2.0
#include "test/unit/check_main.h"
#include "test/unit/scheduler/solver/bed.h"

/* Steps count whatever a solve does, and a budget ends it: also of gangs that are made to be hard,
 * and for the words of a refusal. */

#define RACKS 40
#define NODES (RACKS * 8)
#define ROLES 8

static struct bed bed;
static struct world_node nodes[NODES];
static char names[NODES][16];
static char racks[RACKS][16];
static char blocks[4][16];
static uint64_t state;

static void teardown(void)
{
    bed_finish(&bed);
}

static int64_t draw(int64_t end)
{
    state += UINT64_C(0x9E3779B97F4A7C15); /* splitmix64 */
    uint64_t z = state;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (int64_t)((z ^ (z >> 31)) % (uint64_t)end);
}

/* Three pods of each of eight roles, dealt to four nodes of every rack; those have free just what
 * their pods request, less than that by `missing` on one node, and the other four a little. */
static void make_hard(uint64_t seed, int64_t missing)
{
    int64_t gpu[ROLES];
    int64_t cpu[ROLES];
    state = seed;
    for (uint32_t r = 0; r < ROLES; r++) {
        gpu[r] = r % 2 == 0 ? 20 + draw(20) : 1 + draw(20);
        cpu[r] = r % 2 == 1 ? 20 + draw(20) : 1 + draw(20);
    }
    for (uint32_t i = 0; i < NODES; i++) {
        (void)snprintf(names[i], sizeof names[i], "n%03u", i);
        (void)snprintf(racks[i / 8], sizeof racks[i / 8], "r%02u", i / 8);
        (void)snprintf(blocks[i / 80], sizeof blocks[i / 80], "b%u", i / 80);
        nodes[i] = (struct world_node){names[i], blocks[i / 80], racks[i / 8], 0, 0};
        nodes[i].gpu = i % 2 == 0 ? 0 : draw(10);
        nodes[i].cpu = i % 2 == 0 ? 0 : draw(10);
    }
    for (uint32_t rack = 0; rack < RACKS; rack++) {
        for (uint32_t pod = 0; pod < 3 * ROLES; pod++) {
            struct world_node *node = &nodes[8 * rack + 2 * (uint32_t)draw(4)];
            node->gpu += gpu[pod / 3];
            node->cpu += cpu[pod / 3];
        }
        nodes[8 * rack + 2].gpu -= nodes[8 * rack + 2].gpu > 0 ? missing : 0;
    }
    bed_init(&bed, nodes, NODES);
    for (uint32_t r = 0; r < ROLES; r++) {
        bed_role(&bed, 3, gpu[r], cpu[r]);
    }
}

/* What the first fill meets is counted, too; and twice the nodes are more work. */
START_TEST(everything_is_counted)
{
    uint64_t before = 0;
    for (uint32_t count = 40; count <= NODES; count *= 2) {
        make_hard(1, 0);
        bed_finish(&bed);
        bed_init(&bed, nodes, count);
        bed_role(&bed, 2, 1, 0);
        (void)bed_solve(&bed);
        ck_assert(bed.plan.feasible && bed.plan.greedy);
        ck_assert_uint_gt(bed.plan.steps, before);
        ck_assert_uint_gt(bed.plan.steps, count / 8);
        before = bed.plan.steps;
        bed_finish(&bed);
    }
    bed_init(&bed, nodes, 1);
}
END_TEST

/* Beyond the budget goes only reading the problem, and what was under way. */
START_TEST(a_budget_ends_it)
{
    static const char *const required[] = {"cluster", "block", "rack"};
    for (uint32_t i = 0; i < 12; i++) {
        make_hard(100 + i, i % 2);
        bed_require(&bed, required[i % 3]);
        for (uint64_t budget = 1000; budget <= 1000000; budget *= 10) {
            bed.problem.budget = budget;
            (void)bed_solve(&bed);
            ck_assert_uint_lt(bed.plan.steps, budget + UINT64_C(40000));
            ck_assert(!bed.plan.feasible || !bed.plan.shortfall.proven);
        }
        bed.problem.budget = 0;
        (void)bed_solve(&bed);
        ck_assert_uint_lt(bed.plan.steps, SOLVER_BUDGET_SEVERAL_ROLES + UINT64_C(40000));
        bed_finish(&bed);
    }
    bed_init(&bed, nodes, 1);
}
END_TEST

/* The same steps, the same plan: nothing depends on time. */
START_TEST(steps_are_the_same_every_time)
{
    make_hard(7, 1);
    bed_require(&bed, "block");
    char first[sizeof bed.text];
    (void)snprintf(first, sizeof first, "%s", bed_solve(&bed));
    uint64_t steps = bed.plan.steps;
    ck_assert_str_eq(bed_solve(&bed), first);
    ck_assert_uint_eq(bed.plan.steps, steps);
}
END_TEST

/* Three pods of (1 GPU, 1 CPU) and three of 2 GPUs fit into block b1 in one way, which no fill sees
 * (test_several.c), and into the cluster in any. What is named is what a fill finds, the cluster;
 * that b1 would do, too, only a search can tell, and nobody asks for that. */
START_TEST(the_alternative_is_not_searched_for)
{
    static const struct world_node one_way[] = {
        {"n1", "b1", "r1", 3, 2}, {"n2", "b1", "r2", 6, 2}, {"n3", "b2", "r3", 2, 2}};
    bed_init(&bed, one_way, COUNT(one_way));
    bed_role(&bed, 3, 1, 1);
    bed_role(&bed, 3, 2, 0);
    bed_require(&bed, "rack");
    ck_assert_str_eq(bed_solve(&bed), "");
    ck_assert(bed.plan.shortfall.proven);
    ck_assert_uint_eq(bed.plan.shortfall.alternative, 0);
    bed_require(&bed, "block");
    (void)bed_solve(&bed);
    CHECK_USED(&bed, true, 1, 1, 2, 2); /* it would */
}
END_TEST

/* Numbers know the alternative of one role, and of a launcher and its workers, without a budget. */
START_TEST(numbers_know_the_alternative)
{
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 3, 8, 0);
    bed.problem.budget = 1;
    bed_require(&bed, "rack");
    ck_assert_str_eq(bed_solve(&bed), "");
    ck_assert_uint_eq(bed.plan.shortfall.alternative, 1);
    bed_role(&bed, 1, 0, 64);
    (void)bed_solve(&bed);
    ck_assert_uint_eq(bed.plan.shortfall.alternative, 1);
    bed.roles[0].count = 4; /* four nodes of a block, all of them whole */
    bed.roles[1].count = 1;
    (void)bed_solve(&bed);
    ck_assert_uint_eq(bed.plan.shortfall.alternative, 1);
    bed_finish(&bed);
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 4, 8, 0);
    bed_role(&bed, 1, 1, 0);
    bed_require(&bed, "rack");
    (void)bed_solve(&bed);
    ck_assert_uint_eq(bed.plan.shortfall.alternative, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("solver_budget");
    TCase *tcase = tcase_create("budget");
    tcase_add_checked_fixture(tcase, NULL, teardown);
    tcase_add_test(tcase, everything_is_counted);
    tcase_add_test(tcase, a_budget_ends_it);
    tcase_add_test(tcase, steps_are_the_same_every_time);
    tcase_add_test(tcase, the_alternative_is_not_searched_for);
    tcase_add_test(tcase, numbers_know_the_alternative);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
