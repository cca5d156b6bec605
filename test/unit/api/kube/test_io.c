// SPDX-License-Identifier: Apache-2.0
#include "api/kube/io.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/base/clock.h"
#include "test/unit/api/kube/fake_api.h"
#include "test/unit/check_main.h"
#include "topology/base/alloc.h"

#define PATIENCE_MS 60000 /* nothing waits that long when it works */

/* The core's side: what it was told, in order, and the world that follows from it. */
#define TOLD_MAX (1u << 20)

static struct fake_api *api;
static struct kube_io *io;
static char *told;
static size_t told_length;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static char logged[16384];

static void take_log(void *context, int level, const char *message)
{
    (void)pthread_mutex_lock(&log_lock);
    size_t used = strlen(logged);
    (void)snprintf(logged + used, sizeof logged - used, "%s\n", message);
    (void)pthread_mutex_unlock(&log_lock);
}

static bool was_logged(const char *text)
{
    (void)pthread_mutex_lock(&log_lock);
    bool found = strstr(logged, text) != NULL;
    (void)pthread_mutex_unlock(&log_lock);
    return found;
}

static void start_io(uint16_t port, const char *token_file)
{
    char server[64];
    struct err err;
    char *file = alloc_string(token_file);
    (void)snprintf(server, sizeof server, "http://127.0.0.1:%u", port);
    struct kube_access access = {.server = server, .token_file = file};
    const struct kube_io_options options = {
        .access = &access, .writes_in_flight = 16, .write_patience_ms = 20000, .log = take_log};
    ck_assert_msg(kube_io_create(&options, &io, &err) == 0, "%s", err.text);
    free(file);
}

static void setup(void)
{
    told = alloc_zero(TOLD_MAX, 1);
    api = fake_api_create(0);
    ck_assert_ptr_nonnull(api);
}

static void teardown(void)
{
    kube_io_destroy(io, 0);
    fake_api_destroy(api);
    free(told);
}

static void tell(const char *verb, const char *what, const char *more)
{
    int length = snprintf(told + told_length, TOLD_MAX - told_length, "%s %s%s%s\n", verb, what,
                          more[0] == '\0' ? "" : " ", more);
    ck_assert(length > 0 && (size_t)length < TOLD_MAX - told_length);
    told_length += (size_t)length;
}

static void tell_event(const struct event *event)
{
    static const char *const OUTCOMES[] = {"done", "gone", "refused", "unknown"};
    switch (event->type) {
    case EVENT_NODE:
        tell("node", event->node.name, "");
        break;
    case EVENT_DEVICES:
        tell("devices", event->node.name, "");
        break;
    case EVENT_NODE_GONE:
        tell("node-gone", event->node_name, "");
        break;
    case EVENT_POD:
        tell("pod", event->pod.uid, event->pod.node == NULL ? "" : event->pod.node);
        break;
    case EVENT_POD_GONE:
        tell("pod-gone", event->pod_uid, "");
        break;
    case EVENT_GROUP:
        tell("group", event->group.name, "");
        break;
    case EVENT_GROUP_GONE:
        tell("group-gone", event->group_gone.name, "");
        break;
    case EVENT_SYNCED:
        tell("synced", "all", "");
        break;
    case EVENT_BINDING_DONE:
        tell("bound", event->done.uid, OUTCOMES[event->done.outcome]);
        break;
    case EVENT_NOMINATION_DONE:
        tell("nominated", event->done.uid, OUTCOMES[event->done.outcome]);
        break;
    case EVENT_FILTER ... EVENT_BIND_GIVE_UP:
    case EVENT_TICK ... EVENT_CHECKPOINT:
        ck_abort_msg("not an event of this side");
    }
}

static size_t times_told(const char *line)
{
    size_t count = 0;
    size_t length = strlen(line);
    for (const char *found = told; (found = strstr(found, line)) != NULL; found += length) {
        count += (found == told || found[-1] == '\n') && found[length] == '\n';
    }
    return count;
}

/* Takes what comes until the line was told that many times. */
static void wait_told(const char *line, size_t times)
{
    int64_t end = clock_ms() + PATIENCE_MS;
    while (times_told(line) < times) {
        struct pollfd poll_fd = {.fd = kube_io_fd(io), .events = POLLIN};
        ck_assert_msg(clock_ms() < end, "never told \"%s\", but:\n%s\nlog:\n%s", line, told,
                      logged);
        if (poll(&poll_fd, 1, 1000) == 0) {
            continue;
        }
        struct kube_batch *batch = kube_io_take(io);
        ck_assert_ptr_nonnull(batch);
        for (size_t i = 0; i < batch->count; i++) {
            tell_event(&batch->events[i]);
        }
        kube_batch_destroy(batch);
    }
}

