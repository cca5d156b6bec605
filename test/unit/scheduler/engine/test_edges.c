// SPDX-License-Identifier: Apache-2.0
/* Edges of the calls and of what people see: repeated and contradicting binds, pods that only a
 * call knows, stopping, writes that are refused, bad objects, the read-only views. */
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"
#include "topology/graph/domains.h"

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

static void ordinary(const char *uid, int64_t gpus)
{
    struct world_pod pod = {.uid = uid, .gpus = gpus, .rank = -1};
    world_pod(&world, &pod);
}

static void nomination_done(const char *uid, const char *node, enum write_outcome outcome)
{
    struct event event = {.type = EVENT_NOMINATION_DONE};
    event.done.uid = uid;
    event.done.node = node;
    event.done.outcome = outcome;
    event.done.message = "";
    world_apply(&world, &event);
}

/* A filter call that brings its own Pod, which the watch has not shown. */
static const struct filter_reply *filter_with_object(const struct world_pod *pod)
{
    static uint32_t rows[8];
    struct amount_object amounts[3];
    struct pod_object object;
    world_fill_pod(pod, &object, amounts);
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

START_TEST(binds_of_an_ordinary_pod)
{
    ordinary("o", 1);
    uint64_t first = world_bind(&world, "o", "n0");
    uint64_t second = world_bind(&world, "o", "n0"); /* its caller tried again */
    ck_assert_ptr_nonnull(world_reply(&world, first)->error);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 0); /* one is on its way */
    uint64_t elsewhere = world_bind(&world, "o", "n1");
    ck_assert_ptr_nonnull(world_reply(&world, elsewhere)->error);
    ck_assert_ptr_null(world_reply(&world, second));
    world_bound(&world, "o", "n0", WRITE_DONE);
    ck_assert_ptr_null(world_reply(&world, second)->error);

    struct world_pod seen = {.uid = "o", .gpus = 1, .node = "n0", .rank = -1};
    world_pod(&world, &seen);
    uint64_t late = world_bind(&world, "o", "n0");
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 1); /* the API server knows */
    world_bound(&world, "o", "n0", WRITE_DONE);
    ck_assert_ptr_null(world_reply(&world, late)->error); /* it is bound just there */
    late = world_bind(&world, "o", "n1");
    ck_assert_ptr_nonnull(world_reply(&world, late)->error);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 0);
}
END_TEST

START_TEST(a_refused_binding_gives_the_room_back)
{
    ordinary("o", 8);
    uint64_t ticket = world_bind(&world, "o", "n0");
    world_gang(&world, "g", 8, 8);
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    world_bound(&world, "o", "n0", WRITE_REFUSED);
    ck_assert_str_eq(world_reply(&world, ticket)->error, "no");
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    world_bound(&world, "o", "n0", WRITE_REFUSED); /* twice: nothing more to give back */
    ck_assert_uint_eq(world.effects.count, 0);
    world_bound(&world, "stranger", "n0", WRITE_DONE);
    ck_assert_uint_eq(world.effects.count, 0);
}
END_TEST

START_TEST(a_pod_deleted_while_its_binding_is_posted)
{
    ordinary("o", 1);
    uint64_t ticket = world_bind(&world, "o", "n0");
    world_pod_gone(&world, "o");
    ck_assert_ptr_nonnull(world_reply(&world, ticket)->error);
    world_bound(&world, "o", "n0", WRITE_DONE); /* nobody is left to answer */
    ck_assert_uint_eq(world.effects.count, 0);
    world_pod_gone(&world, "o");
    ck_assert_uint_eq(world.effects.count, 0);
}
END_TEST

/* The watch may be faster than the answer to the binding: one reply, and no second charge. */
START_TEST(the_watch_before_the_outcome)
{
    ordinary("o", 8);
    uint64_t ticket = world_bind(&world, "o", "n0");
    struct world_pod seen = {.uid = "o", .gpus = 8, .node = "n0", .rank = -1};
    world_pod(&world, &seen);
    world_bound(&world, "o", "n0", WRITE_UNKNOWN);
    ck_assert_ptr_nonnull(world_reply(&world, ticket));
    world_gang(&world, "g", 7, 7); /* the other seven nodes */
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    world_pod_gone(&world, "o");
    world_gang(&world, "h", 1, 1);
    ck_assert_int_eq(world_state(&world, "h"), GANG_HELD);
}
END_TEST

