// SPDX-License-Identifier: Apache-2.0
/* Masks of admission: shared by rules, current when asked, equal when the nodes are. */
#include "scheduler/state/masks.h"

#include <signal.h>

#include "test/unit/check_main.h"
#include "test/unit/scheduler/state/books.h"
#include "test/unit/topology/random.h"

struct fixture {
    struct books books;
    struct recent recent;
    struct masks *masks;
};

static void setup(struct fixture *fixture)
{
    books_init(&fixture->books);
    recent_init(&fixture->recent);
    fixture->masks = masks_create(fixture->books.shapes, &fixture->recent);
}

static void teardown(struct fixture *fixture)
{
    masks_destroy(fixture->masks);
    recent_finish(&fixture->recent);
    books_finish(&fixture->books);
}

/* Nodes in two zones; every third has a taint. */
static uint32_t node(struct fixture *fixture, uint32_t index, uint32_t zone, bool tainted)
{
    char name[16];
    snprintf(name, sizeof(name), "n%u", index);
    struct label_object label = {"zone", zone == 0 ? "a" : "b"};
    struct taint_object taint = {"dedicated", "x", TAINT_NO_SCHEDULE};
    struct node_object object = {
        .name = name, .labels = &label, .label_count = 1, .taints = &taint, .taint_count = tainted};
    uint32_t row = books_observe(&fixture->books, &object);
    recent_note(&fixture->recent, row);
    return row;
}

/* cpu and zone 0, 1 or any (-1). */
static uint32_t shape(struct fixture *fixture, int64_t cpu, int zone, bool tolerates)
{
    struct amount_object amount = {"cpu", cpu};
    struct label_object selector = {"zone", zone == 0 ? "a" : "b"};
    struct toleration_object toleration = {"dedicated", NULL, TOLERATION_EXISTS, true,
                                           TAINT_NO_SCHEDULE};
    struct pod_object pod = {.requests = &amount,
                             .request_count = 1,
                             .selector = &selector,
                             .selector_count = zone >= 0,
                             .tolerations = &toleration,
                             .toleration_count = tolerates};
    return shapes_acquire(fixture->books.shapes, &pod, NULL);
}

START_TEST(test_shared_by_rules)
{
    struct fixture fixture;
    setup(&fixture);
    uint32_t a = shape(&fixture, 1, 0, true), b = shape(&fixture, 2, 0, true);
    uint32_t c = shape(&fixture, 1, 0, false);
    struct mask *first = masks_acquire(fixture.masks, a), *other = masks_acquire(fixture.masks, c);
    ck_assert_ptr_eq(masks_acquire(fixture.masks, b), first);
    ck_assert_ptr_ne(other, first);
    uint32_t row = node(&fixture, 0, 0, true);
    masks_update(fixture.masks, first);
    masks_update(fixture.masks, other);
    ck_assert(masks_admits(first, row));
    ck_assert(!masks_admits(other, row));
    masks_release(fixture.masks, first);
    (void)shapes_release(fixture.books.shapes, a); /* b has the same rules */
    row = node(&fixture, 1, 0, true);
    masks_update(fixture.masks, first);
    ck_assert(masks_admits(first, row));
    masks_release(fixture.masks, first);
    masks_release(fixture.masks, other);
    teardown(&fixture);
}
END_TEST

static void check_refusals(const struct fixture *fixture, struct mask *mask, uint32_t asked)
{
    struct mask_refusals refusals = masks_refusals(fixture->masks, mask);
    struct admission rules = shapes_admission(fixture->books.shapes, asked);
    for (uint32_t row = 0; row < nodes_rows(fixture->books.nodes); row++) {
        uint32_t key;
        enum admission_refusal right =
            shapes_rules_refusal(fixture->books.shapes, &rules, row, &key);
        ck_assert_uint_gt(refusals.rows, row);
        uint8_t code = refusals.codes[row];
        if (right == ADMISSION_TAINTED && code != MASK_ASK) {
            ck_assert_uint_ge(code, MASK_TAINTS);
            ck_assert_uint_eq(refusals.taints[code - MASK_TAINTS], key);
        } else if (code != MASK_ASK) {
            ck_assert_uint_eq(code, MASK_KINDS + right);
        }
    }
}

