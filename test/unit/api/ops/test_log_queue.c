// SPDX-License-Identifier: Apache-2.0
#include "api/ops/log_queue.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/ops/log.h"
#include "test/unit/check_main.h"
#include "topology/base/alloc.h"

/* A pipe whose reader reads when the test says so. What is written meanwhile must come back in
 * order, or be counted. */

static int pipe_fds[2];

static void setup(void)
{
    signal(SIGPIPE, SIG_IGN);
    ck_assert_int_eq(pipe(pipe_fds), 0);
}

static void teardown(void)
{
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static size_t tell(void *context, uint64_t count, char *text, size_t room)
{
    *(uint64_t *)context = count;
    return (size_t)snprintf(text, room, "lost\n");
}

static struct log_queue *create(uint64_t *told)
{
    struct log_queue *queue;
    struct err err;
    ck_assert_msg(log_queue_create(pipe_fds[1], tell, told, &queue, &err) == 0, "%s", err.text);
    return queue;
}

/* All there is until the writer has closed, or `most` bytes. *New*. */
static char *read_pipe(size_t most, size_t *length)
{
    char *text = alloc_zero(most + 1, 1);
    ssize_t count;
    *length = 0;
    while (*length < most && (count = read(pipe_fds[0], text + *length, most - *length)) > 0) {
        *length += (size_t)count;
    }
    return text;
}

START_TEST(lines_come_in_order)
{
    uint64_t told = 0;
    struct log_queue *queue = create(&told);
    size_t length = 0;
    for (int i = 0; i < 1000; i++) {
        char line[32];
        int size = snprintf(line, sizeof line, "line %04d\n", i);
        log_queue_put(queue, line, (size_t)size);
    }
    char *text = read_pipe(10000, &length);
    ck_assert_uint_eq(length, 10000);
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq((int)strtol(text + 10 * i + 5, NULL, 10), i);
    }
    free(text);
    log_queue_destroy(queue);
    ck_assert_uint_eq(told, 0);
}
END_TEST

/* The thread is stuck in write(2) when the log ends: when it gets on after all, the log is not
 * asked any more. A terminal with a little room left has some, as poll(2) sees it, and blocks. */
START_TEST(a_thread_that_is_left_behind)
{
    uint64_t told = 0;
    char line[1000];
    int saved = pipe_fds[1], master = posix_openpt(O_RDWR | O_NOCTTY);
    ck_assert_int_ge(master, 0);
    ck_assert_int_eq(grantpt(master) | unlockpt(master), 0);
    pipe_fds[1] = open(ptsname(master), O_RDWR | O_NOCTTY);
    ck_assert_int_ge(pipe_fds[1], 0);
    struct log_queue *queue = create(&told);
    memset(line, 'x', sizeof line);
    for (int i = 0; i < 2000; i++) {
        log_queue_put(queue, line, sizeof line);
    }
    ck_assert_uint_gt(log_queue_dropped(queue), 0);
    log_queue_destroy(queue);
    uint64_t before = told; /* by a thread that waited in poll(2), and has ended */
    struct pollfd in = {.fd = master, .events = POLLIN};
    while (poll(&in, 1, 200) > 0 && read(master, line, sizeof line) > 0) {
        /* it gets on */
    }
    ck_assert_uint_eq(told, before);
    pipe_fds[1] = saved; /* the terminal stays open: the thread may still be at it */
}
END_TEST

/* Nobody reads: putting goes on, the ring fills, and what has no room is counted and told of. */
START_TEST(a_reader_that_stands_still)
{
    uint64_t told = 0;
    struct log_queue *queue = create(&told);
    char line[1000];
    size_t length = 0;
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    for (int i = 0; i < 2000; i++) {
        log_queue_put(queue, line, sizeof line);
    }
    uint64_t dropped = log_queue_dropped(queue);
    ck_assert_uint_gt(dropped, 1000); /* the ring, the pipe and the thread have the rest */
    char *text = read_pipe((2000 - dropped) * sizeof line + 5, &length);
    ck_assert_ptr_nonnull(strstr(text, "lost\n"));
    ck_assert_uint_eq(told, dropped);
    free(text);
    log_queue_destroy(queue);
}
END_TEST

START_TEST(the_end_waits_for_what_is_there_but_not_for_ever)
{
    uint64_t told = 0;
    struct log_queue *queue = create(&told);
    char line[1000] = {0};
    size_t length = 0;
    log_queue_put(queue, "last\n", 5);
    log_queue_destroy(queue);
    char *text = read_pipe(5, &length);
    ck_assert_str_eq(text, "last\n");
    free(text);
    queue = create(&told);
    for (int i = 0; i < 300; i++) {
        log_queue_put(queue, line, sizeof line); /* more than the pipe takes */
    }
    log_queue_destroy(queue); /* returns */
}
END_TEST

START_TEST(a_reader_that_has_gone)
{
    uint64_t told = 0;
    struct log_queue *queue = create(&told);
    close(pipe_fds[0]);
    while (log_queue_dropped(queue) == 0) {
        log_queue_put(queue, "x\n", 2);
    }
    log_queue_destroy(queue);
    pipe_fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
}
END_TEST

START_TEST(a_full_disk_loses_lines_only)
{
    uint64_t told = 0;
    struct log_queue *queue;
    struct err err;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    ck_assert_int_eq(log_queue_create(full, tell, &told, &queue, &err), 0);
    for (int i = 0; i < 100; i++) {
        log_queue_put(queue, "x\n", 2);
    }
    log_queue_destroy(queue);
    ck_assert_uint_eq(told, 0);
    close(full);
}
END_TEST

/* The log on top of it: kinds that come too often are left out, and counted. */
START_TEST(lines_that_come_too_often)
{
    struct log *log = log_create(pipe_fds[1], LOG_INFO, LOG_TEXT);
    struct log_figures figures;
    struct err err;
    size_t length = 0;
    ck_assert_int_eq(log_queue_lines(log, &err), 0);
    for (int i = 0; i < 1500; i++) {
        log_text(log, LOG_INFO, "again and again", NULL);
    }
    log_text(log, LOG_INFO, "something else", NULL);
    log_text(log, LOG_DEBUG, "not at this level", NULL);
    log_figures(log, &figures);
    ck_assert_uint_eq(figures.left_out, 500);
    ck_assert_uint_eq(figures.dropped, 0);
    size_t line = strlen("2026-11-30T16:07:16.034Z INFO  again and again\n");
    char *text = read_pipe(1001 * line - 1, &length); /* "something else" has a letter less */
    ck_assert_ptr_nonnull(strstr(text, "something else\n"));
    free(text);
    log_destroy(log);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/ops/log_queue");
    TCase *tests = tcase_create("log_queue");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, lines_come_in_order);
    tcase_add_test(tests, a_reader_that_stands_still);
    tcase_add_test(tests, a_thread_that_is_left_behind);
    tcase_add_test(tests, the_end_waits_for_what_is_there_but_not_for_ever);
    tcase_add_test(tests, a_reader_that_has_gone);
    tcase_add_test(tests, a_full_disk_loses_lines_only);
    tcase_add_test(tests, lines_that_come_too_often);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
