// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/kube/watch/items.h"
#include "api/kube/watch/reflector.h"
#include "api/kube/watch/splitter.h"
#include "test/unit/check_main.h"
#include "topology/base/alloc.h"

/* One bad object costs one object; and a watch that does not work is seen not to. */

static struct reflector *reflector;
static struct kube_batch *batch;
static int64_t now;
static char logged[8192];
static char told[8192];

static void keep_log(void *context, int level, const char *message)
{
    (void)context;
    (void)level;
    size_t used = strlen(logged);
    (void)snprintf(logged + used, sizeof logged - used, "%s\n", message);
}

static void setup(void)
{
    const struct kube_log log = {.write = keep_log};
    reflector = reflector_create(REFLECTOR_PODS, 7, &log);
    batch = kube_batch_create();
    now = 1000;
    logged[0] = '\0';
}

static void teardown(void)
{
    reflector_destroy(reflector);
    kube_batch_destroy(batch);
}

/* "p@n(2)": a pod on node n that two terms of node affinity rule; "-u": uid u is gone. */
static void expect_events(const char *expected)
{
    size_t used = 0;
    told[0] = '\0';
    for (size_t i = 0; i < batch->count; i++) {
        const struct event *event = &batch->events[i];
        char *out = told + used;
        if (event->type == EVENT_POD) {
            used += (size_t)snprintf(out, sizeof told - used, "%s@%s(%zu) ", event->pod.name,
                                     event->pod.node == NULL ? "" : event->pod.node,
                                     event->pod.term_count);
        } else {
            used += (size_t)snprintf(out, sizeof told - used, "-%s ", event->pod_uid);
        }
    }
    kube_batch_destroy(batch);
    batch = kube_batch_create();
    ck_assert_str_eq(told, expected);
}

static void expect_unread(const char *expected)
{
    char text[ITEMS_UNREAD];
    items_unread(reflector_items(reflector), text);
    ck_assert_str_eq(text, expected);
}

static int data_of(const char *text, size_t length)
{
    struct err err;
    return reflector_data(reflector, now, text, length, batch, &err);
}

static int data(const char *text)
{
    return data_of(text, strlen(text));
}

static void open_request(void)
{
    now = reflector_deadline(reflector) > now ? reflector_deadline(reflector) : now;
    ck_assert_ptr_nonnull(reflector_next(reflector, now));
    reflector_status(reflector, now, 200, 0);
}

static void end_request(const char *error)
{
    reflector_done(reflector, now, error, batch);
}

#define META(name, uid, version)                                              \
    "\"metadata\":{\"name\":\"" name "\",\"namespace\":\"ns\",\"uid\":\"" uid \
    "\",\"resourceVersion\":\"" version "\",\"annotations\":{\"a\":\"\\u0000\"}}"
#define POD(name, uid, version) "{" META(name, uid, version) ",\"spec\":{\"nodeName\":\"n\"}}"
#define BAD(name, uid, version) "{" META(name, uid, version) ",\"spec\":{nonsense}}"
#define PART(name, uid, version)                                    \
    "{" META(                                                       \
        name, uid,                                                  \
        version) ",\"spec\":{\"nodeName\":\"n\",\"tolerations\":7," \
                 "\"containers\":[{\"resources\":{\"requests\":{\"nvidia.com/gpu\":\"8\"}}}]}}"
#define LIST(items)        "{\"metadata\":{\"resourceVersion\":\"10\"},\"items\":[" items "]}"
#define LINE(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"

static void list(const char *body)
{
    open_request();
    ck_assert_int_eq(data(body), 0);
    end_request(NULL);
    ck_assert(reflector_synced(reflector));
}

START_TEST(a_list_with_bad_items)
{
    list(LIST(POD("a", "u1", "1") "," BAD("b", "u2", "2") "," POD("c", "u3",
                                                                  "3") "," PART("d", "u4", "4")));
    expect_events("a@n(0) c@n(0) d@n(1) ");
    expect_unread("2 objects are not read: ns/b, ns/d");
    ck_assert_uint_eq(reflector_skipped(reflector), 2);
    ck_assert_ptr_nonnull(strstr(logged, "pods: skipped an object: ns/b: malformed JSON: "));
    ck_assert_ptr_nonnull(strstr(logged, "pods: an object counts with what it takes alone: pod "
                                         "ns/d: spec.tolerations: is a number, not an array\n"));
    open_request();
    ck_assert_int_eq(
        data(LINE("MODIFIED", POD("d", "u4", "11")) LINE("DELETED", BAD("b", "u2", "12"))), 0);
    expect_events("d@n(0) ");
    expect_unread("");
}
END_TEST

