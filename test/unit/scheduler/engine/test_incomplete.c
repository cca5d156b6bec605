// SPDX-License-Identifier: Apache-2.0
/* Gangs that lost a member for good after their commit had begun: kept or evicted, after the time
 * they are given to be repaired, and not before. */
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

#define MINUTE 60000

static struct world world;

static void begin(enum engine_incomplete incomplete)
{
    struct engine_options options;
    engine_options_default(&options);
    options.incomplete = incomplete;
    world_init_with(&world, &options);
    world_racks(&world, 1, 3); /* n0, n1, n2 in one rack */
    world_event(&world, EVENT_SYNCED);
}

static void setup(void)
{
    begin(ENGINE_INCOMPLETE_KEEP);
}

static void setup_evict(void)
{
    begin(ENGINE_INCOMPLETE_EVICT);
}

static void teardown(void)
{
    world_finish(&world);
}

/* What the watch shows of a member: bound to `node`, or not. */
static void show(int index, const char *node, bool deleting)
{
    struct world_pod pod = {.uid = world_member("g", index),
                            .gang = "g",
                            .minimum = 3,
                            .gpus = 8,
                            .node = node,
                            .deleting = deleting,
                            .rank = index};
    world_pod(&world, &pod);
}

/* Three members commit; the node of the last is gone before its binding arrives. */
static void break_gang(void)
{
    world_gang(&world, "g", 3, 3);
    world_vote(&world, "g", 0, 3);
    world_outcome(&world, "g", 0, 2, WRITE_DONE);
    char lost[64];
    for (int i = 0; i < 2; i++) {
        char node[64];
        world_node_of(&world, "g", world_member("g", i), node);
        show(i, node, false);
    }
    world_node_of(&world, "g", "g-2", lost);
    world_node_gone(&world, lost);
    world_bound(&world, "g-2", lost, WRITE_REFUSED);
    ck_assert_int_eq(world_state(&world, "g"), GANG_COMMITTING);
}

static const char *told(void)
{
    for (size_t i = 0; i < world.effects.count; i++) {
        const struct effect *effect = &world.effects.items[i];
        if (effect->type == EFFECT_EVENT && strcmp(effect->event.reason, "GangIncomplete") == 0) {
            ck_assert(effect->event.warning);
            return effect->event.message;
        }
    }
    return "";
}

static bool is_incomplete(void)
{
    struct arena arena;
    arena_init(&arena);
    bool incomplete = world_view(&world, "g", &arena).incomplete;
    arena_finish(&arena);
    ck_assert_uint_eq(world_figures(&world).incomplete, incomplete);
    return incomplete;
}

/* Ticks at every deadline until `milliseconds` have passed; how many pods were to be evicted and
 * how often GangIncomplete was sent. */
static void pass(int64_t milliseconds, unsigned *evictions, unsigned *events)
{
    int64_t end = world.now + milliseconds;
    *evictions = 0;
    *events = 0;
    while (engine_deadline(world.engine) <= end) {
        int64_t due = engine_deadline(world.engine);
        world_tick(&world, due > world.now ? due - world.now : 0);
        *evictions += world_count(&world, EFFECT_EVICT);
        *events += told()[0] != '\0';
        ck_assert_int_gt(engine_deadline(world.engine), world.now); /* no standing still */
    }
    world.now = end;
}

START_TEST(an_incomplete_gang_is_kept_and_said_once)
{
    break_gang();
    world_tick(&world, 5 * MINUTE - 1);
    ck_assert_str_eq(told(), "");
    ck_assert(!is_incomplete());
    world_tick(&world, 1);
    ck_assert_str_eq(
        told(),
        "gang ns/g is incomplete: 2 pods bound, 1 without room beside the bound pods, which "
        "are kept");
    ck_assert(is_incomplete());
    unsigned evictions, events;
    pass(60 * MINUTE, &evictions, &events);
    ck_assert_uint_eq(evictions, 0);
    ck_assert_uint_eq(events, 0);
    ck_assert_int_eq(world_state(&world, "g"), GANG_COMMITTING);
}
END_TEST

