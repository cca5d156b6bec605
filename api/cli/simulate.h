// SPDX-License-Identifier: Apache-2.0
#ifndef API_CLI_SIMULATE_H
#define API_CLI_SIMULATE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* `phalanx simulate`: the engine and the codecs of this very binary in a simulated cluster.
 *
 * The simulator lives with the tests (test/simulation) and implements simulate_run(); this side
 * only knows its flags. A build with -Dsimulate=false has neither.
 */

struct simulate_options {
    uint64_t seed, seeds; /* seed … seed + seeds - 1 */
    uint64_t steps;       /* actions with faults, of each seed */
    const char *drop;     /* numbers of faults that are left out, "0,3,7-9,40-"; NULL: none */
    uint64_t last;        /* lines of what happened before a failure that are printed */
    const char *journals; /* directory for a journal of every life of the engine; NULL: none */
    const char *program;  /* what they call the program */
    bool first;           /* stop after the first failing seed */
    bool shrink;          /* make the first failing seed shorter and print all of it */
    bool verbose;         /* print everything that happens */
};

/* One seed, 3,000 steps, the last 40 lines. */
void simulate_options_default(struct simulate_options *options);

/* Runs the seeds and tells `out`. 0: all passed, 1: a seed failed, -1: `drop` is no such list. */
int simulate_run(const struct simulate_options *options, FILE *out);

/* The command. */
int cli_simulate(int argc, char **argv);

#endif
