// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/cli/cli.h"
#include "api/import/import.h"
#include "api/ops/config.h"
#include "api/ops/config_describe.h"

/* `phalanx check-config`: reads a configuration as `serve` would, and prints what came out of it.
 * The output is a configuration again: JSON is YAML.
 */

static const char usage[] =
    "usage: phalanx check-config FILE\n"
    "       phalanx check-config --config FILE\n"
    "\n"
    "Reads a configuration file strictly and prints it with every default filled in\n"
    "(JSON, which is a valid configuration file again). Without a file: the defaults.\n"
    "\n"
    "  --config FILE   the file\n"
    "\n"
    "Exit code 2 when the file cannot be read or says something that is not known.\n";

/* The path, "" when none is given; NULL after an error was reported or help was given. */
static const char *read_path(int argc, char **argv, int *exit)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *path = "";
    *exit = CLI_USAGE;
    if (argc == 2 && argv[1][0] != '-') {
        return argv[1];
    }
    optind = 0;
    int flag;
    while ((flag = cli_option(argc, argv, "check-config", "h", options)) != -1) {
        switch (flag) {
        case 'c':
            path = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            *exit = CLI_OK;
            return NULL;
        default:
            return NULL;
        }
    }
    return path;
}

int cli_check_config(int argc, char **argv)
{
    struct config config;
    struct err err;
    int exit;
    const char *path = read_path(argc, argv, &exit);
    if (path == NULL) {
        return exit;
    }
    config_default(&config);
    if (path[0] != '\0' && config_load(&config, path, &err) < 0) {
        fprintf(stderr, "phalanx check-config: %s\n", err.text);
        return CLI_USAGE;
    }
    struct overlay *overlay = NULL;
    if (import_configured(&config, NULL, &overlay, &err) < 0) {
        fprintf(stderr, "phalanx check-config: %s\n", err.text);
        return CLI_USAGE;
    }
    overlay_destroy(overlay);
    json_t *description = config_describe(&config);
    json_dumpf(description, stdout, JSON_INDENT(2));
    json_decref(description);
    putchar('\n');
    return CLI_OK;
}