START_TEST(an_incomplete_gang_is_made_whole_when_there_is_room)
{
    break_gang();
    world_tick(&world, 5 * MINUTE);
    ck_assert(is_incomplete());
    world_node(&world, "n9", "b0", "r0", 8);
    ck_assert_str_eq(world_planned(&world, "g", 2), "n9");
    world_vote(&world, "g", 2, 1);
    world_bound(&world, "g-2", "n9", WRITE_DONE);
    ck_assert_int_eq(world_state(&world, "g"), GANG_PLACED);
    ck_assert(!is_incomplete());
}
END_TEST

/* Each loss has its own time. */
START_TEST(a_gang_that_is_incomplete_again_is_said_again)
{
    break_gang();
    world_tick(&world, 5 * MINUTE);
    world_node(&world, "n9", "b0", "r0", 8);
    world_vote(&world, "g", 2, 1);
    world_bound(&world, "g-2", "n9", WRITE_DONE);
    world.now += 60 * MINUTE;
    world_pod_gone(&world, "g-2");
    world_node_gone(&world, "n9");
    show(2, NULL, false);
    world_tick(&world, 5 * MINUTE - 1);
    ck_assert(!is_incomplete());
    world_tick(&world, 1);
    ck_assert(is_incomplete());
}
END_TEST

/* Two members on nodes, the third without room, as a new process finds them. */
static void find_broken_gang(void)
{
    teardown();
    world_init(&world);
    world_racks(&world, 1, 2);
    show(0, "n0", false);
    show(1, "n1", false);
    show(2, NULL, false);
    world_event(&world, EVENT_SYNCED);
    ck_assert_int_eq(world_state(&world, "g"), GANG_COMMITTING);
}

/* It was said before the restart. */
START_TEST(what_was_incomplete_before_a_restart_is_not_said_again)
{
    unsigned evictions, events;
    find_broken_gang();
    pass(10 * MINUTE, &evictions, &events);
    ck_assert_uint_eq(events, 0);
    ck_assert(is_incomplete());
    world_event(&world, EVENT_FOLLOW);
    world_event(&world, EVENT_LEAD);
    pass(10 * MINUTE, &evictions, &events);
    ck_assert_uint_eq(events, 0);
    ck_assert(is_incomplete());
}
END_TEST

START_TEST(another_loss_after_a_restart_is_said)
{
    unsigned evictions, events;
    find_broken_gang();
    pass(10 * MINUTE, &evictions, &events);
    world_pod_gone(&world, "g-1");
    world_node_gone(&world, "n1");
    show(1, NULL, false);
    pass(5 * MINUTE - 1, &evictions, &events);
    ck_assert_uint_eq(events, 0);
    pass(1, &evictions, &events);
    ck_assert_uint_eq(events, 1);
    ck_assert(is_incomplete());
}
END_TEST

/* A new loss is news, whatever was before the restart. */
START_TEST(a_loss_after_a_repair_is_said)
{
    unsigned evictions, events;
    find_broken_gang();
    world_node(&world, "n9", "b0", "r0", 8);
    world_vote(&world, "g", 2, 1);
    world_bound(&world, "g-2", "n9", WRITE_DONE);
    ck_assert_int_eq(world_state(&world, "g"), GANG_PLACED);
    world_pod_gone(&world, "g-2");
    world_node_gone(&world, "n9");
    show(2, NULL, false);
    pass(6 * MINUTE, &evictions, &events);
    ck_assert_uint_eq(events, 1);
}
END_TEST

/* Nobody but its controller can bring back a member that does not exist. */
START_TEST(a_gang_without_the_pod_is_not_incomplete)
{
    break_gang();
    world_pod_gone(&world, "g-2");
    unsigned evictions, events;
    pass(30 * MINUTE, &evictions, &events);
    ck_assert_uint_eq(events, 0);
    ck_assert(!is_incomplete());
    show(2, NULL, false);
    pass(6 * MINUTE, &evictions, &events); /* it is there now, and has no room */
    ck_assert_uint_eq(events, 1);
    ck_assert(is_incomplete());
}
END_TEST

