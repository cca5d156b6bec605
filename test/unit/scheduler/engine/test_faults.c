// SPDX-License-Identifier: Apache-2.0
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

/* What goes wrong: deadlines, deletions, changes midway, lost writes, restarts, drains. After each,
 * no hold is left over, everybody has an answer and the gang has a way on. */

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

static const char *member(int index)
{
    static char uid[4][16];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(uid[turn], sizeof(uid[turn]), "g-%d", index);
    return uid[turn];
}

static void vote(int first, int count)
{
    for (int i = first; i < first + count; i++) {
        char node[64];
        world_bind(&world, member(i), world_node_of(&world, "g", member(i), node));
    }
}

static uint32_t holds(void)
{
    struct engine_figures figures;
    engine_figures(world.engine, &figures);
    return figures.holds;
}

static unsigned refused(void)
{
    unsigned count = 0;
    for (size_t i = 0; i < world.effects.count; i++) {
        count += world.effects.items[i].type == EFFECT_BIND_REPLY &&
                 world.effects.items[i].bind.error != NULL;
    }
    return count;
}

START_TEST(the_deadline_answers_all_and_backs_off)
{
    world_gang(&world, "g", 4, 4);
    int64_t delay = 1000;
    for (int round = 0; round < 9; round++) {
        vote(0, 3);
        world_tick(&world, 29999);
        ck_assert_uint_eq(refused(), 0);
        world_tick(&world, 1);
        ck_assert_uint_eq(refused(), 3);
        ck_assert_uint_eq(holds(), 0);
        ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
        world_tick(&world, delay - 1);
        ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
        world_tick(&world, 1);
        ck_assert_msg(world_state(&world, "g") == GANG_HELD, "round %d", round);
        delay = delay * 2 < 60000 ? delay * 2 : 60000;
    }
}
END_TEST

/* A process that stood still reads the last vote before it looks at the clock. By then the other
 * callers may have given up, and kube-scheduler may have given their nodes away. */
START_TEST(the_last_vote_after_the_deadline_commits_nothing)
{
    world_gang(&world, "g", 4, 4);
    vote(0, 3);
    world.now += 30000;
    vote(3, 1);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 0);
    ck_assert_int_eq(engine_deadline(world.engine) <= world.now, true);
    world_tick(&world, 0);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 0);
    ck_assert_uint_eq(refused(), 4);
    ck_assert_uint_eq(holds(), 0);
    world_tick(&world, 1000);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
}
END_TEST

/* Longer than configured would outlive kube-scheduler's bind calls. */
START_TEST(a_group_may_shorten_the_hold_only)
{
    static const struct {
        int64_t asked, given;
    } cases[] = {{5000, 5000}, {600000, 30000}, {0, 30000}};
    struct event event = {.type = EVENT_GROUP};
    event.group.name_space = "ns";
    event.group.name = "g";
    event.group.uid = "u";
    event.group.minimum = 2;
    event.group.hold_timeout_ms = cases[_i].asked;
    world_apply(&world, &event);
    world_gang(&world, "g", 2, 0);
    ck_assert_uint_gt(holds(), 0);
    world_tick(&world, cases[_i].given - 1);
    ck_assert_uint_gt(holds(), 0);
    world_tick(&world, 1);
    ck_assert_uint_eq(holds(), 0);
}
END_TEST

START_TEST(a_member_deleted_while_held)
{
    world_gang(&world, "g", 4, 4);
    vote(0, 2);
    world_pod_gone(&world, "g-0");
    ck_assert_uint_eq(refused(), 2); /* its own call and the other voter's */
    ck_assert_uint_eq(holds(), 0);
    ck_assert_int_eq(world_state(&world, "g"), GANG_GATHERING);
}
END_TEST

START_TEST(the_group_changes_midway)
{
    world_group(&world, "g", 4);
    world_gang(&world, "g", 4, 0);
    vote(0, 2);
    world_group(&world, "g", 4); /* the same again: nothing happens */
    ck_assert_uint_eq(world.effects.count, 0);
    world_group(&world, "g", 5);
    ck_assert_uint_eq(refused(), 2);
    ck_assert_uint_eq(holds(), 0);
    world_group(&world, "g", 3);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    vote(0, 2);
    struct event gone = {.type = EVENT_GROUP_GONE};
    gone.group_gone.name_space = "ns";
    gone.group_gone.name = "g";
    world_apply(&world, &gone);
    ck_assert_uint_eq(refused(), 2);
    ck_assert_uint_eq(holds(), 0);
    ck_assert_int_eq(world_state(&world, "g"), GANG_GATHERING);
    world_apply(&world, &gone); /* again, and one that never was */
    ck_assert_uint_eq(world.effects.count, 0);
    gone.group_gone.name = "nobody";
    world_apply(&world, &gone);
    ck_assert_uint_eq(world.effects.count, 0);
}
END_TEST

