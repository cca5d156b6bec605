// SPDX-License-Identifier: Apache-2.0
#include "scheduler/journal/writer.h"

#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/checksum.h"

/* The writing side. A record is coded into a coder of its own, then framed and appended to what
 * waits to be taken: a record that fails half-way leaves nothing behind.
 *
 * `rows` is how many rows of the node table have been named. Rows are dense and never change their
 * owner, so naming the new ones after each step is enough to make every row of every call readable,
 * and the reader need not trust that another program would number them alike.
 */

struct journal {
    struct checksum checksum;
    struct names *words;
    struct journal_coder payload;
    uint32_t rows;
    int64_t now;    /* of the last step */
    uint8_t *bytes; /* that wait to be taken */
    size_t count;
    size_t room;
};

struct journal *journal_create(uint64_t seed)
{
    struct journal *journal = alloc_zero(1, sizeof *journal);
    checksum_init(&journal->checksum);
    journal->words = names_create(JOURNAL_CODER_WORDS_MAX, seed);
    return journal;
}

void journal_destroy(struct journal *journal)
{
    if (journal == NULL) {
        return;
    }
    journal_coder_finish(&journal->payload);
    names_destroy(journal->words);
    free(journal->bytes);
    free(journal);
}

static void append(struct journal *journal, const void *bytes, size_t size)
{
    journal->bytes = alloc_grow(journal->bytes, &journal->room, journal->count + size, 1);
    memcpy(journal->bytes + journal->count, bytes, size);
    journal->count += size;
}

static void put_word(uint8_t *to, uint32_t word)
{
    for (int i = 0; i < 4; i++) {
        to[i] = (uint8_t)(word >> 8 * i);
    }
}

/* An empty payload of one kind; it keeps the memory of the last one. */
static struct journal_coder *open_record(struct journal *journal, enum journal_kind kind,
                                         struct err *err)
{
    struct journal_coder *coder = &journal->payload;
    unsigned number = kind;
    *coder = (struct journal_coder){.words = journal->words,
                                    .err = err,
                                    .bytes = coder->bytes,
                                    .room = coder->room,
                                    .most = JOURNAL_RECORD_MAX};
    journal_coder_choice(coder, &number, JOURNAL_KINDS, "kind");
    return coder;
}

static int close_record(struct journal *journal)
{
    const struct journal_coder *coder = &journal->payload;
    uint8_t frame[JOURNAL_FRAME_SIZE];
    if (coder->failed) {
        return -1;
    }
    put_word(frame, (uint32_t)coder->count);
    uint32_t sum = checksum_add(&journal->checksum, 0, frame, 4);
    put_word(frame + 4, checksum_add(&journal->checksum, sum, coder->bytes, coder->count));
    append(journal, frame, sizeof frame);
    append(journal, coder->bytes, coder->count);
    return 0;
}

void journal_begin(struct journal *journal, const struct journal_header *header)
{
    struct journal_header copy = *header;
    append(journal, JOURNAL_MAGIC, JOURNAL_MAGIC_SIZE);
    journal_fields_header(open_record(journal, JOURNAL_HEADER, NULL), &copy);
    err_require(close_record(journal) == 0);
    journal->now = header->started;
}

size_t journal_state(struct journal *journal, const uint8_t *bytes, size_t size)
{
    struct journal_coder *coder = open_record(journal, JOURNAL_STATE, NULL);
    size_t count = size < JOURNAL_PIECE_MAX ? size : JOURNAL_PIECE_MAX;
    bool last = count == size;
    err_require(size > 0);
    journal_coder_bool(coder, &last);
    journal_coder_bytes(coder, &bytes, &count);
    err_require(close_record(journal) == 0);
    return count;
}

static void name_rows(struct journal *journal, struct journal_coder *coder,
                      const struct nodes *nodes)
{
    uint32_t rows = nodes_rows(nodes);
    uint32_t more = rows - journal->rows;
    journal_coder_u32(coder, &more);
    for (; journal->rows < rows; journal->rows++) {
        const char *name = nodes_name(nodes, journal->rows);
        journal_coder_text(coder, &name);
    }
}

int journal_step(struct journal *journal, const struct engine *engine, const struct event *event,
                 const struct effects *effects, struct err *err)
{
    struct journal_coder *coder = open_record(journal, JOURNAL_STEP, err);
    struct event copy = *event;
    int64_t passed = event->now - journal->now;
    int64_t deadline = engine_deadline(engine);
    uint32_t rows = journal_fields_rows(event);
    uint64_t count = effects->count;
    journal->now = event->now;
    journal_coder_i64(coder, &passed);
    name_rows(journal, coder, engine_nodes(engine));
    journal_fields_event(coder, &copy, journal->rows);
    journal_coder_u64(coder, &count);
    for (size_t i = 0; i < effects->count; i++) {
        struct effect effect = effects->items[i];
        journal_fields_effect(coder, &effect, rows);
    }
    journal_coder_i64(coder, &deadline);
    return close_record(journal);
}

void journal_end(struct journal *journal, const char *why)
{
    journal_coder_text(open_record(journal, JOURNAL_END, NULL), &why);
    err_require(close_record(journal) == 0);
}

const uint8_t *journal_bytes(const struct journal *journal, size_t *size)
{
    *size = journal->count;
    return journal->bytes;
}

void journal_clear(struct journal *journal)
{
    journal->count = 0;
}
