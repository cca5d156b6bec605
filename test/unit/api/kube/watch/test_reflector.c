// SPDX-License-Identifier: Apache-2.0
#include "api/kube/watch/reflector.h"

#include <stdio.h>
#include <string.h>

#include "test/unit/check_main.h"

/* A reflector, a clock, what it handed out and what it logged. */
static struct reflector *reflector;
static struct kube_batch *batch;
static int64_t now;
static char logged[4096];
static char told[4096];

static void keep_log(void *context, int level, const char *message)
{
    (void)context;
    (void)level;
    size_t used = strlen(logged);
    (void)snprintf(logged + used, sizeof logged - used, "%s\n", message);
}

static void begin(enum reflector_kind kind)
{
    const struct kube_log log = {.write = keep_log};
    reflector = reflector_create(kind, 7, &log);
    batch = kube_batch_create();
    now = 1000;
    logged[0] = '\0';
}

static void teardown(void)
{
    reflector_destroy(reflector);
    kube_batch_destroy(batch);
}

/* The events since the last call, as text. */
static const char *events(void)
{
    size_t used = 0;
    told[0] = '\0';
    for (size_t i = 0; i < batch->count; i++) {
        const struct event *event = &batch->events[i];
        char *out = told + used;
        size_t room = sizeof told - used;
        if (event->type == EVENT_NODE) {
            used += (size_t)snprintf(out, room, "node %s; ", event->node.name);
        } else if (event->type == EVENT_NODE_GONE) {
            used += (size_t)snprintf(out, room, "node-gone %s; ", event->node_name);
        } else if (event->type == EVENT_POD) {
            used += (size_t)snprintf(out, room, "pod %s/%s %s %s; ", event->pod.name_space,
                                     event->pod.name, event->pod.uid,
                                     event->pod.node == NULL ? "-" : event->pod.node);
        } else if (event->type == EVENT_POD_GONE) {
            used += (size_t)snprintf(out, room, "pod-gone %s; ", event->pod_uid);
        } else if (event->type == EVENT_GROUP) {
            used += (size_t)snprintf(out, room, "group %s/%s %d; ", event->group.name_space,
                                     event->group.name, event->group.minimum);
        } else if (event->type == EVENT_GROUP_GONE) {
            used += (size_t)snprintf(out, room, "group-gone %s/%s; ", event->group_gone.name_space,
                                     event->group_gone.name);
        }
    }
    kube_batch_destroy(batch);
    batch = kube_batch_create();
    return told;
}

static void expect_events(const char *expected)
{
    const char *text = events();
    ck_assert_msg(strcmp(text, expected) == 0, "told \"%s\", not \"%s\"", text, expected);
}

/* The request must be there now and start like this. */
static void expect_request(const char *start)
{
    const char *target = reflector_next(reflector, now);
    ck_assert_msg(target != NULL, "no request at %lld, only at %lld", (long long)now,
                  (long long)reflector_deadline(reflector));
    ck_assert_msg(strncmp(target, start, strlen(start)) == 0, "%s", target);
    ck_assert_ptr_null(reflector_next(reflector, now));
}

/* No request before a delay in this range; the clock then stands at its end. */
static void expect_delay(int64_t least, int64_t most)
{
    int64_t wake = reflector_deadline(reflector);
    ck_assert_msg(wake - now >= least && wake - now <= most, "delay %lld", (long long)(wake - now));
    if (wake > now) {
        ck_assert_ptr_null(reflector_next(reflector, wake - 1));
    }
    now = wake;
}

static void status(int code)
{
    reflector_status(reflector, now, code, 0);
}

static int data(const char *text)
{
    struct err err;
    return reflector_data(reflector, now, text, strlen(text), batch, &err);
}

static void done(const char *error)
{
    reflector_done(reflector, now, error, batch);
}

static void answer(int code, const char *body)
{
    status(code);
    ck_assert_int_eq(data(body), 0);
    done(NULL);
}

#define META(name, version) \
    "\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"" version "\"}"
