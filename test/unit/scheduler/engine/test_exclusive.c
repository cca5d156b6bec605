// SPDX-License-Identifier: Apache-2.0
/* Constraints in the terms of the tree: domains of one's own, and constraints that make no sense,
 * each of which is quoted.
 *
 *   leaf b0 ┬ rack r0   n0 n1 n2         8 GPUs each
 *           └ rack r1   n3 n4 n5
 *   leaf b1 ─ rack r2   n6 n7 n8
 */
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

enum { PER_RACK = 3, NOWHERE = -1 };

static struct world world;

static const struct placement_object own_rack = {.exclusive_level = "rack"};
static const struct placement_object own_leaf = {.exclusive_level = "leaf"};
static const struct placement_object own_host = {.exclusive_level = "host"};
static const struct placement_object own_cluster = {.exclusive_level = "cluster"};

static void setup(void)
{
    world_init(&world);
    world_racks(&world, 3, PER_RACK);
    world_event(&world, EVENT_SYNCED);
}

static void teardown(void)
{
    world_finish(&world);
}

static void fill(const char *node)
{
    struct world_pod pod = {.uid = node, .gpus = 8, .node = node, .rank = -1};
    world_pod(&world, &pod);
}

/* A gang of `count` pods; all bound to `node` if that is given. */
static void gang(const char *name, int count, int64_t gpus,
                 const struct placement_object *placement, const char *node)
{
    for (int i = 0; i < count; i++) {
        struct world_pod pod = {.uid = world_member(name, i),
                                .gang = name,
                                .minimum = count,
                                .gpus = gpus,
                                .rank = i,
                                .placement = placement,
                                .node = node};
        world_pod(&world, &pod);
    }
}

static void gang_gone(const char *name, int count)
{
    for (int i = 0; i < count; i++) {
        world_pod_gone(&world, world_member(name, i));
    }
}

static int rack(const char *name, int index)
{
    const char *node = world_planned(&world, name, index);
    return node[0] == '\0' ? NOWHERE : world_number(node) / PER_RACK;
}

static void check_reason(const char *name, const char *part)
{
    const char *reason = world_reason(&world, name);
    ck_assert_msg(strstr(reason, part) != NULL, "%s", reason);
}

/* r0 is the tightest rack that holds two, but a pod of another gang is there. */
START_TEST(a_rack_of_its_own)
{
    gang("other", 1, 8, NULL, "n0");
    gang("plain", 2, 8, NULL, NULL);
    ck_assert_int_eq(rack("plain", 0), 0);
    gang_gone("plain", 2);
    gang("g", 2, 8, &own_rack, NULL);
    ck_assert_int_eq(rack("g", 0), 1);
    ck_assert_int_eq(rack("g", 1), 1);
}
END_TEST

/* Agents and other pods without a gang run everywhere. */
START_TEST(ordinary_pods_do_not_count)
{
    fill("n0");
    gang("g", 2, 8, &own_rack, NULL);
    ck_assert_int_eq(rack("g", 0), 0);
    ck_assert_int_eq(rack("g", 1), 0);
}
END_TEST

/* g has r0 for itself and leaves two of its nodes empty: nobody else gets them. */
START_TEST(others_keep_out)
{
    gang("g", 1, 8, &own_rack, "n0");
    gang("tight", 2, 8, NULL, NULL);
    ck_assert_int_ne(rack("tight", 0), NOWHERE);
    ck_assert_int_ne(rack("tight", 0), 0);
    gang_gone("tight", 2);
    gang("seven", 7, 8, NULL, NULL);
    check_reason("seven", "cluster is short by 1 of 7 pods (6 fit");
    world_pod_gone(&world, "g-0");
    ck_assert_int_eq(world_state(&world, "seven"), GANG_HELD);
}
END_TEST

/* Of g's rack and the other's leaf the leaf counts, whoever comes first. */
START_TEST(the_wider_of_two_constraints_counts)
{
    gang("other", 1, 8, &own_leaf, "n0");
    gang("g", 1, 8, &own_rack, NULL);
    ck_assert_int_eq(rack("g", 0), 2);
    gang_gone("g", 1);
    world_pod_gone(&world, "other-0");
    gang("other", 1, 8, &own_rack, "n0");
    gang("g", 1, 8, &own_leaf, NULL);
    ck_assert_int_eq(rack("g", 0), 2);
}
END_TEST

START_TEST(hosts_of_its_own)
{
    gang("other", 1, 1, NULL, "n0");
    gang("plain", 1, 7, NULL, NULL);
    ck_assert_str_eq(world_planned(&world, "plain", 0), "n0"); /* the tightest fit */
    gang_gone("plain", 1);
    gang("g", 1, 7, &own_host, NULL);
    ck_assert_str_ne(world_planned(&world, "g", 0), "n0");
    ck_assert_int_ne(rack("g", 0), NOWHERE);
}
END_TEST

