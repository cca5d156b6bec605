// SPDX-License-Identifier: Apache-2.0
#include "api/cli/cli.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/base/sandbox.h"
#include "api/base/terminal.h"

#ifdef PHALANX_SIMULATE
#include "api/cli/simulate.h"
#endif

/* Whatever a command prints may hold names from a file that somebody else has written. */
struct terminal {
    FILE *out, *err; /* those of the C library */
};

static void guard_terminal(struct terminal *terminal)
{
    FILE *out = terminal_stream(STDOUT_FILENO, true), *err = terminal_stream(STDERR_FILENO, false);
    *terminal = (struct terminal){stdout, stderr};
    stdout = out == NULL ? stdout : out;
    stderr = err == NULL ? stderr : err;
}

static void release(FILE **stream, FILE *original)
{
    FILE *guarded = *stream;
    *stream = original;
    if (guarded != original) {
        (void)fclose(guarded);
    }
}

static int run(int argc, char **argv)
{
#ifdef PHALANX_SIMULATE
    static const struct cli_command simulate = {"simulate", cli_simulate,
                                                "try to break the engine in a simulated cluster"};
    return cli_run_with(argc, argv, &simulate);
#else
    return cli_run(argc, argv);
#endif
}

/* The daemon; not in a build that is instrumented, which needs more than it does (LeakSanitizer
 * looks into its own process). */
static int confine(int argc, char **argv)
{
#ifdef PHALANX_SANDBOX
    struct err err;
    if (argc > 1 && strcmp(argv[1], "serve") == 0 && sandbox_enter(&err) < 0) {
        fprintf(stderr, "phalanx serve: sandbox: %s\n", err.text);
        return -1;
    }
#endif
    return 0;
}

int main(int argc, char **argv)
{
    struct terminal terminal;
    guard_terminal(&terminal);
    int code = confine(argc, argv) < 0 ? CLI_RUNTIME : run(argc, argv);
    release(&stdout, terminal.out);
    release(&stderr, terminal.err);
    return code;
}
