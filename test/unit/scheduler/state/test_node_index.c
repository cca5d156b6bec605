// SPDX-License-Identifier: Apache-2.0
/* Terms looked up label by label match what they match node by node, also after nodes changed, and
 * cost their own length. */
#include "scheduler/state/node_index.h"

#include "scheduler/state/admission.h"
#include "test/unit/check_main.h"
#include "test/unit/scheduler/state/books.h"
#include "test/unit/topology/random.h"

#define NODES 150

struct fixture {
    struct books books;
    struct recent recent;
    struct node_index *index;
};

static void setup(struct fixture *fixture)
{
    books_init(&fixture->books);
    recent_init(&fixture->recent);
    fixture->index = node_index_create(fixture->books.nodes, &fixture->recent);
}

static void teardown(struct fixture *fixture)
{
    node_index_destroy(fixture->index);
    recent_finish(&fixture->recent);
    books_finish(&fixture->books);
}

static const char *const keys[] = {"zone", "disk", "number", "lone"};
static const char *const values[] = {"a", "b", "7", "-3", "007", "12x", ""};

/* Labels of some keys, with any of the values; or the node goes. */
static void change_node(struct fixture *fixture, struct random *random, uint32_t index)
{
    char name[16];
    struct label_object labels[4];
    size_t count = 0;
    snprintf(name, sizeof name, "n%u", index);
    for (uint32_t k = 0; k < 4; k++) {
        if (random_below(random, 3) > 0) {
            labels[count++] = (struct label_object){keys[k], values[random_below(random, 7)]};
        }
    }
    struct node_object object = {.name = name, .labels = labels, .label_count = count};
    uint32_t row = books_observe(&fixture->books, &object);
    if (random_below(random, 10) == 0) {
        (void)nodes_remove(fixture->books.nodes, name);
    }
    recent_note(&fixture->recent, row);
}

static int compare_words(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static uint32_t word(struct fixture *fixture, const char *text)
{
    return names_intern(nodes_vocabulary(fixture->books.nodes), text, strlen(text));
}

/* A term of up to three expressions; its length in words. */
static uint32_t draw_term(struct fixture *fixture, struct random *random, uint32_t *words)
{
    uint32_t at = 1;
    words[0] = random_below(random, 4);
    for (uint32_t e = 0; e < words[0]; e++) {
        bool field = random_below(random, 6) == 0;
        enum selector_operator relation = (enum selector_operator)random_below(random, 6);
        uint32_t count = relation >= SELECTOR_GREATER ? 1 : random_below(random, 5);
        words[at++] = word(fixture, field ? "metadata.name" : keys[random_below(random, 4)]);
        words[at++] = (uint32_t)relation | (field ? ADMISSION_FIELD : 0);
        words[at++] = count;
        for (uint32_t v = 0; v < count; v++) {
            char name[16];
            snprintf(name, sizeof name, "n%u", random_below(random, NODES));
            words[at + v] = word(fixture, field ? name : values[random_below(random, 7)]);
        }
        if (count > 1) {
            qsort(&words[at], count, sizeof *words, compare_words);
        }
        at += count;
    }
    return at;
}

static bool matches(const struct fixture *fixture, const uint32_t *word, uint32_t row)
{
    uint32_t count = *word++;
    bool all = count > 0;
    for (uint32_t e = 0; e < count; e++) {
        all = all && admission_holds(fixture->books.nodes, row, word);
        word += 3 + word[2];
    }
    return all;
}

START_TEST(test_model)
{
    struct fixture fixture;
    struct random random = {.state = 11};
    uint32_t words[64];
    setup(&fixture);
    for (uint32_t i = 0; i < NODES; i++) {
        change_node(&fixture, &random, i);
    }
    for (uint32_t round = 0; round < 3000; round++) {
        uint32_t length = draw_term(&fixture, &random, words);
        const uint32_t *word = words;
        const uint64_t *set = node_index_term(fixture.index, &word);
        ck_assert_ptr_eq(word, words + length);
        for (uint32_t row = 0; row < nodes_rows(fixture.books.nodes); row++) {
            bool present = nodes_get(fixture.books.nodes, row)->present;
            ck_assert(!present || (set[row / 64] >> row % 64 & 1) == matches(&fixture, words, row));
        }
        for (uint32_t changes = random_below(&random, 4); changes > 0; changes--) {
            change_node(&fixture, &random, random_below(&random, NODES));
        }
    }
    teardown(&fixture);
}
END_TEST

/* Thirty lists of 500 values that no node has: their length counts, not that times the nodes. */
START_TEST(test_work)
{
    struct fixture fixture;
    struct random random = {.state = 12};
    static uint32_t words[1 + 30 * 503];
    uint32_t at = 1;
    setup(&fixture);
    for (uint32_t i = 0; i < NODES; i++) {
        change_node(&fixture, &random, i);
    }
    words[0] = 30;
    for (uint32_t e = 0; e < 30; e++) {
        words[at++] = word(&fixture, "zone");
        words[at++] = SELECTOR_NOT_IN;
        words[at++] = 500;
        for (uint32_t v = 0; v < 500; v++) {
            char text[16];
            snprintf(text, sizeof text, "v%u", e * 500 + v);
            words[at++] = word(&fixture, text);
        }
    }
    const uint32_t *word = words;
    (void)node_index_term(fixture.index, &word);
    uint64_t before = node_index_work(fixture.index);
    word = words;
    (void)node_index_term(fixture.index, &word);
    ck_assert_uint_lt(node_index_work(fixture.index) - before, 2 * 30 * 500);
    /* One value again and again counts its nodes once. */
    for (uint32_t i = 0, first = 4; i < 30; i++, first += 503) {
        words[first - 2] = SELECTOR_IN;
        for (uint32_t v = 0; v < 500; v++) {
            words[first + v] = words[4];
        }
    }
    before = node_index_work(fixture.index);
    word = words;
    (void)node_index_term(fixture.index, &word);
    ck_assert_uint_lt(node_index_work(fixture.index) - before, 2 * 30 * 500);
    teardown(&fixture);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/state/node_index");
    TCase *tcase = tcase_create("node_index");
    tcase_add_test(tcase, test_model);
    tcase_add_test(tcase, test_work);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
