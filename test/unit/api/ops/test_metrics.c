// SPDX-License-Identifier: Apache-2.0
#include "api/ops/metrics.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "test/unit/check_main.h"

/* A reader of the text format 0.0.4 that holds every line to its rules:
 * https://prometheus.io/docs/instrumenting/exposition_formats/ */

#define SAMPLES_MAX 1024

struct sample {
    char series[256]; /* name and labels, as written */
    char name[128];
    char labels[192]; /* without le */
    double le;        /* NAN when there is none */
    double value;
};

struct scrape {
    struct sample samples[SAMPLES_MAX];
    size_t count;
    char families[128][128];
    char types[128][16];
    size_t family_count;
};

static bool is_name(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!(isalpha((unsigned char)text[i]) || text[i] == '_' || text[i] == ':' ||
              (i > 0 && isdigit((unsigned char)text[i])))) {
            return false;
        }
    }
    return length > 0;
}

/* Reads `key="value",…}` after the brace; returns what follows. */
static const char *read_labels(const char *at, struct sample *sample)
{
    char seen[8][64];
    size_t keys = 0;
    while (*at != '}') {
        size_t length = strcspn(at, "=");
        ck_assert_msg(is_name(at, length), "label name: %s", at);
        ck_assert_uint_lt(length, sizeof seen[0]);
        ck_assert_uint_lt(keys, 8);
        snprintf(seen[keys], sizeof seen[0], "%.*s", (int)length, at);
        for (size_t i = 0; i < keys; i++) {
            ck_assert_str_ne(seen[i], seen[keys]);
        }
        at += length + 1;
        ck_assert_int_eq(*at++, '"');
        const char *value = at;
        while (*at != '"') {
            ck_assert_msg(*at != '\0' && *at != '\n', "open label value");
            if (*at == '\\') {
                at++;
                ck_assert_msg(strchr("\\\"n", *at) != NULL, "escape \\%c", *at);
            }
            at++;
        }
        if (strcmp(seen[keys], "le") == 0) {
            sample->le = strncmp(value, "+Inf", 4) == 0 ? INFINITY : strtod(value, NULL);
        } else {
            size_t used = strlen(sample->labels);
            snprintf(sample->labels + used, sizeof sample->labels - used, "%s=%.*s,", seen[keys],
                     (int)(at - value), value);
        }
        at++;
        keys++;
        if (*at == ',') {
            at++;
        } else {
            ck_assert_int_eq(*at, '}');
        }
    }
    return at + 1;
}

static void read_sample(const char *line, struct scrape *scrape)
{
    ck_assert_uint_lt(scrape->count, SAMPLES_MAX);
    struct sample *sample = &scrape->samples[scrape->count++];
    memset(sample, 0, sizeof *sample);
    sample->le = NAN;
    size_t length = strcspn(line, "{ ");
    ck_assert_msg(is_name(line, length), "name: %s", line);
    snprintf(sample->name, sizeof sample->name, "%.*s", (int)length, line);
    const char *at = line + length;
    if (*at == '{') {
        at = read_labels(at + 1, sample);
    }
    snprintf(sample->series, sizeof sample->series, "%.*s", (int)(at - line), line);
    ck_assert_int_eq(*at++, ' ');
    char *end;
    sample->value = strtod(at, &end);
    ck_assert_msg(end != at && *end == '\0', "value: %s", line);
}

/* The family of a sample: its name, less the suffix of a histogram's parts. */
static size_t family_of(const struct scrape *scrape, const char *name)
{
    static const char *const suffixes[] = {"", "_bucket", "_sum", "_count"};
    for (size_t i = 0; i < scrape->family_count; i++) {
        size_t length = strlen(scrape->families[i]);
        if (strncmp(scrape->families[i], name, length) != 0) {
            continue;
        }
        bool histogram = strcmp(scrape->types[i], "histogram") == 0;
        for (size_t k = histogram ? 1 : 0; k < (histogram ? 4u : 1u); k++) {
            if (strcmp(name + length, suffixes[k]) == 0) {
                return i;
            }
        }
    }
    ck_abort_msg("%s has no TYPE", name);
    return 0;
}

