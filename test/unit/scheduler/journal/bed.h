// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_UNIT_SCHEDULER_JOURNAL_BED_H
#define TEST_UNIT_SCHEDULER_JOURNAL_BED_H

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "scheduler/event.h"
#include "test/unit/topology/random.h"
#include "topology/base/arena.h"
#include "topology/devices/machines.h"

/* Events and effects of every kind with anything in every field, and all they say in words: written
 * field by field once more, so that what the journal forgets shows. */

struct bed_maker {
    struct random random;
    struct arena arena;
    uint32_t rows; /* rows of calls are below, or NAMES_NONE */
    struct device_map *devices;
};

static inline uint32_t bed_below(struct bed_maker *maker, uint32_t bound)
{
    return random_below(&maker->random, bound);
}

/* Short and long, new and old, with anything but zero in it. */
static inline const char *bed_name(struct bed_maker *maker)
{
    uint32_t kind = bed_below(maker, 16);
    if (kind == 0) {
        return "";
    }
    if (kind < 10) {
        return arena_printf(&maker->arena, "name-%u", bed_below(maker, 50));
    }
    uint32_t length = kind == 15 ? 200 + bed_below(maker, 4000) : 1 + bed_below(maker, 40);
    char *text = arena_alloc(&maker->arena, length + 1, 1);
    for (uint32_t i = 0; i < length; i++) {
        text[i] = (char)(1 + bed_below(maker, 255));
    }
    return text;
}

static inline const char *bed_text(struct bed_maker *maker)
{
    return bed_below(maker, 4) == 0 ? NULL : bed_name(maker);
}

static inline int64_t bed_number(struct bed_maker *maker)
{
    uint64_t word = random_word(&maker->random);
    return (int64_t)(word >> bed_below(maker, 64)) * (bed_below(maker, 2) == 0 ? 1 : -1);
}

static inline bool bed_bool(struct bed_maker *maker)
{
    return bed_below(maker, 2) == 0;
}

static inline struct label_object *bed_labels(struct bed_maker *maker, size_t *count)
{
    *count = bed_below(maker, 6);
    struct label_object *labels = arena_alloc(&maker->arena, *count, sizeof *labels);
    for (size_t i = 0; i < *count; i++) {
        labels[i] = (struct label_object){bed_name(maker), bed_name(maker)};
    }
    return labels;
}

static inline struct amount_object *bed_amounts(struct bed_maker *maker, size_t *count)
{
    *count = bed_below(maker, 6);
    struct amount_object *amounts = arena_alloc(&maker->arena, *count, sizeof *amounts);
    for (size_t i = 0; i < *count; i++) {
        amounts[i] = (struct amount_object){bed_name(maker), bed_number(maker)};
    }
    return amounts;
}

/* A machine that is known, or one made up, or none. The map lives until the next one is made. */
static inline void bed_devices(struct bed_maker *maker, struct node_object *node)
{
    uint32_t kind = bed_below(maker, 3);
    device_map_destroy(maker->devices);
    maker->devices = NULL;
    if (kind == 1) {
        maker->devices = machines_map(machines_name(bed_below(maker, machines_count())), NULL);
    } else if (kind == 2) {
        maker->devices = device_map_create();
        for (uint32_t i = 0, count = bed_below(maker, 20); i < count; i++) {
            struct device_description device = {
                .name = arena_printf(&maker->arena, "dev-%u", i),
                .id = bed_bool(maker) ? arena_printf(&maker->arena, "id-%u", i) : NULL,
                .pci_address =
                    bed_bool(maker) ? arena_printf(&maker->arena, "0000:%02x:00.0", i) : NULL,
                .pcie_switch = bed_bool(maker) ? (i % 2 == 0 ? "even" : "odd") : "",
                .numa = bed_bool(maker) ? (int)(i % 2) : DEVICE_UNKNOWN,
                .rail = bed_bool(maker) ? (int)(i % 8) : DEVICE_UNKNOWN};
            (void)(i % 3 == 0 ? device_map_add_nic : device_map_add_gpu)(maker->devices, &device,
                                                                         NULL);
        }
        (void)device_map_link(maker->devices, "dev-1", "dev-4", 1 + (int)bed_below(maker, 255),
                              NULL);
        (void)device_map_finish(maker->devices, NULL);
    }
    node->devices = maker->devices;
    node->device_resource = bed_text(maker);
}

