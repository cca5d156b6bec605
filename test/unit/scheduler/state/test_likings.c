// SPDX-License-Identifier: Apache-2.0
/* What is kept of likings is what the preferred terms say node by node, also after nodes changed
 * and when more shapes are asked about than are kept. */
#include "scheduler/state/likings.h"

#include "scheduler/state/admission.h"
#include "test/unit/check_main.h"
#include "test/unit/scheduler/state/books.h"
#include "test/unit/topology/random.h"

#define NODES  70
#define SHAPES (LIKINGS_KEPT_MAX + 8)

struct fixture {
    struct books books;
    struct recent recent;
    struct node_index *index;
    struct likings *likings;
};

static void change_node(struct fixture *fixture, struct random *random, uint32_t index)
{
    char name[16], value[16];
    snprintf(name, sizeof name, "n%u", index);
    snprintf(value, sizeof value, "%u", random_below(random, 9));
    struct label_object label = {"number", value};
    struct node_object object = {.name = name, .labels = &label, .label_count = 1};
    recent_note(&fixture->recent, books_observe(&fixture->books, &object));
}

/* Likes numbers above one, and another one still more. */
static uint32_t shape(struct fixture *fixture, struct random *random, int64_t cpu)
{
    char values[2][16];
    const char *lists[2][1] = {{values[0]}, {values[1]}};
    struct expression_object expressions[2];
    struct preference_object preferences[2];
    struct amount_object amount = {"cpu", cpu};
    for (int i = 0; i < 2; i++) {
        snprintf(values[i], sizeof values[i], "%u", random_below(random, 9));
        expressions[i] =
            (struct expression_object){.key = "number",
                                       .operator= i == 0 ? SELECTOR_GREATER : SELECTOR_IN,
                                       .values = lists[i],
                                       .value_count = 1};
        preferences[i] = (struct preference_object){
            .term = {&expressions[i], 1}, .weight = (int32_t)(1 + random_below(random, 100))};
    }
    struct pod_object pod = {
        .requests = &amount, .request_count = 1, .preferences = preferences, .preference_count = 2};
    return shapes_acquire(fixture->books.shapes, &pod, NULL);
}

START_TEST(test_model)
{
    struct fixture fixture;
    struct random random = {.state = 5};
    uint32_t shapes[SHAPES];
    books_init(&fixture.books);
    recent_init(&fixture.recent);
    fixture.index = node_index_create(fixture.books.nodes, &fixture.recent);
    fixture.likings = likings_create(fixture.books.shapes, fixture.index, &fixture.recent);
    for (uint32_t i = 0; i < NODES; i++) {
        change_node(&fixture, &random, i);
    }
    for (uint32_t i = 0; i < SHAPES; i++) {
        shapes[i] = shape(&fixture, &random, i + 1);
    }
    for (uint32_t round = 0; round < 2000; round++) {
        uint32_t asked = shapes[random_below(&random, SHAPES)];
        size_t rows = 0;
        const uint32_t *items = likings_get(fixture.likings, asked, &rows);
        for (uint32_t row = 0; row < NODES; row++) {
            ck_assert_uint_eq(row < rows ? items[row] : 0,
                              admission_liking(shapes_likings(fixture.books.shapes, asked),
                                               fixture.books.nodes, row));
        }
        uint64_t work = likings_work(fixture.likings);
        (void)likings_get(fixture.likings, asked, &rows);
        ck_assert_uint_eq(likings_work(fixture.likings), work); /* it was kept */
        if (random_below(&random, 4) == 0) {
            change_node(&fixture, &random, random_below(&random, NODES));
        }
        if (random_below(&random, 8) == 0) {
            likings_shape_gone(fixture.likings, asked);
        }
    }
    likings_destroy(fixture.likings);
    node_index_destroy(fixture.index);
    recent_finish(&fixture.recent);
    books_finish(&fixture.books);
}
END_TEST

START_TEST(test_none)
{
    struct books books;
    struct recent recent;
    size_t rows;
    books_init(&books);
    recent_init(&recent);
    struct node_index *index = node_index_create(books.nodes, &recent);
    struct likings *likings = likings_create(books.shapes, index, &recent);
    struct pod_object pod = {.requests = NULL};
    ck_assert_ptr_null(likings_get(likings, shapes_acquire(books.shapes, &pod, NULL), &rows));
    likings_shape_gone(likings, 77);
    likings_destroy(likings);
    likings_destroy(NULL);
    node_index_destroy(index);
    node_index_destroy(NULL);
    recent_finish(&recent);
    books_finish(&books);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/state/likings");
    TCase *tcase = tcase_create("likings");
    tcase_add_test(tcase, test_model);
    tcase_add_test(tcase, test_none);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
