// SPDX-License-Identifier: Apache-2.0
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

/* Nominations that kube-scheduler takes back while their plan stands. */

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

/* The watch shows a member of gang "g" of two. */
static void show(int index, const char *nominated)
{
    world_pod(&world, &(struct world_pod){.uid = world_member("g", index),
                                          .gang = "g",
                                          .minimum = 2,
                                          .gpus = 8,
                                          .nominated = nominated,
                                          .rank = index});
}

/* The watch shows the nomination, and then that it was taken back; how often it is asked for again
 * in the same breath. */
static unsigned take_back(int index)
{
    show(index, world_planned(&world, "g", index));
    ck_assert_uint_eq(world_count(&world, EFFECT_NOMINATE), 0);
    show(index, NULL);
    return world_count(&world, EFFECT_NOMINATE);
}

static void expect_figures(uint64_t repeated, uint64_t late)
{
    struct engine_figures figures;
    engine_figures(world.engine, &figures);
    ck_assert_uint_eq(figures.nominations_repeated, repeated);
    ck_assert_uint_eq(figures.nominations_repeated_late, late);
}

START_TEST(what_is_taken_back_is_asked_for_at_once)
{
    world_gang(&world, "g", 2, 2);
    ck_assert_uint_eq(take_back(1), 1);
    const struct effect *effect = world_find(&world, EFFECT_NOMINATE);
    ck_assert_str_eq(effect->write.uid, "g-1");
    ck_assert_str_eq(effect->write.node, world_planned(&world, "g", 1));
    expect_figures(1, 0);
    show(1, NULL); /* the write is on its way */
    ck_assert_uint_eq(world_count(&world, EFFECT_NOMINATE), 0);
    show(1, world_planned(&world, "g", 1));
    show(0, world_planned(&world, "g", 0));
    world_wait(&world, 10000);
    ck_assert_uint_eq(world_count(&world, EFFECT_NOMINATE), 0);
    expect_figures(1, 0);
}
END_TEST

/* Another program, or kube-scheduler's own preemption, nominates elsewhere. */
START_TEST(so_is_what_is_put_in_its_place)
{
    world_gang(&world, "g", 2, 2);
    show(0, world_planned(&world, "g", 0));
    show(0, "n7");
    ck_assert_uint_eq(world_count(&world, EFFECT_NOMINATE), 1);
    expect_figures(1, 0);
}
END_TEST

/* Whoever takes back every nomination as soon as it is seen is not answered as fast. */
START_TEST(again_and_again_takes_ever_longer)
{
    unsigned writes = 0, first_second = 0;
    world_gang(&world, "g", 2, 2);
    show(0, world_planned(&world, "g", 0));
    writes += take_back(1);
    writes += take_back(1);
    ck_assert_uint_eq(writes, 2);
    ck_assert_uint_eq(take_back(1), 0);
    ck_assert_int_eq(engine_deadline(world.engine), world.now + 20);
    while (world_state(&world, "g") == GANG_HELD && world.now < 29999) {
        world_tick(&world, engine_deadline(world.engine) - world.now);
        unsigned asked = world_count(&world, EFFECT_NOMINATE);
        if (world_state(&world, "g") == GANG_HELD && asked > 0) {
            writes += asked;
            first_second += world.now <= 1000;
            ck_assert_uint_eq(take_back(1), 0);
        }
    }
    ck_assert_uint_le(first_second, 6);
    ck_assert_uint_ge(writes, 2 + 6 + 12);
    ck_assert_uint_le(writes, 2 + 8 + 14);
    expect_figures(writes, 0);
}
END_TEST

/* Somebody has voted, and kube-scheduler does not come for the others: its own filters refused them
 * before, and it may be that vote which lets them in. */
START_TEST(who_is_asleep_beside_a_vote_is_woken)
{
    int64_t woken = 0;
    world_gang(&world, "g", 2, 2);
    show(0, world_planned(&world, "g", 0));
    show(1, world_planned(&world, "g", 1));
    world_wait(&world, 5000);
    ck_assert_uint_eq(world_count(&world, EFFECT_NOMINATE), 0); /* nobody has voted */
    world_vote(&world, "g", 0, 1);
    for (unsigned waves = 0; waves < 5; waves++) {
        int64_t last = world.now;
        do {
            world_tick(&world, engine_deadline(world.engine) - world.now);
        } while (world_count(&world, EFFECT_NOMINATE) == 0);
        ck_assert_int_eq(world.now - last, 500 << waves);
        ck_assert_uint_eq(world_count(&world, EFFECT_NOMINATE), 1);
        const struct effect *effect = world_find(&world, EFFECT_NOMINATE);
        ck_assert_str_eq(effect->write.uid, "g-1");
        ck_assert_str_eq(effect->write.node, world_planned(&world, "g", 1));
        ck_assert_int_gt(strtoll(effect->write.text, NULL, 10), woken); /* another text each time */
        woken = strtoll(effect->write.text, NULL, 10);
    }
    world_vote(&world, "g", 1, 1);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 2);
    expect_figures(0, 0);
}
END_TEST

