// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "api/cli/cli.h"
#include "api/cli/flags.h"
#include "api/import/import.h"
#include "api/ops/config.h"
#include "api/ops/config_describe.h"

/* `phalanx check-config`: reads a configuration as `serve` would, and prints what came out of it.
 * The output is a configuration again: JSON is YAML.
 */

struct check_config_flags {
    const char *file;
    const char *config;
};

static const struct flag check_config_flags[] = {
    {.name = "config",
     .value = "FILE",
     .kind = FLAG_TEXT,
     .to = offsetof(struct check_config_flags, config),
     .help = "another way to name the file, as for the other commands"},
    {.name = NULL},
};

static const struct flags syntax = {
    .command = "check-config",
    .about = "Reads a configuration file strictly and prints it with every default filled in "
             "(JSON, which is a valid configuration file again). Without a file: the defaults.",
    .flags = check_config_flags,
    .operand = "FILE",
    .operand_help = "the configuration",
    .operand_to = offsetof(struct check_config_flags, file),
    .exit_codes = "Exit code 2 when the file cannot be read or has an unknown key or value.",
};

int cli_check_config(int argc, char **argv)
{
    struct check_config_flags flags = {.file = NULL};
    struct config config;
    struct err err;
    int result = flags_parse(&syntax, argc, argv, &flags);
    if (result != FLAGS_GO) {
        return result;
    }
    if (flags.file != NULL && flags.config != NULL) {
        return cli_usage_error("check-config", "FILE and --config FILE exclude each other");
    }
    const char *path = flags.file != NULL ? flags.file : flags.config;
    config_default(&config);
    if ((path != NULL && config_load(&config, path, &err) < 0) ||
        config_server_check(&config, &err) < 0) {
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
