// SPDX-License-Identifier: Apache-2.0
/* What is written into a journal comes out of it again; what was not written is noticed. */
#include "scheduler/journal/writer.h"

#include <assert.h>

#include "scheduler/journal/reader.h"
#include "test/unit/check_main.h"
#include "test/unit/scheduler/journal/bed.h"
#include "test/unit/scheduler/journal/dump.h"
#include "test/unit/scheduler/world.h"
#include "topology/base/alloc.h"
#include "topology/base/checksum.h"

#define NODES   300
#define EVENTS  EVENT_TYPES
#define EFFECTS EFFECT_TYPES

static void begin(struct journal *journal, int64_t started)
{
    struct levels levels;
    levels_init(&levels);
    ck_assert_int_eq(levels_add(&levels, "block", NULL), 0);
    ck_assert_int_eq(levels_add_key(&levels, "example.com/block", NULL), 0);
    ck_assert_int_eq(levels_add_key(&levels, "example.com/other", NULL), 0);
    ck_assert_int_eq(levels_finish(&levels, NULL), 0);
    struct journal_header header = {.started = started, .started_wall = 1700000000000};
    engine_options_default(&header.options);
    header.options.levels = &levels;
    header.options.hash_seed = UINT64_MAX - 1;
    header.options.preference = ENGINE_PREFER_PLACEMENT;
    header.options.tenant_gangs = 10000;
    header.options.tenant_holds = 1001;
    header.program = "1.2.3";
    journal_begin(journal, &header);
}

static void dump_step(FILE *out, const struct event *event, const struct effects *effects,
                      int64_t deadline)
{
    uint32_t rows = journal_fields_rows(event);
    dump_event(out, event);
    for (size_t i = 0; i < effects->count; i++) {
        dump_effect(out, &effects->items[i], rows);
    }
    fprintf(out, "due %" PRId64 "\n", deadline);
}

/* Reads a whole journal into words; the result of the last read. */
static enum journal_result read_all(const uint8_t *bytes, size_t size, FILE *out,
                                    struct journal_record *record, struct err *err)
{
    struct journal_reader *reader = journal_reader_create();
    enum journal_result result = JOURNAL_SHORT;
    for (size_t used; size > 0; bytes += used, size -= used) {
        result = journal_read(reader, bytes, size, record, &used, err);
        if (result != JOURNAL_READ) {
            break;
        }
        if (record->kind == JOURNAL_STEP) {
            dump_step(out, &record->event, record->effects, record->deadline);
        }
    }
    journal_reader_destroy(reader);
    return result;
}

/* One record of an event type with any effects at all, and every time one of `effect`. */
static void make_step(struct bed_maker *maker, enum event_type type, enum effect_type effect,
                      struct event *event, struct effects *effects)
{
    arena_reset(&maker->arena);
    effects_reset(effects);
    bed_event(maker, type, event);
    uint32_t rows = journal_fields_rows(event);
    bed_effect(maker, effects_append(effects, effect), rows);
    for (uint32_t more = bed_below(maker, 4); more > 0; more--) {
        bed_effect(maker, effects_append(effects, (enum effect_type)bed_below(maker, EFFECTS)),
                   rows);
    }
}

/* Every event with every effect, several times over, with anything in every field. */
START_TEST(test_round_trip)
{
    struct bed_maker maker = {.random = {(uint64_t)_i + 1}, .rows = NODES};
    struct world world;
    struct effects effects;
    struct event event;
    char *text[2];
    size_t length[2], size;
    world_init(&world);
    world_racks(&world, NODES / 10, 10);
    effects_init(&effects);
    arena_init(&maker.arena);
    struct journal *journal = journal_create(5);
    begin(journal, 77);
    FILE *out = open_memstream(&text[0], &length[0]);
    for (int round = 0; round < 3 * EVENTS * EFFECTS; round++) {
        make_step(&maker, (enum event_type)(round % EVENTS),
                  (enum effect_type)(round / EVENTS % EFFECTS), &event, &effects);
        ck_assert_int_eq(journal_step(journal, world.engine, &event, &effects, NULL), 0);
        dump_step(out, &event, &effects, engine_deadline(world.engine));
    }
    fclose(out);
    out = open_memstream(&text[1], &length[1]);
    const uint8_t *bytes = journal_bytes(journal, &size);
    struct journal_record record;
    struct err err = {""};
    ck_assert_msg(read_all(bytes, size, out, &record, &err) == JOURNAL_READ, "%s", err.text);
    fclose(out);
    ck_assert_uint_eq(length[0], length[1]);
    ck_assert(memcmp(text[0], text[1], length[0]) == 0);
    free(text[0]);
    free(text[1]);
    journal_destroy(journal);
    device_map_destroy(maker.devices);
    arena_finish(&maker.arena);
    effects_finish(&effects);
    world_finish(&world);
}
END_TEST

