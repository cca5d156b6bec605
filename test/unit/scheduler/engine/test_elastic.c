// SPDX-License-Identifier: Apache-2.0
/* Which members start, when not all fit: as many as do, the first of those who are alike.
 * Racks r0 = n0 … n3 and r1 = n4 … n7, 8 GPUs each. */
#include <stdio.h>

#include "scheduler/solver/solver.h"
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

static struct world world;

static void setup(void)
{
    world_init(&world);
    world_racks(&world, 2, 4);
    world_event(&world, EVENT_SYNCED);
}

static void teardown(void)
{
    world_finish(&world);
}

static void group(int minimum, const char *required)
{
    struct event event = {.type = EVENT_GROUP};
    event.group =
        (struct group_object){.name_space = "ns", .name = "g", .uid = "g", .minimum = minimum};
    event.group.placement.required_level = required;
    world_apply(&world, &event);
}

/* So many pods <name>-0 … of the gang, the last of a list if `last`. */
static void show(const char *name, int count, int gpus, bool ranked, bool last)
{
    for (int i = 0; i < count; i++) {
        struct amount_object amounts[3];
        struct world_pod pod = {
            .uid = world_member(name, i), .gang = "g", .gpus = gpus, .rank = ranked ? i : -1};
        struct event event = {.type = EVENT_POD, .more = !last || i + 1 < count};
        world_fill_pod(&pod, &event.pod, amounts);
        world_apply(&world, &event);
    }
}

/* How many of <name>-0 … are planned, which must be the first ones. */
static int planned(const char *name, int count)
{
    char node[64];
    int first = 0;
    while (first < count &&
           world_node_of(&world, "g", world_member(name, first), node)[0] != '\0') {
        first++;
    }
    for (int i = first; i < count; i++) {
        ck_assert_str_eq(world_node_of(&world, "g", world_member(name, i), node), "");
    }
    return first;
}

START_TEST(as_many_as_fit)
{
    static const char *const busy[] = {"n0", "n1", "n4", NULL};
    world_fill(&world, busy);
    group(3, NULL);
    show("w", 8, 8, true, true);
    ck_assert_int_eq(planned("w", 8), 5);
}
END_TEST

/* Not the smallest rack that holds the quorum: a gang cannot leave its rack. */
START_TEST(the_domain_that_takes_the_most)
{
    static const char *const busy[] = {"n0", NULL};
    char node[64];
    world_fill(&world, busy);
    group(3, "rack");
    show("w", 6, 8, true, true);
    ck_assert_int_eq(planned("w", 6), 4);
    ck_assert_int_ge(world_number(world_node_of(&world, "g", "w-0", node)), 4);
}
END_TEST

START_TEST(who_fits_nowhere_keeps_nobody)
{
    group(4, NULL);
    show("a", 2, 9, false, false);
    show("b", 4, 2, false, true);
    ck_assert_int_eq(planned("a", 2), 0);
    ck_assert_int_eq(planned("b", 4), 4);
}
END_TEST

START_TEST(fewer_than_the_quorum_is_nobody)
{
    static const char *const busy[] = {"n0", "n1", "n2", "n3", "n4", "n5", NULL};
    world_fill(&world, busy);
    group(3, NULL);
    show("w", 8, 8, true, true);
    ck_assert_int_eq(planned("w", 8), 0);
    ck_assert_ptr_nonnull(strstr(world_reason(&world, "g"), "short by 1 of 3 pods"));
}
END_TEST

/* Sizes compete for the same nodes: two of 5 take all that is left, three of 3 and one of 5 are
 * more. */
START_TEST(the_most_of_several_sizes)
{
    static const char *const busy[] = {"n2", "n3", "n4", "n5", "n6", "n7", NULL};
    world_fill(&world, busy);
    group(2, NULL);
    show("a", 2, 5, false, false);
    show("b", 3, 3, false, true);
    ck_assert_int_eq(planned("a", 2) + planned("b", 3), 4);
}
END_TEST