static void forget_log(void)
{
    (void)pthread_mutex_lock(&log_lock);
    logged[0] = '\0';
    (void)pthread_mutex_unlock(&log_lock);
}

static void wait_logged(const char *text)
{
    int64_t end = clock_ms() + PATIENCE_MS;
    while (!was_logged(text)) {
        ck_assert_msg(clock_ms() < end, "never logged \"%s\", but %s", text, logged);
        (void)poll(NULL, 0, 5);
    }
}

/* Whether `first` was told before `second`. */
static bool told_before(const char *first, const char *second)
{
    const char *a = strstr(told, first);
    const char *b = strstr(told, second);
    return a != NULL && b != NULL && a < b;
}

static void put_node(int number)
{
    char text[512];
    (void)snprintf(
        text, sizeof text,
        "{\"metadata\":{\"name\":\"n%d\",\"uid\":\"x%d\",\"labels\":{\"rack\":\"r\\u00e9%d\"}},"
        "\"status\":{\"allocatable\":{\"cpu\":\"8\",\"nvidia.com/gpu\":\"8\"}}}",
        number, number, number % 7);
    fake_api_put(api, FAKE_NODES, text);
}

static const char *pod_text(const char *name, const char *uid)
{
    static char text[512];
    (void)snprintf(
        text, sizeof text,
        "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"ns\",\"uid\":\"%s\"},\"spec\":{"
        "\"containers\":[{\"name\":\"c\",\"resources\":{\"requests\":{\"cpu\":\"1\"}}}]}}",
        name, uid);
    return text;
}

static const char *group_text(const char *name)
{
    static char text[512];
    (void)snprintf(text, sizeof text,
                   "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"ns\",\"uid\":\"g\"},\"spec\":{"
                   "\"minMember\":4}}",
                   name);
    return text;
}

static void submit(enum effect_type type, const char *name, const char *uid, const char *node)
{
    const struct effect effect = {
        .type = type,
        .write = {.name_space = "ns", .name = name, .uid = uid, .node = node, .rank = -1}};
    kube_io_submit(io, &effect);
}

/* Bytes in portions of 1, 2, 3, … and pages of 3: the same world. */
START_TEST(lists_pages_in_any_portions)
{
    static const size_t PORTIONS[] = {0, 1, 2, 3, 7, 64};
    fake_api_shape(api, 3, PORTIONS[_i]);
    for (int i = 0; i < 10; i++) {
        put_node(i);
    }
    fake_api_put(api, FAKE_PODS, pod_text("p", "u"));
    fake_api_put(api, FAKE_GROUPS, group_text("g"));
    start_io(fake_api_port(api), NULL);
    wait_told("synced all", 1);
    for (int i = 0; i < 10; i++) {
        char line[32];
        (void)snprintf(line, sizeof line, "node n%d", i);
        ck_assert_uint_eq(times_told(line), 1);
        ck_assert(told_before(line, "synced"));
    }
    ck_assert(told_before("pod u", "synced"));
    ck_assert(told_before("group g", "synced"));
    ck_assert_uint_eq(fake_api_count(api, "GET /api/v1/nodes?limit=500"), 4);
    put_node(10);
    fake_api_delete(api, FAKE_NODES, "", "n3");
    fake_api_put(api, FAKE_PODS, pod_text("p", "other"));
    fake_api_delete(api, FAKE_GROUPS, "ns", "g");
    wait_told("node n10", 1);
    wait_told("node-gone n3", 1);
    wait_told("pod other", 1);
    wait_told("group-gone g", 1);
    ck_assert(told_before("pod-gone u", "pod other"));
    ck_assert_uint_eq(times_told("synced all"), 1);
    struct kube_io_status status;
    kube_io_status(io, &status);
    for (size_t i = 0; i < 3; i++) {
        ck_assert(status.synced[i]);
        ck_assert_uint_eq(status.watch_restarts[i], 0);
        ck_assert_int_ge(status.silence_ms[i], 0);
    }
    ck_assert_str_eq(logged, "");
}
END_TEST

