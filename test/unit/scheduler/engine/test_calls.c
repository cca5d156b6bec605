// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/state.h"
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

/* kube-scheduler's calls: who is let through, what is a vote, what is a veto, who is answered. */

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

static const char *planned(const char *uid)
{
    static char node[64];
    return world_node_of(&world, "g", uid, node);
}

static void ordinary(const char *uid, int64_t gpus)
{
    struct world_pod pod = {.uid = uid, .gpus = gpus, .rank = -1};
    world_pod(&world, &pod);
}

START_TEST(a_member_gets_its_planned_node_and_no_other)
{
    world_gang(&world, "g", 4, 4);
    const struct filter_reply *reply = world_filter(&world, "g-1", NULL, all);
    ck_assert_int_eq(reply->verdict, FILTER_ONE);
    ck_assert_str_eq(all[reply->index], planned("g-1"));
    const char *const alone[] = {planned("g-1"), NULL};
    ck_assert_int_eq(world_filter(&world, "g-1", alone[0], alone)->verdict, FILTER_ONE);
}
END_TEST

START_TEST(a_planned_node_outside_the_sample_is_not_a_veto)
{
    world_gang(&world, "g", 4, 4);
    char before[64];
    world_node_of(&world, "g", "g-1", before);
    const char *others[9];
    size_t count = 0;
    for (size_t i = 0; all[i] != NULL; i++) {
        if (strcmp(all[i], before) != 0) {
            others[count++] = all[i];
        }
    }
    others[count] = NULL;
    const struct filter_reply *reply = world_filter(&world, "g-1", NULL, others);
    ck_assert_int_eq(reply->verdict, FILTER_NONE);
    ck_assert_str_eq(planned("g-1"), before);
    /* Carrying the nomination, kube-scheduler tried the node first: now it is one. */
    reply = world_filter(&world, "g-1", before, others);
    ck_assert_int_eq(reply->verdict, FILTER_ONE);
    ck_assert_str_ne(planned("g-1"), before);
    ck_assert_str_eq(others[reply->index], planned("g-1"));
}
END_TEST

START_TEST(a_veto_with_voters_moves_only_the_others)
{
    world_gang(&world, "g", 3, 3); /* one rack of four: one node to spare */
    char voted[64], before[64];
    world_node_of(&world, "g", "g-0", voted);
    world_bind(&world, "g-0", voted);
    world_node_of(&world, "g", "g-1", before);
    const char *const elsewhere[] = {"n0", NULL};
    const char *const other_rack[] = {"n7", NULL};
    const char *const *list = strcmp(before, "n0") == 0 ? other_rack : elsewhere;
    world_filter(&world, "g-1", before, list);
    ck_assert_str_eq(planned("g-0"), voted);
    ck_assert_str_ne(planned("g-1"), before);
    ck_assert_str_ne(planned("g-1"), "");
    ck_assert_uint_eq(world_count(&world, EFFECT_BIND_REPLY), 0); /* the voter still waits */
}
END_TEST

START_TEST(a_veto_that_leaves_no_room_answers_the_voters)
{
    world_gang(&world, "g", 8, 8); /* every node */
    char node[64];
    world_node_of(&world, "g", "g-0", node);
    world_bind(&world, "g-0", node);
    char vetoed[64];
    world_node_of(&world, "g", "g-1", vetoed);
    const char *const list[] = {node, NULL};
    const struct filter_reply *reply = world_filter(&world, "g-1", vetoed, list);
    ck_assert_int_eq(reply->verdict, FILTER_NONE);
    ck_assert_uint_eq(world_count(&world, EFFECT_BIND_REPLY), 1);
    ck_assert_ptr_nonnull(world_find(&world, EFFECT_BIND_REPLY)->bind.error);
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    world_tick(&world, 61000); /* the veto is forgotten */
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
}
END_TEST

/* Around those who have voted a second rack would be needed. Planned afresh, with the room that
 * they hold, one is enough: the large member and the two small ones change places. */
