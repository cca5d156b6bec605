// SPDX-License-Identifier: Apache-2.0
#include "scheduler/journal/reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/checksum.h"

/* The reading side, in the order of trust: the frame (is the length possible?), the checksum (are
 * these the bytes that were written?), the payload (does it make sense? coder.c and
 * fields.c). A file that somebody made up passes the first two and must still do no harm.
 *
 * A step is decoded into two arenas that live until the next read: `arena` for the event, and the
 * one inside `effects`.
 */

#define SEED UINT64_C(0x7068616c616e78) /* of words and rows; nothing depends on it */

struct journal_reader {
    struct checksum checksum;
    struct names *words;
    struct names *rows; /* by number in the journal */
    struct arena lasting;
    struct arena arena;
    struct effects effects;
    struct journal_header header;
    struct journal_coder mine; /* scratch of journal_compare() */
    struct journal_coder theirs;
    struct device_map *devices; /* of the record read last, or NULL */
    uint8_t *state;             /* pieces so far */
    size_t state_size;
    size_t state_room;
    bool stateless; /* a state is still to come */
    int64_t now;
    uint64_t offset;
    uint64_t number;
    unsigned version; /* of the journal, once the magic has been read */
    bool begun;       /* the magic has been read */
    bool ended;       /* nothing may follow */
};

struct journal_reader *journal_reader_create(void)
{
    struct journal_reader *reader = alloc_zero(1, sizeof *reader);
    checksum_init(&reader->checksum);
    reader->words = names_create(JOURNAL_CODER_WORDS_MAX, SEED);
    reader->rows = names_create(NODES_MAX, SEED);
    arena_init(&reader->lasting);
    arena_init(&reader->arena);
    effects_init(&reader->effects);
    return reader;
}

void journal_reader_destroy(struct journal_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    journal_coder_finish(&reader->mine);
    journal_coder_finish(&reader->theirs);
    free(reader->state);
    device_map_destroy(reader->devices);
    effects_finish(&reader->effects);
    arena_finish(&reader->arena);
    arena_finish(&reader->lasting);
    names_destroy(reader->rows);
    names_destroy(reader->words);
    free(reader);
}

uint64_t journal_reader_offset(const struct journal_reader *reader)
{
    return reader->offset;
}

uint64_t journal_reader_number(const struct journal_reader *reader)
{
    return reader->number;
}

const char *journal_row_name(const struct journal_reader *reader, uint32_t row)
{
    return row < names_count(reader->rows) ? names_text(reader->rows, row) : "?";
}

/* ---- payloads ---- */

static void read_rows(struct journal_reader *reader, struct journal_coder *coder)
{
    uint32_t more = 0;
    journal_coder_u32(coder, &more);
    for (uint32_t i = 0; i < more && !coder->failed; i++) {
        const char *name = NULL;
        size_t known = names_count(reader->rows);
        journal_coder_name(coder, &name, "the name of a row");
        if (!coder->failed && names_intern(reader->rows, name, strlen(name)) != known) {
            journal_coder_fail(coder, "row %zu cannot be called \"%.64s\"", known, name);
        }
    }
}

static void read_effects(struct journal_reader *reader, struct journal_coder *coder, uint32_t rows)
{
    uint64_t count = 0;
    coder->arena = &reader->effects.arena;
    journal_coder_u64(coder, &count);
    if (!coder->failed && count > coder->size - coder->at) {
        journal_coder_fail(coder, "%" PRIu64 " effects are too many", count);
    }
    for (uint64_t i = 0; i < count && !coder->failed; i++) {
        struct effect *effect = effects_append(&reader->effects, EFFECT_FILTER_REPLY);
        journal_fields_effect(coder, effect, rows);
    }
    coder->arena = &reader->arena;
}

/* An answer without the event that asks for it would crash whoever looks it up. */
static void check_answers(struct journal_coder *coder, const struct effects *effects)
{
    for (size_t i = 0; i < effects->count && !coder->failed; i++) {
        const struct effect *effect = &effects->items[i];
        if (effect->type == EFFECT_FILTER_REPLY && effect->filter.verdict == FILTER_SOME &&
            effect->filter.passes == NULL) {
            journal_coder_fail(coder, "an answer does not say which nodes pass");
        }
    }
}

static void read_step(struct journal_reader *reader, struct journal_coder *coder,
                      struct journal_record *record)
{
    int64_t passed = 0;
    journal_coder_i64(coder, &passed);
    if (__builtin_add_overflow(reader->now, passed, &reader->now) || reader->now < 0 ||
        reader->now > JOURNAL_TIME_MAX) {
        journal_coder_fail(coder, "its time is out of range");
        return;
    }
    read_rows(reader, coder);
    record->event.now = reader->now;
    journal_fields_event(coder, &record->event, (uint32_t)names_count(reader->rows));
    read_effects(reader, coder, journal_fields_rows(&record->event));
    check_answers(coder, &reader->effects);
    journal_coder_i64(coder, &record->deadline);
    record->effects = &reader->effects;
}

