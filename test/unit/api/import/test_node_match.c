// SPDX-License-Identifier: Apache-2.0
#include "api/import/node_match.h"

#include <string.h>

#include "api/json/selector.h"
#include "test/unit/api/yaml/object.h"
#include "test/unit/check_main.h"

static struct err err;

static bool matches(const char *pattern, const char *name)
{
    struct node_match *match;
    struct node_object node = {.name = name};
    ck_assert_msg(node_match_pattern(pattern, &match, &err) == 0, "%s", err.text);
    ck_assert(node_match_by_name(match));
    bool result = node_match_test(match, &node);
    node_match_destroy(match);
    return result;
}

static const struct {
    const char *pattern;
    const char *name;
    bool matches;
} patterns[] = {
    {"node-[12]", "node-1", true},
    {"node-[12]", "my-node-10", true}, /* searched for, as Go's MatchString does */
    {"^node-[12]$", "node-10", false},
    {"^node-\\d+$", "node-10", true},
    {"^node-\\d+$", "node-d", false},
    {"^\\D+$", "node", true},
    {"^\\w+$", "node_1", true},
    {"^\\w+$", "node-1", false},
    {"^\\W$", "-", true},
    {"^(?:a|b)\\.x$", "b.x", true},
    {"^a\\.x$", "abx", false},
    {"^a[\\.]x$", "a.x", true},
    {"^a[0-9\\-]$", "a-", true},
    {"^[^a-m]\\{$", "z{", true},
    {"^[]x]$", "]", true},
    {"^[[:digit:]]{2,3}$", "123", true},
    {"^[[:digit:]]{2,3}$", "1234", false},
    {"^a{2}$", "aa", true},
    {"^a{2,}$", "aaaa", true},
    {"^a{2,}$", "a", false},
    {"a+?b*?c??", "xa", true},
    {"^(a|b)*$", "abab", true},
    {"^a+?$", "", false},
    {"^a{2,3}?$", "aaa", true},
    {"^(?:a{10}){100}$", "a", false},
    {"^\\(*$", "((", true},
    {"^()*$", "", true},
    {"^ab*$", "a", true},
    {"^ab?$", "a", true},
    {"^ab{0,2}$", "a", true},
    {"^ab+$", "a", false},
    {"^rack-07-", "rack-07-node", true},
    {"^rack-07-", "rack-08-node", false},
    {"^ab|cd", "xcdx", true},
    {"^a\\|b$", "a|b", true},
    {"^", "anything", true},
    {"^$", "anything", false},
};

START_TEST(patterns_mean_what_they_mean_to_volcano)
{
    ck_assert_msg(matches(patterns[_i].pattern, patterns[_i].name) == patterns[_i].matches,
                  "%s on %s", patterns[_i].pattern, patterns[_i].name);
}
END_TEST

static const struct {
    const char *pattern;
    const char *error;
} bad[] = {
    {"", "must have 1 to 256 bytes"},
    {"a\\bc", "an escape that is not supported at byte 2"},
    {"(a)\\1", "an escape"},
    {"\\p{L}", "an escape"},
    {"\\<a", "an escape"},
    {"a\\", "an escape"},
    {"[\\d]", "an escape within brackets"},
    {"[a\\-z]", "an escape within brackets"},
    {"[a", "a bracket that is not closed"},
    {"[", "a bracket that is not closed"},
    {"[a[", "a class that is not supported"},
    {"[[.a.]]", "a class that is not supported"},
    {"[[:digit]", "a class that is not supported"},
    {"[[:nothing:]]", "pattern"},
    {"(?i)a", "a group that is not supported"},
    {"(?P<n>a)", "a group that is not supported"},
    {"a{x}", "a brace"},
    {"a{,3}", "a brace"},
    {"a{ 3}", "a brace"},
    {"a{3", "a brace"},
    {"a{12345}", "a brace"},
    {"a{1,12345}", "a brace"},
    {"a{1,2", "a brace"},
    {"a{3,2}", "a repetition that runs backwards"},
    {"a{2001}", "a repetition that is too large"},
    {"(ab){1000}", "a repetition that is too large"},
    {"a++++++++++++++++++++", "a repetition of a repetition at byte 3"},
    {"a**", "a repetition of a repetition"},
    {"a{2}{2}", "a repetition of a repetition"},
    {"a+??", "a repetition of a repetition"},
    {"(((((((((((((a+)+)+)+)+)+)+)+)+)+)+)+)+)+", "a repetition that is too large"},
    {"((((((((((((((((((((((((((((((((((a))))))))))))))))))))))))))))))))))", "a group that is"},
    {"a)", "a group that was not opened"},
    {"((a{100}){100}){100}", "a repetition that is too large"},
    {"*node", "a repetition of nothing"},
    {"a|+", "a repetition of nothing"},
    {"(*a)", "a repetition of nothing"},
    {"(?:*a)", "a repetition of nothing"},
    {"{2}", "a repetition of nothing"},
    {"(a", "pattern"},
};

START_TEST(patterns_that_are_refused)
{
    struct node_match *match;
    ck_assert_msg(node_match_pattern(bad[_i].pattern, &match, &err) == -1, "%s", bad[_i].pattern);
    ck_assert_msg(strstr(err.text, bad[_i].error) != NULL, "%s: %s", bad[_i].pattern, err.text);
}
END_TEST