/* A hold was planned for the constraints of its time; any change of them ends it, and no other
 * event. */
START_TEST(the_constraints_of_the_group_change_midway)
{
    static const struct slice_object slices[] = {{"rack", 2}, {"rack", 1}, {"host", 1}};
    static const struct placement_object constraints[] = {
        {.required_level = "rack"},
        {.required_level = "host"},
        {.preferred_level = "rack"},
        {.exclusive_level = "rack"},
        {.slices = slices, .slice_count = 1},
        {.slices = slices + 1, .slice_count = 1},
        {.slices = slices + 2, .slice_count = 1},
        {.slices = slices + 1, .slice_count = 2},
        {.required_level = NULL},
    };
    struct event event = {.type = EVENT_GROUP};
    event.group.name_space = "ns";
    event.group.name = "g";
    event.group.uid = "g";
    event.group.minimum = 2;
    for (size_t i = 0; i < sizeof constraints / sizeof constraints[0]; i++) {
        event.group.placement = (struct placement_object){.required_level = NULL};
        world_apply(&world, &event);
        world_gang(&world, "g", 2, 0);
        ck_assert_uint_eq(holds(), 2);
        vote(0, 1);
        world_apply(&world, &event);
        ck_assert_uint_eq(world.effects.count, 0);
        event.group.placement = constraints[i];
        world_apply(&world, &event);
        bool changed = i + 1 < sizeof constraints / sizeof constraints[0];
        ck_assert_msg(refused() == (changed ? 1 : 0), "constraint %zu", i);
        world_pod_gone(&world, "g-0");
        world_pod_gone(&world, "g-1");
        world_tick(&world, 120000);
    }
}
END_TEST

START_TEST(the_planned_node_goes_or_shrinks)
{
    world_gang(&world, "g", 3, 3);
    vote(0, 1);
    char node[64];
    world_node_of(&world, "g", "g-1", node);
    world_node_gone(&world, node);
    ck_assert_uint_eq(refused(), 1);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD); /* planned again at once */
    char now[64];
    world_node_of(&world, "g", "g-1", now);
    ck_assert_str_ne(now, node);
    world_node(&world, now, "b0", "r0", 4);
    char after[64];
    world_node_of(&world, "g", "g-1", after);
    ck_assert_str_ne(after, now);
}
END_TEST

/* Another scheduler overbooks the GPUs of a node: a hold that takes none of them stays as it is. */
START_TEST(a_hold_that_takes_nothing_overbooked_stays)
{
    char node[64];
    struct world_pod member = {.uid = "m", .gang = "g", .minimum = 1, .gpus = 0, .rank = -1};
    world_pod(&world, &member);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    world_node_of(&world, "g", "m", node);
    struct world_pod intruder = {.uid = "o", .gpus = 9, .node = node, .rank = -1};
    world_pod(&world, &intruder);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    ck_assert_uint_eq(world_count(&world, EFFECT_NOMINATE), 0);
    ck_assert_uint_eq(world_count(&world, EFFECT_TRANSITION), 0);
}
END_TEST

START_TEST(a_member_is_bound_elsewhere_behind_our_back)
{
    world_gang(&world, "g", 3, 3);
    char mine[64];
    world_node_of(&world, "g", "g-0", mine);
    vote(0, 1);
    struct world_pod pod = {.uid = "g-0",
                            .gang = "g",
                            .minimum = 3,
                            .gpus = 8,
                            .node = strcmp(mine, "n7") == 0 ? "n6" : "n7"};
    world_pod(&world, &pod);
    ck_assert_uint_eq(refused(), 1);
    vote(1, 1); /* that one counts, but the two that are missing are bound together */
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 0);
    vote(2, 1);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 2);
}
END_TEST

