// SPDX-License-Identifier: Apache-2.0
#include "topology/base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/err.h"

/* The one place that asks the C library for memory, and the one that decides what a refusal means.
 *
 * Sizes never wrap: calloc() and reallocarray() check the product, alloc_grow() checks its
 * doubling. A request for nothing still gives a pointer that free() takes, so that callers need no
 * special case.
 */

void *alloc_zero(size_t count, size_t size)
{
    void *memory = count == 0 || size == 0 ? calloc(1, 1) : calloc(count, size);
    err_require(memory != NULL);
    return memory;
}

void *alloc_resize(void *memory, size_t count, size_t size)
{
    void *moved = count == 0 || size == 0 ? realloc(memory, 1) : reallocarray(memory, count, size);
    err_require(moved != NULL);
    return moved;
}

void *alloc_grow(void *memory, size_t *room, size_t need, size_t size)
{
    if (memory != NULL && need <= *room) {
        return memory;
    }
    size_t grown = *room < 8 ? 8 : *room;
    while (grown < need) {
        err_require(grown <= SIZE_MAX / 2);
        grown *= 2;
    }
    size_t kept = memory == NULL ? 0 : *room;
    char *moved = alloc_resize(memory, grown, size);
    memset(moved + kept * size, 0, (grown - kept) * size);
    *room = grown;
    return moved;
}

void *alloc_aligned(size_t size)
{
    void *memory = aligned_alloc(size, size);
    err_require(memory != NULL);
    return memory;
}

char *alloc_string(const char *text)
{
    return text == NULL ? NULL : alloc_string_n(text, strlen(text));
}

char *alloc_string_n(const char *text, size_t length)
{
    err_require(length < SIZE_MAX);
    char *copy = alloc_resize(NULL, length + 1, 1);
    if (length > 0) {
        memcpy(copy, text, length);
    }
    copy[length] = '\0';
    return copy;
}
