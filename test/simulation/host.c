// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "topology/alloc.h"

/* The daemon's part: gives events to the engine, carries out its effects, loses some of them, dies.
 *
 * Every event is made from a record, and the records of one life of the engine (an epoch) are kept,
 * so that the very same events can be given to a second engine, which must do the same.
 *
 * A crash may fall between any two effects of an apply: those before it were carried out, those
 * after it never were. Writes on their way then happen or do not, before anybody lists again. Open
 * bind calls see a broken connection.
 */

/* ---- effects ---- */

static int number_of(const char *text)
{
    return text == NULL ? SIM_NONE : (int)strtol(text + 1, NULL, 10);
}

static void send_write(struct sim *sim, const struct effect *effect)
{
    sim->writes =
        alloc_grow(sim->writes, &sim->write_room, sim->write_count + 1, sizeof(struct write));
    struct write *write = &sim->writes[sim->write_count];
    *write = (struct write){.type = effect->type,
                            .pod = number_of(effect->write.uid),
                            .node = number_of(effect->write.node),
                            .epoch = sim->host.epoch};
    if (effect->type == EFFECT_EXPLAIN) {
        write->text = sim_digest_text(0, effect->write.text);
    }
    if (effect->type != EFFECT_POST_BINDING) {
        sim->pods[write->pod].writes++;
        sim->engine_writes++;
        snprintf(sim->last_write, sizeof(sim->last_write), "p%d: %s %s", write->pod,
                 effect->type == EFFECT_EXPLAIN ? "explain" : "nominate",
                 effect->write.text != NULL   ? effect->write.text
                 : effect->write.node != NULL ? effect->write.node
                                              : "nowhere");
    }
    int64_t delay = random_chance(&sim->random, 950) ? random_range(&sim->random, 1, 20)
                                                     : random_range(&sim->random, 20, 4000);
    sim_later(sim, delay, ACTION_WRITE, (int)sim->write_count++, 0, 0);
}

static void answer_bind(struct sim *sim, const struct bind_reply *reply)
{
    struct bind_call *call =
        reply->ticket < sim->call_count ? &sim->calls[reply->ticket] : &sim->calls[0];
    if (call->state != CALL_OPEN || call->epoch != sim->host.epoch) {
        sim_fail(sim, "(3) bind ticket %llu is answered although it is not open (state %d)",
                 (unsigned long long)reply->ticket, (int)call->state);
        return;
    }
    call->state = CALL_ANSWERED;
    sim_later(sim, random_range(&sim->random, 0, 3), ACTION_BIND_ANSWER, 0, reply->error == NULL,
              reply->ticket);
}

/* A hold that is shorter than three of kube-scheduler's backoffs may well run out, and so may one
 * that was made for a pod which kube-scheduler asked about after it was gone. */
static bool may_run_out(const struct sim *sim, const struct event_effect *event)
{
    int number = number_of(event->name);
    int gang = event->group ? number : sim->pods[number].gang;
    int64_t timeout = sim->gangs[gang].state.timeout_ms;
    for (int i = 0; i < sim->pod_count; i++) {
        if (sim->pods[i].gang == gang && sim->host.seen_ever[i] && sim->host.seen[i].exists &&
            !sim->pods[i].state.exists) {
            return true;
        }
    }
    return timeout > 0 && timeout < SIM_HOLD_MS;
}

static void carry_out(struct sim *sim, const struct effect *effect, const struct record *record)
{
    struct filter_answer *answer = &sim->host.answer;
    switch (effect->type) {
    case EFFECT_FILTER_REPLY:
        answer->answered = true;
        answer->verdict = effect->filter.verdict;
        answer->index = effect->filter.index;
        answer->reason = sim_digest_text(0, effect->filter.reason);
        for (uint32_t i = 0; i < record->node_count; i++) {
            answer->passes[i] = effect->filter.passes == NULL || effect->filter.passes[i];
        }
        break;
    case EFFECT_PRIORITIZE_REPLY:
        answer->answered = true;
        sim->host.prioritized = effect->prioritize.index;
        break;
    case EFFECT_PREEMPT_REPLY:
        answer->answered = true;
        break;
    case EFFECT_BIND_REPLY:
        answer_bind(sim, &effect->bind);
        break;
    case EFFECT_POST_BINDING:
    case EFFECT_NOMINATE:
    case EFFECT_EXPLAIN:
        send_write(sim, effect);
        break;
    case EFFECT_EVICT:
        sim_fail(sim, "an eviction of %s that nobody asked for", effect->write.name);
        break;
    case EFFECT_EVENT:
        sim->engine_events++;
        snprintf(sim->last_write, sizeof(sim->last_write), "event %s of %s: %s",
                 effect->event.reason, effect->event.name, effect->event.message);
        if (sim->now >= sim->aborts_from && strcmp(effect->event.reason, "GangAborted") == 0 &&
            !may_run_out(sim, &effect->event)) {
            sim_fail(sim, "(7) a hold ran out although nothing was in the way: %s",
                     effect->event.message);
        }
        break;
    case EFFECT_TRANSITION:
        break;
    }
}

