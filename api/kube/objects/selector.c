// SPDX-License-Identifier: Apache-2.0
#include "api/kube/objects/selector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/objects.h"

/* Every requirement becomes a text of its own; sorted, they are the selector's. Whatever is not as
 * the API server lets it through makes the selector one that is not understood: nothing is claimed
 * then, and kube-scheduler's word counts.
 */

#define REQUIREMENT_MAX 256 /* bytes of one requirement's text */
#define VALUES_MAX      32

struct requirements {
    char texts[POD_EXPRESSIONS_MAX][REQUIREMENT_MAX];
    size_t count;
};

static void give_up(struct selector *selector)
{
    selector->understood = false;
}

static int compare_texts(const void *left, const void *right)
{
    return strcmp(left, right);
}

static int compare_values(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* "key=value", "key in (a,b)", "key notin (a)", "key" or "!key". */
static void add_text(struct selector *selector, struct requirements *requirements, const char *key,
                     enum selector_operator relation, const char **values, size_t count)
{
    if (requirements->count == POD_EXPRESSIONS_MAX) {
        give_up(selector);
        return;
    }
    char *text = requirements->texts[requirements->count++];
    bool one = relation == SELECTOR_IN && count == 1;
    const char *sign = one                           ? "="
                       : relation == SELECTOR_IN     ? " in ("
                       : relation == SELECTOR_NOT_IN ? " notin ("
                                                     : "";
    qsort(values, count, sizeof *values, compare_values);
    int length = snprintf(text, REQUIREMENT_MAX, "%s%s%s",
                          relation == SELECTOR_DOES_NOT_EXIST ? "!" : "", key, sign);
    for (size_t i = 0; i < count && length < REQUIREMENT_MAX; i++) {
        size_t used = (size_t)length;
        length +=
            snprintf(text + used, REQUIREMENT_MAX - used, "%s%s", i == 0 ? "" : ",", values[i]);
    }
    if (sign[0] == ' ' && length < REQUIREMENT_MAX) {
        size_t used = (size_t)length;
        length += snprintf(text + used, REQUIREMENT_MAX - used, ")");
    }
    if (length >= REQUIREMENT_MAX) {
        give_up(selector);
    }
}

static void add(struct selector *selector, struct requirements *requirements, const json_t *labels,
                const char *key, enum selector_operator relation, const char **values, size_t count)
{
    const char *own = field_text(json_object_get(labels, key));
    bool there = json_object_get(labels, key) != NULL && own != NULL;
    bool among = false;
    for (size_t i = 0; i < count; i++) {
        among = among || (there && strcmp(values[i], own) == 0);
    }
    bool holds = relation == SELECTOR_IN       ? among
                 : relation == SELECTOR_NOT_IN ? !among
                 : relation == SELECTOR_EXISTS ? there
                                               : !there;
    selector->selects = selector->selects && holds;
    add_text(selector, requirements, key, relation, values, count);
}

static void read_labels(struct selector *selector, struct requirements *requirements,
                        const json_t *wanted, const json_t *labels)
{
    const char *key = NULL;
    json_t *value = NULL;
    /* The iteration functions take a plain pointer; nothing is changed. */
    json_object_foreach((json_t *)(uintptr_t)wanted, key, value)
    {
        const char *text = field_text(value);
        if (text == NULL) {
            give_up(selector);
            return;
        }
        add(selector, requirements, labels, key, SELECTOR_IN, &text, 1);
    }
}

static bool read_operator(const char *text, enum selector_operator *relation)
{
    static const char *const OPERATORS[] = {
        [SELECTOR_IN] = "In",
        [SELECTOR_NOT_IN] = "NotIn",
        [SELECTOR_EXISTS] = "Exists",
        [SELECTOR_DOES_NOT_EXIST] = "DoesNotExist",
    };
    for (size_t i = 0; text != NULL && i < sizeof OPERATORS / sizeof OPERATORS[0]; i++) {
        if (strcmp(text, OPERATORS[i]) == 0) {
            *relation = (enum selector_operator)i;
            return true;
        }
    }
    return false;
}

static void read_expression(struct selector *selector, struct requirements *requirements,
                            const json_t *expression, const json_t *labels)
{
    const char *key = json_string_value(json_object_get(expression, "key"));
    const json_t *list = json_object_get(expression, "values");
    enum selector_operator relation = SELECTOR_IN;
    const char *values[VALUES_MAX];
    size_t count = json_array_size(list);
    if (key == NULL || count > VALUES_MAX ||
        !read_operator(json_string_value(json_object_get(expression, "operator")), &relation) ||
        (relation < SELECTOR_EXISTS) != (count > 0)) {
        give_up(selector);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        values[i] = json_string_value(json_array_get(list, i));
        if (values[i] == NULL) {
            give_up(selector);
            return;
        }
    }
    add(selector, requirements, labels, key, relation, values, count);
}

/* A key that the pod does not carry is ignored. */
static void read_own(struct selector *selector, struct requirements *requirements,
                     const json_t *keys, const json_t *labels, enum selector_operator relation)
{
    for (size_t i = 0; i < json_array_size(keys) && i <= POD_EXPRESSIONS_MAX; i++) {
        const char *key = json_string_value(json_array_get(keys, i));
        const char *own = key == NULL ? NULL : json_string_value(json_object_get(labels, key));
        if (key == NULL) {
            give_up(selector);
        } else if (own != NULL) {
            add(selector, requirements, labels, key, relation, &own, 1);
        }
    }
}

/* The same requirement twice counts once: the API server adds matchLabelKeys to the selector. */
static void write_text(struct selector *selector, struct requirements *requirements)
{
    size_t length = 0;
    qsort(requirements->texts, requirements->count, sizeof requirements->texts[0], compare_texts);
    for (size_t i = 0; i < requirements->count; i++) {
        const char *text = requirements->texts[i];
        if (i > 0 && strcmp(text, requirements->texts[i - 1]) == 0) {
            continue;
        }
        size_t room = sizeof selector->text - length;
        length += (size_t)snprintf(selector->text + length, room, "%s%s", i == 0 ? "" : ", ", text);
        if (length >= sizeof selector->text) {
            give_up(selector);
            return;
        }
    }
}

void selector_read(const struct field *term, const json_t *labels, struct selector *selector)
{
    struct requirements requirements = {.count = 0};
    const json_t *json = json_object_get(term->json, "labelSelector");
    *selector = (struct selector){.understood = true, .selects = json_is_object(json)};
    if (!json_is_object(json)) {
        selector->understood = json == NULL || json_is_null(json);
        return;
    }
    read_labels(selector, &requirements, json_object_get(json, "matchLabels"), labels);
    const json_t *expressions = json_object_get(json, "matchExpressions");
    for (size_t i = 0; i < json_array_size(expressions) && selector->understood; i++) {
        read_expression(selector, &requirements, json_array_get(expressions, i), labels);
    }
    read_own(selector, &requirements, json_object_get(term->json, "matchLabelKeys"), labels,
             SELECTOR_IN);
    read_own(selector, &requirements, json_object_get(term->json, "mismatchLabelKeys"), labels,
             SELECTOR_NOT_IN);
    write_text(selector, &requirements);
}
