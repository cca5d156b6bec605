// SPDX-License-Identifier: Apache-2.0
#include "api/journal/segments.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/unit/api/journal/folder.h"

static char path[64];
static int folder;
static struct segments list;

static void setup(void)
{
    struct err err;
    snprintf(path, sizeof path, "/tmp/phalanx-segments-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(path));
    ck_assert_msg(segments_open(path, &folder, &err) == 0, "%s", err.text);
}

static void teardown(void)
{
    segments_finish(&list);
    close(folder);
    folder_remove(path);
}

/* A file of so many bytes, changed last so many milliseconds after 1970. */
static void put(const char *name, size_t size, int64_t changed_ms)
{
    char bytes[4096] = "";
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes, size), (ssize_t)size);
    const struct timespec times[2] = {
        {.tv_sec = changed_ms / 1000},
        {.tv_sec = changed_ms / 1000, .tv_nsec = changed_ms % 1000 * 1000000}};
    ck_assert_int_eq(futimens(fd, times), 0);
    close(fd);
}

static void read_list(void)
{
    struct err err;
    segments_finish(&list);
    ck_assert_msg(segments_list(folder, &list, &err) == 0, "%s", err.text);
}

START_TEST(names)
{
    static const char *const good[] = {"0000000001.journal", "0000000041.journal.zst",
                                       "4294967295.journal.open", "0000000000.journal.zst.open"};
    static const char *const bad[] = {"",
                                      "1.journal",
                                      "00000000001.journal",
                                      "000000001x.journal",
                                      "4294967296.journal",
                                      "0000000001",
                                      "0000000001.journal.gz",
                                      "0000000001.journal.open.zst",
                                      "0000000001.journal.zst.open~",
                                      "lock"};
    char name[SEGMENTS_NAME_MAX];
    struct segment segment;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        ck_assert_msg(segments_parse(good[i], &segment), "%s", good[i]);
        segments_name(&segment, name);
        ck_assert_str_eq(name, good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(!segments_parse(bad[i], &segment), "%s", bad[i]);
    }
}
END_TEST

START_TEST(listed_by_number)
{
    put("0000000012.journal.zst.open", 7, 3000);
    put("0000000002.journal", 5, 1000);
    put("0000000011.journal.zst", 6, 2001);
    put("notes.txt", 100, 0);
    ck_assert_int_eq(symlinkat("notes.txt", folder, "0000000001.journal"), 0);
    ck_assert_int_eq(mkdirat(folder, "0000000003.journal", 0700), 0);
    read_list();
    ck_assert_uint_eq(list.count, 3);
    ck_assert_int_eq(list.size, 18);
    ck_assert_uint_eq(list.items[0].number, 2);
    ck_assert_uint_eq(list.items[1].number, 11);
    ck_assert_int_eq(list.items[1].changed_ms, 2001);
    ck_assert_uint_eq(list.items[2].number, 12);
    ck_assert(list.items[2].open);
}
END_TEST

/* What a process left open that was killed gets its name; what is in it stays. */
START_TEST(adopted)
{
    struct err err;
    put("0000000002.journal.zst.open", 7, 3000);
    put("0000000001.journal.zst", 5, 1000);
    read_list();
    ck_assert_msg(segments_adopt(folder, &list, &err) == 0, "%s", err.text);
    ck_assert(!list.items[1].open);
    ck_assert_int_eq(faccessat(folder, "0000000002.journal.zst", R_OK, 0), 0);
    ck_assert_int_ne(faccessat(folder, "0000000002.journal.zst.open", R_OK, 0), 0);
    list.items[0].open = true; /* which is not there */
    ck_assert_int_eq(segments_adopt(folder, &list, &err), -1);
    ck_assert_str_eq(err.text, "0000000001.journal.zst.open: No such file or directory");
}
END_TEST

START_TEST(the_oldest_go_by_size)
{
    put("0000000001.journal", 1000, 1000);
    put("0000000002.journal.zst", 1000, 2000);
    put("0000000003.journal", 1000, 3000);
    put("notes.txt", 4000, 0);
    read_list();
    ck_assert_uint_eq(segments_prune(folder, &list, 0, 3000, INT64_MIN), 0);
    ck_assert_uint_eq(segments_prune(folder, &list, 1, 3000, INT64_MIN), 1);
    ck_assert_uint_eq(segments_prune(folder, &list, 1000, 2000, INT64_MIN), 1);
    ck_assert_int_eq(list.size, 1000);
    read_list();
    ck_assert_uint_eq(list.count, 1);
    ck_assert_uint_eq(list.items[0].number, 3);
    ck_assert_uint_eq(segments_prune(folder, &list, 5000, 2000, INT64_MIN), 1);
    ck_assert_uint_eq(list.count, 0);
    ck_assert_int_eq(faccessat(folder, "notes.txt", R_OK, 0), 0);
}
END_TEST

START_TEST(the_oldest_go_by_age)
{
    put("0000000001.journal", 10, 1000);
    put("0000000002.journal", 10, 2000);
    put("0000000003.journal", 10, 3000);
    read_list();
    ck_assert_uint_eq(segments_prune(folder, &list, 0, 3000, 1000), 0);
    ck_assert_uint_eq(segments_prune(folder, &list, 0, 3000, 2001), 2);
    read_list();
    ck_assert_uint_eq(list.count, 1);
    ck_assert_uint_eq(list.items[0].number, 3);
}
END_TEST

START_TEST(one_process_writes)
{
    int lock, other;
    struct err err;
    ck_assert_msg(segments_lock(folder, &lock, &err) == 0, "%s", err.text);
    ck_assert_int_eq(segments_lock(folder, &other, &err), -1); /* of another open file */
    ck_assert_str_eq(err.text, "another process writes its journal there");
    close(lock);
    ck_assert_int_eq(segments_lock(folder, &lock, &err), 0);
    close(lock);
}
END_TEST

START_TEST(directories)
{
    char below[96];
    int other;
    struct err err;
    struct stat status;
    ck_assert_int_eq(segments_open("/nowhere/journal", &other, &err), -1);
    ck_assert_str_eq(err.text, "/nowhere/journal: No such file or directory");
    snprintf(below, sizeof below, "%s/made", path);
    ck_assert_int_eq(segments_open(below, &other, &err), 0);
    close(other);
    ck_assert_int_eq(stat(below, &status), 0);
    ck_assert_int_eq(status.st_mode & 0777, 0700); /* it tells a lot about a cluster */
    put("file", 1, 0);
    snprintf(below, sizeof below, "%s/file", path);
    ck_assert_int_eq(segments_open(below, &other, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "/file: Not a directory"));
    ck_assert_int_eq(mkdirat(folder, "lock", 0700), 0);
    ck_assert_int_eq(segments_lock(folder, &other, &err), -1);
    ck_assert_str_eq(err.text, "lock: Is a directory");
    ck_assert_int_eq(segments_list(-1, &list, &err), -1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/journal/segments");
    TCase *tcase = tcase_create("segments");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, names);
    tcase_add_test(tcase, listed_by_number);
    tcase_add_test(tcase, adopted);
    tcase_add_test(tcase, the_oldest_go_by_size);
    tcase_add_test(tcase, the_oldest_go_by_age);
    tcase_add_test(tcase, one_process_writes);
    tcase_add_test(tcase, directories);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
