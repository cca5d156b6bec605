// SPDX-License-Identifier: Apache-2.0
#include "api/base/file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/unit/check_main.h"
#include "topology/base/alloc.h"

static char path[64];

static void setup(void)
{
    snprintf(path, sizeof path, "/tmp/phalanx-test-file-XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void teardown(void)
{
    unlink(path);
}

static void put(size_t size)
{
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    for (size_t i = 0; i < size; i++) {
        fputc('a' + (int)(i % 26), file);
    }
    ck_assert_int_eq(fclose(file), 0);
}

/* Around the sizes at which more memory is taken. */
static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 200000};

START_TEST(the_whole_file)
{
    size_t length = 7;
    struct err err;
    put(sizes[_i]);
    char *text = file_read(path, 200000, &length, &err);
    ck_assert_msg(text != NULL, "%s", err.text);
    ck_assert_uint_eq(length, sizes[_i]);
    for (size_t i = 0; i < length; i++) {
        ck_assert_int_eq(text[i], 'a' + (int)(i % 26));
    }
    ck_assert_int_eq(text[length], '\0');
    free(text);
}
END_TEST

START_TEST(the_most)
{
    size_t length;
    struct err err;
    put(101);
    ck_assert_ptr_null(file_read(path, 100, &length, &err));
    ck_assert_str_eq(err.text, "is larger than 100 bytes");
    put(100);
    char *text = file_read(path, 100, &length, &err);
    ck_assert_uint_eq(length, 100);
    free(text);
}
END_TEST

START_TEST(what_cannot_be_read)
{
    size_t length;
    struct err err;
    ck_assert_ptr_null(file_read("/nonexistent/file", 100, &length, &err));
    ck_assert_str_eq(err.text, "No such file or directory");
    ck_assert_ptr_null(file_read("/tmp", 100, &length, &err));
    ck_assert_str_eq(err.text, "Is a directory");
}
END_TEST

START_TEST(the_rest_of_a_pipe)
{
    int ends[2];
    size_t length;
    struct err err;
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(write(ends[1], "abc", 3), 3);
    close(ends[1]);
    FILE *file = fdopen(ends[0], "r");
    ck_assert_int_eq(fgetc(file), 'a');
    char *text = file_read_rest(file, 100, &length, &err);
    ck_assert_str_eq(text, "bc");
    ck_assert_uint_eq(length, 2);
    free(text);
    fclose(file);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("file");
    TCase *tests = tcase_create("file");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, the_whole_file, 0, (int)(sizeof sizes / sizeof sizes[0]));
    tcase_add_test(tests, the_most);
    tcase_add_test(tests, what_cannot_be_read);
    tcase_add_test(tests, the_rest_of_a_pipe);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
