// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/micro/greedy.h"
#include "scheduler/solver/solver.h"
#include "scheduler/state/ledger.h"
#include "scheduler/state/shape.h"
#include "topology/base/alloc.h"
#include "topology/graph/levels.h"

/* What a decision of the solver costs, on the node table, tree and ledger that the engine uses.
 * Spines, leaves of uneven size, nodes of 8 GPUs. Every round draws anew what is free:
 *
 *   1-GPU pods        0 … 8 GPUs of every node are free, each number as likely
 *   whole-node pods   60 % of the nodes are free, the others are not at all
 *
 * and then measures, on the same instance:
 *
 *   solve     the view of the pod's shape is up to date; the solver's plan with its proof
 *   greedy    a plain greedy best fit on the same view (greedy.h), which proves nothing
 *   changed   one pod has come on one node: ledger_charge(), the view, the plan
 *   rebuild   a label has changed: the whole tree, the view of every node, the plan
 *   scratch   nothing but decoded Node objects and what is busy: table, tree, ledger, view, plan
 *
 * Medians and 99th percentiles (of few rounds: the worst) in microseconds of CPU time, so that what
 * else the machine does is not counted. Then how often the greedy pass of the solver met the bound,
 * the steps it searched otherwise, what the plain greedy missed, and the memory a node takes. The
 * last cases have their pods in slices, each inside one leaf, or so many and no more in a domain,
 * which the plain greedy cannot do. */

#define GPUS         8
#define LEAF         2 /* tree level: cluster, spine, leaf, host */
#define ROUNDS_MOST  200
#define MEMORY_NODES 100000

enum measure { SOLVE, GREEDY, CHANGED, REBUILD, SCRATCH, MEASURES };

static const char *const measure_names[MEASURES] = {"solve", "greedy", "changed", "rebuild",
                                                    "scratch"};

struct bench_case {
    uint32_t pods;
    uint32_t nodes;
    uint32_t spines;
    uint32_t leaf;  /* nodes of a leaf, on average */
    uint32_t gpus;  /* of a pod: 1, or GPUS for whole nodes */
    uint32_t slice; /* pods that have to share a leaf; 0: none */
    uint32_t rounds;
    uint32_t rebuilds;  /* measured in this many of the rounds */
    uint32_t scratches; /* and this one in this many */
    double target_us;   /* for the median of `solve` */
    uint32_t level;     /* at most `most` pods in a domain of this tree level; 0: no limit */
    uint32_t most;
};

struct node_words {
    char name[32];
    char leaf[32];
    char spine[32];
};

struct cluster {
    uint64_t random;
    struct node_words *words; /* by index, which is the row */
    struct nodes *nodes;
    struct domains *domains;
    struct shapes *shapes;
    struct ledger *ledger;
    uint32_t shape;
    uint32_t gpu;
    uint32_t cpu;
    uint32_t node_count;
    uint8_t *busy; /* GPUs charged, by row */
};

struct result {
    double taken[MEASURES][ROUNDS_MOST];
    uint32_t count[MEASURES];
    uint32_t greedy;
    uint32_t optimal;
    uint32_t beaten; /* plain greedy is not as good as the plan */
    uint64_t leaves;
    uint64_t greedy_leaves;
    uint64_t nodes;
    uint64_t greedy_nodes;
    uint64_t steps[ROUNDS_MOST];
};

static uint32_t below(struct cluster *cluster, uint32_t end)
{
    cluster->random += UINT64_C(0x9E3779B97F4A7C15); /* splitmix64 */
    uint64_t z = cluster->random;
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

static void draw_words(struct cluster *cluster, const struct bench_case *c)
{
    uint32_t leaf = 0;
    uint32_t left = 0;
    cluster->node_count = c->nodes;
    cluster->words = alloc_zero(c->nodes, sizeof *cluster->words);
    for (uint32_t i = 0; i < c->nodes; i++) {
        struct node_words *words = &cluster->words[i];
        if (left == 0) {
            left = c->leaf / 2 + below(cluster, c->leaf + 1);
            leaf++;
        }
        left--;
        snprintf(words->name, sizeof words->name, "node-%06" PRIu32, i);
        snprintf(words->leaf, sizeof words->leaf, "leaf-%05" PRIu32, leaf);
        snprintf(words->spine, sizeof words->spine, "spine-%03" PRIu32, leaf % c->spines);
    }
}

static void add_nodes(struct cluster *cluster)
{
    static const struct amount_object amounts[] = {{"cpu", 96000}, {"gpu", GPUS}, {"pods", 110}};
    cluster->nodes = nodes_create(1);
    for (uint32_t i = 0; i < cluster->node_count; i++) {
        const struct node_words *words = &cluster->words[i];
        const struct label_object labels[] = {
            {"spine", words->spine}, {"leaf", words->leaf}, {LEVEL_HOST_KEY, words->name}};
        const struct node_object object = {.name = words->name,
                                           .labels = labels,
                                           .label_count = 3,
                                           .allocatable = amounts,
                                           .allocatable_count = 3};
        uint32_t row = 0;
        unsigned changes = 0;
        require(nodes_observe(cluster->nodes, &object, &row, &changes, NULL) == 0 && row == i,
                "node refused");
    }
    cluster->gpu = names_intern(nodes_vocabulary(cluster->nodes), "gpu", 3);
    cluster->cpu = names_intern(nodes_vocabulary(cluster->nodes), "cpu", 3);
}

static struct domains *new_tree(void)
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
    return domains_create(&levels);
}

