// SPDX-License-Identifier: Apache-2.0
/* What a tenant writes about its own pods, and what others must not lose by it. */

#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

static struct world world;

static void setup(void)
{
    world_init(&world);
    world_racks(&world, 2, 2);
    world_event(&world, EVENT_SYNCED);
}

static void teardown(void)
{
    world_finish(&world);
}

static const char *const all[] = {"n0", "n1", "n2", "n3", NULL};

/* Members of a scheduler that is not served: nobody would ever vote for them. */
static void foreign_gang(const char *gang, int count)
{
    for (int i = 0; i < count; i++) {
        struct world_pod pod = {.uid = world_member(gang, i),
                                .gang = gang,
                                .minimum = count,
                                .gpus = 8,
                                .rank = i,
                                .foreign = true};
        world_pod(&world, &pod);
    }
}

START_TEST(a_gang_of_another_scheduler_is_not_planned)
{
    foreign_gang("g", 4);
    ck_assert_uint_eq(world_count(&world, EFFECT_SKIPPED), 0); /* it is no fault of the pod's */
    ck_assert_int_eq(world_state(&world, "g"), GANG_GATHERING);
    ck_assert_uint_eq(world_figures(&world).holds, 0);
    world_gang(&world, "h", 4, 4);
    ck_assert_int_eq(world_state(&world, "h"), GANG_HELD);
    const struct filter_reply *reply = world_filter(&world, "g-0", NULL, all);
    ck_assert_int_eq(reply->verdict, FILTER_NONE);
    ck_assert_str_eq(reply->reason,
                     "its schedulerName is not served here (kubernetes.schedulerNames)");
    ck_assert_str_eq(world_reply(&world, world_bind(&world, "g-0", "n0"))->error,
                     "its schedulerName is not served here (kubernetes.schedulerNames)");
}
END_TEST

START_TEST(what_another_scheduler_bound_counts)
{
    foreign_gang("h", 1);
    struct world_pod bound = {
        .uid = "h-0", .gang = "h", .minimum = 1, .gpus = 8, .foreign = true, .node = "n0"};
    world_pod(&world, &bound);
    ck_assert_int_eq(world_state(&world, "h"), GANG_PLACED);
}
END_TEST

START_TEST(an_ordinary_pod_of_another_scheduler_passes)
{
    struct world_pod pod = {.uid = "p", .gpus = 1, .rank = -1, .foreign = true};
    world_pod(&world, &pod);
    ck_assert_int_eq(world_filter(&world, "p", NULL, all)->verdict, FILTER_ALL);
}
END_TEST

/* ---- who is first ---- */

static void member(const char *gang, int index, int32_t minimum, int32_t priority, const char *node)
{
    struct world_pod pod = {.uid = world_member(gang, index),
                            .gang = gang,
                            .minimum = minimum,
                            .gpus = 8,
                            .rank = index,
                            .priority = priority,
                            .node = node,
                            .elsewhere = true};
    world_pod(&world, &pod);
}

static void occupy(void)
{
    struct world_pod pod = {.uid = "all-0", .gpus = 8, .rank = -1};
    for (int i = 0; all[i] != NULL; i++) {
        pod.uid = world_member("all", i);
        pod.node = all[i];
        world_pod(&world, &pod);
    }
}

static void leave(int count)
{
    for (int i = 0; i < count; i++) {
        world_pod_gone(&world, world_member("all", i));
    }
    world_wait(&world, 1);
}

START_TEST(one_pod_of_high_priority_makes_no_gang_first)
{
    occupy();
    world_gang(&world, "first", 2, 2);
    member("boast", 0, 2, 1000, NULL);
    member("boast", 1, 2, 0, NULL);
    leave(2);
    ck_assert_int_eq(world_state(&world, "first"), GANG_HELD);
    ck_assert_int_eq(world_state(&world, "boast"), GANG_WAITING);
}
END_TEST

