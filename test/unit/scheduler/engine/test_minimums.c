// SPDX-License-Identifier: Apache-2.0
/* Minimums of roles, as part of the one rule of the quorum. Racks r0 = n0 … n3 and r1 = n4 … n7, 8
 * GPUs each. */
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

static struct world world;

static void setup(void)
{
    world_init(&world);
    world_racks(&world, 2, 4);
    world_event(&world, EVENT_SYNCED);
}

static void teardown(void)
{
    world_finish(&world);
}

static void group(int minimum, const char *minimums)
{
    struct event event = {.type = EVENT_GROUP};
    event.group =
        (struct group_object){.name_space = "ns", .name = "g", .uid = "g", .minimum = minimum};
    event.group.elastic.minimums = minimums;
    world_apply(&world, &event);
}

/* So many pods <role>-0 … of the role, each of so many GPUs; the last ones of a list if `last`. */
static void show(const char *role, int count, int gpus, bool last)
{
    for (int i = 0; i < count; i++) {
        struct amount_object amounts[3];
        struct world_pod pod = {
            .uid = world_member(role, i), .gang = "g", .gpus = gpus, .rank = i, .role = role};
        struct event event = {.type = EVENT_POD, .more = !last || i + 1 < count};
        world_fill_pod(&pod, &event.pod, amounts);
        world_apply(&world, &event);
    }
}

static const char *where(const char *role, int index)
{
    static char nodes[16][64];
    static unsigned turn;
    return world_node_of(&world, "g", world_member(role, index), nodes[turn++ % 16]);
}

static int planned(const char *role, int count)
{
    int found = 0;
    for (int i = 0; i < count; i++) {
        found += where(role, i)[0] != '\0';
    }
    return found;
}

static void vote(const char *role, int first, int count)
{
    for (int i = first; i < first + count; i++) {
        world_bind(&world, world_member(role, i), where(role, i));
    }
}

static void check_reason(const char *text)
{
    ck_assert_str_eq(world_reason(&world, "g"), text);
}

/* ---- who has to exist ---- */

START_TEST(a_role_that_lacks_is_waited_for)
{
    group(2, "master=1,worker=3");
    show("worker", 2, 8, true);
    ck_assert_int_eq(world_state(&world, "g"), GANG_GATHERING);
    check_reason(
        "gang ns/g waits until 1 more pod of role \"master\" exists (0 of 1), 1 more pod of "
        "role \"worker\" exists (2 of 3); its pods are of role \"worker\"");
    show("master", 1, 0, true);
    show("worker", 3, 8, true);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    ck_assert_int_eq(planned("worker", 3) + planned("master", 1), 4);
}
END_TEST

/* Many others do not make up for it. */
START_TEST(nobody_has_the_role)
{
    group(2, "boss=1");
    show("worker", 6, 1, true);
    ck_assert_int_eq(world_state(&world, "g"), GANG_GATHERING);
    check_reason(
        "gang ns/g waits until 1 more pod of role \"boss\" exists (0 of 1); its pods are of "
        "role \"worker\"");
}
END_TEST

/* More than minMember: the sum counts. */
START_TEST(the_sum_counts)
{
    struct arena arena;
    group(1, "master=1,worker=3");
    show("master", 1, 0, false);
    show("worker", 4, 8, true);
    arena_init(&arena);
    struct gang_view view = world_view(&world, "g", &arena);
    ck_assert_int_eq(view.minimum, 4);
    ck_assert_uint_eq(view.role_count, 2);
    ck_assert_str_eq(view.roles[0].role, "master");
    ck_assert_int_eq(view.roles[0].minimum, 1);
    ck_assert_uint_eq(view.roles[1].missing, 3);
    arena_finish(&arena);
}
END_TEST

START_TEST(a_fault_is_said)
{
    group(1, "master=1,worker=x");
    show("worker", 3, 1, true);
    ck_assert_int_eq(world_state(&world, "g"), GANG_GATHERING);
    check_reason(
        "gang ns/g waits: role minimums: role \"worker\" is \"x\", must be a whole number, "
        "1 or more");
    group(1, "worker=2");
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
}
END_TEST

/* Of the pods where there is no object, of each role the greatest. */
static void show_saying(const char *role, int index, const char *minimums)
{
    struct amount_object amounts[3];
    struct world_pod pod = {.uid = world_member(role, index),
                            .gang = "g",
                            .gpus = 1,
                            .rank = index,
                            .role = role,
                            .minimum = 1};
    struct event event = {.type = EVENT_POD};
    world_fill_pod(&pod, &event.pod, amounts);
    event.pod.elastic.minimums = minimums;
    world_apply(&world, &event);
}

START_TEST(pods_say)
{
    show_saying("a", 0, "a=1,b=1");
    ck_assert_int_eq(world_state(&world, "g"), GANG_GATHERING);
    show_saying("b", 0, "b=2");
    ck_assert_int_eq(world_state(&world, "g"), GANG_GATHERING);
    show_saying("b", 1, NULL);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    world_pod_gone(&world, "b-1");
    ck_assert_int_eq(world_state(&world, "g"), GANG_GATHERING);
    show_saying("b", 0, NULL); /* who wanted two of them says so no more */
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    group(1, "b=3"); /* the object comes before them */
    ck_assert_int_eq(world_state(&world, "g"), GANG_GATHERING);
}
END_TEST

