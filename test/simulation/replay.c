// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/replay.h"

#include "test/simulation/host.h"
#include "test/simulation/record.h"
#include "test/simulation/trace.h"

/* The second engine has another hash seed, reads no JSON, and objects have other names for it, in
 * the same order; the nodes of the first list come the other way round. All fields of all effects
 * have to be the same but for the names.
 */

static void replay_record(struct sim *sim, struct engine *engine, size_t index,
                          struct effects *effects)
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

void replay_epoch(struct sim *sim)
{
    struct host *host = &sim->host;
    struct engine_options options;
    struct effects effects;
    bool codecs = host->codecs, synced = false;
    host->codecs = false; /* what came through JSON must be the same without */
    host->renamed = true;
    host_options(sim, &options);
    options.hash_seed = sim->seed * 31 + 7;
    struct engine *engine = engine_create(&options);
    effects_init(&effects);
    for (size_t i = 0; i < host->record_count && !sim->failed;) {
        size_t count = synced ? 0 : unordered(host, i);
        synced = synced || host->records[i].type == EVENT_SYNCED;
        count = count == 0 ? 1 : count;
        for (size_t k = count; k > 0 && !sim->failed; k--) {
            replay_record(sim, engine, i + k - 1, &effects);
        }
        i += count;
    }
    host->codecs = codecs;
    host->renamed = false;
    effects_finish(&effects);
    engine_destroy(engine);
}