/* The others have votes, and stand in another rack: they follow the one that runs. */
START_TEST(a_member_is_bound_in_another_domain_behind_our_back)
{
    char name[64];
    for (int i = 0; i < 2; i++) {
        struct world_pod pod = {
            .uid = member(i), .gang = "g", .minimum = 2, .gpus = 8, .rank = i, .required = "rack"};
        world_pod(&world, &pod);
    }
    int other = world_number(world_node_of(&world, "g", "g-0", name)) < 4 ? 4 : 0;
    vote(1, 1);
    snprintf(name, sizeof(name), "n%d", other);
    struct world_pod bound = {
        .uid = "g-0", .gang = "g", .minimum = 2, .gpus = 8, .node = name, .required = "rack"};
    world_pod(&world, &bound);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 0);
    ck_assert_uint_eq(refused(), 1); /* its caller tries again, elsewhere */
    int now = world_number(world_node_of(&world, "g", "g-1", name));
    ck_assert_int_eq(now / 4, other / 4);
    vote(1, 1);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 1);
}
END_TEST

START_TEST(outcomes_of_a_binding)
{
    world_gang(&world, "g", 3, 3);
    vote(0, 3);
    char node[64];
    world_bound(&world, "g-0", world_node_of(&world, "g", "g-0", node), WRITE_DONE);
    world_bound(&world, "g-1", world_node_of(&world, "g", "g-1", node), WRITE_REFUSED);
    ck_assert_uint_eq(refused(), 1);
    ck_assert_int_eq(world_state(&world, "g"), GANG_COMMITTING);
    world_tick(&world, 2000);
    char again[64];
    world_node_of(&world, "g", "g-1", again); /* rolled forward, alone */
    ck_assert_str_ne(again, "");
    world_bind(&world, "g-1", again);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 1);
    world_bound(&world, "g-1", again, WRITE_DONE);
    world_node_of(&world, "g", "g-2", node);
    world_bound(&world, "g-2", node, WRITE_UNKNOWN);
    ck_assert_uint_eq(refused(), 1);
    /* kube-scheduler asks again: the same node, and the binding is posted once more */
    const char *const list[] = {node, NULL};
    ck_assert_int_eq(world_filter(&world, "g-2", NULL, list)->verdict, FILTER_ONE);
    world_bind(&world, "g-2", node);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 1);
    world_bound(&world, "g-2", node, WRITE_DONE);
    ck_assert_int_eq(world_state(&world, "g"), GANG_PLACED);
}
END_TEST

START_TEST(a_failed_member_of_a_running_gang_joins_alone)
{
    world_gang(&world, "g", 3, 3);
    vote(0, 3);
    for (int i = 0; i < 3; i++) {
        char node[64];
        world_node_of(&world, "g", member(i), node);
        world_bound(&world, member(i), node, WRITE_DONE);
        struct world_pod pod = {
            .uid = member(i), .gang = "g", .minimum = 3, .gpus = 8, .node = node, .rank = i};
        world_pod(&world, &pod);
    }
    char lost[64];
    world_node_of(&world, "g", "g-2", lost);
    world_pod_gone(&world, "g-2");
    struct world_pod again = {.uid = "g-9", .gang = "g", .minimum = 3, .gpus = 8, .rank = 2};
    world_pod(&world, &again);
    char node[64];
    world_node_of(&world, "g", "g-9", node);
    ck_assert_int_eq(world_number(node) / 4, world_number(lost) / 4);
    world_bind(&world, "g-9", node);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 1);
}
END_TEST

START_TEST(a_restart_rolls_a_half_bound_gang_forward)
{
    struct world fresh;
    world_init(&fresh);
    world_racks(&fresh, 2, 4);
    for (int i = 0; i < 4; i++) {
        struct world_pod pod = {.uid = member(i),
                                .gang = "g",
                                .minimum = 4,
                                .gpus = 8,
                                .node = i < 2 ? (i == 0 ? "n4" : "n5") : NULL,
                                .rank = i};
        world_pod(&fresh, &pod);
    }
    world_event(&fresh, EVENT_SYNCED);
    ck_assert_int_eq(world_state(&fresh, "g"), GANG_COMMITTING);
    char node[64];
    world_node_of(&fresh, "g", "g-2", node);
    ck_assert_int_eq(world_number(node) / 4, 1); /* beside the others */
    world_bind(&fresh, "g-2", node);
    ck_assert_uint_eq(world_count(&fresh, EFFECT_POST_BINDING), 0);
    world_node_of(&fresh, "g", "g-3", node);
    ck_assert_int_eq(world_number(node) / 4, 1);
    world_bind(&fresh, "g-3", node);
    ck_assert_uint_eq(world_count(&fresh, EFFECT_POST_BINDING), 2);
    world_finish(&fresh);
}
END_TEST