START_TEST(test_header)
{
    struct journal *journal = journal_create(0);
    struct journal_reader *reader = journal_reader_create();
    struct journal_record record;
    size_t size, used;
    begin(journal, 123456789);
    journal_end(journal, "because");
    const uint8_t *bytes = journal_bytes(journal, &size);
    ck_assert_int_eq(journal_read(reader, bytes, size, &record, &used, NULL), JOURNAL_READ);
    ck_assert_int_eq(record.kind, JOURNAL_HEADER);
    const struct engine_options *options = &record.header->options;
    ck_assert_int_eq(record.header->started, 123456789);
    ck_assert_int_eq(record.header->started_wall, 1700000000000);
    ck_assert_str_eq(record.header->program, "1.2.3");
    ck_assert_uint_eq(options->hash_seed, UINT64_MAX - 1);
    ck_assert_int_eq(options->preference, ENGINE_PREFER_PLACEMENT);
    ck_assert_uint_eq(options->tenant_gangs, 10000);
    ck_assert_uint_eq(options->tenant_holds, 1001);
    ck_assert_int_eq(options->hold_timeout_ms, 30000);
    ck_assert_int_eq(options->backoff_initial_ms, 1000);
    ck_assert_int_eq(options->backoff_maximum_ms, 60000);
    ck_assert_uint_eq(options->levels->count, 2);
    ck_assert_str_eq(options->levels->items[0].name, "block");
    ck_assert_uint_eq(options->levels->items[0].key_count, 2);
    ck_assert_str_eq(options->levels->items[0].keys[1], "example.com/other");
    ck_assert_str_eq(options->levels->items[1].name, LEVEL_HOST);
    ck_assert_int_eq(journal_read(reader, bytes + used, size - used, &record, &used, NULL),
                     JOURNAL_READ);
    ck_assert_int_eq(record.kind, JOURNAL_END);
    ck_assert_str_eq(record.why, "because");
    journal_reader_destroy(reader);
    journal_destroy(journal);
}
END_TEST

/* Texts that repeat cost a byte or two: that is what makes a journal of 5,000 nodes small. */
START_TEST(test_repeated_words_are_small)
{
    struct world world;
    struct effects none;
    size_t before, after;
    world_init(&world);
    effects_init(&none);
    struct journal *journal = journal_create(0);
    begin(journal, 0);
    char value[200];
    memset(value, 'v', sizeof value);
    value[sizeof value - 1] = '\0';
    struct label_object labels[] = {{"example.com/a-long-label-key", value}, {value, value}};
    struct event event = {.type = EVENT_NODE};
    event.node = (struct node_object){.name = "n0", .labels = labels, .label_count = 2};
    ck_assert_int_eq(journal_step(journal, world.engine, &event, &none, NULL), 0);
    journal_bytes(journal, &before);
    ck_assert_int_eq(journal_step(journal, world.engine, &event, &none, NULL), 0);
    journal_bytes(journal, &after);
    ck_assert_uint_lt(after - before, JOURNAL_FRAME_SIZE + 32);
    journal_clear(journal);
    journal_bytes(journal, &after);
    ck_assert_uint_eq(after, 0);
    journal_destroy(journal);
    effects_finish(&none);
    world_finish(&world);
}
END_TEST

