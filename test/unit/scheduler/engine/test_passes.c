// SPDX-License-Identifier: Apache-2.0
/* Planning in passes: once for a batch, in steps when there is much of it, for those it may help;
 * and reasons that are put into words when somebody needs them. */
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

static struct world world;

static void setup(void)
{
    world_init(&world);
}

static void teardown(void)
{
    world_finish(&world);
}

static void member(const char *gang, int index, int count, int64_t gpus, bool more)
{
    struct amount_object amounts[3];
    struct event event = {.type = EVENT_POD, .more = more};
    struct world_pod pod = {.uid = world_member(gang, index),
                            .gang = gang,
                            .minimum = count,
                            .gpus = gpus,
                            .rank = index};
    world_fill_pod(&pod, &event.pod, amounts);
    world_apply(&world, &event);
}

static void filler(const char *uid, const char *node, int64_t gpus)
{
    struct world_pod pod = {.uid = uid, .gpus = gpus, .node = node, .rank = -1};
    world_pod(&world, &pod);
}

START_TEST(a_batch_is_planned_once_at_its_end)
{
    world_racks(&world, 1, 4);
    world_event(&world, EVENT_SYNCED);
    member("g", 0, 2, 8, true);
    member("g", 1, 2, 8, true);
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    ck_assert_uint_eq(world_count(&world, EFFECT_NOMINATE), 0);
    ck_assert_int_le(engine_deadline(world.engine),
                     world.now); /* should nothing follow after all */
    member("h", 0, 1, 8, false);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    ck_assert_int_eq(world_state(&world, "h"), GANG_HELD);
    ck_assert_uint_eq(world_count(&world, EFFECT_NOMINATE), 3);
    ck_assert_int_gt(engine_deadline(world.engine), world.now);
}
END_TEST

START_TEST(a_batch_that_ends_too_early_is_planned_by_the_tick)
{
    world_racks(&world, 1, 4);
    world_event(&world, EVENT_SYNCED);
    member("g", 0, 1, 8, true);
    world_tick(&world, 0);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
}
END_TEST

/* The order of a batch does not matter to who is first: the gang of higher priority is, although
 * its pods came last. */
START_TEST(a_batch_is_planned_by_priority)
{
    struct amount_object amounts[3];
    world_racks(&world, 1, 1);
    world_event(&world, EVENT_SYNCED);
    member("low", 0, 1, 8, true);
    struct event event = {.type = EVENT_POD};
    struct world_pod pod = {.uid = "high-0", .gang = "high", .minimum = 1, .gpus = 8};
    world_fill_pod(&pod, &event.pod, amounts);
    event.pod.priority = 10;
    world_apply(&world, &event);
    ck_assert_int_eq(world_state(&world, "high"), GANG_HELD);
    ck_assert_int_eq(world_state(&world, "low"), GANG_WAITING);
}
END_TEST

/* Many gangs of 16 kinds of pods each become worth a try at once: the rest of the pass is left to
 * ticks, calls are answered in between, and everybody gets his turn. */
START_TEST(a_long_pass_is_resumed)
{
    enum { COUNT = 300 };
    char name[16];
    unsigned ticks = 0;
    world_racks(&world, 40, 10);
    for (int g = 0; g < COUNT; g++) {
        snprintf(name, sizeof name, "g%d", g);
        for (int i = 0; i < 12; i++) {
            member(name, i, 12, i % 6, true);
        }
    }
    world_event(&world, EVENT_SYNCED);
    while (engine_deadline(world.engine) <= world.now) {
        static const char *const nodes[] = {"n0", NULL};
        struct world_pod pod = {.uid = "ordinary", .gpus = 0, .rank = -1};
        world_pod(&world, &pod);
        ck_assert_int_ne(world_filter(&world, "ordinary", NULL, nodes)->verdict, FILTER_ERROR);
        world_tick(&world, 0);
        ck_assert_uint_lt(++ticks, 10000);
    }
    ck_assert_uint_ge(ticks, 1);
    unsigned held = 0;
    for (int g = 0; g < COUNT; g++) {
        snprintf(name, sizeof name, "g%d", g);
        held += world_state(&world, name) == GANG_HELD;
        ck_assert_str_ne(world_reason(&world, name), "");
    }
    ck_assert_uint_ge(held, 90); /* of 106 at most, were there no waste */
}
END_TEST

