// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/engine/assign.h"
#include "scheduler/engine/attempt.h"
#include "scheduler/engine/constraints.h"
#include "scheduler/engine/elastic.h"
#include "scheduler/engine/explain.h"
#include "scheduler/engine/hold.h"
#include "scheduler/engine/needs.h"
#include "scheduler/engine/nominate.h"
#include "scheduler/engine/preference.h"
#include "scheduler/engine/reason.h"
#include "scheduler/engine/standing.h"
#include "scheduler/engine/unplaced.h"
#include "scheduler/engine/waits.h"
#include "scheduler/solver/solver.h"
#include "topology/base/alloc.h"
#include "topology/base/plural.h"
#include "topology/base/utf8.h"

/* Planning: from a ready gang to held capacity.
 *
 *   members ─▶ attempt (attempt.c) ─▶ solver ─▶ every member HELD on its node, or none
 *
 * - While members are missing for the quorum, a gang is planned with all its members; if that does
 *   not fit, with the most that do and make it whole (elastic.c); else it waits, and the reason
 *   names the level that is short.
 * - Members above the quorum are planned beside the bound ones: together if that works, else one by
 *   one, each beside those before it.
 * - Who prefers placement to members (preference.c) is planned in one domain, of the narrowest
 *   level of which a domain takes what is missing, and joined there.
 * - A veto moves only those members that have not voted, unless that would spread the gang over
 *   more domains than it has to: then all is given up and planned afresh.
 *
 * Holds are made through pods_hold(), so the ledger and the pods agree at every step; nothing here
 * can fail half-way.
 */

/* The tree is made that of the nodes before anybody looks at it. Where the members of a gang stand
 * decides where others of it, and gangs that avoid it, may go. */
static void update_tree(struct engine *engine)
{
    const struct tree *tree = &engine->tree;
    bool inhabited = false;
    for (uint32_t i = 0; i < tree->count && i < TREE_ROWS_MAX; i++) {
        inhabited = inhabited || pods_members_on(engine->pods, tree->rows[i]) > 0;
    }
    tree_update(&engine->tree);
    if (inhabited) {
        waiting_rearranged(engine->waiting);
    }
}

static void keep_quality(struct gang *gang, const struct solver_plan *plan)
{
    gang->has_quality = true;
    gang->optimal = plan->optimal;
    gang->levels = plan->levels;
    memcpy(gang->used, plan->used, sizeof(gang->used));
    memcpy(gang->lower_bound, plan->lower_bound, sizeof(gang->lower_bound));
}

/* Holds what the plan gives to `count` members from `first` on. */
static void hold(struct engine *engine, struct attempt *attempt, uint32_t first, uint32_t count,
                 const struct solver_plan *plan)
{
    struct gang *gang = attempt->gang;
    uint32_t *rows = alloc_zero(count, sizeof *rows);
    attempt_deal(attempt, first, count, plan, rows);
    assign_hold(engine, gang, attempt->members + first, rows, count);
    attempt_pin(attempt, first, rows, count);
    for (uint32_t i = 0; i < count; i++) {
        struct pod *pod = attempt->members[first + i];
        nominate_planned(engine, pod);
        pod->last_reason = NULL;
    }
    free(rows);
    if (gang->deadline == INT64_MAX) { /* neither joiners nor a veto prolong a hold that runs */
        gang->deadline = engine->now + hold_timeout(engine, gang);
    }
    standing_holds(gang);
    keep_quality(gang, plan);
    engine_mark(engine, gang);
}

static void announce_plan(struct engine *engine, struct gang *gang, uint32_t count,
                          const struct solver_plan *plan)
{
    char path[256], ignored[256], unplaced[256], text[GANG_REASON_MAX];
    uint32_t hosts = plan->used[plan->levels - 1];
    uint32_t level = domains_get(engine->domains, plan->domain)->level;
    bool cluster = level == 0;
    constraints_ignored(engine, gang, ignored, sizeof(ignored));
    utf8_print(text, sizeof(text),
               "gang %s/%s is planned: %" PRIu32 " pod%s on %" PRIu32 " node%s in %s %s%s%s%s%s",
               gang->name_space, gang->name, count, plural(count), hosts, plural(hosts),
               cluster ? "the" : domains_level_name(engine->domains, level),
               domains_path(engine->domains, plan->domain, path, sizeof(path)),
               plan->optimal ? ", optimal" : "", unplaced_names(gang, unplaced, sizeof(unplaced)),
               ignored[0] == '\0' ? "" : "; ", ignored);
    gang_set_reason(gang, reason_planned, text);
    engine_emit_event(engine, gang, false, "GangPlanned", text);
}

