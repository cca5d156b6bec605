// SPDX-License-Identifier: Apache-2.0
#include "topology/base/texts.h"

#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"

/* Pieces of a few sizes, cut from chunks. The allocator of the C library would do, but it puts
 * texts between everything else that was allocated at that time, and a list of all node names, as
 * in a filter call, then costs a cache miss and one of the TLB more for each.
 *
 * Invariant: a piece is a multiple of TEXTS_PIECE and aligned to it, so that a free one can hold
 * the pointer to the next free one of its size.
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

struct texts_piece {
    struct texts_piece *next;
};

struct texts_chunk {
    struct texts_chunk *next;
    size_t used;
    _Alignas(TEXTS_PIECE) char memory[CHUNK_SIZE];
};

void texts_init(struct texts *texts)
{
    *texts = (struct texts){.chunks = NULL};
}

void texts_finish(struct texts *texts)
{
    struct texts_chunk *chunk = texts->chunks;
    while (chunk != NULL) {
        struct texts_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    texts_init(texts);
}

/* Which size of piece a text takes; TEXTS_SIZES when it is too long for all. */
static size_t size_of(size_t length)
{
    size_t size = length / TEXTS_PIECE; /* with the NUL byte: length + 1, rounded up, less 1 */
    return SEPARATE || size >= TEXTS_SIZES ? TEXTS_SIZES : size;
}

static char *cut_piece(struct texts *texts, size_t size)
{
    struct texts_chunk *chunk = texts->chunks;
    size_t bytes = (size + 1) * TEXTS_PIECE;
    if (chunk == NULL || CHUNK_SIZE - chunk->used < bytes) {
        chunk = alloc_resize(NULL, 1, sizeof *chunk);
        chunk->next = texts->chunks;
        chunk->used = 0;
        texts->chunks = chunk;
    }
    char *piece = chunk->memory + chunk->used;
    chunk->used += bytes;
    return piece;
}

char *texts_keep(struct texts *texts, const char *text, size_t length)
{
    size_t size = size_of(length);
    if (size == TEXTS_SIZES) {
        return alloc_string_n(text, length);
    }
    struct texts_piece *piece = texts->free[size];
    if (piece != NULL) {
        texts->free[size] = piece->next;
    }
    char *kept = piece != NULL ? (char *)piece : cut_piece(texts, size);
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
    struct texts_piece *piece = (struct texts_piece *)(void *)text;
    piece->next = texts->free[size];
    texts->free[size] = piece;
}