static uint32_t new_shape(struct cluster *cluster, uint32_t gpus)
{
    const struct amount_object amounts[] = {{"cpu", 1000}, {"gpu", gpus}, {"pods", 1}};
    const struct pod_object pod = {
        .name_space = "bench", .name = "p", .uid = "p", .requests = amounts, .request_count = 3};
    return shapes_acquire(cluster->shapes, &pod, NULL);
}

static void add_tree(struct cluster *cluster)
{
    cluster->domains = new_tree();
    domains_build(cluster->domains, cluster->nodes);
}

static void add_ledger(struct cluster *cluster)
{
    cluster->shapes = shapes_create(cluster->nodes);
    cluster->ledger = ledger_create(cluster->nodes, cluster->domains, cluster->shapes);
    for (uint32_t row = 0; row < cluster->node_count; row++) {
        ledger_node_changed(cluster->ledger, row);
    }
}

static void cluster_init(struct cluster *cluster, const struct bench_case *c)
{
    memset(cluster, 0, sizeof *cluster);
    cluster->random = c->nodes + c->gpus;
    draw_words(cluster, c);
    add_nodes(cluster);
    add_tree(cluster);
    add_ledger(cluster);
    cluster->shape = new_shape(cluster, c->gpus);
    cluster->busy = alloc_zero(c->nodes, sizeof *cluster->busy);
}

static void cluster_finish(struct cluster *cluster)
{
    free(cluster->busy);
    free(cluster->words);
    ledger_destroy(cluster->ledger);
    shapes_destroy(cluster->shapes);
    domains_destroy(cluster->domains);
    nodes_destroy(cluster->nodes);
}

/* Makes `gpus` of the node's GPUs busy. */
static void set_busy(struct cluster *cluster, uint32_t row, uint32_t gpus)
{
    struct resources amounts;
    if (cluster->busy[row] == gpus) {
        return;
    }
    resources_init(&amounts);
    resources_set(&amounts, cluster->gpu, cluster->busy[row]);
    if (cluster->busy[row] > 0) {
        ledger_refund(cluster->ledger, LEDGER_BOUND, row, &amounts);
    }
    resources_set(&amounts, cluster->gpu, gpus);
    if (gpus > 0) {
        ledger_charge(cluster->ledger, LEDGER_BOUND, row, &amounts);
    }
    resources_finish(&amounts);
    cluster->busy[row] = (uint8_t)gpus;
}

static void draw_busy(struct cluster *cluster, const struct bench_case *c)
{
    for (uint32_t row = 0; row < cluster->node_count; row++) {
        uint32_t whole = below(cluster, 10) < 4 ? GPUS : 0;
        set_busy(cluster, row, c->gpus == GPUS ? whole : below(cluster, GPUS + 1));
    }
}

/* ---- measures ---- */

static void decide(struct cluster *cluster, const struct bench_case *c, struct solver_plan *plan)
{
    const struct solver_layer layer = {.level = LEAF, .size = c->slice};
    const struct solver_role role = {.count = c->pods,
                                     .layers = &layer,
                                     .layer_count = c->slice > 0,
                                     .request = shapes_request(cluster->shapes, cluster->shape),
                                     .capacity = ledger_capacity(cluster->ledger, cluster->shape)};
    const struct solver_limit limit = {.level = c->level, .most = c->most, .roles = 1};
    const struct solver_problem problem = {.domains = cluster->domains,
                                           .limits = &limit,
                                           .limit_count = c->level > 0,
                                           .roles = &role,
                                           .role_count = 1,
                                           .required_level = SOLVER_LEVEL_NONE};
    solver_solve(&problem, plan);
    require(plan->feasible && plan->count == c->pods, "the gang does not fit");
}

static void note(struct result *result, enum measure measure, double started)
{
    result->taken[measure][result->count[measure]++] = clock_us() - started;
}

