// SPDX-License-Identifier: Apache-2.0
/* What follows after a setback: vetoes by silence, bindings that fail or get lost, joiners, nodes
 * and members that go while others are being bound. After each the gang has a way on. */
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

static struct world world;

static const char *const all[] = {"n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7", NULL};

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

static void show(const char *gang, int index, int32_t minimum, const char *node,
                 const char *nominated)
{
    struct world_pod pod = {.uid = world_member(gang, index),
                            .gang = gang,
                            .minimum = minimum,
                            .gpus = 8,
                            .node = node,
                            .nominated = nominated,
                            .rank = index};
    world_pod(&world, &pod);
}

/* Refused for its node was not in the sample, and never heard of again: the node is left out. */
START_TEST(a_missed_member_vetoes_its_node_at_the_deadline)
{
    world_gang(&world, "g", 2, 2);
    char node[64];
    world_node_of(&world, "g", "g-1", node);
    ck_assert_int_eq(world_filter(&world, "g-1", NULL, world_without(all, node))->verdict,
                     FILTER_NONE);
    world_tick(&world, 30000);
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    world_tick(&world, 1000);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    for (int i = 0; i < 2; i++) { /* of one shape: neither is put there */
        ck_assert_str_ne(world_planned(&world, "g", i), node);
    }
}
END_TEST

/* The node came with a later list and the member voted: it was fine all along. */
START_TEST(a_member_that_was_missed_and_voted_vetoes_nothing)
{
    world_gang(&world, "g", 2, 2);
    char node[64], other[64];
    world_node_of(&world, "g", "g-1", node);
    world_node_of(&world, "g", "g-0", other);
    world_filter(&world, "g-1", NULL, world_without(all, node));
    ck_assert_int_eq(world_filter(&world, "g-1", node, all)->verdict, FILTER_ONE);
    world_bind(&world, "g-1", node);
    world_tick(&world, 30000);
    world_tick(&world, 1000);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    ck_assert_str_eq(world_planned(&world, "g", 0), other);
    ck_assert_str_eq(world_planned(&world, "g", 1), node);
}
END_TEST

/* kube-scheduler does not call when its own filters refuse every node. A member that carried the
 * nomination and did not come while others did was refused that way. */
START_TEST(silence_is_a_veto_when_others_came)
{
    world_gang(&world, "g", 2, 2);
    char node[64];
    world_node_of(&world, "g", "g-1", node);
    show("g", 1, 2, NULL, node);
    world_vote(&world, "g", 0, 1);
    world_tick(&world, 30000);
    world_tick(&world, 1000);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    ck_assert_str_ne(world_planned(&world, "g", 0), node);
    ck_assert_str_ne(world_planned(&world, "g", 1), node);
}
END_TEST

/* Nobody came at all: kube-scheduler may be down. Only the second time it says something. */
START_TEST(silence_of_all_is_no_veto_at_first)
{
    world_gang(&world, "g", 2, 2);
    char nodes[2][64];
    for (int i = 0; i < 2; i++) {
        world_node_of(&world, "g", world_member("g", i), nodes[i]);
        show("g", i, 2, NULL, nodes[i]);
    }
    world_tick(&world, 30000);
    world_tick(&world, 1000);
    for (int i = 0; i < 2; i++) {
        ck_assert_str_eq(world_planned(&world, "g", i), nodes[i]);
        show("g", i, 2, NULL, nodes[i]);
    }
    world_tick(&world, 30000);
    world_tick(&world, 2000);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    for (int i = 0; i < 2; i++) {
        ck_assert_str_ne(world_planned(&world, "g", i), nodes[0]);
        ck_assert_str_ne(world_planned(&world, "g", i), nodes[1]);
    }
}
END_TEST

