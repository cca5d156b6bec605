// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/candidates.h"

#include "test/unit/check_main.h"
#include "test/unit/scheduler/solver/bed.h"

/* The places of one level, written as "name:left over" in the order in which they come. */

static struct bed bed;
static char text[4096];

static void add(size_t *used, const struct solver_candidate *place)
{
    char path[256];
    const char *name = place->node ? world_name(&bed.world, place->index)
                                   : domains_path(bed.world.domains, place->index, path, 256);
    *used += (size_t)snprintf(text + *used, sizeof text - *used, "%s%s:%llu", *used > 0 ? " " : "",
                              name, (unsigned long long)place->leftover);
    ck_assert_uint_lt(*used, sizeof text);
}

static const char *walk(uint32_t required, const char *level, bool any)
{
    struct solver_space *space = solver_space_create(&bed.problem, &bed.effort);
    struct solver_walk places = solver_walk_begin(required, bed_level(&bed, level));
    places.any = any;
    struct solver_candidate place;
    size_t used = 0;
    text[0] = '\0';
    while (solver_walk_next(&places, space, &place)) {
        add(&used, &place);
    }
    ck_assert(!solver_walk_next(&places, space, &place)); /* and nothing after the end */
    solver_space_destroy(space);
    return text;
}

static const char *collect(const char *level)
{
    struct solver_space *space = solver_space_create(&bed.problem, &bed.effort);
    struct solver_candidate kept[SOLVER_CANDIDATES_MAX];
    uint32_t count = solver_candidates_collect(space, 0, bed_level(&bed, level), kept);
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < count; i++) {
        add(&used, &kept[i]);
    }
    solver_space_destroy(space);
    return text;
}

START_TEST(places_of_each_level)
{
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 1, 5, 0);
    ck_assert_str_eq(walk(0, "cluster", false), "cluster:7");
    ck_assert_str_eq(walk(0, "block", false), "b1:3 b2:3");
    ck_assert_str_eq(walk(0, "rack", false), "b1/r1:1 b1/r2:1 b2/r3:1 b2/r4:1");
    ck_assert_str_eq(walk(0, "host", false), "n1:0 n2:0 n3:0 n4:0 n5:0 n6:0 n7:0 n8:0");
    bed.roles[0].count = 3;
    ck_assert_str_eq(walk(0, "rack", false), "");
    ck_assert_str_eq(walk(0, "host", false), "");
    ck_assert_str_eq(walk(0, "block", false), "b1:1 b2:1");
    bed_finish(&bed);
}
END_TEST

/* Too small ones too, for the words of a refusal; nothing is left over in them. */
START_TEST(any_place)
{
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 3, 5, 0);
    ck_assert_str_eq(walk(0, "rack", true), "b1/r1:0 b1/r2:0 b2/r3:0 b2/r4:0");
    ck_assert_str_eq(walk(2, "host", true), "n1:0 n2:0 n3:0 n4:0 n5:0 n6:0 n7:0 n8:0");
    bed_finish(&bed);
}
END_TEST

START_TEST(where_the_pinned_ones_are)
{
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 1, 5, 0);
    bed_pin(&bed, "n3");
    ck_assert_str_eq(walk(0, "block", false), "b1:3");
    ck_assert_str_eq(walk(0, "rack", false), "b1/r2:1");
    ck_assert_str_eq(walk(0, "host", false), "n3:0");
    bed_pin(&bed, "n1");
    ck_assert_str_eq(walk(0, "rack", false), "");
    ck_assert_str_eq(walk(0, "block", true), "b1:3");
    bed_pin(&bed, "n8");
    ck_assert_str_eq(walk(0, "block", true), "");
    ck_assert_str_eq(walk(0, "cluster", false), "cluster:7");
    bed_finish(&bed);
}
END_TEST

