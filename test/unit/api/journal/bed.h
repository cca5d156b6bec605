// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_UNIT_API_JOURNAL_BED_H
#define TEST_UNIT_API_JOURNAL_BED_H

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/journal/recorder.h"
#include "api/journal/segment_source.h"
#include "api/journal/segments.h"
#include "scheduler/journal/reader.h"
#include "test/unit/api/journal/folder.h"
#include "topology/base/alloc.h"

/* A daemon's journal without the daemon: an engine that is told of nodes and of a gang, and whose
 * segments are decided once more, each alone. */
static char path[64];
static struct engine_options engine_options;
static struct engine *engine;
static struct effects effects;
static struct recorder_options options;
static int64_t now;
static uint64_t told_steps;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char said[8192];

static inline void tell(void *context, enum recorder_level level, const char *what,
                        const char *segment, const char *why)
{
    static const char levels[] = "IWE";
    (void)context;
    pthread_mutex_lock(&lock);
    size_t length = strlen(said);
    snprintf(said + length, sizeof said - length, "%c %s (%s): %s\n", levels[level], what,
             segment == NULL ? "" : segment, why == NULL ? "" : why);
    pthread_mutex_unlock(&lock);
}

static inline bool heard(const char *text)
{
    pthread_mutex_lock(&lock);
    bool found = strstr(said, text) != NULL;
    pthread_mutex_unlock(&lock);
    return found;
}

