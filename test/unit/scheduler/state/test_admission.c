// SPDX-License-Identifier: Apache-2.0
/* Corners of the node filters that are mirrored, as tables against what Kubernetes does:
 * apimachinery labels.Requirement.Matches (Gt and Lt go through strconv.ParseInt),
 * component-helpers nodeaffinity, core/v1 Toleration.ToleratesTaint; and what makes two pods share
 * a shape. */
#include "scheduler/state/admission.h"

#include <string.h>

#include "test/unit/check_main.h"
#include "test/unit/scheduler/state/books.h"

static uint32_t labelled(struct books *books, const char *name, const char *value)
{
    struct label_object label = {"n", value};
    struct node_object object = {.name = name, .labels = &label, .label_count = value != NULL};
    return books_observe(books, &object);
}

static bool admits(struct books *books, const struct pod_object *pod, uint32_t row)
{
    uint32_t shape = shapes_acquire(books->shapes, pod, NULL);
    ck_assert_uint_ne(shape, SHAPE_NONE);
    bool result = shapes_admits(books->shapes, shape, row);
    ck_assert(shapes_release(books->shapes, shape));
    return result;
}

struct number_case {
    const char *label;
    const char *value;
    bool greater;
    bool less;
};

static const struct number_case numbers[] = {
    {"5", "4", true, false},
    {"5", "5", false, false},
    {"5", "6", false, true},
    {"10", "9", true, false}, /* numbers, not texts */
    {"-1", "0", false, true},
    {"+7", "6", true, false},
    {"007", "6", true, false},
    {"0x10", "6", false, false},
    {"5.0", "4", false, false},
    {"5 ", "4", false, false},
    {" 5", "4", false, false},
    {"\n5", "4", false, false},
    {"", "4", false, false},
    {"-", "-1", false, false},
    {"9223372036854775807", "9223372036854775806", true, false},
    {"-9223372036854775808", "-9223372036854775807", false, true},
    {"9223372036854775808", "4", false, false}, /* beyond int64: no number */
    {"-9223372036854775809", "4", false, false},
    {"5", "99999999999999999999", false, false},
    {"5", "-99999999999999999999", false, false},
    {"5", "\f4", false, false},
};

START_TEST(test_numbers)
{
    const struct number_case *c = &numbers[_i];
    struct books books;
    books_init(&books);
    uint32_t row = labelled(&books, "node", c->label);
    const char *values[] = {c->value};
    struct expression_object expression = {"n", SELECTOR_GREATER, false, values, 1};
    struct term_object term = {&expression, 1};
    struct pod_object pod = {.terms = &term, .term_count = 1};
    ck_assert_msg(admits(&books, &pod, row) == c->greater, "\"%s\" > \"%s\"", c->label, c->value);
    expression.operator= SELECTOR_LESS;
    ck_assert_msg(admits(&books, &pod, row) == c->less, "\"%s\" < \"%s\"", c->label, c->value);
    books_finish(&books);
}
END_TEST

