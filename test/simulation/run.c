// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/cli/simulate.h"
#include "test/simulation/company.h"
#include "test/simulation/faults.h"
#include "test/simulation/host.h"
#include "test/simulation/invariants.h"
#include "test/simulation/kube_scheduler.h"
#include "test/simulation/replay.h"
#include "test/simulation/trace.h"
#include "topology/base/alloc.h"

/* A run is its seed, its number of steps and the faults left out of it; nothing else enters. So a
 * failing one is simply run again to see more of it, with a trace this time.
 */

#define RECOVERY_MS (5 * 60 * 1000)
#define QUIET_MS    (10 * 60 * 1000)
#define CLEANING_MS (3 * 60 * 1000)

/* ---- one ---- */

static void run_until(struct sim *sim, int64_t until)
{
    while (!sim->failed && sim_step(sim, until)) {
    }
    sim->now = until > sim->now ? until : sim->now;
}

static void reset_writes(struct sim *sim)
{
    sim->engine_writes = 0;
    sim->engine_events = 0;
    for (int i = 0; i < sim->pod_count; i++) {
        sim->pods[i].writes = 0;
    }
}

static void recover(struct sim *sim)
{
    run_until(sim, sim->now + 30000); /* pods on lost nodes are collected, the daemon is back */
    reset_writes(sim);
    run_until(sim, sim->now + RECOVERY_MS / 3);
    sim->aborts_from = sim->stubborn ? INT64_MAX : sim->now;
    faults_finish(sim);
    run_until(sim, sim->now + RECOVERY_MS);
    kube_flush(sim);
    run_until(sim, sim->now + 150000); /* vetoes and backoffs last a minute */
    if (!sim->failed) {
        invariants_recovered(sim);
    }
}

/* The pods of a run that ended are deleted up to ten minutes later (runs_again()), one by one: what
 * is left of them may look like members of the present run for a moment. */
static void keep_quiet(struct sim *sim)
{
    run_until(sim, sim->now + CLEANING_MS);
    reset_writes(sim);
    bool learned = company_learns(sim); /* and may have found a place since */
    run_until(sim, sim->now + QUIET_MS / 2);
    kube_wake_all(sim); /* who asks again is shown the same */
    run_until(sim, sim->now + QUIET_MS / 2);
    /* One Event for a gang may put right what was said before. */
    bool chatter = sim->engine_writes > 0 || sim->engine_events > (uint64_t)sim->gang_count;
    if (!sim->failed && !sim->stubborn && !learned && !company_learns(sim) && chatter) {
        sim_fail(sim, "(8) %" PRIu64 " writes although nothing changes, the last one to %s",
                 sim->engine_writes, sim->last_write);
    }
}

void run_seed(const struct run *run, struct run_result *result)
{
    struct sim *sim = sim_create(run->seed);
    sim->trace = run->trace;
    sim->journals.directory = run->journals;
    sim->journals.program = run->program;
    if (run->drops != NULL) {
        sim->dropped = run->drops->one;
        sim->dropped_from = run->drops->from;
    }
    faults_start(sim);
    while (!sim->failed && sim->step < run->steps && sim_step(sim, INT64_MAX)) {
    }
    if (!sim->failed) {
        faults_stop(sim);
        recover(sim);
    }
    if (!sim->failed) {
        keep_quiet(sim);
    }
    if (!sim->failed) {
        replay_epoch(sim);
    }
    if (sim->failed) {
        trace_state(sim);
    }
    *result = (struct run_result){.failed = sim->failed,
                                  .step = sim->step,
                                  .at = sim->now,
                                  .faults = sim->fault_count,
                                  .events = sim->applies,
                                  .commits = sim->commits,
                                  .crashes = sim->crashes,
                                  .checks = sim->checks};
    memcpy(result->failure, sim->failure, sizeof(result->failure));
    sim_destroy(sim);
}

/* ---- many ---- */

void simulate_options_default(struct simulate_options *options)
{
    *options = (struct simulate_options){
        .seed = 1, .seeds = 1, .steps = 3000, .last = 40, .program = "simulation"};
}

