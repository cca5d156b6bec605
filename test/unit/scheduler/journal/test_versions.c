// SPDX-License-Identifier: Apache-2.0
/* Journals of versions before, as the programs of their time wrote them: those of the fuzzer's
 * corpus. test_versions FOLDER.
 *
 * gang.journal is of version 1, by 0.1.0 at commit d8cb1d6: three nodes in two racks, a gang of two
 * that wants a rack, is planned, voted for and bound, and an ordinary pod on n2. A file of payloads
 * has those of such a journal after its header, each behind its length in two bytes.
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "scheduler/journal/reader.h"
#include "test/unit/check_main.h"
#include "topology/base/checksum.h"

#define FILE_MAX (64u << 10)

static const char *folder;

static size_t load(const char *name, uint8_t bytes[FILE_MAX])
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s", path);
    size_t size = fread(bytes, 1, FILE_MAX, file);
    ck_assert_uint_lt(size, FILE_MAX);
    fclose(file);
    return size;
}

static void put_word(uint8_t *to, uint32_t word)
{
    for (int i = 0; i < 4; i++) {
        to[i] = (uint8_t)(word >> (8 * i));
    }
}

/* The payloads of a file in frames, behind magic and header of gang.journal. */
static size_t frame(const char *name, uint8_t bytes[FILE_MAX])
{
    static uint8_t payloads[FILE_MAX];
    struct checksum checksum;
    size_t left = load(name, payloads);
    load("gang.journal", bytes);
    checksum_init(&checksum);
    uint32_t header = (uint32_t)bytes[JOURNAL_MAGIC_SIZE] | (uint32_t)bytes[JOURNAL_MAGIC_SIZE + 1]
                                                                << 8; /* its length */
    size_t size = JOURNAL_MAGIC_SIZE + JOURNAL_FRAME_SIZE + header;
    for (const uint8_t *from = payloads; left > 0;) {
        uint32_t length = (uint32_t)from[0] | (uint32_t)from[1] << 8;
        ck_assert_uint_ge(left, 2 + length);
        put_word(bytes + size, length);
        uint32_t sum = checksum_add(&checksum, 0, bytes + size, 4);
        put_word(bytes + size + 4, checksum_add(&checksum, sum, from + 2, length));
        memcpy(bytes + size + JOURNAL_FRAME_SIZE, from + 2, length);
        size += JOURNAL_FRAME_SIZE + length;
        left -= 2 + length;
        from += 2 + length;
    }
    return size;
}

/* Every record of it can be read. How many there are. */
static uint64_t check_readable(const char *name, const uint8_t *bytes, size_t size)
{
    struct journal_reader *reader = journal_reader_create();
    struct journal_record record;
    struct err err = {""};
    size_t used;
    for (; size > 0; bytes += used, size -= used) {
        enum journal_result result = journal_read(reader, bytes, size, &record, &used, &err);
        ck_assert_msg(result == JOURNAL_READ, "%s: %s", name,
                      result == JOURNAL_BAD ? err.text : "it ends in the middle of a record");
    }
    uint64_t count = journal_reader_number(reader);
    journal_reader_destroy(reader);
    return count;
}

/* Those that are not for reading are named after it. */
START_TEST(the_corpus_is_readable)
{
    static uint8_t bytes[FILE_MAX];
    struct dirent **entries;
    unsigned journals = 0, payloads = 0;
    int count = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        const char *ending = strrchr(name, '.');
        if (strncmp(name, "bad-", 4) != 0 && strcmp(ending, ".journal") == 0) {
            check_readable(name, bytes, load(name, bytes));
            journals++;
        } else if (strncmp(name, "bad-", 4) != 0 && strcmp(ending, ".payloads") == 0) {
            ck_assert_uint_gt(check_readable(name, bytes, frame(name, bytes)), 1);
            payloads++;
        }
        free(entries[i]);
    }
    ck_assert_int_gt(count, 0);
    free(entries);
    ck_assert_uint_gt(journals, 0);
    ck_assert_uint_gt(payloads, 0);
}
END_TEST

