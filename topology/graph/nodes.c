// SPDX-License-Identifier: Apache-2.0
#include "topology/graph/nodes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/sorted.h"

/* The node table.
 *
 * It owns two intern tables (node names, whose ids are the rows, and the vocabulary) and one struct
 * node per row. Rows lie in blocks that never move, so a pointer from nodes_get() stays good:
 *
 *   blocks  [ 0 | 1 | … ]      row = block × 1024 + place
 *             │
 *             └─▶ [ node 0 | node 1 | … | node 1023 ]
 *
 * A row is absent (left by nodes_remove(), or nodes_elsewhere()) and empty, or present.
 * nodes_observe() first checks every limit, then interns into scratch vectors, and only then
 * touches the row: a refused object leaves the table as it was.
 *
 * Every word in a row or in a scratch vector is one reference to the vocabulary. What changed goes
 * from scratch to row with its references; what is the same, or refused, gives them back.
 *
 * Invariants: labels are sorted by key id with distinct keys; taints are sorted; allocatable holds
 * only amounts > 0; `present` counts the present rows; scratch is empty between calls.
 */

#define BLOCK_ROWS 1024u
#define BLOCKS     (NODES_MAX / BLOCK_ROWS)

struct nodes {
    struct names *names;
    struct names *vocabulary;
    uint32_t present;
    uint32_t elsewhere; /* its row; NAMES_NONE: nobody asked for it yet */
    struct node *blocks[BLOCKS];
    bool *place; /* by word below `place_bound`: a key that says where a node stands */
    size_t place_bound;
    size_t place_room;
    /* Scratch of nodes_observe(), kept to save allocations. */
    struct resources allocatable;
    uint32_t label_count;
    uint32_t taint_count;
    struct label labels[NODE_LABELS_MAX];
    struct taint taints[NODE_TAINTS_MAX];
};

struct nodes *nodes_create(uint64_t seed)
{
    struct nodes *nodes = alloc_zero(1, sizeof *nodes);
    nodes->names = names_create(NODES_MAX, seed);
    nodes->elsewhere = NAMES_NONE;
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
    free(nodes->place);
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
    if (strcmp(object->name, NODES_ELSEWHERE) == 0) {
        return err_set(err, "node \"%s\": no node may be called that", object->name);
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

/* Both words or none. */
static int intern_pair(struct nodes *nodes, const struct node_object *object, const char *key_word,
                       const char *value_word, uint32_t *key, uint32_t *value, struct err *err)
{
    if (intern_word(nodes, object, key_word, key, err) != 0) {
        return -1;
    }
    if (intern_word(nodes, object, value_word, value, err) != 0) {
        names_release(nodes->vocabulary, *key);
        return -1;
    }
    return 0;
}

static void release_labels(struct nodes *nodes, const struct label *labels, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        names_release(nodes->vocabulary, labels[i].key);
        names_release(nodes->vocabulary, labels[i].value);
    }
}

static void release_taints(struct nodes *nodes, const struct taint *taints, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        names_release(nodes->vocabulary, taints[i].key);
        names_release(nodes->vocabulary, taints[i].value);
    }
}

static void release_resources(struct nodes *nodes, const struct resources *resources)
{
    for (uint32_t i = 0; i < resources->count; i++) {
        names_release(nodes->vocabulary, resources->items[i].name);
    }
}

static void release_scratch(struct nodes *nodes)
{
    release_labels(nodes, nodes->labels, nodes->label_count);
    release_taints(nodes, nodes->taints, nodes->taint_count);
    release_resources(nodes, &nodes->allocatable);
    nodes->label_count = 0;
    nodes->taint_count = 0;
    nodes->allocatable.count = 0;
}

/* Into the scratch vector, by insertion: objects mostly repeat the order of keys that gave the ids
 * their order, so few labels move. A repeated key overwrites, as in JSON. */
static void put_label(struct nodes *nodes, struct label label)
{
    struct label *labels = nodes->labels;
    uint32_t slot = nodes->label_count;
    while (slot > 0 && labels[slot - 1].key > label.key) {
        slot--;
    }
    if (slot > 0 && labels[slot - 1].key == label.key) {
        release_labels(nodes, &labels[slot - 1], 1);
        labels[slot - 1] = label;
        return;
    }
    memmove(&labels[slot + 1], &labels[slot], (nodes->label_count - slot) * sizeof *labels);
    labels[slot] = label;
    nodes->label_count++;
}