/* A second cluster with the same nodes, as busy as the first one. */
static void from_scratch(const struct cluster *like, const struct bench_case *c,
                         struct result *result)
{
    struct solver_plan plan;
    struct cluster cluster = {.words = like->words, .node_count = like->node_count};
    cluster.busy = alloc_zero(c->nodes, sizeof *cluster.busy);
    solver_plan_init(&plan);
    double started = clock_us();
    add_nodes(&cluster);
    add_tree(&cluster);
    add_ledger(&cluster);
    cluster.shape = new_shape(&cluster, c->gpus);
    for (uint32_t row = 0; row < c->nodes; row++) {
        set_busy(&cluster, row, like->busy[row]);
    }
    decide(&cluster, c, &plan);
    note(result, SCRATCH, started);
    solver_plan_finish(&plan);
    cluster.words = NULL;
    cluster_finish(&cluster);
}

static void compare_greedy(struct result *result, const struct solver_plan *plan,
                           const struct greedy *greedy)
{
    require(greedy->count == plan->count, "greedy placed another number of pods");
    bool beaten = false;
    for (uint32_t l = 0; l < plan->levels && !beaten; l++) {
        require(greedy->used[l] >= plan->used[l], "greedy is better than the plan");
        beaten = greedy->used[l] > plan->used[l];
    }
    result->beaten += beaten;
    result->greedy_leaves += greedy->used[LEAF];
    result->greedy_nodes += greedy->used[LEAF + 1];
}

static void run_round(struct cluster *cluster, const struct bench_case *c, uint32_t round,
                      struct greedy *greedy, struct result *result)
{
    struct solver_plan plan;
    solver_plan_init(&plan);
    draw_busy(cluster, c);
    const struct capacity *view = ledger_capacity(cluster->ledger, cluster->shape);

    double started = clock_us();
    decide(cluster, c, &plan);
    note(result, SOLVE, started);
    result->steps[round] = plan.steps;
    result->greedy += plan.greedy;
    result->optimal += plan.optimal;

    result->leaves += plan.used[LEAF];
    result->nodes += plan.used[LEAF + 1];
    if (c->slice == 0 && c->level == 0) {
        started = clock_us();
        greedy_place(greedy, view, c->pods);
        note(result, GREEDY, started);
        compare_greedy(result, &plan, greedy);
    }

    struct resources amounts;
    uint32_t row = below(cluster, cluster->node_count);
    resources_init(&amounts);
    resources_set(&amounts, cluster->gpu, 1);
    resources_set(&amounts, cluster->cpu, 1000);
    started = clock_us();
    ledger_charge(cluster->ledger, LEDGER_BOUND, row, &amounts);
    decide(cluster, c, &plan);
    note(result, CHANGED, started);
    ledger_refund(cluster->ledger, LEDGER_BOUND, row, &amounts);
    resources_finish(&amounts);

    if (round < c->rebuilds) {
        started = clock_us();
        domains_build(cluster->domains, cluster->nodes);
        ledger_tree_changed(cluster->ledger);
        decide(cluster, c, &plan);
        note(result, REBUILD, started);
    }
    solver_plan_finish(&plan);
    if (round < c->scratches) {
        from_scratch(cluster, c, result);
    }
}

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