START_TEST(pods_say_too_many_things)
{
    char minimums[17][16];
    for (int i = 0; i < 17; i++) {
        snprintf(minimums[i], sizeof minimums[i], "a=%d", 1 + i % 2 + 10 * (i / 2));
        show_saying("a", i, minimums[i]);
    }
    ck_assert_int_eq(world_state(&world, "g"), GANG_GATHERING);
    check_reason("gang ns/g waits: role minimums: its pods say more than 16 different things");
    world_pod_gone(&world, "a-16");
    check_reason("gang ns/g waits until 56 more pods of role \"a\" exist (16 of 72)");
}
END_TEST

/* ---- who is planned and bound ---- */

/* 8 nodes: the head first, and no worker in its place. */
START_TEST(a_role_before_many_members)
{
    group(3, "head=1");
    show("worker", 8, 8, false);
    show("head", 1, 8, true);
    ck_assert_int_eq(planned("head", 1), 1);
    ck_assert_int_eq(planned("worker", 8), 7);
}
END_TEST

/* Six that fit do not start without the one that does not. */
START_TEST(none_without_the_role)
{
    group(3, "head=1");
    show("worker", 6, 1, false);
    show("head", 1, 9, true);
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    ck_assert_int_eq(planned("worker", 6), 0);
    ck_assert_ptr_nonnull(strstr(world_reason(&world, "g"), "of role \"head\""));
}
END_TEST

/* Votes count by role: three workers are no quorum. */
START_TEST(votes_of_each_role)
{
    group(2, "head=1,worker=1");
    show("head", 1, 8, false);
    show("worker", 3, 8, true);
    vote("worker", 0, 3);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 0);
    vote("head", 0, 1);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 4);
}
END_TEST

static void show_bound(const char *role, int index, const char *node, bool succeeded,
                       const char *owner)
{
    struct world_pod pod = {.uid = world_member(role, index),
                            .gang = "g",
                            .gpus = 8,
                            .rank = index,
                            .role = role,
                            .node = node,
                            .owner = owner,
                            .succeeded = succeeded};
    world_pod(&world, &pod);
}

/* What is lost of a role is made whole, though the number of all is there; all that is missing or
 * nothing. */
START_TEST(a_role_is_made_whole)
{
    static const char *const busy[] = {"n4", "n5", "n6", "n7", NULL};
    world_fill(&world, busy);
    group(3, "head=2,worker=1");
    for (int i = 0; i < 3; i++) {
        show_bound("worker", i, i == 0 ? "n0" : i == 1 ? "n1" : "n2", false, NULL);
    }
    ck_assert_int_eq(world_state(&world, "g"), GANG_COMMITTING);
    show("head", 2, 8, true); /* there is room for one */
    ck_assert_int_eq(planned("head", 2), 0);
    world_pod_gone(&world, "n4");
    ck_assert_int_eq(planned("head", 2), 2);
    vote("head", 0, 1);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 0);
    vote("head", 1, 1);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 2);
    world_bound(&world, "head-0", where("head", 0), WRITE_DONE);
    ck_assert_int_eq(world_state(&world, "g"), GANG_COMMITTING);
    world_bound(&world, "head-1", where("head", 1), WRITE_DONE);
    ck_assert_int_eq(world_state(&world, "g"), GANG_PLACED);
}
END_TEST

/* A head that succeeded in this run counts for its role, one of an earlier run does not; nor does a
 * worker in its place. */
START_TEST(done_counts_by_role)
{
    group(1, "head=1");
    show_bound("head", 0, "n0", true, "monday");
    show_bound("worker", 0, "n1", true, "tuesday");
    struct world_pod pod = {
        .uid = "worker-1", .gang = "g", .gpus = 8, .rank = 1, .role = "worker", .owner = "tuesday"};
    world_pod(&world, &pod);
    ck_assert_int_eq(world_state(&world, "g"), GANG_GATHERING);
    show_bound("head", 1, "n2", true, "tuesday");
    ck_assert_int_eq(world_state(&world, "g"), GANG_PLACED);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/engine/minimums");
    TCase *tcase = tcase_create("minimums");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_role_that_lacks_is_waited_for);
    tcase_add_test(tcase, nobody_has_the_role);
    tcase_add_test(tcase, the_sum_counts);
    tcase_add_test(tcase, a_fault_is_said);
    tcase_add_test(tcase, pods_say);
    tcase_add_test(tcase, pods_say_too_many_things);
    tcase_add_test(tcase, a_role_before_many_members);
    tcase_add_test(tcase, none_without_the_role);
    tcase_add_test(tcase, votes_of_each_role);
    tcase_add_test(tcase, a_role_is_made_whole);
    tcase_add_test(tcase, done_counts_by_role);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
