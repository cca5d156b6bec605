// SPDX-License-Identifier: Apache-2.0
/* A disk that is full, slow or gone, and what cannot be written. */
#include "api/journal/recorder.h"

#include <signal.h>
#include <sys/resource.h>

#include "test/unit/api/journal/bed.h"

/* The disk is full: nothing is recorded, and said loudly; once there is room, a new segment. */
START_TEST(a_full_disk)
{
    struct recorder_status status;
    struct rlimit limit, small;
    struct segments list;
    struct found found;
    char name[SEGMENTS_NAME_MAX];
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = (struct rlimit){.rlim_cur = 20000, .rlim_max = limit.rlim_max};
    options.segment_size = RECORDER_SEGMENT_MOST;
    options.compress = _i == 1;
    struct recorder *recorder = create();
    begin_life(recorder);
    await(recorder, true);
    (void)setrlimit(RLIMIT_FSIZE, &small); /* under it Check itself cannot write */
    for (int round = 0; round < 1000000 && !heard("E the journal cannot be written"); round++) {
        live(recorder, round);
    }
    int states = 0;
    for (int i = 0; i < 200; i++) {
        tick(recorder);
        states += checkpoint(recorder); /* there is no room for one */
        poll(NULL, 0, 1);
    }
    recorder_status(recorder, &status);
    (void)setrlimit(RLIMIT_FSIZE, &limit);
    ck_assert_int_eq(states, 0);
    ck_assert(!status.recording);
    ck_assert(heard("E the journal cannot be written"));
    ck_assert(heard("0000000001.journal"));
    ck_assert(heard("File too large"));
    ck_assert_uint_gt(status.dropped, 100);
    ck_assert_uint_eq(status.steps + status.dropped, told_steps);
    await(recorder, true);
    ck_assert(heard("W the journal goes on in a new segment"));
    live(recorder, 0);
    recorder_status(recorder, &status);
    uint64_t lived = told_steps, dropped = status.dropped;
    recorder_destroy(recorder);
    ck_assert_uint_eq(list_all(&list), 2);
    segments_name(&list.items[0], name);
    replay(name, &found); /* what the disk took */
    ck_assert_str_eq(found.why, "no end");
    uint64_t steps = found.steps;
    segments_name(&list.items[1], name);
    replay(name, &found);
    ck_assert(found.whole);
    ck_assert_str_eq(found.why, "the daemon stopped");
    ck_assert_uint_ge(steps + found.steps,
                      lived - dropped); /* some of what counts as lost is there */
    segments_finish(&list);
}
END_TEST

/* The thread has nowhere to write to when the directory is gone. */
START_TEST(a_directory_that_is_gone)
{
    char moved[96], name[96];
    options.segment_size = RECORDER_SEGMENT_LEAST;
    struct recorder *recorder = create();
    begin_life(recorder);
    snprintf(moved, sizeof moved, "%s-moved", path);
    ck_assert_int_eq(rename(path, moved), 0); /* does not matter */
    for (int round = 0; !checkpoint(recorder); round++) {
        live(recorder, round);
    }
    await(recorder, true);
    ck_assert_str_eq(said, "");
    ck_assert_int_eq(rename(moved, path), 0);
    snprintf(name, sizeof name, "%s/0000000003.journal.zst.open", path);
    ck_assert_int_eq(mkdir(name, 0700), 0); /* in the way of the next one */
    for (int round = 0; !heard("File exists"); round++) {
        live(recorder, round);
        (void)checkpoint(recorder);
        ck_assert_int_lt(round, 100000);
    }
    ck_assert_int_eq(rmdir(name), 0);
    await(recorder, true);
    recorder_destroy(recorder);
}
END_TEST

START_TEST(pieces_that_run_over)
{
    struct recorder_status status;
    struct found found;
    options.waiting_most = 16 << 10;
    struct recorder *recorder = create();
    tick(recorder);
    large_step(recorder, 32 << 10);
    recorder_status(recorder, &status);
    ck_assert(!status.recording);
    ck_assert_uint_eq(status.dropped, 1);
    ck_assert(heard("E the journal stops: events are not recorded (): the disk does not keep up"));
    await(recorder, true);
    recorder_destroy(recorder);
    replay("0000000001.journal.zst", &found);
    ck_assert_uint_eq(found.steps, 1);
    ck_assert_str_eq(found.why, "the disk does not keep up");
    replay("0000000002.journal.zst", &found);
    ck_assert_uint_gt(found.header.steps, 2); /* with those that are missing */
}
END_TEST

START_TEST(a_record_that_is_too_large)
{
    struct found found;
    struct recorder *recorder = create();
    large_step(recorder, JOURNAL_RECORD_MAX);
    ck_assert(heard("a record cannot be written: it is larger than 33554432 bytes"));
    await(recorder, true);
    recorder_destroy(recorder);
    replay("0000000001.journal.zst", &found);
    ck_assert_uint_eq(found.steps, 0);
    ck_assert_ptr_nonnull(strstr(found.why, "a record cannot be written"));
    replay("0000000002.journal.zst", &found);
    ck_assert_str_eq(found.why, "the daemon stopped");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/journal/recorder_trouble");
    TCase *tcase = tcase_create("recorder_trouble");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, a_full_disk, 0, 2);
    tcase_add_test(tcase, a_directory_that_is_gone);
    tcase_add_test(tcase, pieces_that_run_over);
    tcase_add_test(tcase, a_record_that_is_too_large);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
