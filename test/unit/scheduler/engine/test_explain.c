// SPDX-License-Identifier: Apache-2.0
/* Why a gang does not fit: the resource that runs out, and who is in the way: only those without
 * whom it would fit.
 *
 *   leaf b0 ┬ rack r0   n0 n1         8 GPUs each
 *           └ rack r1   n2 n3
 *   leaf b1 ─ rack r2   n4 n5
 */
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

static struct world world;

static void setup(void)
{
    world_init(&world);
    world_racks(&world, 3, 2);
    world_event(&world, EVENT_SYNCED);
}

static void teardown(void)
{
    world_finish(&world);
}

static void ordinary(const char *uid, const char *node, int64_t gpus)
{
    struct world_pod pod = {.uid = uid, .gpus = gpus, .node = node, .rank = -1};
    world_pod(&world, &pod);
}

/* One bound member of a gang. */
static void bound(const char *name, int index, const char *node, int64_t gpus)
{
    struct world_pod pod = {.uid = world_member(name, index),
                            .gang = name,
                            .minimum = 1,
                            .gpus = gpus,
                            .rank = index,
                            .node = node};
    world_pod(&world, &pod);
}

static void wait_for(int count, int64_t gpus, const char *required)
{
    for (int i = 0; i < count; i++) {
        struct world_pod pod = {.uid = world_member("g", i),
                                .gang = "g",
                                .minimum = count,
                                .gpus = gpus,
                                .rank = i,
                                .required = required};
        world_pod(&world, &pod);
    }
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
}

static void check_reason(const char *expected)
{
    ck_assert_str_eq(world_reason(&world, "g"), expected);
}

START_TEST(the_resource_and_the_number)
{
    wait_for(7, 8, NULL);
    check_reason("gang ns/g waits: cluster is short by 1 of 7 pods "
                 "(6 fit, each needs nvidia.com/gpu 8)");
}
END_TEST

START_TEST(another_level_would_do)
{
    wait_for(3, 8, "rack");
    check_reason("gang ns/g waits: rack is short by 1 of 3 pods (2 fit in the best one, b0/r0, "
                 "each needs nvidia.com/gpu 8); all would fit in one leaf");
}
END_TEST

START_TEST(a_host_is_named)
{
    wait_for(2, 8, "host");
    check_reason("gang ns/g waits: host is short by 1 of 2 pods (1 fits on the best one, n0, "
                 "each needs nvidia.com/gpu 8); all would fit in one rack");
}
END_TEST

START_TEST(pods_without_a_gang_in_the_way)
{
    bound("a", 0, "n0", 8);
    ordinary("o1", "n2", 8);
    ordinary("o2", "n4", 8);
    wait_for(5, 8, NULL);
    check_reason("gang ns/g waits: cluster is short by 2 of 5 pods (3 fit, each needs "
                 "nvidia.com/gpu 8); blocked by non-gang pods");
    world_pod_gone(&world, "o2"); /* as much as the gang has: the gang is asked about first */
    check_reason("gang ns/g waits: cluster is short by 1 of 5 pods (4 fit, each needs "
                 "nvidia.com/gpu 8); blocked by gang ns/a");
}
END_TEST

/* "big" has most, but its GPUs are not where a node would become whole; "small" has a node. */
START_TEST(who_has_most_is_not_named_when_that_would_not_help)
{
    bound("big", 0, "n0", 5);
    ordinary("o0", "n0", 3);
    bound("big", 1, "n1", 5);
    ordinary("o1", "n1", 3);
    bound("small", 0, "n2", 8);
    wait_for(4, 8, NULL);
    check_reason("gang ns/g waits: cluster is short by 1 of 4 pods (3 fit, each needs "
                 "nvidia.com/gpu 8); blocked by gang ns/small");
}
END_TEST

/* No one of them is enough: nobody is named. */
START_TEST(nobody_alone_is_in_the_way)
{
    bound("a", 0, "n0", 8);
    bound("b", 0, "n1", 8);
    ordinary("o", "n2", 8);
    wait_for(5, 8, NULL);
    check_reason("gang ns/g waits: cluster is short by 2 of 5 pods (3 fit, each needs "
                 "nvidia.com/gpu 8)");
}
END_TEST

/* Two have the same, and either would do: the first in order is named. */
START_TEST(ties_go_to_the_first_gang)
{
    bound("b", 0, "n0", 8);
    bound("a", 0, "n2", 8);
    wait_for(5, 8, NULL);
    check_reason("gang ns/g waits: cluster is short by 1 of 5 pods (4 fit, each needs "
                 "nvidia.com/gpu 8); blocked by gang ns/a");
}
END_TEST