static void arm_tick(struct sim *sim)
{
    struct host *host = &sim->host;
    int64_t deadline = engine_deadline(host->engine);
    if (deadline >= host->tick_at) {
        return;
    }
    int64_t delay = deadline > sim->now ? deadline - sim->now : 0;
    delay += random_range(&sim->random, 0, 3);
    host->tick_at = deadline;
    sim_later(sim, delay, ACTION_TICK, 0, 0, host->epoch);
}

/* The moment when dying hurts most. */
static bool posts_bindings(const struct effects *effects)
{
    for (size_t i = 0; i < effects->count; i++) {
        if (effects->items[i].type == EFFECT_POST_BINDING && effects->items[i].write.gang != NULL) {
            return true;
        }
    }
    return false;
}

static bool apply(struct sim *sim, struct record *record)
{
    struct host *host = &sim->host;
    if (host->engine == NULL || sim->failed) {
        return false;
    }
    record->now = sim->now;
    invariants_before(sim, record);
    effects_reset(&host->effects);
    record_apply(sim, host->engine, &host->effects, record);
    sim->applies++;
    record->digest = record_digest(&host->effects, record);
    host->records = alloc_grow(host->records, &host->record_room, host->record_count + 1,
                               sizeof(struct record));
    host->records[host->record_count++] = *record;
    invariants_after(sim, record);
    size_t count = host->effects.count;
    int chance = sim->chance_crash * (posts_bindings(&host->effects) ? 30 : 1);
    bool crash = !sim->calm && random_chance(&sim->random, chance);
    if (crash) {
        count = (size_t)random_range(&sim->random, 0, (int64_t)count);
    }
    for (size_t i = 0; i < count; i++) {
        carry_out(sim, &host->effects.items[i], record);
    }
    if (crash) {
        host_crash(sim);
        return false;
    }
    arm_tick(sim);
    return true;
}

/* ---- events ---- */

void host_show(struct sim *sim, const struct change *change)
{
    struct record record = {.change = *change, .pod = SIM_NONE, .nominated = SIM_NONE};
    switch (change->kind) {
    case KIND_NODE:
        record.type = change->node.exists ? EVENT_NODE : EVENT_NODE_GONE;
        break;
    case KIND_POD:
        record.type = change->pod.exists ? EVENT_POD : EVENT_POD_GONE;
        break;
    case KIND_GROUP:
    case KINDS:
        record.type = change->group.exists ? EVENT_GROUP : EVENT_GROUP_GONE;
        break;
    }
    (void)apply(sim, &record);
}

static bool call(struct sim *sim, enum event_type type, int pod, const uint8_t *nodes,
                 uint32_t count, int nominated)
{
    struct record record = {.type = type, .pod = pod, .nominated = nominated};
    char uid[16];
    if (sim->host.engine == NULL) {
        return false;
    }
    record.ticket = sim->step;
    record.with_object = !engine_knows_pod(sim->host.engine, sim_name(uid, 'u', pod));
    record.change.kind = KIND_POD;
    record.change.index = pod;
    record.change.pod = sim->kube.pods[pod].view;
    memcpy(record.nodes, nodes, count);
    record.node_count = count;
    sim->host.answer.answered = false;
    (void)apply(sim, &record);
    return sim->host.answer.answered;
}

bool host_filter(struct sim *sim, int pod, const uint8_t *nodes, uint32_t count, int nominated)
{
    return call(sim, EVENT_FILTER, pod, nodes, count, nominated);
}

bool host_prioritize(struct sim *sim, int pod, const uint8_t *nodes, uint32_t count)
{
    return call(sim, EVENT_PRIORITIZE, pod, nodes, count, SIM_NONE);
}

bool host_preempt(struct sim *sim, int pod, const uint8_t *nodes, uint32_t count)
{
    return call(sim, EVENT_PREEMPT, pod, nodes, count, SIM_NONE);
}

bool host_bind(struct sim *sim, int pod, int node, uint64_t ticket)
{
    struct record record = {.type = EVENT_BIND, .pod = pod, .node = node, .ticket = ticket};
    if (sim->host.engine == NULL) {
        return false;
    }
    sim->calls[ticket].epoch = sim->host.epoch;
    (void)apply(sim, &record);
    return sim->calls[ticket].state != CALL_BROKEN;
}

void host_give_up(struct sim *sim, uint64_t ticket)
{
    struct record record = {.type = EVENT_BIND_GIVE_UP, .ticket = ticket};
    if (sim->host.engine != NULL && sim->calls[ticket].epoch == sim->host.epoch) {
        (void)apply(sim, &record);
    }
}

void host_tick(struct sim *sim, uint64_t epoch)
{
    struct record record = {.type = EVENT_TICK};
    struct host *host = &sim->host;
    if (host->engine == NULL || epoch != host->epoch || sim->now < host->tick_at) {
        return;
    }
    host->tick_at = INT64_MAX;
    if (apply(sim, &record) && engine_deadline(host->engine) <= sim->now) {
        sim_fail(sim, "the engine wants another tick at %lld, which is over",
                 (long long)engine_deadline(host->engine));
    }
}

/* ---- writes ---- */

