// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/shape.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "topology/base/alloc.h"

/* A shape is kept twice in one object: as a list of words (`key`), which is its identity and what
 * the hash table compares, and as the resource vector the ledger computes with. The key is also the
 * program that shapes_admits() runs:
 *
 *   requests     n, { name, amount high, amount low } × n            sorted by name
 *   selector     n, { key, value } × n                               sorted
 *   terms        n, { m, { key, operator | field, k, value × k } × m } × n
 *   tolerations  n, { key, value, operator | effect } × n
 *
 * Absent strings are NAMES_NONE. Order inside terms and tolerations is the author's: two pods of
 * one template agree on it, and two that differ in it merely do not share.
 */

#define ANY_EFFECT 0xffu

struct shape {
    UT_hash_handle hh;
    uint32_t id;
    uint32_t references;
    uint32_t selector_at; /* word offsets into key */
    uint32_t terms_at;
    uint32_t tolerations_at;
    uint32_t length; /* words */
    uint32_t gpus;
    uint32_t gpu_resource;
    uint32_t *key;
    struct resources request;
};

struct shapes {
    struct nodes *nodes;
    struct shape *table; /* uthash by key */
    struct shape **by_id;
    size_t room;
    uint32_t count; /* ids ever given */
    uint32_t *free_ids;
    size_t free_count;
    size_t free_room;
    uint32_t unschedulable_key; /* node.kubernetes.io/unschedulable */
};

struct words {
    uint32_t *items;
    size_t count;
    size_t room;
};

static void words_put(struct words *words, uint32_t word)
{
    words->items = alloc_grow(words->items, &words->room, words->count + 1, sizeof(uint32_t));
    words->items[words->count++] = word;
}

/* Interns; false when the vocabulary is full. */
static bool words_put_name(struct words *words, struct names *names, const char *text)
{
    if (text == NULL) {
        words_put(words, NAMES_NONE);
        return true;
    }
    uint32_t id = names_intern(names, text, strlen(text));
    words_put(words, id);
    return id != NAMES_NONE;
}

struct shapes *shapes_create(struct nodes *nodes)
{
    static const char unschedulable[] = "node.kubernetes.io/unschedulable";
    struct shapes *shapes = alloc_zero(1, sizeof(*shapes));
    shapes->nodes = nodes;
    shapes->unschedulable_key =
        names_intern(nodes_vocabulary(nodes), unschedulable, sizeof(unschedulable) - 1);
    return shapes;
}

static void shape_free(struct shape *shape)
{
    free(shape->key);
    resources_finish(&shape->request);
    free(shape);
}

void shapes_destroy(struct shapes *shapes)
{
    if (shapes == NULL) {
        return;
    }
    HASH_CLEAR(hh, shapes->table);
    for (uint32_t id = 0; id < shapes->count; id++) {
        if (shapes->by_id[id] != NULL) {
            shape_free(shapes->by_id[id]);
        }
    }
    free(shapes->by_id);
    free(shapes->free_ids);
    free(shapes);
}

static bool request_of(const struct pod_object *pod, struct names *names, struct resources *request)
{
    for (size_t i = 0; i < pod->request_count; i++) {
        const char *resource = pod->requests[i].resource;
        uint32_t id = names_intern(names, resource, strlen(resource));
        if (id == NAMES_NONE || request->count >= RESOURCES_MAX) {
            return false;
        }
        if (pod->requests[i].amount > 0) {
            resources_set(request, id, pod->requests[i].amount);
        }
    }
    return true;
}

/* Of several the first by name: ids depend on what was seen before. */
static void find_gpus(struct shape *shape, const struct names *names)
{
    static const char suffix[] = "/gpu";
    const char *first = NULL;
    shape->gpu_resource = NAMES_NONE;
    for (uint32_t i = 0; i < shape->request.count; i++) {
        const struct resource *item = &shape->request.items[i];
        const char *name = names_text(names, item->name);
        size_t length = strlen(name), tail = sizeof(suffix) - 1;
        if (length > tail && strcmp(name + length - tail, suffix) == 0 &&
            (first == NULL || strcmp(name, first) < 0)) {
            first = name;
            shape->gpu_resource = item->name;
            shape->gpus = item->amount < UINT32_MAX ? (uint32_t)item->amount : UINT32_MAX;
        }
    }
}