static void read_header(struct journal_reader *reader, struct journal_coder *coder,
                        struct journal_record *record)
{
    coder->arena = &reader->lasting;
    journal_fields_header(coder, &reader->header);
    reader->now = reader->header.started;
    reader->stateless = reader->header.state != 0;
    record->header = &reader->header;
}

static void read_state(struct journal_reader *reader, struct journal_coder *coder,
                       struct journal_record *record)
{
    bool last = false;
    const uint8_t *bytes = NULL;
    size_t count = 0;
    journal_coder_bool(coder, &last);
    journal_coder_bytes(coder, &bytes, &count);
    if (coder->failed) {
        return;
    }
    if (count == 0 || count > JOURNAL_STATE_MAX - reader->state_size) {
        journal_coder_fail(coder, "a piece of %zu bytes after %zu", count, reader->state_size);
        return;
    }
    reader->state = alloc_grow(reader->state, &reader->state_room, reader->state_size + count, 1);
    memcpy(reader->state + reader->state_size, bytes, count);
    reader->state_size += count;
    reader->stateless = !last;
    if (last) {
        record->state = reader->state;
        record->state_size = reader->state_size;
    }
}

/* The header is the first record, and after it comes the state, where there is one. */
static bool is_in_place(const struct journal_reader *reader, struct journal_coder *coder,
                        enum journal_kind kind)
{
    if ((kind == JOURNAL_HEADER) != (reader->number == 0)) {
        journal_coder_fail(coder, reader->number == 0 ? "it is not the header" : "a second header");
    } else if (kind != JOURNAL_HEADER && (kind == JOURNAL_STATE) != reader->stateless) {
        journal_coder_fail(coder, reader->stateless ? "it is not the state"
                                                    : "a state that is not expected");
    }
    return !coder->failed;
}

static void read_payload(struct journal_reader *reader, struct journal_coder *coder,
                         struct journal_record *record)
{
    unsigned kind = 0;
    journal_coder_choice(coder, &kind, JOURNAL_KINDS, "kind");
    record->kind = (enum journal_kind)kind;
    if (coder->failed || !is_in_place(reader, coder, record->kind)) {
        return;
    }
    switch (record->kind) {
    case JOURNAL_HEADER:
        read_header(reader, coder, record);
        break;
    case JOURNAL_STEP:
        read_step(reader, coder, record);
        break;
    case JOURNAL_END:
        journal_coder_text(coder, &record->why);
        reader->ended = true;
        break;
    case JOURNAL_STATE:
        read_state(reader, coder, record);
        break;
    }
    if (!coder->failed && coder->at != coder->size) {
        journal_coder_fail(coder, "%zu bytes are left over", coder->size - coder->at);
    }
}

/* ---- frames ---- */

static uint32_t get_word(const uint8_t *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 |
           (uint32_t)from[3] << 24;
}

static int read_magic(struct journal_reader *reader, const uint8_t *bytes, struct err *err)
{
    static const char magic[] = JOURNAL_MAGIC;
    size_t name = sizeof "phalanx journal " - 1;
    char version = (char)bytes[name];
    if (memcmp(bytes, magic, name) != 0) {
        return err_set(err, "this is not a Phalanx journal");
    }
    if (version < '0' + JOURNAL_OLDEST || version > magic[name] ||
        memcmp(bytes + name + 1, magic + name + 1, JOURNAL_MAGIC_SIZE - name - 1) != 0) {
        return err_set(err, "the journal has version %.1s, this program reads %d to %.1s",
                       (const char *)bytes + name, JOURNAL_OLDEST, magic + name);
    }
    reader->version = (unsigned)(version - '0');
    return 0;
}

static int check_frame(const struct journal_reader *reader, const uint8_t *bytes, size_t length,
                       struct err *err)
{
    uint32_t sum = checksum_add(&reader->checksum, 0, bytes, 4);
    sum = checksum_add(&reader->checksum, sum, bytes + JOURNAL_FRAME_SIZE, length);
    return sum == get_word(bytes + 4)
               ? 0
               : err_set(err, "its checksum is %08" PRIx32 ", its bytes have %08" PRIx32,
                         get_word(bytes + 4), sum);
}

static int bad_record(const struct journal_reader *reader, struct err *err)
{
    return err_prefix(err, "record %" PRIu64 " at byte %" PRIu64, reader->number, reader->offset);
}

