// SPDX-License-Identifier: Apache-2.0
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

/* What a process that begins, or begins to lead, announces: not what stands already. */

static struct world world;

static void setup(void)
{
    world_init(&world);
    world_racks(&world, 2, 4);
}

static void teardown(void)
{
    world_finish(&world);
}

/* The watch shows a member of "g", bound or not. */
static void show(int index, const char *node)
{
    world_pod(
        &world,
        &(struct world_pod){
            .uid = world_member("g", index), .gang = "g", .gpus = 8, .node = node, .rank = index});
}

/* How often the last event led to an Event of that reason. */
static unsigned told(const char *reason)
{
    unsigned count = 0;
    for (size_t i = 0; i < world.effects.count; i++) {
        const struct effect *effect = &world.effects.items[i];
        count += effect->type == EFFECT_EVENT && strcmp(effect->event.reason, reason) == 0;
    }
    return count;
}

/* Each order in which the lists may come: the group before, between or after its pods. */
START_TEST(a_gang_that_was_placed_is_no_news)
{
    int64_t waited = 0;
    for (int step = 0; step < 3; step++) {
        world.now += 1000;
        if (step == _i) {
            world_group(&world, "g", 2);
        } else {
            int index = step - (step > _i);
            show(index, index == 0 ? "n0" : "n1");
        }
        ck_assert_uint_eq(told("GangPlaced"), 0);
        for (size_t i = 0; i < world.effects.count; i++) {
            const struct effect *effect = &world.effects.items[i];
            if (effect->type == EFFECT_TRANSITION && strcmp(effect->transition.to, "Placed") == 0) {
                waited = effect->transition.waited_ms;
            }
        }
    }
    ck_assert_int_eq(waited, -1); /* nobody knows how long it waited */
    world_event(&world, EVENT_SYNCED);
    ck_assert_uint_eq(world_count(&world, EFFECT_EVENT), 0);
    ck_assert_int_eq(world_state(&world, "g"), GANG_PLACED);
}
END_TEST

/* The process died between two bindings: its successor makes the gang whole, and says so. */
START_TEST(a_gang_that_is_finished_now_is)
{
    world_group(&world, "g", 2);
    show(0, "n0");
    show(1, NULL);
    world_event(&world, EVENT_SYNCED);
    ck_assert_uint_eq(told("GangPlanned"), 1);
    ck_assert_uint_eq(told("GangPlaced"), 0);
    show(1, "n1");
    ck_assert_uint_eq(told("GangPlaced"), 1);
}
END_TEST

static void wait_for_room(void)
{
    world_group(&world, "g", 9);
    for (int i = 0; i < 9; i++) {
        show(i, NULL);
    }
}

/* Another reason is one, be it the same that a gang had long ago. */
static void expect_news_later(void)
{
    world.now += 20000;
    world_node(&world, "n8", "b0", "r0", 4);
    world_wait(&world, 20000);
    ck_assert_str_ne(world_reason(&world, "g"), "");
    unsigned news = 0;
    for (int gpus = 8; gpus >= 0 && news == 0; gpus -= 8) { /* it fits, and no more */
        world_node(&world, "n8", "b0", "r0", gpus);
        news += told("GangWaiting");
        for (int i = 0; i < 20 && news == 0; i++) {
            world_tick(&world, 1000);
            news += told("GangWaiting");
        }
    }
    ck_assert_uint_eq(news, 1);
}

START_TEST(why_a_gang_waits_was_told_already)
{
    wait_for_room();
    world_event(&world, EVENT_SYNCED);
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    ck_assert_ptr_nonnull(strstr(world_reason(&world, "g"), "short by 1 of 9 pods"));
    ck_assert_uint_eq(world_count(&world, EFFECT_EVENT), 0);
    expect_news_later();
}
END_TEST

START_TEST(a_gang_that_comes_later_is_news)
{
    world_event(&world, EVENT_SYNCED);
    wait_for_room();
    ck_assert_uint_eq(told("GangWaiting"), 1);
}
END_TEST

START_TEST(a_new_leader_does_not_repeat_the_old_one)
{
    world_event(&world, EVENT_FOLLOW);
    world_event(&world, EVENT_SYNCED);
    wait_for_room();
    world_pod(&world, &(struct world_pod){
                          .uid = "p-0", .gang = "p", .minimum = 1, .node = "n0", .rank = 0});
    world.now += 60000;
    world_event(&world, EVENT_LEAD);
    ck_assert_int_eq(world_state(&world, "p"), GANG_PLACED);
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    ck_assert_uint_eq(world_count(&world, EFFECT_EVENT), 0);
    expect_news_later();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/engine/restart");
    TCase *tcase = tcase_create("announcements");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, a_gang_that_was_placed_is_no_news, 0, 3);
    tcase_add_test(tcase, a_gang_that_is_finished_now_is);
    tcase_add_test(tcase, why_a_gang_waits_was_told_already);
    tcase_add_test(tcase, a_gang_that_comes_later_is_news);
    tcase_add_test(tcase, a_new_leader_does_not_repeat_the_old_one);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