static void read_comment(const char *line, struct scrape *scrape, char *help)
{
    char kind[8], name[128], rest[256];
    ck_assert_int_eq(sscanf(line, "# %7s %127s %255[^\n]", kind, name, rest), 3);
    if (strcmp(kind, "HELP") == 0) {
        for (size_t i = 0; i < scrape->family_count; i++) {
            ck_assert_str_ne(scrape->families[i], name);
        }
        snprintf(help, 128, "%s", name);
        return;
    }
    ck_assert_str_eq(kind, "TYPE");
    ck_assert_str_eq(help, name);
    ck_assert_msg(strcmp(rest, "counter") == 0 || strcmp(rest, "gauge") == 0 ||
                      strcmp(rest, "histogram") == 0,
                  "type %s", rest);
    ck_assert_msg(strncmp(name, "phalanx_", 8) == 0, "%s", name);
    size_t length = strlen(name);
    bool total = length > 6 && strcmp(name + length - 6, "_total") == 0;
    ck_assert_msg(total == (strcmp(rest, "counter") == 0), "%s is a %s", name, rest);
    snprintf(scrape->families[scrape->family_count], 128, "%s", name);
    snprintf(scrape->types[scrape->family_count++], 16, "%.15s", rest);
}

static void check_histograms(const struct scrape *scrape)
{
    for (size_t i = 0; i < scrape->count; i++) {
        const struct sample *sample = &scrape->samples[i];
        if (isnan(sample->le)) {
            continue;
        }
        const struct sample *next = sample + 1;
        ck_assert_str_eq(next->labels, sample->labels);
        if (!isinf(sample->le)) {
            ck_assert_msg(next->le > sample->le, "%s", sample->series);
            ck_assert_msg(next->value >= sample->value, "%s", sample->series);
            continue;
        }
        ck_assert_ptr_nonnull(strstr(next[0].name, "_sum"));
        ck_assert_ptr_nonnull(strstr(next[1].name, "_count"));
        ck_assert_str_eq(next[1].labels, sample->labels);
        ck_assert_double_eq(next[1].value, sample->value);
    }
}

static void read_scrape(const char *text, struct scrape *scrape)
{
    memset(scrape, 0, sizeof *scrape);
    char help[128] = "";
    size_t length = strlen(text);
    ck_assert_uint_gt(length, 0);
    ck_assert_int_eq(text[length - 1], '\n');
    while (*text != '\0') {
        char line[512];
        size_t end = strcspn(text, "\n");
        ck_assert_uint_lt(end, sizeof line);
        memcpy(line, text, end);
        line[end] = '\0';
        text += end + 1;
        if (line[0] == '#') {
            read_comment(line, scrape, help);
            continue;
        }
        read_sample(line, scrape);
        /* All samples of a family stand behind its TYPE, unbroken. */
        size_t family = family_of(scrape, scrape->samples[scrape->count - 1].name);
        ck_assert_uint_eq(family, scrape->family_count - 1);
    }
    for (size_t i = 0; i < scrape->count; i++) {
        for (size_t k = i + 1; k < scrape->count; k++) {
            ck_assert_str_ne(scrape->samples[i].series, scrape->samples[k].series);
        }
    }
    check_histograms(scrape);
}

static double value_of(const struct scrape *scrape, const char *series)
{
    for (size_t i = 0; i < scrape->count; i++) {
        if (strcmp(scrape->samples[i].series, series) == 0) {
            return scrape->samples[i].value;
        }
    }
    ck_abort_msg("no series %s", series);
    return 0;
}

static struct scrape scrape;

static void render(const struct metrics *metrics, const struct metrics_scrape *state)
{
    size_t length;
    char *text = metrics_render(metrics, state, &length);
    ck_assert_uint_eq(length, strlen(text));
    read_scrape(text, &scrape);
    free(text);
}