START_TEST(a_veto_does_not_spread_a_gang_that_could_change_places)
{
    world_fill(&world, (const char *[]){"n2", "n3", "n5", "n6", "n7", NULL}); /* n0 n1 | n4 */
    for (int i = 0; i < 3; i++) {
        struct world_pod pod = {.uid = world_member("g", i),
                                .gang = "g",
                                .minimum = 3,
                                .gpus = i == 0 ? 8 : 4,
                                .rank = i};
        world_pod(&world, &pod);
    }
    char large[64], small[64];
    world_node_of(&world, "g", "g-0", large);
    world_node_of(&world, "g", "g-1", small);
    world_vote(&world, "g", 1, 2);
    world_filter(&world, "g-0", large, world_without(all, large));
    ck_assert_uint_eq(world_count(&world, EFFECT_BIND_REPLY), 2);
    world_wait(&world, 5000);
    ck_assert_str_eq(planned("g-0"), small);
    ck_assert_str_eq(planned("g-1"), large);
    ck_assert_str_eq(planned("g-2"), large);
}
END_TEST

START_TEST(ordinary_pods_are_kept_off_held_capacity_only)
{
    ordinary("small", 1);
    ck_assert_int_eq(world_filter(&world, "small", NULL, all)->verdict, FILTER_ALL);
    world_gang(&world, "g", 4, 4);
    const struct filter_reply *reply = world_filter(&world, "small", NULL, all);
    ck_assert_int_eq(reply->verdict, FILTER_SOME);
    char held[64];
    for (size_t i = 0; all[i] != NULL; i++) {
        bool mine = false;
        for (int m = 0; m < 4; m++) {
            char uid[16];
            snprintf(uid, sizeof(uid), "g-%d", m);
            mine = mine || strcmp(world_node_of(&world, "g", uid, held), all[i]) == 0;
        }
        ck_assert_int_eq(reply->passes[i], !mine);
    }
    ordinary("cpu", 0); /* there is CPU left beside the gang */
    ck_assert_int_eq(world_filter(&world, "cpu", NULL, all)->verdict, FILTER_ALL);
    const char *const strangers[] = {"ghost", NULL};
    ck_assert_int_eq(world_filter(&world, "small", NULL, strangers)->verdict, FILTER_ALL);
}
END_TEST

START_TEST(an_ordinary_pod_is_bound_at_once)
{
    ordinary("small", 1);
    uint64_t ticket = world_bind(&world, "small", "n0");
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 1);
    ck_assert_uint_eq(world_count(&world, EFFECT_BIND_REPLY), 0);
    world_bound(&world, "small", "n0", WRITE_DONE);
    ck_assert_uint_eq(world_find(&world, EFFECT_BIND_REPLY)->bind.ticket, ticket);
}
END_TEST

START_TEST(an_ordinary_pod_in_flight_goes_before_members_that_have_not_voted)
{
    ordinary("early", 8); /* let through everywhere, before there is a gang */
    world_filter(&world, "early", NULL, all);
    world_gang(&world, "g", 4, 4);
    char node[64];
    world_node_of(&world, "g", "g-0", node);
    world_bind(&world, "early", node);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 1);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD); /* planned again around it */
    for (int i = 0; i < 4; i++) {
        char uid[16], now[64];
        snprintf(uid, sizeof(uid), "g-%d", i);
        ck_assert_str_ne(world_node_of(&world, "g", uid, now), node);
    }
}
END_TEST

START_TEST(a_voted_member_keeps_its_node_against_an_ordinary_pod)
{
    ordinary("early", 8);
    world_gang(&world, "g", 4, 4);
    char node[64];
    world_node_of(&world, "g", "g-0", node);
    world_bind(&world, "g-0", node);
    world_bind(&world, "early", node);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 0);
    ck_assert_ptr_nonnull(world_find(&world, EFFECT_BIND_REPLY)->bind.error);
}
END_TEST

START_TEST(bind_calls_that_make_no_sense)
{
    world_bind(&world, "stranger", "n0");
    ck_assert_ptr_nonnull(world_find(&world, EFFECT_BIND_REPLY)->bind.error);
    world_gang(&world, "g", 4, 4);
    const char *wrong = strcmp(planned("g-0"), "n0") == 0 ? "n7" : "n0";
    world_bind(&world, "g-0", wrong);
    ck_assert_ptr_nonnull(world_find(&world, EFFECT_BIND_REPLY)->bind.error);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 0);
}
END_TEST

