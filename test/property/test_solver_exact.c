// SPDX-License-Identifier: Apache-2.0
#include <check.h>

#include "test/property/oracle_verdict.h"
#include "test/unit/check_main.h"

/* One role on up to 12 nodes: the solver must be as good as the best of all sets of nodes, and say
 * so; and must refuse exactly what fits nowhere. */

#define RUNS 10000

static void check_run(const char *what, struct oracle_kind kind)
{
    struct oracle_tally tally;
    kind.nodes_least = kind.hard ? 6 : 1;
    kind.nodes_most = 12;
    kind.roles_least = 1;
    kind.roles_most = 1;
    oracle_run(what, &kind, oracle_exhaustive, RUNS, &tally);
    ck_assert_uint_eq(tally.faults, 0);
}

START_TEST(homogeneous)
{
    check_run("homogeneous", (struct oracle_kind){0});
}
END_TEST

START_TEST(homogeneous_with_bound_members)
{
    check_run("homogeneous, bound members", (struct oracle_kind){.bound = true});
}
END_TEST

/* Where a greedy pass often fails, so that the exact search has to do it. */
START_TEST(hard)
{
    check_run("hard", (struct oracle_kind){.hard = true});
}
END_TEST

START_TEST(hard_with_bound_members)
{
    check_run("hard, bound members", (struct oracle_kind){.hard = true, .bound = true});
}
END_TEST

/* Slices must be in known domains, of which there are few. */
START_TEST(loose)
{
    check_run("labels missing", (struct oracle_kind){.loose = true});
}
END_TEST

/* A search that is cut short may find less, but says so. */
START_TEST(hard_without_time)
{
    check_run("hard, budget 1", (struct oracle_kind){.hard = true, .bound = true, .budget = 1});
}
END_TEST

/* The two oracles have nothing in common but the problem. */
START_TEST(oracles_agree)
{
    struct oracle_kind kind = {
        .nodes_least = 1, .nodes_most = 12, .roles_least = 1, .roles_most = 1, .pods_most = 15};
    struct oracle_random seeds = {1};
    for (uint32_t i = 0; i < oracle_count(RUNS) / 10; i++) {
        struct oracle_instance instance;
        struct oracle_answer sets, assignments;
        kind.bound = i % 2 == 1;
        oracle_instance_init(&instance, &kind, oracle_next(&seeds), 0);
        oracle_exhaustive(&instance, &sets);
        oracle_assignments(&instance, &assignments);
        ck_assert_int_eq(sets.feasible, assignments.feasible);
        ck_assert_mem_eq(sets.used, assignments.used, sizeof sets.used);
        oracle_instance_finish(&instance);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("solver against exhaustive search over sets of nodes");
    TCase *tcase = tcase_create("exact");
    tcase_set_timeout(tcase, 1200);
    tcase_add_test(tcase, homogeneous);
    tcase_add_test(tcase, homogeneous_with_bound_members);
    tcase_add_test(tcase, hard);
    tcase_add_test(tcase, hard_with_bound_members);
    tcase_add_test(tcase, loose);
    tcase_add_test(tcase, hard_without_time);
    tcase_add_test(tcase, oracles_agree);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
