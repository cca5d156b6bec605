// SPDX-License-Identifier: Apache-2.0
#include "api/kube/io.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "api/base/clock.h"
#include "test/unit/api/kube/fake_api.h"
#include "test/unit/check_main.h"
#include "topology/base/alloc.h"

/* Two Kubernetes sides of two processes, one API server, one Lease. The times are short, and only
 * ever waited for: a slow machine makes these tests slow, not red. */

#define PATIENCE_MS 60000

struct side {
    struct kube_io *io;
    char told[8192]; /* "follow lead bound-u-refused …", save what the watches show */
    bool peers;      /* is connected to others */
    bool deaf;       /* does not say that it followed */
    bool hasty;      /* has no patience with writes */
};

static struct fake_api *api;
static struct side a;
static struct side b;

static void no_log(void *context, int level, const char *message)
{
    (void)context;
    (void)level;
    (void)message;
}

static void start(struct side *side, const char *identity, int64_t duration_ms)
{
    char server[64];
    struct err err;
    (void)snprintf(server, sizeof server, "http://127.0.0.1:%u", fake_api_port(api));
    struct kube_access access = {.server = server};
    const struct election_options election = {
        .lease = {.name_space = "ns",
                  .name = "phalanx",
                  .identity = identity,
                  .duration_ms = duration_ms,
                  .renew_deadline_ms = duration_ms * 2 / 3,
                  .retry_period_ms = duration_ms / 8,
                  .seed = (uint64_t)identity[0]},
        .peer_address = side->peers ? "127.0.0.1" : NULL,
    };
    const struct kube_io_options options = {.access = &access,
                                            .writes_in_flight = 16,
                                            .write_patience_ms = side->hasty ? 100 : 20000,
                                            .election = &election,
                                            .log = no_log};
    ck_assert_msg(kube_io_create(&options, &side->io, &err) == 0, "%s", err.text);
}

static void stop(struct side *side)
{
    kube_io_destroy(side->io, 0);
    side->io = NULL;
}

static void setup(void)
{
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    api = fake_api_create(0);
    ck_assert_ptr_nonnull(api);
}

static void teardown(void)
{
    stop(&a);
    stop(&b);
    fake_api_destroy(api);
}

static void hear(struct side *side, const struct event *event)
{
    static const char *const OUTCOMES[] = {"done", "gone", "refused", "unknown"};
    size_t used = strlen(side->told);
    char *to = side->told + used;
    size_t room = sizeof side->told - used;
    if (event->type == EVENT_FOLLOW) {
        (void)snprintf(to, room, "follow ");
        if (!side->deaf) {
            kube_io_followed(side->io);
        }
    } else if (event->type == EVENT_LEAD) {
        (void)snprintf(to, room, "lead ");
    } else if (event->type == EVENT_BINDING_DONE) {
        (void)snprintf(to, room, "bound-%s-%s ", event->done.uid, OUTCOMES[event->done.outcome]);
    } else if (event->type == EVENT_NOMINATION_DONE) {
        (void)snprintf(to, room, "nominated-%s-%s ", event->done.uid,
                       OUTCOMES[event->done.outcome]);
    }
}

static void listen_to(struct side *side)
{
    struct kube_batch *batch = NULL;
    while (side->io != NULL && (batch = kube_io_take(side->io)) != NULL) {
        for (size_t i = 0; i < batch->count; i++) {
            hear(side, &batch->events[i]);
        }
        kube_batch_destroy(batch);
    }
}

static void wait_told(struct side *side, const char *all)
{
    for (int64_t end = clock_ms() + PATIENCE_MS; strcmp(side->told, all) != 0;) {
        ck_assert_msg(clock_ms() < end, "wanted \"%s\", was told a: \"%s\" b: \"%s\"", all, a.told,
                      b.told);
        (void)poll(NULL, 0, 2);
        listen_to(&a);
        listen_to(&b);
    }
}

static struct kube_io_status status_of(const struct side *side)
{
    struct kube_io_status status;
    kube_io_status(side->io, &status);
    return status;
}

static void put_pod(const char *name)
{
    char text[512];
    (void)snprintf(text, sizeof text,
                   "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"ns\",\"uid\":\"%s\"},\"spec\":{"
                   "\"containers\":[{\"name\":\"c\"}]}}",
                   name, name);
    fake_api_put(api, FAKE_PODS, text);
}

