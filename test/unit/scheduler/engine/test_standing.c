// SPDX-License-Identifier: Apache-2.0
/* Holds that come to nothing: what they cost the gang, and its namespace. */

#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"
#include "topology/base/checkpoint.h"

static struct world world;
static struct engine_options limits; /* of the world's engine */

static void setup(void)
{
    engine_options_default(&limits);
    world_init_with(&world, &limits);
    world_racks(&world, 2, 2);
    world_event(&world, EVENT_SYNCED);
}

static void teardown(void)
{
    world_finish(&world);
}

/* A gang of the namespace that wants `count` of the four nodes. */
static void gang_of(const char *name_space, const char *gang, int count)
{
    for (int i = 0; i < count; i++) {
        struct world_pod pod = {.uid = world_member(gang, i),
                                .name_space = name_space,
                                .gang = gang,
                                .minimum = count,
                                .gpus = 8,
                                .rank = i};
        world_pod(&world, &pod);
    }
}

static void gone(const char *gang, int count)
{
    for (int i = 0; i < count; i++) {
        world_pod_gone(&world, world_member(gang, i));
    }
}

static enum gang_state state_of(const char *name_space, const char *gang)
{
    struct arena arena;
    struct gang_view view;
    arena_init(&arena);
    ck_assert(engine_gang_find(world.engine, name_space, gang, &arena, &view));
    arena_finish(&arena);
    return view.state;
}

/* The hold that runs ends after just so long. */
static void lasts(const char *gang, int64_t milliseconds)
{
    ck_assert_int_eq(world_state(&world, gang), GANG_HELD);
    world_wait(&world, milliseconds - 1);
    ck_assert_int_eq(world_state(&world, gang), GANG_HELD);
    world_tick(&world, 1);
    ck_assert_int_eq(world_state(&world, gang), GANG_WAITING);
}

static void commit(const char *gang, int count)
{
    world_vote(&world, gang, 0, count);
    world_outcome(&world, gang, 0, count, WRITE_DONE);
    ck_assert_int_eq(world_state(&world, gang), GANG_PLACED);
}

START_TEST(a_hold_that_nobody_votes_for_is_shorter_each_time)
{
    static const int64_t expected[] = {30000, 15000, 12000, 12000, 12000};
    int64_t backoff = 1000;
    world_gang(&world, "g", 4, 4);
    for (int i = 0; i < 5; i++) {
        lasts("g", expected[i]);
        world_wait(&world, backoff);
        backoff *= 2;
    }
}
END_TEST

START_TEST(a_vote_makes_it_as_long_as_before)
{
    world_gang(&world, "g", 4, 4);
    lasts("g", 30000);
    world_wait(&world, 1000);
    world_vote(&world, "g", 0, 1);
    lasts("g", 15000);
    world_wait(&world, 2000);
    lasts("g", 30000);
}
END_TEST

START_TEST(a_group_that_asks_for_less_gets_no_more)
{
    struct event event = {
        .type = EVENT_GROUP,
        .group = {
            .name_space = "ns", .name = "g", .uid = "g", .minimum = 4, .hold_timeout_ms = 3000}};
    world_apply(&world, &event);
    world_gang(&world, "g", 4, 0);
    lasts("g", 3000);
    world_wait(&world, 1000);
    lasts("g", 3000);
}
END_TEST

START_TEST(another_name_does_not_help)
{
    world_gang(&world, "g", 4, 4);
    lasts("g", 30000);
    gone("g", 4);
    world_gang(&world, "h", 4, 4);
    lasts("h", 15000);
}
END_TEST

/* … nor another member, just before the end. */
START_TEST(giving_it_up_early_does_not_help)
{
    world_gang(&world, "g", 4, 4);
    world_wait(&world, 29000);
    world_pod_gone(&world, "g-3");
    ck_assert_int_eq(world_state(&world, "g"), GANG_GATHERING);
    world_gang(&world, "g", 4, 4);
    lasts("g", 15000);
}
END_TEST

START_TEST(it_goes_behind_others_of_its_priority)
{
    world_gang(&world, "g", 4, 4);
    gang_of("other", "o", 4);
    ck_assert_int_eq(state_of("other", "o"), GANG_WAITING);
    lasts("g", 30000);
    ck_assert_int_eq(state_of("other", "o"), GANG_HELD);
    world_wait(&world, 15000); /* g would like to, and waits */
    gang_of("third", "t", 4);
    world_wait(&world, 14999);
    ck_assert_int_eq(state_of("other", "o"), GANG_HELD);
    world_tick(&world, 1);
    ck_assert_int_eq(state_of("third", "t"), GANG_HELD); /* in good standing: before g */
    world_wait(&world, 30000);
    lasts("g", 15000);
}
END_TEST

/* ---- one at a time ---- */

START_TEST(a_namespace_in_good_standing_holds_what_it_likes)
{
    for (int i = 0; i < 4; i++) {
        static const char *const names[] = {"a", "b", "c", "d"};
        world_gang(&world, names[i], 1, 1);
        ck_assert_int_eq(world_state(&world, names[i]), GANG_HELD);
    }
}
END_TEST

