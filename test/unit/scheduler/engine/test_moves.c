// SPDX-License-Identifier: Apache-2.0
/* Nodes whose labels change while gangs wait, hold, bind and run: the tree follows, what is held or
 * bound stays where it is, and the next plan is made on the new tree. */
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"
#include "test/unit/topology/random.h"
#include "topology/graph/domains.h"

static struct world world;

static void setup(void)
{
    world_init(&world);
    world_event(&world, EVENT_SYNCED);
}

static void teardown(void)
{
    world_finish(&world);
}

/* A node of 8 GPUs; labels that are NULL are not there. */
static void observe(const char *name, const char *rack, const char *clique)
{
    struct label_object labels[3] = {{"kubernetes.io/hostname", name}};
    struct amount_object amounts[] = {{"cpu", 96000}, {"nvidia.com/gpu", 8}, {"pods", 110}};
    struct event event = {.type = EVENT_NODE};
    event.node.name = name;
    event.node.labels = labels;
    event.node.label_count = 1;
    if (rack != NULL) {
        labels[event.node.label_count++] =
            (struct label_object){"topology.kubernetes.io/rack", rack};
    }
    if (clique != NULL) {
        labels[event.node.label_count++] = (struct label_object){"nvidia.com/gpu.clique", clique};
    }
    event.node.allocatable = amounts;
    event.node.allocatable_count = 3;
    world_apply(&world, &event);
}

static void ask(const char *gang, int first, int count, int32_t minimum, const char *required)
{
    for (int i = first; i < first + count; i++) {
        struct world_pod pod = {.uid = world_member(gang, i),
                                .gang = gang,
                                .minimum = minimum,
                                .gpus = 8,
                                .rank = i,
                                .required = required};
        world_pod(&world, &pod);
    }
}

static void place(const char *gang, int first, int count)
{
    world_vote(&world, gang, first, count);
    world_outcome(&world, gang, first, count, WRITE_DONE);
}

/* The name of the node's domain of a level, "-" when the level is not in the tree. */
static const char *domain_of(const char *node, const char *level)
{
    const struct domains *domains = engine_domains(world.engine);
    int found = domains_level_find(domains, level);
    if (found < 0) {
        return "-";
    }
    uint32_t row = engine_node_row(world.engine, node, strlen(node));
    uint32_t position = domains_position(domains, row);
    ck_assert_uint_ne(position, DOMAINS_NONE);
    return domains_name(domains, domains_at(domains, position, (uint32_t)found));
}

static void expect_planned(const char *gang, int index, const char *node)
{
    ck_assert_str_eq(world_planned(&world, gang, index), node);
}

/* The fabric manager is not ready yet when the job comes. */
START_TEST(a_clique_that_appears_late)
{
    static const char *const names[] = {"n0", "n1", "n2", "n3"};
    for (int i = 0; i < 4; i++) {
        observe(names[i], "r", NULL);
    }
    ask("g", 0, 2, 2, "nvlink");
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    ck_assert_str_eq(domain_of("n0", "nvlink"), "-");
    observe("n2", "r", "uuid.1");
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING); /* one node is not enough */
    ck_assert_str_eq(domain_of("n2", "nvlink"), "uuid.1");
    ck_assert_str_eq(domain_of("n0", "nvlink"), "(none)");
    observe("n1", "r", "uuid.1");
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    expect_planned("g", 0, "n1");
    expect_planned("g", 1, "n2");
    observe("n0", "r", "uuid.1"); /* comes too late, and changes nothing */
    expect_planned("g", 0, "n1");
    place("g", 0, 2);
    ck_assert_int_eq(world_state(&world, "g"), GANG_PLACED);
}
END_TEST

/* Four nodes of one clique become two and two while a gang runs on the first and the last. */
START_TEST(a_clique_that_is_divided)
{
    static const char *const names[] = {"n0", "n1", "n2", "n3"};
    for (int i = 0; i < 4; i++) {
        observe(names[i], "r", "uuid.0");
    }
    ask("one", 0, 2, 2, "nvlink");
    expect_planned("one", 0, "n0");
    expect_planned("one", 1, "n1");
    place("one", 0, 2);
    observe("n1", "r", "uuid.1");
    observe("n2", "r", "uuid.1");
    ck_assert_int_eq(world_state(&world, "one"), GANG_PLACED); /* what runs, runs */
    expect_planned("one", 1, "n1");
    ask("two", 0, 2, 2, "nvlink");
    ck_assert_int_eq(world_state(&world, "two"), GANG_WAITING); /* n2 and n3 were one clique */
    ck_assert_str_eq(domain_of("n2", "nvlink"), "uuid.1");
    ck_assert_str_eq(domain_of("n3", "nvlink"), "uuid.0");
    observe("n3", "r", "uuid.1");
    ck_assert_int_eq(world_state(&world, "two"), GANG_HELD);
    expect_planned("two", 0, "n2");
    expect_planned("two", 1, "n3");
}
END_TEST

