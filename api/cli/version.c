// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "api/cli/cli.h"
#include "version.h"

/* `phalanx version`, also `phalanx --version`: one line for people and scripts alike. */

static const char usage[] = "usage: phalanx version\n"
                            "\n"
                            "Prints the version.\n";

int cli_version(int argc, char **argv)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    optind = 0;
    int flag = cli_option(argc, argv, "version", "h", options);
    if (flag == '?') {
        return CLI_USAGE;
    }
    if (flag == 'h') {
        fputs(usage, stdout);
        return CLI_OK;
    }
    printf("phalanx %s\n", PHALANX_VERSION);
    return CLI_OK;
}
