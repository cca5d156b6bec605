// SPDX-License-Identifier: Apache-2.0
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "topology/graph/capacity.h"
#include "topology/graph/domains.h"
#include "topology/graph/moves.h"
#include "topology/graph/nodes.h"

/* What the graph costs on a cluster of NODES nodes, without the engine.
 *
 *   new         a node seen for the first time: LABELS labels, 6 of them its own
 *   unchanged   the same object once more
 *   label       the value of one label is another one, which no node ever had
 *   find        the row of a name: once per node name of a filter call
 *   gone        the node goes away
 *
 * Nanoseconds a node, with the clock read twice. Racks of 18 nodes, 8 racks a leaf, 4 leaves a
 * spine. Then the tree, in microseconds, the median and the 99th percentile of MOVES each:
 *
 *   build       all of it anew
 *   remove      a node that others in its rack outlast
 *   insert      it comes back
 *   follow      a capacity that is one move behind
 *   alone       the four above once more, where one node in three has no label of a rack and a leaf
 *
 * Run it with `make bench`.
 */

#define NODES  100000u
#define BATCH  1000u
#define LABELS 30
#define MOVES  400
#define BUILDS 9

static int64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

struct made_node {
    struct node_object object;
    struct label_object labels[LABELS];
    char keys[LABELS][48];
    char values[LABELS][48];
    char name[32];
};

static void set_label(struct made_node *made, int index, const char *key, uint32_t number)
{
    (void)snprintf(made->keys[index], sizeof made->keys[index], "%s", key);
    (void)snprintf(made->values[index], sizeof made->values[index], "value-%07u", number);
    made->labels[index] = (struct label_object){made->keys[index], made->values[index]};
}

static void make_node(struct made_node *made, uint32_t number, uint32_t turn)
{
    static const struct amount_object amounts[] = {
        {"cpu", 96000}, {"memory", INT64_C(1) << 40}, {"pods", 110}, {"nvidia.com/gpu", 8}};
    (void)snprintf(made->name, sizeof made->name, "gpu-node-%06u", number);
    set_label(made, 0, "network.topology.nvidia.com/spine", number / 18 / 8 / 4);
    set_label(made, 1, "network.topology.nvidia.com/leaf", number / 18 / 8);
    set_label(made, 2, "topology.kubernetes.io/rack", number / 18);
    for (int i = 3; i < LABELS; i++) {
        char key[48];
        (void)snprintf(key, sizeof key, "example.com/label-%02d", i);
        set_label(made, i, key, i < 9 ? number * 16 + (uint32_t)i : (uint32_t)i);
    }
    set_label(made, 9, "example.com/heartbeat", turn == 0 ? 0 : turn * NODES + number);
    made->object = (struct node_object){.name = made->name,
                                        .labels = made->labels,
                                        .label_count = LABELS,
                                        .allocatable = amounts,
                                        .allocatable_count = 4};
}

/* Times of one step by node; the figure is the median of the means over BATCH nodes each, which
 * other work on the machine does not move much. */
struct times {
    int64_t batches[NODES / BATCH];
};