/* More ways to choose 2,561 of these 4,000 than anybody could try, and too dear to try many: the
 * search ends by itself. */
START_TEST(so_many_ways)
{
    char role[8];
    world_racks(&world, 40, 8);
    group(2, NULL);
    for (int r = 0; r < 8; r++) {
        for (int i = 0; i < 500; i++) {
            struct amount_object amounts[3];
            struct event event = {.type = EVENT_POD, .more = r < 7 || i < 499};
            snprintf(role, sizeof role, "r%d", r);
            struct world_pod pod = {
                .uid = world_member(role, i), .gang = "g", .gpus = 1, .rank = i, .role = role};
            world_fill_pod(&pod, &event.pod, amounts);
            amounts[0].amount = 1000 + r;
            world_apply(&world, &event);
        }
    }
    int there = 0;
    for (int r = 0; r < 8; r++) {
        snprintf(role, sizeof role, "r%d", r);
        there += planned(role, 500);
    }
    ck_assert_int_eq(there, 2560);
}
END_TEST

/* So many pods <role>-0 …, all of them of different shapes, from 1 millicore of CPU on. */
static void show_odd(const char *role, int count, int from, bool last)
{
    for (int i = 0; i < count; i++) {
        struct amount_object amounts[3];
        struct world_pod pod = {
            .uid = world_member(role, i), .gang = "g", .gpus = 8, .rank = i, .role = role};
        struct event event = {.type = EVENT_POD, .more = !last || i + 1 < count};
        world_fill_pod(&pod, &event.pod, amounts);
        amounts[0].amount = from + i;
        world_apply(&world, &event);
    }
}

static int count_planned(const char *role, int count)
{
    char node[64];
    int found = 0;
    for (int i = 0; i < count; i++) {
        found += world_node_of(&world, "g", world_member(role, i), node)[0] != '\0';
    }
    return found;
}

/* More roles than the solver takes, and of one shape: to it they are alike. */
START_TEST(many_roles_of_one_shape)
{
    char role[8];
    group(20, NULL);
    for (int r = 0; r < 20; r++) {
        snprintf(role, sizeof role, "r%d", r);
        show(role, 2, r == 3 ? 9 : 2, true, r == 19);
    }
    int there = 0;
    for (int r = 0; r < 20; r++) {
        snprintf(role, sizeof role, "r%d", r);
        there += count_planned(role, 2);
    }
    ck_assert_int_eq(there, 32); /* 4 on each of 8 nodes */
}
END_TEST

/* More shapes than the solver takes, and fewer nodes: those that ask for least. */
START_TEST(the_most_of_many_shapes)
{
    group(2, NULL);
    show_odd("w", 20, 1000, true);
    ck_assert_int_eq(count_planned("w", 20), 8);
    ck_assert_int_eq(planned("w", 8), 8);
}
END_TEST

/* More room than the solver takes shapes: sixteen start, and the others join them. */
START_TEST(the_others_of_many_shapes_join)
{
    world_racks(&world, 10, 4);
    group(2, NULL);
    show_odd("w", 30, 1000, true);
    ck_assert_int_eq(count_planned("w", 30), SOLVER_ROLES_MAX);
    for (int i = 0; i < SOLVER_ROLES_MAX; i++) {
        char node[64];
        world_bind(&world, world_member("w", i),
                   world_node_of(&world, "g", world_member("w", i), node));
    }
    world_wait(&world, 100);
    ck_assert_int_eq(count_planned("w", 30), 30);
}
END_TEST

