// SPDX-License-Identifier: Apache-2.0
/* Gangs in slices: which members stand together, which have to wait for the rest of their slice,
 * and where a replacement belongs.
 *
 *   leaf b0 ┬ rack r0   n0 n1 n2         8 GPUs each; a pod of 8 GPUs takes a node
 *           └ rack r1   n3 n4 n5
 *   leaf b1 ┬ rack r2   n6 n7 n8
 *           └ rack r3   n9 n10 n11
 */
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

enum { PER_RACK = 3, NOWHERE = -1 };

static struct world world;

static const struct slice_object pairs[] = {{"rack", 2}};
static const struct placement_object in_pairs = {.slices = pairs, .slice_count = 1};
static const struct slice_object quads[] = {{"leaf", 4}, {"rack", 2}};
static const struct placement_object in_quads = {.slices = quads, .slice_count = 2};

static void setup(void)
{
    world_init(&world);
}

static void teardown(void)
{
    world_finish(&world);
}

static void start(int racks)
{
    world_racks(&world, racks, PER_RACK);
    world_event(&world, EVENT_SYNCED);
}

static void fill(const char *node)
{
    struct world_pod pod = {.uid = node, .gpus = 8, .node = node, .rank = -1};
    world_pod(&world, &pod);
}

static void empty(const char *node)
{
    world_pod_gone(&world, node);
}

/* Member `rank` of gang g, bound to `node` if that is given. */
static void join(int rank, int32_t minimum, const struct placement_object *placement,
                 const char *node)
{
    struct world_pod pod = {.uid = world_member("g", rank),
                            .gang = "g",
                            .minimum = minimum,
                            .gpus = 8,
                            .rank = rank,
                            .node = node,
                            .placement = placement};
    world_pod(&world, &pod);
}

static void join_all(int count, const struct placement_object *placement)
{
    for (int rank = 0; rank < count; rank++) {
        join(rank, count, placement, NULL);
    }
}

static int rack_of(const char *uid)
{
    char node[64];
    world_node_of(&world, "g", uid, node);
    return node[0] == '\0' ? NOWHERE : world_number(node) / PER_RACK;
}

static int rack(int rank)
{
    return rack_of(world_member("g", rank));
}

static void check_reason(const char *part)
{
    const char *reason = world_reason(&world, "g");
    ck_assert_msg(strstr(reason, part) != NULL, "%s", reason);
}

START_TEST(pairs_stand_together)
{
    start(2);
    join_all(4, &in_pairs);
    ck_assert_int_eq(rack(0), 0);
    ck_assert_int_eq(rack(1), 0);
    ck_assert_int_eq(rack(2), 1);
    ck_assert_int_eq(rack(3), 1);
}
END_TEST

/* Six nodes for six pods, but a pair more fits into neither rack. */
START_TEST(half_a_pair_does_not_count)
{
    start(2);
    join_all(6, &in_pairs);
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    check_reason("cluster is short by 2 of 6 pods in slices of 2 per rack (4 fit");
    world_node(&world, "n12", "b2", "r4", 8);
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    world_node(&world, "n13", "b2", "r4", 8);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    ck_assert_int_eq(rack(4), 4);
    ck_assert_int_eq(rack(5), 4);
}
END_TEST

START_TEST(two_layers)
{
    start(4);
    join_all(8, &in_quads);
    for (int rank = 0; rank < 8; rank++) {
        ck_assert_int_eq(rack(rank), rank / 2);
    }
}
END_TEST

/* The quorum is there, and with it one member too many for a pair: it is planned with its second
 * half, no sooner. */
START_TEST(an_odd_member_waits_for_its_pair)
{
    start(2);
    world_group(&world, "g", 2);
    join(0, 0, &in_pairs, NULL);
    join(1, 0, &in_pairs, NULL);
    ck_assert_int_eq(rack(0), 0);
    ck_assert_int_eq(rack(1), 0);
    world_vote(&world, "g", 0, 2);
    world_outcome(&world, "g", 0, 2, WRITE_DONE);
    join(2, 0, &in_pairs, NULL);
    ck_assert_int_eq(rack(2), NOWHERE);
    check_reason("gang ns/g waits until its pods make whole slices of 2");
    join(3, 0, &in_pairs, NULL);
    ck_assert_int_eq(rack(2), 1); /* rack r0 has one node left */
    ck_assert_int_eq(rack(3), 1);
}
END_TEST

