// SPDX-License-Identifier: Apache-2.0
#include "scheduler/journal/fields.h"

#include <assert.h>
#include <string.h>

#include "scheduler/journal/devices.h"
#include "topology/base/alloc.h"

/* One function per struct, one line per field, for both directions: see coder.h.
 *
 * Decoded events are handed to an engine, so what the engine takes for granted is checked here:
 * enums, texts that are never absent, and times far from where adding a timeout would overflow.
 *
 * A new field of an object goes at the end of its function, behind journal_coder_has() with the
 * version that brings it, which is that of JOURNAL_MAGIC: it goes up once between two releases. The
 * field's value when it is absent is set before it is decoded, where 0 is not right. bed.h and
 * dump.h of the tests get it too.
 */

static_assert(sizeof(void *) != 8 || sizeof(struct node_object) == 80, "code_node() lacks a field");
static_assert(sizeof(void *) != 8 || sizeof(struct pod_object) == 384, "code_pod() lacks a field");
static_assert(sizeof(void *) != 8 || sizeof(struct group_object) == 112, "code_group() lacks one");
static_assert(sizeof(void *) != 8 || sizeof(struct placement_object) == 56, "code_placement()");
static_assert(sizeof(void *) != 8 || sizeof(struct pod_write) == 72, "code_write() lacks a field");

/* Added to the type of an event when more follow. */
#define EVENT_MORE 64u
static_assert(EVENT_TYPES <= EVENT_MORE, "types and the flag share a byte");

void journal_fields_time(struct journal_coder *coder, int64_t *value)
{
    journal_coder_i64(coder, value);
    if (coder->decoding && (*value < -JOURNAL_TIME_MAX || *value > JOURNAL_TIME_MAX)) {
        journal_coder_fail(coder, "a time is out of range");
        *value = 0;
    }
}

static void code_label(struct journal_coder *coder, void *item)
{
    struct label_object *label = item;
    journal_coder_text(coder, &label->key);
    journal_coder_text(coder, &label->value);
}

static void code_amount(struct journal_coder *coder, void *item)
{
    struct amount_object *amount = item;
    journal_coder_text(coder, &amount->resource);
    journal_coder_i64(coder, &amount->amount);
}

static void code_taint_effect(struct journal_coder *coder, enum taint_effect *effect)
{
    unsigned number = *effect;
    journal_coder_choice(coder, &number, TAINT_NO_EXECUTE + 1, "taint effect");
    *effect = (enum taint_effect)number;
}

static void code_taint(struct journal_coder *coder, void *item)
{
    struct taint_object *taint = item;
    journal_coder_text(coder, &taint->key);
    journal_coder_text(coder, &taint->value);
    code_taint_effect(coder, &taint->effect);
}

static void code_node_devices(struct journal_coder *coder, struct node_object *node)
{
    node->devices = journal_devices_code(coder, node->devices);
    journal_coder_text(coder, &node->device_resource);
}

static void code_node(struct journal_coder *coder, struct node_object *node)
{
    journal_coder_text(coder, &node->name);
    node->labels = journal_coder_list(coder, node->labels, &node->label_count,
                                      sizeof(struct label_object), code_label);
    node->allocatable = journal_coder_list(coder, node->allocatable, &node->allocatable_count,
                                           sizeof(struct amount_object), code_amount);
    node->taints = journal_coder_list(coder, node->taints, &node->taint_count,
                                      sizeof(struct taint_object), code_taint);
    journal_coder_bool(coder, &node->unschedulable);
    code_node_devices(coder, node);
}

static void code_slice(struct journal_coder *coder, void *item)
{
    struct slice_object *slice = item;
    journal_coder_name(coder, &slice->level, "the level of a slice");
    journal_coder_i32(coder, &slice->size);
}

static void code_placement(struct journal_coder *coder, struct placement_object *placement)
{
    journal_coder_text(coder, &placement->required_level);
    journal_coder_text(coder, &placement->preferred_level);
    journal_coder_text(coder, &placement->exclusive_level);
    placement->slices = journal_coder_list(coder, placement->slices, &placement->slice_count,
                                           sizeof(struct slice_object), code_slice);
    if (placement->slice_count > SLICE_LAYERS_MAX) {
        journal_coder_fail(coder, "%zu layers of slices are too many", placement->slice_count);
        placement->slice_count = 0;
    }
    journal_coder_text(coder, &placement->device_topology);
    if (journal_coder_has(coder, 2)) {
        journal_coder_text(coder, &placement->podset_group);
    }
}

