// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/engine/attempt.h"
#include "scheduler/engine/reason.h"
#include "scheduler/engine/state.h"
#include "scheduler/solver/solver.h"
#include "topology/base/alloc.h"

/* Planning: from a ready gang to held capacity, and from held capacity to bindings or back.
 *
 *   members ─▶ attempt (attempt.c) ─▶ solver ─▶ every member HELD on its node, or none
 *
 * - A gang that has not begun is planned with all its members; if that does not fit, with the
 *   quorum alone; else it waits, and the reason names the level that is short.
 * - Members of a gang that has begun are planned beside the bound ones: together if that works,
 *   else one by one.
 * - A veto moves only those members that have not voted, unless that would tear the gang further
 *   apart than before: then all is given up and planned afresh.
 *
 * Holds are made through pods_hold(), so the ledger and the pods agree at every step; nothing here
 * can fail half-way.
 */

static void keep_quality(struct gang *gang, const struct solver_plan *plan)
{
    gang->has_quality = true;
    gang->optimal = plan->optimal;
    gang->levels = plan->levels;
    memcpy(gang->used, plan->used, sizeof(gang->used));
    memcpy(gang->bound, plan->bound, sizeof(gang->bound));
}

/* A group may ask for less time than configured, never for more: kube-scheduler's bind calls end
 * with its httpTimeout, and nothing may be posted for a caller that is gone. */
static int64_t hold_timeout(const struct engine *engine, const struct gang *gang)
{
    int64_t most = engine->options.hold_timeout_ms;
    return gang->object_timeout_ms > 0 && gang->object_timeout_ms < most ? gang->object_timeout_ms
                                                                         : most;
}

/* Holds what the plan gives to `count` members from `first` on. */
static void hold(struct engine *engine, struct attempt *attempt, uint32_t first, uint32_t count,
                 const struct solver_plan *plan)
{
    struct gang *gang = attempt->gang;
    uint32_t *rows = alloc_zero(count, sizeof *rows);
    attempt_deal(attempt, first, count, plan, rows);
    engine_hold_members(engine, gang, attempt->members + first, rows, count);
    for (uint32_t i = 0; i < count; i++) {
        struct pod *pod = attempt->members[first + i];
        pod->missed = false;
        pod->nominate = true;
        pod->told = NULL;
    }
    free(rows);
    if (gang->deadline == INT64_MAX) { /* neither joiners nor a veto prolong a hold that runs */
        gang->deadline = engine->now + hold_timeout(engine, gang);
        gang->nominate_at = engine->now + ENGINE_RENOMINATE_MS;
    }
    engine_want_tick(engine, gang->nominate_at);
    engine_want_tick(engine, gang->deadline);
    keep_quality(gang, plan);
    engine_touch(engine, gang);
}

static void announce_plan(struct engine *engine, struct gang *gang, const struct solver_plan *plan)
{
    char path[256], text[GANG_REASON_MAX];
    uint32_t hosts = plan->used[plan->levels - 1];
    uint32_t level = domains_get(engine->domains, plan->domain)->level;
    bool cluster = level == 0;
    snprintf(text, sizeof(text),
             "gang %s/%s is planned: %" PRIu32 " pods on %" PRIu32 " nodes in %s %s%s",
             gang->name_space, gang->name, plan->count, hosts,
             cluster ? "the" : domains_level_name(engine->domains, level),
             domains_path(engine->domains, plan->domain, path, sizeof(path)),
             plan->optimal ? ", optimal" : "");
    gang_set_reason(gang, reason_planned, text);
    engine_tell(engine, gang, false, "GangPlanned", text);
}

static void explain_shapes(struct engine *engine, struct gang *gang)
{
    char text[GANG_REASON_MAX];
    snprintf(text, sizeof(text), "gang %s/%s waits: its pods have more than %d different shapes",
             gang->name_space, gang->name, SOLVER_ROLES_MAX);
    if (gang_set_reason(gang, reason_invalid, text)) {
        engine_tell_waiting(engine, gang);
    }
}

enum verdict { PLAN_HELD, PLAN_SHORT, PLAN_IMPOSSIBLE };

/* Solves for `count` members from `first` on and holds them. SHORT leaves all as it was and the
 * shortfall in `plan`; IMPOSSIBLE has set the reason. */
static enum verdict try_plan(struct engine *engine, struct attempt *attempt, uint32_t first,
                             uint32_t count, struct solver_plan *plan)
{
    if (attempt_solve(attempt, first, count, plan) < 0) {
        explain_shapes(engine, attempt->gang);
        return PLAN_IMPOSSIBLE;
    }
    if (!plan->feasible) {
        return PLAN_SHORT;
    }
    hold(engine, attempt, first, count, plan);
    announce_plan(engine, attempt->gang, plan);
    return PLAN_HELD;
}