/* All bindings refused: nothing is bound, the gang rests and starts again as a whole. */
START_TEST(all_bindings_refused)
{
    world_gang(&world, "g", 3, 3);
    world_vote(&world, "g", 0, 3);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 3);
    world_outcome(&world, "g", 0, 3, WRITE_REFUSED);
    ck_assert_int_ne(world_state(&world, "g"), GANG_PLACED);
    world_tick(&world, 1000);
    /* Those whose room was found again while others still seemed bound may hold it already. */
    world_tick(&world, 60000);
    world_tick(&world, 60000);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    ck_assert_uint_eq(world_figures(&world).holds, 3);
    world_vote(&world, "g", 0, 2);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 0);
    world_vote(&world, "g", 2, 1);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 3);
}
END_TEST

/* While it rests it does not claim to be planned. */
START_TEST(a_gang_whose_bindings_failed_says_so)
{
    world_gang(&world, "g", 1, 1);
    world_vote(&world, "g", 0, 1);
    world_outcome(&world, "g", 0, 1, WRITE_REFUSED);
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    ck_assert_ptr_null(strstr(world_reason(&world, "g"), "is planned"));
    const struct filter_reply *reply = world_filter(&world, "g-0", NULL, all);
    ck_assert_int_eq(reply->verdict, FILTER_NONE);
    ck_assert_ptr_null(strstr(reply->reason, "is planned"));
    world_tick(&world, 1000);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
}
END_TEST

START_TEST(a_pod_gone_under_its_binding)
{
    world_gang(&world, "g", 3, 3);
    world_vote(&world, "g", 0, 3);
    world_outcome(&world, "g", 0, 2, WRITE_DONE);
    world_outcome(&world, "g", 2, 1, WRITE_GONE);
    ck_assert_ptr_nonnull(world_find(&world, EFFECT_BIND_REPLY)->bind.error);
    world_pod_gone(&world, "g-2");
    ck_assert_uint_eq(world_figures(&world).holds, 0);
    ck_assert_int_eq(world_state(&world, "g"), GANG_COMMITTING);
    show("g", 7, 3, NULL, NULL); /* its successor */
    world_vote(&world, "g", 7, 1);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 1);
    ck_assert_int_eq(world_state(&world, "g"), GANG_COMMITTING); /* posted, not yet bound */
    world_outcome(&world, "g", 7, 1, WRITE_DONE);
    ck_assert_int_eq(world_state(&world, "g"), GANG_PLACED);
}
END_TEST

/* No answer to the binding: the node's room stays guarded until somebody knows. */
START_TEST(an_unknown_outcome_guards_the_room)
{
    world_gang(&world, "g", 1, 1);
    char node[64];
    world_node_of(&world, "g", "g-0", node);
    world_vote(&world, "g", 0, 1);
    world_outcome(&world, "g", 0, 1, WRITE_UNKNOWN);
    ck_assert_ptr_nonnull(world_find(&world, EFFECT_BIND_REPLY)->bind.error);
    struct world_pod ordinary = {.uid = "o", .gpus = 1, .rank = -1};
    world_pod(&world, &ordinary);
    const struct filter_reply *reply = world_filter(&world, "o", NULL, all);
    ck_assert_int_eq(reply->verdict, FILTER_SOME);
    for (size_t i = 0; all[i] != NULL; i++) {
        ck_assert_int_eq(reply->passes[i], strcmp(all[i], node) != 0);
    }
    show("g", 0, 1, node, NULL); /* the watch shows that it happened */
    ck_assert_int_eq(world_filter(&world, "o", NULL, all)->verdict, FILTER_ALL);
    ck_assert_int_eq(world_state(&world, "g"), GANG_PLACED);
}
END_TEST