START_TEST(a_caller_that_gives_up)
{
    ordinary("o", 1);
    uint64_t ticket = world_bind(&world, "o", "n0");
    struct event event = {.type = EVENT_BIND_GIVE_UP, .ticket = ticket};
    world_apply(&world, &event);
    world_bound(&world, "o", "n0", WRITE_DONE);
    ck_assert_uint_eq(world_count(&world, EFFECT_BIND_REPLY), 0);
    event.ticket = 12345; /* of nobody */
    world_apply(&world, &event);
    ck_assert_uint_eq(world.effects.count, 0);
}
END_TEST

/* Neither uid nor Pod: what it needs is unknown, so it may have every node but those with a
 * hold. */
START_TEST(a_filter_call_of_a_pod_nobody_knows)
{
    world_gang(&world, "g", 4, 4);
    for (int i = 0; i < 2; i++) {
        const struct filter_reply *reply = world_filter(&world, i ? NULL : "x", NULL, all);
        ck_assert_int_eq(reply->verdict, FILTER_SOME);
        unsigned passes = 0;
        for (size_t n = 0; all[n] != NULL; n++) {
            passes += reply->passes[n];
        }
        ck_assert_uint_eq(passes, 4);
        ck_assert(!engine_knows_pod(world.engine, "x"));
    }
    static const char *const none[] = {NULL};
    ck_assert_int_eq(world_filter(&world, "x", NULL, none)->verdict, FILTER_ALL);
    ck_assert_int_eq(world_filter(&world, "g-0", NULL, none)->verdict, FILTER_NONE);
    static const char *const twice[] = {"n0", "n0", "ghost", "ghost", NULL};
    ck_assert_int_ne(world_filter(&world, "x", NULL, twice)->verdict, FILTER_NONE);
}
END_TEST

START_TEST(a_pod_known_from_a_call_is_confirmed_or_dropped)
{
    struct world_pod pod = {.uid = "o", .gpus = 1, .rank = -1};
    struct world_pod ghost = {.uid = "ghost", .gpus = 1, .rank = -1};
    ck_assert_int_eq(filter_with_object(&pod)->verdict, FILTER_ALL);
    ck_assert(engine_knows_pod(world.engine, "o"));
    ck_assert_int_eq(engine_deadline(world.engine), 30000);
    world.now = 10;
    filter_with_object(&ghost);
    world_pod(&world, &pod); /* the watch shows it */
    world_tick(&world, 29990);
    ck_assert(engine_knows_pod(world.engine, "ghost"));
    ck_assert_int_eq(engine_deadline(world.engine), 30010);
    world_tick(&world, 10);
    ck_assert(engine_knows_pod(world.engine, "o"));
    ck_assert(!engine_knows_pod(world.engine, "ghost"));
    ck_assert_int_eq(engine_deadline(world.engine), INT64_MAX);
}
END_TEST

/* Bound on the API server's word: the watch may be late, but not for ever. Nothing else may be
 * bound in its place meanwhile, and the node it is on is known. */
START_TEST(a_bound_pod_that_the_watch_does_not_show)
{
    struct world_pod pod = {.uid = "o", .gpus = 8, .rank = -1};
    filter_with_object(&pod);
    world_bind(&world, "o", "n0");
    world_bound(&world, "o", "n0", WRITE_DONE);
    uint64_t elsewhere = world_bind(&world, "o", "n1");
    ck_assert_ptr_nonnull(world_reply(&world, elsewhere)->error);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 0);
    uint64_t again = world_bind(&world, "o", "n0");
    ck_assert_ptr_null(world_reply(&world, again)); /* only the API server knows */
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 1);
    world_bound(&world, "o", "n0", WRITE_DONE);
    ck_assert_ptr_null(world_reply(&world, again)->error);

    world_gang(&world, "g", 8, 8); /* needs its node */
    world_wait(&world, 60000);
    ck_assert(engine_knows_pod(world.engine, "o"));
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    world_wait(&world, 60000);
    ck_assert(!engine_knows_pod(world.engine, "o"));
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
}
END_TEST

