// SPDX-License-Identifier: Apache-2.0
#include "api/kube/objects/affinity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/json/selector.h"
#include "api/kube/objects/claims.h"

/* A term is decoded into the one form that the engine compares: requirements in one order, own
 * values put in, namespaces by name.
 *
 * A term that is not as the API server lets it through makes no pod unreadable: it is left out, and
 * kube-scheduler's word counts.
 */

#define REQUIRED     "requiredDuringSchedulingIgnoredDuringExecution"
#define NAME_LABEL   "kubernetes.io/metadata.name" /* every namespace has it (KEP-2161) */
#define HOSTNAME_KEY "kubernetes.io/hostname"

#define TERMS_LOOKED_AT (4 * POD_AFFINITIES_MAX) /* of either kind, those that are left included */

static const char left_many[] = "it has more required terms about other pods than are read";
static const char left_odd[] = "a term about other pods has a selector that is not understood";
static const char left_long[] = "a term about other pods is longer than is read";
static const char left_spaces[] =
    "a term about other pods selects namespaces by labels that are not known here";
static const char left_labels[] = "it has more labels than are read";

struct reading {
    const json_t *labels; /* the pod's own */
    const char *name_space;
    struct arena *arena;
    struct affinity_object *items;
    size_t count;
    const char *left;
};

static void leave(struct reading *reading, const char *why)
{
    reading->left = reading->left == NULL ? why : reading->left;
}

/* ---- the selector ---- */

/* matchLabelKeys, mismatchLabelKeys; false when there are too many. */
static bool add_own(const struct reading *reading, const json_t *keys,
                    enum selector_operator relation, struct selector *selector)
{
    for (size_t i = 0; i < json_array_size(keys); i++) {
        const char *key = json_string_value(json_array_get(keys, i));
        const char *own = key == NULL ? NULL : field_text(json_object_get(reading->labels, key));
        if (i > SELECTOR_EXPRESSIONS_MAX ||
            (own != NULL && selector_require(selector, reading->arena, key, relation, own) != 0)) {
            return false;
        }
    }
    return true;
}

static bool read_selector(struct reading *reading, const struct field *term,
                          struct selector *selector)
{
    struct field json;
    struct err err;
    if (field_object(term, "labelSelector", &json, &err) != 0 ||
        selector_decode(&json, reading->arena, selector, &err) != 0) {
        leave(reading, left_odd);
        return false;
    }
    if (!add_own(reading, json_object_get(term->json, "matchLabelKeys"), SELECTOR_IN, selector) ||
        !add_own(reading, json_object_get(term->json, "mismatchLabelKeys"), SELECTOR_NOT_IN,
                 selector)) {
        leave(reading, left_long);
        return false;
    }
    if (json.json == NULL) { /* which no pod meets */
        selector->items[0] = (struct expression_object){.key = "", .operator= SELECTOR_IN };
        selector->count = 1;
    }
    selector_sort(selector); /* the API server puts own values into the selector, too */
    size_t words = 0;
    for (size_t i = 0; i < selector->count; i++) {
        words += 1 + selector->items[i].value_count;
    }
    if (words > POD_AFFINITY_WORDS_MAX) {
        leave(reading, left_long);
        return false;
    }
    return true;
}

/* ---- namespaces ---- */

struct spaces {
    const char *names[POD_NAMESPACES_MAX];
    size_t count;
    bool many;    /* more than that */
    bool all;     /* every namespace */
    bool unknown; /* others besides, nobody knows which */
};

static void add_space(struct spaces *spaces, const char *name)
{
    for (size_t i = 0; i < spaces->count; i++) {
        if (strcmp(spaces->names[i], name) == 0) {
            return;
        }
    }
    if (spaces->count == POD_NAMESPACES_MAX) {
        spaces->many = true;
        return;
    }
    spaces->names[spaces->count++] = name;
}

/* Whether every requirement is met by a namespace of which only the name is known. */
static bool is_selected(const struct selector *selector, const char *name)
{
    bool selected = true;
    for (size_t i = 0; i < selector->count; i++) {
        selected = selected && selector_holds(&selector->items[i], name);
    }
    return selected;
}

