// SPDX-License-Identifier: Apache-2.0
#include "api/base/terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/unit/check_main.h"
#include "topology/base/alloc.h"

static const struct {
    const char *text, *shown;
} cases[] = {
    {"plain\ttext\n", "plain\ttext\n"},
    {"\x1b[31mred\x1b]0;title\a", "\\u001b[31mred\\u001b]0;title\\u0007"},
    {"over\rwritten\b\x7f", "over\\u000dwritten\\u0008\\u007f"},
    {"\xc2\x9b"
     "1m \xc2\x80 \xc2\x9f",
     "\\u009b1m \\u0080 \\u009f"},
    {"\xc2\xa0 \xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\xa5",
     "\xc2\xa0 \xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\xa5"},
    {"cut \xc2", "cut \xc2"},
    {"\xc2\xc2\x9b", "\xc2\\u009b"},
    {"", ""},
};

START_TEST(nothing_moves_a_cursor)
{
    size_t length = strlen(cases[_i].text);
    char *text = terminal_clean(alloc_string(cases[_i].text), &length);
    ck_assert_str_eq(text, cases[_i].shown);
    ck_assert_uint_eq(length, strlen(text));
    free(text);
}
END_TEST

/* Byte by byte, through a stream that is flushed after each. */
START_TEST(however_it_is_cut)
{
    int fds[2];
    char shown[200] = "";
    ck_assert_int_eq(pipe(fds), 0);
    FILE *stream = terminal_stream(fds[1], _i % 2 == 0);
    for (const char *c = cases[_i].text; *c != '\0'; c++) {
        fputc(*c, stream);
        fflush(stream);
    }
    fclose(stream);
    close(fds[1]);
    ck_assert_int_ge(read(fds[0], shown, sizeof shown - 1), 0);
    ck_assert_str_eq(shown, cases[_i].shown);
    close(fds[0]);
}
END_TEST

START_TEST(more_than_a_piece)
{
    FILE *file = tmpfile();
    static char text[20001], shown[120001];
    memset(text, 0x1b, 20000);
    FILE *stream = terminal_stream(fileno(file), true);
    ck_assert_uint_eq(fwrite(text, 1, 20000, stream), 20000);
    fclose(stream);
    ck_assert_int_eq(pread(fileno(file), shown, sizeof shown, 0), 120000);
    ck_assert_ptr_null(strchr(shown, 0x1b));
    fclose(file);
}
END_TEST

START_TEST(an_error_is_an_error)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    FILE *stream = terminal_stream(fds[0], true); /* for reading only */
    fputs("x", stream);
    ck_assert_int_ne(fflush(stream), 0);
    (void)fclose(stream);
    close(fds[0]);
    close(fds[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/base/terminal");
    TCase *tests = tcase_create("terminal");
    tcase_add_loop_test(tests, nothing_moves_a_cursor, 0, sizeof cases / sizeof cases[0]);
    tcase_add_loop_test(tests, however_it_is_cut, 0, sizeof cases / sizeof cases[0]);
    tcase_add_test(tests, more_than_a_piece);
    tcase_add_test(tests, an_error_is_an_error);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