static void explain_shapes(struct engine *engine, struct gang *gang)
{
    char text[GANG_REASON_MAX];
    utf8_print(text, sizeof(text), "gang %s/%s waits: its pods have more than %d different shapes",
               gang->name_space, gang->name, SOLVER_ROLES_MAX);
    if (gang_set_reason(gang, reason_invalid, text)) {
        engine_emit_waiting(engine, gang);
    }
}

/* Its barrier would never open: as many calls as it needs cannot be held open. */
static void explain_calls(struct engine *engine, struct gang *gang, uint32_t members)
{
    char text[GANG_REASON_MAX];
    utf8_print(text, sizeof(text),
               "gang %s/%s waits: %" PRIu32 " of its pods have to start together, and no more than "
               "%" PRIu32 " bind calls may wait at once (server.maxConnections)",
               gang->name_space, gang->name, members, engine->options.waiting_most);
    if (gang_set_reason(gang, reason_invalid, text)) {
        engine_emit_waiting(engine, gang);
    }
}

enum verdict { PLAN_HELD, PLAN_SHORT, PLAN_IMPOSSIBLE };

/* Solves for `count` members from `first` on and holds them; a dry run only sees to it that they
 * will be. SHORT leaves all as it was and the shortfall in `plan`; IMPOSSIBLE has set the reason.
 */
static enum verdict try_plan(struct engine *engine, struct attempt *attempt, uint32_t first,
                             uint32_t count, struct solver_plan *plan)
{
    if (attempt_solve(attempt, first, count, plan) < 0) {
        explain_shapes(engine, attempt->gang);
        return PLAN_IMPOSSIBLE;
    }
    if (!plan->feasible || (!attempt->dry_run && !progress_sound(attempt))) {
        return PLAN_SHORT;
    }
    if (attempt->dry_run) {
        queue_add(&engine->queue, attempt->gang);
        return PLAN_HELD;
    }
    hold(engine, attempt, first, count, plan);
    announce_plan(engine, attempt->gang, count, plan);
    return PLAN_HELD;
}

/* Puts the shortfall of the last solve into words: at once when the gang has none yet, else when
 * that is due. What else changed meanwhile (the blocker) is not worth more. A dry run is
 * made for the words, and has them even if its solve took all steps: else it would be made again
 * and again. */
static void note_shortage(struct engine *engine, struct attempt *attempt,
                          const struct solver_plan *plan)
{
    struct gang *gang = attempt->gang;
    if (!progress_sound(attempt)) {
        return;
    }
    bool known =
        gang->reason_class == reason_short && gang->short_levels == domains_levels(engine->domains);
    if (known && !attempt->dry_run) {
        engine_mark_stale(engine, gang);
    } else if (progress_steps(attempt) <= 0 && !attempt->dry_run) {
        timers_set(&engine->explain, &gang->explain, engine->now, gang);
    } else {
        timers_stop(&engine->explain, &gang->explain);
        gang->explained_at = engine->now;
        explain_shortage(attempt, plan);
    }
}

/* Whether a pod alone that is like this one has just been found not to fit. */
static bool is_hopeless(const struct attempt *attempt, uint32_t first, const struct pod *hopeless)
{
    return hopeless != NULL && attempt_unit(attempt, first) == 1 && attempt->ranks == NULL &&
           attempt_alike(attempt, attempt->members[first], hopeless);
}

/* Goes on with the joiners in the next pass: from `next` on, unless one of them got a place, which
 * makes them fewer. */
static void resume_one_by_one(struct engine *engine, struct gang *gang, uint32_t next, bool held)
{
    engine_mark_changed(engine, gang);
    gang->joiners_tried = held ? 0 : next;
}

/* Joiners that do not all fit beside their gang are tried alone, slice by slice; at least one of
 * them in every pass. The gang has one reason: it is that of a joiner that waits, if there is one.
 */
