// SPDX-License-Identifier: Apache-2.0
#include "api/view/journal_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "topology/base/alloc.h"

/* Sentences. The only state is which pod a uid means: calls and outcomes name no other. A pod that
 * is gone keeps its name, for what still comes of its writes.
 */

#define NODES_SHOWN 12

struct pod_name {
    UT_hash_handle hh;
    char *uid;
    char *name;
};

struct journal_text {
    const struct journal_reader *reader;
    struct pod_name *pods; /* uthash by uid */
};

struct journal_text *journal_text_create(const struct journal_reader *reader)
{
    struct journal_text *text = alloc_zero(1, sizeof *text);
    text->reader = reader;
    return text;
}

static void drop(struct journal_text *text, struct pod_name *pod)
{
    HASH_DELETE(hh, text->pods, pod);
    free(pod->uid);
    free(pod->name);
    free(pod);
}

void journal_text_destroy(struct journal_text *text)
{
    struct pod_name *pod, *next;
    if (text == NULL) {
        return;
    }
    HASH_ITER (hh, text->pods, pod, next) {
        drop(text, pod);
    }
    free(text);
}

/* ---- words ---- */

static bool is_control(char letter)
{
    unsigned char byte = (unsigned char)letter;
    return byte != 0 && (byte < 0x20 || byte == 0x7f);
}

static void put(FILE *out, const char *text)
{
    const char *at = text == NULL ? "-" : text;
    while (*at != '\0') {
        size_t plain = 0;
        while (at[plain] != '\0' && !is_control(at[plain])) {
            plain++;
        }
        fwrite(at, 1, plain, out);
        at += plain;
        for (; is_control(*at); at++) {
            fprintf(out, "\\x%02x", (unsigned char)*at);
        }
    }
}

/* "before" and the text, or nothing at all. */
static void put_with(FILE *out, const char *before, const char *text)
{
    if (text != NULL) {
        fputs(before, out);
        put(out, text);
    }
}

static void put_name(FILE *out, const char *name_space, const char *name)
{
    put(out, name_space);
    fputc('/', out);
    put(out, name);
}

static void put_uid(const struct journal_text *text, FILE *out, const char *uid)
{
    struct pod_name *pod = NULL;
    if (uid != NULL) {
        HASH_FIND_STR(text->pods, uid, pod);
    }
    put(out, pod != NULL ? pod->name : uid);
}

static void remember(struct journal_text *text, const struct pod_object *object)
{
    struct pod_name *pod;
    HASH_FIND_STR(text->pods, object->uid, pod);
    if (pod != NULL) {
        drop(text, pod);
    }
    size_t length = strlen(object->name_space) + strlen(object->name) + 2;
    pod = alloc_zero(1, sizeof *pod);
    pod->uid = alloc_string(object->uid);
    pod->name = alloc_zero(length, 1);
    snprintf(pod->name, length, "%s/%s", object->name_space, object->name);
    HASH_ADD_KEYPTR(hh, text->pods, pod->uid, strlen(pod->uid), pod);
}

/* ---- objects ---- */

static void put_amounts(FILE *out, const char *before, const struct amount_object *amounts,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fputs(i == 0 ? before : " ", out);
        put(out, amounts[i].resource);
        fprintf(out, "=%" PRId64, amounts[i].amount);
    }
}

static void put_labels(FILE *out, const char *before, const struct label_object *labels,
                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fputs(i == 0 ? before : " ", out);
        put(out, labels[i].key);
        fputc('=', out);
        put(out, labels[i].value);
    }
}

/* What a node's device map is taken to be. */
static void put_devices(FILE *out, const struct node_object *node)
{
    if (node->devices == NULL) {
        return;
    }
    fprintf(out, ", %" PRIu32 " GPUs and %" PRIu32 " NICs are known",
            device_map_count(node->devices, DEVICE_GPU),
            device_map_count(node->devices, DEVICE_NIC));
    put_with(out, " as ", node->device_resource);
}

static void put_node(FILE *out, const struct node_object *node)
{
    static const char *const effects[] = {"NoSchedule", "PreferNoSchedule", "NoExecute"};
    fputs("node ", out);
    put(out, node->name);
    put_amounts(out, ", has ", node->allocatable, node->allocatable_count);
    for (size_t i = 0; i < node->taint_count; i++) {
        put_with(out, ", taint ", node->taints[i].key);
        put_with(out, "=", node->taints[i].value);
        fprintf(out, ":%s", effects[node->taints[i].effect]);
    }
    fputs(node->unschedulable ? ", unschedulable" : "", out);
    put_labels(out, ", labels ", node->labels, node->label_count);
    put_devices(out, node);
}

