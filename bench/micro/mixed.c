// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "scheduler/solver/solver.h"
#include "topology/base/alloc.h"
#include "topology/graph/levels.h"

/* What one solve costs when the gang is made to be hard: pods of several roles that compete for
 * four resources, and room that was cut to measure.
 *
 * In every leaf the pods of the gang are dealt to a few nodes, which then have free exactly what
 * their pods request; the other nodes have a little of everything. So each leaf holds the gang in
 * about one way, which is bin packing. Then from a node of a leaf one thousandth of what is free of
 * a resource is taken, and the leaf holds it no more, which only a search can tell:
 *
 *   hair       one leaf of all is left whole, and a leaf is required
 *   short      no leaf is left whole, and a leaf is required: infeasible by a hair
 *   open       no leaf is left whole, nothing is required: a spine will do
 *   cluster    the gang is dealt to nodes of the whole cluster, one of them cut: infeasible
 *   loose      every node has some of everything free, nothing is required
 *
 * Reported in milliseconds of CPU time (median, 99th percentile, worst), with counted steps and
 * nanoseconds per step, both of which should be as even as can be: who gives a budget in steps
 * means time. Then in per cent: plans found, plans proven optimal, refusals proven; and the leaves
 * and nodes of the plans found. Arguments: rounds, and a part of a case's name to run only those.
 */

#define RESOURCES   4
#define LEAF        2 /* tree level: cluster, spine, leaf, host */
#define ROUNDS_MOST 1000
#define SPARSE      6 /* nodes that a gang is dealt to in a leaf */

enum room { HAIR, SHORT, OPEN, CLUSTER, LOOSE, ROOMS };

static const char *const room_names[ROOMS] = {"hair", "short", "open", "cluster", "loose"};
static const char *const resource_names[RESOURCES] = {"gpu", "cpu", "memory", "nic"};
static const int64_t node_amounts[RESOURCES] = {8000, 96000, 1024000, 8000};

struct bench_case {
    uint32_t nodes;
    uint32_t spines;
    uint32_t leaf; /* nodes of one */
    uint32_t pods;
    uint32_t roles;
    uint32_t rounds;
};

struct bench {
    uint64_t random;
    const struct bench_case *c;
    enum room room;
    struct nodes *nodes;
    struct domains *domains;
    uint32_t names[RESOURCES];
    struct resources *free; /* by position */
    int64_t (*amounts)[RESOURCES];
    struct resources requests[SOLVER_ROLES_MAX];
    struct capacity *capacities[SOLVER_ROLES_MAX];
    struct solver_role roles[SOLVER_ROLES_MAX];
};

struct result {
    double taken[ROUNDS_MOST]; /* ms */
    double steps[ROUNDS_MOST];
    double pace[ROUNDS_MOST]; /* ns per step */
    uint32_t found;
    uint32_t optimal;
    uint32_t refused;
    uint32_t proven;
    uint64_t leaves;
    uint64_t hosts;
};

static uint32_t below(struct bench *bench, uint32_t end)
{
    bench->random += UINT64_C(0x9E3779B97F4A7C15); /* splitmix64 */
    uint64_t z = bench->random;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)((z ^ (z >> 31)) % end);
}

static double clock_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "bench: %s\n", what);
        exit(EXIT_FAILURE);
    }
}

/* ---- the cluster ---- */

static void add_node(struct bench *bench, uint32_t index)
{
    char name[32];
    char leaf[32];
    char spine[32];
    uint32_t number = index / bench->c->leaf;
    snprintf(name, sizeof name, "node-%06" PRIu32, index);
    snprintf(leaf, sizeof leaf, "leaf-%05" PRIu32, number);
    snprintf(spine, sizeof spine, "spine-%03" PRIu32, number % bench->c->spines);
    const struct label_object labels[] = {{"spine", spine}, {"leaf", leaf}, {LEVEL_HOST_KEY, name}};
    const struct node_object object = {.name = name, .labels = labels, .label_count = 3};
    uint32_t row = 0;
    unsigned changes = 0;
    require(nodes_observe(bench->nodes, &object, &row, &changes, NULL) == 0, "node refused");
}

static void add_tree(struct bench *bench)
{
    static const char *const names[] = {"spine", "leaf"};
    struct levels levels;
    levels_init(&levels);
    for (uint32_t i = 0; i < 2; i++) {
        require(levels_add(&levels, names[i], NULL) == 0 &&
                    levels_add_key(&levels, names[i], NULL) == 0,
                "level refused");
    }
    require(levels_finish(&levels, NULL) == 0, "levels refused");
    bench->domains = domains_create(&levels);
    domains_build(bench->domains, bench->nodes);
}

