// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/engine/reason.h"
#include "scheduler/engine/state.h"
#include "topology/base/alloc.h"

/* One event in, and everything that follows from it, before the next one.
 *
 *   event ─▶ books (nodes, pods, gangs, ledger) ─▶ touched gangs ─▶ settle()
 *
 * An event changes the books first and only *touches* the gangs it concerns. settle() then looks at
 * each touched gang once more (is the hold still whole? has the quorum voted? which state is
 * that?), lets engine_plan() place what can be placed, and goes round until nobody is touched any
 * more. A gang's state is worked out from its members (refresh()), not remembered, so it cannot go
 * stale.
 *
 * Invariants kept here:
 * - No binding is posted for a gang before its quorum stands in the barrier; once one is posted the
 *   gang has begun and the rest follow (refresh(), engine_commit_if_voted()).
 * - A hold never outlives what it rests on: a member, the node's room, the quorum, the deadline.
 * - Every bind ticket gets exactly one reply: whatever takes a pod out of the barrier answers.
 */

#define SETTLE_ROUNDS_MAX 16
#define EVENT_REPEAT_MS \
    10000 /* Events that say again why a gang waits are at least that far apart */

void engine_options_default(struct engine_options *options)
{
    memset(options, 0, sizeof(*options));
    options->levels = NULL;
    options->hold_timeout_ms = 30000;
    options->backoff_initial_ms = 1000;
    options->backoff_maximum_ms = 60000;
    options->repair_timeout_ms = 300000;
    options->torn = ENGINE_TORN_KEEP;
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
    engine->pods = pods_create(engine->nodes, engine->shapes, engine->ledger);
    engine->next_tick = INT64_MAX;
    engine->leading = true;
    gangs_init(&engine->gangs);
    queue_init(&engine->queue);
    return engine;
}

void engine_destroy(struct engine *engine)
{
    if (engine == NULL) {
        return;
    }
    queue_finish(&engine->queue);
    gangs_finish(&engine->gangs);
    pods_destroy(engine->pods);
    ledger_destroy(engine->ledger);
    shapes_destroy(engine->shapes);
    domains_destroy(engine->domains);
    nodes_destroy(engine->nodes);
    free(engine->touched);
    free(engine);
}

int64_t engine_deadline(const struct engine *engine)
{
    return engine->next_tick;
}

void engine_want_tick(struct engine *engine, int64_t at)
{
    if (at < engine->next_tick) {
        engine->next_tick = at;
    }
}

void engine_touch(struct engine *engine, struct gang *gang)
{
    if (gang == NULL || gang->touched) {
        return;
    }
    gang->touched = true;
    engine->touched = alloc_grow(engine->touched, &engine->touched_room,
                                 (size_t)engine->touched_count + 1, sizeof(struct gang *));
    engine->touched[engine->touched_count++] = gang;
}

void engine_bind_reply(struct engine *engine, uint64_t ticket, const char *error)
{
    struct effect *effect = effects_append(engine->effects, EFFECT_BIND_REPLY);
    effect->bind.ticket = ticket;
    effect->bind.error = arena_string(&engine->effects->arena, error);
}

/* An Event on the group object, or on the first member of a gang that has none. */
void engine_tell(struct engine *engine, const struct gang *gang, bool warning, const char *reason,
                 const char *message)
{
    struct arena *arena = &engine->effects->arena;
    if (!engine->leading || (!gang->has_object && gang->member_count == 0)) {
        return;
    }
    struct effect *effect = effects_append(engine->effects, EFFECT_EVENT);
    const struct pod *first = gang->member_count > 0 ? gang->members[0] : NULL;
    effect->event.group = gang->has_object;
    effect->event.warning = warning;
    effect->event.name_space = arena_string(arena, gang->name_space);
    effect->event.name = arena_string(arena, gang->has_object ? gang->name : first->name);
    effect->event.uid = arena_string(arena, gang->has_object ? gang->uid : first->uid);
    effect->event.reason = reason;
    effect->event.message = arena_string(arena, message);
}

/* A member that can no longer be bound leaves the barrier and its hold. */
void engine_drop_hold(struct engine *engine, struct pod *pod, const char *why)
{
    uint64_t ticket;
    if (pod->voted && barrier_take(&pod->gang->barrier, pod, &ticket)) {
        engine_bind_reply(engine, ticket, why);
    }
    pod->voted = false;
    pod->nominate = false;
    if (pod->claim == CLAIM_HELD) {
        pods_release(engine->pods, pod);
        engine->plan_needed = true;
    }
}