START_TEST(what_runs_has_no_part_in_the_priority)
{
    occupy();
    world_gang(&world, "first", 2, 2);
    member("high", 0, 3, 5, NULL);
    member("high", 1, 3, 5, NULL);
    member("high", 2, 3, 0, "n3"); /* it need not be planned */
    leave(2);
    ck_assert_int_eq(world_state(&world, "first"), GANG_WAITING);
    ck_assert_int_eq(world_state(&world, "high"), GANG_COMMITTING);
    ck_assert_uint_eq(world_figures(&world).holds, 2);
}
END_TEST

/* … spec.nodeName written, or a binding of the tenant's own. */
START_TEST(a_member_that_was_made_on_a_node_makes_no_gang_first)
{
    occupy();
    world_gang(&world, "first", 2, 2);
    member("forged", 0, 3, 0, "n3");
    member("forged", 1, 3, 0, NULL);
    member("forged", 2, 3, 0, NULL);
    leave(2);
    ck_assert_int_eq(world_state(&world, "first"), GANG_HELD);
    ck_assert_uint_eq(world_figures(&world).holds, 2);
}
END_TEST

/* The annotation of a binding is believed of what was there when this process began to decide. */
START_TEST(a_forged_annotation_counts_for_nothing)
{
    world_wait(&world, 60001);
    occupy();
    world_gang(&world, "first", 2, 2);
    for (int i = 0; i < 3; i++) {
        struct world_pod pod = {.uid = world_member("forged", i),
                                .gang = "forged",
                                .minimum = 3,
                                .gpus = 8,
                                .rank = i,
                                .node = i == 0 ? "n3" : NULL};
        world_pod(&world, &pod);
    }
    leave(2);
    ck_assert_int_eq(world_state(&world, "first"), GANG_HELD);
    ck_assert_uint_eq(world_figures(&world).holds, 2);
}
END_TEST

/* … and of what is bound: who writes it before somebody else binds the pod gets no domain by it. */
START_TEST(an_annotation_before_the_binding_counts_for_nothing)
{
    static const struct placement_object alone = {.exclusive_level = "rack"};
    world_wait(&world, 60001);
    struct world_pod pod = {.uid = "forged-0",
                            .gang = "forged",
                            .minimum = 1,
                            .run = "x",
                            .placement = &alone,
                            .foreign = true,
                            .annotated = true};
    world_pod(&world, &pod);
    pod.node = "n3";
    world_pod(&world, &pod);
    world_gang(&world, "others", 4, 4);
    ck_assert_int_eq(world_state(&world, "others"), GANG_HELD);
}
END_TEST

static void place(const char *gang, int count)
{
    world_gang(&world, gang, count, count);
    world_vote(&world, gang, 0, count);
    world_outcome(&world, gang, 0, count, WRITE_DONE);
    ck_assert_int_eq(world_state(&world, gang), GANG_PLACED);
}

START_TEST(who_lost_a_member_is_first)
{
    place("run", 2);
    world_pod_gone(&world, "run-1");
    occupy(); /* over run-0, too */
    world_gang(&world, "first", 1, 1);
    member("run", 1, 2, 0, NULL);
    leave(2);
    ck_assert_int_eq(world_state(&world, "first"), GANG_WAITING);
    ck_assert_uint_eq(world_figures(&world).holds, 1);
}
END_TEST

START_TEST(who_raised_its_quorum_is_not)
{
    world_wait(&world, 60001);
    place("run", 1);
    occupy(); /* over run-0, too */
    member("first", 0, 2, 1, NULL);
    member("first", 1, 2, 1, NULL);
    member("run", 1, 3, 0, NULL);
    member("run", 2, 3, 0, NULL);
    leave(3);
    ck_assert_int_eq(world_state(&world, "run"), GANG_COMMITTING);
    ck_assert_int_eq(world_state(&world, "first"), GANG_HELD);
}
END_TEST

