// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "test/property/oracle_verdict.h"
#include "test/unit/check_main.h"

/* A preferred level needs no word in a problem: whenever all pods fit into one domain of a level,
 * as they would have to if it were required, the plan that was asked for nothing has them in one
 * domain of it. So it is for every level at once, and hence where a preferred one has no room, too:
 * the next wider level that has takes them. */

#define RUNS 3000

struct tally {
    uint32_t instances;
    uint32_t honoured; /* pairs of instance and level */
    uint32_t no_room;
    uint32_t unproven;
};

/* The plan's pods and the pinned ones, in one known domain of the level. */
static bool is_in_one(const struct oracle_instance *instance, const struct solver_plan *plan,
                      uint32_t level)
{
    uint32_t first =
        plan->count > 0 ? plan->positions[0] : instance->pinned[0]; /* there is one of either */
    return plan->used[level] == 1 && oracle_known(instance, level, instance->place[first][level]);
}

static void check_instance(const struct oracle_kind *kind, uint64_t seed, struct tally *tally)
{
    static struct oracle_instance instance;
    struct solver_plan plan, required;
    oracle_instance_init(&instance, kind, seed, 0);
    instance.problem.required_level = SOLVER_LEVEL_NONE;
    solver_plan_init(&plan);
    solver_plan_init(&required);
    solver_solve(&instance.problem, &plan);
    tally->instances++;
    tally->unproven += plan.feasible && !plan.optimal;
    for (uint32_t level = 1; level < instance.levels && (!plan.feasible || plan.optimal); level++) {
        instance.problem.required_level = level;
        solver_solve(&instance.problem, &required);
        bool fits = required.feasible;
        /* A host is one, whatever is known of it. */
        bool one =
            plan.feasible && (level + 1 == instance.levels ? plan.used[level] == 1
                                                           : is_in_one(&instance, &plan, level));
        ck_assert_msg(!fits || plan.feasible,
                      "seed %" PRIx64 " level %u: only a required level finds a plan", seed, level);
        ck_assert_msg(!fits || one || plan.used[level] == 1,
                      "seed %" PRIx64 " level %u: %u domains, and one would do", seed, level,
                      plan.used[level]);
        ck_assert_msg(!one || fits || !required.shortfall.proven,
                      "seed %" PRIx64 " level %u: one domain, and none is said to do", seed, level);
        tally->honoured += fits;
        tally->no_room += !fits;
    }
    solver_plan_finish(&required);
    solver_plan_finish(&plan);
    oracle_instance_finish(&instance);
}

static const struct {
    const char *name;
    struct oracle_kind kind;
} kinds[] = {
    {"one role", {.nodes_least = 1, .nodes_most = 12, .roles_least = 1, .roles_most = 1}},
    {"many nodes", {.nodes_least = 20, .nodes_most = 100, .roles_least = 1, .roles_most = 1}},
    {"bound members",
     {.nodes_least = 1, .nodes_most = 40, .roles_least = 1, .roles_most = 1, .bound = true}},
    {"hard", {.nodes_least = 8, .nodes_most = 40, .roles_least = 1, .roles_most = 1, .hard = true}},
    {"labels missing",
     {.nodes_least = 1, .nodes_most = 20, .roles_least = 1, .roles_most = 1, .loose = true}},
    {"roles",
     {.nodes_least = 1, .nodes_most = 12, .roles_least = 2, .roles_most = 4, .pods_most = 8}},
    {"roles, bound members",
     {.nodes_least = 1,
      .nodes_most = 12,
      .roles_least = 2,
      .roles_most = 3,
      .pods_most = 8,
      .bound = true}},
};

START_TEST(preferred_levels_are_honoured)
{
    struct tally tally = {0};
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        check_instance(&kinds[_i].kind, seed * 0x9e3779b97f4a7c15 + (uint64_t)_i, &tally);
    }
    printf("%s: %u instances, %u levels honoured, %u without room, %u not proven\n", kinds[_i].name,
           tally.instances, tally.honoured, tally.no_room, tally.unproven);
    fflush(stdout);
    ck_assert_uint_gt(tally.honoured, RUNS / 10);
    ck_assert_uint_gt(tally.no_room, RUNS / 10);
    ck_assert_uint_lt(tally.unproven, RUNS / 100);
}
END_TEST