/* The process stood still for an hour: what it waits for from the watch had no time to come. */
START_TEST(a_process_that_stood_still)
{
    struct world_pod pod = {.uid = "o", .gpus = 8, .rank = -1};
    filter_with_object(&pod);
    world_bind(&world, "o", "n0");
    world_bound(&world, "o", "n0", WRITE_UNKNOWN);
    world_tick(&world, 3600000);
    ck_assert(engine_knows_pod(world.engine, "o"));
    world_gang(&world, "g", 8, 8);
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    world_wait(&world, 59999); /* only a call knows it, but its binding may have happened */
    ck_assert(engine_knows_pod(world.engine, "o"));
    world_wait(&world, 1);
    ck_assert(!engine_knows_pod(world.engine, "o"));
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
}
END_TEST

/* Others have voted when a member turns out not to exist any more: all are answered. */
START_TEST(a_voter_that_goes)
{
    world_gang(&world, "g", 2, 2);
    uint64_t ticket = world_bind(&world, "g-1", world_planned(&world, "g", 1));
    world_pod_gone(&world, "g-1");
    ck_assert_ptr_nonnull(world_reply(&world, ticket)->error);
    ck_assert_int_eq(world_state(&world, "g"), GANG_GATHERING);
}
END_TEST

/* Writing nominations is forbidden: answers to filter calls do the job. */
START_TEST(nominations_refused)
{
    world_gang(&world, "g", 2, 2);
    for (int i = 0; i < 2; i++) {
        nomination_done(world_member("g", i), world_planned(&world, "g", i), WRITE_REFUSED);
        ck_assert_uint_eq(world.effects.count, 0);
    }
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(world_filter(&world, world_member("g", i), NULL, all)->verdict,
                         FILTER_ONE);
    }
    world_group(&world, "g", 5); /* the plan goes; there is no nomination to clear */
    ck_assert_int_eq(world_state(&world, "g"), GANG_GATHERING);
    ck_assert_uint_eq(world_count(&world, EFFECT_NOMINATE), 0);
    nomination_done("stranger", "n0", WRITE_DONE);
    ck_assert_uint_eq(world.effects.count, 0);
}
END_TEST

START_TEST(a_clearing_that_got_lost_is_repeated)
{
    world_group(&world, "g", 2);
    world_gang(&world, "g", 2, 0);
    world_group(&world, "g", 3);
    ck_assert_uint_eq(world_count(&world, EFFECT_NOMINATE), 2);
    nomination_done("g-0", NULL, WRITE_DONE);
    ck_assert_uint_eq(world_count(&world, EFFECT_NOMINATE), 0);
    nomination_done("g-1", NULL, WRITE_UNKNOWN);
    ck_assert_uint_eq(world_count(&world, EFFECT_NOMINATE), 1);
    ck_assert_str_eq(world_find(&world, EFFECT_NOMINATE)->write.name, "g-1");
    ck_assert_ptr_null(world_find(&world, EFFECT_NOMINATE)->write.node);
}
END_TEST

/* Stopping: those at the barrier are answered, those whose binding is posted get its outcome. */
START_TEST(draining)
{
    world_gang(&world, "g", 2, 2);
    world_gang(&world, "h", 2, 2);
    world_vote(&world, "g", 0, 2);
    uint64_t posted = world.ticket;
    world_vote(&world, "h", 0, 1);
    uint64_t waits = world.ticket;
    world_event(&world, EVENT_DRAIN);
    ck_assert_ptr_nonnull(world_reply(&world, waits)->error);
    ck_assert_ptr_null(world_reply(&world, posted));
    const struct filter_reply *reply = world_filter(&world, "h-0", NULL, all);
    ck_assert_int_eq(reply->verdict, FILTER_NONE);
    ck_assert_msg(strstr(reply->reason, "is planned") == NULL, "%s", reply->reason);
    world_outcome(&world, "g", 1, 1, WRITE_DONE);
    ck_assert_ptr_null(world_reply(&world, posted)->error);
    world_pod_gone(&world, "h-1");
    world_gang(&world, "i", 1, 1);
    ck_assert_uint_eq(world_figures(&world).holds, 0);
    ordinary("o", 1);
    uint64_t late = world_bind(&world, "o", "n7");
    ck_assert_ptr_nonnull(world_reply(&world, late)->error);
}
END_TEST