void engine_transition(struct engine *engine, struct gang *gang, enum gang_state to)
{
    if (gang->state == to) {
        return;
    }
    struct arena *arena = &engine->effects->arena;
    struct effect *effect = effects_append(engine->effects, EFFECT_TRANSITION);
    effect->transition.name_space = arena_string(arena, gang->name_space);
    effect->transition.gang = arena_string(arena, gang->name);
    effect->transition.from = gang_state_name(gang->state);
    effect->transition.to = gang_state_name(to);
    effect->transition.message = arena_string(arena, gang->reason);
    effect->transition.waited_ms = gang->ready_since >= 0 ? engine->now - gang->ready_since : -1;
    if (to == GANG_PLACED) {
        char text[GANG_REASON_MAX];
        snprintf(text, sizeof(text), "gang %s/%s: its quorum of %d pods is bound", gang->name_space,
                 gang->name, (int)gang_minimum(gang));
        engine_tell(engine, gang, false, "GangPlaced", text);
    }
    gang->state = to;
}

static enum gang_state state_of(const struct gang *gang, const struct gang_tally *tally)
{
    int32_t minimum = gang_minimum(gang);
    if (gang_begun(tally)) {
        uint32_t quorum = minimum > 0 ? (uint32_t)minimum : 0;
        return tally->confirmed + tally->done >= quorum ? GANG_PLACED : GANG_COMMITTING;
    }
    if (tally->held > 0) {
        return GANG_HELD;
    }
    return gang->wants ? GANG_WAITING : GANG_GATHERING;
}

/* The queue position starts when the gang becomes ready and is kept through aborts. */
static void update_readiness(struct engine *engine, struct gang *gang, enum gang_state state)
{
    if (state == GANG_GATHERING) {
        gang->ready_since = -1;
        gang->failures = 0;
        gang->not_before = 0;
        gang->has_quality = false;
    } else if (gang->ready_since < 0) {
        gang->ready_since = engine->now;
        gang->sequence = ++engine->gangs.next_sequence;
    }
}

static void update_reason(const struct engine *engine, struct gang *gang, enum gang_state state,
                          const struct gang_tally *tally)
{
    char text[GANG_REASON_MAX];
    bool idle_joiners = gang_minimum(gang) <= 0 && tally->pending > tally->held;
    if (state == GANG_GATHERING || idle_joiners) {
        const char *class = reason_gather(gang, text, sizeof(text));
        gang_set_reason(gang, class, text);
    } else if (state == GANG_PLACED && !gang->wants) {
        gang_set_reason(gang, reason_none, "");
    } else if (gang->wants && !engine->leading) {
        gang_set_reason(gang, reason_following, reason_elsewhere);
    } else if (state == GANG_WAITING && gang->reason_class == reason_planned) {
        gang_set_reason(gang, reason_backoff, reason_not_planned); /* that plan is no more */
    }
}

/* Looks at a touched gang: is its hold still whole, has its quorum voted, which state is that. */
static void refresh(struct engine *engine, struct gang *gang)
{
    struct gang_tally tally = gang_tally(gang);
    int32_t minimum = gang_minimum(gang);
    if (tally.held > 0 && !gang_begun(&tally) && (minimum <= 0 || tally.held < (uint32_t)minimum)) {
        engine_abort(engine, gang, "the gang lost a member", false);
        tally = gang_tally(gang);
    }
    engine_commit_if_voted(engine, gang);
    tally = gang_tally(gang);
    if (tally.held == 0) {
        gang->deadline = INT64_MAX;
        gang->nominate_at = INT64_MAX;
    }
    gang->wants = queue_wants(gang, &tally);
    enum gang_state state = state_of(gang, &tally);
    update_readiness(engine, gang, state);
    update_reason(engine, gang, state, &tally);
    engine_transition(engine, gang, state);
    engine_watch_repair(engine, gang, state);
    if (gang->wants && gang->dirty && gang->not_before <= engine->now) {
        engine->plan_needed = true;
    }
}

/* A refused pod sleeps in kube-scheduler until something about itself changes. When the reason it
 * was told is of another kind by now, say so on the pod, which shows it to people and wakes it. */
static void update_explanations(struct engine *engine, struct gang *gang)
{
    if (gang->reason_class == reason_planned || gang->reason[0] == '\0') {
        return;
    }
    for (uint32_t i = 0; i < gang->member_count; i++) {
        struct pod *pod = gang->members[i];
        if (pod->told == NULL || pod->told == gang->reason_class || pod->claim != CLAIM_NONE ||
            !gang_member_pending(pod)) {
            continue;
        }
        struct arena *arena = &engine->effects->arena;
        struct effect *effect = effects_append(engine->effects, EFFECT_EXPLAIN);
        effect->write.name_space = arena_string(arena, pod->name_space);
        effect->write.name = arena_string(arena, pod->name);
        effect->write.uid = arena_string(arena, pod->uid);
        effect->write.rank = -1;
        effect->write.text = arena_string(arena, gang->reason);
        pod->told = gang->reason_class;
    }
}

