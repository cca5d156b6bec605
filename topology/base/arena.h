// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_BASE_ARENA_H
#define TOPOLOGY_BASE_ARENA_H

#include <stddef.h>

/* A bump arena: many small allocations, one release.
 *
 *   struct arena ─▶ [chunk 4 KiB ▒▒▒▒▒▒▒░░] ─▶ [chunk 8 KiB ▒▒▒▒▒▒▒▒▒] ─▶ …   (newest first)
 *
 * Decoded API objects live in one arena each, effects of one engine_apply() in another. Memory from
 * an arena is *borrowed* from it: valid until arena_reset() or arena_finish(), never freed alone.
 * Chunks double up to 1 MiB. With the macro ARENA_DEBUG every allocation is a chunk of its own, so
 * that AddressSanitizer sees each object.
 */

struct arena_chunk;

struct arena {
    struct arena_chunk *chunks;
    size_t used; /* bytes handed out since the last reset */
};

void arena_init(struct arena *arena);

/* Releases everything; the arena is then as after arena_init(). */
void arena_finish(struct arena *arena);

/* Forgets everything handed out, keeps the largest chunk for the next use. */
void arena_reset(struct arena *arena);

/* Zeroed memory for `count` elements, aligned for any type. */
void *arena_alloc(struct arena *arena, size_t count, size_t size)
    __attribute__((returns_nonnull, warn_unused_result));

/* Copies; `text` NULL gives NULL. */
char *arena_string(struct arena *arena, const char *text);
char *arena_string_n(struct arena *arena, const char *text, size_t length)
    __attribute__((returns_nonnull));

/* printf into the arena. */
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3), returns_nonnull));

#endif