START_TEST(bindings_under_way_are_not_missing)
{
    world_gang(&world, "g", 3, 3);
    world_vote(&world, "g", 0, 3);
    unsigned evictions, events;
    pass(30 * MINUTE, &evictions, &events);
    ck_assert_uint_eq(events, 0);
    world_outcome(&world, "g", 0, 3, WRITE_DONE);
    ck_assert_int_eq(world_state(&world, "g"), GANG_PLACED);
}
END_TEST

START_TEST(the_bound_members_are_evicted_and_nobody_else)
{
    break_gang();
    world_gang(&world, "h", 1, 1);
    world_tick(&world, 5 * MINUTE);
    ck_assert_str_eq(
        told(),
        "gang ns/g is incomplete: 2 pods bound, 1 without room beside the bound pods, which "
        "are evicted");
    ck_assert_uint_eq(world_count(&world, EFFECT_EVICT), 2);
    const struct effect *effect = world_find(&world, EFFECT_EVICT);
    ck_assert_str_eq(effect->write.uid, "g-0");
    ck_assert_str_eq(effect->write.gang, "g");
    ck_assert_int_eq(effect->write.rank, 0);
    show(0, world_planned(&world, "g", 0), true);
    show(1, world_planned(&world, "g", 1), true);
    ck_assert_int_eq(world_state(&world, "g"), GANG_GATHERING); /* whole or absent */
    world_pod_gone(&world, "g-0");
    world_pod_gone(&world, "g-1");
    show(0, NULL, false);
    show(1, NULL, false);
    world_node(&world, "n8", "b0", "r0", 8);
    world_node(&world, "n9", "b0", "r0", 8);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD); /* anew, all three */
    ck_assert_uint_eq(world_count(&world, EFFECT_NOMINATE), 3);
}
END_TEST

/* A disruption budget may stand in the way of the first attempt. */
START_TEST(an_eviction_without_effect_is_asked_for_again)
{
    break_gang();
    unsigned evictions, events;
    pass(21 * MINUTE, &evictions, &events);
    ck_assert_uint_eq(events, 4);
    ck_assert_uint_eq(evictions, 8);
    show(0, world_planned(&world, "g", 0), true);
    pass(5 * MINUTE, &evictions, &events); /* one of them is on its way out */
    ck_assert_uint_eq(evictions, 1);
}
END_TEST

START_TEST(nothing_is_evicted_by_a_daemon_that_stops)
{
    break_gang();
    world_event(&world, EVENT_DRAIN);
    unsigned evictions, events;
    pass(30 * MINUTE, &evictions, &events);
    ck_assert_uint_eq(evictions + events, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_incomplete");
    TCase *keep = tcase_create("keep");
    tcase_add_checked_fixture(keep, setup, teardown);
    tcase_add_test(keep, an_incomplete_gang_is_kept_and_said_once);
    tcase_add_test(keep, an_incomplete_gang_is_made_whole_when_there_is_room);
    tcase_add_test(keep, a_gang_that_is_incomplete_again_is_said_again);
    tcase_add_test(keep, what_was_incomplete_before_a_restart_is_not_said_again);
    tcase_add_test(keep, another_loss_after_a_restart_is_said);
    tcase_add_test(keep, a_loss_after_a_repair_is_said);
    tcase_add_test(keep, a_gang_without_the_pod_is_not_incomplete);
    tcase_add_test(keep, bindings_under_way_are_not_missing);
    suite_add_tcase(suite, keep);
    TCase *evict = tcase_create("evict");
    tcase_add_checked_fixture(evict, setup_evict, teardown);
    tcase_add_test(evict, the_bound_members_are_evicted_and_nobody_else);
    tcase_add_test(evict, an_eviction_without_effect_is_asked_for_again);
    tcase_add_test(evict, nothing_is_evicted_by_a_daemon_that_stops);
    suite_add_tcase(suite, evict);
    return check_main(suite);
}