static void submit(struct side *side, enum effect_type type, const char *pod)
{
    const struct effect effect = {
        .type = type,
        .write = {.name_space = "ns", .name = pod, .uid = pod, .node = "n1", .rank = -1}};
    kube_io_submit(side->io, &effect);
    kube_io_flush(side->io);
}

static void expect_holder(const char *wanted)
{
    char *holder = fake_api_lease_holder(api);
    ck_assert_str_eq(holder, wanted);
    free(holder);
}

/* The first event is FOLLOW, and nobody leads before it has read the cluster. */
START_TEST(one_leads_and_the_other_stands_by)
{
    fake_api_mishap(api, &(struct fake_mishap){.match = "nodes?limit", .times = 1, .hold = true});
    start(&a, "a", 3000);
    wait_told(&a, "follow ");
    ck_assert(fake_api_wait(api, "GET /apis/coordination", 3));
    ck_assert_uint_eq(fake_api_count(api, "POST /apis/coordination"), 0);
    fake_api_release(api);
    wait_told(&a, "follow lead ");
    expect_holder("a");
    struct kube_io_status status = status_of(&a);
    ck_assert(status.shared && status.leading);
    ck_assert_str_eq(status.holder, "a");
    ck_assert_uint_eq(status.lease_changes, 1);
    start(&b, "b", 3000);
    wait_told(&b, "follow ");
    size_t reads = fake_api_count(api, "GET /apis/coordination");
    ck_assert(fake_api_wait(api, "GET /apis/coordination", reads + 4));
    listen_to(&b);
    ck_assert_str_eq(b.told, "follow ");
    status = status_of(&b);
    ck_assert(status.shared && !status.leading);
    ck_assert_str_eq(status.holder, "a");
}
END_TEST

START_TEST(a_standby_writes_nothing)
{
    put_pod("p");
    start(&a, "a", 3000);
    wait_told(&a, "follow lead ");
    start(&b, "b", 3000);
    wait_told(&b, "follow ");
    submit(&b, EFFECT_POST_BINDING, "p");
    wait_told(&b, "follow bound-p-refused ");
    submit(&b, EFFECT_NOMINATE, "p");
    wait_told(&b, "follow bound-p-refused nominated-p-unknown ");
    submit(&b, EFFECT_EXPLAIN, "p");
    submit(&a, EFFECT_POST_BINDING, "p");
    wait_told(&a, "follow lead bound-p-done ");
    ck_assert_uint_eq(fake_api_count(api, "/pods/p"), 1);
}
END_TEST

/* The leader ends without a word; the other one waits for the lease, and leads. */
START_TEST(the_standby_takes_over)
{
    put_pod("p");
    start(&a, "a", 3000);
    wait_told(&a, "follow lead ");
    start(&b, "b", 3000);
    wait_told(&b, "follow ");
    stop(&a);
    wait_told(&b, "follow lead ");
    submit(&b, EFFECT_POST_BINDING, "p");
    wait_told(&b, "follow lead bound-p-done ");
    expect_holder("b");
}
END_TEST

/* Who hears nothing of pods any more would decide by what was true long ago. */
START_TEST(who_is_behind_does_not_take_over)
{
    start(&a, "a", 3000);
    wait_told(&a, "follow lead ");
    fake_api_mishap(
        api, &(struct fake_mishap){.match = "GET /api/v1/pods?watch", .times = 1, .hold = true});
    start(&b, "b", 3000);
    wait_told(&b, "follow ");
    ck_assert(fake_api_wait(api, "GET /api/v1/pods?watch", 2));
    stop(&a);
    size_t reads = fake_api_count(api, "GET /apis/coordination");
    ck_assert(fake_api_wait(api, "GET /apis/coordination", reads + 16)); /* the lease is over */
    expect_holder("a");
    fake_api_release(api);
    wait_told(&b, "follow lead ");
    expect_holder("b");
}
END_TEST

/* It ends without a word, and its lease would last an hour. */
START_TEST(a_leader_that_ends_is_not_waited_for)
{
    put_pod("p");
    a.peers = true;
    b.peers = true;
    start(&a, "a", 3600000);
    wait_told(&a, "follow lead ");
    start(&b, "b", 3600000);
    for (int64_t end = clock_ms() + PATIENCE_MS; !status_of(&b).sees_holder;) {
        ck_assert_int_lt(clock_ms(), end);
        (void)poll(NULL, 0, 2);
        listen_to(&a);
        listen_to(&b);
    }
    ck_assert(!status_of(&a).sees_holder);
    ck_assert_str_eq(b.told, "follow ");
    stop(&a);
    wait_told(&b, "follow lead ");
    submit(&b, EFFECT_POST_BINDING, "p");
    wait_told(&b, "follow lead bound-p-done ");
    expect_holder("b");
}
END_TEST

