// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_UNIT_SCHEDULER_JOURNAL_DUMP_H
#define TEST_UNIT_SCHEDULER_JOURNAL_DUMP_H

#include <inttypes.h>
#include <stdio.h>

#include "scheduler/effects.h"
#include "scheduler/event.h"

/* All that an event or effect says, field by field. Absent and empty differ. */

static inline void dump_text(FILE *out, const char *text)
{
    if (text == NULL) {
        fputs(" -", out);
    } else {
        fprintf(out, " \"%s\"", text);
    }
}

static inline void dump_number(FILE *out, int64_t number)
{
    fprintf(out, " %" PRId64, number);
}

static inline void dump_labels(FILE *out, const struct label_object *labels, size_t count)
{
    fprintf(out, " labels %zu", count);
    for (size_t i = 0; i < count; i++) {
        dump_text(out, labels[i].key);
        dump_text(out, labels[i].value);
    }
}

static inline void dump_amounts(FILE *out, const struct amount_object *amounts, size_t count)
{
    fprintf(out, " amounts %zu", count);
    for (size_t i = 0; i < count; i++) {
        dump_text(out, amounts[i].resource);
        dump_number(out, amounts[i].amount);
    }
}

static inline void dump_devices(FILE *out, const struct node_object *node)
{
    const struct device_map *map = node->devices;
    dump_text(out, node->device_resource);
    if (map == NULL) {
        fputs(" no map", out);
        return;
    }
    for (int kind = 0; kind < 2; kind++) {
        uint32_t count = device_map_count(map, (enum device_kind)kind);
        fprintf(out, " devices %u", count);
        for (uint32_t i = 0; i < count; i++) {
            const struct device *device = device_map_device(map, (enum device_kind)kind, i);
            dump_text(out, device->name);
            dump_text(out, device->id);
            dump_text(out, device->pci_address);
            fprintf(out, " %d %d %d", device->pcie_switch, device->numa, device->rail);
            for (uint32_t other = 0; kind == DEVICE_GPU && other < i; other++) {
                fprintf(out, " %u", device_map_links(map, i, other));
            }
        }
    }
    for (uint32_t i = 0; i < device_map_switch_count(map); i++) {
        dump_text(out, device_map_switch_name(map, i));
    }
}

static inline void dump_node(FILE *out, const struct node_object *node)
{
    dump_text(out, node->name);
    dump_labels(out, node->labels, node->label_count);
    dump_amounts(out, node->allocatable, node->allocatable_count);
    fprintf(out, " taints %zu", node->taint_count);
    for (size_t i = 0; i < node->taint_count; i++) {
        dump_text(out, node->taints[i].key);
        dump_text(out, node->taints[i].value);
        dump_number(out, node->taints[i].effect);
    }
    dump_number(out, node->unschedulable);
    dump_devices(out, node);
}

static inline void dump_placement(FILE *out, const struct placement_object *placement)
{
    dump_text(out, placement->required_level);
    dump_text(out, placement->preferred_level);
    dump_text(out, placement->exclusive_level);
    fprintf(out, " slices %zu", placement->slice_count);
    for (size_t i = 0; i < placement->slice_count; i++) {
        dump_text(out, placement->slices[i].level);
        dump_number(out, placement->slices[i].size);
    }
    dump_text(out, placement->device_topology);
    dump_text(out, placement->podset_group);
}

static inline void dump_expressions(FILE *out, const struct expression_object *expressions,
                                    size_t count)
{
    for (size_t e = 0; e < count; e++) {
        dump_text(out, expressions[e].key);
        dump_number(out, expressions[e].operator);
        dump_number(out, expressions[e].field);
        fprintf(out, " values %zu", expressions[e].value_count);
        for (size_t v = 0; v < expressions[e].value_count; v++) {
            dump_text(out, expressions[e].values[v]);
        }
    }
}

static inline void dump_affinities(FILE *out, const struct pod_object *pod)
{
    fprintf(out, " affinities %zu", pod->affinity_count);
    for (size_t t = 0; t < pod->affinity_count; t++) {
        const struct affinity_object *term = &pod->affinities[t];
        fprintf(out, " term %d%d%d", term->apart, term->claimed, term->everywhere);
        dump_text(out, term->key);
        fprintf(out, " in %zu", term->name_space_count);
        for (size_t n = 0; n < term->name_space_count; n++) {
            dump_text(out, term->name_spaces[n]);
        }
        fprintf(out, " %zu", term->expression_count);
        dump_expressions(out, term->expressions, term->expression_count);
    }
}

