// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "scheduler/engine/audit.h"
#include "scheduler/engine/begun.h"
#include "scheduler/engine/calls.h"
#include "scheduler/engine/checkpoint.h"
#include "scheduler/engine/fixpoint.h"
#include "scheduler/engine/hold.h"
#include "scheduler/engine/lead.h"
#include "scheduler/engine/nominate.h"
#include "scheduler/engine/observe.h"
#include "scheduler/engine/plan.h"
#include "scheduler/engine/progress.h"
#include "scheduler/engine/reason.h"
#include "scheduler/engine/repair.h"
#include "scheduler/engine/state.h"
#include "scheduler/engine/ticks.h"
#include "topology/base/alloc.h"

/* One event in, and everything that follows from it, before the next one.
 *
 *   event ─▶ books (nodes, pods, gangs, ledger) ─▶ marks ─▶ fixpoint ─▶ effects
 *
 * Invariants kept by all modules together:
 * - No binding is posted for a gang before all that is missing of its quorum stands in the barrier.
 * - A hold never outlives what it rests on: a member, the node's room, the quorum, the deadline.
 * - Every bind ticket gets exactly one reply: whatever takes a pod out of the barrier answers.
 */

void engine_options_default(struct engine_options *options)
{
    memset(options, 0, sizeof(*options));
    options->levels = NULL;
    options->hold_timeout_ms = 30000;
    options->backoff_initial_ms = 1000;
    options->backoff_maximum_ms = 60000;
    options->repair_timeout_ms = 300000;
    options->incomplete = ENGINE_INCOMPLETE_KEEP;
}

struct engine *engine_create(const struct engine_options *options)
{
    struct engine *engine = alloc_zero(1, sizeof(*engine));
    engine->options = *options;
    if (options->levels != NULL) {
        engine->levels = *options->levels;
    } else {
        levels_preset(&engine->levels);
    }
    engine->options.levels = &engine->levels;
    engine->nodes = nodes_create(options->hash_seed);
    engine->domains = domains_create(&engine->levels);
    engine->shapes = shapes_create(engine->nodes);
    engine->ledger = ledger_create(engine->nodes, engine->domains, engine->shapes);
    tree_init(&engine->tree, engine->nodes, engine->domains, engine->ledger);
    engine->pods = pods_create(engine->nodes, engine->shapes, engine->ledger, options->hash_seed);
    engine->next_tick = INT64_MAX;
    engine->piece = PROGRESS_STEPS;
    engine->leading = true;
    gangs_init(&engine->gangs);
    queue_init(&engine->queue);
    pods_on_phase(engine->pods, engine_phase, engine);
    engine->waiting = waiting_create(engine->ledger, engine->shapes, engine->domains, engine->pods);
    timers_init(&engine->timers);
    timers_init(&engine->explain);
    return engine;
}

void engine_destroy(struct engine *engine)
{
    if (engine == NULL) {
        return;
    }
    progress_finish(&engine->progress);
    waiting_destroy(engine->waiting);
    queue_finish(&engine->queue);
    timers_finish(&engine->timers);
    timers_finish(&engine->explain);
    gangs_finish(&engine->gangs);
    pods_destroy(engine->pods);
    ledger_destroy(engine->ledger);
    shapes_destroy(engine->shapes);
    domains_destroy(engine->domains);
    nodes_destroy(engine->nodes);
    struct engine_caller *caller, *next;
    HASH_ITER (hh, engine->callers, caller, next) {
        HASH_DELETE(hh, engine->callers, caller);
        free(caller);
    }
    free(engine->marked);
    free(engine);
}

void engine_piece(struct engine *engine, uint64_t steps)
{
    engine->piece = steps;
}

int64_t engine_deadline(const struct engine *engine)
{
    if (plan_pending(engine)) { /* goes on at once */
        return engine->now;
    }
    int64_t timer = timers_next(&engine->timers);
    int64_t explain = timers_next(&engine->explain);
    if (explain < engine->explain_after) {
        explain = engine->explain_after;
    }
    int64_t pods = pods_next_due(engine->pods);
    int64_t first = engine->next_tick < timer ? engine->next_tick : timer;
    first = pods < first ? pods : first;
    return explain < first ? explain : first;
}

static void drain(struct engine *engine)
{
    engine->draining = true;
    for (uint32_t i = 0; i < engine->gangs.count; i++) {
        struct gang *gang = engine->gangs.items[i];
        hold_abort(engine, gang, reason_stopping, HOLD_TAKEN);
        gang_set_reason(gang, reason_draining, reason_stopping);
        engine_mark(engine, gang);
    }
}