START_TEST(fresh_metrics_are_valid_and_zero)
{
    struct metrics *metrics = metrics_create();
    struct metrics_scrape state = {.version = "0.1.0"};
    render(metrics, &state);
    ck_assert_double_eq(value_of(&scrape, "phalanx_build_info{version=\"0.1.0\"}"), 1);
    ck_assert_double_eq(
        value_of(&scrape, "phalanx_extender_requests_total{verb=\"bind\",code=\"200\"}"), 0);
    ck_assert_double_eq(value_of(&scrape, "phalanx_gang_wait_seconds_count"), 0);
    ck_assert_double_eq(value_of(&scrape, "phalanx_gangs{state=\"Waiting\"}"), 0);
    for (size_t i = 0; i < scrape.family_count; i++) {
        ck_assert_ptr_null(strstr(scrape.families[i], "phalanx_watch"));
    }
    metrics_destroy(metrics);
    metrics_destroy(NULL);
}
END_TEST

START_TEST(calls_are_counted_and_timed)
{
    struct metrics *metrics = metrics_create();
    metrics_call(metrics, METRICS_FILTER, 200, 50000);       /* on a bound: in its bucket */
    metrics_call(metrics, METRICS_FILTER, 200, 50001);       /* just above */
    metrics_call(metrics, METRICS_FILTER, 400, 61000000000); /* above all */
    metrics_call(metrics, METRICS_BIND, 200, 2000000000);
    metrics_call(metrics, METRICS_PREEMPT, 70000, -5);
    struct metrics_scrape state = {.version = "x"};
    render(metrics, &state);
#define DURATION "phalanx_extender_request_duration_seconds"
    ck_assert_double_eq(
        value_of(&scrape, "phalanx_extender_requests_total{verb=\"filter\",code=\"200\"}"), 2);
    ck_assert_double_eq(
        value_of(&scrape, "phalanx_extender_requests_total{verb=\"filter\",code=\"400\"}"), 1);
    ck_assert_double_eq(
        value_of(&scrape, "phalanx_extender_requests_total{verb=\"preempt\",code=\"0\"}"), 1);
    ck_assert_double_eq(value_of(&scrape, DURATION "_bucket{verb=\"filter\",le=\"0.00005\"}"), 1);
    ck_assert_double_eq(value_of(&scrape, DURATION "_bucket{verb=\"filter\",le=\"0.0001\"}"), 2);
    ck_assert_double_eq(value_of(&scrape, DURATION "_bucket{verb=\"filter\",le=\"60\"}"), 2);
    ck_assert_double_eq(value_of(&scrape, DURATION "_bucket{verb=\"filter\",le=\"+Inf\"}"), 3);
    ck_assert_double_eq_tol(value_of(&scrape, DURATION "_sum{verb=\"filter\"}"), 61.000100001,
                            1e-9);
    ck_assert_double_eq(value_of(&scrape, DURATION "_sum{verb=\"bind\"}"), 2);
    ck_assert_double_eq(value_of(&scrape, DURATION "_sum{verb=\"preempt\"}"), 0);
    ck_assert_double_eq(value_of(&scrape, DURATION "_count{verb=\"prioritize\"}"), 0);
    metrics_destroy(metrics);
}
END_TEST

START_TEST(transitions_and_waits)
{
    struct metrics *metrics = metrics_create();
    const char *placed = gang_state_name(GANG_PLACED);
    metrics_transition(metrics, "Waiting", "Held", 1000);
    metrics_transition(metrics, "Committing", placed, 1500);
    metrics_transition(metrics, "Committing", placed, -1);
    metrics_transition(metrics, "odd\"\\\n", "Held", 0);
    metrics_apply(metrics, 900);
    struct metrics_scrape state = {.version = "x"};
    render(metrics, &state);
    ck_assert_double_eq(
        value_of(&scrape, "phalanx_gang_transitions_total{from=\"Waiting\",to=\"Held\"}"), 1);
    char series[128];
    snprintf(series, sizeof series, "phalanx_gang_transitions_total{from=\"Committing\",to=\"%s\"}",
             placed);
    ck_assert_double_eq(value_of(&scrape, series), 2);
    ck_assert_double_eq(
        value_of(&scrape, "phalanx_gang_transitions_total{from=\"odd\\\"\\\\\\n\",to=\"Held\"}"),
        1);
    ck_assert_double_eq(value_of(&scrape, "phalanx_gang_wait_seconds_count"), 1);
    ck_assert_double_eq(value_of(&scrape, "phalanx_gang_wait_seconds_sum"), 1.5);
    ck_assert_double_eq(value_of(&scrape, "phalanx_gang_wait_seconds_bucket{le=\"1\"}"), 0);
    ck_assert_double_eq(value_of(&scrape, "phalanx_gang_wait_seconds_bucket{le=\"2\"}"), 1);
    ck_assert_double_eq(
        value_of(&scrape, "phalanx_engine_apply_duration_seconds_bucket{le=\"0.000001\"}"), 1);
    metrics_destroy(metrics);
}
END_TEST

