// SPDX-License-Identifier: Apache-2.0
/* Refusals in words: exact texts, the same text for the same state, cut where there is no room. */
#include "scheduler/engine/reason.h"

#include <stdio.h>
#include <string.h>

#include "test/unit/check_main.h"

struct world {
    struct levels levels;
    struct nodes *nodes;
    struct domains *domains;
    struct resources request;
    uint32_t gpu;
    uint32_t cpu;
    struct gangs gangs;
    struct gang *gang;
    struct solver_plan plan;
};

static uint32_t word(struct nodes *nodes, const char *text)
{
    return names_intern(nodes_vocabulary(nodes), text, strlen(text));
}

/* Two racks of one block, one node each. */
static void setup(struct world *world)
{
    memset(world, 0, sizeof(*world));
    levels_preset(&world->levels);
    world->nodes = nodes_create(1);
    world->domains = domains_create(&world->levels);
    for (int i = 0; i < 2; i++) {
        char name[16], rack[16];
        snprintf(name, sizeof(name), "n%d", i);
        snprintf(rack, sizeof(rack), "r%d", i);
        struct label_object labels[] = {{"network.topology.nvidia.com/block", "b0"},
                                        {"topology.kubernetes.io/rack", rack}};
        struct node_object object = {.name = name, .labels = labels, .label_count = 2};
        uint32_t row;
        unsigned changes;
        ck_assert_int_eq(nodes_observe(world->nodes, &object, &row, &changes, NULL), 0);
    }
    domains_build(world->domains, world->nodes);
    world->gpu = word(world->nodes, "nvidia.com/gpu");
    world->cpu = word(world->nodes, "cpu");
    resources_init(&world->request);
    resources_set(&world->request, world->gpu, 8);
    resources_set(&world->request, world->cpu, 1500);
    gangs_init(&world->gangs);
    world->gang = gangs_get(&world->gangs, "team", "train");
    solver_plan_init(&world->plan);
}

/* The rack of the node at a position. */
static uint32_t lowest(const struct world *world, uint32_t position)
{
    return domains_at(world->domains, position, domains_levels(world->domains) - 2);
}

static void teardown(struct world *world)
{
    solver_plan_finish(&world->plan);
    gangs_finish(&world->gangs);
    resources_finish(&world->request);
    domains_destroy(world->domains);
    nodes_destroy(world->nodes);
}

/* Nodes of which nothing is known but the resource that is short on them, if any. */
static struct breakdown scarce_of(const struct world *world, uint32_t scarce)
{
    struct breakdown breakdown = {.nodes = 2, .rest = 2};
    const char *text = scarce == NAMES_NONE ? NULL : names_text(nodes_words(world->nodes), scarce);
    breakdown_name(&breakdown, scarce, text, resources_get(&world->request, scarce));
    return breakdown;
}

/* `blocker`: "gang a/b", "pods without a gang", or NULL. */
static const char *text_of(struct world *world, uint32_t scarce, const char *blocker)
{
    static char text[GANG_REASON_MAX];
    const struct solver_role role = {.count = 9, .request = &world->request};
    bool ordinary = blocker != NULL && strncmp(blocker, "gang", 4) != 0;
    bool gang = blocker != NULL && !ordinary;
    struct breakdown breakdown = scarce_of(world, scarce);
    struct reason_shortage shortage = {.gang = world->gang,
                                       .plan = &world->plan,
                                       .domains = world->domains,
                                       .nodes = world->nodes,
                                       .role = &role,
                                       .breakdown = &breakdown,
                                       .blocker = gang ? gangs_get(&world->gangs, "a", "b") : NULL,
                                       .ordinary = ordinary};
    reason_shortfall(&shortage, text, sizeof(text));
    breakdown_finish(&breakdown);
    return text;
}

