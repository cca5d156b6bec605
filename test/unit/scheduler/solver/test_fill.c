// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/fill.h"

#include "test/unit/check_main.h"
#include "test/unit/scheduler/solver/bed.h"

/* The header's drawing, a GPU per pod:
 *
 *   block b1 (1), 14      rack a (2) 6      b (3) 5     c (4) 3
 *                           a1 4  a2 2        b1 5        c1 2  c2 1
 */
static const struct world_node drawing[] = {{"a1", "b1", "a", 4, 64},
                                            {"a2", "b1", "a", 2, 64},
                                            {"b1", "b1", "b", 5, 64},
                                            {"c1", "b1", "c", 2, 64},
                                            {"c2", "b1", "c", 1, 64}};

static struct bed bed;
static struct solver_space *space;
static struct solver_fill *fill;
static char text[512];

static void setup(void)
{
    bed_init(&bed, drawing, COUNT(drawing));
}

static void teardown(void)
{
    solver_fill_destroy(fill);
    solver_space_destroy(space);
    bed_finish(&bed);
}

static void create(void)
{
    solver_fill_destroy(fill);
    solver_space_destroy(space);
    space = solver_space_create(&bed.problem, &bed.effort);
    fill = solver_fill_create(space);
}

/* What was placed, by position: "a1:4 c1:2". Taken back. */
static const char *placed(uint64_t expected, uint64_t count)
{
    ck_assert_uint_eq(count, expected);
    uint32_t entries = 0;
    const struct solver_placement *placements = solver_space_placements(space, &entries);
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t p = 0; p < COUNT(drawing); p++) {
        uint32_t pods = 0;
        for (uint32_t i = 0; i < entries; i++) {
            pods += placements[i].position == p ? placements[i].count : 0;
        }
        if (pods > 0) {
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s:%u",
                                     used > 0 ? " " : "", world_name(&bed.world, p), pods);
        }
    }
    solver_space_undo(space);
    return text;
}

static const char *tight(uint32_t domain, uint64_t expected)
{
    const struct solver_candidate place = {.index = domain};
    return placed(expected, solver_fill_role(fill, place, 0, SOLVER_BEST_FIT));
}

/* Nine: a, and c, the tightest for the three that are left; all their nodes. */
START_TEST(the_drawing)
{
    bed_role(&bed, 9, 1, 0);
    create();
    ck_assert_str_eq(tight(1, 9), "a1:4 a2:2 c1:2 c2:1");
    ck_assert_str_eq(tight(0, 9), "a1:4 a2:2 c1:2 c2:1");
}
END_TEST

/* With the emptiest rack for the rest, b, two nodes do; and the rest there is on the tightest node,
 * or on the emptiest. */
START_TEST(rules)
{
    bed_role(&bed, 7, 1, 0);
    create();
    const struct solver_candidate place = {.index = 1};
    ck_assert_str_eq(tight(1, 7), "a1:4 a2:2 c2:1"); /* c is the tightest for one */
    ck_assert_str_eq(placed(7, solver_fill_role(fill, place, 0, SOLVER_WORST_FIT_DOMAINS)),
                     "a2:2 b1:5");
    ck_assert_str_eq(placed(7, solver_fill_role(fill, place, 0, SOLVER_WORST_FIT)), "a1:2 b1:5");
}
END_TEST

START_TEST(one_pod_and_all_pods)
{
    bed_role(&bed, 1, 1, 0);
    create();
    ck_assert_str_eq(tight(1, 1), "c2:1");
    bed.roles[0].count = 14;
    create();
    ck_assert_str_eq(tight(1, 14), "a1:4 a2:2 b1:5 c1:2 c2:1");
}
END_TEST

START_TEST(as_many_as_fit)
{
    bed_role(&bed, 20, 1, 0);
    create();
    ck_assert_str_eq(tight(4, 3), "c1:2 c2:1");
    const struct solver_candidate node = {.node = true, .index = 3};
    ck_assert_str_eq(placed(2, solver_fill_role(fill, node, 0, SOLVER_BEST_FIT)), "c1:2");
    bed_exclude(&bed, 0, "b1");
    create();
    ck_assert_str_eq(tight(3, 0), "");
}
END_TEST

/* c1 and its rack are touched: they cost nothing, the others compete for the rest. */
START_TEST(touched_ones_first)
{
    bed_role(&bed, 8, 1, 0);
    bed_pin(&bed, "c1");
    create();
    ck_assert_str_eq(tight(1, 8), "b1:5 c1:2 c2:1"); /* for five, b is tighter than a */
    bed.roles[0].count = 1;
    create();
    ck_assert_str_eq(tight(1, 1), "c1:1"); /* c2 would be tighter */
    bed_pin(&bed, "a1");
    bed.roles[0].count = 2;
    create();
    ck_assert_str_eq(tight(1, 2), "c1:2"); /* the tightest of the touched ones */
}
END_TEST

