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

static struct gang *ready_of(struct fixture *fixture, const char *name_space, const char *name,
                             int32_t priority, uint64_t sequence)
{
    struct gang *gang = gangs_get(&fixture->gangs, name_space, name);
    gang->wants = true;
    gang->state = GANG_WAITING;
    multiset_add(&gang->totals.priorities, priority);
    gang->sequence = sequence;
    return gang;
}

static struct gang *ready(struct fixture *fixture, const char *name, int32_t priority,
                          uint64_t sequence)
{
    return ready_of(fixture, "ns", name, priority, sequence);
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

/* ---- namespaces ---- */

START_TEST(test_namespaces_take_turns)
{
    struct fixture fixture;
    setup(&fixture);
    ready_of(&fixture, "many", "a", 0, 1);
    ready_of(&fixture, "many", "b", 0, 2);
    ready_of(&fixture, "many", "c", 0, 3);
    ready_of(&fixture, "few", "x", 0, 9);
    ready_of(&fixture, "few", "y", 0, 8);
    ready_of(&fixture, "one", "z", 0, 7);
    add_all(&fixture);
    expect(&fixture, "azybxc");
    teardown(&fixture);
}
END_TEST

/* Priority is before turns, and what has begun before both. */
START_TEST(test_turns_are_among_equals)
{
    struct fixture fixture;
    setup(&fixture);
    ready_of(&fixture, "many", "a", 5, 1);
    ready_of(&fixture, "many", "b", 5, 2);
    ready_of(&fixture, "many", "c", 0, 3)->begun = true;
    ready_of(&fixture, "many", "d", -1, 0);
    ready_of(&fixture, "few", "x", 0, 4);
    ready_of(&fixture, "few", "y", 5, 5);
    add_all(&fixture);
    expect(&fixture, "caybxd");
    teardown(&fixture);
}
END_TEST

/* Who comes while another namespace's crowd is being worked off is next. */
START_TEST(test_who_comes_late_is_next)
{
    struct fixture fixture;
    setup(&fixture);
    char name[2] = "a";
    for (; name[0] < 'n'; name[0]++) {
        ready_of(&fixture, "many", name, 0, (uint64_t)name[0]);
    }
    add_all(&fixture);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(queue_take(&fixture.queue)->name[0], 'a' + i);
    }
    queue_add(&fixture.queue, ready_of(&fixture, "few", "x", 0, 999));
    ck_assert_str_eq(queue_take(&fixture.queue)->name, "x");
    queue_add(&fixture.queue, ready_of(&fixture, "few", "y", 0, 1000)); /* it had its turn */
    ck_assert_str_eq(queue_take(&fixture.queue)->name, "f");
    ck_assert_str_eq(queue_take(&fixture.queue)->name, "y");
    expect(&fixture, "ghijklm");
    teardown(&fixture);
}
END_TEST

START_TEST(test_good_standing_is_first_in_a_turn)
{
    struct fixture fixture;
    setup(&fixture);
    ready_of(&fixture, "bad", "a", 0, 1)->tenant->limited = true;
    ready_of(&fixture, "bad", "b", 0, 2);
    ready_of(&fixture, "good", "x", 0, 3);
    add_all(&fixture);
    expect(&fixture, "xab");
    teardown(&fixture);
}
END_TEST

/* Nobody saves up turns. */
START_TEST(test_turns_that_were_not_taken_are_gone)
{
    struct fixture fixture;
    setup(&fixture);
    struct gang *gang = ready_of(&fixture, "one", "a", 0, 1);
    for (int i = 0; i < 100; i++) {
        queue_add(&fixture.queue, gang);
        ck_assert_ptr_eq(queue_take(&fixture.queue), gang);
        ck_assert_ptr_null(queue_take(&fixture.queue));
    }
    queue_add(&fixture.queue, gang);
    ready_of(&fixture, "other", "w", 0, 2);
    ready_of(&fixture, "other", "x", 0, 3);
    ready_of(&fixture, "other", "y", 0, 4);
    add_all(&fixture);
    expect(&fixture, "waxy");
    teardown(&fixture);
}
END_TEST

START_TEST(test_who_is_put_back_keeps_its_turn)
{
    struct fixture fixture;
    setup(&fixture);
    struct gang *first = ready_of(&fixture, "one", "a", 0, 1);
    ready_of(&fixture, "other", "x", 0, 2);
    add_all(&fixture);
    for (int i = 0; i < 3; i++) {
        ck_assert_ptr_eq(queue_take(&fixture.queue), first);
        queue_put_back(&fixture.queue, first);
    }
    expect(&fixture, "ax");
    teardown(&fixture);
}
END_TEST

START_TEST(test_parked_ones_are_in_no_pass)
{
    struct fixture fixture;
    setup(&fixture);
    struct gang *gangs[3] = {ready(&fixture, "a", 0, 1), ready(&fixture, "b", 0, 2),
                             ready(&fixture, "c", 0, 3)};
    add_all(&fixture);
    for (int i = 0; i < 3; i++) {
        queue_park(&fixture.queue, queue_take(&fixture.queue));
    }
    ck_assert(queue_empty(&fixture.queue));
    ck_assert_uint_eq(fixture.queue.parked, 3);
    queue_add(&fixture.queue, gangs[0]); /* it stays where it is */
    ck_assert(queue_empty(&fixture.queue));
    ck_assert_ptr_eq(gangs[0]->tenant->parked, gangs[0]);
    queue_remove(&fixture.queue, gangs[1]);
    queue_put_back(&fixture.queue, gangs[0]);
    ck_assert_ptr_eq(gangs[0]->tenant->parked, gangs[2]);
    queue_put_back(&fixture.queue, gangs[2]);
    ck_assert_uint_eq(fixture.queue.parked, 0);
    expect(&fixture, "ac");
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
    tcase_add_test(tcase, test_namespaces_take_turns);
    tcase_add_test(tcase, test_turns_are_among_equals);
    tcase_add_test(tcase, test_who_comes_late_is_next);
    tcase_add_test(tcase, test_good_standing_is_first_in_a_turn);
    tcase_add_test(tcase, test_turns_that_were_not_taken_are_gone);
    tcase_add_test(tcase, test_who_is_put_back_keeps_its_turn);
    tcase_add_test(tcase, test_parked_ones_are_in_no_pass);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
