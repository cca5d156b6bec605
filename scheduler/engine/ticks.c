// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/ticks.h"

#include <stdio.h>
#include <stdlib.h>

#include "scheduler/engine/hold.h"
#include "scheduler/engine/nominate.h"
#include "scheduler/engine/observe.h"
#include "scheduler/engine/repair.h"
#include "topology/base/alloc.h"
#include "topology/base/plural.h"
#include "topology/base/utf8.h"

/* Time is handed in with every event, and passes only here: what falls due is acted on in the tick
 * that was asked for, never in passing by another event.
 */

void ticks_forgive_lateness(struct engine *engine)
{
    int64_t next = timers_next(&engine->timers);
    if (engine->next_tick < next) {
        next = engine->next_tick;
    }
    if (pods_next_due(engine->pods) < next) {
        next = pods_next_due(engine->pods);
    }
    if (next == INT64_MAX || engine->now - next < ENGINE_LATE_MS) {
        return;
    }
    pods_prolong(engine->pods, engine->now + ENGINE_UNCONFIRMED_MS,
                 engine->now + ENGINE_FROM_CALL_MS, engine->now + ENGINE_UNSEEN_MS);
}

/* Pods that the watch has not shown in time do not exist; one with a binding that is not certain
 * either way is waited for. */
static void drop_unseen_pods(struct engine *engine)
{
    uint32_t count;
    struct pod **due = pods_unseen(engine->pods, engine->now, &count);
    for (uint32_t i = 0; i < count; i++) {
        if (due[i]->posts == 0 && due[i]->phase != MEMBER_UNCONFIRMED) {
            observe_pod_gone(engine, due[i]);
        } else if (due[i]->posts == 0) { /* else: the outcome sets its time anew */
            pods_expect(engine->pods, due[i], due[i]->unconfirmed_until);
        }
    }
    free(due);
}

static void tick_gang(struct engine *engine, struct gang *gang)
{
    if (gang->deadline <= engine->now) {
        char why[GANG_REASON_MAX];
        struct gang_tally tally = gang_tally(gang);
        utf8_print(why, sizeof(why),
                   "gang %s/%s: %zu of %u planned pod%s had arrived when the hold expired",
                   gang->name_space, gang->name, gang->barrier.count, tally.held,
                   plural(tally.held));
        engine_emit_event(engine, gang, true, "GangAborted", why);
        /* Bound members wait for these: their room is not given away while they are planned
         * again. */
        hold_abort(engine, gang, why, HOLD_EXPIRED);
    } else if (gang->nominate_at <= engine->now) {
        nominate_again(engine, gang);
    }
    repair_tick(engine, gang);
    if (gang_expire_vetoes(gang, engine->now)) {
        engine_mark_changed(engine, gang);
    }
}

/* A binding without an answer that no watch has shown did not happen. */
static void drop_unconfirmed_bindings(struct engine *engine)
{
    uint32_t count;
    struct pod **due = pods_expired(engine->pods, engine->now, &count);
    for (uint32_t i = 0; i < count; i++) {
        engine_release(engine, due[i]);
        if (due[i]->gang != NULL) {
            engine_mark_changed(engine, due[i]->gang);
        }
    }
    free(due);
}

/* Gangs whose time has come, in order of name; *new*. */
static struct gang **take_due(struct engine *engine, uint32_t *count)
{
    struct gang **due = NULL;
    struct gang *gang;
    size_t room = 0;
    *count = 0;
    while ((gang = timers_due(&engine->timers, engine->now)) != NULL) {
        due = alloc_grow(due, &room, (size_t)*count + 1, sizeof(struct gang *));
        due[(*count)++] = gang;
    }
    if (*count > 1) {
        qsort(due, *count, sizeof(struct gang *), gang_compare);
    }
    return due;
}

void ticks_run(struct engine *engine)
{
    uint32_t count;
    engine->next_tick = INT64_MAX;
    struct gang **due = take_due(engine, &count);
    for (uint32_t i = 0; i < count; i++) {
        engine_mark(engine, due[i]); /* which sets its timer anew */
        tick_gang(engine, due[i]);
    }
    free(due);
    drop_unconfirmed_bindings(engine);
    drop_unseen_pods(engine);
}
