// SPDX-License-Identifier: Apache-2.0
#include "api/json/selector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/plural.h"

/* matchLabels are requirements of one value each; from then on there is only one kind. */

static int add(struct selector *selector, const struct field *place,
               const struct expression_object *expression, struct err *err)
{
    if (selector->count == SELECTOR_EXPRESSIONS_MAX) {
        return field_fail(place, err, "more than %d requirements", SELECTOR_EXPRESSIONS_MAX);
    }
    selector->items[selector->count++] = *expression;
    return 0;
}

static struct expression_object single(struct arena *arena, const char *key,
                                       enum selector_operator relation, const char *value)
{
    const char **values = arena_alloc(arena, 1, sizeof *values);
    values[0] = arena_string(arena, value);
    return (struct expression_object){
        .key = arena_string(arena, key),
        .operator= relation,
        .values = values,
        .value_count = 1,
    };
}

static int read_labels(const struct field *json, struct arena *arena, struct selector *selector,
                       struct err *err)
{
    struct field map;
    const char *key;
    json_t *value;
    if (field_object(json, "matchLabels", &map, err) != 0) {
        return -1;
    }
    /* The iteration functions take a plain pointer; nothing is changed. */
    json_object_foreach((json_t *)(uintptr_t)map.json, key, value)
    {
        const char *text = field_text(value);
        if (text == NULL) {
            return field_fail(&map, err, "the value of %s is not a string", key);
        }
        struct expression_object expression = single(arena, key, SELECTOR_IN, text);
        if (add(selector, &map, &expression, err) != 0) {
            return -1;
        }
    }
    return 0;
}

static int read_operator(const struct field *json, enum selector_operator *relation,
                         struct err *err)
{
    static const char *const OPERATORS[] = {
        [SELECTOR_IN] = "In",
        [SELECTOR_NOT_IN] = "NotIn",
        [SELECTOR_EXISTS] = "Exists",
        [SELECTOR_DOES_NOT_EXIST] = "DoesNotExist",
    };
    const char *text;
    if (field_name(json, "operator", &text, err) != 0) {
        return -1;
    }
    for (size_t i = 0; i < sizeof OPERATORS / sizeof OPERATORS[0]; i++) {
        if (strcmp(text, OPERATORS[i]) == 0) {
            *relation = (enum selector_operator)i;
            return 0;
        }
    }
    return field_fail(json, err, "operator \"%.60s\" is not In, NotIn, Exists, DoesNotExist", text);
}

static int read_values(const struct field *json, struct arena *arena,
                       struct expression_object *expression, struct err *err)
{
    struct field list;
    if (field_array(json, "values", &list, err) != 0) {
        return -1;
    }
    size_t count = field_count(&list);
    bool wanted = expression->operator== SELECTOR_IN || expression->operator== SELECTOR_NOT_IN;
    if (wanted != (count > 0) || count > SELECTOR_VALUES_MAX) {
        return field_fail(&list, err, "the operator does not take %zu value%s", count,
                          plural(count));
    }
    const char **values = arena_alloc(arena, count, sizeof *values);
    for (size_t i = 0; i < count; i++) {
        const char *value = json_string_value(json_array_get(list.json, i));
        if (value == NULL) {
            return field_fail(&list, err, "value %zu is not a string", i);
        }
        values[i] = arena_string(arena, value);
    }
    expression->values = values;
    expression->value_count = count;
    return 0;
}

static int read_expressions(const struct field *json, struct arena *arena,
                            struct selector *selector, struct err *err)
{
    struct field list;
    if (field_array(json, "matchExpressions", &list, err) != 0) {
        return -1;
    }
    for (size_t i = 0; i < field_count(&list); i++) {
        struct expression_object expression = {.key = NULL};
        struct field item;
        const char *key;
        if (field_element(&list, i, &item, err) != 0 || field_name(&item, "key", &key, err) != 0 ||
            read_operator(&item, &expression.operator, err) != 0 ||
            read_values(&item, arena, &expression, err) != 0) {
            return -1;
        }
        expression.key = arena_string(arena, key);
        if (add(selector, &list, &expression, err) != 0) {
            return -1;
        }
    }
    return 0;
}