/* Joiners that do not all fit beside their gang are tried alone, slice by slice. The gang has one
 * reason: it is that of a joiner that waits, if there is one. */
static void plan_one_by_one(struct engine *engine, struct attempt *attempt,
                            struct solver_plan *plan)
{
    uint32_t left_out = attempt->count;
    for (uint32_t i = 0; i < attempt->count; i += attempt_unit(attempt, i)) {
        if (try_plan(engine, attempt, i, attempt_unit(attempt, i), plan) == PLAN_SHORT) {
            left_out = i;
        }
    }
    if (left_out < attempt->count &&
        try_plan(engine, attempt, left_out, attempt_unit(attempt, left_out), plan) == PLAN_SHORT) {
        engine_explain(attempt, plan);
    }
}

/* Members exist, but their slices are not whole. */
static void explain_slices(struct engine *engine, const struct attempt *attempt)
{
    char text[GANG_REASON_MAX];
    struct gang *gang = attempt->gang;
    snprintf(text, sizeof(text), "gang %s/%s waits until its pods make whole slices of %" PRIu32,
             gang->name_space, gang->name, attempt->layers[0].size);
    if (gang_set_reason(gang, reason_invalid, text)) {
        engine_tell_waiting(engine, gang);
    }
}

static void plan_members(struct engine *engine, struct attempt *attempt, bool begun,
                         struct solver_plan *plan)
{
    uint32_t minimum = (uint32_t)gang_minimum(attempt->gang);
    enum verdict verdict = try_plan(engine, attempt, 0, attempt->count, plan);
    uint32_t fewer = attempt_whole(attempt, minimum);
    if (verdict == PLAN_SHORT && !begun && fewer < attempt->count) {
        verdict = try_plan(engine, attempt, 0, fewer, plan);
    }
    if (verdict == PLAN_SHORT && begun && attempt->count > 1) {
        plan_one_by_one(engine, attempt, plan);
    } else if (verdict == PLAN_SHORT) {
        engine_explain(attempt, plan);
    }
}

static void plan_gang(struct engine *engine, struct gang *gang)
{
    struct attempt attempt;
    struct solver_plan plan;
    struct gang_tally tally = gang_tally(gang);
    uint32_t minimum = (uint32_t)gang_minimum(gang);
    bool begun = gang_begun(&tally);
    solver_plan_init(&plan);

    gang->dirty = false;
    if (attempt_begin(&attempt, engine, gang) == 0) {
        uint32_t least = begun ? 1 : minimum;
        if (attempt.count >= least) {
            plan_members(engine, &attempt, begun, &plan);
        } else if (attempt.count + attempt.left_out >= least) {
            explain_slices(engine, &attempt);
        }
    }
    gang->tried_at = ledger_releases(engine->ledger);
    engine_touch(engine, gang);
    solver_plan_finish(&plan);
    attempt_finish(&attempt);
}

static void rebuild_tree(struct engine *engine)
{
    if (engine->tree_dirty) {
        engine->tree_dirty = false;
        domains_build(engine->domains, engine->nodes);
        ledger_tree_changed(engine->ledger);
    }
}

uint32_t engine_plan(struct engine *engine)
{
    engine->plan_needed = false;
    if (!engine->synced || engine->draining || !engine->leading) {
        return 0;
    }
    rebuild_tree(engine);
    engine->planned_releases = ledger_releases(engine->ledger);
    queue_fill(&engine->queue, &engine->gangs, engine->now, ledger_releases(engine->ledger));
    for (uint32_t i = 0; i < engine->queue.count; i++) {
        plan_gang(engine, engine->queue.items[i]);
    }
    return engine->queue.count;
}

void engine_commit_member(struct engine *engine, struct pod *pod, uint64_t ticket)
{
    struct arena *arena = &engine->effects->arena;
    pods_settle(engine->pods, pod);
    pods_doubt(engine->pods, pod, INT64_MAX); /* until the outcome is known */
    pod->waiting = true;
    pod->ticket = ticket;
    pod->posts++;
    pod->nominating = false; /* the API server clears the field when it binds */
    struct effect *effect = effects_append(engine->effects, EFFECT_POST_BINDING);
    effect->write.name_space = arena_string(arena, pod->name_space);
    effect->write.name = arena_string(arena, pod->name);
    effect->write.uid = arena_string(arena, pod->uid);
    effect->write.node = arena_string(arena, nodes_name(engine->nodes, pod->claim_row));
    effect->write.gang = arena_string(arena, pod->gang->name);
    effect->write.rank = pod->rank;
    effect->write.devices = engine_devices(engine, pod);
}

