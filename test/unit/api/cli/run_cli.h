// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_UNIT_API_CLI_RUN_CLI_H
#define TEST_UNIT_API_CLI_RUN_CLI_H

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/cli/cli.h"
#include "test/unit/check_main.h"

#define CLI_OUTPUT_MAX 262144

static char cli_out[CLI_OUTPUT_MAX];
static char cli_err[CLI_OUTPUT_MAX];

static inline int cli_redirect(FILE *stream, int *kept)
{
    char path[] = "/tmp/phalanx-test-cli-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    unlink(path);
    fflush(stream);
    *kept = dup(fileno(stream));
    ck_assert_int_ge(dup2(fd, fileno(stream)), 0);
    return fd;
}

static inline void cli_restore(FILE *stream, int kept, int fd, char *text)
{
    fflush(stream);
    ck_assert_int_ge(dup2(kept, fileno(stream)), 0);
    close(kept);
    ssize_t length = pread(fd, text, CLI_OUTPUT_MAX - 1, 0);
    ck_assert_int_ge(length, 0);
    text[length] = '\0';
    close(fd);
}

/* Runs the command line in this process, with its output in cli_out and cli_err; returns the exit
 * code. Arguments end with NULL. */
static inline int run_cli(const char *first, ...)
{
    char program[] = "phalanx";
    char words[32][512];
    char *argv[34] = {program};
    int argc = 1;
    va_list list;
    va_start(list, first);
    for (const char *word = first; word != NULL; word = va_arg(list, const char *)) {
        ck_assert_int_lt(argc, 32);
        ck_assert_uint_lt(strlen(word), sizeof words[0]);
        snprintf(words[argc], sizeof words[0], "%s", word);
        argv[argc] = words[argc];
        argc++;
    }
    va_end(list);
    int kept_out, kept_err;
    int out = cli_redirect(stdout, &kept_out);
    int err = cli_redirect(stderr, &kept_err);
    int code = cli_run(argc, argv);
    cli_restore(stdout, kept_out, out, cli_out);
    cli_restore(stderr, kept_err, err, cli_err);
    return code;
}

/* Writes a file that the test must unlink; `path` is a template for mkstemp. */
static inline void write_file(char *path, const char *text)
{
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static inline void expect_in(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" is not in: %s", part, text);
}

#endif