static inline void dump_terms(FILE *out, const struct pod_object *pod)
{
    fprintf(out, " terms %zu", pod->term_count);
    for (size_t t = 0; t < pod->term_count; t++) {
        const struct term_object *term = &pod->terms[t];
        fprintf(out, " term %zu", term->expression_count);
        dump_expressions(out, term->expressions, term->expression_count);
    }
}

static inline void dump_pod(FILE *out, const struct pod_object *pod)
{
    dump_text(out, pod->name_space);
    dump_text(out, pod->name);
    dump_text(out, pod->uid);
    dump_text(out, pod->node);
    dump_text(out, pod->nominated);
    fprintf(out, " %d %d%d%d%d", pod->priority, pod->terminal, pod->succeeded, pod->deleting,
            pod->gated);
    dump_amounts(out, pod->requests, pod->request_count);
    dump_labels(out, pod->selector, pod->selector_count);
    dump_terms(out, pod);
    fprintf(out, " tolerations %zu", pod->toleration_count);
    for (size_t i = 0; i < pod->toleration_count; i++) {
        const struct toleration_object *toleration = &pod->tolerations[i];
        dump_text(out, toleration->key);
        dump_text(out, toleration->value);
        fprintf(out, " %d %d %d", toleration->operator, toleration->any_effect, toleration->effect);
    }
    dump_text(out, pod->gang);
    dump_number(out, pod->gang_minimum);
    dump_text(out, pod->elastic.minimums);
    dump_text(out, pod->elastic.preference);
    dump_placement(out, &pod->placement);
    dump_text(out, pod->role);
    dump_number(out, pod->rank);
    dump_text(out, pod->replica.owner);
    dump_number(out, pod->replica.index_count);
    for (uint32_t i = 0; i < pod->replica.index_count; i++) {
        dump_number(out, pod->replica.indices[i]);
    }
    dump_number(out, pod->replica.attempt);
    dump_text(out, pod->devices);
    fprintf(out, " claims %zu", pod->claim_count);
    for (size_t i = 0; i < pod->claim_count; i++) {
        dump_text(out, pod->claims[i].what);
        fprintf(out, " %d", pod->claims[i].whole);
    }
    dump_text(out, pod->spread.key);
    fprintf(out, " %d %d", pod->spread.max_skew, pod->spread.min_domains);
    fprintf(out, " leader %d", pod->leader);
    dump_text(out, pod->owner);
    dump_text(out, pod->run);
    fprintf(out, " here %d", pod->placed_here);
    dump_labels(out, pod->labels, pod->label_count);
    dump_affinities(out, pod);
    for (size_t i = 0; i < pod->preference_count; i++) {
        const struct preference_object *preference = &pod->preferences[i];
        fprintf(out, " prefers %d", preference->weight);
        dump_expressions(out, preference->term.expressions, preference->term.expression_count);
    }
    fprintf(out, " foreign %d", pod->foreign);
}

static inline void dump_call(FILE *out, uint64_t ticket, const struct call_pod *pod,
                             const uint32_t *rows, uint32_t count)
{
    fprintf(out, " %" PRIu64, ticket);
    dump_text(out, pod->uid);
    dump_text(out, pod->nominated);
    if (pod->object != NULL) {
        dump_pod(out, pod->object);
    }
    fprintf(out, " rows %u", count);
    for (uint32_t i = 0; i < count; i++) {
        fprintf(out, " %u", rows[i]);
    }
}