/* The last lines of a text. */
static const char *tail(const char *text, size_t length, size_t lines)
{
    const char *at = text + length;
    for (; at > text; at--) {
        if (at[-1] == '\n' && at != text + length && lines-- <= 1) {
            break;
        }
    }
    return at;
}

/* Runs the seed once more for its trace. */
static void show(const struct run *run, size_t last, FILE *out)
{
    struct run again = *run;
    struct run_result result;
    char *text = NULL;
    size_t length = 0;
    again.trace = open_memstream(&text, &length);
    if (again.trace == NULL) {
        return;
    }
    run_seed(&again, &result);
    fclose(again.trace);
    fputs(last == 0 ? text : tail(text, length, last), out);
    free(text);
}

static void shrink_and_show(const struct run *run, FILE *out)
{
    struct run less = *run;
    struct drops *drops = alloc_zero(1, sizeof(*drops));
    struct run_result result;
    run_shrink(run, drops, &less.steps, out);
    less.drops = drops;
    run_seed(&less, &result);
    fprintf(out, "shrunk: --seed %" PRIu64 " --steps %" PRIu64 " --drop ", less.seed, less.steps);
    drops_print(drops, out);
    fprintf(out, "\n");
    show(&less, 0, out);
    fprintf(out, "%s\n", result.failure);
    free(drops);
}

struct totals {
    uint64_t done, failed, events, commits, crashes;
    struct checks checks;
};

static double percent(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 100 : 100.0 * (double)part / (double)whole;
}

static void add_checks(struct checks *to, const struct checks *from)
{
    to->nodes += from->nodes;
    to->nodes_judged += from->nodes_judged;
    to->places += from->places;
    to->places_judged += from->places_judged;
    to->plans += from->plans;
    to->partial += from->partial;
    to->partial_judged += from->partial_judged;
}

static void run_one(const struct simulate_options *options, struct run *run, struct totals *totals,
                    FILE *out)
{
    struct run_result result;
    run->trace = options->verbose ? out : NULL;
    run_seed(run, &result);
    run->journals = NULL; /* what is run again is not written down again */
    totals->done++;
    totals->events += result.events;
    totals->commits += result.commits;
    totals->crashes += result.crashes;
    add_checks(&totals->checks, &result.checks);
    if (!result.failed) {
        return;
    }
    totals->failed++;
    fprintf(out, "seed %" PRIu64 " step %" PRIu64 " event %" PRIu64 " at %lld ms: %s\n", run->seed,
            result.step, result.events, (long long)result.at, result.failure);
    run->trace = NULL;
    if (options->shrink && totals->failed == 1) {
        shrink_and_show(run, out);
    } else if (options->last > 0 && !options->verbose) {
        show(run, options->last, out);
    }
    fflush(out);
}

int simulate_run(const struct simulate_options *options, FILE *out)
{
    struct totals totals = {0};
    struct drops drops;
    drops_init(&drops);
    if (options->drop != NULL && !drops_parse(&drops, options->drop)) {
        return -1;
    }
    for (uint64_t i = 0; i < options->seeds && !(options->first && totals.failed > 0); i++) {
        struct run run = {.seed = options->seed + i,
                          .steps = options->steps,
                          .drops = &drops,
                          .journals = options->journals,
                          .program = options->program};
        run_one(options, &run, &totals, out);
    }
    fprintf(out,
            "judged: %.1f %% of nodes, %.1f %% of places, %.1f %% of begun gangs, %" PRIu64
            " plans\n",
            percent(totals.checks.nodes_judged, totals.checks.nodes),
            percent(totals.checks.places_judged, totals.checks.places),
            percent(totals.checks.partial_judged, totals.checks.partial), totals.checks.plans);
    fprintf(out,
            "simulation: %" PRIu64 " passed, %" PRIu64 " failed (%" PRIu64 " steps each, %" PRIu64
            " events, %" PRIu64 " commits, %" PRIu64 " crashes)\n",
            totals.done - totals.failed, totals.failed, options->steps, totals.events,
            totals.commits, totals.crashes);
    return totals.failed > 0;
}
