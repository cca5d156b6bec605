// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/wire_calls.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "api/extender/args.h"
#include "api/extender/reply.h"
#include "test/simulation/objects.h"
#include "test/simulation/spaces.h"
#include "test/simulation/wire_objects.h"

/* What api/daemon/calls.c does with HTTP around it, without: body to event, reply to body. On the
 * other side of the wire stands kube-scheduler's extender.go: a name that it did not ask about is
 * an error, and so is anything that its types do not take.
 */

static const char *list_text(struct sim *sim, const struct record *record)
{
    const char *text = "";
    for (uint32_t i = 0; i < record->node_count; i++) {
        text = arena_printf(&sim->arena, "%s%s\"n%d\"", text, i == 0 ? "" : ",", record->nodes[i]);
    }
    return text;
}

static const char *args_text(struct sim *sim, const struct record *record)
{
    return arena_printf(&sim->arena, "{\"Pod\":%s,\"Nodes\":null,\"NodeNames\":[%s]}",
                        wire_pod_text(sim, record->pod, &record->change.pod),
                        list_text(sim, record));
}

static const char *preemption_text(struct sim *sim, const struct record *record)
{
    const char *victims = "";
    for (uint32_t i = 0; i < record->node_count; i++) {
        victims = arena_printf(&sim->arena,
                               "%s%s\"n%d\":{\"Pods\":[{\"UID\":\"v%d\"}],\"NumPDBViolations\":0}",
                               victims, i == 0 ? "" : ",", record->nodes[i], record->nodes[i]);
    }
    return arena_printf(&sim->arena,
                        "{\"Pod\":%s,\"NodeNameToVictims\":{},\"NodeNameToMetaVictims\":{%s}}",
                        wire_pod_text(sim, record->pod, &record->change.pod), victims);
}

static const char *text_of(struct sim *sim, const struct json_slice *slice)
{
    if (slice->length == 0) {
        return NULL;
    }
    char *text = arena_alloc(&sim->arena, slice->length + 1, 1);
    text[json_string_decode(slice, text)] = '\0';
    return text;
}

static void identify(struct sim *sim, const struct engine *engine, const struct record *record,
                     const struct extender_pod *pod, struct call_pod *call)
{
    call->uid = text_of(sim, &pod->uid);
    call->nominated = text_of(sim, &pod->nominated);
    if (call->uid != NULL && !engine_knows_pod(engine, call->uid)) {
        struct pod_object *object = arena_alloc(&sim->arena, 1, sizeof *object);
        wire_pod(sim, record->pod, &record->change.pod, object);
        call->object = object;
    }
}

void wire_call(struct sim *sim, const struct engine *engine, const struct record *record,
               struct filter_event *event)
{
    struct err err;
    struct extender_args args;
    struct extender_preemption_args preemption;
    uint32_t *rows = arena_alloc(&sim->arena, SIM_NODES_MAX, sizeof *rows);
    event->rows = rows;
    event->row_count = record->node_count;
    if (record->type == EVENT_PREEMPT) {
        const char *body = preemption_text(sim, record);
        if (extender_preemption_args_decode(body, strlen(body), &preemption, &err) < 0) {
            sim_fail(sim, "(6) a call cannot be decoded: %s: %s", err.text, body);
            return;
        }
        for (size_t i = 0; i < preemption.count; i++) {
            rows[i] = engine_node_row(engine, preemption.nodes[i].node.text,
                                      preemption.nodes[i].node.length);
        }
        identify(sim, engine, record, &preemption.pod, &event->pod);
        extender_preemption_args_finish(&preemption);
        return;
    }
    const char *body = args_text(sim, record);
    if (extender_args_decode(body, strlen(body), &args, &err) < 0) {
        sim_fail(sim, "(6) a call cannot be decoded: %s: %s", err.text, body);
        return;
    }
    for (size_t i = 0; i < args.count; i++) {
        rows[i] = engine_node_row(engine, args.names[i].text, args.names[i].length);
    }
    identify(sim, engine, record, &args.pod, &event->pod);
    extender_args_finish(&args);
}

void wire_bind_call(struct sim *sim, const struct record *record, struct bind_event *event)
{
    struct err err;
    struct extender_binding_args args;
    const char *body = arena_printf(
        &sim->arena,
        "{\"PodName\":\"%s\",\"PodNamespace\":\"%s\",\"PodUID\":\"u%d\",\"Node\":\"n%d\"}",
        objects_pod_name(sim, record->pod), spaces_of_pod(sim, record->pod), record->pod,
        record->node);
    if (extender_binding_args_decode(body, strlen(body), &args, &err) < 0) {
        sim_fail(sim, "(6) a call cannot be decoded: %s: %s", err.text, body);
        return;
    }
    *event = (struct bind_event){.name_space = text_of(sim, &args.pod_namespace),
                                 .name = text_of(sim, &args.pod_name),
                                 .uid = text_of(sim, &args.pod_uid),
                                 .node = text_of(sim, &args.node)};
}

/* ---- answers ---- */

/* *New*; a text that is no JSON is a violation. */
static json_t *parse(struct sim *sim, const char *text, size_t length)
{
    json_t *json = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    if (json == NULL) {
        sim_fail(sim, "(6) an answer is no JSON: %.*s", (int)length, text);
    }
    return json;
}