#define NODE(name, version) "{" META(name, version) "}"
#define POD(name, uid, version, spec)                                          \
    "{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"ns\",\"uid\":\"" uid \
    "\",\"resourceVersion\":\"" version "\"},\"spec\":{" spec "}}"
#define GROUP(name, version, minimum)                                                          \
    "{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"ns\",\"resourceVersion\":\"" version \
    "\"},\"spec\":{\"minMember\":" minimum "}}"
#define LIST(version, resume, items)                                            \
    "{\"metadata\":{\"resourceVersion\":\"" version "\",\"continue\":\"" resume \
    "\"},\"items\":[" items "]}"
#define LINE(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"
#define BOOKMARK(version)  LINE("BOOKMARK", "{\"metadata\":{\"resourceVersion\":\"" version "\"}}")

static void start_watch(const char *list)
{
    expect_request("/api/v1/");
    answer(200, list);
    ck_assert(reflector_synced(reflector));
    (void)events();
    ck_assert_ptr_nonnull(strstr(reflector_next(reflector, now), "watch=true"));
    status(200);
}

START_TEST(lists_and_watches)
{
    begin(REFLECTOR_NODES);
    ck_assert_int_eq(reflector_heard(reflector), -1);
    expect_request("/api/v1/nodes?limit=500");
    ck_assert_int_eq(reflector_deadline(reflector), now + 60000);
    answer(200, LIST("10", "a+/=", NODE("n1", "1") "," NODE("n2", "2")));
    ck_assert(!reflector_synced(reflector));
    expect_events("node n1; node n2; ");
    expect_request("/api/v1/nodes?limit=500&continue=a%2B%2F%3D");
    now += 50;
    answer(200, LIST("10", "", NODE("n3", "3")));
    ck_assert(reflector_synced(reflector));
    ck_assert_int_eq(reflector_heard(reflector), now);
    expect_events("node n3; ");
    const char *target = reflector_next(reflector, now);
    long long seconds = 0;
    ck_assert_int_eq(sscanf(target,
                            "/api/v1/nodes?watch=true&allowWatchBookmarks=true&timeoutSeconds=%lld&"
                            "resourceVersion=10",
                            &seconds),
                     1);
    ck_assert(seconds >= 300 && seconds <= 600);
    ck_assert_int_eq(reflector_deadline(reflector), now + 60000);
    ck_assert_uint_eq(reflector_restarts(reflector), 0);
    status(200);
    ck_assert_int_eq(data(LINE("ADDED", NODE("n4", "11")) LINE("MODIFIED", NODE("n1", "12"))), 0);
    expect_events("node n4; node n1; ");
    ck_assert_int_eq(data("{\"type\":\"DELETED\",\"object\":{\"metadata\":{\"na"), 0);
    ck_assert_int_eq(data("me\":\"n2\",\"resourceVersion\":\"13\"}}}\n"), 0);
    expect_events("node-gone n2; ");
    now += 400000;
    ck_assert_int_eq(data(BOOKMARK("99")), 0);
    ck_assert_int_eq(reflector_heard(reflector), now);
    done(NULL);
    expect_events("");
    ck_assert_ptr_nonnull(strstr(reflector_next(reflector, now), "resourceVersion=99"));
    ck_assert_uint_eq(reflector_restarts(reflector), 1);
    ck_assert_str_eq(logged, "");
}
END_TEST