/* No write leaves before the Lease has been seen, and none when it shows somebody else's. */
START_TEST(a_flight_begins_with_a_look_at_the_lease)
{
    put_pod("p");
    put_pod("q");
    start(&a, "a", 240000); /* no renewal comes in between */
    wait_told(&a, "follow lead ");
    size_t looks = fake_api_count(api, "GET /apis/coordination");
    (void)poll(NULL, 0, 400); /* longer than a flight */
    int64_t sent = clock_ms();
    fake_api_mishap(
        api, &(struct fake_mishap){.match = "GET /apis/coordination", .times = 1, .hold = true});
    submit(&a, EFFECT_POST_BINDING, "p");
    ck_assert(fake_api_wait(api, "GET /apis/coordination", looks + 1));
    for (int i = 0; i < 50; i++) {
        (void)poll(NULL, 0, 2);
        listen_to(&a);
    }
    ck_assert_uint_eq(fake_api_count(api, "/binding"), 0);
    fake_api_release(api);
    wait_told(&a, "follow lead bound-p-done ");
    (void)poll(NULL, 0, (int)(clock_ms() - sent) * 4 + 400); /* a slow look makes it longer */
    fake_api_take_lease(api, "b");
    submit(&a, EFFECT_POST_BINDING, "q");
    wait_told(&a, "follow lead bound-p-done follow bound-q-refused ");
    ck_assert_uint_eq(fake_api_count(api, "/binding"), 1);
}
END_TEST

START_TEST(a_process_that_comes_back_goes_on_at_once)
{
    start(&a, "a", 3600000); /* whoever waits for this lease waits in vain */
    wait_told(&a, "follow lead ");
    stop(&a);
    start(&b, "a", 3600000);
    wait_told(&b, "follow lead ");
}
END_TEST

/* What was not sent is refused, what may have happened is unknown, nothing is sent any more; and
 * the events come in the order that keeps the engine quiet. */
START_TEST(a_lost_lease_ends_all_writes)
{
    char name[16];
    for (int i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof name, "p%d", i);
        put_pod(name);
    }
    start(&a, "a", 3000);
    wait_told(&a, "follow lead ");
    a.deaf = true;
    fake_api_mishap(api, &(struct fake_mishap){.match = "/binding", .times = 100, .hold = true});
    for (int i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof name, "p%d", i);
        submit(&a, EFFECT_POST_BINDING, name);
    }
    ck_assert(fake_api_wait(api, "/binding", 16));
    fake_api_mishap(api, &(struct fake_mishap){.match = "PUT /apis/coordination",
                                               .times = 1000000,
                                               .status = 503,
                                               .headers = "",
                                               .body = ""});
    char wanted[2048] = "follow lead follow ";
    for (int pass = 0; pass < 2; pass++) { /* first what waited, then what was under way */
        for (int i = pass == 0 ? 16 : 0; i < (pass == 0 ? 20 : 16); i++) {
            size_t used = strlen(wanted);
            (void)snprintf(wanted + used, sizeof wanted - used, "bound-p%d-%s ", i,
                           pass == 0 ? "refused" : "unknown");
        }
    }
    wait_told(&a, wanted);
    ck_assert(!status_of(&a).leading);
    /* The core has not heard of it yet, and goes on writing. */
    submit(&a, EFFECT_POST_BINDING, "p0");
    size_t used = strlen(wanted);
    (void)snprintf(wanted + used, sizeof wanted - used, "bound-p0-refused ");
    wait_told(&a, wanted);
    ck_assert_uint_eq(fake_api_count(api, "/binding"), 16);
    /* It holds the lease still, but leads again only once the core has followed. */
    size_t reads = fake_api_count(api, "GET /apis/coordination");
    ck_assert(fake_api_wait(api, "GET /apis/coordination", reads + 3));
    listen_to(&a);
    ck_assert_str_eq(a.told, wanted);
}
END_TEST