/* A binding on its way is guarded: kube-scheduler may have been restarted and not know of it. */
START_TEST(a_binding_on_its_way_guards_the_room)
{
    world_gang(&world, "g", 1, 1);
    char node[64];
    world_node_of(&world, "g", "g-0", node);
    world_vote(&world, "g", 0, 1);
    struct world_pod ordinary = {.uid = "o", .gpus = 1, .rank = -1};
    world_pod(&world, &ordinary);
    const struct filter_reply *reply = world_filter(&world, "o", NULL, all);
    ck_assert_int_eq(reply->verdict, FILTER_SOME);
    for (size_t i = 0; all[i] != NULL; i++) {
        ck_assert_int_eq(reply->passes[i], strcmp(all[i], node) != 0);
    }
    world_outcome(&world, "g", 0, 1, WRITE_DONE);
    ck_assert_int_eq(world_filter(&world, "o", NULL, all)->verdict, FILTER_ALL);
}
END_TEST

/* What is missing of a quorum that is being bound does not give way to an ordinary pod. */
START_TEST(a_refused_member_keeps_its_room_against_an_ordinary_pod)
{
    world_gang(&world, "g", 2, 2);
    char node[64];
    struct world_pod ordinary = {.uid = "o", .gpus = 1, .rank = -1};
    world_pod(&world, &ordinary);
    world_vote(&world, "g", 0, 2);
    world_outcome(&world, "g", 0, 1, WRITE_DONE);
    world_outcome(&world, "g", 1, 1, WRITE_REFUSED);
    world_node_of(&world, "g", "g-1", node);
    uint64_t ticket = world_bind(&world, "o", node);
    ck_assert_ptr_nonnull(world_reply(&world, ticket)->error);
    ck_assert_str_eq(world_planned(&world, "g", 1), node);
}
END_TEST

START_TEST(an_unknown_outcome_is_resolved_by_the_next_filter)
{
    world_gang(&world, "g", 2, 2);
    char node[64];
    world_node_of(&world, "g", "g-1", node);
    world_vote(&world, "g", 0, 2);
    world_outcome(&world, "g", 0, 1, WRITE_DONE);
    world_outcome(&world, "g", 1, 1, WRITE_UNKNOWN);
    /* kube-scheduler asks about the pod again, and the node is not in its list. */
    const struct filter_reply *reply = world_filter(&world, "g-1", NULL, world_without(all, node));
    ck_assert_int_eq(reply->verdict, FILTER_NONE); /* there or nowhere, for it may have happened */
    ck_assert_str_eq(world_planned(&world, "g", 1), node);
    ck_assert_str_eq(world_find(&world, EFFECT_NOMINATE)->write.node, node);
    world_vote(&world, "g", 1, 1);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 1);
}
END_TEST

/* It was asked with its nomination, and refuses just that node: not there again, but not elsewhere
 * either before it is certain that it is not bound there. */
START_TEST(an_unknown_outcome_and_a_refused_nomination)
{
    world_gang(&world, "g", 2, 2);
    char node[64];
    world_node_of(&world, "g", "g-1", node);
    world_vote(&world, "g", 0, 2);
    world_outcome(&world, "g", 0, 1, WRITE_DONE);
    world_outcome(&world, "g", 1, 1, WRITE_UNKNOWN);
    (void)world_filter(&world, "g-1", node, world_without(all, node));
    world_wait(&world, 59999);
    ck_assert_str_eq(world_planned(&world, "g", 1), node);
    world_wait(&world, 1);
    ck_assert_str_ne(world_planned(&world, "g", 1), "");
    ck_assert_str_ne(world_planned(&world, "g", 1), node);
}
END_TEST

