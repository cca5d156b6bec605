// SPDX-License-Identifier: Apache-2.0
/* Views: who shares one, what it costs to ask, which ones stay. What they count is tested with the
 * ledger. */
#include "scheduler/state/views.h"

#include <signal.h>

#include "scheduler/state/tree.h"
#include "test/unit/check_main.h"
#include "test/unit/scheduler/state/books.h"

#define NODES 12

struct fixture {
    struct books books;
    struct views *views;
    uint32_t rows[NODES];
};

static uint32_t node(struct fixture *fixture, uint32_t index, int64_t cpu, bool tainted)
{
    char name[16], rack[16];
    snprintf(name, sizeof(name), "n%02u", index);
    snprintf(rack, sizeof(rack), "r%u", index / 4);
    struct label_object label = {"topology.kubernetes.io/rack", rack};
    struct taint_object taint = {"dedicated", "x", TAINT_NO_SCHEDULE};
    struct amount_object amounts[] = {{"cpu", cpu}, {"memory", 100}};
    struct node_object object = {.name = name,
                                 .labels = &label,
                                 .label_count = 1,
                                 .taints = &taint,
                                 .taint_count = tainted,
                                 .allocatable = amounts,
                                 .allocatable_count = 2};
    return books_observe(&fixture->books, &object);
}

/* Twelve nodes of 8 cpus in three racks. */
static void setup(struct fixture *fixture)
{
    books_init(&fixture->books);
    fixture->views = ledger_views(fixture->books.ledger);
    for (uint32_t i = 0; i < NODES; i++) {
        fixture->rows[i] = node(fixture, i, 8, false);
    }
    books_build(&fixture->books);
}

static void teardown(struct fixture *fixture)
{
    books_finish(&fixture->books);
}

static uint32_t shape(struct fixture *fixture, int64_t cpu, bool tolerates)
{
    struct amount_object amount = {"cpu", cpu};
    struct toleration_object toleration = {"dedicated", NULL, TOLERATION_EXISTS, true,
                                           TAINT_NO_SCHEDULE};
    struct pod_object pod = {.requests = &amount,
                             .request_count = 1,
                             .tolerations = &toleration,
                             .toleration_count = tolerates};
    return shapes_acquire(fixture->books.shapes, &pod, NULL);
}

static void drop(struct fixture *fixture, uint32_t shape)
{
    ck_assert(shapes_release(fixture->books.shapes, shape));
    ledger_shape_gone(fixture->books.ledger, shape);
}

static uint64_t total(struct fixture *fixture, uint32_t shape)
{
    return capacity_domain(ledger_capacity(fixture->books.ledger, shape), 0);
}

/* One cpu less, or more, on a node. */
static void take(struct fixture *fixture, uint32_t index, bool back)
{
    struct resources amounts;
    resources_init(&amounts);
    resources_set(&amounts, books_word(&fixture->books, "cpu"), 1);
    if (back) {
        ledger_refund(fixture->books.ledger, LEDGER_BOUND, fixture->rows[index], &amounts);
    } else {
        ledger_charge(fixture->books.ledger, LEDGER_BOUND, fixture->rows[index], &amounts);
    }
    resources_finish(&amounts);
}

/* Nodes that come and go cost one look each, not a new view. */
START_TEST(test_nodes_that_move)
{
    struct fixture fixture;
    struct tree tree;
    setup(&fixture);
    tree_init(&tree, fixture.books.nodes, fixture.books.domains, fixture.books.ledger);
    uint32_t one = shape(&fixture, 1, false);
    ck_assert_uint_eq(total(&fixture, one), 8 * NODES);
    ck_assert_uint_eq(views_best(fixture.views, one, false, 1), 8 * NODES / 3);
    uint64_t work = views_work(fixture.views);
    uint64_t raised = ledger_raised(fixture.books.ledger, one);
    ck_assert_uint_eq(nodes_remove(fixture.books.nodes, "n05"), fixture.rows[5]);
    ledger_node_changed(fixture.books.ledger, fixture.rows[5]);
    tree_mark(&tree, fixture.rows[5]);
    tree_mark(&tree, fixture.rows[5]);
    tree_update(&tree);
    ck_assert_uint_eq(total(&fixture, one), 8 * (NODES - 1));
    ck_assert_uint_eq(ledger_raised(fixture.books.ledger, one), raised);
    (void)node(&fixture, 5, 16, false);
    ck_assert_uint_eq(total(&fixture, one), 8 * (NODES - 1)); /* it is not in the tree yet */
    tree_mark(&tree, fixture.rows[5]);
    tree_update(&tree);
    ck_assert_uint_eq(total(&fixture, one), 8 * (NODES + 1));
    ck_assert_uint_ne(ledger_raised(fixture.books.ledger, one), raised);
    ck_assert_uint_eq(views_best(fixture.views, one, false, 1), 8 * (NODES / 3 + 1));
    ck_assert_uint_le(views_work(fixture.views), work + 6);
    /* More than are moved one by one. */
    for (uint32_t i = 0; i <= TREE_ROWS_MAX; i++) {
        tree_mark(&tree, node(&fixture, NODES + i, 8, false));
    }
    tree_mark(&tree, fixture.rows[5]);
    tree_update(&tree);
    ck_assert_uint_eq(total(&fixture, one), 8 * (NODES + 2 + TREE_ROWS_MAX));
    teardown(&fixture);
}
END_TEST

