// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_JOURNAL_CODER_H
#define SCHEDULER_JOURNAL_CODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "topology/base/arena.h"
#include "topology/base/err.h"
#include "topology/base/names.h"
#include "topology/devices/map.h"

/* The payload of a journal's record, written and read by the same code: a coder either appends
 * what a value holds, or takes the value from the bytes. So a field is named once (in
 * fields.c), and cannot be written in one way and read in another.
 *
 *   number   7 bits a byte, least significant first, top bit: more follows; signed ones zigzag
 *   text     0 absent · 1 length bytes (gets the next word number) · 2 length bytes (gets none)
 *            · 3+n word n again
 *   list     count, items
 *   rows     count, then for each row its distance from the row before plus one, zigzag; a
 *            distance of 0 is followed by how many more zeros there are. NAMES_NONE counts as -1
 *
 * Words make the journal small: of the labels that a thousand nodes share, each is written once.
 *
 * After a failure (`failed`, with the text in `err`) every call does nothing and what was decoded
 * is not to be used; lists and texts are still safe to look at.
 */

#define JOURNAL_CODER_WORD_MAX  255        /* bytes; longer texts are no words */
#define JOURNAL_CODER_WORDS_MAX (1u << 21) /* later texts are no words */
#define JOURNAL_CODER_LIST_MAX  (1u << 20) /* items of one list, rows of one call */
#define JOURNAL_CODER_ITEM_MAX  64         /* bytes of an item of a list, in memory */

struct journal_coder {
    unsigned version; /* of the journal that is read; 0: the one that is written */
    bool decoding;
    bool failed;
    struct names *words; /* *borrowed*; NULL: every text is written out */
    struct err *err;     /* *borrowed*, may be NULL */
    /* Encoding: what has been written; *room* may be kept between uses. */
    uint8_t *bytes;
    size_t count;
    size_t room;
    size_t most; /* more bytes than that are a failure; 0: no limit */
    /* Decoding: what is read, and where its texts and lists go (both *borrowed*). */
    const uint8_t *from;
    size_t size;
    size_t at;
    struct arena *arena;
    struct device_map *devices; /* of the node decoded last; owned */
};

/* The first failure counts; later ones say nothing. */
void journal_coder_fail(struct journal_coder *coder, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Whether fields that came with a version are there: always when writing, and in younger journals.
 * Where they are not, what is decoded keeps the value it has. */
bool journal_coder_has(const struct journal_coder *coder, unsigned version);

void journal_coder_u64(struct journal_coder *coder, uint64_t *value);
void journal_coder_i64(struct journal_coder *coder, int64_t *value);
void journal_coder_u32(struct journal_coder *coder, uint32_t *value);
void journal_coder_i32(struct journal_coder *coder, int32_t *value);
void journal_coder_bool(struct journal_coder *coder, bool *value);
/* One of 0 … choices-1; `what` names it in the error. */
void journal_coder_choice(struct journal_coder *coder, unsigned *value, unsigned choices,
                          const char *what);

/* A text, or NULL. Decoded ones live in the arena, or with the words. */
void journal_coder_text(struct journal_coder *coder, const char **text);
/* A text that is never absent, named in the error; "" after a failure. */
void journal_coder_name(struct journal_coder *coder, const char **text, const char *what);

/* Any bytes. Decoded ones are a *borrowed* place in what is read. */
void journal_coder_bytes(struct journal_coder *coder, const uint8_t **bytes, size_t *count);

/* A list: encodes `items`, or returns the decoded one. `one` codes one item of `size` bytes. */
const void *journal_coder_list(struct journal_coder *coder, const void *items, size_t *count,
                               size_t size, void (*one)(struct journal_coder *coder, void *item));

/* Rows of the node table, each below `limit` or NAMES_NONE. */
const uint32_t *journal_coder_rows(struct journal_coder *coder, const uint32_t *rows,
                                   uint32_t *count, uint32_t limit);

/* `count` flags, a bit each; NULL is kept. */
const bool *journal_coder_flags(struct journal_coder *coder, const bool *flags, uint32_t count);

/* Frees the bytes of an encoding coder, and the device map of a decoding one. */
void journal_coder_finish(struct journal_coder *coder);

#endif
