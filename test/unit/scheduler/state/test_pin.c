// SPDX-License-Identifier: Apache-2.0
/* The one node that a pod's rules name: there is one only if all that may let it in name the same.
 */
#include "scheduler/state/pin.h"

#include "test/unit/check_main.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const n1[] = {"n1"};
static const char *const n2[] = {"n2"};
static const char *const both[] = {"n1", "n2"};

static const struct expression_object name_n1 = {
    .field = true, .key = "metadata.name", .operator= SELECTOR_IN, .values = n1, .value_count = 1};
static const struct expression_object name_n2 = {
    .field = true, .key = "metadata.name", .operator= SELECTOR_IN, .values = n2, .value_count = 1};
static const struct expression_object host_n1 = {
    .key = "kubernetes.io/hostname", .operator= SELECTOR_IN, .values = n1, .value_count = 1};
static const struct expression_object not_n1 = {.field = true,
                                                .key = "metadata.name",
                                                .operator= SELECTOR_NOT_IN,
                                                .values = n1,
                                                .value_count = 1};
static const struct expression_object name_both = {.field = true,
                                                   .key = "metadata.name",
                                                   .operator= SELECTOR_IN,
                                                   .values = both,
                                                   .value_count = 2};
static const struct expression_object zone = {
    .key = "zone", .operator= SELECTOR_IN, .values = n1, .value_count = 1};

/* The pin of a pod with these terms, of one expression each. */
static const char *pin_of_terms(const struct expression_object *const *expressions, size_t count)
{
    struct term_object terms[4];
    ck_assert_uint_le(count, COUNT(terms));
    for (size_t i = 0; i < count; i++) {
        terms[i] = (struct term_object){.expressions = expressions[i], .expression_count = 1};
    }
    struct pod_object pod = {.terms = terms, .term_count = count};
    return pin_find(&pod);
}

#define PIN(...)                                                    \
    pin_of_terms((const struct expression_object *[]){__VA_ARGS__}, \
                 COUNT(((const struct expression_object *[]){__VA_ARGS__})))

START_TEST(one_term)
{
    ck_assert_str_eq(PIN(&name_n1), "n1");
    ck_assert_str_eq(PIN(&host_n1), "n1");
    ck_assert_ptr_null(PIN(&not_n1));
    ck_assert_ptr_null(PIN(&name_both));
    ck_assert_ptr_null(PIN(&zone));
}
END_TEST

/* Any of the terms will do: what one of them alone names is no pin. */
START_TEST(several_terms)
{
    ck_assert_str_eq(PIN(&name_n1, &host_n1), "n1");
    ck_assert_ptr_null(PIN(&name_n1, &name_n2));
    ck_assert_ptr_null(PIN(&name_n1, &zone));
    ck_assert_ptr_null(PIN(&zone, &name_n1));
    ck_assert_ptr_null(PIN(&name_n1, &name_n2, &name_n1));
}
END_TEST

/* All of a term has to hold: one expression that names a node is enough. */
START_TEST(several_expressions)
{
    const struct expression_object expressions[] = {zone, name_n2};
    const struct term_object term = {.expressions = expressions,
                                     .expression_count = COUNT(expressions)};
    const struct pod_object pod = {.terms = &term, .term_count = 1};
    ck_assert_str_eq(pin_find(&pod), "n2");
}
END_TEST

/* The selector holds whatever the affinity lets in. */
START_TEST(a_selector)
{
    const struct label_object labels[] = {{"zone", "a"}, {"kubernetes.io/hostname", "n2"}};
    const struct term_object term = {.expressions = &zone, .expression_count = 1};
    struct pod_object pod = {.selector = labels, .selector_count = COUNT(labels)};
    ck_assert_str_eq(pin_find(&pod), "n2");
    pod.terms = &term;
    pod.term_count = 1;
    ck_assert_str_eq(pin_find(&pod), "n2");
    pod.selector_count = 1;
    ck_assert_ptr_null(pin_find(&pod));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/state pin");
    TCase *tcase = tcase_create("pin");
    tcase_add_test(tcase, one_term);
    tcase_add_test(tcase, several_terms);
    tcase_add_test(tcase, several_expressions);
    tcase_add_test(tcase, a_selector);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