static void code_elastic(struct journal_coder *coder, struct elastic_object *elastic)
{
    journal_coder_text(coder, &elastic->minimums);
    journal_coder_text(coder, &elastic->preference);
}

static void code_value(struct journal_coder *coder, void *item)
{
    journal_coder_name(coder, item, "a value of a selector");
}

static void code_expression(struct journal_coder *coder, void *item)
{
    struct expression_object *expression = item;
    unsigned relation = expression->operator;
    journal_coder_name(coder, &expression->key, "the key of a selector");
    journal_coder_choice(coder, &relation, SELECTOR_LESS + 1, "selector operator");
    expression->operator=(enum selector_operator) relation;
    journal_coder_bool(coder, &expression->field);
    expression->values = journal_coder_list(coder, expression->values, &expression->value_count,
                                            sizeof(const char *), code_value);
}

static void code_term(struct journal_coder *coder, void *item)
{
    struct term_object *term = item;
    term->expressions = journal_coder_list(coder, term->expressions, &term->expression_count,
                                           sizeof(struct expression_object), code_expression);
}

static void code_toleration(struct journal_coder *coder, void *item)
{
    struct toleration_object *toleration = item;
    unsigned relation = toleration->operator;
    journal_coder_text(coder, &toleration->key);
    journal_coder_text(coder, &toleration->value);
    journal_coder_choice(coder, &relation, TOLERATION_EXISTS + 1, "toleration operator");
    toleration->operator=(enum toleration_operator) relation;
    journal_coder_bool(coder, &toleration->any_effect);
    code_taint_effect(coder, &toleration->effect);
}

static void code_request(struct journal_coder *coder, void *item)
{
    struct amount_object *request = item;
    journal_coder_name(coder, &request->resource, "the resource of a request");
    journal_coder_i64(coder, &request->amount);
}

static void code_selector(struct journal_coder *coder, void *item)
{
    struct label_object *label = item;
    journal_coder_name(coder, &label->key, "the key of a selector");
    journal_coder_name(coder, &label->value, "the value of a selector");
}

static void code_claim(struct journal_coder *coder, void *item)
{
    struct claim_object *claim = item;
    journal_coder_name(coder, &claim->what, "what is claimed");
    journal_coder_bool(coder, &claim->whole);
}

static void code_claims(struct journal_coder *coder, struct pod_object *pod)
{
    pod->claims = journal_coder_list(coder, pod->claims, &pod->claim_count,
                                     sizeof(struct claim_object), code_claim);
    if (pod->claim_count > POD_CLAIMS_MAX) {
        journal_coder_fail(coder, "%zu claims of a pod are too many", pod->claim_count);
        pod->claim_count = 0;
    }
}

static void code_name_space(struct journal_coder *coder, void *item)
{
    journal_coder_name(coder, item, "a namespace of a term");
}

static void code_affinity(struct journal_coder *coder, void *item)
{
    struct affinity_object *term = item;
    journal_coder_bool(coder, &term->apart);
    journal_coder_bool(coder, &term->claimed);
    journal_coder_name(coder, &term->key, "the topology key of a term");
    journal_coder_bool(coder, &term->everywhere);
    term->name_spaces = journal_coder_list(coder, term->name_spaces, &term->name_space_count,
                                           sizeof(const char *), code_name_space);
    term->expressions = journal_coder_list(coder, term->expressions, &term->expression_count,
                                           sizeof(struct expression_object), code_expression);
}

static void code_preference(struct journal_coder *coder, void *item)
{
    struct preference_object *preference = item;
    code_term(coder, &preference->term);
    journal_coder_i32(coder, &preference->weight);
}

/* How much one pod may bring is for the engine to say (state/peers.h). */
static void code_peers(struct journal_coder *coder, struct pod_object *pod)
{
    pod->labels = journal_coder_list(coder, pod->labels, &pod->label_count,
                                     sizeof(struct label_object), code_selector);
    pod->affinities = journal_coder_list(coder, pod->affinities, &pod->affinity_count,
                                         sizeof(struct affinity_object), code_affinity);
}

