// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "scheduler/state/shape.h"
#include "test/unit/check_main.h"

/* Sharing, and who may run where: kube-scheduler's NodeUnschedulable, TaintToleration and
 * NodeAffinity. */

static struct nodes *nodes;
static struct shapes *shapes;

static void setup(void)
{
    nodes = nodes_create(0);
    shapes = shapes_create(nodes);
}

static void teardown(void)
{
    shapes_destroy(shapes);
    nodes_destroy(nodes);
}

static uint32_t add_node(const char *name, const char *key, const char *value,
                         const struct taint_object *taint, bool unschedulable)
{
    struct label_object label = {key, value};
    struct node_object object = {.name = name,
                                 .labels = &label,
                                 .label_count = key == NULL ? 0 : 1,
                                 .taints = taint,
                                 .taint_count = taint == NULL ? 0 : 1,
                                 .unschedulable = unschedulable};
    uint32_t row;
    unsigned changes;
    ck_assert_int_eq(nodes_observe(nodes, &object, &row, &changes, NULL), 0);
    return row;
}

static bool admits(const struct pod_object *pod, uint32_t row)
{
    uint32_t shape = shapes_acquire(shapes, pod, NULL);
    ck_assert_uint_ne(shape, SHAPE_NONE);
    bool result = shapes_admits(shapes, shape, row);
    ck_assert(shapes_release(shapes, shape));
    return result;
}

START_TEST(equal_pods_share_and_ids_come_back)
{
    struct amount_object requests[] = {{"cpu", 1000}, {"nvidia.com/gpu", 8}, {"memory", 0}};
    struct amount_object turned[] = {{"nvidia.com/gpu", 8}, {"cpu", 1000}};
    struct label_object selector[] = {{"a", "1"}, {"b", "2"}};
    struct label_object swapped[] = {{"b", "2"}, {"a", "1"}};
    struct pod_object pod = {
        .requests = requests, .request_count = 3, .selector = selector, .selector_count = 2};
    struct pod_object same = {
        .requests = turned, .request_count = 2, .selector = swapped, .selector_count = 2};
    struct pod_object other = {.requests = requests, .request_count = 1};
    uint32_t first = shapes_acquire(shapes, &pod, NULL);
    ck_assert_uint_eq(shapes_acquire(shapes, &same, NULL), first);
    uint32_t second = shapes_acquire(shapes, &other, NULL);
    ck_assert_uint_ne(second, first);
    ck_assert_uint_eq(shapes_request(shapes, first)->count, 2); /* zero amounts do not count */
    ck_assert(!shapes_release(shapes, first));
    ck_assert(shapes_release(shapes, first));
    ck_assert_uint_eq(shapes_acquire(shapes, &pod, NULL), first); /* the id is used again */
    ck_assert(shapes_release(shapes, first));
    ck_assert(shapes_release(shapes, second));
}
END_TEST

START_TEST(selectors)
{
    uint32_t yes = add_node("yes", "zone", "a", NULL, false);
    uint32_t no = add_node("no", "zone", "b", NULL, false);
    uint32_t bare = add_node("bare", NULL, NULL, NULL, false);
    struct label_object selector = {"zone", "a"};
    struct pod_object pod = {.selector = &selector, .selector_count = 1};
    ck_assert(admits(&pod, yes));
    ck_assert(!admits(&pod, no));
    ck_assert(!admits(&pod, bare));
    nodes_remove(nodes, "yes");
    ck_assert(!admits(&pod, yes));
}
END_TEST