/* The same answers, every possible portion: the same events. */
START_TEST(portions_do_not_matter)
{
    static const char LINES[] = LINE("ADDED", POD("p", "u1", "5", "")) BOOKMARK("6")
        LINE("MODIFIED", POD("p", "u1", "7", "\"nodeName\":\"n\""))
            LINE("DELETED", POD("p", "u1", "8", ""));
    for (size_t cut = 0; cut < sizeof LINES; cut++) {
        begin(REFLECTOR_PODS);
        start_watch(LIST("4", "", ""));
        struct err err;
        ck_assert_int_eq(reflector_data(reflector, now, LINES, cut, batch, &err), 0);
        ck_assert_int_eq(
            reflector_data(reflector, now, LINES + cut, sizeof LINES - 1 - cut, batch, &err), 0);
        expect_events("pod ns/p u1 -; pod ns/p u1 n; pod-gone u1; ");
        done("connection reset");
        now = reflector_deadline(reflector);
        ck_assert_ptr_nonnull(strstr(reflector_next(reflector, now), "resourceVersion=8"));
        if (cut + 1 < sizeof LINES) {
            teardown();
        }
    }
}
END_TEST

START_TEST(relist_is_a_difference)
{
    begin(REFLECTOR_PODS);
    start_watch(LIST("10", "",
                     POD("same", "u1", "1", "") "," POD("changed", "u2", "2", "") "," POD(
                         "lost", "u3", "3", "") "," POD("again", "u4", "4", "")));
    now += 5000;
    ck_assert_int_eq(
        data(LINE("ERROR", "{\"kind\":\"Status\",\"code\":410,\"message\":\"too old\"}")), -1);
    done("aborted");
    expect_request("/api/v1/pods?limit=500");
    answer(200, LIST("20", "",
                     POD("same", "u1", "1", "") "," POD(
                         "changed", "u2", "12",
                         "\"nodeName\":\"n\"") "," POD("again", "u5", "14", "") "," POD("new", "u6",
                                                                                        "15", "")));
    expect_events(
        "pod ns/changed u2 n; pod-gone u4; pod ns/again u5 -; pod ns/new u6 -; pod-gone u3; ");
    ck_assert_ptr_nonnull(strstr(reflector_next(reflector, now), "resourceVersion=20"));
    ck_assert_uint_eq(reflector_restarts(reflector), 1);
}
END_TEST

START_TEST(pod_with_another_uid_is_another_pod)
{
    begin(REFLECTOR_PODS);
    start_watch(LIST("10", "", POD("p", "u1", "1", "")));
    ck_assert_int_eq(data(LINE("ADDED", POD("p", "u2", "11", ""))), 0);
    expect_events("pod-gone u1; pod ns/p u2 -; ");
    /* seen twice: nothing new */
    ck_assert_int_eq(data(LINE("ADDED", POD("p", "u2", "11", ""))), 0);
    expect_events("");
    /* The new one cannot be read: the old one is gone all the same. */
    ck_assert_int_eq(data(LINE("ADDED", POD("p", "u3", "12", "\"nodeName\":1"))), 0);
    expect_events("pod-gone u2; ");
    ck_assert_int_eq(data(LINE("DELETED", POD("p", "u3", "13", ""))), 0);
    expect_events("");
    ck_assert_int_eq(data(LINE("DELETED", POD("stranger", "u9", "14", ""))), 0);
    expect_events("");
}
END_TEST

START_TEST(skips_what_cannot_be_decoded)
{
    begin(REFLECTOR_GROUPS);
    expect_request("/apis/scheduling.x-k8s.io/v1alpha1/podgroups?limit=500");
    answer(200, LIST("10", "",
                     GROUP("a", "1", "\"four\"") ",{\"metadata\":{}},7," GROUP("b", "2", "4")));
    expect_events("group ns/b 4; ");
    ck_assert_uint_eq(reflector_skipped(reflector), 3);
    ck_assert_ptr_nonnull(strstr(logged, "podgroups: skipped an object: pod group ns/a: "
                                         "spec.minMember: is a string, not an integer"));
    (void)reflector_next(reflector, now);
    status(200);
    /* The last version that could be read stays; a later good one counts. */
    ck_assert_int_eq(data(LINE("MODIFIED", GROUP("b", "11", "[]"))), 0);
    expect_events("");
    ck_assert_int_eq(
        data(LINE("MODIFIED", GROUP("b", "12", "5")) LINE("DELETED", GROUP("a", "13", "1"))), 0);
    expect_events("group ns/b 5; ");
    ck_assert_int_eq(data(LINE("DELETED", GROUP("b", "14", "5"))), 0);
    expect_events("group-gone ns/b; ");
    ck_assert_uint_eq(reflector_skipped(reflector), 4);
}
END_TEST

