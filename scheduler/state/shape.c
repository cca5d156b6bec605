// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/shape.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/state/gpus.h"
#include "scheduler/state/pin.h"
#include "scheduler/state/refusals.h"
#include "scheduler/state/shape_table.h"
#include "scheduler/state/wording.h"
#include "topology/base/alloc.h"

/* A shape is kept twice in one object: as a list of words (`key`), which is its identity and what
 * the hash table compares, and as the resource vector the ledger computes with. The key is
 *
 *   requests     n, { name, amount high, amount low } × n            sorted by name; claims, too
 *   likings      preferred node affinity: see admission.h            where there is any
 *   rules        selector, terms, tolerations: see admission.h
 *
 * A shape has a reference to every name in its key, so that as long as it lives they mean what they
 * meant when it was made.
 *
 * Order inside terms and tolerations is the author's: two pods of one template agree on it, and two
 * that differ in it merely do not share. Only the values of an expression are sorted, for who looks
 * for one of them.
 */

#define WEIGHT_MAX 100
#define EMPTY_KEY  4 /* words: no requests, selector, terms, tolerations */

static bool refuse(struct draft *draft, const char *limit)
{
    draft->limit = limit;
    return false;
}

static void put_word(struct draft *draft, uint32_t word)
{
    draft->words = alloc_grow(draft->words, &draft->room, draft->count + 1, sizeof(uint32_t));
    draft->words[draft->count++] = word;
}

/* The number of a word; NAMES_NONE when it has none. */
static uint32_t word_of(struct draft *draft, const char *text)
{
    size_t length = strlen(text);
    uint32_t id = draft->adding ? names_intern(draft->names, text, length)
                                : names_find(draft->names, text, length);
    draft->unseen = draft->unseen || id == NAMES_NONE;
    if (draft->adding && id == NAMES_NONE) {
        draft->limit = length > NAMES_LENGTH_MAX ? refusal_long_name : refusal_many_names;
    }
    if (draft->adding && id != NAMES_NONE) {
        draft->interned = alloc_grow(draft->interned, &draft->interned_room,
                                     draft->interned_count + 1, sizeof(uint32_t));
        draft->interned[draft->interned_count++] = id;
    }
    return id;
}

/* False when the word has no number: see word_of(). NULL is a word of its own. */
static bool put_name(struct draft *draft, const char *text)
{
    uint32_t id = text == NULL ? NAMES_NONE : word_of(draft, text);
    put_word(draft, id);
    return text == NULL || id != NAMES_NONE;
}

struct shapes *shapes_create(struct nodes *nodes)
{
    static const char unschedulable[] = "node.kubernetes.io/unschedulable";
    struct shapes *shapes = alloc_zero(1, sizeof(*shapes));
    shapes->nodes = nodes;
    shapes->most = SHAPES_MAX;
    shapes->budget = SHAPES_TEXT_MAX;
    shapes->draft.names = nodes_vocabulary(nodes);
    shapes->draft.most_resources = RESOURCES_MAX;
    shapes->unschedulable_key =
        names_intern(nodes_vocabulary(nodes), unschedulable, sizeof(unschedulable) - 1);
    return shapes;
}

static void shape_free(struct shape *shape, struct names *names)
{
    for (uint32_t i = 0; i < shape->name_count; i++) {
        names_release(names, shape->names[i]);
    }
    free(shape->names);
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
            shape_free(shapes->by_id[id], shapes->draft.names);
        }
    }
    names_release(shapes->draft.names, shapes->unschedulable_key);
    free(shapes->draft.words);
    free(shapes->draft.interned);
    resources_finish(&shapes->draft.request);
    free(shapes->by_id);
    free(shapes->free_ids);
    free(shapes);
}

/* Claims are requests for slots. Nobody is in its own way: who has a slot whole has all parts. */
static bool put_claims(struct draft *draft, const struct pod_object *pod)
{
    for (size_t i = 0; i < pod->claim_count; i++) {
        uint32_t id = word_of(draft, pod->claims[i].what);
        if (id == NAMES_NONE) {
            return false;
        }
        uint32_t slot = id | RESOURCE_SLOT;
        int64_t amount = resources_get(&draft->request, slot) + 1;
        bool whole = pod->claims[i].whole || amount > RESOURCE_SLOT_SIZE;
        resources_set(&draft->request, slot, whole ? RESOURCE_SLOT_SIZE : amount);
    }
    return true;
}

/* No list is as long as the first word says. */
static bool put_spread(struct draft *draft, const struct spread_object *spread)
{
    if (spread->key == NULL) {
        return true;
    }
    put_word(draft, UINT32_MAX);
    put_word(draft, (uint32_t)spread->max_skew);
    put_word(draft, (uint32_t)spread->min_domains);
    return put_name(draft, spread->key);
}

