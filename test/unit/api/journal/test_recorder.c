// SPDX-License-Identifier: Apache-2.0
#include "api/journal/recorder.h"

#include <fcntl.h>

#include "test/unit/api/journal/bed.h"

START_TEST(recorded_whole)
{
    struct recorder_status status;
    struct found found;
    options.segment_size = RECORDER_SEGMENT_MOST;
    struct recorder *recorder = create();
    for (int i = 0; i < 500; i++) {
        tick(recorder);
        ck_assert(!checkpoint(recorder));
    }
    recorder_status(recorder, &status);
    ck_assert(status.recording);
    ck_assert_uint_eq(status.steps, 500);
    ck_assert_uint_eq(status.dropped, 0);
    recorder_destroy(recorder);
    replay("0000000001.journal.zst", &found);
    ck_assert_uint_eq(found.steps, 500);
    ck_assert_str_eq(found.why, "the daemon stopped");
    ck_assert_str_eq(said, "");
}
END_TEST

/* Through several segments, each of which is decided again alone; together they have all. */
START_TEST(segments_replay_alone)
{
    struct recorder_status status;
    struct segments list;
    struct found found;
    uint64_t steps = 0, decisions = 0;
    char name[SEGMENTS_NAME_MAX];
    options.compress = _i == 1;
    struct recorder *recorder = create();
    begin_life(recorder);
    for (int round = 0, segments = 1; segments < 5; round++) {
        live(recorder, round);
        segments += checkpoint(recorder);
        ck_assert_int_lt(round, 100000);
    }
    recorder_status(recorder, &status);
    ck_assert_uint_eq(status.checkpoints, 4);
    ck_assert_uint_gt(status.state_bytes, 0);
    recorder_destroy(recorder);
    ck_assert_uint_eq(list_all(&list), 5);
    for (size_t i = 0; i < list.count; i++) {
        ck_assert(!list.items[i].open);
        segments_name(&list.items[i], name);
        replay(name, &found);
        ck_assert(found.whole);
        ck_assert_uint_eq(found.header.segment, i);
        ck_assert_uint_eq(found.header.steps, steps);
        ck_assert_uint_eq(found.header.state, i == 0 ? 0 : ENGINE_STATE);
        ck_assert_str_eq(found.why,
                         i == 4 ? "the daemon stopped" : "it goes on in the next segment");
        steps += found.steps;
        decisions += found.decisions;
    }
    ck_assert_uint_eq(steps, told_steps);
    ck_assert_uint_gt(decisions, 100);
    segments_finish(&list);
}
END_TEST

/* A state is not saved for less than has been written since the last one. */
START_TEST(large_states_make_large_segments)
{
    struct recorder_status status;
    struct recorder *recorder = create();
    begin_life(recorder);
    for (int i = 0; i < 3000; i++) {
        node(recorder, 16 + i);
    }
    while (!checkpoint(recorder)) {
        tick(recorder);
    }
    recorder_status(recorder, &status);
    ck_assert_uint_gt(status.state_bytes, 2 * RECORDER_SEGMENT_LEAST);
    uint64_t before = status.step_bytes, state = status.state_bytes;
    while (!checkpoint(recorder)) {
        tick(recorder);
        poll(NULL, 0, status.step_bytes > before + state ? 1 : 0);
        recorder_status(recorder, &status);
    }
    ck_assert_uint_ge(status.step_bytes, before + state);
    recorder_destroy(recorder);
}
END_TEST

START_TEST(old_segments_end)
{
    options.keep_age_ms = 4000;
    struct recorder *recorder = create();
    int64_t began = options.started;
    now = began + 2000;
    ck_assert(!checkpoint(recorder)); /* nothing has happened */
    now = began;
    tick(recorder);
    now = began + 999;
    ck_assert(!checkpoint(recorder));
    now = began + 1000;
    ck_assert(checkpoint(recorder));
    recorder_destroy(recorder);
}
END_TEST