static int compare_times(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static void times_print(struct times *times, const char *step)
{
    qsort(times->batches, NODES / BATCH, sizeof times->batches[0], compare_times);
    int64_t median = times->batches[NODES / BATCH / 2];
    printf("%-12s %8.0f ns\n", step, (double)median / BATCH);
}

static void observe_all(struct nodes *nodes, uint32_t turn, const char *step)
{
    static struct made_node made;
    struct times times = {{0}};
    for (uint32_t i = 0; i < NODES; i++) {
        uint32_t row;
        unsigned changes;
        make_node(&made, i, turn);
        int64_t started = clock_ns();
        if (nodes_observe(nodes, &made.object, &row, &changes, NULL) != 0) {
            abort();
        }
        times.batches[i / BATCH] += clock_ns() - started;
    }
    times_print(&times, step);
}

static void find_all(const struct nodes *nodes)
{
    char name[32];
    struct times times = {{0}};
    for (uint32_t i = 0; i < NODES; i++) {
        int length = snprintf(name, sizeof name, "gpu-node-%06u", (i * 7919u) % NODES);
        int64_t started = clock_ns();
        if (nodes_find(nodes, name, (size_t)length) == NAMES_NONE) {
            abort();
        }
        times.batches[i / BATCH] += clock_ns() - started;
    }
    times_print(&times, "find");
}

static void remove_all(struct nodes *nodes)
{
    char name[32];
    struct times times = {{0}};
    for (uint32_t i = 0; i < NODES; i++) {
        (void)snprintf(name, sizeof name, "gpu-node-%06u", i);
        int64_t started = clock_ns();
        (void)nodes_remove(nodes, name);
        times.batches[i / BATCH] += clock_ns() - started;
    }
    times_print(&times, "gone");
}

static void bench_nodes(void)
{
    struct nodes *nodes = nodes_create(1);
    observe_all(nodes, 0, "new");
    observe_all(nodes, 0, "unchanged");
    observe_all(nodes, 1, "label");
    observe_all(nodes, 2, "label");
    find_all(nodes);
    printf("%-12s %8zu\n", "words", names_count(nodes_words(nodes)));
    remove_all(nodes);
    printf("%-12s %8zu\n", "words", names_count(nodes_words(nodes)));
    nodes_destroy(nodes);
}

/* ---- the tree ---- */

static void print_sorted(const char *step, int64_t *taken, uint32_t count)
{
    qsort(taken, count, sizeof *taken, compare_times);
    int64_t median = taken[count / 2];
    int64_t p99 = taken[(count - 1) * 99 / 100];
    printf("%-12s %8.1f us %8.1f us\n", step, (double)median / 1000, (double)p99 / 1000);
}

static struct domains *make_tree(struct nodes *nodes, bool alone)
{
    static struct made_node made;
    struct levels levels;
    levels_preset(&levels);
    for (uint32_t i = 0; i < NODES; i++) {
        uint32_t row;
        unsigned changes;
        make_node(&made, i, 0);
        if (alone && i % 3 == 0) {
            made.labels[1] = made.labels[2] = made.labels[3];
        }
        if (nodes_observe(nodes, &made.object, &row, &changes, NULL) != 0) {
            abort();
        }
    }
    struct domains *domains = domains_create(&levels);
    int64_t taken[BUILDS];
    for (uint32_t i = 0; i < BUILDS; i++) {
        int64_t started = clock_ns();
        domains_build(domains, nodes);
        taken[i] = clock_ns() - started;
    }
    print_sorted("build", taken, BUILDS);
    return domains;
}

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void bench_tree(bool alone)
{
    enum { REMOVE, INSERT, FOLLOW, STEPS };
    static int64_t taken[STEPS][MOVES];
    struct nodes *nodes = nodes_create(1);
    struct domains *domains = make_tree(nodes, alone);
    struct capacity *capacity = capacity_create(domains);
    for (uint32_t p = 0; p < domains_positions(domains); p++) {
        capacity_set(capacity, p, 1);
    }
    for (uint32_t i = 0; i < MOVES; i++) {
        uint32_t row = i * 7919u % NODES;
        int64_t started = clock_ns();
        require(moves_remove(domains, row));
        taken[REMOVE][i] = clock_ns() - started;
        require(capacity_follow(capacity) == CAPACITY_MOVED);
        started = clock_ns();
        require(moves_insert(domains, row));
        taken[INSERT][i] = clock_ns() - started;
        started = clock_ns();
        require(capacity_follow(capacity) == CAPACITY_MOVED);
        taken[FOLLOW][i] = clock_ns() - started;
        capacity_set(capacity, domains_position(domains, row), 1);
    }
    print_sorted("remove", taken[REMOVE], MOVES);
    print_sorted("insert", taken[INSERT], MOVES);
    print_sorted("follow", taken[FOLLOW], MOVES);
    capacity_destroy(capacity);
    domains_destroy(domains);
    nodes_destroy(nodes);
}

int main(void)
{
    bench_nodes();
    bench_tree(false);
    printf("alone\n");
    bench_tree(true);
    return 0;
}