START_TEST(expired_both_ways)
{
    begin(REFLECTOR_NODES);
    start_watch(LIST("10", "", NODE("n1", "1")));
    done(NULL); /* ended at once, without a word */
    expect_delay(800, 1600);
    ck_assert_ptr_nonnull(strstr(reflector_next(reflector, now), "watch=true"));
    answer(410, "{\"message\":\"too old resource version\"}");
    ck_assert_ptr_nonnull(strstr(logged, "nodes: watch failed: 410: too old resource version"));
    expect_request("/api/v1/nodes?limit=500");
    answer(200, LIST("20", "", NODE("n2", "2")));
    expect_events("node n2; node-gone n1; ");
    expect_request("/api/v1/nodes?watch=true");
    status(200);
    ck_assert_ptr_nonnull(strstr(logged, "nodes: watching again"));
    /* at once: no hurry, or the two would chase each other */
    ck_assert_int_eq(data(LINE("ERROR", "{\"code\":410}")), -1);
    done("aborted");
    expect_delay(3200, 6400);
    expect_request("/api/v1/nodes?limit=500");
}
END_TEST

/* The version from before an outage is too old: listing again cannot wait for a backoff. */
START_TEST(expired_after_an_outage)
{
    begin(REFLECTOR_NODES);
    start_watch(LIST("10", "", NODE("n1", "1")));
    now += 5000;
    ck_assert_int_eq(data(BOOKMARK("11")), 0);
    done("reset");
    expect_delay(800, 1600);
    expect_request("/api/v1/nodes?watch=true");
    status(200);
    ck_assert_int_eq(data(LINE("ERROR", "{\"code\":410}")), -1);
    done("aborted");
    expect_request("/api/v1/nodes?limit=500");
}
END_TEST

START_TEST(expired_pages_start_over)
{
    begin(REFLECTOR_NODES);
    expect_request("/api/v1/nodes?limit=500");
    answer(200, LIST("10", "next", NODE("n1", "1")));
    expect_request("/api/v1/nodes?limit=500&continue=next");
    answer(410, "{}");
    expect_delay(800, 1600);
    const char *target = reflector_next(reflector, now);
    ck_assert_str_eq(target, "/api/v1/nodes?limit=500");
    answer(200, LIST("11", "", NODE("n2", "2")));
    expect_events("node n1; node n2; node-gone n1; ");
}
END_TEST

/* A page that could not be had is asked for again, not the whole list. */
START_TEST(lost_page_is_asked_again)
{
    begin(REFLECTOR_NODES);
    expect_request("/api/v1/nodes?limit=500");
    answer(200, LIST("10", "next", NODE("n1", "1")));
    expect_request("/api/v1/nodes?limit=500&continue=next");
    status(200);
    ck_assert_int_eq(data("{\"items\":[" NODE("n2", "2")), 0);
    done("connection reset by peer");
    expect_delay(800, 1600);
    expect_request("/api/v1/nodes?limit=500&continue=next");
    status(200);
    ck_assert_int_eq(data("{\"items\":["), 0);
    done(NULL); /* cut off without an error */
    ck_assert_ptr_nonnull(strstr(logged, "malformed list: truncated"));
    expect_delay(1600, 3200);
    expect_request("/api/v1/nodes?limit=500&continue=next");
    answer(200, LIST("10", "", NODE("n2", "2")));
    expect_events("node n1; node n2; ");
    ck_assert(reflector_synced(reflector));
}
END_TEST

