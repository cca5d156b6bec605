// SPDX-License-Identifier: Apache-2.0
#include "api/cli/flags.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/cli/cli.h"
#include "topology/base/err.h"

/* getopt_long() splits the arguments; what it knows of flags is made from the table for each call.
 * (argp would print the help as well, but it words usage errors itself, without the value, and
 * exits with its own code.)
 *
 * A flag that does not exist is answered with the one that is nearest in letters, so that the next
 * try is the right one. Flags are never guessed: getopt's abbreviations are refused, because a
 * script that says --snap works until there is a second flag that begins like it.
 */

#define WIDTH 80
#define HELP  (-2) /* what getopt_long() returns for it; a flag is its index from FIRST on */
#define FIRST 256

static const struct flag help_flag = {
    .name = "help", .letter = 'h', .kind = FLAG_SWITCH, .help = "print this help"};

struct parser {
    const struct flags *flags;
    size_t count;
    struct option options[FLAGS_MAX + 2]; /* the table, --help, the end */
    char letters[3 * FLAGS_MAX + 8];
    bool given[FLAGS_MAX];
    bool operand_given;
    bool only_operands; /* after "--" */
    char *values;
};

static void parser_init(struct parser *parser, const struct flags *flags, void *values)
{
    *parser = (struct parser){.flags = flags, .values = values};
    /* '+': stop at the first argument that is no flag; ':': tell a missing value from an unknown
     * flag. */
    size_t length = (size_t)snprintf(parser->letters, sizeof parser->letters, "+:h");
    for (; flags->flags[parser->count].name != NULL; parser->count++) {
        const struct flag *flag = &flags->flags[parser->count];
        bool valued = flag->kind != FLAG_SWITCH;
        err_require(parser->count < FLAGS_MAX);
        parser->options[parser->count] = (struct option){
            flag->name, valued ? required_argument : no_argument, NULL, FIRST + (int)parser->count};
        if (flag->letter != '\0') {
            length += (size_t)snprintf(parser->letters + length, sizeof parser->letters - length,
                                       "%c%s", flag->letter, valued ? ":" : "");
        }
    }
    parser->options[parser->count] = (struct option){"help", no_argument, NULL, HELP};
}

/* ---- help ---- */

static void print_spaces(FILE *out, size_t count)
{
    fprintf(out, "%*s", (int)count, "");
}

/* Words from `column` on; further lines begin at `indent`. */
static void print_words(FILE *out, const char *text, size_t indent)
{
    size_t column = indent;
    while (*text != '\0') {
        size_t length = strcspn(text, " ");
        if (column > indent && column + 1 + length > WIDTH) {
            fputc('\n', out);
            print_spaces(out, indent);
            column = indent;
        } else if (column > indent) {
            fputc(' ', out);
            column++;
        }
        fprintf(out, "%.*s", (int)length, text);
        column += length;
        text += length + strspn(text + length, " ");
    }
    fputc('\n', out);
}

/* "--output tree|table|json" */
static size_t write_flag(const struct flag *flag, char *text, size_t size)
{
    size_t length = (size_t)snprintf(text, size, "--%s", flag->name);
    if (flag->kind == FLAG_CHOICE) {
        for (size_t i = 0; flag->choices[i] != NULL; i++) {
            length += (size_t)snprintf(text + length, size - length, "%s%s", i == 0 ? " " : "|",
                                       flag->choices[i]);
        }
    } else if (flag->value != NULL) {
        length += (size_t)snprintf(text + length, size - length, " %s", flag->value);
    }
    return length;
}

/* The flag at *at with those that exclude it, in brackets unless it is required. */
static void write_piece(const struct flags *flags, size_t *at, char *text, size_t size)
{
    bool optional = !flags->flags[*at].required;
    size_t length = (size_t)snprintf(text, size, "%s", optional ? "[" : "");
    length += write_flag(&flags->flags[(*at)++], text + length, size - length);
    while (flags->flags[*at].name != NULL && flags->flags[*at].or_the_one_above) {
        length += (size_t)snprintf(text + length, size - length, " | ");
        length += write_flag(&flags->flags[(*at)++], text + length, size - length);
    }
    snprintf(text + length, size - length, "%s", optional ? "]" : "");
}

