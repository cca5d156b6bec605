// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_RUN_H
#define TEST_SIMULATION_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "test/simulation/sim.h"

/* Runs of the simulator: one seed, many seeds (simulate_run() of api/cli/simulate.h), and the
 * shrinking of one that fails. */

/* Which faults of a seed are left out: single ones, and all from one on. */
struct drops {
    uint8_t one[SIM_FAULTS_MAX];
    uint32_t from;
};
void drops_init(struct drops *drops); /* none */
/* "0,3,7-9,40-": 40 and all later ones. False when it is none of that. */
bool drops_parse(struct drops *drops, const char *text);
/* The same in words; "" for none. */
void drops_print(const struct drops *drops, FILE *out);

struct run {
    uint64_t seed;
    uint64_t steps;            /* with faults */
    const struct drops *drops; /* or NULL */
    FILE *trace;               /* or NULL */
    const char *journals;      /* directory of its journals, or NULL */
    const char *program;       /* what they call the program */
};

struct run_result {
    bool failed;
    char failure[1024];
    uint64_t step;   /* of the end */
    int64_t at;      /* virtual time of the end */
    uint32_t faults; /* numbers given */
    uint64_t events, commits, crashes;
    struct checks checks;
};

/* M steps with faults, then five minutes of virtual time to recover, the checks of what must be
 * true then, and ten more minutes in which nothing may be written. */
void run_seed(const struct run *run, struct run_result *result);

/* Makes a failing run shorter: fewer steps, fewer faults, as long as the same invariant is
 * violated. `progress` may be NULL. `run->drops` is not changed, `drops` is. */
void run_shrink(const struct run *run, struct drops *drops, uint64_t *steps, FILE *progress);

#endif
