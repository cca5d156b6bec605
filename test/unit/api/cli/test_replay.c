// SPDX-License-Identifier: Apache-2.0
/* `phalanx replay` on journals made here: as they are, changed, damaged, and cut off. */
#include "scheduler/engine.h"
#include "scheduler/journal/writer.h"
#include "test/unit/api/cli/run_cli.h"
#include "version.h"

static struct engine *engine;
static struct effects effects;
static struct journal *journal;
static char path[64];

static void setup(void)
{
    struct journal_header header = {
        .started = 1000, .started_wall = 1795261405000, .program = PHALANX_VERSION};
    engine_options_default(&header.options);
    engine = engine_create(&header.options);
    effects_init(&effects);
    journal = journal_create(1);
    journal_begin(journal, &header);
    snprintf(path, sizeof path, "/tmp/phalanx-test-journal-XXXXXX");
    write_file(path, "");
}

static void teardown(void)
{
    unlink(path);
    journal_destroy(journal);
    effects_finish(&effects);
    engine_destroy(engine);
}

static void apply(struct event *event, int64_t now)
{
    event->now = now;
    effects_reset(&effects);
    engine_apply(engine, event, &effects);
}

static void record(struct event event, int64_t now)
{
    apply(&event, now);
    ck_assert_int_eq(journal_step(journal, engine, &event, &effects, NULL), 0);
}

static struct event node(void)
{
    static const struct amount_object amounts[] = {{"cpu", 96000}, {"pods", 110}};
    return (struct event){.type = EVENT_NODE,
                          .node = {.name = "n1", .allocatable = amounts, .allocatable_count = 2}};
}

/* A gang of one pod. */
static struct event pod(void)
{
    return (struct event){.type = EVENT_POD,
                          .pod = {.name_space = "ns",
                                  .name = "p",
                                  .uid = "u",
                                  .gang = "g",
                                  .gang_minimum = 1,
                                  .rank = -1}};
}

static void record_all(void)
{
    record(node(), 1000);
    record((struct event){.type = EVENT_SYNCED}, 1001);
    record(pod(), 2500);
    ck_assert_uint_gt(effects.count, 1); /* a plan: nomination, event, transition */
}

