// SPDX-License-Identifier: Apache-2.0
#ifndef API_CLI_FLAGS_H
#define API_CLI_FLAGS_H

#include <stdbool.h>
#include <stddef.h>

/* The flags of a command, in one table that is read by the parser and by the help alike:
 *
 *   static const struct flag flags[] = {
 *       {.name = "snapshot", .value = "FILE", .kind = FLAG_TEXT, .required = true,
 *        .to = offsetof(struct plan_flags, snapshot), .help = "the cluster; - is standard input"},
 *       {.name = NULL},
 *   };
 *
 * Flags are long, "--name VALUE" or "--name=VALUE", and written out in full; some have a letter
 * besides. Of a flag that is given twice the last one counts. --help is part of every command.
 */

enum flag_kind {
    FLAG_SWITCH, /* takes no value; to: bool */
    FLAG_TEXT,   /* not empty; to: const char *, *borrowed* from the arguments */
    FLAG_NUMBER, /* decimal digits; to: uint64_t */
    FLAG_CHOICE, /* one of `choices`; to: int, its index */
};

#define FLAGS_MAX 32 /* of a command, without --help */

struct flag {
    const char *name;  /* without the dashes; NULL ends the table */
    const char *value; /* what stands for the value in the help; NULL for a switch */
    const char *help;
    const char *const *choices; /* ends with NULL */
    size_t to;                  /* offsetof() in the struct of the command */
    enum flag_kind kind;
    char letter;           /* 0: none */
    bool required;         /* not together with `or_the_one_above` */
    bool or_the_one_above; /* the two exclude each other */
};

struct flags {
    const char *command;
    const char *about; /* what the command does */
    const struct flag *flags;
    const char *operand; /* what stands for the one argument that is no flag; NULL: none */
    const char *operand_help;
    size_t operand_to; /* to: const char *, *borrowed* from the arguments */
    bool operand_required;
    const char *exit_codes; /* those of its own, or NULL */
};

#define FLAGS_GO (-1)

/* Reads the arguments (argv[0] is the command) into `values`, which holds the defaults. FLAGS_GO,
 * or the exit code to return at once: CLI_OK after --help, CLI_USAGE after a usage error. A usage
 * error is reported on standard error with the flag and the value it is about. */
int flags_parse(const struct flags *flags, int argc, char **argv, void *values);

#endif