/* A plan is not given up because the tree moved below it: the capacity is held, the votes come. */
START_TEST(a_node_moves_while_it_is_held)
{
    observe("n0", "r0", NULL);
    observe("n1", "r0", NULL);
    observe("n2", "r1", NULL);
    ask("g", 0, 2, 2, "rack");
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    world_vote(&world, "g", 0, 1);
    observe("n1", "r1", NULL);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    expect_planned("g", 0, "n0");
    expect_planned("g", 1, "n1");
    ck_assert_str_eq(domain_of("n1", "rack"), "r1");
    ck_assert_uint_eq(world_figures(&world).holds, 2);
    /* The next gang sees the rack of two, of which one is held. */
    ask("h", 0, 2, 2, "rack");
    ck_assert_int_eq(world_state(&world, "h"), GANG_WAITING);
    world_vote(&world, "g", 1, 1);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 2);
    observe("n1", "r2", NULL); /* and once more while it is being bound */
    world_outcome(&world, "g", 0, 2, WRITE_DONE);
    ck_assert_int_eq(world_state(&world, "g"), GANG_PLACED);
    ck_assert_uint_eq(world_figures(&world).holds, 0);
}
END_TEST

/* Who joins must lie with those who are bound. When these no longer lie together it waits. */
START_TEST(a_joiner_after_a_bound_node_has_moved)
{
    observe("n0", "r0", NULL);
    observe("n1", "r0", NULL);
    observe("n2", "r0", NULL);
    observe("n3", "r1", NULL);
    ask("g", 0, 2, 2, "rack");
    place("g", 0, 2);
    observe("n1", "r1", NULL);
    ask("g", 2, 1, 2, "rack");
    ck_assert_str_eq(world_planned(&world, "g", 2), "");
    observe("n0", "r1", NULL); /* the whole gang has moved: n3 is beside it now */
    expect_planned("g", 2, "n3");
    expect_planned("g", 0, "n0");
    expect_planned("g", 1, "n1");
}
END_TEST

/* A node comes back in another rack, with the member that was bound there. */
START_TEST(a_node_returns_elsewhere)
{
    observe("n0", "r0", NULL);
    observe("n1", "r0", NULL);
    observe("n2", "r1", NULL);
    ask("g", 0, 2, 2, "rack");
    place("g", 0, 2);
    world_node_gone(&world, "n1");
    observe("n1", "r1", NULL);
    ck_assert_str_eq(domain_of("n1", "rack"), "r1");
    expect_planned("g", 1, "n1");
    ask("h", 0, 2, 2, "rack");
    ck_assert_int_eq(world_state(&world, "h"), GANG_WAITING); /* n1 is not free */
    world_pod_gone(&world, "g-1");
    ck_assert_int_eq(world_state(&world, "h"), GANG_HELD);
    expect_planned("h", 0, "n1");
    expect_planned("h", 1, "n2");
}
END_TEST

/* Racks are labelled on some nodes only; the others keep the locality of their clique. */
START_TEST(a_clique_of_nodes_without_a_rack)
{
    observe("n0", "r0", "uuid.0");
    observe("n1", NULL, "uuid.1");
    observe("n2", NULL, NULL);
    observe("n3", NULL, "uuid.1");
    ask("g", 0, 2, 2, "rack");
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING); /* which rack n1 and n3 are in … */
    ask("h", 0, 2, 2, "nvlink");
    ck_assert_int_eq(world_state(&world, "h"), GANG_HELD); /* … does not matter here */
    expect_planned("h", 0, "n1");
    expect_planned("h", 1, "n3");
}
END_TEST

/* ---- random moves ---- */

#define NODES 12
#define GANGS 60

struct model {
    char cliques[NODES][16]; /* "" without a label */
    char planned[GANGS][2][64];
    bool ended[GANGS];
    int gangs;
    int runs; /* gangs that ran to their end */
};