static int intern_labels(struct nodes *nodes, const struct node_object *object, struct err *err)
{
    for (size_t i = 0; i < object->label_count; i++) {
        const struct label_object *from = &object->labels[i];
        struct label label;
        if (intern_pair(nodes, object, from->key, from->value, &label.key, &label.value, err) !=
            0) {
            return -1;
        }
        put_label(nodes, label);
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
        struct taint taint = {.effect = from->effect};
        if (intern_pair(nodes, object, from->key, from->value, &taint.key, &taint.value, err) !=
            0) {
            return -1;
        }
        nodes->taints[nodes->taint_count++] = taint;
    }
    qsort(nodes->taints, nodes->taint_count, sizeof nodes->taints[0], compare_taints);
    return 0;
}

static int64_t cut_amount(int64_t amount)
{
    if (amount < 0) {
        return 0;
    }
    return amount < RESOURCE_AMOUNT_MAX ? amount : RESOURCE_AMOUNT_MAX;
}

static int intern_allocatable(struct nodes *nodes, const struct node_object *object,
                              struct err *err)
{
    for (size_t i = 0; i < object->allocatable_count; i++) {
        const struct amount_object *from = &object->allocatable[i];
        uint32_t name = NAMES_NONE;
        if (intern_word(nodes, object, from->resource, &name, err) != 0) {
            return -1;
        }
        if (resources_get(&nodes->allocatable, name) != 0) { /* the entry has its reference */
            names_release(nodes->vocabulary, name);
        }
        resources_set(&nodes->allocatable, name, cut_amount(from->amount));
        if (from->amount <= 0) { /* no entry any more */
            names_release(nodes->vocabulary, name);
        }
    }
    return 0;
}

static bool says_place(const struct nodes *nodes, uint32_t key)
{
    return key < nodes->place_bound && nodes->place[key];
}

/* Whether row and scratch differ in a key that says where the node stands; both are sorted. */
static bool place_differs(const struct nodes *nodes, const struct node *node)
{
    uint32_t i = 0;
    uint32_t j = 0;
    while (i < node->label_count || j < nodes->label_count) {
        uint32_t old = i < node->label_count ? node->labels[i].key : NAMES_NONE;
        uint32_t new = j < nodes->label_count ? nodes->labels[j].key : NAMES_NONE;
        bool differs = old != new || node->labels[i].value != nodes->labels[j].value;
        if (differs && says_place(nodes, old < new ? old : new)) {
            return true;
        }
        i += old <= new;
        j += new <= old;
    }
    return false;
}

/* Moves the scratch vectors into the row, where they differ; returns what did. */
static unsigned update_labels(struct nodes *nodes, struct node *node)
{
    uint32_t count = nodes->label_count;
    size_t bytes = count * sizeof *node->labels;
    if (node->label_count == count &&
        (count == 0 || memcmp(node->labels, nodes->labels, bytes) == 0)) {
        return NODE_UNCHANGED;
    }
    unsigned changes = NODE_LABELS | (place_differs(nodes, node) ? NODE_PLACE : 0);
    release_labels(nodes, node->labels, node->label_count);
    node->labels = alloc_resize(node->labels, count, sizeof *node->labels);
    memcpy(node->labels, nodes->labels, bytes);
    node->label_count = count;
    nodes->label_count = 0;
    return changes;
}

static unsigned update_admission(struct nodes *nodes, struct node *node, bool unschedulable)
{
    uint32_t count = nodes->taint_count;
    bool same = node->unschedulable == unschedulable && node->taint_count == count;
    for (uint32_t i = 0; same && i < count; i++) {
        same = compare_taints(&node->taints[i], &nodes->taints[i]) == 0;
    }
    if (same) {
        return NODE_UNCHANGED;
    }
    release_taints(nodes, node->taints, node->taint_count);
    node->taints = alloc_resize(node->taints, count, sizeof *node->taints);
    memcpy(node->taints, nodes->taints, count * sizeof *node->taints);
    node->taint_count = count;
    node->unschedulable = unschedulable;
    nodes->taint_count = 0;
    return NODE_ADMISSION;
}

static unsigned update_allocatable(struct nodes *nodes, struct node *node)
{
    if (resources_equal(&node->allocatable, &nodes->allocatable)) {
        return NODE_UNCHANGED;
    }
    release_resources(nodes, &node->allocatable);
    resources_copy(&node->allocatable, &nodes->allocatable);
    nodes->allocatable.count = 0;
    return NODE_ALLOCATABLE;
}