START_TEST(a_watch_with_bad_lines)
{
    list(LIST(POD("a", "u1", "1") "," POD("b", "u2", "2")));
    open_request();
    expect_events("a@n(0) b@n(0) ");
    ck_assert_int_eq(data(LINE("MODIFIED", BAD("a", "u1", "11"))), 0);
    expect_events(""); /* the last version that could be read stays in force */
    expect_unread("1 object is not read: ns/a");
    ck_assert_int_eq(data(LINE("MODIFIED", BAD("a", "u1", "12"))), 0);
    ck_assert_int_eq(data(LINE("ADDED", BAD("a", "u9", "13"))), 0); /* another pod of that name */
    expect_events("-u1 ");
    ck_assert_int_eq(data(LINE("DELETED", BAD("b", "u2", "14"))), 0);
    expect_events("-u2 ");
    ck_assert_uint_eq(reflector_skipped(reflector), 3);
    end_request(NULL);
    now = reflector_deadline(reflector);
    ck_assert_ptr_nonnull(strstr(reflector_next(reflector, now), "resourceVersion=14"));
}
END_TEST

/* An object of more bytes than are kept, whose names are known. */
static char *make_large(const char *before, const char *object, const char *after)
{
    size_t spot = (size_t)(strstr(object, "\"n\"") - object) + 1;
    size_t room = SPLITTER_PIECE_MAX + strlen(before) + strlen(object) + strlen(after) + 1;
    char *text = alloc_zero(room, 1);
    size_t used = (size_t)snprintf(text, room, "%s%.*s", before, (int)spot, object);
    memset(text + used, 'n', SPLITTER_PIECE_MAX);
    used += SPLITTER_PIECE_MAX;
    (void)snprintf(text + used, room - used, "%s%s", object + spot, after);
    return text;
}

START_TEST(too_large)
{
    char *text =
        make_large("{\"metadata\":{\"resourceVersion\":\"10\"},\"items\":[" POD("a", "u1", "1") ",",
                   POD("b", "u2", "2"), "," POD("c", "u3", "3") "]}");
    list(text);
    free(text);
    expect_events("a@n(0) c@n(0) ");
    expect_unread("1 object is not read: ns/b");
    ck_assert_ptr_nonnull(strstr(logged, "ns/b: its JSON is longer than 16777216 bytes"));
    open_request();
    text = make_large("{\"type\":\"MODIFIED\",\"object\":", POD("a", "u1", "11"),
                      "}\n" LINE("DELETED", POD("c", "u3", "12")));
    ck_assert_int_eq(data(text), 0);
    free(text);
    expect_events("-u3 ");
    expect_unread("2 objects are not read: ns/b, ns/a");
    text = make_large("{\"type\":\"DELETED\",\"object\":", POD("a", "u1", "13"), "}\n");
    ck_assert_int_eq(data(text), 0);
    free(text);
    expect_events("-u1 ");
    ck_assert_int_eq(data(LINE("MODIFIED", POD("b", "u2", "14"))), 0);
    expect_unread("");
}
END_TEST

/* Nobody knows which it is: it may be any that the list does not show otherwise. */
START_TEST(a_nameless_item_makes_nothing_disappear)
{
    list(LIST(POD("a", "u1", "1") "," POD("b", "u2", "2")));
    expect_events("a@n(0) b@n(0) ");
    for (int round = 0; round < 2; round++) {
        open_request();
        ck_assert_int_eq(data(LINE("ERROR", "{\"code\":410}")), -1);
        end_request("aborted");
        list(round == 0 ? LIST(POD("a", "u1", "1") ",nonsense") : LIST(POD("a", "u1", "1")));
        expect_events(round == 0 ? "" : "-u2 ");
    }
    ck_assert_ptr_nonnull(strstr(logged, "pods: skipped an object: it has no name\n"));
}
END_TEST

static size_t count_in(const char *text, const char *what)
{
    size_t count = 0;
    for (const char *at = strstr(text, what); at != NULL; at = strstr(at + 1, what)) {
        count++;
    }
    return count;
}