START_TEST(nominations_of_an_earlier_life_are_taken_back)
{
    struct world fresh;
    world_init(&fresh);
    world_racks(&fresh, 1, 2);
    for (int i = 0; i < 3; i++) { /* does not fit */
        struct world_pod pod = {
            .uid = member(i), .gang = "g", .minimum = 3, .gpus = 8, .nominated = "n0", .rank = i};
        world_pod(&fresh, &pod);
    }
    world_event(&fresh, EVENT_SYNCED);
    ck_assert_uint_eq(world_count(&fresh, EFFECT_NOMINATE), 3);
    ck_assert_ptr_null(world_find(&fresh, EFFECT_NOMINATE)->write.node);
    world_finish(&fresh);
}
END_TEST

START_TEST(a_lost_nomination_is_asked_for_again)
{
    world_gang(&world, "g", 2, 2);
    ck_assert_uint_eq(world_count(&world, EFFECT_NOMINATE), 2);
    world_tick(&world, 1999);
    ck_assert_uint_eq(world_count(&world, EFFECT_NOMINATE), 0);
    world_tick(&world, 1);
    ck_assert_uint_eq(world_count(&world, EFFECT_NOMINATE), 2);
    char node[64];
    struct world_pod seen = {.uid = "g-0",
                             .gang = "g",
                             .minimum = 2,
                             .gpus = 8,
                             .nominated = world_node_of(&world, "g", "g-0", node)};
    world_pod(&world, &seen);
    world_tick(&world, 2000);
    ck_assert_uint_eq(world_count(&world, EFFECT_NOMINATE), 1); /* the watch shows the other */
}
END_TEST

START_TEST(nominations_go_with_their_plan)
{
    world_gang(&world, "g", 2, 2);
    struct world_pod gated = {.uid = "g-1", .gang = "g", .minimum = 2, .gpus = 8, .gated = true};
    world_pod(&world, &gated);
    ck_assert_int_eq(world_state(&world, "g"), GANG_GATHERING);
    unsigned cleared = 0;
    for (size_t i = 0; i < world.effects.count; i++) {
        cleared += world.effects.items[i].type == EFFECT_NOMINATE &&
                   world.effects.items[i].write.node == NULL;
    }
    ck_assert_uint_ge(cleared, 1);
}
END_TEST

START_TEST(a_refused_member_is_woken_when_the_kind_of_reason_changes)
{
    static const char *const nodes[] = {"n0", NULL};
    world_gang(&world, "g", 8, 9);
    world_filter(&world, "g-0", NULL, nodes);
    struct world_pod last = {.uid = "g-8", .gang = "g", .minimum = 9, .gpus = 8, .rank = 8};
    world_pod(&world, &last);
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    ck_assert_uint_eq(world_count(&world, EFFECT_EXPLAIN), 1); /* only who was told otherwise */
    const struct effect *effect = world_find(&world, EFFECT_EXPLAIN);
    ck_assert_str_eq(effect->write.name, "g-0");
    ck_assert_ptr_nonnull(strstr(effect->write.text, "short by 1 of 9 pods"));
    world_tick(&world, 60000);
    ck_assert_uint_eq(world_count(&world, EFFECT_EXPLAIN), 0);
}
END_TEST

START_TEST(a_caller_that_gives_up_takes_its_vote_back)
{
    world_gang(&world, "g", 2, 2);
    char node[64];
    uint64_t ticket = world_bind(&world, "g-0", world_node_of(&world, "g", "g-0", node));
    struct event event = {.type = EVENT_BIND_GIVE_UP, .ticket = ticket};
    world_apply(&world, &event);
    ck_assert_uint_eq(world.effects.count, 1); /* nobody is there to be answered */
    ck_assert_str_eq(world_find(&world, EFFECT_PHASE)->phase.to, "Held");
    vote(1, 1);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 0);
    world_apply(&world, &event); /* a second time there is nothing left to give up */
    vote(0, 1);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 2);
}
END_TEST