/* Pairs per rack: six, four and two fit. Eight are all of a and c. */
START_TEST(whole_slices_per_rack)
{
    bed_role(&bed, 8, 1, 0);
    bed_layer(&bed, 0, "rack", 2);
    create();
    ck_assert_str_eq(tight(1, 8), "a1:4 a2:2 c1:2");
    bed.roles[0].count = 12;
    create();
    ck_assert_str_eq(tight(1, 12), "a1:4 a2:2 b1:4 c1:2");
    bed.roles[0].count = 6; /* two layers: pairs of one node each */
    bed_layer(&bed, 0, "host", 2);
    create();
    ck_assert_str_eq(tight(1, 6), "a1:4 a2:2");
}
END_TEST

/* A slice of three began in b, and one pod of it is missing there: one and a whole slice go to b,
 * the tightest rack for the other three is c. */
START_TEST(a_started_slice_is_completed)
{
    bed_role(&bed, 7, 1, 0);
    bed_layer(&bed, 0, "rack", 3);
    bed_start(&bed, 0, 0, "b1", 1);
    create();
    ck_assert_str_eq(tight(1, 7), "a1:4 a2:2 b1:1"); /* nobody is there: the fewest others */
    bed_pin(&bed, "b1");
    create();
    ck_assert_str_eq(tight(1, 7), "b1:4 c1:2 c2:1");
}
END_TEST

START_TEST(a_slice_that_cannot_be_completed)
{
    bed_role(&bed, 3, 1, 0);
    bed_layer(&bed, 0, "rack", 6);
    bed_start(&bed, 0, 0, "b1", 6);
    create();
    ck_assert_str_eq(tight(1, 0), "");
}
END_TEST

/* A choice made already: only racks b and c, and of the nodes only those that are allowed. */
START_TEST(limits_are_kept)
{
    bed_role(&bed, 6, 1, 0);
    create();
    uint32_t most[5 + COUNT(drawing)] = {0, 0, 0, UINT32_MAX, UINT32_MAX};
    const struct solver_candidate place = {.index = 1};
    ck_assert_str_eq(placed(6, solver_fill_limited(fill, place, 0, most, 2)), "b1:5 c2:1");
    for (uint32_t p = 0; p < COUNT(drawing); p++) {
        most[5 + p] = p == 2 || p == 3 ? UINT32_MAX : 0;
    }
    ck_assert_str_eq(placed(6, solver_fill_limited(fill, place, 0, most, 3)), "b1:5 c1:1");
    ck_assert_str_eq(tight(1, 6), "a1:4 a2:2"); /* the limits end with the call */
}
END_TEST

/* Within limits the rule is always the same, whatever was filled by before. */
START_TEST(limits_have_a_rule_of_their_own)
{
    bed_role(&bed, 7, 1, 0);
    create();
    uint32_t most[5 + COUNT(drawing)];
    memset(most, 0xFF, sizeof most);
    const struct solver_candidate place = {.index = 1};
    for (int i = 0; i < 2; i++) {
        ck_assert_str_eq(tight(1, 7), "a1:4 a2:2 c2:1");
        ck_assert_str_eq(placed(7, solver_fill_limited(fill, place, 0, most, 3)), "a2:2 b1:5");
    }
}
END_TEST

/* The second of two roles finds what the first has left. */
START_TEST(roles_one_after_the_other)
{
    bed_role(&bed, 4, 1, 0);
    bed_role(&bed, 2, 1, 1);
    create();
    const struct solver_candidate place = {.index = 1};
    uint64_t count = solver_fill_role(fill, place, 0, SOLVER_BEST_FIT);
    count += solver_fill_role(fill, place, 1, SOLVER_BEST_FIT);
    ck_assert_str_eq(placed(6, count), "b1:5 c2:1");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("solver_fill");
    TCase *tcase = tcase_create("fill");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_drawing);
    tcase_add_test(tcase, rules);
    tcase_add_test(tcase, one_pod_and_all_pods);
    tcase_add_test(tcase, as_many_as_fit);
    tcase_add_test(tcase, touched_ones_first);
    tcase_add_test(tcase, whole_slices_per_rack);
    tcase_add_test(tcase, a_started_slice_is_completed);
    tcase_add_test(tcase, a_slice_that_cannot_be_completed);
    tcase_add_test(tcase, limits_are_kept);
    tcase_add_test(tcase, limits_have_a_rule_of_their_own);
    tcase_add_test(tcase, roles_one_after_the_other);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