void engine_commit_if_voted(struct engine *engine, struct gang *gang)
{
    int32_t minimum = gang_minimum(gang);
    struct gang_tally tally = gang_tally(gang);
    if (gang->barrier.count == 0 ||
        (!gang_begun(&tally) && (minimum <= 0 || gang->barrier.count < (size_t)minimum))) {
        return;
    }
    if (!gang_begun(&tally) && gang->deadline <= engine->now) {
        return; /* we stood still, and the callers may be gone: the tick that is due gives up */
    }
    for (size_t i = 0; i < gang->barrier.count; i++) {
        gang->barrier.items[i].pod->voted = false;
        engine_commit_member(engine, gang->barrier.items[i].pod, gang->barrier.items[i].ticket);
    }
    gang->barrier.count = 0;
    gang->failures = 0;
    gang->dirty = true; /* it has begun: members beyond the plan may join now */
}

static void back_off(struct engine *engine, struct gang *gang)
{
    int64_t delay = engine->options.backoff_initial_ms;
    for (uint32_t i = 0; i < gang->failures && delay < engine->options.backoff_maximum_ms; i++) {
        delay *= 2;
    }
    if (delay > engine->options.backoff_maximum_ms) {
        delay = engine->options.backoff_maximum_ms;
    }
    gang->failures++;
    gang->not_before = engine->now + delay;
    engine_want_tick(engine, gang->not_before);
}

/* When kube-scheduler's own filters refuse every node it does not ask at all. A member that carried
 * its nomination and still did not come, while others came or twice in a row, was refused that
 * way. */
static bool never_asked(const struct engine *engine, const struct pod *pod, bool alive)
{
    int64_t enough = hold_timeout(engine, pod->gang) / 2; /* a joiner may have come just now */
    return alive && !pod->voted && pod->nominated == pod->claim_row &&
           pod->nominated_at + enough <= engine->now;
}

void engine_abort(struct engine *engine, struct gang *gang, const char *why, bool backoff)
{
    bool alive = gang->barrier.count > 0 || gang->failures > 0;
    for (uint32_t i = 0; i < gang->member_count; i++) {
        struct pod *pod = gang->members[i];
        if (pod->claim != CLAIM_HELD) {
            continue;
        }
        if (backoff && (pod->missed || never_asked(engine, pod, alive))) {
            gang_veto(gang, pod->shape, pod->claim_row, engine->now + ENGINE_VETO_MS);
            engine_want_tick(engine, engine->now + ENGINE_VETO_MS);
        }
        engine_drop_hold(engine, pod, why);
    }
    gang->deadline = INT64_MAX;
    gang->nominate_at = INT64_MAX;
    gang->dirty = true;
    if (backoff) {
        back_off(engine, gang);
        gang_set_reason(gang, reason_backoff, why);
    }
    engine->plan_needed = true;
}

/* Whether the new plan touches more domains of some level than the old one did, widest first. */
static bool plan_is_worse(const struct gang *gang, const struct solver_plan *plan)
{
    for (uint32_t level = 0; level < plan->levels && plan->levels == gang->levels; level++) {
        if (plan->used[level] != gang->used[level]) {
            return plan->used[level] > gang->used[level];
        }
    }
    return false;
}

/* Plans the members that have not voted around those that have; false when that does not work or
 * tears the gang apart. */
static bool plan_around(struct engine *engine, struct gang *gang)
{
    struct attempt attempt;
    struct solver_plan plan;
    bool held = false;
    solver_plan_init(&plan);
    struct gang_tally tally = gang_tally(gang);
    uint32_t minimum = (uint32_t)gang_minimum(gang);
    if (attempt_begin(&attempt, engine, gang) == 0 && attempt.count > 0 &&
        (gang_begun(&tally) || attempt.count + tally.held >= minimum) &&
        attempt_solve(&attempt, 0, attempt.count, &plan) == 0 && plan.feasible &&
        !plan_is_worse(gang, &plan)) {
        hold(engine, &attempt, 0, attempt.count, &plan);
        held = true;
    }
    solver_plan_finish(&plan);
    attempt_finish(&attempt);
    return held;
}

void engine_veto(struct engine *engine, struct pod *pod)
{
    struct gang *gang = pod->gang;
    gang_veto(gang, pod->shape, pod->claim_row, engine->now + ENGINE_VETO_MS);
    engine_want_tick(engine, engine->now + ENGINE_VETO_MS);
    rebuild_tree(engine);
    for (uint32_t i = 0; i < gang->member_count; i++) {
        if (gang->members[i]->claim == CLAIM_HELD && !gang->members[i]->voted) {
            engine_drop_hold(engine, gang->members[i], "");
        }
    }
    if (!plan_around(engine, gang)) {
        engine_abort(engine, gang, "kube-scheduler refused a planned node", false);
    }
    engine_touch(engine, gang);
}