static void print_synopsis(FILE *out, const struct flags *flags)
{
    char piece[256];
    size_t indent = (size_t)fprintf(out, "usage: phalanx %s", flags->command);
    size_t column = indent;
    bool operand = flags->operand != NULL;
    for (size_t at = 0; operand || flags->flags[at].name != NULL;) {
        if (operand) {
            snprintf(piece, sizeof piece, flags->operand_required ? "%s" : "[%s]", flags->operand);
            operand = false;
        } else {
            write_piece(flags, &at, piece, sizeof piece);
        }
        size_t length = strlen(piece);
        if (column > indent && column + 1 + length > WIDTH) {
            fputc('\n', out);
            print_spaces(out, indent);
            column = indent;
        }
        fprintf(out, " %s", piece);
        column += 1 + length;
    }
    fputc('\n', out);
}

/* "-o, --output FORM" */
static void write_heading(const struct flag *flag, char *text, size_t size)
{
    char letter[8] = "";
    if (flag->letter != '\0') {
        snprintf(letter, sizeof letter, "-%c, ", flag->letter);
    }
    snprintf(text, size, "%s--%s%s%s", letter, flag->name, flag->value == NULL ? "" : " ",
             flag->value == NULL ? "" : flag->value);
}

static void print_entry(FILE *out, const char *heading, const char *help, size_t width)
{
    fprintf(out, "  %-*s  ", (int)width, heading);
    print_words(out, help, width + 4);
}

static void print_help(FILE *out, const struct flags *flags)
{
    char heading[64];
    size_t width = flags->operand == NULL ? 0 : strlen(flags->operand);
    write_heading(&help_flag, heading, sizeof heading);
    width = strlen(heading) > width ? strlen(heading) : width;
    for (const struct flag *flag = flags->flags; flag->name != NULL; flag++) {
        write_heading(flag, heading, sizeof heading);
        width = strlen(heading) > width ? strlen(heading) : width;
    }
    print_synopsis(out, flags);
    fputc('\n', out);
    print_words(out, flags->about, 0);
    fputc('\n', out);
    if (flags->operand != NULL) {
        print_entry(out, flags->operand, flags->operand_help, width);
    }
    for (const struct flag *flag = flags->flags; flag->name != NULL; flag++) {
        write_heading(flag, heading, sizeof heading);
        print_entry(out, heading, flag->help, width);
    }
    write_heading(&help_flag, heading, sizeof heading);
    print_entry(out, heading, help_flag.help, width);
    if (flags->exit_codes != NULL) {
        fputc('\n', out);
        print_words(out, flags->exit_codes, 0);
    }
}

/* ---- usage errors ---- */

/* Says which flag might have been meant by `word`, which begins with its dashes. */
static int report_unknown(const struct parser *parser, const char *word)
{
    const char *names[FLAGS_MAX + 2];
    char name[64];
    size_t count = 0;
    for (; parser->options[count].name != NULL; count++) {
        names[count] = parser->options[count].name;
    }
    names[count] = NULL;
    const char *bare = word + strspn(word, "-");
    size_t length = strcspn(bare, "=");
    length = length < sizeof name ? length : sizeof name - 1; /* too long to be near anything */
    memcpy(name, bare, length);
    name[length] = '\0';
    const char *nearest = strncmp(word, "--", 2) == 0 ? cli_nearest(name, names) : NULL;
    if (nearest != NULL) {
        return cli_usage_error(parser->flags->command, "unknown flag %s: did you mean --%s?", word,
                               nearest);
    }
    return cli_usage_error(parser->flags->command, "unknown flag %s", word);
}

/* Whether a long flag is written out in full. */
static bool is_whole(const char *word, const char *name)
{
    size_t length = strlen(name);
    return strncmp(word, "--", 2) != 0 || (strncmp(word + 2, name, length) == 0 &&
                                           (word[2 + length] == '\0' || word[2 + length] == '='));
}

/* What getopt_long() could not read in `word`. */
static int report_refused(const struct parser *parser, int answer, const char *word)
{
    if (answer == ':') {
        return cli_usage_error(parser->flags->command, "%s needs a value", word);
    }
    if (optopt != 0 && strncmp(word, "--", 2) == 0) { /* it knows the flag */
        return cli_usage_error(parser->flags->command, "%.*s takes no value",
                               (int)strcspn(word, "="), word);
    }
    return report_unknown(parser, word);
}

/* "tree, table or json" */
static void write_choices(const struct flag *flag, char *text, size_t size)
{
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; flag->choices[i] != NULL; i++) {
        const char *before = i == 0 ? "" : flag->choices[i + 1] == NULL ? " or " : ", ";
        length += (size_t)snprintf(text + length, size - length, "%s%s", before, flag->choices[i]);
    }
}

/* ---- values ---- */

