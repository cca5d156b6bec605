// SPDX-License-Identifier: Apache-2.0
#include "topology/graph/nodes.h"

#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"

/* The node table.
 *
 * It owns two intern tables (node names, whose ids are the rows, and the vocabulary) and one struct
 * node per row. Rows lie in blocks that never move, so a pointer from nodes_get() stays good:
 *
 *   blocks  [ 0 | 1 | … ]      row = block × 1024 + place
 *             │
 *             └─▶ [ node 0 | node 1 | … | node 1023 ]
 *
 * A row is absent (made by nodes_reserve(), or left by nodes_remove()) or present. nodes_observe()
 * first checks every limit, then interns into scratch vectors, and only then touches the row: a
 * refused object leaves the table as it was, except that words already interned stay in the
 * vocabulary.
 *
 * Invariants: labels are sorted by key id with distinct keys; taints are sorted; allocatable holds
 * only amounts > 0; `present` counts the present rows.
 */

#define BLOCK_ROWS 1024u
#define BLOCKS     (NODES_MAX / BLOCK_ROWS)

struct nodes {
    struct names *names;
    struct names *vocabulary;
    uint32_t present;
    struct node *blocks[BLOCKS];
    /* Scratch of nodes_observe(), kept to save allocations. */
    struct resources allocatable;
    struct label labels[NODE_LABELS_MAX];
    struct taint taints[NODE_TAINTS_MAX];
};

struct nodes *nodes_create(uint64_t seed)
{
    struct nodes *nodes = alloc_zero(1, sizeof *nodes);
    nodes->names = names_create(NODES_MAX, seed);
    nodes->vocabulary = names_create(VOCABULARY_MAX, ~seed);
    resources_init(&nodes->allocatable);
    return nodes;
}

static struct node *get_row(const struct nodes *nodes, uint32_t row)
{
    err_require(row < names_count(nodes->names));
    return &nodes->blocks[row / BLOCK_ROWS][row % BLOCK_ROWS];
}

void nodes_destroy(struct nodes *nodes)
{
    if (nodes == NULL) {
        return;
    }
    for (uint32_t row = 0; row < nodes_rows(nodes); row++) {
        struct node *node = get_row(nodes, row);
        free(node->labels);
        free(node->taints);
        resources_finish(&node->allocatable);
    }
    for (uint32_t i = 0; i < BLOCKS; i++) {
        free(nodes->blocks[i]);
    }
    resources_finish(&nodes->allocatable);
    names_destroy(nodes->names);
    names_destroy(nodes->vocabulary);
    free(nodes);
}

/* ---- taking in an object ---- */

static int check_limits(const struct node_object *object, struct err *err)
{
    if (object->name == NULL || object->name[0] == '\0') {
        return err_set(err, "a node has no name");
    }
    if (strlen(object->name) > NAMES_LENGTH_MAX) {
        return err_set(err, "node \"%.64s…\": the name is longer than %d bytes", object->name,
                       NAMES_LENGTH_MAX);
    }
    if (object->label_count > NODE_LABELS_MAX) {
        return err_set(err, "node \"%s\": %zu labels, at most %d are taken", object->name,
                       object->label_count, NODE_LABELS_MAX);
    }
    if (object->taint_count > NODE_TAINTS_MAX) {
        return err_set(err, "node \"%s\": %zu taints, at most %d are taken", object->name,
                       object->taint_count, NODE_TAINTS_MAX);
    }
    if (object->allocatable_count > RESOURCES_MAX) {
        return err_set(err, "node \"%s\": %zu allocatable resources, at most %d are taken",
                       object->name, object->allocatable_count, RESOURCES_MAX);
    }
    return 0;
}

/* Interns a word of an object; NULL, an absent JSON string, is "". */
static int intern_word(struct nodes *nodes, const struct node_object *object, const char *word,
                       uint32_t *id, struct err *err)
{
    const char *text = word == NULL ? "" : word;
    *id = names_intern(nodes->vocabulary, text, strlen(text));
    if (*id == NAMES_NONE) {
        return err_set(err, "node \"%s\": no room in the vocabulary for \"%.64s\"", object->name,
                       text);
    }
    return 0;
}

/* Into the scratch vector, by insertion: objects mostly repeat the order of keys that gave the ids
 * their order, so few labels move. A repeated key overwrites, as in JSON. */
static int intern_labels(struct nodes *nodes, const struct node_object *object, uint32_t *count,
                         struct err *err)
{
    struct label *labels = nodes->labels;
    *count = 0;
    for (size_t i = 0; i < object->label_count; i++) {
        struct label label;
        if (intern_word(nodes, object, object->labels[i].key, &label.key, err) != 0 ||
            intern_word(nodes, object, object->labels[i].value, &label.value, err) != 0) {
            return -1;
        }
        uint32_t slot = *count;
        while (slot > 0 && labels[slot - 1].key > label.key) {
            slot--;
        }
        if (slot > 0 && labels[slot - 1].key == label.key) {
            labels[slot - 1] = label;
            continue;
        }
        memmove(&labels[slot + 1], &labels[slot], (*count - slot) * sizeof *labels);
        labels[slot] = label;
        ++*count;
    }
    return 0;
}

static int compare_taints(const void *left, const void *right)
{
    const struct taint *a = left;
    const struct taint *b = right;
    if (a->key != b->key) {
        return a->key < b->key ? -1 : 1;
    }
    if (a->value != b->value) {
        return a->value < b->value ? -1 : 1;
    }
    return (a->effect > b->effect) - (a->effect < b->effect);
}

