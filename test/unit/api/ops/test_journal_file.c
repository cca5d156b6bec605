// SPDX-License-Identifier: Apache-2.0
#include "api/ops/journal_file.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scheduler/journal/reader.h"
#include "test/unit/check_main.h"
#include "topology/base/alloc.h"

/* A daemon's journal without the daemon: an engine that is told nothing but ticks and nodes. */
static char folder[64], path[96], old_path[100];
static FILE *log_lines;
static struct log *lines;
static struct engine_options engine_options;
static struct engine *engine;
static struct effects effects;

static void setup(void)
{
    snprintf(folder, sizeof folder, "/tmp/phalanx-journal-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/journal", folder);
    snprintf(old_path, sizeof old_path, "%s.1", path);
    log_lines = tmpfile();
    lines = log_create(fileno(log_lines), LOG_INFO, LOG_TEXT);
    engine_options_default(&engine_options);
    engine = engine_create(&engine_options);
    effects_init(&effects);
}

static void teardown(void)
{
    effects_finish(&effects);
    engine_destroy(engine);
    log_destroy(lines);
    fclose(log_lines);
    unlink(path);
    unlink(old_path);
    ck_assert_int_eq(rmdir(folder), 0);
}

static struct journal_file *create(const char *at, int64_t most, size_t buffer)
{
    struct journal_file_options options = {.path = at,
                                           .most = most,
                                           .buffer = buffer,
                                           .engine = &engine_options,
                                           .started = 5,
                                           .program = "test",
                                           .log = lines};
    struct journal_file *file = NULL;
    struct err err;
    ck_assert_msg(journal_file_create(&options, &file, &err) == 0, "%s", err.text);
    return file;
}

static void tick(struct journal_file *file, int64_t now)
{
    struct event event = {.type = EVENT_TICK, .now = now};
    effects_reset(&effects);
    engine_apply(engine, &event, &effects);
    journal_file_step(file, engine, &event, &effects);
}

static bool is_recording(struct journal_file *file)
{
    struct journal_file_status status;
    journal_file_status(file, &status);
    return status.recording;
}

static bool logged(const char *text)
{
    char seen[4096];
    ssize_t count = pread(fileno(log_lines), seen, sizeof seen - 1, 0);
    seen[count < 0 ? 0 : count] = '\0';
    return strstr(seen, text) != NULL;
}

/* How many steps the file holds, and how it ends; the file must be whole. */
static uint64_t read_steps(const char *at, char *why, size_t room)
{
    struct journal_reader *reader = journal_reader_create();
    struct journal_record record;
    struct stat status;
    uint64_t steps = 0;
    size_t used;
    FILE *file = fopen(at, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fstat(fileno(file), &status), 0);
    size_t size = (size_t)status.st_size;
    uint8_t *bytes = alloc_zero(size + 1, 1), *from = bytes;
    ck_assert_uint_eq(fread(bytes, 1, size, file), size);
    fclose(file);
    snprintf(why, room, "no end");
    for (; size > 0; from += used, size -= used) {
        struct err err;
        ck_assert_msg(journal_read(reader, from, size, &record, &used, &err) == JOURNAL_READ, "%s",
                      err.text);
        steps += record.kind == JOURNAL_STEP;
        if (record.kind == JOURNAL_END) {
            snprintf(why, room, "%s", record.why);
        }
    }
    free(bytes);
    journal_reader_destroy(reader);
    return steps;
}

START_TEST(test_recorded_whole)
{
    struct journal_file_status status;
    char why[128];
    struct stat stat_of;
    struct journal_file *file = create(path, 1 << 20, 0);
    for (int i = 0; i < 500; i++) {
        tick(file, 10 + i);
    }
    journal_file_status(file, &status);
    ck_assert(status.recording);
    ck_assert_uint_eq(status.steps, 500);
    journal_file_destroy(file);
    ck_assert_uint_eq(read_steps(path, why, sizeof why), 500);
    ck_assert_str_eq(why, "the daemon stopped");
    ck_assert_int_eq(stat(path, &stat_of), 0);
    ck_assert_int_eq(stat_of.st_mode & 0777, 0600); /* it tells a lot about a cluster */
    ck_assert_int_gt(stat_of.st_size, (off_t)status.bytes);
}
END_TEST

