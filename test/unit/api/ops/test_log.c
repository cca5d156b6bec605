// SPDX-License-Identifier: Apache-2.0
#include "api/ops/log.h"

#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "test/unit/check_main.h"

/* The log of each test goes through a pipe; lines are short of its buffer. */
struct fixture {
    int read_fd, write_fd;
    struct log *log;
    char text[65536];
};

static void open_log(struct fixture *fixture, enum log_level level, enum log_format format)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    fixture->read_fd = fds[0];
    fixture->write_fd = fds[1];
    fixture->log = log_create(fds[1], level, format);
}

static const char *written(struct fixture *fixture)
{
    ssize_t count = read(fixture->read_fd, fixture->text, sizeof fixture->text - 1);
    fixture->text[count > 0 ? count : 0] = '\0';
    return fixture->text;
}

static void close_log(struct fixture *fixture)
{
    log_destroy(fixture->log);
    close(fixture->read_fd);
    close(fixture->write_fd);
}

/* Parses what was written as exactly one JSON line. *New*. */
static json_t *written_json(struct fixture *fixture)
{
    const char *text = written(fixture);
    size_t length = strlen(text);
    ck_assert_uint_gt(length, 0);
    ck_assert_int_eq(text[length - 1], '\n');
    ck_assert_ptr_eq(strchr(text, '\n'), text + length - 1);
    json_error_t error;
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(json != NULL, "%s: %s", error.text, text);
    return json;
}

static const char *member(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));
    ck_assert_msg(text != NULL, "no member %s", key);
    return text;
}

START_TEST(json_line_has_its_fields)
{
    struct fixture fixture;
    open_log(&fixture, LOG_INFO, LOG_JSON);
    struct log_field fields[] = {{"node", "n1", 0}, {"rank", NULL, -7}, {NULL, NULL, 0}};
    log_write(fixture.log, LOG_WARNING, "no room", fields);
    json_t *json = written_json(&fixture);
    ck_assert_str_eq(member(json, "level"), "warning");
    ck_assert_str_eq(member(json, "msg"), "no room");
    ck_assert_str_eq(member(json, "node"), "n1");
    ck_assert_int_eq(json_integer_value(json_object_get(json, "rank")), -7);
    ck_assert_uint_eq(json_object_size(json), 5);
    json_decref(json);
    close_log(&fixture);
}
END_TEST

START_TEST(time_is_rfc3339_utc_with_milliseconds)
{
    struct fixture fixture;
    open_log(&fixture, LOG_INFO, LOG_JSON);
    log_write(fixture.log, LOG_INFO, "x", NULL);
    json_t *json = written_json(&fixture);
    regex_t pattern;
    ck_assert_int_eq(regcomp(&pattern,
                             "^20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:"
                             "[0-6][0-9]\\.[0-9]{3}Z$",
                             REG_EXTENDED | REG_NOSUB),
                     0);
    ck_assert_int_eq(regexec(&pattern, member(json, "ts"), 0, NULL, 0), 0);
    regfree(&pattern);
    json_decref(json);
    close_log(&fixture);
}
END_TEST

START_TEST(lines_below_the_level_are_not_written)
{
    struct fixture fixture;
    open_log(&fixture, LOG_WARNING, LOG_JSON);
    ck_assert(!log_enabled(fixture.log, LOG_INFO));
    ck_assert(log_enabled(fixture.log, LOG_ERROR));
    log_write(fixture.log, LOG_INFO, "x", NULL);
    log_text(fixture.log, LOG_DEBUG, "x", "a", "b", NULL);
    ck_assert_str_eq(written(&fixture), "");
    close_log(&fixture);
}
END_TEST