/* A quorum of three is in the middle of the second pair: both are planned, or none. */
START_TEST(a_quorum_inside_a_slice_is_rounded_up)
{
    start(2);
    fill("n2");
    fill("n5");
    for (int rank = 0; rank < 3; rank++) {
        join(rank, 3, &in_pairs, NULL);
    }
    check_reason("waits until its pods make whole slices of 2");
    join(3, 3, &in_pairs, NULL);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    ck_assert_int_eq(rack(2), rack(3));
    for (int rank = 0; rank < 4; rank++) {
        world_pod_gone(&world, world_member("g", rank));
    }
    fill("n3"); /* now only one pair fits; the quorum alone would, without slices */
    for (int rank = 0; rank < 4; rank++) {
        join(rank, 3, &in_pairs, NULL);
    }
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    check_reason("short by 2 of 4 pods");
}
END_TEST

/* Room for the quorum of one pair, not for all: the first pair goes. */
START_TEST(the_quorum_alone_in_whole_slices)
{
    start(1);
    fill("n0");
    for (int rank = 3; rank >= 0; rank--) {
        join(rank, 1, &in_pairs, NULL);
    }
    ck_assert_int_eq(rack(0) == 0 || rack(2) == 0, 1);
    ck_assert_int_eq(rack(0), rack(1));
    ck_assert_int_eq(rack(2), rack(3));
    ck_assert_int_ne(rack(0), rack(2));
}
END_TEST

/* Half of a pair that is held goes before anybody is bound: what is left is enough for the quorum,
 * and no whole slices. It starts when the pair is whole again. */
START_TEST(a_held_slice_loses_a_member)
{
    start(2);
    for (int rank = 0; rank < 4; rank++) {
        join(rank, 3, &in_pairs, NULL);
    }
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    world_pod_gone(&world, world_member("g", 1));
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    check_reason("waits until its pods make whole slices of 2");
    join(1, 3, &in_pairs, NULL);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    ck_assert_int_eq(rack(0), rack(1));
    ck_assert_int_eq(rack(2), rack(3));
}
END_TEST

/* The quorum of one pair is still there: that pair alone keeps a place. */
START_TEST(a_held_slice_more_than_the_quorum_loses_a_member)
{
    start(2);
    for (int rank = 0; rank < 4; rank++) {
        join(rank, 0, &in_pairs, NULL);
    }
    world_group(&world, "g", 2);
    ck_assert_int_ne(rack(0), NOWHERE);
    ck_assert_int_ne(rack(2), NOWHERE);
    world_pod_gone(&world, world_member("g", 1));
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    ck_assert_int_eq(rack(0), NOWHERE);
    ck_assert_int_ne(rack(2), NOWHERE);
    ck_assert_int_eq(rack(2), rack(3));
}
END_TEST

/* Member 1 is replaced. Its pair began in r0, where one node is free; r1 would be tighter. */
START_TEST(a_replacement_returns_to_its_slice)
{
    start(2);
    join(0, 4, &in_pairs, "n0");
    join(2, 4, &in_pairs, "n3");
    join(3, 4, &in_pairs, "n4");
    join(1, 4, &in_pairs, NULL);
    ck_assert_int_eq(rack(1), 0);
}
END_TEST

START_TEST(a_started_slice_without_room_says_so)
{
    start(2);
    fill("n1");
    fill("n2");
    join(0, 4, &in_pairs, "n0");
    join(2, 4, &in_pairs, "n3");
    join(3, 4, &in_pairs, "n4");
    join(1, 4, &in_pairs, NULL); /* n5 is free */
    ck_assert_int_eq(rack(1), NOWHERE);
    check_reason("a slice that was started in its rack is short by 1 of 1 pod");
    empty("n2");
    ck_assert_str_eq(world_planned(&world, "g", 1), "n2");
}
END_TEST

/* Beside a whole quorum, replacements of a slice that has no room, and of one that has: the second
 * does not wait for the first, and the reason is that of the first. */
