// SPDX-License-Identifier: Apache-2.0
#include "api/view/decisions.h"

#include <stdlib.h>
#include <string.h>

#include "test/unit/check_main.h"

static struct decisions *decisions;
static struct effects effects;

static void setup(void)
{
    decisions = decisions_create();
    effects_init(&effects);
}

static void teardown(void)
{
    effects_finish(&effects);
    decisions_destroy(decisions);
    decisions_destroy(NULL);
}

static void note(int64_t wall, const struct event *event)
{
    decisions_note(decisions, wall, event, &effects);
    effects_reset(&effects);
}

static void check(size_t limit, const char *expected)
{
    json_t *have = decisions_json(decisions, limit);
    json_error_t error;
    json_t *want = json_loads(expected, 0, &error);
    ck_assert_msg(want != NULL, "%s", error.text);
    char *text = json_dumps(have, 0);
    ck_assert_msg(json_equal(have, want), "%s", text);
    free(text);
    json_decref(want);
    json_decref(have);
}

START_TEST(test_kinds)
{
    struct event event = {.type = EVENT_BIND};
    event.bind = (struct bind_event){7, "ns", "p", "u", "n"};
    check(9, "[]");
    effects_append(&effects, EFFECT_TRANSITION)->transition =
        (struct transition_effect){"ns", "g", "Waiting", "Held", "planned", 12};
    effects_append(&effects, EFFECT_EVENT)->event =
        (struct event_effect){true, true, "ns", "g", NULL, "GangWaiting", "no room"};
    effects_append(&effects, EFFECT_POST_BINDING);
    effects_append(&effects, EFFECT_BIND_REPLY)->bind = (struct bind_reply){7, "not planned"};
    effects_append(&effects, EFFECT_BIND_REPLY)->bind = (struct bind_reply){8, "too late"};
    effects_append(&effects, EFFECT_BIND_REPLY)->bind = (struct bind_reply){9, NULL};
    note(1700000000007, &event);
    check(9, "[{\"time\":\"2023-11-14T22:13:20.007Z\",\"type\":\"refusal\",\"call\":\"bind\","
             "\"uid\":null,\"reason\":\"too late\",\"count\":1},"
             "{\"time\":\"2023-11-14T22:13:20.007Z\",\"type\":\"refusal\",\"call\":\"bind\","
             "\"uid\":\"u\",\"reason\":\"not planned\",\"count\":1},"
             "{\"time\":\"2023-11-14T22:13:20.007Z\",\"type\":\"event\",\"kind\":\"PodGroup\","
             "\"object\":\"ns/g\",\"warning\":true,\"event\":\"GangWaiting\",\"reason\":\"no "
             "room\"},"
             "{\"time\":\"2023-11-14T22:13:20.007Z\",\"type\":\"transition\",\"gang\":\"ns/g\","
             "\"from\":\"Waiting\",\"to\":\"Held\",\"reason\":\"planned\",\"waitedMs\":12}]");
}
END_TEST

static void refuse(int64_t wall, const char *uid, enum filter_verdict verdict, const char *reason)
{
    struct event event = {.type = EVENT_FILTER};
    event.filter.pod.uid = uid;
    struct effect *effect = effects_append(&effects, EFFECT_FILTER_REPLY);
    effect->filter.verdict = verdict;
    effect->filter.reason = reason;
    note(wall, &event);
}

/* The same refusal is counted, not repeated; an answer that refuses nothing is none. */
START_TEST(test_repeated_refusals)
{
    refuse(0, "a", FILTER_NONE, "gang ns/g waits");
    refuse(1, "b", FILTER_NONE, "gang ns/h waits");
    refuse(2, "c", FILTER_NONE, "gang ns/g waits");
    refuse(3, "d", FILTER_ALL, NULL);
    refuse(4, "e", FILTER_SOME, "gang ns/g waits");
    refuse(5, "f", FILTER_ERROR, "gang ns/g waits");
    check(9, "[{\"time\":\"1970-01-01T00:00:00.001Z\",\"type\":\"refusal\",\"call\":\"filter\","
             "\"uid\":\"b\",\"reason\":\"gang ns/h waits\",\"count\":1},"
             "{\"time\":\"1970-01-01T00:00:00.005Z\",\"type\":\"refusal\",\"call\":\"filter\","
             "\"uid\":\"f\",\"reason\":\"gang ns/g waits\",\"count\":3}]");
}
END_TEST

/* The oldest go; a refusal that is far away is told anew. */
START_TEST(test_bounded)
{
    char reason[32];
    for (int i = 0; i < DECISIONS_KEPT + 100; i++) {
        snprintf(reason, sizeof reason, "reason %d", i);
        refuse(i, "a", FILTER_NONE, reason);
    }
    json_t *list = decisions_json(decisions, SIZE_MAX);
    ck_assert_uint_eq(json_array_size(list), DECISIONS_KEPT);
    const json_t *oldest = json_array_get(list, DECISIONS_KEPT - 1);
    ck_assert_str_eq(json_string_value(json_object_get(oldest, "reason")), "reason 100");
    json_decref(list);
    snprintf(reason, sizeof reason, "reason %d", DECISIONS_KEPT + 100 - DECISIONS_NEAR - 1);
    refuse(9, "a", FILTER_NONE, reason);
    list = decisions_json(decisions, 1);
    ck_assert_uint_eq(json_array_size(list), 1);
    ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(list, 0), "count")), 1);
    json_decref(list);
}
END_TEST

/* A text that is no UTF-8 has no place in JSON, and takes nothing else with it. */
START_TEST(test_bad_text)
{
    struct event event = {.type = EVENT_TICK};
    effects_append(&effects, EFFECT_TRANSITION)->transition =
        (struct transition_effect){"ns", "\xff", "Waiting", "Held", "\xc3", -1};
    note(-1, &event);
    check(1, "[{\"time\":null,\"type\":\"transition\",\"gang\":null,\"from\":\"Waiting\","
             "\"to\":\"Held\",\"reason\":null,\"waitedMs\":-1}]");
    refuse(1, "\xff", FILTER_NONE, "\xc3");
    refuse(2, "\xff", FILTER_NONE, "\xc3");
    json_t *list = decisions_json(decisions, 9);
    ck_assert_uint_eq(json_array_size(list), 3);
    json_decref(list);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/view/decisions");
    TCase *tcase = tcase_create("decisions");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_kinds);
    tcase_add_test(tcase, test_repeated_refusals);
    tcase_add_test(tcase, test_bounded);
    tcase_add_test(tcase, test_bad_text);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
