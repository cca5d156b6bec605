// SPDX-License-Identifier: Apache-2.0
#include "api/view/decisions.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "api/base/clock.h"
#include "topology/base/alloc.h"

/* A ring of JSON objects, which is what they become anyway: `made` counts all decisions, the one
 * with number n lies at n % DECISIONS_KEPT. A refusal that comes again is counted in the object
 * that is there, whose time moves on; its place does not.
 */

struct decisions {
    json_t *items[DECISIONS_KEPT];
    size_t made;
};

struct decisions *decisions_create(void)
{
    return alloc_zero(1, sizeof(struct decisions));
}

void decisions_destroy(struct decisions *decisions)
{
    if (decisions == NULL) {
        return;
    }
    for (size_t i = 0; i < DECISIONS_KEPT; i++) {
        json_decref(decisions->items[i]);
    }
    free(decisions);
}

/* A text as JSON; null when absent, and when it is no UTF-8. */
static json_t *text_json(const char *text)
{
    json_t *json = text == NULL ? NULL : json_string(text);
    return json == NULL ? json_null() : json;
}

static json_t *name_json(const char *name_space, const char *name)
{
    json_t *json =
        json_sprintf("%s/%s", name_space == NULL ? "" : name_space, name == NULL ? "" : name);
    return json == NULL ? json_null() : json;
}

static json_t *time_json(int64_t wall)
{
    char text[CLOCK_TEXT_MAX];
    return clock_text(wall * 1000000, 3, text) ? json_string(text) : json_null();
}

/* *Steals* the object. */
static void add(struct decisions *decisions, json_t *item)
{
    json_t **place = &decisions->items[decisions->made++ % DECISIONS_KEPT];
    json_decref(*place);
    *place = item;
}

static void note_refusal(struct decisions *decisions, int64_t wall, const char *call,
                         const char *uid, const char *reason)
{
    size_t least = decisions->made < DECISIONS_NEAR ? 0 : decisions->made - DECISIONS_NEAR;
    for (size_t i = decisions->made; i > least; i--) {
        json_t *item = decisions->items[(i - 1) % DECISIONS_KEPT];
        const char *same_call = json_string_value(json_object_get(item, "call"));
        const char *same = json_string_value(json_object_get(item, "reason"));
        if (same_call == NULL || same == NULL || strcmp(same_call, call) != 0 ||
            strcmp(same, reason) != 0) {
            continue;
        }
        json_int_t count = json_integer_value(json_object_get(item, "count"));
        json_object_set_new(item, "count", json_integer(count + 1));
        json_object_set_new(item, "uid", text_json(uid));
        json_object_set_new(item, "time", time_json(wall));
        return;
    }
    add(decisions,
        json_pack("{s:o, s:s, s:s, s:o, s:o, s:i}", "time", time_json(wall), "type", "refusal",
                  "call", call, "uid", text_json(uid), "reason", text_json(reason), "count", 1));
}

static void note_filter(struct decisions *decisions, int64_t wall, const struct event *event,
                        const struct filter_reply *reply)
{
    bool refused = reply->verdict == FILTER_NONE || reply->verdict == FILTER_ERROR;
    if (refused && event->type == EVENT_FILTER && reply->reason != NULL) {
        note_refusal(decisions, wall, "filter", event->filter.pod.uid, reply->reason);
    }
}

/* A bind that is refused at once is of the pod of the event; one that waited may be any gang's. */
static void note_bind(struct decisions *decisions, int64_t wall, const struct event *event,
                      const struct bind_reply *reply)
{
    if (reply->error != NULL) {
        bool own = event->type == EVENT_BIND && event->bind.ticket == reply->ticket;
        note_refusal(decisions, wall, "bind", own ? event->bind.uid : NULL, reply->error);
    }
}

static void note_transition(struct decisions *decisions, int64_t wall,
                            const struct transition_effect *transition)
{
    add(decisions,
        json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:I}", "time", time_json(wall), "type",
                  "transition", "gang", name_json(transition->name_space, transition->gang), "from",
                  text_json(transition->from), "to", text_json(transition->to), "reason",
                  text_json(transition->message), "waitedMs", (json_int_t)transition->waited_ms));
}

static void note_event(struct decisions *decisions, int64_t wall, const struct event_effect *effect)
{
    add(decisions,
        json_pack("{s:o, s:s, s:s, s:o, s:b, s:o, s:o}", "time", time_json(wall), "type", "event",
                  "kind", effect->group ? "PodGroup" : "Pod", "object",
                  name_json(effect->name_space, effect->name), "warning", effect->warning, "event",
                  text_json(effect->reason), "reason", text_json(effect->message)));
}

void decisions_note(struct decisions *decisions, int64_t wall, const struct event *event,
                    const struct effects *effects)
{
    for (size_t i = 0; i < effects->count; i++) {
        const struct effect *effect = &effects->items[i];
        switch (effect->type) {
        case EFFECT_FILTER_REPLY:
            note_filter(decisions, wall, event, &effect->filter);
            break;
        case EFFECT_BIND_REPLY:
            note_bind(decisions, wall, event, &effect->bind);
            break;
        case EFFECT_EVENT:
            note_event(decisions, wall, &effect->event);
            break;
        case EFFECT_TRANSITION:
            note_transition(decisions, wall, &effect->transition);
            break;
        case EFFECT_PRIORITIZE_REPLY:
        case EFFECT_PREEMPT_REPLY:
        case EFFECT_POST_BINDING:
        case EFFECT_NOMINATE:
        case EFFECT_EXPLAIN:
        case EFFECT_EVICT:
        case EFFECT_SKIPPED:
        case EFFECT_PHASE:
            break;
        }
    }
}

json_t *decisions_json(const struct decisions *decisions, size_t limit)
{
    json_t *list = json_array();
    size_t kept = decisions->made < DECISIONS_KEPT ? decisions->made : DECISIONS_KEPT;
    size_t count = limit < kept ? limit : kept;
    for (size_t i = 1; i <= count; i++) {
        json_array_append(list, decisions->items[(decisions->made - i) % DECISIONS_KEPT]);
    }
    return list;
}