START_TEST(joiners_are_tried_slice_by_slice)
{
    start(2);
    fill("n1");
    fill("n2");
    join(0, 2, &in_pairs, "n0");
    join(2, 2, &in_pairs, "n3");
    struct world_pod gated = {.uid = "g-1",
                              .gang = "g",
                              .minimum = 2,
                              .gpus = 8,
                              .rank = 1,
                              .placement = &in_pairs,
                              .gated = true};
    world_pod(&world, &gated);
    join(3, 2, &in_pairs, NULL);
    ck_assert_int_eq(rack(3), 1);
    gated.gated = false;
    world_pod(&world, &gated);
    ck_assert_int_eq(rack(1), NOWHERE);
    check_reason("a slice that was started in its rack is short by 1 of 1 pod");
    world_pod_gone(&world, "g-3");
    join(3, 2, &in_pairs, NULL);
    ck_assert_int_eq(rack(3), 1);
    ck_assert_int_eq(rack(1), NOWHERE);
    check_reason("a slice that was started in its rack is short by 1 of 1 pod");
}
END_TEST

/* A slice that is split already goes on where its first member is. */
START_TEST(a_split_slice_follows_its_first_member)
{
    static const struct slice_object triples[] = {{"rack", 3}};
    static const struct placement_object in_triples = {.slices = triples, .slice_count = 1};
    start(2);
    join(0, 3, &in_triples, "n3");
    join(1, 3, &in_triples, "n0");
    join(2, 3, &in_triples, NULL);
    ck_assert_int_eq(rack(2), 1);
}
END_TEST

/* … but where one was placed by this scheduler, if there is one. */
START_TEST(a_split_slice_follows_its_own)
{
    static const struct slice_object triples[] = {{"rack", 3}};
    static const struct placement_object in_triples = {.slices = triples, .slice_count = 1};
    start(2);
    struct world_pod other = {.uid = "g-0",
                              .gang = "g",
                              .minimum = 3,
                              .gpus = 8,
                              .node = "n3",
                              .elsewhere = true,
                              .placement = &in_triples};
    world_pod(&world, &other);
    struct world_pod own = {.uid = "g-1",
                            .gang = "g",
                            .minimum = 3,
                            .gpus = 8,
                            .rank = 1,
                            .node = "n0",
                            .placement = &in_triples};
    world_pod(&world, &own);
    join(2, 3, &in_triples, NULL);
    ck_assert_int_eq(rack(2), 0);
}
END_TEST

/* The outer slice began in b0; the second pair's first half is in b1, outside of it. Pair 0 is
 * completed where it is, and the other half of pair 1 belongs nowhere. */
START_TEST(an_inner_slice_outside_of_its_outer_one)
{
    start(4);
    join(0, 2, &in_quads, "n0");
    join(2, 2, &in_quads, "n6");
    join(1, 2, &in_quads, NULL);
    join(3, 2, &in_quads, NULL);
    ck_assert_int_eq(rack(1), 0);
    ck_assert_int_eq(rack(3), NOWHERE);
}
END_TEST

/* A pair of a started leaf is new: it stays in that leaf. */
START_TEST(a_new_pair_of_a_started_quad)
{
    start(4);
    fill("n3");
    fill("n4");
    join(0, 4, &in_quads, "n0");
    join(1, 4, &in_quads, "n1");
    join(2, 4, &in_quads, NULL);
    ck_assert_int_eq(rack(2), NOWHERE);
    join(3, 4, &in_quads, NULL); /* n2 and n5 are no rack; b1 is empty */
    ck_assert_int_eq(rack(2), NOWHERE);
    check_reason("a slice that was started in its leaf is short by 2 of 2 pods");
    empty("n4");
    ck_assert_int_eq(rack(2), 1);
    ck_assert_int_eq(rack(3), 1);
}
END_TEST

/* One launcher of another shape, named first: slices are the workers' alone. */
START_TEST(a_launcher_is_in_no_slice)
{
    start(2);
    struct world_pod launcher = {.uid = "a-launcher",
                                 .gang = "g",
                                 .minimum = 5,
                                 .rank = -1,
                                 .role = "Launcher",
                                 .placement = &in_pairs};
    world_pod(&world, &launcher);
    for (int i = 0; i < 4; i++) {
        struct world_pod worker = {.uid = world_member("g", i),
                                   .gang = "g",
                                   .minimum = 5,
                                   .gpus = 8,
                                   .rank = i,
                                   .role = "Worker",
                                   .placement = &in_pairs};
        world_pod(&world, &worker);
    }
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    ck_assert_int_ne(rack_of("a-launcher"), NOWHERE);
    ck_assert_int_eq(rack(0), rack(1));
    ck_assert_int_eq(rack(2), rack(3));
    ck_assert_int_ne(rack(0), rack(2));
}
END_TEST