/* The cluster of its own: it comes when nobody else is there, and then nobody else comes. */
START_TEST(the_cluster_of_its_own)
{
    gang("other", 1, 8, NULL, "n8");
    gang("g", 1, 8, &own_cluster, NULL);
    check_reason("g", "cluster is short by 1 of 1 pod (0 fit");
    world_pod_gone(&world, "other-0");
    ck_assert_int_ne(rack("g", 0), NOWHERE);
    gang("late", 1, 8, NULL, NULL);
    check_reason("late", "cluster is short by 1 of 1 pod (0 fit");
}
END_TEST

/* Its own members are no strangers: a replacement joins them. */
START_TEST(a_replacement_joins_its_own)
{
    gang("g", 2, 8, &own_rack, "n0");
    world_pod_gone(&world, "g-1");
    struct world_pod again = {
        .uid = "g-1", .gang = "g", .minimum = 2, .gpus = 8, .rank = 1, .placement = &own_rack};
    world_pod(&world, &again);
    ck_assert_int_eq(rack("g", 1), 0);
}
END_TEST

/* A level that is not in the tree any more rules nothing out for others. */
START_TEST(a_constraint_of_others_that_is_no_level)
{
    static const struct placement_object nonsense = {.exclusive_level = "no-such-level"};
    gang("other", 1, 8, &nonsense, "n0");
    gang("g", 2, 8, NULL, NULL);
    ck_assert_int_eq(rack("g", 0), 0);
}
END_TEST

/* A veto beside exclusive domains: both hold. */
START_TEST(a_veto_beside_a_neighbour)
{
    static const char *const all[] = {"n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8", NULL};
    gang("other", 1, 8, &own_rack, "n0");
    gang("g", 1, 8, NULL, NULL);
    char first[64];
    world_node_of(&world, "g", "g-0", first);
    ck_assert_int_ne(rack("g", 0), 0);
    (void)world_filter(&world, "g-0", NULL, world_without(all, first));
    (void)world_filter(&world, "g-0", first, world_without(all, first));
    ck_assert_str_ne(world_planned(&world, "g", 0), first);
    ck_assert_int_ne(rack("g", 0), 0);
}
END_TEST

/* ---- nonsense ---- */

