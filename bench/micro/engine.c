// SPDX-License-Identifier: Apache-2.0
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/micro/waiting.h"
#include "scheduler/engine.h"

/* bench_engine [--seconds N] [decisions | crowd | shapes | members | roles]...      (all of them)
 *
 * What the engine alone takes, without HTTP. `decisions`: one decision at growing cluster sizes.
 * The others: one event while many gangs wait, or in a large cluster (waiting.h), for about N
 * seconds of CPU time each (20).
 *
 *   plan      the event that completes a gang of 64 whole nodes, to all its members held
 *   filter    a member's call with its nominated node alone
 *   ordinary  an ordinary pod's call with every node of the cluster, while a gang is held
 *   forget    the event that deletes a member, which gives the gang's hold back
 *
 * Racks of 18 nodes, 8 racks a leaf, 4 leaves a spine; every third node is taken. Prints the median
 * and the 99th percentile in microseconds over ROUNDS rounds. Run it with `make bench`.
 */

#define ROUNDS     200
#define GANG       64
#define NODES_MOST 20000

enum step { STEP_PLAN, STEP_FILTER, STEP_ORDINARY, STEP_FORGET, STEPS };

static const char *const step_names[STEPS] = {"plan", "filter", "ordinary", "forget"};

struct bench {
    struct engine *engine;
    struct effects effects;
    int64_t now;
    uint32_t nodes;
    uint32_t rows[NODES_MOST];
    int64_t taken[STEPS][ROUNDS];
};

static int64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t apply(struct bench *bench, struct event *event)
{
    event->now = bench->now;
    effects_reset(&bench->effects);
    int64_t started = clock_ns();
    engine_apply(bench->engine, event, &bench->effects);
    return clock_ns() - started;
}

static void add_node(struct bench *bench, uint32_t index)
{
    char name[32], rack[32], leaf[32], spine[32];
    snprintf(name, sizeof(name), "node-%05u", index);
    snprintf(rack, sizeof(rack), "rack-%04u", index / 18);
    snprintf(leaf, sizeof(leaf), "leaf-%04u", index / 18 / 8);
    snprintf(spine, sizeof(spine), "spine-%04u", index / 18 / 8 / 4);
    struct label_object labels[] = {{"fabric.topograph.run/tier-1", spine},
                                    {"fabric.topograph.run/tier-0", leaf},
                                    {"topology.kubernetes.io/rack", rack},
                                    {"kubernetes.io/hostname", name}};
    struct amount_object amounts[] = {{"cpu", 96000}, {"nvidia.com/gpu", 8}, {"pods", 110}};
    struct event event = {.type = EVENT_NODE};
    event.node = (struct node_object){.name = name,
                                      .labels = labels,
                                      .label_count = 4,
                                      .allocatable = amounts,
                                      .allocatable_count = 3};
    apply(bench, &event);
}

static int64_t add_pod(struct bench *bench, const char *uid, int64_t gpus, const char *gang,
                       const char *node, int32_t rank)
{
    struct amount_object amounts[] = {{"cpu", 1000}, {"pods", 1}, {"nvidia.com/gpu", gpus}};
    struct event event = {.type = EVENT_POD};
    event.pod = (struct pod_object){.name_space = "bench",
                                    .name = uid,
                                    .uid = uid,
                                    .node = node,
                                    .requests = amounts,
                                    .request_count = 3,
                                    .gang = gang,
                                    .gang_minimum = gang == NULL ? 0 : GANG,
                                    .rank = rank};
    return apply(bench, &event);
}

static int64_t remove_pod(struct bench *bench, const char *uid)
{
    struct event event = {.type = EVENT_POD_GONE, .pod_uid = uid};
    return apply(bench, &event);
}

static int64_t filter(struct bench *bench, const char *uid, const char *nominated,
                      const uint32_t *rows, uint32_t count)
{
    struct event event = {.type = EVENT_FILTER};
    event.filter.pod.uid = uid;
    event.filter.pod.nominated = nominated;
    event.filter.rows = rows;
    event.filter.row_count = count;
    return apply(bench, &event);
}