START_TEST(taints)
{
    static const struct taint_object gpu = {"gpu", "yes", TAINT_NO_SCHEDULE};
    static const struct taint_object soft = {"soft", "", TAINT_PREFER_NO_SCHEDULE};
    static const struct taint_object dead = {"dead", "", TAINT_NO_EXECUTE};
    uint32_t tainted = add_node("gpu", NULL, NULL, &gpu, false);
    uint32_t preferred = add_node("soft", NULL, NULL, &soft, false);
    uint32_t broken = add_node("dead", NULL, NULL, &dead, false);
    uint32_t cordoned = add_node("cordoned", NULL, NULL, NULL, true);
    const struct {
        struct toleration_object toleration;
        bool tainted, broken, cordoned;
    } cases[] = {
        {{"gpu", "yes", TOLERATION_EQUAL, false, TAINT_NO_SCHEDULE}, true, false, false},
        {{"gpu", "yes", TOLERATION_EQUAL, true, TAINT_NO_SCHEDULE}, true, false, false},
        {{"gpu", "no", TOLERATION_EQUAL, true, TAINT_NO_SCHEDULE}, false, false, false},
        {{"gpu", NULL, TOLERATION_EQUAL, true, TAINT_NO_SCHEDULE}, false, false, false},
        {{"gpu", NULL, TOLERATION_EXISTS, false, TAINT_NO_SCHEDULE}, true, false, false},
        {{"gpu", NULL, TOLERATION_EXISTS, false, TAINT_NO_EXECUTE}, false, false, false},
        {{"dead", NULL, TOLERATION_EQUAL, true, TAINT_NO_EXECUTE}, false, true, false},
        {{NULL, NULL, TOLERATION_EXISTS, true, TAINT_NO_SCHEDULE}, true, true, true},
        {{NULL, NULL, TOLERATION_EXISTS, false, TAINT_NO_SCHEDULE}, true, false, true},
        {{"node.kubernetes.io/unschedulable", NULL, TOLERATION_EXISTS, false, TAINT_NO_SCHEDULE},
         false,
         false,
         true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pod_object pod = {.tolerations = &cases[i].toleration, .toleration_count = 1};
        ck_assert_msg(admits(&pod, tainted) == cases[i].tainted, "case %zu: tainted", i);
        ck_assert_msg(admits(&pod, broken) == cases[i].broken, "case %zu: broken", i);
        ck_assert_msg(admits(&pod, cordoned) == cases[i].cordoned, "case %zu: cordoned", i);
        ck_assert(admits(&pod, preferred));
    }
    struct pod_object none = {0};
    ck_assert(!admits(&none, tainted));
    ck_assert(!admits(&none, cordoned));
    ck_assert(admits(&none, preferred));
}
END_TEST

START_TEST(affinity_operators)
{
    uint32_t five = add_node("five", "n", "5", NULL, false);
    uint32_t word = add_node("word", "n", "w", NULL, false);
    uint32_t bare = add_node("bare", NULL, NULL, NULL, false);
    static const char *const v5[] = {"4", "5"}, *const v4[] = {"4"}, *const v6[] = {"6"},
                             *const bad[] = {"x"}, *const name[] = {"five"};
    const struct {
        struct expression_object expression;
        bool five, word, bare;
    } cases[] = {
        {{"n", SELECTOR_IN, false, v5, 2}, true, false, false},
        {{"n", SELECTOR_NOT_IN, false, v5, 2}, false, true, true},
        {{"n", SELECTOR_EXISTS, false, NULL, 0}, true, true, false},
        {{"n", SELECTOR_DOES_NOT_EXIST, false, NULL, 0}, false, false, true},
        {{"n", SELECTOR_GREATER, false, v4, 1}, true, false, false},
        {{"n", SELECTOR_GREATER, false, v6, 1}, false, false, false},
        {{"n", SELECTOR_LESS, false, v6, 1}, true, false, false},
        {{"n", SELECTOR_LESS, false, v5, 2}, false, false, false},
        {{"n", SELECTOR_GREATER, false, bad, 1}, false, false, false},
        {{"metadata.name", SELECTOR_IN, true, name, 1}, true, false, false},
        {{"metadata.name", SELECTOR_NOT_IN, true, name, 1}, false, true, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct term_object term = {&cases[i].expression, 1};
        struct pod_object pod = {.terms = &term, .term_count = 1};
        ck_assert_msg(admits(&pod, five) == cases[i].five, "case %zu: five", i);
        ck_assert_msg(admits(&pod, word) == cases[i].word, "case %zu: word", i);
        ck_assert_msg(admits(&pod, bare) == cases[i].bare, "case %zu: bare", i);
    }
}
END_TEST

START_TEST(terms_are_ored_and_expressions_anded)
{
    uint32_t row = add_node("a", "n", "5", NULL, false);
    static const char *const v5[] = {"5"}, *const v6[] = {"6"};
    const struct expression_object both[] = {{"n", SELECTOR_EXISTS, false, NULL, 0},
                                             {"n", SELECTOR_IN, false, v6, 1}};
    const struct expression_object good = {"n", SELECTOR_IN, false, v5, 1};
    const struct term_object terms[] = {{both, 2}, {NULL, 0}, {&good, 1}};
    struct pod_object pod = {.terms = terms, .term_count = 1};
    ck_assert(!admits(&pod, row));
    pod.term_count = 2;
    ck_assert(!admits(&pod, row)); /* an empty term matches nothing */
    pod.term_count = 3;
    ck_assert(admits(&pod, row));
}
END_TEST

/* Every word a pod can bring, each different from pod to pod. */
static uint32_t acquire_unique(uint32_t number)
{
    char texts[8][32];
    for (uint32_t i = 0; i < 8; i++) {
        (void)snprintf(texts[i], sizeof(texts[i]), "word-%u-%u", i, number);
    }
    struct amount_object requests[] = {{"cpu", 1000}, {texts[0], 1}, {texts[1], 0}};
    struct label_object selector = {texts[2], texts[3]};
    const char *values[] = {texts[4], texts[3]};
    struct expression_object expression = {texts[5], SELECTOR_IN, false, values, 2};
    struct term_object term = {&expression, 1};
    struct toleration_object toleration = {texts[6], texts[7], TOLERATION_EQUAL, true,
                                           TAINT_NO_SCHEDULE};
    struct pod_object pod = {.requests = requests,
                             .request_count = 3,
                             .selector = &selector,
                             .selector_count = 1,
                             .terms = &term,
                             .term_count = 1,
                             .tolerations = &toleration,
                             .toleration_count = 1};
    uint32_t shape = shapes_acquire(shapes, &pod, NULL);
    ck_assert_uint_eq(shapes_acquire(shapes, &pod, NULL), shape);
    ck_assert(!shapes_release(shapes, shape));
    return shape;
}

/* What no pod and no node says any more is forgotten. */
START_TEST(words_go_with_their_shape)
{
    const struct names *words = nodes_words(nodes);
    uint32_t row = add_node("a", "zone", "z1", NULL, false);
    size_t before = names_count(words);
    uint32_t last = SHAPE_NONE;
    for (uint32_t i = 0; i < 100000; i++) {
        uint32_t shape = acquire_unique(i);
        ck_assert(!shapes_admits(shapes, shape, row));
        if (last != SHAPE_NONE) {
            ck_assert(shapes_release(shapes, last));
        }
        last = shape;
    }
    ck_assert(shapes_release(shapes, last));
    ck_assert_uint_eq(names_count(words), before);
    ck_assert_uint_lt(names_bound(words), before + 2 * 10 + 1);
}
END_TEST

/* A pod that is refused, at any of its words, leaves none behind. */
START_TEST(refused_pods_leave_no_words)
{
    static char longest[NAMES_LENGTH_MAX + 2];
    memset(longest, 'w', sizeof(longest) - 1);
    size_t before = names_count(nodes_words(nodes));
    for (int bad = 0; bad < 8; bad++) {
        const char *texts[] = {"r", "k", "v", "e", "x", "t", "u", "y"};
        texts[bad] = longest;
        struct amount_object requests[] = {{"cpu", 1000}, {texts[0], 1}};
        struct label_object selector[] = {{"good", "good"}, {texts[1], texts[2]}};
        const char *values[] = {texts[4], texts[7]};
        struct expression_object expression = {texts[3], SELECTOR_IN, false, values, 2};
        struct term_object term = {&expression, 1};
        struct toleration_object toleration = {texts[5], texts[6], TOLERATION_EQUAL, true,
                                               TAINT_NO_SCHEDULE};
        struct pod_object pod = {.requests = requests,
                                 .request_count = 2,
                                 .selector = selector,
                                 .selector_count = 2,
                                 .terms = &term,
                                 .term_count = 1,
                                 .tolerations = &toleration,
                                 .toleration_count = 1};
        ck_assert_uint_eq(shapes_acquire(shapes, &pod, NULL), SHAPE_NONE);
        ck_assert_uint_eq(names_count(nodes_words(nodes)), before);
    }
}
END_TEST

/* While a shape lives its words are its own, though nothing else carries them: what comes later
 * gets other numbers. */
START_TEST(words_of_a_living_shape_stay)
{
    struct label_object selector = {"zone", "z1"};
    struct pod_object pod = {.selector = &selector, .selector_count = 1};
    uint32_t shape = shapes_acquire(shapes, &pod, NULL);
    for (int i = 0; i < 100; i++) {
        char value[16];
        (void)snprintf(value, sizeof(value), "other-%d", i);
        ck_assert(!shapes_admits(shapes, shape, add_node("a", "zone", value, NULL, false)));
    }
    ck_assert(shapes_admits(shapes, shape, add_node("a", "zone", "z1", NULL, false)));
    ck_assert(shapes_release(shapes, shape));
}
END_TEST

static void expect_refusal(const struct pod_object *pod, const char *text)
{
    const char *why = NULL;
    ck_assert_uint_eq(shapes_acquire(shapes, pod, &why), SHAPE_NONE);
    ck_assert_ptr_nonnull(why);
    ck_assert_msg(strncmp(why, SHAPE_REFUSED, strlen(SHAPE_REFUSED)) == 0 &&
                      strstr(why, text) != NULL,
                  "%s", why);
    const char *again = NULL;
    ck_assert_uint_eq(shapes_acquire(shapes, pod, &again), SHAPE_NONE);
    ck_assert_ptr_eq(again, why); /* compared as a pointer */
}

START_TEST(limits)
{
    static struct amount_object requests[RESOURCES_MAX + 1];
    static char names[RESOURCES_MAX + 1][8];
    static char absurd[NAMES_LENGTH_MAX + 2];
    memset(absurd, 'x', sizeof(absurd) - 1);
    for (size_t i = 0; i <= RESOURCES_MAX; i++) {
        snprintf(names[i], sizeof(names[i]), "r%zu", i);
        requests[i] = (struct amount_object){names[i], 1};
    }
    struct pod_object pod = {.requests = requests, .request_count = RESOURCES_MAX + 1};
    expect_refusal(&pod, "more than 64 resources");
    struct pod_object many[] = {{.selector_count = POD_SELECTOR_MAX + 1},
                                {.term_count = POD_AFFINITY_TERMS_MAX + 1},
                                {.toleration_count = POD_TOLERATIONS_MAX + 1}};
    static const char *const texts[] = {"selector has more than 64", "more than 32 terms",
                                        "more than 64 tolerations"};
    for (size_t i = 0; i < 3; i++) {
        expect_refusal(&many[i], texts[i]);
    }
    struct term_object term = {NULL, POD_EXPRESSIONS_MAX + 1};
    struct pod_object wide = {.terms = &term, .term_count = 1};
    expect_refusal(&wide, "more than 32 expressions");
    struct expression_object expression = {"n", SELECTOR_IN, false, NULL, POD_VALUES_MAX + 1};
    term = (struct term_object){&expression, 1};
    expect_refusal(&wide, "more than 512 values");
    expression = (struct expression_object){.key = absurd, .operator= SELECTOR_EXISTS };
    expect_refusal(&wide, "longer than 4096 bytes");
}
END_TEST

/* What a pod beyond a limit requests counts as far as it has room, whatever it asks of nodes. */
START_TEST(what_can_be_known)
{
    static struct amount_object requests[SHAPE_CHARGED_MAX + 3];
    static char names[SHAPE_CHARGED_MAX + 1][8];
    static char absurd[NAMES_LENGTH_MAX + 2];
    memset(absurd, 'x', sizeof(absurd) - 1);
    requests[0] = (struct amount_object){absurd, 5};
    requests[1] = (struct amount_object){"nothing", 0};
    for (size_t i = 0; i <= SHAPE_CHARGED_MAX; i++) {
        snprintf(names[i], sizeof(names[i]), "r%zu", i);
        requests[i + 2] = (struct amount_object){names[i], 1 + (int64_t)i};
    }
    struct label_object selector = {"a", "1"};
    struct pod_object pod = {.requests = requests,
                             .request_count = SHAPE_CHARGED_MAX + 3,
                             .selector = &selector,
                             .selector_count = 1};
    uint32_t known = shapes_acquire_known(shapes, &pod);
    ck_assert_uint_ne(known, SHAPE_NONE);
    ck_assert_uint_eq(shapes_request(shapes, known)->count, SHAPE_CHARGED_MAX);
    ck_assert(shapes_admits(shapes, known, add_node("bare", NULL, NULL, NULL, false)));
    /* To plan with, no more than ever. */
    struct pod_object plain = {.requests = requests + 2, .request_count = RESOURCES_MAX + 1};
    expect_refusal(&plain, "more than 64 resources");
    plain.request_count = RESOURCES_MAX;
    uint32_t other = shapes_acquire_known(shapes, &plain);
    ck_assert_uint_ne(other, known);
    ck_assert_uint_eq(shapes_acquire(shapes, &plain, NULL), other);
    ck_assert(!shapes_release(shapes, other));
    ck_assert(shapes_release(shapes, other));
    ck_assert(shapes_release(shapes, known));
}
END_TEST

/* With as many shapes as may be, what has one goes on, and the rest is taken for nothing. */
START_TEST(as_many_as_may_be)
{
    struct amount_object amounts[] = {{"cpu", 1}, {"cpu", 2}, {"cpu", 3}};
    struct pod_object pods[3];
    uint32_t ids[3];
    shapes_limit(shapes, 2, SHAPES_TEXT_MAX);
    for (int i = 0; i < 3; i++) {
        pods[i] = (struct pod_object){.requests = &amounts[i], .request_count = 1};
    }
    ids[0] = shapes_acquire(shapes, &pods[0], NULL);
    ids[1] = shapes_acquire(shapes, &pods[1], NULL);
    expect_refusal(&pods[2], "too many kinds of pods");
    ck_assert_uint_eq(shapes_acquire(shapes, &pods[1], NULL), ids[1]);
    ck_assert_uint_eq(shapes_acquire_known(shapes, &pods[1]), ids[1]);
    uint32_t nothing = shapes_acquire_known(shapes, &pods[2]);
    ck_assert_uint_ne(nothing, SHAPE_NONE);
    ck_assert_uint_eq(shapes_request(shapes, nothing)->count, 0);
    ck_assert_uint_eq(shapes_acquire_known(shapes, &pods[2]), nothing);
    ck_assert(shapes_release(shapes, ids[0]));
    expect_refusal(&pods[2], "too many kinds of pods"); /* the one of nothing counts, too */
    ck_assert(!shapes_release(shapes, nothing));
    ck_assert(shapes_release(shapes, nothing));
    ids[2] = shapes_acquire(shapes, &pods[2], NULL);
    ck_assert_uint_ne(ids[2], SHAPE_NONE);
    nothing = shapes_acquire_known(shapes, &pods[0]);
    ck_assert_uint_eq(shapes_request(shapes, nothing)->count, 0);
}
END_TEST

/* Whoever says much is refused before others are; what a pod requests always finds room. */
START_TEST(text_finds_room_or_not)
{
    static char words[64][8];
    static const char *values[64];
    for (int i = 0; i < 64; i++) {
        snprintf(words[i], sizeof words[i], "v%d", i);
        values[i] = words[i];
    }
    struct expression_object expression = {
        .key = "key", .operator= SELECTOR_IN, .values = values, .value_count = 64};
    struct term_object term = {&expression, 1};
    struct pod_object great = {.terms = &term, .term_count = 1};
    struct label_object selector = {"zone", "a"};
    struct amount_object amount = {"a resource that nobody asked for", 1};
    struct pod_object small = {
        .selector = &selector, .selector_count = 1, .requests = &amount, .request_count = 1};
    size_t need = 65 * names_cost(3);
    shapes_limit(shapes, SHAPES_MAX, 64 * need - 1);
    expect_refusal(&great, "more text than there is room for");
    uint32_t id = shapes_acquire(shapes, &small, NULL);
    ck_assert_uint_ne(id, SHAPE_NONE);
    ck_assert_uint_gt(shapes_text(shapes), 0);
    shapes_limit(shapes, SHAPES_MAX, 0);
    ck_assert_uint_eq(shapes_acquire(shapes, &small, NULL), id); /* known is known */
    small.selector = &(struct label_object){"zone", "b"};
    expect_refusal(&small, "more text than there is room for");
    uint32_t known = shapes_acquire_known(shapes, &small);
    ck_assert_uint_eq(shapes_request(shapes, known)->count, 1);
    shapes_release(shapes, known);
    shapes_release(shapes, id);
    shapes_release(shapes, id);
    ck_assert_uint_eq(shapes_text(shapes), 0);
    ck_assert_uint_eq(shapes_count(shapes), 0);
    shapes_limit(shapes, SHAPES_MAX, SHAPES_TEXT_MAX);
    id = shapes_acquire(shapes, &great, NULL);
    ck_assert_uint_ne(id, SHAPE_NONE);
    shapes_release(shapes, id);
    static struct expression_object wide[POD_EXPRESSIONS_MAX];
    static const char *many[POD_VALUES_MAX];
    for (int i = 0; i < POD_VALUES_MAX; i++) {
        many[i] = words[i % 64];
    }
    for (int i = 0; i < POD_EXPRESSIONS_MAX; i++) {
        wide[i] = (struct expression_object){
            .key = "key", .operator= SELECTOR_IN, .values = many, .value_count = POD_VALUES_MAX};
    }
    term = (struct term_object){wide, POD_EXPRESSIONS_MAX};
    expect_refusal(&great, "more than 8192 words");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shape");
    TCase *tcase = tcase_create("shape");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, equal_pods_share_and_ids_come_back);
    tcase_add_test(tcase, selectors);
    tcase_add_test(tcase, taints);
    tcase_add_test(tcase, affinity_operators);
    tcase_add_test(tcase, terms_are_ored_and_expressions_anded);
    tcase_add_test(tcase, words_go_with_their_shape);
    tcase_add_test(tcase, refused_pods_leave_no_words);
    tcase_add_test(tcase, words_of_a_living_shape_stay);
    tcase_add_test(tcase, limits);
    tcase_add_test(tcase, what_can_be_known);
    tcase_add_test(tcase, as_many_as_may_be);
    tcase_add_test(tcase, text_finds_room_or_not);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