static const char *told(const char *gang)
{
    static char text[600];
    struct arena arena;
    arena_init(&arena);
    snprintf(text, sizeof text, "%s", world_view(&world, gang, &arena).reason);
    arena_finish(&arena);
    return text;
}

static void demanding_pod(struct world_pod pod, int64_t cpu, bool more)
{
    struct amount_object amounts[3];
    struct event event = {.type = EVENT_POD, .more = more};
    world_fill_pod(&pod, &event.pod, amounts);
    amounts[0].amount = cpu;
    world_apply(&world, &event);
}

/* 28 pods of four roles and 40 racks in which pieces are free that together would nearly do: a try
 * costs more steps than a pass has. The gang is told why it waits all the same, and then there is
 * quiet. */
START_TEST(a_try_longer_than_a_pass_has_its_reason)
{
    enum { RACKS = 40, PER_RACK = 18, PODS = 28 };
    static const int64_t gpus[] = {5, 4, 3, 2};
    static const int64_t cpu[] = {20000, 35000, 10000, 25000};
    char uid[32], node[32];
    uint32_t random = 6;
    unsigned ticks = 0;
    world_racks(&world, RACKS, PER_RACK);
    for (int i = 0; i < RACKS * PER_RACK; i++) {
        snprintf(uid, sizeof uid, "busy-%d", i);
        snprintf(node, sizeof node, "n%d", i);
        random = random * 1664525 + 1013904223;
        demanding_pod(
            (struct world_pod){.uid = uid, .node = node, .gpus = (random >> 16) % 6, .rank = -1},
            1000 * (32 + (random >> 8) % 40), true);
    }
    world_event(&world, EVENT_SYNCED);
    for (int i = 0; i < PODS; i++) {
        demanding_pod((struct world_pod){.uid = world_member("g", i),
                                         .gang = "g",
                                         .minimum = PODS,
                                         .gpus = gpus[i % 4],
                                         .rank = i,
                                         .required = "topology.kubernetes.io/rack"},
                      cpu[i % 4], i + 1 < PODS);
    }
    while (engine_deadline(world.engine) <= world.now) {
        world_tick(&world, 0);
        ck_assert_uint_lt(++ticks, 10);
    }
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    ck_assert_str_ne(world_reason(&world, "g"), "");
    ck_assert_ptr_nonnull(strstr(world_reason(&world, "g"), "short"));
}
END_TEST

static unsigned placed(const char *gang)
{
    struct arena arena;
    unsigned count = 0;
    arena_init(&arena);
    struct gang_view view = world_view(&world, gang, &arena);
    for (uint32_t i = 0; i < view.member_count; i++) {
        count += view.members[i].node != NULL;
    }
    arena_finish(&arena);
    return count;
}

/* Joiners that are tried one by one, and none of them fits: more tries than a pass has steps for.
 * The next pass goes on where this one ended, so there is an end to it. */
START_TEST(tries_one_by_one_are_resumed)
{
    enum { NODES = 400, JOINERS = 12000 };
    char uid[32], node[32];
    unsigned ticks = 0;
    world_racks(&world, 40, NODES / 40);
    for (int i = 1; i < NODES; i++) {
        snprintf(uid, sizeof uid, "busy-%d", i);
        snprintf(node, sizeof node, "n%d", i);
        filler(uid, node, 8);
    }
    struct world_pod first = {
        .uid = "g-first", .gang = "g", .minimum = 1, .gpus = 8, .node = "n0", .rank = 0};
    world_pod(&world, &first);
    for (int i = 0; i < JOINERS; i++) {
        snprintf(uid, sizeof uid, "g-%d", i);
        struct world_pod pod = {
            .uid = uid, .gang = "g", .minimum = 1, .gpus = 7 + i % 2, .rank = 1 + i};
        world_pod(&world, &pod);
    }
    world_event(&world, EVENT_SYNCED);
    while (engine_deadline(world.engine) <= world.now) {
        world_tick(&world, 0);
        ck_assert_uint_lt(++ticks, 20);
    }
    ck_assert_uint_ge(ticks, 1);
    ck_assert_ptr_nonnull(strstr(world_reason(&world, "g"), "short"));
    world_pod_gone(&world, "busy-7"); /* and everybody is tried again */
    for (; engine_deadline(world.engine) <= world.now; ticks++) {
        world_tick(&world, 0);
        ck_assert_uint_lt(ticks, 60);
    }
    ck_assert_uint_eq(placed("g"), 2);
}
END_TEST

