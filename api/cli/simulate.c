// SPDX-License-Identifier: Apache-2.0
#include "api/cli/simulate.h"

#include <stddef.h>

#include "api/cli/cli.h"
#include "api/cli/flags.h"
#include "version.h"

/* Flags to options, nothing else. */

static const struct flag simulate_flags[] = {
    {.name = "seed",
     .value = "N",
     .kind = FLAG_NUMBER,
     .to = offsetof(struct simulate_options, seed),
     .help = "the first seed (1)"},
    {.name = "seeds",
     .value = "COUNT",
     .kind = FLAG_NUMBER,
     .to = offsetof(struct simulate_options, seeds),
     .help = "how many seeds (1)"},
    {.name = "steps",
     .value = "M",
     .kind = FLAG_NUMBER,
     .to = offsetof(struct simulate_options, steps),
     .help = "steps with faults, of each seed (3000)"},
    {.name = "drop",
     .value = "LIST",
     .kind = FLAG_TEXT,
     .to = offsetof(struct simulate_options, drop),
     .help = "faults left out, by number: 0,3,7-9,40- (0 is the network's jitter)"},
    {.name = "first",
     .kind = FLAG_SWITCH,
     .to = offsetof(struct simulate_options, first),
     .help = "stop after the first failing seed"},
    {.name = "shrink",
     .kind = FLAG_SWITCH,
     .to = offsetof(struct simulate_options, shrink),
     .help = "make the first failing seed as short as possible and print all of it"},
    {.name = "last",
     .value = "LINES",
     .kind = FLAG_NUMBER,
     .to = offsetof(struct simulate_options, last),
     .help = "lines printed of each other failing seed (40)"},
    {.name = "journals",
     .value = "DIR",
     .kind = FLAG_TEXT,
     .to = offsetof(struct simulate_options, journals),
     .help = "write a journal of every life of the engine, for phalanx replay: "
             "DIR/seed-N-life-L.journal"},
    {.name = "verbose",
     .letter = 'v',
     .kind = FLAG_SWITCH,
     .to = offsetof(struct simulate_options, verbose),
     .help = "print everything that happens"},
    {.name = NULL},
};

static const struct flags syntax = {
    .command = "simulate",
    .about = "Runs the scheduling engine in a simulated cluster, in virtual time, with faults of "
             "every kind, and checks after each step what must always be true. A run is its seed: "
             "the same seed, steps and dropped faults give the same run.",
    .flags = simulate_flags,
    .exit_codes = "Exit code 1 when a seed failed.",
};

int cli_simulate(int argc, char **argv)
{
    struct simulate_options options;
    simulate_options_default(&options);
    options.program = PHALANX_VERSION;
    int result = flags_parse(&syntax, argc, argv, &options);
    if (result != FLAGS_GO) {
        return result;
    }
    result = simulate_run(&options, stdout);
    if (result < 0) {
        return cli_usage_error("simulate", "--drop %s: must be a list of numbers below 8192",
                               options.drop);
    }
    return result == 0 ? CLI_OK : CLI_RUNTIME;
}