static inline void bed_node(struct bed_maker *maker, struct node_object *node)
{
    node->name = bed_text(maker);
    node->labels = bed_labels(maker, &node->label_count);
    node->allocatable = bed_amounts(maker, &node->allocatable_count);
    node->taint_count = bed_below(maker, 4);
    struct taint_object *taints = arena_alloc(&maker->arena, node->taint_count, sizeof *taints);
    for (size_t i = 0; i < node->taint_count; i++) {
        taints[i] = (struct taint_object){bed_text(maker), bed_text(maker),
                                          (enum taint_effect)bed_below(maker, 3)};
    }
    node->taints = taints;
    node->unschedulable = bed_bool(maker);
    bed_devices(maker, node);
}

static inline void bed_placement(struct bed_maker *maker, struct placement_object *placement)
{
    placement->required_level = bed_text(maker);
    placement->preferred_level = bed_text(maker);
    placement->exclusive_level = bed_text(maker);
    placement->slice_count = bed_below(maker, SLICE_LAYERS_MAX + 1);
    struct slice_object *slices =
        arena_alloc(&maker->arena, placement->slice_count, sizeof *slices);
    for (size_t i = 0; i < placement->slice_count; i++) {
        slices[i] = (struct slice_object){bed_name(maker), (int32_t)bed_number(maker)};
    }
    placement->slices = slices;
    placement->device_topology = bed_text(maker);
    placement->podset_group = bed_text(maker);
}

static inline const struct expression_object *bed_expressions(struct bed_maker *maker, size_t count)
{
    struct expression_object *expressions = arena_alloc(&maker->arena, count, sizeof *expressions);
    for (size_t e = 0; e < count; e++) {
        struct expression_object *expression = &expressions[e];
        expression->key = bed_name(maker);
        expression->operator=(enum selector_operator) bed_below(maker, SELECTOR_LESS + 1);
        expression->field = bed_bool(maker);
        expression->value_count = bed_below(maker, 4);
        const char **values = arena_alloc(&maker->arena, expression->value_count, sizeof *values);
        for (size_t v = 0; v < expression->value_count; v++) {
            values[v] = bed_name(maker);
        }
        expression->values = values;
    }
    return expressions;
}

static inline void bed_terms(struct bed_maker *maker, struct pod_object *pod)
{
    pod->term_count = bed_below(maker, 3);
    struct term_object *terms = arena_alloc(&maker->arena, pod->term_count, sizeof *terms);
    for (size_t t = 0; t < pod->term_count; t++) {
        size_t count = bed_below(maker, 4);
        terms[t] = (struct term_object){bed_expressions(maker, count), count};
    }
    pod->terms = terms;
}

static inline void bed_affinities(struct bed_maker *maker, struct pod_object *pod)
{
    pod->affinity_count = bed_below(maker, 4);
    struct affinity_object *terms = arena_alloc(&maker->arena, pod->affinity_count, sizeof *terms);
    for (size_t t = 0; t < pod->affinity_count; t++) {
        struct affinity_object *term = &terms[t];
        size_t count = bed_below(maker, 3);
        const char **name_spaces = arena_alloc(&maker->arena, count, sizeof *name_spaces);
        for (size_t n = 0; n < count; n++) {
            name_spaces[n] = bed_name(maker);
        }
        term->apart = bed_bool(maker);
        term->claimed = bed_bool(maker);
        term->key = bed_name(maker);
        term->everywhere = bed_bool(maker);
        term->name_spaces = name_spaces;
        term->name_space_count = count;
        term->expression_count = bed_below(maker, 3);
        term->expressions = bed_expressions(maker, term->expression_count);
    }
    pod->affinities = terms;
}