static inline void dump_event(FILE *out, const struct event *event)
{
    fprintf(out, "event %d at %" PRId64 "%s", event->type, event->now, event->more ? " more" : "");
    switch (event->type) {
    case EVENT_NODE:
        dump_node(out, &event->node);
        break;
    case EVENT_DEVICES:
        dump_text(out, event->node.name);
        dump_devices(out, &event->node);
        break;
    case EVENT_NODE_GONE:
        dump_text(out, event->node_name);
        break;
    case EVENT_POD:
        dump_pod(out, &event->pod);
        break;
    case EVENT_POD_GONE:
        dump_text(out, event->pod_uid);
        break;
    case EVENT_GROUP:
        dump_text(out, event->group.name_space);
        dump_text(out, event->group.name);
        dump_text(out, event->group.uid);
        dump_number(out, event->group.minimum);
        dump_number(out, event->group.hold_timeout_ms);
        dump_placement(out, &event->group.placement);
        dump_text(out, event->group.elastic.minimums);
        dump_text(out, event->group.elastic.preference);
        break;
    case EVENT_GROUP_GONE:
        dump_text(out, event->group_gone.name_space);
        dump_text(out, event->group_gone.name);
        break;
    case EVENT_FILTER:
    case EVENT_PRIORITIZE:
        dump_call(out, event->filter.ticket, &event->filter.pod, event->filter.rows,
                  event->filter.row_count);
        break;
    case EVENT_PREEMPT:
        dump_call(out, event->preempt.ticket, &event->preempt.pod, event->preempt.rows,
                  event->preempt.row_count);
        break;
    case EVENT_BIND:
        fprintf(out, " %" PRIu64, event->bind.ticket);
        dump_text(out, event->bind.name_space);
        dump_text(out, event->bind.name);
        dump_text(out, event->bind.uid);
        dump_text(out, event->bind.node);
        break;
    case EVENT_BIND_GIVE_UP:
        fprintf(out, " %" PRIu64, event->ticket);
        break;
    case EVENT_BINDING_DONE:
    case EVENT_NOMINATION_DONE:
        dump_text(out, event->done.uid);
        dump_text(out, event->done.node);
        dump_number(out, event->done.outcome);
        dump_text(out, event->done.message);
        break;
    case EVENT_ASK:
        dump_text(out, event->asked.name_space);
        dump_text(out, event->asked.name);
        break;
    case EVENT_SYNCED:
    case EVENT_TICK:
    case EVENT_DRAIN:
    case EVENT_FOLLOW:
    case EVENT_LEAD:
    case EVENT_CHECKPOINT:
        break;
    }
    fputc('\n', out);
}

static inline void dump_flags(FILE *out, const bool *flags, uint32_t rows)
{
    fputc(' ', out);
    for (uint32_t i = 0; i < rows && flags != NULL; i++) {
        fputc(flags[i] ? '1' : '0', out);
    }
    fputs(flags == NULL ? "-" : ".", out);
}

static inline void dump_effect(FILE *out, const struct effect *effect, uint32_t rows)
{
    fprintf(out, "effect %d", effect->type);
    switch (effect->type) {
    case EFFECT_FILTER_REPLY:
        fprintf(out, " %" PRIu64 " %d %u", effect->filter.ticket, effect->filter.verdict,
                effect->filter.index);
        dump_flags(out, effect->filter.passes, rows);
        dump_text(out, effect->filter.reason);
        break;
    case EFFECT_PRIORITIZE_REPLY:
        fprintf(out, " %" PRIu64 " %u", effect->prioritize.ticket, effect->prioritize.index);
        break;
    case EFFECT_PREEMPT_REPLY:
        fprintf(out, " %" PRIu64, effect->preempt.ticket);
        dump_flags(out, effect->preempt.keeps, rows);
        break;
    case EFFECT_BIND_REPLY:
        fprintf(out, " %" PRIu64, effect->bind.ticket);
        dump_text(out, effect->bind.error);
        break;
    case EFFECT_POST_BINDING:
    case EFFECT_NOMINATE:
    case EFFECT_EXPLAIN:
    case EFFECT_EVICT:
        dump_text(out, effect->write.name_space);
        dump_text(out, effect->write.name);
        dump_text(out, effect->write.uid);
        dump_text(out, effect->write.node);
        dump_text(out, effect->write.gang);
        dump_number(out, effect->write.rank);
        dump_text(out, effect->write.text);
        dump_text(out, effect->write.devices);
        dump_text(out, effect->write.run);
        break;
    case EFFECT_EVENT:
        fprintf(out, " %d%d", effect->event.group, effect->event.warning);
        dump_text(out, effect->event.name_space);
        dump_text(out, effect->event.name);
        dump_text(out, effect->event.uid);
        dump_text(out, effect->event.reason);
        dump_text(out, effect->event.message);
        break;
    case EFFECT_TRANSITION:
        dump_text(out, effect->transition.name_space);
        dump_text(out, effect->transition.gang);
        dump_text(out, effect->transition.from);
        dump_text(out, effect->transition.to);
        dump_text(out, effect->transition.message);
        dump_number(out, effect->transition.waited_ms);
        break;
    case EFFECT_SKIPPED:
        dump_number(out, effect->skipped.kind);
        dump_text(out, effect->skipped.name_space);
        dump_text(out, effect->skipped.name);
        dump_text(out, effect->skipped.message);
        break;
    case EFFECT_PHASE:
        dump_text(out, effect->phase.uid);
        dump_text(out, effect->phase.from);
        dump_text(out, effect->phase.to);
        break;
    }
    fputc('\n', out);
}

#endif