START_TEST(so_much_is_kept)
{
    struct recorder_status status;
    struct segments list;
    struct found found;
    char name[SEGMENTS_NAME_MAX];
    options.compress = false;
    options.keep_size = 3 * RECORDER_SEGMENT_LEAST;
    struct recorder *recorder = create();
    begin_life(recorder);
    for (int round = 0, segments = 1; segments < 8; round++) {
        live(recorder, round);
        segments += checkpoint(recorder);
        ck_assert_int_lt(round, 100000);
    }
    recorder_destroy(recorder);
    ck_assert_uint_ge(list_all(&list), 1);
    ck_assert_int_le(list.size, options.keep_size);
    ck_assert_uint_eq(list.items[list.count - 1].number, 8);
    ck_assert_uint_gt(list.items[0].number, 4);
    segments_name(&list.items[0], name);
    replay(name, &found); /* though those before are gone */
    segments_finish(&list);
    /* And so old. */
    options.keep_age_ms = 3600000;
    recorder = create();
    recorder_status(recorder, &status);
    uint64_t kept = status.segments;
    recorder_destroy(recorder);
    options.keep_age_ms = 1;
    poll(NULL, 0, 5);
    recorder = create();
    recorder_status(recorder, &status);
    ck_assert_uint_eq(status.segments, 1); /* that of now */
    ck_assert_uint_ge(kept, 1);
    recorder_destroy(recorder);
}
END_TEST

/* Numbers go on where the process before stopped, or was killed. */
START_TEST(the_one_before_is_kept)
{
    struct found found;
    char from[96], to[128];
    for (int ticks = 1; ticks <= 3; ticks++) {
        struct recorder *recorder = create();
        for (int i = 0; i < ticks; i++) {
            tick(recorder);
        }
        recorder_destroy(recorder);
        engine_destroy(engine);
        engine = engine_create(&engine_options);
    }
    replay("0000000003.journal.zst", &found);
    ck_assert_uint_eq(found.steps, 3);
    replay("0000000001.journal.zst", &found);
    ck_assert_uint_eq(found.steps, 1);
    snprintf(from, sizeof from, "%s/0000000003.journal.zst", path);
    snprintf(to, sizeof to, "%s.open", from);
    ck_assert_int_eq(rename(from, to), 0);
    recorder_destroy(create());
    replay("0000000003.journal.zst", &found);
    ck_assert_uint_eq(found.steps, 3);
    replay("0000000004.journal.zst", &found);
    ck_assert_uint_eq(found.steps, 0);
}
END_TEST

START_TEST(what_it_refuses)
{
    struct recorder *recorder = create(), *other = NULL;
    struct err err;
    char expected[128], last[96];
    ck_assert_int_eq(recorder_create(&options, &other, &err), -1);
    snprintf(expected, sizeof expected, "%s: another process writes its journal there", path);
    ck_assert_str_eq(err.text, expected);
    recorder_destroy(recorder);
    snprintf(last, sizeof last, "%s/4294967295.journal", path);
    close(open(last, O_WRONLY | O_CREAT, 0600));
    ck_assert_int_eq(recorder_create(&options, &other, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "there is no number behind that of its last segment"));
    options.path = "/nowhere/journal";
    ck_assert_int_eq(recorder_create(&options, &other, &err), -1);
    ck_assert_str_eq(err.text, "/nowhere/journal: No such file or directory");
    ck_assert_ptr_null(other);
    recorder_destroy(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/journal/recorder");
    TCase *tcase = tcase_create("recorder");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, recorded_whole);
    tcase_add_loop_test(tcase, segments_replay_alone, 0, 2);
    tcase_add_test(tcase, large_states_make_large_segments);
    tcase_add_test(tcase, old_segments_end);
    tcase_add_test(tcase, so_much_is_kept);
    tcase_add_test(tcase, the_one_before_is_kept);
    tcase_add_test(tcase, what_it_refuses);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