START_TEST(a_second_bind_of_a_voter_answers_the_first)
{
    world_gang(&world, "g", 4, 4);
    char node[64];
    world_node_of(&world, "g", "g-0", node);
    uint64_t first = world_bind(&world, "g-0", node);
    world_bind(&world, "g-0", node);
    ck_assert_uint_eq(world_count(&world, EFFECT_BIND_REPLY), 1);
    ck_assert_uint_eq(world_find(&world, EFFECT_BIND_REPLY)->bind.ticket, first);
    struct arena arena;
    arena_init(&arena);
    ck_assert_uint_eq(world_view(&world, "g", &arena).voted, 1);
    arena_finish(&arena);
}
END_TEST

/* A filter call that brings its own Pod, which the watch has not shown. */
static const struct filter_reply *filter_with_object(const struct world_pod *pod, const char *name)
{
    uint32_t rows[8];
    struct amount_object amounts[3];
    struct pod_object object;
    world_fill_pod(pod, &object, amounts);
    object.name = name != NULL ? name : object.name;
    for (size_t i = 0; i < 8; i++) {
        rows[i] = engine_node_row(world.engine, all[i], strlen(all[i]));
    }
    struct event event = {.type = EVENT_FILTER};
    event.filter.pod.uid = pod->uid;
    event.filter.pod.object = &object;
    event.filter.rows = rows;
    event.filter.row_count = 8;
    world_apply(&world, &event);
    return &world_find(&world, EFFECT_FILTER_REPLY)->filter;
}

START_TEST(a_member_that_only_a_call_knows_is_in_no_gang)
{
    struct world_pod pod = {.uid = "g-3", .gang = "g", .minimum = 4, .gpus = 8, .rank = 3};
    world_gang(&world, "g", 3, 4);
    for (int i = 0; i < 2; i++) {
        const struct filter_reply *reply = filter_with_object(&pod, NULL);
        ck_assert_int_eq(reply->verdict, FILTER_NONE);
        ck_assert_str_eq(reply->reason, pod_unseen);
    }
    ck_assert_int_eq(world_state(&world, "g"), GANG_GATHERING);
    uint64_t ticket = world_bind(&world, "g-3", "n0");
    ck_assert_str_eq(world_reply(&world, ticket)->error, pod_unseen);
    world_pod(&world, &pod); /* the watch shows it: what it was told is not true any more */
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    ck_assert_uint_eq(world_count(&world, EFFECT_NOMINATE), 4);
    ck_assert_int_eq(world_filter(&world, "g-3", NULL, all)->verdict, FILTER_ONE);
    world_wait(&world, 31000);
    ck_assert(engine_knows_pod(world.engine, "g-3"));
}
END_TEST

START_TEST(what_was_told_before_the_watch_is_put_right)
{
    struct world_pod pod = {.uid = "g-1", .gang = "g", .minimum = 4, .gpus = 8, .rank = 1};
    world_gang(&world, "g", 1, 4);
    filter_with_object(&pod, NULL);
    world_pod(&world, &pod);
    ck_assert_ptr_nonnull(strstr(world_find(&world, EFFECT_EXPLAIN)->write.text, "2 of 4 exist"));
}
END_TEST

START_TEST(who_never_was_is_forgotten)
{
    struct world_pod pod = {.uid = "g-3", .gang = "g", .minimum = 4, .gpus = 8, .rank = 3};
    filter_with_object(&pod, NULL);
    ck_assert(engine_knows_pod(world.engine, "g-3"));
    world_wait(&world, 31000);
    ck_assert(!engine_knows_pod(world.engine, "g-3"));
    ck_assert_uint_eq(engine_gang_count(world.engine), 0);
}
END_TEST

