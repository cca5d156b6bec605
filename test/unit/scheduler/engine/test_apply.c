// SPDX-License-Identifier: Apache-2.0
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

/* The transaction in its main line: assemble, plan, hold, vote, commit, and what keeps it back. */

static struct world world;

static void setup(void)
{
    world_init(&world);
}

static void teardown(void)
{
    world_finish(&world);
}

static const char *reason_of(const char *gang)
{
    static char text[512];
    struct arena arena;
    arena_init(&arena);
    snprintf(text, sizeof(text), "%s", world_view(&world, gang, &arena).reason);
    arena_finish(&arena);
    return text;
}

static const char *member(const char *gang, int index)
{
    static char uid[64];
    snprintf(uid, sizeof(uid), "%s-%d", gang, index);
    return uid;
}

/* Rack number of the node a member is planned on, with four nodes a rack. */
static int rack_of(const char *gang, int index)
{
    char node[64];
    world_node_of(&world, gang, member(gang, index), node);
    return node[0] == '\0' ? -1 : world_number(node) / 4;
}

/* A vote of every member from `first` on. */
static void vote(const char *gang, int first, int count)
{
    for (int i = first; i < first + count; i++) {
        char node[64];
        world_bind(&world, member(gang, i), world_node_of(&world, gang, member(gang, i), node));
    }
}

static void filler(const char *uid, const char *node, int64_t gpus)
{
    struct world_pod pod = {.uid = uid, .gpus = gpus, .node = node, .rank = -1};
    world_pod(&world, &pod);
}

START_TEST(one_rack_although_the_emptiest_nodes_are_elsewhere)
{
    world_racks(&world, 4, 4);
    filler("f0", "n0", 8); /* r0, r1, r2: three whole nodes and all else empty; r3: four nodes */
    filler("f1", "n4", 8);
    filler("f2", "n8", 8);
    for (int i = 12; i < 16; i++) {
        char uid[32], node[32];
        snprintf(uid, sizeof(uid), "small-%d", i);
        snprintf(node, sizeof(node), "n%d", i);
        filler(uid, node, 0);
    }
    world_event(&world, EVENT_SYNCED);
    world_gang(&world, "g", 4, 4);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(rack_of("g", i), 3);
    }
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    struct arena arena;
    arena_init(&arena);
    ck_assert(world_view(&world, "g", &arena).optimal);
    arena_finish(&arena);
}
END_TEST

START_TEST(nothing_is_posted_before_the_quorum_and_all_at_once_after)
{
    world_racks(&world, 1, 4);
    world_event(&world, EVENT_SYNCED);
    world_gang(&world, "g", 4, 4);
    for (int i = 0; i < 3; i++) {
        vote("g", i, 1);
        ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 0);
        ck_assert_uint_eq(world_count(&world, EFFECT_BIND_REPLY), 0);
    }
    vote("g", 3, 1);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 4);
    ck_assert_uint_eq(world_count(&world, EFFECT_BIND_REPLY), 0);
    ck_assert_int_eq(world_state(&world, "g"), GANG_COMMITTING);
    ck_assert_ptr_null(world_find(&world, EFFECT_EVENT)); /* nobody is told before it is true */
    for (int i = 0; i < 4; i++) {
        char node[64];
        world_node_of(&world, "g", member("g", i), node);
        world_bound(&world, member("g", i), node, WRITE_DONE);
        const struct effect *reply = world_find(&world, EFFECT_BIND_REPLY);
        ck_assert_ptr_nonnull(reply);
        ck_assert_uint_eq(reply->bind.ticket, (uint64_t)i + 1);
        ck_assert_ptr_null(reply->bind.error);
    }
    ck_assert_int_eq(world_state(&world, "g"), GANG_PLACED);
}
END_TEST

START_TEST(the_last_pod_comes_late)
{
    world_racks(&world, 1, 4);
    world_event(&world, EVENT_SYNCED);
    world_group(&world, "g", 4);
    world_gang(&world, "g", 3, 0);
    ck_assert_int_eq(world_state(&world, "g"), GANG_GATHERING);
    ck_assert_uint_eq(world_count(&world, EFFECT_NOMINATE), 0);
    world_tick(&world, 10000);
    ck_assert_uint_eq(world_count(&world, EFFECT_NOMINATE), 0);
    struct world_pod last = {.uid = "g-3", .gang = "g", .gpus = 8, .rank = 3};
    world_pod(&world, &last);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    ck_assert_uint_eq(world_count(&world, EFFECT_NOMINATE), 4); /* which wakes the three */
}
END_TEST