static void put_request(struct words *words, const struct resources *request)
{
    words_put(words, request->count);
    for (uint32_t i = 0; i < request->count; i++) {
        uint64_t amount = (uint64_t)request->items[i].amount;
        words_put(words, request->items[i].name);
        words_put(words, (uint32_t)(amount >> 32));
        words_put(words, (uint32_t)amount);
    }
}

static int compare_pairs(const void *left, const void *right)
{
    const uint32_t *a = left, *b = right;
    if (a[0] != b[0]) {
        return a[0] < b[0] ? -1 : 1;
    }
    return (a[1] > b[1]) - (a[1] < b[1]);
}

static bool put_selector(struct words *words, struct names *names, const struct pod_object *pod)
{
    if (pod->selector_count > POD_SELECTOR_MAX) {
        return false;
    }
    words_put(words, (uint32_t)pod->selector_count);
    size_t start = words->count;
    for (size_t i = 0; i < pod->selector_count; i++) {
        if (!words_put_name(words, names, pod->selector[i].key) ||
            !words_put_name(words, names, pod->selector[i].value)) {
            return false;
        }
    }
    if (pod->selector_count > 0) {
        qsort(&words->items[start], pod->selector_count, 2 * sizeof(uint32_t), compare_pairs);
    }
    return true;
}

static bool put_term(struct words *words, struct names *names, const struct term_object *term)
{
    if (term->expression_count > POD_EXPRESSIONS_MAX) {
        return false;
    }
    words_put(words, (uint32_t)term->expression_count);
    for (size_t i = 0; i < term->expression_count; i++) {
        const struct expression_object *expression = &term->expressions[i];
        if (expression->value_count > POD_VALUES_MAX ||
            !words_put_name(words, names, expression->key)) {
            return false;
        }
        uint32_t relation = (uint32_t)expression->operator;
        words_put(words, expression->field ? relation | 0x100u : relation);
        words_put(words, (uint32_t)expression->value_count);
        for (size_t v = 0; v < expression->value_count; v++) {
            if (!words_put_name(words, names, expression->values[v])) {
                return false;
            }
        }
    }
    return true;
}

static bool put_terms(struct words *words, struct names *names, const struct pod_object *pod)
{
    if (pod->term_count > POD_AFFINITY_TERMS_MAX) {
        return false;
    }
    words_put(words, (uint32_t)pod->term_count);
    for (size_t i = 0; i < pod->term_count; i++) {
        if (!put_term(words, names, &pod->terms[i])) {
            return false;
        }
    }
    return true;
}

static bool put_tolerations(struct words *words, struct names *names, const struct pod_object *pod)
{
    if (pod->toleration_count > POD_TOLERATIONS_MAX) {
        return false;
    }
    words_put(words, (uint32_t)pod->toleration_count);
    for (size_t i = 0; i < pod->toleration_count; i++) {
        const struct toleration_object *toleration = &pod->tolerations[i];
        uint32_t effect = toleration->any_effect ? ANY_EFFECT : (uint32_t)toleration->effect;
        if (!words_put_name(words, names, toleration->key) ||
            !words_put_name(words, names, toleration->value == NULL ? "" : toleration->value)) {
            return false;
        }
        uint32_t relation = (uint32_t)toleration->operator;
        words_put(words, (relation << 8) | effect);
    }
    return true;
}

static uint32_t new_id(struct shapes *shapes)
{
    if (shapes->free_count > 0) {
        return shapes->free_ids[--shapes->free_count];
    }
    if (shapes->count >= SHAPES_MAX) {
        return SHAPE_NONE;
    }
    shapes->by_id =
        alloc_grow(shapes->by_id, &shapes->room, (size_t)shapes->count + 1, sizeof(struct shape *));
    return shapes->count++;
}