/* A change costs nothing until somebody asks, and then once for each node where what is free
 * changed: whom the rules let in is not looked at again. */
START_TEST(test_lazy)
{
    struct fixture fixture;
    setup(&fixture);
    uint32_t one = shape(&fixture, 1, false);
    ck_assert_uint_eq(total(&fixture, one), 8 * NODES);
    uint64_t work = views_work(fixture.views);
    ck_assert_uint_eq(work, 2 * NODES); /* whom the rules let in, and how many */
    ck_assert_uint_eq(total(&fixture, one), 8 * NODES);
    for (int i = 0; i < 5; i++) {
        take(&fixture, 3, false);
        take(&fixture, 7, false);
    }
    ck_assert_uint_eq(views_work(fixture.views), work);
    ck_assert_uint_eq(total(&fixture, one), 8 * NODES - 10);
    ck_assert_uint_eq(views_work(fixture.views), work + 2);
    ck_assert_uint_eq(total(&fixture, one), 8 * NODES - 10);
    ck_assert_uint_eq(views_work(fixture.views), work + 2);
    teardown(&fixture);
}
END_TEST

/* Equal requests share while the same nodes are let in, and part when one is not. */
START_TEST(test_sharing)
{
    struct fixture fixture;
    setup(&fixture);
    uint32_t strict = shape(&fixture, 2, false), lax = shape(&fixture, 2, true);
    uint32_t other = shape(&fixture, 4, true);
    const struct capacity *capacity = ledger_capacity(fixture.books.ledger, strict);
    ck_assert_ptr_eq(ledger_capacity(fixture.books.ledger, lax), capacity);
    ck_assert_ptr_ne(ledger_capacity(fixture.books.ledger, other), capacity);
    ck_assert_uint_eq(views_count(fixture.views), 2);

    node(&fixture, 5, 8, true);
    ck_assert_uint_eq(total(&fixture, lax), 4 * NODES);
    ck_assert_uint_eq(total(&fixture, strict), 4 * NODES - 4);
    ck_assert_uint_eq(views_count(fixture.views), 3);
    node(&fixture, 5, 8, false);
    ck_assert_uint_eq(total(&fixture, lax), 4 * NODES);
    ck_assert_uint_eq(total(&fixture, strict), 4 * NODES);
    teardown(&fixture);
}
END_TEST

/* A view goes with the shape it was made for; whoever shared it has another one. */
START_TEST(test_shape_of_a_shared_view_goes)
{
    struct fixture fixture;
    setup(&fixture);
    uint32_t strict = shape(&fixture, 2, false), lax = shape(&fixture, 2, true);
    ck_assert_uint_eq(total(&fixture, strict), 4 * NODES);
    ck_assert_uint_eq(total(&fixture, lax), 4 * NODES);
    ck_assert_uint_eq(views_count(fixture.views), 1);
    drop(&fixture, strict);
    ck_assert_uint_eq(views_count(fixture.views), 0);
    node(&fixture, 5, 8, true);
    ck_assert_uint_eq(total(&fixture, lax), 4 * NODES);
    uint32_t again = shape(&fixture, 2, false);
    ck_assert_uint_eq(total(&fixture, again), 4 * NODES - 4);
    drop(&fixture, lax); /* of two views */
    drop(&fixture, again);
    ck_assert_uint_eq(views_count(fixture.views), 0);

    strict = shape(&fixture, 2, false);
    node(&fixture, 5, 8, false);
    lax = shape(&fixture, 2, true);
    ck_assert_uint_eq(total(&fixture, strict), 4 * NODES);
    ck_assert_uint_eq(total(&fixture, lax), 4 * NODES);
    drop(&fixture, lax); /* it was a guest */
    ck_assert_uint_eq(views_count(fixture.views), 1);
    ck_assert_uint_eq(total(&fixture, strict), 4 * NODES);
    teardown(&fixture);
}
END_TEST

