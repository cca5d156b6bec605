// SPDX-License-Identifier: Apache-2.0
#include "topology/base/arena.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/err.h"
#include "topology/base/utf8.h"

/* The bump arena.
 *
 * Only the newest chunk is handed out from; what is left over in an older one is given up, which
 * costs at most half of the memory because chunks double. Memory is cleared when it is handed out,
 * not when a chunk is made, so that a recycled chunk needs no pass of its own.
 *
 * Invariants: every allocation is aligned to ARENA_ALIGNMENT; chunk->used <= chunk->size; chunks
 * are linked newest first.
 */

#define ARENA_ALIGNMENT _Alignof(max_align_t)
#define ARENA_CHUNK_MIN ((size_t)4096)
#define ARENA_CHUNK_MAX ((size_t)1 << 20)

struct arena_chunk {
    struct arena_chunk *next;
    size_t size;
    size_t used;
    _Alignas(max_align_t) char memory[];
};

void arena_init(struct arena *arena)
{
    *arena = (struct arena){.chunks = NULL};
}

void arena_finish(struct arena *arena)
{
    struct arena_chunk *chunk = arena->chunks;
    while (chunk != NULL) {
        struct arena_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    arena_init(arena);
}

void arena_reset(struct arena *arena)
{
#ifdef ARENA_DEBUG
    arena_finish(arena); /* so that use after reset is use after free */
#else
    struct arena_chunk *largest = arena->chunks;
    for (struct arena_chunk *chunk = arena->chunks; chunk != NULL; chunk = chunk->next) {
        largest = chunk->size > largest->size ? chunk : largest;
    }
    for (struct arena_chunk *chunk = arena->chunks; chunk != NULL;) {
        struct arena_chunk *next = chunk->next;
        if (chunk != largest) {
            free(chunk);
        }
        chunk = next;
    }
    if (largest != NULL) {
        largest->next = NULL;
        largest->used = 0;
    }
    arena->chunks = largest;
    arena->used = 0;
#endif
}

/* Size of the chunk to make for `bytes` that do not fit into the newest one. */
static size_t chunk_size(const struct arena *arena, size_t bytes)
{
#ifdef ARENA_DEBUG
    (void)arena;
    return bytes;
#else
    size_t size = ARENA_CHUNK_MIN;
    if (arena->chunks != NULL) {
        size =
            arena->chunks->size < ARENA_CHUNK_MAX / 2 ? arena->chunks->size * 2 : ARENA_CHUNK_MAX;
    }
    return size < bytes ? bytes : size;
#endif
}

static struct arena_chunk *add_chunk(struct arena *arena, size_t bytes)
{
    size_t size = chunk_size(arena, bytes);
    err_require(size <= SIZE_MAX - sizeof(struct arena_chunk));
    struct arena_chunk *chunk = alloc_resize(NULL, sizeof *chunk + size, 1);
    chunk->next = arena->chunks;
    chunk->size = size;
    chunk->used = 0;
    arena->chunks = chunk;
    return chunk;
}

static void *take(struct arena *arena, size_t bytes)
{
    struct arena_chunk *chunk = arena->chunks;
    if (chunk == NULL || chunk->size - chunk->used < bytes) {
        chunk = add_chunk(arena, bytes);
    }
    char *memory = chunk->memory + chunk->used;
    size_t padded = (bytes + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
    size_t left = chunk->size - chunk->used;
    chunk->used += padded < left ? padded : left;
    return memory;
}

void *arena_alloc(struct arena *arena, size_t count, size_t size)
{
    size_t bytes = 0;
    err_require(!__builtin_mul_overflow(count, size, &bytes));
    err_require(bytes <= SIZE_MAX - sizeof(struct arena_chunk) - ARENA_ALIGNMENT);
    void *memory = take(arena, bytes == 0 ? 1 : bytes);
    memset(memory, 0, bytes);
    arena->used += bytes;
    return memory;
}

char *arena_string(struct arena *arena, const char *text)
{
    return text == NULL ? NULL : arena_string_n(arena, text, strlen(text));
}

char *arena_string_n(struct arena *arena, const char *text, size_t length)
{
    err_require(length < SIZE_MAX);
    char *copy = arena_alloc(arena, length + 1, 1);
    if (length > 0) {
        memcpy(copy, text, length);
    }
    return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    err_require(format != NULL);
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    err_require(length >= 0);
    char *text = arena_alloc(arena, (size_t)length + 1, 1);
    utf8_vprint(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}