int nodes_observe(struct nodes *nodes, const struct node_object *object, uint32_t *row,
                  unsigned *changes, struct err *err)
{
    int result = -1;
    if (check_limits(object, err) != 0 || intern_labels(nodes, object, err) != 0 ||
        intern_taints(nodes, object, err) != 0 || intern_allocatable(nodes, object, err) != 0) {
        goto out;
    }
    uint32_t found = nodes_reserve(nodes, object->name);
    if (found == NAMES_NONE) {
        (void)err_set(err, "node \"%s\": the table is full with %u names", object->name, NODES_MAX);
        goto out;
    }
    struct node *node = get_row(nodes, found);
    *row = found;
    *changes = node->present ? NODE_UNCHANGED : NODE_ADDED;
    *changes |= update_labels(nodes, node);
    *changes |= update_admission(nodes, node, object->unschedulable);
    *changes |= update_allocatable(nodes, node);
    nodes->present += !node->present;
    node->present = true;
    result = 0;
out:
    release_scratch(nodes);
    return result;
}

uint32_t nodes_mark_place(struct nodes *nodes, const char *key)
{
    uint32_t id = names_intern(nodes->vocabulary, key, strlen(key));
    if (id == NAMES_NONE) {
        return NAMES_NONE;
    }
    if (says_place(nodes, id)) {
        names_release(nodes->vocabulary, id);
        return id;
    }
    if (id >= nodes->place_bound) {
        nodes->place = alloc_grow(nodes->place, &nodes->place_room, (size_t)id + 1, sizeof(bool));
        nodes->place_bound = (size_t)id + 1;
    }
    nodes->place[id] = true;
    return id;
}

/* ---- rows ---- */

uint32_t nodes_remove(struct nodes *nodes, const char *name)
{
    uint32_t row = nodes_find(nodes, name, strlen(name));
    struct node *node = row == NAMES_NONE ? NULL : get_row(nodes, row);
    if (node == NULL || !node->present) {
        return NAMES_NONE;
    }
    release_labels(nodes, node->labels, node->label_count);
    release_taints(nodes, node->taints, node->taint_count);
    release_resources(nodes, &node->allocatable);
    free(node->labels);
    free(node->taints);
    resources_finish(&node->allocatable);
    *node = (struct node){.present = false};
    nodes->present--;
    return row;
}

uint32_t nodes_find(const struct nodes *nodes, const char *name, size_t length)
{
    uint32_t row = names_find(nodes->names, name, length);
    return nodes_is_elsewhere(nodes, row) ? NAMES_NONE : row;
}

uint32_t nodes_elsewhere(struct nodes *nodes)
{
    if (nodes->elsewhere == NAMES_NONE) {
        nodes->elsewhere = nodes_reserve(nodes, NODES_ELSEWHERE);
    }
    return nodes->elsewhere;
}

bool nodes_is_elsewhere(const struct nodes *nodes, uint32_t row)
{
    return row != NAMES_NONE && row == nodes->elsewhere;
}