static void bench_init(struct bench *bench, const struct bench_case *c)
{
    *bench = (struct bench){.c = c, .random = c->nodes + c->roles};
    bench->nodes = nodes_create(1);
    for (uint32_t i = 0; i < c->nodes; i++) {
        add_node(bench, i);
    }
    add_tree(bench);
    for (uint32_t i = 0; i < RESOURCES; i++) {
        bench->names[i] = names_intern(nodes_vocabulary(bench->nodes), resource_names[i],
                                       strlen(resource_names[i]));
    }
    bench->free = alloc_zero(c->nodes, sizeof *bench->free);
    bench->amounts = alloc_zero(c->nodes, sizeof *bench->amounts);
    for (uint32_t p = 0; p < c->nodes; p++) {
        resources_init(&bench->free[p]);
    }
    for (uint32_t r = 0; r < c->roles; r++) {
        resources_init(&bench->requests[r]);
        bench->capacities[r] = capacity_create(bench->domains);
    }
}

static void bench_finish(struct bench *bench)
{
    for (uint32_t r = 0; r < bench->c->roles; r++) {
        resources_finish(&bench->requests[r]);
        capacity_destroy(bench->capacities[r]);
    }
    for (uint32_t p = 0; p < bench->c->nodes; p++) {
        resources_finish(&bench->free[p]);
    }
    free(bench->free);
    free(bench->amounts);
    domains_destroy(bench->domains);
    nodes_destroy(bench->nodes);
}

/* ---- the gang and its room ---- */

/* Each role wants much of one resource and something of the others. */
static void draw_gang(struct bench *bench)
{
    const struct bench_case *c = bench->c;
    uint32_t left = c->pods - c->roles;
    for (uint32_t r = 0; r < c->roles; r++) {
        uint32_t more = r + 1 < c->roles ? below(bench, left + 1) : left;
        uint32_t loud = below(bench, RESOURCES);
        more = r + 1 < c->roles && more > 2 * left / (c->roles - r) ? left / (c->roles - r) : more;
        left -= more;
        for (uint32_t i = 0; i < RESOURCES; i++) {
            uint32_t share = i == loud ? 150 + below(bench, 250) : 10 + below(bench, 110);
            share = c->pods > 64 ? 1 + share / 8 : share;
            resources_set(&bench->requests[r], bench->names[i], node_amounts[i] * share / 1000);
        }
        bench->roles[r] = (struct solver_role){
            .count = 1 + more, .request = &bench->requests[r], .capacity = bench->capacities[r]};
    }
}

static bool fits(const struct bench *bench, uint32_t p, uint32_t role)
{
    for (uint32_t i = 0; i < RESOURCES; i++) {
        int64_t amount = resources_get(&bench->requests[role], bench->names[i]);
        if (bench->amounts[p][i] + amount > node_amounts[i]) {
            return false;
        }
    }
    return true;
}

/* Deals the gang to nodes out of [first, end): to a few, then to any that have room. */
static void deal(struct bench *bench, uint32_t first, uint32_t end)
{
    uint32_t few[SPARSE];
    for (uint32_t i = 0; i < SPARSE; i++) {
        few[i] = first + below(bench, end - first);
    }
    for (uint32_t r = 0; r < bench->c->roles; r++) {
        for (uint32_t n = 0; n < bench->roles[r].count; n++) {
            uint32_t p = few[below(bench, SPARSE)];
            for (uint32_t i = 0; i < SPARSE && !fits(bench, p, r); i++) {
                p = few[i];
            }
            while (!fits(bench, p, r)) {
                p = first + below(bench, end - first);
            }
            for (uint32_t i = 0; i < RESOURCES; i++) {
                bench->amounts[p][i] += resources_get(&bench->requests[r], bench->names[i]);
            }
        }
    }
}

/* Takes a little from one of the nodes that pods were dealt to. */
static void cut(struct bench *bench, uint32_t first, uint32_t end)
{
    uint32_t p = first + below(bench, end - first);
    while (bench->amounts[p][0] == 0) {
        p = p + 1 < end ? p + 1 : first;
    }
    bench->amounts[p][below(bench, RESOURCES)] -= 1;
}

static void scatter(struct bench *bench, uint32_t share)
{
    for (uint32_t p = 0; p < bench->c->nodes; p++) {
        for (uint32_t i = 0; i < RESOURCES; i++) {
            if (bench->amounts[p][i] == 0) {
                bench->amounts[p][i] = node_amounts[i] * below(bench, share + 1) / 1000;
            }
        }
    }
}

