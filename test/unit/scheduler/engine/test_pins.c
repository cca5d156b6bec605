// SPDX-License-Identifier: Apache-2.0
/* Members whose rules name the one node they may run on: any number of them, without a role for
 * each. Nodes n0, n1, … have 8 GPUs, six in a rack.
 */
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

enum { NODES = 24, PINNED = 17 };

static struct world world;

static void setup(void)
{
    world_init(&world);
    world_racks(&world, NODES / 6, 6);
    world_event(&world, EVENT_SYNCED);
}

static void teardown(void)
{
    world_finish(&world);
}

/* Member i of g, pinned to `node` by a selector on the hostname. */
static void pinned(int index, int count, int64_t gpus, const char *node, const char *required)
{
    struct label_object selector = {"kubernetes.io/hostname", node};
    struct world_pod pod = {.uid = world_member("g", index),
                            .gang = "g",
                            .minimum = count,
                            .gpus = gpus,
                            .rank = index,
                            .required = required,
                            .selector = &selector,
                            .selector_count = 1};
    world_pod(&world, &pod);
}

static void gang_pinned(int64_t gpus, const char *required)
{
    for (int i = 0; i < PINNED; i++) {
        char node[16];
        snprintf(node, sizeof node, "n%d", NODES - 1 - i);
        pinned(i, PINNED, gpus, node, required);
    }
}

START_TEST(more_than_roles)
{
    gang_pinned(8, NULL);
    for (int i = 0; i < PINNED; i++) {
        ck_assert_int_eq(world_number(world_planned(&world, "g", i)), NODES - 1 - i);
    }
}
END_TEST

/* Two fit where three are needed. Which, is asked in several orders, and what one order took is
 * given back before the next: else the room of one member is taken for that of another. */
START_TEST(fewer_fit_than_are_needed)
{
    world_pod(&world, &(struct world_pod){.uid = "x", .gpus = 7, .node = "n0", .rank = -1});
    world_pod(&world, &(struct world_pod){.uid = "y", .gpus = 8, .node = "n2", .rank = -1});
    pinned(0, 3, 0, "n0", NULL);
    pinned(1, 3, 2, "n0", NULL);
    pinned(2, 3, 2, "n1", NULL);
    for (int i = 3; i < 9; i++) {
        pinned(i, 3, 2, "n2", NULL);
    }
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    ck_assert_str_eq(world_planned(&world, "g", 1), "");
}
END_TEST

/* One of the nodes is taken; when it is free, all start. */
START_TEST(one_node_is_taken)
{
    world_pod(&world, &(struct world_pod){.uid = "x", .gpus = 1, .node = "n9", .rank = -1});
    gang_pinned(8, NULL);
    ck_assert_str_eq(world_planned(&world, "g", 0), "");
    const char *reason = world_reason(&world, "g");
    ck_assert_msg(strstr(reason, "cluster is short by 1 of 1 pod") != NULL, "%s", reason);
    world_pod_gone(&world, "x");
    ck_assert_str_eq(world_planned(&world, "g", 0), "n23");
}
END_TEST

/* All nodes are taken: more than have roles. */
START_TEST(all_nodes_are_taken)
{
    for (int i = 0; i < NODES; i++) {
        char uid[16], node[16];
        snprintf(uid, sizeof uid, "x%d", i);
        snprintf(node, sizeof node, "n%d", i);
        world_pod(&world, &(struct world_pod){.uid = uid, .gpus = 1, .node = node, .rank = -1});
    }
    gang_pinned(8, NULL);
    const char *reason = world_reason(&world, "g");
    ck_assert_msg(strstr(reason, "cluster is short by 1 of 1 pod") != NULL, "%s", reason);
    for (int i = 0; i < NODES; i++) {
        char uid[16];
        snprintf(uid, sizeof uid, "x%d", i);
        world_pod_gone(&world, uid);
    }
    ck_assert_str_eq(world_planned(&world, "g", 0), "n23");
}
END_TEST

/* Ten of 24 are enough, and more need a node each than a need has roles. */
START_TEST(ten_nodes_are_free_at_last)
{
    char uid[16], node[16];
    for (int i = 0; i < NODES; i++) {
        snprintf(uid, sizeof uid, "x%d", i);
        snprintf(node, sizeof node, "n%d", i);
        world_pod(&world, &(struct world_pod){.uid = uid, .gpus = 1, .node = node, .rank = -1});
    }
    for (int i = 0; i < NODES; i++) {
        snprintf(node, sizeof node, "n%d", i);
        pinned(i, 10, 8, node, NULL);
    }
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    for (int i = 0; i < 10; i++) {
        snprintf(uid, sizeof uid, "x%d", i);
        world_pod_gone(&world, uid);
    }
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(world_number(world_planned(&world, "g", i)), i);
    }
}
END_TEST