static void check_pod(const struct pod_object *pod)
{
    ck_assert_str_eq(pod->name_space, "default");
    ck_assert_str_eq(pod->uid, "uid-default-g-1");
    ck_assert_str_eq(pod->gang, "g");
    ck_assert_int_eq(pod->rank, 1);
    ck_assert_int_eq(pod->priority, 7);
    ck_assert_uint_eq(pod->request_count, 3);
    ck_assert_str_eq(pod->requests[1].resource, "nvidia.com/gpu");
    ck_assert_int_eq(pod->requests[1].amount, 8);
    ck_assert_uint_eq(pod->selector_count, 1);
    ck_assert_str_eq(pod->selector[0].value, "b0");
    ck_assert_uint_eq(pod->toleration_count, 1);
    ck_assert_str_eq(pod->tolerations[0].key, "gpu");
    const struct placement_object *placement = &pod->placement;
    ck_assert_str_eq(placement->required_level, "rack");
    ck_assert_str_eq(placement->preferred_level, "rack");
    ck_assert_str_eq(placement->exclusive_level, "rack");
    ck_assert_uint_eq(placement->slice_count, 1);
    ck_assert_int_eq(placement->slices[0].size, 2);
    /* What came with version 2 is absent. */
    ck_assert_ptr_null(placement->podset_group);
    ck_assert_uint_eq(pod->claim_count, 0);
    ck_assert_ptr_null(pod->spread.key);
    ck_assert_ptr_null(pod->replica.owner);
    ck_assert_uint_eq(pod->replica.index_count, 0);
    ck_assert(!pod->leader);
    ck_assert_ptr_null(pod->owner);
    ck_assert_ptr_null(pod->run);
}

START_TEST(version_1_is_read)
{
    static uint8_t bytes[FILE_MAX];
    size_t size = load("gang.journal", bytes), used;
    struct journal_reader *reader = journal_reader_create();
    struct journal_record record;
    struct err err;
    unsigned pods = 0, bindings = 0;
    ck_assert_mem_eq(bytes, "phalanx journal 1\n", JOURNAL_MAGIC_SIZE);
    for (const uint8_t *at = bytes; size > 0; at += used, size -= used) {
        ck_assert_int_eq(journal_read(reader, at, size, &record, &used, &err), JOURNAL_READ);
        ck_assert_uint_eq(record.offset, at == bytes ? JOURNAL_MAGIC_SIZE : (size_t)(at - bytes));
        if (record.kind == JOURNAL_HEADER) {
            ck_assert_str_eq(record.header->program, "0.1.0");
            ck_assert_int_eq(record.header->options.hold_timeout_ms, 30000);
        } else if (record.kind == JOURNAL_END) {
            ck_assert_str_eq(record.why, "the daemon stopped");
        } else if (record.event.type == EVENT_POD) {
            pods++;
            if (record.number == 6) {
                check_pod(&record.event.pod);
            }
        }
        for (size_t i = 0; record.kind == JOURNAL_STEP && i < record.effects->count; i++) {
            const struct effect *effect = &record.effects->items[i];
            if (effect->type == EFFECT_POST_BINDING) {
                ck_assert_str_eq(effect->write.node, bindings == 0 ? "n0" : "n1");
                ck_assert_ptr_null(effect->write.run);
                bindings++;
            }
        }
    }
    ck_assert_uint_eq(journal_reader_number(reader), 23);
    ck_assert_uint_eq(pods, 7);
    ck_assert_uint_eq(bindings, 2);
    journal_reader_destroy(reader);
}
END_TEST

/* The engine of today comes to the same bindings. */
START_TEST(version_1_can_be_lived_through)
{
    static uint8_t bytes[FILE_MAX];
    size_t size = load("gang.journal", bytes), used;
    struct journal_reader *reader = journal_reader_create();
    struct journal_record record;
    struct effects effects;
    struct event event;
    struct engine *engine = NULL;
    struct err err;
    unsigned bindings = 0;
    effects_init(&effects);
    for (const uint8_t *at = bytes; size > 0; at += used, size -= used) {
        ck_assert_int_eq(journal_read(reader, at, size, &record, &used, &err), JOURNAL_READ);
        if (record.kind == JOURNAL_HEADER) {
            engine = engine_create(&record.header->options);
        } else if (record.kind == JOURNAL_STEP) {
            journal_translate(reader, engine, &record.event, &event);
            effects_reset(&effects);
            engine_apply(engine, &event, &effects);
        }
        for (size_t i = 0; record.kind == JOURNAL_STEP && i < effects.count; i++) {
            bindings += effects.items[i].type == EFFECT_POST_BINDING &&
                        strcmp(effects.items[i].write.node, bindings == 0 ? "n0" : "n1") == 0;
        }
    }
    struct arena arena;
    struct gang_view view;
    arena_init(&arena);
    ck_assert(engine_gang_find(engine, "default", "g", &arena, &view));
    ck_assert_int_eq(view.state, GANG_PLACED);
    ck_assert_uint_eq(bindings, 2);
    arena_finish(&arena);
    effects_finish(&effects);
    engine_destroy(engine);
    journal_reader_destroy(reader);
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("scheduler/journal versions");
    TCase *tcase = tcase_create("versions");
    if (argc != 2) {
        fprintf(stderr, "usage: test_versions FOLDER\n");
        return 2;
    }
    folder = argv[1];
    tcase_add_test(tcase, the_corpus_is_readable);
    tcase_add_test(tcase, version_1_is_read);
    tcase_add_test(tcase, version_1_can_be_lived_through);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
