// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/view/journal_text.h"
#include "topology/base/alloc.h"
#include "topology/base/checksum.h"

/* A journal: as it is when it begins like one; else the input is payloads, each after its length in
 * two bytes, which are framed with the right checksum behind a good header, so that the fuzzer gets
 * past both: a header of each version that is read. Whatever is read can be said in words, and
 * means the same once written and read again.
 */

#define VERSION_AT (sizeof "phalanx journal " - 1)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void put_word(uint8_t *to, uint32_t word)
{
    for (int i = 0; i < 4; i++) {
        to[i] = (uint8_t)(word >> 8 * i);
    }
}

/* *New* journal of the payloads in `data`, of a version. All have the same header. */
static uint8_t *frame(const uint8_t *data, size_t size, char version, size_t *length)
{
    struct checksum checksum;
    struct journal_header header = {.program = "fuzz"};
    struct journal *journal = journal_create(1);
    engine_options_default(&header.options);
    journal_begin(journal, &header);
    const uint8_t *begun = journal_bytes(journal, length);
    uint8_t *bytes = alloc_zero(*length + size * (JOURNAL_FRAME_SIZE + 1), 1);
    memcpy(bytes, begun, *length);
    bytes[VERSION_AT] = (uint8_t)version;
    journal_destroy(journal);
    checksum_init(&checksum);
    while (size >= 3) {
        size_t count = (size_t)data[0] | (size_t)data[1] << 8;
        count = count < size - 2 ? count : size - 2;
        uint8_t *at = bytes + *length;
        put_word(at, (uint32_t)count);
        uint32_t sum = checksum_add(&checksum, 0, at, 4);
        put_word(at + 4, checksum_add(&checksum, sum, data + 2, count));
        memcpy(at + JOURNAL_FRAME_SIZE, data + 2, count);
        *length += JOURNAL_FRAME_SIZE + count;
        data += 2 + count;
        size -= 2 + count;
    }
    return bytes;
}

/* Writes the event out, reads it, writes that out: the same bytes. */
static void check_event(const struct event *event)
{
    struct journal_coder first = {.decoding = false}, second = {.decoding = false};
    struct event copy = *event, again = {.now = event->now};
    struct arena arena;
    struct err err;
    arena_init(&arena);
    journal_fields_event(&first, &copy, NODES_MAX);
    struct journal_coder reading = {
        .decoding = true, .err = &err, .from = first.bytes, .size = first.count, .arena = &arena};
    journal_fields_event(&reading, &again, NODES_MAX);
    require(!first.failed && !reading.failed && reading.at == first.count);
    journal_fields_event(&second, &again, NODES_MAX);
    require(second.count == first.count && memcmp(second.bytes, first.bytes, first.count) == 0);
    journal_coder_finish(&reading);
    journal_coder_finish(&first);
    journal_coder_finish(&second);
    arena_finish(&arena);
}

static void check_step(struct journal_reader *reader, struct journal_text *text, FILE *out,
                       const struct journal_record *record)
{
    size_t first;
    check_event(&record->event);
    require(journal_compare(reader, &record->event, record->effects, record->effects, &first));
    require(first == record->effects->count);
    journal_text_event(text, out, &record->event);
    for (size_t i = 0; i < record->effects->count; i++) {
        journal_text_effect(text, out, &record->event, &record->effects->items[i]);
    }
}

static void read_all(const uint8_t *bytes, size_t size)
{
    struct journal_reader *reader = journal_reader_create();
    struct journal_text *text = journal_text_create(reader);
    struct journal_record record;
    struct err err = {""};
    char *words = NULL;
    size_t used, length;
    FILE *out = open_memstream(&words, &length);
    require(out != NULL);
    for (; size > 0; bytes += used, size -= used) {
        enum journal_result result = journal_read(reader, bytes, size, &record, &used, &err);
        if (result == JOURNAL_BAD) {
            require(err.text[0] != '\0');
            break;
        }
        if (result == JOURNAL_SHORT) {
            require(used > size);
            break;
        }
        require(used > 0 && used <= size);
        if (record.kind == JOURNAL_STEP) {
            check_step(reader, text, out, &record);
        }
    }
    fclose(out);
    free(words);
    journal_text_destroy(text);
    journal_reader_destroy(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t name = sizeof "phalanx" - 1, length;
    if (size >= name && memcmp(data, JOURNAL_MAGIC, name) == 0) {
        read_all(data, size);
        return 0;
    }
    for (char version = '0' + JOURNAL_OLDEST; version <= JOURNAL_MAGIC[VERSION_AT]; version++) {
        uint8_t *bytes = frame(data, size, version, &length);
        read_all(bytes, length);
        free(bytes);
    }
    return 0;
}