static inline void setup(void)
{
    snprintf(path, sizeof path, "/tmp/phalanx-recorder-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(path));
    engine_options_default(&engine_options);
    engine_options.hash_seed = 77;
    engine = engine_create(&engine_options);
    effects_init(&effects);
    now = 10;
    options = (struct recorder_options){.path = path,
                                        .segment_size = RECORDER_SEGMENT_LEAST,
                                        .keep_size = RECORDER_KEEP_MOST,
                                        .compress = true,
                                        .engine = &engine_options,
                                        .started = 5,
                                        .program = "test",
                                        .tell = tell,
                                        .retry_ms = 5};
}

static inline void teardown(void)
{
    effects_finish(&effects);
    engine_destroy(engine);
    folder_remove(path);
}

static inline struct recorder *create(void)
{
    struct recorder *recorder = NULL;
    struct err err;
    ck_assert_msg(recorder_create(&options, &recorder, &err) == 0, "%s", err.text);
    return recorder;
}

static inline void apply(struct recorder *recorder, struct event *event)
{
    event->now = now;
    effects_reset(&effects);
    engine_apply(engine, event, &effects);
    recorder_step(recorder, engine, event, &effects);
    told_steps++;
}

static inline void tick(struct recorder *recorder)
{
    apply(recorder, &(struct event){.type = EVENT_TICK});
    now++;
}

/* As the loop of the daemon does; whether there is a new segment. */
static inline bool checkpoint(struct recorder *recorder)
{
    if (!recorder_is_due(recorder, now)) {
        return false;
    }
    apply(recorder, &(struct event){.type = EVENT_CHECKPOINT});
    recorder_checkpoint(recorder, engine, now);
    return true;
}

static inline void node(struct recorder *recorder, int number)
{
    char name[32], rack[32];
    snprintf(name, sizeof name, "node-%d", number);
    snprintf(rack, sizeof rack, "rack-%d", number / 4);
    struct label_object labels[] = {{"kubernetes.io/hostname", name},
                                    {"topology.kubernetes.io/rack", rack}};
    struct amount_object amounts[] = {{"cpu", 96000}, {"nvidia.com/gpu", 8}, {"pods", 110}};
    struct event event = {.type = EVENT_NODE,
                          .node = {.name = name,
                                   .labels = labels,
                                   .label_count = 2,
                                   .allocatable = amounts,
                                   .allocatable_count = 3}};
    apply(recorder, &event);
}

/* Gangs of four come, are planned, and go; a node changes in between. */
static inline void live(struct recorder *recorder, int round)
{
    char uid[64], gang[32];
    struct amount_object amounts[] = {{"cpu", 1000}, {"pods", 1}, {"nvidia.com/gpu", 8}};
    snprintf(gang, sizeof gang, "gang-%d", round);
    for (int i = 0; i < 4; i++) {
        snprintf(uid, sizeof uid, "pod-%d-%d", round, i);
        struct event event = {.type = EVENT_POD,
                              .pod = {.name_space = "test",
                                      .name = uid,
                                      .uid = uid,
                                      .requests = amounts,
                                      .request_count = 3,
                                      .gang = gang,
                                      .gang_minimum = 4,
                                      .rank = i}};
        apply(recorder, &event);
    }
    now += 250;
    tick(recorder);
    for (int i = 0; i < 4 && round >= 2; i++) {
        snprintf(uid, sizeof uid, "pod-%d-%d", round - 2, i);
        struct event event = {.type = EVENT_POD_GONE, .pod_uid = uid};
        apply(recorder, &event);
    }
    node(recorder, round % 16);
}

static inline void begin_life(struct recorder *recorder)
{
    for (int i = 0; i < 16; i++) {
        node(recorder, i);
    }
    apply(recorder, &(struct event){.type = EVENT_SYNCED});
}

/* ---- reading ---- */

struct found {
    struct journal_header header;
    uint64_t steps;
    uint64_t decisions;
    bool whole; /* it does not break off */
    char why[128];
};

static inline void decide_again(struct journal_reader *reader, struct engine *again,
                                const struct journal_record *record, const char *name)
{
    struct event event;
    struct effects mine;
    size_t first;
    effects_init(&mine);
    journal_translate(reader, again, &record->event, &event);
    engine_apply(again, &event, &mine);
    ck_assert_msg(journal_compare(reader, &record->event, record->effects, &mine, &first),
                  "%s: record %lu differs", name, (unsigned long)record->number);
    ck_assert_int_eq(engine_deadline(again), record->deadline);
    effects_finish(&mine);
}

/* A segment, alone: every decision is the same. */
static inline void replay(const char *name, struct found *found)
{
    char file_path[128];
    struct journal_record record;
    struct err err = {""};
    size_t room = 64u << 20, size = 0, used, count = 1;
    uint8_t *bytes = alloc_zero(room, 1);
    struct engine *again = NULL;
    snprintf(file_path, sizeof file_path, "%s/%s", path, name);
    FILE *file = fopen(file_path, "r");
    ck_assert_msg(file != NULL, "%s", name);
    struct segment_source *source = segment_source_create(file);
    for (; count > 0; size += count) {
        ck_assert_msg(segment_source_read(source, bytes + size, room - size, &count, &err) == 0,
                      "%s: %s", name, err.text);
    }
    segment_source_destroy(source);
    memset(found, 0, sizeof *found);
    snprintf(found->why, sizeof found->why, "no end");
    struct journal_reader *reader = journal_reader_create();
    enum journal_result result = JOURNAL_READ;
    for (size_t at = 0; at < size && result == JOURNAL_READ; at += used) {
        result = journal_read(reader, bytes + at, size - at, &record, &used, &err);
        ck_assert_msg(result != JOURNAL_BAD, "%s: %s", name, err.text);
        if (result == JOURNAL_SHORT) {
            break;
        }
        if (record.kind == JOURNAL_HEADER) {
            found->header = *record.header;
            again = engine_create(&record.header->options);
        } else if (record.kind == JOURNAL_STATE && record.state != NULL) {
            ck_assert_msg(engine_load(again, record.state, record.state_size, &err) == 0, "%s: %s",
                          name, err.text);
        } else if (record.kind == JOURNAL_STEP) {
            decide_again(reader, again, &record, name);
            found->steps++;
            found->decisions += record.effects->count;
        } else if (record.kind == JOURNAL_END) {
            snprintf(found->why, sizeof found->why, "%s", record.why);
        }
    }
    found->whole = result == JOURNAL_READ;
    engine_destroy(again);
    journal_reader_destroy(reader);
    free(bytes);
}

static inline size_t list_all(struct segments *list)
{
    int folder;
    ck_assert_int_eq(segments_open(path, &folder, NULL), 0);
    ck_assert_int_eq(segments_list(folder, list, NULL), 0);
    close(folder);
    return list->count;
}

/* Waits for what the thread does. */
static inline void await(struct recorder *recorder, bool recording)
{
    struct recorder_status status = {.recording = !recording};
    for (int i = 0; status.recording != recording; i++) {
        tick(recorder);
        (void)checkpoint(recorder);
        poll(NULL, 0, 1);
        recorder_status(recorder, &status);
        ck_assert_int_lt(i, 100000);
    }
}

static inline void large_step(struct recorder *recorder, size_t size)
{
    char *text = alloc_zero(size + 1, 1);
    memset(text, 'x', size);
    effects_reset(&effects);
    effects_append(&effects, EFFECT_EVENT)->event.message = text;
    struct event event = {.type = EVENT_TICK, .now = now};
    recorder_step(recorder, engine, &event, &effects);
    told_steps++;
    free(text);
}

#endif