static int ascending_steps(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static void report(const struct bench_case *c, struct result *result)
{
    double median[MEASURES] = {0};
    printf("%" PRIu32 " pods of %" PRIu32 " GPU", c->pods, c->gpus);
    if (c->slice > 0) {
        printf(" in slices of %" PRIu32, c->slice);
    }
    if (c->level > 0) {
        printf(", %" PRIu32 " of a %s", c->most, c->level == LEAF ? "leaf" : "node");
    }
    printf(" on %" PRIu32 " nodes, %" PRIu32 " spines, leaves of %" PRIu32 " to %" PRIu32
           "; %" PRIu32 " rounds\n",
           c->nodes, c->spines, c->leaf / 2, c->leaf / 2 + c->leaf, c->rounds);
    for (uint32_t m = 0; m < MEASURES; m++) {
        uint32_t count = result->count[m];
        if (count == 0) {
            continue;
        }
        qsort(result->taken[m], count, sizeof **result->taken, ascending);
        median[m] = result->taken[m][count / 2];
        printf("  %-8s p50 %10.1f us   p99 %10.1f us", measure_names[m], median[m],
               result->taken[m][count * 99 / 100]);
        if (m == SOLVE && c->target_us > 0) {
            printf("   target %.0f us: %s", c->target_us,
                   median[m] <= c->target_us ? "met" : "missed");
        } else if (m == GREEDY) {
            printf("   solve takes %.1f x as long", median[SOLVE] / median[m]);
        } else if (m == REBUILD || m == SCRATCH) {
            printf("   changed is %.1f x cheaper", median[m] / median[CHANGED]);
        }
        printf("\n");
    }
    qsort(result->steps, c->rounds, sizeof *result->steps, ascending_steps);
    printf("  greedy pass met the bound in %.0f %%, proven optimal in %.0f %%; steps p50 %" PRIu64
           ", most %" PRIu64 "\n",
           100.0 * result->greedy / c->rounds, 100.0 * result->optimal / c->rounds,
           result->steps[c->rounds / 2], result->steps[c->rounds - 1]);
    printf("  leaves and nodes per gang %.2f %.1f", (double)result->leaves / c->rounds,
           (double)result->nodes / c->rounds);
    if (c->slice == 0 && c->level == 0) {
        printf(", plain greedy %.2f %.1f; plain greedy worse in %.0f %%",
               (double)result->greedy_leaves / c->rounds, (double)result->greedy_nodes / c->rounds,
               100.0 * result->beaten / c->rounds);
    }
    printf("\n");
    fflush(stdout);
}

static void run_case(const struct bench_case *c)
{
    struct cluster cluster;
    struct greedy greedy;
    struct result *result = alloc_zero(1, sizeof *result);
    uint32_t *positions = alloc_zero(c->pods, sizeof *positions);
    cluster_init(&cluster, c);
    greedy_init(&greedy, cluster.domains, positions);
    for (uint32_t round = 0; round < c->rounds; round++) {
        run_round(&cluster, c, round, &greedy, result);
    }
    report(c, result);
    greedy_finish(&greedy);
    cluster_finish(&cluster);
    free(positions);
    free(result);
}

/* ---- memory ---- */

static double taken_bytes(void)
{
    struct mallinfo2 info = mallinfo2();
    return (double)info.uordblks + (double)info.hblkhd;
}

static void report_memory(void)
{
    const struct bench_case c = {.nodes = MEMORY_NODES, .spines = 20, .leaf = 100, .gpus = 1};
    struct cluster cluster = {0};
    draw_words(&cluster, &c);
    cluster.busy = alloc_zero(c.nodes, sizeof *cluster.busy);
    double before = taken_bytes();
    add_nodes(&cluster);
    double with_nodes = taken_bytes();
    add_tree(&cluster);
    double with_tree = taken_bytes();
    add_ledger(&cluster);
    draw_busy(&cluster, &c);
    double with_ledger = taken_bytes();
    uint32_t shape = new_shape(&cluster, 1);
    require(ledger_capacity(cluster.ledger, shape) != NULL, "no view");
    double with_view = taken_bytes();
    printf("memory per node, %d nodes: table %.0f B, tree %.0f B, ledger %.0f B, one view %.0f B; "
           "together %.0f B\n",
           MEMORY_NODES, (with_nodes - before) / c.nodes, (with_tree - with_nodes) / c.nodes,
           (with_ledger - with_tree) / c.nodes, (with_view - with_ledger) / c.nodes,
           (with_view - before) / c.nodes);
    cluster_finish(&cluster);
}

int main(void)
{
    static const struct bench_case cases[] = {
        /* pods, nodes, spines, leaf, gpus, slice, rounds, rebuilds, scratches, target, limit */
        {128, 5000, 5, 40, 1, 0, 200, 50, 20, 300, 0, 0},
        {128, 5000, 5, 40, GPUS, 0, 200, 50, 20, 300, 0, 0},
        {3000, 4096, 4, 64, 1, 0, 200, 50, 20, 5000, 0, 0},
        {16384, 100000, 20, 100, 1, 0, 30, 10, 3, 50000, 0, 0},
        {16384, 100000, 20, 100, GPUS, 0, 30, 10, 3, 50000, 0, 0},
        {128, 5000, 5, 40, GPUS, 8, 200, 50, 20, 0, 0, 0},
        {3072, 4096, 4, 64, 1, 64, 200, 50, 20, 0, 0, 0},
        {16384, 100000, 20, 100, 1, 64, 30, 10, 3, 0, 0, 0},
        {128, 5000, 5, 40, 1, 0, 200, 50, 20, 0, LEAF + 1, 1},
        {64, 5000, 5, 40, 1, 0, 200, 50, 20, 0, LEAF, 1},
        {128, 5000, 5, 40, 1, 0, 200, 50, 20, 0, LEAF, 8},
        {16384, 100000, 20, 100, 1, 0, 30, 10, 3, 0, LEAF + 1, 1},
    };
    report_memory();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        run_case(&cases[i]);
    }
    return EXIT_SUCCESS;
}
