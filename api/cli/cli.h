// SPDX-License-Identifier: Apache-2.0
#ifndef API_CLI_CLI_H
#define API_CLI_CLI_H

#include <getopt.h>
#include <stdio.h>

/* The commands of `phalanx`. Each gets its own arguments, argv[0] being its name, and returns the
 * exit code. What was asked for goes to standard output, everything else to standard error.
 */

enum cli_exit {
    CLI_OK = 0,
    CLI_RUNTIME = 1,    /* it tried and failed */
    CLI_USAGE = 2,      /* it was asked wrongly: flags, configuration, a manifest without a gang */
    CLI_INFEASIBLE = 3, /* `plan`: a gang does not fit */
};

int cli_serve(int argc, char **argv);
int cli_plan(int argc, char **argv);
int cli_topology(int argc, char **argv);
int cli_replay(int argc, char **argv);
int cli_check_config(int argc, char **argv);
int cli_version(int argc, char **argv);

struct cli_command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
};

/* The whole command line, argv[0] being the program. */
int cli_run(int argc, char **argv);
/* The same with one more command, or NULL: for one that not every build has. */
int cli_run_with(int argc, char **argv, const struct cli_command *more);

/* Like getopt_long(), for commands that say what is wrong themselves: an unknown flag, a missing or
 * superfluous value or an argument that is no flag is reported with the nearest flag there is and
 * gives
 * '?'. `letters` as for getopt. Set optind to 0 before the first call. */
int cli_option(int argc, char **argv, const char *command, const char *letters,
               const struct option *options);

/* Reports a mistake of the caller as "phalanx <command>: <text>" with a hint at --help. Returns
 * CLI_USAGE. */
int cli_usage_error(const char *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The one of `words` (ended by NULL) that the text was probably meant to be, or NULL. */
const char *cli_nearest(const char *text, const char *const *words);

#endif
