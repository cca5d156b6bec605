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

#define RANK_MAX 3

/* Which names count more than others where there are too many of them: lower ones do. */
static int rank_of(const char *resource)
{
    static const char *const RANKS[] = {"cpu",  "memory",         "ephemeral-storage",
                                        "pods", "nvidia.com/gpu", "amd.com/gpu"};
    for (size_t i = 0; i < sizeof RANKS / sizeof RANKS[0]; i++) {
        if (strcmp(resource, RANKS[i]) == 0) {
            return 0;
        }
    }
    if (!resource_is_device(resource)) {
        return RANK_MAX;
    }
    return strcmp(strrchr(resource, '/'), "/gpu") == 0 ? 1 : 2;
}

/* The place of the last name among those that count least, if it counts less than one of `rank`;
 * else AMOUNTS_MAX. */
static size_t least_of(const struct amounts *amounts, int rank)
{
    size_t least = AMOUNTS_MAX;
    for (size_t i = 0; i < amounts->count; i++) {
        int other = amounts->ranks[i];
        if (other > rank || (least < AMOUNTS_MAX && other == rank)) {
            rank = other;
            least = i;
        }
    }
    return least;
}

/* Another name. Of more names than there is room for it takes the place of one that counts less. */
static void add(struct amounts *amounts, const char *resource, int rank, int64_t amount)
{
    size_t place = amounts->count < AMOUNTS_MAX ? amounts->count++ : least_of(amounts, rank);
    if (place == AMOUNTS_MAX) {
        return;
    }
    amounts->items[place] = (struct amount_object){.resource = resource, .amount = amount};
    amounts->ranks[place] = (unsigned char)rank;
}

void amounts_set(struct amounts *amounts, const char *resource, int64_t amount)
{
    int64_t *known = amounts_find(amounts, resource);
    if (known != NULL) {
        *known = amount;
        return;
    }
    add(amounts, resource, rank_of(resource), amount);
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
        int rank = rank_of(resource);
        int64_t amount = 0;
        if (amounts->count == AMOUNTS_MAX && rank == RANK_MAX) {
            continue; /* one of so many names that mean nothing here */
        }
        if (read_amount(&field, &amount, err) != 0) {
            return -1;
        }
        add(amounts, resource, rank, amount); /* no name is in a list twice */
    }
    return 0;
}

void amounts_add(struct amounts *to, const struct amounts *amounts)
{
    for (size_t i = 0; i < amounts->count; i++) {
        const struct amount_object *item = &amounts->items[i];
        const int64_t *known = amounts_find(to, item->resource);
        int64_t sum = 0;
        if (__builtin_add_overflow(known == NULL ? 0 : *known, item->amount, &sum)) {
            sum = INT64_MAX;
        }
        amounts_set(to, item->resource, sum);
    }
}

void amounts_raise(struct amounts *to, const struct amounts *amounts)
{
    for (size_t i = 0; i < amounts->count; i++) {
        const struct amount_object *item = &amounts->items[i];
        const int64_t *known = amounts_find(to, item->resource);
        if (known == NULL || *known < item->amount) {
            amounts_set(to, item->resource, item->amount);
        }
    }
}

void amounts_default(struct amounts *to, const struct amounts *amounts)
{
    for (size_t i = 0; i < amounts->count; i++) {
        const struct amount_object *item = &amounts->items[i];
        if (amounts_find(to, item->resource) == NULL) {
            amounts_set(to, item->resource, item->amount);
        }
    }
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