/* Ranks that are no numbering of the gang: none, in two roles, too large. Slices then follow the
 * members' order, which is by role, rank and name. */
START_TEST(members_without_usable_ranks)
{
    static const struct {
        const char *role;
        int32_t rank;
    } cases[][4] = {
        {{NULL, -1}, {NULL, -1}, {NULL, -1}, {NULL, -1}},
        {{"a", 0}, {"a", 1}, {"b", 0}, {"b", 1}},
        {{NULL, 0}, {NULL, 1}, {NULL, 2}, {NULL, INT32_MAX}},
    };
    start(2);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int m = 0; m < 4; m++) {
            struct world_pod pod = {.uid = world_member("g", m),
                                    .gang = "g",
                                    .minimum = 4,
                                    .gpus = 8,
                                    .role = cases[i][m].role,
                                    .rank = cases[i][m].rank,
                                    .placement = &in_pairs};
            world_pod(&world, &pod);
        }
        ck_assert_msg(world_state(&world, "g") == GANG_HELD, "case %zu", i);
        ck_assert_int_eq(rack(0), rack(1));
        ck_assert_int_eq(rack(2), rack(3));
        ck_assert_int_ne(rack(0), rack(2));
        for (int m = 0; m < 4; m++) {
            world_pod_gone(&world, world_member("g", m));
        }
    }
}
END_TEST

/* Member `rank` of the Job with this index, named so that no order of names is the right one. */
static void join_replica(int32_t job, int32_t rank, int32_t minimum)
{
    struct world_pod pod = {.uid = world_member(job == 0 ? "z" : "a", rank),
                            .gang = "g",
                            .minimum = minimum,
                            .gpus = 8,
                            .rank = rank,
                            .replica = {.owner = "set", .index_count = 1, .indices = {job}},
                            .placement = &in_pairs};
    world_pod(&world, &pod);
}

/* Two Jobs that count from 0 each. */
START_TEST(ranks_of_two_indices)
{
    start(2);
    for (int32_t rank = 0; rank < 2; rank++) {
        join_replica(1, rank, 4);
        join_replica(0, rank, 4);
    }
    ck_assert_int_eq(rack_of("z-0"), 0);
    ck_assert_int_eq(rack_of("z-1"), 0);
    ck_assert_int_eq(rack_of("a-0"), 1);
    ck_assert_int_eq(rack_of("a-1"), 1);
}
END_TEST

/* One pod without a rank takes the one that is missing; all others stay in their pairs. */
START_TEST(one_bad_rank)
{
    start(3);
    for (int rank = 0; rank < 6; rank++) {
        join(rank == 2 ? -1 : rank, 6, &in_pairs, NULL);
    }
    ck_assert_int_eq(rack(0), rack(1));
    ck_assert_int_eq(rack(-1), rack(3));
    ck_assert_int_eq(rack(4), rack(5));
}
END_TEST

/* Ranks 0 1 4 5 are two pairs; 1 2 are halves of two. */
START_TEST(gaps_between_ranks)
{
    static const int whole[] = {0, 1, 4, 5};
    start(2);
    for (int i = 0; i < 4; i++) {
        join(whole[i], 4, &in_pairs, NULL);
    }
    ck_assert_int_eq(rack(0), rack(1));
    ck_assert_int_eq(rack(4), rack(5));
    ck_assert_int_ne(rack(0), rack(4));
    for (int i = 0; i < 4; i++) {
        world_pod_gone(&world, world_member("g", whole[i]));
    }
    join(1, 2, &in_pairs, NULL);
    join(2, 2, &in_pairs, NULL);
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    check_reason("whole slices of 2");
}
END_TEST

