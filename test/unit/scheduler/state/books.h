// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_UNIT_SCHEDULER_STATE_BOOKS_H
#define TEST_UNIT_SCHEDULER_STATE_BOOKS_H

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "scheduler/state/pods.h"
#include "topology/graph/levels.h"

/* The engine's books without the engine: nodes, tree, shapes, ledger, pods, and short ways to fill
 * them.
 */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct books {
    struct levels levels;
    struct nodes *nodes;
    struct domains *domains;
    struct shapes *shapes;
    struct ledger *ledger;
    struct pods *pods;
};

static inline void books_init(struct books *books)
{
    levels_preset(&books->levels);
    books->nodes = nodes_create(1);
    books->domains = domains_create(&books->levels);
    books->shapes = shapes_create(books->nodes);
    books->ledger = ledger_create(books->nodes, books->domains, books->shapes);
    books->pods = pods_create(books->nodes, books->shapes, books->ledger, 0);
}

static inline void books_finish(struct books *books)
{
    pods_destroy(books->pods);
    ledger_destroy(books->ledger);
    shapes_destroy(books->shapes);
    domains_destroy(books->domains);
    nodes_destroy(books->nodes);
}

/* Takes in a node and tells the ledger. The tree is left as it was. */
static inline uint32_t books_observe(struct books *books, const struct node_object *object)
{
    struct err err = {""};
    uint32_t row = 0;
    unsigned changes = 0;
    ck_assert_msg(nodes_observe(books->nodes, object, &row, &changes, &err) == 0, "%s", err.text);
    if (changes != NODE_UNCHANGED) {
        ledger_node_changed(books->ledger, row);
    }
    return row;
}

/* A node in a rack with these amounts. */
static inline uint32_t books_node(struct books *books, const char *name, const char *rack,
                                  int64_t cpu, int64_t gpus)
{
    struct label_object labels[] = {{"topology.kubernetes.io/rack", rack}};
    struct amount_object amounts[] = {{"cpu", cpu}, {"nvidia.com/gpu", gpus}, {"pods", 110}};
    struct node_object object = {
        .name = name,
        .labels = labels,
        .label_count = rack == NULL ? 0 : COUNT(labels),
        .allocatable = amounts,
        .allocatable_count = COUNT(amounts),
    };
    return books_observe(books, &object);
}

static inline void books_build(struct books *books)
{
    domains_build(books->domains, books->nodes);
    ledger_tree_changed(books->ledger);
}

static inline uint32_t books_word(const struct books *books, const char *text)
{
    return names_find(nodes_words(books->nodes), text, strlen(text));
}

static inline int64_t books_free(const struct books *books, uint32_t row, const char *resource)
{
    return resources_get(ledger_free(books->ledger, row), books_word(books, resource));
}

/* A pod object of one page: requests cpu and gpus. Fields may be changed before it is used. */
struct books_pod {
    struct pod_object object;
    struct amount_object amounts[3];
};

static inline void books_pod_init(struct books_pod *pod, const char *uid, int64_t cpu, int64_t gpus)
{
    memset(pod, 0, sizeof(*pod));
    pod->amounts[0] = (struct amount_object){"cpu", cpu};
    pod->amounts[1] = (struct amount_object){"nvidia.com/gpu", gpus};
    pod->amounts[2] = (struct amount_object){"pods", 1};
    pod->object.name_space = "ns";
    pod->object.name = uid;
    pod->object.uid = uid;
    pod->object.rank = -1;
    pod->object.requests = pod->amounts;
    pod->object.request_count = COUNT(pod->amounts);
}

static inline struct pod *books_pod(struct books *books, const char *uid, int64_t cpu, int64_t gpus)
{
    struct books_pod pod;
    books_pod_init(&pod, uid, cpu, gpus);
    struct pod *known = pods_observe(books->pods, &pod.object, NULL);
    ck_assert_ptr_nonnull(known);
    return known;
}

#endif
