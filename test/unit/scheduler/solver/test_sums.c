// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/sums.h"

#include <signal.h>

#include "test/unit/check_main.h"
#include "test/unit/scheduler/solver/bed.h"

/* What all roles need together, against nodes where that is easy to say.
 *
 *   cluster 0 ─┬ block b1 1 ─┬ rack r1 2   n1 n2      sum 0 the mix, 1 GPUs, 2 CPUs
 *              │             └ rack r2 3   n3 n4
 *              └ block b2 4 ─┬ …
 */

static struct bed bed;
static struct solver_sums *sums;

static void setup(void)
{
    bed_init(&bed, eight, COUNT(eight));
}

static void teardown(void)
{
    solver_sums_destroy(sums);
    sums = NULL;
    bed_finish(&bed);
}

static void create(void)
{
    solver_sums_destroy(sums);
    sums = solver_sums_create(&bed.problem, NULL, &bed.effort);
}

static uint32_t on_node(uint32_t sum, const char *node)
{
    return solver_sums_node(sums, sum, world_position(&bed.world, node));
}

/* Every domain has what its nodes have. */
static void check_totals(void)
{
    for (uint32_t d = 0; d < domains_count(bed.world.domains); d++) {
        const struct domain *domain = domains_get(bed.world.domains, d);
        for (uint32_t i = 0; i < solver_sums_count(sums); i++) {
            uint64_t total = 0;
            for (uint32_t p = domain->first; p < domain->end; p++) {
                total += solver_sums_node(sums, i, p);
            }
            ck_assert_uint_eq(solver_sums_domain(sums, i, d), total);
        }
    }
}

START_TEST(the_mix_and_each_resource)
{
    bed_role(&bed, 2, 8, 32);
    bed_role(&bed, 3, 4, 48);
    create();
    ck_assert_uint_eq(solver_sums_count(sums), 3);
    ck_assert_uint_eq(solver_sums_wanted(sums, 0), 5);
    ck_assert_uint_eq(solver_sums_wanted(sums, 1), 2 * 8 + 3 * 4);
    ck_assert_uint_eq(solver_sums_wanted(sums, 2), 2 * 32 + 3 * 48);
    ck_assert_uint_eq(on_node(0, "n1"), 2); /* each of 4 GPUs and 32 CPUs, whatever its role */
    ck_assert_uint_eq(on_node(1, "n1"), 8);
    ck_assert_uint_eq(on_node(2, "n1"), 64);
    check_totals();
    ck_assert_uint_eq(solver_sums_domain(sums, 1, 2), 16);
    ck_assert_uint_gt(bed.effort.steps, 0);
}
END_TEST

/* One pod of 5 GPUs fits on a node of 8, and no other: three GPUs are of no use to anybody. Not
 * even those where it may not go. */
START_TEST(only_what_pods_can_use_counts)
{
    bed_role(&bed, 4, 5, 0);
    bed_role(&bed, 2, 0, 40);
    create();
    ck_assert_uint_eq(on_node(1, "n1"), 5);
    ck_assert_uint_eq(on_node(2, "n1"), 40);
    bed_exclude(&bed, 0, "n1");
    bed_exclude(&bed, 1, "n2");
    create();
    ck_assert_uint_eq(on_node(1, "n1"), 0);
    ck_assert_uint_eq(on_node(2, "n1"), 40);
    ck_assert_uint_eq(on_node(1, "n2"), 5);
    ck_assert_uint_eq(on_node(2, "n2"), 0);
    bed_exclude(&bed, 1, "n1"); /* for all */
    create();
    for (uint32_t i = 0; i < solver_sums_count(sums); i++) {
        ck_assert_uint_eq(on_node(i, "n1"), 0);
    }
    check_totals();
}
END_TEST

/* No more of a role than is wanted of it: seven pods of one GPU would fit. */
START_TEST(no_more_pods_than_there_are)
{
    bed_role(&bed, 2, 1, 0);
    bed_role(&bed, 1, 3, 0);
    create();
    ck_assert_uint_eq(on_node(1, "n1"), 5);
    ck_assert_uint_eq(solver_sums_wanted(sums, 1), 5);
}
END_TEST

/* Amounts beyond 32 bits: scaled, but never so that something fits no more that did. */
START_TEST(large_amounts)
{
    static const int64_t TIB = INT64_C(1) << 40;
    static const struct world_node nodes[] = {{"n1", "b1", "r1", 3 * (INT64_C(1) << 40) + 5, 0},
                                              {"n2", "b1", "r1", 2 * (INT64_C(1) << 40) + 3, 0}};
    bed_finish(&bed);
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, 1, 3 * TIB + 5, 0);
    bed_role(&bed, 1, 2 * TIB + 3, 0);
    create();
    uint32_t all = 0; /* the cluster */
    ck_assert_uint_ge(solver_sums_domain(sums, 1, all), solver_sums_wanted(sums, 1));
    ck_assert_uint_le(solver_sums_wanted(sums, 1), UINT32_MAX);
    ck_assert_uint_gt(solver_sums_wanted(sums, 1), UINT32_MAX / 2);
    resources_set(&bed.requests[0], bed.world.gpu, INT64_MAX / 2); /* and beyond 64 */
    resources_set(&bed.requests[1], bed.world.gpu, INT64_MAX / 2 + 9);
    bed.roles[0].count = 5;
    create();
    ck_assert_uint_lt(solver_sums_domain(sums, 1, all), solver_sums_wanted(sums, 1));
}
END_TEST