/* The watch ends in order after bookmarks: it goes on from the last one. */
START_TEST(resumes_from_bookmarks)
{
    put_node(1);
    start_io(fake_api_port(api), NULL);
    wait_told("synced all", 1);
    ck_assert(fake_api_wait(api, "watch=true", 3));
    fake_api_bookmark(api);
    put_node(2);
    wait_told("node n2", 1);
    fake_api_end_watches(api, false);
    ck_assert(fake_api_wait(api, "nodes?watch=true", 2));
    put_node(3);
    wait_told("node n3", 1);
    ck_assert_uint_eq(times_told("node n1"), 1);
    ck_assert_uint_eq(times_told("node n2"), 1);
    ck_assert_uint_eq(fake_api_count(api, "nodes?limit"), 1);
}
END_TEST

/* 410, as the answer's status and as an event of the watch: listed again, told as a difference. */
START_TEST(expired_watches)
{
    bool as_event = _i == 1;
    put_node(1);
    put_node(2);
    start_io(fake_api_port(api), NULL);
    wait_told("synced all", 1);
    ck_assert(fake_api_wait(api, "watch=true", 3));
    fake_api_delete_silently(api, FAKE_NODES, "", "n1");
    fake_api_put_silently(api, FAKE_NODES, "{\"metadata\":{\"name\":\"n3\"}}");
    fake_api_compact(api, as_event);
    fake_api_end_watches(api, true);
    wait_told("node-gone n1", 1);
    wait_told("node n3", 1);
    ck_assert_uint_eq(times_told("node n2"), 1);
    ck_assert_uint_eq(times_told("synced all"), 1);
    put_node(4);
    wait_told("node n4", 1);
    ck_assert(was_logged("nodes: watch failed"));
}
END_TEST

/* Connections break in the middle of a list and of a watch event. */
START_TEST(broken_connections)
{
    put_node(1);
    fake_api_mishap(api, &(struct fake_mishap){.match = "/api/v1/nodes?limit", .times = 1});
    fake_api_mishap(api, &(struct fake_mishap){.match = "/api/v1/pods?limit",
                                               .times = 1,
                                               .status = 200,
                                               .headers = "",
                                               .body = "{\"items\":[{\"metadata\":{\"na"});
    fake_api_mishap(api, &(struct fake_mishap){.match = "podgroups?watch",
                                               .times = 1,
                                               .status = 200,
                                               .headers = "",
                                               .body = "<html>\n"});
    start_io(fake_api_port(api), NULL);
    wait_told("synced all", 1);
    ck_assert(fake_api_wait(api, "podgroups?watch", 2));
    ck_assert(fake_api_wait(api, "nodes?watch", 1));
    fake_api_end_watches(api, true);
    ck_assert(fake_api_wait(api, "nodes?watch", 2));
    put_node(2);
    fake_api_put(api, FAKE_GROUPS, group_text("g"));
    wait_told("node n2", 1);
    wait_told("group g", 1);
    ck_assert_uint_eq(times_told("node n1"), 1);
    ck_assert(was_logged("pods: list failed: malformed list: truncated"));
    struct kube_io_status status;
    kube_io_status(io, &status);
    ck_assert_uint_ge(status.watch_restarts[0], 1);
}
END_TEST

/* No server at the start, then there is one; then none again, and again one with another world. */
START_TEST(server_comes_and_goes)
{
    uint16_t port = fake_api_port(api);
    fake_api_destroy(api);
    start_io(port, NULL);
    wait_logged("nodes: list failed");
    struct kube_io_status status;
    kube_io_status(io, &status);
    ck_assert(!status.synced[0]);
    api = fake_api_create(port);
    ck_assert_ptr_nonnull(api);
    put_node(1);
    put_node(2);
    wait_told("synced all", 1);
    wait_logged("nodes: watching again"); /* although nothing has happened on the watch */
    fake_api_destroy(api);
    wait_logged("nodes: watch failed");
    forget_log();
    api = fake_api_create(port);
    ck_assert_ptr_nonnull(api);
    put_node(2);
    put_node(5);
    fake_api_compact(api, false);
    fake_api_end_watches(api, false); /* one may have come back before that */
    wait_told("node n5", 1);
    wait_told("node-gone n1", 1);
    wait_logged("nodes: watching again");
    ck_assert_uint_eq(times_told("synced all"), 1);
}
END_TEST

START_TEST(groups_appear_later)
{
    fake_api_groups_exist(api, false);
    put_node(1);
    start_io(fake_api_port(api), NULL);
    wait_told("synced all", 1);
    ck_assert(was_logged("podgroups: there is no such kind in this cluster"));
    struct kube_io_status status;
    kube_io_status(io, &status);
    ck_assert(status.synced[2]);
}
END_TEST

