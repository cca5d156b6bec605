// SPDX-License-Identifier: Apache-2.0
#include "api/cli/flags.h"

#include <stdint.h>

#include "test/unit/api/cli/run_cli.h"

static const char *const colours[] = {"red", "green", "blue", NULL};

struct values {
    const char *file;
    const char *name;
    const char *other;
    uint64_t number;
    int colour;
    bool loud;
};

static const struct flag table[] = {
    {.name = "name",
     .value = "NAME",
     .kind = FLAG_TEXT,
     .to = offsetof(struct values, name),
     .help = "a name"},
    {.name = "other",
     .value = "NAME",
     .kind = FLAG_TEXT,
     .or_the_one_above = true,
     .to = offsetof(struct values, other),
     .help = "another name, and a text about it that is so long that it does not fit a line, for "
             "which reason it is wrapped"},
    {.name = "number",
     .value = "N",
     .kind = FLAG_NUMBER,
     .required = true,
     .to = offsetof(struct values, number),
     .help = "how many"},
    {.name = "colour",
     .letter = 'c',
     .value = "COLOUR",
     .kind = FLAG_CHOICE,
     .choices = colours,
     .to = offsetof(struct values, colour),
     .help = "which one"},
    {.name = "loud",
     .letter = 'l',
     .kind = FLAG_SWITCH,
     .to = offsetof(struct values, loud),
     .help = "louder"},
    {.name = NULL},
};

static const struct flags syntax = {
    .command = "test",
    .about = "Is tested.",
    .flags = table,
    .operand = "FILE",
    .operand_help = "what is read",
    .operand_to = offsetof(struct values, file),
    .exit_codes = "Exit code 7 on Sundays.",
};

#define WORDS_MAX 10

/* Parses words that end with NULL, with the output in cli_out and cli_err. */
static int parse(const struct flags *flags, const char *const *words, struct values *values)
{
    static char texts[WORDS_MAX][80];
    char command[] = "test";
    char *argv[WORDS_MAX + 2] = {command};
    int argc = 1;
    for (; words[argc - 1] != NULL; argc++) {
        snprintf(texts[argc - 1], sizeof texts[0], "%s", words[argc - 1]);
        argv[argc] = texts[argc - 1];
    }
    int kept_out, kept_err;
    int out = cli_redirect(stdout, &kept_out);
    int err = cli_redirect(stderr, &kept_err);
    *values = (struct values){.name = "default", .colour = -1};
    int result = flags_parse(flags, argc, argv, values);
    cli_restore(stdout, kept_out, out, cli_out);
    cli_restore(stderr, kept_err, err, cli_err);
    return result;
}

START_TEST(values_and_defaults)
{
    struct values values;
    static const char *const words[] = {"--number", "18446744073709551615", NULL};
    ck_assert_int_eq(parse(&syntax, words, &values), FLAGS_GO);
    ck_assert_uint_eq(values.number, UINT64_MAX);
    ck_assert_str_eq(values.name, "default");
    ck_assert_int_eq(values.colour, -1);
    ck_assert(!values.loud);
    ck_assert_ptr_null(values.file);
    static const char *const all[] = {"--name=a b", "--number=0", "-lc", "blue", "in", NULL};
    ck_assert_int_eq(parse(&syntax, all, &values), FLAGS_GO);
    ck_assert_str_eq(values.name, "a b");
    ck_assert_uint_eq(values.number, 0);
    ck_assert_int_eq(values.colour, 2);
    ck_assert(values.loud);
    ck_assert_str_eq(values.file, "in");
    ck_assert_str_eq(cli_err, "");
    ck_assert_str_eq(cli_out, "");
}
END_TEST

START_TEST(the_operand_may_stand_anywhere)
{
    static const char *const lines[][6] = {
        {"in", "--number", "1", "--loud"}, {"--number", "1", "in", "--loud"},
        {"--number", "1", "--loud", "in"}, {"--number", "1", "--loud", "--", "in"},
        {"-l", "--number=1", "in"},
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct values values;
        ck_assert_int_eq(parse(&syntax, lines[i], &values), FLAGS_GO);
        ck_assert_str_eq(values.file, "in");
        ck_assert_uint_eq(values.number, 1);
        ck_assert(values.loud);
    }
    static const char *const dashes[] = {"--number=1", "--", "--loud", NULL};
    struct values values;
    ck_assert_int_eq(parse(&syntax, dashes, &values), FLAGS_GO);
    ck_assert_str_eq(values.file, "--loud");
    ck_assert(!values.loud);
    static const char *const standard_input[] = {"--number=1", "-", NULL};
    ck_assert_int_eq(parse(&syntax, standard_input, &values), FLAGS_GO);
    ck_assert_str_eq(values.file, "-");
}
END_TEST

START_TEST(the_last_one_counts)
{
    struct values values;
    static const char *const words[] = {"--number=1", "--number=2", "-c",  "red",
                                        "-c",         "green",      "-ll", NULL};
    ck_assert_int_eq(parse(&syntax, words, &values), FLAGS_GO);
    ck_assert_uint_eq(values.number, 2);
    ck_assert_int_eq(values.colour, 1);
}
END_TEST