/* Tells people why a gang waits, when that changed and not too often. */
void engine_tell_waiting(struct engine *engine, struct gang *gang)
{
    if (engine->now - gang->told_at >= EVENT_REPEAT_MS) {
        gang->told_at = engine->now;
        engine_tell(engine, gang, true, "GangWaiting", gang->reason);
    }
}

static void finish_touched(struct engine *engine)
{
    for (uint32_t i = 0; i < engine->touched_count; i++) {
        struct gang *gang = engine->touched[i];
        gang->touched = false;
        if (gang->member_count == 0 && !gang->has_object) {
            gangs_remove(&engine->gangs, gang);
            continue;
        }
        if (engine->leading &&
            !engine->draining) { /* the next process reads the nominations that stand */
            engine_update_nominations(engine, gang);
            update_explanations(engine, gang);
        }
    }
    engine->touched_count = 0;
}

/* Goes round until nothing more follows. Planning touches gangs and refreshing may ask for
 * planning, but every round either holds capacity, commits or gives up, so it ends; the bound is a
 * safeguard. */
void engine_settle(struct engine *engine)
{
    for (unsigned round = 0; round < SETTLE_ROUNDS_MAX; round++) {
        for (uint32_t i = 0; i < engine->touched_count; i++) {
            refresh(engine, engine->touched[i]);
        }
        bool released = ledger_releases(engine->ledger) != engine->planned_releases;
        if ((!engine->plan_needed && !released) || engine_plan(engine) == 0) {
            break;
        }
    }
}

static void drain(struct engine *engine)
{
    engine->draining = true;
    for (uint32_t i = 0; i < engine->gangs.count; i++) {
        struct gang *gang = engine->gangs.items[i];
        engine_abort(engine, gang, reason_stopping, false);
        gang_set_reason(gang, reason_draining, reason_stopping);
        engine_touch(engine, gang);
    }
}

static void drop_unconfirmed_pods(struct engine *engine)
{
    struct pod *next;
    for (struct pod *pod = pods_first(engine->pods); pod != NULL && engine->provisional > 0;
         pod = next) {
        next = pod->hh.next;
        if (!pod->provisional) {
            continue;
        }
        if (pod->provisional_until <= engine->now && pod->posts == 0) {
            engine_remove_pod(engine, pod);
        } else if (pod->provisional_until > engine->now) { /* else: when its binding is done */
            engine_want_tick(engine, pod->provisional_until);
        }
    }
}

/* The process stood still, or its clock jumped: nobody had the time that was meant. What is waited
 * for from the watch gets that time again; holds do not, their callers have waited long enough. */
static void forgive_lateness(struct engine *engine)
{
    if (engine->next_tick == INT64_MAX || engine->now - engine->next_tick < ENGINE_LATE_MS) {
        return;
    }
    for (struct pod *pod = pods_first(engine->pods); pod != NULL; pod = pod->hh.next) {
        int64_t unsure_until = engine->now + ENGINE_DOUBT_MS;
        bool bound = pod->claim == CLAIM_BOUND && !pod->unsure;
        int64_t provisional_until =
            engine->now + (bound ? ENGINE_UNSEEN_MS : ENGINE_PROVISIONAL_MS);
        if (pod->unsure && pod->unsure_until < unsure_until) {
            pod->unsure_until = unsure_until;
        }
        if (pod->provisional && pod->provisional_until < provisional_until) {
            pod->provisional_until = provisional_until;
        }
    }
}

static void tick_gang(struct engine *engine, struct gang *gang)
{
    if (gang->deadline <= engine->now) {
        char why[GANG_REASON_MAX];
        struct gang_tally tally = gang_tally(gang);
        snprintf(why, sizeof(why),
                 "gang %s/%s: %zu of %u planned pods had arrived when the hold ran out",
                 gang->name_space, gang->name, gang->barrier.count, tally.held);
        engine_tell(engine, gang, true, "GangAborted", why);
        /* Bound members wait for these: their room is not given away while they are planned
         * again. */
        engine_abort(engine, gang, why, gang->state != GANG_COMMITTING);
        engine_touch(engine, gang);
    } else if (gang->nominate_at <= engine->now) {
        engine_renominate(engine, gang);
        engine_touch(engine, gang);
    }
    engine_tick_repair(engine, gang);
    if (gang_expire_vetoes(gang, engine->now)) {
        gang->dirty = true;
        engine_touch(engine, gang);
    }
    if (gang->wants && gang->not_before <= engine->now && gang->dirty) {
        engine->plan_needed = true;
    }
}