static char *filter_text(const struct extender_args *args, const struct filter_reply *reply,
                         size_t *length)
{
    static const bool none[SIM_NODES_MAX];
    switch (reply->verdict) {
    case FILTER_ALL:
        return extender_filter_reply(args, NULL, NULL, length);
    case FILTER_ONE:
        return extender_filter_reply_one(args, reply->index, length);
    case FILTER_SOME:
        return extender_filter_reply(args, reply->passes, reply->reason, length);
    case FILTER_NONE:
        return extender_filter_reply(args, none, reply->reason, length);
    case FILTER_ERROR:
        break;
    }
    return extender_filter_reply_error(reply->reason, length);
}

/* extender.go, Filter(): names to the nodes asked about. */
static void read_filter(struct sim *sim, const struct record *record, const json_t *json,
                        struct filter_answer *answer)
{
    const char *error = json_string_value(json_object_get(json, "Error"));
    const json_t *names = json_object_get(json, "NodeNames");
    const json_t *failed = json_object_get(json, "FailedAndUnresolvableNodes");
    memset(answer->passes, 0, sizeof(answer->passes));
    if (error != NULL && error[0] != '\0') {
        answer->verdict = FILTER_ERROR;
        answer->reason = sim_digest_text(0, error);
        return;
    }
    if (!json_is_array(names)) {
        sim_fail(sim, "(6) a filter answer has no NodeNames");
    }
    for (size_t i = 0; i < json_array_size(names); i++) {
        int node = sim_number(json_string_value(json_array_get(names, i)));
        uint32_t at = 0;
        while (at < record->node_count && record->nodes[at] != node) {
            at++;
        }
        if (at == record->node_count) {
            sim_fail(sim, "(6) a filter answer lets n%d pass, which nobody asked about", node);
            return;
        }
        answer->passes[at] = true;
    }
    void *first = json_object_iter((json_t *)(uintptr_t)failed);
    answer->reason =
        sim_digest_text(0, first == NULL ? NULL : json_string_value(json_object_iter_value(first)));
    answer->verdict = json_array_size(names) == 0 ? FILTER_NONE : FILTER_SOME;
}

static bool means(const struct filter_reply *reply, uint32_t index)
{
    return reply->verdict == FILTER_ALL ||
           (reply->verdict == FILTER_ONE && reply->index == index) ||
           (reply->verdict == FILTER_SOME && reply->passes[index]);
}

void wire_filter_answer(struct sim *sim, const struct record *record,
                        const struct filter_reply *reply, struct filter_answer *answer)
{
    struct err err;
    struct extender_args args;
    size_t length;
    const char *body = args_text(sim, record);
    if (extender_args_decode(body, strlen(body), &args, &err) < 0) {
        sim_fail(sim, "(6) a call cannot be decoded: %s", err.text);
        return;
    }
    char *text = filter_text(&args, reply, &length);
    json_t *json = parse(sim, text, length);
    read_filter(sim, record, json, answer);
    for (uint32_t i = 0; i < record->node_count; i++) {
        if (answer->passes[i] != means(reply, i)) {
            sim_fail(sim, "(6) a filter answer says something else than was meant: %s", text);
        }
    }
    json_decref(json);
    free(text);
    extender_args_finish(&args);
}

uint32_t wire_prioritize_answer(struct sim *sim, const struct record *record, uint32_t index)
{
    struct err err;
    struct extender_args args;
    size_t length;
    uint32_t chosen = UINT32_MAX;
    const char *body = args_text(sim, record);
    if (extender_args_decode(body, strlen(body), &args, &err) < 0) {
        sim_fail(sim, "(6) a call cannot be decoded: %s", err.text);
        return chosen;
    }
    char *text = extender_prioritize_reply(&args, index == UINT32_MAX ? SIZE_MAX : index, &length);
    json_t *json = parse(sim, text, length);
    const json_t *best = json_array_get(json, 0);
    int node = sim_number(json_string_value(json_object_get(best, "Host")));
    for (uint32_t i = 0; i < record->node_count && node != SIM_NONE; i++) {
        chosen = record->nodes[i] == node ? i : chosen;
    }
    if (chosen != index) {
        sim_fail(sim, "(6) a prioritize answer says something else than was meant: %s", text);
    }
    json_decref(json);
    free(text);
    extender_args_finish(&args);
    return chosen;
}

void wire_preempt_answer(struct sim *sim, const struct record *record, const bool *keeps)
{
    struct err err;
    struct extender_preemption_args args;
    size_t length;
    const char *body = preemption_text(sim, record);
    if (extender_preemption_args_decode(body, strlen(body), &args, &err) < 0) {
        sim_fail(sim, "(6) a call cannot be decoded: %s", err.text);
        return;
    }
    char *text = extender_preemption_reply(&args, keeps, &length);
    json_t *json = parse(sim, text, length);
    const json_t *kept = json_object_get(json, "NodeNameToMetaVictims");
    for (uint32_t i = 0; i < record->node_count; i++) {
        bool stays = json_object_get(kept, objects_name(sim, 'n', record->nodes[i])) != NULL;
        if (stays != (keeps == NULL || keeps[i])) {
            sim_fail(sim, "(6) a preempt answer says something else than was meant: %s", text);
        }
    }
    json_decref(json);
    free(text);
    extender_preemption_args_finish(&args);
}

bool wire_bind_answer(struct sim *sim, const char *error)
{
    size_t length;
    char *text = extender_bind_reply(error, &length);
    json_t *json = parse(sim, text, length);
    const char *said = json_string_value(json_object_get(json, "Error"));
    bool bound = said == NULL || said[0] == '\0';
    if (bound != (error == NULL)) {
        sim_fail(sim, "(6) a bind answer says something else than was meant: %s", text);
    }
    json_decref(json);
    free(text);
    return bound;
}
