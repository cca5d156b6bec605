// SPDX-License-Identifier: Apache-2.0
/* The state that a segment begins with. */
#include <stdlib.h>
#include <string.h>

#include "scheduler/journal/reader.h"
#include "test/unit/check_main.h"
#include "topology/base/alloc.h"

/* A segment that is not the first begins with the state, in pieces. */
START_TEST(test_state_in_pieces)
{
    const size_t size = 2 * JOURNAL_PIECE_MAX + 5;
    struct journal *journal = journal_create(0);
    struct journal_header header = {.segment = 3, .steps = 1 << 20, .state = ENGINE_STATE};
    struct journal_reader *reader = journal_reader_create();
    struct journal_record record;
    struct err err = {""};
    uint8_t *state = alloc_zero(size, 1);
    size_t written = 0, count, used;
    int pieces = 0;
    for (size_t i = 0; i < size; i++) {
        state[i] = (uint8_t)(i * i >> 3);
    }
    engine_options_default(&header.options);
    journal_begin(journal, &header);
    for (; written < size; pieces++) {
        written += journal_state(journal, state + written, size - written);
    }
    ck_assert_int_eq(pieces, 3);
    journal_end(journal, "tried");
    const uint8_t *bytes = journal_bytes(journal, &count);
    ck_assert_int_eq(journal_read(reader, bytes, count, &record, &used, &err), JOURNAL_READ);
    ck_assert_uint_eq(record.header->segment, 3);
    ck_assert_uint_eq(record.header->steps, 1 << 20);
    ck_assert_uint_eq(record.header->state, ENGINE_STATE);
    for (int i = 0; i < pieces; i++) {
        ck_assert_ptr_null(record.state);
        bytes += used;
        count -= used;
        ck_assert_int_eq(journal_read(reader, bytes, count, &record, &used, &err), JOURNAL_READ);
        ck_assert_int_eq(record.kind, JOURNAL_STATE);
    }
    ck_assert_uint_eq(record.state_size, size);
    ck_assert(memcmp(record.state, state, size) == 0);
    ck_assert_int_eq(journal_read(reader, bytes + used, count - used, &record, &used, &err),
                     JOURNAL_READ);
    ck_assert_int_eq(record.kind, JOURNAL_END);
    ck_assert_ptr_null(record.state);
    journal_reader_destroy(reader);
    journal_destroy(journal);
    free(state);
}
END_TEST

/* Nothing else may come before it is whole, and no more of it afterwards. */
START_TEST(test_state_out_of_place)
{
    struct journal *journal = journal_create(0);
    struct journal_header header = {.state = ENGINE_STATE};
    struct journal_record record;
    struct err err = {""};
    size_t size, used = 0;
    uint8_t *state = alloc_zero(JOURNAL_PIECE_MAX + 1, 1);
    engine_options_default(&header.options);
    journal_begin(journal, &header);
    ck_assert_uint_eq(journal_state(journal, state, JOURNAL_PIECE_MAX + 1), JOURNAL_PIECE_MAX);
    if (_i == 1) {
        (void)journal_state(journal, state, 1);
        (void)journal_state(journal, state, 1);
    }
    journal_end(journal, NULL);
    const uint8_t *bytes = journal_bytes(journal, &size);
    struct journal_reader *reader = journal_reader_create();
    enum journal_result result = JOURNAL_READ;
    for (; result == JOURNAL_READ && size > 0; bytes += used, size -= used) {
        result = journal_read(reader, bytes, size, &record, &used, &err);
    }
    ck_assert_int_eq(result, JOURNAL_BAD);
    journal_reader_destroy(reader);
    ck_assert_ptr_nonnull(
        strstr(err.text, _i == 1 ? "a state that is not expected" : "it is not the state"));
    free(state);
    journal_destroy(journal);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/journal/state");
    TCase *tcase = tcase_create("state");
    tcase_add_test(tcase, test_state_in_pieces);
    tcase_add_loop_test(tcase, test_state_out_of_place, 0, 2);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
