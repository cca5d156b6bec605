// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/host.h"

#include <stdio.h>
#include <string.h>

#include "test/simulation/account.h"
#include "test/simulation/api_server.h"
#include "test/simulation/gpus.h"
#include "test/simulation/invariants.h"
#include "test/simulation/journals.h"
#include "test/simulation/peer.h"
#include "test/simulation/record.h"
#include "test/simulation/replay.h"
#include "test/simulation/shown.h"
#include "test/simulation/trace.h"
#include "test/simulation/victims.h"
#include "test/simulation/wire_calls.h"
#include "test/simulation/wire_writes.h"
#include "topology/base/alloc.h"

#define CHECKPOINT_SEEDS   8  /* every so many goes on from checkpoints … */
#define CHECKPOINT_APPLIES 30 /* … after every so many events */

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

static void send_write(struct sim *sim, const struct effect *effect)
{
    sim->writes =
        alloc_grow(sim->writes, &sim->write_room, sim->write_count + 1, sizeof(struct sim_write));
    struct sim_write *write = &sim->writes[sim->write_count];
    *write = (struct sim_write){
        .type = effect->type,
        .pod = sim_number(effect->write.uid),
        .node = sim_number(effect->write.node),
        .committed = sim_number(effect->type == EFFECT_POST_BINDING ? effect->write.run : NULL),
        .devices = gpus_set(effect->type == EFFECT_POST_BINDING ? effect->write.devices : NULL),
        .epoch = peer_epoch_of_writer(sim)};
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
    if (sim->host.codecs) {
        wire_write(sim, effect);
    }
    sim_later(sim, sim_delay(sim, 1, 20, 50, 4000), ACTION_WRITE, (int)sim->write_count++, 0, 0);
}

static void answer_bind(struct sim *sim, const struct bind_reply *reply)
{
    struct bind_call *call =
        reply->ticket < sim->call_count ? &sim->calls[reply->ticket] : &sim->calls[0];
    if (call->state == CALL_GIVEN_UP && !call->shown) {
        call->state = CALL_BROKEN; /* into a connection that is closed by now */
        return;
    }
    if (call->state != CALL_OPEN || call->epoch != peer_epoch_of_writer(sim)) {
        sim_fail(sim, "(3) bind ticket %llu is answered although it is not open (state %d)",
                 (unsigned long long)reply->ticket, (int)call->state);
        return;
    }
    const struct pod_state *is = &sim->pods[call->pod].state;
    if (reply->error == NULL && is->exists && is->node != call->node) {
        sim_fail(sim, "(6) the caller is told that p%d is bound to n%d, and it is on n%d",
                 call->pod, call->node, is->node);
    }
    call->state = CALL_ANSWERED;
    bool bound = sim->host.codecs ? wire_bind_answer(sim, reply->error) : reply->error == NULL;
    sim_later(sim, sim_delay(sim, 0, 3, 20, 2000), ACTION_BIND_ANSWER, 0, bound, reply->ticket);
}

static void answer_filter(struct sim *sim, const struct filter_reply *reply,
                          const struct record *record)
{
    struct filter_answer *answer = &sim->host.answer;
    answer->answered = true;
    if (sim->host.codecs) {
        wire_filter_answer(sim, record, reply, answer);
        return;
    }
    answer->verdict = reply->verdict;
    answer->index = reply->index;
    answer->reason = sim_digest_text(0, reply->reason);
    for (uint32_t i = 0; i < record->node_count; i++) {
        answer->passes[i] = reply->passes == NULL || reply->passes[i];
    }
}

