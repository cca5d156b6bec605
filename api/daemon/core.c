// SPDX-License-Identifier: Apache-2.0
#include "api/daemon/core.h"

#include <limits.h>
#include <stdlib.h>

#include "api/base/clock.h"
#include "topology/base/alloc.h"

/* Effects are carried out in order, right after the event that caused them. Writes go to the
 * backend, which only queues them: nothing here waits. A batch from the backend may be large (a
 * relist), so what the backend has is worked off in portions of time between which the loop serves
 * HTTP. A portion is of time and not of events because one may cost a microsecond, or thousands.
 *
 *   batch     slice slice slice │ event event event event      following  slice │ event …
 *              into the intake, which makes EVENT_DEVICES of it
 *   portion   ├──── CORE_PUMP_NS ────┤  the last one without `more`: now the engine plans
 *
 * Every event passes through core_apply(), whichever backend it comes from, and from there through
 * the intake.
 */

struct core {
    struct engine *engine;
    struct effects effects;
    struct decisions *decisions;
    struct core_options options;
    struct kube_batch *batch; /* being worked off */
    size_t slice_at;
    size_t event_at;
    struct kube_batch *following; /* already taken from the backend; NULL: not yet */
    uint64_t differences;         /* of the engine's self-check, as far as the log has them */
};

struct core *core_create(const struct core_options *options)
{
    struct core *core = alloc_zero(1, sizeof(*core));
    core->options = *options;
    core->engine = engine_create(options->engine);
    core->decisions = decisions_create();
    effects_init(&core->effects);
    return core;
}

void core_destroy(struct core *core)
{
    if (core == NULL) {
        return;
    }
    kube_batch_destroy(core->batch);
    kube_batch_destroy(core->following);
    effects_finish(&core->effects);
    decisions_destroy(core->decisions);
    engine_destroy(core->engine);
    free(core);
}

static int64_t now_ns(const struct core *core)
{
    return core->options.clock_ns == NULL ? clock_ns()
                                          : core->options.clock_ns(core->options.clock_context);
}

static int64_t now_ms(const struct core *core)
{
    return now_ns(core) / 1000000;
}

static void log_transition(struct core *core, const struct transition_effect *transition)
{
    metrics_transition(core->options.metrics, transition->from, transition->to,
                       transition->waited_ms);
    const struct log_field fields[] = {
        {"namespace", transition->name_space, 0},
        {"gang", transition->gang, 0},
        {"from", transition->from, 0},
        {"to", transition->to, 0},
        {"reason", transition->message, 0},
        {"waitedMs", NULL, transition->waited_ms},
        {NULL, NULL, 0},
    };
    log_write(core->options.log, LOG_INFO, "gang changed state", fields);
}

static void log_skipped(struct core *core, const struct skipped_effect *skipped)
{
    static const char *const kinds[] = {
        [SKIPPED_NODE] = "Node", [SKIPPED_POD] = "Pod", [SKIPPED_GROUP] = "PodGroup"};
    metrics_skipped(core->options.metrics, skipped->kind);
    const struct log_field fields[] = {
        {"namespace", skipped->name_space, 0},
        {"kind", kinds[skipped->kind], 0},
        {"name", skipped->name, 0},
        {"error", skipped->message, 0},
        {NULL, NULL, 0},
    };
    log_write(core->options.log, LOG_WARNING, "an object is left out",
              fields + (skipped->kind == SKIPPED_NODE)); /* which lies in no namespace */
}

static void log_binding(struct core *core, const struct pod_write *write)
{
    log_text(core->options.log, LOG_DEBUG, "binding", "namespace", write->name_space, "pod",
             write->name, "node", write->node, NULL);
}

/* Carries out one effect; true when it is an answer for the caller of core_apply(). */
static bool carry_out(struct core *core, const struct effect *effect)
{
    struct backend *backend = &core->options.backend;
    switch (effect->type) {
    case EFFECT_FILTER_REPLY:
    case EFFECT_PRIORITIZE_REPLY:
    case EFFECT_PREEMPT_REPLY:
        return true;
    case EFFECT_BIND_REPLY:
        core->options.bind_reply(core->options.bind_context, effect->bind.ticket,
                                 effect->bind.error);
        return false;
    case EFFECT_POST_BINDING:
        log_binding(core, &effect->write);
        backend->submit(backend->context, effect);
        return false;
    case EFFECT_NOMINATE:
    case EFFECT_EXPLAIN:
    case EFFECT_EVICT:
    case EFFECT_EVENT:
        backend->submit(backend->context, effect);
        return false;
    case EFFECT_TRANSITION:
        log_transition(core, &effect->transition);
        return false;
    case EFFECT_SKIPPED:
        log_skipped(core, &effect->skipped);
        return false;
    case EFFECT_PHASE:
        return false;
    }
    return false;
}

static bool is_call(enum event_type type)
{
    return type == EVENT_FILTER || type == EVENT_PRIORITIZE || type == EVENT_PREEMPT ||
           type == EVENT_BIND;
}

/* Leadership follows kube-scheduler's calls, and ends when the engine has ended it. */
static void tell_backend(struct core *core, const struct event *event)
{
    const struct backend *backend = &core->options.backend;
    if (backend->called != NULL && is_call(event->type)) {
        backend->called(backend->context);
    } else if (backend->followed != NULL && event->type == EVENT_FOLLOW) {
        backend->followed(backend->context);
    }
}