START_TEST(constraints_that_make_no_sense)
{
    static const struct slice_object none[] = {{"rack", 0}};
    static const struct slice_object unreadable[] = {{"rack:2,,", -1}};
    static const struct slice_object huge[] = {{"rack", INT32_MAX}};
    static const struct slice_object unknown[] = {{"shelf", 2}};
    static const struct slice_object absent[] = {{"zone", 2}};
    static const struct slice_object uneven[] = {{"leaf", 4}, {"rack", 3}};
    static const struct slice_object upward[] = {{"rack", 4}, {"leaf", 2}};
    static const struct slice_object twice[] = {{"rack", 4}, {"rack", 2}};
    char shelves[300] = "s", quoted[150]; /* 100 bytes of it, and no half of a letter */
    for (size_t i = 0; i < 149; i++) {
        memcpy(shelves + 1 + 2 * i, "é", sizeof "é");
    }
    snprintf(quoted, sizeof quoted, "required topology \"%.*s\" is not", 99, shelves);
    const struct {
        struct placement_object placement;
        const char *reason;
    } cases[] = {
        {{.required_level = shelves}, quoted},
        {{.required_level = "shelf"}, "required topology \"shelf\" is not a configured level"},
        {{.required_level = "zone"}, "no node carries the required level \"zone\""},
        {{.exclusive_level = "shelf"}, "exclusive topology \"shelf\" is not a configured level"},
        {{.exclusive_level = ""}, "exclusive topology \"\" is not a configured level"},
        {{.exclusive_level = "zone"}, "no node carries the exclusive level \"zone\""},
        {{.slices = none, .slice_count = 1}, "slice size 0 of \"rack\" must be a number from 1"},
        {{.slices = unreadable, .slice_count = 1}, "slice size -1 of \"rack:2,,\" must be"},
        {{.slices = huge, .slice_count = 1}, "slice size 2147483647 of \"rack\" must be"},
        {{.slices = unknown, .slice_count = 1}, "slice topology \"shelf\" is not a configured"},
        {{.slices = absent, .slice_count = 1}, "no node carries the slice level \"zone\""},
        {{.slices = uneven, .slice_count = 2},
         "slices of 3 per \"rack\" do not divide those of 4 per "},
        {{.slices = upward, .slice_count = 2}, "slices of 2 per \"leaf\" do not divide those of 4"},
        {{.slices = twice, .slice_count = 2}, "slices of 2 per \"rack\" do not divide those of 4"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gang("g", 2, 8, &cases[i].placement, NULL);
        ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
        check_reason("g", "gang ns/g waits: ");
        check_reason("g", cases[i].reason);
        ck_assert_int_eq(rack("g", 0), NOWHERE);
        gang_gone("g", 2);
    }
}
END_TEST

/* Labels that come later make sense of it. */
START_TEST(a_level_appears)
{
    static const struct placement_object in_zone = {.required_level = "zone"};
    gang("g", 1, 8, &in_zone, NULL);
    check_reason("g", "no node carries the required level \"zone\"");
    struct label_object labels[] = {{"kubernetes.io/hostname", "n9"},
                                    {"topology.kubernetes.io/zone", "z1"}};
    struct amount_object amounts[] = {{"cpu", 96000}, {"nvidia.com/gpu", 8}, {"pods", 110}};
    struct event event = {.type = EVENT_NODE};
    event.node = (struct node_object){.name = "n9",
                                      .labels = labels,
                                      .label_count = 2,
                                      .allocatable = amounts,
                                      .allocatable_count = 3};
    world_apply(&world, &event);
    ck_assert_str_eq(world_planned(&world, "g", 0), "n9");
}
END_TEST

/* Levels of one's own instead of the preset: "shelf" is one, "rack" is none. */
START_TEST(configured_levels)
{
    static const struct placement_object on_shelf = {.required_level = "shelf"};
    static const struct placement_object in_rack = {.required_level = "rack"};
    struct engine_options options;
    struct levels levels;
    levels_init(&levels);
    ck_assert_int_eq(levels_add(&levels, "shelf", NULL), 0);
    ck_assert_int_eq(levels_add_key(&levels, "topology.kubernetes.io/rack", NULL), 0);
    ck_assert_int_eq(levels_finish(&levels, NULL), 0);
    engine_options_default(&options);
    options.levels = &levels;
    engine_destroy(world.engine);
    world.engine = engine_create(&options);
    world_racks(&world, 1, 2);
    world_event(&world, EVENT_SYNCED);
    gang("g", 3, 8, &on_shelf, NULL);
    check_reason("g", "shelf is short by 1 of 3 pods (2 fit in the best one, r0");
    gang("h", 1, 8, &in_rack, NULL);
    check_reason("h", "required topology \"rack\" is not a configured level");
}
END_TEST

/* A level of 300 letters is cut, and the rest of the sentence is there. */
START_TEST(a_long_level_is_cut)
{
    char name[301], quoted[104];
    memset(name, 'x', sizeof name);
    name[300] = '\0';
    memset(quoted, 'x', sizeof quoted);
    quoted[0] = '"';
    quoted[101] = '"';
    quoted[102] = ' ';
    quoted[103] = '\0';
    const struct placement_object placement = {.required_level = name};
    gang("g", 1, 8, &placement, NULL);
    check_reason("g", quoted);
    check_reason("g", "is not a configured level");
}
END_TEST

/* A member that keeps away from its like in a rack; planned with what follows, or at once. */
static void keeps_away(int index, const char *node, bool more)
{
    static const char *const name_spaces[] = {"ns"};
    static const struct label_object label = {"app", "g"};
    static const char *const value[] = {"g"};
    static const struct expression_object selects = {"app", SELECTOR_IN, false, value, 1};
    static const struct affinity_object affinity = {.apart = true,
                                                    .key = "topology.kubernetes.io/rack",
                                                    .name_spaces = name_spaces,
                                                    .name_space_count = 1,
                                                    .expressions = &selects,
                                                    .expression_count = 1};
    struct world_pod pod = {.uid = world_member("g", index),
                            .gang = "g",
                            .minimum = 1,
                            .gpus = 1,
                            .rank = index,
                            .node = node};
    struct amount_object amounts[3];
    struct event event = {.type = EVENT_POD, .more = more};
    world_fill_pod(&pod, &event.pod, amounts);
    event.pod.labels = &label;
    event.pod.label_count = 1;
    event.pod.affinities = &affinity;
    event.pod.affinity_count = 1;
    world_apply(&world, &event);
}

/* Three come to one that runs, and two racks are left: tried one by one, each keeps away from the
 * one before, too. */
START_TEST(joiners_keep_away_from_each_other)
{
    keeps_away(0, "n0", false);
    keeps_away(1, NULL, true);
    keeps_away(2, NULL, true);
    keeps_away(3, NULL, false);
    unsigned racks = 0;
    for (int i = 1; i < 4; i++) {
        char node[64];
        const char *at = world_node_of(&world, "g", world_member("g", i), node);
        unsigned rack = at[0] == '\0' ? 0 : 1u << world_number(at) / PER_RACK;
        ck_assert_uint_eq(racks & rack, 0);
        racks |= rack;
    }
    ck_assert_uint_eq(racks, 6);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_exclusive");
    TCase *tcase = tcase_create("engine");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_rack_of_its_own);
    tcase_add_test(tcase, ordinary_pods_do_not_count);
    tcase_add_test(tcase, others_keep_out);
    tcase_add_test(tcase, the_wider_of_two_constraints_counts);
    tcase_add_test(tcase, hosts_of_its_own);
    tcase_add_test(tcase, the_cluster_of_its_own);
    tcase_add_test(tcase, a_replacement_joins_its_own);
    tcase_add_test(tcase, a_constraint_of_others_that_is_no_level);
    tcase_add_test(tcase, a_veto_beside_a_neighbour);
    tcase_add_test(tcase, constraints_that_make_no_sense);
    tcase_add_test(tcase, a_level_appears);
    tcase_add_test(tcase, configured_levels);
    tcase_add_test(tcase, a_long_level_is_cut);
    tcase_add_test(tcase, joiners_keep_away_from_each_other);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