static void code_replica(struct journal_coder *coder, struct replica_object *replica)
{
    journal_coder_text(coder, &replica->owner);
    journal_coder_u32(coder, &replica->index_count);
    if (replica->index_count > REPLICA_INDICES_MAX) {
        journal_coder_fail(coder, "%u indices of a replica are too many", replica->index_count);
        replica->index_count = 0;
    }
    for (uint32_t i = 0; i < replica->index_count; i++) {
        journal_coder_i32(coder, &replica->indices[i]);
    }
    journal_coder_i32(coder, &replica->attempt);
}

static void code_pod(struct journal_coder *coder, struct pod_object *pod)
{
    journal_coder_name(coder, &pod->name_space, "the namespace of a pod");
    journal_coder_name(coder, &pod->name, "the name of a pod");
    journal_coder_name(coder, &pod->uid, "the uid of a pod");
    journal_coder_text(coder, &pod->node);
    journal_coder_text(coder, &pod->nominated);
    journal_coder_i32(coder, &pod->priority);
    journal_coder_bool(coder, &pod->terminal);
    journal_coder_bool(coder, &pod->succeeded);
    journal_coder_bool(coder, &pod->deleting);
    journal_coder_bool(coder, &pod->gated);
    pod->requests = journal_coder_list(coder, pod->requests, &pod->request_count,
                                       sizeof(struct amount_object), code_request);
    pod->selector = journal_coder_list(coder, pod->selector, &pod->selector_count,
                                       sizeof(struct label_object), code_selector);
    pod->terms = journal_coder_list(coder, pod->terms, &pod->term_count, sizeof(struct term_object),
                                    code_term);
    pod->tolerations = journal_coder_list(coder, pod->tolerations, &pod->toleration_count,
                                          sizeof(struct toleration_object), code_toleration);
    journal_coder_text(coder, &pod->gang);
    journal_coder_i32(coder, &pod->gang_minimum);
    code_placement(coder, &pod->placement);
    journal_coder_text(coder, &pod->role);
    journal_coder_i32(coder, &pod->rank);
    journal_coder_text(coder, &pod->devices);
    if (journal_coder_has(coder, 2)) {
        code_claims(coder, pod);
        journal_coder_text(coder, &pod->spread.key);
        journal_coder_i32(coder, &pod->spread.max_skew);
        journal_coder_i32(coder, &pod->spread.min_domains);
        code_replica(coder, &pod->replica);
        journal_coder_bool(coder, &pod->leader);
        journal_coder_text(coder, &pod->owner);
        journal_coder_text(coder, &pod->run);
    }
    if (journal_coder_has(coder, 3)) {
        code_elastic(coder, &pod->elastic);
        code_peers(coder, pod);
        pod->preferences = journal_coder_list(coder, pod->preferences, &pod->preference_count,
                                              sizeof(struct preference_object), code_preference);
    }
    if (journal_coder_has(coder, 4)) {
        journal_coder_bool(coder, &pod->placed_here);
        journal_coder_bool(coder, &pod->foreign);
    }
}

static void code_group(struct journal_coder *coder, struct group_object *group)
{
    journal_coder_name(coder, &group->name_space, "the namespace of a group");
    journal_coder_name(coder, &group->name, "the name of a group");
    journal_coder_text(coder, &group->uid);
    journal_coder_i32(coder, &group->minimum);
    journal_fields_time(coder, &group->hold_timeout_ms);
    code_placement(coder, &group->placement);
    if (journal_coder_has(coder, 3)) {
        code_elastic(coder, &group->elastic);
    }
}

static void code_call_pod(struct journal_coder *coder, struct call_pod *pod)
{
    bool present = pod->object != NULL;
    journal_coder_text(coder, &pod->uid);
    journal_coder_text(coder, &pod->nominated);
    journal_coder_bool(coder, &present);
    if (!present) {
        pod->object = NULL;
        return;
    }
    struct pod_object object = {.name = NULL};
    if (!coder->decoding) {
        object = *pod->object;
    }
    code_pod(coder, &object);
    if (coder->decoding) {
        struct pod_object *kept = arena_alloc(coder->arena, 1, sizeof *kept);
        *kept = object;
        pod->object = kept;
    }
}

static void code_call(struct journal_coder *coder, struct filter_event *call, uint32_t rows)
{
    journal_coder_u64(coder, &call->ticket);
    code_call_pod(coder, &call->pod);
    call->rows = journal_coder_rows(coder, call->rows, &call->row_count, rows);
}

