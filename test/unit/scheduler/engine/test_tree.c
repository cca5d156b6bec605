// SPDX-License-Identifier: Apache-2.0
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"
#include "topology/graph/domains.h"

/* What the tree costs when nodes change: it is left alone by what does not concern it. */

static struct world world;

static void setup(void)
{
    world_init(&world);
    world_racks(&world, 4, 4);
    world_event(&world, EVENT_SYNCED);
}

static void teardown(void)
{
    world_finish(&world);
}

static uint64_t generation(void)
{
    return domains_generation(engine_domains(world.engine));
}

static uint64_t edition(void)
{
    return domains_edition(engine_domains(world.engine));
}

/* n0 with one label more than the others. */
static void label_node(const char *key, const char *value)
{
    struct label_object labels[] = {{"kubernetes.io/hostname", "n0"},
                                    {"network.topology.nvidia.com/block", "b0"},
                                    {"topology.kubernetes.io/rack", "r0"},
                                    {key, value}};
    struct amount_object amounts[] = {{"cpu", 96000}, {"nvidia.com/gpu", 8}, {"pods", 110}};
    struct event event = {.type = EVENT_NODE};
    event.node = (struct node_object){.name = "n0",
                                      .labels = labels,
                                      .label_count = 4,
                                      .allocatable = amounts,
                                      .allocatable_count = 3};
    world_apply(&world, &event);
}

/* Whether a gang of one pod that only runs where the label is finds a place. */
static bool finds_place(const char *key, const char *value)
{
    struct label_object selector = {key, value};
    struct world_pod pod = {.uid = "g-0",
                            .gang = "g",
                            .minimum = 1,
                            .gpus = 1,
                            .selector = &selector,
                            .selector_count = 1};
    world_pod(&world, &pod);
    bool found = strcmp(world_planned(&world, "g", 0), "n0") == 0;
    world_pod_gone(&world, "g-0");
    return found;
}

START_TEST(labels_that_are_no_level_leave_the_tree_alone)
{
    uint64_t before = edition();
    for (int i = 0; i < 5; i++) {
        char value[16];
        (void)snprintf(value, sizeof(value), "v%d", i);
        label_node("example.com/heartbeat", value);
        ck_assert(finds_place("example.com/heartbeat", value));
        ck_assert(!finds_place("example.com/heartbeat", "v99"));
    }
    label_node("kubernetes.io/os", "linux"); /* one label goes, another comes */
    ck_assert(finds_place("kubernetes.io/os", "linux"));
    ck_assert_uint_eq(edition(), before);
}
END_TEST

/* Also one of a level that no node carried so far. */
START_TEST(labels_that_are_a_level_move_the_tree)
{
    static const char *const keys[] = {
        "topology.kubernetes.io/rack", "network.topology.nvidia.com/block",
        "network.topology.nvidia.com/spine", "network.topology.nvidia.com/accelerator"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        uint64_t before = edition();
        label_node(keys[i], "another");
        ck_assert(finds_place(keys[i], "another"));
        ck_assert_uint_gt(edition(), before);
    }
}
END_TEST

/* Nodes that come and go leave the tree in place, also those that are alone in their rack: it was
 * built once, and is when a level comes or goes. */
START_TEST(nodes_that_come_and_go)
{
    uint64_t before = generation();
    world_node_gone(&world, "n5");
    world_gang(&world, "a", 15, 15); /* one node short without n5 … */
    ck_assert_str_ne(world_planned(&world, "a", 14), "");
    world_gang(&world, "b", 1, 1);
    ck_assert_str_eq(world_planned(&world, "b", 0), "");
    ck_assert_uint_eq(domains_positions(engine_domains(world.engine)), 15);
    world_node(&world, "n5", "b0", "r1", 8); /* … and it comes back */
    ck_assert_str_eq(world_planned(&world, "b", 0), "n5");
    ck_assert_uint_eq(domains_positions(engine_domains(world.engine)), 16);
    world_node(&world, "n5", "b1", "r3", 8); /* into another rack */
    world_node(&world, "n16", "b1", "r3", 8);
    world_gang(&world, "c", 1, 1);
    ck_assert_str_eq(world_planned(&world, "c", 0), "n16");
    ck_assert_uint_eq(generation(), before);
    ck_assert_uint_eq(domains_get(engine_domains(world.engine), 0)->end, 17);
    world_node(&world, "n17", "b1", "r4", 8); /* a rack more */
    world_gang(&world, "d", 1, 1);
    ck_assert_str_eq(world_planned(&world, "d", 0), "n17");
    ck_assert_uint_eq(generation(), before);
    label_node("network.topology.nvidia.com/spine", "s1");
    world_gang(&world, "e", 2, 2);
    ck_assert_uint_gt(generation(), before);
}
END_TEST

/* More at a time than are moved one by one. */
START_TEST(many_nodes_at_once)
{
    world_event(&world, EVENT_FOLLOW);
    for (int i = 16; i < 216; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "n%d", i);
        world_node(&world, name, "b0", "r0", 8);
    }
    world_event(&world, EVENT_LEAD);
    world_gang(&world, "a", 216, 216);
    ck_assert_str_ne(world_planned(&world, "a", 215), "");
    ck_assert_uint_eq(domains_positions(engine_domains(world.engine)), 216);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/engine tree");
    TCase *tcase = tcase_create("tree");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, labels_that_are_no_level_leave_the_tree_alone);
    tcase_add_test(tcase, labels_that_are_a_level_move_the_tree);
    tcase_add_test(tcase, nodes_that_come_and_go);
    tcase_add_test(tcase, many_nodes_at_once);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