static void limited(void)
{
    world_gang(&world, "a", 2, 2);
    world_gang(&world, "b", 2, 2);
    world_wait(&world, 30000);
    world_wait(&world, 1000);
    ck_assert_int_eq(world_state(&world, "a"), GANG_HELD);
    ck_assert_int_eq(world_state(&world, "b"), GANG_WAITING);
}

START_TEST(after_a_hold_that_was_not_kept_one_at_a_time)
{
    limited();
    ck_assert_str_eq(
        world_reason(&world, "b"),
        "gang ns/b waits for another gang of its namespace: a hold there was not kept, "
        "so they are planned one at a time until one is bound");
    gang_of("other", "o", 2); /* … which is nothing to others */
    ck_assert_int_eq(state_of("other", "o"), GANG_HELD);
}
END_TEST

START_TEST(until_one_is_bound)
{
    limited();
    commit("a", 2);
    ck_assert_int_eq(world_state(&world, "b"), GANG_HELD);
    gone("a", 2);
    world_gang(&world, "c", 2, 2);
    ck_assert_int_eq(world_state(&world, "c"), GANG_HELD);
    ck_assert_uint_eq(world_figures(&world).holds, 4);
}
END_TEST

START_TEST(they_take_turns)
{
    limited();
    world_gang(&world, "c", 2, 2);
    lasts("a", 12000); /* two holds came to nothing */
    ck_assert_int_eq(world_state(&world, "b"), GANG_HELD);
    lasts("b", 12000);
    ck_assert_int_eq(world_state(&world, "c"), GANG_HELD);
    ck_assert_uint_eq(world_figures(&world).holds, 2);
}
END_TEST

START_TEST(one_that_does_not_fit_does_not_stop_the_next)
{
    limited();
    world_gang(&world, "c", 5, 5);
    world_gang(&world, "d", 1, 1);
    world_wait(&world, 1);
    gone("a", 2);
    gone("b", 2);
    ck_assert_int_eq(world_state(&world, "c"), GANG_WAITING);
    ck_assert_int_eq(world_state(&world, "d"), GANG_HELD);
}
END_TEST

START_TEST(who_is_deleted_stops_nobody)
{
    limited();
    world_gang(&world, "c", 1, 1);
    gone("b", 2);
    lasts("a", 12000);
    ck_assert_int_eq(world_state(&world, "c"), GANG_HELD);
}
END_TEST

/* Joiners are held, too. */
START_TEST(joiners_that_never_come_are_held_against_it)
{
    world_gang(&world, "g", 3, 1);
    world_vote(&world, "g", 0, 1);
    world_outcome(&world, "g", 0, 1, WRITE_DONE);
    ck_assert_uint_eq(world_figures(&world).holds, 2);
    world_gang(&world, "h", 1, 1);
    ck_assert_int_eq(world_state(&world, "h"), GANG_HELD);
    world_wait(&world, 30000);
    world_wait(&world, 1000);
    ck_assert_uint_eq(world_figures(&world).holds, 2); /* of g, which are one gang */
    ck_assert_int_eq(world_state(&world, "h"), GANG_WAITING);
}
END_TEST

/* Its quorum was bound: what follows is repair, and nothing is held against anybody any more. */
START_TEST(one_that_is_bound_and_loses_a_member)
{
    world_gang(&world, "a", 3, 2);
    world_wait(&world, 30000);
    world_wait(&world, 1000);
    ck_assert_uint_eq(world_figures(&world).holds, 3);
    world_vote(&world, "a", 0, 2);
    world_outcome(&world, "a", 0, 2, WRITE_DONE);
    ck_assert_uint_eq(world_figures(&world).holds, 1);
    world_pod_gone(&world, "a-0");
    world_gang(&world, "b", 1, 1);
    lasts("b", 30000);
}
END_TEST

START_TEST(a_node_that_goes_is_nobodys_fault)
{
    world_gang(&world, "g", 2, 2);
    char node[64];
    snprintf(node, sizeof node, "%s", world_planned(&world, "g", 0));
    world_node_gone(&world, node);
    lasts("g", 30000); /* planned anew */
}
END_TEST

START_TEST(another_term_forgets_it)
{
    limited();
    world_event(&world, EVENT_FOLLOW);
    world_event(&world, EVENT_LEAD);
    ck_assert_int_eq(world_state(&world, "a"), GANG_HELD);
    ck_assert_int_eq(world_state(&world, "b"), GANG_HELD);
    world_wait(&world, 29999);
    ck_assert_int_eq(world_state(&world, "a"), GANG_HELD);
}
END_TEST

static void same_after_loading(void)
{
    struct checkpoint first, second;
    struct err err;
    struct event event = {.type = EVENT_CHECKPOINT};
    world_apply(&world, &event);
    engine_save(world.engine, &first);
    struct engine *loaded = engine_create(&limits);
    ck_assert_msg(engine_load(loaded, first.bytes, first.count, &err) == 0, "%s", err.text);
    engine_destroy(world.engine);
    world.engine = loaded;
    engine_save(loaded, &second);
    ck_assert_uint_eq(first.count, second.count);
    ck_assert_mem_eq(first.bytes, second.bytes, first.count);
    checkpoint_finish(&first);
    checkpoint_finish(&second);
}

