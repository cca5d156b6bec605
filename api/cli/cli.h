// SPDX-License-Identifier: Apache-2.0
#ifndef API_CLI_CLI_H
#define API_CLI_CLI_H

#include <stdio.h>

/* The commands of `phalanx`. Each gets its own arguments, argv[0] being its name, and returns the
 * exit code. What was asked for goes to standard output, everything else to standard error.
 */

enum cli_exit {
    CLI_OK = 0,
    CLI_RUNTIME = 1,    /* failure */
    CLI_USAGE = 2,      /* usage error: flags, configuration, a manifest without a gang */
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

/* Reports a usage error as "phalanx <command>: <text>" with a hint at --help. Returns
 * CLI_USAGE. */
int cli_usage_error(const char *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The one of `words` (ended by NULL) that the text was probably meant to be, or NULL. */
const char *cli_nearest(const char *text, const char *const *words);

#endif