static void put_token(const char *path, const char *token)
{
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(token, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

/* The token expires; the new one is in the file. Nothing is lost but a few refusals. */
START_TEST(token_is_renewed)
{
    char path[] = "/tmp/test_io_XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(close(fd), 0);
    put_token(path, "first");
    fake_api_token(api, "first");
    fake_api_put(api, FAKE_PODS, pod_text("p", "u"));
    start_io(fake_api_port(api), path);
    wait_told("synced all", 1);
    ck_assert(fake_api_wait(api, "watch=true", 3));
    fake_api_token(api, "second");
    put_token(path, "second");
    submit(EFFECT_POST_BINDING, "p", "u", "n1");
    kube_io_flush(io);
    wait_told("bound u done", 1);
    fake_api_bookmark(api);
    fake_api_end_watches(api, false);
    put_node(9);
    wait_told("node n9", 1);
    struct kube_io_status status;
    kube_io_status(io, &status);
    ck_assert_uint_ge(status.requests_unauthorized, 1);
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

/* An expired token that nobody renews: refused, logged, and the daemon lives. */
START_TEST(token_stays_expired)
{
    fake_api_token(api, "good");
    start_io(fake_api_port(api), NULL);
    wait_logged("pods: list failed: 401: Unauthorized");
    fake_api_token(api, NULL);
    wait_told("synced all", 1);
}
END_TEST

START_TEST(forbidden_is_said_by_name)
{
    fake_api_mishap(api, &(struct fake_mishap){.match = "/api/v1/nodes",
                                               .times = 1,
                                               .status = 403,
                                               .headers = "",
                                               .body = "{\"message\":\"nodes is forbidden\"}"});
    fake_api_mishap(api, &(struct fake_mishap){.match = "/api/v1/pods",
                                               .times = 1,
                                               .status = 429,
                                               .headers = "Retry-After: 1\r\n",
                                               .body = "{\"message\":\"slow down\"}"});
    start_io(fake_api_port(api), NULL);
    wait_told("synced all", 1);
    ck_assert(was_logged("nodes: list failed: 403: nodes is forbidden; trying again"));
    ck_assert(was_logged("pods: list failed: 429: slow down; trying again"));
}
END_TEST

/* What cannot be decoded is skipped by name; the rest goes on. */
START_TEST(bad_objects)
{
    fake_api_put(api, FAKE_NODES,
                 "{\"metadata\":{\"name\":\"bad\"},\"status\":{\"allocatable\":{\"cpu\":\"-1\"}}}");
    put_node(1);
    fake_api_put(api, FAKE_PODS, "{\"metadata\":{\"name\":\"nameless\",\"namespace\":\"ns\"}}");
    start_io(fake_api_port(api), NULL);
    wait_told("synced all", 1);
    ck_assert_uint_eq(times_told("node n1"), 1);
    ck_assert_uint_eq(times_told("node bad"), 0);
    ck_assert(was_logged("node bad: status.allocatable.cpu: quantity \"-1\" is negative"));
    ck_assert(was_logged("pod ns/nameless: metadata.uid: is missing"));
    struct kube_io_status status;
    kube_io_status(io, &status);
    ck_assert_uint_eq(status.objects_skipped[0], 1); /* nodes */
    ck_assert_uint_eq(status.objects_skipped[1], 1);
    ck_assert_uint_eq(status.objects_skipped[2], 0);
    fake_api_put(api, FAKE_NODES, "{\"metadata\":{\"name\":\"bad\"}}");
    wait_told("node bad", 1);
}
END_TEST

/* A gang's worth of writes of all kinds, with what the API server may do to them on the way. */
START_TEST(writes)
{
    char name[32];
    for (int i = 0; i < 64; i++) {
        (void)snprintf(name, sizeof name, "p%d", i);
        fake_api_put(api, FAKE_PODS, pod_text(name, name));
    }
    start_io(fake_api_port(api), NULL);
    wait_told("synced all", 1);
    fake_api_mishap(api, &(struct fake_mishap){.match = "p3/binding", .times = 1, .act = true});
    fake_api_mishap(
        api, &(struct fake_mishap){
                 .match = "p4/binding", .times = 1, .status = 500, .headers = "", .body = ""});
    fake_api_mishap(api, &(struct fake_mishap){.match = "p5/binding",
                                               .times = 1,
                                               .status = 429,
                                               .headers = "Retry-After: 1\r\n",
                                               .body = ""});
    fake_api_mishap(
        api, &(struct fake_mishap){
                 .match = "p6/status", .times = 9, .status = 403, .headers = "", .body = ""});
    for (int i = 0; i < 64; i++) {
        (void)snprintf(name, sizeof name, "p%d", i);
        submit(i < 32 ? EFFECT_POST_BINDING : EFFECT_NOMINATE, name, name, "n1");
    }
    submit(EFFECT_POST_BINDING, "p0", "stranger", "n1");
    submit(EFFECT_POST_BINDING, "nobody", "nobody", "n1");
    submit(EFFECT_NOMINATE, "p6", "p6-not", "n1");
    const struct effect event = {
        .type = EFFECT_EVENT,
        .event = {.name_space = "ns", .name = "p1", .uid = "p1", .reason = "R", .message = "m"}};
    kube_io_submit(io, &event);
    ck_assert_uint_eq(fake_api_count(api, "POST"), 0); /* not before the flush */
    kube_io_flush(io);
    for (int i = 0; i < 64; i++) {
        char line[64];
        (void)snprintf(line, sizeof line, "%s p%d done", i < 32 ? "bound" : "nominated", i);
        wait_told(line, 1);
        (void)snprintf(line, sizeof line, "pod p%d n1", i);
        if (i < 32) {
            wait_told(line, 1); /* and the watch shows it */
        }
    }
    wait_told("bound stranger gone", 1);
    wait_told("bound nobody gone", 1);
    wait_told("nominated p6-not refused", 1);
    ck_assert(fake_api_wait(api, "/events", 1));
    kube_io_destroy(io, PATIENCE_MS); /* the event's answer may still be coming */
    io = NULL;
    ck_assert_uint_le(fake_api_most_at_once(api), 16);
}
END_TEST

/* Stopping waits for writes under way, but not for ever. */
START_TEST(stops_gracefully)
{
    fake_api_put(api, FAKE_PODS, pod_text("p", "u"));
    fake_api_put(api, FAKE_PODS, pod_text("q", "v"));
    start_io(fake_api_port(api), NULL);
    wait_told("synced all", 1);
    if (_i == 0) {
        submit(EFFECT_POST_BINDING, "p", "u", "n");
        submit(EFFECT_NOMINATE, "q", "v", "n"); /* not even flushed */
        kube_io_destroy(io, PATIENCE_MS);
        char *node = fake_api_member(api, FAKE_PODS, "ns", "p", "spec", "nodeName");
        ck_assert_pstr_eq(node, "n");
        free(node);
        ck_assert_uint_eq(fake_api_count(api, "PATCH"), 1);
    } else {
        fake_api_mishap(api, &(struct fake_mishap){.match = "/binding", .times = 1, .hold = true});
        submit(EFFECT_POST_BINDING, "p", "u", "n");
        kube_io_flush(io);
        ck_assert(fake_api_wait(api, "/binding", 1));
        kube_io_destroy(io, 1);
    }
    io = NULL;
}
END_TEST

/* The core sleeps while the world changes: nothing is lost, and the order stays. */
START_TEST(slow_core)
{
    start_io(fake_api_port(api), NULL);
    wait_told("synced all", 1);
    ck_assert(fake_api_wait(api, "watch=true", 3));
    for (int i = 0; i < 2000; i++) {
        put_node(i % 50);
    }
    put_node(9999);
    wait_told("node n9999", 1);
    ck_assert_uint_eq(times_told("node n7"), 40);
}
END_TEST
START_TEST(nothing_to_destroy)
{
    struct err err;
    kube_io_destroy(NULL, 1000);
    struct kube_access access = {.server = (char[]){"http://host:99999"}};
    const struct kube_io_options options = {.access = &access, .writes_in_flight = 1};
    ck_assert_int_eq(kube_io_create(&options, &io, &err), -1);
    ck_assert_ptr_null(io);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("io");
    TCase *tests = tcase_create("io");
    tcase_set_timeout(tests, 120); /* waits for real delays and threads */
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, lists_pages_in_any_portions, 0, 6);
    tcase_add_test(tests, resumes_from_bookmarks);
    tcase_add_loop_test(tests, expired_watches, 0, 2);
    tcase_add_test(tests, broken_connections);
    tcase_add_test(tests, server_comes_and_goes);
    tcase_add_test(tests, groups_appear_later);
    tcase_add_test(tests, token_is_renewed);
    tcase_add_test(tests, token_stays_expired);
    tcase_add_test(tests, forbidden_is_said_by_name);
    tcase_add_test(tests, bad_objects);
    tcase_add_test(tests, writes);
    tcase_add_loop_test(tests, stops_gracefully, 0, 2);
    tcase_add_test(tests, slow_core);
    tcase_add_test(tests, nothing_to_destroy);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
