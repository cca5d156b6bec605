// SPDX-License-Identifier: Apache-2.0
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"
#include "topology/devices/machines.h"

/* Which GPUs members get, from the plan to the binding and back from the annotation. */

static struct world world;

static void setup(void)
{
    world_init(&world);
}

static void teardown(void)
{
    world_finish(&world);
}

/* A node of a known machine; NULL: of none. */
static void machine_node(const char *name, const char *machine, int64_t gpus)
{
    struct label_object labels[] = {{"kubernetes.io/hostname", name}};
    struct amount_object amounts[] = {{"cpu", 96000}, {"nvidia.com/gpu", gpus}, {"pods", 110}};
    struct device_map *map = machine == NULL ? NULL : machines_map(machine, NULL);
    struct event event = {.type = EVENT_NODE};
    event.node = (struct node_object){.name = name,
                                      .labels = labels,
                                      .label_count = 1,
                                      .allocatable = amounts,
                                      .allocatable_count = 3,
                                      .devices = map,
                                      .device_resource = "nvidia.com/gpu"};
    world_apply(&world, &event);
    device_map_destroy(map);
}

/* A pod of a gang of its own size on the pods; `devices` and `topology` are its annotations. */
static void gpu_pod(const struct world_pod *pod, const char *devices, const char *topology)
{
    struct amount_object amounts[3];
    struct event event = {.type = EVENT_POD};
    world_fill_pod(pod, &event.pod, amounts);
    event.pod.devices = devices;
    event.pod.placement.device_topology = topology;
    world_apply(&world, &event);
}

static void gang(const char *name, int count, int64_t gpus, const char *topology)
{
    for (int i = 0; i < count; i++) {
        char uid[64];
        snprintf(uid, sizeof(uid), "%s-%d", name, i);
        struct world_pod pod = {
            .uid = uid, .gang = name, .minimum = count, .gpus = gpus, .rank = i};
        gpu_pod(&pod, NULL, topology);
    }
}

/* "gpu-0,gpu-1" of a member as people see it; "" when it has none. */
static const char *devices_of(const char *gang_name, uint32_t index)
{
    static char text[1024];
    struct arena arena;
    arena_init(&arena);
    struct gang_view view = world_view(&world, gang_name, &arena);
    size_t length = 0;
    text[0] = '\0';
    ck_assert_uint_lt(index, view.member_count);
    for (uint32_t i = 0; i < view.members[index].device_count; i++) {
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s", i == 0 ? "" : ",",
                                   view.members[index].devices[i]);
    }
    arena_finish(&arena);
    return text;
}

static const char *reason_of(const char *name)
{
    static char text[512];
    struct arena arena;
    arena_init(&arena);
    snprintf(text, sizeof(text), "%s", world_view(&world, name, &arena).reason);
    arena_finish(&arena);
    return text;
}

START_TEST(two_gangs_get_disjoint_quads)
{
    machine_node("n0", "dgx-1v", 8);
    world_event(&world, EVENT_SYNCED);
    gang("a", 1, 4, NULL);
    gang("b", 1, 4, NULL);
    ck_assert_str_eq(devices_of("a", 0), "gpu-0,gpu-1,gpu-2,gpu-3");
    ck_assert_str_eq(devices_of("b", 0), "gpu-4,gpu-5,gpu-6,gpu-7");
    world_vote(&world, "b", 0, 1);
    world_pod_gone(&world, "a-0");
    gang("c", 2, 2, NULL); /* what a had is free again */
    ck_assert_uint_eq(strlen(devices_of("c", 0)), strlen("gpu-0,gpu-1"));
    ck_assert_ptr_null(strpbrk(devices_of("c", 0), "4567"));
    ck_assert_ptr_null(strpbrk(devices_of("c", 1), "4567"));
    ck_assert_str_ne(devices_of("c", 0), "");
}
END_TEST

