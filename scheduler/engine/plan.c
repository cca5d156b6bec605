// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/engine/assign.h"
#include "scheduler/engine/attempt.h"
#include "scheduler/engine/explain.h"
#include "scheduler/engine/hold.h"
#include "scheduler/engine/reason.h"
#include "scheduler/solver/solver.h"
#include "topology/base/alloc.h"

/* Planning: from a ready gang to held capacity.
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

/* Holds what the plan gives to `count` members from `first` on. */
static void hold(struct engine *engine, struct attempt *attempt, uint32_t first, uint32_t count,
                 const struct solver_plan *plan)
{
    struct gang *gang = attempt->gang;
    uint32_t *rows = alloc_zero(count, sizeof *rows);
    attempt_deal(attempt, first, count, plan, rows);
    assign_hold(engine, gang, attempt->members + first, rows, count);
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
    engine_mark(engine, gang);
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
        explain_shortage(attempt, plan);
    }
}

/* Members exist, but their slices are not whole. */
static void explain_slices(struct engine *engine, const struct attempt *attempt)
{
    char text[GANG_REASON_MAX];
    struct gang *gang = attempt->gang;
    snprintf(text, sizeof(text), "gang %s/%s waits until its pods make whole slices of %" PRIu32,
             gang->name_space, gang->name, attempt->constraints.layers[0].size);
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
        explain_shortage(attempt, plan);
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
    engine_mark(engine, gang);
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

uint32_t plan_pass(struct engine *engine)
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

void plan_veto(struct engine *engine, struct pod *pod)
{
    struct gang *gang = pod->gang;
    gang_veto(gang, pod->shape, pod->claim_row, engine->now + ENGINE_VETO_MS);
    engine_want_tick(engine, engine->now + ENGINE_VETO_MS);
    rebuild_tree(engine);
    for (uint32_t i = 0; i < gang->member_count; i++) {
        if (gang->members[i]->claim == CLAIM_HELD && !gang->members[i]->voted) {
            hold_drop(engine, gang->members[i], "");
        }
    }
    if (!plan_around(engine, gang)) {
        hold_abort(engine, gang, "kube-scheduler refused a planned node", false);
    }
    engine_mark(engine, gang);
}
