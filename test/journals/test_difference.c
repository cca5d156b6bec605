// SPDX-License-Identifier: Apache-2.0
#include "test/journals/difference.h"

#include "test/unit/check_main.h"

static struct journal_reader *reader;
static struct effects recorded, now;
static struct side then, today;
static const struct event event = {.type = EVENT_FILTER, .filter = {.row_count = 2}};

static void setup(void)
{
    reader = journal_reader_create();
    effects_init(&recorded);
    effects_init(&now);
}

static void teardown(void)
{
    side_finish(&then);
    side_finish(&today);
    effects_finish(&now);
    effects_finish(&recorded);
    journal_reader_destroy(reader);
}

static void nominate(struct effects *effects, const char *uid, const char *node)
{
    struct effect *effect = effects_append(effects, EFFECT_NOMINATE);
    effect->write.uid = uid;
    effect->write.node = node;
    effect->write.rank = -1;
}

static void evict(struct effects *effects, const char *uid)
{
    effects_append(effects, EFFECT_EVICT)->write.uid = uid;
}

static void answer(struct effects *effects, enum filter_verdict verdict, const char *reason)
{
    struct effect *effect = effects_append(effects, EFFECT_FILTER_REPLY);
    effect->filter.verdict = verdict;
    effect->filter.reason = reason;
}

static void answer_bind(struct effects *effects, const char *error)
{
    effects_append(effects, EFFECT_BIND_REPLY)->bind.error = error;
}

static void tell(struct effects *effects, const char *message)
{
    effects_append(effects, EFFECT_EVENT)->event.message = message;
}

static void expect(unsigned kinds)
{
    side_step(&then, &recorded);
    side_step(&today, &now);
    ck_assert_uint_eq(difference_between(reader, &event, &then, &today), kinds);
    ck_assert_uint_eq(difference_between(reader, &event, &today, &then), kinds);
    effects_reset(&recorded);
    effects_reset(&now);
}

START_TEST(test_equal_lists_do_not_differ)
{
    nominate(&recorded, "a", "n1");
    answer(&recorded, FILTER_NONE, "no room");
    nominate(&now, "a", "n1");
    answer(&now, FILTER_NONE, "no room");
    expect(0);
}
END_TEST

START_TEST(test_kinds_are_compared_apart)
{
    tell(&recorded, "first");
    nominate(&recorded, "a", "n1");
    nominate(&now, "a", "n1");
    tell(&now, "first");
    expect(0);
}
END_TEST

START_TEST(test_another_node_and_one_more)
{
    nominate(&recorded, "a", "n1");
    nominate(&now, "a", "n2");
    expect(1u << DIFFERENCE_NOMINATE);
    nominate(&recorded, "b", "n1");
    nominate(&now, "b", "n1");
    nominate(&now, "c", "n1");
    expect(1u << DIFFERENCE_NOMINATE);
}
END_TEST

START_TEST(test_the_same_nomination_again)
{
    nominate(&recorded, "a", "n1");
    nominate(&now, "a", "n1");
    expect(0);
    nominate(&now, "a", "n1");
    expect(1u << DIFFERENCE_AGAIN);
    nominate(&now, "a", NULL);
    nominate(&now, "a", "n1");
    expect(1u << DIFFERENCE_NOMINATE);
    ck_assert_uint_eq(1u << DIFFERENCE_AGAIN & DIFFERENCE_DECISIONS, 0);
}
END_TEST

START_TEST(test_a_nomination_that_stood_already)
{
    struct event shown = {.type = EVENT_POD};
    shown.pod.uid = "a";
    shown.pod.nominated = "n1";
    side_watch(&today, &shown);
    nominate(&now, "a", "n1");
    expect(1u << DIFFERENCE_AGAIN);
    shown.pod.nominated = "n2";
    side_watch(&today, &shown); /* somebody else's word changes nothing */
    nominate(&now, "a", "n1");
    expect(1u << DIFFERENCE_AGAIN);
}
END_TEST

START_TEST(test_another_order)
{
    nominate(&recorded, "a", "n1");
    nominate(&recorded, "b", "n2");
    nominate(&now, "b", "n2");
    nominate(&now, "a", "n1");
    tell(&recorded, "first");
    tell(&recorded, "second");
    tell(&now, "second");
    tell(&now, "first");
    expect(1u << DIFFERENCE_ORDER);
}
END_TEST

START_TEST(test_as_often)
{
    evict(&recorded, "a");
    evict(&recorded, "a");
    evict(&recorded, "b");
    evict(&now, "a");
    evict(&now, "b");
    evict(&now, "b");
    expect(1u << DIFFERENCE_EVICT);
}
END_TEST

START_TEST(test_reasons_of_answers_are_words)
{
    answer(&recorded, FILTER_NONE, "no room");
    answer(&now, FILTER_NONE, "too late");
    expect(1u << DIFFERENCE_REASON);
    answer_bind(&recorded, "not yet");
    answer_bind(&now, "never");
    expect(1u << DIFFERENCE_REASON);
    ck_assert_uint_eq(1u << DIFFERENCE_REASON & DIFFERENCE_DECISIONS, 0);
}
END_TEST

START_TEST(test_verdicts_are_decisions)
{
    answer(&recorded, FILTER_NONE, "no room");
    answer(&now, FILTER_ERROR, "no room");
    answer_bind(&recorded, NULL);
    answer_bind(&now, "");
    expect(1u << DIFFERENCE_FILTER | 1u << DIFFERENCE_BIND);
    ck_assert_uint_ne(1u << DIFFERENCE_BIND & DIFFERENCE_DECISIONS, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("journals/difference");
    TCase *tcase = tcase_create("difference");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_equal_lists_do_not_differ);
    tcase_add_test(tcase, test_kinds_are_compared_apart);
    tcase_add_test(tcase, test_another_node_and_one_more);
    tcase_add_test(tcase, test_the_same_nomination_again);
    tcase_add_test(tcase, test_a_nomination_that_stood_already);
    tcase_add_test(tcase, test_another_order);
    tcase_add_test(tcase, test_as_often);
    tcase_add_test(tcase, test_reasons_of_answers_are_words);
    tcase_add_test(tcase, test_verdicts_are_decisions);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
