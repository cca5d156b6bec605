// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "test/property/oracle_verdict.h"
#include "test/unit/check_main.h"

/* One role on 13 to 256 nodes, several on fewer, against integer programs solved by glpsol; skipped
 * without it. What glpsol does not decide in its time is counted, and may not be much: the plan
 * itself is checked all the same. */

#define RUNS        60
#define SECONDS     5
#define MESON_SKIPS 77

static void glpsol(const struct oracle_instance *instance, struct oracle_answer *answer)
{
    oracle_glpsol(instance, SECONDS, answer);
}

static void check_run(const char *what, uint32_t least, uint32_t most, bool bound, bool hard,
                      bool limits)
{
    const struct oracle_kind kind = {.limits = limits,
                                     .nodes_least = least,
                                     .nodes_most = most,
                                     .roles_least = 1,
                                     .roles_most = 1,
                                     .bound = bound,
                                     .hard = hard};
    struct oracle_tally tally;
    oracle_run(what, &kind, glpsol, RUNS, &tally);
    ck_assert_uint_eq(tally.faults, 0);
    ck_assert_uint_le(tally.unproven * 5, tally.instances);
}

START_TEST(dozens)
{
    check_run("13 to 64 nodes", 13, 64, false, false, false);
}
END_TEST

START_TEST(dozens_with_bound_members)
{
    check_run("13 to 64 nodes, bound members", 13, 64, true, false, false);
}
END_TEST

START_TEST(dozens_hard)
{
    check_run("13 to 40 nodes, hard", 13, 40, false, true, false);
}
END_TEST

START_TEST(dozens_hard_with_bound_members)
{
    check_run("13 to 40 nodes, hard, bound members", 13, 40, true, true, false);
}
END_TEST

START_TEST(hundreds)
{
    check_run("65 to 256 nodes", 65, 256, false, false, false);
}
END_TEST

START_TEST(hundreds_with_bound_members)
{
    check_run("65 to 256 nodes, bound members", 65, 256, true, false, false);
}
END_TEST

START_TEST(dozens_with_limits)
{
    check_run("13 to 64 nodes, limits", 13, 64, true, false, true);
}
END_TEST

START_TEST(dozens_hard_with_limits)
{
    check_run("13 to 40 nodes, hard, limits", 13, 40, false, true, true);
}
END_TEST

START_TEST(hundreds_with_limits)
{
    check_run("65 to 256 nodes, limits", 65, 256, false, false, true);
}
END_TEST

/* Several roles, which compete; neither they nor the oracle are always decided, and "no" need not
 * be proven. */
START_TEST(roles_with_limits)
{
    const struct oracle_kind kind = {.limits = true,
                                     .nodes_least = 13,
                                     .nodes_most = 32,
                                     .roles_least = 2,
                                     .roles_most = 3,
                                     .pods_most = 16,
                                     .bound = true,
                                     .budget = 1000000};
    struct oracle_tally tally;
    oracle_run("13 to 32 nodes, roles, limits", &kind, glpsol, RUNS, &tally);
    ck_assert_uint_eq(tally.faults, 0);
    ck_assert_uint_le(tally.unproven * 5, tally.instances);
    ck_assert_uint_ge(tally.proven * 10, tally.feasible * 9);
}
END_TEST

/* Small instances, which assignments decide too. */
START_TEST(oracles_agree_on_roles)
{
    const struct oracle_kind kind = {.limits = true,
                                     .nodes_least = 1,
                                     .nodes_most = 8,
                                     .roles_least = 1,
                                     .roles_most = 3,
                                     .pods_most = 8,
                                     .bound = true};
    struct oracle_random seeds = {3};
    for (uint32_t i = 0; i < oracle_count(RUNS); i++) {
        struct oracle_instance instance;
        struct oracle_answer all, programs;
        oracle_instance_init(&instance, &kind, oracle_next(&seeds), 0);
        oracle_assignments(&instance, &all);
        glpsol(&instance, &programs);
        ck_assert(programs.proven);
        ck_assert_int_eq(all.feasible, programs.feasible);
        ck_assert(!all.feasible || memcmp(all.used, programs.used, sizeof all.used) == 0);
        oracle_instance_finish(&instance);
    }
}
END_TEST

/* Small instances, which sets of nodes decide too: another oracle, another model. */
START_TEST(oracles_agree)
{
    struct oracle_kind kind = {
        .nodes_least = 1, .nodes_most = 12, .roles_least = 1, .roles_most = 1};
    struct oracle_random seeds = {2};
    for (uint32_t i = 0; i < oracle_count(RUNS); i++) {
        struct oracle_instance instance;
        struct oracle_answer sets, programs;
        kind.bound = i % 2 == 1;
        kind.limits = i % 3 == 1;
        oracle_instance_init(&instance, &kind, oracle_next(&seeds), 0);
        oracle_exhaustive(&instance, &sets);
        glpsol(&instance, &programs);
        ck_assert(programs.proven);
        ck_assert_int_eq(sets.feasible, programs.feasible);
        ck_assert(!sets.feasible || memcmp(sets.used, programs.used, sizeof sets.used) == 0);
        oracle_instance_finish(&instance);
    }
}
END_TEST

int main(void)
{
    if (!oracle_has_glpsol()) {
        printf("glpsol is not installed (Debian: glpk-utils)\n");
        return MESON_SKIPS;
    }
    Suite *suite = suite_create("solver against integer programs");
    TCase *tcase = tcase_create("glpsol");
    tcase_set_timeout(tcase, 7200);
    tcase_add_test(tcase, oracles_agree);
    tcase_add_test(tcase, dozens);
    tcase_add_test(tcase, dozens_with_bound_members);
    tcase_add_test(tcase, dozens_hard);
    tcase_add_test(tcase, dozens_hard_with_bound_members);
    tcase_add_test(tcase, hundreds);
    tcase_add_test(tcase, hundreds_with_bound_members);
    tcase_add_test(tcase, dozens_with_limits);
    tcase_add_test(tcase, dozens_hard_with_limits);
    tcase_add_test(tcase, hundreds_with_limits);
    tcase_add_test(tcase, oracles_agree_on_roles);
    tcase_add_test(tcase, roles_with_limits);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