/* Adds the shape under a new id, or gives the words back to the caller to free. */
static struct shape *add_shape(struct shapes *shapes, struct words *words,
                               struct resources *request)
{
    uint32_t id = new_id(shapes);
    if (id == SHAPE_NONE) {
        return NULL;
    }
    struct shape *shape = alloc_zero(1, sizeof(*shape));
    shape->id = id;
    shape->key = words->items;
    shape->length = (uint32_t)words->count;
    shape->request = *request;
    find_gpus(shape, nodes_words(shapes->nodes));
    words->items = NULL;
    resources_init(request);
    shapes->by_id[id] = shape;
    HASH_ADD_KEYPTR(hh, shapes->table, shape->key, shape->length * sizeof(uint32_t), shape);
    return shape;
}

uint32_t shapes_acquire(struct shapes *shapes, const struct pod_object *pod)
{
    struct names *names = nodes_vocabulary(shapes->nodes);
    struct words words = {0};
    struct resources request;
    uint32_t id = SHAPE_NONE;
    resources_init(&request);

    if (!request_of(pod, names, &request)) {
        goto out;
    }
    put_request(&words, &request);
    uint32_t selector_at = (uint32_t)words.count;
    if (!put_selector(&words, names, pod)) {
        goto out;
    }
    uint32_t terms_at = (uint32_t)words.count;
    if (!put_terms(&words, names, pod)) {
        goto out;
    }
    uint32_t tolerations_at = (uint32_t)words.count;
    if (!put_tolerations(&words, names, pod)) {
        goto out;
    }
    struct shape *shape = NULL;
    HASH_FIND(hh, shapes->table, words.items, words.count * sizeof(uint32_t), shape);
    if (shape == NULL) {
        shape = add_shape(shapes, &words, &request);
        if (shape == NULL) {
            goto out;
        }
        shape->selector_at = selector_at;
        shape->terms_at = terms_at;
        shape->tolerations_at = tolerations_at;
    }
    shape->references++;
    id = shape->id;
out:
    free(words.items);
    resources_finish(&request);
    return id;
}

bool shapes_release(struct shapes *shapes, uint32_t id)
{
    struct shape *shape = shapes->by_id[id];
    assert(shape->references > 0);
    if (--shape->references > 0) {
        return false;
    }
    HASH_DELETE(hh, shapes->table, shape);
    shape_free(shape);
    shapes->by_id[id] = NULL;
    shapes->free_ids =
        alloc_grow(shapes->free_ids, &shapes->free_room, shapes->free_count + 1, sizeof(uint32_t));
    shapes->free_ids[shapes->free_count++] = id;
    return true;
}

const struct resources *shapes_request(const struct shapes *shapes, uint32_t shape)
{
    return &shapes->by_id[shape]->request;
}

uint32_t shapes_gpus(const struct shapes *shapes, uint32_t shape, uint32_t *resource)
{
    *resource = shapes->by_id[shape]->gpu_resource;
    return shapes->by_id[shape]->gpus;
}

static bool tolerates(const struct shape *shape, const struct taint *taint)
{
    const uint32_t *word = &shape->key[shape->tolerations_at];
    uint32_t count = *word++;
    for (uint32_t i = 0; i < count; i++, word += 3) {
        uint32_t effect = word[2] & 0xffu;
        bool exists = (word[2] >> 8) == TOLERATION_EXISTS;
        if ((effect == ANY_EFFECT || effect == (uint32_t)taint->effect) &&
            (word[0] == NAMES_NONE ? exists : word[0] == taint->key) &&
            (exists || word[1] == taint->value)) {
            return true;
        }
    }
    return false;
}

