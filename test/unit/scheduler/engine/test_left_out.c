// SPDX-License-Identifier: Apache-2.0
/* What becomes of the nodes of the level that is short: left out by kind, in words and in numbers.
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

struct odd_node {
    const char *name, *rack, *taint;
    int64_t gpus;
    bool cordoned;
};

/* A node like the others but for this; in leaf b<rack / 2>. */
static void odd(const struct odd_node *node)
{
    char block[8] = "b0";
    block[1] = (char)(node->rack == NULL ? '9' : '0' + (node->rack[1] - '0') / 2);
    struct label_object labels[] = {{"kubernetes.io/hostname", node->name},
                                    {"network.topology.nvidia.com/block", block},
                                    {"topology.kubernetes.io/rack", node->rack}};
    struct amount_object amounts[] = {
        {"cpu", 96000}, {"pods", 110}, {"nvidia.com/gpu", node->gpus}};
    struct taint_object taint = {node->taint, "", TAINT_NO_SCHEDULE};
    struct event event = {.type = EVENT_NODE};
    event.node.name = node->name;
    event.node.labels = labels;
    event.node.label_count = node->rack == NULL ? 1 : 3;
    event.node.allocatable = amounts;
    event.node.allocatable_count = node->gpus > 0 ? 3 : 2;
    event.node.taints = &taint;
    event.node.taint_count = node->taint != NULL;
    event.node.unschedulable = node->cordoned;
    world_apply(&world, &event);
}