/* A call with 5,000 nodes in the order of the table is a few bytes, in any order some 10 KB. */
START_TEST(test_long_calls_are_small)
{
    struct journal_coder coder = {.decoding = false};
    uint32_t rows[5000], count = 5000;
    struct random random = {3};
    for (uint32_t i = 0; i < count; i++) {
        rows[i] = i;
    }
    journal_coder_rows(&coder, rows, &count, count);
    ck_assert_uint_lt(coder.count, 8);
    for (uint32_t i = count - 1; i > 0; i--) {
        uint32_t other = random_below(&random, i + 1), kept = rows[i];
        rows[i] = rows[other];
        rows[other] = kept;
    }
    coder.count = 0;
    journal_coder_rows(&coder, rows, &count, count);
    ck_assert_uint_lt(coder.count, 2 * 5000 + 2);
    journal_coder_finish(&coder);
}
END_TEST

START_TEST(test_a_record_too_large)
{
    struct world world;
    struct effects effects;
    struct err err;
    size_t before, after;
    world_init(&world);
    effects_init(&effects);
    struct journal *journal = journal_create(0);
    begin(journal, 0);
    journal_bytes(journal, &before);
    char *text = alloc_zero((8 << 20) + 1, 1);
    memset(text, 'x', 8 << 20);
    for (int i = 0; i < 4; i++) { /* with the rest more than 32 MiB */
        effects_append(&effects, EFFECT_EVENT)->event.message = text;
    }
    struct event event = {.type = EVENT_TICK};
    ck_assert_int_eq(journal_step(journal, world.engine, &event, &effects, &err), -1);
    ck_assert_str_eq(err.text, "it is larger than 33554432 bytes");
    journal_bytes(journal, &after);
    ck_assert_uint_eq(before, after);
    free(text);
    journal_destroy(journal);
    effects_finish(&effects);
    world_finish(&world);
}
END_TEST

/* ---- bad journals ---- */

/* A small real journal: two nodes, a gang of two, its calls. `words` are its steps in words, and
 * `ends` where each record ends. */
struct sample {
    uint8_t *bytes;
    size_t size;
    char *words;
    size_t length;
    size_t ends[64];
    size_t records;
};

static void sample_step(struct sample *sample, struct world *world, struct journal *journal,
                        FILE *out, struct event *event)
{
    world_apply(world, event);
    ck_assert_int_eq(journal_step(journal, world->engine, event, &world->effects, NULL), 0);
    dump_step(out, event, &world->effects, engine_deadline(world->engine));
    journal_bytes(journal, &sample->ends[sample->records++]);
}

static void sample_make(struct sample *sample)
{
    struct world world;
    struct amount_object amounts[] = {{"cpu", 1000}, {"pods", 1}, {"nvidia.com/gpu", 8}};
    struct label_object label = {"topology.kubernetes.io/rack", "r0"};
    const char *const names[] = {"n0", "n1"};
    const char *const uids[] = {"p0", "p1"};
    uint32_t rows[] = {0, 1};
    struct device_map *map = machines_map(machines_name(0), NULL);
    memset(sample, 0, sizeof *sample);
    world_init(&world);
    struct journal *journal = journal_create(0);
    FILE *out = open_memstream(&sample->words, &sample->length);
    begin(journal, 0);
    journal_bytes(journal, &sample->ends[sample->records++]);
    for (int i = 0; i < 2; i++) {
        struct event event = {.type = EVENT_NODE};
        event.node = (struct node_object){.name = names[i],
                                          .labels = &label,
                                          .label_count = 1,
                                          .allocatable = amounts,
                                          .allocatable_count = 3,
                                          .devices = i == 0 ? NULL : map,
                                          .device_resource = i == 0 ? NULL : "nvidia.com/gpu"};
        sample_step(sample, &world, journal, out, &event);
    }
    struct event synced = {.type = EVENT_SYNCED};
    sample_step(sample, &world, journal, out, &synced);
    for (int i = 0; i < 2; i++) {
        struct event event = {.type = EVENT_POD};
        event.pod = (struct pod_object){.name_space = "ns",
                                        .name = uids[i],
                                        .uid = uids[i],
                                        .requests = amounts,
                                        .request_count = 3,
                                        .gang = "gang",
                                        .gang_minimum = 2,
                                        .rank = i};
        sample_step(sample, &world, journal, out, &event);
    }
    for (int i = 0; i < 2; i++) {
        struct event event = {.type = EVENT_FILTER};
        event.filter = (struct filter_event){(uint64_t)i, {uids[i], NULL, NULL}, rows, 2};
        sample_step(sample, &world, journal, out, &event);
    }
    for (int i = 0; i < 2; i++) {
        struct event event = {.type = EVENT_BIND};
        event.bind = (struct bind_event){7, "ns", uids[i], uids[i], names[i]};
        sample_step(sample, &world, journal, out, &event);
    }
    journal_end(journal, "the sample is over");
    journal_bytes(journal, &sample->ends[sample->records++]);
    fclose(out);
    const uint8_t *bytes = journal_bytes(journal, &sample->size);
    sample->bytes = alloc_zero(sample->size, 1);
    memcpy(sample->bytes, bytes, sample->size);
    journal_destroy(journal);
    device_map_destroy(map);
    world_finish(&world);
}