/* Names that are none of the engine's cannot make series without end. */
START_TEST(the_number_of_series_is_bounded)
{
    struct metrics *metrics = metrics_create();
    for (int i = 0; i < 1000; i++) {
        char name[64];
        snprintf(name, sizeof name, "state-%d", i);
        metrics_transition(metrics, name, "Held", 0);
        metrics_transition(metrics, "a-state-with-a-name-longer-than-any-state-has", name, 0);
    }
    struct metrics_scrape state = {.version = "x"};
    render(metrics, &state);
    size_t series = 0;
    for (size_t i = 0; i < scrape.count; i++) {
        series += strcmp(scrape.samples[i].name, "phalanx_gang_transitions_total") == 0;
    }
    ck_assert_uint_eq(series, 64);
    metrics_destroy(metrics);
}
END_TEST

START_TEST(gauges_come_from_the_scrape)
{
    struct metrics *metrics = metrics_create();
    struct kube_io_status kube = {
        .synced = {true, false, true},
        .silence_ms = {1500, -1, 7},
        .watch_restarts = {1, 2, 3},
        .watches = {{.failing_ms = -1},
                    {.failing_ms = 2500, .failures = 31, .lists = 34, .unread = 32}},
        .objects_skipped = {4, 14, 15, 16},
        .writes_done = {5, 6, 7},
        .writes_failed = {8, 9, 10},
        .write_retries = 11,
        .requests_unauthorized = 12,
        .access_trouble = "not verified",
        .writes_waiting = 13};
    struct recorder_status journal = {.recording = true,
                                      .steps = 27,
                                      .bytes = 28,
                                      .dropped = 127,
                                      .step_bytes = 128,
                                      .segments = 129,
                                      .checkpoints = 130,
                                      .saving_ns = INT64_C(131000000000),
                                      .state_bytes = 132};
    struct log_figures log = {.dropped = 31, .left_out = 32};
    struct metrics_http http[] = {{"extender", 25, 33, 34, 37, 35, 36},
                                  {"operations", 1, 0, 0, 0, 0, 0}};
    struct metrics_scrape state = {.engine = {.nodes = 21,
                                              .pods = 22,
                                              .holds = 23,
                                              .waiting_binds = 24,
                                              .nominations_repeated = 29,
                                              .nominations_repeated_late = 30,
                                              .audited_nodes = 31,
                                              .audited_gangs = 32,
                                              .differences = 33},
                                   .kube = &kube,
                                   .journal = &journal,
                                   .log = &log,
                                   .http = http,
                                   .http_count = 2,
                                   .uptime_ms = 61005,
                                   .version = "x"};
    state.engine.gangs[GANG_HELD] = 26;
    state.engine.tables[ENGINE_TABLE_SHAPES] = (struct engine_table_figures){34, 35, 36};
    state.engine.tables[ENGINE_TABLE_OWNERS] = (struct engine_table_figures){37, 38, 0};
    metrics_skipped(metrics, SKIPPED_POD);
    metrics_skipped(metrics, SKIPPED_POD);
    render(metrics, &state);
    static const struct {
        const char *series;
        double value;
    } expected[] = {
        {"phalanx_nodes", 21},
        {"phalanx_journal_recording", 1},
        {"phalanx_journal_steps_total", 27},
        {"phalanx_journal_bytes", 28},
        {"phalanx_journal_dropped_total", 127},
        {"phalanx_journal_step_bytes_total", 128},
        {"phalanx_journal_segments", 129},
        {"phalanx_journal_checkpoints_total", 130},
        {"phalanx_journal_checkpoint_seconds_total", 131},
        {"phalanx_journal_state_bytes", 132},
        {"phalanx_pods", 22},
        {"phalanx_held_pods", 23},
        {"phalanx_nominations_repeated_total{why=\"taken_back\"}", 29},
        {"phalanx_nominations_repeated_total{why=\"timer\"}", 30},
        {"phalanx_selfchecks_total{kind=\"node\"}", 31},
        {"phalanx_selfchecks_total{kind=\"gang\"}", 32},
        {"phalanx_selfcheck_differences_total", 33},
        {"phalanx_texts{table=\"shapes\"}", 34},
        {"phalanx_text_bytes{table=\"shapes\"}", 35},
        {"phalanx_text_budget_bytes{table=\"shapes\"}", 36},
        {"phalanx_texts{table=\"owners\"}", 37},
        {"phalanx_text_bytes{table=\"owners\"}", 38},
        {"phalanx_waiting_binds", 24},
        {"phalanx_http_connections{listener=\"extender\"}", 25},
        {"phalanx_http_connections{listener=\"operations\"}", 1},
        {"phalanx_http_timeouts_total{listener=\"extender\"}", 33},
        {"phalanx_http_out_of_memory_total{listener=\"extender\"}", 34},
        {"phalanx_http_crowded_out_total{listener=\"extender\"}", 37},
        {"phalanx_http_refused_clients_total{listener=\"extender\"}", 35},
        {"phalanx_http_certificate_end_seconds{listener=\"extender\"}", 36},
        {"phalanx_log_lines_dropped_total", 31},
        {"phalanx_log_lines_left_out_total", 32},
        {"phalanx_uptime_seconds", 61.005},
        {"phalanx_gangs{state=\"Held\"}", 26},
        {"phalanx_watch_synced{kind=\"nodes\"}", 1},
        {"phalanx_watch_synced{kind=\"pods\"}", 0},
        {"phalanx_watch_silence_seconds{kind=\"nodes\"}", 1.5},
        {"phalanx_watch_silence_seconds{kind=\"pods\"}", 0},
        {"phalanx_watch_silence_seconds{kind=\"podgroups\"}", 0.007},
        {"phalanx_watch_restarts_total{kind=\"podgroups\"}", 3},
        {"phalanx_watch_failing_seconds{kind=\"nodes\"}", 0},
        {"phalanx_watch_failing_seconds{kind=\"pods\"}", 2.5},
        {"phalanx_watch_failures_total{kind=\"pods\"}", 31},
        {"phalanx_objects_unread{kind=\"pods\"}", 32},
        {"phalanx_objects_skipped_total{kind=\"nodes\"}", 4},
        {"phalanx_objects_skipped_total{kind=\"pods\"}", 14 + 2},
        {"phalanx_objects_skipped_total{kind=\"podgroups\"}", 15},
        {"phalanx_objects_skipped_total{kind=\"resourceslices\"}", 16},
        {"phalanx_writes_total{write=\"binding\",result=\"done\"}", 5},
        {"phalanx_writes_total{write=\"nomination\",result=\"failed\"}", 9},
        {"phalanx_write_retries_total", 11},
        {"phalanx_unauthorized_answers_total", 12},
        {"phalanx_api_server_trouble", 1},
        {"phalanx_watch_lists_total{kind=\"pods\"}", 34},
        {"phalanx_waiting_writes", 13},
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        ck_assert_double_eq_tol(value_of(&scrape, expected[i].series), expected[i].value, 1e-9);
    }
    metrics_destroy(metrics);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("metrics");
    TCase *tests = tcase_create("metrics");
    tcase_add_test(tests, fresh_metrics_are_valid_and_zero);
    tcase_add_test(tests, calls_are_counted_and_timed);
    tcase_add_test(tests, transitions_and_waits);
    tcase_add_test(tests, the_number_of_series_is_bounded);
    tcase_add_test(tests, gauges_come_from_the_scrape);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
