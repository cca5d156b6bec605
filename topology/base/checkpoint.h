// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_BASE_CHECKPOINT_H
#define TOPOLOGY_BASE_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "topology/base/err.h"

/* The state of a process as bytes, saved and loaded by the same code: a value is either appended,
 * or replaced by what the bytes say. So a field is named once, and cannot be saved in one way and
 * loaded in another.
 *
 *   number   7 bits a byte, least significant first, top bit: more follows; signed ones zigzag
 *   text     0 absent, else its length plus one, and its bytes
 *   section  a text that says what follows: what is wrong is told by the section it is in
 *
 * What is loaded is not trusted: counts and indices have limits. After a failure every call does
 * nothing, and what was loaded is only good for being destroyed.
 */

#define CHECKPOINT_NONE     UINT32_MAX /* an index of nothing */
#define CHECKPOINT_TEXT_MAX (1u << 24)

struct checkpoint {
    bool loading;
    bool failed;
    const char *section; /* constant */
    struct err err;
    uint8_t *bytes; /* saved so far; owned */
    size_t count;
    size_t room;
    const uint8_t *from; /* loading: *borrowed* */
    size_t size;
    size_t at;
};

/* One to save into, or, of bytes that stay *borrowed*, one to load from. */
void checkpoint_save(struct checkpoint *checkpoint);
void checkpoint_load(struct checkpoint *checkpoint, const uint8_t *bytes, size_t size);
void checkpoint_finish(struct checkpoint *checkpoint);

/* The first failure counts. */
void checkpoint_fail(struct checkpoint *checkpoint, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Fails unless the condition holds of what was loaded; whether all is well so far. */
bool checkpoint_check(struct checkpoint *checkpoint, bool holds, const char *what);

void checkpoint_section(struct checkpoint *checkpoint, const char *name);
void checkpoint_u64(struct checkpoint *checkpoint, uint64_t *value);
void checkpoint_i64(struct checkpoint *checkpoint, int64_t *value);
void checkpoint_u32(struct checkpoint *checkpoint, uint32_t *value);
void checkpoint_i32(struct checkpoint *checkpoint, int32_t *value);
void checkpoint_bool(struct checkpoint *checkpoint, bool *value);
/* How many things follow, each of at least a byte, and at most `limit`; 0 after a failure. */
void checkpoint_count(struct checkpoint *checkpoint, uint32_t *count, uint32_t limit);
/* Below `limit`, or CHECKPOINT_NONE. */
void checkpoint_index(struct checkpoint *checkpoint, uint32_t *index, uint32_t limit);
/* The same, and never nothing: 0 after a failure. */
void checkpoint_place(struct checkpoint *checkpoint, uint32_t *index, uint32_t limit);
/* A text of the heap, or NULL; loading frees the one before. */
void checkpoint_text(struct checkpoint *checkpoint, char **text);
/* The bytes of a text of the state's own, or NULL; loading gives a *borrowed* place in the bytes,
 * which is not NUL-terminated. */
void checkpoint_bytes(struct checkpoint *checkpoint, const char **text, size_t *length);
/* `count` numbers. */
void checkpoint_words(struct checkpoint *checkpoint, uint32_t *words, uint32_t count);

#endif