/* Those asked for last stay, VIEWS_LEAST of them however little memory there may be. */
START_TEST(test_memory)
{
    struct fixture fixture;
    setup(&fixture);
    uint32_t shapes[VIEWS_LEAST + 8];
    const uint32_t count = VIEWS_LEAST + 8;
    for (uint32_t i = 0; i < count; i++) {
        shapes[i] = shape(&fixture, (int64_t)i + 1, false);
        (void)total(&fixture, shapes[i]);
    }
    ck_assert_uint_eq(views_count(fixture.views), count); /* there is room for all */
    (void)total(&fixture, shapes[0]);
    const struct capacity *kept = ledger_capacity(fixture.books.ledger, shapes[0]);
    views_limit(fixture.views, 0);
    drop(&fixture, shapes[count - 1]);
    shapes[count - 1] = shape(&fixture, 1000, false);
    ck_assert_uint_eq(total(&fixture, shapes[count - 1]), 0);
    ck_assert_uint_eq(views_count(fixture.views), VIEWS_LEAST);
    uint64_t work = views_work(fixture.views);
    ck_assert_ptr_eq(ledger_capacity(fixture.books.ledger, shapes[0]), kept);
    ck_assert_uint_eq(views_work(fixture.views), work);
    (void)total(&fixture, shapes[1]); /* had to go */
    ck_assert_uint_eq(views_work(fixture.views), work + NODES);
    teardown(&fixture);
}
END_TEST

/* A view that had to go is not taken for a rise of copies, nor is one that is made again; what was
 * released meanwhile is. */
START_TEST(test_raised_without_a_view)
{
    struct fixture fixture;
    setup(&fixture);
    struct ledger *ledger = fixture.books.ledger;
    uint32_t one = shape(&fixture, 1, false);
    views_limit(fixture.views, 0);
    take(&fixture, 0, false);
    take(&fixture, 1, false);
    (void)total(&fixture, one);
    uint64_t raised = ledger_raised(ledger, one);
    for (int64_t i = 0; i < VIEWS_LEAST; i++) {
        (void)total(&fixture, shape(&fixture, i + 2, false));
    }
    uint64_t work = views_work(fixture.views);
    take(&fixture, 2, false); /* less is no rise */
    ck_assert_uint_eq(ledger_raised(ledger, one), raised);
    ck_assert_uint_eq(views_work(fixture.views), work); /* asking makes no view */
    ck_assert_uint_eq(total(&fixture, one), 8 * NODES - 3);
    ck_assert_uint_eq(ledger_raised(ledger, one), raised);

    for (int64_t i = 0; i < VIEWS_LEAST; i++) {
        (void)total(&fixture, shape(&fixture, i + 100, false));
    }
    take(&fixture, 0, true);
    uint64_t later = ledger_raised(ledger, one);
    ck_assert_uint_ne(later, raised);
    ck_assert_uint_eq(ledger_raised(ledger, one), later);
    node(&fixture, 9, 9, false);
    ck_assert_uint_ne(ledger_raised(ledger, one), later);
    later = ledger_raised(ledger, one);
    books_build(&fixture.books);
    ck_assert_uint_ne(ledger_raised(ledger, one), later);
    teardown(&fixture);
}
END_TEST

/* What fell and rose again before anybody looked did not rise. */
START_TEST(test_raised_by_the_net)
{
    struct fixture fixture;
    setup(&fixture);
    struct ledger *ledger = fixture.books.ledger;
    uint32_t two = shape(&fixture, 2, false);
    (void)total(&fixture, two);
    uint64_t raised = ledger_raised(ledger, two);
    take(&fixture, 0, false);
    take(&fixture, 0, true);
    ck_assert_uint_eq(ledger_raised(ledger, two), raised);
    take(&fixture, 0, false);
    ck_assert_uint_eq(ledger_raised(ledger, two), raised);
    take(&fixture, 0, true);
    take(&fixture, 1, false); /* fell elsewhere */
    ck_assert_uint_ne(ledger_raised(ledger, two), raised);
    raised = ledger_raised(ledger, two);
    node(&fixture, 3, 9, false); /* half a pod's worth */
    ck_assert_uint_eq(ledger_raised(ledger, two), raised);
    node(&fixture, 3, 10, true); /* more, but the rules keep it off */
    ck_assert_uint_eq(ledger_raised(ledger, two), raised);
    node(&fixture, 3, 10, false);
    ck_assert_uint_ne(ledger_raised(ledger, two), raised);
    teardown(&fixture);
}
END_TEST

