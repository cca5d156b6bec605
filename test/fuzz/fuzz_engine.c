// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/engine.h"
#include "topology/base/checkpoint.h"

/* The input is a script of events: a few nodes in racks, pods of a few gangs, calls, outcomes of
 * writes, time. Whatever comes in whatever order, the engine answers each call once, finds its own
 * sums right, and goes on from a checkpoint like one that lived through everything: a second engine
 * gets the same events, and is a new one after every checkpoint.
 *
 * "events: N" at the end is what test/fuzz/run.py counts.
 */

#define NODES   8
#define PODS    24
#define TICKETS 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t events;

__attribute__((destructor)) static void tell(void)
{
    if (events > 0) {
        fprintf(stderr, "events: %llu\n", (unsigned long long)events);
    }
}

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

struct script {
    const uint8_t *data;
    size_t size;
    size_t at;
    int64_t now;
    uint32_t tickets;
    uint8_t open[TICKETS]; /* a bind call that is not answered yet */
    struct engine_options options;
    struct levels levels;
    struct engine *engines[2];
    struct effects effects[2];
    char texts[16][16];
    unsigned text_count;
    uint32_t rows[NODES];
};

static unsigned draw(struct script *script, unsigned choices)
{
    return script->at < script->size ? script->data[script->at++] % choices : 0;
}

/* "n7": good for one event. */
static const char *name(struct script *script, char kind, unsigned number)
{
    char *text = script->texts[script->text_count++ % 16];
    snprintf(text, sizeof script->texts[0], "%c%u", kind, number);
    return text;
}

static const char *level(struct script *script)
{
    static const char *const levels[] = {NULL, NULL, NULL, "rack", "block", "host", "nowhere"};
    return levels[draw(script, 7)];
}

/* ---- objects ---- */

static void apply(struct script *script, const struct event *event);

static void show_node(struct script *script, enum event_type type)
{
    unsigned number = draw(script, NODES);
    const struct label_object labels[] = {
        {"rack", name(script, 'r', draw(script, 3))},
        {"block", name(script, 'b', draw(script, 2))},
    };
    const struct amount_object amounts[] = {
        {"cpu", 1000 * (int64_t)draw(script, 64)},
        {"pods", draw(script, 20)},
        {"nvidia.com/gpu", draw(script, 9)},
    };
    const struct taint_object taint = {"gone", "", (enum taint_effect)draw(script, 3)};
    struct event event = {.type = type};
    if (type == EVENT_NODE_GONE) {
        event.node_name = name(script, 'n', number);
    } else {
        event.node = (struct node_object){.name = name(script, 'n', number),
                                          .labels = labels,
                                          .label_count = draw(script, 3),
                                          .allocatable = amounts,
                                          .allocatable_count = 3,
                                          .taints = &taint,
                                          .taint_count = draw(script, 8) == 7,
                                          .unschedulable = draw(script, 16) == 15};
    }
    apply(script, &event);
}

/* Everything of a pod that its number does not say. `parts` outlive the event. */
struct parts {
    struct amount_object requests[3];
    struct label_object labels[1];
    struct expression_object expression;
    struct affinity_object affinity;
    struct slice_object slice;
    const char *space;
    const char *value;
};

static struct pod_object make_pod(struct script *script, unsigned number, struct parts *parts)
{
    unsigned gang = number / 6; /* the last ones are in none */
    const char *space = gang == 1 ? "b" : "a";
    unsigned life = draw(script, 32);
    *parts = (struct parts){
        .requests = {{"pods", 1},
                     {"cpu", 1000 * (int64_t)draw(script, 8)},
                     {"nvidia.com/gpu", 1 + draw(script, 4)}},
        .labels = {{"app", name(script, 'l', draw(script, 2))}},
        .value = name(script, 'l', draw(script, 2)),
        .space = space,
        .slice = {"rack", 2},
    };
    parts->expression = (struct expression_object){
        .key = "app", .operator= SELECTOR_IN, .values = &parts->value, .value_count = 1};
    parts->affinity = (struct affinity_object){.apart = draw(script, 2) == 1,
                                               .key = "rack",
                                               .name_spaces = &parts->space,
                                               .name_space_count = 1,
                                               .expressions = &parts->expression,
                                               .expression_count = 1};
    return (struct pod_object){
        .name_space = space,
        .name = name(script, 'p', number),
        .uid = name(script, 'u', number),
        .node = draw(script, 4) == 3 ? name(script, 'n', draw(script, NODES + 1)) : NULL,
        .nominated = draw(script, 4) == 3 ? name(script, 'n', draw(script, NODES)) : NULL,
        .priority = (int32_t)draw(script, 3),
        .terminal = life == 31 || life == 30,
        .succeeded = life == 31,
        .deleting = life == 29,
        .gated = life == 28,
        .requests = parts->requests,
        .request_count = 3,
        .labels = parts->labels,
        .label_count = 1,
        .affinities = &parts->affinity,
        .affinity_count = draw(script, 8) == 7,
        .gang = gang < 3 ? name(script, 'g', gang) : NULL,
        .gang_minimum = gang < 3 ? (int32_t)draw(script, 6) : 0,
        .placement = {.required_level = level(script),
                      .exclusive_level = draw(script, 8) == 7 ? "rack" : NULL,
                      .slices = &parts->slice,
                      .slice_count = draw(script, 8) == 7},
        .role = draw(script, 4) == 3 ? "worker" : NULL,
        .rank = (int32_t)draw(script, 4) - 1,
    };
}

