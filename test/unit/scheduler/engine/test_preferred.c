// SPDX-License-Identifier: Apache-2.0
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

/* A preferred level decides nothing (test/property/test_solver_preferred.c shows why); one that
 * does not exist is said aloud, and keeps nobody waiting. */

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

static const struct {
    const char *level;
    const char *ignored; /* NULL: nothing */
} levels[] = {
    {NULL, NULL},
    {"rack", NULL},
    {"topology.kubernetes.io/rack", NULL},
    {"host", NULL},
    {"cluster", NULL},
    {"rak", "preferred topology \"rak\" is ignored: it is not a configured level"},
    {"zone", "preferred topology \"zone\" is ignored: no node carries it"},
};

static void expect_ignored(const char *ignored, const char *text)
{
    if (ignored == NULL) {
        ck_assert_ptr_null(strstr(text, "ignored"));
    } else {
        ck_assert_msg(strstr(text, ignored) != NULL, "%s", text);
    }
}

START_TEST(a_planned_gang_is_told)
{
    const struct placement_object placement = {.preferred_level = levels[_i].level};
    struct arena arena;
    arena_init(&arena);
    world_pod(&world,
              &(struct world_pod){
                  .uid = "g-0", .gang = "g", .minimum = 1, .gpus = 8, .placement = &placement});
    const struct effect *event = world_find(&world, EFFECT_EVENT);
    ck_assert_str_eq(event->event.reason, "GangPlanned");
    expect_ignored(levels[_i].ignored, event->event.message);
    struct gang_view view = world_view(&world, "g", &arena);
    ck_assert_int_eq(view.state, GANG_HELD);
    expect_ignored(levels[_i].ignored, view.reason);
    ck_assert_int_eq(view.ignored != NULL, levels[_i].ignored != NULL);
    if (view.ignored != NULL) {
        ck_assert_str_eq(view.ignored, levels[_i].ignored);
    }
    arena_finish(&arena);
}
END_TEST

/* It is not why the gang waits, but whoever looks is told. */
START_TEST(a_gang_that_waits_is_asked_about)
{
    const struct placement_object placement = {.preferred_level = levels[_i].level};
    struct arena arena;
    arena_init(&arena);
    world_pod(&world,
              &(struct world_pod){
                  .uid = "g-0", .gang = "g", .minimum = 1, .gpus = 9, .placement = &placement});
    struct gang_view view = world_view(&world, "g", &arena);
    ck_assert_int_eq(view.state, GANG_WAITING);
    expect_ignored(NULL, view.reason);
    expect_ignored(levels[_i].ignored, view.ignored == NULL ? "" : view.ignored);
    arena_finish(&arena);
}
END_TEST

/* Before all is listed nobody knows what nodes carry. */
START_TEST(nothing_is_said_too_early)
{
    const struct placement_object placement = {.preferred_level = "zone"};
    struct world early;
    struct arena arena;
    arena_init(&arena);
    world_init(&early);
    world_pod(&early,
              &(struct world_pod){
                  .uid = "g-0", .gang = "g", .minimum = 1, .gpus = 8, .placement = &placement});
    ck_assert_ptr_null(world_view(&early, "g", &arena).ignored);
    world_finish(&early);
    arena_finish(&arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("preferred");
    TCase *tests = tcase_create("preferred");
    const int count = (int)(sizeof levels / sizeof levels[0]);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, a_planned_gang_is_told, 0, count);
    tcase_add_loop_test(tests, a_gang_that_waits_is_asked_about, 0, count);
    tcase_add_test(tests, nothing_is_said_too_early);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
