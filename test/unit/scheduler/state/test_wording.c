// SPDX-License-Identifier: Apache-2.0
/* How much text a pod brings, and how much of what is left it may take. */
#include "scheduler/state/wording.h"

#include <stdint.h>
#include <string.h>

#include "test/unit/check_main.h"
#include "topology/base/names.h"

static size_t cost(const char *const *texts)
{
    size_t bytes = 0;
    for (; *texts != NULL; texts++) {
        bytes += names_cost(strlen(*texts));
    }
    return bytes;
}

static void expect(struct wording wording, const char *const *texts)
{
    size_t count = 0;
    while (texts[count] != NULL) {
        count++;
    }
    ck_assert_uint_eq(wording.words, count);
    ck_assert_uint_eq(wording.bytes, cost(texts));
}

START_TEST(rules_about_nodes)
{
    struct label_object selector = {"zone", "a"};
    const char *const values[] = {"one", "another"};
    struct expression_object expressions[] = {
        {.key = "rack", .operator= SELECTOR_IN, .values = values, .value_count = 2},
        {
            .key = "fast",
            .operator= SELECTOR_EXISTS },
        };
    struct term_object term = {expressions, 2};
    struct preference_object preference = {.term = {&expressions[1], 1}, .weight = 5};
    struct toleration_object tolerations[] = {{.key = "dedicated", .value = "ml"}, {.key = NULL}};
    struct pod_object pod = {.selector = &selector,
                             .selector_count = 1,
                             .terms = &term,
                             .term_count = 1,
                             .preferences = &preference,
                             .preference_count = 1,
                             .tolerations = tolerations,
                             .toleration_count = 2,
                             .spread = {.key = "host"}};
    expect(wording_of_rules(&pod),
           (const char *const[]){"zone", "a", "rack", "one", "another", "fast", "fast", "dedicated",
                                 "ml", "host", NULL});
    expect(wording_of_rules(&(struct pod_object){.rank = 0}), (const char *const[]){NULL});
}
END_TEST

START_TEST(labels)
{
    struct label_object items[] = {{"app", "web"}, {"tier", ""}};
    expect(wording_of_labels(items, 2), (const char *const[]){"app", "web", "tier", "", NULL});
    expect(wording_of_labels(items, 1), (const char *const[]){"app", "web", NULL});
}
END_TEST

/* Whoever asks for much is refused long before who asks for little, and nothing overflows. */
START_TEST(a_part_of_what_is_left)
{
    const size_t budget = 64 * 1000;
    ck_assert(wording_fits(1000, 0, budget));
    ck_assert(!wording_fits(1001, 0, budget));
    ck_assert(wording_fits(0, budget, budget));
    ck_assert(!wording_fits(1, budget, budget));
    ck_assert(wording_fits(0, budget + 1, budget));
    ck_assert(!wording_fits(1, budget + 1, budget));
    ck_assert(!wording_fits(SIZE_MAX, 0, budget));
    size_t used = 0;
    int greedy = 0;
    for (; wording_fits(500, used, budget); greedy++) {
        used += 500;
    }
    ck_assert_int_eq(greedy, 65);
    ck_assert(wording_fits(100, used, budget)); /* others go on */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/state/wording");
    TCase *tcase = tcase_create("wording");
    tcase_add_test(tcase, rules_about_nodes);
    tcase_add_test(tcase, labels);
    tcase_add_test(tcase, a_part_of_what_is_left);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
