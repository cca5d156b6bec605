// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/state.h"

#include <stdio.h>

#include "topology/base/alloc.h"
#include "topology/base/plural.h"
#include "topology/base/utf8.h"

/* The marks, and the effects that more than one module makes.
 *
 * A mark is a promise that somebody looks again: a gang is in the list of the marked at most once,
 * and leaves it when fixpoint_finish() is done with it. Nothing is decided here.
 */

#define EVENT_REPEAT_MS \
    10000 /* Events that say again why a gang waits are at least that far apart */

void engine_mark(struct engine *engine, struct gang *gang)
{
    if (gang == NULL || gang->marked) {
        return;
    }
    gang->marked = true;
    engine->marked = alloc_grow(engine->marked, &engine->marked_room,
                                (size_t)engine->marked_count + 1, sizeof(struct gang *));
    engine->marked[engine->marked_count++] = gang;
}

void engine_mark_changed(struct engine *engine, struct gang *gang)
{
    gang_changed(gang);
    engine_mark(engine, gang);
}

void engine_want_tick(struct engine *engine, int64_t at)
{
    if (at < engine->next_tick) {
        engine->next_tick = at;
    }
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void engine_set_timer(struct engine *engine, struct gang *gang)
{
    int64_t at = earlier(gang->deadline, gang->nominate_at);
    if (gang->wants && gang->not_before > engine->now) {
        at = earlier(at, gang->not_before);
    }
    if (gang->repair_since >= 0 && !gang->incomplete) {
        at = earlier(at, gang->repair_since + engine->options.repair_timeout_ms);
    }
    for (uint32_t i = 0; i < gang->veto_count; i++) {
        at = earlier(at, gang->vetoes[i].until);
    }
    timers_set(&engine->timers, &gang->timer, at, gang);
}

void engine_mark_stale(struct engine *engine, struct gang *gang)
{
    int64_t at = gang->explained_at + ENGINE_EXPLAIN_MS;
    if (gang->explain.slot == 0) {
        timers_set(&engine->explain, &gang->explain, at > engine->now ? at : engine->now, gang);
    }
}

void engine_release(struct engine *engine, struct pod *pod)
{
    if (pod->gang != NULL && pods_placed(pod)) {
        waiting_departed(engine->waiting, gang_exclusive(pod->gang));
    }
    pods_release(engine->pods, pod);
}

void engine_charge_books(struct engine *engine)
{
    uint64_t work = ledger_work(engine->ledger);
    engine_charge(engine, work - engine->books_work);
    engine->books_work = work;
}

uint64_t engine_releases(const struct engine *engine)
{
    return ledger_releases(engine->ledger) + peers_moves(pods_peers(engine->pods));
}

void engine_charge(struct engine *engine, uint64_t steps)
{
    engine->spent += steps;
    engine->steps -= steps < ENGINE_STEPS_MAX ? (int64_t)steps : ENGINE_STEPS_MAX;
}

void engine_bind_waits(struct engine *engine, struct pod *pod, uint64_t ticket)
{
    struct engine_caller *caller = NULL;
    HASH_FIND(hh, engine->callers, &ticket, sizeof(ticket), caller);
    if (caller == NULL) {
        caller = alloc_zero(1, sizeof(*caller));
        caller->ticket = ticket;
        HASH_ADD(hh, engine->callers, ticket, sizeof(caller->ticket), caller);
    }
    caller->pod = pod;
}

struct pod *engine_bind_given_up(struct engine *engine, uint64_t ticket)
{
    struct engine_caller *caller = NULL;
    HASH_FIND(hh, engine->callers, &ticket, sizeof(ticket), caller);
    if (caller == NULL) {
        return NULL;
    }
    struct pod *pod = caller->pod;
    HASH_DELETE(hh, engine->callers, caller);
    free(caller);
    return pod;
}

void engine_bind_reply(struct engine *engine, uint64_t ticket, const char *error)
{
    (void)engine_bind_given_up(engine, ticket);
    struct effect *effect = effects_append(engine->effects, EFFECT_BIND_REPLY);
    effect->bind.ticket = ticket;
    effect->bind.error = arena_string(&engine->effects->arena, error);
}

struct effect *engine_write(struct engine *engine, enum effect_type type, const struct pod *pod)
{
    struct arena *arena = &engine->effects->arena;
    struct effect *effect = effects_append(engine->effects, type);
    effect->write.name_space = arena_string(arena, pod->name_space);
    effect->write.name = arena_string(arena, pod->name);
    effect->write.uid = arena_string(arena, pod->uid);
    effect->write.rank = -1;
    return effect;
}

void engine_emit_event(struct engine *engine, const struct gang *gang, bool warning,
                       const char *reason, const char *message)
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

void engine_emit_waiting(struct engine *engine, struct gang *gang)
{
    if (gang->old_news) {
        gang->old_news = false;
    } else if (engine->now - gang->last_event_at >= EVENT_REPEAT_MS) {
        gang->last_event_at = engine->now;
        engine_emit_event(engine, gang, true, "GangWaiting", gang->reason);
    }
}

void engine_skip(struct engine *engine, enum skipped_kind kind, const char *name_space,
                 const char *name, const char *message)
{
    struct arena *arena = &engine->effects->arena;
    struct effect *effect = effects_append(engine->effects, EFFECT_SKIPPED);
    effect->skipped.kind = kind;
    effect->skipped.name_space = arena_string(arena, name_space);
    effect->skipped.name = arena_string(arena, name);
    effect->skipped.message = arena_string(arena, message);
}

void engine_phase(void *context, const struct pod *pod, enum member_phase before)
{
    struct engine *engine = context;
    if (pod->gang == NULL || !engine->synced) {
        return;
    }
    struct effect *effect = effects_append(engine->effects, EFFECT_PHASE);
    effect->phase.uid = arena_string(&engine->effects->arena, pod->uid);
    effect->phase.from = member_phase_name(before);
    effect->phase.to = member_phase_name(pod->phase);
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
    gang->old_news = false;
    if (to == GANG_PLACED && !engine->synced) { /* by an earlier process, which said so */
        effect->transition.waited_ms = -1;
    } else if (to == GANG_PLACED) {
        char text[GANG_REASON_MAX];
        utf8_print(text, sizeof(text), "gang %s/%s: its quorum of %d pod%s is bound",
                   gang->name_space, gang->name, (int)gang_minimum(gang),
                   plural((uint64_t)gang_minimum(gang)));
        engine_emit_event(engine, gang, false, "GangPlaced", text);
    }
    gang->state = to;
}