static void show_pod(struct script *script, enum event_type type)
{
    struct parts parts;
    unsigned number = draw(script, PODS);
    struct event event = {.type = type};
    if (type == EVENT_POD_GONE) {
        event.pod_uid = name(script, 'u', number);
    } else {
        event.pod = make_pod(script, number, &parts);
    }
    apply(script, &event);
}

static void show_group(struct script *script, enum event_type type)
{
    unsigned gang = draw(script, 3);
    const char *space = gang == 1 ? "b" : "a";
    struct event event = {.type = type};
    if (type == EVENT_GROUP_GONE) {
        event.group_gone.name_space = space;
        event.group_gone.name = name(script, 'g', gang);
    } else {
        event.group = (struct group_object){
            .name_space = space,
            .name = name(script, 'g', gang),
            .uid = name(script, 'h', gang),
            .minimum = (int32_t)draw(script, 8) - 1,
            .hold_timeout_ms = 1000 * (int64_t)draw(script, 4),
            .placement = {.required_level = level(script), .preferred_level = level(script)}};
    }
    apply(script, &event);
}

/* ---- calls and outcomes ---- */

static void call(struct script *script, enum event_type type)
{
    struct parts parts;
    unsigned number = draw(script, PODS);
    uint32_t rows[NODES], count = 1 + draw(script, NODES);
    struct pod_object object = make_pod(script, number, &parts);
    const char *uid = object.uid;
    for (uint32_t i = 0; i < count; i++) {
        const char *node = name(script, 'n', i);
        rows[i] = engine_node_row(script->engines[0], node, strlen(node));
    }
    struct event event = {.type = type};
    struct call_pod pod = {.uid = uid, .object = &object};
    if (type == EVENT_PREEMPT) {
        event.preempt = (struct preempt_event){.pod = pod, .rows = rows, .row_count = count};
    } else {
        event.filter = (struct filter_event){.pod = pod, .rows = rows, .row_count = count};
    }
    apply(script, &event);
}

static void bind(struct script *script)
{
    unsigned number = draw(script, PODS);
    if (script->tickets + 1 >= TICKETS) {
        return;
    }
    script->open[++script->tickets] = 1;
    struct event event = {.type = EVENT_BIND,
                          .bind = {.ticket = script->tickets,
                                   .name_space = number / 6 == 1 ? "b" : "a",
                                   .name = name(script, 'p', number),
                                   .uid = name(script, 'u', number),
                                   .node = name(script, 'n', draw(script, NODES))}};
    apply(script, &event);
}

static void give_up(struct script *script)
{
    struct event event = {.type = EVENT_BIND_GIVE_UP};
    event.ticket = script->tickets == 0 ? 0 : 1 + draw(script, 255) % script->tickets;
    script->open[event.ticket] = 0;
    apply(script, &event);
}

static void done(struct script *script, enum event_type type)
{
    struct event event = {.type = type,
                          .done = {.uid = name(script, 'u', draw(script, PODS)),
                                   .node = name(script, 'n', draw(script, NODES)),
                                   .outcome = (enum write_outcome)draw(script, 4),
                                   .message = "said so"}};
    apply(script, &event);
}

/* ---- both engines ---- */