/* Whoever shares a view is told of a rise once, whoever asked first; answers only grow. */
START_TEST(test_raised_for_each_who_shares)
{
    struct fixture fixture;
    setup(&fixture);
    struct ledger *ledger = fixture.books.ledger;
    uint32_t shapes[2] = {shape(&fixture, 2, false), shape(&fixture, 2, true)};
    uint64_t raised[2];
    for (int i = 0; i < 2; i++) {
        (void)total(&fixture, shapes[i]);
        raised[i] = ledger_raised(ledger, shapes[i]);
    }
    ck_assert_uint_eq(views_count(fixture.views), 1);
    for (int round = 0; round < 6; round++) {
        take(&fixture, 4, false);
        ck_assert_uint_eq(ledger_raised(ledger, shapes[round % 2]), raised[round % 2]);
        take(&fixture, 4, true);
        node(&fixture, 9, 8, round % 3 == 1); /* in between they have a view each */
        for (int i = 0; i < 2; i++) {
            uint64_t now = ledger_raised(ledger, shapes[i]);
            ck_assert_uint_ge(now, raised[i] + (i == round % 2)); /* the other may see the net */
            ck_assert_uint_eq(ledger_raised(ledger, shapes[i]), now);
            raised[i] = now;
        }
    }
    teardown(&fixture);
}
END_TEST

START_TEST(test_best)
{
    struct fixture fixture;
    setup(&fixture);
    struct ledger *ledger = fixture.books.ledger;
    uint32_t one = shape(&fixture, 1, false);
    uint32_t host = domains_levels(fixture.books.domains) - 1;
    ck_assert_uint_eq(ledger_best(ledger, one, 0), 8 * NODES);
    ck_assert_uint_eq(ledger_best(ledger, one, 1), 32);
    ck_assert_uint_eq(ledger_best(ledger, one, host), 8);
    for (uint32_t i = 0; i < NODES; i++) {
        take(&fixture, i, false);
    }
    ck_assert_uint_eq(ledger_best(ledger, one, 1), 28);
    ck_assert_uint_eq(ledger_best(ledger, one, host), 7);
    take(&fixture, 5, true);
    ck_assert_uint_eq(ledger_best(ledger, one, 1), 29);
    ck_assert_uint_eq(ledger_best(ledger, one, host), 8);
    struct node_object bare = {.name = "bare"}; /* in no rack that anybody knows */
    struct amount_object amount = {"cpu", 64};
    bare.allocatable = &amount;
    bare.allocatable_count = 1;
    books_observe(&fixture.books, &bare);
    books_build(&fixture.books);
    ck_assert_uint_eq(ledger_best(ledger, one, 0), 7 * NODES + 1 + 64);
    ck_assert_uint_eq(ledger_best(ledger, one, 1), 29);
    ck_assert_uint_eq(ledger_best(ledger, one, host), 64);
    teardown(&fixture);
}
END_TEST

START_TEST(test_mistakes_abort)
{
    struct fixture fixture;
    setup(&fixture);
    (void)ledger_best(fixture.books.ledger, shape(&fixture, 1, false), 3);
}
END_TEST

int main(void)
{
    views_destroy(NULL);
    Suite *suite = suite_create("scheduler/state/views");
    TCase *tcase = tcase_create("views");
    tcase_add_test(tcase, test_lazy);
    tcase_add_test(tcase, test_nodes_that_move);
    tcase_add_test(tcase, test_sharing);
    tcase_add_test(tcase, test_shape_of_a_shared_view_goes);
    tcase_add_test(tcase, test_memory);
    tcase_add_test(tcase, test_raised_without_a_view);
    tcase_add_test(tcase, test_raised_by_the_net);
    tcase_add_test(tcase, test_raised_for_each_who_shares);
    tcase_add_test(tcase, test_best);
    tcase_add_test_raise_signal(tcase, test_mistakes_abort, SIGABRT);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
