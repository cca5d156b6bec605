// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_RUN_H
#define TEST_SIMULATION_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "test/simulation/sim.h"

/* Runs of the simulator: one seed, many seeds, and the shrinking of one that fails. */

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
};

struct run_result {
    bool failed;
    char failure[1024];
    uint64_t step;   /* of the end */
    int64_t at;      /* virtual time of the end */
    uint32_t faults; /* numbers given */
    uint64_t events, commits, crashes;
};

/* M steps with faults, then five minutes of virtual time to settle, the checks of what must be true
 * then, and ten more minutes in which nothing may be written. */
void run_seed(const struct run *run, struct run_result *result);

/* Makes a failing run shorter: fewer steps, fewer faults, as long as the same invariant is
 * violated. `progress` may be NULL. `run->drops` is not changed, `drops` is. */
void run_shrink(const struct run *run, struct drops *drops, uint64_t *steps, FILE *progress);

struct run_options {
    uint64_t seed, seeds, steps;
    size_t last;  /* lines of trace before a failure */
    bool first;   /* stop after the first failing seed */
    bool shrink;  /* makes the first failing seed shorter and prints all of its trace */
    bool verbose; /* prints everything that happens */
    struct drops drops;
};
void run_options_default(struct run_options *options);

/* Runs all seeds, tells `out`; true when none failed. */
bool run_all(const struct run_options *options, FILE *out);

#endif
