// SPDX-License-Identifier: Apache-2.0
#include "api/cli/cli.h"

#include "test/unit/api/cli/run_cli.h"
#include "version.h"

START_TEST(help_goes_to_standard_output)
{
    static const char *const words[] = {"--help", "-h", "help"};
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(run_cli(words[i], NULL), CLI_OK);
        expect_in(cli_out, "usage: phalanx COMMAND");
        expect_in(cli_out, "check-config");
        ck_assert_str_eq(cli_err, "");
    }
    ck_assert_int_eq(run_cli("help", "help", NULL), CLI_OK);
    expect_in(cli_out, "usage: phalanx COMMAND");
}
END_TEST

START_TEST(nothing_at_all_is_a_mistake)
{
    ck_assert_int_eq(run_cli(NULL), CLI_USAGE);
    ck_assert_str_eq(cli_out, "");
    expect_in(cli_err, "usage: phalanx COMMAND");
}
END_TEST

START_TEST(every_command_explains_itself)
{
    static const char *const commands[] = {"serve",  "plan",         "topology",
                                           "replay", "check-config", "version"};
    char usage[64];
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        snprintf(usage, sizeof usage, "usage: phalanx %s", commands[i]);
        ck_assert_int_eq(run_cli(commands[i], "--help", NULL), CLI_OK);
        expect_in(cli_out, usage);
        ck_assert_str_eq(cli_err, "");
        ck_assert_int_eq(run_cli("help", commands[i], NULL), CLI_OK);
        expect_in(cli_out, usage);
        for (const char *line = cli_out; *line != '\0'; line += strcspn(line, "\n") + 1) {
            ck_assert_uint_le(strcspn(line, "\n"), 100);
        }
    }
}
END_TEST

START_TEST(the_version)
{
    ck_assert_int_eq(run_cli("--version", NULL), CLI_OK);
    ck_assert_str_eq(cli_out, "phalanx " PHALANX_VERSION "\n");
    ck_assert_int_eq(run_cli("version", NULL), CLI_OK);
    ck_assert_str_eq(cli_out, "phalanx " PHALANX_VERSION "\n");
}
END_TEST

static const struct {
    const char *words[3];
    const char *error;
} mistakes[] = {
    {{"pla"}, "phalanx: unknown command pla: did you mean plan?\nTry \"phalanx --help\".\n"},
    {{"versoin"}, "did you mean version?"},
    {{"chek-config"}, "did you mean check-config?"},
    {{"xyzzy"}, "phalanx: unknown command xyzzy\n"},
    {{""}, "phalanx: unknown command \n"},
    {{"--plan"}, "phalanx: unknown command --plan"},
    {{"help", "nope"}, "unknown command nope"},
    {{"version", "x"},
     "phalanx version: unexpected argument \"x\"\n"
     "Try \"phalanx version --help\".\n"},
    {{"version", "-x"}, "phalanx version: unknown flag -x\n"},
    {{"version", "--x"}, "phalanx version: unknown flag --x\n"},
    {{"version", "--help=yes"}, "phalanx version: --help takes no value"},
    {{"version", "--hel"}, "unknown flag --hel: did you mean --help?"},
    {{"check-config", "--confg=x"}, "unknown flag --confg=x: did you mean --config?"},
    {{"check-config", "--config"}, "phalanx check-config: --config needs a value"},
    {{"check-config", "--a-flag-with-a-name-longer-than-any-that-there-is"}, "unknown flag --a-"},
    {{"check-config", "a", "--config=b"}, "FILE and --config FILE exclude each other"},
    {{"check-config", "a", "b"}, "unexpected argument \"b\""},
};

START_TEST(mistakes_are_named_with_a_hint)
{
    const char *const *words = mistakes[_i].words;
    ck_assert_int_eq(run_cli(words[0], words[1], words[2], NULL), CLI_USAGE);
    expect_in(cli_err, mistakes[_i].error);
    ck_assert_str_eq(cli_out, "");
}
END_TEST

START_TEST(the_nearest_word)
{
    static const char *const words[] = {"snapshot", "manifest", "o", NULL};
    ck_assert_str_eq(cli_nearest("snapshto", words), "snapshot");
    ck_assert_str_eq(cli_nearest("mani", words), "manifest");
    ck_assert_str_eq(cli_nearest("manifset", words), "manifest");
    ck_assert_ptr_null(cli_nearest("config", words));
    ck_assert_ptr_null(cli_nearest("x", words));
    ck_assert_ptr_null(cli_nearest("", words));
}
END_TEST

START_TEST(check_config_prints_a_configuration)
{
    ck_assert_int_eq(run_cli("check-config", NULL), CLI_OK);
    expect_in(cli_out, "\"listen\": \"127.0.0.1:10270\"");
    char path[] = "/tmp/phalanx-test-config-XXXXXX";
    write_file(path, "server: {listen: 127.1.2.3:80}\n");
    ck_assert_int_eq(run_cli("check-config", path, NULL), CLI_OK);
    expect_in(cli_out, "\"listen\": \"127.1.2.3:80\"");
    char again[] = "/tmp/phalanx-test-config-XXXXXX";
    static char first[CLI_OUTPUT_MAX];
    memcpy(first, cli_out, sizeof first);
    write_file(again, first);
    ck_assert_int_eq(run_cli("check-config", "--config", again, NULL), CLI_OK);
    ck_assert_str_eq(cli_out, first);
    unlink(path);
    unlink(again);
}
END_TEST

START_TEST(check_config_refuses_with_the_path)
{
    char path[] = "/tmp/phalanx-test-config-XXXXXX";
    write_file(path, "gangs: {holdTimout: 3s}\n");
    ck_assert_int_eq(run_cli("check-config", path, NULL), CLI_USAGE);
    ck_assert_str_eq(cli_out, "");
    expect_in(cli_err, path);
    expect_in(cli_err, "gangs.holdTimout: unknown key");
    unlink(path);
    ck_assert_int_eq(run_cli("check-config", path, NULL), CLI_USAGE);
    expect_in(cli_err, "No such file");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cli");
    TCase *tests = tcase_create("cli");
    tcase_add_test(tests, help_goes_to_standard_output);
    tcase_add_test(tests, nothing_at_all_is_a_mistake);
    tcase_add_test(tests, every_command_explains_itself);
    tcase_add_test(tests, the_version);
    tcase_add_loop_test(tests, mistakes_are_named_with_a_hint, 0,
                        (int)(sizeof mistakes / sizeof mistakes[0]));
    tcase_add_test(tests, the_nearest_word);
    tcase_add_test(tests, check_config_prints_a_configuration);
    tcase_add_test(tests, check_config_refuses_with_the_path);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
