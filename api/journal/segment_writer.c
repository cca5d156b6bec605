// SPDX-License-Identifier: Apache-2.0
#include "api/journal/segment_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/base/clock.h"
#include "api/journal/segment_file.h"
#include "topology/base/alloc.h"

/* A segment that cannot be written any further keeps what it has and is closed; the pieces of it
 * that still come are dropped and their steps counted. The next one is tried like any other.
 *
 * A state is put into records here and not by the core thread: of 5,000 nodes it has some
 * megabytes, and the checksum of those takes longer than handing them over.
 */

#define ROOM_NAME "room" /* a file that is made to see whether it can be */

struct segment_piece {
    struct segment_piece *next;
    enum segment_piece_kind kind;
    uint64_t segment;
    uint64_t steps;
    uint8_t *bytes;
    size_t count;
    size_t room;
};

struct segment_writer {
    struct recorder_options options;
    atomic_bool muted;
    int folder;
    int lock;
    struct segments closed;
    uint32_t next;
    struct segment_file *file; /* NULL: none is being written */
    struct journal *framer;    /* of states */
    uint64_t broken;           /* segment whose pieces are dropped */
    uint64_t unflushed;        /* steps */
    uint64_t lost;
};

/* ---- pieces ---- */

static struct segment_piece *add(struct segment_pieces *pieces, enum segment_piece_kind kind,
                                 uint64_t segment)
{
    struct segment_piece *piece = alloc_zero(1, sizeof *piece);
    piece->kind = kind;
    piece->segment = segment;
    if (pieces->last == NULL) {
        pieces->first = piece;
    } else {
        pieces->last->next = piece;
    }
    pieces->last = piece;
    return piece;
}

void segment_pieces_append(struct segment_pieces *pieces, enum segment_piece_kind kind,
                           uint64_t segment, const uint8_t *bytes, size_t count)
{
    struct segment_piece *piece = pieces->last;
    if (piece == NULL || kind != SEGMENT_PIECE_STEP || piece->kind != kind ||
        piece->segment != segment) {
        piece = add(pieces, kind, segment);
    }
    piece->steps += kind == SEGMENT_PIECE_STEP;
    piece->bytes = alloc_grow(piece->bytes, &piece->room, piece->count + count, 1);
    memcpy(piece->bytes + piece->count, bytes, count);
    piece->count += count;
}

void segment_pieces_give(struct segment_pieces *pieces, uint64_t segment, uint8_t *bytes,
                         size_t count)
{
    struct segment_piece *piece = add(pieces, SEGMENT_PIECE_STATE, segment);
    piece->bytes = bytes;
    piece->count = count;
}

bool segment_pieces_have_state(const struct segment_pieces *pieces)
{
    const struct segment_piece *piece = pieces->first;
    while (piece != NULL && piece->kind != SEGMENT_PIECE_STATE) {
        piece = piece->next;
    }
    return piece != NULL;
}

static void take_first(struct segment_pieces *pieces)
{
    struct segment_piece *piece = pieces->first;
    pieces->first = piece->next;
    free(piece->bytes);
    free(piece);
}

void segment_pieces_finish(struct segment_pieces *pieces)
{
    while (pieces->first != NULL) {
        take_first(pieces);
    }
    pieces->last = NULL;
}

/* ---- telling ---- */

static void tell(struct segment_writer *writer, enum recorder_level level, const char *what,
                 const struct segment *segment, const char *why)
{
    char name[SEGMENTS_NAME_MAX];
    if (segment != NULL) {
        segments_name(segment, name);
    }
    if (!atomic_load(&writer->muted)) {
        writer->options.tell(writer->options.context, level, what, segment == NULL ? NULL : name,
                             why);
    }
}

void segment_writer_mute(struct segment_writer *writer)
{
    atomic_store(&writer->muted, true);
}

/* ---- segments ---- */

static void close_segment(struct segment_writer *writer, bool whole, struct segment *segment,
                          struct err *err)
{
    struct err failure = {""};
    if (segment_file_close(writer->file, whole, segment, &failure) < 0 && whole) {
        *err = failure;
    }
    writer->file = NULL;
    segments_append(&writer->closed, segment);
}

static void break_off(struct segment_writer *writer, const struct segment_piece *piece,
                      const char *why)
{
    struct segment segment = {.number = writer->next, .compressed = writer->options.compress};
    struct err err = {""};
    if (writer->file != NULL) {
        close_segment(writer, false, &segment, &err);
    }
    writer->broken = piece->segment;
    writer->lost += writer->unflushed;
    writer->unflushed = 0;
    tell(writer, RECORDER_ERROR, "the journal cannot be written: events are not recorded", &segment,
         why);
}

static int begin_segment(struct segment_writer *writer, struct err *err)
{
    struct segment before;
    if (writer->file != NULL) { /* its end was left out */
        close_segment(writer, true, &before, err);
    }
    if (segment_file_create(writer->folder, writer->next, writer->options.compress, &writer->file,
                            err) < 0) {
        return -1;
    }
    writer->next++;
    return 0;
}

