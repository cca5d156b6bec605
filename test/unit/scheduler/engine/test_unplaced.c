// SPDX-License-Identifier: Apache-2.0
/* Members without a place in a gang whose others have one: who they are, and why.
 *
 *   leaf b0 ┬ rack r0   n0 n1         8 GPUs each
 *           └ rack r1   n2 n3
 */
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

static struct world world;

static void setup(void)
{
    world_init(&world);
    world_racks(&world, 2, 2);
    world_event(&world, EVENT_SYNCED);
}

static void teardown(void)
{
    world_finish(&world);
}

/* Members of a gang that come together. */
static void members(const char *role, int count, int32_t minimum, int64_t gpus,
                    const char *required)
{
    for (int i = 0; i < count; i++) {
        struct amount_object amounts[3];
        struct event event = {.type = EVENT_POD, .more = true};
        struct world_pod pod = {.uid = world_member(role, i),
                                .gang = "g",
                                .role = role,
                                .minimum = minimum,
                                .gpus = gpus,
                                .rank = i,
                                .required = required};
        world_fill_pod(&pod, &event.pod, amounts);
        world_apply(&world, &event);
    }
    world_event(&world, EVENT_TICK);
}

/* Why the member has no place, to somebody who asks; "" when it has one. */
static const char *why(const char *pod)
{
    static char text[600];
    struct arena arena;
    (void)world_reason(&world, "g");
    arena_init(&arena);
    struct gang_view view = world_view(&world, "g", &arena);
    snprintf(text, sizeof text, "no such member");
    for (uint32_t i = 0; i < view.member_count; i++) {
        if (strcmp(view.members[i].pod, pod) == 0) {
            const char *reason = view.members[i].reason;
            snprintf(text, sizeof text, "%s", reason == NULL ? "" : reason);
        }
    }
    arena_finish(&arena);
    return text;
}

/* The quorum starts; the others find no room in its rack. */
START_TEST(beyond_the_room_of_the_rack)
{
    members("w", 5, 2, 8, "rack");
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    ck_assert_str_eq(why("w-0"), "");
    ck_assert_str_eq(why("w-1"), "");
    for (int i = 2; i < 5; i++) {
        ck_assert_str_eq(why(world_member("w", i)),
                         "the rest of gang ns/g waits: rack is short by 3 of 3 pods (0 fit in the "
                         "best one, b0/r0, each needs nvidia.com/gpu 8)");
    }
    ck_assert_ptr_nonnull(
        strstr(world_reason(&world, "g"), "; 3 more have no place: w-2, w-3, w-4"));
}
END_TEST

/* Each shape has its own reason, and who only waits for its turn is told that. */
START_TEST(each_shape_has_its_own)
{
    members("head", 1, 1, 8, NULL);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    members("small", 2, 1, 8, NULL);
    members("large", 2, 1, 9, NULL);
    ck_assert_str_eq(why("head-0"), "");
    ck_assert_str_eq(why("small-1"),
                     "gang ns/g starts without it, and it is planned when the others are bound");
    ck_assert_str_eq(why("large-0"), "the rest of gang ns/g waits: cluster is short by 2 of 2 pods "
                                     "(0 fit, each needs nvidia.com/gpu 9)");
}
END_TEST

/* The account is there as well, and nothing of it is said once it does not hold any more. */
START_TEST(what_changes)
{
    struct label_object labels[] = {{"kubernetes.io/hostname", "n4"}};
    struct amount_object amounts[] = {{"cpu", 96000}, {"nvidia.com/gpu", 8}, {"pods", 110}};
    struct event event = {.type = EVENT_NODE};
    event.node = (struct node_object){.name = "n4",
                                      .labels = labels,
                                      .label_count = 1,
                                      .allocatable = amounts,
                                      .allocatable_count = 3,
                                      .unschedulable = true};
    world_apply(&world, &event);
    members("w", 5, 4, 8, NULL);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    ck_assert_str_eq(why("w-4"), "the rest of gang ns/g waits: cluster is short by 1 of 1 pod (0 "
                                 "fit, each needs nvidia.com/gpu 8); of its 5 nodes, 1 node is "
                                 "cordoned");
    event.node.unschedulable = false;
    world_apply(&world, &event);
    ck_assert_str_eq(why("w-4"),
                     "gang ns/g starts without it, and it is planned when the others are bound");
}
END_TEST

/* The list in words is short, however many there are. */
START_TEST(a_short_list)
{
    members("w", 20, 4, 8, NULL);
    ck_assert_ptr_nonnull(strstr(world_reason(&world, "g"), "; 16 more have no place: w-4, w-5, "
                                                            "w-6, …"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_unplaced");
    TCase *tcase = tcase_create("engine");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, beyond_the_room_of_the_rack);
    tcase_add_test(tcase, each_shape_has_its_own);
    tcase_add_test(tcase, what_changes);
    tcase_add_test(tcase, a_short_list);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