/* What the rules say of every node, also after it changed, and of more taints than have a code. */
START_TEST(test_refusals)
{
    struct fixture fixture;
    setup(&fixture);
    uint32_t a = shape(&fixture, 1, 0, false);
    struct mask *mask = masks_acquire(fixture.masks, a);
    for (uint32_t i = 0; i < 12; i++) {
        node(&fixture, i, i % 2, i % 3 == 0);
    }
    check_refusals(&fixture, mask, a);
    node(&fixture, 3, 0, false);
    node(&fixture, 4, 0, true);
    node(&fixture, 12, 1, true);
    check_refusals(&fixture, mask, a);
    uint32_t asked = 0;
    for (uint32_t i = 0; i < 300; i++) {
        char name[16], key[16];
        snprintf(name, sizeof(name), "t%u", i);
        snprintf(key, sizeof(key), "key-%u", i);
        struct taint_object taint = {key, "x", TAINT_NO_SCHEDULE};
        struct node_object object = {.name = name, .taints = &taint, .taint_count = 1};
        recent_note(&fixture.recent, books_observe(&fixture.books, &object));
    }
    check_refusals(&fixture, mask, a);
    struct mask_refusals refusals = masks_refusals(fixture.masks, mask);
    for (uint32_t row = 0; row < nodes_rows(fixture.books.nodes); row++) {
        asked += refusals.codes[row] == MASK_ASK;
    }
    ck_assert_uint_gt(asked, 0);
    ck_assert_uint_lt(asked, 100);
    masks_release(fixture.masks, mask);
    teardown(&fixture);
}
END_TEST

/* More sets of rules than are kept: those asked for last are, and the others are made again. */
START_TEST(test_refusals_of_many)
{
    enum { MANY = MASKS_REFUSALS_MAX + 3 };
    struct fixture fixture;
    setup(&fixture);
    uint32_t shapes[MANY];
    struct mask *masks[MANY];
    for (uint32_t i = 0; i < 5; i++) {
        node(&fixture, i, i % 2, i % 3 == 0);
    }
    for (uint32_t i = 0; i < MANY; i++) {
        char key[16];
        snprintf(key, sizeof(key), "key-%u", i);
        struct toleration_object toleration = {key, NULL, TOLERATION_EXISTS, true,
                                               TAINT_NO_SCHEDULE};
        struct pod_object pod = {.tolerations = &toleration, .toleration_count = 1};
        shapes[i] = shapes_acquire(fixture.books.shapes, &pod, NULL);
        masks[i] = masks_acquire(fixture.masks, shapes[i]);
    }
    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < MANY; i++) {
            check_refusals(&fixture, masks[i], shapes[i]);
        }
        uint64_t work = masks_work(fixture.masks);
        check_refusals(&fixture, masks[MANY - 1], shapes[MANY - 1]);
        check_refusals(&fixture, masks[4], shapes[4]);
        ck_assert_uint_eq(masks_work(fixture.masks), work); /* still there */
        check_refusals(&fixture, masks[0], shapes[0]);
        ck_assert_uint_eq(masks_work(fixture.masks), work + 5);
    }
    for (uint32_t i = 0; i < MANY; i += 2) { /* in another order than they were asked */
        masks_release(fixture.masks, masks[i]);
    }
    for (uint32_t i = 1; i < MANY; i += 2) {
        check_refusals(&fixture, masks[i], shapes[i]);
        masks_release(fixture.masks, masks[i]);
    }
    teardown(&fixture);
}
END_TEST

