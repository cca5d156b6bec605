// SPDX-License-Identifier: Apache-2.0
#include "api/kube/mailbox.h"

#include <poll.h>
#include <pthread.h>

#include "test/unit/check_main.h"

static bool readable(const struct mailbox *mailbox)
{
    struct pollfd poll_fd = {.fd = mailbox_fd(mailbox), .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 1;
}

/* A batch of `count` ticks, the first of which has the time `now`. */
static struct kube_batch *make(int64_t now, size_t count)
{
    struct kube_batch *batch = kube_batch_create();
    for (size_t i = 0; i < count; i++) {
        kube_batch_append(batch, EVENT_TICK)->now = now + (int64_t)i;
    }
    return batch;
}

START_TEST(first_in_first_out)
{
    struct mailbox *mailbox = NULL;
    ck_assert_int_eq(mailbox_create(&mailbox, NULL), 0);
    ck_assert(!readable(mailbox));
    ck_assert_ptr_null(mailbox_take(mailbox));
    for (int64_t i = 0; i < 3; i++) {
        mailbox_put(mailbox, make(10 * i, 2));
        ck_assert(readable(mailbox));
    }
    ck_assert_uint_eq(mailbox_events(mailbox), 6);
    for (int64_t i = 0; i < 3; i++) {
        ck_assert(readable(mailbox));
        struct kube_batch *batch = mailbox_take(mailbox);
        ck_assert_uint_eq(batch->count, 2);
        ck_assert_int_eq(batch->events[0].now, 10 * i);
        ck_assert_ptr_null(batch->next);
        kube_batch_destroy(batch);
    }
    ck_assert(!readable(mailbox));
    ck_assert_uint_eq(mailbox_events(mailbox), 0);
    mailbox_put(mailbox, make(1, 1));
    mailbox_destroy(mailbox); /* with what is in it */
    mailbox_destroy(NULL);
}
END_TEST

#define ROUNDS 20000

static void *produce(void *context)
{
    for (int64_t i = 0; i < ROUNDS; i++) {
        mailbox_put(context, make(i, 1));
    }
    return NULL;
}

START_TEST(between_threads)
{
    struct mailbox *mailbox = NULL;
    pthread_t thread;
    ck_assert_int_eq(mailbox_create(&mailbox, NULL), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, produce, mailbox), 0);
    for (int64_t expected = 0; expected < ROUNDS;) {
        struct pollfd poll_fd = {.fd = mailbox_fd(mailbox), .events = POLLIN};
        ck_assert_int_eq(poll(&poll_fd, 1, 60000), 1);
        struct kube_batch *batch = mailbox_take(mailbox);
        ck_assert_ptr_nonnull(batch);
        ck_assert_int_eq(batch->events[0].now, expected++);
        kube_batch_destroy(batch);
    }
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert(!readable(mailbox));
    mailbox_destroy(mailbox);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mailbox");
    TCase *tests = tcase_create("mailbox");
    tcase_add_test(tests, first_in_first_out);
    tcase_add_test(tests, between_threads);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