START_TEST(an_unknown_outcome_that_nobody_sees_did_not_happen)
{
    world_gang(&world, "g", 1, 1);
    world_vote(&world, "g", 0, 1);
    world_outcome(&world, "g", 0, 1, WRITE_UNKNOWN);
    ck_assert_int_le(engine_deadline(world.engine), 60000);
    world_wait(&world, 59999);
    ck_assert_uint_eq(world_figures(&world).holds, 0);
    world_wait(&world, 1);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);

    struct world_pod ordinary = {.uid = "o", .gpus = 8, .rank = -1};
    world_pod(&world, &ordinary);
    world_bind(&world, "o", "n7");
    world_bound(&world, "o", "n7", WRITE_UNKNOWN);
    world_gang(&world, "h", 7, 7);
    ck_assert_int_eq(world_state(&world, "h"), GANG_WAITING);
    world_wait(&world, 25000);
    world_vote(&world, "g", 0, 1);
    world_wait(&world, 35000);
    ck_assert_int_eq(world_state(&world, "h"), GANG_HELD); /* n7 counts as free again */
}
END_TEST

/* The quorum is bound; of those above it one loses its node and is planned again beside the
 * others. */
START_TEST(a_node_goes_while_its_gang_is_committing)
{
    world_group(&world, "g", 2);
    world_gang(&world, "g", 3, 0);
    world_vote(&world, "g", 0, 2);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 2);
    char lost[64];
    world_node_of(&world, "g", "g-2", lost);
    world_node_gone(&world, lost);
    ck_assert_uint_eq(world_count(&world, EFFECT_BIND_REPLY), 0);
    const char *now = world_planned(&world, "g", 2);
    ck_assert_str_ne(now, lost);
    ck_assert_int_eq(world_number(now) / 4, world_number(lost) / 4);
    world_vote(&world, "g", 2, 1);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 1);
}
END_TEST

/* A joiner that never comes gives its room back and waits; the gang runs on. */
START_TEST(a_joiner_that_does_not_come)
{
    world_gang(&world, "g", 2, 2);
    world_vote(&world, "g", 0, 2);
    world_outcome(&world, "g", 0, 2, WRITE_DONE);
    show("g", 2, 2, NULL, NULL);
    ck_assert_uint_eq(world_figures(&world).holds, 1);
    world_tick(&world, 30000);
    ck_assert_uint_eq(world_figures(&world).holds, 0);
    ck_assert_int_eq(world_state(&world, "g"), GANG_PLACED);
    ck_assert_ptr_nonnull(strstr(world_reason(&world, "g"), "0 of 1 planned pod"));
    world_tick(&world, 1000);
    ck_assert_uint_eq(world_figures(&world).holds, 1);
}
END_TEST

/* A member that the quorum needs keeps its room: the bound ones wait for it. */
START_TEST(a_rolled_forward_member_keeps_its_room)
{
    world_gang(&world, "g", 3, 3);
    world_vote(&world, "g", 0, 3);
    world_outcome(&world, "g", 0, 2, WRITE_DONE);
    world_outcome(&world, "g", 2, 1, WRITE_REFUSED);
    ck_assert_int_eq(world_state(&world, "g"), GANG_COMMITTING);
    for (int round = 0; round < 5; round++) {
        ck_assert_uint_eq(world_figures(&world).holds, 1);
        world_tick(&world, 30000);
    }
    world_vote(&world, "g", 2, 1);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 1);
}
END_TEST

/* Two joiners of different size: one fits, one does not, and is told why. */
START_TEST(a_joiner_that_does_not_fit_hears_its_own_reason)
{
    world_group(&world, "g", 1);
    world_gang(&world, "g", 1, 0);
    world_vote(&world, "g", 0, 1);
    world_outcome(&world, "g", 0, 1, WRITE_DONE);
    struct world_pod huge = {.uid = "g-1", .gang = "g", .gpus = 9, .rank = 1};
    world_pod(&world, &huge);
    ck_assert_ptr_nonnull(strstr(world_reason(&world, "g"), "short by 1 of 1 pod"));
    struct world_pod small = {.uid = "g-2", .gang = "g", .gpus = 8, .rank = 2};
    world_pod(&world, &small);
    ck_assert_str_ne(world_planned(&world, "g", 2), "");
    const struct filter_reply *reply = world_filter(&world, "g-1", NULL, all);
    ck_assert_int_eq(reply->verdict, FILTER_NONE);
    ck_assert_msg(strstr(reply->reason, "short by 1 of 1 pod") != NULL, "%s", reply->reason);
}
END_TEST

