// SPDX-License-Identifier: Apache-2.0
/* Rules that only kube-scheduler knows, learned from its refusals: the test plays one that lets so
 * many members on a node, or none, and counts how often it has to be asked.
 */
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

enum { NODES_MOST = 16 };

static struct world world;
static char names[NODES_MOST][12];
static int nodes;
static int takes[NODES_MOST];   /* members that a node takes */
static int members[NODES_MOST]; /* accepted there */
static int sent_away;           /* of those who had voted */

static void setup_nodes(int racks, int per_rack, int each)
{
    world_init(&world);
    world_racks(&world, racks, per_rack);
    world_event(&world, EVENT_SYNCED);
    nodes = racks * per_rack;
    sent_away = 0;
    for (int i = 0; i < nodes; i++) {
        snprintf(names[i], sizeof names[i], "n%d", i);
        takes[i] = each;
        members[i] = 0;
    }
}

static void teardown(void)
{
    world_finish(&world);
}

static void show(const char *gang, int count, int index, int64_t gpus, const char *nominated)
{
    struct world_pod pod = {.uid = world_member(gang, index),
                            .gang = gang,
                            .minimum = count,
                            .gpus = gpus,
                            .rank = index,
                            .nominated = nominated};
    world_pod(&world, &pod);
}

/* kube-scheduler tries the member with its nomination: on the nodes that still take one more. True
 * when it is let on the planned node, and then it votes. */
static bool try_member(const char *gang, int count, int index, int64_t gpus)
{
    const char *open[NODES_MOST + 1];
    char planned[64];
    int found = 0;
    world_node_of(&world, gang, world_member(gang, index), planned);
    if (planned[0] == '\0') {
        return false;
    }
    show(gang, count, index, gpus, planned);
    for (int i = 0; i < nodes; i++) {
        if (members[i] < takes[i]) {
            open[found++] = names[i];
        }
    }
    open[found] = NULL;
    const struct filter_reply *reply =
        world_filter(&world, world_member(gang, index), planned, open);
    sent_away += (int)world_count(&world, EFFECT_BIND_REPLY);
    if (reply->verdict != FILTER_ONE) {
        return false;
    }
    const char *node = open[reply->index];
    members[world_number(node)]++;
    world_bind(&world, world_member(gang, index), node);
    return true;
}

/* Tries all in turn until all have voted; returns how often one was tried. */
static int play(const char *gang, int count, int64_t gpus)
{
    bool voted[64] = {false};
    int left = count;
    int tries = 0;
    for (int i = 0; i < count; i++) {
        show(gang, count, i, gpus, NULL);
    }
    while (left > 0 && tries < 500) {
        for (int i = 0; i < count; i++) {
            if (!voted[i]) {
                voted[i] = try_member(gang, count, i, gpus);
                left -= voted[i];
                tries++;
            }
        }
    }
    ck_assert_int_eq(left, 0);
    ck_assert_int_eq(sent_away, 0);
    return tries;
}

/* One member a node, on 16 empty ones: every member is asked about twice at the most. */
START_TEST(one_on_each)
{
    setup_nodes(2, 8, 1);
    int tries = play("g", 16, 1);
    ck_assert_msg(tries <= 32, "%d tries", tries);
}
END_TEST

START_TEST(three_on_each)
{
    setup_nodes(2, 4, 3);
    int tries = play("g", 16, 1);
    ck_assert_msg(tries <= 40, "%d tries", tries);
}
END_TEST

/* One node takes none, another one: the others are used in full. */
START_TEST(some_take_fewer)
{
    setup_nodes(1, 4, 8);
    takes[0] = 0;
    takes[1] = 1;
    (void)play("g", 17, 1);
    ck_assert_int_eq(members[1], 1);
    ck_assert_int_eq(members[2] + members[3], 16);
}
END_TEST

/* Nobody takes a member more than it is said: 8 are too many for what there is. */
START_TEST(too_many)
{
    setup_nodes(1, 4, 1);
    for (int i = 0; i < 8; i++) {
        show("g", 8, i, 1, NULL);
    }
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 8; i++) {
            (void)try_member("g", 8, i, 1);
        }
    }
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
}
END_TEST

/* Votes are given up only when that makes room for a tighter plan. */
START_TEST(tighter_elsewhere)
{
    setup_nodes(2, 2, 8);
    /* One rack does, r0 first; when n1 refuses, r1 still does for all. */
    for (int i = 0; i < 2; i++) {
        show("g", 2, i, 8, NULL);
    }
    char node[64];
    ck_assert_str_eq(world_node_of(&world, "g", "g-0", node), "n0");
    takes[1] = 0;
    ck_assert(try_member("g", 2, 0, 8));
    ck_assert(try_member("g", 2, 1, 8)); /* planned again in the same call */
    ck_assert_int_eq(sent_away, 1);
    ck_assert_str_eq(world_node_of(&world, "g", "g-0", node), "n2");
    ck_assert_str_eq(world_node_of(&world, "g", "g-1", node), "n3");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/engine: vetoes");
    TCase *tcase = tcase_create("vetoes");
    tcase_add_checked_fixture(tcase, NULL, teardown);
    tcase_add_test(tcase, one_on_each);
    tcase_add_test(tcase, three_on_each);
    tcase_add_test(tcase, some_take_fewer);
    tcase_add_test(tcase, too_many);
    tcase_add_test(tcase, tighter_elsewhere);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
