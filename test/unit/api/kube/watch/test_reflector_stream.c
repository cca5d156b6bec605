// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "api/kube/watch/inventory.h"
#include "api/kube/watch/reflector.h"
#include "test/unit/check_main.h"

/* The list as a stream, the ways back to pages, and how often everything is listed. */

static struct reflector *reflector;
static struct kube_batch *batch;
static int64_t now;
static char logged[8192];

static void keep_log(void *context, int level, const char *message)
{
    (void)context;
    (void)level;
    size_t used = strlen(logged);
    (void)snprintf(logged + used, sizeof logged - used, "%s\n", message);
}

static void begin(enum reflector_kind kind, bool stream)
{
    const struct kube_log log = {.write = keep_log};
    reflector = reflector_create(kind, 7, &log);
    if (stream) {
        reflector_stream(reflector);
    }
    batch = kube_batch_create();
    now = 1000;
    logged[0] = '\0';
}

static void teardown(void)
{
    reflector_destroy(reflector);
    kube_batch_destroy(batch);
}

/* "n1 " for a node, "-n1 " for one that is gone. */
static void expect_events(const char *expected)
{
    char told[1024] = "";
    size_t used = 0;
    for (size_t i = 0; i < batch->count; i++) {
        const struct event *event = &batch->events[i];
        bool there = event->type == EVENT_NODE;
        used += (size_t)snprintf(told + used, sizeof told - used, "%s%s ", there ? "" : "-",
                                 there ? event->node.name : event->node_name);
    }
    kube_batch_destroy(batch);
    batch = kube_batch_create();
    ck_assert_str_eq(told, expected);
}

static int data(const char *text)
{
    struct err err;
    return reflector_data(reflector, now, text, strlen(text), batch, &err);
}

/* The next request, as soon as it may be made. */
static const char *next(void)
{
    now = reflector_deadline(reflector) > now ? reflector_deadline(reflector) : now;
    const char *target = reflector_next(reflector, now);
    ck_assert_ptr_nonnull(target);
    return target;
}

static void expect(const char *part)
{
    const char *target = next();
    ck_assert_msg(strstr(target, part) != NULL, "%s", target);
}

static void answer(int status, const char *body)
{
    reflector_status(reflector, now, status, 0);
    ck_assert_int_eq(data(body), 0);
    reflector_done(reflector, now, NULL, batch);
}

#define NODE(name, version) \
    "{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"" version "\"}}"
#define LINE(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"
#define BOOKMARK(version)  LINE("BOOKMARK", "{\"metadata\":{\"resourceVersion\":\"" version "\"}}")
#define END(version)                                                 \
    LINE("BOOKMARK", "{\"metadata\":{\"resourceVersion\":\"" version \
                     "\",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}")
#define LIST(resume, items) \
    "{\"metadata\":{\"resourceVersion\":\"9\",\"continue\":\"" resume "\"},\"items\":[" items "]}"

START_TEST(streams)
{
    begin(REFLECTOR_NODES, true);
    ck_assert_str_eq(strstr(next(), "&sendInitial"),
                     "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan");
    reflector_status(reflector, now, 200, 0);
    ck_assert_int_eq(reflector_deadline(reflector), now + 60000);
    ck_assert_int_eq(data(LINE("ADDED", NODE("n1", "1")) LINE("ADDED", NODE("n2", "2"))), 0);
    ck_assert(!reflector_synced(reflector));
    ck_assert_int_eq(data(END("9") LINE("ADDED", NODE("n3", "10"))), 0);
    ck_assert(reflector_synced(reflector));
    ck_assert_int_eq(reflector_deadline(reflector), now + 90000); /* it is a watch now */
    expect_events("n1 n2 n3 ");
    ck_assert_int_eq(data(LINE("DELETED", NODE("n2", "11")) BOOKMARK("12")), 0);
    expect_events("-n2 ");
    now += 300000;
    reflector_done(reflector, now, NULL, batch);
    expect("&resourceVersion=12");
    ck_assert_uint_eq(reflector_lists(reflector), 1);
    ck_assert_uint_eq(reflector_restarts(reflector), 1);
    ck_assert_str_eq(logged, "");
    /* Everything anew is a difference here, too. */
    reflector_status(reflector, now, 410, 0);
    reflector_done(reflector, now, NULL, batch);
    expect("sendInitialEvents=true");
    reflector_status(reflector, now, 200, 0);
    ck_assert_int_eq(data(LINE("ADDED", NODE("n3", "10")) LINE("ADDED", NODE("n4", "20"))), 0);
    ck_assert_int_eq(data(END("21")), 0);
    expect_events("n4 -n1 ");
    ck_assert_uint_eq(reflector_lists(reflector), 2);
    ck_assert_int_eq(reflector_failing(reflector, now), -1);
}
END_TEST

/* Refused as an old server, or one that has it switched off, refuses it: pages, and at once. */
START_TEST(is_refused)
{
    static const int STATUS[] = {400, 422};
    begin(REFLECTOR_NODES, true);
    expect("sendInitialEvents=true");
    answer(STATUS[_i], "{\"message\":\"sendInitialEvents is forbidden for watch\"}");
    ck_assert_ptr_nonnull(reflector_next(reflector, now));
    answer(200, LIST("", NODE("n1", "1")));
    expect_events("n1 ");
    expect("&resourceVersion=9");
    ck_assert_uint_eq(reflector_restarts(reflector), 0);
    ck_assert_uint_eq(reflector_failures(reflector), 0);
    ck_assert_str_eq(logged, "");
    answer(410, "{}");
    expect("limit=500"); /* and it stays so */
}
END_TEST