START_TEST(bindings_carry_the_names)
{
    machine_node("n0", "dgx-1v", 8);
    world_event(&world, EVENT_SYNCED);
    gang("a", 2, 4, NULL);
    world_bind(&world, "a-0", "n0");
    world_bind(&world, "a-1", "n0");
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 2);
    for (size_t i = 0; i < world.effects.count; i++) {
        const struct effect *effect = &world.effects.items[i];
        if (effect->type == EFFECT_POST_BINDING) {
            ck_assert_str_eq(effect->write.devices, effect->write.rank == 0
                                                        ? "gpu-0,gpu-1,gpu-2,gpu-3"
                                                        : "gpu-4,gpu-5,gpu-6,gpu-7");
        }
    }
    /* The binding's answer is lost and kube-scheduler asks again: the same set. */
    world_bound(&world, "a-0", "n0", WRITE_UNKNOWN);
    world_bind(&world, "a-0", "n0");
    const struct effect *again = world_find(&world, EFFECT_POST_BINDING);
    ck_assert_ptr_nonnull(again);
    ck_assert_str_eq(again->write.devices, "gpu-0,gpu-1,gpu-2,gpu-3");
}
END_TEST

/* Another process finds a bound member by its annotation, before or after its node. */
START_TEST(a_restart_reads_the_annotation)
{
    struct world_pod bound = {
        .uid = "a-0", .gang = "a", .minimum = 1, .gpus = 4, .node = "n0", .rank = 0};
    gpu_pod(&bound, "gpu-4,gpu-5,gpu-6,gpu-7", NULL);
    machine_node("n0", "dgx-1v", 8);
    world_event(&world, EVENT_SYNCED);
    ck_assert_str_eq(devices_of("a", 0), "gpu-4,gpu-5,gpu-6,gpu-7");
    gang("b", 1, 4, NULL);
    ck_assert_str_eq(devices_of("b", 0), "gpu-0,gpu-1,gpu-2,gpu-3");
}
END_TEST

/* A pod that says nothing, or nonsense, makes its node one of plain counts. */
START_TEST(strangers_make_a_node_unknown)
{
    static const char *const annotations[] = {NULL, "", "gpu-0,gpu-1,gpu-9", "gpu-0"};
    for (size_t i = 0; i < sizeof annotations / sizeof annotations[0]; i++) {
        struct world_pod stranger = {.uid = "s", .gpus = 3, .node = "n0", .rank = -1};
        world_finish(&world);
        world_init(&world);
        machine_node("n0", "dgx-1v", 8);
        gpu_pod(&stranger, annotations[i], NULL);
        world_event(&world, EVENT_SYNCED);
        gang("b", 1, 4, NULL);
        ck_assert_int_eq(world_state(&world, "b"), GANG_HELD);
        ck_assert_str_eq(devices_of("b", 0), "");
        world_bind(&world, "b-0", "n0");
        ck_assert_ptr_null(world_find(&world, EFFECT_POST_BINDING)->write.devices);
    }
}
END_TEST

/* n0 has four free GPUs that are no quad; n1 has one. Plain counts would take n0. */
START_TEST(required_takes_good_sets_only)
{
    struct world_pod a = {.uid = "a", .gpus = 2, .node = "n0", .rank = -1};
    struct world_pod b = {.uid = "b", .gpus = 2, .node = "n0", .rank = -1};
    machine_node("n0", "dgx-1v", 8);
    machine_node("n1", "dgx-1v", 8);
    gpu_pod(&a, "gpu-0,gpu-1", NULL);
    gpu_pod(&b, "gpu-6,gpu-7", NULL);
    world_event(&world, EVENT_SYNCED);
    char node[64];
    gang("plain", 1, 4, NULL);
    ck_assert_str_eq(world_node_of(&world, "plain", "plain-0", node), "n0");
    world_pod_gone(&world, "plain-0");
    gang("good", 1, 4, "required");
    ck_assert_str_eq(world_node_of(&world, "good", "good-0", node), "n1");
    world_vote(&world, "good", 0, 1);
    gang("more", 2, 4, "required"); /* one quad is left, and four GPUs on n0 */
    ck_assert_int_eq(world_state(&world, "more"), GANG_WAITING);
    ck_assert_ptr_nonnull(strstr(reason_of("more"), "short by 1 of 2 pods"));
    ck_assert_ptr_nonnull(strstr(reason_of("more"), "known to be free and well joined"));
    world_pod_gone(&world, "a"); /* gpu-0 … gpu-3 are free */
    ck_assert_int_eq(world_state(&world, "more"), GANG_HELD);
}
END_TEST

