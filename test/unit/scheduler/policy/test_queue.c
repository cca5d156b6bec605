// SPDX-License-Identifier: Apache-2.0
/* The queue: who is worth planning, and in which order. */
#include "scheduler/policy/queue.h"

#include <string.h>

#include "test/unit/check_main.h"

struct fixture {
    struct gangs gangs;
    struct queue queue;
};

static void setup(struct fixture *fixture)
{
    gangs_init(&fixture->gangs);
    queue_init(&fixture->queue);
}

static void teardown(struct fixture *fixture)
{
    queue_finish(&fixture->queue);
    gangs_finish(&fixture->gangs);
}

static struct gang *ready(struct fixture *fixture, const char *name, int32_t priority,
                          uint64_t sequence)
{
    struct gang *gang = gangs_get(&fixture->gangs, "ns", name);
    gang->wants = true;
    gang->state = GANG_WAITING;
    multiset_add(&gang->totals.priorities, priority);
    gang->sequence = sequence;
    return gang;
}

/* The names in the queue, one letter each. */
static void expect(struct fixture *fixture, int64_t now, uint64_t releases, const char *names)
{
    char text[16] = "";
    queue_fill(&fixture->queue, &fixture->gangs, now, releases);
    ck_assert_uint_lt(fixture->queue.count, sizeof(text));
    for (uint32_t i = 0; i < fixture->queue.count; i++) {
        text[i] = fixture->queue.items[i]->name[0];
    }
    ck_assert_str_eq(text, names);
}

START_TEST(test_priority_then_first_come)
{
    struct fixture fixture;
    setup(&fixture);
    ready(&fixture, "a", 0, 3);
    ready(&fixture, "b", 10, 4);
    ready(&fixture, "c", 0, 1);
    ready(&fixture, "d", INT32_MIN, 0);
    ready(&fixture, "e", INT32_MAX, 9);
    ready(&fixture, "f", 10, 2);
    expect(&fixture, 0, 0, "efbcad");
    teardown(&fixture);
}
END_TEST

START_TEST(test_a_begun_gang_without_its_quorum_goes_first)
{
    struct fixture fixture;
    setup(&fixture);
    ready(&fixture, "a", 1000, 1);
    ready(&fixture, "b", 0, 2)->state = GANG_COMMITTING;
    ready(&fixture, "c", 500, 3)->state = GANG_PLACED; /* has its quorum: waits its turn */
    ready(&fixture, "d", 1, 4)->state = GANG_COMMITTING;
    expect(&fixture, 0, 0, "dbac");
    teardown(&fixture);
}
END_TEST

START_TEST(test_order_and_who_is_left_out)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    struct fixture fixture;
    struct gang *gang[6];
    setup(&fixture);
    for (int i = 0; i < 6; i++) {
        gang[i] = gangs_get(&fixture.gangs, "ns", names[i]);
        gang[i]->wants = true;
        gang[i]->sequence = 10 - (uint64_t)i;
        gang[i]->state = GANG_WAITING;
    }
    multiset_add(&gang[1]->totals.priorities, 5);
    gang[2]->wants = false;
    gang[3]->not_before = 1001;
    gang[4]->dirty = false; /* nothing is free that was not when it last failed */
    gang[4]->tried_at = 77;
    queue_fill(&fixture.queue, &fixture.gangs, 1000, 77);
    ck_assert_uint_eq(fixture.queue.count, 3);
    ck_assert_ptr_eq(fixture.queue.items[0], gang[1]);
    ck_assert_ptr_eq(fixture.queue.items[1], gang[5]);
    ck_assert_ptr_eq(fixture.queue.items[2], gang[0]);
    queue_fill(&fixture.queue, &fixture.gangs, 1001, 78);
    ck_assert_uint_eq(fixture.queue.count, 5);
    teardown(&fixture);
}
END_TEST

START_TEST(test_names_break_ties)
{
    struct fixture fixture;
    setup(&fixture);
    ready(&fixture, "b", 0, 0);
    ready(&fixture, "a", 0, 0);
    struct gang *other = gangs_get(&fixture.gangs, "another", "z");
    other->wants = true;
    expect(&fixture, 0, 0, "zab");
    teardown(&fixture);
}
END_TEST

START_TEST(test_who_is_skipped)
{
    struct fixture fixture;
    setup(&fixture);
    struct gang *gang = ready(&fixture, "a", 0, 1);
    expect(&fixture, 100, 5, "a");

    gang->wants = false;
    expect(&fixture, 100, 5, "");
    gang->wants = true;

    gang->not_before = 101; /* backs off */
    expect(&fixture, 100, 5, "");
    expect(&fixture, 101, 5, "a");

    gang->dirty = false; /* tried, and nothing was released since */
    gang->tried_at = 5;
    expect(&fixture, 101, 5, "");
    expect(&fixture, 101, 6, "a");
    gang->tried_at = 6;
    expect(&fixture, 101, 6, "");
    gang->dirty = true; /* changed itself */
    expect(&fixture, 101, 6, "a");
    teardown(&fixture);
}
END_TEST

struct wants_row {
    int32_t minimum;
    struct gang_tally tally;
    bool wants;
};

static const struct wants_row wants_table[] = {
    {4, {.live = 3, .pending = 3}, false},
    {4, {.live = 4, .pending = 4}, true},
    {4, {.live = 6, .pending = 6}, true},
    {4, {.live = 4, .pending = 3}, false},                        /* one is gated */
    {0, {.live = 4, .pending = 4}, false},                        /* quorum unknown */
    {-1, {.live = 4, .pending = 4}, false},                       /* quorum invalid */
    {-1, {.live = 4, .pending = 2, .bound = 2}, false},           /* even when begun */
    {4, {.live = 4, .pending = 4, .held = 4}, false},             /* planned */
    {4, {.live = 5, .pending = 5, .held = 4}, false},             /* joins when it has begun */
    {4, {.live = 5, .pending = 1, .bound = 4}, true},             /* a joiner */
    {4, {.live = 4, .pending = 1, .bound = 3}, true},             /* rolled forward */
    {4, {.live = 4, .pending = 1, .bound = 3, .held = 1}, false}, /* which is planned */
    {4, {.live = 4, .bound = 4}, false},                          /* all bound */
    {4, {.live = 1, .pending = 1, .done = 3}, true},              /* the others have finished */
    {4, {.live = 0}, false},                                      /* empty */
    {INT32_MAX, {.live = 100, .pending = 100}, false},
};

START_TEST(test_wants)
{
    struct fixture fixture;
    setup(&fixture);
    struct gang *gang = gangs_get(&fixture.gangs, "ns", "a");
    gang->has_object = true;
    gang->object_minimum = wants_table[_i].minimum;
    ck_assert_int_eq(queue_wants(gang, &wants_table[_i].tally), wants_table[_i].wants);
    teardown(&fixture);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/policy/queue");
    TCase *tcase = tcase_create("queue");
    tcase_add_test(tcase, test_priority_then_first_come);
    tcase_add_test(tcase, test_a_begun_gang_without_its_quorum_goes_first);
    tcase_add_test(tcase, test_order_and_who_is_left_out);
    tcase_add_test(tcase, test_names_break_ties);
    tcase_add_test(tcase, test_who_is_skipped);
    tcase_add_loop_test(tcase, test_wants, 0, (int)(sizeof(wants_table) / sizeof(wants_table[0])));
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