START_TEST(too_many_resources)
{
    bed_role(&bed, 1, 1, 1);
    bed_role(&bed, 2, 1, 1);
    struct names *words = nodes_vocabulary(bed.world.nodes);
    for (uint32_t i = 2; i <= SOLVER_SUM_NAMES_MAX; i++) {
        char name[16];
        int length = snprintf(name, sizeof name, "extra-%02u", i);
        resources_set(&bed.requests[i % 2], names_intern(words, name, (size_t)length), 1);
        create();
        ck_assert_uint_eq(solver_sums_count(sums), i == SOLVER_SUM_NAMES_MAX ? 1 : 2 + i);
    }
}
END_TEST

START_TEST(all_on_one_node)
{
    bed_role(&bed, 2, 3, 0);
    bed_role(&bed, 2, 1, 0);
    create();
    ck_assert(solver_sums_fit_node(sums, 0));
    bed.roles[1].count = 3;
    create();
    ck_assert(!solver_sums_fit_node(sums, 0));
}
END_TEST

/* ---- a launcher and its workers ---- */

START_TEST(what_a_pair_is)
{
    bed_role(&bed, 1, 4, 0);
    ck_assert(!solver_sums_pair(&bed.problem));
    bed_role(&bed, 7, 1, 0);
    ck_assert(solver_sums_pair(&bed.problem));
    bed.roles[0].count = 2;
    ck_assert(!solver_sums_pair(&bed.problem));
    bed.roles[1].count = 1;
    ck_assert(solver_sums_pair(&bed.problem));
    bed_layer(&bed, 0, "rack", 2);
    ck_assert(!solver_sums_pair(&bed.problem));
    bed.roles[0].layer_count = 0;
    bed_role(&bed, 1, 1, 0);
    ck_assert(!solver_sums_pair(&bed.problem));
}
END_TEST

/* A launcher of 2 CPUs costs one worker on b, two on a and c, and may not go to d (see
 * one_launcher_is_decided_exactly in test_roles.c); whichever role stands first. */
START_TEST(the_least_loss_decides)
{
    static const struct world_node nodes[] = {{"a", "b1", "r1", 3, 3},
                                              {"b", "b1", "r1", 3, 4},
                                              {"c", "b1", "r2", 8, 8},
                                              {"d", "b1", "r2", 2, 9}};
    for (uint32_t launcher = 0; launcher < 2; launcher++) {
        solver_sums_destroy(sums);
        sums = NULL;
        bed_finish(&bed);
        bed_init(&bed, nodes, COUNT(nodes));
        for (uint32_t r = 0; r < 2; r++) {
            bed_role(&bed, r == launcher ? 1 : 15, r == launcher ? 0 : 1, r == launcher ? 2 : 1);
        }
        bed_exclude(&bed, launcher, "d");
        create();
        const uint32_t places[] = {0, bed_place(&bed, "rack", "a"), bed_place(&bed, "rack", "c")};
        const uint64_t room[] = {16, 6, 10};
        const uint64_t least[] = {1, 1, 2};
        for (uint32_t i = 0; i < COUNT(places); i++) {
            for (uint32_t wanted = 2; wanted <= room[i]; wanted++) {
                bed.roles[1 - launcher].count = wanted;
                ck_assert(solver_sums_pair_fits(sums, places[i], launcher == 0 ? 9 : room[i],
                                                launcher == 0 ? room[i] : 9) ==
                          (wanted + least[i] <= room[i]));
            }
        }
        bed_exclude(&bed, launcher, "a");
        bed_exclude(&bed, launcher, "b");
        create();
        bed.roles[1 - launcher].count = 1;
        ck_assert(!solver_sums_pair_fits(sums, places[1], 9, 9)); /* nowhere to go */
        ck_assert(solver_sums_pair_fits(sums, 0, 9, 9));
    }
}
END_TEST

START_TEST(one_role_aborts)
{
    bed_role(&bed, 1, 8, 0);
    create();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("solver_sums");
    TCase *tcase = tcase_create("sums");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_mix_and_each_resource);
    tcase_add_test(tcase, only_what_pods_can_use_counts);
    tcase_add_test(tcase, no_more_pods_than_there_are);
    tcase_add_test(tcase, large_amounts);
    tcase_add_test(tcase, too_many_resources);
    tcase_add_test(tcase, all_on_one_node);
    tcase_add_test(tcase, what_a_pair_is);
    tcase_add_test(tcase, the_least_loss_decides);
    tcase_add_test_raise_signal(tcase, one_role_aborts, SIGABRT);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
