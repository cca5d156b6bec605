// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/record.h"

#include <string.h>

#include "test/simulation/objects.h"
#include "test/simulation/wire_calls.h"

/* From records to events, and from effects to a number that tells whether two engines did the same.
 *
 * A record holds numbers only; the strings of its event live in sim->arena for one apply, which is
 * what the engine is promised and no longer. What is not in the record itself (a pod's shape, its
 * gang, where that wants to be) never changes after the pod was made.
 */

static void fill_call(struct sim *sim, const struct engine *engine, const struct record *record,
                      struct filter_event *event)
{
    char name[16];
    uint32_t *rows = arena_alloc(&sim->arena, SIM_NODES_MAX, sizeof *rows);
    for (uint32_t i = 0; i < record->node_count; i++) {
        sim_name(name, 'n', record->nodes[i]);
        rows[i] = engine_node_row(engine, name, strlen(name));
    }
    event->rows = rows;
    event->row_count = record->node_count;
    event->pod.uid = objects_name(sim, 'u', record->pod);
    if (record->nominated != SIM_NONE) {
        event->pod.nominated = objects_name(sim, 'n', record->nominated);
    }
    if (record->with_object) {
        struct pod_object *object = arena_alloc(&sim->arena, 1, sizeof *object);
        objects_pod(sim, record->pod, &record->change.pod, object);
        event->pod.object = object;
    }
}

static void fill_bind(struct sim *sim, const struct record *record, struct bind_event *event)
{
    *event = (struct bind_event){
        .name_space = "ns",
        .name = objects_name(sim, 'p', sim->pods[record->pod].name),
        .uid = objects_name(sim, 'u', record->pod),
        .node = objects_name(sim, 'n', record->node),
    };
}

static void fill_done(struct sim *sim, const struct record *record, struct event *event)
{
    event->done = (struct write_done_event){
        .uid = objects_name(sim, 'u', record->pod),
        .node = record->node == SIM_NONE ? NULL : objects_name(sim, 'n', record->node),
        .outcome = record->outcome,
        .message = record->outcome == WRITE_DONE ? "" : "the write failed",
    };
}

static void fill_watch(struct sim *sim, const struct change *change, struct event *event)
{
    switch ((int)event->type) {
    case EVENT_NODE:
        objects_node(sim, change->index, &change->node, &event->node);
        break;
    case EVENT_NODE_GONE:
        event->node_name = objects_name(sim, 'n', change->index);
        break;
    case EVENT_POD:
        objects_pod(sim, change->index, &change->pod, &event->pod);
        break;
    case EVENT_POD_GONE:
        event->pod_uid = objects_name(sim, 'u', change->index);
        break;
    case EVENT_GROUP:
        objects_group(sim, change->index, &change->group, &event->group);
        break;
    default:
        event->group_gone.name_space = "ns";
        event->group_gone.name = objects_name(sim, 'g', change->index);
        break;
    }
}

static void fill_calls(struct sim *sim, const struct engine *engine, const struct record *record,
                       struct event *event)
{
    struct filter_event call = {.rows = NULL};
    if (record->type == EVENT_BIND) {
        if (sim->host.codecs) {
            wire_bind_call(sim, record, &event->bind);
        } else {
            fill_bind(sim, record, &event->bind);
        }
        event->bind.ticket = record->ticket;
        return;
    }
    if (sim->host.codecs) {
        wire_call(sim, engine, record, &call);
    } else {
        fill_call(sim, engine, record, &call);
    }
    call.ticket = record->ticket;
    if (record->type == EVENT_PREEMPT) {
        event->preempt = (struct preempt_event){
            .ticket = call.ticket, .pod = call.pod, .rows = call.rows, .row_count = call.row_count};
    } else {
        event->filter = call;
    }
}

void record_event(struct sim *sim, const struct engine *engine, const struct record *record,
                  struct event *event)
{
    memset(event, 0, sizeof(*event));
    event->type = record->type;
    event->now = record->now;
    arena_reset(&sim->arena);
    switch ((int)record->type) {
    case EVENT_NODE:
    case EVENT_NODE_GONE:
    case EVENT_POD:
    case EVENT_POD_GONE:
    case EVENT_GROUP:
    case EVENT_GROUP_GONE:
        fill_watch(sim, &record->change, event);
        break;
    case EVENT_FILTER:
    case EVENT_PRIORITIZE:
    case EVENT_PREEMPT:
    case EVENT_BIND:
        fill_calls(sim, engine, record, event);
        break;
    case EVENT_BIND_GIVE_UP:
        event->ticket = record->ticket;
        break;
    case EVENT_BINDING_DONE:
    case EVENT_NOMINATION_DONE:
        fill_done(sim, record, event);
        break;
    default:
        break;
    }
}

uint64_t record_digest(const struct effects *effects, const struct record *record)
{
    uint64_t digest = 0xcbf29ce484222325u;
    for (size_t i = 0; i < effects->count; i++) {
        const struct effect *effect = &effects->items[i];
        digest = sim_digest(digest, &effect->type, sizeof(effect->type));
        switch (effect->type) {
        case EFFECT_FILTER_REPLY:
            digest = sim_digest(digest, &effect->filter.verdict, sizeof(effect->filter.verdict));
            digest = sim_digest(digest, &effect->filter.index, sizeof(effect->filter.index));
            digest = sim_digest_text(digest, effect->filter.reason);
            if (effect->filter.passes != NULL) {
                digest = sim_digest(digest, effect->filter.passes, record->node_count);
            }
            break;
        case EFFECT_PRIORITIZE_REPLY:
            digest = sim_digest(digest, &effect->prioritize.index, sizeof(uint32_t));
            break;
        case EFFECT_PREEMPT_REPLY:
            if (effect->preempt.keeps != NULL) {
                digest = sim_digest(digest, effect->preempt.keeps, record->node_count);
            }
            break;
        case EFFECT_BIND_REPLY:
            digest = sim_digest(digest, &effect->bind.ticket, sizeof(effect->bind.ticket));
            digest = sim_digest_text(digest, effect->bind.error);
            break;
        case EFFECT_POST_BINDING:
        case EFFECT_NOMINATE:
        case EFFECT_EXPLAIN:
        case EFFECT_EVICT:
            digest = sim_digest_text(digest, effect->write.uid);
            digest = sim_digest_text(digest, effect->write.node);
            digest = sim_digest_text(digest, effect->write.gang);
            digest = sim_digest_text(digest, effect->write.text);
            break;
        case EFFECT_EVENT:
            digest = sim_digest_text(digest, effect->event.name);
            digest = sim_digest_text(digest, effect->event.reason);
            digest = sim_digest_text(digest, effect->event.message);
            break;
        case EFFECT_TRANSITION:
            digest = sim_digest_text(digest, effect->transition.gang);
            digest = sim_digest_text(digest, effect->transition.from);
            digest = sim_digest_text(digest, effect->transition.to);
            digest = sim_digest_text(digest, effect->transition.message);
            digest = sim_digest(digest, &effect->transition.waited_ms, sizeof(int64_t));
            break;
        case EFFECT_SKIPPED:
            digest = sim_digest_text(digest, effect->skipped.name);
            digest = sim_digest_text(digest, effect->skipped.message);
            break;
        case EFFECT_PHASE:
            digest = sim_digest_text(digest, effect->phase.uid);
            digest = sim_digest_text(digest, effect->phase.to);
            break;
        }
    }
    return digest;
}