START_TEST(a_reason_is_put_into_other_words_when_somebody_asks)
{
    world_racks(&world, 1, 4);
    filler("f0", "n0", 8);
    filler("f1", "n1", 8);
    world_event(&world, EVENT_SYNCED);
    member("g", 0, 4, 8, true);
    member("g", 1, 4, 8, true);
    member("g", 2, 4, 8, true);
    member("g", 3, 4, 8, false);
    ck_assert_ptr_nonnull(strstr(told("g"), "short by 2 of 4"));
    world_pod_gone(&world, "f0"); /* helps nobody */
    ck_assert_ptr_nonnull(strstr(told("g"), "short by 2 of 4"));
    ck_assert_uint_eq(world.effects.count, 0);
    ck_assert_ptr_nonnull(strstr(world_reason(&world, "g"), "short by 1 of 4"));
    ck_assert_ptr_nonnull(strstr(told("g"), "short by 1 of 4"));
}
END_TEST

START_TEST(a_reason_is_put_into_other_words_after_a_while)
{
    world_racks(&world, 1, 4);
    filler("f0", "n0", 8);
    filler("f1", "n1", 8);
    world_event(&world, EVENT_SYNCED);
    for (int i = 0; i < 4; i++) {
        member("g", i, 4, 8, false);
    }
    world.now += 4000;
    world_pod_gone(&world, "f0");
    world_wait(&world, 5999);
    ck_assert_ptr_nonnull(strstr(told("g"), "short by 2 of 4"));
    world_wait(&world, 1);
    ck_assert_ptr_nonnull(strstr(told("g"), "short by 1 of 4"));
    const struct effect *event = world_find(&world, EFFECT_EVENT);
    ck_assert_ptr_nonnull(event);
    ck_assert_str_eq(event->event.reason, "GangWaiting");
    world_wait(&world, 100000); /* and then no more */
    ck_assert_uint_eq(world.effects.count, 0);
}
END_TEST

/* Somebody asks for a gang that is not there, or does not wait. */
START_TEST(asking_changes_nothing_else)
{
    struct event event = {.type = EVENT_ASK, .asked = {"ns", "nobody"}};
    world_racks(&world, 1, 4);
    world_event(&world, EVENT_SYNCED);
    world_apply(&world, &event);
    ck_assert_uint_eq(world.effects.count, 0);
    member("g", 0, 1, 8, false);
    event.asked.name = "g";
    world_apply(&world, &event);
    ck_assert_uint_eq(world.effects.count, 0);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/engine/passes");
    TCase *tcase = tcase_create("passes");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_batch_is_planned_once_at_its_end);
    tcase_add_test(tcase, a_batch_that_ends_too_early_is_planned_by_the_tick);
    tcase_add_test(tcase, a_batch_is_planned_by_priority);
    tcase_add_test(tcase, a_long_pass_is_resumed);
    tcase_add_test(tcase, a_try_longer_than_a_pass_has_its_reason);
    tcase_add_test(tcase, tries_one_by_one_are_resumed);
    tcase_add_test(tcase, a_reason_is_put_into_other_words_when_somebody_asks);
    tcase_add_test(tcase, a_reason_is_put_into_other_words_after_a_while);
    tcase_add_test(tcase, asking_changes_nothing_else);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