static void code_preempt(struct journal_coder *coder, struct preempt_event *call, uint32_t rows)
{
    journal_coder_u64(coder, &call->ticket);
    code_call_pod(coder, &call->pod);
    call->rows = journal_coder_rows(coder, call->rows, &call->row_count, rows);
}

static void code_bind(struct journal_coder *coder, struct bind_event *bind)
{
    journal_coder_u64(coder, &bind->ticket);
    journal_coder_name(coder, &bind->name_space, "the namespace of a bind");
    journal_coder_name(coder, &bind->name, "the pod of a bind");
    journal_coder_name(coder, &bind->uid, "the uid of a bind");
    journal_coder_name(coder, &bind->node, "the node of a bind");
}

static void code_done(struct journal_coder *coder, struct write_done_event *done)
{
    unsigned outcome = done->outcome;
    journal_coder_name(coder, &done->uid, "the uid of an outcome");
    journal_coder_text(coder, &done->node);
    journal_coder_choice(coder, &outcome, WRITE_UNKNOWN + 1, "outcome");
    done->outcome = (enum write_outcome)outcome;
    journal_coder_text(coder, &done->message);
}

/* The type, and whether more follow: a journal of before there was such a flag has it never set. */
static void code_event_type(struct journal_coder *coder, struct event *event)
{
    unsigned type = (unsigned)event->type + (event->more ? EVENT_MORE : 0);
    journal_coder_choice(coder, &type, 2 * EVENT_MORE, "event");
    event->more = type >= EVENT_MORE;
    type %= EVENT_MORE;
    if (type >= EVENT_TYPES) {
        journal_coder_fail(coder, "event %u is not known", type);
        type = EVENT_TICK;
    }
    event->type = (enum event_type)type;
}