START_TEST(quorums_that_make_no_sense_are_explained)
{
    world_racks(&world, 1, 4);
    world_event(&world, EVENT_SYNCED);
    world_gang(&world, "none", 2, 0);
    ck_assert_str_eq(reason_of("none"), "gang ns/none waits: PodGroup ns/none not found");
    world_group(&world, "zero", 0);
    world_gang(&world, "zero", 2, 0);
    ck_assert_ptr_nonnull(strstr(reason_of("zero"), "minMember is 0, must be 1 or more"));
    world_group(&world, "minus", -3);
    world_gang(&world, "minus", 2, 0);
    ck_assert_ptr_nonnull(strstr(reason_of("minus"), "minMember is -3"));
    world_gang(&world, "label", 2, -1);
    ck_assert_ptr_nonnull(strstr(reason_of("label"), "min-available"));
    world_group(&world, "many", 5);
    world_gang(&world, "many", 3, 0);
    ck_assert_str_eq(reason_of("many"),
                     "gang ns/many waits until 5 of its pods exist; 3 of 5 exist");
    for (int i = 0; i < 5; i++) { /* and none of them is ever planned */
        static const char *const names[] = {"none", "zero", "minus", "label", "many"};
        ck_assert_int_eq(world_state(&world, names[i]), GANG_GATHERING);
    }
    world_group(&world, "none", 2);
    ck_assert_int_eq(world_state(&world, "none"), GANG_HELD);
}
END_TEST

START_TEST(one_node_too_large_says_so_and_keeps_saying_it)
{
    static const char *const nodes[] = {"n0", "n1", "n2", "n3", NULL};
    world_racks(&world, 2, 2);
    filler("blocker", "n3", 8);
    world_event(&world, EVENT_SYNCED);
    world_gang(&world, "g", 4, 4);
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    const char *want = "gang ns/g waits: cluster is short by 1 of 4 pods (3 fit, each needs "
                       "nvidia.com/gpu 8); blocked by non-gang pods";
    ck_assert_str_eq(reason_of("g"), want);
    for (int i = 0; i < 4; i++) {
        const struct filter_reply *reply = world_filter(&world, member("g", i), NULL, nodes);
        ck_assert_int_eq(reply->verdict, FILTER_NONE);
        ck_assert_str_eq(reply->reason, want);
        world_tick(&world, 5000);
        ck_assert_uint_eq(world.effects.count, 0);
    }
    world_pod_gone(&world, "blocker");
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    ck_assert_uint_eq(world_count(&world, EFFECT_NOMINATE), 4);
}
END_TEST

START_TEST(two_gangs_of_sixty_percent)
{
    world_racks(&world, 5, 2);
    world_event(&world, EVENT_SYNCED);
    for (int i = 0; i < 6; i++) {
        for (int g = 0; g < 2; g++) {
            const char *gang = g == 0 ? "red" : "blue";
            char uid[32];
            snprintf(uid, sizeof(uid), "%s-%d", gang, i);
            struct world_pod pod = {.uid = uid, .gang = gang, .minimum = 6, .gpus = 8, .rank = i};
            world_pod(&world, &pod);
        }
    }
    ck_assert_int_eq(world_state(&world, "red"), GANG_HELD);
    ck_assert_int_eq(world_state(&world, "blue"), GANG_WAITING);
    ck_assert_ptr_nonnull(strstr(reason_of("blue"), "blocked by gang ns/red"));
    vote("red", 0, 6);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 6);
    for (int i = 0; i < 6; i++) {
        world_pod_gone(&world, member("red", i));
    }
    ck_assert_int_eq(world_state(&world, "blue"), GANG_HELD);
}
END_TEST

START_TEST(higher_priority_is_planned_first)
{
    struct amount_object amounts[3];
    world_racks(&world, 1, 2);
    world_gang(&world, "low", 2, 2);
    for (int i = 0; i < 2; i++) {
        struct event event = {.type = EVENT_POD};
        struct world_pod pod = {
            .uid = member("high", i), .gang = "high", .minimum = 2, .gpus = 8, .rank = i};
        world_fill_pod(&pod, &event.pod, amounts);
        event.pod.priority = 100;
        world_apply(&world, &event);
    }
    world_event(&world, EVENT_SYNCED);
    ck_assert_int_eq(world_state(&world, "high"), GANG_HELD);
    ck_assert_int_eq(world_state(&world, "low"), GANG_WAITING);
}
END_TEST

START_TEST(members_above_the_quorum_join_beside_their_gang)
{
    world_racks(&world, 2, 4);
    world_event(&world, EVENT_SYNCED);
    world_gang(&world, "g", 3, 3);
    int rack = rack_of("g", 0);
    vote("g", 0, 3);
    struct world_pod late = {.uid = "g-3", .gang = "g", .minimum = 3, .gpus = 8, .rank = 3};
    world_pod(&world, &late);
    ck_assert_int_eq(rack_of("g", 3), rack);
    vote("g", 3, 1);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 1);
}
END_TEST

START_TEST(more_pods_than_the_quorum_are_planned_together_if_they_fit)
{
    world_racks(&world, 1, 4);
    world_group(&world, "fits", 2);
    world_gang(&world, "fits", 4, 0);
    world_event(&world, EVENT_SYNCED);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(rack_of("fits", i), 0);
    }
    vote("fits", 0, 2);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 2);
    vote("fits", 2, 1); /* the others follow as they come */
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 1);
}
END_TEST