static void put_placement(FILE *out, const struct placement_object *placement)
{
    put_with(out, ", required level ", placement->required_level);
    put_with(out, ", preferred level ", placement->preferred_level);
    put_with(out, ", exclusive level ", placement->exclusive_level);
    for (size_t i = 0; i < placement->slice_count; i++) {
        put_with(out, ", slices of ", placement->slices[i].level);
        fprintf(out, "=%" PRId32, placement->slices[i].size);
    }
    put_with(out, ", device topology ", placement->device_topology);
    put_with(out, ", podset group ", placement->podset_group);
}

static void put_elastic(FILE *out, const struct elastic_object *elastic)
{
    put_with(out, ", role minimums ", elastic->minimums);
    put_with(out, ", prefers ", elastic->preference);
}

static void put_pod(FILE *out, const struct pod_object *pod)
{
    fputs("pod ", out);
    put_name(out, pod->name_space, pod->name);
    put_with(out, " uid ", pod->uid);
    put_with(out, ", bound to ", pod->node);
    put_with(out, ", nominated to ", pod->nominated);
    put_with(out, ", gang ", pod->gang);
    if (pod->gang_minimum != 0) {
        fprintf(out, ", minimum %" PRId32, pod->gang_minimum);
    }
    put_elastic(out, &pod->elastic);
    put_with(out, ", role ", pod->role);
    if (pod->rank >= 0) {
        fprintf(out, ", rank %" PRId32, pod->rank);
    }
    put_with(out, ", of ", pod->replica.owner);
    for (uint32_t i = 0; i < pod->replica.index_count; i++) {
        fprintf(out, i == 0 ? ", replica %" PRId32 : ".%" PRId32, pod->replica.indices[i]);
    }
    if (pod->replica.attempt != 0) {
        fprintf(out, ", attempt %" PRId32, pod->replica.attempt);
    }
    put_with(out, ", devices ", pod->devices);
    put_with(out, ", owner ", pod->owner);
    put_with(out, ", run ", pod->run);
    if (pod->priority != 0) {
        fprintf(out, ", priority %" PRId32, pod->priority);
    }
    fputs(pod->gated ? ", gated" : "", out);
    fputs(pod->foreign ? ", of another scheduler" : "", out);
    fputs(pod->deleting ? ", deleting" : "", out);
    fputs(pod->succeeded ? ", succeeded" : pod->terminal ? ", failed" : "", out);
    put_amounts(out, ", asks ", pod->requests, pod->request_count);
    put_placement(out, &pod->placement);
    put_labels(out, ", selector ", pod->selector, pod->selector_count);
    if (pod->term_count > 0) {
        fprintf(out, ", affinity terms: %zu", pod->term_count);
    }
    if (pod->toleration_count > 0) {
        fprintf(out, ", tolerations: %zu", pod->toleration_count);
    }
    for (size_t i = 0; i < pod->claim_count; i++) {
        put_with(out, pod->claims[i].whole ? ", claims " : ", claims a part of ",
                 pod->claims[i].what);
    }
}

/* ---- events ---- */

static void put_call(struct journal_text *text, FILE *out, const char *verb, uint64_t ticket,
                     const struct call_pod *pod, const uint32_t *rows, uint32_t count)
{
    if (pod->object != NULL) {
        remember(text, pod->object);
    }
    fprintf(out, "%s %" PRIu64 " for pod ", verb, ticket);
    put_uid(text, out, pod->uid);
    put_with(out, ", nominated to ", pod->nominated);
    if (pod->object != NULL) {
        fputs(", not seen before: ", out);
        put_pod(out, pod->object);
    }
    fprintf(out, ", %" PRIu32 " %s", count, count == 1 ? "node" : "nodes");
    for (uint32_t i = 0; i < count && i < NODES_SHOWN; i++) {
        fputs(i == 0 ? ": " : " ", out);
        put(out, journal_row_name(text->reader, rows[i]));
    }
    fputs(count > NODES_SHOWN ? " ..." : "", out);
}

static void put_done(struct journal_text *text, FILE *out, const char *write,
                     const struct write_done_event *done)
{
    static const char *const outcomes[] = {"done", "the pod is gone", "refused", "unknown"};
    fprintf(out, "%s of pod ", write);
    put_uid(text, out, done->uid);
    put_with(out, " to ", done->node);
    fprintf(out, ": %s", outcomes[done->outcome]);
    if (done->message != NULL && done->message[0] != '\0') {
        put_with(out, ", ", done->message);
    }
}

