// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "test/property/oracle_verdict.h"
#include "test/unit/check_main.h"

/* So many pods of a set in a domain, and sets that stand apart, beside everything else that a
 * problem may ask for: as good as the best of all assignments, and proven so. */

#define RUNS 1500

static void check_run(const char *what, struct oracle_kind kind, oracle_function *oracle,
                      uint32_t count, bool all_proven)
{
    struct oracle_tally tally;
    kind.limits = true;
    kind.nodes_least = 1;
    kind.roles_least = 1;
    oracle_run(what, &kind, oracle, count, &tally);
    ck_assert_uint_eq(tally.faults, 0);
    ck_assert(!all_proven || tally.proven == tally.feasible);
}

START_TEST(one_role)
{
    const struct oracle_kind kind = {.nodes_most = 12, .roles_most = 1};
    check_run("limits, one role", kind, oracle_exhaustive, RUNS, true);
}
END_TEST

START_TEST(one_role_hard)
{
    const struct oracle_kind kind = {.nodes_most = 12, .roles_most = 1, .hard = true};
    check_run("limits, one role, hard", kind, oracle_exhaustive, RUNS, true);
}
END_TEST

START_TEST(one_role_with_bound_members)
{
    const struct oracle_kind kind = {.nodes_most = 12, .roles_most = 1, .bound = true};
    check_run("limits, one role, bound members", kind, oracle_exhaustive, RUNS, true);
}
END_TEST

START_TEST(one_role_labels_missing)
{
    const struct oracle_kind kind = {
        .nodes_most = 12, .roles_most = 1, .bound = true, .loose = true};
    check_run("limits, one role, labels missing", kind, oracle_exhaustive, RUNS, true);
}
END_TEST

START_TEST(roles)
{
    const struct oracle_kind kind = {.nodes_most = 12, .roles_most = 4, .pods_most = 10};
    check_run("limits, roles", kind, oracle_assignments, RUNS, true);
}
END_TEST

START_TEST(roles_with_bound_members)
{
    const struct oracle_kind kind = {
        .nodes_most = 12, .roles_most = 4, .pods_most = 8, .bound = true};
    check_run("limits, roles, bound members", kind, oracle_assignments, RUNS, true);
}
END_TEST

START_TEST(roles_labels_missing)
{
    const struct oracle_kind kind = {
        .nodes_most = 12, .roles_most = 4, .pods_most = 8, .loose = true};
    check_run("limits, roles, labels missing", kind, oracle_assignments, RUNS, true);
}
END_TEST

START_TEST(podsets)
{
    const struct oracle_kind kind = {
        .nodes_most = 12, .roles_most = 4, .pods_most = 8, .bound = true, .podsets = true};
    check_run("limits, podsets", kind, oracle_assignments, RUNS, true);
}
END_TEST

/* Searches that are cut short may find less, but say so. */
START_TEST(without_time)
{
    struct oracle_kind kind = {
        .nodes_most = 12, .roles_most = 4, .pods_most = 8, .bound = true, .budget = 1};
    check_run("limits, budget 1", kind, oracle_assignments, RUNS, false);
    kind.budget = 2000;
    kind.podsets = true;
    check_run("limits, budget 2000", kind, oracle_assignments, RUNS, false);
}
END_TEST

/* Too large for the oracle: the plans alone. */
START_TEST(many_nodes)
{
    const struct oracle_kind kind = {
        .nodes_most = 200, .roles_most = 4, .pods_most = 100, .bound = true, .podsets = true};
    check_run("limits, up to 200 nodes", kind, NULL, RUNS / 10, false);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("solver with limits against exhaustive search");
    TCase *tcase = tcase_create("limits");
    tcase_set_timeout(tcase, 3600);
    tcase_add_test(tcase, one_role);
    tcase_add_test(tcase, one_role_hard);
    tcase_add_test(tcase, one_role_with_bound_members);
    tcase_add_test(tcase, one_role_labels_missing);
    tcase_add_test(tcase, roles);
    tcase_add_test(tcase, roles_with_bound_members);
    tcase_add_test(tcase, roles_labels_missing);
    tcase_add_test(tcase, podsets);
    tcase_add_test(tcase, without_time);
    tcase_add_test(tcase, many_nodes);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