START_TEST(test_shortfall_texts)
{
    struct world world;
    setup(&world);
    struct solver_shortfall *shortfall = &world.plan.shortfall;
    *shortfall = (struct solver_shortfall){.node = DOMAINS_NONE,
                                           .wanted = 9,
                                           .fits = 8,
                                           .missing = 1,
                                           .proven = true,
                                           .alternative = SOLVER_LEVEL_NONE};
    ck_assert_str_eq(text_of(&world, NAMES_NONE, NULL),
                     "gang team/train waits: cluster is short by 1 of 9 pods (8 fit)");
    ck_assert_str_eq(text_of(&world, world.gpu, "gang a/b"),
                     "gang team/train waits: cluster is short by 1 of 9 pods (8 fit, each needs "
                     "nvidia.com/gpu 8); blocked by gang a/b");
    ck_assert_str_eq(text_of(&world, world.cpu, "pods without a gang"),
                     "gang team/train waits: cluster is short by 1 of 9 pods (8 fit, each needs "
                     "cpu 1500m); blocked by non-gang pods");

    shortfall->level = (uint32_t)domains_level_find(world.domains, "rack");
    shortfall->domain = lowest(&world, 1);
    shortfall->alternative = (uint32_t)domains_level_find(world.domains, "leaf");
    ck_assert_str_eq(text_of(&world, world.gpu, NULL),
                     "gang team/train waits: rack is short by 1 of 9 pods (8 fit in the best one, "
                     "b0/r1, each needs nvidia.com/gpu 8); all would fit in one leaf");

    shortfall->domain = DOMAINS_NONE; /* no domain holds all that is bound already */
    shortfall->alternative = 0;
    ck_assert_str_eq(text_of(&world, NAMES_NONE, NULL),
                     "gang team/train waits: rack is short by 1 of 9 pods (8 fit); all would fit "
                     "in one cluster");

    shortfall->alternative = SOLVER_LEVEL_NONE;
    shortfall->pinned_apart = true;
    ck_assert_str_eq(text_of(&world, NAMES_NONE, NULL),
                     "gang team/train waits: rack is short by 1 of 9 pods (8 fit); its bound pods "
                     "are not all in one rack");
    shortfall->pinned_apart = false;
    shortfall->proven = false; /* pods of several shapes: the search is not exhaustive */
    ck_assert_str_eq(text_of(&world, NAMES_NONE, NULL),
                     "gang team/train waits: rack is short by 1 of 9 pods (8 fit), as far as the "
                     "search went");
    shortfall->proven = true;
    shortfall->level = domains_levels(world.domains) - 1;
    shortfall->node = 0;
    const char *node = nodes_name(world.nodes, domains_row(world.domains, 0));
    char want[256];
    snprintf(want, sizeof(want),
             "gang team/train waits: host is short by 1 of 9 pods (8 fit on the best one, %s)",
             node);
    ck_assert_str_eq(text_of(&world, NAMES_NONE, NULL), want);
    teardown(&world);
}
END_TEST

/* Every kind in its place, in one and in several. */
START_TEST(test_left_out_texts)
{
    struct world world;
    char text[GANG_REASON_MAX];
    setup(&world);
    struct solver_role role = {.count = 9, .request = &world.request};
    char resource[] = "nvidia.com/gpu", taint[] = "a", taken[] = "host port 80/TCP";
    struct breakdown breakdown = {.nodes = 45, .missing = resource, .taint = taint, .taken = taken};
    struct reason_shortage shortage = {.gang = world.gang,
                                       .plan = &world.plan,
                                       .domains = world.domains,
                                       .nodes = world.nodes,
                                       .role = &role,
                                       .breakdown = &breakdown};
    world.plan.shortfall =
        (struct solver_shortfall){.level = (uint32_t)domains_level_find(world.domains, "rack"),
                                  .domain = lowest(&world, 0),
                                  .node = DOMAINS_NONE,
                                  .wanted = 9,
                                  .missing = 9,
                                  .proven = true,
                                  .alternative = SOLVER_LEVEL_NONE};
    for (int kind = 0; kind < BREAKDOWN_KINDS; kind++) {
        breakdown.left_out[kind] = (uint32_t)kind + 1;
    }
    reason_shortfall(&shortage, text, sizeof(text));
    ck_assert_str_eq(text,
                     "gang team/train waits: rack is short by 9 of 9 pods (0 fit in the best one, "
                     "b0/r0); of its 45 nodes, 1 node has no nvidia.com/gpu, 2 nodes are in no "
                     "known rack, 3 nodes are cordoned, 4 nodes have an untolerated taint (a), 5 "
                     "nodes do not match the node selector or affinity, 6 nodes are kept by an "
                     "exclusive gang, 7 nodes have a conflicting pod (host port 80/TCP), 8 nodes "
                     "are ruled out by pod (anti-)affinity, 9 nodes were refused by "
                     "kube-scheduler");
    for (int kind = 0; kind < BREAKDOWN_KINDS; kind++) {
        breakdown.left_out[kind] = BREAKDOWN_KINDS - (uint32_t)kind;
    }
    breakdown.missing_others = shortage.widened = shortage.exclusive = true;
    breakdown.taint = NULL;
    breakdown.strays = 1;
    reason_shortfall(&shortage, text, sizeof(text));
    ck_assert_str_eq(text,
                     "gang team/train waits: rack is short by 9 of 9 pods (0 fit in the best one, "
                     "b0/r0); of the cluster's 45 nodes, 9 nodes have no nvidia.com/gpu or "
                     "another resource, 8 nodes are in no known rack, 7 nodes are cordoned, 6 "
                     "nodes have an untolerated taint, 5 nodes do not match the node selector or "
                     "affinity, 4 nodes are not free of other gangs, 3 nodes have a conflicting "
                     "pod (host port 80/TCP), 2 nodes are ruled out by pod "
                     "(anti-)affinity, 1 node was refused by kube-scheduler; 1 more with room is "
                     "in no known rack");
    breakdown.nowhere = true;
    reason_shortfall(&shortage, text, sizeof(text));
    ck_assert_str_eq(text, "gang team/train waits: rack is short by 9 of 9 pods (0 fit in the best "
                           "one, b0/r0); no node has nvidia.com/gpu at all");
    teardown(&world);
}
END_TEST