START_TEST(backs_off_and_forgets)
{
    begin(REFLECTOR_PODS);
    int64_t least = 800;
    for (int i = 0; i < 8; i++) {
        expect_request("/api/v1/pods?limit=500");
        done("connection refused");
        expect_delay(least, 2 * least);
        least = least * 2 < 5000 ? least * 2 : 5000;
    }
    ck_assert_str_eq(logged, "pods: list failed: connection refused; trying again\n");
    start_watch(LIST("10", "", ""));
    ck_assert_ptr_nonnull(strstr(logged, "pods: watching again\n"));
    now += 20000;
    ck_assert_int_eq(data(BOOKMARK("11")), 0);
    done("reset");
    expect_delay(5000, 10000); /* not healthy for long enough */
    expect_request("/api/v1/pods?watch=true");
    status(200);
    now += 130000;
    ck_assert_int_eq(data(BOOKMARK("12")), 0);
    done("reset");
    expect_delay(800, 1600);
    expect_request("/api/v1/pods?watch=true");
}
END_TEST

START_TEST(equal_seeds_equal_delays)
{
    int64_t delays[2][6];
    for (size_t run = 0; run < 2; run++) {
        begin(REFLECTOR_PODS);
        for (size_t i = 0; i < 6; i++) {
            expect_request("/api/v1/pods?limit=500");
            done("no");
            delays[run][i] = reflector_deadline(reflector) - now;
            now = reflector_deadline(reflector);
        }
        if (run == 0) {
            teardown();
        }
    }
    ck_assert_mem_eq(delays[0], delays[1], sizeof delays[0]);
}
END_TEST

START_TEST(obeys_retry_after)
{
    begin(REFLECTOR_PODS);
    expect_request("/api/v1/pods?limit=500");
    reflector_status(reflector, now, 429, 7000);
    ck_assert_int_eq(data("{\"message\":\"slow down\"}"), 0);
    done(NULL);
    ck_assert_ptr_nonnull(strstr(logged, "429: slow down"));
    expect_delay(7000, 7000);
    expect_request("/api/v1/pods?limit=500");
    reflector_status(reflector, now, 429, 99999999);
    done(NULL);
    expect_delay(120000, 120000); /* within reason */
}
END_TEST

START_TEST(missing_kind_is_empty)
{
    begin(REFLECTOR_GROUPS);
    for (int i = 0; i < 3; i++) {
        expect_request("/apis/scheduling.x-k8s.io/v1alpha1/podgroups?limit=500");
        answer(404, "404 page not found\n");
        ck_assert(reflector_synced(reflector));
        expect_delay(30000, 30000);
    }
    ck_assert_str_eq(
        logged, "podgroups: there is no such kind in this cluster; looking again every 30 s\n");
    expect_request("/apis/");
    answer(200, LIST("10", "", GROUP("g", "1", "4")));
    expect_events("group ns/g 4; ");
    expect_request("/apis/scheduling.x-k8s.io/v1alpha1/podgroups?watch=true");
    status(200);
    ck_assert_ptr_nonnull(strstr(logged, "\npodgroups: the kind exists now\n"));
    now += 1000;
    done("reset");
    now = reflector_deadline(reflector);
    /* The kind is deleted, and its objects with it. */
    expect_request("/apis/scheduling.x-k8s.io/v1alpha1/podgroups?watch=true");
    answer(404, "404 page not found\n");
    now = reflector_deadline(reflector);
    expect_request("/apis/scheduling.x-k8s.io/v1alpha1/podgroups?limit=500");
    answer(404, "404 page not found\n");
    expect_events("group-gone ns/g; ");
    expect_delay(30000, 30000);
}
END_TEST

/* Nodes and pods exist everywhere: there 404 is a wrong address. */
START_TEST(missing_nodes_are_an_error)
{
    begin(REFLECTOR_NODES);
    expect_request("/api/v1/nodes?limit=500");
    answer(404, "404 page not found\n");
    ck_assert(!reflector_synced(reflector));
    ck_assert_str_eq(logged, "nodes: list failed: 404: 404 page not found ; trying again\n");
    expect_delay(800, 1600);
}
END_TEST