static bool put_request(struct draft *draft, const struct pod_object *pod)
{
    struct resources *request = &draft->request;
    request->count = 0;
    for (size_t i = 0; i < pod->request_count; i++) {
        int64_t amount = pod->requests[i].amount;
        if (amount <= 0) {
            continue;
        }
        uint32_t id = word_of(draft, pod->requests[i].resource);
        if (id == NAMES_NONE) {
            return false;
        }
        if (request->count >= draft->most_resources) {
            return refuse(draft, refusal_many_resources);
        }
        resources_set(request, id,
                      amount <= RESOURCE_AMOUNT_MAX ? amount : RESOURCE_AMOUNT_MAX + 1);
    }
    if (!put_claims(draft, pod)) {
        return false;
    }
    put_word(draft, request->count);
    for (uint32_t i = 0; i < request->count; i++) {
        uint64_t amount = (uint64_t)request->items[i].amount;
        put_word(draft, request->items[i].name);
        put_word(draft, (uint32_t)(amount >> 32));
        put_word(draft, (uint32_t)amount);
    }
    return put_spread(draft, &pod->spread);
}

static int compare_pairs(const void *left, const void *right)
{
    const uint32_t *a = left, *b = right;
    if (a[0] != b[0]) {
        return a[0] < b[0] ? -1 : 1;
    }
    return (a[1] > b[1]) - (a[1] < b[1]);
}

static bool put_selector(struct draft *draft, const struct pod_object *pod)
{
    if (pod->selector_count > POD_SELECTOR_MAX) {
        return refuse(draft, refusal_many_labels);
    }
    put_word(draft, (uint32_t)pod->selector_count);
    size_t start = draft->count;
    for (size_t i = 0; i < pod->selector_count; i++) {
        if (!put_name(draft, pod->selector[i].key) || !put_name(draft, pod->selector[i].value)) {
            return false;
        }
    }
    if (pod->selector_count > 0) {
        qsort(&draft->words[start], pod->selector_count, 2 * sizeof(uint32_t), compare_pairs);
    }
    return true;
}

static bool put_term(struct draft *draft, const struct term_object *term)
{
    if (term->expression_count > POD_EXPRESSIONS_MAX) {
        return refuse(draft, refusal_many_expressions);
    }
    put_word(draft, (uint32_t)term->expression_count);
    for (size_t i = 0; i < term->expression_count; i++) {
        const struct expression_object *expression = &term->expressions[i];
        if (expression->value_count > POD_VALUES_MAX) {
            return refuse(draft, refusal_many_values);
        }
        if (!put_name(draft, expression->key)) {
            return false;
        }
        uint32_t relation = (uint32_t)expression->operator;
        put_word(draft, expression->field ? relation | ADMISSION_FIELD : relation);
        put_word(draft, (uint32_t)expression->value_count);
        size_t first = draft->count;
        for (size_t v = 0; v < expression->value_count; v++) {
            if (!put_name(draft, expression->values[v])) {
                return false;
            }
        }
        admission_sort(&draft->words[first], (uint32_t)(draft->count - first));
    }
    return true;
}

/* Behind another number that no list begins with. What is beyond a limit is not looked at: a
 * preference keeps no pod waiting. */
static bool put_likings(struct draft *draft, const struct pod_object *pod)
{
    size_t count =
        pod->preference_count < POD_PREFERENCES_MAX ? pod->preference_count : POD_PREFERENCES_MAX;
    draft->at.likings = 0;
    if (count == 0) {
        return true;
    }
    put_word(draft, UINT32_MAX - 1);
    draft->at.likings = (uint32_t)draft->count;
    put_word(draft, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        int32_t weight = pod->preferences[i].weight;
        put_word(draft, weight < 0 ? 0 : weight > WEIGHT_MAX ? WEIGHT_MAX : (uint32_t)weight);
        if (!put_term(draft, &pod->preferences[i].term)) {
            return false;
        }
    }
    return true;
}

static bool put_terms(struct draft *draft, const struct pod_object *pod)
{
    if (pod->term_count > POD_AFFINITY_TERMS_MAX) {
        return refuse(draft, refusal_many_terms);
    }
    put_word(draft, (uint32_t)pod->term_count);
    for (size_t i = 0; i < pod->term_count; i++) {
        if (!put_term(draft, &pod->terms[i])) {
            return false;
        }
    }
    return true;
}