int selector_decode(const struct field *json, struct arena *arena, struct selector *selector,
                    struct err *err)
{
    *selector = (struct selector){
        .items = arena_alloc(arena, SELECTOR_EXPRESSIONS_MAX, sizeof *selector->items)};
    if (read_labels(json, arena, selector, err) != 0) {
        return -1;
    }
    return read_expressions(json, arena, selector, err);
}

int selector_require(struct selector *selector, struct arena *arena, const char *key,
                     enum selector_operator relation, const char *value)
{
    if (selector->count == SELECTOR_EXPRESSIONS_MAX) {
        return -1;
    }
    selector->items[selector->count++] = single(arena, key, relation, value);
    return 0;
}

bool selector_holds(const struct expression_object *expression, const char *value)
{
    bool listed = false;
    for (size_t i = 0; i < expression->value_count && value != NULL && !listed; i++) {
        listed = strcmp(expression->values[i], value) == 0;
    }
    switch (expression->operator) {
    case SELECTOR_IN:
        return listed;
    case SELECTOR_NOT_IN:
        return !listed;
    case SELECTOR_EXISTS:
        return value != NULL;
    case SELECTOR_DOES_NOT_EXIST:
        return value == NULL;
    case SELECTOR_GREATER:
    case SELECTOR_LESS: /* of nodes alone */
        break;
    }
    return false;
}

/* ---- in one order ---- */

static int compare_values(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static int compare_expressions(const void *left, const void *right)
{
    const struct expression_object *a = left, *b = right;
    int order = strcmp(a->key, b->key);
    if (order != 0 || a->operator!= b->operator) {
        return order != 0 ? order : a->operator<b->operator? -1 : 1;
    }
    for (size_t i = 0; i < a->value_count && i < b->value_count; i++) {
        order = strcmp(a->values[i], b->values[i]);
        if (order != 0) {
            return order;
        }
    }
    return a->value_count < b->value_count ? -1 : a->value_count > b->value_count;
}

void selector_sort(struct selector *selector)
{
    size_t kept = 0;
    for (size_t i = 0; i < selector->count; i++) {
        struct expression_object *item = &selector->items[i];
        const char **values = (const char **)(uintptr_t)item->values; /* of the same arena */
        size_t count = item->value_count;
        item->value_count = 0;
        if (count > 0) {
            qsort(values, count, sizeof *values, compare_values);
        }
        for (size_t v = 0; v < count; v++) {
            if (v == 0 || strcmp(values[v], values[item->value_count - 1]) != 0) {
                values[item->value_count++] = values[v];
            }
        }
    }
    if (selector->count > 0) {
        qsort(selector->items, selector->count, sizeof *selector->items, compare_expressions);
    }
    for (size_t i = 0; i < selector->count; i++) {
        if (i == 0 || compare_expressions(&selector->items[i], &selector->items[kept - 1]) != 0) {
            selector->items[kept++] = selector->items[i];
        }
    }
    selector->count = kept;
}

/* ---- for people ---- */

/* "key=value", "key in (a,b)", "key notin (a)", "key" or "!key": bytes, as snprintf() has them. */
static size_t write_expression(const struct expression_object *item, char *text, size_t size)
{
    bool one = item->operator== SELECTOR_IN && item->value_count == 1;
    const char *sign = one                                ? "="
                       : item->operator== SELECTOR_IN     ? " in ("
                       : item->operator== SELECTOR_NOT_IN ? " notin ("
                                                          : "";
    size_t length = (size_t)snprintf(
        text, size, "%s%s%s", item->operator== SELECTOR_DOES_NOT_EXIST ? "!" : "", item->key, sign);
    for (size_t i = 0; i < item->value_count && length < size; i++) {
        length += (size_t)snprintf(text + length, size - length, "%s%s", i == 0 ? "" : ",",
                                   item->values[i]);
    }
    if (sign[0] == ' ' && length < size) {
        length += (size_t)snprintf(text + length, size - length, ")");
    }
    return length;
}

bool selector_text(const struct selector *selector, char *text, size_t size)
{
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < selector->count && length < size; i++) {
        length += (size_t)snprintf(text + length, size - length, "%s", i == 0 ? "" : ", ");
        if (length < size) {
            length += write_expression(&selector->items[i], text + length, size - length);
        }
    }
    return length < size;
}