START_TEST(a_node_that_breaks_a_limit_is_reported)
{
    static char name[NAMES_LENGTH_MAX + 2];
    memset(name, 'x', sizeof(name) - 1);
    struct event event = {.type = EVENT_NODE};
    event.node.name = name;
    world_apply(&world, &event);
    ck_assert_uint_eq(world_count(&world, EFFECT_TRANSITION), 0); /* it is no gang */
    ck_assert_uint_eq(world_count(&world, EFFECT_SKIPPED), 1);
    const struct skipped_effect *skipped = &world_find(&world, EFFECT_SKIPPED)->skipped;
    ck_assert_int_eq(skipped->kind, SKIPPED_NODE);
    ck_assert_str_eq(skipped->name_space, "");
    ck_assert_str_eq(skipped->name, name);
    ck_assert_msg(strstr(skipped->message, "longer than") != NULL, "%s", skipped->message);
    world_node_gone(&world, "never-seen");
    ck_assert_uint_eq(world.effects.count, 0);
    ck_assert_uint_eq(world_figures(&world).nodes, 8);

    struct world_pod pod = {.uid = "o", .gpus = 1, .node = name, .rank = -1};
    world_pod(&world, &pod); /* on a node with no name of ours: known, and told */
    ck_assert(engine_knows_pod(world.engine, "o"));
    ck_assert_uint_eq(world_count(&world, EFFECT_SKIPPED), 1);
    ck_assert_int_eq(world_find(&world, EFFECT_SKIPPED)->skipped.kind, SKIPPED_POD);
    ordinary("o", 1);
    uint64_t ticket = world_bind(&world, "o", name);
    ck_assert_ptr_nonnull(world_reply(&world, ticket)->error);
}
END_TEST

START_TEST(the_group_says_how_long_a_hold_lasts)
{
    struct event event = {.type = EVENT_GROUP};
    event.group.name_space = "ns";
    event.group.name = event.group.uid = "g";
    event.group.minimum = 2;
    event.group.hold_timeout_ms = 7000;
    world_apply(&world, &event);
    world_gang(&world, "g", 2, 0);
    world_tick(&world, 6999);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    ck_assert_int_eq(engine_deadline(world.engine), 7000);
    world_tick(&world, 1);
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    ck_assert_ptr_nonnull(strstr(world_reason(&world, "g"), "0 of 2 planned pods had arrived"));
}
END_TEST

START_TEST(pods_that_have_ended_hold_nothing)
{
    for (int i = 0; i < 8; i++) {
        struct world_pod pod = {.uid = world_member("o", i), .gpus = 8, .node = all[i]};
        world_pod(&world, &pod);
    }
    world_gang(&world, "g", 2, 2);
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    struct world_pod failed = {.uid = "o-3", .gpus = 8, .node = "n3", .failed = true};
    world_pod(&world, &failed);
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    struct world_pod done = {.uid = "o-5", .gpus = 8, .node = "n5", .succeeded = true};
    world_pod(&world, &done);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
}
END_TEST

/* A node without the label is alone in a domain nobody knows: never good for a required level. */
START_TEST(unknown_domains_are_left_out_when_required)
{
    for (int i = 0; i < 8; i++) {
        world_node_gone(&world, all[i]);
    }
    world_node(&world, "a", "b0", "r0", 8);
    world_node(&world, "loose", NULL, NULL, 64);
    for (int i = 0; i < 2; i++) {
        struct world_pod pod = {.uid = world_member("g", i),
                                .gang = "g",
                                .minimum = 2,
                                .gpus = 8,
                                .rank = i,
                                .required = "rack"};
        world_pod(&world, &pod);
    }
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    ck_assert_ptr_nonnull(strstr(world_reason(&world, "g"), "rack is short by 1 of 2 pods"));
    world_gang(&world, "free", 2, 2);
    ck_assert_str_eq(world_planned(&world, "free", 0), "loose");
    world_node(&world, "b", "b0", "r0", 8);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
}
END_TEST