static bool put_tolerations(struct draft *draft, const struct pod_object *pod)
{
    if (pod->toleration_count > POD_TOLERATIONS_MAX) {
        return refuse(draft, refusal_many_tolerations);
    }
    put_word(draft, (uint32_t)pod->toleration_count);
    for (size_t i = 0; i < pod->toleration_count; i++) {
        const struct toleration_object *toleration = &pod->tolerations[i];
        uint32_t effect =
            toleration->any_effect ? ADMISSION_ANY_EFFECT : (uint32_t)toleration->effect;
        if (!put_name(draft, toleration->key) ||
            !put_name(draft, toleration->value == NULL ? "" : toleration->value)) {
            return false;
        }
        uint32_t relation = (uint32_t)toleration->operator;
        put_word(draft, (relation << 8) | effect);
    }
    return true;
}

/* False when a limit is passed or, unless `adding`, when nobody has one of the words. */
static bool draft_key(struct draft *draft, const struct pod_object *pod, bool adding)
{
    draft->adding = adding;
    draft->unseen = false;
    draft->limit = NULL;
    draft->count = 0;
    if (!put_request(draft, pod) || !put_likings(draft, pod)) {
        return false;
    }
    draft->at.selector = (uint32_t)draft->count;
    if (!put_selector(draft, pod)) {
        return false;
    }
    draft->at.terms = (uint32_t)draft->count;
    if (!put_terms(draft, pod)) {
        return false;
    }
    draft->at.tolerations = (uint32_t)draft->count;
    return put_tolerations(draft, pod);
}

/* SHAPE_NONE when there are as many shapes as may be. The one of pods that ask for nothing always
 * has a number: see shapes_acquire_known(). */
static uint32_t new_id(struct shapes *shapes)
{
    bool empty = shapes->draft.count == EMPTY_KEY;
    if (HASH_COUNT(shapes->table) >= shapes->most && !empty) {
        shapes->draft.limit = refusal_many_shapes;
        return SHAPE_NONE;
    }
    if (shapes->free_count > 0) {
        return shapes->free_ids[--shapes->free_count];
    }
    shapes->by_id =
        alloc_grow(shapes->by_id, &shapes->room, (size_t)shapes->count + 1, sizeof(struct shape *));
    return shapes->count++;
}

static void drop_interned(struct draft *draft)
{
    for (size_t i = 0; i < draft->interned_count; i++) {
        names_release(draft->names, draft->interned[i]);
    }
    draft->interned_count = 0;
}

static uint32_t *copy_words(const uint32_t *words, size_t count)
{
    uint32_t *copy = alloc_zero(count, sizeof(uint32_t));
    return count == 0 ? copy : memcpy(copy, words, count * sizeof(uint32_t));
}

/* Whether there is room for what the pod says of nodes; what it requests always finds some, for it
 * is charged wherever the pod runs. */
static bool has_room(struct shapes *shapes, const struct wording *wording)
{
    if (wording->words > SHAPE_WORDS_MAX) {
        return refuse(&shapes->draft, refusal_many_words);
    }
    return wording_fits(wording->bytes, shapes->text, shapes->budget) ||
           refuse(&shapes->draft, refusal_much_text);
}

/* Adds the shape of the pod, which has none, under a new id; NULL when a limit is passed. */
static struct shape *add_shape(struct shapes *shapes, const struct pod_object *pod)
{
    struct draft *draft = &shapes->draft;
    struct wording wording = wording_of_rules(pod);
    bool fits = has_room(shapes, &wording) && draft_key(draft, pod, true);
    uint32_t id = fits ? new_id(shapes) : SHAPE_NONE;
    if (id == SHAPE_NONE) {
        drop_interned(draft);
        return NULL;
    }
    struct shape *shape = alloc_zero(1, sizeof(*shape));
    shape->id = id;
    shape->length = (uint32_t)draft->count;
    shape->key = copy_words(draft->words, draft->count);
    shape->names = copy_words(draft->interned, draft->interned_count);
    shape->name_count = (uint32_t)draft->interned_count;
    draft->interned_count = 0;
    shape->text = wording.bytes;
    shapes->text += wording.bytes;
    shape->at = draft->at;
    resources_init(&shape->request);
    resources_copy(&shape->request, &draft->request);
    shape->gpus = gpus_requested(&shape->request, nodes_words(shapes->nodes), &shape->gpu_resource);
    const char *key = pod->spread.key;
    const struct names *names = nodes_words(shapes->nodes);
    shape->spread = pod->spread;
    shape->spread.key = key == NULL ? NULL : names_text(names, names_find(names, key, strlen(key)));
    const char *pin = pin_find(pod);
    shape->pin =
        pin == NULL ? NAMES_NONE : names_find(nodes_words(shapes->nodes), pin, strlen(pin));
    shapes->by_id[id] = shape;
    HASH_ADD_KEYPTR(hh, shapes->table, shape->key, shape->length * sizeof(uint32_t), shape);
    return shape;
}

static struct shape *find_shape(const struct shapes *shapes)
{
    const struct draft *draft = &shapes->draft;
    struct shape *shape = NULL;
    HASH_FIND(hh, shapes->table, draft->words, draft->count * sizeof(uint32_t), shape);
    return shape;
}