static void put_object(struct journal_text *text, FILE *out, const struct event *event)
{
    switch ((int)event->type) {
    case EVENT_NODE:
        put_node(out, &event->node);
        break;
    case EVENT_NODE_GONE:
        put_with(out, "gone: node ", event->node_name);
        break;
    case EVENT_DEVICES:
        put_with(out, "devices of node ", event->node.name);
        put_devices(out, &event->node);
        break;
    case EVENT_POD:
        remember(text, &event->pod);
        put_pod(out, &event->pod);
        break;
    case EVENT_POD_GONE:
        fputs("gone: pod ", out);
        put_uid(text, out, event->pod_uid);
        break;
    case EVENT_GROUP:
        fputs("group ", out);
        put_name(out, event->group.name_space, event->group.name);
        put_with(out, " uid ", event->group.uid);
        fprintf(out, ", minimum %" PRId32, event->group.minimum);
        put_elastic(out, &event->group.elastic);
        if (event->group.hold_timeout_ms != 0) {
            fprintf(out, ", hold timeout %" PRId64 " ms", event->group.hold_timeout_ms);
        }
        put_placement(out, &event->group.placement);
        break;
    default:
        fputs("gone: group ", out);
        put_name(out, event->group_gone.name_space, event->group_gone.name);
        break;
    }
}

void journal_text_event(struct journal_text *text, FILE *out, const struct event *event)
{
    switch (event->type) {
    case EVENT_NODE:
    case EVENT_NODE_GONE:
    case EVENT_DEVICES:
    case EVENT_POD:
    case EVENT_POD_GONE:
    case EVENT_GROUP:
    case EVENT_GROUP_GONE:
        put_object(text, out, event);
        break;
    case EVENT_SYNCED:
        fputs("synced: everything has been listed", out);
        break;
    case EVENT_FILTER:
    case EVENT_PRIORITIZE:
        put_call(text, out, event->type == EVENT_FILTER ? "filter" : "prioritize",
                 event->filter.ticket, &event->filter.pod, event->filter.rows,
                 event->filter.row_count);
        break;
    case EVENT_PREEMPT:
        put_call(text, out, "preempt", event->preempt.ticket, &event->preempt.pod,
                 event->preempt.rows, event->preempt.row_count);
        break;
    case EVENT_BIND:
        fprintf(out, "bind %" PRIu64 " of pod ", event->bind.ticket);
        put_name(out, event->bind.name_space, event->bind.name);
        put_with(out, " uid ", event->bind.uid);
        put_with(out, " to ", event->bind.node);
        break;
    case EVENT_BIND_GIVE_UP:
        fprintf(out, "the caller of bind %" PRIu64 " is gone", event->ticket);
        break;
    case EVENT_BINDING_DONE:
        put_done(text, out, "binding", &event->done);
        break;
    case EVENT_NOMINATION_DONE:
        put_done(text, out, "nomination", &event->done);
        break;
    case EVENT_TICK:
        fputs("tick", out);
        break;
    case EVENT_DRAIN:
        fputs("drain: the daemon stops", out);
        break;
    case EVENT_FOLLOW:
        fputs("follow: another process leads", out);
        break;
    case EVENT_LEAD:
        fputs("lead: this process leads", out);
        break;
    case EVENT_ASK:
        fputs("asked why gang ", out);
        put_name(out, event->asked.name_space, event->asked.name);
        fputs(" waits", out);
        break;
    case EVENT_CHECKPOINT:
        fputs("checkpoint: the next segment begins", out);
        break;
    }
    fputs(event->more ? " (more follow)" : "", out);
}

/* ---- effects ---- */

static const char *node_at(const struct journal_text *text, const struct event *event,
                           uint32_t index)
{
    bool preempt = event->type == EVENT_PREEMPT;
    const uint32_t *rows = preempt ? event->preempt.rows : event->filter.rows;
    return index < journal_fields_rows(event) ? journal_row_name(text->reader, rows[index]) : "?";
}

/* "3 of 4 nodes, not n2 n7". */
static void put_flags(const struct journal_text *text, FILE *out, const struct event *event,
                      const bool *flags)
{
    uint32_t rows = journal_fields_rows(event), missing = 0;
    for (uint32_t i = 0; i < rows; i++) {
        missing += !flags[i];
    }
    fprintf(out, "%" PRIu32 " of %" PRIu32 " nodes", rows - missing, rows);
    uint32_t shown = 0;
    for (uint32_t i = 0; i < rows && shown < NODES_SHOWN; i++) {
        if (!flags[i]) {
            fputs(shown++ == 0 ? ", not " : " ", out);
            put(out, node_at(text, event, i));
        }
    }
    fputs(missing > NODES_SHOWN ? " ..." : "", out);
}

