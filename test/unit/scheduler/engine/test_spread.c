// SPDX-License-Identifier: Apache-2.0
/* Gangs whose pods are to be spread over racks. Every rack has two nodes of 8 GPUs; a member asks
 * for 2.
 */
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

enum { RACKS_MOST = 4 };

static struct world world;

static const char rack_key[] = "topology.kubernetes.io/rack";

static void setup_racks(int racks)
{
    world_init(&world);
    world_racks(&world, racks, 2);
    world_event(&world, EVENT_SYNCED);
}

static void teardown(void)
{
    world_finish(&world);
}

static void member(int index, int count, const char *node, struct spread_object spread)
{
    struct amount_object amounts[3];
    struct event event = {.type = EVENT_POD};
    struct world_pod pod = {.uid = world_member("g", index),
                            .gang = "g",
                            .minimum = count,
                            .gpus = 2,
                            .node = node,
                            .rank = index};
    world_fill_pod(&pod, &event.pod, amounts);
    event.pod.spread = spread;
    world_apply(&world, &event);
}

static void gang(int count, struct spread_object spread)
{
    for (int i = 0; i < count; i++) {
        member(i, count, NULL, spread);
    }
}

static void fill(const char *node)
{
    world_pod(&world, &(struct world_pod){.uid = node, .gpus = 8, .node = node, .rank = -1});
}

/* How many are in each rack: "2 2". */
static const char *counts(int racks, int count)
{
    static char text[64];
    int found[RACKS_MOST] = {0};
    size_t length = 0;
    for (int i = 0; i < count; i++) {
        const char *node = world_planned(&world, "g", i);
        found[node[0] == '\0' ? 0 : world_number(node) / 2] += node[0] != '\0';
    }
    for (int r = 0; r < racks; r++) {
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%d", r == 0 ? "" : " ",
                                   found[r]);
    }
    return text;
}

START_TEST(evenly)
{
    setup_racks(2);
    gang(4, (struct spread_object){rack_key, 1, 0});
    ck_assert_str_eq(counts(2, 4), "2 2");
    /* In turn, and as near as can be inside. */
    ck_assert_str_eq(world_planned(&world, "g", 0), world_planned(&world, "g", 2));
    ck_assert_str_eq(world_planned(&world, "g", 1), world_planned(&world, "g", 3));
}
END_TEST

/* The rest goes where there is most room. */
START_TEST(unevenly)
{
    setup_racks(3);
    fill("n0");
    fill("n4");
    gang(7, (struct spread_object){rack_key, 1, 0});
    ck_assert_str_eq(counts(3, 7), "2 3 2");
}
END_TEST

/* A full rack counts: it keeps the others down. */
START_TEST(a_full_rack)
{
    setup_racks(2);
    fill("n0");
    fill("n1");
    gang(2, (struct spread_object){rack_key, 1, 0});
    ck_assert_str_eq(counts(2, 2), "0 0");
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    world_pod_gone(&world, "n1");
    ck_assert_str_eq(counts(2, 2), "1 1");
}
END_TEST

START_TEST(a_greater_skew)
{
    setup_racks(2);
    fill("n0");
    fill("n1");
    gang(2, (struct spread_object){rack_key, 2, 0});
    ck_assert_str_eq(counts(2, 2), "0 2");
}
END_TEST

/* Fewer racks than there have to be: the fewest count as none. */
START_TEST(too_few_racks)
{
    setup_racks(2);
    gang(4, (struct spread_object){rack_key, 1, 3});
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    world_node(&world, "n4", "b1", "r2", 8);
    ck_assert_str_eq(counts(3, 4), "2 1 1");
}
END_TEST

/* Members that run count. */
START_TEST(beside_those_that_run)
{
    struct spread_object spread = {rack_key, 1, 0};
    setup_racks(2);
    member(0, 1, "n0", spread);
    member(1, 1, "n1", spread);
    for (int i = 2; i < 4; i++) {
        member(i, 1, NULL, spread);
    }
    ck_assert_str_eq(counts(2, 4), "2 2");
}
END_TEST

/* Who comes out of turn is refused until others have come; that is no veto, but for the last. */
START_TEST(out_of_turn)
{
    static const char *const none[] = {NULL};
    setup_racks(2);
    gang(2, (struct spread_object){rack_key, 1, 0});
    char node[64];
    snprintf(node, sizeof node, "%s", world_planned(&world, "g", 1));
    (void)world_filter(&world, "g-1", node, none);
    ck_assert_str_eq(world_planned(&world, "g", 1), node);
    world_bind(&world, "g-0", world_planned(&world, "g", 0));
    (void)world_filter(&world, "g-1", node, none);
    ck_assert_str_ne(world_planned(&world, "g", 1), node);
}
END_TEST

/* What is no level is left to kube-scheduler. */
START_TEST(an_unknown_label)
{
    setup_racks(2);
    gang(4, (struct spread_object){"example.com/row", 1, 0});
    ck_assert_str_eq(counts(2, 4), "4 0");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/engine: spread");
    TCase *tcase = tcase_create("spread");
    tcase_add_checked_fixture(tcase, NULL, teardown);
    tcase_add_test(tcase, evenly);
    tcase_add_test(tcase, unevenly);
    tcase_add_test(tcase, a_full_rack);
    tcase_add_test(tcase, a_greater_skew);
    tcase_add_test(tcase, too_few_racks);
    tcase_add_test(tcase, beside_those_that_run);
    tcase_add_test(tcase, out_of_turn);
    tcase_add_test(tcase, an_unknown_label);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