START_TEST(hostile_text_survives_as_data)
{
    static const char text[] = "q\" b\\ n\n r\r t\t e\x01\x1b[31m d\x7f \xc3\xa9 \xe2\x82\xac "
                               "\xf0\x9f\x94\xa5 bad:\xff\xc3 half:\xe2\x82";
    struct fixture fixture;
    open_log(&fixture, LOG_INFO, LOG_JSON);
    log_text(fixture.log, LOG_INFO, text, "key\"\n", text, NULL);
    json_t *json = written_json(&fixture);
    static const char expected[] =
        "q\" b\\ n\n r\r t\t e\x01\x1b[31m d\x7f \xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\xa5 "
        "bad:\xef\xbf\xbd\xef\xbf\xbd half:\xef\xbf\xbd\xef\xbf\xbd";
    ck_assert_str_eq(member(json, "msg"), expected);
    ck_assert_str_eq(member(json, "key\"\n"), expected);
    json_decref(json);
    close_log(&fixture);
}
END_TEST

/* Overlong forms, surrogates and numbers beyond Unicode are no characters. */
START_TEST(false_utf8_is_replaced)
{
    struct fixture fixture;
    open_log(&fixture, LOG_INFO, LOG_JSON);
    log_text(fixture.log, LOG_INFO, "x", "a", "\xc0\xaf", "b", "\xed\xa0\x80", "c",
             "\xf4\x90\x80\x80", NULL);
    json_t *json = written_json(&fixture);
    ck_assert_str_eq(member(json, "a"), "\xef\xbf\xbd\xef\xbf\xbd");
    ck_assert_str_eq(member(json, "b"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    ck_assert_str_eq(member(json, "c"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    json_decref(json);
    close_log(&fixture);
}
END_TEST

/* Every length around the limit, with characters of every width at the edge: always one valid line.
 */
START_TEST(long_lines_are_cut_and_stay_json)
{
    static const char *const units[] = {"a", "\"", "\x01", "\xc3\xa9", "\xf0\x9f\x94\xa5", "\xff"};
    struct fixture fixture;
    open_log(&fixture, LOG_INFO, LOG_JSON);
    for (size_t unit = 0; unit < sizeof units / sizeof units[0]; unit++) {
        for (size_t length = LOG_LINE_MAX - 160; length < LOG_LINE_MAX + 8; length++) {
            char text[LOG_LINE_MAX + 64];
            memset(text, 'x', length);
            size_t tail = strlen(units[unit]);
            for (size_t k = 0; k < 4; k++) {
                memcpy(text + length - (4 - k) * tail, units[unit], tail);
            }
            text[length] = '\0';
            log_text(fixture.log, LOG_INFO, "m", "long", text, "next", "after", NULL);
            json_t *json = written_json(&fixture);
            ck_assert_uint_le(strlen(fixture.text), LOG_LINE_MAX);
            ck_assert_int_eq(strncmp(member(json, "long"), text, LOG_LINE_MAX - 200), 0);
            const char *next = json_string_value(json_object_get(json, "next"));
            bool whole = next != NULL && strcmp(next, "after") == 0;
            ck_assert(whole != json_is_true(json_object_get(json, "cut")));
            json_decref(json);
        }
    }
    close_log(&fixture);
}
END_TEST

START_TEST(long_message_and_key_are_cut)
{
    char text[2 * LOG_LINE_MAX];
    memset(text, 'k', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct fixture fixture;
    open_log(&fixture, LOG_INFO, LOG_JSON);
    log_text(fixture.log, LOG_INFO, text, "gang", "a/b", NULL);
    json_t *json = written_json(&fixture);
    ck_assert(json_is_true(json_object_get(json, "cut")));
    ck_assert_ptr_null(json_object_get(json, "gang"));
    json_decref(json);
    log_text(fixture.log, LOG_INFO, "m", text, "value", NULL);
    json = written_json(&fixture);
    ck_assert(json_is_true(json_object_get(json, "cut")));
    ck_assert_uint_eq(json_object_size(json), 4);
    json_decref(json);
    close_log(&fixture);
    open_log(&fixture, LOG_INFO, LOG_TEXT);
    log_text(fixture.log, LOG_INFO, text, "gang", "a/b", NULL);
    const char *line = written(&fixture);
    ck_assert_uint_le(strlen(line), LOG_LINE_MAX);
    ck_assert_ptr_nonnull(strstr(line, "kkk (cut)\n"));
    close_log(&fixture);
}
END_TEST

START_TEST(text_line_is_for_people)
{
    struct fixture fixture;
    open_log(&fixture, LOG_DEBUG, LOG_TEXT);
    struct log_field fields[] = {{"gang", "a/b", 0}, {"why", "two words", 0},  {"empty", "", 0},
                                 {"rank", NULL, 3},  {"forged", "x\nINFO", 0}, {NULL, NULL, 0}};
    log_write(fixture.log, LOG_INFO, "gang\nplanned", fields);
    const char *line = written(&fixture);
    ck_assert_str_eq(line + strlen("2026-01-01T00:00:00.000Z "),
                     "INFO  gang\\nplanned gang=a/b why=\"two words\" empty=\"\" rank=3 "
                     "forged=\"x\\nINFO\"\n");
    close_log(&fixture);
}
END_TEST

START_TEST(a_value_that_is_null_ends_the_pairs)
{
    struct fixture fixture;
    open_log(&fixture, LOG_INFO, LOG_JSON);
    const char *absent = NULL;
    log_text(fixture.log, LOG_INFO, "m", "a", "1", "b", absent, NULL);
    json_t *json = written_json(&fixture);
    ck_assert_uint_eq(json_object_size(json), 4);
    json_decref(json);
    close_log(&fixture);
}
END_TEST

START_TEST(a_full_pipe_loses_lines_and_does_not_block)
{
    struct fixture fixture;
    open_log(&fixture, LOG_INFO, LOG_JSON);
    ck_assert_int_eq(fcntl(fixture.write_fd, F_SETFL, O_NONBLOCK), 0);
    for (int i = 0; i < 4000; i++) {
        log_text(fixture.log, LOG_INFO, "the reader is asleep", "a", "b", NULL);
    }
    ck_assert_uint_gt(strlen(written(&fixture)), 0);
    close_log(&fixture);
}
END_TEST

#define WRITERS 4
#define LINES   500

static void *write_lines(void *log)
{
    for (int i = 0; i < LINES; i++) {
        log_text(log, LOG_INFO, "written by many threads at once", "some", "more text", NULL);
    }
    return NULL;
}

START_TEST(lines_of_many_threads_do_not_mix)
{
    char path[] = "/tmp/phalanx-test-log-XXXXXX";
    int fd = mkostemp(path, O_APPEND);
    ck_assert_int_ge(fd, 0);
    unlink(path);
    struct log *log = log_create(fd, LOG_INFO, LOG_JSON);
    pthread_t threads[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, write_lines, log), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
    }
    FILE *file = fdopen(fd, "r");
    ck_assert_ptr_nonnull(file);
    rewind(file);
    char line[LOG_LINE_MAX];
    int count = 0;
    for (; fgets(line, sizeof line, file) != NULL; count++) {
        json_t *json = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        ck_assert_msg(json != NULL, "%s", line);
        json_decref(json);
    }
    ck_assert_int_eq(count, WRITERS * LINES);
    log_destroy(log);
    fclose(file);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log");
    TCase *tests = tcase_create("log");
    tcase_add_test(tests, json_line_has_its_fields);
    tcase_add_test(tests, time_is_rfc3339_utc_with_milliseconds);
    tcase_add_test(tests, lines_below_the_level_are_not_written);
    tcase_add_test(tests, hostile_text_survives_as_data);
    tcase_add_test(tests, false_utf8_is_replaced);
    tcase_add_test(tests, long_lines_are_cut_and_stay_json);
    tcase_add_test(tests, long_message_and_key_are_cut);
    tcase_add_test(tests, text_line_is_for_people);
    tcase_add_test(tests, a_value_that_is_null_ends_the_pairs);
    tcase_add_test(tests, a_full_pipe_loses_lines_and_does_not_block);
    tcase_add_test(tests, lines_of_many_threads_do_not_mix);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