static void show_node(const struct model *model, int node)
{
    char name[16];
    snprintf(name, sizeof name, "n%d", node);
    observe(name, node % 2 == 0 ? "r" : NULL,
            model->cliques[node][0] == '\0' ? NULL : model->cliques[node]);
}

static void gang_name(char name[16], int gang)
{
    snprintf(name, 16, "g%d", gang);
}

/* Nobody shares a node, a plan that was there is there unchanged, a new one is in one clique as the
 * labels are now. */
static void check_plans(struct model *model)
{
    bool taken[NODES] = {false};
    for (int g = 0; g < model->gangs; g++) {
        char name[16];
        if (model->ended[g]) {
            continue;
        }
        gang_name(name, g);
        const char *nodes[2] = {world_planned(&world, name, 0), world_planned(&world, name, 1)};
        ck_assert_int_eq(nodes[0][0] == '\0', nodes[1][0] == '\0');
        if (model->planned[g][0][0] != '\0') {
            ck_assert_str_eq(nodes[0], model->planned[g][0]);
            ck_assert_str_eq(nodes[1], model->planned[g][1]);
        } else if (nodes[0][0] != '\0') {
            const char *clique = model->cliques[world_number(nodes[0])];
            ck_assert_str_ne(clique, "");
            ck_assert_str_eq(clique, model->cliques[world_number(nodes[1])]);
        }
        for (int i = 0; i < 2; i++) {
            snprintf(model->planned[g][i], sizeof model->planned[g][i], "%s", nodes[i]);
            if (nodes[i][0] != '\0') {
                ck_assert(!taken[world_number(nodes[i])]);
                taken[world_number(nodes[i])] = true;
            }
        }
    }
}

/* The tree is that of the labels. Nodes without a rack may lie in an unknown clique when it is also
 * told of nodes with one. */
static void check_tree(const struct model *model)
{
    for (int n = 0; n < NODES; n++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", n);
        const char *found = domain_of(name, "nvlink");
        if (n % 2 == 0 && model->cliques[n][0] != '\0') {
            ck_assert_str_eq(found, model->cliques[n]);
        } else if (strcmp(found, "-") != 0 && strcmp(found, "(none)") != 0) {
            ck_assert_str_eq(found, model->cliques[n]);
        }
    }
}

/* A gang that is held votes and is bound, one that runs may end. */
static void move_on(struct model *model, int gang)
{
    char name[16];
    gang_name(name, gang);
    switch (world_state(&world, name)) {
    case GANG_HELD:
        place(name, 0, 2);
        break;
    case GANG_PLACED:
        world_pod_gone(&world, world_member(name, 0));
        world_pod_gone(&world, world_member(name, 1));
        model->ended[gang] = true;
        model->runs++;
        break;
    case GANG_GATHERING:
    case GANG_WAITING:
    case GANG_COMMITTING:
        break;
    }
}

START_TEST(random_moves)
{
    struct random random = {(uint64_t)_i + 1};
    static struct model model;
    memset(&model, 0, sizeof model);
    for (int n = 0; n < NODES; n++) {
        show_node(&model, n);
    }
    for (int step = 0; step < 500; step++) {
        uint32_t what = random_below(&random, 10);
        if (what == 0 && model.gangs < GANGS) {
            char name[16];
            gang_name(name, model.gangs++);
            ask(name, 0, 2, 2, "nvlink");
        } else if (what < 6 && model.gangs > 0) {
            int gang = (int)random_below(&random, (uint32_t)model.gangs);
            if (!model.ended[gang]) {
                move_on(&model, gang);
            }
        } else {
            int node = (int)random_below(&random, NODES);
            uint32_t clique = random_below(&random, 4);
            snprintf(model.cliques[node], sizeof model.cliques[node], "uuid.%u", clique);
            model.cliques[node][clique == 0 ? 0 : 6] = '\0';
            show_node(&model, node);
        }
        world_tick(&world, 10);
        check_tree(&model);
        check_plans(&model);
    }
    ck_assert_int_gt(model.runs, 10);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/engine/moves");
    TCase *tcase = tcase_create("engine_moves");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_clique_that_appears_late);
    tcase_add_test(tcase, a_clique_that_is_divided);
    tcase_add_test(tcase, a_node_moves_while_it_is_held);
    tcase_add_test(tcase, a_joiner_after_a_bound_node_has_moved);
    tcase_add_test(tcase, a_node_returns_elsewhere);
    tcase_add_test(tcase, a_clique_of_nodes_without_a_rack);
    tcase_add_loop_test(tcase, random_moves, 0, 10);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