static void sample_finish(struct sample *sample)
{
    free(sample->bytes);
    free(sample->words);
}

/* What is read up to the mistake is a beginning of what was written. */
static enum journal_result read_damaged(const struct sample *sample, const uint8_t *bytes,
                                        size_t size, struct err *err)
{
    struct journal_record record;
    char *words;
    size_t length;
    FILE *out = open_memstream(&words, &length);
    err->text[0] = '\0';
    enum journal_result result = read_all(bytes, size, out, &record, err);
    fclose(out);
    ck_assert_uint_le(length, sample->length);
    ck_assert(memcmp(words, sample->words, length) == 0);
    free(words);
    return result;
}

START_TEST(test_every_byte_changed)
{
    static const uint8_t masks[] = {0x01, 0x80, 0xff};
    struct sample sample;
    struct err err;
    sample_make(&sample);
    ck_assert_ptr_nonnull(strstr(sample.words, "\"GangPlanned\""));
    ck_assert_int_eq(read_damaged(&sample, sample.bytes, sample.size, &err), JOURNAL_READ);
    for (size_t at = 0; at < sample.size; at++) {
        for (size_t m = 0; m < sizeof masks; m++) {
            sample.bytes[at] ^= masks[m];
            enum journal_result result = read_damaged(&sample, sample.bytes, sample.size, &err);
            ck_assert_msg(result != JOURNAL_READ, "byte %zu", at);
            ck_assert(result == JOURNAL_SHORT || strncmp(err.text, "record ", 7) == 0 ||
                      at < JOURNAL_MAGIC_SIZE);
            sample.bytes[at] ^= masks[m];
        }
    }
    sample_finish(&sample);
}
END_TEST

START_TEST(test_every_length)
{
    struct sample sample;
    struct err err;
    sample_make(&sample);
    size_t record = 0;
    for (size_t size = 0; size < sample.size; size++) {
        uint8_t *copy = alloc_zero(size + 1, 1); /* so that reading beyond it is seen */
        memcpy(copy, sample.bytes, size);
        while (sample.ends[record] < size) {
            record++;
        }
        bool whole = sample.ends[record] == size;
        ck_assert_int_eq(read_damaged(&sample, copy, size, &err),
                         whole ? JOURNAL_READ : JOURNAL_SHORT);
        free(copy);
    }
    sample_finish(&sample);
}
END_TEST

static void seal(uint8_t *record, size_t size)
{
    struct checksum checksum;
    checksum_init(&checksum);
    uint32_t sum = checksum_add(&checksum, 0, record, 4);
    sum = checksum_add(&checksum, sum, record + JOURNAL_FRAME_SIZE, size - JOURNAL_FRAME_SIZE);
    for (int i = 0; i < 4; i++) {
        record[4 + i] = (uint8_t)(sum >> 8 * i);
    }
}

/* A journal somebody made up: every byte of every payload is changed to anything, with the right
 * checksum. It may mean something else then, but it does no harm. */