/* Members of it that others had bound, and that have gone, are no loss of what was placed here. */
START_TEST(who_lost_strangers_is_not)
{
    world_wait(&world, 60001);
    place("run", 1);
    member("run", 1, 1, 0, "n2");
    member("run", 2, 1, 0, "n3");
    world_pod_gone(&world, "run-1");
    world_pod_gone(&world, "run-2");
    occupy();
    member("first", 0, 2, 1, NULL);
    member("first", 1, 2, 1, NULL);
    member("run", 1, 3, 0, NULL);
    member("run", 2, 3, 0, NULL);
    leave(3);
    ck_assert_int_eq(world_state(&world, "run"), GANG_COMMITTING);
    ck_assert_int_eq(world_state(&world, "first"), GANG_HELD);
}
END_TEST

/* ---- ordinary pods ---- */

static void ordinary(const char *uid, int32_t priority, int64_t gpus)
{
    struct world_pod pod = {.uid = uid, .gpus = gpus, .rank = -1, .priority = priority};
    world_pod(&world, &pod);
}

START_TEST(a_hold_does_not_keep_off_a_pod_of_higher_priority)
{
    world_gang(&world, "g", 4, 4);
    ordinary("equal", 0, 1);
    const struct filter_reply *reply = world_filter(&world, "equal", NULL, all);
    ck_assert(reply->verdict == FILTER_SOME && !reply->passes[0] && !reply->passes[3]);
    ordinary("high", 1, 1);
    reply = world_filter(&world, "high", NULL, all);
    ck_assert(reply->verdict == FILTER_SOME && reply->passes[0] && reply->passes[3]);
    uint64_t ticket = world_bind(&world, "high", "n0");
    ck_assert_ptr_null(world_reply(&world, ticket)); /* its binding is on its way */
    ck_assert_ptr_nonnull(world_find(&world, EFFECT_POST_BINDING));
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    ck_assert_uint_eq(world_figures(&world).holds, 0);
}
END_TEST

START_TEST(it_takes_what_is_free_first)
{
    world_gang(&world, "g", 3, 3);
    ordinary("high", 1, 1);
    const struct filter_reply *reply = world_filter(&world, "high", NULL, all);
    ck_assert_int_eq(reply->verdict, FILTER_SOME);
    for (int i = 0; i < 4; i++) {
        bool held = world_number(world_planned(&world, "g", 0)) == i ||
                    world_number(world_planned(&world, "g", 1)) == i ||
                    world_number(world_planned(&world, "g", 2)) == i;
        ck_assert(reply->passes[i] == !held);
    }
}
END_TEST

START_TEST(votes_are_given_back_to_a_pod_of_higher_priority)
{
    world_gang(&world, "g", 4, 4);
    char node[64];
    snprintf(node, sizeof node, "%s", world_planned(&world, "g", 0));
    uint64_t vote = world_bind(&world, "g-0", node);
    ordinary("high", 1, 1);
    ck_assert(world_filter(&world, "high", NULL, all)->passes[world_number(node)]);
    (void)world_bind(&world, "high", node);
    ck_assert_str_eq(world_reply(&world, vote)->error, "a pod of higher priority takes its room");
    ck_assert_ptr_nonnull(world_find(&world, EFFECT_POST_BINDING));
}
END_TEST

START_TEST(what_began_here_does_not_give_way)
{
    place("run", 4);
    world_pod_gone(&world, "run-1");
    member("run", 1, 4, 0, NULL);
    ck_assert_uint_eq(world_figures(&world).holds, 1);
    ordinary("high", 1, 1);
    const struct filter_reply *reply = world_filter(&world, "high", NULL, all);
    ck_assert(reply->verdict == FILTER_SOME &&
              !reply->passes[world_number(world_planned(&world, "run", 1))]);
}
END_TEST

