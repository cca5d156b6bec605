// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "api/kube/watch/reflector.h"
#include "test/unit/check_main.h"

/* Whether what a reflector told is what there is now: silence, and what becomes of it. */

static struct reflector *reflector;
static struct kube_batch *batch;
static int64_t now;

static void no_log(void *context, int level, const char *message)
{
    (void)context;
    (void)level;
    (void)message;
}

static void begin(enum reflector_kind kind, bool streams)
{
    const struct kube_log log = {.write = no_log};
    reflector = reflector_create(kind, 7, &log);
    if (streams) {
        reflector_stream(reflector);
    }
    batch = kube_batch_create();
    now = 1000;
}

static void teardown(void)
{
    reflector_destroy(reflector);
    kube_batch_destroy(batch);
}

static void expect_request(const char *part)
{
    const char *target = reflector_next(reflector, now);
    ck_assert_ptr_nonnull(target);
    ck_assert_msg(strstr(target, part) != NULL, "%s", target);
}

static void status(int code)
{
    reflector_status(reflector, now, code, 0);
}

static void data(const char *text)
{
    struct err err;
    ck_assert_int_eq(reflector_data(reflector, now, text, strlen(text), batch, &err), 0);
}

static void done(const char *error)
{
    reflector_done(reflector, now, error, batch);
}

#define LIST           "{\"metadata\":{\"resourceVersion\":\"10\"},\"items\":[]}"
#define OBJECT(rv, an) "{\"metadata\":{\"resourceVersion\":\"" rv "\"" an "}}"
#define BOOKMARK       "{\"type\":\"BOOKMARK\",\"object\":" OBJECT("11", "") "}\n"
#define SHOWN                                    \
    "{\"type\":\"BOOKMARK\",\"object\":" OBJECT( \
        "11", ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}") "}\n"

static void list(void)
{
    expect_request("?limit=500");
    status(200);
    data(LIST);
    done(NULL);
}

/* As the one who calls it does. */
static void fall_silent(int64_t after)
{
    ck_assert_int_eq(reflector_deadline(reflector) - now, after);
    now += after - 1;
    ck_assert(!reflector_stalled(reflector, now));
    now++;
    ck_assert(reflector_stalled(reflector, now));
    done("the server fell silent");
}

/* From when the server accepts the watch, and as long as it says something. */
START_TEST(of_a_watch)
{
    begin(REFLECTOR_NODES, false);
    ck_assert(!reflector_current(reflector, now));
    list();
    ck_assert(!reflector_current(reflector, now));
    expect_request("watch=true");
    ck_assert(!reflector_current(reflector, now));
    status(200);
    ck_assert(reflector_current(reflector, now));
    ck_assert(reflector_current(reflector, now + 89999));
    ck_assert(!reflector_current(reflector, now + 90000));
    now += 61000; /* a bookmark that is late */
    data(BOOKMARK);
    ck_assert(reflector_current(reflector, now + 89999));
    ck_assert(!reflector_current(reflector, now + 90000));
    done("connection reset");
    ck_assert(!reflector_current(reflector, now));
    now = reflector_deadline(reflector);
    expect_request("watch=true");
    status(500);
    ck_assert(!reflector_current(reflector, now));
}
END_TEST

START_TEST(of_a_stream)
{
    begin(REFLECTOR_PODS, true);
    expect_request("sendInitialEvents=true");
    status(200);
    ck_assert(!reflector_current(reflector, now));
    data(SHOWN);
    ck_assert(reflector_current(reflector, now));
}
END_TEST

/* It is listed again and again, every 30 s. */
START_TEST(of_a_kind_that_does_not_exist)
{
    begin(REFLECTOR_GROUPS, false);
    for (int i = 0; i < 3; i++) {
        expect_request("?limit=500");
        status(404);
        done(NULL);
        ck_assert(reflector_current(reflector, now));
        now += 30000;
        ck_assert(reflector_current(reflector, now));
    }
    expect_request("?limit=500");
    now += 60000;
    ck_assert(!reflector_current(reflector, now));
}
END_TEST

/* What is silent is asked for anew, at once: by what a server without bookmarks tells, it is
 * current all the time. But a version that it has never had would be silent for ever. */
START_TEST(silent_watches)
{
    begin(REFLECTOR_NODES, false);
    expect_request("?limit=500");
    fall_silent(60000);
    now = reflector_deadline(reflector);
    list();
    ck_assert(!reflector_stalled(reflector, now + 1000000)); /* nothing is under way */
    expect_request("watch=true");
    fall_silent(60000); /* not even accepted: a failure like others */
    ck_assert_ptr_null(reflector_next(reflector, now));
    now = reflector_deadline(reflector);
    for (int i = 0; i < 3; i++) {
        expect_request("resourceVersion=10");
        status(200);
        ck_assert(reflector_current(reflector, now));
        fall_silent(90000);
        ck_assert_int_eq(reflector_deadline(reflector), now);
    }
    list();
    for (int i = 0; i < 9; i++) { /* a line now and then */
        expect_request("watch=true");
        status(200);
        if (i % 3 == 2) {
            data(BOOKMARK);
        }
        fall_silent(90000);
    }
    ck_assert_uint_eq(reflector_lists(reflector), 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reflector_current");
    TCase *tests = tcase_create("reflector_current");
    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_add_test(tests, of_a_watch);
    tcase_add_test(tests, of_a_stream);
    tcase_add_test(tests, of_a_kind_that_does_not_exist);
    tcase_add_test(tests, silent_watches);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
