// SPDX-License-Identifier: Apache-2.0
/* Any amounts at all, of nodes and of pods, ordinary ones and gangs, that come and go and change:
 * after each step everything there is to say is said, in every view and reason, which the sanitizer
 * looks at; and when all pods are gone, every node has what it had.
 *
 * PHALANX_AMOUNTS: how many lives (default 60).
 */
#include <stdlib.h>

#include "scheduler/state/ledger.h"
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"
#include "test/unit/topology/random.h"

#define NODES 6
#define PODS  40
#define STEPS 250

static const char *const resources[] = {"cpu",
                                        "memory",
                                        "nvidia.com/gpu",
                                        "amd.com/gpu",
                                        "example.com/nic",
                                        "ephemeral-storage",
                                        "hugepages-1Gi",
                                        "pods"};
#define RESOURCES (sizeof resources / sizeof *resources)

static int64_t random_amount(struct random *random)
{
    static const int64_t edges[] = {INT64_MIN,
                                    -1,
                                    0,
                                    1,
                                    8,
                                    INT32_MAX,
                                    UINT32_MAX,
                                    RESOURCE_AMOUNT_MAX - 1,
                                    RESOURCE_AMOUNT_MAX,
                                    RESOURCE_AMOUNT_MAX + 1,
                                    INT64_MAX - 1,
                                    INT64_MAX};
    switch (random_below(random, 4)) {
    case 0:
        return edges[random_below(random, sizeof edges / sizeof *edges)];
    case 1:
        return (int64_t)random_word(random) >> random_below(random, 63);
    default:
        return random_below(random, 9);
    }
}

static size_t random_amounts(struct random *random, struct amount_object amounts[RESOURCES])
{
    size_t count = 0;
    for (size_t i = 0; i < RESOURCES; i++) {
        if (random_below(random, 3) > 0) {
            amounts[count++] = (struct amount_object){resources[i], random_amount(random)};
        }
    }
    return count;
}

static void show_node(struct world *world, struct random *random, uint32_t index)
{
    char name[16], rack[16], block[16];
    struct amount_object amounts[RESOURCES];
    snprintf(name, sizeof name, "n%u", index);
    snprintf(rack, sizeof rack, "r%u", index / 2);
    snprintf(block, sizeof block, "b%u", index / 4);
    struct label_object labels[] = {{"kubernetes.io/hostname", name},
                                    {"network.topology.nvidia.com/block", block},
                                    {"topology.kubernetes.io/rack", rack}};
    struct event event = {.type = EVENT_NODE};
    event.node = (struct node_object){.name = name,
                                      .labels = labels,
                                      .label_count = 3,
                                      .allocatable = amounts,
                                      .allocatable_count = random_amounts(random, amounts)};
    world_apply(world, &event);
}

static void show_pod(struct world *world, struct random *random, uint32_t index)
{
    static const char *const levels[] = {NULL, "rack", "block"};
    char uid[16], node[16], gang[16];
    struct amount_object amounts[RESOURCES];
    snprintf(uid, sizeof uid, "p%u", index);
    snprintf(gang, sizeof gang, "g%u", index % 5);
    snprintf(node, sizeof node, "n%u", random_below(random, NODES + 2));
    struct event event = {.type = EVENT_POD};
    event.pod = (struct pod_object){.name_space = "ns",
                                    .name = uid,
                                    .uid = uid,
                                    .node = index % 3 == 0 ? node : NULL,
                                    .gang = index % 4 == 0 ? NULL : gang,
                                    .gang_minimum = 2,
                                    .priority = (int32_t)random_word(random),
                                    .rank = (int32_t)index,
                                    .requests = amounts,
                                    .request_count = random_amounts(random, amounts)};
    event.pod.placement.required_level = levels[index % 5 % 3];
    world_apply(world, &event);
}

/* Everything there is to say. */
static void say_all(struct world *world)
{
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < engine_gang_count(world->engine); i++) {
        struct gang_view view;
        char name[64];
        engine_gang_at(world->engine, i, &arena, &view);
        snprintf(name, sizeof name, "%s", view.name);
        ck_assert_uint_lt(strlen(world_reason(world, name)), 600);
        arena_reset(&arena);
    }
    arena_finish(&arena);
    (void)world_figures(world);
}

static void call(struct world *world, struct random *random)
{
    static const char *const nodes[] = {"n0", "n1", "n2", "n3", "n4", "n5", NULL};
    char uid[16];
    snprintf(uid, sizeof uid, "p%u", random_below(random, PODS));
    const struct filter_reply *reply = world_filter(world, uid, NULL, nodes);
    if (reply->verdict == FILTER_ONE) {
        (void)world_bind(world, uid, nodes[reply->index]);
    } else if (reply->verdict == FILTER_ALL) {
        (void)world_bind(world, uid, nodes[random_below(random, NODES)]);
    }
}

static void step(struct world *world, struct random *random)
{
    char uid[16], node[16];
    snprintf(uid, sizeof uid, "p%u", random_below(random, PODS));
    snprintf(node, sizeof node, "n%u", random_below(random, NODES));
    switch (random_below(random, 8)) {
    case 0:
        show_node(world, random, random_below(random, NODES));
        break;
    case 1:
        world_node_gone(world, node);
        break;
    case 2:
        world_pod_gone(world, uid);
        break;
    case 3:
        call(world, random);
        break;
    case 4:
        world_bound(world, uid, node, random_below(random, 2) == 0 ? WRITE_DONE : WRITE_REFUSED);
        break;
    case 5:
        world_tick(world, random_below(random, 12000));
        break;
    default:
        show_pod(world, random, random_below(random, PODS));
    }
}

/* What is free of a node that nobody is on is what it has. */
static void check_empty(struct world *world, struct random *random)
{
    for (uint32_t i = 0; i < PODS; i++) {
        char uid[16];
        snprintf(uid, sizeof uid, "p%u", i);
        world_pod_gone(world, uid);
    }
    for (uint32_t i = 0; i < NODES; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%u", i);
        if (random_below(random, 2) == 0) {
            show_node(world, random, i);
        }
        uint32_t row = engine_node_row(world->engine, name, strlen(name));
        if (row != NAMES_NONE) {
            const struct node *node = nodes_get(engine_nodes(world->engine), row);
            ck_assert(resources_equal(ledger_free(engine_ledger(world->engine), row),
                                      &node->allocatable));
        }
    }
    world_wait(world, 60000);
}

START_TEST(any_amounts)
{
    struct random random = {(uint64_t)_i + 1};
    struct world world;
    world_init(&world);
    for (uint32_t i = 0; i < NODES; i++) {
        show_node(&world, &random, i);
    }
    world_event(&world, EVENT_SYNCED);
    for (int i = 0; i < STEPS; i++) {
        step(&world, &random);
        say_all(&world);
    }
    check_empty(&world, &random);
    world_finish(&world);
}
END_TEST

int main(void)
{
    const char *lives = getenv("PHALANX_AMOUNTS");
    Suite *suite = suite_create("property amounts");
    TCase *tcase = tcase_create("amounts");
    tcase_add_loop_test(tcase, any_amounts, 0, lives == NULL ? 60 : (int)strtol(lives, NULL, 10));
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