START_TEST(test_every_byte_forged)
{
    struct sample sample;
    struct journal_record record;
    struct err err;
    char *words;
    size_t length, bad = 0, from = JOURNAL_MAGIC_SIZE;
    sample_make(&sample);
    for (size_t r = 0; r < sample.records; from = sample.ends[r++]) {
        for (size_t at = from + JOURNAL_FRAME_SIZE; at < sample.ends[r]; at++) {
            uint8_t kept = sample.bytes[at];
            for (int value = 0; value < 256; value += 3) {
                sample.bytes[at] = (uint8_t)value;
                seal(sample.bytes + from, sample.ends[r] - from);
                FILE *out = open_memstream(&words, &length);
                bad += read_all(sample.bytes, sample.size, out, &record, &err) == JOURNAL_BAD;
                fclose(out);
                free(words);
            }
            sample.bytes[at] = kept;
        }
        seal(sample.bytes + from, sample.ends[r] - from);
    }
    ck_assert_uint_gt(bad, 1000);
    sample_finish(&sample);
}
END_TEST

/* One forged record after a header: its payload, and what is said of it. */
#define FILTER    "\x08"
#define GIVE_UP   "\x0c"
#define TICK      "\x0f"
#define NO_EVENT  "\x15"
#define NO_EFFECT "\x0c"
static_assert(EVENT_FILTER == 8 && EVENT_BIND_GIVE_UP == 12 && EVENT_TICK == 15, "see above");
static_assert(EVENT_TYPES == 21 && EFFECT_TYPES == 12, "see above");

static const struct forged {
    const char *payload;
    size_t size;
    const char *error;
} forged[] = {
#define FORGED(bytes, error)            \
    {                                   \
        bytes, sizeof(bytes) - 1, error \
    }
    FORGED("\x00", "a second header"),
    FORGED("\x04", "kind 4 is not known"),
    FORGED("\x03\x01\x01\x61", "a state that is not expected"),
    FORGED("\x01\x00\x00" NO_EVENT "\x00\x00", "event 21 is not known"),
    FORGED("\x01\x00\x00\x55\x00\x00", "event 21 is not known"), /* and more follow */
    FORGED("\x01\x00\x00\x80\x01\x00\x00", "event 128 is not known"),
    FORGED("\x01\x00\x00" TICK "\xff\xff\xff\xff\x0f\x00", "4294967295 effects are too many"),
    FORGED("\x01\x00\x00" TICK "\x01" NO_EFFECT, "effect 12 is not known"),
    FORGED("\x01\x00\x00" TICK "\x01\x0a\x03\x00\x00\x00\x00", "kind of object 3 is not known"),
    FORGED("\x01\x00\x00" TICK "\x00\x00\x00", "1 bytes are left over"),
    FORGED("\x01\x00\x00" TICK "\x00", "it ends in the middle of a value"),
    FORGED("\x01\x01\x00" TICK "\x00\x00", "its time is out of range"),
    FORGED("\x01\x00\x00\x01\x00\x00\x00", "the name of a node is missing"),
    FORGED("\x01\x00\x00\x01\x02\xff\x01", "a text of 255 bytes is longer than the record"),
    FORGED("\x01\x00\x00\x01\x02\x03\x61\x00\x62\x00\x00", "a text holds a zero byte"),
    FORGED("\x01\x00\x00\x01\x63\x00\x00", "word 96 is not known: there are 6"),
    FORGED("\x01\x00\x00\x01\x01\x05\x62lock\x00\x00", "a text is not a new word"),
    FORGED("\x01\x00\x00\x00\x00\xff\xff\xff\x7f\x00", "a list of 268435455 is too long"),
    FORGED("\x01\x00\x00" FILTER "\x00\x00\x00\x00\x01\x00\x00\x00\x00",
           "row 0 is not known: there are 0"),
    FORGED("\x01\x00\x00" FILTER "\x00\x00\x00\x00\x02\x00\x05\x00\x00", "rows that are not there"),
    FORGED("\x01\x00\x00" FILTER "\x00\x00\x00\x00\xff\xff\xff\x7f\x00",
           "a list of 268435455 rows is too long"),
    FORGED("\x01\x00\x02\x03\x03" TICK "\x00\x00", "row 1 cannot be called \"1.2.3\""),
    FORGED("\x01\x00\x00" TICK "\x01\x00\x00\x02\x00\x00\x00\x00",
           "an answer does not say which nodes pass"),
    FORGED("\x01\x00\x00" GIVE_UP "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02\x00\x00",
           "a number has more than 64 bits"),
    FORGED("\x01\x00\x00" TICK "\x01\x01\x00\xff\xff\xff\xff\x1f\x00",
           "the number 8589934591 is out of range"),
};