static inline void bed_pod(struct bed_maker *maker, struct pod_object *pod)
{
    pod->name_space = bed_name(maker);
    pod->name = bed_name(maker);
    pod->uid = bed_name(maker);
    pod->node = bed_text(maker);
    pod->nominated = bed_text(maker);
    pod->priority = (int32_t)bed_number(maker);
    pod->terminal = bed_bool(maker);
    pod->succeeded = bed_bool(maker);
    pod->deleting = bed_bool(maker);
    pod->gated = bed_bool(maker);
    pod->requests = bed_amounts(maker, &pod->request_count);
    pod->selector = bed_labels(maker, &pod->selector_count);
    bed_terms(maker, pod);
    pod->toleration_count = bed_below(maker, 4);
    struct toleration_object *tolerations =
        arena_alloc(&maker->arena, pod->toleration_count, sizeof *tolerations);
    for (size_t i = 0; i < pod->toleration_count; i++) {
        tolerations[i] = (struct toleration_object){
            bed_text(maker), bed_text(maker), (enum toleration_operator)bed_below(maker, 2),
            bed_bool(maker), (enum taint_effect)bed_below(maker, 3)};
    }
    pod->tolerations = tolerations;
    pod->gang = bed_text(maker);
    pod->gang_minimum = (int32_t)bed_number(maker);
    pod->elastic.minimums = bed_text(maker);
    pod->elastic.preference = bed_text(maker);
    bed_placement(maker, &pod->placement);
    pod->role = bed_text(maker);
    pod->rank = (int32_t)bed_number(maker);
    pod->replica.owner = bed_text(maker);
    pod->replica.index_count = bed_below(maker, REPLICA_INDICES_MAX + 1);
    for (uint32_t i = 0; i < pod->replica.index_count; i++) {
        pod->replica.indices[i] = (int32_t)bed_number(maker);
    }
    pod->replica.attempt = (int32_t)bed_number(maker);
    pod->devices = bed_text(maker);
    pod->claim_count = bed_below(maker, 3);
    struct claim_object *claims = arena_alloc(&maker->arena, pod->claim_count, sizeof *claims);
    for (size_t i = 0; i < pod->claim_count; i++) {
        claims[i].what = bed_name(maker);
        claims[i].whole = bed_bool(maker);
    }
    pod->claims = claims;
    pod->spread.key = bed_text(maker);
    pod->spread.max_skew = (int32_t)bed_number(maker);
    pod->spread.min_domains = (int32_t)bed_number(maker);
    pod->leader = bed_bool(maker);
    pod->owner = bed_text(maker);
    pod->run = bed_text(maker);
    pod->placed_here = bed_bool(maker);
    pod->labels = bed_labels(maker, &pod->label_count);
    bed_affinities(maker, pod);
    pod->preference_count = bed_below(maker, 3);
    struct preference_object *preferences =
        arena_alloc(&maker->arena, pod->preference_count, sizeof *preferences);
    for (size_t i = 0; i < pod->preference_count; i++) {
        size_t count = bed_below(maker, 3);
        preferences[i].term = (struct term_object){bed_expressions(maker, count), count};
        preferences[i].weight = (int32_t)bed_number(maker);
    }
    pod->preferences = preferences;
    pod->foreign = bed_bool(maker);
}

static inline void bed_call(struct bed_maker *maker, uint64_t *ticket, struct call_pod *pod,
                            const uint32_t **list, uint32_t *count)
{
    *ticket = random_word(&maker->random) >> bed_below(maker, 64);
    pod->uid = bed_text(maker);
    pod->nominated = bed_text(maker);
    if (bed_bool(maker)) {
        struct pod_object *object = arena_alloc(&maker->arena, 1, sizeof *object);
        bed_pod(maker, object);
        pod->object = object;
    }
    *count = bed_below(maker, 3) == 0 ? bed_below(maker, 3) : bed_below(maker, 300);
    uint32_t *rows = arena_alloc(&maker->arena, *count, sizeof *rows);
    uint32_t row = bed_below(maker, maker->rows);
    for (uint32_t i = 0; i < *count; i++) { /* runs and jumps */
        row = bed_below(maker, 6) == 0 ? bed_below(maker, maker->rows) : (row + 1) % maker->rows;
        rows[i] = bed_below(maker, 40) == 0 ? NAMES_NONE : row;
    }
    *list = rows;
}

