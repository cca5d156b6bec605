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

int main(void)
{
    Suite *suite = suite_create("engine_tenants");
    TCase *tcase = tcase_create("engine");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_gang_of_another_scheduler_is_not_planned);
    tcase_add_test(tcase, what_another_scheduler_bound_counts);
    tcase_add_test(tcase, an_ordinary_pod_of_another_scheduler_passes);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
