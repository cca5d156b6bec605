// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_JOURNAL_READER_H
#define SCHEDULER_JOURNAL_READER_H

#include <stdbool.h>

#include "scheduler/journal/writer.h"

/* A journal read back, record by record, and held against an engine that lives through it again.
 *
 *   bytes ─▶ journal_read() ─▶ record ─▶ journal_translate() ─▶ engine_apply()
 *                                └─ effects ─▶ journal_compare() ◀─ effects
 *
 * Input is not trusted: whatever is wrong with it is an error that names the record and the byte.
 */

struct journal_record {
    enum journal_kind kind;
    uint64_t number;                     /* 0 is the header */
    uint64_t offset;                     /* of its first byte in the journal */
    const struct journal_header *header; /* JOURNAL_HEADER */
    const uint8_t *state; /* JOURNAL_STATE: the whole of it, *borrowed* until the next read; NULL
                             but with the last piece */
    size_t state_size;
    struct event event;            /* JOURNAL_STEP: rows as they were numbered then … */
    const struct effects *effects; /* … what followed … */
    int64_t deadline;              /* … and engine_deadline() after it */
    const char *why;               /* JOURNAL_END, may be NULL */
};

enum journal_result {
    JOURNAL_READ,  /* there is a record */
    JOURNAL_SHORT, /* more bytes are needed for the next one */
    JOURNAL_BAD,
};

struct journal_reader;

struct journal_reader *journal_reader_create(void);
void journal_reader_destroy(struct journal_reader *reader);

/* Reads the next record from the beginning of `bytes`, which follow what was read before.
 *
 *   JOURNAL_READ   *used is how many bytes it took; the record is *borrowed* until the next read
 *   JOURNAL_SHORT  *used is how many bytes there must be, as far as is known; nothing is taken
 *   JOURNAL_BAD    err says what, in which record, where; the journal cannot be read on
 */
enum journal_result journal_read(struct journal_reader *reader, const uint8_t *bytes, size_t size,
                                 struct journal_record *record, size_t *used, struct err *err);

/* Where the next record begins, and its number. */
uint64_t journal_reader_offset(const struct journal_reader *reader);
uint64_t journal_reader_number(const struct journal_reader *reader);

/* Name of a row as the journal numbers them (*borrowed*); "?" for NAMES_NONE. */
const char *journal_row_name(const struct journal_reader *reader, uint32_t row);

/* The event of a step with the rows that `engine` has for the same names. Its list of rows lives
 * until the next read. */
void journal_translate(struct journal_reader *reader, const struct engine *engine,
                       const struct event *recorded, struct event *event);

/* Whether two lists of effects of the same event are equal to the last byte; if not, *first is the
 * place of the first that differs (which one of the lists may not have). */
bool journal_compare(struct journal_reader *reader, const struct event *event,
                     const struct effects *one, const struct effects *other, size_t *first);

#endif