/* A rack nobody knows is a place, unless a rack is required; its node is none either, then. */
START_TEST(unknown_domains)
{
    static const struct world_node nodes[] = {
        {"n1", "b1", "r1", 8, 0}, {"n2", "b1", NULL, 8, 0}, {"n3", NULL, NULL, 8, 0}};
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, 1, 8, 0);
    ck_assert_str_eq(walk(0, "rack", false), "b1/r1:0 b1/(none):0 (none)/(none):0");
    ck_assert_str_eq(walk(1, "rack", false), "b1/r1:0 b1/(none):0");
    ck_assert_str_eq(walk(2, "rack", false), "b1/r1:0");
    ck_assert_str_eq(walk(2, "rack", true), "b1/r1:0");
    ck_assert_str_eq(walk(2, "host", false), "n1:0");
    ck_assert_str_eq(walk(1, "host", false), "n1:0 n2:0");
    ck_assert_str_eq(walk(3, "host", false), "n1:0 n2:0 n3:0"); /* a node is what it is */
    bed_finish(&bed);
}
END_TEST

START_TEST(left_over_by_all_roles)
{
    bed_init(&bed, eight, COUNT(eight));
    bed_role(&bed, 1, 2, 0);  /* eight fit a rack */
    bed_role(&bed, 2, 0, 16); /* and eight of these */
    ck_assert_str_eq(walk(0, "rack", false), "b1/r1:13 b1/r2:13 b2/r3:13 b2/r4:13");
    bed_finish(&bed);
}
END_TEST

START_TEST(the_tightest_first)
{
    static const struct world_node nodes[] = {{"n1", "b1", "r1", 9, 0},
                                              {"n2", "b1", "r2", 5, 0},
                                              {"n3", "b1", "r3", 4, 0},
                                              {"n4", "b1", "r4", 5, 0},
                                              {"n5", "b1", "r5", 7, 0}};
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, 5, 1, 0);
    ck_assert_str_eq(collect("rack"), "b1/r2:0 b1/r4:0 b1/r5:2 b1/r1:4");
    ck_assert_str_eq(collect("host"), "n2:0 n4:0 n5:2 n1:4");
    bed.roles[0].count = 10;
    ck_assert_str_eq(collect("host"), "");
    bed_finish(&bed);
}
END_TEST

/* 70 nodes, more than are compared: n69 has the least, or all have the same. */
START_TEST(more_than_are_compared)
{
    enum { NODES = 70 };
    struct world_node nodes[NODES];
    char names[NODES][8];
    for (int same = 0; same < 2; same++) {
        for (int i = 0; i < NODES; i++) {
            (void)snprintf(names[i], sizeof names[i], "n%02d", i);
            nodes[i] = (struct world_node){names[i], "b1", "r1", same ? 9 : 100 - i, 0};
        }
        bed_init(&bed, nodes, NODES);
        bed_role(&bed, 1, 1, 0);
        struct solver_space *space = solver_space_create(&bed.problem, &bed.effort);
        struct solver_candidate kept[SOLVER_CANDIDATES_MAX];
        ck_assert_uint_eq(solver_candidates_collect(space, 0, 3, kept), SOLVER_CANDIDATES_MAX);
        for (uint32_t i = 0; i < SOLVER_CANDIDATES_MAX; i++) {
            ck_assert_uint_eq(kept[i].index, same ? i : NODES - 1 - i);
            ck_assert_uint_eq(kept[i].leftover, same ? 8 : 30 + i);
        }
        solver_space_destroy(space);
        bed_finish(&bed);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("solver_candidates");
    TCase *tcase = tcase_create("candidates");
    tcase_add_test(tcase, places_of_each_level);
    tcase_add_test(tcase, any_place);
    tcase_add_test(tcase, where_the_pinned_ones_are);
    tcase_add_test(tcase, unknown_domains);
    tcase_add_test(tcase, left_over_by_all_roles);
    tcase_add_test(tcase, the_tightest_first);
    tcase_add_test(tcase, more_than_are_compared);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
