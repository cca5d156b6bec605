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

static void add_all(struct fixture *fixture)
{
    for (uint32_t i = 0; i < fixture->gangs.count; i++) {
        queue_add(&fixture->queue, fixture->gangs.items[i]);
    }
}

/* The names of what is left of the pass, one letter each. */
static void expect(struct fixture *fixture, const char *names)
{
    char text[16] = "";
    struct gang *gang;
    size_t count = 0;
    while ((gang = queue_take(&fixture->queue)) != NULL) {
        ck_assert_uint_lt(count, sizeof(text) - 1);
        text[count++] = gang->name[0];
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
    add_all(&fixture);
    expect(&fixture, "efbcad");
    teardown(&fixture);
}
END_TEST

/* Whoever leaves takes nobody along, from any place of the pass. */
START_TEST(test_those_beside_one_that_leaves_stay)
{
    static const char *const left[] = {"bcd", "acd", "abd", "abc"};
    struct fixture fixture;
    setup(&fixture);
    struct gang *gangs[4] = {ready(&fixture, "a", 0, 1), ready(&fixture, "b", 0, 2),
                             ready(&fixture, "c", 0, 3), ready(&fixture, "d", 0, 4)};
    add_all(&fixture);
    queue_remove(&fixture.queue, gangs[_i]);
    expect(&fixture, left[_i]);
    teardown(&fixture);
}
END_TEST

START_TEST(test_a_begun_gang_without_its_quorum_goes_first)
{
    struct fixture fixture;
    setup(&fixture);
    ready(&fixture, "a", 1000, 1);
    ready(&fixture, "b", 0, 2)->begun = true;
    ready(&fixture, "c", 500, 3)->state = GANG_PLACED; /* has its quorum: waits its turn */
    ready(&fixture, "d", 1, 4)->begun = true;
    add_all(&fixture);
    expect(&fixture, "dbac");
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
    add_all(&fixture);
    expect(&fixture, "zab");
    teardown(&fixture);
}
END_TEST

START_TEST(test_everybody_is_in_it_once)
{
    struct fixture fixture;
    setup(&fixture);
    ready(&fixture, "a", 0, 1);
    ready(&fixture, "b", 0, 2);
    add_all(&fixture);
    add_all(&fixture);
    expect(&fixture, "ab");
    ck_assert(queue_empty(&fixture.queue));
    expect(&fixture, "");
    teardown(&fixture);
}
END_TEST

/* Who is worth another try at once waits for the next pass, however urgent it is: the others have
 * their turn first. */
START_TEST(test_a_pass_takes_everybody_once)
{
    struct fixture fixture;
    setup(&fixture);
    struct gang *urgent = ready(&fixture, "u", 100, 1);
    ready(&fixture, "a", 0, 2);
    ready(&fixture, "b", 0, 3);
    add_all(&fixture);
    ck_assert_ptr_eq(queue_take(&fixture.queue), urgent);
    queue_add(&fixture.queue, urgent);
    queue_add(&fixture.queue, urgent);
    expect(&fixture, "ab");
    ck_assert(!queue_empty(&fixture.queue));
    expect(&fixture, "u");
    ck_assert(queue_empty(&fixture.queue));
    teardown(&fixture);
}
END_TEST

START_TEST(test_who_comes_during_a_pass_takes_its_place)
{
    struct fixture fixture;
    setup(&fixture);
    struct gang *first = ready(&fixture, "a", 5, 1);
    struct gang *last = ready(&fixture, "b", 0, 2);
    queue_add(&fixture.queue, first);
    queue_add(&fixture.queue, last);
    ck_assert_ptr_eq(queue_take(&fixture.queue), first);
    queue_add(&fixture.queue, ready(&fixture, "c", 1, 3));
    expect(&fixture, "cb");
    teardown(&fixture);
}
END_TEST

START_TEST(test_who_goes_is_not_taken)
{
    struct fixture fixture;
    setup(&fixture);
    struct gang *now = ready(&fixture, "a", 0, 1);
    struct gang *later = ready(&fixture, "b", 1, 2);
    ready(&fixture, "c", -1, 3);
    add_all(&fixture);
    ck_assert_ptr_eq(queue_take(&fixture.queue), later);
    queue_add(&fixture.queue, later);
    queue_remove(&fixture.queue, later);
    queue_remove(&fixture.queue, now);
    queue_remove(&fixture.queue, now);
    expect(&fixture, "c");
    ck_assert(queue_empty(&fixture.queue));
    queue_add(&fixture.queue, now);
    expect(&fixture, "a");
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
    {4, {.live = 4, .pending = 3}, false},              /* one is gated */
    {0, {.live = 4, .pending = 4}, false},              /* quorum unknown */
    {-1, {.live = 4, .pending = 4}, false},             /* quorum invalid */
    {-1, {.live = 4, .pending = 2, .bound = 2}, false}, /* even beside bound ones */
    {4, {.live = 4, .pending = 4, .held = 4}, false},   /* planned */
    {4, {.live = 5, .pending = 5, .held = 4}, false},   /* joins when they are bound */
    {4, {.live = 5, .pending = 1, .bound = 4}, true},   /* a joiner */
    {4, {.live = 4, .pending = 1, .bound = 3}, true},   /* the one that is missing */
    {4, {.live = 4, .pending = 1, .bound = 2}, false},  /* one of two: not without the other */
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
    gang->totals.tally = wants_table[_i].tally;
    gang->totals.done_here = wants_table[_i].tally.done; /* in this run */
    ck_assert_int_eq(queue_wants(gang, &wants_table[_i].tally), wants_table[_i].wants);
    gang->totals = (struct totals){.done_here = 0};
    teardown(&fixture);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/policy/queue");
    TCase *tcase = tcase_create("queue");
    tcase_add_loop_test(tcase, test_those_beside_one_that_leaves_stay, 0, 4);
    tcase_add_test(tcase, test_priority_then_first_come);
    tcase_add_test(tcase, test_a_begun_gang_without_its_quorum_goes_first);
    tcase_add_test(tcase, test_names_break_ties);
    tcase_add_test(tcase, test_everybody_is_in_it_once);
    tcase_add_test(tcase, test_a_pass_takes_everybody_once);
    tcase_add_test(tcase, test_who_comes_during_a_pass_takes_its_place);
    tcase_add_test(tcase, test_who_goes_is_not_taken);
    tcase_add_loop_test(tcase, test_wants, 0, (int)(sizeof(wants_table) / sizeof(wants_table[0])));
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
