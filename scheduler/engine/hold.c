// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/hold.h"

#include "scheduler/engine/nominate.h"
#include "scheduler/engine/reason.h"
#include "scheduler/engine/standing.h"
#include "scheduler/engine/vetoes.h"

/* The way back from HELD. Whatever takes a member out of the barrier answers its caller, so that
 * every bind ticket gets exactly one reply.
 */

int64_t hold_timeout(const struct engine *engine, const struct gang *gang)
{
    int64_t most = engine->options.hold_timeout_ms;
    bool joins = gang_tally(gang).bound > 0 && gang_missing(gang) == 0;
    if (!gang->begun && !joins) {
        most = gang->object_timeout_ms > 0 && gang->object_timeout_ms < most
                   ? gang->object_timeout_ms
                   : most;
    }
    return standing_shortened(gang, most);
}

void hold_drop(struct engine *engine, struct pod *pod, const char *why)
{
    uint64_t ticket;
    if (pod->phase == MEMBER_VOTED && barrier_take(&pod->gang->barrier, pod, &ticket)) {
        engine_bind_reply(engine, ticket, why);
    }
    if (pods_held(pod)) {
        engine_release(engine, pod);
    }
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
}

/* When kube-scheduler's own filters refuse every node it does not ask at all. A member that carried
 * its nomination, again and again if that was taken back, and still did not come, while others came
 * or twice in a row, was refused that way. */
static bool never_asked(const struct engine *engine, const struct pod *pod, bool alive)
{
    int64_t enough = hold_timeout(engine, pod->gang) / 2; /* a joiner may have come just now */
    return alive && pod->phase != MEMBER_VOTED && pod->nomination.since != INT64_MAX &&
           pod->nomination.since + enough <= engine->now;
}

/* Vetoes by silence, while it is known who has voted. */
static void veto_missed(struct engine *engine, struct gang *gang)
{
    bool alive = gang->barrier.count > 0 || gang->failures > 0;
    for (uint32_t i = 0; i < gang->member_count; i++) {
        struct pod *pod = gang->members[i];
        if (pods_held(pod) && (pod->nomination.missed || never_asked(engine, pod, alive))) {
            vetoes_note(engine, pod, true, engine->now + ENGINE_VETO_MS);
        }
    }
}

void hold_abort(struct engine *engine, struct gang *gang, const char *why, enum hold_cause cause)
{
    bool backoff = cause == HOLD_EXPIRED && !gang->begun;
    if (backoff) {
        veto_missed(engine, gang);
    }
    for (uint32_t i = 0; i < gang->member_count; i++) {
        if (pods_held(gang->members[i])) {
            hold_drop(engine, gang->members[i], why);
        }
    }
    standing_given_up(gang, cause != HOLD_TAKEN);
    gang->deadline = INT64_MAX;
    nominate_rest(gang);
    gang->vetoed = false; /* there is nothing left to plan around */
    engine_mark_changed(engine, gang);
    if (backoff) {
        back_off(engine, gang);
        gang_set_reason(gang, reason_backoff, why);
    }
}

void hold_veto(struct engine *engine, struct pod *pod)
{
    struct gang *gang = pod->gang;
    vetoes_note(engine, pod, false, engine->now + ENGINE_VETO_MS);
    for (uint32_t i = 0; i < gang->member_count; i++) {
        if (gang->members[i]->phase == MEMBER_HELD) {
            hold_drop(engine, gang->members[i], "");
        }
    }
    gang->vetoed = true;
    engine_mark(engine, gang);
}
