// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_JOURNAL_WRITER_H
#define SCHEDULER_JOURNAL_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "scheduler/journal/fields.h"

/* Everything that happened to an engine, and everything it wanted done about it, as bytes. Because
 * the engine is deterministic, the events alone bring another engine to the same state; with the
 * effects beside them a replay shows whether it decides the same (reader.h).
 *
 *   journal  magic  record  record  record  …
 *   record   length of the payload (4 bytes) · checksum (4 bytes) · payload
 *   payload  kind · its fields, in the notation of coder.h
 *
 *     header  the program, its engine's options, the time                  first, once
 *     state   a piece of what engine_save() gave, and whether it is        right after the header,
 *             the last one                                                 where that says so
 *     step    time since the step before · names of new rows · event ·
 *             effects · when the next tick is due                         one per engine_apply()
 *     end     why there are no more                                       last; absent after a kill
 *
 * Integers are little endian. The checksum is CRC-32C over length and payload. A record can only be
 * read after all before it: words are written once, and the rows of calls are numbers whose names
 * an earlier (or the same) step told. A journal therefore begins where its engine
 * began, or with the whole state of its engine: what one engine lives through can be written as
 * several journals, each of which can be read without the others.
 */

#define JOURNAL_MAGIC      "phalanx journal 6\n" /* with the version; no terminating zero */
#define JOURNAL_MAGIC_SIZE (sizeof(JOURNAL_MAGIC) - 1)
#define JOURNAL_OLDEST     1 /* version that is still read; see journal_coder_has() */
#define JOURNAL_FRAME_SIZE 8
#define JOURNAL_RECORD_MAX (32u << 20) /* bytes of a payload */
#define JOURNAL_STATE_MAX  (1u << 30)  /* bytes of a state */
#define JOURNAL_PIECE_MAX  (1u << 20)  /* of them in a record */

enum journal_kind { JOURNAL_HEADER, JOURNAL_STEP, JOURNAL_END, JOURNAL_STATE };
#define JOURNAL_KINDS (JOURNAL_STATE + 1)

struct journal;

/* *New* journal without a byte in it. `seed` keys its hashes. */
struct journal *journal_create(uint64_t seed);
void journal_destroy(struct journal *journal);

/* The magic and the header. Once, first. */
void journal_begin(struct journal *journal, const struct journal_header *header);

/* The next piece of the `size` bytes, not 0, that engine_save() gave. Returns how many it took: go
 * on with the others until all are written. The last piece is the one that takes what there is.
 * Depends on nothing that was appended before, so that another thread may do it with a journal of
 * its own. */
size_t journal_state(struct journal *journal, const uint8_t *bytes, size_t size);

/* One event that the engine has just applied, and what followed. Fails when the record would be
 * larger than JOURNAL_RECORD_MAX: nothing is appended, and nothing may be after it. */
int journal_step(struct journal *journal, const struct engine *engine, const struct event *event,
                 const struct effects *effects, struct err *err);

/* The reason why it ends here, for people. */
void journal_end(struct journal *journal, const char *why);

/* What was appended since the last journal_clear(), *borrowed* until the next call. */
const uint8_t *journal_bytes(const struct journal *journal, size_t *size);
void journal_clear(struct journal *journal);

#endif