/* More shapes than are looked at: the last ones are nobody's choice, and in nobody's way. */
START_TEST(more_shapes_than_are_looked_at)
{
    char name[32], node[64];
    int placed = 0;
    group(1, NULL);
    for (int i = 1; i <= 300; i++) {
        snprintf(name, sizeof name, "s%d", i);
        show(name, 1, i, false, i == 300);
    }
    for (int i = 1; i <= 300; i++) {
        snprintf(name, sizeof name, "s%d", i);
        placed += world_node_of(&world, "g", world_member(name, 0), node)[0] != '\0';
    }
    ck_assert_int_eq(placed, 8);
}
END_TEST

START_TEST(too_many_shapes_are_needed)
{
    world_racks(&world, 10, 4);
    group(17, NULL);
    show_odd("w", 20, 1000, true);
    ck_assert_int_eq(count_planned("w", 20), 0);
    ck_assert_ptr_nonnull(strstr(world_reason(&world, "g"), "more than 16 different shapes"));
}
END_TEST

/* Whole slices: what is left over of a rack is not used for half of one. */
START_TEST(whole_slices)
{
    static const struct slice_object triples[] = {{"rack", 3}};
    static const struct placement_object in_triples = {.slices = triples, .slice_count = 1};
    static const char *const busy[] = {"n0", "n1", NULL};
    world_fill(&world, busy);
    group(3, NULL);
    for (int i = 0; i < 9; i++) {
        struct amount_object amounts[3];
        struct world_pod pod = {.uid = world_member("w", i),
                                .gang = "g",
                                .gpus = 8,
                                .rank = i,
                                .placement = &in_triples};
        struct event event = {.type = EVENT_POD, .more = i < 8};
        world_fill_pod(&pod, &event.pod, amounts);
        world_apply(&world, &event);
    }
    ck_assert_int_eq(planned("w", 9), 3);
}
END_TEST

/* Nobody of it is alive any more: one rack for those that join, the one that takes the most. */
START_TEST(joiners_beside_nobody)
{
    static const char *const busy[] = {"n0", "n1", "n2", "n4", "n5", NULL};
    struct world_pod done = {.uid = "w-9", .gang = "g", .node = "n0", .rank = 9, .succeeded = true};
    char node[64];
    world_fill(&world, busy);
    group(1, "rack");
    world_pod(&world, &done);
    show("w", 3, 8, true, true);
    ck_assert_int_eq(planned("w", 3), 2);
    ck_assert_int_ge(world_number(world_node_of(&world, "g", "w-0", node)), 4);
}
END_TEST

/* The members that were left out join when there is room. */
START_TEST(the_others_join)
{
    static const char *const busy[] = {"n0", "n1", "n2", "n3", "n4", NULL};
    char node[64];
    world_fill(&world, busy);
    group(2, NULL);
    show("w", 4, 8, true, true);
    ck_assert_int_eq(planned("w", 4), 3);
    for (int i = 0; i < 3; i++) {
        world_bind(&world, world_member("w", i),
                   world_node_of(&world, "g", world_member("w", i), node));
    }
    ck_assert_int_eq(planned("w", 4), 3);
    world_pod_gone(&world, "n0");
    ck_assert_int_eq(planned("w", 4), 4);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/engine/elastic");
    TCase *tcase = tcase_create("elastic");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, as_many_as_fit);
    tcase_add_test(tcase, the_domain_that_takes_the_most);
    tcase_add_test(tcase, who_fits_nowhere_keeps_nobody);
    tcase_add_test(tcase, fewer_than_the_quorum_is_nobody);
    tcase_add_test(tcase, the_most_of_several_sizes);
    tcase_add_test(tcase, so_many_ways);
    tcase_add_test(tcase, many_roles_of_one_shape);
    tcase_add_test(tcase, the_most_of_many_shapes);
    tcase_add_test(tcase, the_others_of_many_shapes_join);
    tcase_add_test(tcase, more_shapes_than_are_looked_at);
    tcase_add_test(tcase, too_many_shapes_are_needed);
    tcase_add_test(tcase, whole_slices);
    tcase_add_test(tcase, joiners_beside_nobody);
    tcase_add_test(tcase, the_others_join);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
