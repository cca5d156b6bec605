// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/sim.h"

#include <stdio.h>
#include <string.h>

/* From records to events, and from effects to a number that tells whether two engines did the same.
 *
 * A record holds numbers only; the strings of its event live on the stack for one apply, which is
 * what the engine is promised and no longer.
 */

struct names {
    char name[16], uid[16], node[16], nominated[16], gang[16];
};

const char *sim_name(char buffer[16], char prefix, int number)
{
    snprintf(buffer, 16, "%c%d", prefix, number);
    return buffer;
}

static void fill_node(const struct change *change, struct names *names, struct event *event,
                      struct label_object labels[2], struct amount_object amounts[2])
{
    sim_name(names->name, 'n', change->index);
    sim_name(names->node, 'r', sim_rack(change->index));
    labels[0] = (struct label_object){"kubernetes.io/hostname", names->name};
    labels[1] = (struct label_object){"topology.kubernetes.io/rack", names->node};
    amounts[0] = (struct amount_object){"nvidia.com/gpu", change->node.gpus};
    amounts[1] = (struct amount_object){"pods", 110};
    event->node = (struct node_object){.name = names->name,
                                       .labels = labels,
                                       .label_count = 2,
                                       .allocatable = amounts,
                                       .allocatable_count = 2};
}

static void fill_pod(const struct sim *sim, int index, const struct pod_state *state,
                     struct names *names, struct pod_object *object,
                     struct amount_object amounts[2])
{
    const struct sim_pod *pod = &sim->pods[index];
    const struct sim_gang *gang = pod->gang == SIM_NONE ? NULL : &sim->gangs[pod->gang];
    int gpus = sim_gpus(pod->shape);
    amounts[0] = (struct amount_object){"pods", 1};
    amounts[1] = (struct amount_object){"nvidia.com/gpu", gpus};
    *object = (struct pod_object){
        .name_space = "ns",
        .name = sim_name(names->name, 'p', index),
        .uid = sim_name(names->uid, 'u', index),
        .node = state->node == SIM_NONE ? NULL : sim_name(names->node, 'n', state->node),
        .nominated =
            state->nominated == SIM_NONE ? NULL : sim_name(names->nominated, 'n', state->nominated),
        .priority = pod->priority,
        .terminal = state->terminal,
        .succeeded = state->succeeded,
        .deleting = state->deleting,
        .requests = amounts,
        .request_count = gpus > 0 ? 2 : 1,
        .gang = gang == NULL ? NULL : sim_name(names->gang, 'g', pod->gang),
        .gang_minimum = pod->minimum,
        .placement.required_level = gang != NULL && gang->rack ? "rack" : NULL,
        .rank = pod->rank,
    };
}

static void fill_call(const struct sim *sim, const struct record *record, struct names *names,
                      struct call_pod *call, struct pod_object *object,
                      struct amount_object amounts[2])
{
    static const char *const nodes[] = {"n0", "n1", "n2",  "n3",  "n4",  "n5",  "n6",  "n7",
                                        "n8", "n9", "n10", "n11", "n12", "n13", "n14", "n15"};
    call->uid = sim_name(names->uid, 'u', record->pod);
    call->nominated = record->nominated == SIM_NONE ? NULL : nodes[record->nominated];
    if (record->with_object) {
        fill_pod(sim, record->pod, &record->change.pod, names, object, amounts);
        call->object = object;
    }
}

static void fill_done(const struct record *record, struct names *names, struct event *event)
{
    event->done = (struct write_done_event){
        .uid = sim_name(names->uid, 'u', record->pod),
        .node = record->node == SIM_NONE ? NULL : sim_name(names->node, 'n', record->node),
        .outcome = record->outcome,
        .message = record->outcome == WRITE_DONE ? "" : "the write failed",
    };
}

/* Makes the event of the record and applies it. */
void record_apply(const struct sim *sim, struct engine *engine, struct effects *effects,
                  const struct record *record)
{
    struct names names;
    struct label_object labels[2];
    struct amount_object amounts[2];
    struct pod_object object;
    uint32_t rows[SIM_NODES_MAX];
    struct event event;
    memset(&event, 0, sizeof(event));
    event.type = record->type;
    event.now = record->now;
    for (uint32_t i = 0; i < record->node_count; i++) {
        sim_name(names.node, 'n', record->nodes[i]);
        rows[i] = engine_node_row(engine, names.node, strlen(names.node));
    }
    switch (record->type) {
    case EVENT_NODE:
        fill_node(&record->change, &names, &event, labels, amounts);
        break;
    case EVENT_DEVICES:
        break; /* nodes of the simulation tell of none */
    case EVENT_NODE_GONE:
        event.node_name = sim_name(names.name, 'n', record->change.index);
        break;
    case EVENT_POD:
        fill_pod(sim, record->change.index, &record->change.pod, &names, &event.pod, amounts);
        break;
    case EVENT_POD_GONE:
        event.pod_uid = sim_name(names.uid, 'u', record->change.index);
        break;
    case EVENT_GROUP:
        event.group = (struct group_object){
            .name_space = "ns",
            .name = sim_name(names.name, 'g', record->change.index),
            .uid = names.name,
            .minimum = record->change.group.minimum,
            .hold_timeout_ms = record->change.group.timeout_ms,
        };
        break;
    case EVENT_GROUP_GONE:
        event.group_gone.name_space = "ns";
        event.group_gone.name = sim_name(names.name, 'g', record->change.index);
        break;
    case EVENT_FILTER:
    case EVENT_PRIORITIZE:
        event.filter.ticket = record->ticket;
        event.filter.rows = rows;
        event.filter.row_count = record->node_count;
        fill_call(sim, record, &names, &event.filter.pod, &object, amounts);
        break;
    case EVENT_PREEMPT:
        event.preempt.ticket = record->ticket;
        event.preempt.rows = rows;
        event.preempt.row_count = record->node_count;
        fill_call(sim, record, &names, &event.preempt.pod, &object, amounts);
        break;
    case EVENT_BIND:
        event.bind = (struct bind_event){
            .ticket = record->ticket,
            .name_space = "ns",
            .name = sim_name(names.name, 'p', record->pod),
            .uid = sim_name(names.uid, 'u', record->pod),
            .node = sim_name(names.node, 'n', record->node),
        };
        break;
    case EVENT_BIND_GIVE_UP:
        event.ticket = record->ticket;
        break;
    case EVENT_BINDING_DONE:
    case EVENT_NOMINATION_DONE:
        fill_done(record, &names, &event);
        break;
    case EVENT_SYNCED:
    case EVENT_TICK:
    case EVENT_DRAIN:
    case EVENT_FOLLOW:
    case EVENT_LEAD:
        break;
    }
    engine_apply(engine, &event, effects);
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
        }
    }
    return digest;
}
