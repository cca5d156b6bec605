// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/lead.h"

#include "scheduler/engine/begun.h"
#include "scheduler/engine/hold.h"
#include "scheduler/engine/nominate.h"
#include "scheduler/engine/reason.h"
#include "scheduler/engine/repair.h"
#include "scheduler/engine/standing.h"

/* Leading and following, for several processes that share one cluster.
 *
 *              ┌──────────────── EVENT_FOLLOW ───────────────┐
 *              │                                             ▼
 *   LEADING: plans, holds, writes            FOLLOWING: keeps the books, nothing else
 *              ▲                                             │
 *              └───────────────── EVENT_LEAD ────────────────┘
 *
 * A new engine leads, so that whoever is alone needs neither event.
 *
 * A follower applies all that the API server shows, so it is as warm as the leader. It holds
 * nothing, plans nothing and causes no write: not a binding, not a nomination, not an Event.
 * kube-scheduler's calls are answered in a way that makes it come again (calls.c).
 *
 * FOLLOW gives up what only this process knows: holds, votes, vetoes, backoff. The callers of
 * waiting binds are told to come again. Bindings that were posted already are not taken back, for
 * they may have happened: their outcome arrives as ever (EVENT_BINDING_DONE), and answers its
 * caller. Whoever carries out the writes sees to it that there is one (api/kube/write/writer.h).
 *
 * LEAD starts from the API server's objects, just as after a restart: a gang with a bound member
 * that lacks some of its quorum is finished first thing, every other one is planned as if it were
 * new, and nominations of a plan that is no more are taken back. What stands is not announced
 * again: people were told of a gang that is placed, and why one waits, when it came about.
 */

/* What is of one term only. */
static void forget_attempts(struct gang *gang)
{
    (void)gang_expire_vetoes(gang, INT64_MAX);
    gang->failures = 0;
    gang->not_before = 0;
    gang->has_quality = false;
    gang->last_event_at = 0;
    gang->repair_since = -1;
    gang->incomplete = false;
    standing_forget(gang);
    for (uint32_t i = 0; i < gang->member_count; i++) {
        nominate_forget(gang->members[i]);
        gang->members[i]->last_reason = NULL;
    }
}

void lead_follow(struct engine *engine)
{
    engine->leading = false;
    progress_forget(engine, NULL);
    for (uint32_t i = 0; i < engine->gangs.count; i++) {
        struct gang *gang = engine->gangs.items[i];
        hold_abort(engine, gang, reason_standby, HOLD_TAKEN);
        forget_attempts(gang);
        engine_mark(engine, gang);
    }
}

void lead_begin(struct engine *engine)
{
    engine->leading = true;
    engine->decides_since = engine->now;
    tenants_forgive_idle(&engine->gangs.tenants);
    for (uint32_t i = 0; i < engine->gangs.count; i++) {
        struct gang *gang = engine->gangs.items[i];
        forget_attempts(gang);
        gang->old_news = true;
        repair_is_old_news(gang);
        begun_recover(gang);
        engine_mark_changed(engine, gang);
    }
}
