// SPDX-License-Identifier: Apache-2.0
#include "api/cli/cli.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Which command is meant, and what all commands have in common: how they report a usage error.
 *
 * A command that does not exist is answered with the one that is nearest in letters, so that the
 * next try is the right one.
 */

#define WORD_MAX     32 /* longer words are nobody's misspelling of ours */
#define DISTANCE_MAX 3

static const struct cli_command commands[] = {
    {"serve", cli_serve, "answer kube-scheduler's extender calls"},
    {"plan", cli_plan, "show where a job would be placed, or why it does not fit"},
    {"topology", cli_topology, "show how the node labels of a cluster are understood"},
    {"replay", cli_replay, "replay a journal, and show which decision differs"},
    {"check-config", cli_check_config, "show how a configuration file is understood"},
    {"version", cli_version, "print the version"},
};
#define COMMANDS (sizeof commands / sizeof commands[0])

static void print_command(FILE *out, const struct cli_command *command)
{
    fprintf(out, "  %-13s %s\n", command->name, command->summary);
}

static void print_usage(FILE *out, const struct cli_command *more)
{
    fputs("usage: phalanx COMMAND [FLAGS]\n"
          "\n"
          "Gang scheduling for a stock kube-scheduler: the pods of a training job start\n"
          "together, on the best-connected nodes that are free, or not at all.\n"
          "\n",
          out);
    for (size_t i = 0; i < COMMANDS; i++) {
        print_command(out, &commands[i]);
    }
    if (more != NULL) {
        print_command(out, more);
    }
    fputs("\n"
          "`phalanx COMMAND --help` explains each of them.\n"
          "Exit codes: 0 success, 1 failure, 2 usage error, 3 a gang does not fit (plan).\n",
          out);
}

/* Letters to insert, delete or replace to make one word of the other (Levenshtein). */
static size_t distance(const char *a, const char *b)
{
    size_t row[WORD_MAX + 1];
    size_t a_length = strlen(a), b_length = strlen(b);
    if (a_length > WORD_MAX || b_length > WORD_MAX) {
        return SIZE_MAX;
    }
    for (size_t k = 0; k <= b_length; k++) {
        row[k] = k;
    }
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t k = 1; k <= b_length; k++) {
            size_t above = row[k];
            size_t best = diagonal + (a[i - 1] != b[k - 1]);
            best = above + 1 < best ? above + 1 : best;
            best = row[k - 1] + 1 < best ? row[k - 1] + 1 : best;
            diagonal = above;
            row[k] = best;
        }
    }
    return row[b_length];
}

const char *cli_nearest(const char *text, const char *const *words)
{
    const char *nearest = NULL;
    size_t least = DISTANCE_MAX + 1;
    for (; *words != NULL; words++) {
        size_t length = strlen(text);
        bool begins = length >= 2 && strncmp(*words, text, length) == 0;
        size_t steps = begins ? 0 : distance(text, *words);
        if (steps < least && steps < strlen(*words)) {
            least = steps;
            nearest = *words;
        }
    }
    return nearest;
}

int cli_usage_error(const char *command, const char *format, ...)
{
    va_list arguments;
    const char *space = command[0] == '\0' ? "" : " ";
    fprintf(stderr, "phalanx%s%s: ", space, command);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\nTry \"phalanx%s%s --help\".\n", space, command);
    return CLI_USAGE;
}

/* The command of that name; NULL after it was said which one is nearest. */
static const struct cli_command *find_command(const char *name, const struct cli_command *more)
{
    const char *names[COMMANDS + 3];
    size_t count = 0;
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
        names[count++] = commands[i].name;
    }
    if (more != NULL && strcmp(more->name, name) == 0) {
        return more;
    }
    if (more != NULL) {
        names[count++] = more->name;
    }
    names[count++] = "help";
    names[count] = NULL;
    const char *nearest = cli_nearest(name, names);
    if (nearest != NULL) {
        cli_usage_error("", "unknown command %s: did you mean %s?", name, nearest);
    } else {
        cli_usage_error("", "unknown command %s", name);
    }
    return NULL;
}

int cli_run(int argc, char **argv)
{
    return cli_run_with(argc, argv, NULL);
}

int cli_run_with(int argc, char **argv, const struct cli_command *more)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (argc < 2) {
        print_usage(stderr, more);
        return CLI_USAGE;
    }
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        /* `phalanx help plan` is `phalanx plan --help`. */
        if (argc == 3 && name[0] == 'h' && strcmp(argv[2], "help") != 0) {
            char help[] = "--help";
            char *arguments[] = {argv[0], argv[2], help, NULL};
            return cli_run_with(3, arguments, more);
        }
        print_usage(stdout, more);
        return CLI_OK;
    }
    if (strcmp(name, "--version") == 0) {
        return cli_version(1, argv);
    }
    const struct cli_command *command = find_command(name, more);
    return command == NULL ? CLI_USAGE : command->run(argc - 1, argv + 1);
}