static const struct {
    const char *words[5];
    const char *error;
} mistakes[] = {
    {{NULL}, "--number N is missing"},
    {{"--number"}, "--number needs a value"},
    {{"--number="}, "--number : must be a whole number"},
    {{"--number", "-1"}, "--number -1: must be a whole number"},
    {{"--number", "1x"}, "--number 1x: must be a whole number"},
    {{"--number", " 1"}, "--number  1: must be a whole number"},
    {{"--number", "18446744073709551616"},
     "--number 18446744073709551616: must be at most 18446744073709551615"},
    {{"--number=1", "--colour", "pink"}, "--colour pink: must be red, green or blue"},
    {{"--number=1", "-c", "gree"}, "--colour gree: must be red, green or blue"},
    {{"--number=1", "-c"}, "-c needs a value"},
    {{"--number=1", "--name", ""}, "--name \"\": must not be empty"},
    {{"--number=1", "--name="}, "--name \"\": must not be empty"},
    {{"--number=1", ""}, "FILE \"\": must not be empty"},
    {{"--number=1", "a", "b"}, "unexpected argument \"b\""},
    {{"--number=1", "--", "a", "--loud"}, "unexpected argument \"--loud\""},
    {{"--number=1", "--loud=yes"}, "--loud takes no value"},
    {{"--number=1", "--lou"}, "unknown flag --lou: did you mean --loud?"},
    {{"--numbr=1"}, "unknown flag --numbr=1: did you mean --number?"},
    {{"--xyzzy=1"}, "unknown flag --xyzzy=1"},
    {{"-x"}, "unknown flag -x"},
    {{"-lx"}, "unknown flag -lx"},
    {{"--number=1", "--name=a", "--other=b"}, "--name and --other exclude each other"},
};

START_TEST(a_usage_error_names_the_flag_and_the_value)
{
    struct values values;
    char expected[200];
    snprintf(expected, sizeof expected, "phalanx test: %s\nTry \"phalanx test --help\".\n",
             mistakes[_i].error);
    ck_assert_int_eq(parse(&syntax, mistakes[_i].words, &values), CLI_USAGE);
    ck_assert_str_eq(cli_err, expected);
    ck_assert_str_eq(cli_out, "");
}
END_TEST

START_TEST(without_an_operand)
{
    static const struct flag none[] = {{.name = NULL}};
    const struct flags bare = {.command = "test", .about = "Is bare.", .flags = none};
    struct values values;
    static const char *const nothing[] = {NULL};
    static const char *const one[] = {"x", NULL};
    ck_assert_int_eq(parse(&bare, nothing, &values), FLAGS_GO);
    ck_assert_int_eq(parse(&bare, one, &values), CLI_USAGE);
    ck_assert_str_eq(cli_err, "phalanx test: unexpected argument \"x\"\n"
                              "Try \"phalanx test --help\".\n");
}
END_TEST

START_TEST(an_operand_that_has_to_be_there)
{
    struct flags strict = syntax;
    struct values values;
    strict.operand_required = true;
    static const char *const words[] = {"--number=1", NULL};
    ck_assert_int_eq(parse(&strict, words, &values), CLI_USAGE);
    ck_assert_str_eq(cli_err, "phalanx test: FILE is missing\nTry \"phalanx test --help\".\n");
}
END_TEST

START_TEST(help_is_made_of_the_table)
{
    struct values values;
    static const char *const words[] = {"--help", "--nonsense", NULL};
    static const char *const letter[] = {"-lh", NULL};
    ck_assert_int_eq(parse(&syntax, words, &values), CLI_OK);
    ck_assert_str_eq(cli_err, "");
    ck_assert_str_eq(
        cli_out,
        "usage: phalanx test [FILE] [--name NAME | --other NAME] --number N\n"
        "                    [--colour red|green|blue] [--loud]\n"
        "\n"
        "Is tested.\n"
        "\n"
        "  FILE                 what is read\n"
        "  --name NAME          a name\n"
        "  --other NAME         another name, and a text about it that is so long that it\n"
        "                       does not fit a line, for which reason it is wrapped\n"
        "  --number N           how many\n"
        "  -c, --colour COLOUR  which one\n"
        "  -l, --loud           louder\n"
        "  -h, --help           print this help\n"
        "\n"
        "Exit code 7 on Sundays.\n");
    ck_assert_int_eq(parse(&syntax, letter, &values), CLI_OK);
    expect_in(cli_out, "usage: phalanx test");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("flags");
    TCase *tests = tcase_create("flags");
    tcase_add_test(tests, values_and_defaults);
    tcase_add_test(tests, the_operand_may_stand_anywhere);
    tcase_add_test(tests, the_last_one_counts);
    tcase_add_loop_test(tests, a_usage_error_names_the_flag_and_the_value, 0,
                        (int)(sizeof mistakes / sizeof mistakes[0]));
    tcase_add_test(tests, without_an_operand);
    tcase_add_test(tests, an_operand_that_has_to_be_there);
    tcase_add_test(tests, help_is_made_of_the_table);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