START_TEST(test_the_bound)
{
    char why[128];
    struct stat stat_of;
    struct journal_file *file = create(path, JOURNAL_FILE_LEAST, 0);
    int64_t now = 10;
    while (is_recording(file)) {
        tick(file, now++);
        ck_assert_int_lt(now, JOURNAL_FILE_LEAST);
    }
    tick(file, now); /* nothing any more */
    ck_assert(logged("its limit of 65536 bytes is reached"));
    journal_file_destroy(file);
    ck_assert_uint_eq(read_steps(path, why, sizeof why), (uint64_t)now - 11);
    ck_assert_str_eq(why, "its limit of 65536 bytes is reached");
    ck_assert_int_eq(stat(path, &stat_of), 0);
    ck_assert_int_le(stat_of.st_size, JOURNAL_FILE_LEAST);
    ck_assert_int_gt(stat_of.st_size, JOURNAL_FILE_LEAST - 1024);
}
END_TEST

static void await_end(struct journal_file *file)
{
    for (int64_t now = 10; is_recording(file); now++) {
        tick(file, now);
        ck_assert_int_lt(now, 100000);
        poll(NULL, 0, 1);
    }
}

START_TEST(test_a_full_disk)
{
    struct journal_file *file = create("/dev/full", 1 << 20, 0);
    await_end(file);
    ck_assert(logged("No space left on device"));
    journal_file_destroy(file);
}
END_TEST

/* Something that does not take what is written: the core thread does not wait for it. */
START_TEST(test_a_reader_that_hangs)
{
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    ck_assert_int_ge(reader, 0);
    struct journal_file *file = create(path, 1 << 30, 0);
    effects_reset(&effects);
    char *text = alloc_zero((1 << 20) + 1, 1);
    memset(text, 'x', 1 << 20);
    effects_append(&effects, EFFECT_EVENT)->event.message = text;
    struct event event = {.type = EVENT_TICK, .now = 7};
    journal_file_step(file, engine, &event, &effects); /* more than a pipe takes */
    await_end(file);
    ck_assert(logged("the journal cannot be written and ends"));
    journal_file_destroy(file);
    free(text);
    close(reader);
}
END_TEST

START_TEST(test_a_buffer_that_runs_over)
{
    char why[128];
    struct journal_file *file = create(path, 1 << 20, 16 << 10);
    tick(file, 10);
    char *text = alloc_zero((32 << 10) + 1, 1);
    memset(text, 'x', 32 << 10);
    effects_reset(&effects);
    effects_append(&effects, EFFECT_EVENT)->event.message = text;
    struct event event = {.type = EVENT_TICK, .now = 11};
    journal_file_step(file, engine, &event, &effects);
    ck_assert(!is_recording(file));
    ck_assert(logged("the disk does not keep up"));
    journal_file_destroy(file);
    free(text);
    ck_assert_uint_eq(read_steps(path, why, sizeof why), 1);
    ck_assert_str_eq(why, "the disk does not keep up");
}
END_TEST

START_TEST(test_the_one_before_is_kept)
{
    char why[128];
    for (int ticks = 1; ticks <= 3; ticks++) {
        struct journal_file *file = create(path, 1 << 20, 0);
        for (int i = 0; i < ticks; i++) {
            tick(file, 10 + i);
        }
        journal_file_destroy(file);
    }
    ck_assert_uint_eq(read_steps(path, why, sizeof why), 3);
    ck_assert_uint_eq(read_steps(old_path, why, sizeof why), 2);
}
END_TEST

START_TEST(test_no_such_folder)
{
    struct journal_file_options options = {
        .path = "/nowhere/journal", .most = 1 << 20, .engine = &engine_options, .log = lines};
    struct journal_file *file = NULL;
    struct err err;
    ck_assert_int_eq(journal_file_create(&options, &file, &err), -1);
    ck_assert_str_eq(err.text, "/nowhere/journal: No such file or directory");
    ck_assert_ptr_null(file);
    journal_file_destroy(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/ops/journal_file");
    TCase *tcase = tcase_create("journal_file");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_recorded_whole);
    tcase_add_test(tcase, test_the_bound);
    tcase_add_test(tcase, test_a_full_disk);
    tcase_add_test(tcase, test_a_reader_that_hangs);
    tcase_add_test(tcase, test_a_buffer_that_runs_over);
    tcase_add_test(tcase, test_the_one_before_is_kept);
    tcase_add_test(tcase, test_no_such_folder);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