static inline void bed_event(struct bed_maker *maker, enum event_type type, struct event *event)
{
    memset(event, 0, sizeof *event);
    event->type = type;
    event->now = bed_below(maker, 1u << 31);
    event->more = bed_bool(maker);
    switch (type) {
    case EVENT_NODE:
        bed_node(maker, &event->node);
        break;
    case EVENT_DEVICES:
        event->node.name = bed_name(maker);
        bed_devices(maker, &event->node);
        break;
    case EVENT_NODE_GONE:
        event->node_name = bed_name(maker);
        break;
    case EVENT_POD:
        bed_pod(maker, &event->pod);
        break;
    case EVENT_POD_GONE:
        event->pod_uid = bed_name(maker);
        break;
    case EVENT_GROUP:
        event->group.name_space = bed_name(maker);
        event->group.name = bed_name(maker);
        event->group.uid = bed_text(maker);
        event->group.minimum = (int32_t)bed_number(maker);
        event->group.hold_timeout_ms = (int32_t)bed_number(maker);
        bed_placement(maker, &event->group.placement);
        event->group.elastic.minimums = bed_text(maker);
        event->group.elastic.preference = bed_text(maker);
        break;
    case EVENT_GROUP_GONE:
        event->group_gone.name_space = bed_name(maker);
        event->group_gone.name = bed_name(maker);
        break;
    case EVENT_FILTER:
    case EVENT_PRIORITIZE:
        bed_call(maker, &event->filter.ticket, &event->filter.pod, &event->filter.rows,
                 &event->filter.row_count);
        break;
    case EVENT_PREEMPT:
        bed_call(maker, &event->preempt.ticket, &event->preempt.pod, &event->preempt.rows,
                 &event->preempt.row_count);
        break;
    case EVENT_BIND:
        event->bind = (struct bind_event){random_word(&maker->random), bed_name(maker),
                                          bed_name(maker), bed_name(maker), bed_name(maker)};
        break;
    case EVENT_BIND_GIVE_UP:
        event->ticket = random_word(&maker->random);
        break;
    case EVENT_BINDING_DONE:
    case EVENT_NOMINATION_DONE:
        event->done =
            (struct write_done_event){bed_name(maker), bed_text(maker),
                                      (enum write_outcome)bed_below(maker, 4), bed_text(maker)};
        break;
    case EVENT_ASK:
        event->asked.name_space = bed_name(maker);
        event->asked.name = bed_name(maker);
        break;
    case EVENT_SYNCED:
    case EVENT_TICK:
    case EVENT_DRAIN:
    case EVENT_FOLLOW:
    case EVENT_LEAD:
    case EVENT_CHECKPOINT:
        break;
    }
}

static inline const bool *bed_flags(struct bed_maker *maker, uint32_t rows)
{
    bool *flags = arena_alloc(&maker->arena, rows, sizeof *flags);
    for (uint32_t i = 0; i < rows; i++) {
        flags[i] = bed_bool(maker);
    }
    return flags;
}

static inline void bed_effect(struct bed_maker *maker, struct effect *effect, uint32_t rows)
{
    uint64_t ticket = random_word(&maker->random);
    switch (effect->type) {
    case EFFECT_FILTER_REPLY:
        effect->filter.ticket = ticket;
        effect->filter.verdict = (enum filter_verdict)bed_below(maker, FILTER_ERROR + 1);
        effect->filter.index = (uint32_t)bed_number(maker);
        effect->filter.reason = bed_text(maker);
        if (effect->filter.verdict == FILTER_SOME || bed_bool(maker)) {
            effect->filter.passes = bed_flags(maker, rows);
        }
        break;
    case EFFECT_PRIORITIZE_REPLY:
        effect->prioritize.ticket = ticket;
        effect->prioritize.index = (uint32_t)bed_number(maker);
        break;
    case EFFECT_PREEMPT_REPLY:
        effect->preempt.ticket = ticket;
        effect->preempt.keeps = bed_bool(maker) ? bed_flags(maker, rows) : NULL;
        break;
    case EFFECT_BIND_REPLY:
        effect->bind.ticket = ticket;
        effect->bind.error = bed_text(maker);
        break;
    case EFFECT_POST_BINDING:
    case EFFECT_NOMINATE:
    case EFFECT_EXPLAIN:
    case EFFECT_EVICT:
        effect->write =
            (struct pod_write){bed_text(maker), bed_text(maker), bed_text(maker),
                               bed_text(maker), bed_text(maker), (int32_t)bed_number(maker),
                               bed_text(maker), bed_text(maker), bed_text(maker)};
        break;
    case EFFECT_EVENT:
        effect->event = (struct event_effect){bed_bool(maker), bed_bool(maker), bed_text(maker),
                                              bed_text(maker), bed_text(maker), bed_text(maker),
                                              bed_text(maker)};
        break;
    case EFFECT_TRANSITION:
        effect->transition =
            (struct transition_effect){bed_text(maker), bed_text(maker), bed_text(maker),
                                       bed_text(maker), bed_text(maker), bed_number(maker)};
        break;
    case EFFECT_SKIPPED:
        effect->skipped =
            (struct skipped_effect){(enum skipped_kind)bed_below(maker, 3), bed_text(maker),
                                    bed_text(maker), bed_text(maker)};
        break;
    case EFFECT_PHASE:
        effect->phase = (struct phase_effect){bed_text(maker), bed_text(maker), bed_text(maker)};
        break;
    }
}

#endif