/* Three greater ones are asked about, none helps; the fourth would, and is not asked. */
START_TEST(only_the_greatest_three_are_asked)
{
    static const char *const names[] = {"a", "b", "c"};
    static const char *const nodes[] = {"n0", "n1", "n2"};
    for (int i = 0; i < 3; i++) {
        char uid[8];
        snprintf(uid, sizeof uid, "o%d", i);
        ordinary(uid, nodes[i], 1);
        bound(names[i], 0, nodes[i], 7);
    }
    bound("d", 0, "n3", 6);
    wait_for(3, 8, NULL);
    ck_assert_ptr_null(strstr(world_reason(&world, "g"), "blocked"));
    world_pod_gone(&world, "c-0"); /* one less that is greater */
    ck_assert_ptr_nonnull(strstr(world_reason(&world, "g"), "blocked by gang ns/d"));
}
END_TEST

/* Only what lies in the domain that is short blocks it. */
START_TEST(who_is_elsewhere_is_not_in_the_way)
{
    bound("near", 0, "n2", 4);
    bound("far", 0, "n0", 8);
    bound("far", 1, "n1", 8);
    ordinary("o", "n4", 1);
    wait_for(2, 8, "rack"); /* r0 has no node left, r1 and r2 have one */
    check_reason("gang ns/g waits: rack is short by 1 of 2 pods (1 fits in the best one, b0/r1, "
                 "each needs nvidia.com/gpu 8); all would fit in one cluster; blocked by gang "
                 "ns/near");
}
END_TEST

/* Two shapes that compete for a node. */
START_TEST(two_shapes_are_asked_about)
{
    bound("a", 0, "n0", 8);
    struct world_pod small = {.uid = "g-0", .gang = "g", .minimum = 6, .gpus = 7, .rank = 0};
    world_pod(&world, &small);
    for (int i = 1; i < 6; i++) {
        struct world_pod pod = {
            .uid = world_member("g", i), .gang = "g", .minimum = 6, .gpus = 8, .rank = i};
        world_pod(&world, &pod);
    }
    check_reason("gang ns/g waits: cluster is short by 1 of 5 pods (4 fit, each needs "
                 "nvidia.com/gpu 8); blocked by gang ns/a");
    ordinary("o", "n1", 2);
    ck_assert_ptr_null(strstr(world_reason(&world, "g"), "blocked"));
}
END_TEST

/* No node matches the selector: there is nothing to run out of, and no blocker. */
START_TEST(nothing_is_scarce)
{
    bound("a", 0, "n0", 8);
    struct label_object selector = {"kubernetes.io/hostname", "nowhere"};
    struct world_pod pod = {.uid = "g-0",
                            .gang = "g",
                            .minimum = 1,
                            .rank = 0,
                            .selector = &selector,
                            .selector_count = 1};
    world_pod(&world, &pod);
    check_reason("gang ns/g waits: cluster is short by 1 of 1 pod (0 fit); of its 6 nodes, 6 "
                 "nodes do not match the node selector or affinity");
}
END_TEST

/* Its own bound members are not in its way. */
START_TEST(a_gang_is_not_in_its_own_way)
{
    for (int i = 0; i < 6; i++) {
        char node[16];
        snprintf(node, sizeof node, "n%d", i);
        bound("g", i, node, 8);
    }
    struct world_pod late = {.uid = "g-6", .gang = "g", .minimum = 1, .gpus = 8, .rank = 6};
    world_pod(&world, &late);
    check_reason("gang ns/g waits: cluster is short by 1 of 1 pod "
                 "(0 fit, each needs nvidia.com/gpu 8)");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_explain");
    TCase *tcase = tcase_create("engine");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_resource_and_the_number);
    tcase_add_test(tcase, another_level_would_do);
    tcase_add_test(tcase, a_host_is_named);
    tcase_add_test(tcase, pods_without_a_gang_in_the_way);
    tcase_add_test(tcase, who_has_most_is_not_named_when_that_would_not_help);
    tcase_add_test(tcase, nobody_alone_is_in_the_way);
    tcase_add_test(tcase, ties_go_to_the_first_gang);
    tcase_add_test(tcase, only_the_greatest_three_are_asked);
    tcase_add_test(tcase, who_is_elsewhere_is_not_in_the_way);
    tcase_add_test(tcase, two_shapes_are_asked_about);
    tcase_add_test(tcase, nothing_is_scarce);
    tcase_add_test(tcase, a_gang_is_not_in_its_own_way);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