START_TEST(a_checkpoint_knows_who_waits_for_whom)
{
    limited();
    world_gang(&world, "c", 1, 1);
    same_after_loading();
    lasts("a", 12000);
    ck_assert_int_eq(world_state(&world, "b"), GANG_HELD);
    ck_assert_int_eq(world_state(&world, "c"), GANG_WAITING);
}
END_TEST

START_TEST(a_checkpoint_knows_namespaces_without_gangs)
{
    gang_of("other", "o", 4);
    world_wait(&world, 30000);
    gone("o", 4);
    world_gang(&world, "g", 4, 4);
    lasts("g", 30000);
    gone("g", 4);
    same_after_loading();
    world_gang(&world, "h", 4, 4);
    lasts("h", 15000);
    gone("h", 4);
    gang_of("other", "p", 4);
    world_wait(&world, 14999);
    ck_assert_int_eq(state_of("other", "p"), GANG_HELD);
    world_tick(&world, 1);
    ck_assert_int_eq(state_of("other", "p"), GANG_WAITING);
}
END_TEST

/* ---- limits ---- */

static void setup_limits(uint32_t gangs, uint32_t holds)
{
    world_finish(&world);
    engine_options_default(&limits);
    limits.tenant_gangs = gangs;
    limits.tenant_holds = holds;
    world_init_with(&world, &limits);
    world_racks(&world, 2, 2);
    world_event(&world, EVENT_SYNCED);
}

START_TEST(so_many_holds_at_a_time)
{
    setup_limits(0, 2);
    world_gang(&world, "a", 1, 1);
    world_gang(&world, "b", 1, 1);
    world_gang(&world, "c", 1, 1);
    gang_of("other", "o", 1);
    ck_assert_int_eq(world_state(&world, "b"), GANG_HELD);
    ck_assert_int_eq(world_state(&world, "c"), GANG_WAITING);
    ck_assert_int_eq(state_of("other", "o"), GANG_HELD);
    ck_assert_str_eq(world_reason(&world, "c"),
                     "gang ns/c waits for others of its namespace: no more of them are held at a "
                     "time (limits.holdsPerNamespace)");
    commit("a", 1);
    ck_assert_int_eq(world_state(&world, "c"), GANG_HELD);
}
END_TEST

START_TEST(so_many_gangs_at_a_time)
{
    setup_limits(1, 0);
    world_gang(&world, "a", 1, 1); /* is held: it waits for nothing */
    world_gang(&world, "b", 5, 5); /* more than there is */
    world_gang(&world, "c", 1, 1);
    gang_of("other", "o", 1);
    ck_assert_int_eq(world_state(&world, "a"), GANG_HELD);
    ck_assert_int_eq(world_state(&world, "b"), GANG_WAITING);
    ck_assert_int_eq(world_state(&world, "c"), GANG_WAITING);
    ck_assert_int_eq(state_of("other", "o"), GANG_HELD);
    ck_assert_str_eq(world_reason(&world, "c"),
                     "gang ns/c waits for others of its namespace: no more of them are planned at "
                     "a time (limits.gangsPerNamespace)");
    same_after_loading();
    gone("b", 5);
    ck_assert_int_eq(world_state(&world, "c"), GANG_HELD);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_standing");
    TCase *tcase = tcase_create("engine");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_hold_that_nobody_votes_for_is_shorter_each_time);
    tcase_add_test(tcase, a_vote_makes_it_as_long_as_before);
    tcase_add_test(tcase, a_group_that_asks_for_less_gets_no_more);
    tcase_add_test(tcase, another_name_does_not_help);
    tcase_add_test(tcase, giving_it_up_early_does_not_help);
    tcase_add_test(tcase, it_goes_behind_others_of_its_priority);
    tcase_add_test(tcase, a_namespace_in_good_standing_holds_what_it_likes);
    tcase_add_test(tcase, after_a_hold_that_was_not_kept_one_at_a_time);
    tcase_add_test(tcase, until_one_is_bound);
    tcase_add_test(tcase, they_take_turns);
    tcase_add_test(tcase, one_that_does_not_fit_does_not_stop_the_next);
    tcase_add_test(tcase, who_is_deleted_stops_nobody);
    tcase_add_test(tcase, joiners_that_never_come_are_held_against_it);
    tcase_add_test(tcase, one_that_is_bound_and_loses_a_member);
    tcase_add_test(tcase, a_node_that_goes_is_nobodys_fault);
    tcase_add_test(tcase, another_term_forgets_it);
    tcase_add_test(tcase, a_checkpoint_knows_who_waits_for_whom);
    tcase_add_test(tcase, a_checkpoint_knows_namespaces_without_gangs);
    tcase_add_test(tcase, so_many_holds_at_a_time);
    tcase_add_test(tcase, so_many_gangs_at_a_time);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