static const char *const event_names[EVENT_TYPES] = {
    [EVENT_NODE] = "node",
    [EVENT_NODE_GONE] = "node gone",
    [EVENT_DEVICES] = "devices",
    [EVENT_POD] = "pod",
    [EVENT_POD_GONE] = "pod gone",
    [EVENT_GROUP] = "group",
    [EVENT_GROUP_GONE] = "group gone",
    [EVENT_SYNCED] = "synced",
    [EVENT_FILTER] = "filter",
    [EVENT_PRIORITIZE] = "prioritize",
    [EVENT_PREEMPT] = "preempt",
    [EVENT_BIND] = "bind",
    [EVENT_BIND_GIVE_UP] = "bind given up",
    [EVENT_BINDING_DONE] = "binding done",
    [EVENT_NOMINATION_DONE] = "nomination done",
    [EVENT_TICK] = "tick",
    [EVENT_DRAIN] = "drain",
    [EVENT_FOLLOW] = "follow",
    [EVENT_LEAD] = "lead",
    [EVENT_ASK] = "ask",
    [EVENT_CHECKPOINT] = "checkpoint",
};

/* Nobody is answered meanwhile: whoever finds that out wants to know what it was. */
static void note_time(struct core *core, const struct event *event, int64_t taken_ns)
{
    metrics_apply(core->options.metrics, taken_ns);
    if (taken_ns >= CORE_SLOW_NS) {
        const struct log_field fields[] = {
            {"event", event_names[event->type], 0},
            {"tookMs", NULL, taken_ns / 1000000},
            {NULL, NULL, 0},
        };
        log_write(core->options.log, LOG_WARNING, "one event took long", fields);
    }
}

/* The engine found one of its own sums wrong: somebody should know. */
static void note_differences(struct core *core)
{
    const char *last;
    uint64_t differences = engine_differences(core->engine, &last);
    if (differences != core->differences) {
        core->differences = differences;
        log_text(core->options.log, LOG_ERROR, "a sum was wrong and is corrected", "of", last,
                 NULL);
    }
}

const struct effect *core_apply(struct core *core, struct event *event)
{
    const struct effect *answer = NULL;
    int64_t started = now_ns(core);
    event->now = started / 1000000;
    intake_event(core->options.intake, event, NULL);
    effects_reset(&core->effects);
    engine_apply(core->engine, event, &core->effects);
    note_time(core, event, now_ns(core) - started);
    note_differences(core);
    if (core->options.journal != NULL) {
        recorder_step(core->options.journal, core->engine, event, &core->effects);
    }
    if (core->effects.count > 0) {
        decisions_note(core->decisions, clock_wall_ms(), event, &core->effects);
    }
    for (size_t i = 0; i < core->effects.count; i++) {
        if (carry_out(core, &core->effects.items[i])) {
            answer = &core->effects.items[i];
        }
    }
    core->options.backend.flush(core->options.backend.context);
    tell_backend(core, event);
    return answer;
}

/* Whether the backend has anything that was not taken out of its batches yet. */
static bool has_more(struct core *core)
{
    const struct backend *backend = &core->options.backend;
    if (core->batch != NULL &&
        (core->slice_at < core->batch->slice_count || core->event_at < core->batch->count)) {
        return true;
    }
    if (intake_has_changed(core->options.intake)) {
        return true;
    }
    if (core->following == NULL) {
        core->following = backend->take(backend->context);
    }
    return core->following != NULL;
}

/* Goes on to the next batch when this one is used up. What was applied last may lie in this one. */
static void advance(struct core *core)
{
    if (core->following != NULL) {
        kube_batch_destroy(core->batch);
        core->batch = core->following;
        core->following = NULL;
        core->slice_at = 0;
        core->event_at = 0;
    }
}

/* Takes the next step: a ResourceSlice goes into the intake, an event is returned. Slices count
 * before the events of their batch, and so do the nodes that look different because of them. */
static struct event *take_step(struct core *core, struct event *changed)
{
    advance(core);
    if (core->batch != NULL && core->slice_at < core->batch->slice_count) {
        intake_slice(core->options.intake, &core->batch->slices[core->slice_at++]);
        return NULL;
    }
    return intake_next_changed(core->options.intake, changed)
               ? changed
               : &core->batch->events[core->event_at++];
}

bool core_pump(struct core *core)
{
    int64_t end = now_ns(core) + CORE_PUMP_NS;
    bool open = false; /* the last event said that more follow */
    bool last = false;
    while (!last && has_more(core)) {
        struct event changed;
        struct event *event = take_step(core, &changed);
        last = now_ns(core) >= end;
        if (event != NULL) {
            last = last || !has_more(core);
            open = !last;
            event->more = open;
            core_apply(core, event);
        }
    }
    if (open) { /* the slices behind it led to no event */
        core_apply(core, &(struct event){.type = EVENT_TICK});
    }
    return has_more(core);
}

void core_tick(struct core *core)
{
    if (engine_deadline(core->engine) <= now_ms(core)) {
        struct event event = {.type = EVENT_TICK};
        core_apply(core, &event);
    }
}

void core_checkpoint(struct core *core)
{
    struct recorder *journal = core->options.journal;
    if (journal != NULL && recorder_is_due(journal, now_ms(core))) {
        struct event event = {.type = EVENT_CHECKPOINT};
        core_apply(core, &event);
        recorder_checkpoint(journal, core->engine, event.now);
    }
}

int core_timeout(const struct core *core)
{
    int64_t deadline = engine_deadline(core->engine);
    if (deadline == INT64_MAX) {
        return -1;
    }
    int64_t left = deadline - now_ms(core);
    return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

const struct engine *core_engine(const struct core *core)
{
    return core->engine;
}

const struct decisions *core_decisions(const struct core *core)
{
    return core->decisions;
}
