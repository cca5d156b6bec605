// SPDX-License-Identifier: Apache-2.0
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

/* Leading and following. Two engines that see the same API server stand for two processes: what one
 * writes is shown to both. */

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

static const char *const some[] = {"n0", "n1", NULL};

static unsigned writes(const struct world *of)
{
    return world_count(of, EFFECT_POST_BINDING) + world_count(of, EFFECT_NOMINATE) +
           world_count(of, EFFECT_EXPLAIN) + world_count(of, EFFECT_EVENT);
}

static unsigned refused(const struct world *of)
{
    unsigned count = 0;
    for (size_t i = 0; i < of->effects.count; i++) {
        const struct effect *effect = &of->effects.items[i];
        count += effect->type == EFFECT_BIND_REPLY && effect->bind.error != NULL &&
                 strcmp(effect->bind.error, "this Phalanx is on standby, another one leads") == 0;
    }
    return count;
}

START_TEST(an_engine_leads_until_it_gets_an_event)
{
    ck_assert(engine_leading(world.engine));
    world_event(&world, EVENT_FOLLOW);
    ck_assert(!engine_leading(world.engine));
    world_event(&world, EVENT_LEAD);
    ck_assert(engine_leading(world.engine));
}
END_TEST

/* Whatever happens to a follower, it holds nothing and writes nothing. */
START_TEST(a_follower_keeps_the_books_and_writes_nothing)
{
    world_event(&world, EVENT_FOLLOW);
    for (int i = 0; i < 4; i++) {
        struct world_pod pod = {.uid = world_member("g", i),
                                .gang = "g",
                                .minimum = 4,
                                .gpus = 8,
                                .nominated = "n1", /* by the leader */
                                .rank = i};
        world_pod(&world, &pod);
        ck_assert_uint_eq(writes(&world), 0);
    }
    world_gang(&world, "too-large", 9, 9);
    ck_assert_uint_eq(writes(&world), 0);
    world_group(&world, "other", 3);
    ck_assert_uint_eq(writes(&world), 0);
    for (int i = 0; i < 20; i++) {
        world_tick(&world, 10000);
        ck_assert_uint_eq(writes(&world), 0);
    }
    struct engine_figures figures = world_figures(&world);
    ck_assert_uint_eq(figures.pods, 13);
    ck_assert_uint_eq(figures.holds, 0);
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    ck_assert_str_eq(world_reason(&world, "g"), "another Phalanx leads and decides about the gang");
    /* The leader binds them: this one sees it. */
    for (int i = 0; i < 4; i++) {
        struct world_pod pod = {.uid = world_member("g", i),
                                .gang = "g",
                                .minimum = 4,
                                .gpus = 8,
                                .node = i % 2 == 0 ? "n4" : "n5",
                                .rank = i};
        world_pod(&world, &pod);
        ck_assert_uint_eq(writes(&world), 0);
    }
    ck_assert_int_eq(world_state(&world, "g"), GANG_PLACED);
}
END_TEST

START_TEST(calls_to_a_follower_are_to_be_made_again)
{
    world_gang(&world, "g", 2, 2);
    struct world_pod ordinary = {.uid = "o", .gpus = 1};
    world_pod(&world, &ordinary);
    world_event(&world, EVENT_FOLLOW);
    static const char *const uids[] = {"g-0", "o", "nobody-knows"};
    for (size_t i = 0; i < 3; i++) {
        const struct filter_reply *reply = world_filter(&world, uids[i], NULL, some);
        ck_assert_int_eq(reply->verdict, FILTER_ERROR);
        ck_assert_str_eq(reply->reason, "this Phalanx is on standby, another one leads");
        ck_assert_uint_eq(writes(&world), 0);
        uint64_t ticket = world_bind(&world, uids[i], "n0");
        const struct bind_reply *bind = world_reply(&world, ticket);
        ck_assert_ptr_nonnull(bind);
        ck_assert_str_eq(bind->error, "this Phalanx is on standby, another one leads");
        ck_assert_uint_eq(writes(&world), 0);
    }
    struct event event = {.type = EVENT_PRIORITIZE};
    uint32_t rows[] = {engine_node_row(world.engine, "n0", 2)};
    event.filter.pod.uid = "g-0";
    event.filter.rows = rows;
    event.filter.row_count = 1;
    world_apply(&world, &event);
    ck_assert_uint_eq(world_find(&world, EFFECT_PRIORITIZE_REPLY)->prioritize.index, UINT32_MAX);
    event = (struct event){.type = EVENT_PREEMPT};
    event.preempt.pod.uid = "o";
    event.preempt.rows = rows;
    event.preempt.row_count = 1;
    world_apply(&world, &event);
    ck_assert(!world_find(&world, EFFECT_PREEMPT_REPLY)->preempt.keeps[0]);
}
END_TEST