/* What would give up the hold of the gang it names, if it were believed. */
START_TEST(a_caller_says_nothing_of_a_gang)
{
    world_gang(&world, "g", 4, 4);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    struct world_pod pods[] = {
        {.uid = "x", .gang = "g", .minimum = 100, .gpus = 8, .rank = 9},
        {.uid = "y", .gang = "g", .minimum = 4, .gpus = 8, .rank = 9, .required = "nowhere"},
        {.uid = "z", .gang = "g", .minimum = 4, .gpus = 8, .rank = 9, .node = "n0"},
    };
    for (size_t i = 0; i < sizeof(pods) / sizeof(pods[0]); i++) {
        filter_with_object(&pods[i], NULL);
        ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
        ck_assert_ptr_null(world_find(&world, EFFECT_PHASE));
    }
}
END_TEST

/* Nor has an ordinary one a node before the API server says so: eight of eight are free. */
START_TEST(a_caller_puts_no_pod_on_a_node)
{
    struct world_pod pod = {.uid = "o", .gpus = 8, .node = "n0", .rank = -1};
    filter_with_object(&pod, NULL);
    world_gang(&world, "g", 8, 8);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
}
END_TEST

/* The uid of a pod that is still to come, under another name. */
START_TEST(the_watch_knows_what_a_pod_is_called)
{
    struct world_pod pod = {.uid = "g-0", .gang = "g", .minimum = 1, .gpus = 8, .rank = 0};
    filter_with_object(&pod, "other");
    world_pod(&world, &pod);
    char node[64];
    ck_assert_ptr_nonnull(world_node_of(&world, "g", "g-0", node));
}
END_TEST

START_TEST(only_so_many_are_known_from_calls)
{
    char uid[16];
    struct world_pod pod = {.uid = uid, .gang = "g", .minimum = 1, .gpus = 8, .rank = 0};
    for (int i = 0; i < ENGINE_FROM_CALL_MOST; i++) {
        snprintf(uid, sizeof(uid), "u%d", i);
        filter_with_object(&pod, NULL);
    }
    pod.uid = "one-more";
    const struct filter_reply *reply = filter_with_object(&pod, NULL);
    ck_assert_int_eq(reply->verdict, FILTER_ERROR);
    ck_assert_str_eq(reply->reason, pod_unseen);
    ck_assert(!engine_knows_pod(world.engine, "one-more"));
    world_wait(&world, 31000);
    ck_assert_int_eq(filter_with_object(&pod, NULL)->verdict, FILTER_NONE);
}
END_TEST

START_TEST(prioritize_and_preempt)
{
    world_gang(&world, "g", 4, 4);
    ordinary("small", 1);
    uint32_t rows[8];
    for (size_t i = 0; i < 8; i++) {
        rows[i] = engine_node_row(world.engine, all[i], strlen(all[i]));
    }
    struct event event = {.type = EVENT_PRIORITIZE};
    event.filter.pod.uid = "g-2";
    event.filter.rows = rows;
    event.filter.row_count = 8;
    world_apply(&world, &event);
    uint32_t index = world_find(&world, EFFECT_PRIORITIZE_REPLY)->prioritize.index;
    ck_assert_str_eq(all[index], planned("g-2"));
    event.filter.pod.uid = "small";
    world_apply(&world, &event);
    ck_assert_uint_eq(world_find(&world, EFFECT_PRIORITIZE_REPLY)->prioritize.index, UINT32_MAX);
    struct event preempt = {.type = EVENT_PREEMPT};
    preempt.preempt.pod.uid = "small";
    preempt.preempt.rows = rows;
    preempt.preempt.row_count = 8;
    world_apply(&world, &preempt);
    unsigned kept = 0;
    for (size_t i = 0; i < 8; i++) {
        kept += world_find(&world, EFFECT_PREEMPT_REPLY)->preempt.keeps[i];
    }
    ck_assert_uint_eq(kept, 4);
    preempt.preempt.pod.uid = "g-0";
    world_apply(&world, &preempt);
    for (size_t i = 0; i < 8; i++) {
        ck_assert(!world_find(&world, EFFECT_PREEMPT_REPLY)->preempt.keeps[i]);
    }
}
END_TEST

