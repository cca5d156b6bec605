// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/journal/segment_source.h"
#include "scheduler/journal/reader.h"
#include "topology/base/alloc.h"

/* Any bytes are the file of a segment, packed or not, or are refused with a reason: unpacked in
 * portions, read as a journal, and its state loaded into an engine.
 */

#define READ_MOST (1u << 20) /* of what is packed small and unpacks large */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* How many bytes it gives, at most READ_MOST. */
static size_t unpack(const uint8_t *data, size_t size, uint8_t *bytes)
{
    FILE *file = fmemopen((void *)(uintptr_t)data, size, "r");
    require(file != NULL);
    struct segment_source *source = segment_source_create(file);
    struct err err = {""};
    size_t sum = 0, count = 1;
    while (count > 0 && sum < READ_MOST) {
        size_t room = READ_MOST - sum < 4096 ? READ_MOST - sum : 4096;
        if (segment_source_read(source, bytes + sum, room, &count, &err) < 0) {
            require(err.text[0] != '\0' && count == 0);
        }
        require(count <= room);
        sum += count;
    }
    segment_source_destroy(source);
    return sum;
}

static void load(const struct journal_header *header, const struct journal_record *record)
{
    struct err err = {""};
    struct engine *engine = engine_create(&header->options);
    require(engine_load(engine, record->state, record->state_size, &err) == 0 ||
            err.text[0] != '\0');
    engine_destroy(engine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    uint8_t *bytes = alloc_zero(READ_MOST, 1);
    const struct journal_header *header = NULL;
    struct journal_reader *reader = journal_reader_create();
    struct journal_record record;
    struct err err = {""};
    size_t count = unpack(data, size, bytes), used;
    for (size_t at = 0; at < count; at += used) {
        if (journal_read(reader, bytes + at, count - at, &record, &used, &err) != JOURNAL_READ) {
            break;
        }
        header = record.kind == JOURNAL_HEADER ? record.header : header;
        if (record.state != NULL) {
            load(header, &record);
        }
    }
    journal_reader_destroy(reader);
    free(bytes);
    return 0;
}
