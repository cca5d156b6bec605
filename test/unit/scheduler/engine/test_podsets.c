// SPDX-License-Identifier: Apache-2.0
/* What a pod template asks for holds for its role: required and preferred levels, slices, exclusive
 * domains. What the group object asks for holds for all.
 *
 *   leaf b0  ┬ rack r0   n0 n1 n2         8 GPUs each; a pod of 8 GPUs takes a node
 *            └ rack r1   n3 n4 n5
 *   leaf b1  ┬ rack r2   n6 n7 n8
 *            └ rack r3   n9 n10 n11
 */
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

enum { PER_RACK = 3, NOWHERE = -1 };

static struct world world;

static void setup(void)
{
    world_init(&world);
    world_racks(&world, 4, PER_RACK);
    world_event(&world, EVENT_SYNCED);
}

static void teardown(void)
{
    world_finish(&world);
}

static void fill(const char *node, int64_t gpus)
{
    struct world_pod pod = {.uid = node, .gpus = gpus, .node = node, .rank = -1};
    world_pod(&world, &pod);
}

static const struct placement_object in_rack = {.required_level = "rack"};
static const struct placement_object on_host = {.required_level = "host"};

static void group(int32_t minimum, const struct placement_object *placement)
{
    struct event event = {.type = EVENT_GROUP};
    event.group.name_space = "ns";
    event.group.name = "g";
    event.group.uid = "group-g";
    event.group.minimum = minimum;
    if (placement != NULL) {
        event.group.placement = *placement;
    }
    world_apply(&world, &event);
}

/* Member `role`-`rank`. */
static void join_on(const char *role, int rank, int64_t gpus,
                    const struct placement_object *placement, const char *node)
{
    char uid[32];
    snprintf(uid, sizeof uid, "%s-%d", role, rank);
    struct world_pod pod = {.uid = uid,
                            .gang = "g",
                            .gpus = gpus,
                            .rank = rank,
                            .role = role,
                            .node = node,
                            .placement = placement};
    world_pod(&world, &pod);
}

static void join(const char *role, int count, int64_t gpus,
                 const struct placement_object *placement)
{
    for (int rank = 0; rank < count; rank++) {
        join_on(role, rank, gpus, placement, NULL);
    }
}

static int node_of(const char *role, int rank)
{
    char uid[32], node[64];
    snprintf(uid, sizeof uid, "%s-%d", role, rank);
    world_node_of(&world, "g", uid, node);
    return node[0] == '\0' ? NOWHERE : world_number(node);
}

static int rack_of(const char *role, int rank)
{
    int node = node_of(role, rank);
    return node == NOWHERE ? NOWHERE : node / PER_RACK;
}

static void check_reason(const char *part)
{
    const char *reason = world_reason(&world, "g");
    ck_assert_msg(strstr(reason, part) != NULL, "%s", reason);
}

/* The first role by name asks for nothing, and the second one is obeyed all the same. */
START_TEST(the_level_of_the_second_role_counts)
{
    group(5, NULL);
    join("driver", 1, 0, NULL);
    join("worker", 4, 8, &in_rack);
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    check_reason("rack is short by 1 of 4 pods of role \"worker\" (3 fit in the best one");
    check_reason("all would fit in one leaf");
}
END_TEST

/* The same whatever the roles are called. */
START_TEST(names_of_roles_mean_nothing)
{
    group(5, NULL);
    join("zdriver", 1, 0, NULL);
    join("worker", 4, 8, &in_rack);
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    check_reason("rack is short by 1 of 4 pods of role \"worker\" (3 fit in the best one");
}
END_TEST

/* And the level of the first role is not put on the second one. */
START_TEST(the_level_of_the_first_role_is_its_own)
{
    group(6, NULL);
    join("driver", 2, 0, &on_host);
    join("worker", 4, 8, NULL);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    ck_assert_int_eq(node_of("driver", 0), node_of("driver", 1));
    ck_assert_int_eq(rack_of("worker", 3), 1);
}
END_TEST

START_TEST(workers_in_one_rack_and_the_driver_elsewhere)
{
    group(4, NULL);
    join("driver", 1, 8, NULL);
    join("worker", 3, 8, &in_rack);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    ck_assert_int_eq(rack_of("worker", 0), rack_of("worker", 1));
    ck_assert_int_eq(rack_of("worker", 0), rack_of("worker", 2));
    ck_assert_int_ne(rack_of("driver", 0), rack_of("worker", 0));
    ck_assert_int_eq(rack_of("driver", 0) / 2, rack_of("worker", 0) / 2);
}
END_TEST