/* Two sets of rules that let in the same nodes are equal as long as they do. */
START_TEST(test_equal_while_nodes_are)
{
    struct fixture fixture;
    setup(&fixture);
    struct mask *strict = masks_acquire(fixture.masks, shape(&fixture, 1, -1, false));
    struct mask *lax = masks_acquire(fixture.masks, shape(&fixture, 1, -1, true));
    ck_assert(masks_equal(strict, lax)); /* nobody yet */
    for (uint32_t i = 0; i < 200; i++) {
        node(&fixture, i, i % 2, false);
    }
    uint64_t version = masks_update(fixture.masks, strict);
    masks_update(fixture.masks, lax);
    ck_assert(masks_equal(strict, lax));
    ck_assert_uint_eq(masks_work(fixture.masks), 400);
    node(&fixture, 7, 0, false); /* moved to the other zone, which says nothing to them */
    ck_assert_uint_eq(masks_update(fixture.masks, strict), version);
    ck_assert_uint_eq(masks_work(fixture.masks), 401);
    ck_assert_uint_eq(masks_update(fixture.masks, strict), version);
    ck_assert_uint_eq(masks_work(fixture.masks), 401);
    node(&fixture, 150, 0, true);
    ck_assert_uint_ne(masks_update(fixture.masks, strict), version);
    masks_update(fixture.masks, lax);
    ck_assert(!masks_equal(strict, lax));
    node(&fixture, 150, 0, false);
    masks_update(fixture.masks, strict);
    masks_update(fixture.masks, lax);
    ck_assert(masks_equal(strict, lax));
    node(&fixture, 1000, 0, true); /* of different length now */
    masks_update(fixture.masks, strict);
    ck_assert(masks_equal(strict, lax) && masks_equal(lax, strict));
    masks_update(fixture.masks, lax);
    ck_assert(!masks_equal(strict, lax) && !masks_equal(lax, strict));
    masks_release(fixture.masks, strict);
    masks_release(fixture.masks, lax);
    teardown(&fixture);
}
END_TEST

#define NODES  90
#define SHAPES 6

START_TEST(test_against_the_rules)
{
    struct fixture fixture;
    struct random random = {(uint64_t)_i + 77};
    setup(&fixture);
    uint32_t shapes[SHAPES], rows[NODES];
    struct mask *masks[SHAPES];
    uint64_t versions[SHAPES] = {0};
    for (uint32_t i = 0; i < SHAPES; i++) {
        shapes[i] = shape(&fixture, 1, (int)(i % 3) - 1, i >= 3);
        masks[i] = masks_acquire(fixture.masks, shapes[i]);
    }
    for (uint32_t i = 0; i < NODES; i++) {
        rows[i] = node(&fixture, i, i % 2, i % 3 == 0);
    }
    for (int step = 0; step < 500; step++) {
        uint32_t index = random_below(&random, NODES);
        if (random_below(&random, 4) == 0) {
            nodes_remove(fixture.books.nodes, nodes_name(fixture.books.nodes, rows[index]));
            recent_note(&fixture.recent, rows[index]);
        } else {
            node(&fixture, index, random_below(&random, 2), random_below(&random, 2) == 0);
        }
        uint32_t pick = random_below(&random, SHAPES);
        bool before[NODES], changed = false;
        for (uint32_t i = 0; i < NODES; i++) {
            before[i] = masks_admits(masks[pick], rows[i]);
        }
        uint64_t version = masks_update(fixture.masks, masks[pick]);
        for (uint32_t i = 0; i < NODES; i++) {
            bool admits = shapes_admits(fixture.books.shapes, shapes[pick], rows[i]);
            ck_assert_int_eq(masks_admits(masks[pick], rows[i]), admits);
            changed = changed || admits != before[i];
        }
        ck_assert_int_eq(version != versions[pick], changed);
        versions[pick] = version;
    }
    for (uint32_t i = 0; i < SHAPES; i++) {
        masks_release(fixture.masks, masks[i]);
    }
    teardown(&fixture);
}
END_TEST

START_TEST(test_mistakes_abort)
{
    struct fixture fixture;
    setup(&fixture);
    (void)masks_acquire(fixture.masks, shape(&fixture, 1, 0, false));
    masks_destroy(fixture.masks);
}
END_TEST

int main(void)
{
    masks_destroy(NULL);
    Suite *suite = suite_create("scheduler/state/masks");
    TCase *tcase = tcase_create("masks");
    tcase_add_test(tcase, test_shared_by_rules);
    tcase_add_test(tcase, test_equal_while_nodes_are);
    tcase_add_test(tcase, test_refusals);
    tcase_add_test(tcase, test_refusals_of_many);
    tcase_add_loop_test(tcase, test_against_the_rules, 0, 3);
    tcase_add_test_raise_signal(tcase, test_mistakes_abort, SIGABRT);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