uint32_t nodes_row(struct nodes *nodes, const char *name)
{
    uint32_t row = name == NULL ? NAMES_NONE : nodes_find(nodes, name, strlen(name));
    return name == NULL || row != NAMES_NONE ? row : nodes_elsewhere(nodes);
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

static_assert(offsetof(struct label, key) == 0, "sorted_place()");

uint32_t nodes_label(const struct nodes *nodes, uint32_t row, uint32_t key)
{
    const struct node *node = get_row(nodes, row);
    size_t first = sorted_place(node->labels, sizeof *node->labels, node->label_count, key);
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

const struct names *nodes_names(const struct nodes *nodes)
{
    return nodes->names;
}

/* ---- checkpoint ---- */

/* A word of the vocabulary, with a reference when it is loaded. */
static void code_word(struct nodes *nodes, struct checkpoint *checkpoint, uint32_t *word)
{
    checkpoint_place(checkpoint, word, (uint32_t)names_bound(nodes->vocabulary));
    if (checkpoint->loading &&
        checkpoint_check(checkpoint, !checkpoint->failed && names_has(nodes->vocabulary, *word),
                         "a word that is none")) {
        names_retain(nodes->vocabulary, *word);
    }
}

static void code_labels(struct nodes *nodes, struct checkpoint *checkpoint, struct node *node)
{
    checkpoint_count(checkpoint, &node->label_count, NODE_LABELS_MAX);
    if (checkpoint->loading) {
        node->labels = alloc_zero(node->label_count, sizeof *node->labels);
    }
    for (uint32_t i = 0; i < node->label_count; i++) {
        code_word(nodes, checkpoint, &node->labels[i].key);
        code_word(nodes, checkpoint, &node->labels[i].value);
        (void)checkpoint_check(checkpoint, i == 0 || node->labels[i - 1].key < node->labels[i].key,
                               "labels out of order");
    }
}

static void code_taints(struct nodes *nodes, struct checkpoint *checkpoint, struct node *node)
{
    checkpoint_count(checkpoint, &node->taint_count, NODE_TAINTS_MAX);
    if (checkpoint->loading) {
        node->taints = alloc_zero(node->taint_count, sizeof *node->taints);
    }
    for (uint32_t i = 0; i < node->taint_count; i++) {
        struct taint *taint = &node->taints[i];
        uint32_t effect = taint->effect;
        code_word(nodes, checkpoint, &taint->key);
        code_word(nodes, checkpoint, &taint->value);
        checkpoint_place(checkpoint, &effect, TAINT_NO_EXECUTE + 1);
        taint->effect = (enum taint_effect)effect;
    }
}

static void code_allocatable(struct nodes *nodes, struct checkpoint *checkpoint, struct node *node)
{
    struct resources *amounts = &node->allocatable;
    uint32_t count = amounts->count;
    checkpoint_count(checkpoint, &count, RESOURCES_MAX);
    for (uint32_t i = 0; i < count && !checkpoint->failed; i++) {
        struct resource item = {.name = 0};
        if (!checkpoint->loading) {
            item = amounts->items[i];
        }
        code_word(nodes, checkpoint, &item.name);
        checkpoint_i64(checkpoint, &item.amount);
        if (checkpoint->loading && checkpoint_check(checkpoint,
                                                    !checkpoint->failed && item.amount > 0 &&
                                                        item.amount <= RESOURCE_AMOUNT_MAX &&
                                                        resources_get(amounts, item.name) == 0,
                                                    "an amount that cannot be")) {
            resources_set(amounts, item.name, item.amount);
        }
    }
}

static void code_node(struct nodes *nodes, struct checkpoint *checkpoint, uint32_t row)
{
    struct node *node = get_row(nodes, row);
    checkpoint_bool(checkpoint, &node->present);
    if (!node->present || checkpoint->failed) {
        node->present = node->present && !checkpoint->failed;
        return;
    }
    nodes->present += checkpoint->loading;
    checkpoint_bool(checkpoint, &node->unschedulable);
    code_labels(nodes, checkpoint, node);
    code_taints(nodes, checkpoint, node);
    code_allocatable(nodes, checkpoint, node);
}

/* A row for every name that is loaded, also when the rest fails. */
static void load_rows(struct nodes *nodes, struct checkpoint *checkpoint)
{
    for (uint32_t row = 0; row < names_bound(nodes->names); row++) {
        if (nodes->blocks[row / BLOCK_ROWS] == NULL) {
            nodes->blocks[row / BLOCK_ROWS] = alloc_zero(BLOCK_ROWS, sizeof(struct node));
        }
        if (!names_has(nodes->names, row)) {
            checkpoint_fail(checkpoint, "a row without a name");
        } else {
            (void)nodes_reserve(nodes, nodes_name(nodes, row));
        }
    }
}

void nodes_checkpoint(struct nodes *nodes, struct checkpoint *checkpoint)
{
    checkpoint_section(checkpoint, "nodes");
    names_checkpoint(nodes->names, checkpoint);
    names_checkpoint(nodes->vocabulary, checkpoint);
    checkpoint_index(checkpoint, &nodes->elsewhere, nodes_rows(nodes));
    if (checkpoint->loading) {
        load_rows(nodes, checkpoint);
    }
    for (uint32_t row = 0; row < nodes_rows(nodes) && !checkpoint->failed; row++) {
        code_node(nodes, checkpoint, row);
    }
}

void nodes_loaded(struct nodes *nodes)
{
    names_loaded(nodes->names);
    names_loaded(nodes->vocabulary);
}