void journal_fields_event(struct journal_coder *coder, struct event *event, uint32_t rows)
{
    code_event_type(coder, event);
    switch (event->type) {
    case EVENT_NODE:
        code_node(coder, &event->node);
        break;
    case EVENT_NODE_GONE:
        journal_coder_name(coder, &event->node_name, "the name of a node");
        break;
    case EVENT_DEVICES:
        journal_coder_name(coder, &event->node.name, "the name of a node");
        code_node_devices(coder, &event->node);
        break;
    case EVENT_POD:
        code_pod(coder, &event->pod);
        break;
    case EVENT_POD_GONE:
        journal_coder_name(coder, &event->pod_uid, "the uid of a pod");
        break;
    case EVENT_GROUP:
        code_group(coder, &event->group);
        break;
    case EVENT_GROUP_GONE:
        journal_coder_name(coder, &event->group_gone.name_space, "the namespace of a group");
        journal_coder_name(coder, &event->group_gone.name, "the name of a group");
        break;
    case EVENT_FILTER:
    case EVENT_PRIORITIZE:
        code_call(coder, &event->filter, rows);
        break;
    case EVENT_PREEMPT:
        code_preempt(coder, &event->preempt, rows);
        break;
    case EVENT_BIND:
        code_bind(coder, &event->bind);
        break;
    case EVENT_BIND_GIVE_UP:
        journal_coder_u64(coder, &event->ticket);
        break;
    case EVENT_BINDING_DONE:
    case EVENT_NOMINATION_DONE:
        code_done(coder, &event->done);
        break;
    case EVENT_ASK:
        journal_coder_name(coder, &event->asked.name_space, "the namespace of a gang");
        journal_coder_name(coder, &event->asked.name, "the name of a gang");
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

uint32_t journal_fields_rows(const struct event *event)
{
    switch (event->type) {
    case EVENT_FILTER:
    case EVENT_PRIORITIZE:
        return event->filter.row_count;
    case EVENT_PREEMPT:
        return event->preempt.row_count;
    case EVENT_NODE:
    case EVENT_NODE_GONE:
    case EVENT_DEVICES:
    case EVENT_POD:
    case EVENT_POD_GONE:
    case EVENT_GROUP:
    case EVENT_GROUP_GONE:
    case EVENT_SYNCED:
    case EVENT_BIND:
    case EVENT_BIND_GIVE_UP:
    case EVENT_BINDING_DONE:
    case EVENT_NOMINATION_DONE:
    case EVENT_TICK:
    case EVENT_DRAIN:
    case EVENT_FOLLOW:
    case EVENT_LEAD:
    case EVENT_ASK:
    case EVENT_CHECKPOINT:
        break;
    }
    return 0;
}

/* ---- effects ---- */

static void code_filter_reply(struct journal_coder *coder, struct filter_reply *reply,
                              uint32_t rows)
{
    unsigned verdict = reply->verdict;
    journal_coder_u64(coder, &reply->ticket);
    journal_coder_choice(coder, &verdict, FILTER_ERROR + 1, "verdict");
    reply->verdict = (enum filter_verdict)verdict;
    journal_coder_u32(coder, &reply->index);
    reply->passes = journal_coder_flags(coder, reply->passes, rows);
    journal_coder_text(coder, &reply->reason);
}

static void code_write(struct journal_coder *coder, struct pod_write *write)
{
    journal_coder_text(coder, &write->name_space);
    journal_coder_text(coder, &write->name);
    journal_coder_text(coder, &write->uid);
    journal_coder_text(coder, &write->node);
    journal_coder_text(coder, &write->gang);
    journal_coder_i32(coder, &write->rank);
    journal_coder_text(coder, &write->text);
    journal_coder_text(coder, &write->devices);
    if (journal_coder_has(coder, 2)) {
        journal_coder_text(coder, &write->run);
    }
}

static void code_event_effect(struct journal_coder *coder, struct event_effect *event)
{
    journal_coder_bool(coder, &event->group);
    journal_coder_bool(coder, &event->warning);
    journal_coder_text(coder, &event->name_space);
    journal_coder_text(coder, &event->name);
    journal_coder_text(coder, &event->uid);
    journal_coder_text(coder, &event->reason);
    journal_coder_text(coder, &event->message);
}

static void code_transition(struct journal_coder *coder, struct transition_effect *transition)
{
    journal_coder_text(coder, &transition->name_space);
    journal_coder_text(coder, &transition->gang);
    journal_coder_text(coder, &transition->from);
    journal_coder_text(coder, &transition->to);
    journal_coder_text(coder, &transition->message);
    journal_coder_i64(coder, &transition->waited_ms);
}

static void code_skipped(struct journal_coder *coder, struct skipped_effect *skipped)
{
    unsigned kind = skipped->kind;
    journal_coder_choice(coder, &kind, SKIPPED_GROUP + 1, "kind of object");
    skipped->kind = (enum skipped_kind)kind;
    journal_coder_text(coder, &skipped->name_space);
    journal_coder_text(coder, &skipped->name);
    journal_coder_text(coder, &skipped->message);
}

void journal_fields_effect(struct journal_coder *coder, struct effect *effect, uint32_t rows)
{
    unsigned type = effect->type;
    journal_coder_choice(coder, &type, EFFECT_TYPES, "effect");
    effect->type = (enum effect_type)type;
    switch (effect->type) {
    case EFFECT_FILTER_REPLY:
        code_filter_reply(coder, &effect->filter, rows);
        break;
    case EFFECT_PRIORITIZE_REPLY:
        journal_coder_u64(coder, &effect->prioritize.ticket);
        journal_coder_u32(coder, &effect->prioritize.index);
        break;
    case EFFECT_PREEMPT_REPLY:
        journal_coder_u64(coder, &effect->preempt.ticket);
        effect->preempt.keeps = journal_coder_flags(coder, effect->preempt.keeps, rows);
        break;
    case EFFECT_BIND_REPLY:
        journal_coder_u64(coder, &effect->bind.ticket);
        journal_coder_text(coder, &effect->bind.error);
        break;
    case EFFECT_POST_BINDING:
    case EFFECT_NOMINATE:
    case EFFECT_EXPLAIN:
    case EFFECT_EVICT:
        code_write(coder, &effect->write);
        break;
    case EFFECT_EVENT:
        code_event_effect(coder, &effect->event);
        break;
    case EFFECT_TRANSITION:
        code_transition(coder, &effect->transition);
        break;
    case EFFECT_SKIPPED:
        code_skipped(coder, &effect->skipped);
        break;
    case EFFECT_PHASE:
        journal_coder_text(coder, &effect->phase.uid);
        journal_coder_text(coder, &effect->phase.from);
        journal_coder_text(coder, &effect->phase.to);
        break;
    }
}