/* The call that replaced another one is the one that counts. */
START_TEST(giving_up_a_call_that_was_replaced_changes_nothing)
{
    world_gang(&world, "g", 2, 2);
    char node[64];
    world_node_of(&world, "g", "g-0", node);
    struct event event = {.type = EVENT_BIND_GIVE_UP, .ticket = world_bind(&world, "g-0", node)};
    uint64_t second = world_bind(&world, "g-0", node);
    ck_assert_ptr_nonnull(world_reply(&world, event.ticket)->error);
    world_apply(&world, &event);
    vote(1, 1);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 2);
    event.ticket = second; /* its binding is under way, which nothing takes back */
    world_apply(&world, &event);
    world_outcome(&world, "g", 0, 1, WRITE_DONE);
    ck_assert_ptr_null(world_reply(&world, second));
    world_outcome(&world, "g", 1, 1, WRITE_DONE);
    ck_assert_int_eq(world_state(&world, "g"), GANG_PLACED);
}
END_TEST

START_TEST(draining_answers_everybody_and_starts_nothing)
{
    world_gang(&world, "g", 2, 2);
    vote(0, 1);
    world_event(&world, EVENT_DRAIN);
    ck_assert_uint_eq(refused(), 1);
    ck_assert_uint_eq(holds(), 0);
    ck_assert_uint_eq(world_count(&world, EFFECT_NOMINATE), 0);
    vote(0, 1);
    ck_assert_uint_eq(refused(), 1);
    world_tick(&world, 100000);
    ck_assert_uint_eq(holds(), 0);
}
END_TEST

/* Every effect in words, for comparing two runs. */
static void dump(const struct world *run, char *text, size_t size)
{
    size_t length = 0;
    for (size_t i = 0; i < run->effects.count && length + 300 < size; i++) {
        const struct effect *effect = &run->effects.items[i];
        length += (size_t)snprintf(text + length, size - length, "%d", effect->type);
        if (effect->type == EFFECT_NOMINATE || effect->type == EFFECT_POST_BINDING) {
            length += (size_t)snprintf(text + length, size - length, " %s %s", effect->write.name,
                                       effect->write.node == NULL ? "-" : effect->write.node);
        }
        length += (size_t)snprintf(text + length, size - length, ";");
    }
}

START_TEST(the_hash_seed_decides_nothing)
{
    static char texts[2][1 << 16];
    for (int run = 0; run < 2; run++) {
        struct world one;
        struct engine_options options;
        engine_options_default(&options);
        options.hash_seed = run == 0 ? 1 : 0x9e3779b97f4a7c15u;
        memset(&one, 0, sizeof(one));
        one.engine = engine_create(&options);
        effects_init(&one.effects);
        world_racks(&one, 8, 4);
        world_gang(&one, "a", 9, 9);
        world_gang(&one, "b", 11, 11);
        world_gang(&one, "c", 13, 13);
        world_event(&one, EVENT_SYNCED);
        dump(&one, texts[run], sizeof(texts[run]));
        world_finish(&one);
    }
    ck_assert_uint_gt(strlen(texts[0]), 100);
    ck_assert_str_eq(texts[0], texts[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_faults");
    TCase *tcase = tcase_create("faults");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_deadline_answers_all_and_backs_off);
    tcase_add_test(tcase, the_last_vote_after_the_deadline_commits_nothing);
    tcase_add_loop_test(tcase, a_group_may_shorten_the_hold_only, 0, 3);
    tcase_add_test(tcase, a_member_deleted_while_held);
    tcase_add_test(tcase, the_group_changes_midway);
    tcase_add_test(tcase, the_constraints_of_the_group_change_midway);
    tcase_add_test(tcase, the_planned_node_goes_or_shrinks);
    tcase_add_test(tcase, a_hold_that_takes_nothing_overbooked_stays);
    tcase_add_test(tcase, a_member_is_bound_elsewhere_behind_our_back);
    tcase_add_test(tcase, a_member_is_bound_in_another_domain_behind_our_back);
    tcase_add_test(tcase, outcomes_of_a_binding);
    tcase_add_test(tcase, a_failed_member_of_a_running_gang_joins_alone);
    tcase_add_test(tcase, a_restart_rolls_a_half_bound_gang_forward);
    tcase_add_test(tcase, nominations_of_an_earlier_life_are_taken_back);
    tcase_add_test(tcase, a_lost_nomination_is_asked_for_again);
    tcase_add_test(tcase, nominations_go_with_their_plan);
    tcase_add_test(tcase, a_refused_member_is_woken_when_the_kind_of_reason_changes);
    tcase_add_test(tcase, a_caller_that_gives_up_takes_its_vote_back);
    tcase_add_test(tcase, giving_up_a_call_that_was_replaced_changes_nothing);
    tcase_add_test(tcase, draining_answers_everybody_and_starts_nothing);
    tcase_add_test(tcase, the_hash_seed_decides_nothing);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
