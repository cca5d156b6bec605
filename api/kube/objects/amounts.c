// SPDX-License-Identifier: Apache-2.0
#include "api/kube/objects/amounts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/quantity.h"

/* Short unsorted arrays with linear search: a container names two or three resources.
 *
 * Each quantity is rounded up on its own where Kubernetes rounds the exact sum, so a pod whose
 * containers ask for fractions of a thousandth of a CPU or of a byte counts for one unit more per
 * container, never less.
 */

#define NUMBER_TEXT_MAX 32

int64_t *amounts_find(struct amounts *amounts, const char *resource)
{
    for (size_t i = 0; i < amounts->count; i++) {
        if (strcmp(amounts->items[i].resource, resource) == 0) {
            return &amounts->items[i].amount;
        }
    }
    return NULL;
}

int amounts_set(struct amounts *amounts, const char *resource, int64_t amount, struct err *err)
{
    int64_t *known = amounts_find(amounts, resource);
    if (known != NULL) {
        *known = amount;
        return 0;
    }
    if (amounts->count == RESOURCES_MAX) {
        return err_set(err, "more than %d distinct resources", RESOURCES_MAX);
    }
    amounts->items[amounts->count++] =
        (struct amount_object){.resource = resource, .amount = amount};
    return 0;
}

/* The shortest text that reads back as the same number, as it stood in the JSON or YAML. */
static void write_real(double real, char *text, size_t size)
{
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, size, "%.*g", digits, real);
        if (strtod(text, NULL) == real) {
            return;
        }
    }
}

static int read_amount(const struct field *field, int64_t *amount, struct err *err)
{
    char number[NUMBER_TEXT_MAX];
    const char *text = json_string_value(field->json);
    if (field->json == NULL) {
        *amount = 0;
        return 0;
    }
    if (text == NULL) {
        if (json_is_integer(field->json)) {
            (void)snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT,
                           json_integer_value(field->json));
        } else if (json_is_real(field->json)) {
            write_real(json_real_value(field->json), number, sizeof number);
        } else {
            return field_fail(field, err, "is not a quantity");
        }
        text = number;
    }
    struct err cause;
    int result = strcmp(field->name, "cpu") == 0
                     ? quantity_milli(text, strlen(text), amount, &cause)
                     : quantity_units(text, strlen(text), amount, &cause);
    if (result != 0) {
        return field_fail(field, err, "%s", cause.text);
    }
    if (*amount < 0) {
        return field_fail(field, err, "quantity \"%s\" is negative", text);
    }
    if (*amount == INT64_MAX) {
        return field_fail(field, err, "quantity \"%s\" is out of range", text);
    }
    return 0;
}

int64_t amounts_of(const char *resource, const json_t *value)
{
    const struct field field = {.name = resource, .json = value};
    struct err ignored;
    int64_t amount = 0;
    return read_amount(&field, &amount, &ignored) == 0 ? amount : 0;
}

int amounts_read(const struct field *list, struct amounts *amounts, struct err *err)
{
    amounts->count = 0;
    if (list->json == NULL) {
        return 0;
    }
    const char *resource = NULL;
    json_t *value = NULL;
    /* The iteration functions take a plain pointer; nothing is changed. */
    json_object_foreach((json_t *)(uintptr_t)list->json, resource, value)
    {
        struct field field = {
            .up = list, .name = resource, .json = json_is_null(value) ? NULL : value};
        int64_t amount = 0;
        struct err cause;
        if (read_amount(&field, &amount, err) != 0) {
            return -1;
        }
        if (amounts_set(amounts, resource, amount, &cause) != 0) {
            return field_fail(list, err, "%s", cause.text);
        }
    }
    return 0;
}

int amounts_add(struct amounts *to, const struct amounts *amounts, struct err *err)
{
    for (size_t i = 0; i < amounts->count; i++) {
        const struct amount_object *item = &amounts->items[i];
        const int64_t *known = amounts_find(to, item->resource);
        int64_t sum = 0;
        if (__builtin_add_overflow(known == NULL ? 0 : *known, item->amount, &sum)) {
            return err_set(err, "the sum of %s is out of range", item->resource);
        }
        if (amounts_set(to, item->resource, sum, err) != 0) {
            return -1;
        }
    }
    return 0;
}

int amounts_raise(struct amounts *to, const struct amounts *amounts, struct err *err)
{
    for (size_t i = 0; i < amounts->count; i++) {
        const struct amount_object *item = &amounts->items[i];
        const int64_t *known = amounts_find(to, item->resource);
        if ((known == NULL || *known < item->amount) &&
            amounts_set(to, item->resource, item->amount, err) != 0) {
            return -1;
        }
    }
    return 0;
}

int amounts_default(struct amounts *to, const struct amounts *amounts, struct err *err)
{
    for (size_t i = 0; i < amounts->count; i++) {
        const struct amount_object *item = &amounts->items[i];
        if (amounts_find(to, item->resource) == NULL &&
            amounts_set(to, item->resource, item->amount, err) != 0) {
            return -1;
        }
    }
    return 0;
}

const struct amount_object *amounts_keep(const struct amounts *amounts, struct arena *arena,
                                         size_t *count)
{
    struct amount_object *kept = arena_alloc(arena, amounts->count, sizeof *kept);
    *count = 0;
    for (size_t i = 0; i < amounts->count; i++) {
        if (amounts->items[i].amount != 0) {
            kept[(*count)++] = (struct amount_object){
                .resource = arena_string(arena, amounts->items[i].resource),
                .amount = amounts->items[i].amount,
            };
        }
    }
    return kept;
}
