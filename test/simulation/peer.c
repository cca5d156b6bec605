// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/peer.h"

#include <string.h>

#include "test/simulation/api_server.h"
#include "test/simulation/faults.h"
#include "test/simulation/host.h"
#include "test/simulation/record.h"
#include "test/simulation/trace.h"

/* Its life is one term: it lists everything, leads, and dies when the engine under test is to lead
 * again, or starts anew. The lease sees to it that the two never decide at the same time, but not
 * to what either has on its way: bindings of the one land while the other plans, its nominations
 * and annotations stay, gangs are found half bound.
 *
 * No invariant looks into it; they look at what the engine under test makes of it, and at the
 * truth in the end.
 */

#define EPOCHS (UINT64_C(1) << 32) /* beyond those of the engine under test */

/* Who was bound by it. */
static void note_bindings(struct sim *sim)
{
    const struct effects *effects = &sim->peer.effects;
    for (size_t i = 0; i < effects->count; i++) {
        if (effects->items[i].type == EFFECT_POST_BINDING) {
            int pod = sim_number(effects->items[i].write.uid);
            if (sim->pods[pod].gang != SIM_NONE) { /* it may die of it, and room may go meanwhile */
                sim->gangs[sim->pods[pod].gang].torn = true;
            }
            faults_tear_exclusive(sim);
            sim->peer.bound[pod] = true;
            sim->pods[pod].displaced = true; /* it was not up to the engine under test */
        }
    }
}

static void apply(struct sim *sim, struct record *record)
{
    struct peer *peer = &sim->peer;
    struct event event;
    record->now = sim->now;
    effects_reset(&peer->effects);
    record_event(sim, peer->engine, record, &event);
    engine_apply(peer->engine, &event, &peer->effects);
    if (sim->trace != NULL) {
        trace_note(sim, "the other replica:");
        trace_record(sim, record, &peer->effects);
    }
    note_bindings(sim);
    peer->acting = true;
    for (size_t i = 0; i < peer->effects.count; i++) {
        host_carry_out(sim, &peer->effects.items[i], record);
    }
    peer->acting = false;
    int64_t deadline = engine_deadline(peer->engine);
    if (deadline < peer->tick_at) {
        int64_t delay = deadline > sim->now ? deadline - sim->now : 0;
        peer->tick_at = deadline;
        sim_later(sim, delay + 1, ACTION_PEER_TICK, 0, 0, peer->epoch);
    }
}

void peer_begin(struct sim *sim, uint64_t mark)
{
    struct peer *peer = &sim->peer;
    struct engine_options options;
    struct record record = {.type = EVENT_SYNCED};
    if (peer->engine != NULL || !sim->host.standby || sim->host.engine == NULL ||
        sim->host.epoch != mark) {
        return;
    }
    trace_note(sim, "the other replica leads");
    host_options(sim, &options);
    options.hash_seed = random_next(&sim->random);
    peer->engine = engine_create(&options);
    peer->epoch = EPOCHS + ++peer->lives;
    peer->tick_at = INT64_MAX;
    effects_init(&peer->effects);
    for (int kind = 0; kind < KINDS; kind++) {
        api_relist(sim, CLIENT_PEER, (enum sim_kind)kind);
    }
    apply(sim, &record);
}

void peer_end(struct sim *sim)
{
    struct peer *peer = &sim->peer;
    if (peer->engine == NULL) {
        return;
    }
    trace_note(sim, "the other replica is no more");
    engine_destroy(peer->engine);
    effects_finish(&peer->effects);
    peer->engine = NULL;
    api_close(sim, CLIENT_PEER);
    host_break_off(sim, peer->epoch);
}

bool peer_answers(struct sim *sim)
{
    return sim->peer.engine != NULL && !random_chance(&sim->random, 50);
}

void peer_show(struct sim *sim, const struct change *change)
{
    struct record record = {.change = *change, .pod = SIM_NONE, .nominated = SIM_NONE};
    static const enum event_type there[KINDS] = {EVENT_NODE, EVENT_POD, EVENT_GROUP};
    static const enum event_type gone[KINDS] = {EVENT_NODE_GONE, EVENT_POD_GONE, EVENT_GROUP_GONE};
    bool exists = change->kind == KIND_NODE  ? change->node.exists
                  : change->kind == KIND_POD ? change->pod.exists
                                             : change->group.exists;
    record.type = exists ? there[change->kind] : gone[change->kind];
    if (sim->peer.engine != NULL) {
        apply(sim, &record);
    }
}

bool peer_call(struct sim *sim, enum event_type type, int pod, const uint8_t *nodes, uint32_t count)
{
    struct record record;
    record_call(sim, sim->peer.engine, type, pod, nodes, count, &record);
    sim->host.answer.answered = false;
    apply(sim, &record);
    return sim->host.answer.answered;
}

bool peer_bind(struct sim *sim, int pod, int node, uint64_t ticket)
{
    struct record record = {.type = EVENT_BIND, .pod = pod, .node = node, .ticket = ticket};
    sim->calls[ticket].epoch = sim->peer.epoch;
    apply(sim, &record);
    return true;
}

void peer_give_up(struct sim *sim, uint64_t ticket)
{
    struct record record = {.type = EVENT_BIND_GIVE_UP, .ticket = ticket};
    sim->calls[ticket].shown = true;
    apply(sim, &record);
}

void peer_tick(struct sim *sim, uint64_t epoch)
{
    struct record record = {.type = EVENT_TICK};
    if (sim->peer.engine != NULL && epoch == sim->peer.epoch && sim->now >= sim->peer.tick_at) {
        sim->peer.tick_at = INT64_MAX;
        apply(sim, &record);
    }
}

void peer_outcome(struct sim *sim, const struct sim_write *write)
{
    struct record record = {
        .type = write->type == EFFECT_NOMINATE ? EVENT_NOMINATION_DONE : EVENT_BINDING_DONE,
        .pod = write->pod,
        .node = write->node,
        .outcome = write->outcome,
    };
    if (sim->peer.engine != NULL) {
        apply(sim, &record);
    }
}