START_TEST(forbidden_is_logged_once)
{
    begin(REFLECTOR_NODES);
    for (int i = 0; i < 4; i++) {
        now = reflector_deadline(reflector) > now ? reflector_deadline(reflector) : now;
        expect_request("/api/v1/nodes?limit=500");
        answer(403, "{\"kind\":\"Status\",\"message\":\"nodes is forbidden: User \\\"x\\\"\"}");
    }
    ck_assert(!reflector_synced(reflector));
    ck_assert_str_eq(logged,
                     "nodes: list failed: 403: nodes is forbidden: User \"x\"; trying again\n");
}
END_TEST

/* The watch is refused again and again although the list works: the version must be the reason. */
START_TEST(refused_watches_lead_to_a_list)
{
    begin(REFLECTOR_PODS);
    expect_request("/api/v1/pods?limit=500");
    answer(200, LIST("10", "", ""));
    for (int i = 0; i < 3; i++) {
        expect_request("/api/v1/pods?watch=true");
        answer(500, "");
        ck_assert_ptr_nonnull(strstr(logged, "500: no explanation"));
        now = reflector_deadline(reflector);
    }
    expect_request("/api/v1/pods?limit=500");
}
END_TEST

START_TEST(other_errors_lead_to_a_list)
{
    begin(REFLECTOR_PODS);
    start_watch(LIST("10", "", ""));
    ck_assert_int_eq(
        data(LINE("ERROR", "{\"code\":504,\"message\":\"Too large resource version\"}")), -1);
    done("aborted");
    ck_assert_ptr_nonnull(strstr(logged, "pods: watch failed: the watch said 504: Too large"));
    expect_delay(800, 1600);
    expect_request("/api/v1/pods?limit=500");
}
END_TEST

START_TEST(nonsense_on_the_watch)
{
    begin(REFLECTOR_PODS);
    start_watch(LIST("10", "", ""));
    ck_assert_int_eq(data("<html>\n"), -1);
    done("malformed watch event");
    now = reflector_deadline(reflector);
    ck_assert_ptr_nonnull(strstr(reflector_next(reflector, now), "resourceVersion=10"));
    status(200);
    /* types of the future are passed over */
    ck_assert_int_eq(data(LINE("SHINY", POD("p", "u", "11", "")) LINE("ADDED", "null") "[]\n"), 0);
    expect_events("");
    ck_assert_uint_eq(reflector_skipped(reflector), 1);
}
END_TEST

/* Not even bookmarks in a whole watch: the version may be from before a restored backup. */
START_TEST(suspicious_silence_leads_to_a_list)
{
    begin(REFLECTOR_NODES);
    start_watch(LIST("10", "", ""));
    now += 300000;
    done(NULL);
    expect_request("/api/v1/nodes?limit=500");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reflector");
    TCase *tests = tcase_create("reflector");
    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_add_test(tests, lists_and_watches);
    tcase_add_test(tests, portions_do_not_matter);
    tcase_add_test(tests, relist_is_a_difference);
    tcase_add_test(tests, pod_with_another_uid_is_another_pod);
    tcase_add_test(tests, skips_what_cannot_be_decoded);
    tcase_add_test(tests, expired_both_ways);
    tcase_add_test(tests, expired_after_an_outage);
    tcase_add_test(tests, expired_pages_start_over);
    tcase_add_test(tests, lost_page_is_asked_again);
    tcase_add_test(tests, backs_off_and_forgets);
    tcase_add_test(tests, equal_seeds_equal_delays);
    tcase_add_test(tests, obeys_retry_after);
    tcase_add_test(tests, missing_kind_is_empty);
    tcase_add_test(tests, missing_nodes_are_an_error);
    tcase_add_test(tests, forbidden_is_logged_once);
    tcase_add_test(tests, refused_watches_lead_to_a_list);
    tcase_add_test(tests, other_errors_lead_to_a_list);
    tcase_add_test(tests, nonsense_on_the_watch);
    tcase_add_test(tests, suspicious_silence_leads_to_a_list);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