static void plan_one_by_one(struct engine *engine, struct attempt *attempt,
                            struct solver_plan *plan)
{
    if (attempt->progress.interrupted) {
        return;
    }
    attempt->progress.split = false; /* it has a way of its own to go on */
    uint32_t first = attempt->gang->joiners_tried;
    uint32_t left_out = first > 0 ? 0 : attempt->count;
    const struct pod *hopeless = NULL;
    bool held = false;
    for (uint32_t i = first; i < attempt->count; i += attempt_unit(attempt, i)) {
        if (i > first && engine->steps <= 0) {
            resume_one_by_one(engine, attempt->gang, i, held);
            return;
        }
        if (is_hopeless(attempt, i, hopeless)) {
            left_out = i;
        } else if (try_plan(engine, attempt, i, attempt_unit(attempt, i), plan) == PLAN_SHORT) {
            left_out = i;
            hopeless = attempt->members[i];
        } else {
            held = true;
        }
    }
    attempt->gang->joiners_tried = 0;
    if (left_out < attempt->count &&
        try_plan(engine, attempt, left_out, attempt_unit(attempt, left_out), plan) == PLAN_SHORT) {
        note_shortage(engine, attempt, plan);
    }
}

/* Members exist, but their slices are not whole. */
static void explain_slices(struct engine *engine, const struct attempt *attempt)
{
    char text[GANG_REASON_MAX];
    struct gang *gang = attempt->gang;
    utf8_print(text, sizeof(text), "gang %s/%s waits until its pods make whole slices of %" PRIu32,
               gang->name_space, gang->name, attempt->left_out_size);
    if (gang_set_reason(gang, reason_invalid, text)) {
        engine_emit_waiting(engine, gang);
    }
}

/* All of them or, when not all fit and `fewer` will do, as many as do, if they are enough. */
static enum verdict plan_most(struct engine *engine, struct attempt *attempt,
                              const struct needs *needs, bool fewer, struct solver_plan *plan)
{
    uint32_t needed;
    enum verdict verdict = PLAN_SHORT;
    bool spare = fewer && attempt_whole(attempt, needs->members) < attempt->count;
    if (!spare || !elastic_must_choose(attempt)) {
        verdict = try_plan(engine, attempt, 0, attempt->count, plan);
    }
    if (verdict != PLAN_SHORT || !spare) {
        return verdict; /* or all of them are needed */
    }
    uint32_t chosen = elastic_choose(attempt, needs, plan, &needed);
    return try_plan(engine, attempt, 0, chosen > 0 ? chosen : needed, plan);
}

/* In one domain of the narrowest level that will do, as far as the gang wants that. */
static enum verdict plan_tight(struct engine *engine, struct attempt *attempt,
                               const struct needs *needs, bool fewer, struct solver_plan *plan)
{
    uint32_t required = attempt->constraints.required_level;
    uint32_t widest = required == SOLVER_LEVEL_NONE ? 0 : required;
    enum verdict verdict = PLAN_SHORT;
    for (uint32_t level = attempt->tight_level;
         level != SOLVER_LEVEL_NONE && level > widest && verdict == PLAN_SHORT; level--) {
        attempt->constraints.required_level = level;
        verdict = plan_most(engine, attempt, needs, fewer, plan);
    }
    attempt->constraints.required_level = required;
    return verdict != PLAN_SHORT ? verdict : plan_most(engine, attempt, needs, fewer, plan);
}

static void plan_members(struct engine *engine, struct attempt *attempt, const struct needs *needs,
                         bool join, struct solver_plan *plan)
{
    bool beside = join && attempt->pinned_count > 0;
    if (beside) {
        attempt->constraints.required_level = preference_joining(attempt);
    }
    if (join && attempt->gang->joiners_tried > 0) {
        plan_one_by_one(engine, attempt, plan);
        return;
    }
    /* Where the first joiner goes, the others follow, when there is nobody they could be beside. */
    enum verdict verdict = PLAN_SHORT;
    if (!beside) {
        verdict = plan_tight(engine, attempt, needs, true, plan);
    } else if (!elastic_must_choose(attempt)) {
        verdict = plan_most(engine, attempt, needs, false, plan);
    }
    if (verdict == PLAN_SHORT && beside && attempt->count > 1) {
        plan_one_by_one(engine, attempt, plan);
    } else if (verdict == PLAN_SHORT) {
        note_shortage(engine, attempt, plan);
    }
}

/* Tries the gang as it is now, or only as a dry run. -1 when its constraints do not fit the tree.
 */
static int try_gang(struct engine *engine, struct attempt *attempt)
{
    struct solver_plan plan;
    struct needs needs;
    needs_of(attempt->gang, COUNT_BOUND, &needs);
    engine_charge(engine, attempt->gang->member_count);
    if (attempt_begin(attempt) < 0) {
        return -1;
    }
    if (engine->options.waiting_most > 0 && needs.members > engine->options.waiting_most) {
        explain_calls(engine, attempt->gang, needs.members);
        return 0;
    }
    solver_plan_init(&plan);
    if (needs_met(&needs, attempt->members, attempt->count)) {
        plan_members(engine, attempt, &needs, gang_missing(attempt->gang) == 0, &plan);
    } else if (attempt->left_out > 0 && attempt->count + attempt->left_out >= needs.members) {
        explain_slices(engine, attempt);
    }
    solver_plan_finish(&plan);
    return 0;
}