/* Two roles, each with the same words, are kept apart unless they are tied. */
START_TEST(tied_roles)
{
    static const struct placement_object tied = {.required_level = "rack", .podset_group = "pair"};
    group(4, NULL);
    join("a", 2, 8, &in_rack);
    join("b", 2, 8, &in_rack);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    ck_assert_int_eq(rack_of("a", 0), rack_of("a", 1));
    ck_assert_int_eq(rack_of("b", 0), rack_of("b", 1));
    ck_assert_int_ne(rack_of("a", 0), rack_of("b", 0));
    join("a", 2, 8, &tied);
    join("b", 2, 8, &tied);
    world_wait(&world, 60000);
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
}
END_TEST

START_TEST(a_contradiction_is_said)
{
    static const struct placement_object rack = {.required_level = "rack", .podset_group = "pair"};
    static const struct placement_object block = {.required_level = "leaf", .podset_group = "pair"};
    group(2, NULL);
    join("a", 1, 8, &rack);
    join("b", 1, 8, &block);
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    check_reason("roles of the podset group \"pair\" require different levels, leaf and rack");
}
END_TEST

/* The group's level holds for all beside that of a role. */
START_TEST(levels_of_the_group_and_of_a_role)
{
    static const struct placement_object in_block = {.required_level = "leaf"};
    group(5, &in_block);
    join("driver", 1, 8, NULL);
    join("worker", 3, 8, &in_rack);
    join("tool", 1, 0, &on_host);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    ck_assert_int_eq(rack_of("worker", 0), rack_of("worker", 2));
    ck_assert_int_eq(rack_of("driver", 0) / 2, rack_of("worker", 0) / 2);
}
END_TEST

/* A worker that comes again belongs to its own rack, wherever the driver is. */
START_TEST(a_joiner_goes_to_the_rack_of_its_role)
{
    group(3, NULL);
    join_on("driver", 0, 8, NULL, "n0");
    join_on("worker", 0, 8, &in_rack, "n9");
    join_on("worker", 1, 8, &in_rack, NULL);
    ck_assert_int_eq(rack_of("worker", 1), 3);
    join_on("worker", 1, 8, &in_rack, "n10");
    fill("n11", 8);
    join_on("worker", 2, 8, &in_rack, NULL);
    ck_assert_int_eq(rack_of("worker", 2), NOWHERE);
    check_reason("rack is short by 1 of 1 pod of role \"worker\"");
}
END_TEST

static const struct slice_object pairs[] = {{"rack", 2}};
static const struct placement_object in_pairs = {.slices = pairs, .slice_count = 1};

/* A leader that asks for the same as its workers is no worker. */
START_TEST(slices_count_roles)
{
    group(5, NULL);
    join("leader", 1, 8, NULL);
    join("worker", 4, 8, &in_pairs);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    ck_assert_int_eq(rack_of("worker", 0), rack_of("worker", 1));
    ck_assert_int_eq(rack_of("worker", 2), rack_of("worker", 3));
}
END_TEST

/* Those of the group hold for every role that has as many pods as a slice. */
START_TEST(slices_of_the_group)
{
    group(9, &in_pairs);
    join("leader", 1, 8, NULL);
    join("prefill", 4, 8, NULL);
    join("decode", 4, 8, NULL);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    ck_assert_int_eq(rack_of("prefill", 0), rack_of("prefill", 1));
    ck_assert_int_eq(rack_of("prefill", 2), rack_of("prefill", 3));
    ck_assert_int_eq(rack_of("decode", 0), rack_of("decode", 1));
    ck_assert_int_eq(rack_of("decode", 2), rack_of("decode", 3));
}
END_TEST

START_TEST(slices_of_group_and_role_hold_both)
{
    static const struct slice_object quads[] = {{"leaf", 4}}, odd[] = {{"leaf", 3}};
    static const struct placement_object in_quads = {.slices = quads, .slice_count = 1};
    static const struct placement_object in_threes = {.slices = odd, .slice_count = 1};
    group(4, &in_quads);
    join("worker", 4, 8, &in_pairs);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    ck_assert_int_eq(rack_of("worker", 0), rack_of("worker", 1));
    ck_assert_int_eq(rack_of("worker", 0) / 2, rack_of("worker", 2) / 2);
    group(4, &in_threes);
    ck_assert_int_ne(world_state(&world, "g"), GANG_HELD);
    check_reason("slices of 2 per \"rack\" do not divide those of 3 per leaf");
}
END_TEST

START_TEST(a_role_in_slices_with_two_shapes_is_refused_aloud)
{
    group(4, NULL);
    join_on("worker", 0, 8, &in_pairs, NULL);
    join_on("worker", 1, 4, &in_pairs, NULL);
    join_on("worker", 2, 8, &in_pairs, NULL);
    join_on("worker", 3, 8, &in_pairs, NULL);
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    check_reason("the pods of role \"worker\" are in slices, and do not all ask for the same");
}
END_TEST