/* The pod of a call is no reason for a follower to remember it. */
START_TEST(a_follower_takes_no_pod_from_a_call)
{
    struct world_pod pod = {.uid = "new", .gang = "g", .minimum = 1, .gpus = 8};
    struct pod_object object;
    struct amount_object amounts[3];
    world_fill_pod(&pod, &object, amounts);
    world_event(&world, EVENT_FOLLOW);
    struct event event = {.type = EVENT_FILTER};
    event.filter.pod.uid = "new";
    event.filter.pod.object = &object;
    world_apply(&world, &event);
    ck_assert(!engine_knows_pod(world.engine, "new"));
}
END_TEST

START_TEST(following_answers_the_barrier_and_gives_holds_back)
{
    world_gang(&world, "g", 4, 4);
    world_gang(&world, "h", 2, 2);
    world_vote(&world, "g", 0, 3);
    world_vote(&world, "h", 0, 1);
    ck_assert_uint_eq(world_figures(&world).holds, 6);
    world_event(&world, EVENT_FOLLOW);
    ck_assert_uint_eq(refused(&world), 4);
    ck_assert_uint_eq(writes(&world), 0);
    ck_assert_uint_eq(world_figures(&world).holds, 0);
    ck_assert_uint_eq(world_figures(&world).waiting_binds, 0);
    world_event(&world, EVENT_FOLLOW); /* once more: nothing */
    ck_assert_uint_eq(world.effects.count, 0);
}
END_TEST

/* What was posted may have happened: nothing is taken back, and its caller is answered. */
START_TEST(posted_bindings_keep_their_outcome)
{
    world_gang(&world, "g", 3, 3);
    world_vote(&world, "g", 0, 3);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 3);
    char node[64];
    world_node_of(&world, "g", "g-0", node);
    world_event(&world, EVENT_FOLLOW);
    ck_assert_uint_eq(world_count(&world, EFFECT_BIND_REPLY), 0);
    world_bound(&world, "g-0", node, WRITE_DONE);
    const struct effect *reply = world_find(&world, EFFECT_BIND_REPLY);
    ck_assert_ptr_nonnull(reply);
    ck_assert_ptr_null(reply->bind.error);
    world_bound(&world, "g-1", "", WRITE_UNKNOWN);
    ck_assert_ptr_nonnull(world_find(&world, EFFECT_BIND_REPLY)->bind.error);
    world_bound(&world, "g-2", "", WRITE_REFUSED);
    ck_assert_ptr_nonnull(world_find(&world, EFFECT_BIND_REPLY)->bind.error);
    ck_assert_uint_eq(writes(&world), 0);
    world_tick(&world, 120000);
    ck_assert_uint_eq(writes(&world), 0);
}
END_TEST

START_TEST(leading_plans_what_waits)
{
    world_event(&world, EVENT_FOLLOW);
    world_gang(&world, "g", 4, 4);
    world_event(&world, EVENT_LEAD);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    ck_assert_uint_eq(world_count(&world, EFFECT_NOMINATE), 4);
    world_vote(&world, "g", 0, 4);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 4);
}
END_TEST

/* The other one died after two of four bindings. */
START_TEST(leading_finishes_what_had_begun)
{
    world_event(&world, EVENT_FOLLOW);
    world_gang(&world, "g", 4, 4);
    for (int i = 0; i < 2; i++) {
        struct world_pod pod = {.uid = world_member("g", i),
                                .gang = "g",
                                .minimum = 4,
                                .gpus = 8,
                                .node = i == 0 ? "n4" : "n5",
                                .rank = i};
        world_pod(&world, &pod);
    }
    ck_assert_int_eq(world_state(&world, "g"), GANG_COMMITTING);
    world_event(&world, EVENT_LEAD);
    ck_assert_int_eq(world_number(world_planned(&world, "g", 2)) / 4, 1);
    ck_assert_int_eq(world_number(world_planned(&world, "g", 3)) / 4, 1);
    world_vote(&world, "g", 2, 1);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 0);
    world_vote(&world, "g", 3, 1);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 2);
}
END_TEST

