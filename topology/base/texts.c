// SPDX-License-Identifier: Apache-2.0
#include "topology/base/texts.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"

/* Pieces of a few sizes, cut from chunks. The allocator of the C library would do, but it puts
 * texts between everything else that was allocated at that time, and a list of all node names, as
 * in a filter call, then costs a cache miss and one of the TLB more for each.
 *
 * A chunk is aligned to its size, so that a piece leads to its chunk.
 *
 * Invariants: a chunk is in the list of its size exactly when it has room; a piece is a multiple of
 * TEXTS_PIECE and aligned to it, so that a free one can hold the pointer to the next free one.
 */

#if defined(__SANITIZE_ADDRESS__)
#define SEPARATE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SEPARATE 1
#endif
#endif
#ifndef SEPARATE
#define SEPARATE 0
#endif

#define CHUNK_SIZE ((size_t)64 * 1024)

struct piece {
    struct piece *next;
};

struct texts_chunk {
    struct texts_chunk *next;
    struct texts_chunk *previous;
    struct piece *free;
    uint32_t used; /* pieces */
    uint32_t cut;  /* bytes of `memory` that ever were one */
    _Alignas(TEXTS_PIECE) char memory[];
};

void texts_init(struct texts *texts)
{
    *texts = (struct texts){.chunks = 0};
}

void texts_finish(struct texts *texts)
{
    for (size_t size = 0; size < TEXTS_SIZES; size++) {
        struct texts_chunk *chunk = texts->open[size];
        while (chunk != NULL) {
            struct texts_chunk *next = chunk->next;
            free(chunk);
            chunk = next;
        }
    }
    texts_init(texts);
}

/* Which size of piece a text takes; TEXTS_SIZES when it is too long for all. */
static size_t size_of(size_t length)
{
    size_t size = length / TEXTS_PIECE; /* with the NUL byte: length + 1, rounded up, less 1 */
    return SEPARATE || size >= TEXTS_SIZES ? TEXTS_SIZES : size;
}

size_t texts_cost(size_t length)
{
    return (length / TEXTS_PIECE + 1) * TEXTS_PIECE;
}

/* ---- chunks ---- */

static void open_chunk(struct texts *texts, size_t size, struct texts_chunk *chunk)
{
    chunk->previous = NULL;
    chunk->next = texts->open[size];
    if (chunk->next != NULL) {
        chunk->next->previous = chunk;
    }
    texts->open[size] = chunk;
}

static void close_chunk(struct texts *texts, size_t size, struct texts_chunk *chunk)
{
    *(chunk->previous != NULL ? &chunk->previous->next : &texts->open[size]) = chunk->next;
    if (chunk->next != NULL) {
        chunk->next->previous = chunk->previous;
    }
}

static struct texts_chunk *add_chunk(struct texts *texts, size_t size)
{
    struct texts_chunk *chunk = alloc_aligned(CHUNK_SIZE);
    *chunk = (struct texts_chunk){.used = 0};
    open_chunk(texts, size, chunk);
    texts->chunks++;
    return chunk;
}

static struct texts_chunk *chunk_of(const char *text)
{
    return (struct texts_chunk *)((uintptr_t)text &
                                  ~(uintptr_t)(CHUNK_SIZE -
                                               1)); // NOLINT(performance-no-int-to-ptr): aligned
}

/* Whether one more piece can be cut from it. */
static bool has_uncut(const struct texts_chunk *chunk, size_t bytes)
{
    return offsetof(struct texts_chunk, memory) + chunk->cut + bytes <= CHUNK_SIZE;
}

/* ---- texts ---- */

static char *take_piece(struct texts *texts, size_t size)
{
    struct texts_chunk *chunk = texts->open[size];
    size_t bytes = (size + 1) * TEXTS_PIECE;
    if (chunk == NULL) {
        chunk = add_chunk(texts, size);
    }
    char *piece = (char *)chunk->free;
    if (piece != NULL) {
        chunk->free = chunk->free->next;
    } else {
        piece = chunk->memory + chunk->cut;
        chunk->cut += (uint32_t)bytes;
    }
    chunk->used++;
    if (chunk->free == NULL && !has_uncut(chunk, bytes)) {
        close_chunk(texts, size, chunk);
    }
    return piece;
}

char *texts_keep(struct texts *texts, const char *text, size_t length)
{
    size_t size = size_of(length);
    if (size == TEXTS_SIZES) {
        return alloc_string_n(text, length);
    }
    char *kept = take_piece(texts, size);
    memcpy(kept, text, length);
    kept[length] = '\0';
    return kept;
}

void texts_drop(struct texts *texts, char *text, size_t length)
{
    size_t size = size_of(length);
    if (size == TEXTS_SIZES) {
        free(text);
        return;
    }
    struct texts_chunk *chunk = chunk_of(text);
    struct piece *piece = (struct piece *)(void *)text;
    if (chunk->free == NULL && !has_uncut(chunk, (size + 1) * TEXTS_PIECE)) {
        open_chunk(texts, size, chunk); /* it was full */
    }
    piece->next = chunk->free;
    chunk->free = piece;
    chunk->used--;
    bool only = chunk->previous == NULL && chunk->next == NULL;
    if (chunk->used == 0 && !only) {
        close_chunk(texts, size, chunk);
        texts->chunks--;
        free(chunk);
    }
}