static void wait_for_room(struct engine *engine, const struct attempt *attempt, bool resolved)
{
    struct wait_need need = {.tree = true};
    struct gang_tally tally = gang_tally(attempt->gang);
    if (attempt->gang->dirty || !queue_wants(attempt->gang, &tally)) {
        return; /* it has a place, or is in the queue again */
    }
    if (!resolved || waits_for(attempt, &need)) {
        waiting_put(engine->waiting, attempt->gang, &need);
        if (attempt->progress.resumed && attempt->progress.releases != engine_releases(engine)) {
            waiting_look_again(attempt->gang); /* room it was not told of */
            engine->planned_releases = engine_releases(engine) - 1;
        }
    }
}

/* An attempt in pieces goes on before others are planned; not so when it had to begin anew, for who
 * changes all the time would keep all others waiting. */
static void leave_attempt(struct engine *engine, struct attempt *attempt)
{
    struct gang *gang = attempt->gang;
    if (attempt->progress.restarted) {
        queue_add(&engine->queue, gang);
    } else {
        queue_put_back(&engine->queue, gang);
    }
    progress_keep(attempt);
}

/* It comes back when others of its namespace are out of its way. */
static void park(struct engine *engine, struct gang *gang, const char *for_whom)
{
    char text[GANG_REASON_MAX];
    utf8_print(text, sizeof(text), "gang %s/%s waits %s", gang->name_space, gang->name, for_whom);
    queue_park(&engine->queue, gang);
    if (gang_set_reason(gang, reason_turn, text)) {
        engine_emit_waiting(engine, gang);
    }
}

static void plan_gang(struct engine *engine, struct gang *gang)
{
    if (!gang->wants) {
        return;
    }
    if (gang->not_before > engine->now) { /* its timer brings it back */
        engine_mark_changed(engine, gang);
        return;
    }
    const char *blocked = standing_blocks(engine, gang);
    if (blocked != NULL) {
        park(engine, gang, blocked);
        return;
    }
    standing_admit(gang);
    if (!gang->dirty && !waiting_may_fit(engine->waiting, gang)) {
        engine_mark_stale(engine, gang); /* somebody before it took what had become free */
        return;
    }
    struct attempt attempt = {.engine = engine, .gang = gang};
    progress_begin(&attempt, gang->dirty);
    gang_planned(gang);
    waiting_remove(engine->waiting, gang);
    bool resolved = try_gang(engine, &attempt) == 0;
    if (attempt.progress.interrupted) {
        leave_attempt(engine, &attempt);
    } else {
        wait_for_room(engine, &attempt, resolved);
    }
    engine_mark(engine, gang);
    attempt_finish(&attempt);
    engine_charge_books(engine);
}

static bool may_plan(const struct engine *engine)
{
    return engine->synced && !engine->draining && engine->leading;
}

bool plan_pending(const struct engine *engine)
{
    return may_plan(engine) &&
           (!queue_empty(&engine->queue) || engine_releases(engine) != engine->planned_releases ||
            waiting_wakes(engine->waiting));
}

static void mark_stale(void *context, struct gang *gang)
{
    engine_mark_stale(context, gang);
}

/* Those whom released room may help go into the queue, before anybody is planned: as far as that
 * takes no more than half of the steps, so that others get their turn while ever more is released.
 */
static void wake(struct engine *engine)
{
    while (waiting_wakes(engine->waiting) && engine->steps > ENGINE_STEPS_MAX / 2) {
        waiting_wake(engine->waiting, &engine->queue, mark_stale, engine);
        engine_charge(engine, 1);
        engine_charge_books(engine);
    }
}

bool plan_pass(struct engine *engine)
{
    struct gang *gang;
    bool tried = false;
    update_tree(engine);
    if (engine_releases(engine) != engine->planned_releases) {
        engine->planned_releases = engine_releases(engine);
        waiting_released(engine->waiting);
    }
    wake(engine);
    while (engine->steps > 0 && (gang = queue_take(&engine->queue)) != NULL) {
        plan_gang(engine, gang);
        standing_next(engine, gang->tenant);
        tried = true;
    }
    return tried;
}

/* ---- reasons ---- */