static enum write_outcome land(struct sim *sim, const struct write *write)
{
    switch ((int)write->type) {
    case EFFECT_POST_BINDING:
        return api_bind(sim, write->pod, write->node);
    case EFFECT_NOMINATE:
        return api_nominate(sim, write->pod, write->node);
    default:
        return api_explain(sim, write->pod, write->text);
    }
}

void host_write(struct sim *sim, int index)
{
    struct write *write = &sim->writes[index];
    if (write->landed) {
        return; /* its sender died; that was settled then */
    }
    write->landed = true;
    int64_t delay = random_range(&sim->random, 1, 10);
    bool safe = sim->calm && write->type != EFFECT_NOMINATE;
    if (safe || !random_chance(&sim->random, sim->chance_lost)) {
        write->outcome = land(sim, write);
    } else {
        int64_t kind = random_range(&sim->random, 0, 3);
        enum write_outcome unseen = kind == 0 ? land(sim, write) : WRITE_UNKNOWN;
        (void)unseen;
        write->outcome = kind <= 1 ? WRITE_UNKNOWN : WRITE_REFUSED;
        if (kind <= 1) {
            delay = SIM_PATIENCE_MS;
        }
    }
    if (write->type != EFFECT_EXPLAIN) {
        sim_later(sim, delay, ACTION_OUTCOME, index, 0, 0);
    }
}

void host_outcome(struct sim *sim, int index)
{
    const struct write *write = &sim->writes[index];
    struct record record = {
        .type = write->type == EFFECT_NOMINATE ? EVENT_NOMINATION_DONE : EVENT_BINDING_DONE,
        .pod = write->pod,
        .node = write->node,
        .outcome = write->outcome,
    };
    if (write->epoch == sim->host.epoch) {
        (void)apply(sim, &record);
    }
}

/* ---- life and death ---- */

void host_replay(struct sim *sim)
{
    struct host *host = &sim->host;
    struct engine_options options;
    struct effects effects;
    engine_options_default(&options);
    options.hash_seed = sim->seed * 31 + 7;
    struct engine *engine = engine_create(&options);
    effects_init(&effects);
    for (size_t i = 0; i < host->record_count && !sim->failed; i++) {
        effects_reset(&effects);
        record_apply(sim, engine, &effects, &host->records[i]);
        if (record_digest(&effects, &host->records[i]) != host->records[i].digest) {
            sim_fail(sim, "(4) event %zu of the epoch has other effects in a second engine", i);
        }
    }
    effects_finish(&effects);
    engine_destroy(engine);
}

/* One stage after the other, so that calls come in between: three lists, then "synced". */
static void start_stage(struct sim *sim, int stage)
{
    struct record record = {.type = EVENT_SYNCED};
    if (stage == KINDS) {
        (void)apply(sim, &record);
        return;
    }
    api_relist(sim, CLIENT_ENGINE, (enum sim_kind)((stage + (int)sim->host.epoch) % KINDS));
    sim_later(sim, random_range(&sim->random, 0, 200), ACTION_START, 0, 0, sim->host.epoch);
}

void host_start(struct sim *sim)
{
    struct host *host = &sim->host;
    if (host->engine == NULL) {
        struct engine_options options;
        engine_options_default(&options);
        options.hold_timeout_ms = SIM_HOLD_MS;
        options.hash_seed = random_next(&sim->random);
        host->engine = engine_create(&options);
        host->epoch++;
        host->draining = false;
        host->tick_at = INT64_MAX;
        host->record_count = 0;
        memset(host->seen_ever, 0, sizeof(host->seen_ever));
        memset(host->posted, 0, sizeof(host->posted));
        host->stage = 0;
    }
    start_stage(sim, host->stage++);
}

void host_crash(struct sim *sim)
{
    struct host *host = &sim->host;
    if (host->engine == NULL) {
        return;
    }
    host_replay(sim);
    engine_destroy(host->engine);
    host->engine = NULL;
    sim->crashes++;
    api_close(sim, CLIENT_ENGINE);
    for (size_t i = 0; i < sim->write_count; i++) {
        struct write *write = &sim->writes[i];
        if (write->epoch == host->epoch && !write->landed) {
            write->landed = true;
            if (random_chance(&sim->random, 500)) {
                write->outcome = land(sim, write);
            }
        }
    }
    for (size_t i = 0; i < sim->call_count; i++) {
        if (sim->calls[i].epoch == host->epoch && sim->calls[i].state == CALL_OPEN) {
            sim->calls[i].state = CALL_BROKEN;
            sim_later(sim, 1, ACTION_BIND_ANSWER, 0, 0, i);
        }
    }
    host->stage = 0;
    sim_later(sim, random_range(&sim->random, 100, 20000), ACTION_START, 0, 0, 0);
}

void host_drain(struct sim *sim)
{
    struct record record = {.type = EVENT_DRAIN};
    if (sim->host.engine == NULL || sim->host.draining) {
        return;
    }
    sim->host.draining = true;
    if (apply(sim, &record)) {
        sim_later(sim, random_range(&sim->random, 0, 12000), ACTION_STOP, 0, 0, sim->host.epoch);
    }
}