static void select_spaces(struct reading *reading, const struct field *json, struct spaces *spaces)
{
    struct selector selector;
    struct err err;
    const struct expression_object *names = NULL;
    if (selector_decode(json, reading->arena, &selector, &err) != 0) {
        spaces->unknown = true;
        return;
    }
    spaces->all = selector.count == 0;
    for (size_t i = 0; i < selector.count; i++) {
        spaces->unknown = spaces->unknown || strcmp(selector.items[i].key, NAME_LABEL) != 0;
        names = selector.items[i].operator== SELECTOR_IN ? &selector.items[i] : names;
    }
    spaces->unknown = spaces->unknown || (names == NULL && !spaces->all);
    for (size_t i = 0; !spaces->unknown && names != NULL && i < names->value_count; i++) {
        if (is_selected(&selector, names->values[i])) {
            add_space(spaces, names->values[i]);
        }
    }
}

static int compare_texts(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* Fills in where the term selects pods; false when that is not known well enough. */
static bool read_spaces(struct reading *reading, const struct field *term,
                        struct affinity_object *item)
{
    const json_t *list = json_object_get(term->json, "namespaces");
    struct spaces spaces = {.count = 0};
    struct field json;
    struct err err;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (name != NULL) {
            add_space(&spaces, name);
        }
    }
    if (field_object(term, "namespaceSelector", &json, &err) != 0) {
        spaces.unknown = true;
    } else if (json.json != NULL) {
        select_spaces(reading, &json, &spaces);
    } else if (json_array_size(list) == 0) {
        add_space(&spaces, reading->name_space);
    }
    item->everywhere = spaces.all;
    if (!spaces.all && (spaces.unknown || spaces.many)) {
        leave(reading, spaces.many ? left_long : left_spaces);
        if (!item->apart || spaces.count == 0) {
            return false;
        }
    }
    if (spaces.all) {
        return true;
    }
    const char **names = arena_alloc(reading->arena, spaces.count, sizeof *names);
    for (size_t i = 0; i < spaces.count; i++) {
        names[i] = arena_string(reading->arena, spaces.names[i]);
    }
    qsort(names, spaces.count, sizeof *names, compare_texts);
    item->name_spaces = names;
    item->name_space_count = spaces.count;
    return true;
}

/* ---- terms ---- */

static int read_term(const struct field *term, bool apart, struct reading *reading, struct err *err)
{
    const char *key = NULL;
    struct selector selector;
    struct affinity_object item = {.apart = apart};
    if (field_string(term, "topologyKey", &key, err) != 0) {
        return -1;
    }
    if (key == NULL || key[0] == '\0') {
        leave(reading, left_odd);
        return 0;
    }
    if (!read_selector(reading, term, &selector) || !read_spaces(reading, term, &item)) {
        return 0;
    }
    if (reading->count == POD_AFFINITIES_MAX) {
        leave(reading, left_many);
        return 0;
    }
    item.key = arena_string(reading->arena, key);
    item.expressions = selector.items;
    item.expression_count = selector.count;
    if (reading->items == NULL) {
        reading->items = arena_alloc(reading->arena, POD_AFFINITIES_MAX, sizeof *reading->items);
    }
    reading->items[reading->count++] = item;
    return 0;
}

static int read_terms(const struct field *affinity, const char *kind, bool apart,
                      struct reading *reading, struct err *err)
{
    struct field pods;
    struct field terms;
    if (field_object(affinity, kind, &pods, err) != 0 ||
        field_array(&pods, REQUIRED, &terms, err) != 0) {
        return -1;
    }
    for (size_t i = 0; i < field_count(&terms); i++) {
        struct field term;
        if (reading->count == POD_AFFINITIES_MAX || i == TERMS_LOOKED_AT) { /* may be very many */
            leave(reading, left_many);
            return 0;
        }
        if (field_element(&terms, i, &term, err) != 0 ||
            read_term(&term, apart, reading, err) != 0) {
            return -1;
        }
    }
    return 0;
}

