// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/checkpoints.h"

#include <string.h>

#include "test/simulation/host.h"
#include "test/simulation/record.h"
#include "test/simulation/trace.h"

/* Two engines get the same events. The first one has got all of them; the second one is a new one
 * every few events, loaded from what the first one saves.
 *
 *   first    ──────────┬──────────────────┬────────
 *   second             └─load─▶ ──────────┤save: the same bytes
 *                                         └─load─▶ …
 *
 * After each event both have to have the same effects and the same deadline, and at each checkpoint
 * the same state to the last byte. That they do what they should is judged elsewhere: some lives go
 * on with an engine that was loaded (host_checkpoint()).
 */

#define APART_MAX 120 /* events between two checkpoints */

struct pair {
    struct engine *first;
    struct engine *second; /* NULL: before the first checkpoint */
    struct effects effects[2];
    uint64_t state; /* of the random numbers */
    size_t wait;    /* events to the next checkpoint */
};

static size_t draw(struct pair *pair)
{
    pair->state = pair->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return 1 + (size_t)(pair->state >> 33) % APART_MAX;
}

static void apply(struct sim *sim, struct engine *engine, const struct record *record,
                  struct effects *effects)
{
    struct event event;
    effects_reset(effects);
    record_event(sim, engine, record, &event);
    engine_apply(engine, &event, effects);
}

static void step(struct sim *sim, struct pair *pair, const struct record *record, size_t index)
{
    apply(sim, pair->first, record, &pair->effects[0]);
    if (pair->second == NULL || sim->failed) {
        return;
    }
    apply(sim, pair->second, record, &pair->effects[1]);
    if (record_digest(&pair->effects[1], record) != record_digest(&pair->effects[0], record) ||
        engine_deadline(pair->first) != engine_deadline(pair->second)) {
        trace_note(sim, "from the start, and from a checkpoint:");
        trace_record(sim, record, &pair->effects[0]);
        trace_record(sim, record, &pair->effects[1]);
        sim_fail(sim, "(23) event %zu of the epoch has other effects from a checkpoint", index);
    }
}

static bool same_bytes(const struct checkpoint *one, const struct checkpoint *other)
{
    return one->count == other->count && memcmp(one->bytes, other->bytes, one->count) == 0;
}

/* What the engine saves has to be `bytes`. */
static void compare(struct sim *sim, struct engine *engine, const struct checkpoint *bytes,
                    size_t index, const char *when)
{
    struct checkpoint saved;
    engine_save(engine, &saved);
    if (!same_bytes(&saved, bytes)) {
        size_t at = 0;
        while (at < saved.count && at < bytes->count && saved.bytes[at] == bytes->bytes[at]) {
            at++;
        }
        sim_fail(sim, "(23) %s event %zu the state differs at byte %zu of %zu and %zu", when, index,
                 at, bytes->count, saved.count);
    }
    checkpoint_finish(&saved);
}

static void make_checkpoint(struct sim *sim, struct pair *pair, const struct record *last,
                            size_t index)
{
    struct engine_options options;
    struct checkpoint saved;
    struct err err;
    struct record record = {.type = (enum event_type)EVENT_CHECKPOINT, .now = last->now};
    step(sim, pair, &record, index);
    if (sim->failed) {
        return;
    }
    engine_save(pair->first, &saved);
    if (pair->second != NULL) {
        compare(sim, pair->second, &saved, index, "lived on from a checkpoint, after");
    }
    engine_destroy(pair->second);
    host_options(sim, &options);
    options.hash_seed = sim->seed * 37 + index;
    pair->second = engine_create(&options);
    if (engine_load(pair->second, saved.bytes, saved.count, &err) < 0) {
        sim_fail(sim, "(23) what was saved after event %zu cannot be loaded: %s", index, err.text);
    } else {
        compare(sim, pair->second, &saved, index, "loaded after");
    }
    checkpoint_finish(&saved);
    pair->wait = draw(pair);
}

void checkpoints_check(struct sim *sim)
{
    struct host *host = &sim->host;
    struct engine_options options;
    struct pair pair = {.state = sim->seed};
    bool codecs = host->codecs;
    host->codecs = false;
    host_options(sim, &options);
    pair.first = engine_create(&options);
    effects_init(&pair.effects[0]);
    effects_init(&pair.effects[1]);
    pair.wait = draw(&pair);
    for (size_t i = 0; i < host->record_count && !sim->failed; i++) {
        step(sim, &pair, &host->records[i], i);
        pair.wait -= pair.wait > 0;
        if (pair.wait == 0 && !host->records[i].more && !sim->failed) {
            make_checkpoint(sim, &pair, &host->records[i], i);
        }
    }
    host->codecs = codecs;
    effects_finish(&pair.effects[0]);
    effects_finish(&pair.effects[1]);
    engine_destroy(pair.first);
    engine_destroy(pair.second);
}