/* Pods come in many and with few shapes, so a key is first made of known words alone. */
uint32_t shapes_acquire(struct shapes *shapes, const struct pod_object *pod, const char **refusal)
{
    struct draft *draft = &shapes->draft;
    bool known = draft_key(draft, pod, false);
    struct shape *shape = known ? find_shape(shapes) : NULL;
    if (shape == NULL && (known || draft->unseen)) {
        shape = add_shape(shapes, pod);
    }
    if (shape == NULL) {
        if (refusal != NULL) {
            *refusal = draft->limit;
        }
        return SHAPE_NONE;
    }
    shape->references++;
    return shape->id;
}

uint32_t shapes_acquire_known(struct shapes *shapes, const struct pod_object *pod)
{
    struct amount_object known[SHAPE_CHARGED_MAX];
    struct pod_object plain = {
        .requests = known, .claims = pod->claims, .claim_count = pod->claim_count};
    for (size_t i = 0; i < pod->request_count && plain.request_count < SHAPE_CHARGED_MAX; i++) {
        if (pod->requests[i].amount > 0 && strlen(pod->requests[i].resource) <= NAMES_LENGTH_MAX) {
            known[plain.request_count++] = pod->requests[i];
        }
    }
    shapes->draft.most_resources = SHAPE_CHARGED_MAX;
    uint32_t shape = shapes_acquire(shapes, &plain, NULL);
    shapes->draft.most_resources = RESOURCES_MAX;
    plain = (struct pod_object){.name = NULL};
    return shape != SHAPE_NONE ? shape : shapes_acquire(shapes, &plain, NULL);
}

void shapes_limit(struct shapes *shapes, uint32_t most, size_t text)
{
    shapes->most = most;
    shapes->budget = text;
}

uint32_t shapes_count(const struct shapes *shapes)
{
    return HASH_COUNT(shapes->table);
}

size_t shapes_text(const struct shapes *shapes)
{
    return shapes->text;
}

void shapes_retain(struct shapes *shapes, uint32_t shape)
{
    assert(shapes->by_id[shape]->references > 0);
    shapes->by_id[shape]->references++;
}

bool shapes_release(struct shapes *shapes, uint32_t id)
{
    struct shape *shape = shapes->by_id[id];
    assert(shape->references > 0);
    if (--shape->references > 0) {
        return false;
    }
    HASH_DELETE(hh, shapes->table, shape);
    shapes->text -= shape->text;
    shape_free(shape, shapes->draft.names);
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

struct spread_object shapes_spread(const struct shapes *shapes, uint32_t shape)
{
    return shapes->by_id[shape]->spread;
}

const uint32_t *shapes_likings(const struct shapes *shapes, uint32_t shape)
{
    const struct shape *it = shapes->by_id[shape];
    return it->at.likings == 0 ? NULL : &it->key[it->at.likings];
}

bool shapes_names_node(const struct shapes *shapes, uint32_t shape)
{
    return shapes->by_id[shape]->pin != NAMES_NONE;
}

uint32_t shapes_pinned(const struct shapes *shapes, uint32_t shape)
{
    uint32_t pin = shapes->by_id[shape]->pin;
    if (pin == NAMES_NONE) {
        return NAMES_NONE;
    }
    const char *name = names_text(nodes_words(shapes->nodes), pin);
    uint32_t row = nodes_find(shapes->nodes, name, strlen(name));
    return row != NAMES_NONE && shapes_admits(shapes, shape, row) ? row : NAMES_NONE;
}

struct admission shapes_admission(const struct shapes *shapes, uint32_t shape)
{
    const struct shape *it = shapes->by_id[shape];
    return (struct admission){.words = &it->key[it->at.selector],
                              .length = it->length - it->at.selector,
                              .terms_at = it->at.terms - it->at.selector,
                              .tolerations_at = it->at.tolerations - it->at.selector};
}

bool shapes_rules_admit(const struct shapes *shapes, const struct admission *admission,
                        uint32_t row)
{
    return admission_admits(admission, shapes->nodes, shapes->unschedulable_key, row);
}

const struct nodes *shapes_nodes(const struct shapes *shapes)
{
    return shapes->nodes;
}

bool shapes_admits(const struct shapes *shapes, uint32_t shape, uint32_t row)
{
    struct admission admission = shapes_admission(shapes, shape);
    return shapes_rules_admit(shapes, &admission, row);
}

enum admission_refusal shapes_rules_refusal(const struct shapes *shapes,
                                            const struct admission *admission, uint32_t row,
                                            uint32_t *key)
{
    return admission_refusal(admission, shapes->nodes, shapes->unschedulable_key, row, key);
}