/* Members that have ended or are on their way out are in no slice and hold no place in one. */
START_TEST(members_that_have_ended)
{
    start(2);
    struct world_pod gone = {.uid = "g-0",
                             .gang = "g",
                             .minimum = 2,
                             .gpus = 8,
                             .rank = 0,
                             .node = "n3",
                             .succeeded = true,
                             .placement = &in_pairs};
    world_pod(&world, &gone);
    struct world_pod leaving = {.uid = "g-1",
                                .gang = "g",
                                .minimum = 2,
                                .gpus = 8,
                                .rank = 1,
                                .node = "n4",
                                .deleting = true,
                                .placement = &in_pairs};
    world_pod(&world, &leaving);
    join(2, 2, &in_pairs, NULL);
    ck_assert_int_eq(rack(2), NOWHERE); /* its own pair is not whole */
    join(3, 2, &in_pairs, NULL);
    ck_assert_int_ne(rack(2), NOWHERE);
    ck_assert_int_eq(rack(2), rack(3));
}
END_TEST

/* A slice in the whole cluster says nothing, and one per host is a node for each pair. */
START_TEST(slices_of_the_cluster_and_of_hosts)
{
    static const struct slice_object cluster[] = {{"cluster", 3}};
    static const struct placement_object anywhere = {.slices = cluster, .slice_count = 1};
    static const struct slice_object host[] = {{"host", 2}};
    static const struct placement_object on_hosts = {.slices = host, .slice_count = 1};
    start(1);
    join_all(2, &anywhere); /* two are no slice of three */
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    world_pod_gone(&world, "g-0");
    world_pod_gone(&world, "g-1");
    for (int rank = 0; rank < 6; rank++) {
        struct world_pod pod = {.uid = world_member("g", rank),
                                .gang = "g",
                                .minimum = 6,
                                .gpus = 3,
                                .rank = rank,
                                .placement = &on_hosts};
        world_pod(&world, &pod);
    }
    for (int rank = 0; rank < 6; rank += 2) {
        char node[64];
        world_node_of(&world, "g", world_member("g", rank), node);
        ck_assert_str_ne(node, "");
        ck_assert_str_eq(world_planned(&world, "g", rank + 1), node);
    }
}
END_TEST

/* One request more than the solver takes shapes, in slices. */
START_TEST(too_many_shapes)
{
    start(4);
    for (int i = 0; i < 17; i++) {
        struct world_pod pod = {.uid = world_member("g", i),
                                .gang = "g",
                                .minimum = 17,
                                .gpus = i,
                                .rank = i,
                                .placement = &in_pairs};
        world_pod(&world, &pod);
    }
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    check_reason("whole slices of 2"); /* each request's slice has one pod */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_slices");
    TCase *tcase = tcase_create("engine");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, pairs_stand_together);
    tcase_add_test(tcase, half_a_pair_does_not_count);
    tcase_add_test(tcase, two_layers);
    tcase_add_test(tcase, an_odd_member_waits_for_its_pair);
    tcase_add_test(tcase, a_quorum_inside_a_slice_is_rounded_up);
    tcase_add_test(tcase, the_quorum_alone_in_whole_slices);
    tcase_add_test(tcase, a_held_slice_loses_a_member);
    tcase_add_test(tcase, a_held_slice_more_than_the_quorum_loses_a_member);
    tcase_add_test(tcase, a_replacement_returns_to_its_slice);
    tcase_add_test(tcase, a_started_slice_without_room_says_so);
    tcase_add_test(tcase, joiners_are_tried_slice_by_slice);
    tcase_add_test(tcase, a_split_slice_follows_its_first_member);
    tcase_add_test(tcase, a_split_slice_follows_its_own);
    tcase_add_test(tcase, an_inner_slice_outside_of_its_outer_one);
    tcase_add_test(tcase, a_new_pair_of_a_started_quad);
    tcase_add_test(tcase, a_launcher_is_in_no_slice);
    tcase_add_test(tcase, members_without_usable_ranks);
    tcase_add_test(tcase, ranks_of_two_indices);
    tcase_add_test(tcase, one_bad_rank);
    tcase_add_test(tcase, gaps_between_ranks);
    tcase_add_test(tcase, members_that_have_ended);
    tcase_add_test(tcase, slices_of_the_cluster_and_of_hosts);
    tcase_add_test(tcase, too_many_shapes);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