START_TEST(before_the_first_sync_nobody_is_let_through)
{
    struct world fresh;
    world_init(&fresh);
    world_racks(&fresh, 2, 4);
    world_gang(&fresh, "g", 2, 2);
    const struct filter_reply *reply = world_filter(&fresh, "g-0", NULL, all);
    ck_assert_int_eq(reply->verdict, FILTER_NONE);
    struct world_pod pod = {.uid = "small", .gpus = 1, .rank = -1};
    world_pod(&fresh, &pod);
    /* The capacity a half-bound gang needs is not known yet: the pod comes back as an error. */
    ck_assert_int_eq(world_filter(&fresh, "small", NULL, all)->verdict, FILTER_ERROR);
    world_bind(&fresh, "small", "n0");
    ck_assert_ptr_nonnull(world_find(&fresh, EFFECT_BIND_REPLY)->bind.error);
    world_event(&fresh, EVENT_SYNCED);
    ck_assert_int_ne(world_filter(&fresh, "small", NULL, all)->verdict, FILTER_ERROR);
    world_finish(&fresh);
}
END_TEST

/* Its rank is edited while it is held: the binding says the new one. */
START_TEST(a_binding_says_the_rank_of_now)
{
    world_gang(&world, "g", 2, 2);
    struct world_pod pod = {.uid = "g-1", .gang = "g", .minimum = 2, .gpus = 8, .rank = 5};
    world_pod(&world, &pod);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    world_vote(&world, "g", 0, 2);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 2);
    for (size_t i = 0; i < world.effects.count; i++) {
        const struct effect *effect = &world.effects.items[i];
        if (effect->type == EFFECT_POST_BINDING) {
            ck_assert_int_eq(effect->write.rank, strcmp(effect->write.name, "g-1") == 0 ? 5 : 0);
        }
    }
}
END_TEST

/* kube-scheduler has not seen yet that the pod ran and ended: it is not bound once more, and takes
 * no room. */
START_TEST(a_pod_that_has_ended_is_not_bound_again)
{
    struct world_pod done = {.uid = "done", .gpus = 8, .node = "n0", .succeeded = true};
    world_pod(&world, &done);
    uint64_t ticket = world_bind(&world, "done", "n0");
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 0);
    ck_assert_uint_eq(world_find(&world, EFFECT_BIND_REPLY)->bind.ticket, ticket);
    ck_assert_str_eq(world_find(&world, EFFECT_BIND_REPLY)->bind.error, "the pod has ended");
    world_gang(&world, "g", 8, 8);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_calls");
    TCase *tcase = tcase_create("calls");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_member_gets_its_planned_node_and_no_other);
    tcase_add_test(tcase, a_planned_node_outside_the_sample_is_not_a_veto);
    tcase_add_test(tcase, a_veto_with_voters_moves_only_the_others);
    tcase_add_test(tcase, a_veto_that_leaves_no_room_answers_the_voters);
    tcase_add_test(tcase, a_veto_does_not_spread_a_gang_that_could_change_places);
    tcase_add_test(tcase, ordinary_pods_are_kept_off_held_capacity_only);
    tcase_add_test(tcase, an_ordinary_pod_is_bound_at_once);
    tcase_add_test(tcase, an_ordinary_pod_in_flight_goes_before_members_that_have_not_voted);
    tcase_add_test(tcase, a_voted_member_keeps_its_node_against_an_ordinary_pod);
    tcase_add_test(tcase, bind_calls_that_make_no_sense);
    tcase_add_test(tcase, a_second_bind_of_a_voter_answers_the_first);
    tcase_add_test(tcase, a_member_that_only_a_call_knows_is_in_no_gang);
    tcase_add_test(tcase, what_was_told_before_the_watch_is_put_right);
    tcase_add_test(tcase, who_never_was_is_forgotten);
    tcase_add_test(tcase, a_caller_says_nothing_of_a_gang);
    tcase_add_test(tcase, a_caller_puts_no_pod_on_a_node);
    tcase_add_test(tcase, the_watch_knows_what_a_pod_is_called);
    tcase_add_test(tcase, only_so_many_are_known_from_calls);
    tcase_add_test(tcase, a_binding_says_the_rank_of_now);
    tcase_add_test(tcase, a_pod_that_has_ended_is_not_bound_again);
    tcase_add_test(tcase, prioritize_and_preempt);
    tcase_add_test(tcase, before_the_first_sync_nobody_is_let_through);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