/* An empty value is a value: it exists, it is in {""}, and no number. */
START_TEST(test_empty_label_value)
{
    struct books books;
    books_init(&books);
    uint32_t empty = labelled(&books, "empty", "");
    uint32_t bare = labelled(&books, "bare", NULL);
    static const char *const values[] = {""};
    const struct {
        enum selector_operator operator;
        size_t count;
        bool empty, bare;
    } cases[] = {
        {SELECTOR_IN, 1, true, false},       {SELECTOR_NOT_IN, 1, false, true},
        {SELECTOR_EXISTS, 0, true, false},   {SELECTOR_DOES_NOT_EXIST, 0, false, true},
        {SELECTOR_GREATER, 1, false, false}, {SELECTOR_LESS, 1, false, false},
        {SELECTOR_GREATER, 0, false, false}, {SELECTOR_IN, 0, false, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct expression_object expression = {"n", cases[i].operator, false, values,
                                               cases[i].count};
        struct term_object term = {&expression, 1};
        struct pod_object pod = {.terms = &term, .term_count = 1};
        ck_assert_msg(admits(&books, &pod, empty) == cases[i].empty, "case %zu: empty", i);
        ck_assert_msg(admits(&books, &pod, bare) == cases[i].bare, "case %zu: bare", i);
    }
    books_finish(&books);
}
END_TEST

/* matchFields speaks of the node's name, not of a label that happens to be called so. */
START_TEST(test_fields_are_not_labels)
{
    struct books books;
    books_init(&books);
    struct label_object label = {"metadata.name", "other"};
    struct node_object object = {.name = "here", .labels = &label, .label_count = 1};
    uint32_t row = books_observe(&books, &object);
    static const char *const here[] = {"here"}, *const other[] = {"other"};
    struct expression_object expression = {"metadata.name", SELECTOR_IN, true, here, 1};
    struct term_object term = {&expression, 1};
    struct pod_object pod = {.terms = &term, .term_count = 1};
    ck_assert(admits(&books, &pod, row));
    expression.field = false;
    ck_assert(!admits(&books, &pod, row));
    expression.values = other;
    ck_assert(admits(&books, &pod, row));
    expression.field = true;
    ck_assert(!admits(&books, &pod, row));
    books_finish(&books);
}
END_TEST

/* Selector, affinity and tolerations must all agree, and every taint must be tolerated. */
START_TEST(test_all_filters_must_agree)
{
    struct books books;
    books_init(&books);
    struct label_object labels[] = {{"zone", "a"}, {"kind", "gpu"}};
    struct taint_object taints[] = {{"gpu", "", TAINT_NO_SCHEDULE},
                                    {"gpu", "", TAINT_NO_EXECUTE},
                                    {"burn-in", "x", TAINT_NO_SCHEDULE}};
    struct node_object object = {.name = "node",
                                 .labels = labels,
                                 .label_count = 2,
                                 .taints = taints,
                                 .taint_count = 3,
                                 .unschedulable = true};
    uint32_t row = books_observe(&books, &object);
    struct label_object selector[] = {{"zone", "a"}, {"kind", "gpu"}};
    struct toleration_object tolerations[] = {
        {"gpu", NULL, TOLERATION_EXISTS, true, TAINT_NO_SCHEDULE},
        {"burn-in", "x", TOLERATION_EQUAL, true, TAINT_NO_SCHEDULE},
        {"node.kubernetes.io/unschedulable", "", TOLERATION_EQUAL, false, TAINT_NO_SCHEDULE},
    };
    struct pod_object pod = {.selector = selector,
                             .selector_count = 2,
                             .tolerations = tolerations,
                             .toleration_count = 3};
    ck_assert(admits(&books, &pod, row));
    for (size_t without = 0; without < 3; without++) {
        struct toleration_object fewer[2];
        for (size_t i = 0, n = 0; i < 3; i++) {
            if (i != without) {
                fewer[n++] = tolerations[i];
            }
        }
        struct pod_object less = pod;
        less.tolerations = fewer;
        less.toleration_count = 2;
        ck_assert_msg(!admits(&books, &less, row), "without toleration %zu", without);
    }
    tolerations[2].effect = TAINT_NO_EXECUTE; /* cordoning is a NoSchedule taint */
    ck_assert(!admits(&books, &pod, row));
    tolerations[2].effect = TAINT_NO_SCHEDULE;
    selector[1].value = "cpu";
    ck_assert(!admits(&books, &pod, row));
    selector[1] = (struct label_object){"zone", "b"}; /* a key twice: both must hold */
    ck_assert(!admits(&books, &pod, row));
    books_finish(&books);
}
END_TEST

/* Each difference that a node could tell makes another shape; who the pod is does not. */
START_TEST(test_what_is_shared)
{
    struct books books;
    books_init(&books);
    static const char *const one[] = {"1"}, *const two[] = {"2"};
    const struct expression_object in = {"n", SELECTOR_IN, false, one, 1};
    const struct expression_object out = {"n", SELECTOR_NOT_IN, false, one, 1};
    const struct expression_object field = {"n", SELECTOR_IN, true, one, 1};
    const struct expression_object other = {"n", SELECTOR_IN, false, two, 1};
    const struct term_object terms[] = {{&in, 1}, {&out, 1}, {&field, 1}, {&other, 1}, {NULL, 0}};
    const struct label_object selectors[] = {{"n", "1"}, {"1", "n"}};
    const struct toleration_object tolerations[] = {
        {"n", "1", TOLERATION_EQUAL, true, TAINT_NO_SCHEDULE},
        {"n", "1", TOLERATION_EXISTS, true, TAINT_NO_SCHEDULE},
        {"n", "1", TOLERATION_EQUAL, false, TAINT_NO_SCHEDULE},
        {"n", "1", TOLERATION_EQUAL, false, TAINT_NO_EXECUTE},
        {"n", NULL, TOLERATION_EQUAL, true, TAINT_NO_SCHEDULE},
        {NULL, "1", TOLERATION_EQUAL, true, TAINT_NO_SCHEDULE},
    };
    const struct amount_object amounts[] = {{"cpu", 1}, {"cpu", INT64_MAX}, {"memory", 1}};
    struct pod_object pods[20] = {{.uid = "x"}};
    size_t count = 1;
    for (size_t i = 0; i < COUNT(terms); i++) {
        pods[count++] = (struct pod_object){.terms = &terms[i], .term_count = 1};
    }
    for (size_t i = 0; i < COUNT(selectors); i++) {
        pods[count++] = (struct pod_object){.selector = &selectors[i], .selector_count = 1};
    }
    for (size_t i = 0; i < COUNT(tolerations); i++) {
        pods[count++] = (struct pod_object){.tolerations = &tolerations[i], .toleration_count = 1};
    }
    for (size_t i = 0; i < COUNT(amounts); i++) {
        pods[count++] = (struct pod_object){.requests = &amounts[i], .request_count = 1};
    }
    uint32_t ids[20];
    for (size_t i = 0; i < count; i++) {
        ids[i] = shapes_acquire(books.shapes, &pods[i], NULL);
        ck_assert_uint_eq(ids[i], i); /* dense, all different */
        struct pod_object twin = pods[i];
        twin.name = twin.uid = "somebody else";
        twin.priority = 7;
        twin.rank = 3;
        ck_assert_uint_eq(shapes_acquire(books.shapes, &twin, NULL), ids[i]);
    }
    for (size_t i = 0; i < count; i++) {
        ck_assert(!shapes_release(books.shapes, ids[i]));
        ck_assert(shapes_release(books.shapes, ids[i]));
    }
    ck_assert_uint_eq(shapes_acquire(books.shapes, &pods[0], NULL),
                      ids[count - 1]); /* used again */
    books_finish(&books);
}
END_TEST

/* A word that no table takes gives the pod up, wherever it stands. */
START_TEST(test_absurd_words)
{
    struct books books;
    books_init(&books);
    static char absurd[NAMES_LENGTH_MAX + 2];
    memset(absurd, 'x', sizeof(absurd) - 1);
    const char *const values[] = {absurd};
    const struct label_object key = {absurd, "v"}, value = {"k", absurd};
    const struct expression_object by_key = {absurd, SELECTOR_EXISTS, false, NULL, 0};
    const struct expression_object by_value = {"n", SELECTOR_IN, false, values, 1};
    const struct term_object terms[] = {{&by_key, 1}, {&by_value, 1}};
    const struct toleration_object tolerations[] = {
        {absurd, NULL, TOLERATION_EXISTS, true, TAINT_NO_SCHEDULE},
        {"k", absurd, TOLERATION_EQUAL, true, TAINT_NO_SCHEDULE}};
    const struct amount_object amount = {absurd, 1};
    const struct pod_object pods[] = {
        {.requests = &amount, .request_count = 1},
        {.selector = &key, .selector_count = 1},
        {.selector = &value, .selector_count = 1},
        {.terms = &terms[0], .term_count = 1},
        {.terms = &terms[1], .term_count = 1},
        {.tolerations = &tolerations[0], .toleration_count = 1},
        {.tolerations = &tolerations[1], .toleration_count = 1},
    };
    for (size_t i = 0; i < COUNT(pods); i++) {
        ck_assert_uint_eq(shapes_acquire(books.shapes, &pods[i], NULL), SHAPE_NONE);
    }
    books_finish(&books);
}
END_TEST

int main(void)
{
    shapes_destroy(NULL);
    Suite *suite = suite_create("scheduler/state/admission");
    TCase *tcase = tcase_create("rules");
    tcase_add_loop_test(tcase, test_numbers, 0, (int)COUNT(numbers));
    tcase_add_test(tcase, test_empty_label_value);
    tcase_add_test(tcase, test_fields_are_not_labels);
    tcase_add_test(tcase, test_all_filters_must_agree);
    tcase_add_test(tcase, test_what_is_shared);
    tcase_add_test(tcase, test_absurd_words);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