static void draw_room(struct bench *bench)
{
    const struct bench_case *c = bench->c;
    memset(bench->amounts, 0, c->nodes * sizeof *bench->amounts);
    if (bench->room == CLUSTER) {
        deal(bench, 0, c->nodes);
        cut(bench, 0, c->nodes);
    } else if (bench->room != LOOSE) {
        uint32_t leaves = c->nodes / c->leaf;
        uint32_t whole = bench->room == HAIR ? below(bench, leaves) : leaves;
        for (uint32_t l = 0; l < leaves; l++) {
            deal(bench, l * c->leaf, (l + 1) * c->leaf);
            if (l != whole) {
                cut(bench, l * c->leaf, (l + 1) * c->leaf);
            }
        }
    }
    scatter(bench, bench->room == LOOSE ? 600 : bench->room == CLUSTER ? 12 : 60);
    for (uint32_t p = 0; p < c->nodes; p++) {
        for (uint32_t i = 0; i < RESOURCES; i++) {
            resources_set(&bench->free[p], bench->names[i], bench->amounts[p][i]);
        }
        for (uint32_t r = 0; r < c->roles; r++) {
            capacity_set(bench->capacities[r], p,
                         resources_copies(&bench->requests[r], &bench->free[p], CAPACITY_NODE_MAX));
        }
    }
}

/* ---- measures ---- */

static const struct resources *free_at(const void *context, uint32_t position)
{
    const struct bench *bench = context;
    return &bench->free[position];
}

static void run_round(struct bench *bench, uint32_t round, struct result *result)
{
    struct solver_plan plan;
    const struct solver_problem problem = {
        .domains = bench->domains,
        .free_at = free_at,
        .free_context = bench,
        .roles = bench->roles,
        .role_count = bench->c->roles,
        .required_level = bench->room == HAIR || bench->room == SHORT ? LEAF : SOLVER_LEVEL_NONE};
    solver_plan_init(&plan);
    draw_gang(bench);
    draw_room(bench);
    double started = clock_us();
    solver_solve(&problem, &plan);
    double taken = clock_us() - started;
    result->taken[round] = taken / 1e3;
    result->steps[round] = (double)plan.steps;
    result->pace[round] = plan.steps == 0 ? 0 : taken * 1e3 / (double)plan.steps;
    if (plan.feasible) {
        result->found++;
        result->optimal += plan.optimal;
        result->leaves += plan.used[LEAF];
        result->hosts += plan.used[LEAF + 1];
    } else {
        result->refused++;
        result->proven += plan.shortfall.proven;
    }
    solver_plan_finish(&plan);
}

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

static double share(uint32_t part, uint32_t whole)
{
    return whole == 0 ? 0 : 100.0 * part / whole;
}

static void report(const char *name, struct result *result, uint32_t rounds)
{
    qsort(result->taken, rounds, sizeof *result->taken, ascending);
    qsort(result->steps, rounds, sizeof *result->steps, ascending);
    qsort(result->pace, rounds, sizeof *result->pace, ascending);
    printf("%-24s %8.2f %8.2f %8.2f %9.0f %9.0f %6.1f %6.1f   %4.0f %4.0f %4.0f  %6.2f %6.2f\n",
           name, result->taken[rounds / 2], result->taken[rounds * 99 / 100],
           result->taken[rounds - 1], result->steps[rounds / 2], result->steps[rounds - 1],
           result->pace[rounds / 2], result->pace[rounds - 1], share(result->found, rounds),
           share(result->optimal, result->found), share(result->proven, result->refused),
           result->found == 0 ? 0 : (double)result->leaves / result->found,
           result->found == 0 ? 0 : (double)result->hosts / result->found);
    fflush(stdout);
}

static void run_case(const struct bench_case *c, enum room room, uint32_t rounds, const char *only)
{
    char name[64];
    struct bench bench;
    snprintf(name, sizeof name, "%s-%" PRIu32 "x%" PRIu32 "-%" PRIu32, room_names[room], c->pods,
             c->roles, c->nodes);
    if (only != NULL && strstr(name, only) == NULL) {
        return;
    }
    rounds = rounds == 0 || rounds > ROUNDS_MOST ? c->rounds : rounds;
    bench_init(&bench, c);
    bench.room = room;
    struct result *result = alloc_zero(1, sizeof *result);
    for (uint32_t round = 0; round < rounds; round++) {
        run_round(&bench, round, result);
    }
    report(name, result, rounds);
    free(result);
    bench_finish(&bench);
}

int main(int argc, char **argv)
{
    static const struct bench_case cases[] = {
        /* nodes, spines, leaf, pods, roles, rounds */
        {500, 4, 20, 28, 3, 200},    {500, 4, 20, 28, 6, 200},    {500, 4, 20, 28, 16, 200},
        {5000, 10, 40, 28, 3, 200},  {5000, 10, 40, 28, 6, 200},  {5000, 10, 40, 28, 16, 200},
        {5000, 10, 40, 200, 4, 200}, {100000, 40, 50, 28, 3, 20}, {100000, 40, 50, 28, 16, 20},
    };
    uint32_t rounds = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0;
    printf("%-24s %26s %19s %13s   %14s  %13s\n", "room-pods x roles-nodes", "ms p50 p99 max",
           "steps p50 max", "ns/step", "found opt prov", "leaves nodes");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (uint32_t room = 0; room < ROOMS; room++) {
            run_case(&cases[i], (enum room)room, rounds, argc > 2 ? argv[2] : NULL);
        }
    }
    return EXIT_SUCCESS;
}