/* It was nominated all the time, in effect: kube-scheduler does not want it there. */
START_TEST(and_in_the_end_it_is_a_veto)
{
    char node[64];
    world_gang(&world, "g", 2, 2);
    snprintf(node, sizeof(node), "%s", world_planned(&world, "g", 1));
    world_vote(&world, "g", 0, 1);
    take_back(1);
    for (int i = 0; i < 29; i++) {
        world_wait(&world, 1000);
        take_back(1);
    }
    world_wait(&world, 3000);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    ck_assert_str_ne(world_planned(&world, "g", 0), node);
    ck_assert_str_ne(world_planned(&world, "g", 1), node);
}
END_TEST

START_TEST(a_new_plan_starts_afresh)
{
    static const char *const none[] = {NULL};
    world_gang(&world, "g", 2, 2);
    for (int i = 0; i < 6; i++) {
        take_back(1);
    }
    char node[64];
    snprintf(node, sizeof(node), "%s", world_planned(&world, "g", 1));
    world_filter(&world, "g-1", node, none); /* a veto */
    ck_assert_str_ne(world_planned(&world, "g", 1), node);
    ck_assert_uint_eq(take_back(1), 1);
}
END_TEST

START_TEST(whoever_voted_needs_none)
{
    world_gang(&world, "g", 2, 2);
    show(0, world_planned(&world, "g", 0));
    world_vote(&world, "g", 0, 1);
    show(0, NULL);
    ck_assert_uint_eq(world_count(&world, EFFECT_NOMINATE), 0);
    world_wait(&world, 2000);
    expect_figures(0, 1); /* the other one, that was never seen */
}
END_TEST

START_TEST(what_we_took_back_ourselves_is_not_asked_for)
{
    world_gang(&world, "g", 2, 2);
    char node[64];
    snprintf(node, sizeof(node), "%s", world_planned(&world, "g", 0));
    show(0, node);
    world_pod_gone(&world, "g-1");
    ck_assert_uint_eq(world_count(&world, EFFECT_NOMINATE), 1);
    ck_assert_ptr_null(world_find(&world, EFFECT_NOMINATE)->write.node);
    show(1, NULL);
    ck_assert_uint_eq(world_count(&world, EFFECT_NOMINATE), 2); /* the new plan's */
    show(0, NULL);                                              /* the watch is not that far */
    ck_assert_uint_eq(world_count(&world, EFFECT_NOMINATE), 0);
    expect_figures(0, 0);
}
END_TEST

START_TEST(what_is_not_seen_in_time_is_counted_apart)
{
    world_gang(&world, "g", 2, 2);
    show(0, world_planned(&world, "g", 0));
    world_tick(&world, 1999);
    ck_assert_uint_eq(world_count(&world, EFFECT_NOMINATE), 0);
    world_tick(&world, 1);
    ck_assert_uint_eq(world_count(&world, EFFECT_NOMINATE), 1);
    expect_figures(0, 1);
    world_tick(&world, 2000);
    expect_figures(0, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/engine/nominate");
    TCase *tcase = tcase_create("taken back");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, what_is_taken_back_is_asked_for_at_once);
    tcase_add_test(tcase, so_is_what_is_put_in_its_place);
    tcase_add_test(tcase, again_and_again_takes_ever_longer);
    tcase_add_test(tcase, and_in_the_end_it_is_a_veto);
    tcase_add_test(tcase, a_new_plan_starts_afresh);
    tcase_add_test(tcase, who_is_asleep_beside_a_vote_is_woken);
    tcase_add_test(tcase, whoever_voted_needs_none);
    tcase_add_test(tcase, what_we_took_back_ourselves_is_not_asked_for);
    tcase_add_test(tcase, what_is_not_seen_in_time_is_counted_apart);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