static void synced(struct engine *engine)
{
    engine->synced = true;
    engine->decides_since = engine->now;
    for (uint32_t i = 0; i < engine->gangs.count; i++) {
        engine->gangs.items[i]->old_news = true;
        repair_is_old_news(engine->gangs.items[i]);
        begun_recover(engine->gangs.items[i]);
        engine_mark(engine, engine->gangs.items[i]);
    }
}

/* The pod may complete its gang, and what the call says may be a veto: both are worked off before
 * it is answered. */
static void filter(struct engine *engine, const struct filter_event *call)
{
    struct pod *pod = engine->leading ? calls_pod(engine, &call->pod) : NULL;
    fixpoint_run(engine);
    if (calls_refused(engine, call, pod)) {
        fixpoint_run(engine);
    }
    calls_filter(engine, call, pod);
}

/* What blocks it may have changed even when the shortfall is the same. */
static void ask(struct engine *engine, const char *name_space, const char *name)
{
    struct gang *gang = gangs_find(&engine->gangs, name_space, name);
    if (gang != NULL && (gang->explain.slot != 0 || gang->reason_class == reason_short)) {
        plan_explain(engine, gang);
    }
    if (gang != NULL) {
        plan_explain_rest(engine, gang);
    }
}

static void dispatch(struct engine *engine, const struct event *event)
{
    struct pod *pod;
    switch (event->type) {
    case EVENT_NODE:
        observe_node(engine, &event->node);
        break;
    case EVENT_NODE_GONE:
        observe_node_gone(engine, event->node_name);
        break;
    case EVENT_DEVICES:
        observe_devices(engine, &event->node);
        break;
    case EVENT_POD:
        observe_watched_pod(engine, &event->pod);
        break;
    case EVENT_POD_GONE:
        pod = pods_find(engine->pods, event->pod_uid);
        if (pod != NULL) {
            observe_pod_gone(engine, pod);
        }
        break;
    case EVENT_GROUP:
        observe_group(engine, &event->group);
        break;
    case EVENT_GROUP_GONE:
        observe_group_gone(engine, event->group_gone.name_space, event->group_gone.name);
        break;
    case EVENT_SYNCED:
        synced(engine);
        break;
    case EVENT_FILTER:
        filter(engine, &event->filter);
        break;
    case EVENT_PRIORITIZE:
        calls_prioritize(engine, &event->filter);
        break;
    case EVENT_PREEMPT:
        calls_preempt(engine, &event->preempt);
        break;
    case EVENT_BIND:
        calls_bind(engine, &event->bind);
        break;
    case EVENT_BIND_GIVE_UP:
        calls_give_up(engine, event->ticket);
        break;
    case EVENT_BINDING_DONE:
        calls_binding_done(engine, &event->done);
        break;
    case EVENT_NOMINATION_DONE:
        nominate_done(engine, &event->done);
        break;
    case EVENT_TICK:
        ticks_run(engine);
        break;
    case EVENT_DRAIN:
        drain(engine);
        break;
    case EVENT_FOLLOW:
        lead_follow(engine);
        break;
    case EVENT_LEAD:
        lead_begin(engine);
        break;
    case EVENT_ASK:
        ask(engine, event->asked.name_space, event->asked.name);
        break;
    case EVENT_CHECKPOINT: /* at the end of all that follows from what was before */
        break;
    }
}

void engine_apply(struct engine *engine, const struct event *event, struct effects *effects)
{
    engine->now = event->now;
    engine->effects = effects;
    engine->batch = event->more;
    engine->steps = ENGINE_STEPS_MAX;
    engine->books_work = ledger_work(engine->ledger);
    ticks_forgive_lateness(engine);
    dispatch(engine, event);
    fixpoint_run(engine);
    if (event->type == EVENT_TICK) {
        plan_explain_due(engine);
        fixpoint_run(engine); /* one of them may turn out to fit */
    }
    fixpoint_finish(engine);
    audit_run(engine, event);
    if (event->type == EVENT_CHECKPOINT) {
        engine_settle(engine);
    }
    engine->effects = NULL;
}

uint32_t engine_node_row(const struct engine *engine, const char *name, size_t length)
{
    return nodes_find(engine->nodes, name, length);
}

bool engine_knows_pod(const struct engine *engine, const char *uid)
{
    return pods_find(engine->pods, uid) != NULL;
}

uint64_t engine_differences(const struct engine *engine, const char **last)
{
    *last = engine->audit.last;
    return engine->audit.differences;
}

bool engine_pod_is_ordinary(const struct engine *engine, const char *uid)
{
    const struct pod *pod = pods_find(engine->pods, uid);
    return pod != NULL && pod->gang == NULL && pod->node == NAMES_NONE && pod->refused == NULL;
}

bool engine_synced(const struct engine *engine)
{
    return engine->synced;
}

bool engine_leading(const struct engine *engine)
{
    return engine->leading;
}
