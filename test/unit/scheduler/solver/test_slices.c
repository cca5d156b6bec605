// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/slices.h"

#include "test/unit/check_main.h"
#include "test/unit/scheduler/solver/bed.h"

/* Layers block 8 and rack 4 over
 *
 *   cluster 0 ─ block b1 1 ┬ rack r1 2        n1 n2
 *                          └ no rack 3        n3
 */
static const struct world_node three[] = {
    {"n1", "b1", "r1", 8, 64}, {"n2", "b1", "r1", 8, 64}, {"n3", "b1", NULL, 8, 64}};

static struct bed bed;

static void setup(void)
{
    bed_init(&bed, three, COUNT(three));
    bed_role(&bed, 8, 1, 0);
    bed_layer(&bed, 0, "block", 8);
    bed_layer(&bed, 0, "rack", 4);
}

static void teardown(void)
{
    bed_finish(&bed);
}

static uint64_t round_at(const char *level, const char *node, uint64_t raw)
{
    return solver_slices_round(&bed.roles[0], bed.world.domains, bed_level(&bed, level),
                               bed_place(&bed, level, node), raw);
}

START_TEST(portions)
{
    ck_assert_uint_eq(solver_slices_portion(&bed.roles[0], 0), 1);
    ck_assert_uint_eq(solver_slices_portion(&bed.roles[0], 1), 8);
    ck_assert_uint_eq(solver_slices_portion(&bed.roles[0], 2), 4);
    ck_assert_uint_eq(solver_slices_portion(&bed.roles[0], 3), 1);
    bed.roles[0].layer_count = 0;
    ck_assert_uint_eq(solver_slices_portion(&bed.roles[0], 1), 1);
}
END_TEST

/* Domain 2 is rack r1, position 2 is node n3: a number alone says nothing. */
START_TEST(started_by_level_and_place)
{
    bed_layer(&bed, 0, "host", 2);
    ck_assert_uint_eq(solver_slices_started(&bed.roles[0], 2, 2), 0);
    bed_start(&bed, 0, 1, "n1", 3);
    bed_start(&bed, 0, 2, "n3", 1);
    ck_assert_uint_eq(solver_slices_started(&bed.roles[0], 2, 2), 3);
    ck_assert_uint_eq(solver_slices_started(&bed.roles[0], 3, 2), 1);
    ck_assert_uint_eq(solver_slices_started(&bed.roles[0], 1, 2), 0);
    ck_assert_uint_eq(solver_slices_started(&bed.roles[0], 2, 3), 0);
    ck_assert_uint_eq(solver_slices_started(&bed.roles[0], 0, 2), 0);
}
END_TEST

START_TEST(whole_slices)
{
    static const uint64_t rounded[] = {0, 0, 0, 0, 4, 4, 4, 4, 8, 8};
    for (uint64_t raw = 0; raw < COUNT(rounded); raw++) {
        ck_assert_uint_eq(round_at("rack", "n1", raw), rounded[raw]);
    }
    ck_assert_uint_eq(round_at("block", "n1", 15), 8);
    ck_assert_uint_eq(round_at("cluster", "n1", 15), 15); /* no layer there */
    ck_assert_uint_eq(round_at("host", "n1", 15), 15);
    ck_assert_uint_eq(round_at("cluster", "n1", UINT64_MAX), UINT64_MAX);
    ck_assert_uint_eq(round_at("rack", "n1", UINT64_MAX), UINT64_MAX - 3);
}
END_TEST

/* Three pods of a started slice come first, whole slices after them. */
START_TEST(beside_a_started_slice)
{
    static const uint64_t rounded[] = {0, 0, 0, 3, 3, 3, 3, 7, 7, 7, 7, 11};
    bed_start(&bed, 0, 1, "n1", 3);
    for (uint64_t raw = 0; raw < COUNT(rounded); raw++) {
        ck_assert_uint_eq(round_at("rack", "n1", raw), rounded[raw]);
    }
}
END_TEST

/* Nodes without the label may be anywhere: no slice begins there, a started one may end there. */
START_TEST(an_unknown_domain)
{
    ck_assert_uint_eq(round_at("rack", "n3", 9), 0);
    bed_start(&bed, 0, 1, "n3", 2);
    ck_assert_uint_eq(round_at("rack", "n3", 9), 2);
    ck_assert_uint_eq(round_at("rack", "n3", 1), 0);
}
END_TEST

/* A node is always known, whatever its labels. */
START_TEST(slices_per_node)
{
    bed_layer(&bed, 0, "host", 2);
    ck_assert_uint_eq(round_at("host", "n3", 5), 4);
    bed_start(&bed, 0, 2, "n3", 1);
    ck_assert_uint_eq(round_at("host", "n3", 5), 5);
    ck_assert_uint_eq(round_at("host", "n3", 4), 3);
    ck_assert_uint_eq(round_at("host", "n2", 5), 4);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("solver_slices");
    TCase *tcase = tcase_create("slices");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, portions);
    tcase_add_test(tcase, started_by_level_and_place);
    tcase_add_test(tcase, whole_slices);
    tcase_add_test(tcase, beside_a_started_slice);
    tcase_add_test(tcase, an_unknown_domain);
    tcase_add_test(tcase, slices_per_node);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