START_TEST(long_patterns)
{
    char pattern[NODE_MATCH_PATTERN_MAX + 2];
    struct node_match *match;
    for (size_t i = 0; i < NODE_MATCH_PATTERN_MAX; i += 2) {
        memcpy(pattern + i, "\\W", 2);
    }
    pattern[NODE_MATCH_PATTERN_MAX] = '\0';
    ck_assert_msg(node_match_pattern(pattern, &match, &err) == 0, "%s", err.text);
    node_match_destroy(match);
    memcpy(pattern + NODE_MATCH_PATTERN_MAX, "a", 2);
    ck_assert_int_eq(node_match_pattern(pattern, &match, &err), -1);
    node_match_destroy(NULL);
}
END_TEST

static const struct label_object labels[] = {{"rack", "old"}, {"gpu", "h100"}, {"rack", "r1"}};

static const struct {
    const char *selector;
    bool matches;
} selectors[] = {
    {"{}", false},
    {"{matchLabels: {}, matchExpressions: []}", false},
    {"{matchLabels: {rack: r1}}", true},
    {"{matchLabels: {rack: old}}", false},
    {"{matchLabels: {rack: r1, gpu: a100}}", false},
    {"{matchExpressions: [{key: rack, operator: In, values: [r2, r1]}]}", true},
    {"{matchExpressions: [{key: zone, operator: In, values: [r1]}]}", false},
    {"{matchExpressions: [{key: rack, operator: NotIn, values: [r2]}]}", true},
    {"{matchExpressions: [{key: zone, operator: NotIn, values: [z]}]}", true},
    {"{matchExpressions: [{key: rack, operator: NotIn, values: [r1]}]}", false},
    {"{matchExpressions: [{key: gpu, operator: Exists}]}", true},
    {"{matchExpressions: [{key: zone, operator: Exists}]}", false},
    {"{matchExpressions: [{key: zone, operator: DoesNotExist}]}", true},
    {"{matchExpressions: [{key: gpu, operator: DoesNotExist}]}", false},
};

START_TEST(label_selectors)
{
    struct node_match *match;
    struct node_object node = {.name = "n", .labels = labels, .label_count = 3};
    json_t *selector = yaml_object(selectors[_i].selector);
    ck_assert_msg(node_match_selector(selector, &match, &err) == 0, "%s", err.text);
    json_decref(selector);
    ck_assert(!node_match_by_name(match));
    ck_assert_msg(node_match_test(match, &node) == selectors[_i].matches, "%s",
                  selectors[_i].selector);
    node_match_destroy(match);
}
END_TEST

static const struct {
    const char *selector;
    const char *error;
} bad_selectors[] = {
    {"[]", "labelMatch: is not a JSON object"},
    {"{matchLabels: {a: 1}}", "the value of a is not a string"},
    {"{matchExpressions: [{operator: In, values: [a]}]}", "matchExpressions[0].key: is missing"},
    {"{matchExpressions: [{key: a, operator: Like, values: [a]}]}", "operator \"Like\""},
    {"{matchExpressions: [{key: a, operator: In}]}", "the operator does not take 0 values"},
    {"{matchExpressions: [{key: a, operator: Exists, values: [b]}]}",
     "the operator does not take 1 value"},
    {"{matchExpressions: [{key: a, operator: In, values: [1]}]}", "value 0 is not a string"},
};

START_TEST(label_selectors_that_are_refused)
{
    struct node_match *match;
    json_t *selector = json_loads(bad_selectors[_i].selector, 0, NULL);
    if (selector == NULL) {
        selector = yaml_object(bad_selectors[_i].selector);
    }
    ck_assert_int_eq(node_match_selector(selector, &match, &err), -1);
    ck_assert_msg(strstr(err.text, bad_selectors[_i].error) != NULL, "%s", err.text);
    json_decref(selector);
}
END_TEST

START_TEST(more_requirements_than_the_limit)
{
    struct node_match *match;
    json_t *list = json_array();
    for (int i = 0; i <= SELECTOR_EXPRESSIONS_MAX; i++) {
        json_array_append_new(list, json_pack("{s:s, s:s}", "key", "a", "operator", "Exists"));
    }
    json_t *selector = json_pack("{s:o}", "matchExpressions", list);
    ck_assert_int_eq(node_match_selector(selector, &match, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "more than 32 requirements"));
    json_decref(selector);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("node_match");
    TCase *tests = tcase_create("node_match");
    tcase_add_loop_test(tests, patterns_mean_what_they_mean_to_volcano, 0,
                        (int)(sizeof patterns / sizeof patterns[0]));
    tcase_add_loop_test(tests, patterns_that_are_refused, 0, (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(tests, long_patterns);
    tcase_add_loop_test(tests, label_selectors, 0, (int)(sizeof selectors / sizeof selectors[0]));
    tcase_add_loop_test(tests, label_selectors_that_are_refused, 0,
                        (int)(sizeof bad_selectors / sizeof bad_selectors[0]));
    tcase_add_test(tests, more_requirements_than_the_limit);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