/* Preferred nodes: whatever they are, a plan touches as many domains and nodes as without them and
 * is as much proven, it is valid, and its nodes are liked no less. */
struct likes {
    uint32_t instances;
    uint32_t better;
    uint32_t most; /* every pod on a node that none is liked more than */
};

static uint64_t count_likes(const struct oracle_instance *instance, const struct solver_plan *plan,
                            bool *most)
{
    uint64_t sum = 0;
    uint32_t at = 0;
    *most = true;
    for (uint32_t r = 0; r < instance->problem.role_count; r++) {
        const uint32_t *weights = instance->roles[r].preference;
        uint32_t highest = 0;
        for (uint32_t p = 0; p < instance->positions; p++) {
            highest = weights[p] > highest ? weights[p] : highest;
        }
        for (uint32_t i = 0; i < instance->roles[r].count; i++, at++) {
            sum += weights[plan->positions[at]];
            *most = *most && weights[plan->positions[at]] == highest;
        }
    }
    return sum;
}

static void check_likes(struct oracle_kind kind, uint64_t seed, struct likes *likes)
{
    static struct oracle_instance instance;
    static uint32_t weights[ORACLE_ROLES_MAX][ORACLE_NODES_MAX];
    struct solver_plan plain, plan;
    struct oracle_random random = {seed ^ 0x77};
    kind.limits = oracle_one_in(&random, 2);
    kind.podsets = kind.roles_most > 1 && oracle_one_in(&random, 2);
    oracle_instance_init(&instance, &kind, seed, 0);
    solver_plan_init(&plain);
    solver_plan_init(&plan);
    solver_solve(&instance.problem, &plain);
    uint32_t range = 1 + oracle_below(&random, 5);
    for (uint32_t r = 0; r < instance.problem.role_count; r++) {
        for (uint32_t p = 0; p < instance.positions; p++) {
            weights[r][p] = oracle_below(&random, range);
        }
        instance.roles[r].preference = weights[r];
    }
    solver_solve(&instance.problem, &plan);
    ck_assert_int_eq(plan.feasible, plain.feasible);
    if (plan.feasible && plan.count > 0) {
        bool most = false;
        uint64_t before = count_likes(&instance, &plain, &most);
        uint64_t after = count_likes(&instance, &plan, &most);
        const char *fault = oracle_fault_of_plan(&instance, &plan);
        ck_assert_msg(fault == NULL, "seed %" PRIx64 ": %s", seed, fault);
        ck_assert_msg(memcmp(plan.used, plain.used, sizeof plan.used) == 0 || !plain.optimal,
                      "seed %" PRIx64 ": touches more, or other domains", seed);
        ck_assert_msg(plan.optimal || !plain.optimal, "seed %" PRIx64 ": less is proven", seed);
        ck_assert_msg(after >= before, "seed %" PRIx64 ": liked less", seed);
        likes->instances++;
        likes->better += after > before;
        likes->most += most;
    }
    solver_plan_finish(&plan);
    solver_plan_finish(&plain);
    oracle_instance_finish(&instance);
}

START_TEST(preferred_nodes_cost_nothing)
{
    struct likes likes = {0};
    for (uint64_t seed = 1; seed <= oracle_count(RUNS); seed++) {
        check_likes(kinds[_i].kind, seed * 0x9e3779b97f4a7c15 + (uint64_t)_i, &likes);
    }
    printf("%s: %u plans with preferred nodes, %u liked better than without, %u liked most\n",
           kinds[_i].name, likes.instances, likes.better, likes.most);
    fflush(stdout);
    ck_assert_uint_gt(likes.better, likes.instances / 10);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("preferred levels and nodes");
    TCase *tcase = tcase_create("preferred");
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, preferred_levels_are_honoured, 0,
                        (int)(sizeof kinds / sizeof kinds[0]));
    tcase_add_loop_test(tcase, preferred_nodes_cost_nothing, 0,
                        (int)(sizeof kinds / sizeof kinds[0]));
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
