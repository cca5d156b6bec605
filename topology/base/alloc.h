// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_BASE_ALLOC_H
#define TOPOLOGY_BASE_ALLOC_H

#include <stddef.h>

/* Memory, with one policy: a process that cannot get the memory its bounded tables need aborts on
 * purpose. A scheduler that limps on with half a state is worse than one that restarts and relists,
 * so callers never see NULL. Sizes are multiplied with overflow checks. Everything is released by
 * free().
 */

/* *New* zeroed array of `count` elements; count 0 gives a valid pointer that may be freed. */
void *alloc_zero(size_t count, size_t size) __attribute__((returns_nonnull, warn_unused_result));

/* Resizes to `count` elements; new elements are not cleared. *Steals* `memory`. */
void *alloc_resize(void *memory, size_t count, size_t size)
    __attribute__((returns_nonnull, warn_unused_result));

/* Makes room for `need` elements by doubling, at least 8; clears the new ones and updates *room.
 * *Steals* `memory`. */
void *alloc_grow(void *memory, size_t *room, size_t need, size_t size)
    __attribute__((returns_nonnull, warn_unused_result));

/* *New* memory of `size` bytes, not cleared, aligned to that: a power of two. */
void *alloc_aligned(size_t size) __attribute__((returns_nonnull, warn_unused_result));

/* *New* copy of a string; NULL gives NULL. */
char *alloc_string(const char *text) __attribute__((warn_unused_result));

/* *New* NUL-terminated copy of `length` bytes. */
char *alloc_string_n(const char *text, size_t length)
    __attribute__((returns_nonnull, warn_unused_result));

#endif
