// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <stdio.h>

#include "test/property/oracle_verdict.h"
#include "test/unit/check_main.h"

/* Two to four roles that compete for three resources, up to 12 nodes and 8 pods: as good as the
 * best of all assignments, and proven so. */

#define RUNS 2000

static void check_run(const char *what, struct oracle_kind kind, oracle_function *oracle,
                      uint32_t count)
{
    struct oracle_tally tally;
    kind.nodes_least = 1;
    kind.roles_least = 2;
    kind.roles_most = 4;
    oracle_run(what, &kind, oracle, count, &tally);
    ck_assert_uint_eq(tally.faults, 0);
}

START_TEST(roles)
{
    check_run("roles", (struct oracle_kind){.nodes_most = 12, .pods_most = 8}, oracle_assignments,
              RUNS);
}
END_TEST

START_TEST(roles_with_bound_members)
{
    check_run("roles, bound members",
              (struct oracle_kind){.nodes_most = 12, .pods_most = 8, .bound = true},
              oracle_assignments, RUNS);
}
END_TEST

/* Slices must be in known domains, of which there are few. */
START_TEST(labels_missing)
{
    struct oracle_kind kind = {.nodes_most = 12, .pods_most = 8, .loose = true};
    check_run("roles, labels missing", kind, oracle_assignments, RUNS);
    kind.budget = 1;
    check_run("roles, labels missing, budget 1", kind, oracle_assignments, RUNS);
    /* Crowded: what one role takes drives the others to nodes they should not go to. */
    kind.nodes_most = 5;
    check_run("roles, labels missing, few nodes, budget 1", kind, oracle_assignments, RUNS);
    kind.budget = 0;
    check_run("roles, labels missing, few nodes", kind, oracle_assignments, RUNS * 4);
}
END_TEST

/* Searches that are cut short may find less, but say so. */
START_TEST(roles_without_time)
{
    const struct oracle_kind kind = {.nodes_most = 12, .pods_most = 8, .bound = true, .budget = 1};
    check_run("roles, budget 1", kind, oracle_assignments, RUNS);
}
END_TEST

START_TEST(roles_with_some_time)
{
    static const struct {
        const char *what;
        uint64_t budget;
    } cases[] = {{"roles, budget 100", 100},
                 {"roles, budget 700", 700},
                 {"roles, budget 1000", 1000},
                 {"roles, budget 2000", 2000},
                 {"roles, budget 4000", 4000}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct oracle_kind kind = {
            .nodes_most = 12, .pods_most = 8, .bound = i % 2 == 0, .budget = cases[i].budget};
        check_run(cases[i].what, kind, oracle_assignments, RUNS);
    }
}
END_TEST

/* Rare ones that were wrong once; a seed means the same only while the generator stays as it is. */
START_TEST(once_wrong)
{
    static const struct {
        uint64_t seed;
        struct oracle_kind kind;
    } cases[] = {
        /* Slices of one pod went to unknown domains once other roles had taken the known ones. */
        {0x3d75bc578e5a3fc8, {1, 5, 2, 4, 8, .loose = true}},
        {0xed703a2c1fb05af5, {1, 5, 2, 4, 8, .loose = true, .budget = 1}},
        {0xfaf2bc111bb4c2ee, {1, 5, 2, 4, 8, .loose = true, .budget = 1}},
        {0x75f6efda5157f2e9, {1, 12, 2, 4, 8, .bound = true, .budget = 1}},
        /* A started slice lost its room to another role. */
        {0xc2b849aeb27aaea7, {1, 12, 2, 4, 8, .bound = true, .budget = 1}},
    };
    struct oracle_tally tally = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        oracle_run_seed(&cases[i].kind, oracle_assignments, cases[i].seed, &tally);
    }
    fflush(stdout);
    ck_assert_uint_eq(tally.faults, 0);
}
END_TEST

/* Too large for the oracle: the plans alone. */
START_TEST(many_nodes)
{
    const struct oracle_kind kind = {.nodes_most = 200, .pods_most = 100, .budget = 2000};
    check_run("roles, up to 200 nodes", kind, NULL, RUNS / 10);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("solver against exhaustive search over assignments");
    TCase *tcase = tcase_create("roles");
    tcase_set_timeout(tcase, 1200);
    tcase_add_test(tcase, roles);
    tcase_add_test(tcase, roles_with_bound_members);
    tcase_add_test(tcase, labels_missing);
    tcase_add_test(tcase, roles_without_time);
    tcase_add_test(tcase, roles_with_some_time);
    tcase_add_test(tcase, once_wrong);
    tcase_add_test(tcase, many_nodes);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