/* One record after the magic. */
static enum journal_result read_record(struct journal_reader *reader, const uint8_t *bytes,
                                       size_t size, struct journal_record *record, size_t *used,
                                       struct err *err)
{
    if (size < JOURNAL_FRAME_SIZE) {
        *used = JOURNAL_FRAME_SIZE;
        return JOURNAL_SHORT;
    }
    size_t length = get_word(bytes);
    if (reader->ended || length == 0 || length > JOURNAL_RECORD_MAX) {
        err_set(err, reader->ended ? "the journal had ended" : "a length of %zu", length);
        return JOURNAL_BAD;
    }
    *used = JOURNAL_FRAME_SIZE + length;
    if (size < *used) {
        return JOURNAL_SHORT;
    }
    if (check_frame(reader, bytes, length, err) < 0) {
        return JOURNAL_BAD;
    }
    struct journal_coder coder = {.version = reader->version,
                                  .decoding = true,
                                  .words = reader->words,
                                  .err = err,
                                  .from = bytes + JOURNAL_FRAME_SIZE,
                                  .size = length,
                                  .arena = &reader->arena,
                                  .devices = reader->devices};
    read_payload(reader, &coder, record);
    reader->devices = coder.devices;
    return coder.failed ? JOURNAL_BAD : JOURNAL_READ;
}

enum journal_result journal_read(struct journal_reader *reader, const uint8_t *bytes, size_t size,
                                 struct journal_record *record, size_t *used, struct err *err)
{
    size_t magic = reader->begun ? 0 : JOURNAL_MAGIC_SIZE;
    if (size < magic) {
        *used = magic;
        return JOURNAL_SHORT;
    }
    if (magic > 0 && read_magic(reader, bytes, err) < 0) {
        return JOURNAL_BAD;
    }
    arena_reset(&reader->arena);
    effects_reset(&reader->effects);
    if (!reader->stateless && reader->state != NULL) {
        free(reader->state);
        reader->state = NULL;
        reader->state_room = 0;
    }
    memset(record, 0, sizeof *record);
    record->number = reader->number;
    record->offset = reader->offset + magic;
    enum journal_result result =
        read_record(reader, bytes + magic, size - magic, record, used, err);
    if (result == JOURNAL_BAD) {
        bad_record(reader, err);
        return result;
    }
    *used += magic;
    if (result == JOURNAL_READ) {
        reader->begun = true;
        reader->number++;
        reader->offset += *used;
    }
    return result;
}

/* ---- against an engine ---- */

static const uint32_t *translate_rows(struct journal_reader *reader, const struct engine *engine,
                                      const uint32_t *rows, uint32_t count)
{
    uint32_t *own = arena_alloc(&reader->arena, count, sizeof *own);
    for (uint32_t i = 0; i < count; i++) {
        own[i] = rows[i] == NAMES_NONE ? NAMES_NONE
                                       : engine_node_row(engine, names_text(reader->rows, rows[i]),
                                                         names_length(reader->rows, rows[i]));
    }
    return own;
}

void journal_translate(struct journal_reader *reader, const struct engine *engine,
                       const struct event *recorded, struct event *event)
{
    *event = *recorded;
    if (event->type == EVENT_FILTER || event->type == EVENT_PRIORITIZE) {
        event->filter.rows =
            translate_rows(reader, engine, event->filter.rows, event->filter.row_count);
    } else if (event->type == EVENT_PREEMPT) {
        event->preempt.rows =
            translate_rows(reader, engine, event->preempt.rows, event->preempt.row_count);
    }
}

/* An effect with all its texts written out, as far as the journal's version knows its fields. */
static void spell(struct journal_coder *coder, unsigned version, const struct effect *effect,
                  uint32_t rows)
{
    struct effect copy = *effect;
    *coder = (struct journal_coder){.version = version, .bytes = coder->bytes, .room = coder->room};
    journal_fields_effect(coder, &copy, rows);
}

bool journal_compare(struct journal_reader *reader, const struct event *event,
                     const struct effects *one, const struct effects *other, size_t *first)
{
    uint32_t rows = journal_fields_rows(event);
    size_t both = one->count < other->count ? one->count : other->count;
    for (size_t i = 0; i < both; i++) {
        spell(&reader->mine, reader->version, &one->items[i], rows);
        spell(&reader->theirs, reader->version, &other->items[i], rows);
        if (reader->mine.count != reader->theirs.count ||
            memcmp(reader->mine.bytes, reader->theirs.bytes, reader->mine.count) != 0) {
            *first = i;
            return false;
        }
    }
    *first = both;
    return one->count == other->count;
}