static void wait_for(int count, const char *required)
{
    for (int i = 0; i < count; i++) {
        struct world_pod pod = {.uid = world_member("g", i),
                                .gang = "g",
                                .minimum = count,
                                .gpus = 8,
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

/* The account in numbers: it adds up, and these kinds are what is expected, the others 0. */
static void check_nodes(uint32_t total, uint32_t rest, const char *kinds)
{
    struct arena arena;
    char text[256] = "";
    arena_init(&arena);
    struct gang_view view = world_view(&world, "g", &arena);
    const struct gang_nodes_view *nodes = &view.shortfall.nodes;
    uint32_t sum = nodes->rest;
    ck_assert(view.shortfall.has_nodes);
    for (uint32_t i = 0; i < nodes->left_out_count; i++) {
        sum += nodes->left_out[i].nodes;
        if (nodes->left_out[i].nodes > 0) {
            size_t length = strlen(text);
            snprintf(text + length, sizeof text - length, "%s%s %u", length > 0 ? ", " : "",
                     nodes->left_out[i].kind, nodes->left_out[i].nodes);
        }
    }
    ck_assert_str_eq(text, kinds);
    ck_assert_uint_eq(nodes->nodes, total);
    ck_assert_uint_eq(nodes->rest, rest);
    ck_assert_uint_eq(sum, total);
    arena_finish(&arena);
}

/* Five nodes have an untolerated taint, one is partly in use: what is short is short there, and who
 * uses it is not in the way, for without it one would fit and not four. */
START_TEST(taints)
{
    for (int i = 0; i < 5; i++) {
        char name[32], rack[32];
        snprintf(name, sizeof name, "n%d", i);
        snprintf(rack, sizeof rack, "r%d", i / 2);
        odd(&(struct odd_node){.name = name, .rack = rack, .taint = "nvidia.com/gpu", .gpus = 8});
    }
    struct world_pod notebook = {.uid = "notebook", .gpus = 2, .node = "n5", .rank = -1};
    world_pod(&world, &notebook);
    wait_for(4, NULL);
    check_reason("gang ns/g waits: cluster is short by 4 of 4 pods (0 fit, each needs "
                 "nvidia.com/gpu 8); of its 6 nodes, 5 nodes have an untolerated taint "
                 "(nvidia.com/gpu)");
    check_nodes(6, 1, "taint 5");
    odd(&(struct odd_node){.name = "n0", .rack = "r0", .taint = "other", .gpus = 8});
    check_reason("gang ns/g waits: cluster is short by 4 of 4 pods (0 fit, each needs "
                 "nvidia.com/gpu 8); of its 6 nodes, 5 nodes have an untolerated taint");
}
END_TEST

/* No GPUs are short where none can be used. */
START_TEST(cordons)
{
    for (int i = 0; i < 6; i++) {
        char name[32], rack[32];
        snprintf(name, sizeof name, "n%d", i);
        snprintf(rack, sizeof rack, "r%d", i / 2);
        odd(&(struct odd_node){.name = name, .rack = rack, .gpus = 8, .cordoned = true});
    }
    wait_for(4, NULL);
    check_reason("gang ns/g waits: cluster is short by 4 of 4 pods (0 fit); of its 6 nodes, 6 "
                 "nodes are cordoned");
    check_nodes(6, 0, "cordon 6");
}
END_TEST

START_TEST(a_selector_that_is_misspelt)
{
    struct label_object selector = {"pool", "H100"};
    for (int i = 0; i < 4; i++) {
        struct world_pod pod = {.uid = world_member("g", i),
                                .gang = "g",
                                .minimum = 4,
                                .gpus = 8,
                                .rank = i,
                                .selector = &selector,
                                .selector_count = 1};
        world_pod(&world, &pod);
    }
    check_reason("gang ns/g waits: cluster is short by 4 of 4 pods (0 fit); of its 6 nodes, 6 "
                 "nodes do not match the node selector or affinity");
    check_nodes(6, 0, "selector 6");
}
END_TEST

START_TEST(a_resource_that_nobody_has)
{
    for (int i = 0; i < 6; i++) {
        char name[32], rack[32];
        snprintf(name, sizeof name, "n%d", i);
        snprintf(rack, sizeof rack, "r%d", i / 2);
        odd(&(struct odd_node){.name = name, .rack = rack, .taint = "even so"});
    }
    wait_for(4, NULL);
    check_reason("gang ns/g waits: cluster is short by 4 of 4 pods (0 fit); no node has "
                 "nvidia.com/gpu at all");
    check_nodes(6, 0, "noResource 6");
    odd(&(struct odd_node){.name = "n0", .rack = "r0", .gpus = 4});
    check_reason("gang ns/g waits: cluster is short by 4 of 4 pods (0 fit, each needs "
                 "nvidia.com/gpu 8); of its 6 nodes, 5 nodes have no nvidia.com/gpu");
    check_nodes(6, 1, "noResource 5");
}
END_TEST

/* In the best rack only what lies there counts; a node of no known rack is named beside it. */
START_TEST(the_best_rack)
{
    odd(&(struct odd_node){.name = "n0", .rack = "r0", .gpus = 8, .cordoned = true});
    odd(&(struct odd_node){.name = "n1", .rack = "r0", .gpus = 8, .cordoned = true});
    odd(&(struct odd_node){.name = "n3", .rack = "r1", .taint = "a", .gpus = 8});
    odd(&(struct odd_node){.name = "n4", .rack = "r2", .gpus = 8, .cordoned = true});
    odd(&(struct odd_node){.name = "stray", .gpus = 8});
    odd(&(struct odd_node){.name = "plain"});
    wait_for(2, "rack");
    check_reason("gang ns/g waits: rack is short by 1 of 2 pods (1 fits in the best one, "
                 "b0/r1, each needs nvidia.com/gpu 8); of its 2 nodes, 1 node has an "
                 "untolerated taint (a); 1 more with room is in no known rack; all would fit "
                 "in one cluster");
    check_nodes(2, 1, "taint 1");
}
END_TEST

/* None fits in any rack: all nodes are looked at. */
START_TEST(no_best_rack)
{
    for (int i = 0; i < 6; i++) {
        char name[32], rack[32];
        snprintf(name, sizeof name, "n%d", i);
        snprintf(rack, sizeof rack, "r%d", i / 2);
        odd(&(struct odd_node){.name = name,
                               .rack = rack,
                               .taint = i < 3 ? "a" : NULL,
                               .gpus = 8,
                               .cordoned = i >= 3});
    }
    odd(&(struct odd_node){.name = "stray", .gpus = 8});
    odd(&(struct odd_node){.name = "plain"});
    wait_for(2, "rack");
    check_reason("gang ns/g waits: rack is short by 2 of 2 pods (0 fit in the best one, "
                 "b0/r0); of the cluster's 8 nodes, 1 node has no nvidia.com/gpu, 1 node is "
                 "in no known rack, 3 nodes are cordoned, 3 nodes have an untolerated taint "
                 "(a)");
    check_nodes(8, 0, "noResource 1, unknownTopology 1, cordon 3, taint 3");
}
END_TEST

/* A gang with a leaf of its own keeps its nodes, and without it there would be room. */
START_TEST(an_exclusive_gang)
{
    static const struct placement_object own_leaf = {.exclusive_level = "leaf"};
    struct world_pod owner = {.uid = "owner-0",
                              .gang = "owner",
                              .minimum = 1,
                              .gpus = 1,
                              .rank = 0,
                              .node = "n0",
                              .placement = &own_leaf};
    world_pod(&world, &owner);
    wait_for(5, NULL);
    check_reason("gang ns/g waits: cluster is short by 3 of 5 pods (2 fit, each needs "
                 "nvidia.com/gpu 8); of its 6 nodes, 4 nodes are kept by an exclusive gang; "
                 "blocked by gang ns/owner");
    check_nodes(6, 2, "exclusive 4");
}
END_TEST

/* It wants a leaf of its own, and others are in every one. */
START_TEST(a_gang_that_wants_to_be_alone)
{
    static const struct placement_object own_leaf = {.exclusive_level = "leaf"};
    struct world_pod other = {.uid = "a-0", .gang = "a", .minimum = 1, .rank = 0, .node = "n0"};
    world_pod(&world, &other);
    other = (struct world_pod){.uid = "b-0", .gang = "b", .minimum = 1, .rank = 0, .node = "n4"};
    world_pod(&world, &other);
    struct world_pod pod = {
        .uid = "g-0", .gang = "g", .minimum = 1, .gpus = 8, .rank = 0, .placement = &own_leaf};
    world_pod(&world, &pod);
    check_reason("gang ns/g waits: cluster is short by 1 of 1 pod (0 fit); of its 6 nodes, 6 "
                 "nodes are not free of other gangs; blocked by gang ns/a");
    check_nodes(6, 0, "exclusive 6");
}
END_TEST

/* kube-scheduler refused the only free node. */
START_TEST(a_veto)
{
    for (int i = 1; i < 6; i++) {
        char uid[32], node[32];
        snprintf(uid, sizeof uid, "o%d", i);
        snprintf(node, sizeof node, "n%d", i);
        struct world_pod pod = {.uid = uid, .gpus = 8, .node = node, .rank = -1};
        world_pod(&world, &pod);
    }
    struct world_pod pod = {.uid = "g-0", .gang = "g", .minimum = 1, .gpus = 8, .rank = 0};
    world_pod(&world, &pod);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    static const char *const others[] = {"n1", "n2", NULL};
    world_filter(&world, "g-0", "n0", others);
    world_wait(&world, 5000);
    check_reason("gang ns/g waits: cluster is short by 1 of 1 pod (0 fit, each needs "
                 "nvidia.com/gpu 8); of its 6 nodes, 1 node was refused by kube-scheduler; "
                 "blocked by non-gang pods");
    check_nodes(6, 5, "veto 1");
}
END_TEST

/* A host port that others have on some nodes, and that each of its pods needs for itself. */
START_TEST(a_host_port)
{
    static const struct claim_object port = {"host port 80/TCP", true};
    struct amount_object amounts[3];
    for (int i = 0; i < 2; i++) {
        struct event event = {.type = EVENT_POD};
        struct world_pod pod = {.uid = i == 0 ? "o0" : "o1", .node = i == 0 ? "n0" : "n3"};
        world_fill_pod(&pod, &event.pod, amounts);
        event.pod.claims = &port;
        event.pod.claim_count = 1;
        world_apply(&world, &event);
    }
    for (int i = 0; i < 5; i++) {
        struct event event = {.type = EVENT_POD};
        struct world_pod pod = {
            .uid = world_member("g", i), .gang = "g", .minimum = 5, .gpus = 2, .rank = i};
        world_fill_pod(&pod, &event.pod, amounts);
        event.pod.claims = &port;
        event.pod.claim_count = 1;
        world_apply(&world, &event);
    }
    check_reason("gang ns/g waits: cluster is short by 1 of 5 pods (4 fit, each needs host port "
                 "80/TCP); of its 6 nodes, 2 nodes have a conflicting pod (host port 80/TCP); "
                 "blocked by non-gang pods");
    check_nodes(6, 4, "conflict 2");
}
END_TEST

/* What is short on the nodes that are left, and how much of it each pod asks for. */
START_TEST(what_is_scarce)
{
    wait_for(7, NULL);
    struct arena arena;
    arena_init(&arena);
    const struct gang_view view = world_view(&world, "g", &arena);
    ck_assert_str_eq(view.shortfall.nodes.scarce, "nvidia.com/gpu");
    ck_assert_int_eq(view.shortfall.nodes.each, 8);
    arena_finish(&arena);
}
END_TEST

/* Nothing changes: neither do the words, nor does anybody hear of it again. */
START_TEST(the_same_words_while_nothing_changes)
{
    odd(&(struct odd_node){.name = "n0", .rack = "r0", .gpus = 8, .cordoned = true});
    wait_for(6, NULL);
    char first[600];
    snprintf(first, sizeof first, "%s", world_reason(&world, "g"));
    for (int i = 0; i < 5; i++) {
        world_wait(&world, 20000);
        ck_assert_uint_eq(world_count(&world, EFFECT_EVENT), 0);
        check_reason(first);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_left_out");
    TCase *tcase = tcase_create("engine");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, taints);
    tcase_add_test(tcase, cordons);
    tcase_add_test(tcase, a_selector_that_is_misspelt);
    tcase_add_test(tcase, a_resource_that_nobody_has);
    tcase_add_test(tcase, the_best_rack);
    tcase_add_test(tcase, no_best_rack);
    tcase_add_test(tcase, an_exclusive_gang);
    tcase_add_test(tcase, a_gang_that_wants_to_be_alone);
    tcase_add_test(tcase, a_veto);
    tcase_add_test(tcase, a_host_port);
    tcase_add_test(tcase, what_is_scarce);
    tcase_add_test(tcase, the_same_words_while_nothing_changes);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
