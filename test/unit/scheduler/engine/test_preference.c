// SPDX-License-Identifier: Apache-2.0
/* More members, or a tighter place. Racks r0 = n0 … n3 and r1 = n4 … n7 of block b0, r2 = n8 … n11
 * of b1; 8 GPUs each. */
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

static struct world world;

static void setup(void)
{
    world_init(&world);
    world_racks(&world, 3, 4);
    world_event(&world, EVENT_SYNCED);
}

static void teardown(void)
{
    world_finish(&world);
}

static void group(int minimum, const char *preference, const char *preferred)
{
    struct event event = {.type = EVENT_GROUP};
    event.group =
        (struct group_object){.name_space = "ns", .name = "g", .uid = "g", .minimum = minimum};
    event.group.elastic.preference = preference;
    event.group.placement.preferred_level = preferred;
    world_apply(&world, &event);
}

static void show(int count, const char *preference)
{
    for (int i = 0; i < count; i++) {
        struct amount_object amounts[3];
        struct world_pod pod = {.uid = world_member("g", i), .gang = "g", .gpus = 8, .rank = i};
        struct event event = {.type = EVENT_POD, .more = i + 1 < count};
        world_fill_pod(&pod, &event.pod, amounts);
        event.pod.elastic.preference = preference;
        world_apply(&world, &event);
    }
}

static int planned(int count)
{
    int found = 0;
    for (int i = 0; i < count; i++) {
        found += world_planned(&world, "g", i)[0] != '\0';
    }
    return found;
}

static bool in_rack(int count, int rack)
{
    bool there = true;
    for (int i = 0; i < count; i++) {
        const char *node = world_planned(&world, "g", i);
        there = there && (node[0] == '\0' || world_number(node) / 4 == rack);
    }
    return there;
}

/* All of them are more than the most in a rack. */
START_TEST(members_by_default)
{
    group(3, NULL, NULL);
    show(6, NULL);
    ck_assert_int_eq(planned(6), 6);
}
END_TEST

START_TEST(members_in_words)
{
    group(3, "members", NULL);
    show(6, "placement"); /* the object comes before the pods */
    ck_assert_int_eq(planned(6), 6);
}
END_TEST

/* r0 has room for two, r1 for three, r2 for four; the others wait, and join there. */
START_TEST(the_rack_that_takes_the_most)
{
    static const char *const busy[] = {"n0", "n1", "n4", NULL};
    world_fill(&world, busy);
    group(3, "placement", NULL);
    show(6, NULL);
    ck_assert_int_eq(planned(6), 4);
    ck_assert(in_rack(6, 2));
    world_vote(&world, "g", 0, 4);
    world_outcome(&world, "g", 0, 4, WRITE_DONE);
    world_wait(&world, 100);
    ck_assert_int_eq(world_state(&world, "g"), GANG_PLACED);
    ck_assert_int_eq(planned(6), 4); /* there is room elsewhere */
    ck_assert_str_eq(world_reason(&world, "g"),
                     "gang ns/g waits: rack is short by 1 of 1 pod (0 fit in the best one, b1/r2, "
                     "each needs nvidia.com/gpu 8); all would fit in one cluster");
    world_node(&world, "n12", "b1", "r2", 8);
    world_wait(&world, 100);
    ck_assert_int_eq(planned(6), 5);
}
END_TEST

/* Below the quorum the place comes second: the narrowest level that takes it. */
START_TEST(the_level_that_takes_the_quorum)
{
    group(5, "placement", NULL);
    show(10, NULL);
    ck_assert_int_eq(planned(10), 8); /* b0 */
    ck_assert(!in_rack(10, 2));
}
END_TEST

/* The cluster always will do. */
START_TEST(the_quorum_comes_first)
{
    group(9, "placement", NULL);
    show(10, NULL);
    ck_assert_int_eq(planned(10), 10);
}
END_TEST

/* A preferred level says how near is near enough: a block, or a node. */
START_TEST(the_preferred_level)
{
    group(1, "placement", "network.topology.nvidia.com/block");
    show(10, NULL);
    ck_assert_int_eq(planned(10), 8);
}
END_TEST

START_TEST(one_node)
{
    group(1, "placement", "host");
    show(3, NULL);
    ck_assert_int_eq(planned(3), 1);
    world_vote(&world, "g", 0, 1);
    world_wait(&world, 100);
    ck_assert_int_eq(planned(3), 1);
}
END_TEST

START_TEST(pods_say)
{
    group(3, NULL, NULL);
    show(6, "placement");
    ck_assert_int_eq(planned(6), 4);
}
END_TEST

START_TEST(no_word)
{
    group(3, "tight", NULL);
    show(6, NULL);
    ck_assert_int_eq(planned(6), 0);
    ck_assert_str_eq(
        world_reason(&world, "g"),
        "gang ns/g waits: elastic preference \"tight\" is neither members nor placement");
    group(3, "members", NULL); /* and it is looked at again */
    ck_assert_int_eq(planned(6), 6);
}
END_TEST

START_TEST(as_configured)
{
    struct engine_options options;
    engine_options_default(&options);
    options.preference = ENGINE_PREFER_PLACEMENT;
    world_finish(&world);
    world_init_with(&world, &options);
    world_racks(&world, 3, 4);
    world_event(&world, EVENT_SYNCED);
    group(3, NULL, NULL);
    show(6, NULL);
    ck_assert_int_eq(planned(6), 4);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/engine/preference");
    TCase *tcase = tcase_create("preference");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, members_by_default);
    tcase_add_test(tcase, members_in_words);
    tcase_add_test(tcase, the_rack_that_takes_the_most);
    tcase_add_test(tcase, the_level_that_takes_the_quorum);
    tcase_add_test(tcase, the_quorum_comes_first);
    tcase_add_test(tcase, the_preferred_level);
    tcase_add_test(tcase, one_node);
    tcase_add_test(tcase, pods_say);
    tcase_add_test(tcase, no_word);
    tcase_add_test(tcase, as_configured);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
