// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "api/cli/cli.h"
#include "api/cli/flags.h"
#include "version.h"

/* `phalanx version`, also `phalanx --version`: one line for people and scripts alike. */

static const struct flag version_flags[] = {{.name = NULL}};

static const struct flags syntax = {
    .command = "version",
    .about = "Prints the version.",
    .flags = version_flags,
};

int cli_version(int argc, char **argv)
{
    int result = flags_parse(&syntax, argc, argv, NULL);
    if (result != FLAGS_GO) {
        return result;
    }
    printf("phalanx %s\n", PHALANX_VERSION);
    return CLI_OK;
}
