// SPDX-License-Identifier: Apache-2.0
/* Timers against a plain list that is searched. */
#include "scheduler/state/timers.h"

#include <stdbool.h>

#include "test/simulation/random.h"
#include "test/unit/check_main.h"

#define TIMERS 40

struct item {
    struct timer timer;
    int64_t at;     /* of the model; INT64_MAX: not set */
    uint64_t order; /* of the model */
};

struct fixture {
    struct timers timers;
    struct item items[TIMERS];
    uint64_t next_order;
};

static void setup(struct fixture *fixture)
{
    *fixture = (struct fixture){.next_order = 0};
    timers_init(&fixture->timers);
    for (int i = 0; i < TIMERS; i++) {
        fixture->items[i].at = INT64_MAX;
    }
}

static void set(struct fixture *fixture, struct item *item, int64_t at)
{
    timers_set(&fixture->timers, &item->timer, at, item);
    if (item->at != at) {
        item->at = at;
        item->order = ++fixture->next_order;
    }
}

static struct item *first_of_model(struct fixture *fixture)
{
    struct item *first = NULL;
    for (int i = 0; i < TIMERS; i++) {
        struct item *item = &fixture->items[i];
        if (item->at != INT64_MAX && (first == NULL || item->at < first->at ||
                                      (item->at == first->at && item->order < first->order))) {
            first = item;
        }
    }
    return first;
}

static void check_next(struct fixture *fixture)
{
    const struct item *first = first_of_model(fixture);
    ck_assert_int_eq(timers_next(&fixture->timers), first == NULL ? INT64_MAX : first->at);
}

START_TEST(test_against_a_list)
{
    struct random random = {(uint64_t)_i + 1};
    struct fixture fixture;
    setup(&fixture);
    for (int step = 0; step < 5000; step++) {
        struct item *item = &fixture.items[random_index(&random, TIMERS)];
        switch (random_index(&random, 4)) {
        case 0:
        case 1:
            set(&fixture, item, (int64_t)random_index(&random, 30));
            break;
        case 2:
            set(&fixture, item, INT64_MAX);
            break;
        default: {
            struct item *first = first_of_model(&fixture);
            int64_t now = (int64_t)random_index(&random, 30);
            bool due = first != NULL && first->at <= now;
            ck_assert_ptr_eq(timers_due(&fixture.timers, now), due ? first : NULL);
            if (due) {
                first->at = INT64_MAX;
                ck_assert_uint_eq(first->timer.slot, 0);
            }
        }
        }
        check_next(&fixture);
    }
    timers_finish(&fixture.timers);
}
END_TEST

START_TEST(test_the_end_of_time)
{
    struct fixture fixture;
    setup(&fixture);
    ck_assert_ptr_null(timers_due(&fixture.timers, INT64_MAX));
    timers_stop(&fixture.timers, &fixture.items[0].timer);
    set(&fixture, &fixture.items[0], INT64_MAX - 1);
    set(&fixture, &fixture.items[1], INT64_MIN);
    ck_assert_ptr_eq(timers_due(&fixture.timers, INT64_MIN), &fixture.items[1]);
    ck_assert_ptr_null(timers_due(&fixture.timers, 0));
    ck_assert_ptr_eq(timers_due(&fixture.timers, INT64_MAX), &fixture.items[0]);
    timers_finish(&fixture.timers);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/state/timers");
    TCase *tcase = tcase_create("timers");
    tcase_add_loop_test(tcase, test_against_a_list, 0, 20);
    tcase_add_test(tcase, test_the_end_of_time);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