/* A binding without an answer that no watch has shown did not happen. */
static void drop_doubtful_bindings(struct engine *engine)
{
    for (struct pod *pod = pods_first(engine->pods); pod != NULL && pods_unsure(engine->pods) > 0;
         pod = pod->hh.next) {
        if (!pod->unsure) {
            continue;
        }
        if (pod->unsure_until > engine->now) {
            engine_want_tick(engine, pod->unsure_until);
            continue;
        }
        pods_release(engine->pods, pod);
        if (pod->gang != NULL) {
            pod->gang->dirty = true;
            engine_touch(engine, pod->gang);
        }
    }
}

static void want_ticks(struct engine *engine, const struct gang *gang)
{
    engine_want_tick(engine, gang->deadline);
    engine_want_tick(engine, gang->nominate_at);
    if (gang->wants && gang->not_before > engine->now) {
        engine_want_tick(engine, gang->not_before);
    }
    if (gang->repair_since >= 0 && !gang->torn) {
        engine_want_tick(engine, gang->repair_since + engine->options.repair_timeout_ms);
    }
    for (uint32_t i = 0; i < gang->veto_count; i++) {
        engine_want_tick(engine, gang->vetoes[i].until);
    }
}

static void tick(struct engine *engine)
{
    engine->next_tick = INT64_MAX;
    for (uint32_t i = 0; i < engine->gangs.count; i++) {
        tick_gang(engine, engine->gangs.items[i]);
    }
    drop_unconfirmed_pods(engine);
    drop_doubtful_bindings(engine);
    engine_settle(engine);
    for (uint32_t i = 0; i < engine->gangs.count; i++) {
        want_ticks(engine, engine->gangs.items[i]);
    }
}

static void give_up_ticket(struct engine *engine, uint64_t ticket)
{
    for (uint32_t i = 0; i < engine->gangs.count; i++) {
        struct pod *pod = barrier_take_ticket(&engine->gangs.items[i]->barrier, ticket);
        if (pod != NULL) {
            pod->voted = false;
            return;
        }
    }
    for (struct pod *pod = pods_first(engine->pods); pod != NULL; pod = pod->hh.next) {
        if (pod->waiting && pod->ticket == ticket) {
            pod->waiting = false;
            return;
        }
    }
}

static void dispatch(struct engine *engine, const struct event *event)
{
    struct pod *pod;
    switch (event->type) {
    case EVENT_NODE:
        engine_observe_node(engine, &event->node);
        break;
    case EVENT_NODE_GONE:
        engine_remove_node(engine, event->node_name);
        break;
    case EVENT_DEVICES:
        engine_observe_devices(engine, &event->node);
        break;
    case EVENT_POD:
        engine_watch_pod(engine, &event->pod);
        break;
    case EVENT_POD_GONE:
        pod = pods_find(engine->pods, event->pod_uid);
        if (pod != NULL) {
            engine_remove_pod(engine, pod);
        }
        break;
    case EVENT_GROUP:
        engine_observe_group(engine, &event->group);
        break;
    case EVENT_GROUP_GONE:
        engine_remove_group(engine, event->group_gone.name_space, event->group_gone.name);
        break;
    case EVENT_SYNCED:
        engine->synced = true;
        engine->plan_needed = true;
        for (uint32_t i = 0; i < engine->gangs.count; i++) {
            engine_touch(engine, engine->gangs.items[i]);
        }
        break;
    case EVENT_FILTER:
        engine_filter(engine, &event->filter);
        break;
    case EVENT_PRIORITIZE:
        engine_prioritize(engine, &event->filter);
        break;
    case EVENT_PREEMPT:
        engine_preempt(engine, &event->preempt);
        break;
    case EVENT_BIND:
        engine_bind(engine, &event->bind);
        break;
    case EVENT_BIND_GIVE_UP:
        give_up_ticket(engine, event->ticket);
        break;
    case EVENT_BINDING_DONE:
        engine_binding_done(engine, &event->done);
        break;
    case EVENT_NOMINATION_DONE:
        engine_nomination_done(engine, &event->done);
        break;
    case EVENT_TICK:
        tick(engine);
        break;
    case EVENT_DRAIN:
        drain(engine);
        break;
    case EVENT_FOLLOW:
        engine_follow(engine);
        break;
    case EVENT_LEAD:
        engine_lead(engine);
        break;
    }
}

void engine_apply(struct engine *engine, const struct event *event, struct effects *effects)
{
    engine->now = event->now;
    engine->effects = effects;
    forgive_lateness(engine);
    dispatch(engine, event);
    engine_settle(engine);
    finish_touched(engine);
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

bool engine_synced(const struct engine *engine)
{
    return engine->synced;
}

bool engine_leading(const struct engine *engine)
{
    return engine->leading;
}