START_TEST(victims_where_a_lower_gang_holds)
{
    uint32_t rows[] = {engine_node_row(world.engine, "n0", 2)};
    world_gang(&world, "g", 4, 4);
    for (int32_t priority = 0; priority < 2; priority++) {
        ordinary("p", priority, 1);
        struct event event = {.type = EVENT_PREEMPT,
                              .preempt = {.pod.uid = "p", .rows = rows, .row_count = 1}};
        world_apply(&world, &event);
        ck_assert(world_find(&world, EFFECT_PREEMPT_REPLY)->preempt.keeps[0] == (priority == 1));
    }
}
END_TEST

/* ---- domains of one's own ---- */

static const struct placement_object own_rack = {.exclusive_level = "rack"};

static void alone(const char *gang, int index, int32_t minimum, const char *node)
{
    struct world_pod pod = {.uid = world_member(gang, index),
                            .gang = gang,
                            .minimum = minimum,
                            .gpus = 1,
                            .rank = index,
                            .node = node,
                            .elsewhere = true,
                            .placement = &own_rack};
    world_pod(&world, &pod);
}

START_TEST(a_member_that_was_made_on_a_node_keeps_no_domain)
{
    alone("forged", 0, 1, "n0");
    alone("forged", 1, 1, "n2");
    struct world_pod pod = {.uid = "g-0", .gang = "g", .minimum = 1, .gpus = 1};
    world_pod(&world, &pod);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
}
END_TEST

START_TEST(nor_does_it_keep_others_from_having_one)
{
    struct world_pod pod = {
        .uid = "s-0", .gang = "s", .minimum = 1, .node = "n0", .elsewhere = true};
    world_pod(&world, &pod);
    pod.uid = "s-1";
    pod.node = "n2";
    world_pod(&world, &pod);
    alone("g", 0, 1, NULL);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
}
END_TEST

/* One that is bound elsewhere does not stop the others, who were placed here, from going on. */
START_TEST(a_stranger_does_not_stop_what_began_here)
{
    static const struct placement_object in_a_rack = {.required_level = "rack"};
    struct world_pod pod = {
        .gang = "g", .minimum = 2, .gpus = 1, .placement = &in_a_rack, .node = "n0"};
    pod.uid = "g-0";
    world_pod(&world, &pod);
    alone("other", 0, 2, "n1");
    pod.uid = "g-1";
    pod.node = NULL;
    world_pod(&world, &pod);
    ck_assert_uint_eq(world_figures(&world).holds, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_tenants");
    TCase *tcase = tcase_create("engine");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_gang_of_another_scheduler_is_not_planned);
    tcase_add_test(tcase, what_another_scheduler_bound_counts);
    tcase_add_test(tcase, an_ordinary_pod_of_another_scheduler_passes);
    tcase_add_test(tcase, one_pod_of_high_priority_makes_no_gang_first);
    tcase_add_test(tcase, what_runs_has_no_part_in_the_priority);
    tcase_add_test(tcase, a_member_that_was_made_on_a_node_makes_no_gang_first);
    tcase_add_test(tcase, a_forged_annotation_counts_for_nothing);
    tcase_add_test(tcase, who_lost_a_member_is_first);
    tcase_add_test(tcase, an_annotation_before_the_binding_counts_for_nothing);
    tcase_add_test(tcase, who_lost_strangers_is_not);
    tcase_add_test(tcase, who_raised_its_quorum_is_not);
    tcase_add_test(tcase, a_hold_does_not_keep_off_a_pod_of_higher_priority);
    tcase_add_test(tcase, it_takes_what_is_free_first);
    tcase_add_test(tcase, votes_are_given_back_to_a_pod_of_higher_priority);
    tcase_add_test(tcase, what_began_here_does_not_give_way);
    tcase_add_test(tcase, victims_where_a_lower_gang_holds);
    tcase_add_test(tcase, a_member_that_was_made_on_a_node_keeps_no_domain);
    tcase_add_test(tcase, nor_does_it_keep_others_from_having_one);
    tcase_add_test(tcase, a_stranger_does_not_stop_what_began_here);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
