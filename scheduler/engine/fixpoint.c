// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/fixpoint.h"

#include <stdio.h>

#include "scheduler/engine/begun.h"
#include "scheduler/engine/commit.h"
#include "scheduler/engine/hold.h"
#include "scheduler/engine/nominate.h"
#include "scheduler/engine/plan.h"
#include "scheduler/engine/reason.h"
#include "scheduler/engine/repair.h"
#include "scheduler/engine/standing.h"

/* An event changes the books first and only *marks* the gangs it concerns. Each of them is looked
 * at here once more (is the hold still whole? has the quorum voted? which state is that?), what can
 * be placed is placed, and so on until nobody is marked any more. A gang's state is worked out from
 * its members (refresh()), not remembered, so it cannot go stale.
 *
 * A hold never outlives what it rests on: a member, the node's room, the quorum, the deadline.
 */

#define FIXPOINT_ROUNDS_MAX 16

static enum gang_state state_of(const struct gang *gang, const struct gang_tally *tally)
{
    bool bound = tally->bound > 0;
    if ((bound || gang_done(gang) > 0) && (gang_minimum(gang) <= 0 || gang_confirmed(gang))) {
        return GANG_PLACED; /* as far as is known, where nobody knows the quorum any more */
    }
    if (bound) {
        return GANG_COMMITTING;
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
    bool gathers = tally->pending > tally->held && gang_lacking(gang, COUNT_PENDING) > 0;
    if (state == GANG_GATHERING || gathers) {
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

/* Looks at a marked gang: is its hold still whole, has its quorum voted, which state is that. */
static void refresh(struct engine *engine, struct gang *gang)
{
    if (gang->vetoed) {
        plan_vetoed(engine, gang);
    }
    struct gang_tally tally = gang_tally(gang);
    if (tally.held > 0 && gang_lacking(gang, COUNT_HELD) > 0) {
        hold_abort(engine, gang, "the gang lost a member", HOLD_CHANGED);
        tally = gang_tally(gang);
    }
    commit_if_voted(engine, gang);
    tally = gang_tally(gang);
    if (tally.held == 0) {
        gang->deadline = INT64_MAX;
        nominate_rest(gang);
    }
    gang->wants = queue_wants(gang, &tally);
    enum gang_state state = state_of(gang, &tally);
    update_readiness(engine, gang, state);
    update_reason(engine, gang, state, &tally);
    engine_transition(engine, gang, state);
    begun_refresh(gang, state);
    repair_watch(engine, gang, state);
    standing_refresh(engine, gang, tally.held);
    if (!gang->wants || gang->dirty) { /* what it waited for is out of date */
        waiting_remove(engine->waiting, gang);
    }
    if (!gang->wants) {
        queue_remove(&engine->queue, gang);
    } else if (gang->dirty && gang->not_before <= engine->now) {
        queue_add(&engine->queue, gang);
    }
}

/* Planning marks gangs and looking at them may ask for planning, but every round either holds
 * capacity, commits or gives up, so it ends. Should that take too long, the rest is left to a tick
 * at once. */
void fixpoint_run(struct engine *engine)
{
    for (unsigned round = 0; round < FIXPOINT_ROUNDS_MAX; round++) {
        for (uint32_t i = 0; i < engine->marked_count; i++) {
            refresh(engine, engine->marked[i]);
        }
        if (engine->batch || !plan_pending(engine) || !plan_pass(engine)) {
            return;
        }
    }
    engine->overruns++;
    engine_want_tick(engine, engine->now);
}

/* A refused pod sleeps in kube-scheduler until something about itself changes. When the last reason
 * it was given is of another kind by now, says so on the pod, which shows it to people and wakes
 * it. */
static void update_explanations(struct engine *engine, struct gang *gang)
{
    if (gang->reason_class == reason_planned || gang->reason[0] == '\0') {
        return;
    }
    for (uint32_t i = 0; i < gang->member_count; i++) {
        struct pod *pod = gang->members[i];
        if (pod->last_reason == NULL || pod->last_reason == gang->reason_class ||
            pods_placed(pod) || !gang_member_pending(pod)) {
            continue;
        }
        struct effect *effect = engine_write(engine, EFFECT_EXPLAIN, pod);
        effect->write.text = arena_string(&engine->effects->arena, gang->reason);
        pod->last_reason = gang->reason_class;
    }
}

static void forget(struct engine *engine, struct gang *gang)
{
    queue_remove(&engine->queue, gang);
    waiting_remove(engine->waiting, gang);
    progress_forget(engine, gang);
    timers_stop(&engine->timers, &gang->timer);
    timers_stop(&engine->explain, &gang->explain);
    gangs_remove(&engine->gangs, gang);
}

void fixpoint_finish(struct engine *engine)
{
    for (uint32_t i = 0; i < engine->marked_count; i++) {
        struct gang *gang = engine->marked[i];
        gang->marked = false;
        if (gang->member_count == 0 && !gang->has_object) {
            forget(engine, gang);
            continue;
        }
        engine_set_timer(engine, gang);
        if (engine->leading &&
            !engine->draining) { /* the next process reads the nominations that stand */
            nominate_members(engine, gang);
            update_explanations(engine, gang);
        }
    }
    engine->marked_count = 0;
}
