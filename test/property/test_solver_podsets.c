// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "test/property/oracle_verdict.h"
#include "test/unit/check_main.h"

/* Roles that must share a domain beside others that need not: as good as the best of all
 * assignments, with every podset tried in every domain, and proven so. */

#define RUNS 2000

static void check_run(const char *what, struct oracle_kind kind, oracle_function *oracle,
                      uint32_t count, bool all_proven)
{
    struct oracle_tally tally;
    kind.podsets = true;
    kind.roles_most = 4;
    oracle_run(what, &kind, oracle, count, &tally);
    ck_assert_uint_eq(tally.faults, 0);
    ck_assert(!all_proven || tally.proven == tally.feasible);
}

START_TEST(podsets)
{
    const struct oracle_kind kind = {
        .nodes_least = 1, .nodes_most = 12, .roles_least = 1, .pods_most = 8};
    check_run("podsets", kind, oracle_assignments, RUNS, true);
}
END_TEST

START_TEST(podsets_with_bound_members)
{
    const struct oracle_kind kind = {
        .nodes_least = 1, .nodes_most = 12, .roles_least = 1, .pods_most = 8, .bound = true};
    check_run("podsets, bound members", kind, oracle_assignments, RUNS, true);
}
END_TEST

START_TEST(labels_missing)
{
    const struct oracle_kind kind = {
        .nodes_least = 1, .nodes_most = 12, .roles_least = 2, .pods_most = 8, .loose = true};
    check_run("podsets, labels missing", kind, oracle_assignments, RUNS, true);
}
END_TEST

/* Searches that are cut short may find less, but say so. */
START_TEST(podsets_without_time)
{
    struct oracle_kind kind = {.nodes_least = 1,
                               .nodes_most = 12,
                               .roles_least = 2,
                               .pods_most = 8,
                               .bound = true,
                               .budget = 1};
    check_run("podsets, budget 1", kind, oracle_assignments, RUNS, false);
    kind.budget = 2000;
    check_run("podsets, budget 2000", kind, oracle_assignments, RUNS, false);
}
END_TEST

/* Too large for the oracle: the plans alone. */
START_TEST(many_nodes)
{
    const struct oracle_kind kind = {
        .nodes_least = 1, .nodes_most = 200, .roles_least = 2, .pods_most = 100, .budget = 2000};
    check_run("podsets, up to 200 nodes", kind, NULL, RUNS / 10, false);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("solver with podsets against exhaustive search");
    TCase *tcase = tcase_create("podsets");
    tcase_set_timeout(tcase, 1200);
    tcase_add_test(tcase, podsets);
    tcase_add_test(tcase, podsets_with_bound_members);
    tcase_add_test(tcase, labels_missing);
    tcase_add_test(tcase, podsets_without_time);
    tcase_add_test(tcase, many_nodes);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