static int end_segment(struct segment_writer *writer, struct err *err)
{
    struct segment segment;
    struct err failure = {""};
    close_segment(writer, true, &segment, &failure);
    if (failure.text[0] != '\0') {
        return err_set(err, "%s", failure.text);
    }
    writer->unflushed = 0;
    return 0;
}

static int write_state(struct segment_writer *writer, const struct segment_piece *piece,
                       struct err *err)
{
    for (size_t at = 0, count; at < piece->count;) {
        journal_clear(writer->framer);
        at += journal_state(writer->framer, piece->bytes + at, piece->count - at);
        const uint8_t *bytes = journal_bytes(writer->framer, &count);
        if (segment_file_write(writer->file, bytes, count, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int write_piece(struct segment_writer *writer, const struct segment_piece *piece,
                       struct err *err)
{
    writer->unflushed += piece->steps;
    if (piece->kind == SEGMENT_PIECE_HEAD && begin_segment(writer, err) < 0) {
        return -1;
    }
    if (piece->kind == SEGMENT_PIECE_STATE) {
        return write_state(writer, piece, err);
    }
    if (segment_file_write(writer->file, piece->bytes, piece->count, err) < 0) {
        return -1;
    }
    return piece->kind == SEGMENT_PIECE_END ? end_segment(writer, err) : 0;
}

uint64_t segment_writer_write(struct segment_writer *writer, struct segment_pieces *pieces)
{
    struct err err = {""};
    uint64_t broken = 0;
    for (; pieces->first != NULL; take_first(pieces)) {
        const struct segment_piece *piece = pieces->first;
        bool last = piece->next == NULL;
        if (piece->segment == writer->broken) {
            writer->lost += piece->steps;
        } else if (write_piece(writer, piece, &err) < 0 ||
                   (last && writer->file != NULL && segment_file_flush(writer->file, &err) < 0)) {
            break_off(writer, piece, err.text);
            broken = piece->segment;
        } else if (last) {
            writer->unflushed = 0;
        }
    }
    pieces->last = NULL;
    return broken;
}

void segment_writer_tend(struct segment_writer *writer)
{
    int64_t open = writer->file == NULL ? 0 : segment_file_size(writer->file);
    int64_t age = writer->options.keep_age_ms;
    (void)segments_prune(writer->folder, &writer->closed, open, writer->options.keep_size,
                         age == 0 ? INT64_MIN : clock_wall_ms() - age);
}

bool segment_writer_has_room(struct segment_writer *writer, size_t count)
{
    int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
    int fd = openat(writer->folder, ROOM_NAME, flags, 0600);
    if (fd < 0) {
        return false;
    }
    int error = posix_fallocate(fd, 0, (off_t)count);
    close(fd);
    (void)unlinkat(writer->folder, ROOM_NAME, 0);
    return error == 0;
}

void segment_writer_figures(const struct segment_writer *writer, struct segment_figures *figures)
{
    bool open = writer->file != NULL;
    int64_t size = writer->closed.size + (open ? segment_file_size(writer->file) : 0);
    *figures = (struct segment_figures){
        .segments = writer->closed.count + open, .bytes = (uint64_t)size, .lost = writer->lost};
}

/* ---- beginning and end ---- */

static int take_over(struct segment_writer *writer, struct err *err)
{
    if (segments_lock(writer->folder, &writer->lock, err) < 0 ||
        segments_list(writer->folder, &writer->closed, err) < 0 ||
        segments_adopt(writer->folder, &writer->closed, err) < 0) {
        return -1;
    }
    size_t count = writer->closed.count;
    uint32_t last = count == 0 ? 0 : writer->closed.items[count - 1].number;
    if (last == UINT32_MAX) {
        return err_set(err, "there is no number behind that of its last segment");
    }
    writer->next = last + 1;
    return 0;
}

int segment_writer_create(const struct recorder_options *options, struct segment_writer **writer,
                          struct err *err)
{
    struct segment_writer *made = alloc_zero(1, sizeof *made);
    made->options = *options;
    made->folder = -1;
    made->lock = -1;
    made->framer = journal_create(0);
    if (segments_open(options->path, &made->folder, err) < 0) {
        segment_writer_destroy(made);
        return -1;
    }
    if (take_over(made, err) < 0) {
        err_prefix(err, "%s", options->path);
        segment_writer_destroy(made);
        return -1;
    }
    segment_writer_tend(made);
    *writer = made;
    return 0;
}

void segment_writer_destroy(struct segment_writer *writer)
{
    struct segment segment;
    if (writer == NULL) {
        return;
    }
    if (writer->file != NULL) {
        (void)segment_file_close(writer->file, false, &segment, NULL);
    }
    if (writer->lock >= 0) {
        close(writer->lock);
    }
    if (writer->folder >= 0) {
        close(writer->folder);
    }
    segments_finish(&writer->closed);
    journal_destroy(writer->framer);
    free(writer);
}