static void check_effects(struct script *script)
{
    const struct effects *one = &script->effects[0], *other = &script->effects[1];
    require(one->count == other->count);
    for (size_t i = 0; i < one->count; i++) {
        const struct effect *a = &one->items[i], *b = &other->items[i];
        require(a->type == b->type);
        if (a->type == EFFECT_BIND_REPLY) {
            require(a->bind.ticket == b->bind.ticket);
            require(a->bind.ticket <= script->tickets && script->open[a->bind.ticket] == 1);
            script->open[a->bind.ticket] = 0;
        } else if (a->type == EFFECT_POST_BINDING) {
            require(strcmp(a->write.uid, b->write.uid) == 0);
            require(strcmp(a->write.node, b->write.node) == 0);
        } else if (a->type == EFFECT_FILTER_REPLY) {
            require(a->filter.verdict == b->filter.verdict && a->filter.index == b->filter.index);
        }
    }
    require(engine_deadline(script->engines[0]) == engine_deadline(script->engines[1]));
}

static void apply(struct script *script, const struct event *event)
{
    struct event timed = *event;
    timed.now = script->now;
    for (int i = 0; i < 2; i++) {
        effects_reset(&script->effects[i]);
        engine_apply(script->engines[i], &timed, &script->effects[i]);
        events++;
    }
    check_effects(script);
}

static void make_checkpoint(struct script *script)
{
    struct checkpoint saved[2];
    struct err err;
    apply(script, &(struct event){.type = EVENT_CHECKPOINT});
    for (int i = 0; i < 2; i++) {
        engine_save(script->engines[i], &saved[i]);
        require(!saved[i].failed);
    }
    require(saved[0].count == saved[1].count &&
            memcmp(saved[0].bytes, saved[1].bytes, saved[0].count) == 0);
    engine_destroy(script->engines[1]);
    script->engines[1] = engine_create(&script->options);
    require(engine_load(script->engines[1], saved[0].bytes, saved[0].count, &err) == 0);
    checkpoint_finish(&saved[0]);
    checkpoint_finish(&saved[1]);
}

static void step(struct script *script)
{
    static const enum event_type plain[] = {EVENT_TICK, EVENT_FOLLOW, EVENT_LEAD, EVENT_SYNCED};
    script->now += draw(script, 8) * 1000;
    switch (draw(script, 24)) {
    case 0 ... 2:
        show_node(script, EVENT_NODE);
        break;
    case 3:
        show_node(script, EVENT_NODE_GONE);
        break;
    case 4 ... 8:
        show_pod(script, EVENT_POD);
        break;
    case 9:
        show_pod(script, EVENT_POD_GONE);
        break;
    case 10:
        show_group(script, EVENT_GROUP);
        break;
    case 11:
        show_group(script, EVENT_GROUP_GONE);
        break;
    case 12 ... 13:
        call(script, EVENT_FILTER);
        break;
    case 14:
        call(script, draw(script, 2) == 0 ? EVENT_PRIORITIZE : EVENT_PREEMPT);
        break;
    case 15 ... 17:
        bind(script);
        break;
    case 18:
        give_up(script);
        break;
    case 19 ... 20:
        done(script, draw(script, 2) == 0 ? EVENT_BINDING_DONE : EVENT_NOMINATION_DONE);
        break;
    case 21 ... 22:
        apply(script, &(struct event){.type = plain[draw(script, 4)]});
        break;
    default:
        make_checkpoint(script);
        break;
    }
}

static void set_levels(struct levels *levels)
{
    struct err err;
    levels_init(levels);
    require(levels_add(levels, "block", &err) == 0 && levels_add_key(levels, "block", &err) == 0);
    require(levels_add(levels, "rack", &err) == 0 && levels_add_key(levels, "rack", &err) == 0);
    require(levels_finish(levels, &err) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script script = {.data = data, .size = size};
    set_levels(&script.levels);
    engine_options_default(&script.options);
    script.options.levels = &script.levels;
    for (int i = 0; i < 2; i++) {
        script.engines[i] = engine_create(&script.options);
        effects_init(&script.effects[i]);
    }
    if (draw(&script, 8) != 7) {
        apply(&script, &(struct event){.type = EVENT_SYNCED});
    }
    while (script.at < script.size) {
        step(&script);
    }
    for (int i = 0; i < 2; i++) {
        const char *last;
        require(engine_differences(script.engines[i], &last) == 0);
        engine_destroy(script.engines[i]);
        effects_finish(&script.effects[i]);
    }
    return 0;
}
