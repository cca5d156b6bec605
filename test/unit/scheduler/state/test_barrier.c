// SPDX-License-Identifier: Apache-2.0
/* The barrier as data: order of arrival, one place per pod, every ticket comes out once. */
#include "scheduler/state/barrier.h"

#include <signal.h>

#include "scheduler/state/pods.h"
#include "test/unit/check_main.h"
#include "test/unit/topology/random.h"

static void expect(const struct barrier *barrier, const uint64_t *tickets, size_t count)
{
    ck_assert_uint_eq(barrier->count, count);
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(barrier->items[i].ticket, tickets[i]);
    }
}

START_TEST(test_arrival_order)
{
    struct barrier barrier;
    struct pod pods[3];
    uint64_t ticket = 0;
    barrier_init(&barrier);
    ck_assert(!barrier_add(&barrier, &pods[2], 7, &ticket));
    ck_assert(!barrier_add(&barrier, &pods[0], 9, &ticket));
    ck_assert(!barrier_add(&barrier, &pods[1], 4, &ticket));
    expect(&barrier, (const uint64_t[]){7, 9, 4}, 3);
    ck_assert_uint_eq(ticket, 0);

    ck_assert(barrier_take(&barrier, &pods[0], &ticket));
    ck_assert_uint_eq(ticket, 9);
    expect(&barrier, (const uint64_t[]){7, 4}, 2);
    ck_assert(!barrier_take(&barrier, &pods[0], &ticket));
    ck_assert(barrier_take(&barrier, &pods[2], &ticket));
    ck_assert(barrier_take(&barrier, &pods[1], &ticket));
    expect(&barrier, NULL, 0);
    barrier_finish(&barrier);
}
END_TEST

START_TEST(test_second_call_replaces_the_first)
{
    struct barrier barrier;
    struct pod pods[2];
    uint64_t ticket = 0;
    barrier_init(&barrier);
    barrier_add(&barrier, &pods[0], 1, &ticket);
    barrier_add(&barrier, &pods[1], 2, &ticket);
    ck_assert(barrier_add(&barrier, &pods[0], 3, &ticket));
    ck_assert_uint_eq(ticket, 1);
    expect(&barrier, (const uint64_t[]){3, 2}, 2); /* it keeps its place */
    ck_assert(barrier_take(&barrier, &pods[0], &ticket));
    ck_assert_uint_eq(ticket, 3);
    ck_assert(barrier_take(&barrier, &pods[1], &ticket));
    ck_assert_uint_eq(ticket, 2);
    ck_assert(!barrier_take(&barrier, &pods[1], &ticket));
    barrier_finish(&barrier);
}
END_TEST

#define POD_COUNT 40

/* Random traffic: every ticket handed in comes out exactly once, as replaced or as taken. */
START_TEST(test_every_ticket_comes_out_once)
{
    struct random random = {(uint64_t)_i + 1};
    struct barrier barrier;
    static struct pod pods[POD_COUNT];
    uint64_t of_pod[POD_COUNT] = {0};
    uint64_t given = 0, out = 0, ticket = 0;
    barrier_init(&barrier);
    for (unsigned step = 0; step < 4000 || barrier.count > 0; step++) {
        uint32_t p = random_below(&random, POD_COUNT);
        if (step < 4000 && random_below(&random, 3) == 0) {
            uint64_t mine = ++given;
            bool again = barrier_add(&barrier, &pods[p], mine, &ticket);
            ck_assert_int_eq(again, of_pod[p] != 0);
            if (again) {
                ck_assert_uint_eq(ticket, of_pod[p]);
                out++;
            }
            of_pod[p] = mine;
        } else {
            bool taken = barrier_take(&barrier, &pods[p], &ticket);
            ck_assert_int_eq(taken, of_pod[p] != 0);
            ck_assert(!taken || ticket == of_pod[p]);
            out += taken;
            of_pod[p] = 0;
        }
    }
    ck_assert_uint_eq(given, out);
    barrier_finish(&barrier);
}
END_TEST

START_TEST(test_finish_with_somebody_waiting_aborts)
{
    struct barrier barrier;
    struct pod pod;
    uint64_t ticket;
    barrier_init(&barrier);
    barrier_add(&barrier, &pod, 1, &ticket);
    barrier_finish(&barrier);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/state/barrier");
    TCase *tcase = tcase_create("barrier");
    tcase_add_test(tcase, test_arrival_order);
    tcase_add_test(tcase, test_second_call_replaces_the_first);
    tcase_add_loop_test(tcase, test_every_ticket_comes_out_once, 0, 4);
    tcase_add_test_raise_signal(tcase, test_finish_with_somebody_waiting_aborts, SIGABRT);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
