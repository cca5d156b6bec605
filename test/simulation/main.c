// SPDX-License-Identifier: Apache-2.0
#include <getopt.h>
#include <stdlib.h>

#include "api/cli/simulate.h"

/* simulation [--seed N] [--seeds COUNT] [--steps M] [--drop LIST] [--shrink] [--first] [--last L] …
 *
 * The same as `phalanx simulate`, as a program of its own: for builds of a changed engine
 * (mutants.py) and for builds that leave the command out.
 */

int main(int argc, char **argv)
{
    static const struct option flags[] = {
        {"seed", required_argument, NULL, 's'},     {"seeds", required_argument, NULL, 'c'},
        {"steps", required_argument, NULL, 'm'},    {"last", required_argument, NULL, 'l'},
        {"drop", required_argument, NULL, 'd'},     {"shrink", no_argument, NULL, 'S'},
        {"verbose", no_argument, NULL, 'v'},        {"first", no_argument, NULL, 'f'},
        {"journals", required_argument, NULL, 'j'}, {NULL, 0, NULL, 0},
    };
    struct simulate_options options;
    simulate_options_default(&options);
    for (int flag; (flag = getopt_long(argc, argv, "", flags, NULL)) != -1;) {
        if (flag == 's') {
            options.seed = strtoull(optarg, NULL, 10);
        } else if (flag == 'c') {
            options.seeds = strtoull(optarg, NULL, 10);
        } else if (flag == 'm') {
            options.steps = strtoull(optarg, NULL, 10);
        } else if (flag == 'l') {
            options.last = strtoull(optarg, NULL, 10);
        } else if (flag == 'S') {
            options.shrink = true;
        } else if (flag == 'f') {
            options.first = true;
        } else if (flag == 'j') {
            options.journals = optarg;
        } else if (flag == 'v') {
            options.verbose = true;
        } else if (flag == 'd') {
            options.drop = optarg;
        } else {
            return 2;
        }
    }
    return simulate_run(&options, stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
