// SPDX-License-Identifier: Apache-2.0
#include "api/cli/simulate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "api/cli/cli.h"
#include "version.h"

/* Flags to options, nothing else. */

static const char usage[] =
    "usage: phalanx simulate [--seed N] [--seeds COUNT] [--steps M] [FLAGS]\n"
    "\n"
    "Runs the scheduling engine in a simulated cluster, in virtual time, with faults of every "
    "kind,\n"
    "and checks after each step what must always be true. A run is its seed: the same seed, steps\n"
    "and dropped faults give the same run.\n"
    "\n"
    "  --seed N        the first seed (1)\n"
    "  --seeds COUNT   how many seeds (1)\n"
    "  --steps M       steps with faults, of each seed (3000)\n"
    "  --drop LIST     faults left out, by number: 0,3,7-9,40- (0 is the network's jitter)\n"
    "  --first         stop after the first failing seed\n"
    "  --shrink        make the first failing seed as short as possible and print all of it\n"
    "  --last LINES    what is printed of other failing seeds (40)\n"
    "  --journals DIR  write a journal of every life of the engine, for phalanx replay:\n"
    "                  DIR/seed-N-life-L.journal\n"
    "  --verbose       print everything that happens\n"
    "\n"
    "Exit code 1 when a seed failed.\n";

static const struct option flags[] = {
    {"seed", required_argument, NULL, 's'},
    {"seeds", required_argument, NULL, 'c'},
    {"steps", required_argument, NULL, 'm'},
    {"drop", required_argument, NULL, 'd'},
    {"first", no_argument, NULL, 'f'},
    {"shrink", no_argument, NULL, 'S'},
    {"last", required_argument, NULL, 'l'},
    {"verbose", no_argument, NULL, 'v'},
    {"journals", required_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* Digits only. */
static int read_number(const char *text, uint64_t *number)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0) {
        cli_usage_error("simulate", "\"%s\" is no number", text);
        return -1;
    }
    *number = value;
    return 0;
}

/* 0; 1 when help was given; -1 after a mistake was reported. */
static int read_flags(int argc, char **argv, struct simulate_options *options)
{
    uint64_t lines = options->last;
    int flag, result = 0;
    optind = 0;
    while (result == 0 && (flag = cli_option(argc, argv, "simulate", "h", flags)) != -1) {
        switch (flag) {
        case 's':
            result = read_number(optarg, &options->seed);
            break;
        case 'c':
            result = read_number(optarg, &options->seeds);
            break;
        case 'm':
            result = read_number(optarg, &options->steps);
            break;
        case 'l':
            result = read_number(optarg, &lines);
            break;
        case 'd':
            options->drop = optarg;
            break;
        case 'j':
            options->journals = optarg;
            break;
        case 'f':
            options->first = true;
            break;
        case 'S':
            options->shrink = true;
            break;
        case 'v':
            options->verbose = true;
            break;
        case 'h':
            fputs(usage, stdout);
            return 1;
        default:
            return -1;
        }
    }
    options->last = (size_t)lines;
    return result;
}

int cli_simulate(int argc, char **argv)
{
    struct simulate_options options;
    simulate_options_default(&options);
    options.program = PHALANX_VERSION;
    int read = read_flags(argc, argv, &options);
    if (read != 0) {
        return read > 0 ? CLI_OK : CLI_USAGE;
    }
    int result = simulate_run(&options, stdout);
    if (result < 0) {
        return cli_usage_error("simulate", "--drop \"%s\" is no list of numbers below 8192",
                               options.drop);
    }
    return result == 0 ? CLI_OK : CLI_RUNTIME;
}
