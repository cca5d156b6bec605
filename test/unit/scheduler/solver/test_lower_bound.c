// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/lower_bound.h"

#include "test/unit/check_main.h"
#include "test/unit/scheduler/solver/bed.h"

/* Bounds over two blocks of two racks of two nodes of 8 GPUs: cluster 0, b1 1, r1 2, r2 3, b2 4,
 * r3 5, r4 6. A lower bound is written by level: cluster, blocks, racks, nodes. */

static struct bed bed;
static uint32_t lower_bound[SOLVER_TREE_MAX];

static void setup(void)
{
    bed_init(&bed, eight, COUNT(eight));
}

static void teardown(void)
{
    bed_finish(&bed);
}

static void compute(bool node, uint32_t index, uint32_t level, uint32_t deepest)
{
    struct solver_space *space = solver_space_create(&bed.problem, &bed.effort);
    struct solver_largest scratch;
    solver_largest_init(&scratch);
    memset(lower_bound, 0xff, sizeof lower_bound);
    const struct solver_candidate place = {.node = node, .index = index};
    solver_lower_bound(space, place, level, deepest, &scratch, lower_bound);
    solver_largest_finish(&scratch);
    solver_space_destroy(space);
}

static void check_lower_bound(const uint32_t *expected)
{
    for (uint32_t l = 0; l < 4; l++) {
        ck_assert_msg(lower_bound[l] == expected[l], "level %u: %u", l, lower_bound[l]);
    }
    for (uint32_t l = 4; l < SOLVER_TREE_MAX; l++) {
        ck_assert_uint_eq(lower_bound[l], 0); /* levels that the tree has not */
    }
}

#define CHECK_LOWER_BOUND(...) check_lower_bound((const uint32_t[]){__VA_ARGS__})

START_TEST(fewest_of_each_level)
{
    bed_role(&bed, 5, 8, 0);
    compute(false, 0, 0, 3);
    CHECK_LOWER_BOUND(1, 2, 3, 5);
    bed.roles[0].count = 4;
    compute(false, 1, 1, 3);
    CHECK_LOWER_BOUND(1, 1, 2, 4);
    bed.roles[0].count = 1;
    compute(true, 7, 3, 3);
    CHECK_LOWER_BOUND(1, 1, 1, 1);
}
END_TEST

/* The largest ones count, wherever they are. */
START_TEST(the_largest_suffice)
{
    static const struct world_node nodes[] = {{"n1", "b1", "r1", 1, 0},
                                              {"n2", "b1", "r1", 6, 0},
                                              {"n3", "b1", "r2", 3, 0},
                                              {"n4", "b1", "r2", 3, 0},
                                              {"n5", "b1", "r3", 5, 0}};
    struct bed other = bed;
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, 11, 1, 0);
    compute(false, 1, 1, 1);
    CHECK_LOWER_BOUND(1, 1, 2, 2);
    bed.roles[0].count = 12;
    compute(false, 1, 1, 1);
    CHECK_LOWER_BOUND(1, 1, 2, 3);
    bed_finish(&bed);
    bed = other;
}
END_TEST

/* Pinned members count in full; what fits beside them comes first. */
START_TEST(beside_pinned_members)
{
    bed_role(&bed, 3, 4, 0);
    bed_pin(&bed, "n1");
    bed_pin(&bed, "n3");
    compute(false, 1, 1, 1);
    CHECK_LOWER_BOUND(1, 1, 2, 2); /* four fit on n1 and n3 */
    bed.roles[0].count = 5;
    compute(false, 1, 1, 1);
    CHECK_LOWER_BOUND(1, 1, 2, 3);
    bed_exclude(&bed, 0, "n1");
    compute(false, 1, 1, 1);
    CHECK_LOWER_BOUND(1, 1, 2, 4); /* n1 is touched and of no use */
}
END_TEST

/* Two roles that each fit one node, into different ones: no place below the block holds both. */
START_TEST(no_place_below_means_two)
{
    bed_role(&bed, 1, 5, 0);
    bed_role(&bed, 1, 6, 0);
    compute(false, 1, 1, 1);
    CHECK_LOWER_BOUND(1, 1, 2, 2);
    compute(false, 1, 1, 2); /* a rack may hold them */
    CHECK_LOWER_BOUND(1, 1, 1, 2);
    compute(false, 1, 1, 3); /* or even a node: the mix still says two, 5 + 5 > 8 */
    CHECK_LOWER_BOUND(1, 1, 1, 2);
}
END_TEST

/* One and three whole nodes: four, which no role says alone. */
START_TEST(the_mix_counts)
{
    bed_role(&bed, 1, 8, 32);
    bed_role(&bed, 3, 8, 48);
    compute(false, 1, 1, 3);
    CHECK_LOWER_BOUND(1, 1, 2, 4);
}
END_TEST

/* Slices of three per rack where four would fit: six are two racks, and four nodes. */
START_TEST(slices_make_racks_smaller)
{
    bed_role(&bed, 6, 4, 0);
    bed_layer(&bed, 0, "rack", 3);
    compute(false, 0, 0, 3);
    CHECK_LOWER_BOUND(1, 1, 2, 3);
    bed.roles[0].count = 9;
    compute(false, 0, 0, 3);
    CHECK_LOWER_BOUND(1, 2, 3, 5);
}
END_TEST

/* More than there is: all that have room. */
START_TEST(more_than_there_is)
{
    bed_role(&bed, 100000, 8, 0);
    bed_exclude(&bed, 0, "n1");
    bed_exclude(&bed, 0, "n2");
    compute(false, 0, 0, 3);
    CHECK_LOWER_BOUND(1, 2, 3, 6);
}
END_TEST

START_TEST(nothing_to_place)
{
    compute(false, 0, 0, 3);
    CHECK_LOWER_BOUND(0, 0, 0, 0);
    bed_pin(&bed, "n2");
    bed_pin(&bed, "n8");
    compute(false, 0, 0, 3);
    CHECK_LOWER_BOUND(1, 2, 2, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("solver_lower_bound");
    TCase *tcase = tcase_create("lower_bound");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, fewest_of_each_level);
    tcase_add_test(tcase, the_largest_suffice);
    tcase_add_test(tcase, beside_pinned_members);
    tcase_add_test(tcase, no_place_below_means_two);
    tcase_add_test(tcase, the_mix_counts);
    tcase_add_test(tcase, slices_make_racks_smaller);
    tcase_add_test(tcase, more_than_there_is);
    tcase_add_test(tcase, nothing_to_place);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
