// SPDX-License-Identifier: Apache-2.0
#include "api/daemon/core.h"

#include <limits.h>
#include <stdlib.h>

#include "api/base/clock.h"
#include "topology/base/alloc.h"

/* Effects are carried out in order, right after the event that caused them. Writes go to the
 * backend, which only queues them: nothing here waits. A batch from the backend may be large (a
 * relist), so it is worked off in pieces between which the loop serves HTTP.
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
    size_t batch_at;
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
    effects_finish(&core->effects);
    decisions_destroy(core->decisions);
    engine_destroy(core->engine);
    free(core);
}

int64_t core_now_ns(void)
{
    return clock_ns();
}

int64_t core_now(void)
{
    return clock_ms();
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
    log_write(core->options.log, LOG_INFO, "gang changed its state", fields);
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

const struct effect *core_apply(struct core *core, struct event *event)
{
    const struct effect *answer = NULL;
    int64_t started = core_now_ns();
    event->now = started / 1000000;
    intake_event(core->options.intake, event, NULL);
    effects_reset(&core->effects);
    engine_apply(core->engine, event, &core->effects);
    metrics_apply(core->options.metrics, core_now_ns() - started);
    if (core->options.journal != NULL) {
        journal_file_step(core->options.journal, core->engine, event, &core->effects);
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

/* Takes in the ResourceSlices of a batch, and tells the engine of nodes that look different now. */
static void apply_slices(struct core *core, struct kube_batch *batch)
{
    struct event event;
    intake_slices(core->options.intake, batch);
    while (intake_next_changed(core->options.intake, &event)) {
        core_apply(core, &event);
    }
}

bool core_pump(struct core *core, unsigned limit)
{
    for (unsigned applied = 0; applied < limit;) {
        if (core->batch == NULL) {
            core->batch = core->options.backend.take(core->options.backend.context);
            core->batch_at = 0;
            if (core->batch == NULL) {
                return false;
            }
            apply_slices(core, core->batch);
        }
        if (core->batch_at == core->batch->count) {
            kube_batch_destroy(core->batch);
            core->batch = NULL;
            continue;
        }
        core_apply(core, &core->batch->events[core->batch_at++]);
        applied++;
    }
    return true;
}

void core_tick(struct core *core)
{
    if (engine_deadline(core->engine) <= core_now()) {
        struct event event = {.type = EVENT_TICK};
        core_apply(core, &event);
    }
}

int core_timeout(const struct core *core)
{
    int64_t deadline = engine_deadline(core->engine);
    if (deadline == INT64_MAX) {
        return -1;
    }
    int64_t left = deadline - core_now();
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