/* A pod whose gang label changes leaves one gang and joins the other. */
START_TEST(a_pod_changes_its_gang)
{
    world_gang(&world, "g", 2, 2);
    world_vote(&world, "g", 0, 1);
    struct world_pod moved = {.uid = "g-0", .gang = "h", .minimum = 1, .gpus = 8};
    world_pod(&world, &moved);
    ck_assert_ptr_nonnull(world_find(&world, EFFECT_BIND_REPLY)->bind.error);
    ck_assert_int_eq(world_state(&world, "g"), GANG_GATHERING);
    ck_assert_int_eq(world_state(&world, "h"), GANG_HELD);
    moved.gang = NULL; /* and becomes an ordinary pod */
    world_pod(&world, &moved);
    ck_assert_uint_eq(world_figures(&world).holds, 0);
    struct arena arena;
    struct gang_view view;
    arena_init(&arena);
    ck_assert(!engine_gang_find(world.engine, "ns", "h", &arena, &view)); /* nobody is left */
    arena_finish(&arena);
}
END_TEST

/* A held member grows in place beyond what its node has left. */
START_TEST(a_held_member_grows)
{
    world_gang(&world, "g", 2, 2);
    world_vote(&world, "g", 0, 1);
    struct world_pod grown = {.uid = "g-1", .gang = "g", .minimum = 2, .gpus = 9, .rank = 1};
    world_pod(&world, &grown);
    ck_assert_ptr_nonnull(world_find(&world, EFFECT_BIND_REPLY)->bind.error);
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    ck_assert_uint_eq(world_figures(&world).holds, 0);
}
END_TEST

/* Joiners that keep coming do not keep the room of one that never votes. */
START_TEST(every_hold_of_a_joiner_ends)
{
    world_gang(&world, "g", 1, 1);
    world_vote(&world, "g", 0, 1);
    world_outcome(&world, "g", 0, 1, WRITE_DONE);
    show("g", 1, 1, NULL, NULL); /* never asks */
    char node[64];
    world_node_of(&world, "g", "g-1", node);
    bool given_back = false;
    for (int i = 2; i < 7; i++) {
        world_tick(&world, 20000);
        given_back = given_back || strcmp(world_planned(&world, "g", 1), node) != 0;
        show("g", i, 1, NULL, NULL);
        world_vote(&world, "g", i, 1);
        world_outcome(&world, "g", i, 1, WRITE_DONE);
    }
    ck_assert(given_back);
}
END_TEST

/* Two shapes of one gang share the node that a pod in flight is about to get: both make way. */
START_TEST(all_shapes_make_way_for_a_pod_in_flight)
{
    struct world_pod early = {.uid = "early", .gpus = 8, .rank = -1};
    world_pod(&world, &early);
    for (int i = 0; i < 2; i++) {
        struct world_pod pod = {.uid = world_member("g", i),
                                .gang = "g",
                                .minimum = 2,
                                .gpus = i == 0 ? 3 : 4,
                                .rank = i};
        world_pod(&world, &pod);
    }
    char node[64];
    world_node_of(&world, "g", "g-0", node);
    ck_assert_str_eq(world_planned(&world, "g", 1), node);
    world_bind(&world, "early", node);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 1);
    ck_assert_uint_eq(world_count(&world, EFFECT_BIND_REPLY), 0);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    for (int i = 0; i < 2; i++) {
        ck_assert_str_ne(world_planned(&world, "g", i), node);
    }
}
END_TEST

