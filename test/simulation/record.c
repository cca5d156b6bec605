// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/record.h"

#include <string.h>

#include "test/simulation/objects.h"
#include "test/simulation/spaces.h"
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
    uint32_t *rows = arena_alloc(&sim->arena, SIM_NODES_MAX, sizeof *rows);
    for (uint32_t i = 0; i < record->node_count; i++) {
        const char *name = objects_name(sim, 'n', record->nodes[i]);
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
        .name_space = spaces_of_pod(sim, record->pod),
        .name = objects_pod_name(sim, record->pod),
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
    case EVENT_DEVICES:
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
        event->group_gone.name_space = spaces_of_gang(sim, change->index);
        event->group_gone.name = objects_gang_name(sim, change->index);
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
    event->more = record->more;
    arena_reset(&sim->arena);
    switch ((int)record->type) {
    case EVENT_NODE:
    case EVENT_NODE_GONE:
    case EVENT_DEVICES:
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
    case EVENT_ASK:
        event->asked.name_space = spaces_of_gang(sim, record->change.index);
        event->asked.name = objects_gang_name(sim, record->change.index);
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

void record_call(const struct sim *sim, const struct engine *engine, enum event_type type, int pod,
                 const uint8_t *nodes, uint32_t count, struct record *record)
{
    const struct pod_state *popped = &sim->kube.pods[pod].popped;
    char uid[16];
    *record = (struct record){.type = type,
                              .pod = pod,
                              .nominated = popped->nominated,
                              .ticket = sim->step,
                              .node_count = count};
    record->with_object = !engine_knows_pod(engine, sim_name(uid, 'u', pod));
    record->change.kind = KIND_POD;
    record->change.index = pod;
    record->change.pod = *popped;
    memcpy(record->nodes, nodes, count);
}

/* ---- what came of it ---- */

/* A text without the marks of renamed objects. */
static uint64_t digest_text(uint64_t digest, const char *text)
{
    static const char mark[] = OBJECTS_RENAMED;
    if (text == NULL) {
        return sim_digest_text(digest, NULL);
    }
    for (const char *at = text; *at != '\0'; at++) {
        if (strncmp(at, mark, sizeof(mark) - 1) == 0) {
            at += sizeof(mark) - 2;
            continue;
        }
        digest = sim_digest(digest, at, 1);
    }
    return sim_digest(digest, "", 1);
}

static uint64_t digest_texts(uint64_t digest, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        digest = digest_text(digest, texts[i]);
    }
    return digest;
}

static uint64_t digest_filter(uint64_t digest, const struct filter_reply *reply, uint32_t nodes)
{
    digest = sim_digest(digest, &reply->ticket, sizeof(reply->ticket));
    digest = sim_digest(digest, &reply->verdict, sizeof(reply->verdict));
    digest = sim_digest(digest, &reply->index, sizeof(reply->index));
    digest = digest_text(digest, reply->reason);
    return reply->passes == NULL ? digest : sim_digest(digest, reply->passes, nodes);
}

static uint64_t digest_write(uint64_t digest, const struct pod_write *write)
{
    digest =
        digest_texts(digest,
                     (const char *const[]){write->name_space, write->name, write->uid, write->node,
                                           write->gang, write->devices, write->text, write->run},
                     8);
    return sim_digest(digest, &write->rank, sizeof(write->rank));
}

static uint64_t digest_event(uint64_t digest, const struct event_effect *event)
{
    digest = digest_texts(digest,
                          (const char *const[]){event->name_space, event->name, event->uid,
                                                event->reason, event->message},
                          5);
    digest = sim_digest(digest, &event->group, sizeof(event->group));
    return sim_digest(digest, &event->warning, sizeof(event->warning));
}

static uint64_t digest_transition(uint64_t digest, const struct transition_effect *transition)
{
    digest =
        digest_texts(digest,
                     (const char *const[]){transition->name_space, transition->gang,
                                           transition->from, transition->to, transition->message},
                     5);
    return sim_digest(digest, &transition->waited_ms, sizeof(transition->waited_ms));
}

static uint64_t digest_effect(uint64_t digest, const struct effect *effect, uint32_t nodes)
{
    digest = sim_digest(digest, &effect->type, sizeof(effect->type));
    switch (effect->type) {
    case EFFECT_FILTER_REPLY:
        return digest_filter(digest, &effect->filter, nodes);
    case EFFECT_PRIORITIZE_REPLY:
        digest = sim_digest(digest, &effect->prioritize.ticket, sizeof(uint64_t));
        return sim_digest(digest, &effect->prioritize.index, sizeof(uint32_t));
    case EFFECT_PREEMPT_REPLY:
        digest = sim_digest(digest, &effect->preempt.ticket, sizeof(uint64_t));
        return effect->preempt.keeps == NULL ? digest
                                             : sim_digest(digest, effect->preempt.keeps, nodes);
    case EFFECT_BIND_REPLY:
        digest = sim_digest(digest, &effect->bind.ticket, sizeof(effect->bind.ticket));
        return digest_text(digest, effect->bind.error);
    case EFFECT_POST_BINDING:
    case EFFECT_NOMINATE:
    case EFFECT_EXPLAIN:
    case EFFECT_EVICT:
        return digest_write(digest, &effect->write);
    case EFFECT_EVENT:
        return digest_event(digest, &effect->event);
    case EFFECT_TRANSITION:
        return digest_transition(digest, &effect->transition);
    case EFFECT_SKIPPED:
        digest = sim_digest(digest, &effect->skipped.kind, sizeof(effect->skipped.kind));
        return digest_texts(digest,
                            (const char *const[]){effect->skipped.name_space, effect->skipped.name,
                                                  effect->skipped.message},
                            3);
    case EFFECT_PHASE:
        return digest_texts(
            digest, (const char *const[]){effect->phase.uid, effect->phase.from, effect->phase.to},
            3);
    }
    return digest;
}

uint64_t record_digest(const struct effects *effects, const struct record *record)
{
    uint64_t digest = 0xcbf29ce484222325u;
    for (size_t i = 0; i < effects->count; i++) {
        digest = digest_effect(digest, &effects->items[i], record->node_count);
    }
    return digest;
}