/* Leadership follows the calls, after what was begun is finished. */
START_TEST(a_standby_that_is_called_is_handed_the_lease)
{
    put_pod("p");
    start(&a, "a", 6000);
    wait_told(&a, "follow lead ");
    start(&b, "b", 6000);
    wait_told(&b, "follow ");
    fake_api_mishap(api, &(struct fake_mishap){.match = "/binding", .times = 1, .hold = true});
    submit(&a, EFFECT_POST_BINDING, "p");
    ck_assert(fake_api_wait(api, "/binding", 1));
    for (int64_t end = clock_ms() + PATIENCE_MS; strstr(a.told, "lead follow") == NULL;) {
        ck_assert_int_lt(clock_ms(), end);
        kube_io_called(b.io);
        (void)poll(NULL, 0, 20);
        listen_to(&a);
        listen_to(&b);
    }
    ck_assert_str_eq(a.told, "follow lead follow ");
    expect_holder("a");
    fake_api_release(api);
    wait_told(&a, "follow lead follow bound-p-done ");
    wait_told(&b, "follow lead ");
    expect_holder("b");
    ck_assert(!status_of(&a).leading);
}
END_TEST

START_TEST(a_leader_that_ends_gives_the_lease_back)
{
    put_pod("p");
    start(&a, "a", 3600000);
    wait_told(&a, "follow lead ");
    fake_api_mishap(api, &(struct fake_mishap){.match = "/binding", .times = 1, .hold = true});
    submit(&a, EFFECT_POST_BINDING, "p");
    ck_assert(fake_api_wait(api, "/binding", 1));
    ck_assert(!kube_io_released(a.io));
    wait_told(&a, "follow lead follow ");
    ck_assert(!kube_io_released(a.io));
    expect_holder("a");
    fake_api_release(api);
    for (int64_t end = clock_ms() + PATIENCE_MS; !kube_io_released(a.io);) {
        ck_assert_int_lt(clock_ms(), end);
        (void)poll(NULL, 0, 2);
    }
    expect_holder("");
    wait_told(&a, "follow lead follow bound-p-done ");
    start(&b, "b", 3600000);
    wait_told(&b, "follow lead ");
}
END_TEST

/* A Binding without an answer may still take place, on room that the next leader gives away. */
START_TEST(an_unresolved_binding_keeps_the_lease)
{
    put_pod("p");
    a.hasty = true;
    start(&a, "a", 6000);
    wait_told(&a, "follow lead ");
    fake_api_mishap(api, &(struct fake_mishap){.match = "/binding", .times = 1000, .hold = true});
    submit(&a, EFFECT_POST_BINDING, "p");
    wait_told(&a, "follow lead bound-p-unknown ");
    ck_assert(!kube_io_released(a.io));
    wait_told(&a, "follow lead bound-p-unknown follow ");
    size_t renewals = fake_api_count(api, "PUT /apis/coordination");
    ck_assert(fake_api_wait(api, "PUT /apis/coordination", renewals + 4));
    ck_assert(!kube_io_released(a.io));
    expect_holder("a");
}
END_TEST

START_TEST(a_standby_that_ends_leaves_the_lease_alone)
{
    start(&a, "a", 3600000);
    wait_told(&a, "follow lead ");
    start(&b, "b", 3600000);
    wait_told(&b, "follow ");
    for (int64_t end = clock_ms() + PATIENCE_MS; !kube_io_released(b.io);) {
        ck_assert_int_lt(clock_ms(), end);
        (void)poll(NULL, 0, 2);
    }
    expect_holder("a");
    ck_assert(status_of(&a).leading);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/kube/io_lease");
    TCase *lease = tcase_create("lease");
    tcase_set_timeout(lease, 120);
    tcase_add_checked_fixture(lease, setup, teardown);
    tcase_add_test(lease, one_leads_and_the_other_stands_by);
    tcase_add_test(lease, a_standby_writes_nothing);
    tcase_add_test(lease, the_standby_takes_over);
    tcase_add_test(lease, who_is_behind_does_not_take_over);
    tcase_add_test(lease, a_leader_that_ends_is_not_waited_for);
    tcase_add_test(lease, a_flight_begins_with_a_look_at_the_lease);
    tcase_add_test(lease, a_process_that_comes_back_goes_on_at_once);
    tcase_add_test(lease, a_lost_lease_ends_all_writes);
    tcase_add_test(lease, a_standby_that_is_called_is_handed_the_lease);
    tcase_add_test(lease, a_leader_that_ends_gives_the_lease_back);
    tcase_add_test(lease, an_unresolved_binding_keeps_the_lease);
    tcase_add_test(lease, a_standby_that_ends_leaves_the_lease_alone);
    suite_add_tcase(suite, lease);
    return check_main(suite);
}
