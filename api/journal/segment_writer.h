// SPDX-License-Identifier: Apache-2.0
#ifndef API_JOURNAL_SEGMENT_WRITER_H
#define API_JOURNAL_SEGMENT_WRITER_H

#include "api/journal/recorder.h"
#include "api/journal/segments.h"

/* What the thread of a recorder does: pieces become segments in the directory, and the oldest go.
 * It is used by that thread alone.
 */

enum segment_piece_kind {
    SEGMENT_PIECE_HEAD,  /* magic and header: begins a segment */
    SEGMENT_PIECE_STATE, /* not yet in records */
    SEGMENT_PIECE_STEP,
    SEGMENT_PIECE_END,
};

struct segment_piece;
struct segment_pieces {
    struct segment_piece *first;
    struct segment_piece *last;
};

/* Copies the bytes; a step is put to the one before. `segment` goes up from one to the next. */
void segment_pieces_append(struct segment_pieces *pieces, enum segment_piece_kind kind,
                           uint64_t segment, const uint8_t *bytes, size_t count);
/* A state; *steals* the bytes. */
void segment_pieces_give(struct segment_pieces *pieces, uint64_t segment, uint8_t *bytes,
                         size_t count);
bool segment_pieces_have_state(const struct segment_pieces *pieces);
void segment_pieces_finish(struct segment_pieces *pieces);

struct segment_writer;

int segment_writer_create(const struct recorder_options *options, struct segment_writer **writer,
                          struct err *err);
void segment_writer_destroy(struct segment_writer *writer);
/* Nothing is told any more. From any thread. */
void segment_writer_mute(struct segment_writer *writer);

/* Writes all and frees them. The segment that could not be written any further, 0 when there is
 * none; the rest of it is left out. */
uint64_t segment_writer_write(struct segment_writer *writer, struct segment_pieces *pieces);
/* Deletes what is too much or too old. */
void segment_writer_tend(struct segment_writer *writer);
/* Whether the disk would take so many bytes now. */
bool segment_writer_has_room(struct segment_writer *writer, size_t count);

struct segment_figures {
    uint64_t segments; /* on the disk */
    uint64_t bytes;
    uint64_t lost; /* steps that were handed over and could not be written */
};
void segment_writer_figures(const struct segment_writer *writer, struct segment_figures *figures);

#endif