void host_carry_out(struct sim *sim, const struct effect *effect, const struct record *record)
{
    struct filter_answer *answer = &sim->host.answer;
    switch (effect->type) {
    case EFFECT_FILTER_REPLY:
        answer_filter(sim, &effect->filter, record);
        break;
    case EFFECT_PRIORITIZE_REPLY:
        answer->answered = true;
        sim->host.prioritized = sim->host.codecs
                                    ? wire_prioritize_answer(sim, record, effect->prioritize.index)
                                    : effect->prioritize.index;
        break;
    case EFFECT_PREEMPT_REPLY:
        answer->answered = true;
        if (sim->host.codecs) {
            wire_preempt_answer(sim, record, effect->preempt.keeps);
        }
        for (uint32_t i = 0; i < record->node_count; i++) {
            answer->passes[i] = effect->preempt.keeps == NULL || effect->preempt.keeps[i];
        }
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
        victims_evict(sim, sim_number(effect->write.uid));
        break;
    case EFFECT_EVENT:
        sim->engine_events++;
        snprintf(sim->last_write, sizeof(sim->last_write), "event %s of %s: %s",
                 effect->event.reason, effect->event.name, effect->event.message);
        if (sim->now >= sim->aborts_from && strcmp(effect->event.reason, "GangAborted") == 0 &&
            !invariants_may_run_out(sim, &effect->event)) {
            sim_fail(sim, "(7) a hold expired although nothing was in the way: %s",
                     effect->event.message);
        }
        break;
    case EFFECT_TRANSITION:
        break;
    case EFFECT_SKIPPED:
        sim_fail(sim, "%s is left out: %s", effect->skipped.name, effect->skipped.message);
        break;
    case EFFECT_PHASE:
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
    int64_t delay = deadline > host_clock(sim) ? deadline - host_clock(sim) : 0;
    host->tick_at = deadline;
    sim_later(sim, delay + sim_delay(sim, 0, 3, 0, 3), ACTION_TICK, 0, 0, host->epoch);
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

/* Whether the process dies in this apply. */
static bool dies_now(struct sim *sim)
{
    struct host *host = &sim->host;
    bool counts = host->crash_posting ? posts_bindings(&host->effects) : host->effects.count > 0;
    if (sim->calm || host->crash_applies == 0 || !counts) {
        return false;
    }
    return --host->crash_applies == 0;
}

/* Goes on with an engine that is loaded from what this one saves. */
static void swap_engine(struct sim *sim)
{
    struct host *host = &sim->host;
    struct engine_options options;
    struct checkpoint saved;
    struct err err;
    engine_save(host->engine, &saved);
    host_options(sim, &options);
    struct engine *loaded = engine_create(&options);
    if (engine_load(loaded, saved.bytes, saved.count, &err) < 0) {
        sim_fail(sim, "(23) what was saved cannot be loaded: %s", err.text);
    }
    checkpoint_finish(&saved);
    engine_destroy(host->engine);
    host->engine = loaded;
}

/* After every so many applies of some runs; not in the middle of a batch. */
static bool host_checkpoint(struct sim *sim)
{
    struct record record = {.type = EVENT_CHECKPOINT, .pod = SIM_NONE, .nominated = SIM_NONE};
    if (sim->seed % CHECKPOINT_SEEDS != 3 || sim->applies % CHECKPOINT_APPLIES != 0) {
        return true;
    }
    bool alive = host_apply(sim, &record);
    if (alive && !sim->failed) {
        swap_engine(sim);
    }
    return alive;
}

bool host_apply(struct sim *sim, struct record *record)
{
    struct host *host = &sim->host;
    struct event event;
    if (host->engine == NULL || sim->failed) {
        return false;
    }
    record->now = host_clock(sim);
    invariants_before(sim, record);
    effects_reset(&host->effects);
    record_event(sim, host->engine, record, &event);
    engine_apply(host->engine, &event, &host->effects);
    journals_step(sim, &event);
    sim->applies++;
    record->digest = record_digest(&host->effects, record);
    host->records = alloc_grow(host->records, &host->record_room, host->record_count + 1,
                               sizeof(struct record));
    host->records[host->record_count++] = *record;
    trace_record(sim, record, &host->effects);
    invariants_after(sim, record);
    size_t count = host->effects.count;
    bool crash = dies_now(sim);
    if (crash) {
        count = (size_t)(host->crash_at % (count + 1));
        trace_note(sim, "the process dies after %zu of %zu effects", count, host->effects.count);
    }
    for (size_t i = 0; i < count; i++) {
        host_carry_out(sim, &host->effects.items[i], record);
    }
    if (crash) {
        host_crash(sim);
        return false;
    }
    arm_tick(sim);
    if (!record->more && record->type != EVENT_CHECKPOINT) {
        return host_checkpoint(sim);
    }
    return true;
}

/* ---- events ---- */

void host_show(struct sim *sim, const struct change *change)
{
    struct record record = {
        .change = *change, .pod = SIM_NONE, .nominated = SIM_NONE, .more = sim->host.more};
    switch (change->kind) {
    case KIND_NODE:
        record.type = !change->node.exists ? EVENT_NODE_GONE
                      : shown_but_map(&sim->host.nodes[change->index], &change->node)
                          ? EVENT_DEVICES
                          : EVENT_NODE;
        break;
    case KIND_POD:
        record.type = change->pod.exists ? EVENT_POD : EVENT_POD_GONE;
        break;
    case KIND_GROUP:
    case KINDS:
        record.type = change->group.exists ? EVENT_GROUP : EVENT_GROUP_GONE;
        break;
    }
    (void)host_apply(sim, &record);
}

static bool call(struct sim *sim, enum event_type type, int pod, const uint8_t *nodes,
                 uint32_t count)
{
    struct record record;
    if (peer_answers(sim)) {
        return peer_call(sim, type, pod, nodes, count);
    }
    if (sim->host.engine == NULL || host_is_frozen(sim)) {
        return false;
    }
    record_call(sim, sim->host.engine, type, pod, nodes, count, &record);
    sim->host.answer.answered = false;
    (void)host_apply(sim, &record);
    return sim->host.answer.answered;
}

bool host_filter(struct sim *sim, int pod, const uint8_t *nodes, uint32_t count)
{
    return call(sim, EVENT_FILTER, pod, nodes, count);
}

bool host_prioritize(struct sim *sim, int pod, const uint8_t *nodes, uint32_t count)
{
    return call(sim, EVENT_PRIORITIZE, pod, nodes, count);
}

bool host_preempt(struct sim *sim, int pod, const uint8_t *nodes, uint32_t count)
{
    return call(sim, EVENT_PREEMPT, pod, nodes, count);
}

bool host_bind(struct sim *sim, int pod, int node, uint64_t ticket)
{
    struct record record = {.type = EVENT_BIND, .pod = pod, .node = node, .ticket = ticket};
    if (peer_answers(sim)) {
        return peer_bind(sim, pod, node, ticket);
    }
    if (sim->host.engine == NULL) {
        return false;
    }
    sim->calls[ticket].epoch = sim->host.epoch;
    (void)host_apply(sim, &record);
    return sim->calls[ticket].state != CALL_BROKEN;
}

void host_give_up(struct sim *sim, uint64_t ticket)
{
    struct record record = {.type = EVENT_BIND_GIVE_UP, .ticket = ticket};
    if (sim->peer.engine != NULL && sim->calls[ticket].epoch == sim->peer.epoch) {
        peer_give_up(sim, ticket);
        return;
    }
    if (host_is_frozen(sim)) {
        sim_later(sim, sim->host.frozen_until - sim->now, ACTION_GIVE_UP, 0, 0, ticket);
        return;
    }
    struct bind_call *call = &sim->calls[ticket];
    if (sim->host.engine != NULL && call->epoch == sim->host.epoch &&
        call->state == CALL_GIVEN_UP) {
        call->shown = true;
        (void)host_apply(sim, &record);
    }
}

void host_tick(struct sim *sim, uint64_t epoch)
{
    struct record record = {.type = EVENT_TICK};
    struct host *host = &sim->host;
    if (host->engine == NULL || epoch != host->epoch || host_clock(sim) < host->tick_at) {
        return;
    }
    if (host_is_frozen(sim)) {
        sim_later(sim, host->frozen_until - sim->now, ACTION_TICK, 0, 0, epoch);
        return;
    }
    host->tick_at = INT64_MAX;
    if (host_apply(sim, &record) && engine_deadline(host->engine) <= host_clock(sim)) {
        sim_fail(sim, "the engine wants another tick at %lld, which is over",
                 (long long)engine_deadline(host->engine));
    }
}

/* ---- writes ---- */

static enum write_outcome land(struct sim *sim, struct sim_write *write)
{
    enum api_answer answer;
    write->landed = true;
    switch ((int)write->type) {
    case EFFECT_POST_BINDING:
        answer = api_bind(sim, write->pod, write->node, write->devices, write->committed,
                          sim->pods[write->pod].gang != SIM_NONE);
        break;
    case EFFECT_NOMINATE:
        answer = api_nominate(sim, write->pod, write->node);
        break;
    default:
        answer = api_explain(sim, write->pod, write->text);
        break;
    }
    trace_write(sim, write, api_outcome(answer));
    return sim->host.codecs ? wire_outcome(sim, write, answer) : api_outcome(answer);
}

static void resolve(struct sim *sim, int index, enum write_outcome outcome, int64_t delay)
{
    sim->writes[index].outcome = outcome;
    if (sim->writes[index].type != EFFECT_EXPLAIN) {
        sim_later(sim, delay, ACTION_OUTCOME, index, 0, 0);
    }
}

/* Whether something is in the way of a write. Nominations may be lost at any time. */
static bool is_lost(struct sim *sim, const struct sim_write *write)
{
    if (sim->now < sim->losses.until) {
        return random_chance(&sim->random, sim->losses.chance);
    }
    return write->type == EFFECT_NOMINATE && !sim_drops(sim, 0) &&
           random_chance(&sim->random, sim->forgetful);
}

void host_write(struct sim *sim, int index)
{
    struct sim_write *write = &sim->writes[index];
    if (write->landed) {
        return; /* its sender died; that was resolved then */
    }
    if (!is_lost(sim, write)) {
        resolve(sim, index, land(sim, write), sim_delay(sim, 1, 10, 20, 5000));
        return;
    }
    trace_note(sim, "something happens to a write of p%d", write->pod);
    if (sim->pods[write->pod].gang != SIM_NONE) {
        sim->gangs[sim->pods[write->pod].gang].lost_at = sim->now;
    }
    switch (random_index(&sim->random, 6)) {
    case 0: /* done, but the answer is lost */
        (void)land(sim, write);
        resolve(sim, index, WRITE_UNKNOWN, SIM_PATIENCE_MS);
        break;
    case 1: /* lost on the way */
        write->landed = true;
        resolve(sim, index, WRITE_UNKNOWN, SIM_PATIENCE_MS);
        break;
    case 2: /* the writer gives up, and it happens all the same */
        resolve(sim, index, WRITE_UNKNOWN, SIM_PATIENCE_MS);
        sim_later(sim, SIM_PATIENCE_MS + random_range(&sim->random, 1, 15000), ACTION_LAND, index,
                  0, 0);
        break;
    case 3: /* 429 or 500 at first */
        sim_later(sim, random_range(&sim->random, 100, SIM_PATIENCE_MS - 1000), ACTION_LAND, index,
                  1, 0);
        break;
    default:
        write->landed = true;
        resolve(sim, index,
                sim->host.codecs ? wire_outcome(sim, write, API_FORBIDDEN) : WRITE_REFUSED, 5);
        break;
    }
}

void host_land(struct sim *sim, int index, bool answered)
{
    struct sim_write *write = &sim->writes[index];
    if (write->landed) {
        return;
    }
    enum write_outcome outcome = land(sim, write);
    if (answered) {
        resolve(sim, index, outcome, 5);
    }
}

void host_outcome(struct sim *sim, int index)
{
    const struct sim_write write = sim->writes[index]; /* what follows may write, too */
    struct record record = {
        .type = write.type == EFFECT_NOMINATE ? EVENT_NOMINATION_DONE : EVENT_BINDING_DONE,
        .pod = write.pod,
        .node = write.node,
        .outcome = write.outcome,
    };
    if (write.epoch == sim->peer.epoch) {
        peer_outcome(sim, &write);
    }
    if (write.epoch != sim->host.epoch) {
        return;
    }
    if (host_is_frozen(sim)) {
        sim_later(sim, sim->host.frozen_until - sim->now, ACTION_OUTCOME, index, 0, 0);
        return;
    }
    (void)host_apply(sim, &record);
}

/* ---- life and death ---- */

void host_options(const struct sim *sim, struct engine_options *options)
{
    engine_options_default(options);
    options->hold_timeout_ms = SIM_HOLD_MS;
    options->repair_timeout_ms = sim->repair_ms;
    options->tenant_holds = (uint32_t)sim->holds_most;
    options->incomplete = sim->evicts ? ENGINE_INCOMPLETE_EVICT : ENGINE_INCOMPLETE_KEEP;
}

/* One stage after the other, so that calls come in between: three lists, then "synced". */
static void start_stage(struct sim *sim, int stage)
{
    struct record record = {.type = EVENT_SYNCED};
    if (stage == KINDS) {
        (void)host_apply(sim, &record);
        return;
    }
    api_relist(sim, CLIENT_ENGINE, (enum sim_kind)((stage + (int)sim->host.epoch) % KINDS));
    sim_later(sim, random_range(&sim->random, 0, 200), ACTION_START, 0, 0, sim->host.epoch);
}

void host_start(struct sim *sim)
{
    struct host *host = &sim->host;
    if (host_is_frozen(sim)) {
        sim_later(sim, host->frozen_until - sim->now, ACTION_START, 0, 0, host->epoch);
        return;
    }
    if (host->engine == NULL) {
        struct engine_options options;
        peer_end(sim);
        host_options(sim, &options);
        options.hash_seed = random_next(&sim->random);
        host->engine = engine_create(&options);
        host->epoch++;
        journals_begin(sim, &options);
        host->draining = false;
        host->tick_at = INT64_MAX;
        host->record_count = 0;
        memset(host->seen_ever, 0, sizeof(host->seen_ever));
        memset(host->posted, 0, sizeof(host->posted));
        memset(host->nominated, 0, sizeof(host->nominated));
        memset(host->phase, 0, sizeof(host->phase));
        account_reset(sim);
        memset(host->reason, 0, sizeof(host->reason));
        host->standby = false;
        memset(host->taken_back, 0, sizeof(host->taken_back));
        for (int i = 0; i < SIM_PODS_MAX; i++) {
            host->asked_for[i] = host->shown[i] = SIM_NONE;
        }
        memset(host->groups, 0, sizeof(host->groups));
        memset(host->nodes, 0, sizeof(host->nodes));
        memset(host->ready, 0, sizeof(host->ready));
        memset(host->ready_last, 0, sizeof(host->ready_last));
        memset(host->troubled_until, 0, sizeof(host->troubled_until));
        host->stage = 0;
    }
    start_stage(sim, host->stage++);
}

void host_break_off(struct sim *sim, uint64_t epoch)
{
    for (size_t i = 0; i < sim->write_count; i++) {
        struct sim_write *write = &sim->writes[i];
        if (write->epoch == epoch && !write->landed) {
            write->landed = true;
            if (random_chance(&sim->random, 500)) {
                (void)land(sim, write);
            }
        }
    }
    for (size_t i = 0; i < sim->call_count; i++) {
        if (sim->calls[i].epoch == epoch && sim->calls[i].state == CALL_OPEN) {
            sim->calls[i].state = CALL_BROKEN;
            sim_later(sim, 1, ACTION_BIND_ANSWER, 0, 0, i);
        }
    }
}

void host_crash(struct sim *sim)
{
    struct host *host = &sim->host;
    if (host->engine == NULL) {
        return;
    }
    replay_epoch(sim);
    journals_end(sim, "the process is dead");
    engine_destroy(host->engine);
    host->engine = NULL;
    host->frozen_until = 0;
    host->crash_applies = 0;
    sim->crashes++;
    trace_note(sim, "the process is dead");
    api_close(sim, CLIENT_ENGINE);
    host_break_off(sim, host->epoch);
    host->stage = 0;
    sim_later(sim, random_range(&sim->random, 100, 20000), ACTION_START, 0, 0, 0);
}

bool host_is_frozen(const struct sim *sim)
{
    return sim->now < sim->host.frozen_until;
}