START_TEST(test_gather_texts)
{
    struct world world;
    char text[GANG_REASON_MAX];
    setup(&world);
    struct gang *gang = world.gang;
    ck_assert_ptr_eq(reason_gather(gang, text, sizeof(text)), reason_no_group);
    ck_assert_str_eq(text, "gang team/train waits: PodGroup team/train not found");

    static const struct {
        int32_t minimum;
        const char *text;
    } cases[] = {
        {0, "gang team/train waits: PodGroup spec.minMember is 0, must be 1 or more"},
        {INT32_MIN,
         "gang team/train waits: PodGroup spec.minMember is -2147483648, must be 1 or more"},
        {1, "gang team/train waits until 1 of its pods exists; 0 of 1 exist"},
        {INT32_MAX, "gang team/train waits until 2147483647 of its pods exist; 0 of "
                    "2147483647 exist"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct group_object object = {
            .name_space = "team", .name = "train", .uid = "u", .minimum = cases[i].minimum};
        gang_set_object(gang, &object);
        const char *class = reason_gather(gang, text, sizeof(text));
        ck_assert_ptr_eq(class, cases[i].minimum > 0 ? reason_gathering : reason_invalid);
        ck_assert_str_eq(text, cases[i].text);
    }
    gang_clear_object(gang);
    struct pod pod = {
        .name = (char[]){"p"}, .uid = (char[]){"p"}, .role = (char[]){""}, .gang_minimum = -1};
    gang_join(gang, &pod);
    ck_assert_ptr_eq(reason_gather(gang, text, sizeof(text)), reason_invalid);
    ck_assert_str_eq(text, "gang team/train waits: label "
                           "pod-group.scheduling.sigs.k8s.io/min-available must be a whole "
                           "number, 1 or more");
    gang_leave(gang, &pod);
    teardown(&world);
}
END_TEST

/* Slices are named, a started one in its own words; and whose end would help. */
START_TEST(test_slices_and_way_out)
{
    struct world world;
    char text[GANG_REASON_MAX];
    setup(&world);
    uint32_t rack = (uint32_t)domains_level_find(world.domains, "rack");
    const struct solver_layer layers[] = {{.level = rack, .size = 4},
                                          {.level = rack + 1, .size = 2}};
    const struct solver_role role = {
        .count = 8, .request = &world.request, .layers = layers, .layer_count = 2};
    world.plan.shortfall = (struct solver_shortfall){.node = DOMAINS_NONE,
                                                     .wanted = 8,
                                                     .fits = 4,
                                                     .missing = 4,
                                                     .proven = true,
                                                     .alternative = SOLVER_LEVEL_NONE};
    const struct breakdown nothing = {.nodes = 0};
    const struct reason_shortage shortage = {.gang = world.gang,
                                             .plan = &world.plan,
                                             .domains = world.domains,
                                             .nodes = world.nodes,
                                             .role = &role,
                                             .breakdown = &nothing,
                                             .blocker = gangs_get(&world.gangs, "a", "b")};
    reason_shortfall(&shortage, text, sizeof(text));
    ck_assert_str_eq(text, "gang team/train waits: cluster is short by 4 of 8 pods in slices of 4 "
                           "per rack, 2 per host (4 fit); blocked by gang a/b");
    world.plan.shortfall.slice_started = true;
    world.plan.shortfall.level = rack;
    world.plan.shortfall.domain = lowest(&world, 0);
    reason_shortfall(&shortage, text, sizeof(text));
    ck_assert_ptr_nonnull(strstr(text, "waits: a slice that was started in its rack is short by 4 "
                                       "of 8 pods in slices of 4 per rack"));
    teardown(&world);
}
END_TEST

/* Whatever the size, the text is a beginning of the whole one and ends inside the buffer. */
START_TEST(test_cut_at_every_size)
{
    struct world world;
    char whole[GANG_REASON_MAX], text[GANG_REASON_MAX];
    setup(&world);
    world.plan.shortfall =
        (struct solver_shortfall){.level = (uint32_t)domains_level_find(world.domains, "rack"),
                                  .domain = lowest(&world, 0),
                                  .wanted = 9,
                                  .fits = 8,
                                  .node = DOMAINS_NONE,
                                  .missing = 1,
                                  .proven = true,
                                  .alternative = 0};
    const struct solver_role role = {.count = 9, .request = &world.request};
    struct breakdown breakdown = scarce_of(&world, world.gpu);
    breakdown.left_out[BREAKDOWN_CORDONED] = 1;
    struct reason_shortage shortage = {.gang = world.gang,
                                       .plan = &world.plan,
                                       .domains = world.domains,
                                       .nodes = world.nodes,
                                       .role = &role,
                                       .breakdown = &breakdown,
                                       .blocker = gangs_get(&world.gangs, "a", "b")};
    reason_shortfall(&shortage, whole, sizeof(whole));
    size_t length = strlen(whole);
    ck_assert_uint_gt(length, 120);
    for (size_t size = 1; size <= length + 2; size++) {
        memset(text, '#', sizeof(text));
        reason_shortfall(&shortage, text, size);
        size_t kept = size - 1 < length ? size - 1 : length;
        ck_assert_uint_eq(strlen(text), kept);
        ck_assert_mem_eq(text, whole, kept);
        ck_assert_int_eq(text[size], '#');

        memset(text, '#', sizeof(text));
        reason_gather(world.gang, text, size);
        ck_assert_uint_lt(strlen(text), size);
        ck_assert_int_eq(text[size], '#');
    }
    breakdown_finish(&breakdown);
    teardown(&world);
}
END_TEST

/* Names as long as Kubernetes allows leave room for what matters. */
START_TEST(test_long_names_keep_the_number)
{
    struct world world;
    setup(&world);
    char name_space[64], name[64];
    memset(name_space, 'n', 63);
    memset(name, 'g', 63);
    name_space[63] = name[63] = '\0';
    world.gang = gangs_get(&world.gangs, name_space, name);
    world.plan.shortfall = (struct solver_shortfall){
        .wanted = 9, .fits = 8, .missing = 1, .alternative = SOLVER_LEVEL_NONE};
    ck_assert_ptr_nonnull(strstr(text_of(&world, world.gpu, NULL), "short by 1 of 9 pods"));
    teardown(&world);
}
END_TEST

START_TEST(test_gather_is_cut_not_overrun)
{
    struct world world;
    setup(&world);
    char name[600], text[GANG_REASON_MAX];
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    struct gang *gang = gangs_get(&world.gangs, "ns", name);
    ck_assert_ptr_eq(reason_gather(gang, text, sizeof(text)), reason_no_group);
    ck_assert_uint_eq(strlen(text), sizeof(text) - 1);
    teardown(&world);
}
END_TEST

START_TEST(test_classes_are_distinct)
{
    const char *const classes[] = {reason_unsynced,  reason_no_group, reason_invalid,
                                   reason_gathering, reason_short,    reason_backoff,
                                   reason_planned,   reason_draining, reason_none};
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        for (size_t j = 0; j < i; j++) {
            ck_assert_ptr_ne(classes[i], classes[j]);
            ck_assert_str_ne(classes[i], classes[j]);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/engine/reason");
    TCase *tcase = tcase_create("reason");
    tcase_add_test(tcase, test_shortfall_texts);
    tcase_add_test(tcase, test_left_out_texts);
    tcase_add_test(tcase, test_gather_texts);
    tcase_add_test(tcase, test_slices_and_way_out);
    tcase_add_test(tcase, test_cut_at_every_size);
    tcase_add_test(tcase, test_long_names_keep_the_number);
    tcase_add_test(tcase, test_gather_is_cut_not_overrun);
    tcase_add_test(tcase, test_classes_are_distinct);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
