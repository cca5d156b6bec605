// SPDX-License-Identifier: Apache-2.0
/* ResourceSlices from an API server, through both threads and the core, to a gang that needs them.
 * */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/base/clock.h"
#include "api/daemon/core.h"
#include "api/kube/io.h"
#include "test/unit/api/kube/fake_api.h"
#include "test/unit/check_main.h"

#define PATIENCE_MS 60000

static struct fake_api *api;
static struct kube_io *io;
static struct intake *intake;
static struct log *out;
static struct metrics *metrics;
static struct core *core;

static void no_log(void *context, int level, const char *message)
{
}

static void no_reply(void *context, uint64_t ticket, const char *error)
{
}

static void setup(void)
{
    api = fake_api_create(0);
    ck_assert_ptr_nonnull(api);
    fake_api_put(api, FAKE_NODES,
                 "{\"metadata\":{\"name\":\"n1\",\"uid\":\"n\"},\"status\":{\"allocatable\":"
                 "{\"cpu\":\"8\",\"pods\":\"9\",\"nvidia.com/gpu\":\"2\"}}}");
    fake_api_put(api, FAKE_GROUPS,
                 "{\"metadata\":{\"name\":\"g\",\"namespace\":\"ns\",\"uid\":\"g\",\"annotations\":"
                 "{\"phalanx.dev/device-topology\":\"required\"}},\"spec\":{\"minMember\":1}}");
    fake_api_put(api, FAKE_PODS,
                 "{\"metadata\":{\"name\":\"p\",\"namespace\":\"ns\",\"uid\":\"p\",\"labels\":"
                 "{\"scheduling.x-k8s.io/pod-group\":\"g\"}},\"spec\":{\"containers\":[{\"name\":"
                 "\"c\",\"resources\":{\"limits\":{\"nvidia.com/gpu\":\"1\"}}}]}}");
}

static void no_warning(void *context, const char *what, const char *why)
{
}

static void start(void)
{
    char server[64];
    struct err err;
    struct engine_options options;
    (void)snprintf(server, sizeof server, "http://127.0.0.1:%u", fake_api_port(api));
    struct kube_access access = {.server = server};
    const struct kube_io_options io_options = {
        .access = &access, .writes_in_flight = 4, .write_patience_ms = 20000, .log = no_log};
    ck_assert_msg(kube_io_create(&io_options, &io, &err) == 0, "%s", err.text);
    engine_options_default(&options);
    options.hold_timeout_ms = 10 * PATIENCE_MS;
    intake = intake_create(&(struct intake_options){.warn = no_warning});
    out = log_create(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_ERROR, LOG_TEXT);
    metrics = metrics_create();
    core = core_create(&(struct core_options){
        .engine = &options,
        .log = out,
        .metrics = metrics,
        .backend = kube_io_backend(io),
        .intake = intake,
        .bind_reply = no_reply,
    });
}

static void teardown(void)
{
    core_destroy(core);
    kube_io_destroy(io, 0);
    intake_destroy(intake);
    metrics_destroy(metrics);
    log_destroy(out);
    fake_api_destroy(api);
}

/* Goes on until the gang is in that state and its pod has that GPU, "" for none. */
static void wait_gang(enum gang_state state, const char *gpu)
{
    int64_t end = clock_ms() + PATIENCE_MS;
    for (;;) {
        struct arena arena;
        struct gang_view view = {.state = GANG_PLACED};
        struct pollfd poll_fd = {.fd = kube_io_fd(io), .events = POLLIN};
        arena_init(&arena);
        bool there = engine_synced(core_engine(core)) &&
                     engine_gang_find(core_engine(core), "ns", "g", &arena, &view) &&
                     view.member_count == 1;
        const char *name =
            there && view.members[0].device_count == 1 ? view.members[0].devices[0] : "";
        bool met = there && view.state == state && strcmp(name, gpu) == 0;
        arena_finish(&arena);
        if (met) {
            return;
        }
        ck_assert_msg(clock_ms() < end, "the gang never came to that");
        (void)poll(&poll_fd, 1, 100);
        while (core_pump(core)) {
        }
    }
}

static void put_slice(int generation)
{
    char text[1024];
    (void)snprintf(text, sizeof text,
                   "{\"metadata\":{\"name\":\"s\",\"uid\":\"s\"},\"spec\":{\"driver\":"
                   "\"gpu.nvidia.com\",\"nodeName\":\"n1\",\"pool\":{\"name\":\"n1\","
                   "\"generation\":%d,\"resourceSliceCount\":1},\"devices\":["
                   "{\"name\":\"west-%d\",\"attributes\":{\"type\":{\"string\":\"gpu\"},"
                   "\"uuid\":{\"string\":\"GPU-0\"}}},{\"name\":\"west-9\",\"attributes\":"
                   "{\"type\":{\"string\":\"gpu\"},\"uuid\":{\"string\":\"GPU-1\"}}}]}}",
                   generation, generation);
    fake_api_put(api, FAKE_SLICES, text);
}

/* There before the start: known with the first plan. */
START_TEST(slices_are_listed)
{
    put_slice(1);
    start();
    wait_gang(GANG_HELD, "west-1");
}
END_TEST

/* They come, change and go while the daemon runs. */
START_TEST(slices_are_watched)
{
    start();
    wait_gang(GANG_WAITING, "");
    put_slice(1);
    wait_gang(GANG_HELD, "west-1");
    fake_api_delete(api, FAKE_SLICES, "", "s");
    wait_gang(GANG_HELD, ""); /* the hold stays; which GPU it is, nobody knows any more */
    put_slice(1);
    wait_gang(GANG_HELD, "west-1");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/daemon/core with slices");
    TCase *tcase = tcase_create("slices");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, slices_are_listed);
    tcase_add_test(tcase, slices_are_watched);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
