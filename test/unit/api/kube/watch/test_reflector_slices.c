// SPDX-License-Identifier: Apache-2.0
/* ResourceSlices on their way to the core: as they are, and never in the way of anything else. */
#include <stdio.h>
#include <string.h>

#include "api/kube/objects/decode_slice.h"
#include "api/kube/watch/reflector.h"
#include "test/unit/check_main.h"

static struct reflector *reflector;
static struct kube_batch *batch;
static char logged[1024];

static void keep_log(void *context, int level, const char *message)
{
    size_t used = strlen(logged);
    (void)snprintf(logged + used, sizeof logged - used, "%s\n", message);
}

static void begin(enum reflector_kind kind)
{
    const struct kube_log log = {.write = keep_log};
    reflector = reflector_create(kind, 7, &log);
    batch = kube_batch_create();
    logged[0] = '\0';
}

static void end(void)
{
    reflector_destroy(reflector);
    kube_batch_destroy(batch);
}

/* One request, its answer, and when the next one is due. */
static int64_t exchange(int64_t now, const char *target, int status, const char *body)
{
    struct err err;
    const char *asked = reflector_next(reflector, now);
    ck_assert_ptr_nonnull(asked);
    ck_assert_msg(strncmp(asked, target, strlen(target)) == 0, "%s", asked);
    reflector_status(reflector, now, status, 0);
    ck_assert_int_eq(reflector_data(reflector, now, body, strlen(body), batch, &err), 0);
    reflector_done(reflector, now, NULL, batch);
    return reflector_deadline(reflector);
}

/* What the batch holds: name, ?name of one that cannot be read, or -name of one that is gone. */
static void expect_slices(const char *expected)
{
    char told[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < batch->slice_count; i++) {
        const struct kube_slice *slice = &batch->slices[i];
        const struct decoded_slice *decoded = slice->decoded;
        used += (size_t)snprintf(told + used, sizeof told - used, "%s%s ",
                                 decoded == NULL          ? "-"
                                 : decoded->error != NULL ? "?"
                                                          : "",
                                 decoded == NULL ? slice->gone : decoded->slice.name);
    }
    ck_assert_str_eq(told, expected);
    ck_assert_uint_eq(batch->count, 0);
    kube_batch_destroy(batch);
    batch = kube_batch_create();
}

#define PATH "/apis/resource.k8s.io/v1/resourceslices?"
#define SPEC                                                                        \
    "{\"driver\":\"gpu.nvidia.com\",\"nodeName\":\"n1\",\"pool\":{\"name\":\"n1\"," \
    "\"resourceSliceCount\":1},\"devices\":[]}"
#define SLICE_OF(name, version, spec)                                                            \
    "{\"metadata\":{\"name\":\"" name "\",\"uid\":\"u-" name "\",\"resourceVersion\":\"" version \
    "\"},\"spec\":" spec "}"
#define SLICE(name, version) SLICE_OF(name, version, SPEC)
#define LIST(items)          "{\"metadata\":{\"resourceVersion\":\"10\"},\"items\":[" items "]}"

/* Decoded here, on this side of the mailbox. One that cannot be read is handed on as such: its pool
 * is not whole. */
START_TEST(slices_are_handed_on_decoded)
{
    begin(REFLECTOR_SLICES);
    int64_t now = exchange(1000, PATH "limit=500", 200,
                           LIST(SLICE("a", "1") "," SLICE_OF("b", "2", "7") "," SLICE("c", "3")));
    ck_assert(reflector_synced(reflector));
    expect_slices("a ?b c ");
    ck_assert_uint_eq(reflector_skipped(reflector), 1);
    exchange(now, PATH "watch=true", 200,
             "{\"type\":\"DELETED\",\"object\":" SLICE(
                 "a", "11") "}\n"
                            "{\"type\":\"MODIFIED\",\"object\":" SLICE("b", "12") "}\n");
    expect_slices("-a b ");
    end();
}
END_TEST

START_TEST(a_relist_is_a_difference)
{
    begin(REFLECTOR_SLICES);
    int64_t now = exchange(1000, PATH "limit=500", 200, LIST(SLICE("a", "1") "," SLICE("b", "2")));
    expect_slices("a b ");
    now = exchange(now, PATH "watch=true", 410, "{}");
    exchange(now, PATH "limit=500", 200, LIST(SLICE("b", "2") "," SLICE("c", "4")));
    expect_slices("c -a ");
    end();
}
END_TEST

/* Kubernetes before 1.34, and rights of before there were slices. */
START_TEST(without_them_all_else_goes_on)
{
    static const struct {
        int status;
        const char *log;
    } cases[] = {
        {404, "resourceslices: there is no such kind in this cluster; looking again every 30 s\n"},
        {403, "resourceslices: reading them is forbidden; looking again every 30 s\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(REFLECTOR_SLICES);
        int64_t next = exchange(1000, PATH "limit=500", cases[i].status, "no");
        ck_assert(reflector_synced(reflector));
        ck_assert_int_eq(next, 31000);
        ck_assert_str_eq(logged, cases[i].log);
        exchange(next, PATH "limit=500", 200, LIST(SLICE("a", "1")));
        expect_slices("a ");
        end();
    }
}
END_TEST

/* Any other failure is tried again, and sync waits for it. */
START_TEST(other_failures_are_not_passed_over)
{
    begin(REFLECTOR_SLICES);
    exchange(1000, PATH "limit=500", 500, "no");
    ck_assert(!reflector_synced(reflector));
    end();
    begin(REFLECTOR_GROUPS); /* which groups there are has to be known */
    exchange(1000, "/apis/scheduling.x-k8s.io/", 403, "no");
    ck_assert(!reflector_synced(reflector));
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/kube/watch/reflector of slices");
    TCase *tcase = tcase_create("slices");
    tcase_add_test(tcase, slices_are_handed_on_decoded);
    tcase_add_test(tcase, a_relist_is_a_difference);
    tcase_add_test(tcase, without_them_all_else_goes_on);
    tcase_add_test(tcase, other_failures_are_not_passed_over);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
