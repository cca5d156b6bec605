// SPDX-License-Identifier: Apache-2.0
/* Where many gangs wait, putting their reasons into words anew would be most of the work: it takes
 * one part in 50 of the time, and who asks is told at once.
 */
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

#define PER_RACK 8
#define LATER    10 /* ms from gang to gang */

static struct world world;

/* Gangs of three want a rack where all is full. b comes a little later than a, so its words are due
 * that much later, too. Then one node gets free, which changes both. */
static void begin(int racks)
{
    world_init(&world);
    world_racks(&world, racks, PER_RACK);
    for (int i = 0; i < racks * PER_RACK; i++) {
        char node[16];
        snprintf(node, sizeof node, "n%d", i);
        world_fill(&world, (const char *[]){node, NULL});
    }
    world_event(&world, EVENT_SYNCED);
    for (int i = 0; i < 6; i++) {
        const char *gang = i < 3 ? "a" : "b";
        struct world_pod pod = {.uid = world_member(gang, i % 3),
                                .gang = gang,
                                .minimum = 3,
                                .gpus = 8,
                                .rank = i % 3,
                                .required = "rack"};
        world.now = i < 3 ? 0 : LATER;
        world_pod(&world, &pod);
    }
    world_pod_gone(&world, "n17");
}

/* Of how many pods it says that they do not fit. */
static int told_short(const char *gang)
{
    struct arena arena;
    arena_init(&arena);
    const char *reason = world_view(&world, gang, &arena).reason;
    const char *number = strstr(reason, "short by ");
    ck_assert_msg(number != NULL, "%s", reason);
    int count = (int)strtol(number + strlen("short by "), NULL, 10);
    arena_finish(&arena);
    return count;
}

static void tick_at(int64_t now)
{
    world_tick(&world, now - world.now);
}

START_TEST(cheap_reasons_do_not_wait_for_each_other)
{
    begin(4);
    int64_t due = engine_deadline(world.engine);
    tick_at(due);
    ck_assert_int_eq(told_short("a"), 2);
    ck_assert_int_eq(told_short("b"), 3);
    ck_assert_int_eq(engine_deadline(world.engine), due + LATER);
    tick_at(due + LATER);
    ck_assert_int_eq(told_short("b"), 2);
    world_finish(&world);
}
END_TEST

START_TEST(dear_reasons_take_one_part_in_fifty)
{
    begin(2000);
    int64_t due = engine_deadline(world.engine);
    tick_at(due);
    ck_assert_int_eq(told_short("a"), 2);
    int64_t next = engine_deadline(world.engine);
    ck_assert_int_ge(next - due, 50); /* a millisecond at least, with 16,000 nodes */
    ck_assert_int_le(next - due, 1000);
    tick_at(next - 1); /* b's words were due long ago */
    ck_assert_int_eq(told_short("b"), 3);
    ck_assert_int_eq(engine_deadline(world.engine), next);
    tick_at(next);
    ck_assert_int_eq(told_short("b"), 2);
    world_finish(&world);
}
END_TEST

/* Twice the cluster, twice the work, twice the pause. */
START_TEST(the_pause_grows_with_the_work)
{
    int64_t pauses[2];
    for (int i = 0; i < 2; i++) {
        begin(2000 << i);
        int64_t due = engine_deadline(world.engine);
        tick_at(due);
        pauses[i] = engine_deadline(world.engine) - due;
        world_finish(&world);
    }
    ck_assert_int_gt(pauses[1], pauses[0]);
}
END_TEST

START_TEST(who_asks_is_told_at_once)
{
    begin(2000);
    tick_at(engine_deadline(world.engine));
    ck_assert_int_gt(engine_deadline(world.engine), world.now);
    ck_assert_int_eq(told_short("b"), 3);
    ck_assert_ptr_nonnull(strstr(world_reason(&world, "b"), "short by 2 of 3"));
    world_finish(&world);
}
END_TEST

/* Planned again and short again: it keeps its words, and gets new ones when they are due. */
START_TEST(words_follow_a_plan_that_fails_again)
{
    begin(3);
    int64_t due = engine_deadline(world.engine);
    tick_at(due);
    ck_assert_int_eq(told_short("a"), 2);
    world_fill(&world, (const char *[]){"n17", NULL});
    struct world_pod fourth = {
        .uid = "a-3", .gang = "a", .minimum = 3, .gpus = 8, .rank = 3, .required = "rack"};
    world_pod(&world, &fourth);
    ck_assert_int_eq(told_short("a"), 2);
    world_wait(&world, 10000);
    ck_assert_int_eq(told_short("a"), 3);
    world_finish(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/engine pacing");
    TCase *tcase = tcase_create("pacing");
    tcase_add_test(tcase, cheap_reasons_do_not_wait_for_each_other);
    tcase_add_test(tcase, dear_reasons_take_one_part_in_fifty);
    tcase_add_test(tcase, the_pause_grows_with_the_work);
    tcase_add_test(tcase, words_follow_a_plan_that_fails_again);
    tcase_add_test(tcase, who_asks_is_told_at_once);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