static void read_labels(struct reading *reading, struct pod_object *object)
{
    size_t size = json_object_size(reading->labels);
    const char *key = NULL;
    json_t *value = NULL;
    if (size == 0) {
        return;
    }
    size = size < POD_LABELS_MAX ? size : POD_LABELS_MAX;
    struct label_object *kept = arena_alloc(reading->arena, size, sizeof *kept);
    object->labels = kept;
    /* The iteration functions take a plain pointer; nothing is changed. */
    json_object_foreach((json_t *)(uintptr_t)reading->labels, key, value)
    {
        if (object->label_count == POD_LABELS_MAX) {
            leave(reading, left_labels);
            return;
        }
        if (field_text(value) != NULL) {
            kept[object->label_count++] = (struct label_object){
                arena_string(reading->arena, key), arena_string(reading->arena, field_text(value))};
        }
    }
}

int affinity_read(const struct field *metadata, const struct field *spec, struct arena *arena,
                  struct pod_object *object, struct err *err)
{
    struct reading reading = {.arena = arena};
    struct field affinity;
    struct field labels;
    char claim[AFFINITY_CLAIM_MAX];
    if (field_object(spec, "affinity", &affinity, err) != 0 ||
        field_object(metadata, "labels", &labels, err) != 0 ||
        field_name(metadata, "namespace", &reading.name_space, err) != 0) {
        return -1;
    }
    reading.labels = labels.json;
    read_labels(&reading, object);
    if (read_terms(&affinity, "podAntiAffinity", true, &reading, err) != 0 ||
        read_terms(&affinity, "podAffinity", false, &reading, err) != 0) {
        return -1;
    }
    for (size_t i = 0; i < reading.count; i++) {
        reading.items[i].claimed =
            affinity_claim(object, reading.name_space, &reading.items[i], claim, sizeof claim);
    }
    object->affinities = reading.items;
    object->affinity_count = reading.count;
    object->affinity_left = reading.left;
    return 0;
}

/* ---- claims ---- */

static const char *label_of(const struct pod_object *object, const char *key)
{
    for (size_t i = 0; i < object->label_count; i++) {
        if (strcmp(object->labels[i].key, key) == 0) {
            return object->labels[i].value;
        }
    }
    return NULL;
}

static bool selects_itself(const struct pod_object *object, const char *name_space,
                           const struct affinity_object *term)
{
    bool selects = term->everywhere;
    for (size_t i = 0; i < term->name_space_count; i++) {
        selects = selects || strcmp(term->name_spaces[i], name_space) == 0;
    }
    for (size_t i = 0; i < term->expression_count && selects; i++) {
        selects = selector_holds(&term->expressions[i], label_of(object, term->expressions[i].key));
    }
    return selects;
}

/* "namespaces a, b" */
static size_t write_spaces(const struct affinity_object *term, char *text, size_t size)
{
    if (term->everywhere) {
        return (size_t)snprintf(text, size, "all namespaces");
    }
    size_t length =
        (size_t)snprintf(text, size, "namespace%s", term->name_space_count == 1 ? "" : "s");
    for (size_t i = 0; i < term->name_space_count && length < size; i++) {
        length += (size_t)snprintf(text + length, size - length, "%s %s", i == 0 ? "" : ",",
                                   term->name_spaces[i]);
    }
    return length;
}

bool affinity_claim(const struct pod_object *object, const char *name_space,
                    const struct affinity_object *term, char *text, size_t size)
{
    const struct selector selector = {
        .items = (struct expression_object *)(uintptr_t)term->expressions, /* only read */
        .count = term->expression_count,
    };
    if (!term->apart || strcmp(term->key, HOSTNAME_KEY) != 0 ||
        !selects_itself(object, name_space, term)) {
        return false;
    }
    size_t length = (size_t)snprintf(text, size, "a node without pods of ");
    length += write_spaces(term, text + length, size - length);
    if (length >= size) {
        return false;
    }
    if (selector.count > 0) {
        length += (size_t)snprintf(text + length, size - length, " with ");
    }
    return length < size && selector_text(&selector, text + length, size - length);
}