START_TEST(the_quorum_alone_when_not_all_fit)
{
    world_racks(&world, 1, 3);
    world_group(&world, "g", 2);
    world_gang(&world, "g", 4, 0);
    world_event(&world, EVENT_SYNCED);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    ck_assert_int_eq(rack_of("g", 0), 0);
    ck_assert_int_eq(rack_of("g", 1), 0);
    ck_assert_int_eq(rack_of("g", 3), -1);
    vote("g", 0, 2);
    ck_assert_int_eq(rack_of("g", 2), 0); /* one joiner fits, the other waits */
    ck_assert_int_eq(rack_of("g", 3), -1);
}
END_TEST

START_TEST(required_levels)
{
    world_racks(&world, 2, 2);
    world_node(&world, "loose", NULL, NULL, 8);
    world_event(&world, EVENT_SYNCED);
    const struct {
        const char *gang, *level, *mentions;
        int count;
    } cases[] = {
        {"typo", "rak", "\"rak\" is not a configured level", 2},
        {"absent", "nvlink", "no node carries the required level \"nvlink\"", 2},
        {"short", "topology.kubernetes.io/rack", "rack is short by 1 of 3 pods", 3},
        {"alternative", "rack", "all would fit in one leaf", 4},
    };
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        for (int i = 0; i < cases[c].count; i++) {
            struct world_pod pod = {.uid = member(cases[c].gang, i),
                                    .gang = cases[c].gang,
                                    .minimum = cases[c].count,
                                    .gpus = 8,
                                    .rank = i,
                                    .required = cases[c].level};
            world_pod(&world, &pod);
        }
        ck_assert_int_eq(world_state(&world, cases[c].gang), GANG_WAITING);
        ck_assert_msg(strstr(reason_of(cases[c].gang), cases[c].mentions) != NULL, "%s",
                      reason_of(cases[c].gang));
    }
    for (int i = 0; i < 2; i++) {
        struct world_pod pod = {.uid = member("good", i),
                                .gang = "good",
                                .minimum = 2,
                                .gpus = 8,
                                .rank = i,
                                .required = "rack"};
        world_pod(&world, &pod);
    }
    ck_assert_int_eq(world_state(&world, "good"), GANG_HELD);
}
END_TEST

START_TEST(ranks_follow_the_tree)
{
    world_racks(&world, 2, 4);
    world_event(&world, EVENT_SYNCED);
    for (int i = 7; i >= 0; i--) { /* created last rank first */
        struct world_pod pod = {
            .uid = member("g", i), .gang = "g", .minimum = 8, .gpus = 8, .rank = i};
        world_pod(&world, &pod);
    }
    int crossings = 0;
    for (int i = 1; i < 8; i++) {
        crossings += rack_of("g", i) != rack_of("g", i - 1);
    }
    ck_assert_int_eq(crossings, 1);
}
END_TEST

START_TEST(a_thousand_members_vote_and_are_all_answered)
{
    world_racks(&world, 250, 4);
    world_event(&world, EVENT_SYNCED);
    world_gang(&world, "g", 1000, 1000);
    vote("g", 0, 999);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 0);
    vote("g", 999, 1);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 1000);
    for (int i = 0; i < 1000; i++) {
        char node[64];
        world_node_of(&world, "g", member("g", i), node);
        world_bound(&world, member("g", i), node, WRITE_DONE);
        ck_assert_uint_eq(world_count(&world, EFFECT_BIND_REPLY), 1);
    }
}
END_TEST

START_TEST(seventeen_shapes_are_too_many)
{
    world_racks(&world, 10, 4);
    world_event(&world, EVENT_SYNCED);
    for (int i = 0; i < 17; i++) {
        char rack[16];
        snprintf(rack, sizeof(rack), "r%d", i % 10);
        struct label_object selector = {"topology.kubernetes.io/rack", rack};
        struct world_pod pod = {.uid = member("g", i),
                                .gang = "g",
                                .minimum = 17,
                                .gpus = 1 + i / 10,
                                .rank = i,
                                .selector = &selector,
                                .selector_count = 1};
        world_pod(&world, &pod);
    }
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    ck_assert_ptr_nonnull(strstr(reason_of("g"), "more than 16 different shapes"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine");
    TCase *tcase = tcase_create("transaction");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, one_rack_although_the_emptiest_nodes_are_elsewhere);
    tcase_add_test(tcase, nothing_is_posted_before_the_quorum_and_all_at_once_after);
    tcase_add_test(tcase, the_last_pod_comes_late);
    tcase_add_test(tcase, quorums_that_make_no_sense_are_explained);
    tcase_add_test(tcase, one_node_too_large_says_so_and_keeps_saying_it);
    tcase_add_test(tcase, two_gangs_of_sixty_percent);
    tcase_add_test(tcase, higher_priority_is_planned_first);
    tcase_add_test(tcase, members_above_the_quorum_join_beside_their_gang);
    tcase_add_test(tcase, more_pods_than_the_quorum_are_planned_together_if_they_fit);
    tcase_add_test(tcase, the_quorum_alone_when_not_all_fit);
    tcase_add_test(tcase, required_levels);
    tcase_add_test(tcase, ranks_follow_the_tree);
    tcase_add_test(tcase, a_thousand_members_vote_and_are_all_answered);
    tcase_add_test(tcase, seventeen_shapes_are_too_many);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
