// SPDX-License-Identifier: Apache-2.0
/* One tenant's pods bring all the text they can. It stays within the budgets, others notice
 * nothing, and when the pods are gone, so is the text: the attack of 135 pods whose labels and
 * affinity filled the vocabulary for ever, and its siblings. */
#include "scheduler/engine.h"
#include "scheduler/state/ledger.h"
#include "scheduler/state/rules.h"
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

#define PODS        400
#define EXPRESSIONS 15
#define WORD        96 /* room for one */

static struct world world;

static void setup(void)
{
    world_init(&world);
    world_racks(&world, 2, 2);
    world_event(&world, EVENT_SYNCED);
}

static void teardown(void)
{
    world_finish(&world);
}

static struct engine_table_figures table(enum engine_table which)
{
    return world_figures(&world).tables[which];
}

static uint64_t bytes_of_all(void)
{
    uint64_t bytes = 0; /* rows of nodes stay, but only nodes take them */
    for (int i = ENGINE_TABLE_NODES + 1; i < ENGINE_TABLES; i++) {
        bytes += table((enum engine_table)i).bytes;
    }
    return bytes;
}

/* Words that nobody else says. */
struct pages {
    char words[EXPRESSIONS * POD_VALUES_MAX][WORD];
    const char *values[EXPRESSIONS * POD_VALUES_MAX];
    struct expression_object expressions[EXPRESSIONS];
    struct term_object term;
    struct label_object labels[POD_LABELS_MAX];
};

static struct pages pages;

static void write_pages(int number, size_t values)
{
    size_t words =
        EXPRESSIONS * values > 2 * POD_LABELS_MAX ? EXPRESSIONS * values : 2 * POD_LABELS_MAX;
    for (size_t i = 0; i < words; i++) {
        snprintf(pages.words[i], WORD,
                 "a-word-of-some-sixty-bytes-that-nobody-else-says-%05d-%06zu", number, i);
        pages.values[i] = pages.words[i];
    }
    for (size_t e = 0; e < EXPRESSIONS; e++) {
        pages.expressions[e] = (struct expression_object){.key = pages.words[e],
                                                          .operator= SELECTOR_IN,
                                                          .values = &pages.values[e * values],
                                                          .value_count = values};
    }
    pages.term = (struct term_object){pages.expressions, EXPRESSIONS};
    for (size_t i = 0; i < POD_LABELS_MAX; i++) {
        pages.labels[i] = (struct label_object){pages.words[2 * i], pages.words[2 * i + 1]};
    }
}

/* A pod of another namespace that runs on n0, with one GPU. */
static struct event hostile(int number, struct amount_object amounts[3], char uid[32])
{
    struct event event = {.type = EVENT_POD};
    snprintf(uid, 32, "hostile-%d", number);
    struct world_pod pod = {.uid = uid, .gpus = 1, .node = "n0", .rank = -1};
    world_fill_pod(&pod, &event.pod, amounts);
    event.pod.name_space = "hostile";
    return event;
}

/* Others join, and get what they ask for. */
static void expect_nobody_noticed(int round)
{
    static const struct label_object zone = {"zone", "a zone of one's own"};
    char gang[16], node[16], other[32];
    snprintf(gang, sizeof gang, "gang%d", round);
    snprintf(node, sizeof node, "new%d", round);
    snprintf(other, sizeof other, "%s-0", gang);
    const struct label_object labels[] = {zone, {"kubernetes.io/hostname", node}};
    struct amount_object amounts[] = {{"cpu", 96000}, {"nvidia.com/gpu", 8}, {"pods", 110}};
    struct event event = {.type = EVENT_NODE,
                          .node = {.name = node,
                                   .labels = labels,
                                   .label_count = 2,
                                   .allocatable = amounts,
                                   .allocatable_count = 3}};
    world_apply(&world, &event);
    ck_assert_ptr_null(world_find(&world, EFFECT_SKIPPED));
    world_pod(&world, &(struct world_pod){.uid = other,
                                          .gang = gang,
                                          .minimum = 1,
                                          .gpus = 8,
                                          .selector = &labels[1],
                                          .selector_count = 1});
    ck_assert_str_eq(world_planned(&world, gang, 0), node);
    world_pod_gone(&world, other);
    world_node_gone(&world, node);
}

static int64_t free_gpus(const char *node)
{
    const struct names *words = nodes_words(engine_nodes(world.engine));
    uint32_t gpus = names_find(words, "nvidia.com/gpu", strlen("nvidia.com/gpu"));
    uint32_t row = engine_node_row(world.engine, node, strlen(node));
    return resources_get(ledger_free(engine_ledger(world.engine), row), gpus);
}

static void all_gone(uint64_t before)
{
    for (int i = 0; i < PODS; i++) {
        char uid[32];
        snprintf(uid, sizeof uid, "hostile-%d", i);
        world_pod_gone(&world, uid);
    }
    ck_assert_int_eq(free_gpus("n0"), 8);
    ck_assert_uint_eq(bytes_of_all(), before);
    expect_nobody_noticed(PODS);
}

