// SPDX-License-Identifier: Apache-2.0
/* Journals of the version before. */
#include <string.h>

#include "scheduler/journal/reader.h"
#include "test/unit/check_main.h"
#include "topology/base/checksum.h"

/* A frame around what the coder holds, appended to the bytes. */
static size_t add_frame(uint8_t *bytes, size_t size, const struct journal_coder *coder)
{
    struct checksum checksum;
    uint8_t *frame = bytes + size;
    checksum_init(&checksum);
    for (int i = 0; i < 4; i++) {
        frame[i] = (uint8_t)(coder->count >> (8 * i));
    }
    memcpy(frame + JOURNAL_FRAME_SIZE, coder->bytes, coder->count);
    uint32_t sum = checksum_add(&checksum, 0, frame, 4);
    sum = checksum_add(&checksum, sum, frame + JOURNAL_FRAME_SIZE, coder->count);
    for (int i = 0; i < 4; i++) {
        frame[4 + i] = (uint8_t)(sum >> (8 * i));
    }
    return size + JOURNAL_FRAME_SIZE + coder->count;
}

/* A journal of the version before, with one pod that came: what it could not say yet is absent. */
START_TEST(test_the_version_before_is_read)
{
    uint8_t bytes[4096] = "phalanx journal 1\n";
    size_t size = JOURNAL_MAGIC_SIZE;
    struct journal_coder coder = {.version = 1};
    struct levels levels;
    levels_preset(&levels);
    struct journal_header header = {.program = "1.0"};
    engine_options_default(&header.options);
    header.options.levels = &levels;
    unsigned kind = JOURNAL_HEADER;
    journal_coder_choice(&coder, &kind, JOURNAL_KINDS, "kind");
    journal_fields_header(&coder, &header);
    ck_assert_uint_lt(coder.count, sizeof bytes / 2 + sizeof bytes / 4);
    size = add_frame(bytes, size, &coder);

    coder.count = 0;
    struct event event = {
        .type = EVENT_POD,
        .pod = {
            .name_space = "ns", .name = "p", .uid = "u", .rank = 7, .replica = {"job", 1, {3}, 1}}};
    kind = JOURNAL_STEP;
    int64_t passed = 5, deadline = 9;
    uint64_t effects = 0;
    uint32_t rows = 0;
    journal_coder_choice(&coder, &kind, JOURNAL_KINDS, "kind");
    journal_coder_i64(&coder, &passed);
    journal_coder_u32(&coder, &rows);
    journal_fields_event(&coder, &event, 0);
    journal_coder_u64(&coder, &effects);
    journal_coder_i64(&coder, &deadline);
    size = add_frame(bytes, size, &coder);
    journal_coder_finish(&coder);

    struct journal_reader *reader = journal_reader_create();
    struct journal_record record;
    struct err err;
    size_t used = 0;
    ck_assert_int_eq(journal_read(reader, bytes, size, &record, &used, &err), JOURNAL_READ);
    ck_assert_int_eq(journal_read(reader, bytes + used, size - used, &record, &used, &err),
                     JOURNAL_READ);
    ck_assert_int_eq(record.event.type, EVENT_POD);
    ck_assert_str_eq(record.event.pod.name, "p");
    ck_assert_int_eq(record.event.pod.rank, 7);
    ck_assert_ptr_null(record.event.pod.replica.owner);
    ck_assert_uint_eq(record.event.pod.replica.index_count, 0);
    ck_assert_int_eq(record.deadline, 9);
    journal_reader_destroy(reader);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/journal versions");
    TCase *tcase = tcase_create("versions");
    tcase_add_test(tcase, test_the_version_before_is_read);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