static int read_number(const struct parser *parser, const struct flag *flag, uint64_t *number)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(optarg, &end, 10);
    if (optarg[0] < '0' || optarg[0] > '9' || *end != '\0') {
        return cli_usage_error(parser->flags->command, "--%s %s: must be a whole number",
                               flag->name, optarg);
    }
    if (errno != 0) {
        return cli_usage_error(parser->flags->command, "--%s %s: must be at most %" PRIu64,
                               flag->name, optarg, UINT64_MAX);
    }
    *number = value;
    return FLAGS_GO;
}

static int read_choice(const struct parser *parser, const struct flag *flag, int *choice)
{
    char all[256];
    for (int i = 0; flag->choices[i] != NULL; i++) {
        if (strcmp(optarg, flag->choices[i]) == 0) {
            *choice = i;
            return FLAGS_GO;
        }
    }
    write_choices(flag, all, sizeof all);
    return cli_usage_error(parser->flags->command, "--%s %s: must be %s", flag->name, optarg, all);
}

static int read_value(struct parser *parser, size_t index)
{
    const struct flag *flag = &parser->flags->flags[index];
    void *to = parser->values + flag->to;
    parser->given[index] = true;
    switch (flag->kind) {
    case FLAG_SWITCH:
        *(bool *)to = true;
        return FLAGS_GO;
    case FLAG_TEXT:
        if (optarg[0] == '\0') {
            return cli_usage_error(parser->flags->command, "--%s \"\": must not be empty",
                                   flag->name);
        }
        *(const char **)to = optarg;
        return FLAGS_GO;
    case FLAG_NUMBER:
        return read_number(parser, flag, to);
    case FLAG_CHOICE:
        return read_choice(parser, flag, to);
    }
    return FLAGS_GO;
}

static int read_operand(struct parser *parser, char *word)
{
    if (parser->flags->operand == NULL || parser->operand_given) {
        return cli_usage_error(parser->flags->command, "unexpected argument \"%s\"", word);
    }
    if (word[0] == '\0') {
        return cli_usage_error(parser->flags->command, "%s \"\": must not be empty",
                               parser->flags->operand);
    }
    parser->operand_given = true;
    *(const char **)(void *)(parser->values + parser->flags->operand_to) = word;
    return FLAGS_GO;
}

/* ---- the whole ---- */

/* One flag or operand. False when there is none left. */
static bool read_next(struct parser *parser, int argc, char **argv, int *result)
{
    int index = -1;
    int at = optind == 0 ? 1 : optind;
    int answer = parser->only_operands
                     ? -1
                     : getopt_long(argc, argv, parser->letters, parser->options, &index);
    if (answer == -1) {
        parser->only_operands = parser->only_operands || optind > at; /* "--" was passed over */
        if (optind >= argc) {
            return false;
        }
        *result = read_operand(parser, argv[optind++]);
        return true;
    }
    if (answer == ':' || answer == '?') {
        *result = report_refused(parser, answer, argv[at]);
    } else if (index >= 0 && !is_whole(argv[at], parser->options[index].name)) {
        *result = report_unknown(parser, argv[at]);
    } else if (answer == HELP || answer == 'h') {
        print_help(stdout, parser->flags);
        *result = CLI_OK;
    } else if (index >= 0) {
        *result = read_value(parser, (size_t)index);
    } else {
        for (size_t i = 0; i < parser->count; i++) {
            if (parser->flags->flags[i].letter == answer) {
                *result = read_value(parser, i);
            }
        }
    }
    return true;
}

/* What no flag says on its own. */
static int check_together(const struct parser *parser)
{
    const struct flags *flags = parser->flags;
    if (flags->operand != NULL && flags->operand_required && !parser->operand_given) {
        return cli_usage_error(flags->command, "%s is missing", flags->operand);
    }
    size_t group = 0;
    for (size_t i = 0; i < parser->count; i++) {
        const struct flag *flag = &flags->flags[i];
        group = flag->or_the_one_above ? group : i;
        if (flag->required && !parser->given[i]) {
            return cli_usage_error(flags->command, "--%s %s is missing", flag->name, flag->value);
        }
        for (size_t k = group; k < i && parser->given[i]; k++) {
            if (parser->given[k]) {
                return cli_usage_error(flags->command, "--%s and --%s exclude each other",
                                       flags->flags[k].name, flag->name);
            }
        }
    }
    return FLAGS_GO;
}

int flags_parse(const struct flags *flags, int argc, char **argv, void *values)
{
    struct parser parser;
    int result = FLAGS_GO;
    parser_init(&parser, flags, values);
    opterr = 0;
    optind = 0; /* glibc: begin anew */
    while (result == FLAGS_GO && read_next(&parser, argc, argv, &result)) {
    }
    return result == FLAGS_GO ? check_together(&parser) : result;
}