START_TEST(leading_takes_back_nominations_without_a_plan)
{
    world_event(&world, EVENT_FOLLOW);
    for (int i = 0; i < 9; i++) { /* does not fit */
        struct world_pod pod = {.uid = world_member("g", i),
                                .gang = "g",
                                .minimum = 9,
                                .gpus = 8,
                                .nominated = "n0",
                                .rank = i};
        world_pod(&world, &pod);
    }
    world_event(&world, EVENT_LEAD);
    ck_assert_uint_eq(world_count(&world, EFFECT_NOMINATE), 9);
    ck_assert_ptr_null(world_find(&world, EFFECT_NOMINATE)->write.node);
}
END_TEST

/* Vetoes and backoff are of a term: the next one starts afresh, as a new process would. */
START_TEST(backoff_and_vetoes_end_with_the_term)
{
    world_gang(&world, "g", 8, 8);
    world_vote(&world, "g", 0, 7);
    world_tick(&world, 30000); /* the hold runs out: backoff, and a veto for who did not come */
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    world_event(&world, EVENT_FOLLOW);
    world_event(&world, EVENT_LEAD);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
}
END_TEST

/* A hand-over, both ways and at every number of votes: the gang is bound once, and whole. */
START_TEST(a_gang_handed_over_is_bound_once)
{
    struct world other;
    world_init(&other);
    world_racks(&other, 2, 4);
    world_event(&other, EVENT_FOLLOW);
    world_event(&other, EVENT_SYNCED);
    world_gang(&world, "g", 4, 4);
    world_gang(&other, "g", 4, 4);
    world_vote(&world, "g", 0, _i);
    unsigned posted = world_count(&world, EFFECT_POST_BINDING);
    ck_assert_uint_eq(posted, _i == 4 ? 4 : 0);
    const char *nodes[4] = {NULL};
    char names[4][64];
    for (size_t i = 0, at = 0; i < world.effects.count; i++) {
        if (world.effects.items[i].type == EFFECT_POST_BINDING) {
            snprintf(names[at], sizeof(names[at]), "%s", world.effects.items[i].write.node);
            nodes[at] = names[at];
            at++;
        }
    }
    world_event(&world, EVENT_FOLLOW);
    /* Half of what was posted got through before the lease was lost. */
    for (int i = 0; i < 4; i++) {
        if (nodes[i] == NULL) {
            continue;
        }
        world_bound(&world, world_member("g", i), nodes[i], i < 2 ? WRITE_DONE : WRITE_UNKNOWN);
        if (i < 2) {
            struct world_pod pod = {.uid = world_member("g", i),
                                    .gang = "g",
                                    .minimum = 4,
                                    .gpus = 8,
                                    .node = nodes[i],
                                    .rank = i};
            world_pod(&world, &pod);
            world_pod(&other, &pod);
        }
    }
    world_event(&other, EVENT_LEAD);
    unsigned bindings = 0;
    for (int i = _i == 4 ? 2 : 0; i < 4; i++) {
        world_vote(&other, "g", i, 1);
        bindings += world_count(&other, EFFECT_POST_BINDING);
    }
    ck_assert_uint_eq(bindings, _i == 4 ? 2 : 4);
    world_finish(&other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/engine/lead");
    TCase *lead = tcase_create("lead");
    tcase_add_checked_fixture(lead, setup, teardown);
    tcase_add_test(lead, an_engine_leads_until_it_gets_an_event);
    tcase_add_test(lead, a_follower_keeps_the_books_and_writes_nothing);
    tcase_add_test(lead, calls_to_a_follower_are_to_be_made_again);
    tcase_add_test(lead, a_follower_takes_no_pod_from_a_call);
    tcase_add_test(lead, following_answers_the_barrier_and_gives_holds_back);
    tcase_add_test(lead, posted_bindings_keep_their_outcome);
    tcase_add_test(lead, leading_plans_what_waits);
    tcase_add_test(lead, leading_finishes_what_had_begun);
    tcase_add_test(lead, leading_takes_back_nominations_without_a_plan);
    tcase_add_test(lead, backoff_and_vetoes_end_with_the_term);
    tcase_add_loop_test(lead, a_gang_handed_over_is_bound_once, 0, 5);
    suite_add_tcase(suite, lead);
    return check_main(suite);
}