static bool taints_tolerated(const struct shapes *shapes, const struct shape *shape,
                             const struct node *node)
{
    if (node->unschedulable) {
        struct names *names = nodes_vocabulary(shapes->nodes);
        struct taint taint = {shapes->unschedulable_key, names_find(names, "", 0),
                              TAINT_NO_SCHEDULE};
        if (!tolerates(shape, &taint)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < node->taint_count; i++) {
        if (node->taints[i].effect != TAINT_PREFER_NO_SCHEDULE &&
            !tolerates(shape, &node->taints[i])) {
            return false;
        }
    }
    return true;
}

/* What strconv.ParseInt(text, 10, 64) takes: a sign or none, digits, nothing else, inside int64. */
static bool whole_number(const char *text, int64_t *number)
{
    const char *digits = *text == '-' || *text == '+' ? text + 1 : text;
    if (*digits == '\0' || digits[strspn(digits, "0123456789")] != '\0') {
        return false;
    }
    errno = 0;
    *number = strtoll(text, NULL, 10);
    return errno == 0;
}

/* Gt and Lt compare whole numbers; anything else matches nothing. */
static bool compares(const struct shapes *shapes, enum selector_operator relation, uint32_t have,
                     uint32_t want)
{
    const struct names *names = nodes_words(shapes->nodes);
    int64_t left, right;
    if (!whole_number(names_text(names, have), &left) ||
        !whole_number(names_text(names, want), &right)) {
        return false;
    }
    return relation == SELECTOR_GREATER ? left > right : left < right;
}

static bool holds(const struct shapes *shapes, uint32_t row, const uint32_t *expression)
{
    enum selector_operator relation = (enum selector_operator)(expression[1] & 0xffu);
    bool field = (expression[1] & 0x100u) != 0;
    uint32_t count = expression[2];
    const uint32_t *values = &expression[3];
    uint32_t have;
    if (field) {
        const char *name = nodes_name(shapes->nodes, row);
        have = names_find(nodes_words(shapes->nodes), name, strlen(name));
    } else {
        have = nodes_label(shapes->nodes, row, expression[0]);
    }
    bool in = false;
    for (uint32_t i = 0; i < count && !in; i++) {
        in = have != NAMES_NONE && values[i] == have;
    }
    switch (relation) {
    case SELECTOR_IN:
        return in;
    case SELECTOR_NOT_IN:
        return !in;
    case SELECTOR_EXISTS:
        return have != NAMES_NONE;
    case SELECTOR_DOES_NOT_EXIST:
        return have == NAMES_NONE;
    case SELECTOR_GREATER:
    case SELECTOR_LESS:
        return have != NAMES_NONE && count == 1 && compares(shapes, relation, have, values[0]);
    }
    return false;
}

static bool any_term_holds(const struct shapes *shapes, const struct shape *shape, uint32_t row)
{
    const uint32_t *word = &shape->key[shape->terms_at];
    uint32_t terms = *word++;
    bool matched = terms == 0;
    for (uint32_t t = 0; t < terms && !matched; t++) {
        uint32_t expressions = *word++;
        bool all = expressions > 0;
        for (uint32_t e = 0; e < expressions; e++) {
            all = all && holds(shapes, row, word);
            word += 3 + word[2];
        }
        matched = all;
    }
    return matched;
}

static bool selected(const struct shapes *shapes, const struct shape *shape, uint32_t row)
{
    const uint32_t *word = &shape->key[shape->selector_at];
    uint32_t count = *word++;
    for (uint32_t i = 0; i < count; i++, word += 2) {
        if (nodes_label(shapes->nodes, row, word[0]) != word[1]) {
            return false;
        }
    }
    return true;
}

bool shapes_admits(const struct shapes *shapes, uint32_t id, uint32_t row)
{
    const struct shape *shape = shapes->by_id[id];
    const struct node *node = nodes_get(shapes->nodes, row);
    return node->present && selected(shapes, shape, row) && any_term_holds(shapes, shape, row) &&
           taints_tolerated(shapes, shape, node);
}