/* Writes the first bytes of the journal, all with SIZE_MAX. */
static void save(size_t most)
{
    size_t size;
    const uint8_t *bytes = journal_bytes(journal, &size);
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    size = size < most ? size : most;
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

START_TEST(every_decision_is_the_same)
{
    record_all();
    journal_end(journal, "the test is over");
    save(SIZE_MAX);
    ck_assert_int_eq(run_cli("replay", path, NULL), CLI_OK);
    expect_in(cli_out, "The journal ends with record 4: the test is over.\n");
    expect_in(cli_out, "Every decision is the same: 3 events and ");
    expect_in(cli_out, " decisions of 1.500 s, replayed in ");
    ck_assert_str_eq(cli_err, "");
}
END_TEST

START_TEST(told_in_full)
{
    record_all();
    save(SIZE_MAX);
    ck_assert_int_eq(run_cli("replay", "--verbose", path, NULL), CLI_OK);
    expect_in(cli_out, "0 2026-11-21T11:43:25.000Z (+0.000 s) hold timeout 30000 ms, backoff ");
    expect_in(cli_out, "3 2026-11-21T11:43:26.500Z (+1.500 s) ");
    expect_in(cli_out, "without a reason, as after a kill.\n");
}
END_TEST

START_TEST(until_a_record)
{
    record_all();
    save(SIZE_MAX);
    ck_assert_int_eq(run_cli("replay", path, "--until", "2", NULL), CLI_OK);
    expect_in(cli_out, "Every decision is the same: 2 events and 0 decisions");
    ck_assert_ptr_null(strstr(cli_out, "as after a kill"));
}
END_TEST

START_TEST(a_decision_that_differs)
{
    record(node(), 1000);
    record((struct event){.type = EVENT_SYNCED}, 1001);
    struct event event = pod();
    apply(&event, 2500);
    effects.count--; /* as if one of them had not been taken then */
    ck_assert_int_eq(journal_step(journal, engine, &event, &effects, NULL), 0);
    save(SIZE_MAX);
    ck_assert_int_eq(run_cli("replay", path, NULL), CLI_RUNTIME);
    expect_in(cli_out, "The decisions differ in record 3 at byte ");
    expect_in(cli_out, "    recorded: nothing more\n    now:      ");
    ck_assert_ptr_null(strstr(cli_out, "Every decision is the same"));
    expect_in(cli_out, "3 events and ");
}
END_TEST

/* It was recorded by an engine with a shorter hold than the header says. */
START_TEST(a_deadline_that_differs)
{
    struct engine_options options;
    engine_options_default(&options);
    options.hold_timeout_ms = 500;
    engine_destroy(engine);
    engine = engine_create(&options);
    record_all();
    save(SIZE_MAX);
    ck_assert_int_eq(run_cli("replay", path, NULL), CLI_RUNTIME);
    expect_in(cli_out, ", in when the next tick is due:\n");
    expect_in(cli_out, "    recorded: 500 ms later\n    now:      ");
    expect_in(cli_out, " ms later\n");
}
END_TEST

START_TEST(a_journal_that_was_cut_off)
{
    size_t size;
    record_all();
    (void)journal_bytes(journal, &size);
    save(size - 1);
    ck_assert_int_eq(run_cli("replay", path, NULL), CLI_OK);
    expect_in(cli_out, ", in the middle of a record, as after a kill.\n");
    expect_in(cli_out, "Every decision is the same: 2 events");
    save(3);
    ck_assert_int_eq(run_cli("replay", path, NULL), CLI_RUNTIME);
    expect_in(cli_err, "phalanx replay: ");
    expect_in(cli_err, ": the journal ends in its header\n");
}
END_TEST

START_TEST(a_journal_that_was_damaged)
{
    record_all();
    save(SIZE_MAX);
    FILE *file = fopen(path, "r+e");
    ck_assert_int_eq(fseek(file, -1, SEEK_END), 0);
    int last = fgetc(file);
    ck_assert_int_eq(fseek(file, -1, SEEK_END), 0);
    fputc(last ^ 1, file);
    fclose(file);
    ck_assert_int_eq(run_cli("replay", path, NULL), CLI_RUNTIME);
    expect_in(cli_err, ": record 3 at byte ");
    expect_in(cli_err, "its checksum is ");
    ck_assert_int_eq(run_cli("replay", "/nonexistent/journal", NULL), CLI_RUNTIME);
    ck_assert_str_eq(cli_err, "phalanx replay: /nonexistent/journal: No such file or directory\n");
}
END_TEST

START_TEST(of_another_version)
{
    struct journal_header header = {.started = 7, .program = "0.0.0"};
    engine_options_default(&header.options);
    journal_destroy(journal);
    journal = journal_create(1);
    journal_begin(journal, &header);
    record_all();
    save(SIZE_MAX);
    ck_assert_int_eq(run_cli("replay", path, "-v", NULL), CLI_OK);
    ck_assert_str_eq(
        cli_err, "phalanx replay: recorded by version 0.0.0, replayed by " PHALANX_VERSION "\n");
    expect_in(cli_out, "0 (+0.000 s) hold timeout"); /* it does not know the time of day */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("replay");
    TCase *tests = tcase_create("replay");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, every_decision_is_the_same);
    tcase_add_test(tests, told_in_full);
    tcase_add_test(tests, until_a_record);
    tcase_add_test(tests, a_decision_that_differs);
    tcase_add_test(tests, a_deadline_that_differs);
    tcase_add_test(tests, a_journal_that_was_cut_off);
    tcase_add_test(tests, a_journal_that_was_damaged);
    tcase_add_test(tests, of_another_version);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