START_TEST(test_forged_records)
{
    const struct forged *one = &forged[_i];
    struct journal *journal = journal_create(0);
    struct journal_record record;
    struct err err = {""};
    uint8_t bytes[1024];
    char expected[256], *words;
    size_t header, length;
    begin(journal, 0);
    const uint8_t *begun = journal_bytes(journal, &header);
    memcpy(bytes, begun, header);
    memset(bytes + header, 0, JOURNAL_FRAME_SIZE);
    bytes[header] = (uint8_t)one->size;
    memcpy(bytes + header + JOURNAL_FRAME_SIZE, one->payload, one->size);
    seal(bytes + header, JOURNAL_FRAME_SIZE + one->size);
    FILE *out = open_memstream(&words, &length);
    ck_assert_int_eq(read_all(bytes, header + JOURNAL_FRAME_SIZE + one->size, out, &record, &err),
                     JOURNAL_BAD);
    fclose(out);
    free(words);
    snprintf(expected, sizeof expected, "record 1 at byte %zu: %s", header, one->error);
    ck_assert_str_eq(err.text, expected);
    journal_destroy(journal);
}
END_TEST

START_TEST(test_not_a_journal)
{
    struct sample sample;
    struct err err;
    sample_make(&sample);
    sample.bytes[JOURNAL_MAGIC_SIZE - 2] = '7';
    ck_assert_int_eq(read_damaged(&sample, sample.bytes, sample.size, &err), JOURNAL_BAD);
    ck_assert_str_eq(err.text, "the journal has version 7, this program reads 1 to 6");
    sample.bytes[JOURNAL_MAGIC_SIZE - 2] = '0';
    ck_assert_int_eq(read_damaged(&sample, sample.bytes, sample.size, &err), JOURNAL_BAD);
    ck_assert_str_eq(err.text, "the journal has version 0, this program reads 1 to 6");
    sample.bytes[0] = 'P';
    ck_assert_int_eq(read_damaged(&sample, sample.bytes, sample.size, &err), JOURNAL_BAD);
    ck_assert_str_eq(err.text, "this is not a Phalanx journal");
    sample_finish(&sample);
}
END_TEST

START_TEST(test_nothing_after_the_end)
{
    struct journal *journal = journal_create(0);
    struct journal_record record;
    struct err err;
    char *words;
    size_t size, length;
    begin(journal, 0);
    journal_end(journal, NULL);
    journal_end(journal, NULL);
    const uint8_t *bytes = journal_bytes(journal, &size);
    FILE *out = open_memstream(&words, &length);
    ck_assert_int_eq(read_all(bytes, size, out, &record, &err), JOURNAL_BAD);
    fclose(out);
    free(words);
    ck_assert_ptr_nonnull(strstr(err.text, "the journal had ended"));
    journal_destroy(journal);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/journal");
    TCase *tcase = tcase_create("journal");
    tcase_add_loop_test(tcase, test_round_trip, 0, 6);
    tcase_add_test(tcase, test_header);
    tcase_add_test(tcase, test_repeated_words_are_small);
    tcase_add_test(tcase, test_long_calls_are_small);
    tcase_add_test(tcase, test_a_record_too_large);
    tcase_add_test(tcase, test_every_byte_changed);
    tcase_add_test(tcase, test_every_length);
    tcase_add_test(tcase, test_every_byte_forged);
    tcase_add_loop_test(tcase, test_forged_records, 0, sizeof forged / sizeof forged[0]);
    tcase_add_test(tcase, test_not_a_journal);
    tcase_add_test(tcase, test_nothing_after_the_end);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