/* Whoever writes objects cannot fill a log; and what is shown stays short. */
START_TEST(many_bad_objects)
{
    list(LIST(""));
    open_request();
    for (int version = 0; version < 3; version++) {
        for (int i = 0; i < 50; i++) {
            char text[512];
            (void)snprintf(
                text, sizeof text,
                "{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"p%d\","
                "\"namespace\":\"ns\",\"uid\":\"u%d\",\"resourceVersion\":\"%d\"},bad}}\n",
                i, i, 100 + version);
            ck_assert_int_eq(data(text), 0);
        }
    }
    ck_assert_uint_eq(count_in(logged, "skipped an object"), ITEMS_NAMED);
    ck_assert_uint_eq(reflector_skipped(reflector), 150);
    ck_assert_uint_eq(items_unread_count(reflector_items(reflector)), 50);
    expect_unread("50 objects are not read: ns/p0, ns/p1, ns/p2, ns/p3, ns/p4, ns/p5, ns/p6, "
                  "ns/p7, …");
    now += 61000;
    ck_assert_int_eq(data(LINE("ADDED", BAD("late", "u", "999"))), 0);
    ck_assert_ptr_nonnull(strstr(logged, "pods: 40 more objects were skipped\n"));
    ck_assert_ptr_nonnull(strstr(logged, "skipped an object: ns/late"));
    for (int i = 0; i < 8; i++) {
        char text[512];
        (void)snprintf(text, sizeof text,
                       "{\"type\":\"DELETED\",\"object\":{\"metadata\":{\"name\":\"p%d\","
                       "\"namespace\":\"ns\",\"uid\":\"u%d\",\"resourceVersion\":\"200\"}}}\n",
                       i, i);
        ck_assert_int_eq(data(text), 0);
    }
    expect_unread("43 objects are not read: see the log");
}
END_TEST

/* A watch that the server accepts and that breaks at its first line, again and again. */
START_TEST(a_watch_that_keeps_failing)
{
    list(LIST(""));
    int64_t heard = reflector_heard(reflector);
    int64_t first = 0;
    ck_assert_int_eq(reflector_failing(reflector, now), -1);
    for (int i = 0; i < 40; i++) {
        open_request();
        ck_assert_int_eq(data("<html>\n"), -1);
        end_request("malformed watch event");
        first = i == 0 ? now : first;
        ck_assert_int_eq(reflector_failing(reflector, now), now - first);
    }
    ck_assert_int_eq(reflector_heard(reflector), heard);
    ck_assert_uint_eq(reflector_failures(reflector), 40);
    ck_assert_uint_eq(reflector_restarts(reflector), 39);
    ck_assert_ptr_nonnull(strstr(reflector_trouble(reflector), "pods: watch failed: malformed"));
    ck_assert_uint_eq(count_in(logged, "\n"), 1); /* said once */
    /* Open for a while, or a line: it works again. */
    open_request();
    ck_assert_int_ge(reflector_failing(reflector, now), 60000);
    ck_assert_int_ge(reflector_failing(reflector, now + 4999), 60000);
    ck_assert_int_eq(reflector_failing(reflector, now + 5000), -1);
    ck_assert_int_eq(data(LINE("ADDED", POD("a", "u1", "11"))), 0);
    ck_assert_int_eq(reflector_failing(reflector, now), -1);
    ck_assert_ptr_nonnull(strstr(logged, "pods: watching again\n"));
    end_request(NULL);
    ck_assert_int_eq(reflector_failing(reflector, now), -1);
}
END_TEST

START_TEST(a_list_that_keeps_failing)
{
    for (int i = 0; i < 5; i++) {
        open_request();
        ck_assert_int_eq(data("{\"items\":["), 0);
        end_request(NULL);
    }
    ck_assert_int_eq(reflector_failing(reflector, now), now - 1000);
    ck_assert_int_eq(reflector_heard(reflector), -1);
    list(LIST(""));
    ck_assert_int_eq(reflector_failing(reflector, now), now - 1000); /* no watch yet */
    open_request();
    ck_assert_int_eq(reflector_failing(reflector, now + 5000), -1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reflector_odd");
    TCase *tests = tcase_create("reflector_odd");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_list_with_bad_items);
    tcase_add_test(tests, a_watch_with_bad_lines);
    tcase_add_test(tests, too_large);
    tcase_add_test(tests, a_nameless_item_makes_nothing_disappear);
    tcase_add_test(tests, many_bad_objects);
    tcase_add_test(tests, a_watch_that_keeps_failing);
    tcase_add_test(tests, a_list_that_keeps_failing);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
