// SPDX-License-Identifier: Apache-2.0
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "test/simulation/sim.h"

/* simulation --seed N [--seeds COUNT] [--steps M] [--verbose]
 *
 * Runs COUNT seeds from N on: M steps with faults, then five minutes of virtual time to settle, the
 * checks of what must be true then, and ten more minutes in which nothing may be written. A failing
 * seed prints what was violated and the events before it, and can be run alone.
 */

#define SETTLE_MS (5 * 60 * 1000)
#define QUIET_MS  (10 * 60 * 1000)

struct totals {
    uint64_t passed, failed, events, commits, crashes;
};

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

static void simulate(struct sim *sim, uint64_t steps)
{
    faults_start(sim);
    while (!sim->failed && sim->step < steps && sim_step(sim, INT64_MAX)) {
    }
    if (sim->failed) {
        return;
    }
    faults_stop(sim);
    run_until(sim, sim->now + 30000); /* pods on lost nodes are collected, the daemon is back */
    reset_writes(sim);
    run_until(sim, sim->now + SETTLE_MS / 3);
    sim->aborts_from = sim->stubborn ? INT64_MAX : sim->now;
    faults_finish(sim);
    run_until(sim, sim->now + SETTLE_MS);
    kube_flush(sim);
    run_until(sim, sim->now + 60000);
    if (!sim->failed) {
        invariants_settled(sim);
    }
    reset_writes(sim);
    run_until(sim, sim->now + QUIET_MS / 2);
    kube_wake_all(sim); /* who asks again is told the same */
    run_until(sim, sim->now + QUIET_MS / 2);
    /* One Event for a gang may put right what was said before. */
    bool chatter = sim->engine_writes > 0 || sim->engine_events > (uint64_t)sim->gang_count;
    if (!sim->failed && !sim->stubborn && chatter) {
        sim_fail(sim, "(8) %" PRIu64 " writes although nothing changes, the last one to %s",
                 sim->engine_writes, sim->last_write);
    }
    if (!sim->failed) {
        host_replay(sim);
    }
}

static void run_seed(uint64_t seed, uint64_t steps, size_t last, struct totals *totals)
{
    struct sim *sim = sim_create(seed);
    simulate(sim, steps);
    totals->events += sim->applies;
    totals->commits += sim->commits;
    totals->crashes += sim->crashes;
    if (sim->failed) {
        totals->failed++;
        printf("seed %" PRIu64 " step %" PRIu64 " at %lld ms: %s\n", seed, sim->step,
               (long long)sim->now, sim->failure);
        if (last > 0) {
            host_print(sim, last);
        }
    } else {
        totals->passed++;
    }
    sim_destroy(sim);
}

static uint64_t number(const char *text)
{
    return strtoull(text, NULL, 10);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"seed", required_argument, NULL, 's'},
        {"seeds", required_argument, NULL, 'c'},
        {"steps", required_argument, NULL, 'm'},
        {"last", required_argument, NULL, 'l'},
        {NULL, 0, NULL, 0},
    };
    uint64_t seed = 1, seeds = 1, steps = 3000;
    size_t last = 30;
    struct totals totals = {0};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 's':
            seed = number(optarg);
            break;
        case 'c':
            seeds = number(optarg);
            break;
        case 'm':
            steps = number(optarg);
            break;
        case 'l':
            last = (size_t)number(optarg);
            break;
        default:
            return 2;
        }
    }
    for (uint64_t i = 0; i < seeds; i++) {
        run_seed(seed + i, steps, last, &totals);
    }
    printf("simulation: %" PRIu64 " passed, %" PRIu64 " failed (%" PRIu64 " steps each, %" PRIu64
           " events, %" PRIu64 " commits, %" PRIu64 " crashes)\n",
           totals.passed, totals.failed, steps, totals.events, totals.commits, totals.crashes);
    return totals.failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