/* A pair with two links is good on a DGX-1V: of these five GPUs only one such pair, and two shapes
 * that would each take it. Counts alone would put both on n0. */
START_TEST(required_holds_for_several_shapes)
{
    struct world_pod other = {.uid = "o", .gpus = 3, .node = "n0", .rank = -1};
    struct world_pod master = {.uid = "g-0", .gang = "g", .minimum = 2, .gpus = 2, .rank = 0};
    struct label_object any[] = {{"kubernetes.io/hostname", "n0"}};
    struct world_pod worker = {.uid = "g-1", .gang = "g", .minimum = 2, .gpus = 2, .rank = 1};
    machine_node("n0", "dgx-1v", 8);
    gpu_pod(&other, "gpu-3,gpu-4,gpu-5", NULL); /* left: 0 1 2, 6 7; good are 1-2 and 6-7 */
    world_event(&world, EVENT_SYNCED);
    worker.selector = any;
    worker.selector_count = 1;
    gpu_pod(&master, NULL, "required");
    gpu_pod(&worker, NULL, "required");
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    ck_assert_str_eq(devices_of("g", 0), "gpu-1,gpu-2");
    ck_assert_str_eq(devices_of("g", 1), "gpu-6,gpu-7");
    world_pod_gone(&world, "g-0");
    world_pod_gone(&world, "g-1");

    struct world_pod one = {.uid = "p", .gpus = 1, .node = "n0", .rank = -1};
    gpu_pod(&one, "gpu-7", NULL); /* left: 0 1 2, 6: one good pair, and one that is not */
    gang("plain", 2, 2, NULL);
    ck_assert_int_eq(world_state(&world, "plain"), GANG_HELD);
    world_pod_gone(&world, "plain-0");
    world_pod_gone(&world, "plain-1");
    gpu_pod(&master, NULL, "required");
    gpu_pod(&worker, NULL, "required");
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    ck_assert_ptr_nonnull(strstr(reason_of("g"), "as far as the search went"));
    machine_node("n1", "dgx-1v", 8); /* the master may go elsewhere */
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    ck_assert_str_eq(devices_of("g", 1), "gpu-1,gpu-2");
}
END_TEST

/* What no map tells of is not good; pods without GPUs need no map. */
START_TEST(required_needs_a_map)
{
    char node[64];
    machine_node("n0", NULL, 8);
    world_event(&world, EVENT_SYNCED);
    gang("g", 1, 4, "required");
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    gang("cpu", 1, 0, "required");
    ck_assert_int_eq(world_state(&world, "cpu"), GANG_HELD);
    machine_node("n0", "dgx-a100", 8); /* now it is known */
    ck_assert_str_eq(world_node_of(&world, "g", "g-0", node), "n0");
    ck_assert_uint_eq(strlen(devices_of("g", 0)), strlen("gpu-0,gpu-1,gpu-2,gpu-3"));
}
END_TEST

START_TEST(constraints_that_make_no_sense_are_explained)
{
    machine_node("n0", "dgx-a100", 8);
    world_event(&world, EVENT_SYNCED);
    gang("g", 1, 4, "requried");
    ck_assert_str_eq(
        reason_of("g"),
        "gang ns/g waits: device topology \"requried\" is neither required nor preferred");
    gang("h", 1, 4, "preferred");
    ck_assert_int_eq(world_state(&world, "h"), GANG_HELD);
}
END_TEST