/* Taken for an ordinary watch: its first bookmark says nothing of a list. */
START_TEST(is_not_understood)
{
    begin(REFLECTOR_NODES, true);
    expect("sendInitialEvents=true");
    reflector_status(reflector, now, 200, 0);
    ck_assert_int_eq(data(LINE("ADDED", NODE("n1", "1")) BOOKMARK("9")), -1);
    reflector_done(reflector, now, "aborted", batch);
    ck_assert(!reflector_synced(reflector));
    ck_assert_ptr_nonnull(strstr(reflector_next(reflector, now), "limit=500"));
    answer(200, LIST("", NODE("n1", "1") "," NODE("n2", "2")));
    expect_events("n1 n2 ");
    ck_assert(reflector_synced(reflector));
}
END_TEST

/* It breaks off, or falls silent, before all is shown: again, and after a few times pages. */
START_TEST(breaks_off)
{
    begin(REFLECTOR_NODES, true);
    for (int i = 0; i < 3; i++) {
        expect("sendInitialEvents=true");
        reflector_status(reflector, now, 200, 0);
        ck_assert_int_eq(data(LINE("ADDED", NODE("n1", "1"))), 0);
        now = reflector_deadline(reflector);
        ck_assert(reflector_stalled(reflector, now));
        reflector_done(reflector, now, i == 0 ? NULL : "the server fell silent", batch);
    }
    ck_assert_ptr_nonnull(strstr(logged, "nodes: list failed: it ended before all was shown"));
    expect("limit=500");
    expect_events("n1 ");
    answer(200, LIST("", ""));
    expect_events("-n1 ");
}
END_TEST

START_TEST(other_troubles)
{
    static const int STATUS[] = {0, 500, 0, 0, 403, 0, 503};
    begin(REFLECTOR_NODES, true);
    for (size_t i = 0; i < sizeof STATUS / sizeof STATUS[0]; i++) {
        expect("sendInitialEvents=true");
        if (STATUS[i] == 0) {
            reflector_done(reflector, now, "connection refused", batch);
        } else {
            answer(STATUS[i], "{\"message\":\"no\"}");
        }
    }
    ck_assert_ptr_nonnull(strstr(logged, "nodes: list failed: 403: no"));
    ck_assert_ptr_nonnull(strstr(next(), "limit=500")); /* it was refused three times */
    teardown();
    begin(REFLECTOR_GROUPS, true);
    expect("sendInitialEvents=true");
    answer(404, "404 page not found");
    ck_assert(reflector_synced(reflector));
    ck_assert_int_eq(reflector_deadline(reflector), now + 30000);
    expect("sendInitialEvents=true");
}
END_TEST

/* Pages that do not end: the same place again, or always another one. */
START_TEST(endless_pages)
{
    begin(REFLECTOR_NODES, false);
    expect("limit=500");
    answer(200, LIST("a", ""));
    expect("continue=a");
    answer(200, LIST("b", ""));
    expect("continue=b");
    answer(200, LIST("b", ""));
    ck_assert_ptr_nonnull(strstr(logged, "nodes: list failed: its pages do not end"));
    ck_assert_int_ge(reflector_deadline(reflector), now + 800);
    ck_assert_ptr_null(strstr(next(), "continue"));
    answer(200, LIST("p", ""));
    unsigned pages = 1;
    while (strstr(next(), "continue") != NULL && pages < 100000) {
        char body[256];
        pages++;
        (void)snprintf(body, sizeof body, LIST("%u", ""), pages);
        answer(200, body);
    }
    ck_assert_uint_ge(pages, INVENTORY_MAX / 500); /* as many as there may be objects */
    ck_assert_uint_lt(pages, 10000);
    ck_assert_uint_eq(reflector_failures(reflector), 2);
    ck_assert(!reflector_synced(reflector));
}
END_TEST

/* Each watch works for a moment and then says that everything has to be listed again. */
static uint64_t lists_in(int64_t duration, int64_t takes)
{
    int64_t end = now + duration;
    while (now < end) {
        bool list = strstr(next(), "limit=") != NULL;
        reflector_status(reflector, now, 200, 0);
        now += list ? takes : 1100;
        if (list) {
            ck_assert_int_eq(data(LIST("", "")), 0);
            reflector_done(reflector, now, NULL, batch);
        } else {
            ck_assert_int_eq(data(LINE("ADDED", NODE("n1", "10"))), 0);
            ck_assert_int_eq(data(LINE("ERROR", "{\"code\":410}")), -1);
            reflector_done(reflector, now, "aborted", batch);
        }
    }
    return reflector_lists(reflector);
}

START_TEST(storms)
{
    begin(REFLECTOR_NODES, false);
    ck_assert_uint_lt(lists_in(600000, 10), 120); /* in ten minutes; without a brake 540 */
    teardown();
    begin(REFLECTOR_NODES, false);
    ck_assert_uint_le(lists_in(600000, 10000), 13); /* a fifth of the time at most */
    teardown();
    begin(REFLECTOR_NODES, false);
    ck_assert_uint_le(lists_in(600000, 60000), 6); /* no longer pause than a minute */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reflector_stream");
    TCase *tests = tcase_create("reflector_stream");
    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_add_test(tests, streams);
    tcase_add_loop_test(tests, is_refused, 0, 2);
    tcase_add_test(tests, is_not_understood);
    tcase_add_test(tests, breaks_off);
    tcase_add_test(tests, other_troubles);
    tcase_add_test(tests, endless_pages);
    tcase_add_test(tests, storms);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