/* As many shapes as the solver takes, each with a node of its own. */
START_TEST(sixteen_shapes)
{
    struct world wide;
    world_init(&wide);
    world_racks(&wide, 4, 4);
    world_event(&wide, EVENT_SYNCED);
    for (int i = 0; i < 16; i++) {
        char node[64];
        snprintf(node, sizeof(node), "n%d", 15 - i);
        struct label_object selector = {"kubernetes.io/hostname", node};
        struct world_pod pod = {.uid = world_member("g", i),
                                .gang = "g",
                                .minimum = 16,
                                .gpus = 8,
                                .rank = i,
                                .selector = &selector,
                                .selector_count = 1};
        world_pod(&wide, &pod);
    }
    ck_assert_int_eq(world_state(&wide, "g"), GANG_HELD);
    for (int i = 0; i < 16; i++) {
        char node[64];
        snprintf(node, sizeof(node), "n%d", 15 - i);
        ck_assert_str_eq(world_planned(&wide, "g", i), node);
    }
    world_vote(&wide, "g", 0, 16);
    ck_assert_uint_eq(world_count(&wide, EFFECT_POST_BINDING), 16);
    world_finish(&wide);
}
END_TEST

/* Refused because the cluster was still being read: woken when that is over. */
START_TEST(members_refused_before_the_sync_are_woken)
{
    struct world fresh;
    world_init(&fresh);
    world_racks(&fresh, 1, 2);
    world_gang(&fresh, "fits", 1, 1);
    world_gang(&fresh, "short", 3, 3);
    world_filter(&fresh, "fits-0", NULL, all);
    world_filter(&fresh, "short-0", NULL, all);
    world_event(&fresh, EVENT_SYNCED);
    ck_assert_uint_eq(world_count(&fresh, EFFECT_NOMINATE), 1);
    ck_assert_str_eq(world_find(&fresh, EFFECT_NOMINATE)->write.name, "fits-0");
    ck_assert_uint_eq(world_count(&fresh, EFFECT_EXPLAIN), 1);
    ck_assert_str_eq(world_find(&fresh, EFFECT_EXPLAIN)->write.name, "short-0");
    world_finish(&fresh);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/engine repairs");
    TCase *tcase = tcase_create("repairs");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_missed_member_vetoes_its_node_at_the_deadline);
    tcase_add_test(tcase, a_member_that_was_missed_and_voted_vetoes_nothing);
    tcase_add_test(tcase, silence_is_a_veto_when_others_came);
    tcase_add_test(tcase, silence_of_all_is_no_veto_at_first);
    tcase_add_test(tcase, all_bindings_refused);
    tcase_add_test(tcase, a_gang_whose_bindings_failed_says_so);
    tcase_add_test(tcase, a_pod_gone_under_its_binding);
    tcase_add_test(tcase, an_unknown_outcome_guards_the_room);
    tcase_add_test(tcase, a_binding_on_its_way_guards_the_room);
    tcase_add_test(tcase, a_refused_member_keeps_its_room_against_an_ordinary_pod);
    tcase_add_test(tcase, an_unknown_outcome_is_resolved_by_the_next_filter);
    tcase_add_test(tcase, an_unknown_outcome_and_a_refused_nomination);
    tcase_add_test(tcase, an_unknown_outcome_that_nobody_sees_did_not_happen);
    tcase_add_test(tcase, a_node_goes_while_its_gang_is_committing);
    tcase_add_test(tcase, a_joiner_that_does_not_come);
    tcase_add_test(tcase, a_rolled_forward_member_keeps_its_room);
    tcase_add_test(tcase, a_joiner_that_does_not_fit_hears_its_own_reason);
    tcase_add_test(tcase, a_pod_changes_its_gang);
    tcase_add_test(tcase, a_held_member_grows);
    tcase_add_test(tcase, every_hold_of_a_joiner_ends);
    tcase_add_test(tcase, all_shapes_make_way_for_a_pod_in_flight);
    tcase_add_test(tcase, sixteen_shapes);
    tcase_add_test(tcase, members_refused_before_the_sync_are_woken);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