START_TEST(rules_about_nodes)
{
    uint64_t before = bytes_of_all();
    unsigned refused = 0;
    for (int i = 0; i < PODS; i++) {
        struct amount_object amounts[3];
        char uid[32];
        struct event event = hostile(i, amounts, uid);
        write_pages(i, POD_VALUES_MAX);
        event.pod.terms = &pages.term;
        event.pod.term_count = 1;
        world_apply(&world, &event);
        refused += world_count(&world, EFFECT_SKIPPED);
        ck_assert_int_eq(free_gpus("n0"), 8 - i - 1); /* charged, refused or not */
        if (i % 50 == 0) {
            expect_nobody_noticed(i);
        }
    }
    struct engine_table_figures shapes = table(ENGINE_TABLE_SHAPES);
    struct engine_table_figures vocabulary = table(ENGINE_TABLE_VOCABULARY);
    printf(
        "rules about nodes: %d pods of %d words, %u refused; %lu of %lu KiB of rules, vocabulary "
        "%lu KiB\n",
        PODS, EXPRESSIONS * POD_VALUES_MAX, refused, (unsigned long)(shapes.bytes / 1024),
        (unsigned long)(shapes.budget / 1024), (unsigned long)(vocabulary.bytes / 1024));
    ck_assert_uint_gt(refused, 0);
    ck_assert_uint_le(shapes.bytes, shapes.budget);
    ck_assert_uint_le(vocabulary.bytes, shapes.budget + before);
    all_gone(before);
}
END_TEST

START_TEST(labels_and_terms_about_pods)
{
    uint64_t before = bytes_of_all();
    unsigned told = 0;
    for (int i = 0; i < 10 * PODS; i++) {
        struct amount_object amounts[3];
        char uid[32];
        struct event event = hostile(i, amounts, uid);
        write_pages(i, 60);
        static const char *const space[] = {"hostile"};
        struct affinity_object term = {.apart = true,
                                       .key = "kubernetes.io/hostname",
                                       .name_spaces = space,
                                       .name_space_count = 1,
                                       .expressions = pages.expressions,
                                       .expression_count = EXPRESSIONS};
        event.pod.affinities = &term;
        event.pod.affinity_count = 1;
        event.pod.labels = pages.labels;
        event.pod.label_count = POD_LABELS_MAX;
        world_apply(&world, &event);
        told += world_count(&world, EFFECT_SKIPPED);
        world_apply(&world, &event); /* nothing is told twice */
        ck_assert_ptr_null(world_find(&world, EFFECT_SKIPPED));
        if (i % 1000 == 0) {
            expect_nobody_noticed(i);
        }
    }
    struct engine_table_figures labels = table(ENGINE_TABLE_LABELS);
    printf("labels and terms: %d pods of %d labels, %u left out; %lu of %lu KiB\n", 10 * PODS,
           POD_LABELS_MAX, told, (unsigned long)(labels.bytes / 1024),
           (unsigned long)(labels.budget / 1024));
    ck_assert_uint_gt(told, 0);
    ck_assert_uint_le(labels.bytes, labels.budget);
    for (int i = PODS; i < 10 * PODS; i++) {
        char uid[32];
        snprintf(uid, sizeof uid, "hostile-%d", i);
        world_pod_gone(&world, uid);
    }
    all_gone(before);
}
END_TEST

/* What pods and callers say of nodes takes nothing of the node table. */
START_TEST(names_of_nodes)
{
    uint64_t before = bytes_of_all();
    uint64_t rows = table(ENGINE_TABLE_NODES).texts;
    for (int i = 0; i < PODS; i++) {
        struct amount_object amounts[3];
        char uid[32], node[64], nominated[64];
        struct event event = hostile(i, amounts, uid);
        snprintf(node, sizeof node, "a-node-that-nobody-has-%d", i);
        snprintf(nominated, sizeof nominated, "another-one-%d", i);
        event.pod.node = i % 2 == 0 ? node : NULL;
        event.pod.nominated = nominated;
        world_apply(&world, &event);
        uint64_t ticket = world_bind(&world, uid, node);
        ck_assert_int_eq(world_reply(&world, ticket)->error == NULL, i % 2 == 0);
        ticket = world_bind(&world, uid, nominated);
        ck_assert_ptr_nonnull(world_reply(&world, ticket)->error);
    }
    ck_assert_uint_le(table(ENGINE_TABLE_NODES).texts, rows + 1);
    ck_assert_uint_eq(table(ENGINE_TABLE_MISSING_NODES).texts, PODS / 2);
    expect_nobody_noticed(0);
    world_node(&world, "a-node-that-nobody-has-8", "b0", "r0", 8);
    ck_assert_int_eq(free_gpus("a-node-that-nobody-has-8"), 7);
    ck_assert_uint_eq(table(ENGINE_TABLE_MISSING_NODES).texts, PODS / 2 - 1);
    world_node_gone(&world, "a-node-that-nobody-has-8");
    ck_assert_uint_le(table(ENGINE_TABLE_NODES).texts, rows + 3);
    for (int i = 0; i < PODS; i++) {
        char uid[32];
        snprintf(uid, sizeof uid, "hostile-%d", i);
        world_pod_gone(&world, uid);
    }
    ck_assert_uint_eq(table(ENGINE_TABLE_MISSING_NODES).texts, 0);
    ck_assert_uint_eq(bytes_of_all(), before);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/engine budget");
    TCase *tcase = tcase_create("budget");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, rules_about_nodes);
    tcase_add_test(tcase, labels_and_terms_about_pods);
    tcase_add_test(tcase, names_of_nodes);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
