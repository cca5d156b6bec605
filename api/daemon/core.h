// SPDX-License-Identifier: Apache-2.0
#ifndef API_DAEMON_CORE_H
#define API_DAEMON_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "api/intake/intake.h"
#include "api/journal/recorder.h"
#include "api/kube/backend.h"
#include "api/ops/log.h"
#include "api/ops/metrics.h"
#include "api/view/decisions.h"
#include "scheduler/engine.h"

/* The core: the engine and everything its effects lead to. One thread owns it, the one that runs
 * the loop.
 *
 *   backend ──events──▶ core_apply() ──writes──▶ backend
 *   calls   ──events──▶      │       ──replies─▶ calls
 *                            └──▶ log, metrics, journal
 */

struct core;

struct core_options {
    const struct engine_options *engine;
    struct log *log;          /* *borrowed* */
    struct metrics *metrics;  /* *borrowed* */
    struct backend backend;   /* its context is *borrowed* */
    struct intake *intake;    /* *borrowed*; every event passes through it */
    struct recorder *journal; /* *borrowed*; gets every event and its effects. NULL: none */
    int64_t (*clock_ns)(void *context); /* does not go back; NULL: clock_ns() */
    void *clock_context;
    /* A bind call is answered: NULL = bound. */
    void (*bind_reply)(void *context, uint64_t ticket, const char *error);
    void *bind_context;
};

struct core *core_create(const struct core_options *options);
void core_destroy(struct core *core);

/* An event that takes so long is logged as a warning. */
#define CORE_SLOW_NS 100000000

/* Applies one event (its `now` is filled in) and carries out what follows. Returns the effect that
 * answers a filter, prioritize or preempt event, *borrowed* until the next apply, else NULL. */
const struct effect *core_apply(struct core *core, struct event *event);

/* For so long, and one event more, core_pump() applies what the backend has. */
#define CORE_PUMP_NS 2000000

/* Applies what the backend has until CORE_PUMP_NS have passed; true when more is waiting. All
 * events but the last one say that more follow, so planning happens once. Between two calls HTTP is
 * to be served. */
bool core_pump(struct core *core);

/* Sends EVENT_TICK when it is due. A plan that is not finished is due at once, again and again:
 * serve HTTP in between. */
void core_tick(struct core *core);
/* Begins the journal's next segment with the state of the engine, when one is due. */
void core_checkpoint(struct core *core);
/* Milliseconds until the next tick, -1 for never. */
int core_timeout(const struct core *core);

const struct engine *core_engine(const struct core *core);
/* The last decisions, *borrowed*. */
const struct decisions *core_decisions(const struct core *core);

#endif