/* The second node gets the rails of the first. */
START_TEST(same_rails_on_every_node)
{
    machine_node("n0", "dgx-h100", 8);
    machine_node("n1", "dgx-h100", 8);
    struct world_pod other = {.uid = "o", .gpus = 6, .node = "n0", .rank = -1};
    struct world_pod half = {.uid = "p", .gpus = 2, .node = "n1", .rank = -1};
    gpu_pod(&other, "gpu-0,gpu-1,gpu-2,gpu-3,gpu-4,gpu-5", NULL);
    gpu_pod(&half, "gpu-0,gpu-1", NULL);
    world_event(&world, EVENT_SYNCED);
    gang("g", 4, 2, NULL); /* one on n0, three on n1 */
    char node[64];
    ck_assert_str_eq(world_node_of(&world, "g", "g-0", node), "n0");
    ck_assert_str_eq(devices_of("g", 0), "gpu-6,gpu-7");
    bool same = false;
    for (uint32_t i = 1; i < 4; i++) {
        same = same || strcmp(devices_of("g", i), "gpu-6,gpu-7") == 0;
    }
    ck_assert(same);
}
END_TEST

/* Between plan and binding the node's map became another one: those names are not written. */
START_TEST(names_of_another_map_are_not_written)
{
    machine_node("n0", "dgx-1v", 8);
    world_event(&world, EVENT_SYNCED);
    gang("a", 1, 4, NULL);
    ck_assert_str_eq(devices_of("a", 0), "gpu-0,gpu-1,gpu-2,gpu-3");
    struct event event = {.type = EVENT_DEVICES};
    event.node.name = "n0";
    world_apply(&world, &event); /* now of none */
    ck_assert_str_eq(devices_of("a", 0), "");
    world_bind(&world, "a-0", "n0");
    ck_assert_ptr_null(world_find(&world, EFFECT_POST_BINDING)->write.devices);

    struct device_map *map = machines_map("dgx-1v", NULL);
    event.node.devices = map;
    event.node.device_resource = "nvidia.com/gpu";
    world_apply(&world, &event); /* and back */
    ck_assert_str_eq(devices_of("a", 0), "gpu-0,gpu-1,gpu-2,gpu-3");
    event.node.name = "nobody";
    world_apply(&world, &event);
    device_map_destroy(map);
}
END_TEST

/* An aborted plan leaves nothing behind. */
START_TEST(an_abort_gives_the_sets_back)
{
    machine_node("n0", "dgx-1v", 8);
    world_event(&world, EVENT_SYNCED);
    gang("a", 2, 4, NULL);
    ck_assert_str_eq(devices_of("a", 1), "gpu-4,gpu-5,gpu-6,gpu-7");
    world_tick(&world, 30000);
    ck_assert_str_eq(devices_of("a", 0), "");
    world_tick(&world, 2000);
    ck_assert_str_eq(devices_of("a", 0), "gpu-0,gpu-1,gpu-2,gpu-3");
    ck_assert_str_eq(devices_of("a", 1), "gpu-4,gpu-5,gpu-6,gpu-7");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/engine/assign");
    TCase *tcase = tcase_create("engine_gpus");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, two_gangs_get_disjoint_quads);
    tcase_add_test(tcase, bindings_carry_the_names);
    tcase_add_test(tcase, a_restart_reads_the_annotation);
    tcase_add_test(tcase, strangers_make_a_node_unknown);
    tcase_add_test(tcase, required_takes_good_sets_only);
    tcase_add_test(tcase, required_holds_for_several_shapes);
    tcase_add_test(tcase, required_needs_a_map);
    tcase_add_test(tcase, constraints_that_make_no_sense_are_explained);
    tcase_add_test(tcase, same_rails_on_every_node);
    tcase_add_test(tcase, an_abort_gives_the_sets_back);
    tcase_add_test(tcase, names_of_another_map_are_not_written);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
