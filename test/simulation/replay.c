// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/replay.h"

#include "scheduler/journal/reader.h"
#include "test/simulation/checkpoints.h"
#include "test/simulation/host.h"
#include "test/simulation/record.h"
#include "test/simulation/trace.h"

/* The second engine has another hash seed, reads no JSON, and objects have other names for it, in
 * the same order; the nodes of the first list come the other way round. All fields of all effects
 * have to be the same but for the names.
 *
 * Every eighth life is written into a journal on the way, read back record by record, and lived by
 * a third engine, which gets nothing but what the journal says: it, too, has to do the same. Every
 * fourth is lived once more with checkpoints (checkpoints.h).
 */

#define CHECKPOINTS_EVERY 4 /* lives */

struct copy {
    struct journal *journal; /* NULL: this life is not written down */
    struct journal_reader *reader;
    struct engine *engine;
    struct effects effects;
};

/* Reads the record that was just written, if it is one, and forgets its bytes. */
static bool read_back(struct sim *sim, struct copy *copy, struct journal_record *record)
{
    struct err err = {.text = "it is cut short"};
    size_t size, used;
    const uint8_t *bytes = journal_bytes(copy->journal, &size);
    bool whole = journal_read(copy->reader, bytes, size, record, &used, &err) == JOURNAL_READ;
    if (!whole || used != size) {
        sim_fail(sim, "(4) the journal cannot be read back: %s", err.text);
    }
    journal_clear(copy->journal);
    return whole;
}

static void copy_begin(struct sim *sim, struct copy *copy, const struct engine_options *options)
{
    struct journal_header header = {
        .options = *options, .started = sim->now, .program = "simulation"};
    struct journal_record record;
    *copy = (struct copy){.journal = NULL};
    if ((sim->seed + sim->host.epoch) % 8 != 0) {
        return;
    }
    copy->journal = journal_create(sim->seed);
    copy->reader = journal_reader_create();
    journal_begin(copy->journal, &header);
    effects_init(&copy->effects);
    if (read_back(sim, copy, &record)) {
        copy->engine = engine_create(&record.header->options);
    }
}

static void copy_step(struct sim *sim, struct copy *copy, const struct engine *engine,
                      const struct event *event, const struct effects *effects)
{
    struct journal_record record;
    struct event read;
    struct err err;
    size_t first;
    if (copy->engine == NULL || sim->failed) {
        return;
    }
    if (journal_step(copy->journal, engine, event, effects, &err) < 0) {
        sim_fail(sim, "(4) the journal cannot go on: %s", err.text);
    } else if (read_back(sim, copy, &record)) {
        journal_translate(copy->reader, copy->engine, &record.event, &read);
        effects_reset(&copy->effects);
        engine_apply(copy->engine, &read, &copy->effects);
        if (!journal_compare(copy->reader, &read, record.effects, &copy->effects, &first) ||
            record.deadline != engine_deadline(copy->engine)) {
            sim_fail(sim, "(4) what the journal says of record %llu has other effects",
                     (unsigned long long)record.number);
        }
    }
}

static void copy_end(struct copy *copy)
{
    if (copy->journal != NULL) {
        journal_destroy(copy->journal);
        journal_reader_destroy(copy->reader);
        engine_destroy(copy->engine);
        effects_finish(&copy->effects);
    }
}

static void replay_record(struct sim *sim, struct engine *engine, size_t index,
                          struct effects *effects, struct copy *copy)
{
    const struct record *record = &sim->host.records[index];
    struct event event;
    effects_reset(effects);
    record_event(sim, engine, record, &event);
    engine_apply(engine, &event, effects);
    if (record_digest(effects, record) != record->digest) {
        trace_note(sim, "the second engine does not do as the first did:");
        trace_record(sim, record, effects);
        sim_fail(sim, "(4) event %zu of the epoch has other effects in a second engine", index);
    }
    copy_step(sim, copy, engine, &event, effects);
}

/* How many records from `first` on show different nodes of the first list, one after the other: in
 * which order they come means nothing. */
static size_t unordered(const struct host *host, size_t first)
{
    bool shown[SIM_NODES_MAX] = {false};
    size_t count = 0;
    while (first + count < host->record_count) {
        const struct record *record = &host->records[first + count];
        if (record->type != EVENT_NODE || shown[record->change.index]) {
            break;
        }
        shown[record->change.index] = true;
        count++;
    }
    return count;
}

static void replay_all(struct sim *sim)
{
    struct host *host = &sim->host;
    struct engine_options options;
    struct effects effects;
    struct copy copy;
    bool codecs = host->codecs, synced = false;
    host->codecs = false; /* what came through JSON must be the same without */
    host->renamed = true;
    host_options(sim, &options);
    options.hash_seed = sim->seed * 31 + 7;
    struct engine *engine = engine_create(&options);
    effects_init(&effects);
    copy_begin(sim, &copy, &options);
    for (size_t i = 0; i < host->record_count && !sim->failed;) {
        size_t count = synced ? 0 : unordered(host, i);
        synced = synced || host->records[i].type == EVENT_SYNCED;
        count = count == 0 ? 1 : count;
        for (size_t k = count; k > 0 && !sim->failed; k--) {
            replay_record(sim, engine, i + k - 1, &effects, &copy);
        }
        i += count;
    }
    copy_end(&copy);
    host->codecs = codecs;
    host->renamed = false;
    effects_finish(&effects);
    engine_destroy(engine);
}

void replay_epoch(struct sim *sim)
{
    replay_all(sim);
    if (!sim->failed && (sim->seed + sim->host.epoch) % CHECKPOINTS_EVERY == 1) {
        checkpoints_check(sim);
    }
}
