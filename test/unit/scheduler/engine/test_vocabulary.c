// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/ledger.h"
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"
#include "topology/devices/machines.h"

/* Words that nobody says any more are forgotten and their numbers given to others: whoever keeps a
 * number has to keep the word, and what is counted under it has to be gone with it. */

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

static uint32_t find_word(const char *text)
{
    return names_find(nodes_words(engine_nodes(world.engine)), text, strlen(text));
}

static size_t count_words(void)
{
    return names_count(nodes_words(engine_nodes(world.engine)));
}

/* A node all of whose words are its own. */
static void unique_node(const char *name, uint32_t number, const struct device_map *map)
{
    char texts[6][32];
    for (int i = 0; i < 6; i++) {
        (void)snprintf(texts[i], sizeof(texts[i]), "node-%d-%u", i, number);
    }
    struct label_object labels[] = {{"topology.kubernetes.io/rack", texts[0]},
                                    {texts[1], texts[2]}};
    struct taint_object taint = {texts[3], texts[4], TAINT_PREFER_NO_SCHEDULE};
    struct amount_object amounts[] = {{"cpu", 96000}, {"pods", 110}, {texts[5], 8}};
    struct event event = {.type = EVENT_NODE};
    event.node = (struct node_object){.name = name,
                                      .labels = labels,
                                      .label_count = 2,
                                      .taints = &taint,
                                      .taint_count = 1,
                                      .allocatable = amounts,
                                      .allocatable_count = 3,
                                      .devices = map,
                                      .device_resource = map == NULL ? NULL : texts[5]};
    world_apply(&world, &event);
}

/* A pod that asks for `amount` of a resource; `gang` NULL: an ordinary one, bound to `node`. */
static void ask_for(const char *uid, const char *gang, const char *node, const char *resource,
                    int64_t amount)
{
    struct label_object selector = {"only", resource};
    struct amount_object amounts[3];
    struct world_pod pod = {.uid = uid, .gang = gang, .minimum = gang == NULL ? 0 : 1};
    struct event event = {.type = EVENT_POD};
    world_fill_pod(&pod, &event.pod, amounts);
    amounts[2] = (struct amount_object){resource, amount};
    event.pod.request_count = 3;
    event.pod.node = node;
    event.pod.selector = &selector;
    event.pod.selector_count = gang == NULL ? 1 : 0;
    world_apply(&world, &event);
}

START_TEST(everything_that_goes_takes_its_words_along)
{
    struct device_map *map = machines_map("dgx-1v", NULL);
    size_t before = count_words();
    for (uint32_t i = 0; i < 300; i++) {
        char resource[32];
        (void)snprintf(resource, sizeof(resource), "node-5-%u", i);
        unique_node("n0-unique", i, i % 3 == 0 ? NULL : map);
        ask_for("held", "gang", NULL, resource, 4);
        ask_for("bound", NULL, "n0-unique", resource, 2);
        ask_for("elsewhere", NULL, "n1", resource, 2);
        ask_for("nowhere", "other", NULL, resource, 100);
        ck_assert_uint_gt(count_words(), before + 6);
        if (i % 5 == 0) { /* to be counted under the next one */
            continue;
        }
        const char *const uids[] = {"held", "bound", "elsewhere", "nowhere"};
        for (uint32_t k = 0; k < 4; k++) {
            world_pod_gone(&world, uids[(k + i) % 4]);
            if (k == i % 7) {
                world_node_gone(&world, "n0-unique");
            }
        }
        world_node_gone(&world, "n0-unique");
        ck_assert_uint_eq(count_words(), before);
    }
    device_map_destroy(map);
}
END_TEST

/* The GPUs of a node are counted in a resource whose name the node may have lost. */
START_TEST(the_resource_of_a_device_map_stays)
{
    struct device_map *map = machines_map("dgx-1v", NULL);
    struct event event = {.type = EVENT_DEVICES};
    event.node = (struct node_object){
        .name = "n0", .devices = map, .device_resource = "a.example/accelerator"};
    world_apply(&world, &event);
    uint32_t resource = find_word("a.example/accelerator");
    ck_assert_uint_ne(resource, NAMES_NONE);
    world_node(&world, "n1", "a new block", "a new rack", 8);
    ck_assert_uint_eq(find_word("a.example/accelerator"), resource);
    event.node.device_resource = "b.example/accelerator";
    world_apply(&world, &event);
    ck_assert_uint_eq(find_word("a.example/accelerator"), NAMES_NONE);
    ck_assert_uint_ne(find_word("b.example/accelerator"), NAMES_NONE);
    event.node.devices = NULL;
    world_apply(&world, &event);
    ck_assert_uint_eq(find_word("b.example/accelerator"), NAMES_NONE);
    device_map_destroy(map);
    map = device_map_create(); /* one without GPUs is none */
    ck_assert_int_eq(device_map_finish(map, NULL), 0);
    event.node.devices = map;
    world_apply(&world, &event);
    ck_assert_uint_eq(find_word("b.example/accelerator"), NAMES_NONE);
    device_map_destroy(map);
}
END_TEST

/* What pods asked for that no node has is owed by the node, and when the last of them goes nothing
 * is: the next resource of that number starts from nothing. */
START_TEST(nothing_is_owed_under_a_number_that_is_used_again)
{
    static const int64_t amounts[] = {1, INT32_MAX, INT64_MAX / 2, INT64_MAX};
    int64_t amount = amounts[_i];
    for (int turn = 0; turn < 2; turn++) {
        ask_for("first", NULL, "n0", "a.example/x", amount);
        ask_for("second", NULL, "n0", "a.example/x", amount);
        ask_for("third", NULL, "n0", "a.example/x", amount);
        uint32_t number = find_word("a.example/x");
        world_pod_gone(&world, turn == 0 ? "first" : "third");
        world_pod_gone(&world, turn == 0 ? "third" : "first");
        ck_assert_uint_eq(find_word("a.example/x"), number);
        world_pod_gone(&world, "second");
        ck_assert_uint_eq(find_word("a.example/x"), NAMES_NONE);

        struct amount_object allocatable[] = {{"b.example/y", 3}, {"cpu", 96000}, {"pods", 110}};
        struct event event = {.type = EVENT_NODE};
        event.node =
            (struct node_object){.name = "n0", .allocatable = allocatable, .allocatable_count = 3};
        world_apply(&world, &event);
        ck_assert_uint_eq(find_word("b.example/y"), number);
        uint32_t row = engine_node_row(world.engine, "n0", 2);
        const struct ledger *ledger = engine_ledger(world.engine);
        ck_assert_int_eq(resources_get(ledger_free(ledger, row), number), 3);
        ask_for("gang-0", "gang", NULL, "b.example/y", 3);
        ck_assert_str_eq(world_planned(&world, "gang", 0), "n0");
        world_pod_gone(&world, "gang-0");
        world_node(&world, "n0", "b0", "r0", 8);
        ck_assert_uint_eq(find_word("b.example/y"), NAMES_NONE);
        ck_assert_uint_eq(ledger_free(ledger, row)->count, 3);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/engine vocabulary");
    TCase *tcase = tcase_create("vocabulary");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, everything_that_goes_takes_its_words_along);
    tcase_add_test(tcase, the_resource_of_a_device_map_stays);
    tcase_add_loop_test(tcase, nothing_is_owed_under_a_number_that_is_used_again, 0, 4);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