void plan_explain(struct engine *engine, struct gang *gang)
{
    timers_stop(&engine->explain, &gang->explain);
    if (!may_plan(engine) || !gang->wants || gang->not_before > engine->now ||
        gang->queued != GANG_NOT_QUEUED) {
        return; /* it waits for nothing, or is about to be planned anyway */
    }
    struct attempt attempt = {.engine = engine, .gang = gang, .dry_run = true};
    update_tree(engine);
    progress_begin(&attempt, false);
    (void)try_gang(engine, &attempt);
    if (attempt.progress.interrupted) {
        timers_set(&engine->explain, &gang->explain, engine->now, gang);
        if (engine->progress.gang == NULL || engine->progress.dry_run) {
            progress_keep(&attempt); /* a question makes no plan begin anew */
        }
    }
    attempt_finish(&attempt);
    engine_mark(engine, gang);
    engine_charge_books(engine);
}

void plan_explain_rest(struct engine *engine, struct gang *gang)
{
    gang_clear_unplaced(gang);
    if (may_plan(engine)) {
        update_tree(engine);
        unplaced_explain(engine, gang);
    }
}

/* One that was left half-way goes on first. */
static struct gang *next_explained(struct engine *engine)
{
    struct gang *gang = engine->progress.dry_run ? engine->progress.gang : NULL;
    return gang != NULL && gang->explain.slot != 0 ? gang
                                                   : timers_due(&engine->explain, engine->now);
}

/* In a great cluster with many gangs that wait, reasons would be most of the work. */
void plan_explain_due(struct engine *engine)
{
    struct gang *gang;
    int64_t before = engine->steps;
    while (engine->steps > 0 && before - engine->steps < (int64_t)SOLVER_STEPS_PER_MS &&
           engine->now >= engine->explain_after && (gang = next_explained(engine)) != NULL) {
        plan_explain(engine, gang);
    }
    int64_t taken_ms = (before - engine->steps) / (int64_t)SOLVER_STEPS_PER_MS;
    if (taken_ms > 0) {
        engine->explain_after = engine->now + taken_ms * ENGINE_EXPLAIN_PART;
    }
}

/* ---- vetoes ---- */

/* Whether the plan touches more domains of some level than one before, widest first. */
static bool is_worse(const struct solver_plan *plan, const uint32_t *used, uint32_t levels)
{
    for (uint32_t level = 0; level < plan->levels && plan->levels == levels; level++) {
        if (plan->used[level] != used[level]) {
            return plan->used[level] > used[level];
        }
    }
    return false;
}

/* Whether the plan of an attempt is as tight as any: no worse than the one before, or than one made
 * afresh, as if nobody had voted. What slices and sets of GPUs would be free then is not known. */
static bool is_tight(const struct attempt *around, const struct solver_plan *plan)
{
    const struct gang *gang = around->gang;
    if (!is_worse(plan, gang->used, gang->levels)) {
        return true;
    }
    if (around->ranks != NULL || around->constraints.good_gpus) {
        return false;
    }
    struct attempt attempt = {.engine = around->engine, .gang = around->gang, .afresh = true};
    struct solver_plan other;
    solver_plan_init(&other);
    bool better = attempt_begin(&attempt) == 0 &&
                  attempt_solve(&attempt, 0, attempt.count, &other) == 0 && other.feasible &&
                  is_worse(plan, other.used, other.levels);
    solver_plan_finish(&other);
    attempt_finish(&attempt);
    return !better;
}

/* Plans the members that have not voted around those that have; false when that does not work or
 * spreads the gang over more domains than it has to. */
static bool plan_around(struct engine *engine, struct gang *gang)
{
    struct attempt attempt = {.engine = engine, .gang = gang};
    struct solver_plan plan;
    bool held = false;
    solver_plan_init(&plan);
    struct needs needs;
    needs_of(gang, COUNT_HELD, &needs);
    if (attempt_begin(&attempt) == 0 && needs_met(&needs, attempt.members, attempt.count) &&
        attempt_solve(&attempt, 0, attempt.count, &plan) == 0 && plan.feasible &&
        is_tight(&attempt, &plan)) {
        hold(engine, &attempt, 0, attempt.count, &plan);
        held = true;
    }
    solver_plan_finish(&plan);
    attempt_finish(&attempt);
    return held;
}

void plan_vetoed(struct engine *engine, struct gang *gang)
{
    gang->vetoed = false;
    update_tree(engine);
    if (!plan_around(engine, gang)) {
        hold_abort(engine, gang, "kube-scheduler refused a planned node", HOLD_TAKEN);
    }
}