static void build(struct bench *bench)
{
    struct engine_options options;
    engine_options_default(&options);
    bench->engine = engine_create(&options);
    effects_init(&bench->effects);
    for (uint32_t i = 0; i < bench->nodes; i++) {
        add_node(bench, i);
    }
    for (uint32_t i = 0; i < bench->nodes; i++) {
        char node[32], uid[32];
        snprintf(node, sizeof(node), "node-%05u", i);
        snprintf(uid, sizeof(uid), "busy-%u", i);
        bench->rows[i] = engine_node_row(bench->engine, node, strlen(node));
        if (i % 3 == 2) {
            add_pod(bench, uid, 8, NULL, node, -1);
        }
    }
    add_pod(bench, "ordinary", 1, NULL, NULL, -1);
    struct event synced = {.type = EVENT_SYNCED};
    apply(bench, &synced);
}

/* Node of the first member of the running round, as the engine planned it. */
static uint32_t planned_row(const struct bench *bench)
{
    for (size_t i = 0; i < bench->effects.count; i++) {
        if (bench->effects.items[i].type == EFFECT_NOMINATE) {
            const char *node = bench->effects.items[i].write.node;
            return engine_node_row(bench->engine, node, strlen(node));
        }
    }
    fprintf(stderr, "the gang was not planned\n");
    exit(EXIT_FAILURE);
}

static void round_of(struct bench *bench, int round)
{
    char uid[64];
    int64_t last = 0;
    for (int i = 0; i < GANG; i++) {
        snprintf(uid, sizeof(uid), "g%d-%d", round, i);
        last = add_pod(bench, uid, 8, "gang", NULL, i);
    }
    bench->taken[STEP_PLAN][round] = last;
    uint32_t row = planned_row(bench);
    const char *node = nodes_name(engine_nodes(bench->engine), row);
    snprintf(uid, sizeof(uid), "g%d-0", round);
    bench->taken[STEP_FILTER][round] = filter(bench, uid, node, &row, 1);
    bench->taken[STEP_ORDINARY][round] = filter(bench, "ordinary", NULL, bench->rows, bench->nodes);
    for (int i = 0; i < GANG; i++) {
        snprintf(uid, sizeof(uid), "g%d-%d", round, i);
        int64_t took = remove_pod(bench, uid);
        bench->taken[STEP_FORGET][round] = i == 0 ? took : bench->taken[STEP_FORGET][round];
    }
    bench->now += 1000;
}

static int compare(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static void report(struct bench *bench)
{
    for (int step = 0; step < STEPS; step++) {
        int64_t *taken = bench->taken[step];
        size_t median = ROUNDS / 2, most = ROUNDS * 99 / 100;
        qsort(taken, ROUNDS, sizeof(*taken), compare);
        printf("%8u  %-9s %10.1f %10.1f\n", bench->nodes, step_names[step],
               (double)taken[median] / 1e3, (double)taken[most] / 1e3);
    }
}

static void decisions(double seconds)
{
    static const uint32_t sizes[] = {200, 1000, 5000, NODES_MOST};
    struct bench *bench = calloc(1, sizeof(*bench));
    if (bench == NULL) {
        exit(EXIT_FAILURE);
    }
    printf("%8s  %-9s %10s %10s   (a gang of %d nodes, %d rounds)\n", "nodes", "step", "p50 us",
           "p99 us", GANG, ROUNDS);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        bench->nodes = sizes[i];
        build(bench);
        for (int round = 0; round < ROUNDS; round++) {
            round_of(bench, round);
        }
        report(bench);
        effects_finish(&bench->effects);
        engine_destroy(bench->engine);
    }
    free(bench);
    putchar('\n');
}

static const struct scenario {
    const char *name;
    void (*run)(double seconds);
} scenarios[] = {
    {"decisions", decisions},     {"crowd", waiting_crowd}, {"shapes", waiting_shapes},
    {"members", waiting_members}, {"roles", waiting_roles},
};
#define SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))

int main(int argc, char **argv)
{
    double seconds = 20;
    int first = 1;
    if (argc > 2 && strcmp(argv[1], "--seconds") == 0) {
        seconds = strtod(argv[2], NULL);
        first = 3;
    }
    for (size_t i = 0; i < SCENARIOS; i++) {
        bool wanted = first >= argc;
        for (int argument = first; argument < argc; argument++) {
            wanted |= strcmp(argv[argument], scenarios[i].name) == 0;
        }
        if (wanted) {
            scenarios[i].run(seconds);
        }
    }
    return EXIT_SUCCESS;
}