/* The others of the gang find room beside them, and near them. */
START_TEST(others_beside_them)
{
    pinned(0, 4, 6, "n7", NULL);
    pinned(1, 4, 2, "n7", NULL);
    for (int i = 2; i < 4; i++) {
        world_pod(
            &world,
            &(struct world_pod){
                .uid = world_member("g", i), .gang = "g", .minimum = 4, .gpus = 4, .rank = i});
    }
    ck_assert_str_eq(world_planned(&world, "g", 0), "n7");
    ck_assert_str_eq(world_planned(&world, "g", 1), "n7");
    const char *node = world_planned(&world, "g", 2);
    ck_assert_str_ne(node, "n7");
    ck_assert_str_eq(world_planned(&world, "g", 3), node);
    ck_assert_int_eq(world_number(node) / 6, 1);
}
END_TEST

/* Two on one node that has room for one. */
START_TEST(too_many_for_a_node)
{
    pinned(0, 2, 5, "n7", NULL);
    pinned(1, 2, 5, "n7", NULL);
    ck_assert_str_eq(world_planned(&world, "g", 0), "");
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
}
END_TEST

/* Five on one node that has room for four: four start, though two would do. */
START_TEST(as_many_as_the_node_takes)
{
    struct world_pod other = {.uid = "o", .gpus = 8, .node = "n7"};
    world_pod(&world, &other);
    for (int i = 0; i < 5; i++) {
        pinned(i, 2, 2, "n7", NULL);
    }
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    world_pod_gone(&world, "o");
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    for (int i = 0; i < 4; i++) {
        ck_assert_str_eq(world_planned(&world, "g", i), "n7");
    }
    ck_assert_str_eq(world_planned(&world, "g", 4), "");
}
END_TEST

START_TEST(not_in_one_rack)
{
    pinned(0, 2, 8, "n0", "rack");
    pinned(1, 2, 8, "n6", "rack");
    ck_assert_str_eq(world_reason(&world, "g"),
                     "gang ns/g waits: the nodes that its pods name are not all in one rack");
}
END_TEST

/* A node that does not exist, and one that kube-scheduler refuses. */
START_TEST(nowhere)
{
    static const char *const none[] = {NULL};
    pinned(0, 2, 8, "n99", NULL);
    pinned(1, 2, 8, "n0", NULL);
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    world_pod_gone(&world, "g-0");
    pinned(0, 2, 8, "n1", NULL);
    ck_assert_str_eq(world_planned(&world, "g", 0), "n1");
    (void)world_filter(&world, "g-0", "n1", none);
    ck_assert_str_eq(world_planned(&world, "g", 0), "");
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
}
END_TEST

static void affine(int index, const struct term_object *terms, size_t count)
{
    struct amount_object amounts[3];
    struct event event = {.type = EVENT_POD};
    struct world_pod pod = {
        .uid = world_member("g", index), .gang = "g", .minimum = PINNED, .gpus = 8, .rank = index};
    world_fill_pod(&pod, &event.pod, amounts);
    event.pod.terms = terms;
    event.pod.term_count = count;
    world_apply(&world, &event);
}

/* By node affinity, on the node's name or its hostname. */
START_TEST(by_affinity)
{
    for (int i = 0; i < PINNED; i++) {
        char node[16];
        snprintf(node, sizeof node, "n%d", i);
        const char *value = node;
        struct expression_object both[] = {
            {"metadata.name", SELECTOR_IN, true, &value, 1},
            {"kubernetes.io/hostname", SELECTOR_IN, false, &value, 1},
        };
        struct term_object terms[] = {{&both[i % 2], 1}, {&both[1], 1}};
        affine(i, terms, 1 + i % 3 / 2);
    }
    for (int i = 0; i < PINNED; i++) {
        ck_assert_int_eq(world_number(world_planned(&world, "g", i)), i);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/engine: pins");
    TCase *tcase = tcase_create("pins");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, more_than_roles);
    tcase_add_test(tcase, fewer_fit_than_are_needed);
    tcase_add_test(tcase, one_node_is_taken);
    tcase_add_test(tcase, all_nodes_are_taken);
    tcase_add_test(tcase, ten_nodes_are_free_at_last);
    tcase_add_test(tcase, others_beside_them);
    tcase_add_test(tcase, too_many_for_a_node);
    tcase_add_test(tcase, as_many_as_the_node_takes);
    tcase_add_test(tcase, not_in_one_rack);
    tcase_add_test(tcase, nowhere);
    tcase_add_test(tcase, by_affinity);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