static void put_filter_reply(const struct journal_text *text, FILE *out, const struct event *event,
                             const struct filter_reply *reply)
{
    fprintf(out, "answers %" PRIu64 ": ", reply->ticket);
    switch (reply->verdict) {
    case FILTER_ALL:
        fputs("all nodes", out);
        break;
    case FILTER_ONE:
        put_with(out, "only ", node_at(text, event, reply->index));
        break;
    case FILTER_SOME:
        put_flags(text, out, event, reply->passes);
        put_with(out, ": ", reply->reason);
        break;
    case FILTER_NONE:
        put_with(out, "no node: ", reply->reason);
        break;
    case FILTER_ERROR:
        put_with(out, "an error: ", reply->reason);
        break;
    }
}

static void put_reply(const struct journal_text *text, FILE *out, const struct event *event,
                      const struct effect *effect)
{
    if (effect->type == EFFECT_FILTER_REPLY) {
        put_filter_reply(text, out, event, &effect->filter);
    } else if (effect->type == EFFECT_PRIORITIZE_REPLY) {
        fprintf(out, "answers %" PRIu64 ": ", effect->prioritize.ticket);
        if (effect->prioritize.index == UINT32_MAX) {
            fputs("no preference", out);
        } else {
            put_with(out, "prefers ", node_at(text, event, effect->prioritize.index));
        }
    } else if (effect->type == EFFECT_PREEMPT_REPLY) {
        fprintf(out, "answers %" PRIu64 ": keeps ", effect->preempt.ticket);
        if (effect->preempt.keeps == NULL) {
            fputs("all nodes", out);
        } else {
            put_flags(text, out, event, effect->preempt.keeps);
        }
    } else {
        fprintf(out, "answers bind %" PRIu64 ": ", effect->bind.ticket);
        put(out, effect->bind.error == NULL ? "bound" : effect->bind.error);
    }
}

static void put_write(FILE *out, enum effect_type type, const struct pod_write *write)
{
    fputs(type == EFFECT_POST_BINDING ? "binds pod "
          : type == EFFECT_EXPLAIN    ? "annotates pod "
          : type == EFFECT_EVICT      ? "evicts pod "
          : write->node == NULL       ? "takes back the nomination of pod "
                                      : "nominates pod ",
          out);
    put_name(out, write->name_space, write->name);
    put_with(out, " uid ", write->uid);
    put_with(out, " to ", write->node);
    put_with(out, ", gang ", write->gang);
    if (write->rank != -1) {
        fprintf(out, ", rank %" PRId32, write->rank);
    }
    put_with(out, ", devices ", write->devices);
    put_with(out, ", run ", write->run);
    put_with(out, ": ", write->text);
}

static void put_skipped(FILE *out, const struct skipped_effect *skipped)
{
    static const char *const kinds[] = {
        [SKIPPED_NODE] = "node ", [SKIPPED_POD] = "pod ", [SKIPPED_GROUP] = "group "};
    fputs("leaves out ", out);
    fputs(kinds[skipped->kind], out);
    if (skipped->kind == SKIPPED_NODE) {
        put(out, skipped->name);
    } else {
        put_name(out, skipped->name_space, skipped->name);
    }
    put_with(out, ": ", skipped->message);
}

void journal_text_effect(struct journal_text *text, FILE *out, const struct event *event,
                         const struct effect *effect)
{
    switch (effect->type) {
    case EFFECT_FILTER_REPLY:
    case EFFECT_PRIORITIZE_REPLY:
    case EFFECT_PREEMPT_REPLY:
    case EFFECT_BIND_REPLY:
        put_reply(text, out, event, effect);
        break;
    case EFFECT_POST_BINDING:
    case EFFECT_NOMINATE:
    case EFFECT_EXPLAIN:
    case EFFECT_EVICT:
        put_write(out, effect->type, &effect->write);
        break;
    case EFFECT_EVENT:
        fprintf(out, "event on %s ", effect->event.group ? "group" : "pod");
        put_name(out, effect->event.name_space, effect->event.name);
        put_with(out, " uid ", effect->event.uid);
        put_with(out, effect->event.warning ? ", warning " : ", ", effect->event.reason);
        put_with(out, ": ", effect->event.message);
        break;
    case EFFECT_TRANSITION:
        fputs("gang ", out);
        put_name(out, effect->transition.name_space, effect->transition.gang);
        put_with(out, " from ", effect->transition.from);
        put_with(out, " to ", effect->transition.to);
        if (effect->transition.waited_ms >= 0) {
            fprintf(out, " after %" PRId64 " ms", effect->transition.waited_ms);
        }
        if (effect->transition.message != NULL && effect->transition.message[0] != '\0') {
            put_with(out, ": ", effect->transition.message);
        }
        break;
    case EFFECT_SKIPPED:
        put_skipped(out, &effect->skipped);
        break;
    case EFFECT_PHASE:
        fputs("pod", out);
        put_with(out, " uid ", effect->phase.uid);
        put_with(out, " from ", effect->phase.from);
        put_with(out, " to ", effect->phase.to);
        break;
    }
}