START_TEST(views_and_figures)
{
    world_gang(&world, "b", 2, 2);
    world_gang(&world, "a", 1, 3);
    ordinary("o", 1);
    world_vote(&world, "b", 1, 1);
    struct arena arena;
    struct gang_view view;
    arena_init(&arena);
    ck_assert_uint_eq(engine_gang_count(world.engine), 2);
    engine_gang_at(world.engine, 0, &arena, &view);
    ck_assert_str_eq(view.name, "a");
    ck_assert_int_eq(view.state, GANG_GATHERING);
    ck_assert(!view.has_quality);
    ck_assert_int_eq(view.minimum, 3);
    engine_gang_at(world.engine, 1, &arena, &view);
    ck_assert_str_eq(view.name, "b");
    ck_assert(view.has_quality && view.optimal);
    ck_assert_str_eq(view.level_names[0], "cluster");
    ck_assert_uint_eq(view.used[view.levels - 1], 2);
    ck_assert_uint_eq(view.lower_bound[view.levels - 1], 2);
    ck_assert_uint_eq(view.member_count, 2);
    ck_assert(!view.members[0].voted && view.members[1].voted);
    ck_assert(!view.members[0].bound);
    ck_assert(!engine_gang_find(world.engine, "other", "b", &arena, &view));
    arena_finish(&arena);

    struct engine_figures figures = world_figures(&world);
    ck_assert_uint_eq(figures.nodes, 8);
    ck_assert_uint_eq(figures.pods, 4);
    ck_assert_uint_eq(figures.gangs[GANG_GATHERING], 1);
    ck_assert_uint_eq(figures.gangs[GANG_HELD], 1);
    ck_assert_uint_eq(figures.holds, 2);
    ck_assert_uint_eq(figures.waiting_binds, 1);
    ck_assert_uint_eq(domains_positions(engine_domains(world.engine)), 8);
    ck_assert_uint_eq(nodes_present(engine_nodes(world.engine)), 8);
    ck_assert(engine_synced(world.engine));
}
END_TEST

START_TEST(state_names)
{
    static const char *const names[] = {"Gathering", "Waiting", "Held", "Committing", "Placed"};
    for (int state = GANG_GATHERING; state <= GANG_PLACED; state++) {
        ck_assert_str_eq(gang_state_name((enum gang_state)state), names[state]);
    }
    engine_destroy(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/engine edges");
    TCase *tcase = tcase_create("edges");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, binds_of_an_ordinary_pod);
    tcase_add_test(tcase, a_refused_binding_gives_the_room_back);
    tcase_add_test(tcase, a_pod_deleted_while_its_binding_is_posted);
    tcase_add_test(tcase, the_watch_before_the_outcome);
    tcase_add_test(tcase, a_caller_that_gives_up);
    tcase_add_test(tcase, a_filter_call_of_a_pod_nobody_knows);
    tcase_add_test(tcase, a_pod_known_from_a_call_is_confirmed_or_dropped);
    tcase_add_test(tcase, a_bound_pod_that_the_watch_does_not_show);
    tcase_add_test(tcase, a_process_that_stood_still);
    tcase_add_test(tcase, a_voter_that_goes);
    tcase_add_test(tcase, nominations_refused);
    tcase_add_test(tcase, a_clearing_that_got_lost_is_repeated);
    tcase_add_test(tcase, draining);
    tcase_add_test(tcase, a_node_that_breaks_a_limit_is_reported);
    tcase_add_test(tcase, the_group_says_how_long_a_hold_lasts);
    tcase_add_test(tcase, pods_that_have_ended_hold_nothing);
    tcase_add_test(tcase, unknown_domains_are_left_out_when_required);
    tcase_add_test(tcase, views_and_figures);
    tcase_add_test(tcase, state_names);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
