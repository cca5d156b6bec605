// SPDX-License-Identifier: Apache-2.0
#include "api/cli/cli.h"

#include <stdio.h>
#include <unistd.h>

#include "api/base/terminal.h"

#ifdef PHALANX_SIMULATE
#include "api/cli/simulate.h"
#endif

/* Whatever a command prints may hold names from a file that somebody else has written. */
static void guard_terminal(void)
{
    FILE *out = terminal_stream(STDOUT_FILENO, true), *err = terminal_stream(STDERR_FILENO, false);
    stdout = out == NULL ? stdout : out;
    stderr = err == NULL ? stderr : err;
}

int main(int argc, char **argv)
{
    guard_terminal();
#ifdef PHALANX_SIMULATE
    static const struct cli_command simulate = {"simulate", cli_simulate,
                                                "try to break the engine in a simulated cluster"};
    return cli_run_with(argc, argv, &simulate);
#else
    return cli_run(argc, argv);
#endif
}
