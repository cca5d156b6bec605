// SPDX-License-Identifier: Apache-2.0
/* What the books cannot take in is told, refused with words and counted as far as it can be known;
 * and what they remember of a kind of pod ends with that kind. */
#include "scheduler/engine.h"

#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

static struct world world;

static void setup(void)
{
    world_init(&world);
    world_node(&world, "n0", "b0", "r0", 8);
    world_event(&world, EVENT_SYNCED);
}

static void teardown(void)
{
    world_finish(&world);
}

/* ---- vetoes ---- */

/* A pod of this many GPUs, the only one of its gang, is refused its node by kube-scheduler. */
static void veto(const char *uid, int64_t gpus)
{
    static const char *const elsewhere[] = {NULL};
    char node[64];
    world_pod(&world, &(struct world_pod){.uid = uid, .gang = "g", .gpus = gpus, .rank = 0});
    ck_assert_str_eq(world_node_of(&world, "g", uid, node), "n0");
    ck_assert_int_eq(world_filter(&world, uid, "n0", elsewhere)->verdict, FILTER_NONE);
    ck_assert_str_eq(world_node_of(&world, "g", uid, node), "");
}

/* The number of a kind of pod may be given to another kind when its last pod is gone. */
START_TEST(a_veto_is_not_for_who_gets_the_number_of_its_kind)
{
    char node[64];
    world_group(&world, "g", 1);
    veto("a", 8);
    world_pod_gone(&world, "a");
    world_pod(&world, &(struct world_pod){.uid = "b", .gang = "g", .gpus = 4, .rank = 0});
    ck_assert_str_eq(world_node_of(&world, "g", "b", node), "n0");
}
END_TEST

/* … while one that comes again is still kept off the node, until the veto ends. */
START_TEST(a_veto_outlasts_the_pods_it_is_about)
{
    char node[64];
    world_group(&world, "g", 1);
    veto("a", 8);
    world_pod_gone(&world, "a");
    world_pod(&world, &(struct world_pod){.uid = "b", .gang = "g", .gpus = 8, .rank = 0});
    ck_assert_str_eq(world_node_of(&world, "g", "b", node), "");
    world_wait(&world, 61000);
    ck_assert_str_eq(world_node_of(&world, "g", "b", node), "n0");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/engine/limits");
    TCase *tcase = tcase_create("limits");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_veto_is_not_for_who_gets_the_number_of_its_kind);
    tcase_add_test(tcase, a_veto_outlasts_the_pods_it_is_about);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