static int intern_taints(struct nodes *nodes, const struct node_object *object, struct err *err)
{
    for (size_t i = 0; i < object->taint_count; i++) {
        const struct taint_object *from = &object->taints[i];
        struct taint *taint = &nodes->taints[i];
        *taint = (struct taint){.effect = from->effect};
        if (intern_word(nodes, object, from->key, &taint->key, err) != 0 ||
            intern_word(nodes, object, from->value, &taint->value, err) != 0) {
            return -1;
        }
    }
    qsort(nodes->taints, object->taint_count, sizeof nodes->taints[0], compare_taints);
    return 0;
}

static int intern_allocatable(struct nodes *nodes, const struct node_object *object,
                              struct err *err)
{
    nodes->allocatable.count = 0;
    for (size_t i = 0; i < object->allocatable_count; i++) {
        const struct amount_object *from = &object->allocatable[i];
        uint32_t name = NAMES_NONE;
        if (intern_word(nodes, object, from->resource, &name, err) != 0) {
            return -1;
        }
        resources_set(&nodes->allocatable, name, from->amount < 0 ? 0 : from->amount);
    }
    return 0;
}

/* Moves the scratch vectors into the row; returns what differed. */
static unsigned update_labels(struct node *node, const struct label *labels, uint32_t count)
{
    size_t bytes = count * sizeof *labels;
    if (node->label_count == count && (count == 0 || memcmp(node->labels, labels, bytes) == 0)) {
        return NODE_UNCHANGED;
    }
    node->labels = alloc_resize(node->labels, count, sizeof *labels);
    memcpy(node->labels, labels, bytes);
    node->label_count = count;
    return NODE_LABELS;
}

static unsigned update_admission(struct node *node, const struct taint *taints, uint32_t count,
                                 bool unschedulable)
{
    bool same = node->unschedulable == unschedulable && node->taint_count == count;
    for (uint32_t i = 0; same && i < count; i++) {
        same = compare_taints(&node->taints[i], &taints[i]) == 0;
    }
    if (same) {
        return NODE_UNCHANGED;
    }
    node->taints = alloc_resize(node->taints, count, sizeof *taints);
    memcpy(node->taints, taints, count * sizeof *taints);
    node->taint_count = count;
    node->unschedulable = unschedulable;
    return NODE_ADMISSION;
}

static unsigned update_allocatable(struct node *node, const struct resources *allocatable)
{
    if (resources_equal(&node->allocatable, allocatable)) {
        return NODE_UNCHANGED;
    }
    resources_copy(&node->allocatable, allocatable);
    return NODE_ALLOCATABLE;
}

int nodes_observe(struct nodes *nodes, const struct node_object *object, uint32_t *row,
                  unsigned *changes, struct err *err)
{
    uint32_t label_count = 0;
    if (check_limits(object, err) != 0 || intern_labels(nodes, object, &label_count, err) != 0 ||
        intern_taints(nodes, object, err) != 0 || intern_allocatable(nodes, object, err) != 0) {
        return -1;
    }
    uint32_t found = nodes_reserve(nodes, object->name);
    if (found == NAMES_NONE) {
        return err_set(err, "node \"%s\": the table is full with %u names", object->name,
                       NODES_MAX);
    }
    struct node *node = get_row(nodes, found);
    *row = found;
    *changes = node->present ? NODE_UNCHANGED : NODE_ADDED;
    *changes |= update_labels(node, nodes->labels, label_count);
    *changes |=
        update_admission(node, nodes->taints, (uint32_t)object->taint_count, object->unschedulable);
    *changes |= update_allocatable(node, &nodes->allocatable);
    nodes->present += !node->present;
    node->present = true;
    return 0;
}

/* ---- rows ---- */

uint32_t nodes_remove(struct nodes *nodes, const char *name)
{
    uint32_t row = nodes_find(nodes, name, strlen(name));
    if (row == NAMES_NONE || !get_row(nodes, row)->present) {
        return NAMES_NONE;
    }
    get_row(nodes, row)->present = false;
    nodes->present--;
    return row;
}

uint32_t nodes_find(const struct nodes *nodes, const char *name, size_t length)
{
    return names_find(nodes->names, name, length);
}

uint32_t nodes_reserve(struct nodes *nodes, const char *name)
{
    uint32_t row = names_intern(nodes->names, name, strlen(name));
    if (row != NAMES_NONE && nodes->blocks[row / BLOCK_ROWS] == NULL) {
        nodes->blocks[row / BLOCK_ROWS] = alloc_zero(BLOCK_ROWS, sizeof(struct node));
    }
    return row;
}

uint32_t nodes_rows(const struct nodes *nodes)
{
    return (uint32_t)names_count(nodes->names);
}

uint32_t nodes_present(const struct nodes *nodes)
{
    return nodes->present;
}

const struct node *nodes_get(const struct nodes *nodes, uint32_t row)
{
    return get_row(nodes, row);
}

const char *nodes_name(const struct nodes *nodes, uint32_t row)
{
    return names_text(nodes->names, row);
}

uint32_t nodes_label(const struct nodes *nodes, uint32_t row, uint32_t key)
{
    const struct node *node = get_row(nodes, row);
    uint32_t first = 0;
    uint32_t end = node->label_count;
    while (first < end) {
        uint32_t middle = first + (end - first) / 2;
        if (node->labels[middle].key < key) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    bool found = first < node->label_count && node->labels[first].key == key;
    return found ? node->labels[first].value : NAMES_NONE;
}

struct names *nodes_vocabulary(struct nodes *nodes)
{
    return nodes->vocabulary;
}

const struct names *nodes_words(const struct nodes *nodes)
{
    return nodes->vocabulary;
}