/* Without roles slices are of those that request what most do. */
START_TEST(slices_without_roles_leave_a_launcher_out)
{
    group(5, NULL);
    join("", 4, 8, &in_pairs);
    join_on("", 4, 0, &in_pairs, NULL);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    ck_assert_int_eq(rack_of("", 0), rack_of("", 1));
    ck_assert_int_eq(rack_of("", 2), rack_of("", 3));
}
END_TEST

/* They are not less in slices for that each names its node. */
START_TEST(pods_without_roles_that_name_their_nodes_are_refused_aloud)
{
    static const char *const nodes[] = {"n0", "n3", "n6", "n9"};
    group(4, NULL);
    for (int rank = 0; rank < 4; rank++) {
        struct label_object selector = {"kubernetes.io/hostname", nodes[rank]};
        struct world_pod pod = {.uid = world_member("g", rank),
                                .gang = "g",
                                .gpus = 8,
                                .rank = rank,
                                .placement = &in_pairs,
                                .selector = &selector,
                                .selector_count = 1};
        world_pod(&world, &pod);
    }
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    check_reason("the pods without a role are in slices, and do not all ask for the same");
}
END_TEST

/* Only the role that asks gets a rack for itself: the other may be where others are. */
START_TEST(exclusive_domains_of_a_role)
{
    static const struct placement_object alone = {.exclusive_level = "rack"};
    struct world_pod other = {
        .uid = "other", .gang = "h", .minimum = 1, .gpus = 1, .node = "n0", .rank = 0};
    world_pod(&world, &other);
    group(4, NULL);
    fill("n3", 8);
    fill("n6", 8);
    join("driver", 1, 0, NULL);
    join("worker", 3, 8, &alone);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    for (int rank = 0; rank < 3; rank++) {
        ck_assert_int_eq(rack_of("worker", rank), 3);
    }
}
END_TEST

/* Who is on the way out still has its domain, whatever the others of its gang ask for. */
START_TEST(a_member_that_is_deleted_keeps_its_exclusive_domain)
{
    static const struct placement_object alone = {.exclusive_level = "rack"};
    group(2, NULL);
    join_on("driver", 0, 0, NULL, "n3");
    join_on("worker", 0, 8, &alone, "n0");
    struct world_pod leaving = {.uid = "worker-0",
                                .gang = "g",
                                .gpus = 8,
                                .rank = 0,
                                .role = "worker",
                                .node = "n0",
                                .deleting = true,
                                .placement = &alone};
    world_pod(&world, &leaving);
    for (int node = 3; node < 12; node++) {
        char name[8];
        snprintf(name, sizeof name, "n%d", node);
        fill(name, 8);
    }
    struct world_pod other = {.uid = "h-0", .gang = "h", .minimum = 1, .gpus = 8, .rank = 0};
    world_pod(&world, &other);
    ck_assert_int_eq(world_state(&world, "h"), GANG_WAITING);
    world_pod_gone(&world, "worker-0");
    ck_assert_int_eq(world_state(&world, "h"), GANG_HELD);
}
END_TEST

START_TEST(too_many_placements)
{
    char role[16];
    group(1, NULL);
    for (int i = 0; i < 17; i++) {
        snprintf(role, sizeof role, "r%d", i);
        join(role, 1, 0, &on_host);
    }
    world_wait(&world, 60000);
    check_reason("its roles ask for more than 16 different placements");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/engine/podsets");
    TCase *tcase = tcase_create("podsets");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_level_of_the_second_role_counts);
    tcase_add_test(tcase, names_of_roles_mean_nothing);
    tcase_add_test(tcase, the_level_of_the_first_role_is_its_own);
    tcase_add_test(tcase, workers_in_one_rack_and_the_driver_elsewhere);
    tcase_add_test(tcase, tied_roles);
    tcase_add_test(tcase, a_contradiction_is_said);
    tcase_add_test(tcase, levels_of_the_group_and_of_a_role);
    tcase_add_test(tcase, a_joiner_goes_to_the_rack_of_its_role);
    tcase_add_test(tcase, slices_count_roles);
    tcase_add_test(tcase, slices_of_the_group);
    tcase_add_test(tcase, slices_of_group_and_role_hold_both);
    tcase_add_test(tcase, a_role_in_slices_with_two_shapes_is_refused_aloud);
    tcase_add_test(tcase, slices_without_roles_leave_a_launcher_out);
    tcase_add_test(tcase, pods_without_roles_that_name_their_nodes_are_refused_aloud);
    tcase_add_test(tcase, exclusive_domains_of_a_role);
    tcase_add_test(tcase, a_member_that_is_deleted_keeps_its_exclusive_domain);
    tcase_add_test(tcase, too_many_placements);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
